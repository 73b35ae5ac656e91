//! A dataset: the same samples seen by several modalities, with labels if they are known.

use pima_core::ModalityShape;

use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{ModalityData, ModalityDescription};
use crate::truth::Truth;

/// D samples, each seen by some or all of M modalities. Checked when made, so what holds one need not check again:
/// every modality and the labels have D rows, names are unique, present values are finite, and every row has at least
/// one modality.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    name: String,
    modalities: Vec<ModalityData>,
    labels: Option<Labels>,
    held_out: Option<Vec<bool>>,
    groups: Option<Vec<usize>>,
    group_names: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    facts: Vec<ModalityData>,
    truth: Option<Truth>,
}

impl Dataset {
    /// A dataset of these modalities. `name` says what the data is and stands on every table and figure, e.g. `MNIST`
    /// or `procedural digits (not MNIST)`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::DuplicateModality`], [`Error::NothingPresent`].
    pub fn new(name: impl Into<String>, modalities: Vec<ModalityData>, labels: Option<Labels>) -> Result<Self> {
        let name = name.into();
        let Some(first) = modalities.first() else {
            return Err(Error::Empty { dataset: name, what: "modalities" });
        };
        let n_samples = first.n_samples();
        if n_samples == 0 {
            return Err(Error::Empty { dataset: name, what: "rows" });
        }
        for (at, modality) in modalities.iter().enumerate() {
            if modality.n_samples() != n_samples {
                return Err(Error::Length {
                    what: format!("rows of modality '{}' (as in '{}')", modality.name(), first.name()),
                    expected: n_samples,
                    got: modality.n_samples(),
                });
            }
            if modalities[..at].iter().any(|before| before.name() == modality.name()) {
                return Err(Error::DuplicateModality { dataset: name, modality: modality.name().to_owned() });
            }
        }
        check_rows("labels", &name, n_samples, labels.as_ref().map(|labels| labels.values().len()))?;
        if let Some(row) = (0..n_samples).find(|&row| !modalities.iter().any(|modality| modality.is_present(row))) {
            return Err(Error::NothingPresent { row });
        }
        Ok(Self {
            name,
            modalities,
            labels,
            held_out: None,
            groups: None,
            group_names: None,
            ids: None,
            facts: Vec::new(),
            truth: None,
        })
    }

    /// Marks the rows that the makers of the data set aside for testing (`true`), as MNIST's 10,000: a
    /// [`Split`](crate::Split) then takes its test rows from here and from nowhere else.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one entry per row.
    pub fn with_held_out(mut self, held_out: Vec<bool>) -> Result<Self> {
        check_rows("held-out marks", &self.name, self.n_samples(), Some(held_out.len()))?;
        self.held_out = Some(held_out);
        Ok(self)
    }

    /// Says which rows are of one thing, by a number for each row: the quadrants of one photograph, repeated measurements of one specimen.
    /// A [`Split`](crate::Split) keeps the rows of a group together, so that nothing is tested on what it was trained on.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one entry per row.
    pub fn with_groups(mut self, groups: Vec<usize>) -> Result<Self> {
        check_rows("groups", &self.name, self.n_samples(), Some(groups.len()))?;
        self.groups = Some(groups);
        Ok(self)
    }

    /// Says what the groups are called, by their numbers: names of specimens.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a name for every group.
    pub fn with_group_names(mut self, names: Vec<String>) -> Result<Self> {
        let expected = self.groups.iter().flatten().max().map_or(0, |last| last + 1);
        if names.len() < expected {
            let what = format!("names of groups of dataset '{}'", self.name);
            return Err(Error::Length { what, expected, got: names.len() });
        }
        self.group_names = Some(names);
        Ok(self)
    }

    /// Says what the rows are called: names of specimens, as their files have them.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one id per row.
    pub fn with_ids(mut self, ids: Vec<String>) -> Result<Self> {
        check_rows("ids", &self.name, self.n_samples(), Some(ids.len()))?;
        self.ids = Some(ids);
        Ok(self)
    }

    /// Says what is known of the rows' classes.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one label per row.
    pub fn with_labels(mut self, labels: Labels) -> Result<Self> {
        check_rows("labels", &self.name, self.n_samples(), Some(labels.values().len()))?;
        self.labels = Some(labels);
        Ok(self)
    }

