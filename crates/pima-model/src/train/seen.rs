//! Which samples and which of their modalities a training step sees.

use crate::config::ModalityConfig;
use crate::model::Model;
use crate::{Error, Result};
use ndarray::Array2;
use pima_data::{Batch, Dataset, Split};
use rand::Rng;

/// The rows that have every modality.
pub(super) fn complete_samples(dataset: &Dataset, split: &Split) -> Result<Split> {
    let whole = |rows: &[usize]| -> Vec<usize> {
        let has_all = |row: &usize| dataset.modalities().iter().all(|modality| modality.is_present(*row));
        rows.iter().copied().filter(has_all).collect()
    };
    let (train, validation, test) = (whole(&split.train), whole(&split.validation), split.test.clone());
    if train.is_empty() {
        return Err(Error::NothingComplete { n: split.train.len() });
    }
    Ok(Split { train, validation, test })
}

/// Changes at random what the encoders see of the batch, where the config says so.
pub(crate) fn augment(batch: &mut Batch, model: &Model, modalities: &[ModalityConfig], rng: &mut impl Rng) {
    for (m, modality) in modalities.iter().enumerate() {
        if let Some(by) = &modality.augment {
            batch.augment(m, model.modality_shape(m), by, rng);
        }
    }
}

/// Fusion weights (M,B): the presence mask with modality m kept with probability `keep[m]`; where all would drop out, all stay, which also keeps the
/// multimodal posterior, the one that is wanted in the end, the most trained (for two modalities at 0.5: half the samples).
pub(super) fn keep_modalities(batch: &Batch, keep: &[f64], rng: &mut impl Rng) -> Array2<f64> {
    let mut weight = batch.weight().to_owned();
    if keep.iter().all(|&keep| keep >= 1.0) {
        return weight;
    }
    for mut sample in weight.columns_mut() {
        let present: Vec<usize> = (0..sample.len()).filter(|&m| sample[m] != 0.0).collect();
        for &m in &present {
            sample[m] = f64::from(u8::from(rng.random_bool(keep[m])));
        }
        if sample.iter().all(|&w| w == 0.0) {
            present.iter().for_each(|&m| sample[m] = 1.0);
        }
    }
    weight
}
