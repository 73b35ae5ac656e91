//! One cluster's centre in one modality: an image, curves or bars.

use ndarray::{Array2, Array3, ArrayView1, Axis};
use pima_core::ModalityShape;

use super::axes::{Axes, range_of};
use super::palette::{self, Marker};
use super::render::text_width;
use super::scene::{Anchor, Colour, GRID, INK, MUTED, Point, Scene, size};
use super::ticks;
use crate::summary::ExpertSummary;

/// Points of a curve that are drawn at most: more merge into a line of their own.
const MOST_POINTS: usize = 36;

/// What is drawn of one modality.
pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) shape: ModalityShape,
    /// Decoded centres, (N,d).
    pub(super) decoded: Option<&'a Array2<f64>>,
    /// Weighted means of the data, (N,d).
    pub(super) mean: Option<&'a Array2<f64>>,
    /// Samples of each cluster, (N,S,d).
    pub(super) members: Option<&'a Array3<f64>>,
    /// Where along the horizontal axis a curve's values are; its index where this is empty.
    pub(super) grid: &'a [f64],
    pub(super) x_name: String,
    pub(super) y_name: String,
    pub(super) expert: Option<&'a ExpertSummary>,
}

impl Row<'_> {
    pub(super) fn is_image(&self) -> bool {
        matches!(self.shape, ModalityShape::Image { .. })
    }

    /// Height of a cell of this width.
    pub(super) fn height(&self, width: f64) -> f64 {
        match self.shape {
            ModalityShape::Image { height, width: columns, .. } => (width * height as f64 / columns as f64).min(400.0),
            _ => (0.72 * width).min(300.0),
        }
    }

    /// The range that all cells of the row share, so that clusters can be compared.
    fn range(&self, margin: f64) -> (f64, f64) {
        let members = self.members.into_iter().flatten();
        range_of(self.decoded.into_iter().chain(self.mean).flatten().chain(members).copied(), margin)
    }

    /// The values that are black and white.
    fn grey_range(&self) -> (f64, f64) {
        let (low, high) = range_of(self.images().into_iter().flatten().copied(), 0.0);
        if low > -0.05 && high < 1.05 { (0.0, 1.0) } else { (low, high) }
    }

    /// The images of the row: decoded ones, or the data's means where nothing was decoded.
    fn images(&self) -> Option<&Array2<f64>> {
        self.decoded.or(self.mean)
    }

    fn abscissae(&self, length: usize) -> Vec<f64> {
        if self.grid.len() == length { self.grid.to_vec() } else { (0..length).map(|t| t as f64).collect() }
    }
}

/// What the reader must know of the greys.
pub(super) fn grey_note(row: &Row) -> Option<String> {
    let ModalityShape::Image { channels, .. } = row.shape else {
        return None;
    };
    let (low, high) = row.grey_range();
    let what = match channels {
        1 => "",
        3 => ", three channels as red, green and blue",
        _ => ", mean of its channels",
    };
    let source = if row.decoded.is_some() { "" } else { ", mean of the data (nothing was decoded)" };
    Some(format!(
        "{}{what}{source}: black is {}, white is {}.",
        row.name,
        ticks::number(low, 3),
        ticks::number(high, 3)
    ))
}

/// Draws the cell of a cluster; `first` cells carry the ticks of the vertical axis.
pub(super) fn draw(scene: &mut Scene, row: &Row, cluster: usize, corners: (Point, Point), first: bool) {
    match row.shape {
        ModalityShape::Image { channels, height, width } => {
            if let Some(images) = row.images() {
                image(scene, images.row(cluster), [channels, height, width], row.grey_range(), corners);
            }
        }
        ModalityShape::Curve { channels, length } => {
            let t = row.abscissae(length);
            let x = range_of(t.iter().copied(), 0.02);
            let axes = Axes::new(corners.0, corners.1, x, row.range(0.06));
            frame(scene, &axes, first, Some(&row.x_name));
            for channel in 0..channels {
                curve(scene, &axes, row, cluster, channel, channels, &t);
            }
        }
        ModalityShape::Vector { length } => {
            let (low, high) = row.range(0.06);
            let axes = Axes::new(corners.0, corners.1, (-0.6, length as f64 - 0.4), (low.min(0.0), high.max(0.0)));
            frame(scene, &axes, first, None);
            bars(scene, &axes, row, cluster, length);
        }
    }
}

