//! What a sweep writes down: one record of the whole, and one of each trial.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Contents of `sweep.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// Version of the program.
    pub pima_version: String,
    /// Short name of the experiment that is varied.
    pub experiment: String,
    /// The experiment in words; may be empty.
    pub title: String,
    /// Name of the data that were found.
    pub dataset: String,
    /// The sweep's file as read, defaults filled in.
    pub settings: Value,
    /// "random", "bayesian" or "grid".
    pub method: String,
    /// What trials are compared by: `loss`, `elbo` or `rmse.NAME`, of the validation split.
    pub objective: String,
    /// Whether a larger objective is a better one.
    pub larger_is_better: bool,
    /// Seed of the suggestions.
    pub seed: u64,
    /// Seed of every training: all trials see the same split.
    pub run_seed: u64,
    /// Number of trials asked for.
    pub n_trials: usize,
    /// Trainings at a time, as last run.
    pub workers: usize,
    /// Processor threads of each training.
    pub threads: usize,
    /// What is varied, in the order of the file.
    pub parameters: Vec<SweepParameter>,
    /// "running", "interrupted" or "finished".
    pub status: String,
    /// Number of the best trial, once one has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
    /// By number of clusters, where that is varied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClustersRecord>,
}

/// One key that is varied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepParameter {
    /// The key, with modalities by name.
    pub key: String,
    /// Ends of the range; absent where there are `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    /// Whether the range is searched in the logarithm.
    pub log: bool,
    /// Whether values are whole numbers.
    pub integer: bool,
    /// The values to choose from; empty where there is a range.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// How a trial stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialStatus {
    /// Suggested, and under way or about to be.
    #[default]
    Running,
    /// Stopped by the user with a checkpoint; `--resume` goes on with it.
    Interrupted,
    /// Trained to its end.
    Finished,
    /// Stopped early, because it was worse than half of the others; its checkpoint is kept.
    Stopped,
    /// Came to nothing; `reason` says why.
    Failed,
}

impl TrialStatus {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// One line of `trials.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Number of the trial, from 0.
    pub trial: usize,
    /// How it stands.
    pub status: TrialStatus,
    /// What it is compared by; of a trial that was stopped, as far as it came. Absent where there is none.
    #[serde(default)]
    pub objective: Option<f64>,
    /// Values by key.
    pub parameters: BTreeMap<String, Value>,
    /// Lowest validation loss.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Epoch of it.
    #[serde(default)]
    pub best_epoch: Option<usize>,
    /// Epochs trained, a warm-up included.
    #[serde(default)]
    pub epochs: Option<usize>,
    /// Seconds it took.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Why it failed, or was stopped.
    #[serde(default)]
    pub reason: Option<String>,
    /// Exit code of a training that failed; absent where it was ended from outside.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// Its run directory, within the sweep's.
    #[serde(default)]
    pub run: String,
}

impl TrialRecord {
    /// Whether its objective may be compared with others': it came to its end.
    pub fn counts(&self) -> bool {
        self.status == TrialStatus::Finished && self.objective.is_some()
    }
}

/// What the trials of one number of clusters came to. No labels enter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClustersRecord {
    /// Number of clusters N that was trained with.
    pub clusters: usize,
    /// Finished trials with it.
    pub trials: usize,
    /// The best of them, of which the rest is.
    pub trial: usize,
    /// Evidence lower bound per validation sample, nats.
    pub elbo: f64,
    /// Training samples D.
    pub n_samples: usize,
    /// Free parameters p of the generative model.
    pub n_parameters: usize,
    /// Bayesian information criterion of the whole model on the training samples, `p ln D + D loss`: `loss` is minus twice the evidence lower bound per sample.
    pub bic: f64,
    /// Bayesian information criterion of mixtures of 1, 2, ... Gaussians fitted to the posterior means of the training samples.
    pub latent_bic: Vec<f64>,
    /// Points that it was computed from.
    pub n_points: usize,
    /// Number of Gaussians at which it is least.
    pub latent_clusters: usize,
}
