//! A run from beginning to end: what it leaves, and that it leaves the same again.

use pima_cli::{MetricsRecord, RunDirectory};

use crate::harness::{Bench, TINY, assert_same_results, epochs, finished, json};

#[test]
fn a_run_leaves_every_file_of_the_contract() {
    let bench = finished();
    let root = bench.path("run");
    for name in ["config.toml", "metrics.jsonl", "summary.json", "predictions.npz"] {
        assert!(root.join(name).is_file(), "{name}");
    }
    for name in ["last", "best"] {
        assert!(root.join(format!("checkpoints/{name}.safetensors")).is_file(), "{name}");
    }
    for name in ["latent", "confusion", "loss", "centres"] {
        for kind in ["png", "svg"] {
            assert!(root.join(format!("plots/{name}.{kind}")).is_file(), "{name}.{kind}");
        }
    }
    assert!(!root.join("plots/notes.txt").exists(), "every figure was drawn");
    let config = std::fs::read_to_string(root.join("config.toml")).unwrap();
    assert!(config.contains("learning_rate = ") && config.contains("recipe = \"fast\""), "defaults are written out");
}

#[test]
fn the_metrics_tell_the_course_of_the_run() {
    let root = finished().path("run");
    let run = RunDirectory::open(&root).unwrap();
    let records = run.read_metrics().unwrap();
    let [MetricsRecord::Run(began), MetricsRecord::Epoch(first), MetricsRecord::Epoch(_), MetricsRecord::Epoch(last)] =
        &records[..]
    else {
        panic!("a line for the run and one for each epoch: {records:?}");
    };
    assert_eq!((began.seed, began.dataset.as_str()), (3, "procedural digits (not MNIST)"));
    assert_eq!((first.epoch, last.epoch), (1, 3));
    let validation = last.validation.as_ref().unwrap();
    assert!(validation.accuracy.is_some() && validation.loss < first.validation.as_ref().unwrap().loss);
    let train = &last.train;
    let sum = train.recon.unwrap() + train.cluster.unwrap() + train.categorical.unwrap() - train.entropy.unwrap();
    assert!((sum / train.loss.unwrap() - 1.0).abs() < 1e-9, "the terms add up to the loss");
    let by_modality: f64 = train.recon_by_modality.values().sum();
    assert!((by_modality / train.recon.unwrap() - 1.0).abs() < 1e-5, "the modalities add up to the reconstruction");
    let lines = epochs(&root);
    assert!(lines[1]["wall_seconds"].as_f64() < lines[2]["wall_seconds"].as_f64());
}

#[test]
fn the_summary_has_all_keys_and_they_agree_with_each_other() {
    let root = finished().path("run");
    let raw = json(&root.join("summary.json"));
    for key in [
        "pima_version",
        "experiment",
        "title",
        "dataset",
        "seed",
        "recipe",
        "device",
        "threads",
        "wall_seconds",
        "train_seconds",
        "n_parameters",
        "epochs",
        "best_epoch",
        "status",
        "splits",
        "experts",
        "n_clusters",
        "n_latent",
        "modalities",
        "modality_shapes",
        "modality_axes",
    ] {
        assert!(raw.get(key).is_some(), "{key}");
    }
    let run = RunDirectory::open(&root).unwrap();
    let summary = run.read_summary().unwrap();
    assert!(summary.extra.is_empty(), "{:?}", summary.extra);
    assert_eq!((summary.status.as_str(), summary.device.as_str(), summary.threads), ("finished", "cpu", 1));
    assert_eq!((summary.epochs, summary.n_clusters, summary.n_latent), (3, 10, 2));
    assert!(summary.wall_seconds > summary.train_seconds && summary.train_seconds > 0.0);
    assert_eq!(summary.modality_axes["line"].grid.len(), 20);

    let splits = [(&summary.splits.train, 360), (&summary.splits.validation, 40), (&summary.splits.test, 60)];
    for (split, n) in splits {
        let split = split.as_ref().unwrap();
        assert_eq!(split.n, n);
        assert_eq!(split.elbo.unwrap(), -0.5 * split.loss.unwrap());
        let (confusion, assignment) = (split.confusion.as_ref().unwrap(), split.assignment.as_ref().unwrap());
        let matched: u64 = (0..10).filter_map(|c| Some(confusion[assignment[c]?][c])).sum();
        assert_eq!(split.accuracy.unwrap(), matched as f64 / n as f64);
        assert_eq!(split.accuracy_from.keys().collect::<Vec<_>>(), ["image", "line"]);
        assert!(split.rmse["image"] > 0.0 && split.rmse["line"] > 0.0);
    }
    let line = &summary.experts["line"];
    assert_eq!((&line.parameters[..], line.clusters.len()), (&["slope".to_owned()][..], 10));
    let weights: f64 = line.clusters.iter().map(|cluster| cluster.weight).sum();
    assert!((weights - 1.0).abs() < 1e-9);
    let labels = summary.splits.test.as_ref().unwrap().assignment.as_ref().unwrap();
    assert!(line.clusters.iter().all(|cluster| cluster.label == labels[cluster.cluster]));
    assert!(line.clusters.iter().all(|cluster| (-1.0..10.0).contains(&cluster.values[0])), "{:?}", line.clusters);
    assert!(line.clusters.iter().all(|cluster| cluster.standard_errors[0] > 0.0));
}

