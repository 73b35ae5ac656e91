//! The errors of assembling, training and storing a model.

use std::path::PathBuf;

/// What can go wrong from a config to a trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A config cannot be used.
    #[error("{}: {message}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong, where, and what to do.
        message: String,
    },
    /// A modality asks for something its data cannot give.
    #[error("modality {modality:?}: {problem}")]
    Modality {
        /// The modality.
        modality: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A term of the loss stopped being finite; the last checkpoint is from before it.
    #[error(
        "the {term} term of the loss is {value} at epoch {epoch}, batch {batch}{}; train again with a lower learning_rate, or with training.adam.clip_norm; the last checkpoint is from before it",
        modality.as_ref().map(|m| format!(" (modality {m:?})")).unwrap_or_default()
    )]
    NotFinite {
        /// reconstruction, cluster, categorical, entropy, encoding, gradient or refit.
        term: &'static str,
        /// Its value.
        value: f64,
        /// The modality it comes from, where one can be named.
        modality: Option<String>,
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
    },
    /// No sample has every modality.
    #[error(
        "none of the {n} samples to train on has every modality: set training.complete_only to false, or measure some samples in every way"
    )]
    NothingComplete {
        /// Samples to train on.
        n: usize,
    },
    /// A checkpoint cannot be used.
    #[error("checkpoint {}: {problem}", file.display())]
    Checkpoint {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A sample has none of the modalities that inference is to start from.
    #[error(
        "row {row}: has none of the given modalities, so nothing can be inferred for it; leave the row out, or give more modalities"
    )]
    NothingSeen {
        /// The row of the dataset, from 0.
        row: usize,
    },
    /// Inference was asked for in a way that makes no sense.
    #[error("inference: {problem}")]
    Infer {
        /// What is wrong and what to do.
        problem: String,
    },
    /// Training was asked to stop; the state is in the last checkpoint.
    #[error("stopped at epoch {epoch}; continue with --resume")]
    Stopped {
        /// The epoch that was under way, from 1.
        epoch: usize,
    },
    /// From the data.
    #[error(transparent)]
    Data(#[from] pima_data::Error),
    /// From the mathematics.
    #[error(transparent)]
    Core(#[from] pima_core::Error),
    /// From an expert model.
    #[error("expert of {modality:?}: {source}")]
    Expert {
        /// The modality.
        modality: String,
        /// The cause.
        source: pima_experts::Error,
    },
    /// From fitting an expert to a cluster.
    #[error("expert of {modality:?}, cluster {cluster}: {source}")]
    ExpertFit {
        /// The modality.
        modality: String,
        /// The cluster.
        cluster: usize,
        /// The cause.
        source: pima_core::ExpertError,
    },
    /// From a network.
    #[error(transparent)]
    Nets(#[from] pima_nets::Error),
    /// From libtorch.
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
