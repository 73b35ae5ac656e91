//! Batches: rows gathered into buffers that are used again and again, normalised on the way.

use ndarray::{ArrayView2, ArrayViewMut2};
use pima_core::ModalityShape;
use rand::Rng;

use crate::augment::Augmentation;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::normalise::Normalisation;

/// Gathers rows of a dataset into a [`Batch`], each modality through its own normalisation.
///
/// An epoch is a list of rows, shuffled by [`shuffle`](crate::shuffle) from a generator that the caller owns, and
/// walked in chunks; where in the epoch a run stands is the number of the chunk.
#[derive(Debug, Clone, Copy)]
pub struct Batches<'a> {
    dataset: &'a Dataset,
    normalisations: &'a [Normalisation],
}

impl<'a> Batches<'a> {
    /// Pairs a dataset with one normalisation per modality, in the same order.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one per modality, or if one is of another size than its modality.
    pub fn new(dataset: &'a Dataset, normalisations: &'a [Normalisation]) -> Result<Self> {
        if normalisations.len() != dataset.modalities().len() {
            return Err(Error::Length {
                what: format!("normalisations of dataset '{}'", dataset.name()),
                expected: dataset.modalities().len(),
                got: normalisations.len(),
            });
        }
        for (modality, normalisation) in dataset.modalities().iter().zip(normalisations) {
            normalisation.check(modality.size())?;
        }
        Ok(Self { dataset, normalisations })
    }

    /// The dataset.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// The normalisations, one per modality.
    pub fn normalisations(&self) -> &'a [Normalisation] {
        self.normalisations
    }

    /// Fills `batch` with these rows. Nothing is allocated once the batch has held as many rows before.
    ///
    /// # Errors
    /// [`Error::Row`] for a row that is not there; the batch is then empty. [`Error::Io`] if values on disk cannot be read.
    pub fn gather(&self, rows: &[usize], batch: &mut Batch) -> Result<()> {
        let modalities = self.dataset.modalities();
        batch.rows.clear();
        let n_samples = self.dataset.n_samples();
        if let Some(&row) = rows.iter().find(|&&row| row >= n_samples) {
            return Err(Error::Row { row, n_samples });
        }
        batch.rows.extend_from_slice(rows);
        batch.values.resize_with(modalities.len(), Vec::new);
        batch.seen.resize_with(modalities.len(), Vec::new);
        batch.seen.iter_mut().for_each(Vec::clear);
        batch.sizes.clear();
        batch.sizes.extend(modalities.iter().map(|modality| modality.size()));
        batch.weight.clear();
        for ((modality, normalisation), values) in modalities.iter().zip(self.normalisations).zip(&mut batch.values) {
            values.resize(rows.len() * modality.size(), 0.0);
            for (&row, out) in rows.iter().zip(values.chunks_exact_mut(modality.size())) {
                if modality.is_present(row) {
                    normalisation.apply_row(modality.row(row, &mut batch.read)?, out);
                    batch.weight.push(1.0);
                } else {
                    out.fill(0.0);
                    batch.weight.push(0.0);
                }
            }
        }
        Ok(())
    }
}

/// B rows of every modality, normalised.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    rows: Vec<usize>,
    sizes: Vec<usize>,
    values: Vec<Vec<f32>>,
    /// What encoders see where that is something else; empty otherwise.
    seen: Vec<Vec<f32>>,
    weight: Vec<f64>,
    /// A row that is not in memory.
    read: Vec<f32>,
}

impl Batch {
    /// B, the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Which rows of the dataset these are (B).
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Normalised values of modality `m`, row after row: (B, size) flat. Samples that lack the modality are zero.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn slice(&self, m: usize) -> &[f32] {
        &self.values[m][..self.rows.len() * self.sizes[m]]
    }

    /// Normalised values of modality `m` (B, size). Samples that lack the modality are zero.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn values(&self, m: usize) -> ArrayView2<'_, f32> {
        view((self.rows.len(), self.sizes[m]), self.slice(m))
    }

    /// What the encoder of modality `m` sees, (B, size) flat: the values, changed where [`augment`](Self::augment) did so since they were gathered.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn seen(&self, m: usize) -> &[f32] {
        if self.seen[m].is_empty() { self.slice(m) } else { &self.seen[m] }
    }

    /// Changes at random what the encoder of modality `m` sees of its images, each sample's anew. The values stay as they are, and so does a modality that is
    /// no image.
    ///
    /// # Panics
    /// If there is no such modality, or if `shape` is of another size.
    pub fn augment(&mut self, m: usize, shape: ModalityShape, by: &Augmentation, rng: &mut impl Rng) {
        let ModalityShape::Image { height, width, .. } = shape else { return };
        assert_eq!(shape.size(), self.sizes[m], "the shape is the modality's");
        let used = self.rows.len() * self.sizes[m];
        let (values, seen) = (&self.values[m][..used], &mut self.seen[m]);
        seen.resize(used, 0.0);
        for (image, out) in values.chunks_exact(shape.size()).zip(seen.chunks_exact_mut(shape.size())) {
            by.apply(image, (height, width), out, rng);
        }
    }

    /// Presence weights (M, B): 1 where the sample has the modality, 0 where it lacks it.
    pub fn weight(&self) -> ArrayView2<'_, f64> {
        let shape = (self.sizes.len(), self.rows.len());
        view(shape, &self.weight[..shape.0 * shape.1])
    }

    /// Presence weights (M, B), to drop modalities from samples that have them.
    pub fn weight_mut(&mut self) -> ArrayViewMut2<'_, f64> {
        let shape = (self.sizes.len(), self.rows.len());
        ArrayViewMut2::from_shape(shape, &mut self.weight[..shape.0 * shape.1])
            .expect("the slice has the length of its shape")
    }
}

