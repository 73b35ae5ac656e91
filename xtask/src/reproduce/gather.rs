//! From run directories to numbers: everything that is finished under the run directory and is what would be launched now, whichever
//! invocation trained it.

use super::Options;
use super::launch::Launch;
use super::statistics::{Bound, Statistics, bounds};
use super::summary::{Expert, Summary};
use super::table::{Experiment, Paper, Quantity, Row};
use crate::setup::Data;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Runs that failed in this invocation, with their errors.
#[derive(Debug, Default)]
pub(super) struct Failures(BTreeMap<(String, String), BTreeMap<u64, String>>);

impl Failures {
    pub(super) fn add(&mut self, experiment: &Experiment, row: usize, seed: u64, why: String) {
        let key = (experiment.id.clone(), experiment.rows[row].name.clone());
        self.0.entry(key).or_default().insert(seed, why);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, experiment: &Experiment, row: &Row) -> BTreeMap<u64, String> {
        self.0.get(&(experiment.id.clone(), row.name.clone())).cloned().unwrap_or_default()
    }
}

/// An experiment's table, filled in.
#[derive(Debug, Serialize)]
pub(super) struct ExperimentResults {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) source: String,
    /// As the runs name it; more than one is a mixture that the report points out.
    pub(super) datasets: BTreeSet<String>,
    pub(super) quantities: Vec<Quantity>,
    pub(super) rows: Vec<RowResults>,
}

#[derive(Debug, Serialize)]
pub(super) struct RowResults {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) note: Option<String>,
    /// Whether it is a simpler method that another row's runs judged.
    pub(super) is_peer: bool,
    pub(super) paper: BTreeMap<String, Paper>,
    pub(super) runs: Vec<Run>,
    pub(super) failed: BTreeMap<u64, String>,
    /// By quantity, in the table's unit.
    pub(super) statistics: BTreeMap<String, Statistics>,
    pub(super) targets: BTreeMap<String, Vec<Bound>>,
    pub(super) experts: Vec<Parameter>,
}

/// A finished run.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) seed: u64,
    /// Below the run directory of the whole.
    pub(super) folder: String,
    pub(super) command: Vec<String>,
    pub(super) plots: Vec<String>,
    pub(super) pima_version: Option<String>,
    /// The commit that the program was built from when the run was started.
    pub(super) commit: Option<String>,
    /// By quantity, in the table's unit.
    pub(super) values: BTreeMap<String, f64>,
}

/// A parameter of an expert: for each label over seeds, or for each cluster of the first run where clusters have no labels.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Parameter {
    pub(super) modality: String,
    pub(super) parameter: String,
    pub(super) unit: String,
    /// The label's name, else `label 3`, or `cluster 3`.
    pub(super) of: String,
    pub(super) truth: Option<f64>,
    pub(super) paper: Option<f64>,
    pub(super) identified: Statistics,
    /// As the run itself reports it; for one run only.
    pub(super) standard_error: Option<f64>,
    /// The Cramer-Rao bound of one run's data, mean over runs.
    pub(super) bound: Option<f64>,
    /// The largest error of any run in units of its bound.
    pub(super) worst: Option<f64>,
}

/// Reads every experiment's results.
pub(super) fn gather(
    experiments: &[Experiment],
    options: &Options,
    data: &Data,
    failures: &Failures,
    root: &Path,
) -> Vec<ExperimentResults> {
    let results = experiments.iter().map(|experiment| {
        let mut datasets = BTreeSet::new();
        let rows = (0..experiment.rows.len()).map(|index| {
            let row = &experiment.rows[index];
            let peer = row.peer.as_ref().map(|peer| peer.name.as_str());
            let finished = finished(experiment, experiment.runs_of(index), options, data);
            for (_, summary) in &finished {
                datasets.extend(summary.text("dataset").map(str::to_owned));
            }
            let runs = finished
                .iter()
                .map(|(launch, summary)| run(launch, summary, peer, &experiment.quantities, options, root))
                .collect();
            let summaries = finished.iter().map(|(_, summary)| summary).collect::<Vec<_>>();
            let mut results = row_results(row, runs, &experiment.quantities);
            if peer.is_none() {
                results.experts = parameters(row, &summaries);
            }
            results.failed = failures.of(experiment, row);
            results
        });
        let rows = rows.collect();
        ExperimentResults {
            id: experiment.id.clone(),
            title: experiment.title.clone(),
            source: experiment.source.clone(),
            datasets,
            quantities: experiment.quantities.clone(),
            rows,
        }
    });
    results.collect()
}

/// The finished runs of a row, by seed.
fn finished(experiment: &Experiment, row: usize, options: &Options, data: &Data) -> Vec<(Launch, Summary)> {
    let folder = options.out.join(&experiment.id).join(&experiment.rows[row].name);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let seeds = entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("seed-")?.parse::<u64>().ok());
    let seeds = seeds.collect::<BTreeSet<_>>();
    let runs = seeds.into_iter().filter_map(|seed| {
        let launch = Launch::new(experiment, row, seed, options, data).ok()?;
        let summary = launch.finished()?;
        Some((launch, summary))
    });
    runs.collect()
}

