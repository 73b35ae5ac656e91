//! Tests of the run directory: what survives which failure, and that all that is written is read back.

use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, array};
use tempfile::TempDir;

use super::*;

fn epoch(epoch: usize) -> MetricsRecord {
    let train = LossTerms { loss: Some(10.0 / epoch as f64), ..Default::default() };
    MetricsRecord::Epoch(Box::new(EpochRecord {
        epoch,
        phase: "joint".into(),
        seconds: 1.5,
        train,
        ..Default::default()
    }))
}

fn epochs(run: &RunDirectory) -> Vec<usize> {
    let records = run.read_metrics().unwrap();
    records.iter().filter_map(|r| if let MetricsRecord::Epoch(e) = r { Some(e.epoch) } else { None }).collect()
}

/// A directory that holds a trained run, and the run's path.
fn trained() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("runs").join("a");
    let run = RunDirectory::create(&root, Existing::Refuse).unwrap();
    run.write_config("seed = 1\n").unwrap();
    run.append_metrics(&epoch(1)).unwrap();
    (directory, root)
}

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_existing_run_is_not_overwritten_without_force() {
    let (_directory, root) = trained();
    let error = RunDirectory::create(&root, Existing::Refuse).unwrap_err().to_string();
    assert!(error.contains("already holds a run (config.toml, metrics.jsonl)"), "{error}");
    assert_eq!(fs::read_to_string(root.join(CONFIG)).unwrap(), "seed = 1\n");
    assert_eq!(epochs(&RunDirectory::open(&root).unwrap()), [1]);
}

#[test]
fn a_new_run_that_fails_before_training_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a");
    let run = RunDirectory::create(&root, Existing::Refuse).unwrap();
    run.write_config("seed = 1\n").unwrap();
    drop(run);
    assert!(!root.exists());

    // A directory that was there before stays, with what was in it.
    fs::create_dir(&root).unwrap();
    fs::write(root.join("notes.txt"), "mine").unwrap();
    let run = RunDirectory::create(&root, Existing::Refuse).unwrap();
    run.write_config("seed = 1\n").unwrap();
    fs::create_dir(run.checkpoints_path()).unwrap();
    drop(run);
    assert_eq!(names(&root), ["notes.txt"]);
}

#[test]
fn a_run_that_has_trained_stays_however_it_ends() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    assert!(run.has_trained());
    let checkpointed = root.with_file_name("b");
    let run = RunDirectory::create(&checkpointed, Existing::Refuse).unwrap();
    fs::create_dir(run.checkpoints_path()).unwrap();
    fs::write(run.checkpoint_path(Checkpoint::Last), "weights").unwrap();
    drop(run);
    assert!(checkpointed.join("checkpoints/last.safetensors").is_file());
}

#[test]
fn a_replaced_run_comes_back_unless_its_successor_trains() {
    let (_directory, root) = trained();
    let run = RunDirectory::create(&root, Existing::Replace).unwrap();
    assert!(!run.has_trained());
    run.write_config("seed = 2\n").unwrap();
    drop(run);
    assert_eq!(names(&root), [MARKER, CONFIG, METRICS]);
    assert_eq!(fs::read_to_string(root.join(CONFIG)).unwrap(), "seed = 1\n");

    let run = RunDirectory::create(&root, Existing::Replace).unwrap();
    run.write_config("seed = 2\n").unwrap();
    run.append_metrics(&epoch(1)).unwrap();
    run.append_metrics(&epoch(2)).unwrap();
    drop(run);
    assert_eq!(names(&root), [MARKER, CONFIG, METRICS]);
    assert_eq!(fs::read_to_string(root.join(CONFIG)).unwrap(), "seed = 2\n");
    assert_eq!(epochs(&RunDirectory::open(&root).unwrap()), [1, 2]);
}

/// When a process was killed, what it leaves then, and the configuration that must survive.
type Left = (&'static str, fn(&Path), &'static str);

