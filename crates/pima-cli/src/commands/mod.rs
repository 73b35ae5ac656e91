//! One file for each command.

mod check;
mod conclude;
mod data;
mod evaluate;
mod examples;
mod generate;
mod impute;
mod infer;
mod init;
mod lattices;
mod plot;
mod refit;
mod report;
mod samples;
mod sweep;
mod train;

use std::path::Path;

use pima_cli::{MetricsRecord, RunDirectory, RunRecord};

use crate::args::Command;
use crate::failure::Outcome;
use crate::interrupt::Interrupt;

/// Carries out a command.
pub(crate) fn run(command: Command, interrupt: &Interrupt) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Train(args) => train::run(&args, interrupt),
        Command::Sweep(args) => sweep::run(&args, interrupt),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Infer(args) => infer::run(&args),
        Command::Impute(args) => impute::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Refit(args) => refit::run(&args, interrupt),
        Command::Plot(args) => plot::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Data(args) => data::run(&args),
    }
}

/// What a run said of itself when it began: from its metrics, or its summary if those are gone.
fn began(run: &RunDirectory) -> Option<RunRecord> {
    let records = run.read_metrics().unwrap_or_default();
    let record = records.into_iter().find_map(|record| match record {
        MetricsRecord::Run(record) => Some(*record),
        _ => None,
    });
    record.or_else(|| {
        let summary = run.read_summary().ok()?;
        let (experiment, title, dataset, seed) = (summary.experiment, summary.title, summary.dataset, summary.seed);
        Some(RunRecord { experiment, title, dataset, seed })
    })
}

/// A path as it is to be typed again.
fn typed(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A text as it stands in TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(typed(Path::new("runs/4.1-0")), "runs/4.1-0");
        assert_eq!(typed(Path::new("my runs/it's")), r"'my runs/it'\''s'");
    }
}