#[test]
fn the_predictions_are_those_of_the_summary() {
    let run = RunDirectory::open(finished().path("run")).unwrap();
    let (predictions, summary) = (run.read_predictions().unwrap(), run.read_summary().unwrap());
    let test = summary.splits.test.unwrap();
    assert_eq!((predictions.n_samples(), predictions.n_clusters(), predictions.n_latent()), (60, 10, 2));
    let (labels, clusters) = predictions.labelled();
    let mut confusion = vec![vec![0_u64; 10]; 10];
    labels.iter().zip(&clusters).for_each(|(&label, &cluster)| confusion[label][cluster] += 1);
    assert_eq!(Some(confusion), test.confusion);
    for (row, &cluster) in predictions.responsibilities.outer_iter().zip(&predictions.cluster) {
        assert!((row.sum() - 1.0).abs() < 1e-5 && row.iter().all(|&p| p <= row[cluster as usize]));
    }
    for (name, size) in [("image", 784), ("line", 20)] {
        let modality = &predictions.modalities[name];
        assert_eq!(modality.decoded.as_ref().unwrap().dim(), (10, size));
        assert_eq!(modality.mean.as_ref().unwrap().dim(), (10, size));
        assert_eq!(modality.latent_mean.as_ref().unwrap().dim(), (60, 2));
        assert!(modality.cluster.as_ref().unwrap().iter().all(|cluster| (0..10).contains(cluster)));
    }
    // The expert's decoded centre is its slope times t, in physical units.
    let decoded = predictions.modalities["line"].decoded.as_ref().unwrap();
    for cluster in &summary.experts["line"].clusters {
        let (end, slope) = (decoded[[cluster.cluster, 19]], cluster.values[0]);
        assert!((end - slope).abs() < 1e-5 * slope.abs().max(1.0), "{end} {slope}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let bench = Bench::new(TINY);
    bench.ok("train tiny.toml --device cpu --threads 1 --seed 3 --out again");
    assert_same_results(&finished().path("run"), &bench.path("again"));
    bench.ok("train tiny.toml --device cpu --threads 1 --seed 4 --out other");
    let loss = |name: &str| json(&bench.path(name).join("summary.json"))["splits"]["test"]["loss"].as_f64();
    assert_ne!(loss("again"), loss("other"));
}

#[test]
fn what_is_printed_suits_who_reads_it() {
    let bench = Bench::new(TINY);
    let (out, err) = bench.ok("train tiny.toml --device cpu --threads 1");
    assert!(bench.path("runs/tiny-0/summary.json").is_file(), "the default place");
    assert!(out.contains("accuracy") && out.contains("slope") && out.contains('±'), "{out}");
    assert!(
        err.contains("epoch 1/3: loss ") && err.contains("epoch 3/3: loss ") && err.contains(", accuracy "),
        "{err}"
    );
    assert!(
        err.contains("procedural digits (not MNIST): 360 samples to train on, 40 to validate, 60 to test"),
        "{err}"
    );
    assert!(!err.contains("gradient norm") && !err.contains('\u{1b}'), "{err}");
    let (_, err) = bench.ok("train tiny.toml --device cpu --threads 1 --out v -v");
    assert!(
        err.contains("gradient norm") && err.contains("epoch 1, batch 9/90: loss ") && err.contains("checkpoint "),
        "{err}"
    );
    let (out, err) = bench.ok("train tiny.toml --device cpu --threads 1 --out q --quiet");
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

#[test]
fn labels_are_left_out_where_there_are_none_to_report_on() {
    // Without test samples there is nothing to predict, and the run says so.
    let bench = Bench::new(&TINY.replace("max_test_samples = 60", "max_test_samples = 0"));
    let (out, err) = bench.ok("train tiny.toml --device cpu --threads 1 --out run");
    assert!(err.contains("no predictions are written: the data has no test samples"), "{err}");
    assert!(out.contains("validation") && !out.lines().next().unwrap_or_default().contains("test"), "{out}");
    let summary = json(&bench.path("run/summary.json"));
    assert!(summary["splits"].get("test").is_none() && !bench.path("run/predictions.npz").exists());
}