/// Draws one image, its values from `low` (black) to `high` (white).
pub(super) fn image(
    scene: &mut Scene,
    values: ArrayView1<f64>,
    [channels, height, width]: [usize; 3],
    (low, high): (f64, f64),
    (from, to): (Point, Point),
) {
    let pixel = ((to.0 - from.0) / width as f64).min((to.1 - from.1) / height as f64);
    let left = (from.0 + to.0 - pixel * width as f64) / 2.0;
    let level = |channel: usize, i: usize, j: usize| {
        let value = values[(channel * height + i) * width + j];
        if value.is_nan() { 0.5 } else { ((value - low) / (high - low)).clamp(0.0, 1.0) }
    };
    let byte = |level: f64| (255.0 * level).round() as u8;
    let colour = |i: usize, j: usize| {
        let rgb = if channels == 3 {
            (byte(level(0, i, j)), byte(level(1, i, j)), byte(level(2, i, j)))
        } else {
            let grey = byte((0..channels).map(|channel| level(channel, i, j)).sum::<f64>() / channels as f64);
            (grey, grey, grey)
        };
        Colour { rgb, alpha: 1.0 }
    };
    for i in 0..height {
        let mut start = 0;
        while start < width {
            // Equal neighbours share a rectangle, which keeps the drawing small. Each one reaches under the next and
            // under the row below, so that no seam shows where a viewer smooths the edges.
            let end = (start..width).find(|&j| colour(i, j) != colour(i, start)).unwrap_or(width);
            let x = |j: usize, under: f64| left + pixel * (j as f64 + under).min(width as f64);
            let y = |i: usize, under: f64| from.1 + pixel * (i as f64 + under).min(height as f64);
            scene.rect((x(start, 0.0), y(i, 0.0)), (x(end, 0.3), y(i + 1, 0.3)), colour(i, start));
            start = end;
        }
    }
    scene.outline((left, from.1), (left + pixel * width as f64, from.1 + pixel * height as f64), MUTED, 1.0);
}

/// Frame and ticks of a small panel; bars have no horizontal ticks.
pub(super) fn frame(scene: &mut Scene, axes: &Axes, first: bool, x_name: Option<&str>) {
    let rows = if axes.to.1 - axes.from.1 < 130.0 { 3 } else { 4 };
    for (value, name) in ticks::linear(axes.y.0, axes.y.1, rows) {
        let y = axes.at(axes.x.0, value).1;
        scene.line(vec![(axes.from.0, y), (axes.to.0, y)], GRID, 1.0);
        if first {
            scene.text_beside(name, (axes.from.0 - 8.0, y), size::SMALL, Anchor::End, INK);
        }
    }
    if let Some(x_name) = x_name {
        let mut found = ticks::linear(axes.x.0, axes.x.1, if axes.to.0 - axes.from.0 < 270.0 { 2 } else { 3 });
        // One number says nothing of the scale.
        if found.len() < 2 {
            found = ticks::linear(axes.x.0, axes.x.1, 4);
        }
        let below = axes.to.1 + 8.0 + 0.75 * size::SMALL;
        for (value, _) in &found {
            let x = axes.at(*value, axes.y.0).0;
            scene.line(vec![(x, axes.to.1), (x, axes.to.1 + 5.0)], INK, 1.2);
        }
        for (name, anchor, at) in named(axes, &found) {
            scene.text(name, (at, below), size::SMALL, anchor, INK);
        }
        if first && !x_name.is_empty() {
            scene.text(
                x_name,
                (axes.from.0 - 8.0, below),
                super::caption::fitted(x_name, size::SMALL, 130.0),
                Anchor::End,
                MUTED,
            );
        }
    }
    scene.outline(axes.from, axes.to, INK, 1.2);
}

