//! A scientist's own files that cannot be used: the table of docs/datasets.md, row by row. One line says what, where and what to do.

use std::fs;

use crate::harness::Bench;
use crate::own_data::{CONFIG, bench};

/// What `check` and `train` say, which is the same, of a config with one change.
fn refused(bench: &Bench, from: &str, to: &str, parts: &[&str]) {
    let config = CONFIG.replacen(from, to, 1);
    assert!(config != CONFIG || from == to, "{from}");
    fs::write(bench.path("tiny.toml"), config).unwrap();
    let said = bench.fails("check tiny.toml", 2);
    let trained = bench.fails("train tiny.toml --out run --device cpu --threads 1", 2);
    assert_eq!(said, trained);
    for part in parts {
        assert!(said.contains(part), "{part:?} in: {said}");
    }
    assert!(said.starts_with("error: tiny.toml") && !bench.path("run").exists(), "{said}");
}

/// The same with a changed file.
fn refused_with(name: &str, change: impl Fn(&str) -> String, parts: &[&str]) {
    let bench = bench();
    let file = bench.path(name);
    let text = fs::read_to_string(&file).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "{name}");
    fs::write(&file, changed).unwrap();
    refused(&bench, "", "", parts);
}

#[test]
fn a_misspelt_key_or_name_is_told_with_what_it_may_have_meant() {
    let bench = bench();
    let unknown = |from: &str, to: &str, parts: &[&str]| refused(&bench, from, to, parts);
    unknown(
        "normalise = \"standard\"",
        "normalize = \"standard\"",
        &["line ", "unknown field `normalize`; did you mean `normalise`?"],
    );
    unknown("batch_size", "batchsize", &["line 13: training.batchsize: ", "did you mean `batch_size`?"]);
    unknown("array = \"pixels\"", "aray = \"pixels\"", &["modality.0.source", "`aray`; did you mean `array`?"]);
    unknown("kind = \"npy\"", "kind = \"npyy\"", &["modality.1.source", "`npyy`; did you mean `npy`?"]);
    unknown("E = { init = 1.0, min", "E = { init = 1.0, mini", &["modality.1.expert", "`mini`; did you mean `min`?"]);
    unknown(
        "clusters = 3",
        "clusters = 3\nentirely_else = 1",
        &["`entirely_else`; there are latent, clusters, fusion"],
    );
    unknown("array = \"pixels\"", "array = \"pixel\"", &["photos.npz: no array 'pixel'; the file has pixels, names"]);
    unknown("path = \"data/stress.npy\"", "path = \"data/strain.npy\"", &["data/strain.npy: No such file"]);
    unknown(
        "column = \"phase\"",
        "column = \"phases\"",
        &["chemistry.csv, line 1: no column 'phases'; the first line has sample, Fe, Ni, phase"],
    );
}

#[test]
fn ids_that_do_not_match_are_told_with_examples() {
    let renamed = |text: &str| {
        let lines =
            text.lines().enumerate().map(|(k, line)| if k == 0 { format!("{line}\n") } else { format!("S-{line}\n") });
        lines.collect()
    };
    refused_with(
        "data/chemistry.csv",
        renamed,
        &[
            "data/chemistry.csv: none of its ids is in the sources before it (here 'S-89', there '1')",
            "is it the right column?",
        ],
    );
    let twice = |text: &str| format!("{text}5,1,2,alpha\n");
    refused_with(
        "data/chemistry.csv",
        twice,
        &["data/chemistry.csv, line 92: id '5' is on line 86 already; keep one of them"],
    );
    let bench = bench();
    refused(
        &bench,
        ", ids = \"data/ids.npy\"",
        "",
        &["data/stress.npy: no ids, but ", "photos.npz has; name the id column of every source, or of none"],
    );
    refused(
        &bench,
        ", id = \"sample\" }\nsplit",
        " }\nsplit",
        &["chemistry.csv: no ids, but the modalities have some; name its column of ids too"],
    );
}