fn view<T>(shape: (usize, usize), entries: &[T]) -> ArrayView2<'_, T> {
    ArrayView2::from_shape(shape, entries).expect("the slice has the length of its shape")
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::modality::ModalityData;
    use crate::normalise::NormalisationMethod;

    fn dataset() -> Dataset {
        let pair = ModalityShape::Vector { length: 2 };
        let one = ModalityShape::Vector { length: 1 };
        let a = array![[0.0, 10.0], [2.0, 20.0], [4.0, 30.0]];
        let b = array![[1.0], [f32::NAN], [3.0]];
        Dataset::new(
            "toy",
            vec![
                ModalityData::new("a", pair, a).unwrap(),
                ModalityData::with_missing("b", one, b, vec![true, false, true]).unwrap(),
            ],
            None,
        )
        .unwrap()
    }

    #[test]
    fn rows_come_in_the_order_asked_normalised_and_masked() {
        let data = dataset();
        let fit = NormalisationMethod::MinMax;
        let normalisations =
            [Normalisation::fit(fit, &data.modalities()[0], &[0, 1, 2]).unwrap(), Normalisation::identity()];
        let batches = Batches::new(&data, &normalisations).unwrap();
        let mut batch = Batch::default();
        batches.gather(&[2, 1, 2], &mut batch).unwrap();
        assert_eq!(batch.values(0), array![[1.0, 1.0], [0.5, 0.5], [1.0, 1.0]]);
        assert_eq!(batch.values(1), array![[3.0], [0.0], [3.0]]);
        assert_eq!(batch.weight(), array![[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]]);
        assert_eq!(batch.rows(), [2, 1, 2]);
        batch.weight_mut()[[0, 0]] = 0.0;
        batches.gather(&[0], &mut batch).unwrap();
        assert_eq!(batch.values(0), array![[0.0, 0.0]]);
        assert_eq!(batch.weight(), array![[1.0], [1.0]]);
    }

    #[test]
    fn what_encoders_see_can_change_and_values_do_not() {
        let image = ModalityShape::Image { channels: 2, height: 3, width: 4 };
        let values = ndarray::Array2::from_shape_fn((3, 24), |(row, column)| (row * 24 + column) as f32);
        let other = ModalityData::new("b", ModalityShape::Vector { length: 1 }, array![[1.0], [2.0], [3.0]]).unwrap();
        let data = Dataset::new("toy", vec![ModalityData::new("a", image, values).unwrap(), other], None).unwrap();
        let normalisations = [Normalisation::identity(), Normalisation::identity()];
        let batches = Batches::new(&data, &normalisations).unwrap();
        let mut batch = Batch::default();
        batches.gather(&[2, 0], &mut batch).unwrap();
        assert_eq!(batch.seen(0), batch.slice(0));
        let before = batch.slice(0).to_vec();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let by = Augmentation { shift: 1.0, ..Augmentation::default() };
        batch.augment(0, image, &by, &mut rng);
        batch.augment(1, ModalityShape::Vector { length: 1 }, &by, &mut rng);
        assert_eq!(batch.slice(0), before);
        assert_eq!(batch.seen(1), batch.slice(1));
        // Both samples moved, each its own way, and both channels of a sample together.
        let moved = |from: usize| batch.seen(0)[from + 5] - batch.slice(0)[from + 5];
        assert!((moved(0) - moved(12)).abs() < 1e-4, "{} {}", moved(0), moved(12));
        assert!(moved(0) != 0.0 && moved(24) != 0.0 && moved(0) != moved(24));
        batches.gather(&[1], &mut batch).unwrap();
        assert_eq!(batch.seen(0), batch.slice(0));
    }

    #[test]
    fn a_batch_is_used_again_without_allocating() {
        let data = dataset();
        let normalisations = [Normalisation::identity(), Normalisation::identity()];
        let batches = Batches::new(&data, &normalisations).unwrap();
        let mut batch = Batch::default();
        batches.gather(&[0, 1, 2], &mut batch).unwrap();
        let before = (batch.slice(0).as_ptr(), batch.weight.as_ptr(), batch.rows.as_ptr());
        for rows in [&[1][..], &[2, 1, 0]] {
            batches.gather(rows, &mut batch).unwrap();
            assert_eq!(before, (batch.slice(0).as_ptr(), batch.weight.as_ptr(), batch.rows.as_ptr()));
        }
    }

    #[test]
    fn wrong_rows_and_normalisations_are_refused() {
        let data = dataset();
        assert!(Batches::new(&data, &[Normalisation::identity()]).is_err());
        let wide = Normalisation::fit(NormalisationMethod::MinMax, &data.modalities()[0], &[0, 1]).unwrap();
        let swapped = [Normalisation::identity(), wide];
        assert!(matches!(Batches::new(&data, &swapped), Err(Error::Length { expected: 1, got: 2, .. })));
        let identities = [Normalisation::identity(), Normalisation::identity()];
        let mut batch = Batch::default();
        let error = Batches::new(&data, &identities).unwrap().gather(&[0, 3], &mut batch).unwrap_err();
        assert!(matches!(error, Error::Row { row: 3, n_samples: 3 }));
        assert!(batch.is_empty());
    }
}
