//! Results read back from run directories as the program leaves them.

use super::super::summary::tests::sample;
use super::*;
use std::fs;
use tempfile::TempDir;

const TABLE: &str = "
experiment = 'x'
title = 't'
[[quantity]]
path = 'accuracy'
label = 'accuracy, %'
scale = 100.0
[[row]]
name = 'a'
label = 'A'
[row.target]
accuracy = { mean_min = 80.0, min_min = 76.0 }
[[row.expert]]
modality = 'line'
parameter = 'slope'
truth = [0.0, 1.0]
";

/// A run directory with two finished seeds, a failed one and an old one of another config.
pub(in crate::reproduce) fn filled() -> (TempDir, Vec<Experiment>, Options) {
    let top = tempfile::tempdir().unwrap();
    let experiment = Experiment::parse(TABLE, top.path()).unwrap();
    fs::write(top.path().join("a.toml"), "epochs = 1\n").unwrap();
    let options = Options {
        only: None,
        rows: None,
        seeds: 2,
        recipe: None,
        device: None,
        out: top.path().join("out"),
        force: false,
        jobs: 1,
    };
    for (seed, accuracy, slopes) in [(0, 0.75, [0.0, 1.01]), (1, 0.95, [0.02, 1.03])] {
        let launch = Launch::new(&experiment, 0, seed, &options, &Data::Digits).unwrap();
        launch.prepare(launch.action(false), top.path(), "c0ffee").unwrap();
        fs::create_dir_all(launch.folder.join("plots")).unwrap();
        fs::write(launch.folder.join("plots/latent.png"), "").unwrap();
        fs::write(launch.folder.join("plots/latent.svg"), "").unwrap();
        fs::write(launch.folder.join("summary.json"), sample(accuracy, slopes).to_string()).unwrap();
    }
    let row = options.out.join("x/a");
    fs::create_dir_all(row.join("seed-2")).unwrap();
    fs::create_dir_all(row.join("seed-3")).unwrap();
    fs::write(row.join("seed-3/summary.json"), sample(0.1, [0.0, 0.0]).to_string()).unwrap();
    (top, vec![experiment], options)
}

#[test]
fn finished_runs_become_statistics_targets_and_parameters() {
    let (top, experiments, options) = filled();
    let mut failures = Failures::default();
    failures.add(&experiments[0], 0, 2, "exit code 1".into());
    let results = gather(&experiments, &options, &Data::Digits, &failures, top.path());
    let row = &results[0].rows[0];

    let seeds = row.runs.iter().map(|run| run.seed).collect::<Vec<_>>();
    assert_eq!(seeds, [0, 1], "unfinished runs and runs of another config do not count");
    let accuracy = row.statistics["accuracy"];
    assert!((accuracy.mean - 85.0).abs() < 1e-12 && (accuracy.min - 75.0).abs() < 1e-12);
    let reached = row.targets["accuracy"].iter().map(|bound| bound.reached).collect::<Vec<_>>();
    assert_eq!(reached, [true, false]);
    assert_eq!(row.failed[&2], "exit code 1");
    assert_eq!(row.runs[0].plots, ["x/a/seed-0/plots/latent.png"]);
    assert_eq!(row.runs[0].command[..3], ["pima", "train", "a.toml"]);
    assert_eq!(results[0].datasets.iter().collect::<Vec<_>>(), ["mnist"]);

    let [zero, one] = &row.experts[..] else { panic!("{:?}", row.experts) };
    assert_eq!((zero.of.as_str(), zero.truth), ("label 0", Some(0.0)));
    assert_eq!((one.of.as_str(), one.truth, one.paper), ("label 1", Some(1.0), None));
    assert!((one.identified.mean - 1.02).abs() < 1e-12 && one.identified.n == 2);
    assert!((one.standard_error.unwrap() - 0.01).abs() < 1e-12, "the mean of the runs' own");
}

#[test]
fn labels_go_by_their_names_where_all_runs_have_the_same() {
    let (top, experiments, options) = filled();
    let shown = |names: [&str; 2], seed: u64| {
        let path = top.path().join(format!("out/x/a/seed-{seed}/summary.json"));
        let mut summary: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        summary["label_names"] = serde_json::json!(names);
        fs::write(&path, summary.to_string()).unwrap();
        let results = gather(&experiments, &options, &Data::Digits, &Failures::default(), top.path());
        let experts = results[0].rows[0].experts.iter();
        experts.map(|p| (p.of.clone(), p.truth, p.identified.n)).collect::<Vec<_>>()
    };
    let of = |zero: &str, one: &str| vec![(zero.to_owned(), Some(0.0), 2), (one.to_owned(), Some(1.0), 2)];
    assert_eq!(shown(["gyroid", "octet"], 0), of("label 0", "label 1"), "the other run has numbers");
    assert_eq!(shown(["gyroid", "octet"], 1), of("gyroid", "octet"));
}

#[test]
fn clusters_without_labels_are_those_of_the_first_run() {
    let (top, experiments, options) = filled();
    for seed in 0..2 {
        let path = top.path().join(format!("out/x/a/seed-{seed}/summary.json"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"label\":0", "\"l\":0").replace("\"label\":1", "\"l\":1")).unwrap();
    }
    let results = gather(&experiments, &options, &Data::Digits, &Failures::default(), top.path());
    let experts = &results[0].rows[0].experts;
    let shown = experts.iter().map(|p| (p.of.as_str(), p.truth, p.identified.n)).collect::<Vec<_>>();
    assert_eq!(shown, [("cluster 0", None, 1), ("cluster 1", None, 1)]);
    assert_eq!(experts[0].standard_error, Some(0.01));
}

#[test]
fn a_peer_has_its_results_from_the_runs_of_another_row() {
    let (top, mut experiments, options) = filled();
    let table = format!("{TABLE}[[row]]\nname = 'k'\nlabel = 'K'\n[row.peer]\nof = 'a'\nname = 'kmeans'\n");
    experiments[0] = Experiment::parse(&table, top.path()).unwrap();
    for (seed, accuracy) in [(0, 0.5), (1, 0.625)] {
        let path = top.path().join(format!("out/x/a/seed-{seed}/summary.json"));
        let text = fs::read_to_string(&path).unwrap();
        let mut summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        summary["splits"]["test"]["peers"]["kmeans"]["accuracy"] = accuracy.into();
        fs::write(&path, summary.to_string()).unwrap();
    }
    let results = gather(&experiments, &options, &Data::Digits, &Failures::default(), top.path());
    let [model, peer] = &results[0].rows[..] else { panic!("two rows") };
    assert!(peer.is_peer && peer.experts.is_empty());
    assert!((peer.statistics["accuracy"].mean - 56.25).abs() < 1e-12 && peer.statistics["accuracy"].n == 2);
    assert!((model.statistics["accuracy"].mean - 85.0).abs() < 1e-12);
}
