//! Input that cannot be used: one line that names the file and the place, exit code 2, and nothing written.

use std::fs;
use std::path::Path;

use crate::harness::{Bench, TINY, finished};

/// Trains on a changed experiment; the error must name all of `parts`.
fn refused(from: &str, to: &str, parts: &[&str]) {
    let config = TINY.replacen(from, to, 1);
    assert_ne!(config, TINY, "{from}");
    expect(&Bench::new(&config), "train tiny.toml --out run", parts);
}

fn expect(bench: &Bench, arguments: &str, parts: &[&str]) {
    let said = bench.fails(arguments, 2);
    for part in parts {
        assert!(said.contains(part), "{part:?} in: {said}");
    }
    assert!(!bench.path("run").exists(), "{said}");
}

#[test]
fn configurations_that_make_no_sense() {
    refused("epochs = 3", "epoch = 2", &["tiny.toml: line 14: training.epoch: unknown field `epoch`"]);
    refused(
        "clusters = 10",
        "clusters = 10\ncolour = 3",
        &["tiny.toml: line 12: model.colour: unknown field `colour`"],
    );
    refused("learning_rate = 1e-3", "learning_rate = -1e-3", &["tiny.toml: line 16: training.learning_rate is -0.001"]);
    refused(
        "epochs = 3",
        "epochs = 3\nrecipe = \"slow\"",
        &["tiny.toml: line 15: training.recipe: expected fast or paper"],
    );
    refused("clusters = 10", "clusters = 0", &["tiny.toml: line 11: model.clusters is 0"]);
    refused("clusters = 10", "clusters = -3", &["tiny.toml: line 11: model.clusters: ", "-3"]);
    refused("name = \"line\"", "name = \"image\"", &["tiny.toml: modality \"image\" is given twice"]);
    refused("latent = 2", "latent = = 2", &["tiny.toml: line 10, column 10: "]);
    refused("[model]\nlatent = 2\nclusters = 10\n", "", &["tiny.toml: ", "missing field `model`"]);
}

#[test]
fn models_that_do_not_fit_their_data() {
    let deconv = "decoder = { type = \"deconv\", base_channels = 4, channels = [8, 4] }";
    let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
    refused(deconv, expert, &["tiny.toml: modality \"image\": an expert needs the axis"]);
    let odd = "encoder = { type = \"conv\", channels = [4, 8], kernel = 2 }";
    refused(
        "encoder = { type = \"conv\", channels = [4, 8] }",
        odd,
        &["tiny.toml: ", "encoder of image", "1x28x28 image"],
    );
    refused("max_samples = 400", "max_samples = 0", &["nothing is left to train on"]);
}

#[test]
fn arguments_that_are_none() {
    let bench = Bench::new(TINY);
    expect(&bench, "train tiny.toml --out run --recipe slow", &["'slow'", "--recipe", "fast, paper"]);
    expect(&bench, "train tiny.toml --out run --device gpu", &["'gpu'", "--device", "cpu, cuda, auto"]);
    expect(&bench, "train tiny.toml --out run --epochs 3", &["--epochs"]);
    expect(&bench, "train missing.toml --out run", &["missing.toml: cannot read: No such file"]);
    expect(&bench, "train . --out run", &[".: is a folder; the config in it is ./tiny.toml"]);
    expect(&bench, "train tiny.toml --out tiny.toml", &["tiny.toml: is a file, not a directory"]);
    expect(&bench, "train tny.toml --out run", &["tny.toml: no such file; did you mean 'tiny.toml'?"]);
    expect(&bench, "evaluate run", &["run: no such run directory; a run is the folder that pima train writes (--out)"]);
    fs::create_dir_all(bench.path("runs/first")).unwrap();
    for name in ["config.toml", "metrics.jsonl"] {
        fs::write(bench.path("runs/first").join(name), "").unwrap();
    }
    expect(&bench, "report runs", &["runs: not a run directory", "(--out); here is runs/first"]);
    expect(&bench, "report runs/frist", &["runs/frist: no such run directory; did you mean 'first'?"]);
    expect(&bench, "check runs", &["runs: is a folder; name a config, or have one written by: pima init runs"]);
    expect(&bench, "plot run", &["run: no such run directory"]);
    expect(&bench, "evaluate .", &[".: not a run directory"]);
    if !tch::Cuda::is_available() {
        expect(&bench, "train tiny.toml --out run --device cuda", &["device cuda: not available", "--device cpu"]);
    }
}

