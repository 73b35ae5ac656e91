//! How many clusters: the bound and the criterion by number of clusters, and what the latent points of the chosen model call for.

use anyhow::{Result, ensure};

use super::axes::{Axes, Names, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette::{self, Marker};
use super::scene::{Anchor, INK, MUTED, Scene, size};
use crate::sweep_directory::{ClustersRecord, SweepRecord, TrialRecord};

const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 720.0;
const KEY: &str = "model.clusters";

/// Draws the choice.
pub(crate) fn scene(sweep: &SweepRecord, trials: &[TrialRecord]) -> Result<Scene> {
    let records = &sweep.clusters;
    ensure!(records.len() > 1, "less than two numbers of clusters have finished trials");
    let mut scene = Scene::new(WIDTH, HEIGHT);
    Caption::of_sweep(sweep).draw(
        &mut scene,
        "Number of clusters",
        "no labels used",
        &[format!("{} trials", trials.len())],
    );
    let count = |record: &ClustersRecord| record.clusters as f64;
    let x = (count(&records[0]) - 0.5, count(&records[records.len() - 1]) + 0.5);
    let lowest = records.iter().map(|record| record.bic).fold(f64::INFINITY, f64::min);

    let elbo: Vec<_> = records.iter().map(|record| (count(record), record.elbo)).collect();
    let each = trials
        .iter()
        .filter(|trial| trial.counts())
        .filter_map(|trial| Some((trial.parameters.get(KEY)?.as_f64()?, -0.5 * trial.loss?)));
    let best = records.iter().max_by(|a, b| a.elbo.total_cmp(&b.elbo)).map(count);
    panel(
        &mut scene,
        0,
        "Validation ELBO per sample",
        ("clusters N", "nats"),
        x,
        &elbo,
        &each.collect::<Vec<_>>(),
        best,
    );

    let bic: Vec<_> = records.iter().map(|record| (count(record), record.bic - lowest)).collect();
    let chosen = records.iter().min_by(|a, b| a.bic.total_cmp(&b.bic));
    panel(&mut scene, 1, "BIC of the model", ("clusters N", "above the least"), x, &bic, &[], chosen.map(count));

    if let Some(chosen) = chosen {
        let floor = chosen.latent_bic.iter().copied().fold(f64::INFINITY, f64::min);
        let curve: Vec<_> =
            chosen.latent_bic.iter().enumerate().map(|(k, bic)| (k as f64 + 1.0, bic - floor)).collect();
        let title = format!("BIC in latent space of N = {}", chosen.clusters);
        let x = (0.5, curve.len() as f64 + 0.5);
        let best = Some(chosen.latent_clusters as f64);
        panel(&mut scene, 2, &title, ("Gaussians", "above the least"), x, &curve, &[], best);
    }
    let notes = [
        "Left: lines through the best trial of each N, points are all trials. Triangles: best of each panel.",
        "BIC of the model: p ln D + D (-2 ELBO), training samples; p counts mixture, experts and decoders. Right: p ln D - 2 ln L of diagonal Gaussians.",
    ];
    for (line, note) in notes.into_iter().enumerate() {
        let y = HEIGHT - 58.0 + 32.0 * line as f64;
        scene.text(note, (36.0, y), fitted(note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    }
    Ok(scene)
}

#[expect(clippy::too_many_arguments, reason = "a panel is what these say, once each")]
fn panel(
    scene: &mut Scene,
    place: usize,
    title: &str,
    (x_name, y_name): (&str, &str),
    x: (f64, f64),
    curve: &[(f64, f64)],
    points: &[(f64, f64)],
    best: Option<f64>,
) {
    let width = (WIDTH - 20.0) / 3.0;
    let from = (135.0 + width * place as f64, TITLE_HEIGHT + 60.0);
    let to = (from.0 + width - 150.0, HEIGHT - 190.0);
    let y = range_of(curve.iter().chain(points).map(|point| point.1), 0.08);
    let axes = Axes::new(from, to, x, y);
    axes.draw(scene, &Names { x: x_name, y: y_name, whole_x: true });
    let colour = palette::class(place);
    for &point in points {
        axes.marker(scene, point, Marker::Disc, 5.0, palette::UNKNOWN);
    }
    axes.curve(scene, curve.iter().copied(), colour, 3.0, None);
    for &point in curve {
        let marker = if Some(point.0) == best { Marker::Triangle } else { Marker::Disc };
        axes.marker(scene, point, marker, if marker == Marker::Triangle { 13.0 } else { 7.0 }, colour);
    }
    let above = (from.0, from.1 - 16.0);
    scene.text(title, above, fitted(title, size::LABEL, width - 150.0), Anchor::Start, INK);
}
