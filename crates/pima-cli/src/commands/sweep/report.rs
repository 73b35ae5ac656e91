//! What came out of a sweep: the table on the screen and the one in a file.

use std::time::Duration;

use anyhow::Result;
use pima_cli::{ClustersRecord, SweepDirectory, TrialRecord, TrialStatus};
use serde_json::Value;

use super::settings::Sweep;
use crate::progress::shown;
use crate::table::{Table, significant};

/// The trials as they are listed: those that came to their end by their objective, then those that were stopped, then the others by number.
fn sorted<'a>(sweep: &Sweep, trials: &'a [TrialRecord]) -> Vec<&'a TrialRecord> {
    let rank = |trial: &TrialRecord| match trial.status {
        TrialStatus::Finished => 0,
        TrialStatus::Stopped => 1,
        TrialStatus::Running | TrialStatus::Interrupted => 2,
        TrialStatus::Failed => 3,
    };
    let score = |trial: &TrialRecord| trial.objective.map_or(f64::INFINITY, |value| sweep.objective.score(value));
    let mut all: Vec<&TrialRecord> = trials.iter().collect();
    all.sort_by(|a, b| rank(a).cmp(&rank(b)).then(score(a).total_cmp(&score(b))).then(a.trial.cmp(&b.trial)));
    all
}

/// The table for the screen, and below it why trials failed.
pub(super) fn table(sweep: &Sweep, trials: &[TrialRecord]) -> String {
    let mut table = Table::default();
    let keys: Vec<&str> = sweep.parameters.iter().map(|parameter| parameter.key.text()).collect();
    let mut head = vec!["trial".to_owned(), "status".to_owned(), sweep.objective.to_string()];
    head.extend(short(&keys));
    head.extend(["best epoch".to_owned(), "time".to_owned()]);
    table.row(head);
    let dash = || "-".to_owned();
    for trial in sorted(sweep, trials) {
        let mut row = vec![trial.trial.to_string(), trial.status.name().to_owned()];
        row.push(trial.objective.map_or_else(dash, significant));
        row.extend(keys.iter().map(|key| trial.parameters.get(*key).map_or_else(dash, plain)));
        row.push(trial.best_epoch.map_or_else(dash, |epoch| epoch.to_string()));
        row.push(trial.seconds.map_or_else(dash, |seconds| shown(Duration::from_secs_f64(seconds.max(0.0)))));
        table.row(row);
    }
    let mut text = table.to_string();
    let failed = trials.iter().filter(|trial| trial.status == TrialStatus::Failed);
    for trial in failed {
        text += &format!("trial {} failed: {}\n", trial.trial, trial.reason.as_deref().unwrap_or("no reason is known"));
    }
    text
}

/// Keys by as many of their last parts as tell them apart.
fn short(keys: &[&str]) -> Vec<String> {
    let tail = |key: &str, parts: usize| {
        let all: Vec<&str> = key.split('.').collect();
        all[all.len().saturating_sub(parts)..].join(".")
    };
    let alone =
        |key: &str, parts: usize| keys.iter().filter(|other| tail(other, parts) == tail(key, parts)).count() == 1;
    keys.iter().map(|key| tail(key, (1..9).find(|&parts| alone(key, parts)).unwrap_or(9))).collect()
}

/// A value without the quotes of a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Writes the table as a file: every digit, a row for each trial, best first.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_csv(sweep: &Sweep, directory: &SweepDirectory, trials: &[TrialRecord]) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let keys: Vec<&str> = sweep.parameters.iter().map(|parameter| parameter.key.text()).collect();
    let fixed = ["trial", "status", "objective", "loss", "best_epoch", "epochs", "seconds", "run", "reason"];
    csv.write_record(fixed[..3].iter().chain(&keys).chain(&fixed[3..]))?;
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let count = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
    for trial in sorted(sweep, trials) {
        let mut row = vec![trial.trial.to_string(), trial.status.name().to_owned(), number(trial.objective)];
        row.extend(keys.iter().map(|key| trial.parameters.get(*key).map(plain).unwrap_or_default()));
        row.extend([number(trial.loss), count(trial.best_epoch), count(trial.epochs), number(trial.seconds)]);
        row.extend([trial.run.clone(), trial.reason.clone().unwrap_or_default()]);
        csv.write_record(row)?;
    }
    directory.write_table(&csv.into_inner()?)
}

/// The table of the numbers of clusters.
pub(super) fn clusters_table(records: &[ClustersRecord]) -> String {
    let least = |value: &dyn Fn(&ClustersRecord) -> f64| records.iter().map(value).fold(f64::INFINITY, f64::min);
    let bic = least(&|record| record.bic);
    let mut table = Table::default();
    table.row([
        "clusters N",
        "trials",
        "best trial",
        "validation ELBO",
        "BIC",
        "above the least",
        "Gaussians in latent space",
    ]);
    for record in records {
        table.row([
            record.clusters.to_string(),
            record.trials.to_string(),
            record.trial.to_string(),
            significant(record.elbo),
            format!("{:.1}", record.bic),
            format!("{:.1}", record.bic - bic),
            record.latent_clusters.to_string(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_short_as_they_can_be() {
        let keys = ["training.learning_rate", "modality.image.keep", "modality.line.keep", "model.latent"];
        assert_eq!(short(&keys), ["learning_rate", "image.keep", "line.keep", "latent"]);
    }

    #[test]
    fn numbers_of_clusters_are_measured_from_the_best() {
        let record =
            |clusters, bic| ClustersRecord { clusters, bic, elbo: -1.5, latent_clusters: 2, ..Default::default() };
        let text = clusters_table(&[record(2, 110.26), record(3, 100.0)]);
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [["2", "0", "0", "-1.5000", "110.3", "10.3", "2"], ["3", "0", "0", "-1.5000", "100.0", "0.0", "2"]]
        );
    }
}