#[test]
fn a_replacement_that_was_killed_at_any_step_loses_nothing() {
    // A killed process drops nothing: the states below are what it leaves, by how far it came.
    let left: [Left; 4] = [
        (
            "while setting the old run aside",
            |root| {
                fs::create_dir(root.join(MOVING)).unwrap();
                fs::rename(root.join(CONFIG), root.join(MOVING).join(CONFIG)).unwrap();
            },
            "seed = 1\n",
        ),
        (
            "before the new run trained",
            |root| {
                lifetime::set_aside(root, &[CONFIG, METRICS]).unwrap();
                fs::write(root.join(CONFIG), "seed = 2\n").unwrap();
            },
            "seed = 1\n",
        ),
        (
            "while putting the old run back",
            |root| {
                lifetime::set_aside(root, &[CONFIG, METRICS]).unwrap();
                fs::rename(root.join(REPLACED), root.join(MOVING)).unwrap();
                fs::rename(root.join(MOVING).join(METRICS), root.join(METRICS)).unwrap();
            },
            "seed = 1\n",
        ),
        (
            "after the new run trained",
            |root| {
                lifetime::set_aside(root, &[CONFIG, METRICS]).unwrap();
                fs::write(root.join(CONFIG), "seed = 2\n").unwrap();
                fs::write(root.join(METRICS), "{\"event\":\"epoch\",\"epoch\":1}\n").unwrap();
            },
            "seed = 2\n",
        ),
    ];
    for (when, leave, config) in left {
        let (_directory, root) = trained();
        leave(&root);
        let error = RunDirectory::create(&root, Existing::Refuse).unwrap_err().to_string();
        assert!(error.contains("already holds a run"), "{when}: {error}");
        assert_eq!(fs::read_to_string(root.join(CONFIG)).unwrap(), config, "killed {when}");
        assert_eq!(names(&root), [MARKER, CONFIG, METRICS], "killed {when}");
        assert_eq!(epochs(&RunDirectory::open(&root).unwrap()), [1], "killed {when}");
    }
}

#[test]
fn force_replaces_runs_only() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(PLOTS)).unwrap();
    fs::write(directory.path().join(PLOTS).join("thesis.png"), "mine").unwrap();
    let error = RunDirectory::create(directory.path(), Existing::Replace).unwrap_err().to_string();
    assert!(error.contains("holds plots, and no run of this program"), "{error}");
    assert_eq!(names(directory.path()), [PLOTS]);
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunDirectory::create(&file, Existing::Replace).unwrap_err().to_string();
    assert!(error.contains("is a file"), "{error}");
}

#[test]
fn one_process_writes_at_a_time_and_anyone_reads() {
    let (_directory, root) = trained();
    let writer = RunDirectory::open_to_continue(&root).unwrap();
    let error = RunDirectory::open_to_continue(&root).unwrap_err().to_string();
    assert!(error.contains("another process is writing"), "{error}");
    assert!(RunDirectory::create(&root, Existing::Replace).is_err());
    assert_eq!(epochs(&RunDirectory::open(&root).unwrap()), [1]);
    drop(writer);
    RunDirectory::open_to_continue(&root).unwrap();
}

#[test]
fn what_is_no_run_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let missing = RunDirectory::open(directory.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("no such run directory"), "{missing}");
    let other = RunDirectory::open(directory.path()).unwrap_err().to_string();
    assert!(other.contains("not a run directory"), "{other}");
}

#[test]
fn a_torn_line_is_skipped_by_readers_and_cut_off_by_the_next_append() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let mut torn = fs::read(run.metrics_path()).unwrap();
    torn.extend(format!("{{\"event\":\"epoch\",\"epoch\":2,\"phase\":\"{}", "x".repeat(10_000)).bytes());
    fs::write(run.metrics_path(), torn).unwrap();
    assert_eq!(epochs(&run), [1]);
    run.append_metrics(&epoch(2)).unwrap();
    run.append_metrics(&serde_json::json!({"event": "checkpoint", "epoch": 2})).unwrap();
    assert_eq!(epochs(&run), [1, 2]);
    assert_eq!(run.read_metrics().unwrap()[2], MetricsRecord::Other);
    assert_eq!(run.read_metrics().unwrap()[1], epoch(2));
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let text = fs::read_to_string(run.metrics_path()).unwrap();
    fs::write(run.metrics_path(), format!("{text}\nnonsense\n")).unwrap();
    let error = format!("{:#}", run.read_metrics().unwrap_err());
    assert!(error.contains("metrics.jsonl: line 3 is not a record"), "{error}");
}

