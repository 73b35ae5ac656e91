//! The parts of the `pima` program that other programs and tests may use: run directories and the figures drawn from them.

// Where a run keeps what, and how it is read and written.
mod run_directory;
// What a run was and how well it did.
mod summary;

pub use run_directory::{
    Checkpoint, EpochRecord, Existing, LossTerms, MetricsRecord, ModalityPredictions, NewRun, Predictions, RunDirectory,
};
pub use summary::{ExpertCluster, ExpertSummary, ModalityAxes, SplitSummary, Splits, Summary};
