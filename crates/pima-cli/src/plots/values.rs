//! Latent space coloured by a measured number, beside the curves that are typical of each cluster (2023, Figure 6).

use anyhow::{Context, Result, ensure};
use ndarray::{Array1, Array3, ArrayView1, s};
use pima_core::ModalityShape;

use super::assignment::{Assigned, cluster_name};
use super::axes::{Axes, Names, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::frame;
use super::latent;
use super::palette::{self, Marker};
use super::projection::View;
use super::scene::{Anchor, Colour, INK, MUTED, Point, Scene, WHITE, size};
use super::ticks;
use crate::run_directory::Predictions;
use crate::summary::Summary;

const HEIGHT: f64 = 1050.0;
/// Where the curves begin.
const MIDDLE: f64 = 990.0;
const BAR: f64 = 26.0;
/// Values of a curve that are drawn at most: no more can be told apart.
const MOST_VALUES: usize = 500;

/// The modality of one value that the figure is coloured by: its name and its values (D).
pub(super) fn number<'a>(
    predictions: &'a Predictions,
    summary: Option<&Summary>,
) -> Option<(&'a str, ArrayView1<'a, f64>)> {
    in_order(predictions, summary).find_map(|name| {
        let measured = predictions.modalities[name].measured.as_ref()?;
        (measured.ncols() == 1 && measured.iter().any(|x| x.is_finite())).then(|| (name, measured.column(0)))
    })
}

/// Modalities in the model's order.
pub(super) fn in_order<'a>(predictions: &'a Predictions, summary: Option<&Summary>) -> impl Iterator<Item = &'a str> {
    let known = summary.map_or(&[][..], |summary| &summary.modalities);
    let place = |name: &str| known.iter().position(|own| own == name).unwrap_or(known.len());
    let mut names: Vec<&str> = predictions.modalities.keys().map(String::as_str).collect();
    names.sort_by_key(|name| place(name));
    names.into_iter()
}

/// A name with its unit.
pub(super) fn with_unit(name: &str, summary: Option<&Summary>) -> String {
    match summary.and_then(|summary| summary.units.get(name)) {
        Some(unit) => format!("{name} ({unit})"),
        None => name.to_owned(),
    }
}

/// Typical curves of one channel, (N,K,T), with what their axes are called.
struct Curves<'a> {
    nearest: &'a Array3<f64>,
    decoded: Option<&'a ndarray::Array2<f64>>,
    name: String,
    x_name: String,
    grid: Vec<f64>,
}

impl<'a> Curves<'a> {
    fn of(predictions: &'a Predictions, summary: Option<&Summary>) -> Option<Self> {
        in_order(predictions, summary).find_map(|name| {
            let modality = &predictions.modalities[name];
            let nearest = modality.nearest.as_ref()?;
            let shape = summary.and_then(|summary| summary.modality_shapes.get(name));
            if matches!(shape, Some(ModalityShape::Image { .. })) {
                return None;
            }
            let length = nearest.dim().2;
            let axes = summary.and_then(|summary| summary.modality_axes.get(name));
            let grid = axes.map_or(&[][..], |axes| &axes.grid);
            // Several channels follow each other, and their axis is that of one.
            let grid = match grid.len() {
                0 => (0..length).map(|t| t as f64).collect(),
                own if own == length => grid.to_vec(),
                _ => return None,
            };
            Some(Self {
                nearest,
                decoded: modality.decoded.as_ref(),
                name: axes.map_or_else(|| name.to_owned(), |axes| axes.y.clone()),
                x_name: axes.map_or_else(String::new, |axes| axes.x.clone()),
                grid,
            })
        })
    }
}

/// Whether a run has what the figure shows.
pub(super) fn wanted(predictions: &Predictions, summary: Option<&Summary>) -> bool {
    number(predictions, summary).is_some()
}

/// Draws the figure.
pub(crate) fn scene(
    caption: &Caption,
    predictions: &Predictions,
    summary: Option<&Summary>,
    assigned: Option<&Assigned>,
) -> Result<Scene> {
    let (name, values) = number(predictions, summary).context("no modality is a single number")?;
    let curves = Curves::of(predictions, summary);
    let mut scene = Scene::new(if curves.is_some() { 1600.0 } else { MIDDLE }, HEIGHT);
    let what = format!("Latent space by {name}");
    let facts = [format!("{} clusters", predictions.n_clusters())];
    caption.draw(&mut scene, &what, "test split", &facts);
    let bottom = HEIGHT - 166.0;
    let (low, high) = range_of(values.iter().copied(), 0.0);
    let colour = |value: f64| {
        if value.is_finite() { palette::amount((value - low) / (high - low)) } else { palette::UNKNOWN }
    };
    let corners = ((122.0, TITLE_HEIGHT + 24.0), (MIDDLE - 250.0, bottom));
    let note = plane(&mut scene, corners, predictions, (name, values), &colour, assigned)?;
    let bar = ((MIDDLE - 220.0, corners.0.1), (MIDDLE - 220.0 + BAR, bottom));
    colour_bar(&mut scene, bar, (low, high), &with_unit(name, summary));
    let mut notes = vec![note];
    if let Some(curves) = &curves {
        let from = (MIDDLE + 60.0, corners.0.1);
        typical(&mut scene, (from, (1580.0, bottom)), predictions, curves, assigned);
        notes.push(format!(
            "Right: {}; black: the decoded centre; coloured: the {} test samples of the cluster nearest to its centre.",
            curves.name,
            curves.nearest.dim().1
        ));
    }
    for (line, note) in notes.iter().enumerate() {
        let at = (36.0, HEIGHT - 22.0 - 30.0 * (notes.len() - 1 - line) as f64);
        scene.text(note, at, fitted(note, size::SMALL, scene.width - 72.0), Anchor::Start, MUTED);
    }
    Ok(scene)
}

