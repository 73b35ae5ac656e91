//! Confusion matrices of the test split, by all modalities and by each alone: rows are true labels, columns clusters in the order of the labels they are
//! matched to.

use anyhow::{Result, ensure};
use ndarray::Array2;

use super::assignment::{AloneConfusion, Assigned, short};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette::shade;
use super::render::text_width;
use super::scene::{Anchor, Colour, INK, MUTED, Point, Scene, WHITE, size};

const WIDTH: f64 = 1600.0;
/// Room for the numbers of labels on the left, and for the longest names.
const LEFT: (f64, f64) = (150.0, 330.0);
/// Room for the columns of numbers and the colour bar on the right.
const RIGHT: f64 = 470.0;
/// The border of a matched cell.
const MATCHED: Colour = Colour::hex(0xd9_5f_0e);

/// Draws the matrix. Cells are shaded by the square root of their share of the row, so that an error of one per cent
/// still shows.
pub(crate) fn scene(caption: &Caption, assigned: &Assigned) -> Result<Scene> {
    let (n_labels, n_clusters) = assigned.confusion.dim();
    let total: u64 = assigned.confusion.sum();
    ensure!(total > 0, "the confusion matrix counts no sample");
    let order = assigned.order();
    let names: Vec<String> = (0..n_labels).map(|label| short(&assigned.label_name(label))).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let left = (90.0 + 0.52 * size::TICK * longest as f64).clamp(LEFT.0, LEFT.1);
    let cell_width = ((WIDTH - left - RIGHT) / n_clusters as f64).min(245.0);
    let cell_height = (980.0 / n_labels as f64).clamp(34.0, if n_labels < 8 { 130.0 } else { 98.0 }).min(cell_width);
    let top = TITLE_HEIGHT + 62.0;
    let (right, bottom) = (left + cell_width * n_clusters as f64, top + cell_height * n_labels as f64);
    let mut scene = Scene::new(WIDTH, bottom + 180.0);
    let facts = [format!("accuracy {:.2} %", 100.0 * assigned.accuracy), format!("{total} samples")];
    caption.draw(&mut scene, "Confusion matrix", "test split", &facts);

    let tick = size::TICK.min(0.62 * cell_height);
    let row_middle = |row: usize| top + cell_height * (row as f64 + 0.5);
    matrix(&mut scene, &assigned.confusion, assigned, (left, top), (cell_width, cell_height));
    for label in 0..n_labels {
        let in_row: u64 = assigned.confusion.row(label).sum();
        let of_name = fitted(&names[label], tick, left - 90.0);
        scene.text_beside(names[label].clone(), (left - 16.0, row_middle(label)), of_name, Anchor::End, INK);
        row_numbers(&mut scene, assigned, label, in_row, (right, row_middle(label)), tick);
    }
    for (column, &cluster) in order.iter().enumerate() {
        let x = left + cell_width * column as f64;
        let matched = assigned.label_of[cluster].filter(|&label| label < n_labels);
        let name = format!("c{cluster}");
        let tick = fitted(&name, size::TICK, 0.9 * cell_width);
        scene.text(name, (x + cell_width / 2.0, bottom + 34.0), tick, Anchor::Middle, INK);
        let label = matched.map_or_else(|| "–".to_owned(), |label| names[label].clone());
        let tick = fitted(&label, size::TICK, 0.94 * cell_width);
        scene.text(label, (x + cell_width / 2.0, bottom + 68.0), tick, Anchor::Middle, INK);
    }
    scene.text("cluster", (left - 16.0, bottom + 34.0), size::SMALL, Anchor::End, MUTED);
    scene.text("matched to", (left - 16.0, bottom + 68.0), size::SMALL, Anchor::End, MUTED);
    let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
    scene.text(
        "cluster, in the order of the label it is matched to",
        (middle.0, bottom + 116.0),
        size::LABEL,
        Anchor::Middle,
        INK,
    );
    scene.text_upright("true label", (54.0, middle.1), size::LABEL, INK);
    scene.text("samples", (right + 110.0, top - 18.0), size::SMALL, Anchor::End, MUTED);
    scene.text("correct", (right + 232.0, top - 18.0), size::SMALL, Anchor::End, MUTED);
    colour_bar(&mut scene, right + 300.0, top, bottom);
    let note =
        "Framed: cluster and label matched (Walker et al. 2023, eq. 19). Shades: square root of the share of the row.";
    scene.text(note, (36.0, bottom + 160.0), size::SMALL, Anchor::Start, MUTED);
    Ok(scene)
}

