//! What an expert identified for single samples against what they were made with, from everything and from each modality alone.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayView1};

use super::assignment::short;
use super::axes::{Axes, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::frame;
use super::palette;
use super::render::text_width;
use super::scene::{Anchor, INK, MUTED, Scene, size};
use crate::run_directory::Predictions;
use crate::summary::Summary;

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 150.0;
const STEP_DOWN: f64 = 350.0;
const CELL_HEIGHT: f64 = 260.0;

/// One line of cells: the parameters of one modality's expert, seen from somewhere.
struct Row<'a> {
    modality: &'a str,
    from: String,
    identified: &'a Array2<f64>,
    truth: &'a Array2<f64>,
}

/// Whether there is anything to draw.
pub(crate) fn any(predictions: &Predictions) -> bool {
    predictions.modalities.values().any(|modality| modality.parameters.is_some() && modality.true_parameters.is_some())
}

/// Draws a column for each parameter whose truth is known, and a row for each way to see it.
pub(crate) fn scene(caption: &Caption, predictions: &Predictions, summary: Option<&Summary>) -> Result<Scene> {
    let rows = rows(predictions);
    ensure!(!rows.is_empty(), "no sample's parameters are known beside those that an expert identified");
    let known = |row: &Row| -> Vec<usize> {
        let is_known = |column: ArrayView1<'_, f64>| column.iter().any(|value| value.is_finite());
        (0..row.truth.ncols().min(row.identified.ncols())).filter(|&q| is_known(row.truth.column(q))).collect()
    };
    let n_columns = rows.iter().map(|row| known(row).len()).max().unwrap_or(0).max(1);
    let step = (WIDTH - LEFT - 20.0) / n_columns as f64;
    let mut scene = Scene::new(WIDTH, TITLE_HEIGHT + rows.len() as f64 * STEP_DOWN + 94.0);
    let facts = [format!("{} samples", predictions.n_samples())];
    caption.draw(&mut scene, "Parameters of single samples", "test split", &facts);
    for (r, row) in rows.iter().enumerate() {
        let top = TITLE_HEIGHT + r as f64 * STEP_DOWN + 46.0;
        let expert = summary.and_then(|summary| summary.experts.get(row.modality));
        scene.text_upright(&row.from, (36.0, top + CELL_HEIGHT / 2.0), size::LABEL, INK);
        for (place, q) in known(row).into_iter().enumerate() {
            let left = LEFT + step * place as f64;
            let (from, to) = ((left, top), (left + step - 104.0, top + CELL_HEIGHT));
            let (truth, identified) = (row.truth.column(q), row.identified.column(q));
            let name = expert.and_then(|expert| expert.parameters.get(q)).map_or("", String::as_str);
            let unit = expert.and_then(|expert| expert.units.get(q)).filter(|unit| !unit.is_empty());
            let heading = unit.map_or_else(|| name.to_owned(), |unit| format!("{name} ({unit})"));
            let middle = (from.0 + to.0) / 2.0;
            let heading_size = fitted(&heading, size::LABEL, step - 60.0);
            scene.text(&heading, (middle, top - 14.0), heading_size, Anchor::Middle, INK);
            let range = range_of(truth.iter().chain(identified).copied(), 0.06);
            let axes = Axes::new(from, to, range, range);
            frame(&mut scene, &axes, true, Some(if place == 0 { "truth" } else { "" }));
            axes.curve(&mut scene, [(range.0, range.0), (range.1, range.1)], MUTED, 1.6, Some((8.0, 6.0)));
            for (d, (&truth, &identified)) in truth.iter().zip(identified).enumerate() {
                let class = usize::try_from(predictions.label.get(d).copied().unwrap_or(-1)).ok();
                let colour = class.map_or(palette::UNKNOWN, palette::class);
                axes.marker(&mut scene, (truth, identified), palette::marker(class.unwrap_or(0)), 4.4, colour);
            }
        }
    }
    legend(&mut scene, predictions, summary);
    let note = "Across: what the samples were made with; up: what was identified. Dashes: where the two agree.";
    let at = (36.0, scene.height - 18.0);
    scene.text(note, at, fitted(note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    Ok(scene)
}

/// The labels with their markers in one line, as many as there is room for.
fn legend(scene: &mut Scene, predictions: &Predictions, summary: Option<&Summary>) {
    let labels: BTreeSet<usize> = predictions.label.iter().filter_map(|&label| usize::try_from(label).ok()).collect();
    let (mut x, y) = (36.0, scene.height - 58.0);
    for label in labels {
        let known = summary.and_then(|summary| summary.label_names.get(label));
        let name = short(&known.cloned().unwrap_or_else(|| label.to_string()));
        let width = text_width(&name, size::LABEL);
        if x + 30.0 + width > WIDTH - 36.0 {
            break;
        }
        let swatch = Axes::new((x, y - 12.0), (x + 24.0, y + 12.0), (0.0, 1.0), (0.0, 1.0));
        swatch.marker(scene, (0.5, 0.5), palette::marker(label), 8.0, palette::class(label));
        scene.text_beside(name, (x + 30.0, y), size::LABEL, Anchor::Start, INK);
        x += 30.0 + width + 34.0;
    }
}

fn rows(predictions: &Predictions) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (name, modality) in &predictions.modalities {
        let (Some(identified), Some(truth)) = (&modality.parameters, &modality.true_parameters) else { continue };
        rows.push(Row { modality: name, from: "from all".to_owned(), identified, truth });
        let alone = modality.parameters_from.iter();
        rows.extend(alone.map(|(given, identified)| Row {
            modality: name,
            from: format!("from {given}"),
            identified,
            truth,
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::fixture::Plan;
    use crate::plots::scene::Item;

    #[test]
    fn a_point_for_each_sample_and_a_row_for_each_way_to_see_it() {
        let plan = Plan { n_samples: 30, ..Plan::default() };
        let mut predictions = plan.predictions();
        assert!(!any(&predictions));
        let modality = predictions.modalities.get_mut("line").unwrap();
        let truth = Array2::from_shape_fn((30, 2), |(d, q)| if q == 0 { d as f64 } else { f64::NAN });
        modality.parameters = Some(&truth * 1.1);
        modality.parameters_from = [("image".to_owned(), &truth * 0.9)].into();
        modality.true_parameters = Some(truth);
        assert!(any(&predictions));
        let folder = tempfile::tempdir().unwrap();
        let run = plan.write(&folder.path().join("run"));
        let caption = Caption::of(&run, Some(&plan.summary()), None);
        let scene = scene(&caption, &predictions, None).unwrap();
        let words = scene.words();
        assert!(words.contains(&"from all") && words.contains(&"from image"), "{words:?}");
        let shapes = scene.items.iter().filter(|item| matches!(item, Item::Disc { .. }));
        let labels: BTreeSet<i64> = predictions.label.iter().copied().collect();
        assert_eq!(shapes.count(), 2 * 30 + labels.len(), "the second quantity, which is not known, has no cell");
    }
}
