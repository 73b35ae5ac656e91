//! The report of a small run directory, read as a reader would.

use super::super::gather::tests::filled;
use super::*;
use std::path::Path;

fn report(root: &Path, images: Data) -> Report {
    Report {
        root: root.to_owned(),
        machine: Machine {
            cpu: "A CPU".into(),
            cores: 2,
            memory_gib: Some(15.6),
            system: "Linux".into(),
            gpus: vec![],
            rustc: "rustc 1".into(),
            commit: "abc".into(),
        },
        libtorch: "libtorch 2".into(),
        lapack: "OpenBLAS 0.3".into(),
        command: "cargo xtask reproduce-paper --seeds 2".into(),
        images,
    }
}

/// The cells of the first table line that begins with `first`.
fn line<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.starts_with(&format!("| {first} ")));
    line.unwrap_or_else(|| panic!("no line {first}:\n{text}")).trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn paper_and_ours_stand_beside_each_other() {
    let (top, mut experiments, options) = filled();
    let paper = Paper { max: Some(99.0), mean: Some(90.0), sd: Some(5.0), ..Paper::default() };
    experiments[0].rows[0].paper.insert("accuracy".into(), paper);
    let mut failures = Failures::default();
    failures.add(&experiments[0], 0, 2, "`pima train` failed: exit status: 1".into());
    let report = report(top.path(), Data::Digits);
    report.write(&experiments, &options, &Data::Digits, &failures).unwrap();
    let text = fs::read_to_string(options.out.join("REPRODUCTION.md")).unwrap();

    let row = line(&text, "A");
    assert_eq!(row, ["A", "99.00", "90.00 (5.00)", "85.00", "14.14", "75.00", "95.00", "2", "1"]);
    assert!(text.contains("mean >= 80") && text.contains("min >= 76"), "{text}");
    assert_eq!(text.matches(" not reached |").count(), 1, "{text}");
    assert_eq!(line(&text, "line slope"), ["line slope", "label 0", "label 1"]);
    assert_eq!(line(&text, "truth")[1..], ["0.00000", "1.00000"]);
    assert_eq!(line(&text, "identified")[1..], ["0.01000", "1.02000"]);
    assert_eq!(line(&text, "standard deviation over seeds")[1..], ["0.014", "0.014"]);
    assert_eq!(line(&text, "error of the mean")[1..], ["0.010", "0.020"]);
    assert!(!text.contains("| paper "), "lines without a number are left out");
    for part in [
        "procedural digits",
        "A CPU, 2 cores, 16 GiB",
        "A, seed 2, failed: `pima train` failed",
        "[latent](x/a/seed-0/plots/latent.png)",
        "pima train a.toml --seed 1 --out out/x/a/seed-1",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("seed-1/plots"), "plots of other seeds are not linked");

    let json = fs::read_to_string(options.out.join("results.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = &json["experiments"][0]["rows"][0];
    assert_eq!(row["statistics"]["accuracy"]["n"], 2);
    assert_eq!(row["runs"][1]["values"]["accuracy"], 95.0);
    assert_eq!(json["images"], "procedural digits");
}

#[test]
fn the_name_of_the_data_is_said_for_mnist_too() {
    let (top, experiments, options) = filled();
    let report = report(top.path(), Data::Mnist("/data".into()));
    let results = gather(&experiments, &options, &Data::Digits, &Failures::default(), top.path());
    let text = report.markdown(&results);
    assert!(text.contains("- images: MNIST\n") && text.contains("Data: mnist."), "{text}");
    assert!(!text.contains("procedural"), "{text}");
}

#[test]
fn nothing_finished_is_said() {
    let (top, experiments, mut options) = filled();
    options.recipe = Some("paper".into());
    let report = report(top.path(), Data::Digits);
    let results = report.write(&experiments, &options, &Data::Digits, &Failures::default()).unwrap();
    assert_eq!(report.tables(&results), "No run has finished.\n");
}
