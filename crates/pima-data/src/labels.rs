//! Labels: known classes, used to judge a clustering and never to train one.

use crate::error::{Error, Result};

/// One label per row, each below `n_labels`.
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

    /// The label of each row (D).
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
}