#[test]
fn lengths_that_differ_are_told_with_both() {
    let longer = |text: &str| text.replacen("\n70,", "\n70,9,", 1);
    refused_with(
        "data/chemistry.csv",
        longer,
        &["data/chemistry.csv, line 21: 5 cells, but the heading has 4; quote a text that has a comma"],
    );
    let bench = bench();
    refused(
        &bench,
        "from = 0.0, to = 2.0",
        "values = [0.0, 1.0, 2.0]",
        &["axis 'strain' of modality 'stress' (1x12 curve): expected 12 entries, got 3"],
    );
    // By their order, all files must have as many samples.
    let config = CONFIG
        .replace(", id = \"names\"", "")
        .replace(", ids = \"data/ids.npy\"", "")
        .replace(", id = \"sample\" }\nunits", ", except = [\"sample\"] }\nunits")
        .replace(", id = \"sample\"", "");
    fs::write(bench.path("tiny.toml"), config).unwrap();
    let said = bench.fails("check tiny.toml", 2);
    assert!(
        said.contains("data/stress.npy: 77 samples, but ")
            && said.contains("photos.npz has 72; without ids sources are matched by their order"),
        "{said}"
    );
    // Lists of unequal length, saved by NumPy all the same.
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (77,), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16 + 1).to_le_bytes());
    bytes.extend(header.bytes().chain(*b"\n..."));
    fs::write(bench.path("data/stress.npy"), bytes).unwrap();
    refused(
        &bench,
        "",
        "",
        &["data/stress.npy: holds Python objects, as lists of unequal length become; bring all samples to one length"],
    );
}

#[test]
fn text_where_numbers_should_be_is_told_with_its_line_and_column() {
    let text = |text: &str| {
        text.lines()
            .map(|line| if line.starts_with("70,") { "70,high,1.0,alpha\n".to_owned() } else { format!("{line}\n") })
            .collect()
    };
    refused_with(
        "data/chemistry.csv",
        text,
        &["data/chemistry.csv, line 21: column 'Fe': 'high' is not a number; write one, empty the whole line"],
    );
    let hole = |text: &str| {
        text.lines()
            .map(|line| if line.starts_with("70,") { "70,,1.0,alpha\n".to_owned() } else { format!("{line}\n") })
            .collect()
    };
    refused_with("data/chemistry.csv", hole, &["line 21: column 'Fe' is empty; fill it in, or empty the whole line"]);
    let bench = bench();
    refused(
        &bench,
        "array = \"pixels\"",
        "array = \"names\"",
        &["photos.npz: array 'names': its shape is [72]", "kind = \"image\" cannot have"],
    );
    fs::write(bench.path("data/chemistry.h5"), b"\x89HDF\r\n\x1a\n").unwrap();
    refused(
        &bench,
        "path = \"data/chemistry.csv\", id = \"sample\" }\nunits",
        "path = \"data/chemistry.h5\" }\nunits",
        &["data/chemistry.h5: is HDF5 and no table; say kind = \"hdf5\" and dataset = \"...\""],
    );
}

#[test]
fn units_and_axes_of_the_wrong_type_are_told_with_what_to_write() {
    let bench = bench();
    refused(
        &bench,
        "units = \"MPa\"\n",
        "units = 3\n",
        &["line 29: modality.1.units: invalid type: integer `3`, expected a string; write it in quotes"],
    );
    refused(
        &bench,
        "from = 0.0, to = 2.0",
        "from = \"0\", to = 2.0",
        &["line 30: modality.1.axis.from: invalid type: string \"0\"", "write 0, a number without quotes"],
    );
    refused(&bench, "from = 0.0, to = 2.0", "from = 0.0", &["modality \"stress\": axis: from and to go together"]);
    refused(
        &bench,
        ", from = 0.0, to = 2.0",
        "",
        &["data/stress.npy: says no points along its axis; give axis.values"],
    );
    refused(
        &bench,
        "kind = \"image\"",
        "kind = \"picture\"",
        &["modality.0.kind: unknown variant `picture`; there are image, curve, vector"],
    );
}

#[test]
fn a_corrupt_image_is_named() {
    let bench = bench();
    fs::create_dir(bench.path("data/images")).unwrap();
    for k in 0..9 {
        let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(k * 20 + x + y) as u8]));
        picture.save(bench.path(&format!("data/images/{k}.png"))).unwrap();
    }
    let good = fs::read(bench.path("data/images/4.png")).unwrap();
    fs::write(bench.path("data/images/4.png"), &good[..good.len() / 2]).unwrap();
    let npz = "kind = \"npz\", path = \"data/photos.npz\", array = \"pixels\", id = \"names\"";
    let folder = "kind = \"image-folder\", path = \"data/images\"";
    refused(&bench, npz, folder, &["data/images/4.png: cannot be read as an image: ", "save it again, or remove it"]);
    image::GrayImage::new(9, 8).save(bench.path("data/images/4.png")).unwrap();
    refused(
        &bench,
        npz,
        folder,
        &["data/images/4.png: is 8 pixels high and 9 wide, but ", "set size = [height, width]"],
    );
}

