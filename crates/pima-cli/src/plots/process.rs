//! Clusters against what is known of how each sample was made, and numbers predicted against measured (2023, Figure 7).

use anyhow::{Result, ensure};
use ndarray::{Array1, ArrayView1};

use super::assignment::{Assigned, cluster_name};
use super::axes::{Axes, Names, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::frame;
use super::latent::{Classes, look, scattered};
use super::palette::{self, Marker};
use super::render::text_width;
use super::scene::{Anchor, Colour, INK, MUTED, Point, Scene, size};
use super::values::{in_order, with_unit};
use crate::run_directory::Predictions;
use crate::summary::Summary;

const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 900.0;
const LEFT: f64 = 92.0;
const COLUMNS: usize = 3;
const MOST_FACTS: usize = 6;
/// More would be too narrow.
const MOST_NUMBERS: usize = 2;

/// A number measured and predicted, (D) each.
struct Compared<'a> {
    name: &'a str,
    measured: ArrayView1<'a, f64>,
    /// With what it is predicted from.
    predicted: Vec<(&'static str, ArrayView1<'a, f64>)>,
}

fn compared<'a>(predictions: &'a Predictions, summary: Option<&Summary>) -> Vec<Compared<'a>> {
    let of_modality = |name: &'a str| {
        let modality = &predictions.modalities[name];
        let measured = modality.measured.as_ref().filter(|measured| measured.ncols() == 1)?;
        let sources =
            [("all modalities", &modality.predicted), ("the other modalities alone", &modality.predicted_from_others)];
        let predicted: Vec<_> =
            sources.into_iter().filter_map(|(from, array)| Some((from, array.as_ref()?.column(0)))).collect();
        (!predicted.is_empty()).then(|| Compared { name, measured: measured.column(0), predicted })
    };
    in_order(predictions, summary).filter_map(of_modality).take(MOST_NUMBERS).collect()
}

/// The first facts that are not the same for all samples.
fn facts(predictions: &Predictions) -> Vec<&(String, Array1<f64>)> {
    let varies = |(_, values): &&(String, Array1<f64>)| {
        let mut finite = values.iter().filter(|x| x.is_finite());
        finite.next().is_some_and(|first| finite.any(|x| x != first))
    };
    predictions.facts.iter().filter(varies).take(MOST_FACTS).collect()
}

/// Whether a run has anything that the figure shows.
pub(super) fn wanted(predictions: &Predictions, summary: Option<&Summary>) -> bool {
    !facts(predictions).is_empty() || !compared(predictions, summary).is_empty()
}

/// Draws a panel for each fact, and one for each number.
pub(crate) fn scene(
    caption: &Caption,
    predictions: &Predictions,
    summary: Option<&Summary>,
    assigned: Option<&Assigned>,
) -> Result<Scene> {
    let (facts, compared) = (facts(predictions), compared(predictions, summary));
    ensure!(!(facts.is_empty() && compared.is_empty()), "nothing is known of the samples but what the model sees");
    let mut scene = Scene::new(WIDTH, HEIGHT);
    let what = match (facts.is_empty(), compared.is_empty()) {
        (false, false) => "Clusters and how the samples were made; predicted and measured",
        (false, true) => "Clusters and how the samples were made",
        _ => "Predicted and measured",
    };
    caption.draw(&mut scene, what, "test split", &[format!("{} clusters", predictions.n_clusters())]);
    let classes = Classes::of(predictions, assigned);
    let bottom = HEIGHT - 150.0;
    let top = TITLE_HEIGHT + 56.0;
    let right = if facts.is_empty() {
        LEFT - 60.0
    } else {
        let right = if compared.is_empty() { WIDTH - 20.0 } else { WIDTH - 600.0 };
        let rows = facts.len().div_ceil(COLUMNS);
        let columns = facts.len().min(COLUMNS);
        let (step, down) = ((right - LEFT + 52.0) / columns as f64, (bottom - top + 78.0) / rows as f64);
        for (k, (name, values)) in facts.iter().enumerate() {
            let (row, column) = (k / columns, k % columns);
            let from = (LEFT + step * column as f64, top + down * row as f64);
            let corners = (from, (from.0 + step - 76.0, from.1 + down - 92.0));
            let heading = with_unit(name, summary).replace('_', " ");
            strip(&mut scene, corners, &heading, values.view(), predictions, &classes, assigned);
        }
        right
    };
    let step = (WIDTH - right - 10.0) / compared.len().max(1) as f64;
    for (k, number) in compared.iter().enumerate() {
        let side = (step - 160.0).min(bottom - top);
        let from = (right + step * k as f64 + 130.0, top);
        agreement(&mut scene, (from, (from.0 + side, from.1 + side)), number, summary);
    }
    if !facts.is_empty() {
        legend(&mut scene, HEIGHT - 66.0, &classes);
        let mut note =
            "Left: a point is a test sample, across by its cluster, spread within it so that all are seen.".to_owned();
        if let Some(assigned) = assigned {
            let names = assigned.order().into_iter().map(|cluster| cluster_name(cluster, Some(assigned)));
            note += &format!(" Clusters and the labels they are matched to: {}.", names.collect::<Vec<_>>().join(", "));
        }
        let size = fitted(&note, size::SMALL, WIDTH - 72.0);
        scene.text(note, (36.0, HEIGHT - 22.0), size, Anchor::Start, MUTED);
    }
    Ok(scene)
}

