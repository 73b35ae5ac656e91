//! `pima evaluate`, `pima plot`, `pima data`, and what the program says of itself.

use std::fs;

use pima_data::{Dataset, read_npz};

use crate::harness::{Bench, TINY, finished, json};

/// The numbers of the row of a table that begins with `name`.
fn row(table: &str, name: &str) -> Vec<String> {
    let line =
        table.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{name} in {table}"));
    line.trim_start()[name.len()..].split_whitespace().filter(|word| *word != "%").map(str::to_owned).collect()
}

#[test]
fn evaluate_prints_what_the_summary_says() {
    let bench = finished();
    let summary = json(&bench.path("run/summary.json"));
    let (all, _) = bench.ok("evaluate run");
    assert!(all.starts_with("run: tiny, procedural digits (not MNIST), seed 3, best epoch "), "{all}");
    assert_eq!(row(&all, "samples"), ["360", "40", "60"]);
    let percent = |value: &serde_json::Value| format!("{:.2}", 100.0 * value.as_f64().unwrap());
    let splits = ["train", "validation", "test"].map(|name| &summary["splits"][name]);
    assert_eq!(row(&all, "accuracy"), splits.map(|split| percent(&split["accuracy"])));
    assert_eq!(row(&all, "from line alone"), splits.map(|split| percent(&split["accuracy_from"]["line"])));
    assert_eq!(row(&all, "NMI"), splits.map(|split| format!("{:.4}", split["nmi"].as_f64().unwrap())));

    let (test, _) = bench.ok("evaluate run --split test");
    assert_eq!(row(&test, "samples"), ["60"]);
    assert_eq!(row(&test, "ELBO per sample").concat(), row(&all, "ELBO per sample")[2]);
    assert!(all.contains("slope") && test.contains('±'), "{test}");
}

#[test]
fn evaluate_judges_a_run_that_was_not_finished() {
    let bench = Bench::new(TINY);
    bench.ok("train tiny.toml --device cpu --threads 1 --out run -q");
    let (finished, _) = bench.ok("evaluate run");
    fs::remove_file(bench.path("run/summary.json")).unwrap();
    let (unfinished, _) = bench.ok("evaluate run");
    assert!(unfinished.lines().next().unwrap().ends_with(", seed 0, not finished"), "{unfinished}");
    // From the checkpoint follow the same numbers, those of the experts included.
    assert_eq!(finished.lines().skip(1).collect::<Vec<_>>(), unfinished.lines().skip(1).collect::<Vec<_>>());
    fs::remove_dir_all(bench.path("run/checkpoints")).unwrap();
    assert!(bench.fails("evaluate run", 2).contains("run: the run has no checkpoint yet"));
}

#[test]
fn plot_draws_again_and_says_what_it_cannot_draw() {
    let bench = Bench::new(TINY);
    bench.ok("train tiny.toml --device cpu --threads 1 --out run -q");
    let svg = bench.path("run/plots/loss.svg");
    let before = fs::read(&svg).unwrap();
    fs::remove_dir_all(bench.path("run/plots")).unwrap();
    let (out, err) = bench.ok("plot run");
    assert_eq!((out.lines().count(), err.as_str()), (16, ""), "{out}");
    assert!(fs::read(&svg).unwrap() == before, "the same figure");
    fs::remove_file(bench.path("run/predictions.npz")).unwrap();
    let (out, err) = bench.ok("plot run");
    assert!(out.contains("run/plots/loss.png") && !out.contains("latent"), "{out}");
    assert!(err.contains("latent: not drawn, the run has no predictions.npz"), "{err}");
}

#[test]
fn data_writes_what_the_library_reads() {
    let bench = Bench::new(TINY);
    let (out, _) =
        bench.ok("data digits-line --out lines.npz --seed 5 --train 30 --test 10 --points 8 --noise-variance 0");
    assert!(out.contains("procedural digits (not MNIST), 40 samples"), "{out}");
    let data = read_npz(&bench.path("lines.npz")).unwrap();
    assert_eq!((data.n_samples(), data.modality("line").unwrap().size()), (40, 8));
    assert_eq!(data.held_out().unwrap().iter().filter(|held| **held).count(), 10);
    let labels = data.labels().unwrap().values();
    // Without noise the line ends at its slope, the digit.
    let lines = data.modality("line").unwrap().values().unwrap();
    assert!((0..40).all(|row| lines[[row, 7]] == labels[row] as f32));

    bench.ok("data digits --out images.npz --seed 5 --train 30 --test 10");
    let images = read_npz(&bench.path("images.npz")).unwrap();
    let pixels = |data: &Dataset| data.modality("image").unwrap().values().unwrap().into_owned();
    assert_eq!(pixels(&images), pixels(&data));

    assert!(bench.fails("data digits --out images.npz", 2).contains("images.npz: is there already"));
    bench.ok("data digits --out images.npz --force --train 5 --test 0");
    assert_eq!(read_npz(&bench.path("images.npz")).unwrap().n_samples(), 5);
    assert!(bench.fails("data digits --out no/images.npz", 2).contains("no/images.npz: there is no such folder"));
    assert!(bench.fails("data digits-line --out a.npz --train 5 --test 0 --points 1", 2).contains("n_coordinates = 1"));
    assert!(bench.fails("data mnist-line --out a.npz", 2).contains("MNIST is not in datasets/mnist"));
    assert!(!bench.path("a.npz").exists());
}

#[test]
fn the_program_explains_itself() {
    let bench = Bench::new(TINY);
    let (version, _) = bench.ok("--version");
    assert!(version.starts_with(&format!("pima {} (libtorch ", env!("CARGO_PKG_VERSION"))), "{version}");
    for command in ["train", "evaluate", "infer", "plot", "data"] {
        let (help, _) = bench.ok(&format!("{command} --help"));
        assert!(help.contains("Example") && help.contains(&format!("\n  pima {command} ")), "{help}");
    }
}

#[test]
fn the_readmes_experiment_runs() {
    let readme = include_str!("../../README.md");
    let config = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let small = config
        .replace("max_samples = 6000", "max_samples = 100\nmax_test_samples = 20")
        .replace("epochs = 5", "epochs = 1");
    assert_ne!(small, config);
    let bench = Bench::new(&small);
    bench.ok("train tiny.toml --out runs/first --device cpu --threads 1");
    bench.ok("data digits --out images.npz --train 10 --test 2");
    bench.ok("infer runs/first --given images.npz --intervals 0.5,0.9 --device cpu --out preds.npz");
    // Every array that the README reads is there under its name.
    let (run, infer) = readme.split_once("## Infer").unwrap();
    for (text, file, n) in [(run, "runs/first/predictions.npz", 11), (infer, "preds.npz", 9)] {
        let written = fs::read(bench.path(file)).unwrap();
        let names: Vec<&str> = text.split("p[\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names.len(), n, "{file}");
        for name in names {
            let entry = format!("{name}.npy");
            assert!(written.windows(entry.len()).any(|part| part == entry.as_bytes()), "{file}: {name}");
        }
    }
}
