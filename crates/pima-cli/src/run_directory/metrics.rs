//! `metrics.jsonl`: one JSON object a line, appended as training goes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{atomic, numbers};

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum MetricsRecord {
    /// The run began. Titles of the figures are taken from it until there is a summary.
    Run(Box<RunRecord>),
    /// An epoch ended.
    Epoch(Box<EpochRecord>),
    /// An event that this version has no use for.
    #[serde(other)]
    Other,
}

/// What a run is, known before its first epoch; the keys are those of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Short name of the experiment.
    pub experiment: String,
    /// The experiment in words; may be empty.
    #[serde(default)]
    pub title: String,
    /// Name of the data that were found.
    pub dataset: String,
    /// Seed of every random number of the run.
    pub seed: u64,
}

/// What an epoch came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Phase of the training recipe, e.g. "warm-up" or "joint".
    #[serde(default)]
    pub phase: String,
    /// Time the epoch took, seconds.
    #[serde(default, deserialize_with = "numbers::number")]
    pub seconds: f64,
    /// Means per sample over the training split, as met during the epoch.
    #[serde(default)]
    pub train: LossTerms,
    /// Means per sample over the validation split, after the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<LossTerms>,
    /// Learning rate of the networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
}

/// Terms of the loss, means per sample: `loss = recon + cluster + categorical - entropy`. Absent where a phase has no
/// such term.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LossTerms {
    /// The whole loss, minus twice the evidence lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Reconstruction, all modalities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recon: Option<f64>,
    /// Distance of the posterior from the clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<f64>,
    /// Twice the divergence of the cluster posterior from the mixture weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categorical: Option<f64>,
    /// Entropy of the latent posterior, `sum_j (1 + log var_j)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Reconstruction by modality.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub recon_by_modality: BTreeMap<String, f64>,
    /// Unsupervised accuracy, in `[0, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// Appends one line. A half-written last line, left by a process that was killed, is cut off first.
pub(super) fn append<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    let mut line =
        serde_json::to_string(record).with_context(|| format!("{}: cannot write the record", path.display()))?;
    line.push('\n');
    let append = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let end = end_of_last_line(&mut file)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        // One write a line, so that a reader never meets the half of one unless the machine fails.
        file.write_all(line.as_bytes())?;
        file.sync_data()
    };
    append().with_context(|| format!("{}: cannot append", path.display()))
}

/// Reads every record. A last line without its newline is one that is still being written, and is left out.
///
/// # Errors
/// A line that is no record, with its number.
pub(super) fn read(path: &Path) -> Result<Vec<MetricsRecord>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
    whole_lines(&text)
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("{}: line {number} is not a record", path.display()))
        })
        .collect()
}

/// Drops the epochs after `last_epoch` and what was logged after the first of them, as a run does that continues from
/// an older checkpoint.
pub(super) fn truncate_after(path: &Path, last_epoch: usize) -> Result<()> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot read", path.display())),
    };
    let mut kept = String::new();
    for (_, line) in whole_lines(&text) {
        if matches!(serde_json::from_str(line), Ok(MetricsRecord::Epoch(record)) if record.epoch > last_epoch) {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    atomic::write_bytes(path, kept.as_bytes())
}

/// The largest `wall_seconds` of any line: how long the run has taken over all sessions; 0 for a run without such lines.
pub(super) fn wall_seconds(path: &Path) -> Result<f64> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0.0),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot read", path.display())),
    };
    let lines = whole_lines(&text).filter_map(|(_, line)| serde_json::from_str::<serde_json::Value>(line).ok());
    Ok(lines.filter_map(|line| line.get("wall_seconds")?.as_f64()).fold(0.0, f64::max))
}

/// The lines that end in a newline and are not blank, with their numbers from 1.
fn whole_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty())
}

/// Offset just after the last newline.
fn end_of_last_line(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0_u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let bytes = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(bytes)?;
        if let Some(newline) = bytes.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
