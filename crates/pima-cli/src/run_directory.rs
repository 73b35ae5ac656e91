//! A run is a directory, and this module alone knows what lies where in it.
//!
//! | path | written | holds |
//! |---|---|---|
//! | `config.toml` | at the start | the configuration as resolved, all defaults filled in |
//! | `metrics.jsonl` | as training goes | one [`MetricsRecord`] a line |
//! | `checkpoints/{last,best}.safetensors` | as training goes | weights and states |
//! | `summary.json` | at the end | [`Summary`] |
//! | `samples.csv` | at the end | every sample of every split: its cluster and its place in latent space |
//! | `parameters.csv` | at the end | what experts identified of every specimen, where it is its own |
//! | `predictions.npz` | at the end | [`Predictions`] for the test split |
//! | `inference.npz` | at the end | [`InferenceExamples`]: test samples inferred from one modality each |
//! | `tensorboard/` | as training goes, on request | TensorBoard's event files |
//! | `report.html` | on request | everything as one page |
//! | `plots/` | at the end | figures, drawn from the files above alone |
//! | `.pima-run` | at the start | nothing; marks the directory as a run and is locked by the process that writes to it |
//!
//! Every file but the growing `metrics.jsonl` is written beside, synced and renamed, so a reader finds it whole or not
//! at all.

pub(crate) mod atomic;
mod inference;
pub(crate) mod lifetime;
mod metrics;
pub(crate) mod numbers;
mod parameters;
mod predictions;
mod samples;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use pima_data::nearest_name;

use crate::summary::Summary;

pub use inference::{InferenceExamples, InferredValues};
pub use lifetime::{Existing, NewRun};
pub use metrics::{EpochRecord, LossTerms, MetricsRecord, RunRecord};
pub use parameters::{ParameterRow, ParameterTable};
pub use predictions::{ModalityPredictions, Predictions};
pub use samples::SampleRow;

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const SUMMARY: &str = "summary.json";
const SAMPLES: &str = "samples.csv";
const PARAMETERS: &str = "parameters.csv";
const PREDICTIONS: &str = "predictions.npz";
const INFERENCE: &str = "inference.npz";
const REPORT: &str = "report.html";
const CHECKPOINTS: &str = "checkpoints";
const PLOTS: &str = "plots";
const EVENTS: &str = "tensorboard";
/// What a run owns in its directory; whatever else lies there is not ours to touch.
const OWNED: [&str; 11] =
    [CONFIG, METRICS, SUMMARY, SAMPLES, PARAMETERS, PREDICTIONS, INFERENCE, REPORT, CHECKPOINTS, PLOTS, EVENTS];
/// Marks a directory as a run; its lock is held by the process that trains.
const MARKER: &str = ".pima-run";
/// Where a run that is being replaced waits until its successor has trained.
const REPLACED: &str = ".replaced";
/// Where its files are on their way there or back.
const MOVING: &str = ".replaced.moving";

/// What to name where a run is wanted.
const RUN_IS: &str = "a run is the folder that pima train writes (--out)";

/// The first runs in a folder, if there are any.
fn runs_in(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut runs: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(CONFIG).is_file() && path.join(METRICS).is_file())
        .map(|path| path.display().to_string())
        .collect();
    runs.sort();
    runs.truncate(3);
    if runs.is_empty() { String::new() } else { format!("; here is {}", runs.join(", ")) }
}

/// Which of a run's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// The newest, to continue from.
    Last,
    /// The one of the lowest validation loss, to predict with.
    Best,
}

/// A run's directory.
#[derive(Debug)]
pub struct RunDirectory {
    root: PathBuf,
    /// Keeps other processes from writing here; only readers go without.
    _lock: Option<File>,
}

