//! Calibration of what is inferred from one modality: a reliability diagram of the clusters, and for every predicted modality how much its intervals hold.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use pima_core::Reliability;
use pima_model::{Calibration, Coverage};

use super::axes::{Axes, Names};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette;
use super::scene::{Anchor, Colour, INK, MUTED, Point, Scene, size};

const PANEL: f64 = 330.0;
const BAND: f64 = PANEL + 190.0;
const STEP: f64 = PANEL + 180.0;
const MOST_PANELS: usize = 3;

/// Draws a band for each modality that was seen.
pub(crate) fn scene(caption: &Caption, calibration: &BTreeMap<String, Calibration>) -> Result<Scene> {
    ensure!(!calibration.is_empty(), "nothing was inferred from one modality alone");
    let height = TITLE_HEIGHT + calibration.len() as f64 * BAND + 20.0;
    let panels = |each: &Calibration| (each.predicted.len() + usize::from(each.clusters.is_some())).min(MOST_PANELS);
    let most = calibration.values().map(panels).max().unwrap_or(1).max(2);
    let mut scene = Scene::new(60.0 + STEP * most as f64, height);
    let n = calibration.values().map(|each| each.n).max().unwrap_or(0);
    caption.draw(&mut scene, "Calibration of inference from one modality", "test split", &[format!("{n} samples")]);
    for (band, (given, each)) in calibration.iter().enumerate() {
        let top = TITLE_HEIGHT + band as f64 * BAND + 70.0;
        let mut left = 130.0;
        let mut panel = |scene: &mut Scene, title: &str, fact: &str, draw: &dyn Fn(&mut Scene, (Point, Point))| {
            let corners = ((left, top), (left + PANEL + 60.0, top + PANEL));
            let middle = (corners.0.0 + corners.1.0) / 2.0;
            scene.text(title, (middle, top - 44.0), fitted(title, size::LABEL, PANEL + 130.0), Anchor::Middle, INK);
            scene.text(fact, (middle, top - 14.0), fitted(fact, size::SMALL, PANEL + 130.0), Anchor::Middle, MUTED);
            draw(scene, corners);
            left += STEP;
        };
        if let Some(clusters) = &each.clusters {
            let fact = format!("expected calibration error {:.2} %", 100.0 * clusters.error);
            panel(&mut scene, &format!("clusters from {given}"), &fact, &|scene, corners| {
                reliability(scene, corners, clusters);
            });
        }
        for (predicted, coverage) in each.predicted.iter().take(MOST_PANELS - usize::from(each.clusters.is_some())) {
            let covered = coverage.covered.iter().map(|(level, held)| format!("{level} %: {:.1}", 100.0 * held));
            let fact = format!("held by the interval of {}", covered.collect::<Vec<_>>().join(", "));
            panel(&mut scene, &format!("{predicted} from {given}"), &fact, &|scene, corners| {
                histogram(scene, corners, coverage);
            });
        }
    }
    Ok(scene)
}

fn bar(scene: &mut Scene, axes: &Axes, (x0, x1): (f64, f64), value: f64, colour: Colour) {
    if value > 0.0 {
        let (a, b) = (axes.at(x0, value), axes.at(x1, 0.0));
        scene.rect((a.0 + 1.0, a.1), (b.0 - 1.0, b.1), colour);
    }
}

fn reliability(scene: &mut Scene, (from, to): (Point, Point), clusters: &Reliability) {
    let axes = Axes::new(from, to, (0.0, 1.0), (0.0, 1.0));
    axes.draw(scene, &Names { x: "probability of the cluster", y: "fraction right", whole_x: false });
    let width = 1.0 / clusters.bins.len().max(1) as f64;
    for (k, bin) in clusters.bins.iter().enumerate() {
        bar(scene, &axes, (width * k as f64, width * (k + 1) as f64), bin.accuracy, palette::class(0).fade(0.75));
    }
    axes.curve(scene, [(0.0, 0.0), (1.0, 1.0)], INK, 2.0, Some((9.0, 7.0)));
}

fn histogram(scene: &mut Scene, (from, to): (Point, Point), coverage: &Coverage) {
    let n = coverage.histogram.len().max(1);
    let relative: Vec<f64> = coverage.histogram.iter().map(|share| share * n as f64).collect();
    let most = relative.iter().copied().fold(1.5, f64::max);
    let axes = Axes::new(from, to, (0.0, 1.0), (0.0, 1.08 * most));
    axes.draw(scene, &Names { x: "quantile at which the truth lies", y: "density", whole_x: false });
    for (k, &value) in relative.iter().enumerate() {
        let ends = (k as f64 / n as f64, (k + 1) as f64 / n as f64);
        bar(scene, &axes, ends, value, palette::class(0).fade(0.75));
    }
    axes.curve(scene, [(0.0, 1.0), (1.0, 1.0)], INK, 2.0, Some((9.0, 7.0)));
}
