//! Refit of unimodal encoders (2022, section 2.4): after training, each encoder alone learns the multimodal posterior.
//!
//! The refitted encoders are a second set of values for the same networks ([`Refitted`]), beside the one that fuses: fusion multiplies posteriors that were
//! trained to be multiplied, and a posterior that already says what all modalities say would be counted twice.

use crate::config::{ExperimentConfig, RefitConfig, RefitObjective};
use crate::evaluate::fused_posteriors;
use crate::model::Model;
use crate::observe::{Event, Observe, RefitRecord};
use crate::randomness::{Purpose, generator};
use crate::train::{At, TrainOptions, standard_normal};
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use pima_core::{MixturePrior, UnimodalTarget, UnimodalWeights, unimodal_loss};
use pima_data::{Batch, Batches, Dataset, Split, shuffle};
use pima_nets::{Adam, Mode, Parameters, tensor_from_f64};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::time::Instant;
use tch::{Kind, no_grad};

/// Samples encoded together where nothing is trained.
const ROWS: usize = 512;

/// Values of the encoders for use alone.
#[derive(Debug)]
pub(crate) struct Refitted {
    pub(crate) parameters: Parameters,
    pub(crate) about: RefitAbout,
}

/// How a model's encoders were refitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefitAbout {
    /// With which settings.
    pub config: RefitConfig,
    /// The kept epoch's record of each modality; one that is never seen beside another has none.
    pub modalities: Vec<RefitRecord>,
    /// Seconds it took.
    pub seconds: f64,
}

impl RefitConfig {
    fn weights(&self) -> UnimodalWeights {
        match self.objective {
            RefitObjective::Joint => UnimodalWeights { latent: 1.0, cluster: 1.0 },
            RefitObjective::Latent => UnimodalWeights { latent: 1.0, cluster: 0.0 },
            RefitObjective::Cluster => UnimodalWeights { latent: 0.0, cluster: 1.0 },
        }
    }
}

/// What all modalities of some rows say together.
struct Targets {
    rows: Vec<usize>,
    mean: Array2<f64>,
    logvar: Array2<f64>,
    responsibilities: Array2<f64>,
}

impl Targets {
    /// Of the `rows` that have modality `m` and another one.
    fn new(model: &Model, dataset: &Dataset, rows: &[usize], m: usize) -> Result<Self> {
        let modalities = dataset.modalities();
        let beside = |row: usize| (0..modalities.len()).any(|other| other != m && modalities[other].is_present(row));
        let rows: Vec<usize> =
            rows.iter().copied().filter(|&row| modalities[m].is_present(row) && beside(row)).collect();
        let (mean, var) = fused_posteriors(model, dataset, &rows)?;
        let mut responsibilities = Array2::zeros((rows.len(), model.prior.n_clusters()));
        model.prior.responsibilities(mean.view(), responsibilities.view_mut())?;
        Ok(Self { rows, mean, logvar: var.mapv_into(f64::ln), responsibilities })
    }

    /// Of these positions.
    fn select(&self, at: &[usize]) -> Self {
        Self {
            rows: at.iter().map(|&i| self.rows[i]).collect(),
            mean: self.mean.select(Axis(0), at),
            logvar: self.logvar.select(Axis(0), at),
            responsibilities: self.responsibilities.select(Axis(0), at),
        }
    }

    fn view(&self) -> UnimodalTarget<'_> {
        UnimodalTarget {
            mean: self.mean.view(),
            logvar: self.logvar.view(),
            responsibilities: self.responsibilities.view(),
        }
    }
}

