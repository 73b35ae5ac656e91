//! Loss by epoch: the whole, reconstruction by modality, the other terms, and accuracy where there are labels.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::axes::{Axes, Names, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette::{self, Marker};
use super::render::text_width;
use super::scene::{Anchor, Colour, INK, Item, MUTED, Point, Scene, WHITE, size};
use crate::run_directory::{EpochRecord, LossTerms};

const WIDTH: f64 = 1600.0;
const VALIDATION_DASH: (f64, f64) = (11.0, 7.0);
/// Beyond this ratio positive values get a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 10.0;
/// An axis shows the settled part of a curve where the whole would be this many times wider.
const CUT_FROM: f64 = 6.0;

/// One quantity by epoch, on both splits; NaN where an epoch has none.
struct Series {
    name: String,
    train: Vec<f64>,
    validation: Vec<f64>,
    colour: Colour,
}

impl Series {
    fn of(
        epochs: &[EpochRecord],
        name: impl Into<String>,
        colour: Colour,
        value: impl Fn(&LossTerms) -> Option<f64>,
    ) -> Option<Self> {
        let train: Vec<f64> = epochs.iter().map(|epoch| value(&epoch.train).unwrap_or(f64::NAN)).collect();
        let validation: Vec<f64> =
            epochs.iter().map(|epoch| epoch.validation.as_ref().and_then(&value).unwrap_or(f64::NAN)).collect();
        let any = train.iter().chain(&validation).any(|x| x.is_finite());
        any.then(|| Self { name: name.into(), train, validation, colour })
    }
}