/// Draws the matrices of modalities seen alone beside each other (2022, Figure 5).
pub(crate) fn alone_scene(caption: &Caption, assigned: &Assigned, alone: &[AloneConfusion]) -> Result<Scene> {
    const MARGIN: f64 = 36.0;
    /// Above a matrix, for what it is of, and below it, for its columns.
    const ABOVE: f64 = 56.0;
    const BELOW: f64 = 92.0;
    ensure!(!alone.is_empty(), "no modality was seen alone");
    let (n_labels, n_clusters) = assigned.confusion.dim();
    let names: Vec<String> = (0..n_labels).map(|label| short(&assigned.label_name(label))).collect();
    let columns = alone.len().min(3);
    let step = (WIDTH - 2.0 * MARGIN) / columns.max(2) as f64;
    let longest = names.iter().map(|name| text_width(name, size::SMALL)).fold(0.0, f64::max);
    let room = (longest + 24.0).clamp(50.0, 0.35 * step);
    let cell = (((step - room - 24.0) / n_clusters as f64).min(90.0), 0.0);
    let cell = (cell.0, cell.0.min(640.0 / n_labels as f64).max(24.0));
    let height = ABOVE + cell.1 * n_labels as f64 + BELOW;
    let rows = alone.len().div_ceil(columns);
    let mut scene = Scene::new(WIDTH, TITLE_HEIGHT + height * rows as f64 + 60.0);
    caption.draw(&mut scene, "Confusion matrices, one modality seen", "test split", &[]);
    for (k, one) in alone.iter().enumerate() {
        let left = MARGIN + step * (k % columns) as f64 + room;
        let top = TITLE_HEIGHT + height * (k / columns) as f64 + ABOVE;
        let accuracy = one.accuracy.map_or(String::new(), |accuracy| format!(": accuracy {:.2} %", 100.0 * accuracy));
        let title = one.title() + &accuracy;
        let width = cell.0 * n_clusters as f64;
        scene.text(&title, (left, top - 16.0), fitted(&title, size::LABEL, step - room - 24.0), Anchor::Start, INK);
        matrix(&mut scene, &one.confusion, assigned, (left, top), cell);
        for (label, name) in names.iter().enumerate() {
            let y = top + cell.1 * (label as f64 + 0.5);
            scene.text_beside(name, (left - 12.0, y), fitted(name, size::SMALL, room - 16.0), Anchor::End, INK);
        }
        let bottom = top + cell.1 * n_labels as f64;
        for (column, &cluster) in assigned.order().iter().enumerate() {
            let name = format!("c{cluster}");
            let x = left + cell.0 * (column as f64 + 0.5);
            scene.text(&name, (x, bottom + 26.0), fitted(&name, size::SMALL, 0.9 * cell.0), Anchor::Middle, INK);
        }
        let what = "cluster, in the order of the label it is matched to";
        scene.text(
            what,
            (left, bottom + 58.0),
            fitted(what, size::SMALL, width.max(step - room - 24.0)),
            Anchor::Start,
            MUTED,
        );
    }
    let note = "Rows: true labels. Framed: cluster and label matched by all modalities together. Shades: square root of the share of the row.";
    scene.text(
        note,
        (MARGIN, scene.height - 24.0),
        fitted(note, size::SMALL, WIDTH - 2.0 * MARGIN),
        Anchor::Start,
        MUTED,
    );
    Ok(scene)
}