    /// Says anew what each modality's units and axis are; its name and shape stay what they are.
    ///
    /// # Errors
    /// Those of `describe`, and [`Error::Length`] for an axis that does not fit the shape.
    pub fn described(
        mut self,
        mut describe: impl FnMut(ModalityDescription) -> Result<ModalityDescription>,
    ) -> Result<Self> {
        let describe = |modality: ModalityData| {
            let ModalityDescription { units, axis, .. } = describe(modality.description())?;
            let modality = modality.with_units(units);
            if let Some(axis) = axis { modality.with_axis(axis) } else { Ok(modality) }
        };
        self.modalities = self.modalities.into_iter().map(describe).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Says what the rows were made with, where that is known.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one row of quantities per row.
    pub fn with_truth(mut self, truth: Truth) -> Result<Self> {
        let (expected, got) = (self.n_samples(), truth.values().nrows());
        if got != expected {
            return Err(Error::Length { what: format!("true quantities of dataset '{}'", self.name), expected, got });
        }
        self.truth = Some(truth);
        Ok(self)
    }

    /// Adds a modality of the same samples, such as a manufactured one.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::DuplicateModality`].
    pub fn with_modality(self, modality: ModalityData) -> Result<Self> {
        let Self { name, mut modalities, labels, held_out, groups, group_names, ids, facts, truth } = self;
        modalities.push(modality);
        Ok(Self { held_out, groups, group_names, ids, facts, truth, ..Self::new(name, modalities, labels)? })
    }

    /// The same samples with only the named modalities, in the order named. Values are moved, not copied. Vectors among the others stay as
    /// [`facts`](Self::facts).
    ///
    /// # Errors
    /// [`Error::UnknownModality`] for a name that is not there (or no longer: named twice), and as
    /// [`Dataset::new`] if nothing is left.
    pub fn with_only(self, names: &[&str]) -> Result<Self> {
        let Self { name, mut modalities, labels, held_out, groups, group_names, ids, mut facts, truth } = self;
        let mut kept = Vec::with_capacity(names.len());
        for &wanted in names {
            let Some(at) = modalities.iter().position(|modality| modality.name() == wanted) else {
                return Err(unknown(wanted, &modalities));
            };
            kept.push(modalities.remove(at));
        }
        facts.extend(modalities.into_iter().filter(|other| matches!(other.shape(), ModalityShape::Vector { .. })));
        Ok(Self { held_out, groups, group_names, ids, facts, truth, ..Self::new(name, kept, labels)? })
    }

    /// What the data is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// D, the number of rows.
    pub fn n_samples(&self) -> usize {
        self.modalities.first().map_or(0, ModalityData::n_samples)
    }

    /// The modalities, in the order they were given.
    pub fn modalities(&self) -> &[ModalityData] {
        &self.modalities
    }

    pub(crate) fn modalities_mut(&mut self) -> &mut [ModalityData] {
        &mut self.modalities
    }

    /// The modality of this name.
    ///
    /// # Errors
    /// [`Error::UnknownModality`], which lists those there are.
    pub fn modality(&self, name: &str) -> Result<&ModalityData> {
        self.modalities.iter().find(|modality| modality.name() == name).ok_or_else(|| unknown(name, &self.modalities))
    }

    /// The labels, if the data has any.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// What else is known of each sample, such as how it was made: shown in figures, never to a model.
    pub fn facts(&self) -> &[ModalityData] {
        &self.facts
    }

    /// Which rows the makers of the data set aside for testing (D), if they did.
    pub fn held_out(&self) -> Option<&[bool]> {
        self.held_out.as_deref()
    }

    /// The group of each row (D), if rows belong together.
    pub fn groups(&self) -> Option<&[usize]> {
        self.groups.as_deref()
    }

    /// What the groups are called, by their numbers, if they have names.
    pub fn group_names(&self) -> Option<&[String]> {
        self.group_names.as_deref()
    }

    /// What every row is called (D): its id; else its group with the number of the row among the group's, from 1; else the number of the row, from 0.
    pub fn row_names(&self) -> Vec<String> {
        if let Some(ids) = &self.ids {
            return ids.clone();
        }
        let (Some(groups), Some(names)) = (&self.groups, &self.group_names) else {
            return (0..self.n_samples()).map(|row| row.to_string()).collect();
        };
        let mut seen = vec![0_usize; names.len()];
        let name = |&group: &usize| {
            seen[group] += 1;
            format!("{}/{}", names[group], seen[group])
        };
        groups.iter().map(name).collect()
    }

    /// What the rows are called (D), if they have names.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// What the rows were made with, where that is known.
    pub fn truth(&self) -> Option<&Truth> {
        self.truth.as_ref()
    }

    /// A copy of the given rows, in their order; a row may be taken more than once.
    ///
    /// # Errors
    /// [`Error::Row`] for a row that is not there, [`Error::Empty`] for none.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        let n_samples = self.n_samples();
        if let Some(&row) = rows.iter().find(|&&row| row >= n_samples) {
            return Err(Error::Row { row, n_samples });
        }
        if rows.is_empty() {
            return Err(Error::Empty { dataset: self.name.clone(), what: "rows" });
        }
        Ok(Self {
            name: self.name.clone(),
            modalities: self.modalities.iter().map(|modality| modality.select(rows)).collect(),
            labels: self.labels.as_ref().map(|labels| labels.select(rows)),
            held_out: self.held_out.as_ref().map(|held_out| rows.iter().map(|&row| held_out[row]).collect()),
            groups: self.groups.as_ref().map(|groups| rows.iter().map(|&row| groups[row]).collect()),
            group_names: self.group_names.clone(),
            ids: self.ids.as_ref().map(|ids| rows.iter().map(|&row| ids[row].clone()).collect()),
            facts: self.facts.iter().map(|fact| fact.select(rows)).collect(),
            truth: self.truth.as_ref().map(|truth| truth.select(rows)),
        })
    }

