//! REPRODUCTION.md and results.json: the papers' tables beside ours, and what they were computed on and with.

use super::Options;
use super::gather::{ExperimentResults, Failures, Parameter, RowResults, gather};
use super::machine::Machine;
use super::markdown::table;
use super::table::{Experiment, Paper, Quantity};
use crate::setup::{Data, Ready};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// What stays the same over an invocation.
pub(super) struct Report {
    root: PathBuf,
    machine: Machine,
    libtorch: String,
    lapack: String,
    command: String,
    images: Data,
}

#[derive(Serialize)]
struct Results<'a> {
    command: &'a str,
    images: &'a str,
    machine: &'a Machine,
    libtorch: &'a str,
    lapack: &'a str,
    experiments: &'a [ExperimentResults],
}

impl Report {
    pub(super) fn new(ws: &Workspace, ready: &Ready, options: &Options) -> Self {
        let mut command = format!("cargo xtask reproduce-paper --seeds {}", options.seeds);
        for (name, value) in [
            ("--only", options.only.as_ref().map(|list| list.join(","))),
            ("--rows", options.rows.as_ref().map(|list| list.join(","))),
            ("--recipe", options.recipe.clone()),
            ("--device", options.device.clone()),
        ] {
            command.extend(value.map(|value| format!(" {name} {value}")));
        }
        Self {
            root: ws.root.clone(),
            machine: Machine::here(ws),
            libtorch: ready.libtorch.to_string(),
            lapack: ready.lapack.clone(),
            command,
            images: ready.data.clone(),
        }
    }

    /// The commit of the checkout.
    pub(super) fn commit(&self) -> &str {
        &self.machine.commit
    }