#[test]
fn epochs_after_the_checkpoint_are_dropped() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    run.append_metrics(&serde_json::json!({"event": "checkpoint"})).unwrap();
    for e in 2..=4 {
        run.append_metrics(&epoch(e)).unwrap();
        run.append_metrics(&serde_json::json!({"event": "checkpoint"})).unwrap();
    }
    run.truncate_metrics(2).unwrap();
    assert_eq!(epochs(&run), [1, 2]);
    assert_eq!(run.read_metrics().unwrap().len(), 4);
    run.append_metrics(&epoch(3)).unwrap();
    assert_eq!(epochs(&run), [1, 2, 3]);
    fs::remove_file(run.metrics_path()).unwrap();
    run.truncate_metrics(2).unwrap();
}

#[test]
fn what_a_run_says_of_itself_at_its_start_is_no_training() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a");
    let run = RunDirectory::create(&root, Existing::Refuse).unwrap();
    run.append_metrics(&MetricsRecord::Run(Box::default())).unwrap();
    assert!(!run.has_trained());
    drop(run);
    assert!(!root.exists());
}

#[test]
fn the_clock_of_a_run_goes_on_from_its_last_kept_line() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    assert_eq!(run.read_wall_seconds().unwrap(), 0.0);
    run.append_metrics(&serde_json::json!({"event": "epoch", "epoch": 2, "wall_seconds": 12.5})).unwrap();
    run.append_metrics(&serde_json::json!({"event": "checkpoint", "epoch": 3, "batch": 7, "wall_seconds": 20.25}))
        .unwrap();
    assert_eq!(run.read_wall_seconds().unwrap(), 20.25);
    run.truncate_metrics(1).unwrap();
    assert_eq!(run.read_wall_seconds().unwrap(), 0.0);
}

#[test]
fn numbers_that_are_not_finite_are_read_as_nan() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let line = r#"{"event":"epoch","epoch":2,"seconds":null,"train":{"loss":null,"recon_by_modality":{"image":null}}}"#;
    fs::write(run.metrics_path(), format!("{line}\n")).unwrap();
    let MetricsRecord::Epoch(record) = &run.read_metrics().unwrap()[0] else { panic!("an epoch") };
    assert!(record.seconds.is_nan() && record.train.recon_by_modality["image"].is_nan());
    assert_eq!((record.train.loss, &record.validation), (None, &None));
}

#[test]
fn the_configuration_is_read_into_its_type_or_the_fault_is_named() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    assert_eq!(run.read_config::<toml::Table>().unwrap()["seed"].as_integer(), Some(1));
    run.write_config("seed = [").unwrap();
    let error = format!("{:#}", run.read_config::<toml::Table>().unwrap_err());
    assert!(error.contains("config.toml: not a valid configuration"), "{error}");
}

