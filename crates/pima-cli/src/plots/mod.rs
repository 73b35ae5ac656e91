//! Figures of a run, drawn from its directory alone: latent space, confusion matrix, losses, decoded cluster centres, solutions of identified equations.
//!
//! Each is written as PNG, to look at, and as SVG, to print. A figure whose input is missing or damaged is left out
//! with a note that says why; the others are drawn all the same.

// Clusters matched to labels.
mod assignment;
// A frame with two axes.
mod axes;
// Experiment, data, split and seed in every title.
mod caption;
// Whether inference is as uncertain as it says.
mod calibration;
// One cluster's centre in one modality.
mod cells;
// Decoded cluster centres.
mod centres;
// How many clusters a sweep speaks for.
mod cluster_choice;
// Confusion matrix.
mod confusion;
// A latent space of one dimension.
mod histogram;
// What images become away from the cluster centres.
mod deviations;
// Test samples inferred from one modality.
mod inference;
// Test samples and mixture in latent space.
mod latent;
// Losses and accuracy by epoch.
mod loss;
// Colours of classes.
pub(crate) mod palette;
// Trials of a sweep.
mod parallel;
// Identified parameters of single samples against the truth.
mod parameters;
// Clusters against how samples were made, and predicted against measured numbers.
mod process;
// A latent space of many dimensions seen from few.
mod projection;
// PNG and SVG.
mod render;
// What a figure consists of.
mod scene;
// Differential equations solved again.
mod solutions;
// Figures of a sweep.
mod sweep;
// Round numbers.
pub(crate) mod ticks;
// Latent space coloured by a number, and typical curves.
mod values;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use crate::run_directory::{EpochRecord, MetricsRecord, Predictions, RunDirectory};
use caption::Caption;
use scene::Scene;

pub use sweep::draw_sweep;
pub use ticks::with_error;
// What the report shares with the figures.
pub(crate) use assignment::{AloneConfusion, Assigned, cluster_name};
pub(crate) use axes::range_of;
pub(crate) use centres::guessed_shape;
pub(crate) use latent::shuffled;
pub(crate) use projection::{View, two_sigma_ellipse};

/// The file that keeps the notes of a drawing, beside the figures.
const NOTES: &str = "notes.txt";

/// What came of drawing a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The figures that were written.
    pub written: Vec<PathBuf>,
    /// Why each of the others was not, a line each, after one for a summary that cannot be read.
    pub notes: Vec<String>,
}

/// Draws every figure that the run has data for, as PNG and SVG, into `plots/`, and returns the paths of what was
/// written.
///
/// What could not be drawn is explained in `plots/notes.txt`, which is then among the paths; see [`draw`] to have the
/// notes in hand.
///
/// # Errors
/// A file cannot be written. Missing or damaged inputs are no errors.
pub fn draw_all(run: &RunDirectory) -> Result<Vec<PathBuf>> {
    let mut drawing = draw(run)?;
    if drawing.notes.is_empty() {
        run.remove_plot(NOTES)?;
    } else {
        let text = drawing.notes.join("\n") + "\n";
        drawing.written.push(run.write_plot(NOTES, |path| Ok(std::fs::write(path, text)?))?);
    }
    Ok(drawing.written)
}

/// Draws as [`draw_all`] and returns the notes with the paths, without writing them.
///
/// # Errors
/// As [`draw_all`].
pub fn draw(run: &RunDirectory) -> Result<Drawing> {
    let mut drawing = Drawing::default();
    // A run without a summary is one that has not finished; a damaged one would be missed in every title.
    if run.summary_path().exists() {
        drawing.notes.extend(run.read_summary().err().map(|cause| format!("{cause:#}")));
    }
    for (name, scene) in scenes(run) {
        match scene {
            Ok(scene) => {
                let png = run.write_plot(&format!("{name}.png"), |path| render::png(&scene, path));
                let svg = run.write_plot(&format!("{name}.svg"), |path| render::svg(&scene, path));
                drawing.written.extend([png?, svg?]);
            }
            Err(cause) => drawing.notes.push(format!("{name}: not drawn, {cause:#}")),
        }
    }
    Ok(drawing)
}