/// The names of horizontal ticks that have room beside each other, and where they stand: all, or every second, third, ...
fn named<'a>(axes: &Axes, ticks: &'a [(f64, String)]) -> Vec<(&'a str, Anchor, f64)> {
    /// Between two names.
    const GAP: f64 = 8.0;
    let placed = ticks.iter().map(|(value, name)| {
        let (x, width) = (axes.at(*value, axes.y.0).0, text_width(name, size::SMALL));
        // The outermost stay within the cell, so that neighbours do not run into each other.
        let across = (x - axes.from.0) / (axes.to.0 - axes.from.0);
        let (anchor, at, left) = match across {
            a if a < 0.1 => (Anchor::Start, axes.from.0, axes.from.0),
            a if a > 0.9 => (Anchor::End, axes.to.0, axes.to.0 - width),
            _ => (Anchor::Middle, x, x - width / 2.0),
        };
        (name.as_str(), anchor, at, (left, left + width))
    });
    let placed: Vec<_> = placed.collect();
    let fits = |step: usize| {
        let kept: Vec<_> = placed.iter().step_by(step).map(|tick| tick.3).collect();
        kept.windows(2).all(|pair| pair[0].1 + GAP <= pair[1].0)
    };
    let step = (1..placed.len()).find(|&step| fits(step)).unwrap_or_else(|| placed.len().max(1));
    placed.into_iter().step_by(step).map(|(name, anchor, at, _)| (name, anchor, at)).collect()
}

fn curve(scene: &mut Scene, axes: &Axes, row: &Row, cluster: usize, channel: usize, channels: usize, t: &[f64]) {
    let of = |array: &Array2<f64>, k: usize| array[[cluster, channel * t.len() + k]];
    // One channel is the rule, and its points are blue in every cell: the cell already says which cluster it is.
    let colour = palette::class(channel);
    let marker = [Marker::Disc, Marker::Square, Marker::Triangle][channel % 3];
    let members = row.members.map(|members| members.index_axis(Axis(0), cluster));
    for member in members.iter().flat_map(|members| members.outer_iter()) {
        let values = (0..t.len()).map(|k| (t[k], member[channel * t.len() + k]));
        axes.curve(scene, values, colour.mix(super::scene::WHITE, 0.62), 1.3, None);
    }
    if let Some(mean) = row.mean {
        let stride = t.len().div_ceil(MOST_POINTS).max(1);
        for k in (0..t.len()).step_by(stride) {
            axes.marker(scene, (t[k], of(mean, k)), marker, 4.2, colour);
        }
    }
    if let Some(decoded) = row.decoded {
        let line = if channels == 1 { INK } else { colour.mix(INK, 0.55) };
        axes.curve(scene, (0..t.len()).map(|k| (t[k], of(decoded, k))), line, 2.4, None);
    }
}

fn bars(scene: &mut Scene, axes: &Axes, row: &Row, cluster: usize, length: usize) {
    for k in 0..length {
        if let Some(value) = row.decoded.map(|decoded| decoded[[cluster, k]]).filter(|value| value.is_finite()) {
            let (a, b) = (axes.at(k as f64 - 0.36, value), axes.at(k as f64 + 0.36, 0.0));
            scene.rect((a.0, a.1.min(b.1)), (b.0, a.1.max(b.1)), palette::class(0).mix(super::scene::WHITE, 0.25));
        }
        if let Some(mean) = row.mean {
            axes.marker(scene, (k as f64, mean[[cluster, k]]), Marker::Disc, 5.0, INK);
        }
        let x = axes.at(k as f64, 0.0).0;
        let step = length.div_ceil(8);
        if k % step == 0 {
            scene.text(
                (k + 1).to_string(),
                (x, axes.to.1 + 8.0 + 0.75 * size::SMALL),
                size::SMALL,
                Anchor::Middle,
                INK,
            );
        }
    }
    let zero = axes.at(0.0, 0.0).1;
    scene.line(vec![(axes.from.0, zero), (axes.to.0, zero)], INK, 1.2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ticks_have_room_beside_each_other() {
        let ticks: Vec<_> = ["0.00", "0.02", "0.04", "0.06"]
            .iter()
            .enumerate()
            .map(|(k, name)| (0.02 * k as f64, (*name).to_owned()))
            .collect();
        let names = |width: f64| {
            let axes = Axes::new((0.0, 0.0), (width, 100.0), (0.0, 0.06), (0.0, 1.0));
            named(&axes, &ticks).into_iter().map(|tick| tick.0).collect::<Vec<_>>()
        };
        assert_eq!(names(400.0), ["0.00", "0.02", "0.04", "0.06"]);
        assert_eq!(names(150.0), ["0.00", "0.04"]);
        assert_eq!(names(20.0), ["0.00"]);
        let axes = Axes::new((0.0, 0.0), (100.0, 100.0), (0.0, 1.0), (0.0, 1.0));
        assert!(named(&axes, &[]).is_empty());
    }
}
