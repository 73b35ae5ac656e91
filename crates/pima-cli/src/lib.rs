#![doc = include_str!("../README.md")]

// Figures of a run.
mod plots;
// A run as one page of HTML.
mod report;
// Where a run keeps what, and how it is read and written.
mod run_directory;
// Scores as rows of text.
mod scores;
// What a run was and how well it did.
mod summary;
// Where a sweep keeps what.
mod sweep_directory;

pub use plots::{Drawing, draw, draw_all, draw_sweep, with_error};
pub use report::{Report, report};
pub use run_directory::{
    Checkpoint, EpochRecord, Existing, InferenceExamples, InferredValues, LossTerms, MetricsRecord,
    ModalityPredictions, NewRun, ParameterRow, ParameterTable, Predictions, RunDirectory, RunRecord, SampleRow,
};
pub use scores::{ScoreRow, Scores, significant};
pub use summary::{ExpertCluster, ExpertSummary, ModalityAxes, SplitSummary, Splits, Summary};
pub use sweep_directory::{ClustersRecord, SweepDirectory, SweepParameter, SweepRecord, TrialRecord, TrialStatus};
