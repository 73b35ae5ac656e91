//! Seeded splits into training, validation and test rows.

use std::collections::{HashMap, HashSet};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::rng::shuffle;

/// How to split: fractions of the rows, which sum to one.
///
/// Where the data comes with a test set of its own ([`Dataset::held_out`]), `test` is 0 and the other two share the
/// rest: 0.9 and 0.1 give the papers' 54,000, 6,000 and 10,000 of MNIST. A single table takes all three, as the
/// papers' 0.81, 0.09 and 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFractions {
    /// Fraction to train on; some rows at least.
    pub train: f64,
    /// Fraction to choose the model by.
    pub validation: f64,
    /// Fraction to report on.
    #[serde(default)]
    pub test: f64,
}

impl Default for SplitFractions {
    /// The papers' split of MNIST: 90/10, and its own test set.
    fn default() -> Self {
        Self { train: 0.9, validation: 0.1, test: 0.0 }
    }
}

/// Rows of one [`Dataset`], each in exactly one of three lists; the lists are in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to choose the model by.
    pub validation: Vec<usize>,
    /// Rows to report on.
    pub test: Vec<usize>,
}

impl Split {
    /// Splits a dataset at random; the same seed gives the same split on every platform.
    ///
    /// Validation and test get their fraction of the rows, rounded; training gets what is left. Where rows belong together
    /// ([`Dataset::groups`]) the fractions are of the groups, and no group is in two parts.
    ///
    /// # Errors
    /// [`Error::Split`] if the fractions are not in [0, 1], do not sum to one, leave nothing to train on, or ask for
    /// test rows where the data brings its own; also if the data sets some rows of a group aside and not the others.
    pub fn random(dataset: &Dataset, fractions: &SplitFractions, seed: u64) -> Result<Self> {
        let n_samples = dataset.n_samples();
        let SplitFractions { train, validation, test } = *fractions;
        let refuse = |problem| Err(Error::Split { train, validation, test, n_samples, problem });
        if [train, validation, test].iter().any(|fraction| !(0.0..=1.0).contains(fraction)) {
            return refuse("each fraction must lie between 0 and 1");
        }
        if (train + validation + test - 1.0).abs() > 1e-9 {
            return refuse("the fractions must sum to 1");
        }
        let (rows, held_out): (Vec<usize>, Vec<usize>) = match dataset.held_out() {
            Some(marks) => (0..n_samples).partition(|&row| !marks[row]),
            None => ((0..n_samples).collect(), Vec::new()),
        };
        if !held_out.is_empty() && test > 0.0 {
            return refuse("the data brings its own test rows, so the test fraction must be 0");
        }
        if let Some(groups) = dataset.groups() {
            let outside: HashSet<usize> = held_out.iter().map(|&row| groups[row]).collect();
            if rows.iter().any(|&row| outside.contains(&groups[row])) {
                return refuse("the data sets aside some rows of a group for testing and not the others");
            }
        }
        // What is shuffled and counted: rows, or groups of them in the order in which they are first met.
        let mut units = in_units(&rows, dataset.groups());
        let share = |fraction: f64| (fraction * units.len() as f64).round() as usize;
        let n_test = share(test);
        let n_validation = share(validation).min(units.len() - n_test);
        let n_train = units.len() - n_test - n_validation;
        if n_train == 0 {
            return refuse("nothing is left to train on");
        }
        let mut order: Vec<usize> = (0..units.len()).collect();
        shuffle(&mut order, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut part = |order: &[usize]| {
            let mut rows: Vec<usize> = order.iter().flat_map(|&unit| std::mem::take(&mut units[unit])).collect();
            rows.sort_unstable();
            rows
        };
        let train_rows = part(&order[..n_train]);
        let validation_rows = part(&order[n_train..n_train + n_validation]);
        let mut test_rows = part(&order[n_train + n_validation..]);
        test_rows.extend(held_out);
        test_rows.sort_unstable();
        Ok(Self { train: train_rows, validation: validation_rows, test: test_rows })
    }
}

/// Rows that stay together: each alone, or all of a group.
fn in_units(rows: &[usize], groups: Option<&[usize]>) -> Vec<Vec<usize>> {
    let Some(groups) = groups else { return rows.iter().map(|&row| vec![row]).collect() };
    let mut place = HashMap::new();
    let mut units: Vec<Vec<usize>> = Vec::new();
    for &row in rows {
        let at = *place.entry(groups[row]).or_insert_with(|| {
            units.push(Vec::new());
            units.len() - 1
        });
        units[at].push(row);
    }
    units
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use pima_core::ModalityShape;
    use proptest::prelude::*;

    use super::*;
    use crate::modality::ModalityData;

    fn rows(n: usize) -> Dataset {
        let values = Array2::zeros((n, 1));
        let modality = ModalityData::new("x", ModalityShape::Vector { length: 1 }, values).unwrap();
        Dataset::new("rows", vec![modality], None).unwrap()
    }

    #[test]
    fn the_papers_splits() {
        let table = SplitFractions { train: 0.81, validation: 0.09, test: 0.1 };
        let split = Split::random(&rows(1000), &table, 0).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (810, 90, 100));
        let marks = (0..700).map(|row| row >= 600).collect();
        let data = rows(700).with_held_out(marks).unwrap();
        let split = Split::random(&data, &SplitFractions::default(), 0).unwrap();
        assert_eq!((split.train.len(), split.validation.len()), (540, 60));
        assert_eq!(split.test, (600..700).collect::<Vec<_>>());
        let error = Split::random(&data, &table, 0).unwrap_err().to_string();
        assert!(error.contains("brings its own test rows"), "{error}");
    }

