//! Epochs, validation, checkpoints.

use super::SmallAdam;
use super::em::{EmSums, em_pass, standard_normal};
use super::noise::{independent, steadied};
use super::seeing;
use super::seen::{augment, complete_samples, keep_modalities};
use super::start::{start_in_data_space, start_in_latent_space};
use super::step::{At, LossSums, Step};
use crate::checkpoint::{self, Progress};
use crate::config::{DecoderVariance, EmWhen, ExperimentConfig, Schedule};
use crate::evaluate::evaluate;
use crate::model::Model;
use crate::observe::{EpochRecord, Event, Observe, Phase};
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use ndarray::{Array1, Array2};
use pima_core::{ClusterPosterior, MixturePrior};
use pima_data::{Batch, Batches, Dataset, Split, shuffle};
use pima_nets::{Adam, Mode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tch::Device;

/// Smallest learned decoder variance, in normalised units.
const VARIANCE_FLOOR: f64 = 1e-6;

/// What a run needs beside its config and data.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Seed of everything random.
    pub seed: u64,
    /// Where the networks run.
    pub device: Device,
    /// Folder for `last.safetensors` and `best.safetensors`; it must exist. `None`: no checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// Go on from `last.safetensors` where there is one.
    pub resume: bool,
    /// Set from elsewhere (a signal handler) to stop after the batch under way, with a checkpoint.
    pub stop: Option<Arc<AtomicBool>>,
}

/// A finished run.
#[derive(Debug)]
pub struct TrainOutcome {
    /// The model of the best epoch by validation loss.
    pub model: Model,
    /// Epochs run, warm-up included.
    pub epochs: usize,
    /// The epoch the model is from.
    pub best_epoch: usize,
    /// Seconds of training over all resumptions.
    pub seconds: f64,
}

/// Trains a model on the split's training rows, choosing the epoch by the validation loss (the last epoch where there are no validation rows).
///
/// # Errors
/// [`Error::NotFinite`] when a term of the loss stops being finite, [`Error::Stopped`] when asked to stop, and whatever the data, the networks or the
/// file system refuse. The last checkpoint stays good in every case.
pub fn train(
    config: &ExperimentConfig,
    dataset: &Dataset,
    split: &Split,
    options: &TrainOptions,
    observer: &mut dyn Observe,
) -> Result<TrainOutcome> {
    let complete;
    let split = if config.training.complete_only {
        complete = complete_samples(dataset, split)?;
        &complete
    } else {
        split
    };
    let model = Model::new(config, dataset, split, options.device, options.seed)?;
    let adam = Adam::new(&model.parameters, config.training.adam);
    let mut trainer = Trainer {
        config,
        dataset,
        split,
        options,
        model,
        adam,
        small: SmallAdam::default(),
        step: Step::default(),
        progress: Progress::default(),
        since_checkpoint: Instant::now(),
        best: None,
    };
    trainer.run(observer)
}

struct Trainer<'a> {
    config: &'a ExperimentConfig,
    dataset: &'a Dataset,
    split: &'a Split,
    options: &'a TrainOptions,
    model: Model,
    adam: Adam,
    small: SmallAdam,
    step: Step,
    progress: Progress,
    since_checkpoint: Instant,
    /// The best model's checkpoint, where there is no folder for it.
    best: Option<Vec<u8>>,
}

