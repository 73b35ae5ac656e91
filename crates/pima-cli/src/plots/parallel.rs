//! Trials of a sweep in parallel coordinates: an axis for each key that is varied, one for what they are compared by, a line for each trial.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::palette::amount;
use super::scene::{Anchor, INK, Item, MUTED, Point, Scene, WHITE, size};
use super::ticks;
use crate::sweep_directory::{SweepParameter, SweepRecord, TrialRecord, TrialStatus};

const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 900.0;
/// Axes keep this distance from the borders: names of values stand to their left, those of the objective to the right of the last.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 170.0;
/// Where the axes begin and end.
const TOP: f64 = TITLE_HEIGHT + 110.0;
const BOTTOM: f64 = HEIGHT - 110.0;
/// The objective's axis shows so many times the span of the better three quarters.
const CUT_FROM: f64 = 2.0;
/// Where the colours stand beside the objective's axis.
const BAR: (f64, f64) = (14.0, 32.0);
/// The best colour is dark, the worst not so light that it could not be seen on white.
const WORST: f64 = 0.93;

/// One axis.
struct Vertical {
    name: String,
    ticks: Vec<(f64, String)>,
    low: f64,
    high: f64,
    log: bool,
}

impl Vertical {
    fn of(parameter: &SweepParameter) -> Self {
        let name = parameter.key.clone();
        let Some((low, high)) = parameter.range else {
            let named = |(at, value): (usize, &Value)| (at as f64, shown(value));
            let ticks: Vec<_> = parameter.values.iter().enumerate().map(named).collect();
            // The first and the last stand off the ends.
            return Self { name, low: -0.5, high: ticks.len() as f64 - 0.5, ticks, log: false };
        };
        let ticks = match (parameter.log, parameter.integer) {
            (true, _) => ticks::logarithmic(low, high),
            (false, true) => ticks::whole(low, high, 10),
            (false, false) => ticks::linear(low, high, 8),
        };
        Self { name, ticks, low, high, log: parameter.log }
    }

    /// Height of a value in the figure; what lies beyond is put on the end.
    fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// A value in few words.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string().replace(',', ", "), str::to_owned)
}

/// The objective's axis, and how many trials lie beyond it.
fn objective(sweep: &SweepRecord, scored: &[(f64, &TrialRecord)]) -> (Vertical, usize) {
    // As costs, ascending: the first is the best.
    let (best, last) = (scored[0].0, scored[scored.len() - 1].0);
    let settled = scored[3 * (scored.len() - 1) / 4].0 - best;
    let worst = if settled > 0.0 && last - best > CUT_FROM * settled { best + CUT_FROM * settled } else { last };
    let margin = if worst > best { 0.05 * (worst - best) } else { 0.05 * best.abs().max(1.0) };
    let (low, high) = (best - margin, worst + margin);
    let beyond = scored.iter().filter(|(cost, _)| *cost > high).count();
    let (low, high) = if sweep.larger_is_better { (-high, -low) } else { (low, high) };
    let axis = Vertical { name: sweep.objective.clone(), ticks: ticks::linear(low, high, 8), low, high, log: false };
    (axis, beyond)
}

/// Draws the trials.
pub(crate) fn scene(sweep: &SweepRecord, trials: &[TrialRecord]) -> Result<Scene> {
    let cost = |value: f64| if sweep.larger_is_better { -value } else { value };
    let drawn = |trial: &&TrialRecord| matches!(trial.status, TrialStatus::Finished | TrialStatus::Stopped);
    let finite = |trial: &TrialRecord| trial.objective.filter(|value| value.is_finite());
    let mut scored: Vec<(f64, &TrialRecord)> =
        trials.iter().filter(drawn).filter_map(|trial| Some((cost(finite(trial)?), trial))).collect();
    ensure!(!scored.is_empty(), "no trial has a result yet");
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut scene = Scene::new(WIDTH, HEIGHT);
    let facts = [format!("{} search", sweep.method), format!("{} trials", trials.len())];
    Caption::of_sweep(sweep).draw(&mut scene, "Trials of a sweep", "validation split", &facts);
    let (last, beyond) = objective(sweep, &scored);
    let mut axes: Vec<Vertical> = sweep.parameters.iter().map(Vertical::of).collect();
    axes.push(last);
    let spacing = (WIDTH - LEFT - RIGHT) / (axes.len() - 1) as f64;
    let x = |a: usize| LEFT + spacing * a as f64;
    let share = |trial: &TrialRecord| {
        let height = axes[axes.len() - 1].at(finite(trial).unwrap_or(f64::NAN));
        let up = (BOTTOM - height) / (BOTTOM - TOP);
        if sweep.larger_is_better { 1.0 - up } else { up }
    };

    colours(&mut scene, sweep.larger_is_better);
    for a in 0..axes.len() {
        scene.line(vec![(x(a), TOP - 8.0), (x(a), BOTTOM + 8.0)], INK, 2.0);
    }
    // The best on top.
    for (rank, (_, trial)) in scored.iter().enumerate().rev() {
        let points = points(sweep, trial, &axes, &x);
        let is_best = sweep.best == Some(trial.trial);
        let stopped = trial.status == TrialStatus::Stopped;
        let width = if is_best { 6.0 } else { 2.6 };
        let colour = if stopped { MUTED.mix(WHITE, 0.45) } else { amount(WORST * share(trial)) };
        let dash = stopped.then_some((9.0, 7.0));
        scene.items.push(Item::Line { points: points.clone(), colour, width, dash });
        if is_best || rank == 0 {
            points.iter().for_each(|&point| scene.disc(point, if is_best { 8.0 } else { 4.0 }, colour));
        }
    }
    for (a, axis) in axes.iter().enumerate() {
        name(&mut scene, axis, (x(a), spacing), a == 0, a + 1 == axes.len());
        let last = a + 1 == axes.len();
        for (value, text) in &axis.ticks {
            let at = (x(a), axis.at(*value));
            if last {
                // To the right, where no lines run.
                scene.line(vec![(at.0 + BAR.1, at.1), (at.0 + BAR.1 + 8.0, at.1)], INK, 2.0);
                let size = fitted(text, size::TICK, RIGHT - BAR.1 - 24.0);
                scene.text_beside(text.clone(), (at.0 + BAR.1 + 14.0, at.1), size, Anchor::Start, INK);
            } else {
                tick(&mut scene, text, at, if a == 0 { LEFT - 20.0 } else { 0.55 * spacing });
            }
        }
    }
    notes(&mut scene, sweep, trials, beyond);
    Ok(scene)
}

