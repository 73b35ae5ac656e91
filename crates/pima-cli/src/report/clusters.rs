//! The clusters: what the model takes each to be in every modality, beside the data that it holds.

use anyhow::Result;
use askama::Template;
use ndarray::{Array2, Array3, Axis};
use pima_core::ModalityShape;

use super::about::grouped;
use super::cell::{self, Curves};
use super::source::{Form, Source};
use crate::plots::{range_of, ticks};
use crate::run_directory::{ModalityPredictions, Predictions};
use crate::summary::Summary;

/// Clusters that are shown; a model may have hundreds.
const MOST_CLUSTERS: usize = 48;
/// Samples of a cluster that are shown beside its centre.
const MOST_MEMBERS: usize = 6;
/// Identified parameters that are written on a cluster's card; the experts' table has all.
const MOST_PARAMETERS: usize = 6;

#[derive(Template)]
#[template(path = "report/clusters.html")]
struct Clusters {
    cards: Vec<Card>,
    left_out: usize,
    notes: Vec<String>,
}

struct Card {
    index: usize,
    name: String,
    facts: String,
    parameters: Vec<String>,
    rows: Vec<Row>,
}

/// One modality of a cluster.
struct Row {
    name: String,
    figures: Vec<Figure>,
    /// Pictures of the samples nearest to the centre.
    members: Vec<String>,
    /// Component, decoded value and mean of the data, for a modality of few values.
    values: Vec<(String, String, String)>,
}

struct Figure {
    html: String,
    caption: &'static str,
}

/// A modality with what all clusters share, so that they can be compared.
struct Modality<'a> {
    name: &'a str,
    form: Form<'a>,
    decoded: Option<&'a Array2<f64>>,
    mean: Option<&'a Array2<f64>>,
    members: Option<&'a Array3<f64>>,
    range: (f64, f64),
    /// Of an image, pixels along the longer side of its pictures.
    side: usize,
}

/// The section; `None` where nothing was predicted.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let Some(predictions) = &source.predictions else { return Ok(None) };
    let n_shown = predictions.n_clusters().min(MOST_CLUSTERS);
    let of = |name| modality(source, name, &predictions.modalities[name], n_shown);
    let modalities: Vec<Modality<'_>> = source.modalities().into_iter().filter_map(of).collect();
    let order = source.cluster_order(predictions.n_clusters());
    let left_out = order.len().saturating_sub(MOST_CLUSTERS);
    let cards: Result<Vec<Card>> =
        order.into_iter().take(MOST_CLUSTERS).map(|c| card(source, predictions, &modalities, c)).collect();
    let notes = notes(&modalities);
    Ok(Some(Clusters { cards: cards?, left_out, notes }.render()?))
}

fn modality<'a>(
    source: &'a Source,
    name: &'a str,
    of: &'a ModalityPredictions,
    n_clusters: usize,
) -> Option<Modality<'a>> {
    let size = of.decoded.as_ref().or(of.mean.as_ref())?.ncols();
    if size == 0 {
        return None;
    }
    // Those nearest to the centre where they are known, else any.
    let members = of.nearest.as_ref().or(of.members.as_ref()).filter(|members| members.dim().2 == size);
    let arrays = of.decoded.iter().chain(&of.mean).flatten().copied();
    let form = source.form(name, size);
    let range = match form.shape {
        ModalityShape::Image { .. } => {
            let decoded = of.decoded.as_ref().or(of.mean.as_ref());
            cell::grey_range(decoded.into_iter().flatten().copied())
        }
        _ => range_of(arrays.chain(members.into_iter().flatten().copied()), 0.06),
    };
    let side = match form.shape {
        // Of every cluster its centre, its mean, and its members.
        ModalityShape::Image { channels, .. } => cell::picture_side(n_clusters * (2 + MOST_MEMBERS), channels),
        _ => 0,
    };
    Some(Modality { name, form, decoded: of.decoded.as_ref(), mean: of.mean.as_ref(), members, range, side })
}