/// Refits the encoders of a trained model and keeps them beside the ones it has; where `options.checkpoints` names a folder, they are stored in its best
/// checkpoint too.
/// An encoder's epoch is chosen by its loss on the validation rows (the last one where there are none). A model of one modality stays as it is.
///
/// # Errors
/// [`Error::NotFinite`] when the loss stops being finite, [`Error::Stopped`] when asked to stop (then nothing is kept), and whatever the data, the networks
/// or the file system refuse.
pub fn refit(
    model: &mut Model,
    config: &ExperimentConfig,
    refit: &RefitConfig,
    dataset: &Dataset,
    split: &Split,
    options: &TrainOptions,
    observer: &mut dyn Observe,
) -> Result<()> {
    if model.modalities.len() < 2 {
        return Ok(());
    }
    let begun = Instant::now();
    let mut run = Run {
        model,
        config: refit,
        dataset,
        parameters: model.parameters.duplicate()?,
        adam: config.training.adam,
        options,
    };
    let mut records = Vec::new();
    for m in 0..model.modalities.len() {
        records.extend(run.modality(m, split, observer)?);
    }
    let about = RefitAbout { config: refit.clone(), modalities: records, seconds: begun.elapsed().as_secs_f64() };
    let refitted = Refitted { parameters: run.parameters, about };
    if let Some(folder) = &options.checkpoints {
        crate::checkpoint::add_refitted(&crate::train::best_checkpoint(folder), &refitted)?;
    }
    model.refitted = Some(refitted);
    Ok(())
}

struct Run<'a> {
    model: &'a Model,
    config: &'a RefitConfig,
    dataset: &'a Dataset,
    parameters: Parameters,
    adam: pima_nets::AdamConfig,
    options: &'a TrainOptions,
}

