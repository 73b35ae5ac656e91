#![doc = include_str!("../README.md")]

// Whether predictions are as uncertain as they say.
mod calibration;
// How many parameters generate.
mod complexity;
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
// How large the values of training samples are.
mod extent;
// An expert as a decoder.
mod expert;
// What the modalities of a sample say together.
mod fuse;
// From points of the latent space to all modalities.
mod generate;
// From some modalities to the others.
mod infer;
// Networks, experts, prior and normalisations together.
mod model;
// Events of a run.
mod observe;
// Simpler methods to measure a model against.
mod peers;
// Experts whose basis comes from the data.
mod principal;
// Random numbers by position.
mod randomness;
// Encoders that learn alone what all modalities know together.
mod refit;
// What a model says in physical units.
mod report;
// Single samples: which are typical, and what is predicted of them.
mod samples;
// The training loop and the recipes' starts.
mod train;

pub use calibration::{Calibration, Coverage, calibration};
pub use checkpoint::load_model;
pub use config::{
    DataConfig, DataSource, DecoderVariance, EmConfig, EmWhen, ExperimentConfig, ExpertConfig, ExpertUpdate,
    ModalityConfig, ModelConfig, PeersConfig, Place, Recipe, RefitConfig, RefitObjective, Schedule, SeesLatent,
    SourceConfig, StartConfig, TrainingConfig, WeightUpdate, read_toml,
};
pub use data::{DataLocations, ModalitySurvey, Survey, known_states, load_data, survey, survey_loaded};
pub use error::{Error, Result};
pub use evaluate::{AloneEvaluation, Evaluation, Scores, cross_modal_errors, evaluate};
pub use extent::{Extent, FAR, root_mean_square};
pub use generate::{Generated, LatentPoints};
pub use infer::{Engine, InferOptions, Inference, InferredParameters, Prediction, Score};
pub use model::Model;
pub use observe::{EpochRecord, Event, LossRecord, Observe, Phase, RefitRecord};
pub use peers::{PeerEvaluation, Peers, compare_with_peers};
pub use refit::{RefitAbout, refit};
pub use report::{IdentifiedExpert, SampleParameters, class_mean_errors, true_class_means, truth_correlations};
pub use samples::{infer_rows, nearest_samples, predicted_from};
pub use train::{TrainOptions, TrainOutcome, train};
