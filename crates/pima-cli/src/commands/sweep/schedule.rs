//! The trials of a sweep, as many at a time as there are workers.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use pima_cli::{RunDirectory, SweepDirectory, TrialRecord, TrialStatus};

use super::child::{End, Launch, Training, curve};
use super::early::verdict;
use super::settings::Sweep;
use super::space::Point;
use super::suggest::{Known, suggest};
use crate::progress::{Progress, shown};
use crate::table::significant;

/// How often children are looked after.
const TICK: Duration = Duration::from_millis(50);
/// How often their metrics are read.
const LOOK: Duration = Duration::from_millis(200);
/// How long a training that an earlier sweep left behind may take to stop.
const RELEASE: Duration = Duration::from_secs(60);

/// A sweep under way.
pub(super) struct Schedule<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) directory: &'a SweepDirectory,
    pub(super) launch: Launch,
    pub(super) workers: usize,
    pub(super) progress: &'a Progress,
    /// By number.
    pub(super) trials: Vec<TrialRecord>,
}

impl Schedule<'_> {
    /// Runs what is left, until it is done or `stop` is set. Whether all is done.
    ///
    /// # Errors
    /// Files cannot be written or children not be started; the trainings under way stop with a checkpoint.
    pub(super) fn run(&mut self, stop: &AtomicBool) -> Result<bool> {
        let mut waiting: VecDeque<usize> = self.trials.iter().filter(|t| goes_on(t)).map(|t| t.trial).collect();
        let mut running: Vec<Training> = Vec::new();
        let mut looked = Instant::now();
        loop {
            while running.len() < self.workers && !stop.load(Ordering::SeqCst) {
                let trial = match waiting.pop_front() {
                    Some(trial) => trial,
                    None if self.trials.len() < self.sweep.trials => self.suggest()?,
                    None => break,
                };
                running.extend(self.start(trial)?);
            }
            if running.is_empty() {
                break;
            }
            std::thread::sleep(TICK);
            if stop.load(Ordering::SeqCst) {
                running.iter_mut().for_each(Training::ask_to_stop);
            } else if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.give_up_on_bad(&mut running);
            }
            let mut still = Vec::new();
            for mut training in running {
                match training.ended()? {
                    None => still.push(training),
                    Some(end) => self.conclude(&training, end)?,
                }
            }
            running = still;
        }
        Ok(waiting.is_empty() && self.trials.len() == self.sweep.trials && !self.trials.iter().any(goes_on))
    }

    /// Chooses the next point and writes it down.
    fn suggest(&mut self) -> Result<usize> {
        let Sweep { method, parameters, startup, seed, .. } = self.sweep;
        let known = self.trials.iter().map(|trial| self.known(trial)).collect::<Result<Vec<_>>>()?;
        let point = suggest(*method, parameters, *startup, *seed, &known)?;
        let trial = self.trials.len();
        let mut values = BTreeMap::new();
        for (parameter, value) in parameters.iter().zip(&point) {
            values.insert(parameter.key.text().to_owned(), serde_json::to_value(value)?);
        }
        self.trials.push(TrialRecord {
            trial,
            parameters: values,
            run: SweepDirectory::run_name(trial),
            ..TrialRecord::default()
        });
        self.directory.write_trials(&self.trials)?;
        Ok(trial)
    }

    fn known(&self, trial: &TrialRecord) -> Result<Known> {
        let ended = matches!(trial.status, TrialStatus::Finished | TrialStatus::Stopped);
        let objective = trial.objective.filter(|_| ended);
        let score = objective.map_or(f64::INFINITY, |value| self.sweep.objective.score(value));
        Ok(Known { point: point(self.sweep, trial)?, score })
    }

    /// Starts a trial; none where its values do not go together, which is then written down.
    fn start(&mut self, trial: usize) -> Result<Option<Training>> {
        let values = self.described(trial);
        match self.sweep.config_at(&point(self.sweep, &self.trials[trial])?) {
            Ok(config) => self.directory.write_config(trial, &config)?,
            Err(reason) => {
                self.settle(
                    trial,
                    TrialRecord {
                        status: TrialStatus::Failed,
                        reason: Some(reason.clone()),
                        exit_code: Some(i32::from(crate::failure::INPUT)),
                        ..self.trials[trial].clone()
                    },
                )?;
                self.progress.note(&format!("{}: {values}: failed: {reason}", self.name(trial)));
                return Ok(None);
            }
        }
        let again = if self.directory.run_path(trial).exists() { " (goes on)" } else { "" };
        await_release(&self.directory.run_path(trial));
        let training = self.launch.start(self.directory, trial)?;
        self.settle(
            trial,
            TrialRecord { status: TrialStatus::Running, reason: None, exit_code: None, ..self.trials[trial].clone() },
        )?;
        self.progress.note(&format!("{}: {values}{again}", self.name(trial)));
        Ok(Some(training))
    }

    /// Stops what is worse than half of those that have ended.
    fn give_up_on_bad(&self, running: &mut [Training]) {
        let Some(rule) = &self.sweep.early else { return };
        let ended = |trial: &&TrialRecord| matches!(trial.status, TrialStatus::Finished | TrialStatus::Stopped);
        let others: Vec<Vec<f64>> =
            self.trials.iter().filter(ended).map(|t| curve(&self.directory.run_path(t.trial))).collect();
        let others: Vec<&[f64]> = others.iter().map(Vec::as_slice).collect();
        for training in running.iter_mut().filter(|training| training.given_up.is_none()) {
            if let Some(epoch) = verdict(rule, &training.curve(), &others, self.epochs(training.trial)) {
                training.given_up = Some(epoch);
                training.ask_to_stop();
            }
        }
    }

    /// Epochs that a trial trains, warm-up not counted.
    fn epochs(&self, trial: usize) -> usize {
        let own = self.trials[trial].parameters.get("training.epochs").and_then(serde_json::Value::as_u64);
        own.map_or(self.sweep.base.training.epochs, |own| own as usize)
    }

    /// Writes down how a trial ended.
    fn conclude(&mut self, training: &Training, end: End) -> Result<()> {
        let trial = training.trial;
        let old = self.trials[trial].clone();
        let run = self.directory.run_path(trial);
        let record = match end {
            End::Finished => self.finished(&run, old),
            End::Stopped => match training.given_up {
                None => TrialRecord { status: TrialStatus::Interrupted, ..old },
                Some(epoch) => self.given_up(&run, epoch, training.curve(), old),
            },
            End::Failed { exit_code, reason } => {
                TrialRecord { status: TrialStatus::Failed, exit_code, reason: Some(reason), ..old }
            }
        };
        let time =
            record.seconds.map(|s| format!(", {}", shown(Duration::from_secs_f64(s.max(0.0))))).unwrap_or_default();
        let objective = &self.sweep.objective;
        let value = record.objective.map(|value| format!("{objective} {}", significant(value))).unwrap_or_default();
        let line = match record.status {
            TrialStatus::Finished => format!("{value}{time}"),
            TrialStatus::Stopped => format!("{}, {value}{time}", record.reason.clone().unwrap_or_default()),
            TrialStatus::Failed => format!("failed: {}", record.reason.clone().unwrap_or_default()),
            TrialStatus::Interrupted | TrialStatus::Running => "stopped with a checkpoint".to_owned(),
        };
        self.settle(trial, record)?;
        let best = self.best().filter(|_| self.trials[trial].counts());
        let best = best.map(|best| {
            if best == trial { ", the best so far".to_owned() } else { format!("; best so far: trial {best}") }
        });
        self.progress.note(&format!("{}: {line}{}", self.name(trial), best.unwrap_or_default()));
        Ok(())
    }

    fn finished(&self, run: &Path, old: TrialRecord) -> TrialRecord {
        let fail = |reason: String| TrialRecord { status: TrialStatus::Failed, reason: Some(reason), ..old.clone() };
        let summary = match RunDirectory::open(run).and_then(|run| run.read_summary()) {
            Ok(summary) => summary,
            Err(error) => return fail(format!("{error:#}")),
        };
        let Some(validation) = &summary.splits.validation else {
            return fail("has no validation samples, by which trials are compared".to_owned());
        };
        let Some(objective) = self.sweep.objective.of(validation) else {
            return fail(format!("its {} of the validation samples is not finite", self.sweep.objective));
        };
        TrialRecord {
            status: TrialStatus::Finished,
            objective: Some(objective),
            loss: validation.loss,
            best_epoch: summary.best_epoch,
            epochs: Some(summary.epochs),
            seconds: Some(summary.wall_seconds),
            ..old
        }
    }

    /// The record of a trial that was stopped early: what counts is what was known when that was decided, whatever it trained while it was being asked.
    fn given_up(&self, run: &Path, epoch: usize, curve: Vec<f64>, old: TrialRecord) -> TrialRecord {
        let loss = curve.get(epoch - 1).copied().filter(|loss| loss.is_finite());
        let seconds = RunDirectory::open(run).and_then(|run| run.read_wall_seconds()).ok();
        TrialRecord {
            status: TrialStatus::Stopped,
            objective: loss.and_then(|loss| self.sweep.objective.of_loss(loss)),
            loss,
            epochs: Some(epoch),
            seconds,
            reason: Some(format!("stopped after epoch {epoch}, worse than half of the others")),
            ..old
        }
    }

    fn settle(&mut self, trial: usize, record: TrialRecord) -> Result<()> {
        self.trials[trial] = record;
        self.directory.write_trials(&self.trials)
    }

    /// The best of the trials that came to their end.
    pub(super) fn best(&self) -> Option<usize> {
        best(self.sweep, &self.trials)
    }

    fn name(&self, trial: usize) -> String {
        format!("trial {trial} of {}", self.sweep.trials)
    }

    fn described(&self, trial: usize) -> String {
        let values = &self.trials[trial].parameters;
        let pairs =
            self.sweep.parameters.iter().filter_map(|p| Some(format!("{} {}", p.key, values.get(p.key.text())?)));
        pairs.collect::<Vec<_>>().join(", ")
    }
}

