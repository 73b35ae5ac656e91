//! Tests of the directory of a sweep.

use super::*;

fn trial(number: usize) -> TrialRecord {
    TrialRecord { trial: number, objective: Some(0.1 + number as f64), ..TrialRecord::default() }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let directory = SweepDirectory::create(&root, false).unwrap();
    assert!(directory.read_trials().unwrap().is_empty());
    let parameters = [("model.latent".to_owned(), 3.into()), ("x".to_owned(), 1e-5.into())].into();
    let trials = vec![TrialRecord { parameters, status: TrialStatus::Stopped, ..trial(0) }, trial(1)];
    directory.write_trials(&trials).unwrap();
    let record = SweepRecord { method: "grid".to_owned(), best: Some(1), ..SweepRecord::default() };
    directory.write_sweep(&record).unwrap();
    drop(directory);
    let directory = SweepDirectory::open(&root).unwrap();
    assert_eq!(directory.read_trials().unwrap(), trials);
    assert_eq!(directory.read_sweep().unwrap(), record);
    directory.write_trials(&[trial(0), trial(2)]).unwrap();
    let said = format!("{:#}", directory.read_trials().unwrap_err());
    assert!(said.contains("trials.jsonl: line 2 is not the record of trial 1"), "{said}");
}

#[test]
fn nothing_is_overwritten_that_was_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let said = |root: &Path, replace| format!("{:#}", SweepDirectory::create(root, replace).unwrap_err());
    let root = folder.path().join("mine");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("table.csv"), "years of work").unwrap();
    assert!(said(&root, true).contains("holds table.csv, and no sweep of this program"));
    let root = folder.path().join("sweep");
    let first = SweepDirectory::create(&root, false).unwrap();
    first.write_sweep(&SweepRecord::default()).unwrap();
    assert!(said(&root, true).contains("another process is writing to this sweep"), "locked");
    drop(first);
    assert!(said(&root, false).contains("--resume"));
    std::fs::write(root.join("notes.txt"), "mine").unwrap();
    drop(SweepDirectory::create(&root, true).unwrap());
    assert!(!root.join("sweep.json").exists() && root.join("notes.txt").exists());
}