/// The figures, or why there is none.
fn scenes(run: &RunDirectory) -> Vec<(&'static str, Result<Scene>)> {
    let summary = present(run.summary_path(), || run.read_summary());
    let predictions = present(run.predictions_path(), || run.read_predictions());
    let records = present(run.metrics_path(), || run.read_metrics());
    let known = summary.as_ref().ok();
    let began = records.iter().flatten().find_map(|record| match record {
        MetricsRecord::Run(began) => Some(&**began),
        _ => None,
    });
    let caption = Caption::of(run, known, began);
    let assigned = Assigned::of(known.and_then(|summary| summary.splits.test.as_ref()), predictions.as_ref().ok());
    let names = known.map_or(&[][..], |summary| &summary.label_names);
    let assigned = assigned.map(|assigned| assigned.map(|assigned| assigned.named(names)));
    let matching = assigned.as_ref().ok().and_then(Option::as_ref);

    let latent = match &predictions {
        Ok(predictions) => latent::scene(&caption, predictions, fitting(matching, predictions)),
        Err(cause) => Err(anyhow!("{cause:#}")),
    };
    let confusion = match (&assigned, &predictions) {
        (Ok(Some(assigned)), _) => confusion::scene(&caption, assigned),
        (Ok(None), Ok(_)) => Err(anyhow!("the test split has no labels")),
        (Ok(None), Err(cause)) => Err(anyhow!("there is no confusion matrix in a summary, and {cause:#}")),
        (Err(cause), _) => Err(anyhow!("{cause:#}")),
    };
    let best = known.and_then(|summary| summary.best_epoch);
    let loss = records.map(epochs).and_then(|epochs| loss::scene(&caption, &epochs, best));
    let centres = match &predictions {
        Ok(predictions) => centres::scene(&caption, predictions, known, fitting(matching, predictions)),
        Err(cause) => Err(anyhow!("{cause:#}")),
    };
    let mut scenes = vec![("latent", latent), ("confusion", confusion), ("loss", loss), ("centres", centres)];
    if let (Some(test), Some(assigned)) = (known.and_then(|summary| summary.splits.test.as_ref()), matching) {
        let alone = AloneConfusion::all(test, assigned);
        if alone.len() > 1 {
            scenes.push(("confusion_from", confusion::alone_scene(&caption, assigned, &alone)));
        }
    }
    if let Ok(predictions) = &predictions
        && predictions.modalities.values().any(|modality| modality.solution.is_some())
    {
        let matching = fitting(matching, predictions);
        scenes.push(("solutions", solutions::scene(&caption, predictions, known, matching)));
    }
    if let Some(summary) = known
        && run.inference_path().exists()
    {
        let examples = run.read_inference(&summary.modalities);
        scenes.push(("inference", examples.and_then(|examples| inference::scene(&caption, &examples, summary))));
    }
    if let Some(test) = known.and_then(|summary| summary.splits.test.as_ref())
        && !test.calibration.is_empty()
    {
        scenes.push(("calibration", calibration::scene(&caption, &test.calibration)));
    }
    if let Ok(predictions) = &predictions {
        let matching = fitting(matching, predictions);
        if values::wanted(predictions, known) {
            scenes.push(("values", values::scene(&caption, predictions, known, matching)));
        }
        if process::wanted(predictions, known) {
            scenes.push(("process", process::scene(&caption, predictions, known, matching)));
        }
    }
    if let Ok(predictions) = &predictions
        && predictions.modalities.values().any(|modality| modality.deviations.is_some())
    {
        scenes.push(("deviations", deviations::scene(&caption, predictions, known, fitting(matching, predictions))));
    }
    if let Ok(predictions) = &predictions
        && parameters::any(predictions)
    {
        scenes.push(("parameters", parameters::scene(&caption, predictions, known)));
    }
    scenes
}

/// The matching, if it is one of as many clusters as were predicted.
fn fitting<'a>(assigned: Option<&'a Assigned>, predictions: &Predictions) -> Option<&'a Assigned> {
    assigned.filter(|assigned| assigned.label_of.len() == predictions.n_clusters())
}

/// What `read` reads; a plain word where the file is not there.
fn present<T>(path: PathBuf, read: impl FnOnce() -> Result<T>) -> Result<T> {
    if path.exists() { read() } else { Err(anyhow!("the run has no {}", file_name(&path)?)) }
}

fn file_name(path: &std::path::Path) -> Result<String> {
    let name = path.file_name().context("a path of the run names no file")?;
    Ok(name.to_string_lossy().into_owned())
}

fn epochs(records: Vec<MetricsRecord>) -> Vec<EpochRecord> {
    let epoch = |record| match record {
        MetricsRecord::Epoch(epoch) => Some(*epoch),
        _ => None,
    };
    records.into_iter().filter_map(epoch).collect()
}