/// Waits until nobody writes to a run any more: where a sweep was killed, its trainings save their checkpoints after the batch under way.
fn await_release(run: &Path) {
    let begun = Instant::now();
    while begun.elapsed() < RELEASE && RunDirectory::open(run).is_ok() && RunDirectory::open_to_continue(run).is_err() {
        std::thread::sleep(TICK);
    }
}

/// Whether a trial has something left to do: it was interrupted, or its training was ended from outside, by a lack of memory for example.
fn goes_on(trial: &TrialRecord) -> bool {
    match trial.status {
        TrialStatus::Running | TrialStatus::Interrupted => true,
        TrialStatus::Failed => {
            trial.exit_code.is_none() && trial.reason.as_deref().is_some_and(|r| r.contains("from outside"))
        }
        TrialStatus::Finished | TrialStatus::Stopped => false,
    }
}

/// The best of the trials that came to their end; of equal ones the first.
pub(super) fn best(sweep: &Sweep, trials: &[TrialRecord]) -> Option<usize> {
    let scored = trials
        .iter()
        .filter(|trial| trial.counts())
        .filter_map(|t| Some((t.trial, sweep.objective.score(t.objective?))));
    scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
}

/// The values of a recorded trial, in the sweep's order.
fn point(sweep: &Sweep, trial: &TrialRecord) -> Result<Point> {
    let value = |key: &str| {
        let value = trial.parameters.get(key).ok_or_else(|| anyhow!("trial {} has no value of {key}", trial.trial))?;
        Ok(toml::Value::try_from(value)?)
    };
    sweep.parameters.iter().map(|parameter| value(parameter.key.text())).collect()
}
