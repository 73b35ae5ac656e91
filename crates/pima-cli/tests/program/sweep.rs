//! Sweeps: many trainings by child processes, compared, interrupted and taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bench, json, text};

/// Lines alone: a training takes a fraction of a second.
const LINES: &str = r#"experiment = "lines"
[data]
source = "digits"
max_samples = 200
max_test_samples = 40
[model]
latent = 2
clusters = 3
[training]
epochs = 3
batch_size = 16
start = { restarts = 2 }
[[modality]]
name = "line"
source = { kind = "line" }
normalise = "standard"
encoder = { type = "mlp", hidden = [8] }
expert = { kind = "linear", basis = { kind = "slope" } }
"#;

const RANDOM: &str = r#"config = "tiny.toml"
method = "random"
trials = 4
seed = 5
[[parameter]]
key = "training.learning_rate"
range = [1e-4, 1e-2]
log = true
[[parameter]]
key = "modality.line.encoder.hidden"
values = [[8], [16, 8]]
"#;

const SWEEP: &str = "sweep sweep.toml --device cpu --threads 1 --out s";

fn bench(config: &str, sweep: &str) -> Bench {
    let bench = Bench::new(config);
    fs::write(bench.path("sweep.toml"), sweep).unwrap();
    bench
}

fn trials(root: &Path) -> Vec<Value> {
    let text = fs::read_to_string(root.join("trials.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn statuses(root: &Path) -> Vec<String> {
    trials(root).iter().map(|trial| trial["status"].as_str().unwrap().to_owned()).collect()
}

/// Values and results by trial, without what the clock says.
fn results(root: &Path) -> BTreeMap<u64, (Value, Value)> {
    let of =
        |trial: Value| (trial["trial"].as_u64().unwrap(), (trial["parameters"].clone(), trial["objective"].clone()));
    trials(root).into_iter().map(of).collect()
}

/// Starts the sweep and waits until its trials are as `until` wants them.
fn start_and_wait(bench: &Bench, arguments: &str, until: impl Fn(&[Value]) -> bool) -> std::process::Child {
    let mut child = bench.command(arguments).spawn().unwrap();
    let begun = Instant::now();
    while !until(&trials(&bench.path("s"))) {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "ended before what was waited for: {:?}",
            statuses(&bench.path("s"))
        );
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain: {:?}", statuses(&bench.path("s")));
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Long enough to be met on the way.
fn long() -> String {
    LINES.replace("epochs = 3", "epochs = 15")
}

fn has_trained(bench: &Bench, trial: usize) -> bool {
    let metrics = fs::read_to_string(bench.path(&format!("s/trials/{trial:03}/metrics.jsonl"))).unwrap_or_default();
    metrics.contains("\"event\":\"epoch\"")
}

#[test]
fn four_trials_by_two_workers_are_those_of_one() {
    let bench = bench(LINES, RANDOM);
    let (out, err) = bench.ok(&format!("{SWEEP} --workers 2"));
    let root = bench.path("s");
    for name in ["sweep.json", "trials.jsonl", "base.toml", "table.csv", "plots/trials.png", "plots/trials.svg"] {
        assert!(root.join(name).is_file(), "{name}");
    }
    assert_eq!(statuses(&root), ["finished"; 4]);
    for trial in trials(&root) {
        let run = root.join(trial["run"].as_str().unwrap());
        let summary = json(&run.join("summary.json"));
        assert_eq!(summary["splits"]["validation"]["loss"], trial["objective"], "the loss of the validation samples");
        let config: toml::Table = toml::from_str(&fs::read_to_string(run.join("config.toml")).unwrap()).unwrap();
        let rate = config["training"]["learning_rate"].as_float();
        assert_eq!(rate, trial["parameters"]["training.learning_rate"].as_f64());
        assert!((1e-4..=1e-2).contains(&rate.unwrap()));
    }
    assert!(!fs::read_to_string(root.join("trials.jsonl")).unwrap().contains("accuracy"), "no labels");
    // The table is sorted, and its first row the best.
    let rows: Vec<&str> = out.lines().filter(|line| line.contains("  finished  ")).collect();
    let losses: Vec<f64> = rows.iter().map(|row| row.split_whitespace().nth(2).unwrap().parse().unwrap()).collect();
    assert!(losses.len() == 4 && losses.is_sorted(), "{out}");
    let best = json(&root.join("sweep.json"))["best"].as_u64().unwrap();
    assert!(rows[0].starts_with(&best.to_string()) && out.contains(&format!("best trial {best} (s/trials/")), "{out}");
    assert!(err.contains("2 trainings at a time with 1 thread each"), "{err}");
    let csv = fs::read_to_string(root.join("table.csv")).unwrap();
    assert!(
        csv.starts_with("trial,status,objective,training.learning_rate,modality.line.encoder.hidden,loss,"),
        "{csv}"
    );
    assert!(csv.lines().nth(1).unwrap().starts_with(&format!("{best},finished,")), "{csv}");

    bench.ok("sweep sweep.toml --device cpu --threads 1 --out one -q");
    assert_eq!(results(&root), results(&bench.path("one")));
    // A sweep that is there stays as it is.
    let said = bench.fails(SWEEP, 2);
    assert!(
        said.contains("s: already holds a sweep") && said.contains("--resume") && said.contains("--force"),
        "{said}"
    );
    // More trials go on from it, and the first are kept.
    let before = fs::metadata(root.join("trials/000/summary.json")).unwrap().modified().unwrap();
    fs::write(bench.path("sweep.toml"), RANDOM.replace("trials = 4", "trials = 5")).unwrap();
    bench.ok(&format!("{SWEEP} --resume"));
    assert_eq!(statuses(&root), ["finished"; 5]);
    assert_eq!(fs::metadata(root.join("trials/000/summary.json")).unwrap().modified().unwrap(), before);
    fs::write(bench.path("sweep.toml"), RANDOM.replace("1e-4", "1e-5")).unwrap();
    let said = bench.fails(&format!("{SWEEP} --resume"), 2);
    assert!(said.contains("sweep.toml: parameter[0].range[0] is 0.00001, but was 0.0001"), "{said}");
    bench.ok(&format!("{SWEEP} --force -q"));
    assert_eq!(trials(&root).len(), 4);
}

#[test]
fn killed_it_goes_on_to_the_same_results() {
    let bench = bench(&long(), RANDOM);
    bench.ok("sweep sweep.toml --device cpu --threads 1 --workers 2 --out whole -q");
    let arguments = format!("{SWEEP} --workers 2");
    // The last one has a run directory of its own: otherwise it may be killed before there is anything to go on from.
    let under_way = |trials: &[Value]| {
        trials.iter().any(|trial| trial["status"] == "finished")
            && trials.last().unwrap()["status"] == "running"
            && has_trained(&bench, trials.len() - 1)
    };
    let mut parent = start_and_wait(&bench, &arguments, under_way);
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(statuses(&bench.path("s")).contains(&"running".to_owned()), "{:?}", statuses(&bench.path("s")));
    let kept = trials(&bench.path("s")).into_iter().find(|trial| trial["status"] == "finished").unwrap();
    let summary = bench.path("s").join(kept["run"].as_str().unwrap()).join("summary.json");
    let before = fs::metadata(&summary).unwrap().modified().unwrap();
    // The trainings end by themselves; to go on waits for them.
    let (_, err) = bench.ok(&format!("{arguments} --resume"));
    assert!(err.contains("(goes on)"), "{err}");
    assert_eq!(results(&bench.path("s")), results(&bench.path("whole")));
    assert_eq!(fs::metadata(&summary).unwrap().modified().unwrap(), before);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_trainings_with_checkpoints() {
    let bench =
        bench(&long(), &RANDOM.replace("\"random\"", "\"bayesian\"").replace("seed = 5", "seed = 5\nstartup = 2"));
    bench.ok("sweep sweep.toml --device cpu --threads 1 --out whole -q");
    let child = start_and_wait(&bench, SWEEP, |trials| trials.len() == 2 && has_trained(&bench, 1));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    let told = "interrupted; 1 of 4 trials are done, go on with: pima sweep sweep.toml --out s --resume\n";
    assert!(err.ends_with(told), "{err}");
    assert_eq!(statuses(&bench.path("s")), ["finished", "interrupted"]);
    assert!(bench.path("s/trials/001/checkpoints/last.safetensors").is_file());
    assert_eq!(json(&bench.path("s/sweep.json"))["status"], "interrupted");
    bench.ok("sweep sweep.toml --device cpu --out s --resume");
    // With one worker a Bayesian search is the same, too: its suggestions follow from the results before them.
    assert_eq!(results(&bench.path("s")), results(&bench.path("whole")));
}

#[test]
fn a_trial_that_fails_is_listed_and_the_others_go_on() {
    let grid = "config = \"tiny.toml\"\nmethod = \"grid\"\nobjective = \"rmse.line\"\n[[parameter]]\nkey = \"training.learning_rate\"\n\
        values = [1e-3, 1e30]\n[[parameter]]\nkey = \"modality.line.source.points\"\nvalues = [20, 5]\n";
    let bench = bench(LINES, grid);
    let (out, _) = bench.ok(&format!("{SWEEP} --workers 2"));
    assert_eq!(statuses(&bench.path("s")), ["finished", "finished", "failed", "failed"]);
    let reason = trials(&bench.path("s"))[2]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(" term of the loss is ") && reason.contains(" epoch 1"), "{reason}");
    assert!(out.contains(&format!("trial 2 failed: {reason}")), "{out}");
    // A training that failed by itself would fail again.
    let (_, err) = bench.ok(&format!("{SWEEP} --resume"));
    assert!(!err.contains("trial 2 of 4"), "{err}");
    fs::write(bench.path("sweep.toml"), grid.replace("[1e-3, 1e30]", "[1e29, 1e30]")).unwrap();
    let said = bench.fails("sweep sweep.toml --device cpu --threads 1 --out none", 1);
    assert!(said.contains("none: none of the 4 trials came to its end; the first: "), "{said}");
}

#[test]
fn what_is_worse_than_the_others_stops_early_and_keeps_its_checkpoint() {
    let grid = "config = \"tiny.toml\"\nmethod = \"grid\"\nearly_stopping = { rule = \"median\", min_trials = 2 }\n[[parameter]]\n\
        key = \"training.learning_rate\"\nvalues = [3e-3, 2e-3, 1e-9]\n";
    let bench = bench(&LINES.replace("epochs = 3", "epochs = 80"), grid);
    let (out, err) = bench.ok(SWEEP);
    let root = bench.path("s");
    assert_eq!(statuses(&root), ["finished", "finished", "stopped"], "{err}");
    let stopped = &trials(&root)[2];
    assert!(stopped["epochs"].as_u64().unwrap() < 80 && stopped["objective"].is_f64(), "{stopped}");
    assert!(
        root.join("trials/002/checkpoints/last.safetensors").is_file()
            && !root.join("trials/002/summary.json").exists()
    );
    assert!(out.lines().filter(|line| line.contains("  stopped  ")).count() == 1, "{out}");
    // Settled: to go on has nothing to do.
    bench.ok(&format!("{SWEEP} --resume -q"));
    assert_eq!(statuses(&root)[2], "stopped");
}

#[test]
fn numbers_of_clusters_are_weighed_without_labels() {
    let grid = "config = \"tiny.toml\"\nmethod = \"grid\"\n[[parameter]]\nkey = \"model.clusters\"\nrange = [2, 4]\ninteger = true\n";
    let bench = bench(LINES, grid);
    let (out, _) = bench.ok(SWEEP);
    let root = bench.path("s");
    let sweep = json(&root.join("sweep.json"));
    let records = sweep["clusters"].as_array().unwrap();
    assert_eq!(records.iter().map(|r| r["clusters"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    for (record, n) in records.iter().zip(2_u32..) {
        let summary = json(&root.join(format!("trials/{:03}/summary.json", record["trial"].as_u64().unwrap())));
        let train = &summary["splits"]["train"];
        let (samples, loss) = (train["n"].as_f64().unwrap(), train["loss"].as_f64().unwrap());
        // Two means and two variances for each cluster, weights that sum to one, a slope for each cluster.
        let parameters = f64::from(4 * n + n - 1 + n);
        assert_eq!(record["n_parameters"].as_f64(), Some(parameters));
        let bic = parameters * samples.ln() + samples * loss;
        assert!((record["bic"].as_f64().unwrap() - bic).abs() < 1e-9 * bic.abs(), "{record}");
        assert_eq!(record["elbo"].as_f64(), summary["splits"]["validation"]["elbo"].as_f64());
        assert_eq!(record["latent_bic"].as_array().unwrap().len(), 4);
    }
    assert!(out.contains("validation ELBO") && out.contains("Gaussians in latent space"), "{out}");
    assert!(root.join("plots/clusters.png").is_file() && root.join("plots/clusters.svg").is_file());
}

#[test]
fn sweeps_that_make_no_sense_are_refused_before_anything_is_written() {
    let refused = |from: &str, to: &str, parts: &[&str]| {
        let sweep = RANDOM.replacen(from, to, 1);
        assert_ne!(sweep, RANDOM, "{from}");
        let bench = bench(LINES, &sweep);
        let said = bench.fails(SWEEP, 2);
        for part in parts {
            assert!(said.contains(part), "{part:?} in: {said}");
        }
        assert!(!bench.path("s").exists(), "{said}");
    };
    let unknown =
        ["sweep.toml: parameter training.learnig_rate is no key of tiny.toml", "did you mean training.learning_rate?"];
    refused("training.learning_rate", "training.learnig_rate", &unknown);
    refused("modality.line", "modality.lin", &["has no modality \"lin\", only line"]);
    refused("[1e-4, 1e-2]", "[1e-2, 1e-2]", &["range [0.01, 0.01] is empty"]);
    refused("[1e-4, 1e-2]", "[0, 1e-2]", &["range [0, 0.01] with log = true must be above 0"]);
    refused("trials = 4", "trials = 0", &["sweep.toml: trials is 0"]);
    refused("tiny.toml", "huge.toml", &["sweep.toml: its config: huge.toml: cannot read: No such file"]);
    refused("trials = 4", "trials = 4\nobjective = \"accuracy\"", &["needs labels, which are for reporting only"]);
    refused("method = \"random\"", "method = \"guess\"", &["sweep.toml: line 2: ", "`guess`", "bayesian"]);
    refused("[[8], [16, 8]]", "[[8], [-1]]", &["modality.line.encoder.hidden cannot be [-1]: "]);
    let bench = bench(LINES, RANDOM);
    let said = bench.fails("sweep nowhere.toml", 2);
    assert!(said.contains("nowhere.toml: cannot read: No such file"), "{said}");
    let said = bench.fails(&format!("{SWEEP} --resume"), 2);
    assert!(said.contains("to start a sweep, leave --resume out: s: no such directory"), "{said}");
    // Somebody's own folder is not taken for a sweep.
    fs::create_dir(bench.path("s")).unwrap();
    fs::write(bench.path("s/table.csv"), "mine").unwrap();
    let said = bench.fails(&format!("{SWEEP} --force"), 2);
    assert!(said.contains("s: holds table.csv, and no sweep of this program"), "{said}");
    assert_eq!(fs::read_to_string(bench.path("s/table.csv")).unwrap(), "mine");
}

#[test]
fn the_example_that_is_shipped_runs() {
    let bench = Bench::new(LINES);
    let sweep = concat!(env!("CARGO_MANIFEST_DIR"), "/sweeps/tiny/sweep.toml");
    bench.ok(&format!("sweep {sweep} --device cpu --workers 2 --threads 1 --out s -q"));
    assert_eq!(statuses(&bench.path("s")), ["finished"; 8]);
}