/// Draws the losses. `best` is the epoch of the lowest validation loss.
pub(crate) fn scene(caption: &Caption, epochs: &[EpochRecord], best: Option<usize>) -> Result<Scene> {
    ensure!(!epochs.is_empty(), "no epoch is logged");
    let colour = palette::class;
    let modalities: BTreeSet<&String> = epochs
        .iter()
        .flat_map(|epoch| [Some(&epoch.train), epoch.validation.as_ref()].into_iter().flatten())
        .flat_map(|terms| terms.recon_by_modality.keys())
        .collect();
    let mut reconstruction: Vec<Series> = modalities
        .iter()
        .enumerate()
        .filter_map(|(k, &name)| {
            Series::of(epochs, name, colour(k), |terms| terms.recon_by_modality.get(name).copied())
        })
        .collect();
    if reconstruction.is_empty() {
        reconstruction.extend(Series::of(epochs, "all modalities", colour(0), |terms| terms.recon));
    }
    let n_colours = reconstruction.len();
    let total = Series::of(epochs, "loss", INK, |terms| terms.loss);
    let others = [
        Series::of(epochs, "cluster", colour(n_colours), |terms| terms.cluster),
        Series::of(epochs, "categorical", colour(n_colours + 1), |terms| terms.categorical),
        Series::of(epochs, "entropy", colour(n_colours + 2), |terms| terms.entropy),
    ];
    let accuracy = Series::of(epochs, "accuracy", INK, |terms| terms.accuracy.map(|a| 100.0 * a));
    let panels: Vec<(&str, &str, Vec<Series>)> = [
        ("Total loss", "loss per sample", total.into_iter().collect()),
        ("Reconstruction", "loss per sample", reconstruction),
        ("Other terms", "loss per sample", others.into_iter().flatten().collect::<Vec<_>>()),
        ("Unsupervised accuracy", "accuracy (%)", accuracy.into_iter().collect()),
    ]
    .into_iter()
    .filter(|(_, _, series)| !series.is_empty())
    .collect();
    ensure!(!panels.is_empty(), "the logged epochs hold no loss");

    let steps = steps(epochs);
    let phases = phases(epochs, &steps);
    let rows = panels.len().div_ceil(2);
    let (panel_height, below) = (420.0, 40.0);
    let mut scene = Scene::new(WIDTH, TITLE_HEIGHT + rows as f64 * (panel_height + 60.0) + below + 32.0);
    caption.draw(&mut scene, "Loss by epoch", "training and validation splits", &[format!("{} epochs", epochs.len())]);
    let mut cut = Vec::new();
    let n_panels = panels.len();
    for (k, (title, y_name, series)) in panels.into_iter().enumerate() {
        // The last of an odd number takes the whole width.
        let wide = k + 1 == n_panels && k % 2 == 0;
        let half = (WIDTH - 20.0) / 2.0;
        let from = (150.0 + half * (k % 2) as f64, TITLE_HEIGHT + 50.0 + (k / 2) as f64 * (panel_height + 60.0));
        let to = (if wide { WIDTH - 40.0 } else { from.0 + half - 180.0 }, from.1 + panel_height - 70.0);
        let axes = axes(&series, &steps, (from, to));
        if axes.1 {
            cut.push(title.to_lowercase());
        }
        panel(&mut scene, &axes.0, (title, y_name), &series, &steps, &phases, best);
    }
    let mut notes = vec!["Solid: training; dashed: validation.".to_owned()];
    let spans: Vec<_> = phases.iter().map(Phase::span).collect();
    notes[0].push_str(&format!(" Phases: {}.", spans.join(", ")));
    if let Some(best) = best {
        notes[0].push_str(&format!(" Triangle: best epoch, {best}."));
    }
    if !cut.is_empty() {
        notes.push(format!("Early epochs lie beyond the axis of: {}.", cut.join(", ")));
    }
    for (line, note) in notes.iter().enumerate() {
        let y = scene.height - 18.0 - 32.0 * (notes.len() - 1 - line) as f64;
        scene.text(note, (36.0, y), fitted(note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    }
    Ok(scene)
}

/// Positions of the records along the axis: their epochs, or their count where a phase starts to number anew.
fn steps(epochs: &[EpochRecord]) -> Vec<f64> {
    let rising = epochs.windows(2).all(|pair| pair[0].epoch < pair[1].epoch);
    epochs.iter().enumerate().map(|(k, epoch)| if rising { epoch.epoch as f64 } else { (k + 1) as f64 }).collect()
}

struct Phase {
    name: String,
    first: f64,
    last: f64,
}

impl Phase {
    fn span(&self) -> String {
        if self.first < self.last {
            format!("{} {}–{}", self.name, self.first, self.last)
        } else {
            format!("{} {}", self.name, self.first)
        }
    }
}

/// Runs of epochs of one phase.
fn phases(epochs: &[EpochRecord], steps: &[f64]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (epoch, &step) in epochs.iter().zip(steps) {
        let name = if epoch.phase.is_empty() { "unnamed" } else { &epoch.phase };
        match phases.last_mut().filter(|phase| phase.name == name) {
            Some(phase) => phase.last = step,
            None => phases.push(Phase { name: name.to_owned(), first: step, last: step }),
        }
    }
    phases
}

/// Axes that suit the series, and whether they leave early epochs out.
fn axes(series: &[Series], steps: &[f64], (from, to): (Point, Point)) -> (Axes, bool) {
    let values = |skip: usize| {
        series.iter().flat_map(move |s| s.train.iter().skip(skip).chain(s.validation.iter().skip(skip))).copied()
    };
    let margin = 0.03 * (steps[steps.len() - 1] - steps[0]).max(1.0);
    let x = (steps[0] - margin, steps[steps.len() - 1] + margin);
    let finite = || values(0).filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let accuracy = series.iter().any(|s| s.name == "accuracy");
    if !accuracy && low > 0.0 && high > LOGARITHMIC_FROM * low {
        return (Axes::new(from, to, x, (low / 1.15, high * 1.15)).logarithmic(), false);
    }
    if accuracy {
        // At least one per cent is shown, so that the tremor of a converged run does not look like a leap.
        let span = (high - low).max(1.0);
        let top = (high + 0.07 * span).min(100.0 + 0.03 * span);
        return (Axes::new(from, to, x, (high - 1.07 * span, top)), false);
    }
    let whole = range_of(values(0), 0.07);
    let settled = range_of(values(steps.len().div_ceil(5)), 0.07);
    if steps.len() >= 8 && whole.1 - whole.0 > CUT_FROM * (settled.1 - settled.0) {
        return (Axes::new(from, to, x, settled), true);
    }
    (Axes::new(from, to, x, whole), false)
}

fn panel(
    scene: &mut Scene,
    axes: &Axes,
    (title, y_name): (&str, &str),
    series: &[Series],
    steps: &[f64],
    phases: &[Phase],
    best: Option<usize>,
) {
    axes.draw(scene, &Names { x: "epoch", y: y_name, whole_x: true });
    let starts = phases.windows(2).map(|pair| (pair[0].last + pair[1].first) / 2.0);
    let starts: Vec<f64> = starts.collect();
    for &start in &starts {
        axes.curve(scene, [(start, axes.y.0), (start, axes.y.1)], MUTED, 1.6, Some((3.0, 5.0)));
    }
    for s in series {
        for (values, dash) in [(&s.train, None), (&s.validation, Some(VALIDATION_DASH))] {
            let points = || steps.iter().copied().zip(values.iter().copied());
            axes.curve(scene, points(), s.colour, 2.6, dash);
            if steps.len() <= 30 {
                for point in points() {
                    let marker = if dash.is_some() { Marker::Square } else { Marker::Disc };
                    axes.marker(scene, point, marker, 4.5, s.colour);
                }
            }
        }
    }
    if let Some(best) = best {
        let x = axes.at(best as f64, axes.y.0).0;
        if x > axes.from.0 && x < axes.to.0 {
            let y = axes.to.1;
            let points = vec![(x, y - 15.0), (x + 8.0, y - 1.0), (x - 8.0, y - 1.0)];
            scene.items.push(Item::Polygon { points, colour: Colour::hex(0xd9_5f_0e) });
        }
    }
    // The first phase goes without its name, where a loss starts high; so does one too short. The note below lists them
    // all.
    for (k, phase) in phases.iter().enumerate().skip(1) {
        let x = axes.at(starts[k - 1], axes.y.0).0 + 6.0;
        let end = starts.get(k).map_or(axes.to.0, |&next| axes.at(next, axes.y.0).0);
        let width = text_width(&phase.name, size::SMALL);
        if x + width + 10.0 < end {
            let y = axes.from.1 + 10.0;
            scene.rect((x, y - 4.0), (x + width + 8.0, y + 24.0), WHITE);
            scene.text(&phase.name, (x + 4.0, y + 17.0), size::SMALL, Anchor::Start, MUTED);
        }
    }
    let above = axes.from.1 - 14.0;
    let mut title = title.to_owned();
    if let Some(last) = series.first().filter(|s| s.name == "accuracy").and_then(last_accuracy) {
        title.push_str(&format!(": {last}"));
    }
    scene.text(&title, (axes.from.0, above), size::LABEL, Anchor::Start, INK);
    // Names of the series from the right, in the panel's own heading.
    let mut x = axes.to.0;
    let kinds = [("training", INK, None), ("validation", INK, Some(VALIDATION_DASH))];
    let entries = match series {
        [only] if only.name == "loss" => kinds.to_vec(),
        [only] if only.name == "accuracy" => Vec::new(),
        several => several.iter().map(|s| (s.name.as_str(), s.colour, None)).collect(),
    };
    for (name, colour, dash) in entries.into_iter().rev() {
        scene.text(name, (x, above), size::TICK, Anchor::End, INK);
        x -= text_width(name, size::TICK) + 8.0;
        let points = vec![(x - 34.0, above - 8.0), (x, above - 8.0)];
        scene.items.push(Item::Line { points, colour, width: 3.6, dash });
        x -= 54.0;
    }
}

/// The last accuracy there is, with its split.
fn last_accuracy(series: &Series) -> Option<String> {
    let last = |values: &[f64]| values.iter().rev().copied().find(|x| x.is_finite());
    let validation = last(&series.validation).map(|x| format!("{x:.2} % at last (validation)"));
    validation.or_else(|| last(&series.train).map(|x| format!("{x:.2} % at last (training)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, phase: &str, loss: f64) -> EpochRecord {
        let train = LossTerms { loss: Some(loss), ..Default::default() };
        EpochRecord { epoch, phase: phase.to_owned(), train, ..Default::default() }
    }

    fn axes_of(losses: &[f64]) -> (Axes, bool) {
        let epochs: Vec<_> = losses.iter().enumerate().map(|(k, &loss)| record(k + 1, "", loss)).collect();
        let series = Series::of(&epochs, "loss", INK, |terms| terms.loss).unwrap();
        axes(&[series], &steps(&epochs), ((0.0, 0.0), (100.0, 100.0)))
    }

    #[test]
    fn phases_are_runs_of_epochs_also_where_each_counts_from_one() {
        let epochs = [record(1, "warm-up", 3.0), record(2, "warm-up", 2.0), record(1, "joint", 1.0)];
        let steps = steps(&epochs);
        assert_eq!(steps, [1.0, 2.0, 3.0]);
        let found: Vec<_> = phases(&epochs, &steps).iter().map(|p| (p.name.clone(), p.first, p.last)).collect();
        assert_eq!(found, [("warm-up".to_owned(), 1.0, 2.0), ("joint".to_owned(), 3.0, 3.0)]);
        assert_eq!(super::steps(&[record(5, "", 1.0), record(7, "", 1.0)]), [5.0, 7.0]);
    }

    #[test]
    fn positive_values_over_decades_are_logarithmic() {
        let (axes, cut) = axes_of(&[1000.0, 100.0, 10.0]);
        assert!(axes.y_scale == super::super::axes::Scale::Logarithmic && !cut);
        assert!(axes.y.0 < 10.0 && axes.y.1 > 1000.0);
    }

    #[test]
    fn a_steep_start_into_negative_values_is_cut_off() {
        let losses: Vec<f64> = (0..50).map(|k| if k < 3 { 5000.0 } else { -900.0 - f64::from(k) }).collect();
        let (axes, cut) = axes_of(&losses);
        assert!(cut && axes.y.1 < -800.0 && axes.y.0 < -949.0, "{:?}", axes.y);
        let (axes, cut) = axes_of(&[5.0, 4.0, -1.0]);
        assert!(!cut && axes.y.0 < -1.0 && axes.y.1 > 5.0);
    }
}