/// One fact, up, by cluster, across.
fn strip(
    scene: &mut Scene,
    (from, to): (Point, Point),
    name: &str,
    values: ArrayView1<'_, f64>,
    predictions: &Predictions,
    classes: &Classes,
    assigned: Option<&Assigned>,
) {
    let n = predictions.n_clusters();
    let mut order = assigned.map_or_else(|| (0..n).collect(), Assigned::order);
    order.retain(|&cluster| cluster < n);
    let mut place = vec![0; n];
    order.iter().enumerate().for_each(|(at, &cluster)| place[cluster] = at);
    let axes = Axes::new(from, to, (-0.6, n as f64 - 0.4), range_of(values.iter().copied(), 0.07));
    frame(scene, &axes, true, None);
    let room = to.0 - from.0;
    scene.text(name, ((from.0 + to.0) / 2.0, from.1 - 14.0), fitted(name, size::LABEL, room), Anchor::Middle, INK);
    let radius = if values.len() < 300 { 5.5 } else { 3.6 };
    for (sample, &value) in values.iter().enumerate() {
        let at = place[predictions.cluster[sample] as usize] as f64 + 0.7 * (scattered(sample) - 0.5);
        let (colour, marker) = look(classes.of[sample]);
        axes.marker(scene, (at, value), marker, radius, colour.fade(0.75));
    }
    // As large as the narrowest column lets them be; every second where there are many.
    let every = n.div_ceil(10);
    let width = axes.at(every as f64, 0.0).0 - axes.at(0.0, 0.0).0 - 6.0;
    let named = |assigned: Option<&Assigned>| -> (Vec<String>, f64) {
        let names: Vec<String> = order.iter().step_by(every).map(|&cluster| cluster_name(cluster, assigned)).collect();
        let size = names.iter().map(|name| fitted(name, size::SMALL, width)).fold(size::SMALL, f64::min);
        (names, size)
    };
    // Long names of labels are left to the line below the figure.
    let (names, size) =
        Some(named(assigned)).filter(|(_, size)| *size > 0.75 * size::SMALL).unwrap_or_else(|| named(None));
    for (k, name) in names.into_iter().enumerate() {
        let (x, y) = (axes.at((k * every) as f64, 0.0).0, to.1 + 8.0 + 0.75 * size);
        scene.text(name, (x, y), size, Anchor::Middle, INK);
    }
}

/// How each source of a prediction is drawn.
fn source(k: usize) -> (Colour, Marker) {
    (palette::class(k), palette::marker(20 * k))
}

/// Predicted, up, against measured, across, with the line on which they agree.
fn agreement(scene: &mut Scene, (from, to): (Point, Point), number: &Compared, summary: Option<&Summary>) {
    let all = number.predicted.iter().flat_map(|(_, values)| values.iter()).chain(&number.measured);
    // A prediction that is nowhere near must not press all others into a point.
    let near = range_of(number.measured.iter().copied(), 0.5);
    let within = |value: &f64| *value >= near.0 && *value <= near.1;
    let range = range_of(all.copied().filter(within), 0.05);
    let axes = Axes::new(from, to, range, range);
    let called = with_unit(number.name, summary);
    let (x, y) = (format!("{called}, measured"), format!("{called}, predicted"));
    axes.draw(scene, &Names { x: &x, y: &y, whole_x: false });
    axes.curve(scene, [(range.0, range.0), (range.1, range.1)], INK, 1.8, None);
    // The better one last, on top.
    for (k, (_, values)) in number.predicted.iter().enumerate().rev() {
        let (colour, marker) = source(k);
        for (&measured, &predicted) in number.measured.iter().zip(values) {
            axes.marker(scene, (measured, predicted), marker, 6.0, colour.fade(0.75));
        }
    }
    for (k, (name, values)) in number.predicted.iter().enumerate() {
        let beyond = values.iter().filter(|value| value.is_finite() && !within(value)).count();
        let y = to.1 + 110.0 + 32.0 * k as f64;
        let more = if beyond == 0 { String::new() } else { format!(" ({beyond} beyond the frame)") };
        let text = format!("predicted from {name}{more}");
        entry(scene, (from.0, y), source(k), &text, fitted(&text, size::SMALL, to.0 - from.0 - 34.0));
    }
}

/// A marker and what it stands for; returns where it ends.
fn entry(scene: &mut Scene, at: Point, (colour, marker): (Colour, Marker), text: &str, size: f64) -> f64 {
    let swatch = Axes::new((at.0, at.1 - 12.0), (at.0 + 24.0, at.1 + 12.0), (0.0, 1.0), (0.0, 1.0));
    swatch.marker(scene, (0.5, 0.5), marker, 8.0, colour);
    scene.text_beside(text, (at.0 + 32.0, at.1), size, Anchor::Start, INK);
    at.0 + 32.0 + text_width(text, size)
}

/// The classes in a row; those for which there is no room are left to the other figures.
fn legend(scene: &mut Scene, y: f64, classes: &Classes) {
    let heading = format!("{}:", classes.kind);
    scene.text_beside(&heading, (36.0, y), size::LABEL, Anchor::Start, INK);
    let mut x = 36.0 + text_width(&heading, size::LABEL) + 20.0;
    for &class in classes.counts.keys() {
        let text = classes.name(class);
        if x + 32.0 + text_width(text, size::SMALL) > 0.62 * WIDTH {
            break;
        }
        x = entry(scene, (x, y), look(class), text, size::SMALL) + 26.0;
    }
}
