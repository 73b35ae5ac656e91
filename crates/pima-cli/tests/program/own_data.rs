//! A scientist's own files: read, matched, trained on, and every mistake in them told in one line.

use std::fs;
use std::path::Path;

use ndarray::{Array, Array1, Array2, Array3};
use ndarray_npy::{NpzWriter, WriteNpyExt};

use crate::harness::{Bench, json};

/// Samples, in three clusters.
const SAMPLES: usize = 90;

/// Three modalities of files of three kinds, matched by ids; each lacks other samples.
pub(crate) const CONFIG: &str = r#"experiment = "own"

[data]
labels = { path = "data/chemistry.csv", column = "phase", id = "sample" }
split = { train = 0.7, validation = 0.1, test = 0.2 }

[model]
latent = 2
clusters = 3

[training]
epochs = 15
batch_size = 8
learning_rate = 1e-2
modality_keep = 0.7

[[modality]]
name = "photo"
source = { kind = "npz", path = "data/photos.npz", array = "pixels", id = "names" }
kind = "image"
normalise = "standard_global"
encoder = { type = "mlp", hidden = [16] }
decoder = { type = "mlp", hidden = [16] }

[[modality]]
name = "stress"
source = { kind = "npy", path = "data/stress.npy", ids = "data/ids.npy" }
kind = "curve"
units = "MPa"
axis = { name = "strain", units = "%", from = 0.0, to = 2.0 }
variance = { fixed = 0.05 }
normalise = "standard_global"
encoder = { type = "mlp", hidden = [16] }
expert = { formula = "E*min(t, t0)", parameters = { E = { init = 1.0, min = 0.0, unit = "MPa" }, t0 = { init = 1.0, min = 0.1, max = 3.0 } } }

[[modality]]
name = "chemistry"
source = { kind = "table", path = "data/chemistry.csv", id = "sample" }
units = ""
normalise = "standard"
encoder = { type = "mlp", hidden = [16] }
decoder = { type = "mlp", hidden = [16] }
"#;

/// Noise without a generator.
fn wiggle(k: usize) -> f32 {
    ((k * 7919 + 13) % 101) as f32 / 101.0 - 0.5
}

fn cluster(sample: usize) -> usize {
    sample % 3
}