    #[test]
    fn fractions_are_checked() {
        let refused = |train, validation, test, n| {
            let fractions = SplitFractions { train, validation, test };
            matches!(Split::random(&rows(n), &fractions, 0), Err(Error::Split { .. }))
        };
        assert!(refused(0.9, 0.2, 0.0, 10));
        assert!(refused(1.1, -0.1, 0.0, 10));
        assert!(refused(f64::NAN, 0.5, 0.5, 10));
        assert!(refused(0.0, 1.0, 0.0, 10));
        assert!(refused(0.1, 0.9, 0.0, 1));
        assert!(!refused(0.9, 0.1, 0.0, 1));
    }

    #[test]
    fn a_group_of_one_row_each_is_no_group_and_one_half_held_out_is_refused() {
        let plain = Split::random(&rows(50), &SplitFractions::default(), 3).unwrap();
        let data = rows(50).with_groups((0..50).map(|row| 1000 - row).collect()).unwrap();
        assert_eq!(Split::random(&data, &SplitFractions::default(), 3).unwrap(), plain);
        let groups: Vec<usize> = (0..50).map(|row| row / 4).collect();
        let data = rows(50).with_groups(groups).unwrap();
        let whole = data.clone().with_held_out((0..50).map(|row| row >= 40).collect()).unwrap();
        assert_eq!(Split::random(&whole, &SplitFractions::default(), 0).unwrap().test, (40..50).collect::<Vec<_>>());
        let torn = data.with_held_out((0..50).map(|row| row >= 41).collect()).unwrap();
        let error = Split::random(&torn, &SplitFractions::default(), 0).unwrap_err().to_string();
        assert!(error.contains("some rows of a group"), "{error}");
    }

    #[test]
    fn seeds_differ() {
        let split = |seed| Split::random(&rows(100), &SplitFractions::default(), seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    proptest! {
        #[test]
        fn no_group_is_in_two_parts_and_every_row_in_one(
            groups in prop::collection::vec(0_usize..30, 12..120),
            seed: u64,
        ) {
            let n_groups = groups.iter().collect::<HashSet<_>>().len();
            prop_assume!(n_groups >= 4);
            let data = rows(groups.len()).with_groups(groups.clone()).unwrap();
            let fractions = SplitFractions { train: 0.5, validation: 0.25, test: 0.25 };
            let split = Split::random(&data, &fractions, seed).unwrap();
            let of = |rows: &[usize]| rows.iter().map(|&row| groups[row]).collect::<HashSet<_>>();
            let parts = [of(&split.train), of(&split.validation), of(&split.test)];
            prop_assert!(parts[0].is_disjoint(&parts[1]) && parts[0].is_disjoint(&parts[2]) && parts[1].is_disjoint(&parts[2]));
            let share = (0.25 * n_groups as f64).round() as usize;
            prop_assert_eq!((parts[1].len(), parts[2].len()), (share, share));
            let mut all = [split.train, split.validation, split.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..groups.len()).collect::<Vec<_>>());
        }

        #[test]
        fn every_row_is_in_exactly_one_part(
            n in 3_usize..200,
            seed: u64,
            validation in 0.0..0.5_f64,
            test in 0.0..0.3_f64,
        ) {
            let fractions = SplitFractions { train: 1.0 - validation - test, validation, test };
            let split = Split::random(&rows(n), &fractions, seed).unwrap();
            let mut all = [split.train, split.validation, split.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }
}