impl Trainer<'_> {
    fn run(&mut self, observer: &mut dyn Observe) -> Result<TrainOutcome> {
        let resumed = self.resume()?;
        let n_epochs = self.n_warmup() + self.config.training.epochs;
        observer.event(&Event::Started { n_epochs, done: self.progress.epochs, n_batches: self.n_batches() });
        if !resumed {
            self.start(observer)?;
        }
        while self.progress.epochs < n_epochs && !self.progress.finished {
            self.epoch(observer)?;
            // An epoch of one batch, or one without an M-step between its batches, can stop only here.
            if self.is_to_stop() && self.progress.epochs < n_epochs && !self.progress.finished {
                return Err(Error::Stopped { epoch: self.progress.epochs + 1 });
            }
        }
        self.progress.finished = true;
        self.save("last", observer)?;
        let (epochs, seconds) = (self.progress.epochs, self.progress.seconds);
        let best_epoch = self.progress.best.map_or(epochs, |(epoch, _)| epoch);
        let mut model = self.fresh_model()?;
        let (file, none) = (self.checkpoint_file("best"), &mut SmallAdam::default());
        match (best_epoch == epochs, &self.best) {
            (true, _) => std::mem::swap(&mut model, &mut self.model),
            (false, Some(best)) => drop(checkpoint::decode(&file, best, &mut model, None, none)?),
            (false, None) => drop(checkpoint::load(&file, &mut model, None, none)?),
        }
        Ok(TrainOutcome { model, epochs, best_epoch, seconds })
    }

    fn fresh_model(&self) -> Result<Model> {
        Model::new(self.config, self.dataset, self.split, self.options.device, self.options.seed)
    }

    /// The modality in whose data space clusters are looked for: the one named, else the first that has an expert.
    fn start_modality(&self) -> Option<usize> {
        let start = &self.config.training.start;
        let named = |name: &String| self.model.modality_names().position(|own| own == name);
        let first = || self.model.experts().map(|(m, _)| m).next();
        if start.from_data { start.modality.as_ref().map_or_else(first, named) } else { None }
    }

    /// A warm-up is for models whose clusters are not found in data space.
    fn n_warmup(&self) -> usize {
        let start = &self.config.training.start;
        if start.from_data && self.start_modality().is_none() { start.warmup_epochs } else { 0 }
    }

    fn n_batches(&self) -> usize {
        self.split.train.len().div_ceil(self.config.training.batch_size)
    }

    fn resume(&mut self) -> Result<bool> {
        let Some(file) = self.options.checkpoints.as_ref().map(|folder| checkpoint_file(folder, "last")) else {
            return Ok(false);
        };
        if !self.options.resume || !file.is_file() {
            return Ok(false);
        }
        let (progress, seed) = checkpoint::load(&file, &mut self.model, Some(&mut self.adam), &mut self.small)?;
        if seed != self.options.seed {
            let problem =
                format!("was made with seed {seed}, not {}: resume with the run's own seed", self.options.seed);
            return Err(Error::Checkpoint { file, problem });
        }
        self.progress = progress;
        Ok(true)
    }

    fn start(&mut self, observer: &mut dyn Observe) -> Result<()> {
        let training = &self.config.training;
        if let Some(m) = self.start_modality() {
            let (rows, seed) = (&self.split.train, self.options.seed);
            let (note, anchor) = start_in_data_space(&mut self.model, self.dataset, m, rows, training, seed)?;
            self.progress.anchor = anchor;
            observer.event(&Event::Note(&note));
        } else if training.start.from_data {
            self.level_prior()?;
        }
        Ok(())
    }

    /// All clusters alike: the loss is then that of a single Gaussian, whatever the number of decoders.
    fn level_prior(&mut self) -> Result<()> {
        let shape = (self.model.prior.n_clusters(), self.model.prior.n_latent());
        self.model.prior = MixturePrior::new(Array1::zeros(shape.0), Array2::zeros(shape), Array2::ones(shape))?;
        Ok(())
    }

    fn epoch(&mut self, observer: &mut dyn Observe) -> Result<()> {
        let begun = Instant::now();
        let seconds_before = self.progress.epoch_seconds;
        let config = &self.config.training;
        let epoch = self.progress.epochs + 1;
        let n_warmup = self.n_warmup();
        let phase = if epoch <= n_warmup { Phase::Warmup } else { Phase::Joint };
        let joint_epoch = epoch.saturating_sub(n_warmup);
        if joint_epoch == 1 && self.progress.batches == 0 {
            self.begin_joint(epoch, observer)?;
        }
        if phase == Phase::Joint && self.progress.batches == 0 && seeing::is_due(self.config, &self.model, joint_epoch)
        {
            let points = self.em_pass(epoch - 1, EmSums::with_points(&self.model))?.points.unwrap_or_default();
            seeing::begin(self.config, &mut self.model, self.dataset, joint_epoch, &points)?;
            // What Adam knew was about other parameters.
            self.small = SmallAdam::default();
        }
        self.step.anchor = if self.tied(joint_epoch) { self.progress.anchor.clone() } else { None };
        self.batches(epoch, phase, observer, begun)?;
        // Before the next epoch's Adam updates, as in Algorithm 1; done here so that the model that is validated and kept has it too.
        if phase == Phase::Joint && config.em.when == EmWhen::Epoch {
            let sums = self.em_pass(epoch, EmSums::new(&self.model))?;
            let hold = seeing::held(self.config, joint_epoch, self.held(joint_epoch));
            sums.maximise(&mut self.model, self.dataset, config, &hold)?;
        }
        self.learn_variances(joint_epoch);
        let train = self.progress.sums.record(&self.model);
        let validation = if self.split.validation.is_empty() {
            None
        } else {
            let rows = &self.split.validation;
            let evaluation = evaluate(&self.model, self.dataset, rows, config.posterior, self.options.seed)?;
            let n_independent = independent(self.dataset, rows);
            for (modality, noise) in self.model.modalities.iter_mut().zip(evaluation.noise) {
                let learned = matches!(modality.variance_config, DecoderVariance::Learned { .. });
                let of_training = learned.then_some(modality.variance);
                modality.noise = noise.map(|noise| steadied(noise, n_independent, of_training));
            }
            Some(evaluation.loss)
        };
        let best = phase == Phase::Joint && self.is_best(validation.as_ref().map_or(f64::NEG_INFINITY, |v| v.loss));
        let seconds = seconds_before + begun.elapsed().as_secs_f64();
        let record = EpochRecord {
            epoch,
            phase,
            seconds,
            train,
            validation,
            learning_rate: self.learning_rate(epoch, self.n_batches()),
            gradient_norm: self.progress.gradient_norms / self.n_batches() as f64,
            best,
        };
        self.progress.epochs = epoch;
        self.progress.batches = 0;
        self.progress.sums = LossSums::default();
        self.progress.gradient_norms = 0.0;
        self.progress.seconds += seconds;
        self.progress.epoch_seconds = 0.0;
        if best {
            self.progress.best = Some((epoch, record.validation.as_ref().map_or(record.train.loss, |v| v.loss)));
            self.save("best", observer)?;
        }
        observer.event(&Event::Epoch(&record));
        let since = epoch - self.progress.best.map_or(n_warmup, |(best, _)| best).min(epoch);
        if config.patience.is_some_and(|patience| phase == Phase::Joint && since >= patience) {
            observer.event(&Event::Note(&format!("no better validation loss for {since} epochs: stopping")));
            self.progress.finished = true;
        }
        self.save("last", observer)
    }

    fn begin_joint(&mut self, epoch: usize, observer: &mut dyn Observe) -> Result<()> {
        let (config, seed) = (&self.config.training, self.options.seed);
        if !config.start.from_data {
            // Algorithm 1 opens with an EM update.
            let sums = self.em_pass(epoch - 1, EmSums::new(&self.model))?;
            return sums.maximise(&mut self.model, self.dataset, config, &seeing::held(self.config, 1, false));
        }
        if self.start_modality().is_none() {
            let rows = &self.split.train;
            let note = start_in_latent_space(&mut self.model, self.dataset, rows, config, seed, epoch - 1)?;
            observer.event(&Event::Note(&note));
        }
        Ok(())
    }

    /// One pass that encodes all training samples; `epoch` names its random numbers.
    fn em_pass(&mut self, epoch: usize, sums: EmSums) -> Result<EmSums> {
        let (config, seed, rows) = (&self.config.training, self.options.seed, &self.split.train);
        em_pass(&self.model, self.dataset, rows, config, &mut self.step, seed, epoch, sums)
    }

    /// Centres that were placed are held for the first epochs; centres that were fitted are not.
    fn held(&self, joint_epoch: usize) -> bool {
        let start = &self.config.training.start;
        self.start_modality().is_some() && joint_epoch < start.hold_epochs
    }

    /// Where nothing else ties samples to clusters, the clusters found in data space do so for the first epochs.
    fn tied(&self, joint_epoch: usize) -> bool {
        let tied = self.config.training.start.tie_epochs;
        self.held(joint_epoch) || tied.is_some_and(|epochs| joint_epoch <= epochs)
    }

    fn batches(&mut self, epoch: usize, phase: Phase, observer: &mut dyn Observe, begun: Instant) -> Result<()> {
        let config = &self.config.training;
        let seed = self.options.seed;
        let mut order = self.split.train.clone();
        shuffle(&mut order, &mut generator(seed, Purpose::Shuffle, epoch, 0));
        let mut batch = Batch::default();
        let mut em = EmSums::new(&self.model);
        let keep: Vec<f64> = self.config.modalities.iter().map(|m| m.keep.unwrap_or(config.modality_keep)).collect();
        let n_latent = self.model.prior.n_latent();
        let joint = phase == Phase::Joint;
        let seconds_before = self.progress.epoch_seconds;
        for (k, rows) in order.chunks(config.batch_size).enumerate().skip(self.progress.batches) {
            Batches::new(self.dataset, &self.model.normalisations)?.gather(rows, &mut batch)?;
            let mut rng = generator(seed, Purpose::Batch, epoch, k);
            let eps = standard_normal(rows.len(), n_latent, &mut rng);
            let weight = self.model.draw_component(keep_modalities(&batch, &keep, &mut rng), &mut rng)?;
            augment(&mut batch, &self.model, &self.config.modalities, &mut rng);
            let at = At { epoch, batch: k + 1 };
            let forward = self.step.forward(
                &self.model,
                &batch,
                weight.view(),
                eps.view(),
                config.posterior,
                Mode::Train,
                true,
                at,
            )?;
            self.step.add_loss(&self.model, &batch, &forward, &mut self.progress.sums)?;
            if let EmWhen::Batches(_) = config.em.when {
                em.add(&self.step, &batch)?;
            }
            let rate = self.learning_rate(epoch, k);
            let norm = self.step.backward(
                &mut self.model,
                &batch,
                forward,
                config,
                rate,
                joint,
                &mut self.adam,
                &mut self.small,
                at,
            )?;
            self.progress.gradient_norms += norm;
            self.progress.batches = k + 1;
            let mut between_em_updates = false;
            if let EmWhen::Batches(every) = config.em.when {
                between_em_updates = (k + 1) % every != 0 && k + 1 < self.n_batches();
                if joint && !between_em_updates {
                    let joint_epoch = epoch - self.n_warmup();
                    let hold = seeing::held(self.config, joint_epoch, self.held(joint_epoch));
                    em.maximise(&mut self.model, self.dataset, config, &hold)?;
                    em = EmSums::new(&self.model);
                }
            }
            observer.event(&Event::Batch { epoch, batch: k + 1, so_far: &self.progress.sums.record(&self.model) });
            self.progress.epoch_seconds = seconds_before + begun.elapsed().as_secs_f64();
            let stop = self.is_to_stop();
            let due = self.since_checkpoint.elapsed().as_secs_f64() > config.checkpoint_minutes * 60.0;
            // Sums between two M-steps are not stored, so the state is complete only right after one.
            if (due || stop) && !between_em_updates && k + 1 < self.n_batches() {
                self.save("last", observer)?;
                if stop {
                    return Err(Error::Stopped { epoch });
                }
            }
        }
        Ok(())
    }

    fn is_to_stop(&self) -> bool {
        self.options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    fn learning_rate(&self, epoch: usize, batch: usize) -> f64 {
        let config = &self.config.training;
        match config.schedule {
            Schedule::Constant {} => config.learning_rate,
            Schedule::Cosine { final_fraction } => {
                let total = (self.n_warmup() + config.epochs) * self.n_batches();
                let done = (epoch - 1) * self.n_batches() + batch;
                let half = 0.5 * (1.0 + (std::f64::consts::PI * done as f64 / total as f64).cos());
                config.learning_rate * (final_fraction + (1.0 - final_fraction) * half)
            }
        }
    }

    /// The decoder variance's M-step, from the epoch's own reconstruction sums: R = lambda (d log v + SS / v) holds the squared error SS.
    fn learn_variances(&mut self, joint_epoch: usize) {
        for (m, modality) in self.model.modalities.iter_mut().enumerate() {
            let DecoderVariance::Learned { from_epoch } = modality.variance_config else { continue };
            if joint_epoch < from_epoch.max(1) {
                continue;
            }
            if let Some(mean) = self.progress.sums.reconstruction(m) {
                let v = modality.variance;
                let square = (mean / modality.weight - modality.shape.size() as f64 * v.ln()) * v;
                modality.variance = (square / modality.shape.size() as f64).max(VARIANCE_FLOOR);
            }
        }
    }

    fn is_best(&self, loss: f64) -> bool {
        self.progress.best.is_none_or(|(_, best)| loss <= best)
    }

    fn checkpoint_file(&self, name: &str) -> PathBuf {
        checkpoint_file(&self.options.checkpoints.clone().unwrap_or_default(), name)
    }

    fn save(&mut self, name: &str, observer: &mut dyn Observe) -> Result<()> {
        let file = self.checkpoint_file(name);
        let Self { model, adam, small, progress, .. } = &*self;
        // The last update may have blown the parameters up without a batch having shown it yet: such a state must not replace a good one.
        if !model.parameters.is_finite() {
            let (epoch, batch) = (progress.epochs + 1, progress.batches);
            return Err(Error::NotFinite { term: "parameters", value: f64::NAN, modality: None, epoch, batch });
        }
        if self.options.checkpoints.is_some() {
            checkpoint::save(&file, model, adam, small, progress, self.options.seed)?;
            self.since_checkpoint = Instant::now();
            observer.event(&Event::Checkpoint(&file));
        } else if name == "best" {
            self.best = Some(checkpoint::encode(&file, model, adam, small, progress, self.options.seed)?);
        }
        Ok(())
    }
}

fn checkpoint_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.safetensors"))
}

/// The checkpoint of a run's model.
pub(crate) fn best_checkpoint(folder: &Path) -> PathBuf {
    checkpoint_file(folder, "best")
}

/// The cluster posterior a config trains with.
impl ExperimentConfig {
    /// The cluster posterior in the loss, as evaluation must use it too for its loss to be comparable.
    pub fn posterior(&self) -> ClusterPosterior {
        self.training.posterior
    }
}