    /// Reads all runs and writes both files.
    pub(super) fn write(
        &self,
        experiments: &[Experiment],
        options: &Options,
        data: &Data,
        failures: &Failures,
    ) -> Result<Vec<ExperimentResults>> {
        let mut results = gather(experiments, options, data, failures, &self.root);
        // Experiments of which nothing was asked and nothing is there.
        results.retain(|e| e.rows.iter().any(|row| !row.runs.is_empty() || !row.failed.is_empty()));
        let all = Results {
            command: &self.command,
            images: self.images.name(),
            machine: &self.machine,
            libtorch: &self.libtorch,
            lapack: &self.lapack,
            experiments: &results,
        };
        let json = serde_json::to_string_pretty(&all)?;
        for (name, text) in [("REPRODUCTION.md", self.markdown(&results)), ("results.json", json)] {
            let path = options.out.join(name);
            let partial = options.out.join(format!("{name}.partial"));
            fs::create_dir_all(&options.out)
                .and_then(|()| fs::write(&partial, text))
                .and_then(|()| fs::rename(&partial, &path))
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(results)
    }

    /// The tables alone, for the terminal.
    pub(super) fn tables(&self, results: &[ExperimentResults]) -> String {
        if results.is_empty() {
            return "No run has finished.\n".to_owned();
        }
        results.iter().map(|experiment| self.experiment(experiment)).collect::<Vec<_>>().join("\n")
    }

    fn markdown(&self, results: &[ExperimentResults]) -> String {
        let machine = &self.machine;
        let memory = machine.memory_gib.map_or(String::new(), |gib| format!(", {gib:.0} GiB"));
        let gpus = if machine.gpus.is_empty() { "none".to_owned() } else { machine.gpus.join(", ") };
        let mut text = format!(
            "# The papers' experiments, reproduced\n\n\
             Written by `{}`. Numbers are mean (standard deviation of the sample) over seeds; all are of the test split.\n\n\
             - images: {}\n- machine: {}, {} cores{memory}; GPU: {gpus}; {}\n- built with: {}, {}, {}, commit {}\n\n",
            self.command,
            self.images.name(),
            machine.cpu,
            machine.cores,
            machine.system,
            machine.rustc,
            self.libtorch,
            self.lapack,
            machine.commit,
        );
        text += &self.tables(results);
        for experiment in results {
            text += &runs(experiment);
        }
        text
    }

    fn experiment(&self, experiment: &ExperimentResults) -> String {
        let mut text = format!("## {} {}\n\n", experiment.id, experiment.title);
        let datasets = experiment.datasets.iter().map(String::as_str).collect::<Vec<_>>();
        text +=
            &format!("Data: {}. ", if datasets.is_empty() { "none yet".to_owned() } else { datasets.join(" and ") });
        if self.images == Data::Digits {
            text += "MNIST could not be had; where images are called for they are procedural digits, and the paper's numbers are of other data. ";
        }
        if !experiment.source.is_empty() {
            text += &format!("The paper's numbers: {}.", experiment.source);
        }
        text = format!("{}\n\n", text.trim_end());
        text += &headline(experiment);
        let others = &experiment.quantities[1..];
        if !others.is_empty() {
            text += &format!("\n{}", other_quantities(experiment, others));
        }
        text += &targets(experiment);
        for row in experiment.rows.iter().filter(|row| !row.experts.is_empty()) {
            text += &format!("\nExperts of {}:\n\n{}", row.label, experts(&row.experts));
        }
        for row in &experiment.rows {
            text += &row.note.as_ref().map_or(String::new(), |note| format!("\n{}: {note}\n", row.label));
            for (seed, why) in &row.failed {
                text += &format!("\n{}, seed {seed}, failed: {why}\n", row.label);
            }
        }
        text
    }
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

/// Two significant digits.
fn two_digits(value: Option<f64>) -> String {
    let decimals = |value: f64| if value == 0.0 { 0 } else { (1 - value.abs().log10().floor() as i32).clamp(0, 12) };
    value.map_or_else(String::new, |value| format!("{value:.*}", decimals(value) as usize))
}

fn mean_and_sd(paper: &Paper, decimals: usize) -> String {
    match (paper.mean, paper.sd) {
        (Some(mean), Some(sd)) => format!("{mean:.decimals$} ({sd:.decimals$})"),
        (mean, _) => number(mean, decimals),
    }
}

/// The first quantity of every row, beside the paper's.
fn headline(experiment: &ExperimentResults) -> String {
    let Quantity { path, label, decimals, .. } = &experiment.quantities[0];
    let header = [label.as_str(), "paper: max", "mean (sd)", "ours: mean", "sd", "min", "max", "seeds", "failed"];
    let rows = experiment.rows.iter().map(|row| {
        let paper = row.paper.get(path).copied().unwrap_or_default();
        let mut cells = vec![row.label.clone(), number(paper.max, *decimals), mean_and_sd(&paper, *decimals)];
        match row.statistics.get(path) {
            Some(ours) => {
                let values = [Some(ours.mean), ours.sd, Some(ours.min), Some(ours.max)];
                cells.extend(values.map(|value| number(value, *decimals)));
            }
            // A run need not have every quantity.
            None if !row.runs.is_empty() => cells.extend(strings(&["", "", "", ""])),
            None => cells.extend(strings(&[if row.failed.is_empty() { "not run" } else { "failed" }, "", "", ""])),
        }
        cells.push(row.runs.len().to_string());
        cells.push(if row.failed.is_empty() { String::new() } else { row.failed.len().to_string() });
        cells
    });
    table(&strings(&header), &rows.collect::<Vec<_>>())
}

/// The other quantities; the paper's number follows ours where it has one.
fn other_quantities(experiment: &ExperimentResults, quantities: &[Quantity]) -> String {
    let mut header = vec!["ours: mean (sd)".to_owned()];
    header.extend(quantities.iter().map(|quantity| quantity.label.clone()));
    let cell = |row: &RowResults, quantity: &Quantity| {
        let decimals = quantity.decimals;
        let ours = row.statistics.get(&quantity.path);
        let ours = ours.map_or_else(String::new, |ours| ours.shown(decimals));
        let paper = row.paper.get(&quantity.path).map(|paper| match paper.mean {
            Some(_) => format!("paper {}", mean_and_sd(paper, decimals)),
            None => format!("paper {} max", number(paper.max, decimals)),
        });
        [Some(ours).filter(|ours| !ours.is_empty()), paper].into_iter().flatten().collect::<Vec<_>>().join("; ")
    };
    let rows = experiment.rows.iter().map(|row| {
        let cells = quantities.iter().map(|quantity| cell(row, quantity));
        std::iter::once(row.label.clone()).chain(cells).collect::<Vec<_>>()
    });
    table(&header, &rows.collect::<Vec<_>>())
}

fn targets(experiment: &ExperimentResults) -> String {
    let mut rows = Vec::new();
    for row in &experiment.rows {
        for quantity in &experiment.quantities {
            for bound in row.targets.get(&quantity.path).into_iter().flatten() {
                let reached = if bound.reached { "reached" } else { "not reached" };
                let ours = number(Some(bound.value), quantity.decimals);
                rows.push(strings(&[&row.label, &quantity.label, &bound.wanted, &ours, reached]));
            }
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let header = strings(&["target", "quantity", "bound", "ours", ""]);
    format!("\n{}", table(&header, &rows))
}

/// For each parameter a table with the labels across.
fn experts(parameters: &[Parameter]) -> String {
    const DECIMALS: usize = 5;
    let mut names = parameters.iter().map(|p| (&p.modality, &p.parameter)).collect::<Vec<_>>();
    names.dedup();
    let tables = names.into_iter().map(|(modality, parameter)| {
        let of = |p: &&Parameter| p.modality == *modality && p.parameter == *parameter;
        let these = parameters.iter().filter(of).collect::<Vec<_>>();
        let unit = these.first().map_or("", |p| p.unit.as_str());
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        let mut header = vec![format!("{modality} {parameter}{unit}")];
        header.extend(these.iter().map(|p| p.of.clone()));
        let cells = |name: &str, values: Vec<String>| {
            let empty = values.iter().all(String::is_empty);
            (!empty).then(|| std::iter::once(name.to_owned()).chain(values).collect::<Vec<_>>())
        };
        let line = |name: &str, value: &dyn Fn(&Parameter) -> Option<f64>| {
            cells(name, these.iter().map(|p| number(value(p), DECIMALS)).collect())
        };
        // Errors can be far below the last digit that values are shown with.
        let small = |name: &str, value: &dyn Fn(&Parameter) -> Option<f64>| {
            cells(name, these.iter().map(|p| two_digits(value(p))).collect())
        };
        let lines = [
            line("truth", &|p| p.truth),
            line("paper", &|p| p.paper),
            line("identified", &|p| Some(p.identified.mean)),
            small("standard deviation over seeds", &|p| p.identified.sd),
            small("standard error of a run, mean", &|p| p.standard_error),
            small("Cramer-Rao bound", &|p| p.bound),
            small("error of the mean", &|p| p.truth.map(|truth| p.identified.mean - truth)),
            small("largest error of a run / bound", &|p| p.worst),
        ];
        table(&header, &lines.into_iter().flatten().collect::<Vec<_>>())
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// Every run with its command, and the plots of the first seed.
fn runs(experiment: &ExperimentResults) -> String {
    let mut text = format!("\n## Runs of {}\n", experiment.id);
    for row in experiment.rows.iter().filter(|row| !row.is_peer) {
        for run in &row.runs {
            let version = run.pima_version.as_deref().unwrap_or("of unknown version");
            text += &format!(
                "\n- [{}, seed {}]({}): pima {version}{}, `{}`\n",
                row.label,
                run.seed,
                run.folder,
                run.commit.as_ref().map_or_else(String::new, |commit| format!(" at {commit}")),
                run.command.join(" ")
            );
            if run.seed == 0 && !run.plots.is_empty() {
                let links = run.plots.iter().map(|plot| {
                    let name = plot.rsplit('/').next().unwrap_or(plot);
                    format!("[{}]({plot})", name.trim_end_matches(".png"))
                });
                text += &format!("  plots: {}\n", links.collect::<Vec<_>>().join(", "));
            }
        }
    }
    text
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
