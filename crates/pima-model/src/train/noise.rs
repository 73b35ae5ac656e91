//! The noise of predictions, as validation samples have it and where they are few as training samples do.

use ndarray::Array1;
use pima_data::Dataset;
use std::collections::BTreeSet;

/// Independent validation samples that are enough for the noise to be taken from them alone.
const ENOUGH: usize = 20;

/// How many of these rows are independent of each other: rows of one specimen are one.
pub(super) fn independent(dataset: &Dataset, rows: &[usize]) -> usize {
    match dataset.groups() {
        Some(groups) => rows.iter().map(|&row| groups[row]).collect::<BTreeSet<_>>().len(),
        None => rows.len(),
    }
}

/// The noise of predictions (d) as `n` independent validation samples have it. Where they are few, the variance that was learned on the training samples
/// stands in for those that are missing: two specimens that happen to be ordinary would make every interval too narrow.
pub(super) fn steadied(noise: Array1<f64>, n: usize, of_training: Option<f64>) -> Array1<f64> {
    match of_training {
        Some(variance) if n < ENOUGH => {
            let share = n as f64 / ENOUGH as f64;
            noise.mapv_into(|v| share * v + (1.0 - share) * variance)
        }
        _ => noise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use pima_core::ModalityShape;
    use pima_data::ModalityData;

    #[test]
    fn training_samples_stand_in_for_missing_validation_samples() {
        let noise = || array![1.0, 4.0];
        assert_eq!(steadied(noise(), 5, Some(2.0)), array![1.75, 2.5]);
        assert_eq!(steadied(noise(), ENOUGH, Some(2.0)), noise());
        assert_eq!(steadied(noise(), 5, None), noise(), "a variance that is not learned says nothing of the samples");
    }

    #[test]
    fn quadrants_of_one_specimen_are_one_sample() {
        let shape = ModalityShape::Vector { length: 1 };
        let data = ModalityData::new("a", shape, Array2::zeros((6, 1))).unwrap();
        let data = Dataset::new("toy", vec![data], None).unwrap();
        assert_eq!(independent(&data, &[0, 3, 5]), 3);
        let data = data.with_groups(vec![0, 0, 1, 1, 2, 2]).unwrap();
        assert_eq!(independent(&data, &[2, 3, 4, 5]), 2);
    }
}