fn predictions() -> Predictions {
    let modality = ModalityPredictions {
        latent_mean: Some(Array2::from_elem((3, 2), 0.25)),
        cluster: Some(array![1, 1, 0]),
        decoded: Some(array![[1.0, 2.0, 3.0], [4.0, 5.0, 1e-300]]),
        mean: Some(Array2::zeros((2, 3))),
        solution: Some(ndarray::Array3::from_elem((2, 2, 5), 0.5)),
        known: Some(ndarray::Array3::from_elem((3, 2, 5), 0.25)),
        measured: Some(array![[1.5, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
        predicted: Some(Array2::from_elem((3, 3), 0.5)),
        predicted_from_others: Some(Array2::from_elem((3, 3), -0.5)),
        nearest: Some(ndarray::Array3::from_elem((2, 4, 3), 0.75)),
        members: Some(ndarray::Array3::from_elem((2, 4, 3), 0.125)),
        deviations: Some(ndarray::Array3::from_elem((2, 5, 3), -0.5)),
        parameters: Some(array![[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]]),
        parameters_from: [("picture".to_owned(), Array2::from_elem((3, 2), 0.75))].into(),
        true_parameters: Some(array![[0.5, 1.25], [1.5, 2.25], [2.5, 3.25]]),
    };
    let decoded_only = ModalityPredictions { decoded: Some(Array2::zeros((2, 7))), ..Default::default() };
    Predictions {
        latent_mean: Array2::from_shape_fn((3, 2), |(i, j)| i as f64 - 0.5 * j as f64),
        latent_logvar: Array2::from_elem((3, 2), -3.0),
        responsibilities: array![[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]],
        cluster: array![1, 0, 0],
        label: array![4, -1, 2],
        prior_weight: array![0.1, 0.9],
        prior_mean: Array2::zeros((2, 2)),
        prior_var: Array2::ones((2, 2)),
        modalities: [("from_image".to_owned(), modality), ("line".to_owned(), decoded_only)].into(),
        // Not in the order of the alphabet.
        facts: vec![("vacancies".to_owned(), array![1.0, 0.0, 2.0]), ("strain".to_owned(), array![0.0, 0.5, 0.25])],
    }
}

#[test]
fn predictions_are_read_back_as_written() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let written = predictions();
    run.write_predictions(&written).unwrap();
    let read = run.read_predictions().unwrap();
    assert_eq!(read, written);
    assert_eq!((read.n_samples(), read.n_clusters(), read.n_latent()), (3, 2, 2));
    assert_eq!(read.labelled(), (vec![4, 2], vec![1, 0]));
    assert!(read.has_labels());
}

#[test]
fn arrays_of_other_widths_are_understood_as_python_writes_them() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let p = predictions();
    let mut npz = ndarray_npy::NpzWriter::new(File::create(run.predictions_path()).unwrap());
    npz.add_array("latent_mean", &p.latent_mean).unwrap();
    npz.add_array("latent_logvar", &p.latent_logvar).unwrap();
    npz.add_array("responsibilities", &p.responsibilities).unwrap();
    npz.add_array("cluster", &p.cluster.mapv(|c| c as i32)).unwrap();
    npz.add_array("label", &p.label).unwrap();
    npz.add_array("prior_weight", &p.prior_weight.mapv(|x| x as f32)).unwrap();
    npz.add_array("prior_mean", &p.prior_mean.mapv(|x| x as f32)).unwrap();
    npz.add_array("prior_var", &p.prior_var).unwrap();
    npz.finish().unwrap();
    let read = run.read_predictions().unwrap();
    assert_eq!((&read.cluster, &read.latent_mean), (&p.cluster, &p.latent_mean));
    assert!((read.prior_weight[0] - 0.1).abs() < 1e-7);
}

#[test]
fn predictions_that_disagree_are_refused_with_the_array_and_its_shape() {
    let (_directory, root) = trained();
    let run = RunDirectory::open(&root).unwrap();
    let mut p = predictions();
    p.label = Array1::zeros(4);
    let error = format!("{:#}", run.write_predictions(&p).unwrap_err());
    assert!(error.contains("label has shape [4], expected [3]"), "{error}");
    let mut p = predictions();
    p.cluster[2] = 2;
    let error = format!("{:#}", run.write_predictions(&p).unwrap_err());
    assert!(error.contains("cluster of sample 2 is 2, but there are 2 clusters"), "{error}");
    assert!(!run.predictions_path().exists());

    fs::write(run.predictions_path(), "PK not really").unwrap();
    let error = format!("{:#}", run.read_predictions().unwrap_err());
    assert!(error.contains("predictions.npz: cannot read the predictions"), "{error}");
}