#[test]
fn a_vector_is_no_curve_to_convolve() {
    let bench = bench();
    let mut table = "sample,a,b,c,d,e\n".to_owned();
    (0..90).for_each(|k| table += &format!("{k},{k},1,2,3,{}\n", k % 7));
    fs::write(bench.path("data/five.csv"), table).unwrap();
    let (mlp, conv) = ("encoder = { type = \"mlp\", hidden = [16] }", "encoder = { type = \"conv\" }");
    let config =
        CONFIG.replace("kind = \"table\", path = \"data/chemistry.csv\"", "kind = \"table\", path = \"data/five.csv\"");
    fs::write(bench.path("tiny.toml"), config.replace(mlp, conv)).unwrap();
    let said = bench.fails("check tiny.toml", 2);
    let expected = "error: tiny.toml: encoder of chemistry: a convolution needs an image or a curve; use type = \"mlp\" for a vector (the modality is a 5 vector)";
    assert_eq!(said, expected);
}

#[test]
fn a_mistake_in_a_formula_is_told_with_its_column() {
    let bench = bench();
    refused(
        &bench,
        "E*min(t, t0)",
        "E*min(t, tO)",
        &["expert of \"stress\": formula `E*min(t, tO)`, column 10: unknown name 'tO'; did you mean 't' or 't0'?"],
    );
    refused(
        &bench,
        "E*min(t, t0)",
        "E*min(t, t0",
        &["formula `E*min(t, t0`, column 6: the bracket that opens here is never closed"],
    );
    refused(&bench, "E*min(t, t0)", "E*t", &["parameter 't0' is in no formula"]);
    refused(
        &bench,
        "min = 0.1, max = 3.0",
        "min = 1.5, max = 3.0",
        &["init of parameter 't0' is 1 but must be at least its min, 1.5"],
    );
    refused(
        &bench,
        "formula = \"E*min(t, t0)\"",
        "ode = [\"-E*x*t0\"]",
        &["modality.1.expert: missing field `start`; write start = [1.0]"],
    );
    refused(
        &bench,
        "formula = \"E*min(t, t0)\"",
        "states = [\"x\", \"v\"], ode = [\"v\", \"-E*x*t0\"], start = [1.0, 0.0]",
        &[
            "modality \"stress\": its expert has 24 values where the data have 12; all its states are taken for measured: say which are, outputs = [\"x\"]",
        ],
    );
}

#[test]
fn what_should_be_looked_at_is_said_before_training_too() {
    let bench = bench();
    let table = fs::read_to_string(bench.path("data/chemistry.csv")).unwrap();
    let marked: Vec<String> = table
        .lines()
        .map(|line| if line.starts_with("70,") { "70,-999,1.0,alpha".to_owned() } else { line.to_owned() })
        .collect();
    fs::write(bench.path("data/chemistry.csv"), marked.join("\n")).unwrap();
    fs::write(bench.path("tiny.toml"), CONFIG.replace("units = \"MPa\"\n", "").replace("epochs = 15", "epochs = 1"))
        .unwrap();
    let warnings = [
        "warning: stress: no units; say units = \"MPa\", or units = \"\" where the values have none",
        "warning: chemistry: has the value -999.0, which looks like a mark for what was not measured; empty those cells, or write NaN in all of the row",
    ];
    let (checked, _) = bench.ok("check tiny.toml");
    let (_, trained) = bench.ok("train tiny.toml --out run --device cpu --threads 1");
    for warning in warnings {
        assert!(checked.contains(warning), "{checked}");
        assert!(trained.contains(warning), "{trained}");
    }
}

