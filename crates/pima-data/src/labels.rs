//! Labels: known classes, used to judge a clustering and never to train one.

use crate::error::{Error, Result};

/// One label per row, each below `n_labels`; a row may have none that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    values: Vec<usize>,
    names: Vec<String>,
}

impl Labels {
    /// Labels `0..n_labels`, named by their numbers.
    ///
    /// # Errors
    /// [`Error::Label`] with the first row whose label is not below `n_labels`.
    pub fn new(values: Vec<usize>, n_labels: usize) -> Result<Self> {
        Self::named(values, (0..n_labels).map(|label| label.to_string()).collect())
    }

    /// Labels with a name for each: label `k` is called `names[k]`.
    ///
    /// # Errors
    /// [`Error::Label`] with the first row whose label has no name.
    pub fn named(values: Vec<usize>, names: Vec<String>) -> Result<Self> {
        let n_labels = names.len();
        match values.iter().position(|&label| label >= n_labels) {
            Some(row) => Err(Error::Label { row, label: values[row], n_labels }),
            None => Ok(Self { values, names }),
        }
    }

    /// Labels of which some are not known; label `k` is called `names[k]`.
    ///
    /// # Errors
    /// [`Error::Label`] with the first row whose label has no name.
    pub fn partial(values: Vec<Option<usize>>, names: Vec<String>) -> Result<Self> {
        let n_labels = names.len();
        match values.iter().enumerate().find_map(|(row, label)| label.filter(|&l| l >= n_labels).map(|l| (row, l))) {
            Some((row, label)) => Err(Error::Label { row, label, n_labels }),
            None => {
                Ok(Self { values: values.into_iter().map(|label| label.unwrap_or(Self::UNKNOWN)).collect(), names })
            }
        }
    }

    /// What [`values`](Self::values) has for a row whose label is not known.
    pub const UNKNOWN: usize = usize::MAX;

    /// The label of a row, if it is known.
    pub fn of(&self, row: usize) -> Option<usize> {
        Some(self.values[row]).filter(|&label| label != Self::UNKNOWN)
    }

    /// The label of each row (D), all of which must be known.
    ///
    /// # Errors
    /// [`Error::NoLabel`] with the first row without one.
    pub(crate) fn all_known(&self) -> Result<&[usize]> {
        match self.values.iter().position(|&label| label == Self::UNKNOWN) {
            Some(row) => Err(Error::NoLabel { row }),
            None => Ok(&self.values),
        }
    }

    /// How many rows have a label.
    pub fn n_known(&self) -> usize {
        self.values.iter().filter(|&&label| label != Self::UNKNOWN).count()
    }

    /// The label of each row (D); [`UNKNOWN`](Self::UNKNOWN) where it is not known.
    pub fn values(&self) -> &[usize] {
        &self.values
    }

    /// How many labels there are, met in the data or not.
    pub fn n_labels(&self) -> usize {
        self.names.len()
    }

    /// The name of each label.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The labels of the given rows, in their order. The caller has checked the rows.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self { values: rows.iter().map(|&row| self.values[row]).collect(), names: self.names.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_out_of_range_names_its_row() {
        let error = Labels::new(vec![0, 2, 3], 3).unwrap_err();
        assert_eq!(error.to_string(), "row 2: label 3 is not below the 3 labels there are");
        let labels = Labels::new(vec![0, 2, 1], 3).unwrap();
        assert_eq!(labels.names(), ["0", "1", "2"]);
        assert_eq!(labels.select(&[1, 1]).values(), [2, 2]);
    }

    #[test]
    fn a_label_that_is_not_known_is_none() {
        let names = || vec!["hot".to_owned(), "cold".to_owned()];
        let labels = Labels::partial(vec![Some(1), None, Some(0)], names()).unwrap();
        assert_eq!(
            ((0..3).map(|row| labels.of(row)).collect::<Vec<_>>(), labels.n_known()),
            (vec![Some(1), None, Some(0)], 2)
        );
        assert_eq!(labels.select(&[1, 2]).of(0), None);
        let error = labels.all_known().unwrap_err().to_string();
        assert!(error.starts_with("row 1: its label is not known"), "{error}");
        let error = Labels::partial(vec![None, Some(2)], names()).unwrap_err();
        assert_eq!(error.to_string(), "row 1: label 2 is not below the 2 labels there are");
    }
}
