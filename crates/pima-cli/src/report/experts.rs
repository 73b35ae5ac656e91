//! What the experts identified: parameters of each cluster with standard errors and units, the truth and the bounds where they are known.

use std::collections::BTreeMap;

use anyhow::Result;
use askama::Template;

use super::source::Source;
use crate::plots::ticks;
use crate::summary::{ExpertCluster, ExpertSummary};

/// Columns that a reader can take in; `summary.json` has the rest.
const MOST_PARAMETERS: usize = 16;

#[derive(Template)]
#[template(path = "report/experts.html")]
struct Experts {
    experts: Vec<Expert>,
    correlations: Vec<Correlation>,
    explained: Explained,
}

/// Which of the lines below a value occur, and are to be explained.
#[derive(Default)]
struct Explained {
    truth: bool,
    bounds: bool,
}

struct Expert {
    modality: String,
    parameters: Vec<String>,
    left_out: usize,
    clusters: Vec<Cluster>,
    largest_error: Option<String>,
}

struct Cluster {
    name: String,
    weight: String,
    cells: Vec<Cell>,
}

struct Cell {
    value: String,
    truth: Option<String>,
    bound: Option<String>,
    /// Whether the truth is more than three standard errors away.
    far: bool,
}

/// A correlation of single samples' parameters with the truth.
struct Correlation {
    parameter: String,
    from: String,
    value: String,
}

/// The section; `None` without experts.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let Some(summary) = source.summary.as_ref().filter(|summary| !summary.experts.is_empty()) else { return Ok(None) };
    let mut explained = Explained::default();
    let mut experts = Vec::new();
    for (modality, expert) in &summary.experts {
        let error = summary.parameter_error.get(modality).filter(|error| error.is_finite());
        experts.push(Expert {
            modality: modality.clone(),
            parameters: (0..shown(expert)).map(|p| parameter(expert, p)).collect(),
            left_out: expert.parameters.len() - shown(expert),
            clusters: clusters(source, expert, &mut explained),
            largest_error: error.map(|error| ticks::number(*error, 3)),
        });
    }
    let mut correlations = Vec::new();
    if let Some(test) = &summary.splits.test {
        let all = std::iter::once(("all modalities", &test.parameter_correlation));
        for (from, values) in
            all.chain(test.parameter_correlation_from.iter().map(|(from, values)| (from.as_str(), values)))
        {
            correlations.extend(correlation(from, values));
        }
    }
    Ok(Some(Experts { experts, correlations, explained }.render()?))
}

fn shown(expert: &ExpertSummary) -> usize {
    expert.parameters.len().min(MOST_PARAMETERS)
}

fn parameter(expert: &ExpertSummary, p: usize) -> String {
    match expert.units.get(p).map(|unit| unit.trim()).filter(|unit| !unit.is_empty()) {
        Some(unit) => format!("{} ({unit})", expert.parameters[p]),
        None => expert.parameters[p].clone(),
    }
}

fn clusters(source: &Source, expert: &ExpertSummary, explained: &mut Explained) -> Vec<Cluster> {
    let mut ordered: Vec<&ExpertCluster> = expert.clusters.iter().collect();
    ordered.sort_by_key(|cluster| (cluster.label.unwrap_or(usize::MAX), cluster.cluster));
    let row = |cluster: &ExpertCluster| {
        let cells = (0..shown(expert)).map(|p| {
            let of = |numbers: &[f64]| numbers.get(p).copied().unwrap_or(f64::NAN);
            let (value, error, truth, bound) =
                (of(&cluster.values), of(&cluster.standard_errors), of(&cluster.truth), of(&cluster.bounds));
            let away = (value - truth).abs() / error;
            let truth = truth.is_finite().then(|| {
                let away =
                    if away.is_finite() { format!(", {} se away", ticks::number(away, 2)) } else { String::new() };
                format!("truth {}{away}", ticks::number(truth, 5))
            });
            let bound = bound.is_finite().then(|| format!("bound {}", ticks::number(bound, 2)));
            explained.truth |= truth.is_some();
            explained.bounds |= bound.is_some();
            Cell { value: ticks::with_error(value, error), truth, bound, far: away > 3.0 }
        });
        let name = source.cluster_name(cluster.cluster);
        Cluster { name, weight: ticks::number(cluster.weight, 3), cells: cells.collect() }
    };
    ordered.into_iter().map(row).collect()
}

fn correlation(from: &str, values: &BTreeMap<String, BTreeMap<String, f64>>) -> Vec<Correlation> {
    let all =
        values.iter().flat_map(|(modality, values)| values.iter().map(move |(name, value)| (modality, name, value)));
    all.map(|(modality, name, value)| Correlation {
        parameter: format!("{name} ({modality})"),
        from: from.to_owned(),
        value: format!("{value:.3}").replace('-', "−"),
    })
    .collect()
}
