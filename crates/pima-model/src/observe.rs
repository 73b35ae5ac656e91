//! What a training run tells whoever watches it. Writers of files, progress bars and trackers live elsewhere.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// Part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// All clusters alike: the networks find a latent space before the mixture is fitted in it.
    Warmup,
    /// Networks, mixture and experts together.
    Joint,
}

/// Means per sample of the loss and its terms (minus eq. 13 of 2023, scaled by 2): loss = recon + cluster + categorical - entropy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LossRecord {
    /// Minus twice the ELBO, constants dropped.
    pub loss: f64,
    /// Reconstruction, all modalities.
    pub recon: f64,
    /// Divergence from the component.
    pub cluster: f64,
    /// Divergence of the cluster posterior from the mixture weights.
    pub categorical: f64,
    /// Entropy of the latent posterior.
    pub entropy: f64,
    /// Reconstruction of each modality.
    pub recon_by_modality: BTreeMap<String, f64>,
    /// Unsupervised accuracy, where labels exist; for reporting only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// One epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1, warm-up included.
    pub epoch: usize,
    /// Which part of the run.
    pub phase: Phase,
    /// Time it took, validation included.
    pub seconds: f64,
    /// Over the epoch's batches while they were trained on.
    pub train: LossRecord,
    /// After the epoch.
    pub validation: Option<LossRecord>,
    /// Adam's step size at the end.
    pub learning_rate: f64,
    /// Mean norm of the gradient.
    pub gradient_norm: f64,
    /// Whether this is the best model so far by validation loss.
    pub best: bool,
}

/// One epoch of the refit of one modality's encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefitRecord {
    /// The modality.
    pub modality: String,
    /// From 1.
    pub epoch: usize,
    /// How many there are to be.
    pub epochs: usize,
    /// Mean per sample of the divergences from the multimodal posterior, nats, over the epoch's batches while they were trained on.
    pub loss: f64,
    /// The same at the posterior's mean on the validation samples after the epoch; `None` where there are none that have another modality too.
    pub validation: Option<f64>,
    /// Time it took.
    pub seconds: f64,
}

/// Something happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins, or goes on from a checkpoint.
    Started {
        /// Epochs in all, warm-up included.
        n_epochs: usize,
        /// Epochs already done.
        done: usize,
        /// Batches an epoch.
        n_batches: usize,
    },
    /// A one-line remark on what is being done (the start from the data, an early stop).
    Note(&'a str),
    /// A batch was trained on.
    Batch {
        /// From 1.
        epoch: usize,
        /// From 1.
        batch: usize,
        /// Means over the epoch so far.
        so_far: &'a LossRecord,
    },
    /// An epoch ended.
    Epoch(&'a EpochRecord),
    /// An epoch of the refit of an encoder ended.
    Refit(&'a RefitRecord),
    /// A checkpoint was written.
    Checkpoint(&'a PathBuf),
}

/// Receives the events of a run.
pub trait Observe {
    /// Called as things happen, on the training thread: return quickly.
    fn event(&mut self, event: &Event<'_>);
}

/// Watches nothing.
impl Observe for () {
    fn event(&mut self, _: &Event<'_>) {}
}