/// The latent plane; returns what the reader must know of it.
fn plane(
    scene: &mut Scene,
    corners: (Point, Point),
    predictions: &Predictions,
    (name, values): (&str, ArrayView1<'_, f64>),
    colour: &dyn Fn(f64) -> Colour,
    assigned: Option<&Assigned>,
) -> Result<String> {
    let finite = predictions.latent_mean.iter().chain(&predictions.prior_mean).chain(&predictions.prior_var);
    ensure!(finite.clone().all(|x| x.is_finite()), "the predictions hold numbers that are not finite");
    let view = View::of(predictions);
    let paint = |sample: usize| (colour(values[sample]), Marker::Disc);
    if view.names.len() > 1 {
        latent::panel(scene, corners, predictions, &view, (0, 1), &paint, assigned);
        let ellipses = "Ellipses: two standard deviations of each cluster's prior p(z|c).".to_owned();
        let first = if view.names.len() > 2 { "The first two of three axes. " } else { "" };
        return Ok(view.note.map_or(String::new(), |note| note + " ") + first + &ellipses);
    }
    let points: Array1<f64> = view.points.column(0).to_owned();
    let x = range_of(points.iter().copied(), 0.04);
    let axes = Axes::new(corners.0, corners.1, x, range_of(values.iter().copied(), 0.04));
    axes.draw(scene, &Names { x: &view.names[0], y: name, whole_x: false });
    for (sample, (&z, &value)) in points.iter().zip(values).enumerate() {
        axes.marker(scene, (z, value), Marker::Disc, 5.0, paint(sample).0.fade(0.7));
    }
    Ok("The latent space has one dimension: across, it; up, the number.".to_owned())
}

fn colour_bar(scene: &mut Scene, (from, to): (Point, Point), range: (f64, f64), name: &str) {
    const STEPS: usize = 128;
    let axes = Axes::new(from, to, (0.0, 1.0), range);
    let height = (to.1 - from.1) / STEPS as f64;
    for step in 0..STEPS {
        let top = to.1 - height * (step + 1) as f64;
        // Each reaches under the next, so that no seam shows.
        let under = if step == 0 { 0.0 } else { 0.5 };
        let colour = palette::amount((step as f64 + 0.5) / STEPS as f64);
        scene.rect((from.0, top), (to.0, top + height + under), colour);
    }
    scene.outline(from, to, INK, 1.2);
    let mut widest: f64 = 0.0;
    for (value, text) in ticks::linear(range.0, range.1, 7) {
        let y = axes.at(0.0, value).1;
        scene.line(vec![(to.0, y), (to.0 + 6.0, y)], INK, 1.2);
        widest = widest.max(super::render::text_width(&text, size::TICK));
        scene.text_beside(text, (to.0 + 12.0, y), size::TICK, Anchor::Start, INK);
    }
    let middle = (from.1 + to.1) / 2.0;
    scene.text_upright(name, (to.0 + 46.0 + widest, middle), fitted(name, size::LABEL, to.1 - from.1), INK);
}

/// One cell for each cluster.
fn typical(
    scene: &mut Scene,
    (from, to): (Point, Point),
    predictions: &Predictions,
    curves: &Curves,
    assigned: Option<&Assigned>,
) {
    let n = predictions.n_clusters();
    let columns = if n > 12 { 3 } else { n.div_ceil(2).min(2) };
    let rows = n.div_ceil(columns);
    let (step, down) = ((to.0 - from.0) / columns as f64, (to.1 - from.1 + 34.0) / rows as f64);
    let x = range_of(curves.grid.iter().copied(), 0.01);
    let seen = curves.nearest.iter().chain(curves.decoded.into_iter().flatten());
    let y = range_of(seen.copied(), 0.04);
    let order = assigned.map_or_else(|| (0..n).collect(), Assigned::order);
    let stride = curves.grid.len().div_ceil(MOST_VALUES).max(1);
    let kept = || (0..curves.grid.len()).step_by(stride);
    for (place, &cluster) in order.iter().enumerate().filter(|(_, cluster)| **cluster < n) {
        let (row, column) = (place / columns, place % columns);
        let upper_left = (from.0 + step * column as f64, from.1 + down * row as f64);
        let lower_right = (upper_left.0 + step - 24.0, upper_left.1 + down - 40.0);
        let axes = Axes::new(upper_left, lower_right, x, y);
        frame(scene, &axes, column == 0, if place + columns >= n { Some("") } else { None });
        for k in (0..curves.nearest.dim().1).rev() {
            let curve = curves.nearest.slice(s![cluster, k, ..]);
            let thin = palette::class(0).mix(WHITE, 0.25);
            axes.curve(scene, kept().map(|t| (curves.grid[t], curve[t])), thin, 1.6, None);
        }
        if let Some(decoded) = curves.decoded {
            axes.curve(scene, kept().map(|t| (curves.grid[t], decoded[[cluster, t]])), INK, 2.4, None);
        }
        let name = cluster_name(cluster, assigned);
        let at = (upper_left.0 + 12.0, upper_left.1 + 0.9 * size::LABEL);
        scene.text(name, at, size::LABEL.min(0.25 * down), Anchor::Start, INK);
    }
    if !curves.x_name.is_empty() {
        let at = ((from.0 + to.0 - 24.0) / 2.0, to.1 + 14.0 + size::SMALL + size::LABEL);
        scene.text(&curves.x_name, at, size::LABEL, Anchor::Middle, INK);
    }
}
