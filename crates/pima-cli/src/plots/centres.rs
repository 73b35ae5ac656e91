//! Decoded cluster centres: what the model takes each cluster to be, in every modality, beside the mean of the data it
//! holds.

use anyhow::{Result, ensure};
use pima_core::ModalityShape;

use super::assignment::{Assigned, cluster_name};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::{self, Row};
use super::scene::{Anchor, INK, MUTED, Scene, size};
use super::ticks;
use crate::run_directory::Predictions;
use crate::summary::{ExpertCluster, ExpertSummary, Summary};

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 150.0;
/// Clusters side by side before another band begins.
const MOST_COLUMNS: usize = 6;
/// Parameters of an expert that are written out.
const MOST_PARAMETERS: usize = 6;
const LINE: f64 = 27.0;

/// Draws one row per modality and one cell per cluster, in bands where there are many clusters.
pub(crate) fn scene(
    caption: &Caption,
    predictions: &Predictions,
    summary: Option<&Summary>,
    assigned: Option<&Assigned>,
) -> Result<Scene> {
    let rows = rows(predictions, summary);
    ensure!(!rows.is_empty(), "the predictions hold no decoded cluster centre");
    let n = predictions.n_clusters();
    let order = assigned.map_or_else(|| (0..n).collect(), |assigned| full_order(assigned, n));
    let n_columns = n.div_ceil(n.div_ceil(MOST_COLUMNS));
    let step = ((WIDTH - LEFT - 30.0) / n_columns as f64).min(560.0);
    let cell_width = step - 30.0;
    let heights: Vec<f64> = rows.iter().map(|row| row.height(cell_width)).collect();
    let texts: Vec<Vec<Vec<String>>> = rows
        .iter()
        .map(|row| row.expert.map_or_else(|| vec![Vec::new(); n], |expert| parameters(expert, n, cell_width)))
        .collect();
    let n_lines: Vec<usize> = texts.iter().map(|cells| cells.iter().map(Vec::len).max().unwrap_or(0)).collect();
    let row_heights: Vec<f64> = (0..rows.len())
        .map(|r| heights[r] + LINE * n_lines[r] as f64 + if rows[r].is_image() { 26.0 } else { 58.0 })
        .collect();
    let band_height = 64.0 + row_heights.iter().sum::<f64>() + 10.0;
    let bands = n.div_ceil(n_columns);
    let notes = notes(&rows, assigned);
    let mut scene = Scene::new(WIDTH, TITLE_HEIGHT + bands as f64 * band_height + 32.0 * notes.len() as f64 + 16.0);
    caption.draw(&mut scene, "Decoded cluster centres", "with means of the test split", &[format!("{n} clusters")]);

    for (place, &cluster) in order.iter().enumerate() {
        let (band, column) = (place / n_columns, place % n_columns);
        let left = LEFT + step * column as f64;
        let mut top = TITLE_HEIGHT + band_height * band as f64;
        let heading = format!(
            "{}, p(c) = {}",
            cluster_name(cluster, assigned),
            ticks::number(predictions.prior_weight[cluster], 3)
        );
        let middle = left + cell_width / 2.0;
        let heading_size = fitted(&heading, size::LABEL, cell_width);
        scene.text(&heading, (middle, top + 40.0), heading_size, Anchor::Middle, INK);
        top += 64.0;
        for (r, row) in rows.iter().enumerate() {
            for (k, text) in texts[r][cluster].iter().enumerate() {
                let size = fitted(text, size::SMALL, cell_width + 8.0);
                scene.text(text, (middle, top + LINE * k as f64 + 10.0), size, Anchor::Middle, INK);
            }
            let from = (left, top + LINE * n_lines[r] as f64);
            let to = (left + cell_width, from.1 + heights[r]);
            cells::draw(&mut scene, row, cluster, (from, to), column == 0);
            if column == 0 {
                scene.text_upright(&row.name, (44.0, (from.1 + to.1) / 2.0), size::LABEL, INK);
                if !row.y_name.is_empty() {
                    let room = fitted(&row.y_name, size::SMALL, heights[r] + 20.0);
                    scene.text_upright(&row.y_name, (72.0, (from.1 + to.1) / 2.0), room, MUTED);
                }
            }
            top += row_heights[r];
        }
    }
    for (line, note) in notes.iter().enumerate() {
        let y = scene.height - 18.0 - 32.0 * (notes.len() - 1 - line) as f64;
        scene.text(note, (36.0, y), fitted(note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    }
    Ok(scene)
}

/// The assignment's order, made whole in case it was for fewer clusters.
fn full_order(assigned: &Assigned, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = assigned.order().into_iter().filter(|&cluster| cluster < n).collect();
    order.extend((0..n).filter(|cluster| !assigned.order().contains(cluster)));
    order
}

/// One row for each modality that has anything to show, in the model's order.
fn rows<'a>(predictions: &'a Predictions, summary: Option<&'a Summary>) -> Vec<Row<'a>> {
    let known = summary.map_or(&[][..], |summary| &summary.modalities);
    let mut names: Vec<&String> = known.iter().filter(|name| predictions.modalities.contains_key(*name)).collect();
    names.extend(predictions.modalities.keys().filter(|name| !known.contains(name)));
    names
        .into_iter()
        .filter_map(|name| {
            let modality = &predictions.modalities[name];
            let size = modality.decoded.as_ref().or(modality.mean.as_ref())?.ncols();
            if size == 0 {
                return None;
            }
            let stated = summary.and_then(|summary| summary.modality_shapes.get(name)).copied();
            let shape = stated.filter(|shape| shape.size() == size).unwrap_or_else(|| guessed_shape(name, size));
            let axes = summary.and_then(|summary| summary.modality_axes.get(name));
            Some(Row {
                name: name.clone(),
                shape,
                decoded: modality.decoded.as_ref(),
                mean: modality.mean.as_ref(),
                members: modality.members.as_ref().filter(|members| members.dim().2 == size),
                grid: axes.map_or(&[], |axes| &axes.grid),
                x_name: axes.map_or_else(String::new, |axes| axes.x.clone()),
                y_name: axes.map_or_else(String::new, |axes| axes.y.clone()),
                expert: summary.and_then(|summary| summary.experts.get(name)),
            })
        })
        .collect()
}

/// What a modality of `size` values most likely is, where nothing says so: a square number called an image is one, a
/// long list is a curve.
pub(crate) fn guessed_shape(name: &str, size: usize) -> ModalityShape {
    let side = size.isqrt();
    let name = name.to_lowercase();
    let called_image = ["image", "img", "picture", "micrograph", "digit"].iter().any(|word| name.contains(word));
    if side * side == size && side >= 8 && (called_image || size == 784) {
        ModalityShape::Image { channels: 1, height: side, width: side }
    } else if size >= 8 {
        ModalityShape::Curve { channels: 1, length: size }
    } else {
        ModalityShape::Vector { length: size }
    }
}

/// The parameters that were identified for each of `n` clusters, with standard errors and units, in lines that fit into
/// `room`.
fn parameters(expert: &ExpertSummary, n: usize, room: f64) -> Vec<Vec<String>> {
    let found: Vec<_> = (0..n).map(|c| expert.clusters.iter().find(|found| found.cluster == c)).collect();
    let mut lines = vec![Vec::new(); n];
    for (p, name) in expert.parameters.iter().enumerate().take(MOST_PARAMETERS) {
        let unit = expert.units.get(p).map_or("", |unit| unit.trim());
        let value = |cluster: &ExpertCluster| {
            let of = |numbers: &[f64]| numbers.get(p).copied().unwrap_or(f64::NAN);
            let number = ticks::with_error(of(&cluster.values), of(&cluster.standard_errors));
            format!("= {number} {unit}").trim_end().to_owned()
        };
        let values: Vec<Option<String>> = found.iter().map(|cluster| cluster.map(value)).collect();
        // What is slightly too long is set smaller; what is much too long for one cluster is broken for all.
        let too_long = |value: &String| fitted(&format!("{name} {value}"), size::SMALL, room) < 0.85 * size::SMALL;
        let broken = values.iter().flatten().any(too_long);
        for (lines, value) in lines.iter_mut().zip(values) {
            match value {
                Some(value) if broken => lines.extend([name.clone(), value]),
                Some(value) => lines.push(format!("{name} {value}")),
                None => {}
            }
        }
    }
    if expert.parameters.len() > MOST_PARAMETERS {
        let more = format!("and {} more", expert.parameters.len() - MOST_PARAMETERS);
        lines.iter_mut().filter(|lines| !lines.is_empty()).for_each(|lines| lines.push(more.clone()));
    }
    lines
}

fn notes(rows: &[Row], assigned: Option<&Assigned>) -> Vec<String> {
    let mut notes = vec![match assigned {
        Some(_) => "cN (L): cluster N, matched to label L.".to_owned(),
        None => "cN: cluster N.".to_owned(),
    }];
    let curves = rows.iter().any(|row| matches!(row.shape, ModalityShape::Curve { .. }));
    let vectors = rows.iter().any(|row| matches!(row.shape, ModalityShape::Vector { .. }));
    let drawn = match (curves, vectors) {
        (true, true) => "Lines and bars",
        (true, false) => "Lines",
        (false, true) => "Bars",
        (false, false) => "",
    };
    if !drawn.is_empty() {
        notes[0].push_str(&format!(" {drawn}: decoded centre; points: responsibility-weighted mean of the test data."));
    }
    if rows.iter().any(|row| row.members.is_some()) {
        notes[0].push_str(" Thin: samples of the cluster.");
    }
    if rows.iter().any(|row| row.expert.is_some()) {
        notes[0].push_str(" Parameters: value ± standard error.");
    }
    notes.extend(rows.iter().filter_map(cells::grey_note));
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_guessed_from_size_and_name() {
        let image = |side| ModalityShape::Image { channels: 1, height: side, width: side };
        assert_eq!(guessed_shape("x1", 784), image(28));
        assert_eq!(guessed_shape("Image", 64 * 64), image(64));
        assert_eq!(guessed_shape("stress", 100), ModalityShape::Curve { channels: 1, length: 100 });
        assert_eq!(guessed_shape("image", 100), image(10));
        assert_eq!(guessed_shape("process", 4), ModalityShape::Vector { length: 4 });
    }
}