/// Where a trial crosses the axes.
fn points(sweep: &SweepRecord, trial: &TrialRecord, axes: &[Vertical], x: &impl Fn(usize) -> f64) -> Vec<Point> {
    let value = |parameter: &SweepParameter| -> f64 {
        let value = trial.parameters.get(&parameter.key);
        let listed = || parameter.values.iter().position(|each| Some(each) == value).map(|at| at as f64);
        let number = if parameter.range.is_some() { value.and_then(Value::as_f64) } else { listed() };
        number.unwrap_or(f64::NAN)
    };
    let values = sweep.parameters.iter().map(value).chain(trial.objective);
    let placed = values.zip(axes).enumerate().map(|(a, (value, axis))| (x(a), axis.at(value)));
    placed.filter(|point| point.1.is_finite()).collect()
}

/// The name of an axis: the last part of a key large, what comes before it small above.
fn name(scene: &mut Scene, axis: &Vertical, (x, spacing): (f64, f64), first: bool, last: bool) {
    let (parent, leaf) = axis.name.rsplit_once('.').unwrap_or(("", &axis.name));
    let room = if first || last { 1.4 * LEFT.min(spacing) } else { spacing - 24.0 };
    for (text, y, wanted, colour) in [(parent, TOP - 66.0, size::SMALL, MUTED), (leaf, TOP - 34.0, size::LABEL, INK)] {
        scene.text(text, (x, y), fitted(text, wanted, room), Anchor::Middle, colour);
    }
}

/// The name of a value, to the left of its axis, on white so that lines do not cross it out.
fn tick(scene: &mut Scene, text: &str, (x, y): Point, room: f64) {
    let size = fitted(text, size::TICK, room);
    let width = super::render::text_width(text, size);
    scene.line(vec![(x - 7.0, y), (x, y)], INK, 2.0);
    scene.rect((x - 16.0 - width, y - 0.6 * size), (x - 9.0, y + 0.6 * size), WHITE.fade(0.8));
    scene.text_beside(text, (x - 13.0, y), size, Anchor::End, INK);
}

/// What the colours mean, along the last axis.
fn colours(scene: &mut Scene, larger_is_better: bool) {
    let (axis, n) = (WIDTH - RIGHT, 100);
    let step = (BOTTOM - TOP) / f64::from(n);
    for k in 0..n {
        let up = (f64::from(k) + 0.5) / f64::from(n);
        let share = if larger_is_better { 1.0 - up } else { up };
        let y = BOTTOM - step * f64::from(k);
        // A hair taller than its share, so that no gap shows.
        scene.rect((axis + BAR.0, (y - step - 0.6).max(TOP)), (axis + BAR.1, y), amount(WORST * share));
    }
    let y = if larger_is_better { TOP - 10.0 } else { BOTTOM + 28.0 };
    scene.text("better", (axis + BAR.0, y), size::SMALL, Anchor::Start, MUTED);
}

fn notes(scene: &mut Scene, sweep: &SweepRecord, trials: &[TrialRecord], beyond: usize) {
    let count = |status| trials.iter().filter(|trial| trial.status == status).count();
    let mut notes = Vec::new();
    if let Some(best) = sweep.best {
        notes.push(format!("Bold: trial {best}, the best."));
    }
    if count(TrialStatus::Stopped) > 0 {
        notes.push(format!("Dashed: stopped early, as far as they came ({}).", count(TrialStatus::Stopped)));
    }
    if beyond > 0 {
        notes.push(format!("Beyond the last axis, drawn at its end: {beyond}."));
    }
    if count(TrialStatus::Failed) > 0 {
        notes.push(format!("Failed, without a line: {}.", count(TrialStatus::Failed)));
    }
    let text = notes.join(" ");
    scene.text(&text, (36.0, HEIGHT - 26.0), fitted(&text, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
}
