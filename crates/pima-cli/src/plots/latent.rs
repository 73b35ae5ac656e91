//! Latent space of the test split: samples by label, and the mixture's two-sigma ellipses.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::assignment::{Assigned, cluster_name, short};
use super::axes::{Axes, Names, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette::{self, Marker};
use super::projection::{View, two_sigma_ellipse};
use super::render::text_width;
use super::scene::{Anchor, Colour, INK, MUTED, Point, Scene, WHITE, size};
use crate::run_directory::Predictions;

const WIDTH: f64 = 1600.0;
/// More samples than this hide rather than show.
const MOST_POINTS: usize = 10_000;

/// The classes that samples are coloured by.
pub(super) struct Classes {
    /// "label", or "cluster" for data without labels.
    pub(super) kind: &'static str,
    /// Class of each sample (D); `None` for a sample without a label.
    pub(super) of: Vec<Option<usize>>,
    /// Number of samples in each class that occurs.
    pub(super) counts: BTreeMap<Option<usize>, usize>,
    /// Names of the classes.
    names: BTreeMap<usize, String>,
}

impl Classes {
    pub(super) fn of(predictions: &Predictions, assigned: Option<&Assigned>) -> Self {
        let (kind, from) =
            if predictions.has_labels() { ("label", &predictions.label) } else { ("cluster", &predictions.cluster) };
        let of: Vec<_> = from.iter().map(|&class| usize::try_from(class).ok()).collect();
        let mut counts = BTreeMap::new();
        for &class in &of {
            *counts.entry(class).or_insert(0) += 1;
        }
        // Clusters are called as on their plates.
        let name = |class: usize| match assigned {
            Some(assigned) if kind == "label" => short(&assigned.label_name(class)),
            None if kind == "label" => class.to_string(),
            _ => cluster_name(class, None),
        };
        let names = counts.keys().flatten().map(|&class| (class, name(class))).collect();
        Self { kind, of, counts, names }
    }

    /// Name of a class in the legend.
    pub(super) fn name(&self, class: Option<usize>) -> &str {
        class.and_then(|class| self.names.get(&class)).map_or("unknown", String::as_str)
    }

    fn heading(&self) -> String {
        format!("{} (samples)", self.kind)
    }
}

/// Colour and marker of a class.
pub(super) fn look(class: Option<usize>) -> (Colour, Marker) {
    class.map_or((palette::UNKNOWN, Marker::Disc), |class| (palette::class(class), palette::marker(class)))
}

/// Draws the latent space: a plane for two dimensions, three projections for three, principal axes for more, a
/// histogram for one.
pub(crate) fn scene(caption: &Caption, predictions: &Predictions, assigned: Option<&Assigned>) -> Result<Scene> {
    ensure!(predictions.n_samples() > 0, "the predictions hold no sample");
    let finite = predictions.latent_mean.iter().chain(&predictions.prior_mean).chain(&predictions.prior_var);
    ensure!(finite.clone().all(|x| x.is_finite()), "the predictions hold numbers that are not finite");
    let view = View::of(predictions);
    let classes = Classes::of(predictions, assigned);
    let paint = |sample: usize| look(classes.of[sample]);
    let pairs: &[(usize, usize)] = match view.names.len() {
        1 => &[],
        2 => &[(0, 1)],
        _ => &[(0, 1), (0, 2), (1, 2)],
    };
    let mut facts = vec![format!("{} clusters", predictions.n_clusters())];
    if let Some(assigned) = assigned {
        facts.push(format!("accuracy {:.2} %", 100.0 * assigned.accuracy));
    }
    let notes = notes(predictions, &view, assigned, pairs.len());
    // One panel has its legend beside it, three have it below.
    let legend_below = pairs.len() > 1;
    let height = if legend_below { 940.0 } else { 1180.0 } + 32.0 * notes.len() as f64;
    let mut scene = Scene::new(WIDTH, height);
    caption.draw(&mut scene, "Latent space", "test split", &facts);
    let bottom = height - 24.0 - 32.0 * notes.len() as f64;
    for (line, note) in notes.iter().enumerate() {
        let at = (36.0, height - 24.0 - 32.0 * (notes.len() - 1 - line) as f64);
        scene.text(note, at, super::caption::fitted(note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    }
    if legend_below {
        let rows = legend_rows(&classes);
        let floor = bottom - 34.0 * rows.len() as f64 - 90.0;
        let side = (WIDTH - 36.0) / 3.0;
        for (k, &pair) in pairs.iter().enumerate() {
            let left = 36.0 + side * k as f64 + 68.0;
            let corners = ((left, TITLE_HEIGHT + 16.0), (left + side - 100.0, floor));
            panel(&mut scene, corners, predictions, &view, pair, &paint, assigned);
        }
        scene.text_beside(classes.heading(), (36.0, floor + 108.0), size::LABEL, Anchor::Start, INK);
        for (row, entries) in rows.iter().enumerate() {
            let y = floor + 108.0 + 34.0 * row as f64;
            for (x, class) in entries {
                legend_entry(&mut scene, (*x, y), *class, &classes, f64::INFINITY);
            }
        }
    } else {
        let corners = ((130.0, TITLE_HEIGHT + 16.0), (WIDTH - 290.0, bottom - 88.0));
        match pairs.first() {
            Some(&pair) => panel(&mut scene, corners, predictions, &view, pair, &paint, assigned),
            None => super::histogram::panel(&mut scene, corners, predictions, &classes, assigned),
        }
        legend_beside(&mut scene, (WIDTH - 260.0, TITLE_HEIGHT + 44.0), bottom, &classes);
    }
    Ok(scene)
}

fn notes(predictions: &Predictions, view: &View, assigned: Option<&Assigned>, n_panels: usize) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(view.note.clone());
    let mut ellipses = match n_panels {
        0 => "Curves: the clusters' densities p(c) p(z|c), a bar from −2σ to 2σ;".to_owned(),
        _ => "Ellipses: two standard deviations of each cluster's prior p(z|c), dashed where no sample chose it;"
            .to_owned(),
    };
    ellipses.push_str(match assigned {
        Some(_) => " cN (L): cluster N, matched to label L.",
        None => " cN: cluster N.",
    });
    if predictions.n_samples() > MOST_POINTS && n_panels > 0 {
        ellipses.push_str(&format!(" {MOST_POINTS} of {} samples drawn.", predictions.n_samples()));
    }
    notes.push(ellipses);
    notes
}

/// One plane of the view, its samples as `paint` says.
pub(super) fn panel(
    scene: &mut Scene,
    (from, to): (Point, Point),
    predictions: &Predictions,
    view: &View,
    (i, j): (usize, usize),
    paint: &dyn Fn(usize) -> (Colour, Marker),
    assigned: Option<&Assigned>,
) {
    let n = predictions.n_clusters();
    let mut members = vec![0_usize; n];
    for &cluster in &predictions.cluster {
        members[cluster as usize] += 1;
    }
    let ellipses: Vec<_> = (0..n)
        .map(|c| two_sigma_ellipse((view.means[[c, i]], view.means[[c, j]]), &view.covariances[c], i, j))
        .collect();
    let range = |k: usize, coordinate: fn(&Point) -> f64| {
        let samples = central(view.points.column(k).to_vec());
        let outlines = ellipses.iter().zip(&members).filter(|(_, members)| **members > 0);
        range_of(samples.into_iter().chain(outlines.flat_map(|(ellipse, _)| ellipse.iter().map(coordinate))), 0.04)
    };
    let axes = Axes::new(from, to, range(i, |p| p.0), range(j, |p| p.1));
    axes.draw(scene, &Names { x: &view.names[i], y: &view.names[j], whole_x: false });

    let order = shuffled(predictions.n_samples());
    let drawn = order.len().min(MOST_POINTS);
    let crowd = if to.0 - from.0 > 700.0 { 1.0 } else { 0.75 };
    let (radius, alpha) = match drawn {
        0..300 => (6.5 * crowd, 0.8),
        300..1500 => (5.0 * crowd, 0.65),
        1500..4000 => (4.0 * crowd, 0.5),
        _ => (3.4 * crowd, 0.4),
    };
    for &sample in &order[..drawn] {
        let (colour, marker) = paint(sample);
        let at = (view.points[[sample, i]], view.points[[sample, j]]);
        axes.marker(scene, at, marker, radius, colour.fade(alpha));
    }
    for (ellipse, &members) in ellipses.iter().zip(&members) {
        let dash = (members == 0).then_some((9.0, 7.0));
        axes.curve(scene, ellipse.iter().copied(), WHITE, 4.6, dash);
        axes.curve(scene, ellipse.iter().copied(), INK, 2.4, dash);
    }
    let mut badges = Badges::new(size::SMALL * crowd.max(0.9));
    // Where points are few, none may be hidden: the plate sits on the outline instead of on the mean, or where there are none.
    let on_mean = drawn >= 1000;
    if !on_mean {
        badges.avoid.extend(order.iter().map(|&d| axes.at(view.points[[d, i]], view.points[[d, j]])));
    }
    for (c, ellipse) in ellipses.iter().enumerate() {
        let mean = axes.at(view.means[[c, i]], view.means[[c, j]]);
        let top = ellipse.iter().map(|&(x, y)| axes.at(x, y).1).fold(mean.1, f64::min);
        if mean.0 > from.0 && mean.0 < to.0 && mean.1 > from.1 && mean.1 < to.1 {
            badges.place(cluster_name(c, assigned), mean, (mean.1 - top, on_mean), (from, to));
        }
    }
    badges.draw(scene);
}

/// Names on white plates, kept off each other and off the small ellipses they name.
pub(super) struct Badges {
    size: f64,
    placed: Vec<Badge>,
    /// Points that no plate should hide.
    avoid: Vec<Point>,
}

struct Badge {
    name: String,
    mean: Point,
    reach: f64,
    from: Point,
    to: Point,
}

impl Badges {
    pub(super) fn new(size: f64) -> Self {
        Self { size, placed: Vec::new(), avoid: Vec::new() }
    }

    /// Finds room for a name: on `mean`, or on the upper edge of the ellipse (of half-height `reach`), or around it,
    /// where the ellipse is smaller than the plate or another plate is in the way.
    pub(super) fn place(
        &mut self,
        name: String,
        mean: Point,
        (reach, on_mean): (f64, bool),
        (from, to): (Point, Point),
    ) {
        let (half_width, half_height) = (text_width(&name, self.size) / 2.0 + 6.0, 0.5 * self.size + 4.0);
        let mut offsets = Vec::new();
        if reach > 2.2 * half_height {
            offsets.push((0.0, if on_mean { 0.0 } else { -reach }));
        }
        for ring in 0..6 {
            let ring = f64::from(ring);
            let up = reach + half_height + 5.0 + ring * (2.0 * half_height + 3.0);
            let across = half_width + 8.0 + ring * half_width;
            offsets.extend([(0.0, -up), (0.0, up), (across, -up), (-across, -up), (across, up), (-across, up)]);
            offsets.extend([(across + reach, 0.0), (-across - reach, 0.0)]);
        }
        let corners = |offset: Point| {
            let (x, y) = (mean.0 + offset.0, mean.1 + offset.1);
            ((x - half_width, y - half_height), (x + half_width, y + half_height))
        };
        let free = |&offset: &Point| {
            let (a, b) = corners(offset);
            let inside = a.0 > from.0 + 2.0 && b.0 < to.0 - 2.0 && a.1 > from.1 + 2.0 && b.1 < to.1 - 2.0;
            let apart = self.placed.iter().all(|p| b.0 < p.from.0 || a.0 > p.to.0 || b.1 < p.from.1 || a.1 > p.to.1);
            inside && apart
        };
        let hidden = |&offset: &Point| {
            let (a, b) = corners(offset);
            let within = |p: &&Point| a.0 - 4.0 < p.0 && p.0 < b.0 + 4.0 && a.1 - 4.0 < p.1 && p.1 < b.1 + 4.0;
            self.avoid.iter().filter(within).count()
        };
        let offset = offsets.iter().copied().filter(free).min_by_key(hidden).unwrap_or((0.0, 0.0));
        let (from, to) = corners(offset);
        self.placed.push(Badge { name, mean, reach, from, to });
    }

    /// Draws the means and the leaders first, so that no plate is crossed by another's.
    pub(super) fn draw(self, scene: &mut Scene) {
        let middle = |badge: &Badge| ((badge.from.0 + badge.to.0) / 2.0, (badge.from.1 + badge.to.1) / 2.0);
        for badge in &self.placed {
            scene.line(vec![badge.mean, middle(badge)], WHITE, 4.0);
            scene.line(vec![badge.mean, middle(badge)], INK, 1.5);
            // A dot would hide a cluster of its own size.
            if badge.reach > 9.0 {
                scene.disc(badge.mean, 4.5, WHITE);
                scene.disc(badge.mean, 3.0, INK);
            }
        }
        for badge in &self.placed {
            scene.rect(badge.from, badge.to, WHITE);
            scene.outline(badge.from, badge.to, INK, 1.2);
            scene.text_beside(&badge.name, middle(badge), self.size, Anchor::Middle, INK);
        }
    }
}

/// The values without the outermost thousandth on either side, so that one stray sample does not shrink all others.
fn central(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 1000;
    values[cut..values.len() - cut].to_vec()
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
fn hash(index: usize) -> u64 {
    let mut x = (index as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number in `[0, 1)` for each index, without pattern and the same on every machine.
pub(super) fn scattered(index: usize) -> f64 {
    (hash(index) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An order of drawing in which no class covers another: by a hash of the index, the same on every machine.
pub(crate) fn shuffled(n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&index| hash(index));
    order
}

/// A class with its marker and its count; `room` is what its name may take.
fn legend_entry(scene: &mut Scene, at: Point, class: Option<usize>, classes: &Classes, room: f64) {
    let (colour, marker) = look(class);
    let swatch = Axes::new((at.0, at.1 - 12.0), (at.0 + 24.0, at.1 + 12.0), (0.0, 1.0), (0.0, 1.0));
    swatch.marker(scene, (0.5, 0.5), marker, 9.0, colour);
    let name = classes.name(class);
    let text = fitted(name, size::LABEL, room);
    scene.text_beside(name, (at.0 + 32.0, at.1), text, Anchor::Start, INK);
    let after = at.0 + 32.0 + text_width(name, text) + 12.0;
    scene.text_beside(format!("{}", classes.counts[&class]), (after, at.1), size::SMALL, Anchor::Start, MUTED);
}

/// The legend down the side, in two columns where one is too long.
fn legend_beside(scene: &mut Scene, at: Point, bottom: f64, classes: &Classes) {
    scene.text(classes.heading(), at, size::LABEL, Anchor::Start, INK);
    let fitting = ((bottom - at.1 - 60.0) / 37.0) as usize;
    let room = if classes.counts.len() > fitting { f64::INFINITY } else { 160.0 };
    for (k, &class) in classes.counts.keys().enumerate().take(2 * fitting) {
        let (column, row) = (k / fitting, k % fitting);
        legend_entry(scene, (at.0 + 120.0 * column as f64, at.1 + 37.0 * (row + 1) as f64), class, classes, room);
    }
}

/// The legend as rows below the panels: positions and classes.
fn legend_rows(classes: &Classes) -> Vec<Vec<(f64, Option<usize>)>> {
    let widest = classes.counts.iter().map(|(&class, count)| {
        text_width(classes.name(class), size::LABEL) + text_width(&count.to_string(), size::SMALL)
    });
    let step = widest.fold(0.0, f64::max) + 64.0;
    let start = 36.0 + text_width(&classes.heading(), size::LABEL) + 26.0;
    let per_row = (((WIDTH - 36.0 - start) / step) as usize).max(1);
    let keys: Vec<_> = classes.counts.keys().copied().collect();
    keys.chunks(per_row)
        .map(|row| row.iter().enumerate().map(|(k, &c)| (start + step * k as f64, c)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_drawing_is_a_permutation_that_mixes() {
        let order = shuffled(1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
        // Of a file sorted by label, the first tenth drawn holds about a tenth of each half.
        let early = order[..100].iter().filter(|&&index| index < 500).count();
        assert!((30..70).contains(&early), "{early}");
        assert_eq!(order, shuffled(1000));
    }

    #[test]
    fn stray_samples_do_not_set_the_range() {
        let mut values = vec![0.5; 2000];
        values[7] = 1e9;
        assert!(central(values).iter().all(|&x| x == 0.5));
        assert_eq!(central(vec![3.0, 1.0]), [1.0, 3.0]);
    }

    #[test]
    fn a_plate_goes_where_it_hides_the_fewest_points() {
        let frame = ((0.0, 0.0), (800.0, 600.0));
        let mut badges = Badges::new(21.0);
        // Everything above the mean is taken.
        badges.avoid.extend((0..800).map(|x| (f64::from(x), 270.0)));
        badges.place("c0".to_owned(), (400.0, 300.0), (8.0, false), frame);
        assert!(badges.placed[0].from.1 > 274.0, "{:?}", badges.placed[0].from);
    }

    #[test]
    fn plates_do_not_cover_each_other() {
        let mut badges = Badges::new(21.0);
        let frame = ((0.0, 0.0), (800.0, 600.0));
        for k in 0..10 {
            badges.place(format!("c{k} ({k})"), (400.0 + f64::from(k), 300.0), (5.0, true), frame);
        }
        for (k, a) in badges.placed.iter().enumerate() {
            for b in &badges.placed[..k] {
                assert!(a.to.0 < b.from.0 || a.from.0 > b.to.0 || a.to.1 < b.from.1 || a.from.1 > b.to.1);
            }
        }
    }
}
