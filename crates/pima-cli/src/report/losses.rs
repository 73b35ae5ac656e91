//! The course of the training: loss, its terms, and accuracy by epoch.

use std::collections::BTreeSet;

use anyhow::Result;
use askama::Template;

use super::chart::{Chart, Frame, Scale};
use super::source::Source;
use crate::plots::{range_of, ticks};
use crate::run_directory::{EpochRecord, LossTerms};

const SIZE: (f64, f64) = (500.0, 290.0);
/// Epochs that explain themselves one by one; beyond, every few of them together.
const MOST_HINTS: usize = 200;
/// Beyond this ratio positive values get a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 10.0;
/// An axis shows the settled part of a curve where the whole would be this many times wider.
const CUT_FROM: f64 = 6.0;

#[derive(Template)]
#[template(path = "report/losses.html")]
struct Losses {
    panels: Vec<Panel>,
    phases: String,
    best: Option<usize>,
    /// Whether it was chosen by its validation loss.
    validated: bool,
}

struct Panel {
    title: &'static str,
    keys: Vec<Key>,
    cut: bool,
    html: String,
}

/// An entry of a panel's key.
struct Key {
    class: String,
    name: String,
}

/// One quantity by epoch on one split; NaN where an epoch has none.
struct Series {
    name: String,
    class: String,
    values: Vec<f64>,
}

type Term<'a> = (String, Box<dyn Fn(&LossTerms) -> Option<f64> + 'a>);

/// The section; `None` before the first epoch.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let epochs = &source.epochs;
    if epochs.is_empty() {
        return Ok(None);
    }
    let both = epochs.iter().flat_map(|epoch| [Some(&epoch.train), epoch.validation.as_ref()]).flatten();
    let modalities: BTreeSet<&String> = both.flat_map(|terms| terms.recon_by_modality.keys()).collect();
    let reconstruction: Vec<Term<'_>> = modalities
        .into_iter()
        .map(|name| -> Term<'_> { (name.clone(), Box::new(move |terms| terms.recon_by_modality.get(name).copied())) })
        .collect();
    let total: Vec<Term<'_>> = vec![("loss".to_owned(), Box::new(|terms| terms.loss))];
    let others: Vec<Term<'_>> = vec![
        ("cluster".to_owned(), Box::new(|terms| terms.cluster)),
        ("categorical".to_owned(), Box::new(|terms| terms.categorical)),
        ("entropy".to_owned(), Box::new(|terms| terms.entropy)),
    ];
    let accuracy: Vec<Term<'_>> = vec![("accuracy".to_owned(), Box::new(|terms| terms.accuracy.map(|a| 100.0 * a)))];
    let best = source.summary.as_ref().and_then(|summary| summary.best_epoch);
    let mut panels = Vec::new();
    for (title, y_name, terms) in [
        ("Loss", "loss per sample", total),
        ("Accuracy of the clusters", "accuracy (%)", accuracy),
        ("Reconstruction by modality", "loss per sample", reconstruction),
        ("Other terms", "loss per sample", others),
    ] {
        panels.extend(panel(epochs, title, y_name, &terms, best)?);
    }
    let validated = epochs.iter().any(|epoch| epoch.validation.is_some());
    Ok((!panels.is_empty()).then_some(Losses { panels, phases: phases(epochs), best, validated }.render()?))
}

/// Positions of the records along the axis: their epochs, or their count where a phase starts to number anew.
fn steps(epochs: &[EpochRecord]) -> Vec<f64> {
    let rising = epochs.windows(2).all(|pair| pair[0].epoch < pair[1].epoch);
    epochs.iter().enumerate().map(|(k, epoch)| if rising { epoch.epoch as f64 } else { (k + 1) as f64 }).collect()
}

