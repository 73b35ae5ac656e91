//! Runs the program on small experiments and reads what it leaves.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Digits and lines, small enough for a second or two.
pub(crate) const TINY: &str = r#"experiment = "tiny"
title = "Digits and lines"

[data]
source = "digits"
max_samples = 400
max_test_samples = 60

[model]
latent = 2
clusters = 10

[training]
epochs = 3
batch_size = 4
learning_rate = 1e-3

[[modality]]
name = "image"
source = { kind = "images" }
encoder = { type = "conv", channels = [4, 8] }
decoder = { type = "deconv", base_channels = 4, channels = [8, 4] }

[[modality]]
name = "line"
source = { kind = "line" }
normalise = "standard"
encoder = { type = "mlp", hidden = [16] }
expert = { kind = "linear", basis = { kind = "slope" } }
"#;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with an experiment in it.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.toml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program in this folder, one thread, nothing from outside.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pima"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1").env_remove("PIMA_DATASETS");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn pima(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs what must succeed; gives standard output and the error stream.
    pub(crate) fn ok(&self, arguments: &str) -> (String, String) {
        let output = self.pima(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "pima {arguments}: {out}{err}");
        (out, err)
    }

    /// Runs what must fail with `code`; gives the one line it says.
    pub(crate) fn fails(&self, arguments: &str, code: i32) -> String {
        let output = self.pima(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "pima {arguments}: {out}{err}");
        let error: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(error.len(), 1, "pima {arguments}: {err}");
        assert!(err.trim_end().ends_with(error[0]), "the error comes last: {err}");
        error[0].to_owned()
    }

    /// Starts the program and waits until the run's metrics have what `until` looks for.
    pub(crate) fn start_and_wait(&self, arguments: &str, run: &str, until: impl Fn(&str) -> bool) -> Child {
        let mut child = self.command(arguments).spawn().unwrap();
        let begun = Instant::now();
        loop {
            let metrics = std::fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap_or_default();
            if until(&metrics) {
                return child;
            }
            assert_eq!(child.try_wait().unwrap(), None, "the program ended before what was waited for: {metrics}");
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {metrics}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A run that went through, made once for all tests: the folder and the name of the run in it.
pub(crate) fn finished() -> &'static Bench {
    static FINISHED: OnceLock<Bench> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let bench = Bench::new(TINY);
        bench.ok("train tiny.toml --device cpu --threads 1 --seed 3 --out run");
        bench
    })
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Says that something was not tested, and why, past the test harness, which keeps what a passing test prints to itself.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

pub(crate) fn json(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The records of a run's metrics that a run without interruptions has too.
pub(crate) fn epochs(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["event"] != "checkpoint").collect()
}

/// Without what the machine was at: what the clock says, and the memory.
pub(crate) fn timeless(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        for key in ["seconds", "wall_seconds", "train_seconds", "peak_memory_bytes"] {
            object.remove(key);
        }
    }
    value
}

/// That two runs came to the same, bit for bit.
pub(crate) fn assert_same_results(a: &Path, b: &Path) {
    let metrics = |run: &Path| epochs(run).into_iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(metrics(a), metrics(b));
    assert_eq!(timeless(json(&a.join("summary.json"))), timeless(json(&b.join("summary.json"))));
    let bytes = |run: &Path| std::fs::read(run.join("predictions.npz")).unwrap();
    assert!(bytes(a) == bytes(b), "the predictions differ");
    for checkpoint in ["checkpoints/best.safetensors", "plots/latent.svg"] {
        assert!(a.join(checkpoint).is_file() && b.join(checkpoint).is_file());
    }
}
