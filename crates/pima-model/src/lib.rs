#![doc = include_str!("../README.md")]

// Everything a run needs to go on, in one file.
mod checkpoint;
// An experiment as a file describes it.
mod config;
// From a config to a dataset.
mod data;
// What can go wrong.
mod error;
// What a model makes of a split.
mod evaluate;
// An expert as a decoder.
mod expert;
// From some modalities to the others.
mod infer;
// Networks, experts, prior and normalisations together.
mod model;
// Events of a run.
mod observe;
// Random numbers by position.
mod randomness;
// What a model says in physical units.
mod report;
// The training loop and the recipes' starts.
mod train;

pub use checkpoint::load_model;
pub use config::{
    DataConfig, DataSource, DecoderVariance, EmConfig, EmWhen, ExperimentConfig, ExpertConfig, ExpertUpdate,
    ModalityConfig, ModelConfig, Recipe, Schedule, SeesLatent, SourceConfig, StartConfig, TrainingConfig, WeightUpdate,
};
pub use data::{DataLocations, known_states, load_data};
pub use error::{Error, Result};
pub use evaluate::{AloneEvaluation, Evaluation, Scores, cross_modal_errors, evaluate};
pub use infer::{Engine, InferOptions, Inference, InferredParameters, Prediction};
pub use model::Model;
pub use observe::{EpochRecord, Event, LossRecord, Observe, Phase};
pub use report::{IdentifiedExpert, SampleParameters, class_mean_errors, true_class_means, truth_correlations};
pub use train::{TrainOptions, TrainOutcome, train};
