//! Refit of unimodal encoders (2022, section 2.4): after training, each encoder alone learns the multimodal posterior.
//!
//! The refitted encoders are a second set of values for the same networks ([`Refitted`]), beside the one that fuses: fusion multiplies posteriors that were
//! trained to be multiplied, and a posterior that already says what all modalities say would be counted twice.

use crate::config::{ExperimentConfig, ModalityConfig, RefitConfig, RefitObjective};
use crate::evaluate::fused_posteriors;
use crate::model::Model;
use crate::observe::{Event, Observe, RefitRecord};
use crate::randomness::{Purpose, generator};
use crate::train::{At, TrainOptions, augment, standard_normal};
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use pima_core::{MixturePrior, UnimodalTarget, UnimodalWeights, unimodal_loss};
use pima_data::{Batch, Batches, Dataset, Split, shuffle};
use pima_nets::{Adam, Mode, Parameters, tensor_from_f64};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tch::{Kind, no_grad};

/// Samples encoded together where nothing is trained.
const ROWS: usize = 512;

/// Probability of a cluster from which on an encoder's own word is taken.
const SURE: f64 = 0.95;

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
        let (mean, var, responsibilities) = fused_posteriors(model, dataset, &rows)?;
        Ok(Self { rows, mean, logvar: var.mapv_into(f64::ln), responsibilities })
    }

    /// These and others.
    fn with(&self, other: Self) -> Self {
        let both = |a: &Array2<f64>, b: &Array2<f64>| {
            ndarray::concatenate(Axis(0), &[a.view(), b.view()]).expect("of one model, so as wide as each other")
        };
        Self {
            rows: self.rows.iter().copied().chain(other.rows).collect(),
            mean: both(&self.mean, &other.mean),
            logvar: both(&self.logvar, &other.logvar),
            responsibilities: both(&self.responsibilities, &other.responsibilities),
        }
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
        modalities: &config.modalities,
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

/// An epoch's record, and all values after it.
type Kept = (RefitRecord, Vec<f32>);

/// The one of the lower validation loss, the second of equals and where there is no validation.
fn better(first: Option<Kept>, second: Option<Kept>) -> Option<Kept> {
    let score = |kept: &Kept| kept.0.validation.unwrap_or(f64::NEG_INFINITY);
    match (first, second) {
        (Some(first), Some(second)) if score(&first) < score(&second) => Some(first),
        (first, second) => second.or(first),
    }
}

struct Run<'a> {
    model: &'a Model,
    config: &'a RefitConfig,
    dataset: &'a Dataset,
    parameters: Parameters,
    adam: pima_nets::AdamConfig,
    modalities: &'a [ModalityConfig],
    options: &'a TrainOptions,
}

