//! `pima init`, and the folder of specimens that `pima data` writes: data as they lie in a folder, and the configurations that go with them.

use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2, Array3};
use ndarray_npy::{NpzWriter, WriteNpyExt};

use crate::harness::{Bench, TINY, json};

#[test]
fn the_specimens_are_told_apart_although_a_third_is_missing() {
    let bench = Bench::new(TINY);
    let (out, _) = bench.ok("data specimens --out lab");
    assert!(out.contains("lab: 600 specimens (generated), in four clusters; next: pima train lab/pima.toml"), "{out}");
    assert!(bench.fails("data specimens --out lab", 2).contains("lab: is there already"));
    let (out, _) = bench.ok("check lab/pima.toml");
    let row = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
    for name in ["photograph ", "stress ", "chemistry "] {
        let words: Vec<&str> = row(name).split_whitespace().collect();
        let missing = words.windows(2).find(|pair| pair[1] == "%" && pair[0].contains('.')).unwrap()[0];
        let missing: f64 = missing.parse().unwrap();
        assert!((20.0..36.0).contains(&missing), "{}", row(name));
    }
    assert!(row("stress ").contains("strain 0 to 4 %") && row("stress ").contains("expert (E, t0, H)"), "{out}");
    assert!(out.contains("nothing to object to"), "{out}");
    bench.ok("train lab/pima.toml --out run --device cpu --threads 1 --quiet");
    let summary = json(&bench.path("run/summary.json"));
    let accuracy = |split: &str| summary["splits"][split]["accuracy"].as_f64().unwrap();
    assert!(accuracy("train") >= 0.99 && accuracy("test") >= 0.99, "{} {}", accuracy("train"), accuracy("test"));
    // The four moduli that the curves were made with.
    let clusters = summary["experts"]["stress"]["clusters"].as_array().unwrap();
    let mut moduli: Vec<f64> = clusters.iter().map(|cluster| cluster["values"][0].as_f64().unwrap()).collect();
    moduli.sort_by(f64::total_cmp);
    for (found, made_with) in moduli.iter().zip([60.0, 100.0, 150.0, 200.0]) {
        assert!((found - made_with).abs() < 3.0, "{moduli:?}");
    }

    // Every specimen by its name, and the page names those it draws.
    let samples = fs::read_to_string(bench.path("run/samples.csv")).unwrap();
    let mut lines = samples.lines();
    assert!(
        lines.next().unwrap().starts_with("sample,split,label,cluster,probability,latent_1,latent_2,cluster_from_")
    );
    let lines: Vec<&str> = lines.collect();
    assert!(lines.iter().all(|line| line.starts_with('S') && line.len() > 5), "{samples}");
    let test = lines.iter().find(|line| line.contains(",test,")).unwrap();
    bench.ok("report run");
    let page = fs::read_to_string(bench.path("run/report.html")).unwrap();
    let name = test.split(',').next().unwrap();
    assert!(page.contains(&format!("\"{name}\"")), "{name}");
}

#[test]
fn init_writes_what_check_and_train_accept_and_never_overwrites() {
    let bench = Bench::new(TINY);
    bench.ok("data specimens --out lab --specimens 60");
    let said = bench.fails("init lab", 2);
    assert!(said.contains("lab/pima.toml: is there already, and is not overwritten"), "{said}");
    fs::remove_file(bench.path("lab/pima.toml")).unwrap();
    let (out, _) = bench.ok("init lab");
    assert!(
        out.contains("wrote lab/pima.toml") && out.contains("1x24x24 image") && out.contains("1x40 curve"),
        "{out}"
    );
    let text = fs::read_to_string(bench.path("lab/pima.toml")).unwrap();
    for part in [
        "labels = { path = \"treatments.csv\", column = \"treatment\", id = \"specimen\" }",
        "# As many as there are labels.\nclusters = 4\n",
        "source = { kind = \"image-folder\", path = \"photographs\" }",
        "kind = \"curve\"",
        "# Samples are matched by their ids",
    ] {
        assert!(text.contains(part), "{part:?} in: {text}");
    }
    bench.ok("check lab/pima.toml");
    shorten_and_train(&bench, "lab");
}