    /// The first rows only, for a quick run: at most `n_samples` of those that are not held out and `n_held_out` of
    /// those that are. `None` keeps all.
    ///
    /// # Errors
    /// [`Error::Empty`] if nothing is left.
    pub fn first(&self, n_samples: Option<usize>, n_held_out: Option<usize>) -> Result<Self> {
        let (mut free, mut held) = (0, 0);
        let rows: Vec<usize> = (0..self.n_samples())
            .filter(|&row| {
                let is_held = self.held_out.as_ref().is_some_and(|held_out| held_out[row]);
                let (taken, most) = if is_held { (&mut held, n_held_out) } else { (&mut free, n_samples) };
                let keep = most.is_none_or(|most| *taken < most);
                *taken += usize::from(keep);
                keep
            })
            .collect();
        self.select(&rows)
    }
}

/// That what is known of each row, if it is, is known of every one.
pub(crate) fn check_rows(what: &str, dataset: &str, expected: usize, got: Option<usize>) -> Result<()> {
    match got {
        Some(got) if got != expected => {
            Err(Error::Length { what: format!("{what} of dataset '{dataset}'"), expected, got })
        }
        _ => Ok(()),
    }
}

fn unknown(name: &str, modalities: &[ModalityData]) -> Error {
    let known: Vec<&str> = modalities.iter().map(ModalityData::name).collect();
    Error::UnknownModality { modality: name.to_owned(), known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use pima_core::ModalityShape;

    use super::*;

    fn modality(name: &str, rows: usize) -> ModalityData {
        let values = Array2::from_shape_fn((rows, 2), |(row, column)| (10 * row + column) as f32);
        ModalityData::new(name, ModalityShape::Vector { length: 2 }, values).unwrap()
    }

    #[test]
    fn construction_refuses_what_does_not_fit_together() {
        let error = |modalities, labels| Dataset::new("toy", modalities, labels).unwrap_err();
        assert!(matches!(error(vec![], None), Error::Empty { what: "modalities", .. }));
        assert!(matches!(error(vec![modality("a", 0)], None), Error::Empty { what: "rows", .. }));
        let text = error(vec![modality("a", 3), modality("b", 2)], None).to_string();
        assert_eq!(text, "rows of modality 'b' (as in 'a'): expected 3 entries, got 2");
        let text = error(vec![modality("a", 3), modality("a", 3)], None).to_string();
        assert!(text.contains("two modalities named 'a'"), "{text}");
        let labels = Labels::new(vec![0, 1], 2).unwrap();
        assert!(matches!(error(vec![modality("a", 3)], Some(labels)), Error::Length { expected: 3, got: 2, .. }));
    }

    #[test]
    fn a_row_seen_by_no_modality_is_refused() {
        let some = |name: &str, present| {
            let shape = ModalityShape::Vector { length: 1 };
            ModalityData::with_missing(name, shape, array![[1.0], [2.0]], present).unwrap()
        };
        let both = vec![some("a", vec![true, false]), some("b", vec![false, true])];
        assert!(Dataset::new("toy", both, None).is_ok());
        let gap = vec![some("a", vec![true, false]), some("b", vec![true, false])];
        assert!(matches!(Dataset::new("toy", gap, None), Err(Error::NothingPresent { row: 1 })));
    }

    #[test]
    fn rows_are_called_by_their_ids_else_by_their_groups_else_by_their_numbers() {
        let data = || Dataset::new("toy", vec![modality("a", 4)], None).unwrap();
        assert_eq!(data().row_names(), ["0", "1", "2", "3"]);
        let grouped = data().with_groups(vec![1, 0, 1, 1]).unwrap();
        assert_eq!(grouped.row_names(), ["0", "1", "2", "3"]);
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let error = grouped.clone().with_group_names(names(&["s7"])).unwrap_err();
        assert!(error.to_string().contains("expected 2 entries, got 1"), "{error}");
        let named = grouped.with_group_names(names(&["s7", "s9"])).unwrap();
        assert_eq!(named.row_names(), ["s9/1", "s7/1", "s9/2", "s9/3"]);
        // The names stay with the groups' numbers.
        let some = named.clone().with_only(&["a"]).unwrap().select(&[3, 1]).unwrap();
        assert_eq!(some.row_names(), ["s9/1", "s7/1"]);
        assert_eq!(named.with_ids(names(&["p", "q", "r", "s"])).unwrap().row_names(), ["p", "q", "r", "s"]);
    }

    #[test]
    fn select_and_first_keep_rows_labels_and_marks_together() {
        let labels = Labels::new(vec![0, 1, 2, 0], 3).unwrap();
        let data = Dataset::new("toy", vec![modality("a", 4)], Some(labels))
            .unwrap()
            .with_held_out(vec![false, true, false, true])
            .unwrap()
            .with_groups(vec![7, 7, 9, 9])
            .unwrap()
            .with_truth(Truth::new(vec!["mass".to_owned()], array![[1.0], [2.0], [3.0], [4.0]]).unwrap())
            .unwrap()
            .with_modality(modality("b", 4))
            .unwrap();
        let some = data.select(&[3, 0]).unwrap();
        assert_eq!(some.modality("b").unwrap().values().unwrap(), array![[30.0, 31.0], [0.0, 1.0]]);
        assert_eq!(some.labels().unwrap().values(), [0, 0]);
        assert_eq!(some.held_out(), Some(&[true, false][..]));
        assert_eq!(some.groups(), Some(&[9, 7][..]));
        assert_eq!(some.truth().unwrap().values(), array![[4.0], [1.0]]);
        let first = data.first(Some(1), None).unwrap();
        assert_eq!(first.labels().unwrap().values(), [0, 1, 0]);
        assert!(matches!(data.select(&[4]), Err(Error::Row { row: 4, n_samples: 4 })));
        let error = data.modality("c").unwrap_err().to_string();
        assert_eq!(error, "no modality 'c'; the dataset has a, b");
        let only = data.with_only(&["b"]).unwrap();
        assert_eq!((only.modalities().len(), only.held_out().is_some()), (1, true));
        // What is left out and small stays to be shown, row by row.
        let some = only.select(&[2, 0]).unwrap();
        assert_eq!(
            (some.facts()[0].name(), some.facts()[0].values().unwrap()),
            ("a", array![[20.0, 21.0], [0.0, 1.0]].into())
        );
        assert!(Truth::new(vec![], array![[1.0]]).is_err());
        let error = only.clone().with_truth(Truth::new(vec![], Array2::zeros((2, 0))).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "true quantities of dataset 'toy': expected 4 entries, got 2");
        let error = only.with_groups(vec![0]).unwrap_err().to_string();
        assert_eq!(error, "groups of dataset 'toy': expected 4 entries, got 1");
    }
}
