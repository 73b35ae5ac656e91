//! One training run: what it is, where it goes, and whether it is to be kept, resumed or started.
//!
//! Beside a run directory lies what it was launched with (`seed-0.launch.json`). A run counts for a table only if that is what would be launched now.

use super::Options;
use super::summary::Summary;
use super::table::{Experiment, Row};
use crate::setup::Data;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A run of one row with one seed.
pub(super) struct Launch {
    config: PathBuf,
    seed: u64,
    recipe: Option<String>,
    device: Option<String>,
    /// Of the program, where several runs share the machine.
    threads: Option<usize>,
    /// The run directory.
    pub(super) folder: PathBuf,
    /// Everything that the result depends on, apart from the program.
    identity: Value,
}

/// What lies beside a run directory.
#[derive(Serialize, Deserialize)]
struct Record {
    /// What makes it this run and no other.
    run: Value,
    /// Of `pima`.
    arguments: Vec<String>,
    /// The commit that the program was built from.
    commit: String,
}

/// Processors of this machine that we may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What is to be done to have the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It is there.
    Keep,
    /// It was interrupted and has a checkpoint.
    Resume,
    /// It was interrupted before the first checkpoint, or never began.
    Start,
    /// The directory holds a run of something else, which is set aside.
    SetAsideAndStart,
}

impl Launch {
    pub(super) fn new(experiment: &Experiment, row: usize, seed: u64, options: &Options, data: &Data) -> Result<Self> {
        let row: &Row = &experiment.rows[row];
        let config = experiment.config(row);
        let text = fs::read_to_string(&config).with_context(|| format!("{} cannot be read", config.display()))?;
        let parsed: toml::Value = toml::from_str(&text).with_context(|| config.display().to_string())?;
        let (recipe, device) = (options.recipe.clone(), options.device.clone());
        // Values, not text: a comment that changes makes no other run.
        let identity = json!({
            "config": parsed, "seed": seed, "recipe": recipe, "device": device, "data": data.name(),
        });
        let folder = options.out.join(&experiment.id).join(&row.name).join(format!("seed-{seed}"));
        let threads = (options.jobs > 1).then(|| (cores() / options.jobs).max(1));
        Ok(Self { config, seed, recipe, device, threads, folder, identity })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.with_file_name(format!("seed-{}{suffix}", self.seed))
    }

    fn record(&self) -> PathBuf {
        self.beside(".launch.json")
    }

    /// What the run directory's run was launched with.
    fn recorded(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record()).ok()?).ok()
    }

    /// Whether the run directory holds this run, rather than one with another config.
    fn is_ours(&self) -> bool {
        self.recorded().is_some_and(|record| record.run == self.identity)
    }

    /// The arguments and the commit that the run was started with.
    pub(super) fn provenance(&self) -> Option<(Vec<String>, String)> {
        self.recorded().map(|record| (record.arguments, record.commit))
    }

    /// The summary of this run, if it is there and finished.
    pub(super) fn finished(&self) -> Option<Summary> {
        self.is_ours().then(|| Summary::read(&self.folder))?
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn action(&self, force: bool) -> Action {
        if !self.folder.exists() {
            Action::Start
        } else if force || !self.is_ours() {
            Action::SetAsideAndStart
        } else if self.finished().is_some() {
            Action::Keep
        } else if self.folder.join("checkpoints/last.safetensors").exists() {
            Action::Resume
        } else {
            Action::Start
        }
    }

    /// Makes the directory ready for `action` and records what is launched, from the checkout `root` at `commit`.
    pub(super) fn prepare(&self, action: Action, root: &Path, commit: &str) -> Result<()> {
        match action {
            Action::Keep | Action::Resume => return Ok(()),
            Action::SetAsideAndStart => {
                let previous = self.beside(".previous");
                if previous.exists() {
                    fs::remove_dir_all(&previous)?;
                }
                fs::rename(&self.folder, &previous)?;
                println!("an earlier run of another kind is now {}", previous.display());
            }
            Action::Start if self.folder.exists() => fs::remove_dir_all(&self.folder)?,
            Action::Start => {}
        }
        let record = self.record();
        let folder = record.parent().context("a run directory at the root")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let partial = self.beside(".launch.json.partial");
        let contents =
            Record { run: self.identity.clone(), arguments: self.arguments(root), commit: commit.to_owned() };
        fs::write(&partial, serde_json::to_vec_pretty(&contents)?)?;
        fs::rename(partial, record)?;
        Ok(())
    }

    /// Of `pima`, with the config by its path below `root`.
    pub(super) fn arguments(&self, root: &Path) -> Vec<String> {
        let short = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let mut arguments = vec!["train".to_owned(), short(&self.config)];
        arguments.extend(["--seed".to_owned(), self.seed.to_string()]);
        arguments.extend(["--out".to_owned(), short(&self.folder)]);
        let threads = self.threads.map(|threads| threads.to_string());
        for (name, value) in [("--recipe", &self.recipe), ("--device", &self.device), ("--threads", &threads)] {
            arguments.extend(value.iter().flat_map(|value| [name.to_owned(), value.clone()]));
        }
        arguments
    }

    /// A program that succeeds without a result has not succeeded.
    pub(super) fn ensure_finished(&self) -> Result<()> {
        if self.finished().is_none() {
            bail!("{} holds no summary.json of a finished run", self.folder.display());
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
