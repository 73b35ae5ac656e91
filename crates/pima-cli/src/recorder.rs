//! From events of the training to the run directory and the screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use pima_cli::{Checkpoint, RunDirectory};
use pima_model::{EpochRecord, Event, Observe, RefitRecord};
use serde::Serialize;

use crate::progress::Progress;
use crate::tensorboard::EventFile;

/// An epoch's line in `metrics.jsonl`.
#[derive(Serialize)]
struct EpochLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    record: &'a EpochRecord,
    wall_seconds: f64,
}

/// The line of an epoch of a refit.
#[derive(Serialize)]
struct RefitLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    record: &'a RefitRecord,
    wall_seconds: f64,
}

/// The line of a checkpoint within an epoch.
#[derive(Serialize)]
struct CheckpointLine {
    event: &'static str,
    epoch: usize,
    batch: usize,
    wall_seconds: f64,
}

/// Writes `metrics.jsonl` and, where they are asked for, TensorBoard's event files, and passes events on to the screen.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    run: &'a RunDirectory,
    progress: &'a mut Progress,
    /// Ends the training when the metrics cannot be written.
    stop: Arc<AtomicBool>,
    /// Whether TensorBoard's event files are written.
    tensorboard: bool,
    /// The one of this session.
    events: Option<EventFile>,
    begun: Instant,
    /// Seconds of earlier sessions, up to the checkpoint that this one goes on from.
    wall_before: f64,
    /// The epoch and batch that were trained on last, until the epoch ends.
    within: Option<(usize, usize)>,
    failure: Option<anyhow::Error>,
}

impl<'a> Recorder<'a> {
    /// Records a training that began (this time) at `begun`.
    pub(crate) fn new(
        run: &'a RunDirectory,
        progress: &'a mut Progress,
        stop: Arc<AtomicBool>,
        begun: Instant,
    ) -> Self {
        Self {
            run,
            progress,
            stop,
            tensorboard: false,
            events: None,
            begun,
            wall_before: 0.0,
            within: None,
            failure: None,
        }
    }

    /// Writes TensorBoard's event files too. A run that has some goes on with them unasked.
    pub(crate) fn with_tensorboard(self, asked: bool) -> Self {
        let tensorboard = asked || self.run.events_path().is_dir();
        Self { tensorboard, ..self }
    }

    /// Seconds of earlier sessions.
    pub(crate) fn wall_before(&self) -> f64 {
        self.wall_before
    }

    /// Seconds since the run began, over all sessions.
    fn wall_seconds(&self) -> f64 {
        self.wall_before + self.begun.elapsed().as_secs_f64()
    }

    /// Why the metrics could not be written.
    pub(crate) fn into_failure(self) -> Option<anyhow::Error> {
        self.failure
    }

    /// Drops the metrics of epochs that the checkpoint does not know of, and takes over their clock.
    fn take_up(&mut self, done: usize) -> Result<()> {
        self.run.truncate_metrics(done)?;
        self.wall_before = self.run.read_wall_seconds()?;
        if self.tensorboard {
            self.events = Some(EventFile::begin(&self.run.events_path(), done)?);
        }
        Ok(())
    }

    fn write(&mut self, event: &Event<'_>) -> Result<()> {
        match event {
            Event::Started { done, .. } => self.take_up(*done),
            Event::Epoch(record) => {
                let wall_seconds = self.wall_seconds();
                self.run.append_metrics(&EpochLine { event: "epoch", record, wall_seconds })?;
                self.events.as_mut().map_or(Ok(()), |events| events.epoch(record))
            }
            Event::Refit(record) => {
                let wall_seconds = self.wall_seconds();
                self.run.append_metrics(&RefitLine { event: "refit", record, wall_seconds })?;
                self.events.as_mut().map_or(Ok(()), |events| events.refit(record))
            }
            Event::Checkpoint(file) => match self.within {
                Some((epoch, batch)) if **file == self.run.checkpoint_path(Checkpoint::Last) => {
                    let wall_seconds = self.wall_seconds();
                    self.run.append_metrics(&CheckpointLine { event: "checkpoint", epoch, batch, wall_seconds })
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Observe for Recorder<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Batch { epoch, batch, .. } = event {
            self.within = Some((*epoch, *batch));
        }
        if let Err(error) = self.write(event) {
            self.failure.get_or_insert(error);
            self.stop.store(true, Ordering::SeqCst);
        }
        match event {
            Event::Started { n_epochs, done, n_batches } => self.progress.started(*n_epochs, *done, *n_batches),
            Event::Note(text) => self.progress.note(text),
            Event::Batch { epoch, batch, so_far } => self.progress.batch(*epoch, *batch, so_far),
            Event::Epoch(record) => {
                self.within = None;
                self.progress.epoch(record);
            }
            Event::Refit(record) => self.progress.refit(record),
            Event::Checkpoint(file) => self.progress.detail(|| format!("checkpoint {}", file.display())),
            _ => {}
        }
    }
}
