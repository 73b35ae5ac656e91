#![doc = include_str!("../README.md")]

// Figures of a run.
mod plots;
// Where a run keeps what, and how it is read and written.
mod run_directory;
// What a run was and how well it did.
mod summary;

pub use plots::{Drawing, draw, draw_all};
pub use run_directory::{
    Checkpoint, EpochRecord, Existing, InferenceExamples, InferredValues, LossTerms, MetricsRecord,
    ModalityPredictions, NewRun, Predictions, RunDirectory, RunRecord,
};
pub use summary::{ExpertCluster, ExpertSummary, ModalityAxes, SplitSummary, Splits, Summary};
