//! What is shown while a model trains: a bar on a terminal, else a line an epoch, or nothing. It all goes to the error stream, so that results can be
//! piped on.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pima_model::{EpochRecord, LossRecord, Phase, RefitRecord};

/// The message is cut where the terminal ends.
const TEMPLATE: &str = "{prefix} {bar:16} {pos}/{len}  {wide_msg}";

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing but errors.
    Quiet,
    /// Epochs and remarks.
    Normal,
    /// Batches, gradient norms and checkpoints too.
    Verbose,
}

/// Shows a training's events.
#[derive(Debug)]
pub(crate) struct Progress {
    detail: Detail,
    /// Whether a bar can be drawn.
    terminal: bool,
    bar: Option<ProgressBar>,
    n_epochs: usize,
    n_batches: usize,
    /// Epochs done before this session.
    done: usize,
    /// Batches of this session, and since when they are counted.
    batches: usize,
    since: Option<Instant>,
}

/// Shows how far generated data are: a line that is written over on a terminal, else one at each tenth.
pub(crate) fn generation(done: usize, total: usize) {
    use std::io::Write;
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let end = if done == total { "\n" } else { "" };
        let _ = write!(out, "\rgenerating {done}/{total} structures{end}").and_then(|()| out.flush());
    } else if done == 0 || done == total || (10 * done / total) != (10 * done.saturating_sub(1) / total) {
        let _ = writeln!(out, "generating {done}/{total} structures");
    }
}

/// Says what was done to data on the way.
pub(crate) fn data_note(note: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{note}");
}

impl Progress {
    /// Shows nothing yet.
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            detail,
            terminal: std::io::stderr().is_terminal(),
            bar: None,
            n_epochs: 0,
            n_batches: 0,
            done: 0,
            batches: 0,
            since: None,
        }
    }

    /// Whether nothing but errors is to be printed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.detail == Detail::Quiet
    }

    /// A remark.
    pub(crate) fn note(&self, text: &str) {
        if self.detail == Detail::Quiet {
            return;
        }
        match &self.bar {
            // The line goes above the bar.
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// A remark for those who asked for many.
    pub(crate) fn detail(&self, text: impl FnOnce() -> String) {
        if self.detail == Detail::Verbose {
            self.note(&text());
        }
    }

    /// An epoch of a refit.
    pub(crate) fn refit(&self, record: &RefitRecord) {
        let validation = record.validation.map(|loss| format!(", validation {loss:.4}")).unwrap_or_default();
        self.note(&format!(
            "refit of {}'s encoder {}/{}: {:.4} nats{validation}, {:.1} s",
            record.modality, record.epoch, record.epochs, record.loss, record.seconds
        ));
    }

    /// Epochs in all, those done before, and batches an epoch.
    pub(crate) fn started(&mut self, n_epochs: usize, done: usize, n_batches: usize) {
        (self.n_epochs, self.done, self.n_batches) = (n_epochs, done, n_batches);
    }

    /// A batch was trained on; `so_far` are means over the epoch.
    pub(crate) fn batch(&mut self, epoch: usize, batch: usize, so_far: &LossRecord) {
        // The first batch pays for the start of the run and for libtorch's first allocations: time is counted from its end.
        match self.since {
            None => self.since = Some(Instant::now()),
            Some(_) => self.batches += 1,
        }
        if self.detail == Detail::Quiet {
            return;
        }
        if self.terminal {
            let left = self.left(epoch, batch).map(|left| format!("{left}, ")).unwrap_or_default();
            let bar = self.bar.get_or_insert_with(|| {
                let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
                ProgressBar::new(self.n_batches as u64)
                    .with_style(style)
                    .with_prefix(format!("epoch {epoch}/{}", self.n_epochs))
            });
            bar.set_message(format!("{left}{}", terms(so_far)));
            bar.set_position(batch as u64);
        } else if batch.is_multiple_of(self.n_batches.div_ceil(10)) && batch < self.n_batches {
            self.detail(|| format!("  epoch {epoch}, batch {batch}/{}: {}", self.n_batches, terms(so_far)));
        }
    }

    /// An epoch ended.
    pub(crate) fn epoch(&mut self, record: &EpochRecord) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let mut line = format!("epoch {}/{}: {}", record.epoch, self.n_epochs, terms(&record.train));
        if let Some(validation) = &record.validation {
            line += &format!(", validation {:.3}", validation.loss);
            if let Some(accuracy) = validation.accuracy {
                line += &format!(", accuracy {:.2} %", 100.0 * accuracy);
            }
        }
        if record.phase == Phase::Warmup {
            line += ", warm-up";
        }
        if self.detail == Detail::Verbose {
            line +=
                &format!(", gradient norm {:.3e}, learning rate {:.3e}", record.gradient_norm, record.learning_rate);
            line += if record.best { ", best so far" } else { "" };
        }
        line += &format!(", {}", shown(Duration::from_secs_f64(record.seconds.max(0.0))));
        if let Some(left) = self.left(record.epoch, self.n_batches) {
            line += &format!(", {left}");
        }
        self.note(&line);
    }

    /// The training is over, one way or the other.
    pub(crate) fn ended(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Time left after a batch of an epoch, from the mean over this session's batches, validation included.
    fn left(&self, epoch: usize, batch: usize) -> Option<String> {
        let remaining = (self.n_epochs * self.n_batches).checked_sub((epoch - 1) * self.n_batches + batch)?;
        let elapsed = self.since?.elapsed();
        // A handful of batches says little.
        if remaining == 0 || self.batches < 5 {
            return None;
        }
        let left = elapsed.mul_f64(remaining as f64 / self.batches as f64);
        Some(format!("{} left", shown(left)))
    }
}

/// The loss and its terms.
fn terms(loss: &LossRecord) -> String {
    format!(
        "loss {:.3} = recon {:.3} + cluster {:.3} + categorical {:.3} - entropy {:.3}",
        loss.loss, loss.recon, loss.cluster, loss.categorical, loss.entropy
    )
}

/// A duration to about two digits.
pub(crate) fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_units_that_suit_them() {
        let all = [0.24, 59.9, 130.0, 7_300.0, 200_000.0].map(|s| shown(Duration::from_secs_f64(s)));
        assert_eq!(all, ["0.2 s", "59 s", "2 min 10 s", "2 h 1 min", "2 d 7 h"]);
    }

    #[test]
    fn time_left_follows_from_the_batches_of_this_session() {
        let mut progress = Progress::new(Detail::Quiet);
        progress.started(4, 2, 10);
        for batch in 1..=10 {
            progress.batch(3, batch, &LossRecord::default());
        }
        progress.since = Instant::now().checked_sub(Duration::from_secs(90));
        // 9 batches took 90 s; 10 are left.
        assert_eq!(progress.left(3, 10).unwrap(), "100 s left");
        assert_eq!(progress.left(4, 10), None);
    }
}