#[test]
fn a_run_that_is_there_is_not_overwritten() {
    let bench = finished();
    let before = fs::read(bench.path("run/summary.json")).unwrap();
    let said = bench.fails("train tiny.toml --out run", 2);
    assert!(
        said.contains("run: already holds a run") && said.contains("--resume") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(fs::read(bench.path("run/summary.json")).unwrap(), before);
}

/// An IDX file: magic number, dimensions, values.
fn idx(magic: u32, dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let head = std::iter::once(&magic).chain(dimensions).flat_map(|number| number.to_be_bytes());
    head.chain(values.iter().copied()).collect()
}

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";

/// Four files of 40 and 10 images of 28x28.
fn write_mnist(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for (name, n) in [("train", 40_u32), ("t10k", 10)] {
        let pixels: Vec<u8> = (0..n * 784).map(|i| (i % 251) as u8).collect();
        let labels: Vec<u8> = (0..n).map(|i| (i % 10) as u8).collect();
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), idx(IMAGES, &[n, 28, 28], &pixels)).unwrap();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx(LABELS, &[n], &labels)).unwrap();
    }
}

fn mnist() -> Bench {
    let bench =
        Bench::new(&TINY.replace("source = \"digits\"", "source = \"mnist\"").replace("clusters = 10", "clusters = 2"));
    write_mnist(&bench.path("data"));
    bench
}

#[test]
fn files_that_are_damaged() {
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        (
            TRAIN_IMAGES,
            idx(IMAGES, &[40, 28, 28], &[0; 100]),
            &["truncated: 116 bytes where the header promises 31376"],
        ),
        (TRAIN_IMAGES, vec![0, 0, 8], &["truncated"]),
        (
            TRAIN_IMAGES,
            idx(0x1234, &[40, 28, 28], &[0; 40 * 784]),
            &["not an IDX file of images: starts with 0x00001234"],
        ),
        (TRAIN_LABELS, idx(IMAGES, &[40], &[0; 40]), &["not an IDX file of labels"]),
        (TRAIN_LABELS, idx(LABELS, &[39], &[0; 39]), &[TRAIN_IMAGES, "holds 40 images but", "holds 39 labels"]),
        (
            TRAIN_LABELS,
            idx(LABELS, &[40], &[&[3; 17][..], &[11], &[3; 22]].concat()),
            &["label 11 at row 17 (byte 25)"],
        ),
    ];
    let bench = mnist();
    for (name, bytes, parts) in cases {
        let file = bench.path("data").join(name);
        let good = fs::read(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        expect(&bench, "train tiny.toml --out run --datasets data", parts);
        expect(&bench, "train tiny.toml --out run --datasets data", &[&format!("data/{name}")]);
        fs::write(&file, good).unwrap();
    }
    bench.ok("train tiny.toml --out run --datasets data --device cpu --threads 1");
}

#[test]
fn folders_without_data() {
    let bench = mnist();
    fs::create_dir(bench.path("empty")).unwrap();
    expect(&bench, "train tiny.toml --out run --datasets empty", &["MNIST is not in empty", TRAIN_IMAGES]);
    expect(&bench, "train tiny.toml --out run --datasets nowhere", &["MNIST is not in nowhere"]);
    expect(&bench, "train tiny.toml --out run", &["MNIST is not in datasets/mnist", "PIMA_DATASETS"]);
    // The environment names the folder as the option does.
    let found = bench
        .command("train tiny.toml --out run --device cpu --threads 1 -q")
        .env("PIMA_DATASETS", bench.path("data"))
        .status();
    assert!(found.unwrap().success() && bench.path("run/summary.json").is_file());

    // A folder that was named is not passed over in silence for other data.
    let config = fs::read_to_string(bench.path("tiny.toml")).unwrap();
    let either = Bench::new(&config.replace("source = \"mnist\"", "source = \"mnist-or-digits\""));
    expect(&either, "train tiny.toml --out run --datasets .", &["MNIST is not in ."]);
    let (_, err) = either.ok("train tiny.toml --out run --device cpu --threads 1");
    assert!(err.contains("procedural digits (not MNIST)"), "{err}");
}

#[test]
fn a_run_does_not_go_on_with_other_data() {
    let config =
        TINY.replace("source = \"digits\"", "source = \"mnist-or-digits\"").replace("clusters = 10", "clusters = 2");
    let bench = Bench::new(&config);
    bench.ok("train tiny.toml --out run --device cpu --threads 1 -q");
    write_mnist(&bench.path("data"));
    let said = bench.fails("evaluate run --datasets data", 2);
    assert!(
        said.contains("run: the run was trained on procedural digits (not MNIST), but what was found now is MNIST"),
        "{said}"
    );
}