impl Run<'_> {
    /// Refits the encoder of modality `m`; `None` where no sample has it and another one.
    fn modality(&mut self, m: usize, split: &Split, observer: &mut dyn Observe) -> Result<Option<RefitRecord>> {
        let paired = Targets::new(self.model, self.dataset, &split.train, m)?;
        if paired.rows.is_empty() {
            return Ok(None);
        }
        let validation = Targets::new(self.model, self.dataset, &split.validation, m)?;
        let data = &self.dataset.modalities()[m];
        let mut alone: Vec<usize> = split.train.iter().copied().filter(|&row| data.is_present(row)).collect();
        let is_paired: HashSet<usize> = paired.rows.iter().copied().collect();
        alone.retain(|row| !is_paired.contains(row));
        let mut best = self.stage(m, &paired, &[], &validation, (0, self.config.epochs), observer)?;
        if !alone.is_empty() && self.config.self_training_epochs > 0 {
            let epochs = (self.config.epochs, self.config.self_training_epochs);
            let second = self.stage(m, &paired, &alone, &validation, epochs, observer)?;
            best = better(best, second);
        }
        let Some((record, values)) = best else { return Ok(None) };
        self.parameters.restore(&values)?;
        Ok(Some(record))
    }

    /// Some epochs, after `before` others, and the best of them. The samples `alone`, which have this modality and no other, are told by the encoder as it
    /// is at the beginning of each epoch. The other modalities' values stay as they are.
    fn stage(
        &mut self,
        m: usize,
        paired: &Targets,
        alone: &[usize],
        validation: &Targets,
        (before, epochs): (usize, usize),
        observer: &mut dyn Observe,
    ) -> Result<Option<Kept>> {
        let batches = Batches::new(self.dataset, &self.model.normalisations)?;
        let mut batch = Batch::default();
        let mut adam = Adam::new(&self.parameters, self.adam);
        let all_epochs = self.config.epochs + self.config.self_training_epochs;
        let mut best = None;
        for epoch in 1..=epochs {
            let begun = Instant::now();
            let told;
            let targets = if alone.is_empty() {
                paired
            } else {
                told = paired.with(self.told(m, paired, alone, &batches, &mut batch)?);
                &told
            };
            // Modalities are apart in the epoch's position: each draws its own numbers.
            let position = m * (all_epochs + 1) + before + epoch;
            let seed = self.options.seed;
            let mut order: Vec<usize> = (0..targets.rows.len()).collect();
            shuffle(&mut order, &mut generator(seed, Purpose::Refit, position, 0));
            let n_batches = order.len().div_ceil(self.config.batch_size);
            let mut sum = 0.0;
            for (k, chunk) in order.chunks(self.config.batch_size).enumerate() {
                if self.options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    return Err(Error::Stopped { epoch });
                }
                let part = targets.select(chunk);
                batches.gather(&part.rows, &mut batch)?;
                let done = (epoch as f64 - 1.0 + k as f64 / n_batches as f64) / epochs as f64;
                let rate = self.config.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
                let mut rng = generator(seed, Purpose::Refit, position, k + 1);
                augment(&mut batch, self.model, self.modalities, &mut rng);
                let prior = widened(&self.model.prior, self.config.widening_at(done))?;
                let at = At { epoch: before + epoch, batch: k + 1 };
                let (loss, gradient) = self.gradient(m, &prior, &batch, &part, &mut rng, at)?;
                sum += loss;
                adam.update(&mut self.parameters, &gradient, rate)?;
            }
            let record = RefitRecord {
                modality: self.model.modalities[m].name.clone(),
                epoch: before + epoch,
                epochs: if alone.is_empty() { epochs } else { all_epochs },
                loss: sum / targets.rows.len() as f64,
                validation: self.validate(m, validation, &batches, &mut batch)?,
                seconds: begun.elapsed().as_secs_f64(),
            };
            observer.event(&Event::Refit(&record));
            best = better(best, Some((record, self.parameters.snapshot()?)));
        }
        Ok(best)
    }

    /// What the encoder of modality `m` itself makes of the samples `alone`, where it is sure (pseudo-labels; Lee 2013): the cluster, and the mean posterior that
    /// all modalities together have in this cluster.
    fn told(
        &self,
        m: usize,
        paired: &Targets,
        alone: &[usize],
        batches: &Batches<'_>,
        batch: &mut Batch,
    ) -> Result<Targets> {
        let n = self.model.prior.n_clusters();
        let count = paired.responsibilities.sum_axis(Axis(0)).mapv_into(|count| count.max(f64::MIN_POSITIVE));
        let of_cluster =
            |values: &Array2<f64>| paired.responsibilities.t().dot(values) / count.view().insert_axis(Axis(1));
        let (mean, logvar) = (of_cluster(&paired.mean), of_cluster(&paired.logvar));
        let mut responsibilities = Array2::zeros((alone.len(), n));
        for (chunk, out) in alone.chunks(ROWS).zip(responsibilities.axis_chunks_iter_mut(Axis(0), ROWS)) {
            batches.gather(chunk, batch)?;
            let one = only(batch, m);
            let encodings = no_grad(|| self.model.encode_with(&self.parameters, batch, one.view(), Mode::Evaluate))?;
            self.model.prior.responsibilities(encodings.mean.index_axis(Axis(0), m), out)?;
        }
        let clusters = pima_core::most_probable(responsibilities.view());
        let sure: Vec<usize> = (0..alone.len()).filter(|&at| responsibilities[[at, clusters[at]]] >= SURE).collect();
        let clusters: Vec<usize> = sure.iter().map(|&at| clusters[at]).collect();
        Ok(Targets {
            rows: sure.iter().map(|&at| alone[at]).collect(),
            mean: mean.select(Axis(0), &clusters),
            logvar: logvar.select(Axis(0), &clusters),
            responsibilities: responsibilities.select(Axis(0), &sure),
        })
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