/// A finished run; of a peer, the peer's own results in it.
fn run(
    launch: &Launch,
    summary: &Summary,
    peer: Option<&str>,
    quantities: &[Quantity],
    options: &Options,
    root: &Path,
) -> Run {
    let below = |path: &Path| path.strip_prefix(&options.out).unwrap_or(path).to_string_lossy().into_owned();
    let plots = std::fs::read_dir(launch.folder.join("plots")).into_iter().flatten().flatten();
    let plots = plots.map(|entry| entry.path());
    let mut plots: Vec<_> = plots.filter(|path| path.extension().is_some_and(|end| end == "png")).collect();
    plots.sort();
    let value = |path: &str| match peer {
        Some(peer) => summary.quantity(&format!("peers.{peer}.{path}")),
        None => summary.quantity(path),
    };
    let values =
        quantities.iter().filter_map(|quantity| Some((quantity.path.clone(), value(&quantity.path)? * quantity.scale)));
    let (arguments, commit) = launch.provenance().map_or_else(|| (launch.arguments(root), None), |(a, c)| (a, Some(c)));
    Run {
        seed: launch.seed(),
        folder: below(&launch.folder),
        command: std::iter::once("pima".to_owned()).chain(arguments).collect(),
        plots: plots.iter().map(|path| below(path)).collect(),
        pima_version: summary.text("pima_version").map(str::to_owned),
        commit,
        values: values.collect(),
    }
}

fn row_results(row: &Row, runs: Vec<Run>, quantities: &[Quantity]) -> RowResults {
    let mut statistics = BTreeMap::new();
    let mut targets = BTreeMap::new();
    for quantity in quantities {
        let values = runs.iter().filter_map(|run| run.values.get(&quantity.path).copied());
        let Some(over_seeds) = Statistics::of(&values.collect::<Vec<_>>()) else { continue };
        statistics.insert(quantity.path.clone(), over_seeds);
        if let Some(target) = row.target.get(&quantity.path) {
            targets.insert(quantity.path.clone(), bounds(target, &over_seeds));
        }
    }
    RowResults {
        name: row.name.clone(),
        label: row.label.clone(),
        note: row.note.clone(),
        is_peer: row.peer.is_some(),
        paper: row.paper.clone(),
        runs,
        failed: BTreeMap::new(),
        statistics,
        targets,
        experts: Vec::new(),
    }
}

/// The values of one parameter, by `(is a cluster, number)`.
type Values = BTreeMap<(bool, usize), Vec<Found>>;

/// A value with its standard error and its Cramer-Rao bound.
struct Found {
    value: f64,
    error: Option<f64>,
    bound: Option<f64>,
    truth: Option<f64>,
}

fn parameters(row: &Row, summaries: &[&Summary]) -> Vec<Parameter> {
    let experts = summaries.iter().map(|summary| summary.experts()).collect::<Vec<_>>();
    let mut rows = Vec::new();
    let Some(first) = experts.first() else { return rows };
    // Runs of a row have the same data; should they not, numbers are all that they share.
    let names = summaries.first().map(|summary| summary.label_names()).unwrap_or_default();
    let agreed = summaries.iter().all(|summary| summary.label_names() == names);
    let of = |is_cluster: bool, number: usize| match (is_cluster, names.get(number).filter(|_| agreed)) {
        (true, _) => format!("cluster {number}"),
        (false, Some(name)) => name.clone(),
        (false, None) => format!("label {number}"),
    };
    for (modality, expert) in first {
        for (index, parameter) in expert.parameters.iter().enumerate() {
            let mut values = Values::new();
            let all = experts.iter().filter_map(|run| run.get(modality)).enumerate();
            for (number, run) in all {
                collect(run, index, number == 0, &mut values);
            }
            let known = row.experts.iter().find(|known| known.modality == *modality && known.parameter == *parameter);
            for ((is_cluster, number), values) in values {
                let plain = values.iter().map(|found| found.value).collect::<Vec<_>>();
                let Some(identified) = Statistics::of(&plain) else { continue };
                let given = |list: fn(&super::table::ExpertTruth) -> &Vec<f64>| {
                    known.filter(|_| !is_cluster).and_then(|known| list(known).get(number).copied())
                };
                // What the table says, else what the runs' own data carried.
                let carried = Statistics::of(&values.iter().filter_map(|found| found.truth).collect::<Vec<_>>());
                let truth = given(|known| &known.truth).or(carried.map(|carried| carried.mean));
                let bounds = values.iter().filter_map(|found| found.bound).collect::<Vec<_>>();
                let bound = Statistics::of(&bounds).map(|bounds| bounds.mean);
                let errors = values.iter().filter_map(|found| found.error).collect::<Vec<_>>();
                let standard_error = Statistics::of(&errors).map(|errors| errors.mean);
                let worst = truth.and_then(|truth| {
                    let errors = values.iter().filter_map(|found| Some((found.value - truth).abs() / found.bound?));
                    errors.max_by(f64::total_cmp)
                });
                rows.push(Parameter {
                    modality: modality.clone(),
                    parameter: parameter.clone(),
                    unit: expert.units.get(index).cloned().unwrap_or_default(),
                    of: of(is_cluster, number),
                    truth,
                    paper: given(|known| &known.paper),
                    identified,
                    standard_error,
                    bound,
                    worst,
                });
            }
        }
    }
    rows
}

/// Adds a run's values of one parameter. A cluster without a label is no other run's cluster, so that only the first run's are taken.
fn collect(run: &Expert, parameter: usize, first: bool, values: &mut Values) {
    for cluster in &run.clusters {
        let Some(&value) = cluster.values.get(parameter) else { continue };
        let of = |list: &[Option<f64>]| list.get(parameter).copied().flatten();
        let (error, bound, truth) = (of(&cluster.standard_errors), of(&cluster.bounds), of(&cluster.truth));
        let found = Found { value, error, bound, truth };
        match cluster.label {
            Some(label) => values.entry((false, label)).or_default().push(found),
            None if first => values.entry((true, cluster.cluster)).or_default().push(found),
            None => {}
        }
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
pub(super) mod tests;