fn panel(
    epochs: &[EpochRecord],
    title: &'static str,
    y_name: &str,
    terms: &[Term<'_>],
    best: Option<usize>,
) -> Result<Option<Panel>> {
    let mut series = Vec::new();
    for (k, (name, value)) in terms.iter().enumerate() {
        let colour = if terms.len() == 1 { "ink".to_owned() } else { format!("c{}", k % 10) };
        let train: Vec<f64> = epochs.iter().map(|epoch| value(&epoch.train).unwrap_or(f64::NAN)).collect();
        let of = |epoch: &EpochRecord| epoch.validation.as_ref().and_then(value).unwrap_or(f64::NAN);
        let validation: Vec<f64> = epochs.iter().map(of).collect();
        for (split, class, values) in
            [("training", String::new(), train), ("validation", " dashed".to_owned(), validation)]
        {
            if values.iter().any(|x| x.is_finite()) {
                let name = if terms.len() == 1 { split.to_owned() } else { format!("{name}, {split}") };
                series.push(Series { name, class: format!("{colour}{class}"), values });
            }
        }
    }
    if series.is_empty() {
        return Ok(None);
    }
    let steps = steps(epochs);
    let (y, scale, cut) = range(&series, y_name.starts_with("accuracy"));
    let half = 0.5 * (steps[steps.len() - 1] - steps[0]).max(1.0) / steps.len() as f64;
    let x = (steps[0] - half, steps[steps.len() - 1] + half);
    let label = format!("{title} by epoch");
    let frame = Frame { label: &label, size: SIZE, x_name: "epoch", y_name, whole_x: true };
    let mut chart = Chart::new(&frame, x, y, scale);
    if let Some(best) = best.map(|best| best as f64).filter(|best| *best >= x.0 && *best <= x.1) {
        let ends = if scale == Scale::Logarithmic { y } else { (y.0 - (y.1 - y.0), y.1 + (y.1 - y.0)) };
        chart.line("best", &[(best, ends.0), (best, ends.1)]);
    }
    for s in &series {
        let points: Vec<(f64, f64)> = steps.iter().copied().zip(s.values.iter().copied()).collect();
        chart.line(&s.class, &points);
        if points.len() <= 30 {
            chart.points(&s.class, points);
        }
    }
    let stride = steps.len().div_ceil(MOST_HINTS);
    for k in (0..steps.len()).step_by(stride) {
        let lines = series.iter().filter(|s| s.values[k].is_finite());
        let lines: String = lines.map(|s| format!("\n{}: {}", s.name, ticks::number(s.values[k], 5))).collect();
        chart.hint(
            (steps[k] - half, steps[k] + (2.0 * stride as f64 - 1.0) * half),
            format!("epoch {}{lines}", epochs[k].epoch),
        );
    }
    // Of several terms, the colour says which; that dashes are validation is said once for all panels.
    let keys = series.iter().filter(|s| terms.len() == 1 || !s.class.ends_with("dashed"));
    let named = |s: &Series| if terms.len() == 1 { s.name.clone() } else { s.name.replace(", training", "") };
    let keys = keys.map(|s| Key { class: s.class.clone(), name: named(s) }).collect();
    Ok(Some(Panel { title, keys, cut, html: chart.render()? }))
}

/// The range of the vertical axis, and whether it leaves early epochs out.
fn range(series: &[Series], accuracy: bool) -> ((f64, f64), Scale, bool) {
    let values = |skip: usize| series.iter().flat_map(move |s| s.values.iter().skip(skip)).copied();
    let finite = values(0).filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if accuracy {
        // At least one per cent is shown, so that the tremor of a converged run does not look like a leap.
        let span = (high - low).max(1.0);
        return ((high - 1.07 * span, (high + 0.07 * span).min(100.0 + 0.03 * span)), Scale::Linear, false);
    }
    if low > 0.0 && high > LOGARITHMIC_FROM * low {
        return ((low / 1.15, high * 1.15), Scale::Logarithmic, false);
    }
    let whole = range_of(values(0), 0.07);
    let n = series.first().map_or(0, |s| s.values.len());
    let settled = range_of(values(n.div_ceil(5)), 0.07);
    if n >= 8 && whole.1 - whole.0 > CUT_FROM * (settled.1 - settled.0) {
        return (settled, Scale::Linear, true);
    }
    (whole, Scale::Linear, false)
}

/// "warmup 1–2, joint 3–10"; empty where there is but one phase.
fn phases(epochs: &[EpochRecord]) -> String {
    let mut spans: Vec<(&str, usize, usize)> = Vec::new();
    for epoch in epochs {
        match spans.last_mut().filter(|span| span.0 == epoch.phase) {
            Some(span) => span.2 = epoch.epoch,
            None => spans.push((&epoch.phase, epoch.epoch, epoch.epoch)),
        }
    }
    if spans.len() < 2 {
        return String::new();
    }
    let named = spans.iter().map(|(name, a, b)| if a == b { format!("{name} {a}") } else { format!("{name} {a}–{b}") });
    named.collect::<Vec<_>>().join(", ")
}
