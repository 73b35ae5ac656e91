//! One modality inferred from another: some test samples with their intervals, and the errors over the whole test split.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use askama::Template;
use ndarray::{Array2, ArrayView1};
use pima_core::ModalityShape;

use super::cell::{self, Curves};
use super::source::{Form, Source};
use crate::plots::{range_of, ticks};
use crate::run_directory::{InferenceExamples, InferredValues};
use crate::scores::significant;
use crate::summary::SplitSummary;

/// Size of a curve's chart, within a row of samples.
const SMALL: (f64, f64) = (200.0, 140.0);

#[derive(Template)]
#[template(path = "report/inference.html")]
struct Inference {
    pairs: Vec<Pair>,
    errors: Vec<ErrorRow>,
    /// Whether some row has the columns of simpler methods, and of the mean of the class.
    ridge: bool,
    class_mean: bool,
}

struct Pair {
    given: String,
    predicted: String,
    samples: Vec<Sample>,
}

struct Sample {
    name: String,
    seen: Cell,
    inferred: Cell,
    /// The truth, where it is not drawn into `inferred`.
    truth: Option<Cell>,
}

/// Values as a figure, or in words.
#[derive(Template)]
#[template(
    source = r#"{{ figure|safe }}{% for line in lines %}<span class="value">{{ line }}</span>{% endfor %}"#,
    ext = "html"
)]
struct Cell {
    figure: String,
    lines: Vec<String>,
}

impl Cell {
    fn figure(figure: String) -> Self {
        Self { figure, lines: Vec::new() }
    }

    fn text(lines: Vec<String>) -> Self {
        Self { figure: String::new(), lines }
    }
}

struct ErrorRow {
    given: String,
    predicted: String,
    rmse: String,
    ridge: String,
    class_mean: String,
}

/// The section; `None` where nothing was inferred.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let test = source.summary.as_ref().and_then(|summary| summary.splits.test.as_ref());
    let errors = test.map_or_else(Vec::new, errors);
    let pairs = match &source.inference {
        Some(examples) => examples
            .predicted
            .iter()
            .map(|((given, predicted), values)| pair(source, examples, given, predicted, values))
            .collect::<Result<Vec<_>>>()?,
        None => Vec::new(),
    };
    if pairs.is_empty() && errors.is_empty() {
        return Ok(None);
    }
    let ridge = errors.iter().any(|row| row.ridge != "–");
    let class_mean = errors.iter().any(|row| row.class_mean != "–");
    Ok(Some(Inference { pairs, errors, ridge, class_mean }.render()?))
}

/// Root mean square errors of every modality from every other one, normalised units.
fn errors(test: &SplitSummary) -> Vec<ErrorRow> {
    let of = |map: &BTreeMap<String, BTreeMap<String, f64>>, given: &str, predicted: &str| {
        map.get(given).and_then(|map| map.get(predicted)).map_or_else(|| "–".to_owned(), |x| significant(*x))
    };
    let nothing = BTreeMap::new();
    let ridge = test.peers.get("ridge").map_or(&nothing, |ridge| &ridge.rmse_from);
    let pairs = |map: &'_ BTreeMap<String, BTreeMap<String, f64>>| {
        map.iter().flat_map(|(a, map)| map.keys().map(move |b| (a.clone(), b.clone()))).collect::<Vec<_>>()
    };
    let all: BTreeSet<(String, String)> = pairs(&test.rmse_from).into_iter().chain(pairs(ridge)).collect();
    all.into_iter()
        .map(|(given, predicted)| ErrorRow {
            rmse: of(&test.rmse_from, &given, &predicted),
            ridge: of(ridge, &given, &predicted),
            class_mean: test.rmse_class_mean.get(&predicted).map_or_else(|| "–".to_owned(), |x| significant(*x)),
            given,
            predicted,
        })
        .collect()
}