/// The cells of a matrix with their counts, clusters ordered and framed as `assigned` matches them.
fn matrix(scene: &mut Scene, counts: &Array2<u64>, assigned: &Assigned, (left, top): Point, (width, height): Point) {
    let (n_labels, n_clusters) = counts.dim();
    let order = assigned.order();
    let (right, bottom) = (left + width * n_clusters as f64, top + height * n_labels as f64);
    for label in 0..n_labels {
        let in_row: u64 = counts.row(label).sum();
        for (column, &cluster) in order.iter().enumerate() {
            let count = counts[[label, cluster]];
            let share = if in_row > 0 { count as f64 / in_row as f64 } else { 0.0 };
            let colour = shade(share.sqrt());
            let from = (left + width * column as f64, top + height * label as f64);
            let to = (from.0 + width, from.1 + height);
            scene.rect(from, to, colour);
            let ink = match count {
                0 => Colour::hex(0xc4_c4_c4),
                _ if colour.luminance() < 0.3 => WHITE,
                _ => INK,
            };
            let (text, middle) = (count.to_string(), ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0));
            let size = fitted(&text, 0.45 * height, 0.86 * width).min(26.0);
            scene.text_beside(text, middle, size, Anchor::Middle, ink);
        }
    }
    for line in 0..=n_labels.max(n_clusters) {
        let (x, y) = (left + width * line as f64, top + height * line as f64);
        if line <= n_clusters {
            scene.line(vec![(x, top), (x, bottom)], Colour::hex(0xd8_d8_d8), 1.0);
        }
        if line <= n_labels {
            scene.line(vec![(left, y), (right, y)], Colour::hex(0xd8_d8_d8), 1.0);
        }
    }
    scene.outline((left, top), (right, bottom), INK, 1.5);
    for (column, &cluster) in order.iter().enumerate() {
        if let Some(label) = assigned.label_of[cluster].filter(|&label| label < n_labels) {
            let (x, y) = (left + width * column as f64, top + height * label as f64);
            scene.outline((x, y), (x + width, y + height), MATCHED, 2.5);
        }
    }
}

/// Number of samples of a label and how many of them its cluster holds.
fn row_numbers(scene: &mut Scene, assigned: &Assigned, label: usize, in_row: u64, (right, y): (f64, f64), tick: f64) {
    scene.text_beside(in_row.to_string(), (right + 110.0, y), tick, Anchor::End, MUTED);
    let cluster = assigned.label_of.iter().position(|&of| of == Some(label));
    let correct = cluster.map_or(0, |cluster| assigned.confusion[[label, cluster]]);
    if in_row > 0 {
        let share = format!("{:.1} %", 100.0 * correct as f64 / in_row as f64);
        scene.text_beside(share, (right + 232.0, y), tick, Anchor::End, INK);
    }
}

fn colour_bar(scene: &mut Scene, x: f64, top: f64, bottom: f64) {
    let bottom = bottom.min(top + 560.0);
    let steps = 80;
    let y = |shade: f64| bottom - (bottom - top) * shade;
    for k in 0..steps {
        let (low, high) = (f64::from(k) / f64::from(steps), f64::from(k + 1) / f64::from(steps));
        scene.rect((x, y(high)), (x + 30.0, y(low)), shade((low + high) / 2.0));
    }
    scene.outline((x, top), (x + 30.0, bottom), INK, 1.2);
    for percent in [0.0, 1.0, 5.0, 20.0, 50.0, 100.0_f64] {
        let at = y((percent / 100.0).sqrt());
        scene.line(vec![(x + 30.0, at), (x + 37.0, at)], INK, 1.5);
        scene.text_beside(format!("{percent:.0} %"), (x + 44.0, at), size::SMALL, Anchor::Start, INK);
    }
    scene.text("share of the row", (x, top - 18.0), size::SMALL, Anchor::Start, MUTED);
}