fn card(source: &Source, predictions: &Predictions, modalities: &[Modality<'_>], c: usize) -> Result<Card> {
    let n = predictions.cluster.iter().filter(|&&cluster| cluster == c as i64).count();
    let mut facts =
        format!("weight {} · {} test samples", ticks::number(predictions.prior_weight[c], 3), grouped(n as u64));
    let matched = source.assigned.as_ref().and_then(|assigned| Some((assigned.label_of[c]?, assigned)));
    if let Some((label, assigned)) = matched {
        let column = assigned.confusion.column(c);
        let (right, all) = (column[label], column.sum());
        if all > 0 {
            facts += &format!(
                ", {} % of them with label {}",
                ticks::number(100.0 * right as f64 / all as f64, 4),
                source.label_name(label)
            );
        }
    }
    Ok(Card {
        index: c,
        name: source.cluster_name(c),
        facts,
        parameters: source.summary.as_ref().map_or_else(Vec::new, |summary| parameters(summary, c)),
        rows: modalities.iter().map(|modality| row(modality, c)).collect::<Result<_>>()?,
    })
}

/// What was identified for a cluster, a line a parameter.
fn parameters(summary: &Summary, c: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for expert in summary.experts.values() {
        let Some(cluster) = expert.clusters.iter().find(|cluster| cluster.cluster == c) else { continue };
        for (p, name) in expert.parameters.iter().enumerate().take(MOST_PARAMETERS) {
            let of = |numbers: &[f64]| numbers.get(p).copied().unwrap_or(f64::NAN);
            let unit = expert.units.get(p).map_or("", |unit| unit.trim());
            let value = ticks::with_error(of(&cluster.values), of(&cluster.standard_errors));
            lines.push(format!("{name} = {value} {unit}").trim_end().to_owned());
        }
        if expert.parameters.len() > MOST_PARAMETERS {
            lines.push(format!("and {} more", expert.parameters.len() - MOST_PARAMETERS));
        }
    }
    lines
}

fn row(modality: &Modality<'_>, c: usize) -> Result<Row> {
    let Modality { name, form, decoded, mean, members, range, side } = modality;
    let centre = decoded.map(|decoded| decoded.row(c));
    let mean = mean.map(|mean| mean.row(c)).filter(|mean| mean.iter().any(|x| x.is_finite()));
    let of_cluster = members.map(|members| members.index_axis(Axis(0), c));
    let members: Vec<_> = of_cluster
        .iter()
        .flat_map(|members| members.outer_iter())
        .filter(|member| member.iter().all(|x| x.is_finite()))
        .take(MOST_MEMBERS)
        .collect();
    let mut row = Row { name: (*name).to_owned(), figures: Vec::new(), members: Vec::new(), values: Vec::new() };
    let label = |what: &str| format!("{name} of cluster {c}: {what}");
    match form.shape {
        ModalityShape::Image { channels, height, width } => {
            let shape = [channels, height, width];
            let named = [(centre, "decoded"), (mean, "mean of data")];
            for (values, caption) in named.into_iter().filter_map(|(values, caption)| Some((values?, caption))) {
                row.figures
                    .push(Figure { html: cell::picture(values, shape, *side, *range, &label(caption))?, caption });
            }
            let pictures =
                members.into_iter().map(|member| cell::picture(member, shape, *side, *range, &label("a sample")));
            row.members = pictures.collect::<Result<_>>()?;
        }
        ModalityShape::Curve { channels, .. } => {
            let drawn = Curves { line: centre, points: mean, thin: members, band: None };
            let html = cell::curves(form, channels, &drawn, *range, &label("decoded centre and data"), (340.0, 190.0))?;
            row.figures.push(Figure { html, caption: "" });
        }
        ModalityShape::Vector { length } if length <= cell::FEW_VALUES => {
            let at = |values: Option<ndarray::ArrayView1<'_, f64>>, k: usize| {
                values.map_or_else(|| "–".to_owned(), |values| cell::number(values[k]))
            };
            let component =
                |k: usize| if length == 1 { form.y_name.clone() } else { format!("{} {}", form.y_name, k + 1) };
            row.values = (0..length).map(|k| (component(k), at(centre, k), at(mean, k))).collect();
        }
        ModalityShape::Vector { .. } => {
            if let Some(values) = centre.or(mean) {
                let html = cell::bars(
                    form,
                    values,
                    mean,
                    *range,
                    &label("decoded centre and mean of the data"),
                    (340.0, 190.0),
                )?;
                row.figures.push(Figure { html, caption: "" });
            }
        }
    }
    Ok(row)
}

/// How the figures are to be read.
fn notes(modalities: &[Modality<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    let curves = |modality: &&Modality<'_>| matches!(modality.form.shape, ModalityShape::Curve { .. });
    if modalities.iter().any(|modality| curves(&modality)) {
        let thin = if modalities.iter().filter(curves).any(|m| m.members.is_some()) {
            "; thin lines: samples of the cluster"
        } else {
            ""
        };
        let channels = modalities
            .iter()
            .filter(curves)
            .any(|m| matches!(m.form.shape, ModalityShape::Curve { channels: 2.., .. }));
        let colours = if channels { "; a colour for each channel" } else { "" };
        notes.push(format!("Curves. Heavy line: decoded centre; points: mean of the test data, weighted by responsibility{thin}{colours}."));
    }
    for modality in modalities {
        if let ModalityShape::Image { channels, .. } = modality.form.shape {
            let (low, high) = (ticks::number(modality.range.0, 3), ticks::number(modality.range.1, 3));
            let what = if matches!(channels, 1 | 3) { "" } else { " Its channels are averaged." };
            notes.push(format!("{}: black is {low}, white is {high}.{what}", modality.name));
        }
    }
    notes
}