fn pair(
    source: &Source,
    examples: &InferenceExamples,
    given: &str,
    predicted: &str,
    values: &InferredValues,
) -> Result<Pair> {
    let form = source.form(predicted, values.mean.ncols());
    let truth = examples.truth.get(predicted);
    let seen = examples.truth.get(given).map(|seen| (source.form(given, seen.ncols()), seen));
    let all = truth.into_iter().chain([&values.lower, &values.upper]).flatten().copied();
    let range = if form.is_image() {
        cell::grey_range(truth.unwrap_or(&values.mean).iter().copied())
    } else {
        range_of(all, 0.06)
    };
    let samples = (0..values.mean.nrows()).map(|k| {
        let name = name(source, examples, k);
        let seen = match &seen {
            Some((form, seen)) => alone(form, seen, k, &format!("{given} of {name}"))?,
            None => Cell::text(vec!["–".to_owned()]),
        };
        let label = format!("{predicted} of {name}, inferred from {given}");
        let (inferred, truth) = inferred(&form, values, truth, k, range, &label)?;
        Ok(Sample { name, seen, inferred, truth })
    });
    Ok(Pair { given: given.to_owned(), predicted: predicted.to_owned(), samples: samples.collect::<Result<_>>()? })
}

/// What the k-th example is called: as in `samples.csv`, where that is known.
fn name(source: &Source, examples: &InferenceExamples, k: usize) -> String {
    let place = examples.sample.get(k).and_then(|&place| usize::try_from(place).ok());
    match place.and_then(|place| source.names.get(place)) {
        Some(name) => format!("sample {name}"),
        None => format!("example {}", k + 1),
    }
}

/// Pixels along the longer side of a picture: of each of `n` samples there are up to three a pair of modalities, and a few pairs.
fn side(n: usize, channels: usize) -> usize {
    cell::picture_side(12 * n, channels)
}

/// What was measured of one sample.
fn alone(form: &Form<'_>, values: &Array2<f64>, k: usize, label: &str) -> Result<Cell> {
    let row = values.row(k);
    Ok(match form.shape {
        ModalityShape::Image { channels, height, width } => {
            let range = cell::grey_range(values.iter().copied());
            Cell::figure(cell::picture(row, [channels, height, width], side(values.nrows(), channels), range, label)?)
        }
        ModalityShape::Curve { channels, .. } => {
            let drawn = Curves { line: Some(row), ..Curves::default() };
            Cell::figure(cell::curves(form, channels, &drawn, range_of(values.iter().copied(), 0.06), label, SMALL)?)
        }
        ModalityShape::Vector { length } if length <= cell::FEW_VALUES => {
            Cell::text(row.iter().map(|&x| cell::number(x)).collect())
        }
        ModalityShape::Vector { .. } => {
            Cell::figure(cell::bars(form, row, None, range_of(row.iter().copied(), 0.06), label, SMALL)?)
        }
    })
}

/// What was inferred of one sample, and the truth where it needs a place of its own.
fn inferred(
    form: &Form<'_>,
    values: &InferredValues,
    truth: Option<&Array2<f64>>,
    k: usize,
    range: (f64, f64),
    label: &str,
) -> Result<(Cell, Option<Cell>)> {
    let (mean, lower, upper) = (values.mean.row(k), values.lower.row(k), values.upper.row(k));
    let truth: Option<ArrayView1<'_, f64>> = truth.map(|truth| truth.row(k));
    Ok(match form.shape {
        ModalityShape::Image { channels, height, width } => {
            let shape = [channels, height, width];
            let side = side(values.mean.nrows(), channels);
            let truth = truth.map(|truth| cell::picture(truth, shape, side, range, &format!("the truth: {label}")));
            (Cell::figure(cell::picture(mean, shape, side, range, label)?), truth.transpose()?.map(Cell::figure))
        }
        ModalityShape::Curve { channels, .. } => {
            let drawn = Curves { line: Some(mean), points: truth, thin: Vec::new(), band: Some((lower, upper)) };
            (Cell::figure(cell::curves(form, channels, &drawn, range, label, SMALL)?), None)
        }
        ModalityShape::Vector { length } if length <= cell::FEW_VALUES => {
            let interval = |j: usize| {
                if !mean[j].is_finite() {
                    return "–".to_owned();
                }
                format!("{} ({} to {})", cell::number(mean[j]), ticks::number(lower[j], 3), ticks::number(upper[j], 3))
            };
            let truth = truth.map(|truth| Cell::text(truth.iter().map(|&x| cell::number(x)).collect()));
            (Cell::text((0..length).map(interval).collect()), truth)
        }
        ModalityShape::Vector { .. } => (Cell::figure(cell::bars(form, mean, truth, range, label, SMALL)?), None),
    })
}