/// Fixed-width text as NumPy saves it, `<U4`.
fn text_array(texts: &[String]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<U4', 'fortran_order': False, 'shape': ({},), }}", texts.len()).into_bytes();
    while (header.len() + 11) % 64 != 0 {
        header.push(b' ');
    }
    header.push(b'\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header);
    for text in texts {
        let symbols: Vec<u32> = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(4).collect();
        symbols.into_iter().for_each(|symbol| bytes.extend(symbol.to_le_bytes()));
    }
    bytes
}

fn write_npy<D: ndarray::Dimension>(path: &Path, array: &Array<f64, D>) {
    array.write_npy(fs::File::create(path).unwrap()).unwrap();
}

/// The files that `CONFIG` names, in the folder `data`.
pub(crate) fn bench() -> Bench {
    let bench = Bench::new(CONFIG);
    let folder = bench.path("data");
    fs::create_dir(&folder).unwrap();
    let photos: Vec<usize> = (0..SAMPLES).filter(|k| k % 5 != 0).collect();
    let pixels = Array3::from_shape_fn((photos.len(), 8, 8), |(i, y, x)| {
        let lit = [y < 4, x < 4, x + y < 8][cluster(photos[i])];
        f32::from(u8::from(lit)) + 0.1 * wiggle(i * 64 + y * 8 + x)
    });
    let mut npz = NpzWriter::new(fs::File::create(folder.join("photos.npz")).unwrap());
    npz.add_array("pixels", &pixels).unwrap();
    npz.add_array("names", &photos.iter().map(|&k| k as i64).collect::<Array1<i64>>()).unwrap();
    npz.finish().unwrap();

    let curves: Vec<usize> = (0..SAMPLES).filter(|k| k % 7 != 1).collect();
    let stress = Array2::from_shape_fn((curves.len(), 12), |(i, j)| {
        let strain = 2.0 * j as f64 / 11.0;
        let (modulus, end) = [(1.0, 1.5), (3.0, 1.0), (6.0, 0.5)][cluster(curves[i])];
        // The third curve was not measured after all.
        if i == 2 { f64::NAN } else { modulus * strain.min(end) + 0.05 * f64::from(wiggle(i * 12 + j)) }
    });
    write_npy(&folder.join("stress.npy"), &stress);
    let ids: Vec<String> = curves.iter().map(ToString::to_string).collect();
    fs::write(folder.join("ids.npy"), text_array(&ids)).unwrap();

    let mut table = "sample,Fe,Ni,phase\n".to_owned();
    for k in (0..SAMPLES).rev() {
        let c = cluster(k);
        let (iron, nickel) = (c as f32 + 0.1 * wiggle(k), 2.0 - c as f32 + 0.1 * wiggle(k + 5));
        let cells = if k % 11 == 3 { ",".to_owned() } else { format!("{iron},{nickel}") };
        table += &format!("{k},{cells},{}\n", ["alpha", "beta", "gamma"][c]);
    }
    fs::write(folder.join("chemistry.csv"), table).unwrap();
    bench
}

#[test]
fn three_kinds_of_files_are_matched_and_trained_on_from_any_folder() {
    let bench = bench();
    // Paths are those of the config, wherever the command is typed and wherever the run is.
    fs::create_dir(bench.path("elsewhere")).unwrap();
    let mut command = bench.command("train ../tiny.toml --out runs/deep/run --device cpu --threads 1 --quiet");
    let output = command.current_dir(bench.path("elsewhere")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = bench.path("elsewhere/runs/deep/run");
    let summary = json(&run.join("summary.json"));
    assert_eq!(summary["dataset"], "photos.npz, stress.npy, chemistry.csv");
    assert_eq!(summary["label_names"], serde_json::json!(["alpha", "beta", "gamma"]));
    let test = &summary["splits"]["test"];
    assert_eq!(test["n"], 18);
    assert!(test["accuracy"].as_f64().unwrap() > 0.9, "{test}");
    // What a formula identified is reported as any other expert's is.
    let expert = &summary["experts"]["stress"];
    assert_eq!(
        (&expert["parameters"], &expert["units"]),
        (&serde_json::json!(["E", "t0"]), &serde_json::json!(["MPa", ""]))
    );
    let mut moduli: Vec<f64> = Vec::new();
    for cluster in expert["clusters"].as_array().unwrap() {
        moduli.push(cluster["values"][0].as_f64().unwrap());
        let (error, bound) = (cluster["standard_errors"][0].as_f64().unwrap(), cluster["bounds"][0].as_f64().unwrap());
        assert!(error > 0.0 && error < 0.1 && bound > 0.0, "{cluster}");
    }
    moduli.sort_by(f64::total_cmp);
    for (found, true_modulus) in moduli.iter().zip([1.0, 3.0, 6.0]) {
        assert!((found - true_modulus).abs() < 0.1, "{moduli:?}");
    }
    assert_eq!(summary["modality_axes"]["stress"]["x"], "strain (%)");
    assert_eq!(summary["units"]["stress"], "MPa");
    // The run knows where the data are, too.
    let (out, _) = bench.ok("evaluate elsewhere/runs/deep/run");
    assert!(out.contains("own, photos.npz, stress.npy, chemistry.csv, seed 0"), "{out}");
}

#[test]
fn values_on_disk_train_the_same_model_and_leave_nothing_there() {
    let bench = bench();
    let on_disk = CONFIG.replace("[data]\n", "[data]\nscratch = \"space\"\n");
    fs::write(bench.path("disk.toml"), on_disk).unwrap();
    bench.ok("train tiny.toml --out memory --device cpu --threads 1 --quiet");
    bench.ok("train disk.toml --out disk --device cpu --threads 1 --quiet");
    for file in ["predictions.npz", "inference.npz"] {
        let bytes = |run: &str| fs::read(bench.path(run).join(file)).unwrap();
        assert_eq!(bytes("memory"), bytes("disk"), "{file}");
    }
    assert_eq!(fs::read_dir(bench.path("space")).unwrap().count(), 0);
    // Where nothing can be written, the folder is named.
    let nowhere = CONFIG.replace("[data]\n", "[data]\nscratch = \"tiny.toml\"\n");
    fs::write(bench.path("nowhere.toml"), nowhere).unwrap();
    let said = bench.fails("train nowhere.toml --out nowhere --device cpu", 2);
    assert!(said.contains("tiny.toml: "), "{said}");
    assert!(!bench.path("nowhere").exists());
}

#[test]
fn check_says_what_the_data_are_and_writes_nothing() {
    let bench = bench();
    let files = || fs::read_dir(bench.path("")).unwrap().count();
    let before = files();
    let (out, _) = bench.ok("check tiny.toml");
    assert_eq!(files(), before);
    let row = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"));
    for (name, parts) in [
        ("photo ", &["1x8x8 image", "20.0 %"][..]),
        // 13 are not in the file, one is NaN.
        ("stress ", &["1x12 curve", "strain 0 to 2 %", "MPa", "15.6 %", "expert (E, t0)"]),
        ("chemistry ", &["2 vector", "8.9 %"]),
    ] {
        for part in parts {
            assert!(row(name).contains(part), "{part:?} in: {}", row(name));
        }
    }
    assert!(out.contains("samples: 90, of them 63 to train on, 9 to validate, 18 to test"), "{out}");
    assert!(out.contains("labels, for reports only: 3 classes of 30 to 30 samples"), "{out}");
    assert!(out.contains("nothing to object to; train with: pima train tiny.toml"), "{out}");
}

#[test]
fn a_differential_equation_is_an_expert_too() {
    let bench = bench();
    // The same curve from its rate, and a saturating one.
    let from = CONFIG.find("expert = { formula").unwrap();
    let to = from + CONFIG[from..].find('\n').unwrap();
    let ode = r#"expert = { ode = ["E*if(t < t0, 1, 0) + 0*x"], start = [0.0], parameters = { E = { init = 1.0, min = 0.0, unit = "MPa" }, t0 = { init = 1.0, min = 0.1, max = 3.0 } } }"#;
    let decay = r#"expert = { ode = ["k - c*x"], start = [0.0], parameters = { k = { init = 1.0, min = 0.0 }, c = { init = 0.1, min = 0.0 } } }"#;
    for (expert, names) in [(ode, "expert (E, t0)"), (decay, "expert (k, c)")] {
        std::fs::write(bench.path("tiny.toml"), CONFIG.replace(&CONFIG[from..to], expert)).unwrap();
        let (out, _) = bench.ok("check tiny.toml");
        assert!(out.contains(names), "{out}");
    }
    let config =
        CONFIG.replace(&CONFIG[from..to], decay).replace("epochs = 15", "epochs = 2\nstart = { restarts = 2 }");
    std::fs::write(bench.path("tiny.toml"), config).unwrap();
    bench.ok("train tiny.toml --out run --device cpu --threads 1 --quiet");
    let expert = &json(&bench.path("run/summary.json"))["experts"]["stress"];
    assert_eq!(expert["parameters"], serde_json::json!(["k", "c"]));
    for cluster in expert["clusters"].as_array().unwrap() {
        assert!(cluster["values"][0].as_f64().unwrap() > 0.0 && cluster["bounds"][0].as_f64().is_some(), "{cluster}");
    }
}

#[test]
fn check_warns_of_what_is_suspicious() {
    let bench = bench();
    let table = fs::read_to_string(bench.path("data/chemistry.csv")).unwrap();
    let constant: String =
        table.lines().map(|line| line.replacen(',', ",7,", 1).replacen("sample,7", "sample,Cr", 1) + "\n").collect();
    // A line without values stays without.
    let constant = constant.replace(",7,,,", ",,,,");
    fs::write(bench.path("data/chemistry.csv"), constant).unwrap();
    let config =
        CONFIG.replace("units = \"\"\n", "").replace("clusters = 3", "clusters = 8").replace("units = \"%\", ", "");
    fs::write(
        bench.path("tiny.toml"),
        config.replace("test = 0.2", "test = 0.0").replace("train = 0.7", "train = 0.9"),
    )
    .unwrap();
    let (out, _) = bench.ok("check tiny.toml");
    for part in [
        "warning: chemistry: 1 of 3 values never change (counted from 0: 0)",
        "warning: chemistry: no units; say units = \"MPa\"",
        "warning: stress: no units of its axis",
        "warning: no test samples",
        "warning: 3 labels, but 8 clusters",
        "5 warnings; train with",
    ] {
        assert!(out.contains(part), "{part:?} in: {out}");
    }
    fs::write(
        bench.path("data/chemistry.csv"),
        table.lines().next().unwrap().to_owned() + "\nx,1,2,alpha\ny,1,2,beta\n",
    )
    .unwrap();
    let said = bench.fails("check tiny.toml", 2);
    assert!(said.contains("none of its ids is in the sources before it"), "{said}");
}