impl RunDirectory {
    /// Opens an existing run to read it, and to draw its plots.
    ///
    /// # Errors
    /// `root` is no directory, or holds none of `config.toml`, `metrics.jsonl` and `summary.json`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            let advice = match Some(&root).filter(|root| !root.exists()).and_then(|root| nearest_name(root)) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("{RUN_IS}{}", runs_in(Path::new("runs"))),
            };
            bail!("{}: no such run directory; {advice}", root.display());
        }
        if ![CONFIG, METRICS, SUMMARY].iter().any(|name| root.join(name).is_file()) {
            bail!(
                "{}: not a run directory ({CONFIG}, {METRICS} and {SUMMARY} are all missing); {RUN_IS}{}",
                root.display(),
                runs_in(&root)
            );
        }
        Ok(Self { root, _lock: None })
    }

    /// Opens an existing run to continue it. Nobody else can do so until the value is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open), and another process is writing to the run.
    pub fn open_to_continue(root: impl Into<PathBuf>) -> Result<Self> {
        let mut run = Self::open(root)?;
        run._lock = lifetime::lock(&run.root)?;
        Ok(run)
    }

    /// Starts a run in `root`, which is made along with its parents. See [`NewRun`] for what becomes of it on failure.
    ///
    /// # Errors
    /// `root` already holds a run and `existing` is [`Existing::Refuse`]; `root` is no directory, or has files that look
    /// like a run's but is not marked as one; another process is writing there.
    pub fn create(root: impl Into<PathBuf>, existing: Existing) -> Result<NewRun> {
        NewRun::create(root.into(), existing)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.toml`.
    pub fn config_path(&self) -> PathBuf {
        self.root.join(CONFIG)
    }

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.root.join(METRICS)
    }

    /// `summary.json`.
    pub fn summary_path(&self) -> PathBuf {
        self.root.join(SUMMARY)
    }

    /// `samples.csv`.
    pub fn samples_path(&self) -> PathBuf {
        self.root.join(SAMPLES)
    }

    /// `parameters.csv`.
    pub fn parameters_path(&self) -> PathBuf {
        self.root.join(PARAMETERS)
    }

    /// `predictions.npz`.
    pub fn predictions_path(&self) -> PathBuf {
        self.root.join(PREDICTIONS)
    }

    /// `inference.npz`.
    pub fn inference_path(&self) -> PathBuf {
        self.root.join(INFERENCE)
    }

    /// `report.html`.
    pub fn report_path(&self) -> PathBuf {
        self.root.join(REPORT)
    }

    /// `tensorboard/`.
    pub fn events_path(&self) -> PathBuf {
        self.root.join(EVENTS)
    }

    /// `checkpoints/`.
    pub fn checkpoints_path(&self) -> PathBuf {
        self.root.join(CHECKPOINTS)
    }

    /// The checkpoint that holds the run's model: the best epoch's, or the last where there is no best yet.
    ///
    /// # Errors
    /// The run has no checkpoint yet.
    pub fn model_path(&self) -> Result<PathBuf> {
        let files = [Checkpoint::Best, Checkpoint::Last].map(|which| self.checkpoint_path(which));
        let found = files.into_iter().find(|file| file.is_file());
        found.with_context(|| format!("{}: the run has no checkpoint yet", self.root.display()))
    }

    /// The file of one checkpoint.
    pub fn checkpoint_path(&self, which: Checkpoint) -> PathBuf {
        self.checkpoints_path().join(match which {
            Checkpoint::Last => "last.safetensors",
            Checkpoint::Best => "best.safetensors",
        })
    }

    /// `plots/`.
    pub fn plots_path(&self) -> PathBuf {
        self.root.join(PLOTS)
    }

    /// Whether an epoch was logged, a checkpoint written or the run finished: whether there is training time to lose.
    pub fn has_trained(&self) -> bool {
        lifetime::has_trained(&self.root)
    }

    /// Writes the configuration as resolved.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_config(&self, text: &str) -> Result<()> {
        atomic::write_bytes(&self.config_path(), text.as_bytes())
    }

    /// Reads the configuration, into its own type or a [`toml::Table`].
    ///
    /// # Errors
    /// The file is missing or not such a configuration.
    pub fn read_config<T: DeserializeOwned>(&self) -> Result<T> {
        let path = self.config_path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{}: not a valid configuration", path.display()))
    }

    /// Writes the summary.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        let mut text = serde_json::to_string_pretty(summary).context("the summary is not valid JSON")?;
        text.push('\n');
        atomic::write_bytes(&self.summary_path(), text.as_bytes())
    }

    /// Reads the summary.
    ///
    /// # Errors
    /// The file is missing or no summary.
    pub fn read_summary(&self) -> Result<Summary> {
        let path = self.summary_path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}: not a valid summary", path.display()))
    }

    /// Appends a line to the metrics: a [`MetricsRecord`], or any record with an `event` key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append_metrics<T: Serialize>(&self, record: &T) -> Result<()> {
        metrics::append(&self.metrics_path(), record)
    }

    /// Reads the metrics.
    ///
    /// # Errors
    /// The file is missing, or a line of it is no record.
    pub fn read_metrics(&self) -> Result<Vec<MetricsRecord>> {
        metrics::read(&self.metrics_path())
    }

    /// Drops the metrics of the epochs after `last_epoch`, so that a run continued from an older checkpoint logs none
    /// twice.
    ///
    /// # Errors
    /// The file cannot be read or written; its absence is none.
    pub fn truncate_metrics(&self, last_epoch: usize) -> Result<()> {
        metrics::truncate_after(&self.metrics_path(), last_epoch)
    }

    /// Seconds that the run had taken when it last logged an epoch or a checkpoint, over all its resumptions.
    ///
    /// # Errors
    /// The metrics cannot be read; their absence is none.
    pub fn read_wall_seconds(&self) -> Result<f64> {
        metrics::wall_seconds(&self.metrics_path())
    }

    /// Writes the table of all samples, of a model of these modalities and of l latent dimensions.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_samples(
        &self,
        modalities: &[String],
        n_latent: usize,
        rows: impl IntoIterator<Item = SampleRow>,
    ) -> Result<()> {
        samples::write(&self.samples_path(), modalities, n_latent, rows)
    }

    /// Names of the test samples, in the order of the predictions.
    ///
    /// # Errors
    /// The file is missing or no such table.
    pub fn read_test_names(&self) -> Result<Vec<String>> {
        samples::test_names(&self.samples_path())
    }

    /// Writes the predictions.
    ///
    /// # Errors
    /// The arrays disagree on their sizes, or the file cannot be written.
    pub fn write_predictions(&self, predictions: &Predictions) -> Result<()> {
        predictions.write(&self.predictions_path())
    }

    /// Reads the predictions.
    ///
    /// # Errors
    /// The file is missing, lacks an array, or its arrays disagree on their sizes.
    pub fn read_predictions(&self) -> Result<Predictions> {
        Predictions::read(&self.predictions_path())
    }

    /// Writes the examples of inference.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_inference(&self, examples: &InferenceExamples) -> Result<()> {
        examples.write(&self.inference_path())
    }

    /// Reads the examples of inference between these modalities.
    ///
    /// # Errors
    /// The file cannot be read, or its arrays do not fit each other.
    pub fn read_inference(&self, modalities: &[String]) -> Result<InferenceExamples> {
        InferenceExamples::read(&self.inference_path(), modalities)
    }

    /// Writes a file of `plots/` and returns its path. `write` is given the path to write to.
    pub(crate) fn write_plot(&self, name: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let directory = self.plots_path();
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("{}: cannot make the directory", directory.display()))?;
        let path = directory.join(name);
        atomic::replace(&path, write)?;
        Ok(path)
    }

    /// Removes a file of `plots/` if it is there.
    pub(crate) fn remove_plot(&self, name: &str) -> Result<()> {
        let path = self.plots_path().join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot remove", path.display()))
            }
            _ => Ok(()),
        }
    }
}