#[test]
fn a_source_whose_samples_no_other_has_is_named() {
    let bench = bench();
    let table = fs::read_to_string(bench.path("data/chemistry.csv")).unwrap();
    // All but one get other names; a line without values would be of no sample at all then.
    let renamed: Vec<String> = table
        .lines()
        .filter(|line| !line.contains(",,"))
        .enumerate()
        .map(|(k, line)| if k == 0 || line.starts_with("70,") { line.to_owned() } else { format!("S{line}") })
        .collect();
    fs::write(bench.path("data/chemistry.csv"), renamed.join("\n")).unwrap();
    fs::write(
        bench.path("tiny.toml"),
        CONFIG
            .replace("labels = {", "# labels = {")
            .replace("id = \"sample\" }\nunits", "id = \"sample\", except = [\"phase\"] }\nunits"),
    )
    .unwrap();
    let (out, _) = bench.ok("check tiny.toml");
    assert!(
        out.contains("warning: chemistry: ") && out.contains(" samples have no other modality (the first: S"),
        "{out}"
    );
    assert!(out.contains("check their ids, unless nothing else was measured"), "{out}");
}

#[test]
fn more_clusters_than_samples_are_refused() {
    let bench = bench();
    refused(
        &bench,
        "clusters = 3",
        "clusters = 400",
        &["model.clusters is 400, but there are ", " samples to train on: use at most one for every ten samples"],
    );
}

/// Lattices of a laboratory.
const LATTICES: &str = r#"experiment = "lab"

[data]
source = "lattice-folder"
folder = "lab"
split = { train = 0.5, validation = 0.25, test = 0.25 }
lattice_folder = { side = 8, points = 12 }

[model]
latent = 2
clusters = 2

[training]
epochs = 1
batch_size = 8

[[modality]]
name = "image"
source = { kind = "images" }
normalise = "standard_global"
encoder = { type = "mlp", hidden = [8] }
decoder = { type = "mlp", hidden = [8] }

[[modality]]
name = "stress"
source = { kind = "data" }
normalise = "standard_global"
encoder = { type = "mlp", hidden = [8] }
decoder = { type = "mlp", hidden = [8] }
"#;

#[test]
fn lattices_in_another_unit_are_told_with_the_file_or_the_key() {
    let bench = Bench::new(LATTICES);
    fs::create_dir(bench.path("lab")).unwrap();
    for k in 0..4 {
        let picture = image::GrayImage::from_fn(16, 16, |x, y| image::Luma([(k * 20 + x * y) as u8]));
        picture.save(bench.path(&format!("lab/{k}.png"))).unwrap();
        fs::write(bench.path(&format!("lab/{k}.csv")), "strain,stress\n0,0\n0.01,14\n0.02,20\n0.06,38\n").unwrap();
    }
    let (_, said) = bench.ok("check tiny.toml");
    let reach = "strain to 0.06 and stress to 38 MPa (read as fractions and MPa); initial slopes 1400 MPa";
    assert!(said.contains(reach), "{said}");
    let says = |parts: &[&str]| {
        let said = bench.fails("check tiny.toml", 2);
        assert_eq!(said, bench.fails("train tiny.toml --out run --device cpu --threads 1", 2));
        assert!(parts.iter().all(|part| said.contains(part)) && !bench.path("run").exists(), "{said}");
    };
    let curve = fs::read_to_string(bench.path("lab/2.csv")).unwrap();
    fs::write(bench.path("lab/2.csv"), curve.replace("strain,stress", "Extension (mm),Load (kN)")).unwrap();
    says(&["tiny.toml", "lab/2.csv, line 1: a heading that names no columns of strain and stress ('Extension (mm)', "]);
    fs::write(bench.path("lab/2.csv"), curve.replace("stress", "stress (ksi)")).unwrap();
    says(&["lab/2.csv, line 1: the heading 'stress (ksi)' says ksi, which is not understood as a unit of stress"]);
    fs::write(bench.path("lab/2.csv"), curve.replace(",38", ",3800")).unwrap();
    says(&["lab/2.csv, line 5: its stress reaches 3800 MPa, that of the others 38 MPa (median): another unit?"]);
    fs::write(bench.path("lab/2.csv"), curve).unwrap();
    let config = LATTICES.replace("kind = \"data\" }", "kind = \"data\" }\nunits = \"GPa\"");
    fs::write(bench.path("tiny.toml"), config).unwrap();
    says(&[
        "tiny.toml: line 27: modality.1.units is \"GPa\", but the stresses of lattices are loaded in MPa",
        "stress = ",
    ]);
}
