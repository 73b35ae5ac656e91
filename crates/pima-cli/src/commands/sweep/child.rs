//! One trial under way: `pima train` as a child process.
//!
//! The child stops, with a checkpoint, when its standard input ends. That is how it is asked to, and it happens by itself when this process dies, however it
//! dies. It is in a process group of its own, so that Ctrl-C on a terminal reaches this process alone, which then asks.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use pima_cli::{MetricsRecord, RunDirectory, SweepDirectory};
use pima_nets::DeviceChoice;

use super::early::running_best;
use crate::failure::INTERRUPTED;

/// How every training is called.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) run_seed: u64,
    pub(super) threads: usize,
    pub(super) device: DeviceChoice,
    pub(super) datasets: Option<PathBuf>,
}

/// A training under way.
#[derive(Debug)]
pub(super) struct Training {
    pub(super) trial: usize,
    process: Child,
    /// Closing it asks the child to stop.
    lifeline: Option<ChildStdin>,
    run: PathBuf,
    log: PathBuf,
    /// The epoch by which it was found not to be worth going on.
    pub(super) given_up: Option<usize>,
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    /// With a checkpoint, because it was asked to, or before it had anything to save.
    Stopped,
    /// With its own exit code, or ended from outside.
    Failed {
        exit_code: Option<i32>,
        reason: String,
    },
}

impl Launch {
    /// Starts the training of a trial, or goes on with it where its run directory holds one.
    ///
    /// # Errors
    /// The log cannot be written, or the program not be started.
    pub(super) fn start(&self, directory: &SweepDirectory, trial: usize) -> Result<Training> {
        let (run, log) = (directory.run_path(trial), directory.log_path(trial));
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("{}: cannot write", log.display()))?;
        let mut command = Command::new(&self.program);
        command.arg("train").arg(directory.config_path(trial)).arg("--out").arg(&run);
        command.args(["--seed", &self.run_seed.to_string(), "--threads", &self.threads.to_string()]);
        command.args(["--device", &self.device.to_string(), "--until-stdin-closes"]);
        if let Some(folder) = &self.datasets {
            command.arg("--datasets").arg(folder);
        }
        if RunDirectory::open(&run).is_ok() {
            command.arg("--resume");
        }
        // Threads that wait for one another do so by spinning: with more of them than cores, each step waits for one that is not running. So the trainings
        // share the cores out, the libraries that --threads does not reach included.
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(variable, self.threads.to_string());
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let errors = file.try_clone().with_context(|| format!("{}: cannot write", log.display()))?;
        command.stdin(Stdio::piped()).stdout(file).stderr(errors);
        let mut process = command.spawn().with_context(|| format!("{}: cannot be started", self.program.display()))?;
        let lifeline = process.stdin.take();
        Ok(Training { trial, process, lifeline, run, log, given_up: None })
    }
}

impl Training {
    /// Asks it to stop with a checkpoint.
    pub(super) fn ask_to_stop(&mut self) {
        self.lifeline = None;
    }

    /// Whether it was asked to stop.
    fn asked(&self) -> bool {
        self.lifeline.is_none()
    }

    /// How it ended; `None` while it goes on.
    ///
    /// # Errors
    /// The system does not say.
    pub(super) fn ended(&mut self) -> Result<Option<End>> {
        let status = self.process.try_wait().with_context(|| format!("{}: cannot wait", self.run.display()))?;
        Ok(status.map(|status| self.end(status)))
    }

    fn end(&self, status: ExitStatus) -> End {
        match status.code() {
            Some(0) => End::Finished,
            Some(code) if code == i32::from(INTERRUPTED) && self.asked() => End::Stopped,
            // Somebody else asked it to: it may go on another time.
            Some(code) if code == i32::from(INTERRUPTED) => {
                End::Failed { exit_code: None, reason: "was interrupted from outside".to_owned() }
            }
            Some(code) => End::Failed {
                exit_code: Some(code),
                reason: reason(&self.log).unwrap_or_else(|| format!("exit code {code}")),
            },
            None => End::Failed { exit_code: None, reason: format!("was ended from outside: {status}") },
        }
    }

    /// Its best validation losses so far, by epoch.
    pub(super) fn curve(&self) -> Vec<f64> {
        curve(&self.run)
    }
}

/// The best validation losses so far of a run, by epoch after the warm-up, whose loss is another; none before the first.
pub(super) fn curve(run: &Path) -> Vec<f64> {
    let records = RunDirectory::open(run).and_then(|run| run.read_metrics()).unwrap_or_default();
    let loss = |record| match record {
        MetricsRecord::Epoch(epoch) if epoch.phase == "joint" => {
            Some(epoch.validation.and_then(|terms| terms.loss).unwrap_or(f64::NAN))
        }
        _ => None,
    };
    running_best(records.into_iter().filter_map(loss))
}

/// The last error that a log tells of, else its last line.
fn reason(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_its_last_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let said = |text: &str| {
            std::fs::write(&log, text).unwrap();
            reason(&log)
        };
        assert_eq!(said("error: old\nepoch 1\nerror: new\n\n").unwrap(), "new");
        assert_eq!(said("epoch 1\nthread 'main' panicked\n").unwrap(), "thread 'main' panicked");
        assert_eq!(said(""), None);
    }
}
