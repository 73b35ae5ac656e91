//! A sweep is a directory of runs, and this module alone knows what lies where in it.
//!
//! | path | holds |
//! |---|---|
//! | `sweep.json` | [`SweepRecord`] |
//! | `trials.jsonl` | one [`TrialRecord`] a line, in the order in which they were suggested |
//! | `base.toml` | the configuration that is varied, all defaults filled in |
//! | `trials/007.toml` | the configuration of trial 7; `pima train` takes it |
//! | `trials/007/` | its run directory |
//! | `trials/007.log` | what its training said |
//! | `table.csv` | the trials, best first |
//! | `plots/` | figures, drawn from `sweep.json` and `trials.jsonl` alone |
//! | `.pima-sweep` | nothing; marks the directory as a sweep and is locked by the process that runs it |

mod records;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run_directory::atomic;
use crate::run_directory::lifetime::lock_by;

pub use records::{ClustersRecord, SweepParameter, SweepRecord, TrialRecord, TrialStatus};

const SWEEP: &str = "sweep.json";
const TRIALS: &str = "trials.jsonl";
const RUNS: &str = "trials";
const BASE: &str = "base.toml";
const TABLE: &str = "table.csv";
const PLOTS: &str = "plots";
/// What a sweep owns in its directory.
const OWNED: [&str; 6] = [SWEEP, TRIALS, RUNS, BASE, TABLE, PLOTS];
const MARKER: &str = ".pima-sweep";

/// A sweep's directory.
#[derive(Debug)]
pub struct SweepDirectory {
    root: PathBuf,
    /// Keeps other processes from writing here; only readers go without.
    _lock: Option<File>,
}

impl SweepDirectory {
    /// Opens an existing sweep to read it.
    ///
    /// # Errors
    /// `root` holds no sweep.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            bail!("{}: no such directory", root.display());
        }
        if !root.join(SWEEP).is_file() {
            bail!("{}: holds no sweep ({SWEEP} is missing)", root.display());
        }
        Ok(Self { root, _lock: None })
    }

    /// Opens an existing sweep to go on with it. Nobody else can do so until the value is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open), and another process is running the sweep.
    pub fn open_to_continue(root: impl Into<PathBuf>) -> Result<Self> {
        let mut directory = Self::open(root)?;
        directory._lock = lock_by(&directory.root, MARKER, "sweep")?;
        Ok(directory)
    }

    /// Begins a sweep in `root`, which is made along with its parents. With `replace`, a sweep that is there goes, with all its runs.
    ///
    /// # Errors
    /// A sweep is there and `replace` is not set; there are other files of these names; another process is running the sweep that is there.
    pub fn create(root: impl Into<PathBuf>, replace: bool) -> Result<Self> {
        let root = root.into();
        let marked = root.join(MARKER).exists();
        let found: Vec<&str> = OWNED.into_iter().filter(|name| root.join(name).symlink_metadata().is_ok()).collect();
        if !found.is_empty() {
            let names = found.join(", ");
            if !marked {
                bail!("{}: holds {names}, and no sweep of this program: choose another directory", root.display());
            }
            if !replace {
                bail!(
                    "{}: already holds a sweep: continue it with --resume, replace it with --force, or choose another --out",
                    root.display()
                );
            }
        }
        std::fs::create_dir_all(&root).with_context(|| format!("{}: cannot make the directory", root.display()))?;
        let lock = lock_by(&root, MARKER, "sweep")?;
        for name in found {
            let path = root.join(name);
            let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            gone.with_context(|| format!("{}: cannot remove", path.display()))?;
        }
        let runs = root.join(RUNS);
        std::fs::create_dir(&runs).with_context(|| format!("{}: cannot make the directory", runs.display()))?;
        Ok(Self { root, _lock: lock })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `base.toml`.
    pub fn base_path(&self) -> PathBuf {
        self.root.join(BASE)
    }

    /// `table.csv`.
    pub fn table_path(&self) -> PathBuf {
        self.root.join(TABLE)
    }

    /// `plots/`.
    pub fn plots_path(&self) -> PathBuf {
        self.root.join(PLOTS)
    }

    /// The run directory of a trial.
    pub fn run_path(&self, trial: usize) -> PathBuf {
        self.root.join(Self::run_name(trial))
    }

    /// The same, within the sweep's.
    pub fn run_name(trial: usize) -> String {
        format!("{RUNS}/{trial:03}")
    }

    /// The configuration of a trial.
    pub fn config_path(&self, trial: usize) -> PathBuf {
        self.root.join(format!("{RUNS}/{trial:03}.toml"))
    }

    /// What the training of a trial said.
    pub fn log_path(&self, trial: usize) -> PathBuf {
        self.root.join(format!("{RUNS}/{trial:03}.log"))
    }

    /// Writes the configuration that is varied.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_base(&self, text: &str) -> Result<()> {
        atomic::write_bytes(&self.base_path(), text.as_bytes())
    }

    /// Writes the configuration of a trial.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_config(&self, trial: usize, text: &str) -> Result<()> {
        atomic::write_bytes(&self.config_path(trial), text.as_bytes())
    }

    /// Writes the record of the whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_sweep(&self, record: &SweepRecord) -> Result<()> {
        let mut text = serde_json::to_string_pretty(record).context("the record of the sweep is not valid JSON")?;
        text.push('\n');
        atomic::write_bytes(&self.root.join(SWEEP), text.as_bytes())
    }

    /// Reads the record of the whole.
    ///
    /// # Errors
    /// The file is missing or no such record.
    pub fn read_sweep(&self) -> Result<SweepRecord> {
        let path = self.root.join(SWEEP);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}: not the record of a sweep", path.display()))
    }

    /// Writes the trials, all of them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_trials(&self, trials: &[TrialRecord]) -> Result<()> {
        let mut text = String::new();
        for trial in trials {
            text += &serde_json::to_string(trial).context("the record of a trial is not valid JSON")?;
            text.push('\n');
        }
        atomic::write_bytes(&self.root.join(TRIALS), text.as_bytes())
    }

    /// Reads the trials; none where there is no file yet.
    ///
    /// # Errors
    /// The file cannot be read, a line of it is no record, or the numbers are not 0, 1, 2 ...
    pub fn read_trials(&self) -> Result<Vec<TrialRecord>> {
        let path = self.root.join(TRIALS);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
        let mut trials = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = || format!("{}: line {} is not the record of trial {}", path.display(), number + 1, trials.len());
            let trial: TrialRecord = serde_json::from_str(line).with_context(at)?;
            if trial.trial != trials.len() {
                bail!(at());
            }
            trials.push(trial);
        }
        Ok(trials)
    }

    /// Writes the table.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_table(&self, bytes: &[u8]) -> Result<()> {
        atomic::write_bytes(&self.table_path(), bytes)
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
}