impl Run<'_> {
    /// Refits the encoder of modality `m`; `None` where no sample has it and another one.
    fn modality(&mut self, m: usize, split: &Split, observer: &mut dyn Observe) -> Result<Option<RefitRecord>> {
        let targets = Targets::new(self.model, self.dataset, &split.train, m)?;
        if targets.rows.is_empty() {
            return Ok(None);
        }
        let validation = Targets::new(self.model, self.dataset, &split.validation, m)?;
        let batches = Batches::new(self.dataset, &self.model.normalisations)?;
        let mut batch = Batch::default();
        let mut adam = Adam::new(&self.parameters, self.adam);
        let mut order: Vec<usize> = (0..targets.rows.len()).collect();
        let n_batches = order.len().div_ceil(self.config.batch_size);
        let mut best: Option<(RefitRecord, Vec<f32>)> = None;
        for epoch in 1..=self.config.epochs {
            let begun = Instant::now();
            // Modalities are apart in the epoch's position: each draws its own numbers.
            let position = m * (self.config.epochs + 1) + epoch;
            let seed = self.options.seed;
            shuffle(&mut order, &mut generator(seed, Purpose::Refit, position, 0));
            let mut sum = 0.0;
            for (k, chunk) in order.chunks(self.config.batch_size).enumerate() {
                if self.options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    return Err(Error::Stopped { epoch });
                }
                let part = targets.select(chunk);
                batches.gather(&part.rows, &mut batch)?;
                let done = ((epoch - 1) * n_batches + k) as f64 / (self.config.epochs * n_batches) as f64;
                let rate = self.config.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
                let mut rng = generator(seed, Purpose::Refit, position, k + 1);
                let prior = widened(&self.model.prior, self.config.widening_at(done))?;
                let (loss, gradient) = self.gradient(m, &prior, &batch, &part, &mut rng, At { epoch, batch: k + 1 })?;
                sum += loss;
                adam.update(&mut self.parameters, &gradient, rate)?;
            }
            let validated = self.validate(m, &validation, &batches, &mut batch)?;
            let record = RefitRecord {
                modality: self.model.modalities[m].name.clone(),
                epoch,
                epochs: self.config.epochs,
                loss: sum / targets.rows.len() as f64,
                validation: validated,
                seconds: begun.elapsed().as_secs_f64(),
            };
            observer.event(&Event::Refit(&record));
            let score = |record: &RefitRecord| record.validation.unwrap_or(f64::NEG_INFINITY);
            if best.as_ref().is_none_or(|(best, _)| score(&record) <= score(best)) {
                best = Some((record, self.parameters.snapshot()?));
            }
        }
        // The other modalities' values are the same in every epoch of this one.
        let Some((record, values)) = best else { return Ok(None) };
        self.parameters.restore(&values)?;
        Ok(Some(record))
    }

    /// Sum of the loss over a batch, and the gradient of its mean by all parameters.
    fn gradient(
        &self,
        m: usize,
        prior: &MixturePrior,
        batch: &Batch,
        targets: &Targets,
        rng: &mut impl rand::Rng,
        at: At,
    ) -> Result<(f64, tch::Tensor)> {
        let device = self.parameters.device();
        let encodings = self.model.encode_with(&self.parameters, batch, only(batch, m).view(), Mode::Train)?;
        let eps = standard_normal(batch.len(), self.model.prior.n_latent(), rng);
        let (mean, logvar) = (encodings.mean.index_axis(Axis(0), m), encodings.logvar.index_axis(Axis(0), m));
        let weights = self.config.weights();
        let not_finite = |value: f64| Error::NotFinite {
            term: "refit",
            value,
            modality: Some(self.model.modalities[m].name.clone()),
            epoch: at.epoch,
            batch: at.batch,
        };
        if let Some(&value) = mean.iter().chain(logvar).find(|value| !value.is_finite()) {
            return Err(not_finite(value));
        }
        let loss = unimodal_loss(prior, &targets.view(), weights, mean, logvar, eps.view())?;
        let sum = weights.latent * loss.latent.sum() + weights.cluster * loss.cluster.sum();
        if !sum.is_finite() {
            return Err(not_finite(sum));
        }
        let gradient = self.parameters.zero_gradient();
        let Some((None, mean, logvar)) = &encodings.outputs[m] else { return Ok((sum, gradient)) };
        let scale = 1.0 / batch.len() as f64;
        let by_mean = tensor_from_f64((loss.grad_mean * scale).view(), device)?;
        let by_logvar = tensor_from_f64((loss.grad_logvar * scale).view(), device)?;
        let surrogate = (mean * by_mean).sum(Kind::Float) + (logvar * by_logvar).sum(Kind::Float);
        let ids = self.model.modalities[m].encoder.parameter_ids();
        self.parameters.backward(&surrogate, ids, &[], &gradient)?;
        Ok((sum, gradient))
    }

    /// Mean loss at the posterior's mean; `None` without samples.
    fn validate(&self, m: usize, targets: &Targets, batches: &Batches<'_>, batch: &mut Batch) -> Result<Option<f64>> {
        let weights = self.config.weights();
        let mut sum = 0.0;
        let all: Vec<usize> = (0..targets.rows.len()).collect();
        for chunk in all.chunks(ROWS) {
            let part = targets.select(chunk);
            batches.gather(&part.rows, batch)?;
            let one = only(batch, m);
            let encodings = no_grad(|| self.model.encode_with(&self.parameters, batch, one.view(), Mode::Evaluate))?;
            let (mean, logvar) = (encodings.mean.index_axis(Axis(0), m), encodings.logvar.index_axis(Axis(0), m));
            let eps = Array2::zeros(mean.dim());
            let loss = unimodal_loss(&self.model.prior, &part.view(), weights, mean, logvar, eps.view())?;
            sum += weights.latent * loss.latent.sum() + weights.cluster * loss.cluster.sum();
        }
        Ok((!all.is_empty()).then(|| sum / all.len() as f64))
    }
}

/// The mixture with variances `by` times as large.
fn widened(prior: &MixturePrior, by: f64) -> Result<MixturePrior> {
    Ok(MixturePrior::new(prior.logits().to_owned(), prior.mean().to_owned(), &prior.var() * by)?)
}

/// Fusion weights (M,B) of modality `m` alone.
fn only(batch: &Batch, m: usize) -> Array2<f64> {
    let mut weight = Array2::zeros(batch.weight().dim());
    weight.row_mut(m).assign(&batch.weight().row(m));
    weight
}

#[cfg(test)]
mod tests;
