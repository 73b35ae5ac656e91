//! Runs that are cut short: what goes on from them is the run that was not interrupted, bit for bit.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output};

use crate::harness::{Bench, TINY, assert_same_results, epochs, finished, text};

const TRAIN: &str = "train tiny.toml --device cpu --threads 1 --seed 3 --out run";

fn has_epoch(metrics: &str) -> bool {
    metrics.contains("\"event\":\"epoch\"")
}

/// The experiment with a checkpoint after every batch; the results do not depend on it.
fn with_checkpoints() -> String {
    TINY.replace("epochs = 3", "epochs = 3\ncheckpoint_minutes = 1e-9")
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "ended by the signal");
}

#[cfg(unix)]
fn interrupt(child: Child, signal: &str) -> Output {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

fn unfinished(run: &Path) {
    // One epoch of three; two where this process slept meanwhile.
    assert!((2..=3).contains(&epochs(run).len()), "{:?}", epochs(run));
    assert!(!run.join("summary.json").exists());
}

#[test]
fn killed_in_the_second_epoch_it_goes_on_from_the_first() {
    let bench = Bench::new(TINY);
    kill(bench.start_and_wait(TRAIN, "run", has_epoch));
    unfinished(&bench.path("run"));
    bench.ok(&format!("{TRAIN} --resume"));
    assert_same_results(&finished().path("run"), &bench.path("run"));
}

#[test]
fn killed_between_two_batches_it_goes_on_between_them() {
    let bench = Bench::new(&with_checkpoints());
    kill(bench.start_and_wait(TRAIN, "run", |metrics| metrics.contains("\"event\":\"checkpoint\",\"epoch\":2,")));
    unfinished(&bench.path("run"));
    // The run knows its seed.
    let (_, err) = bench.ok("train tiny.toml --device cpu --threads 1 --out run --resume");
    assert!(!err.contains("epoch 1/3: "), "{err}");
    assert_same_results(&finished().path("run"), &bench.path("run"));
}

#[test]
fn killed_before_its_first_checkpoint_it_begins_again_with_its_seed() {
    let bench = Bench::new(TINY);
    kill(bench.start_and_wait(TRAIN, "run", |metrics| metrics.contains("\"event\":\"run\"")));
    let (_, err) = bench.ok("train tiny.toml --device cpu --threads 1 --out run --resume");
    assert!(err.contains("seed 3"), "{err}");
    assert_same_results(&finished().path("run"), &bench.path("run"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let within = |metrics: &str| metrics.contains("\"event\":\"checkpoint\",\"epoch\":2,");
    // Certainly between two batches, and wherever the first of them leaves the run; from the keyboard, and from a cluster.
    for (config, until, signal) in
        [(with_checkpoints(), &within as &dyn Fn(&str) -> bool, "-INT"), (TINY.into(), &has_epoch, "-TERM")]
    {
        let bench = Bench::new(&config);
        let output = interrupt(bench.start_and_wait(TRAIN, "run", until), signal);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(err.contains("\ninterrupted in epoch "), "{err}");
        let told = "; the state is saved, go on with: pima train tiny.toml --out run --resume --threads 1\n";
        assert!(err.ends_with(told), "{err}");
        unfinished(&bench.path("run"));
        bench.ok(&format!("{TRAIN} --resume"));
        assert_same_results(&finished().path("run"), &bench.path("run"));
    }
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_quits_at_once() {
    // One batch of many samples takes its time.
    let config = TINY.replace("max_samples = 400", "max_samples = 8000").replace("batch_size = 4", "batch_size = 7200");
    let bench = Bench::new(&config.replace("channels = [4, 8] }\ndecoder", "channels = [16, 16] }\ndecoder"));
    let mut child = bench.command(TRAIN).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let signal = || Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(lines.any(|line| line.starts_with("start: ")), "the first batch is next");
    signal();
    assert!(lines.any(|line| line.starts_with("stopping after this batch")));
    signal();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().all(|line| !line.contains("the state is saved")), "{rest:?}");
}

#[cfg(unix)]
#[test]
fn an_epoch_of_one_batch_can_be_interrupted_too() {
    let config = TINY.replace("batch_size = 4", "batch_size = 360").replace("epochs = 3", "epochs = 1000");
    let bench = Bench::new(&config);
    let output = interrupt(bench.start_and_wait(TRAIN, "run", has_epoch), "-INT");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
}

#[test]
fn the_paper_recipe_is_taken_up_as_it_was() {
    let bench = Bench::new(&with_checkpoints());
    let train = "train tiny.toml --recipe paper --device cpu --threads 1 --out";
    bench.ok(&format!("{train} whole"));
    kill(bench.start_and_wait(&format!("{train} run"), "run", has_epoch));
    // Without --recipe the run's own holds.
    bench.ok("train tiny.toml --device cpu --threads 1 --out run --resume");
    assert_same_results(&bench.path("whole"), &bench.path("run"));
    let said = bench.fails("train tiny.toml --recipe fast --out run --resume", 2);
    assert!(said.contains("tiny.toml: training."), "{said}");
}

#[test]
fn a_finished_run_stays_as_it_is() {
    let bench = Bench::new(TINY);
    bench.ok(TRAIN);
    let before = fs::read(bench.path("run/summary.json")).unwrap();
    let (_, err) = bench.ok(&format!("{TRAIN} --resume"));
    assert!(err.contains("run: the run is finished; nothing to do"), "{err}");
    assert_eq!(fs::read(bench.path("run/summary.json")).unwrap(), before);
    // Killed while it was being judged, only that is done again.
    fs::remove_file(bench.path("run/summary.json")).unwrap();
    fs::remove_file(bench.path("run/predictions.npz")).unwrap();
    let (_, err) = bench.ok(&format!("{TRAIN} --resume"));
    assert!(!err.contains(": loss "), "{err}");
    assert_same_results(&finished().path("run"), &bench.path("run"));
}

#[test]
fn only_the_same_run_goes_on() {
    let bench = Bench::new(TINY);
    let said = bench.fails(&format!("{TRAIN} --resume"), 2);
    assert!(
        said.contains("run: no such run directory; ") && said.ends_with("to start a run, leave --resume out"),
        "{said}"
    );
    kill(bench.start_and_wait(TRAIN, "run", has_epoch));
    let said = bench.fails("train tiny.toml --seed 4 --out run --resume", 2);
    assert!(said.contains("run: the run has seed 3, not 4"), "{said}");
    fs::write(bench.path("tiny.toml"), TINY.replace("batch_size = 4", "batch_size = 8")).unwrap();
    let said = bench.fails(&format!("{TRAIN} --resume"), 2);
    assert!(said.contains("tiny.toml: training.batch_size is 8, but the run was begun with 4"), "{said}");
    unfinished(&bench.path("run"));
}

#[test]
fn a_loss_that_is_not_finite_is_named_and_the_last_checkpoint_stays_good() {
    let blown = TINY.replace("learning_rate = 1e-3", "learning_rate = 1e30");
    let bench = Bench::new(&blown);
    let said = bench.fails(TRAIN, 1);
    assert!(said.contains(" term of the loss is ") && said.contains(" at epoch 1, batch "), "{said}");
    assert!(!bench.path("run").exists(), "nothing was trained");

    // The same in the second epoch of a run whose first went well.
    fs::write(bench.path("tiny.toml"), TINY).unwrap();
    kill(bench.start_and_wait(TRAIN, "run", has_epoch));
    let own = bench.path("run/config.toml");
    let good = fs::read_to_string(&own).unwrap();
    fs::write(&own, good.replace("learning_rate = 0.001", "learning_rate = 1e30")).unwrap();
    fs::write(bench.path("tiny.toml"), &blown).unwrap();
    let said = bench.fails(&format!("{TRAIN} --resume"), 1);
    assert!(said.contains(" term of the loss is ") && said.contains(" batch "), "{said}");
    fs::write(&own, good).unwrap();
    fs::write(bench.path("tiny.toml"), TINY).unwrap();
    bench.ok(&format!("{TRAIN} --resume"));
    assert_same_results(&finished().path("run"), &bench.path("run"));
}
