//! Figures of a sweep, drawn from its two records alone.

use anyhow::Result;

use super::scene::Scene;
use super::{Drawing, cluster_choice, parallel, render};
use crate::sweep_directory::{SweepDirectory, SweepRecord, TrialRecord};

/// Draws a sweep's figures as PNG and SVG into its `plots/`: `trials`, and `clusters` where the number of clusters was varied.
///
/// # Errors
/// The records cannot be read, or a file not be written.
pub fn draw_sweep(sweep: &SweepDirectory) -> Result<Drawing> {
    let mut drawing = Drawing::default();
    for (name, scene) in scenes(&sweep.read_sweep()?, &sweep.read_trials()?) {
        match scene {
            Ok(scene) => {
                let png = sweep.write_plot(&format!("{name}.png"), |path| render::png(&scene, path));
                let svg = sweep.write_plot(&format!("{name}.svg"), |path| render::svg(&scene, path));
                drawing.written.extend([png?, svg?]);
            }
            Err(cause) => drawing.notes.push(format!("{name}: not drawn, {cause:#}")),
        }
    }
    Ok(drawing)
}

/// The figures, or why there is none.
pub(crate) fn scenes(sweep: &SweepRecord, trials: &[TrialRecord]) -> Vec<(&'static str, Result<Scene>)> {
    let mut scenes = vec![("trials", parallel::scene(sweep, trials))];
    if !sweep.clusters.is_empty() {
        scenes.push(("clusters", cluster_choice::scene(sweep, trials)));
    }
    scenes
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
