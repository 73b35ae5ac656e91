//! The latent space of the test split: the data of an interactive picture, and a still one for readers without scripts.

use std::collections::BTreeMap;

use anyhow::Result;
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::Array2;
use serde::Serialize;

use super::about::grouped;
use super::chart::{Chart, Frame, Scale};
use super::source::Source;
use crate::plots::{View, range_of, shuffled, two_sigma_ellipse};
use crate::run_directory::Predictions;

/// More samples than this hide rather than show.
const MOST_POINTS: usize = 10_000;
/// Bytes that the points may take in the page; where a run has very many numbers, fewer samples are drawn.
const MOST_BYTES: usize = 3_000_000;
/// Points of the still picture.
const MOST_STILL: usize = 2500;
/// Latent dimensions that can be chosen as axes.
const MOST_DIMENSIONS: usize = 32;
/// Other numbers that can be chosen as axes or colours.
const MOST_NUMBERS: usize = 48;

#[derive(Template)]
#[template(path = "report/latent.html")]
struct Latent {
    /// JSON without any `<`.
    data: String,
    still: String,
    columns: Vec<Named>,
    classes: Vec<Named>,
    /// How many test samples there are, where not all are drawn.
    total: Option<String>,
    drawn: String,
    note: Option<String>,
}

struct Named {
    name: String,
    latent: bool,
}

/// What the script draws: n points.
#[derive(Serialize)]
struct Data {
    n: usize,
    total: usize,
    /// Rows of the test split, u32 (n).
    rows: String,
    /// What the samples are called (n); empty where that is not known.
    names: Vec<String>,
    columns: Vec<Column>,
    classes: Vec<Class>,
    clusters: Vec<Cluster>,
}

/// A number of each sample.
#[derive(Serialize)]
struct Column {
    name: String,
    /// f32 (n), NaN where a sample has none.
    values: String,
    /// Of a direction in latent space, its components (l), so that ellipses can be drawn along it.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Vec<f64>>,
    /// Of a direction, the cluster means along it (N).
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<Vec<f64>>,
}

/// A class of each sample.
#[derive(Serialize)]
struct Class {
    name: String,
    names: Vec<String>,
    /// In the whole test split.
    counts: Vec<usize>,
    /// u16 (n), 65535 where it is not known.
    values: String,
}

#[derive(Serialize)]
struct Cluster {
    name: String,
    /// Variances (l).
    var: Vec<f64>,
    members: usize,
}

/// The section; `None` without predictions.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let Some(p) = source.predictions.as_ref().filter(|p| p.n_samples() > 0) else { return Ok(None) };
    let view = View::of(p);
    let numbers = numbers(source, p);
    let n_columns = numbers.len() + p.n_latent().min(MOST_DIMENSIONS) + 4;
    // 16 characters for every 3 numbers of 4 bytes.
    let affordable = MOST_BYTES * 3 / (16 * n_columns);
    let mut rows: Vec<usize> = shuffled(p.n_samples());
    rows.truncate(MOST_POINTS.min(affordable.max(500)));
    let take =
        |values: &mut dyn FnMut(usize) -> f64| encode(rows.iter().map(|&row| (values(row) as f32).to_le_bytes()));

    let mut columns = Vec::new();
    let mut direction = |name: String, values: String, direction: Vec<f64>, means: Vec<f64>| {
        columns.push(Column { name, values, direction: Some(direction), means: Some(means) });
    };
    if let Some(axes) = &view.axes {
        // Principal axes first: they are what one looks at first where there are many dimensions.
        for (k, name) in view.names.iter().enumerate() {
            let values = take(&mut |row| view.points[[row, k]]);
            direction(name.clone(), values, axes.row(k).to_vec(), view.means.column(k).to_vec());
        }
    }
    for j in 0..p.n_latent().min(MOST_DIMENSIONS) {
        let unit = (0..p.n_latent()).map(|i| f64::from(u8::from(i == j))).collect();
        let values = take(&mut |row| p.latent_mean[[row, j]]);
        direction(format!("latent dimension {}", j + 1), values, unit, p.prior_mean.column(j).to_vec());
    }
    for (name, values) in &numbers {
        let values = take(&mut |row| values[row]);
        columns.push(Column { name: name.clone(), values, direction: None, means: None });
    }
    let classes = classes(source, p, &rows);
    let mut members = vec![0; p.n_clusters()];
    p.cluster.iter().for_each(|&c| members[c as usize] += 1);
    let clusters = members.into_iter().enumerate();
    let clusters = clusters.map(|(c, members)| Cluster {
        name: source.cluster_name(c),
        var: p.prior_var.row(c).to_vec(),
        members,
    });
    let named = |name: &str, latent: bool| Named { name: name.to_owned(), latent };
    let page_columns = columns.iter().map(|column| named(&column.name, column.direction.is_some())).collect();
    let page_classes = classes.iter().map(|class| named(&class.name, false)).collect();
    let rows_text = encode(rows.iter().map(|&row| (row as u32).to_le_bytes()));
    let (total, drawn) =
        ((rows.len() < p.n_samples()).then(|| grouped(p.n_samples() as u64)), grouped(rows.len() as u64));
    let known = source.names.len() == p.n_samples();
    let names = rows.iter().filter(|_| known).map(|&row| source.names[row].clone()).collect();
    let data = Data {
        n: rows.len(),
        total: p.n_samples(),
        rows: rows_text,
        names,
        columns,
        classes,
        clusters: clusters.collect(),
    };
    // The only way out of a script element is `</`; in JSON, `<` occurs in texts alone.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let still = still(source, p, &view, &rows)?;
    let note = view.note.clone();
    Ok(Some(Latent { data, still, columns: page_columns, classes: page_classes, total, drawn, note }.render()?))
}

