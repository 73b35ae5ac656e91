//! What every title says: experiment, data, split and seed.

use crate::run_directory::{RunDirectory, RunRecord};
use crate::summary::Summary;
use crate::sweep_directory::SweepRecord;

use super::render::text_width;
use super::scene::{Anchor, INK, MUTED, Scene, size};

/// Height that [`Caption::draw`] takes up.
pub(crate) const TITLE_HEIGHT: f64 = 106.0;
const LEFT: f64 = 36.0;

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caption {
    experiment: String,
    dataset: String,
    seed: String,
}

impl Caption {
    /// From the summary; of a run that has none yet, from the record of its beginning, else from its configuration.
    pub(crate) fn of(run: &RunDirectory, summary: Option<&Summary>, began: Option<&RunRecord>) -> Self {
        let named = |title: &str, experiment: &str, dataset: &str, seed: u64| Self {
            experiment: if title.trim().is_empty() { experiment.to_owned() } else { title.to_owned() },
            dataset: dataset.to_owned(),
            seed: seed.to_string(),
        };
        match (summary, began) {
            (Some(s), _) => named(&s.title, &s.experiment, &s.dataset, s.seed),
            (None, Some(r)) => named(&r.title, &r.experiment, &r.dataset, r.seed),
            (None, None) => Self::of_config(run),
        }
    }

    /// From the record of a sweep; all its trainings have one seed.
    pub(crate) fn of_sweep(sweep: &SweepRecord) -> Self {
        let SweepRecord { experiment, title, dataset, run_seed, .. } = sweep;
        let experiment = if title.trim().is_empty() { experiment } else { title };
        Self { experiment: experiment.clone(), dataset: dataset.clone(), seed: run_seed.to_string() }
    }

    fn of_config(run: &RunDirectory) -> Self {
        let config: toml::Table = run.read_config().unwrap_or_default();
        let text = |key: &str| config.get(key).and_then(toml::Value::as_str).filter(|text| !text.trim().is_empty());
        let source = config.get("data").and_then(|data| data.get("source")).and_then(toml::Value::as_str);
        let folder = || run.root().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self {
            experiment: text("title").or(text("experiment")).map_or_else(folder, str::to_owned),
            // What was asked for need not be what was found on the disk.
            dataset: source.map_or_else(|| "unnamed data".to_owned(), |name| format!("{name} (as configured)")),
            seed: "not recorded".to_owned(),
        }
    }

    /// Draws the title at the top: what the figure shows and of which split, and below it the run, with `facts` added.
    pub(crate) fn draw(&self, scene: &mut Scene, what: &str, split: &str, facts: &[String]) {
        let room = scene.width - 2.0 * LEFT;
        let title = format!("{what}, {split}");
        scene.text(&title, (LEFT, 50.0), fitted(&title, size::TITLE, room), Anchor::Start, INK);
        let mut parts = vec![self.experiment.clone(), self.dataset.clone(), format!("seed {}", self.seed)];
        parts.extend_from_slice(facts);
        let line = parts.join("  ·  ");
        scene.text(&line, (LEFT, 88.0), fitted(&line, size::SUBTITLE, room), Anchor::Start, MUTED);
    }
}

/// The size at which a text fits into `room`, at most `wanted`.
pub(crate) fn fitted(text: &str, wanted: f64, room: f64) -> f64 {
    wanted.min(wanted * room / text_width(text, wanted).max(1.0))
}
