//! The scores of every split, and the confusion of labels and clusters on the test split.

use anyhow::Result;
use askama::Template;
use ndarray::Array2;

use super::source::Source;
use crate::plots::{Assigned, ticks};
use crate::scores::Scores;

#[derive(Template)]
#[template(path = "report/scores.html")]
struct ScoresPage {
    scores: Scores,
}

/// Matrices of labels by clusters.
#[derive(Template)]
#[template(path = "report/confusion.html")]
struct Confusion {
    clusters: Vec<String>,
    matrices: Vec<Matrix>,
}

struct Matrix {
    /// What is seen; empty for all modalities.
    title: String,
    accuracy: String,
    rows: Vec<ConfusionRow>,
}

struct ConfusionRow {
    label: String,
    cells: Vec<Cell>,
    total: u64,
}

struct Cell {
    count: u64,
    /// Share of the label's samples, in steps of a twentieth: the colour.
    shade: u64,
    share: String,
    /// Whether the cluster is the one that is taken for the label.
    matched: bool,
}

/// The scores; `None` where nothing was evaluated.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let Some(summary) = &source.summary else { return Ok(None) };
    let scores = Scores::of(&summary.splits);
    if scores.rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(ScoresPage { scores }.render()?))
}

/// The confusion matrices; `None` without labels.
pub(super) fn confusion(source: &Source) -> Result<Option<String>> {
    let Some(assigned) = &source.assigned else { return Ok(None) };
    let order = source.cluster_order(assigned.label_of.len());
    let clusters = order.iter().map(|&c| source.cluster_name(c)).collect();
    let matrix = |title: String, counts: &Array2<u64>, accuracy: Option<f64>| Matrix {
        title,
        accuracy: accuracy.map_or_else(|| "–".to_owned(), |accuracy| ticks::number(100.0 * accuracy, 4)),
        rows: (0..counts.nrows()).map(|label| row(source, assigned, counts, label, &order)).collect(),
    };
    let mut matrices = vec![matrix(String::new(), &assigned.confusion, Some(assigned.accuracy))];
    if source.alone.len() > 1 {
        matrices.extend(source.alone.iter().map(|one| matrix(one.title(), &one.confusion, one.accuracy)));
    }
    Ok(Some(Confusion { clusters, matrices }.render()?))
}

fn row(source: &Source, assigned: &Assigned, counts: &Array2<u64>, label: usize, order: &[usize]) -> ConfusionRow {
    let total = counts.row(label).sum();
    let cell = |&c: &usize| {
        let count = counts[[label, c]];
        let share = count as f64 / total.max(1) as f64;
        Cell {
            count,
            // What is there is never shown as nothing.
            shade: if count > 0 { ((20.0 * share).round() as u64).max(1) } else { 0 },
            share: format!("{} %", ticks::number(100.0 * share, 3)),
            matched: assigned.label_of[c] == Some(label),
        }
    };
    ConfusionRow { label: source.label_name(label), cells: order.iter().map(cell).collect(), total }
}