#[test]
fn init_takes_arrays_by_their_order() {
    let bench = Bench::new(TINY);
    fs::create_dir(bench.path("arrays")).unwrap();
    let mut npz = NpzWriter::new(fs::File::create(bench.path("arrays/all.npz")).unwrap());
    let wave = |k: usize| ((k * 37) % 17) as f64;
    npz.add_array("picture", &Array3::from_shape_fn((40, 10, 10), |(i, y, x)| wave(i + y * x))).unwrap();
    npz.add_array("stress", &Array2::from_shape_fn((40, 36), |(i, j)| wave(i) * j as f64)).unwrap();
    npz.add_array("strain", &Array1::linspace(0.0, 1.0, 36)).unwrap();
    npz.finish().unwrap();
    let five = Array2::from_shape_fn((40, 5), |(i, j)| wave(i * (j + 1)));
    five.write_npy(fs::File::create(bench.path("arrays/five.npy")).unwrap()).unwrap();
    let seven = Array2::from_shape_fn((7, 2), |(i, j)| wave(i + j));
    seven.write_npy(fs::File::create(bench.path("arrays/seven.npy")).unwrap()).unwrap();
    bench.ok("init arrays");
    let text = fs::read_to_string(bench.path("arrays/pima.toml")).unwrap();
    assert!(text.contains("array = \"strain\"") && text.contains("# Samples are matched by their order"), "{text}");
    assert!(text.contains("# Left out: seven: 7 samples, not 40 samples, as the others"), "{text}");
    assert!(text.contains("# A guess: try several"), "{text}");
    bench.ok("check arrays/pima.toml");
    shorten_and_train(&bench, "arrays");
}

#[test]
fn init_takes_hdf5_parquet_and_a_folder_with_a_curve_a_file() {
    let bench = Bench::new(TINY);
    fs::create_dir_all(bench.path("lab/tension")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pima-data/tests/fixtures");
    fs::copy(fixtures.join("packed.h5"), bench.path("lab/compression.h5")).unwrap();
    fs::copy(fixtures.join("table_zstd.parquet"), bench.path("lab/table.parquet")).unwrap();
    for k in 0..6 {
        let curve = format!("strain,stress\n0,0\n0.5,{k}\n1,{}\n", 2 * k);
        fs::write(bench.path(&format!("lab/tension/s{k}.csv")), curve).unwrap();
    }
    // Two of its columns have holes, and one lists of unequal length: said with the row, and left out.
    let (out, _) = bench.ok("init lab");
    assert!(out.contains("left out: table.parquet, row 2: column 'Fe' is empty; fill it in"), "{out}");
    assert!(out.contains("note: no units for ") && out.contains("tension (units = \"\"); say them"), "{out}");
    fs::remove_file(bench.path("lab/table.parquet")).unwrap();
    fs::remove_file(bench.path("lab/pima.toml")).unwrap();
    bench.ok("init lab");
    let text = fs::read_to_string(bench.path("lab/pima.toml")).unwrap();
    for part in [
        "source = { kind = \"hdf5\", path = \"compression.h5\", dataset = \"/stress\" }",
        "source = { kind = \"table-folder\", path = \"tension\", axis = \"strain\", columns = [\"stress\"] }",
        "axis = { name = \"strain\", units = \"\" }  # its points come from the file",
    ] {
        assert!(text.contains(part), "{part:?} in: {text}");
    }
    let (out, _) = bench.ok("check lab/pima.toml");
    let row = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
    // One of six was not measured.
    assert!(row("stress ").contains("5 vector") && row("stress ").contains("16.7 %"), "{out}");
    assert!(row("tension ").contains("1x3 curve") && row("tension ").contains("strain 0 to 1"), "{out}");
}

#[test]
fn init_of_a_folder_without_data_writes_nothing() {
    let bench = Bench::new(TINY);
    fs::create_dir(bench.path("empty")).unwrap();
    fs::write(bench.path("empty/notes.txt"), "later").unwrap();
    let said = bench.fails("init empty", 2);
    assert!(said.contains("empty: no data here (notes.txt: .txt files are not read; save tables as .csv): put .npz, .npy, .h5, .csv or .parquet files"), "{said}");
    assert!(!bench.path("empty/pima.toml").exists());
    assert!(bench.fails("init nowhere", 2).contains("nowhere: No such file"));
}

/// Trains on what was written, with fewer epochs.
fn shorten_and_train(bench: &Bench, folder: &str) {
    let file = bench.path(&format!("{folder}/pima.toml"));
    let text = fs::read_to_string(&file).unwrap();
    let epochs = text.lines().find(|line| line.starts_with("epochs = ")).unwrap();
    fs::write(&file, text.replace(epochs, "epochs = 2")).unwrap();
    bench.ok(&format!("train {folder}/pima.toml --out run --device cpu --threads 1 --quiet"));
    assert_eq!(json(&bench.path("run/summary.json"))["status"], "finished");
}
