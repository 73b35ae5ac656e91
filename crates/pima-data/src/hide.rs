//! Taking modalities away from samples that have them, to study data with holes.

use rand::Rng;

use crate::Dataset;
use crate::rng::RowGenerators;

/// Keeps the draws apart from those of other uses of the same seed.
const STREAM: u64 = 0x686f_6c65;

impl Dataset {
    /// Takes modality m of each of `rows` away with probability `missing[m]`, each on its own (missing completely at random). Returns the dataset and the rows
    /// that have anything left; the others keep what they have and are not to be used.
    ///
    /// A row's draws depend on the seed and its number alone. Probabilities beyond the last are 0.
    #[must_use]
    pub fn hide(mut self, missing: &[f64], rows: &[usize], seed: u64) -> (Self, Vec<usize>) {
        let generators = RowGenerators::new(seed ^ STREAM);
        let mut hidden: Vec<Vec<usize>> = vec![Vec::new(); self.modalities().len()];
        let mut left = Vec::with_capacity(rows.len());
        for &row in rows {
            let mut rng = generators.row(row);
            // Every modality draws, so that one's holes do not move when another's probability changes.
            let gone: Vec<bool> = self
                .modalities()
                .iter()
                .enumerate()
                .map(|(m, modality)| {
                    let drawn = rng.random::<f64>() < missing.get(m).copied().unwrap_or(0.0);
                    drawn || !modality.is_present(row)
                })
                .collect();
            if gone.iter().all(|&gone| gone) {
                continue;
            }
            left.push(row);
            for (hidden, gone) in hidden.iter_mut().zip(gone) {
                if gone {
                    hidden.push(row);
                }
            }
        }
        for (modality, hidden) in self.modalities_mut().iter_mut().zip(&hidden) {
            modality.remove(hidden);
        }
        (self, left)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use pima_core::ModalityShape;

    use super::*;
    use crate::ModalityData;

    fn dataset(n: usize) -> Dataset {
        let shape = ModalityShape::Vector { length: 1 };
        let all = ModalityData::new("all", shape, Array2::ones((n, 1))).unwrap();
        let some = (0..n).map(|row| row % 4 != 0).collect();
        let some = ModalityData::with_missing("some", shape, Array2::ones((n, 1)), some).unwrap();
        Dataset::new("made up", vec![all, some], None).unwrap()
    }

    #[test]
    fn modalities_go_at_their_rates_and_no_used_row_is_empty() {
        let n = 8000;
        let rows: Vec<usize> = (0..n).filter(|row| row % 2 == 1).collect();
        let (data, left) = dataset(n).hide(&[0.5, 0.25], &rows, 3);
        let share = |m: usize| {
            left.iter().filter(|&&row| data.modalities()[m].is_present(row)).count() as f64 / rows.len() as f64
        };
        // Four standard errors of 4,000 draws; a row that loses both is not used.
        assert!((share(0) - 0.5).abs() < 0.032, "{}", share(0));
        assert!((share(1) - 0.75).abs() < 0.028, "{}", share(1));
        assert!((left.len() as f64 / rows.len() as f64 - 0.875).abs() < 0.021, "{}", left.len());
        // Rows that were not named are as they were.
        assert!((0..n).step_by(2).all(|row| data.modalities()[0].is_present(row)));
        assert!((0..n).step_by(2).all(|row| data.modalities()[1].is_present(row) == (row % 4 != 0)));
        // A hole that was there stays one.
        let (data, left) = dataset(100).hide(&[0.0], &[4, 5], 3);
        assert_eq!(left, [4, 5]);
        assert!(!data.modalities()[1].is_present(4) && data.modalities()[1].is_present(5));
    }

    #[test]
    fn holes_depend_on_the_seed_and_the_row_alone() {
        let holes = |n: usize, missing: &[f64], seed: u64| {
            let rows: Vec<usize> = (0..n).collect();
            let (data, _) = dataset(n).hide(missing, &rows, seed);
            (0..50).map(|row| data.modalities()[1].is_present(row)).collect::<Vec<_>>()
        };
        assert_eq!(holes(50, &[0.0, 0.5], 1), holes(400, &[0.0, 0.5], 1));
        assert_ne!(holes(50, &[0.0, 0.5], 1), holes(50, &[0.0, 0.5], 2));
    }
}