/// Little-endian numbers in base 64.
fn encode<const N: usize>(numbers: impl Iterator<Item = [u8; N]>) -> String {
    STANDARD.encode(numbers.flatten().collect::<Vec<u8>>())
}

/// Everything that the run knows of each test sample as a number, by name.
fn numbers(source: &Source, p: &Predictions) -> Vec<(String, Vec<f64>)> {
    let mut numbers: Vec<(String, Vec<f64>)> = Vec::new();
    let mut each = |name: &dyn Fn(usize) -> String, array: &Array2<f64>| {
        numbers.extend(array.columns().into_iter().enumerate().map(|(j, column)| (name(j), column.to_vec())));
    };
    for modality in source.modalities() {
        let of = &p.modalities[modality];
        let component =
            |array: &Array2<f64>, j: usize| if array.ncols() == 1 { String::new() } else { format!(" {}", j + 1) };
        for (kind, array) in [
            ("", &of.measured),
            (", inferred from the others", &of.predicted_from_others),
            (", predicted", &of.predicted),
        ] {
            if let Some(array) = array {
                each(&|j| format!("{}{}{kind}", source.with_unit(modality), component(array, j)), array);
            }
        }
        let expert = source.summary.as_ref().and_then(|summary| summary.experts.get(modality));
        let parameter = |q: usize| {
            expert.and_then(|e| e.parameters.get(q)).cloned().unwrap_or_else(|| format!("parameter {}", q + 1))
        };
        for (kind, array) in [("", &of.parameters), (", truth", &of.true_parameters)] {
            if let Some(array) = array {
                each(&|q| format!("{} of {modality}{kind}", parameter(q)), array);
            }
        }
    }
    numbers.extend(p.facts.iter().map(|(name, values)| (source.with_unit(name), values.to_vec())));
    numbers.retain(|(_, values)| values.iter().any(|x| x.is_finite()));
    let certainty = p.responsibilities.outer_iter().map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    numbers.truncate(MOST_NUMBERS);
    numbers.push(("probability of the cluster".to_owned(), certainty));
    numbers
}

/// Label, cluster, and cluster as each modality alone sees it.
fn classes(source: &Source, p: &Predictions, rows: &[usize]) -> Vec<Class> {
    let class = |name: String, of: &ndarray::Array1<i64>, names: Vec<String>| {
        let known = |row: usize| usize::try_from(of[row]).ok().filter(|&class| class < names.len());
        let mut counts = vec![0; names.len()];
        (0..of.len()).filter_map(known).for_each(|class| counts[class] += 1);
        let values = encode(rows.iter().map(|&row| known(row).map_or(u16::MAX, |class| class as u16).to_le_bytes()));
        Class { name, names, counts, values }
    };
    let mut classes = Vec::new();
    if p.has_labels() {
        let n = p.label.iter().max().map_or(0, |&max| max as usize + 1);
        classes.push(class("label".to_owned(), &p.label, (0..n).map(|label| source.label_name(label)).collect()));
    }
    let names: Vec<String> = (0..p.n_clusters()).map(|c| source.cluster_name(c)).collect();
    classes.push(class("cluster".to_owned(), &p.cluster, names.clone()));
    for modality in source.modalities() {
        if let Some(alone) = &p.modalities[modality].cluster {
            classes.push(class(format!("cluster from {modality} alone"), alone, names.clone()));
        }
    }
    classes
}

/// The first plane with its ellipses, for readers without scripts.
fn still(source: &Source, p: &Predictions, view: &View, rows: &[usize]) -> Result<String> {
    let rows = &rows[..rows.len().min(MOST_STILL)];
    let plane = view.names.len() > 1;
    let second = |row: usize| if plane { view.points[[row, 1]] } else { 0.0 };
    let of = |row: usize| if p.has_labels() { p.label[row] } else { p.cluster[row] };
    let mut classes: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
    for &row in rows {
        classes.entry(of(row)).or_default().push((view.points[[row, 0]], second(row)));
    }
    let all = || classes.values().flatten();
    let ranges = (range_of(all().map(|p| p.0), 0.05), range_of(all().map(|p| p.1), 0.05));
    let y_name = view.names.get(1).map_or("", String::as_str);
    let label = format!("Latent space of {} test samples", rows.len());
    let frame = Frame { label: &label, size: (760.0, 560.0), x_name: &view.names[0], y_name, whole_x: false };
    let mut chart = Chart::new(&frame, ranges.0, ranges.1, Scale::Linear);
    for (class, points) in classes {
        let colour = usize::try_from(class).map_or_else(|_| "unknown".to_owned(), |class| format!("c{}", class % 10));
        chart.points(&colour, points);
    }
    if plane {
        for c in 0..p.n_clusters() {
            let mean = (view.means[[c, 0]], view.means[[c, 1]]);
            chart.line("ink", &two_sigma_ellipse(mean, &view.covariances[c], 0, 1));
            chart.text(mean, source.cluster_name(c));
        }
    }
    Ok(chart.render()?)
}
