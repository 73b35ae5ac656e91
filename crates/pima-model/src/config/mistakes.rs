//! Mistakes in a config and what is said of them: every row of the table in docs/config.md, and no other.

use super::*;
use std::fs;

/// What stands in the config of the made-up specimens, what is written instead, and what is said.
const MISTAKES: [(&str, &str, &str); 35] = [
    (ENCODER, r#"encoder = "mlp""#, r#"modality.1.encoder is the text "mlp"; write encoder = { type = "mlp" }"#),
    (ENCODER, r#"encoder = { type = "cnn" }"#, "modality.1.encoder.type: unknown variant `cnn`; did you mean `conv`?"),
    (
        ENCODER,
        "encoder = { hidden = [64] }",
        r#"modality.1.encoder: missing field `type`; write type = "...", one of conv, mlp"#,
    ),
    (
        ENCODER,
        r#"encoder = { type = "mlp", hidden = 64 }"#,
        "modality.1.encoder.hidden: invalid type: integer `64`, expected a list; write it in square brackets, hidden = [64]",
    ),
    (
        TABLE,
        r#"source = "chemistry.csv""#,
        r#"modality.2.source is the text "chemistry.csv"; write source = { kind = "table", path = "chemistry.csv" }"#,
    ),
    (
        TABLE,
        r#"source = { path = "chemistry.csv" }"#,
        r#"modality.2.source: missing field `kind`; write kind = "table"; there are images, data, line, oscillator, npz, npy, hdf5, table, table-folder, image-folder"#,
    ),
    (
        TABLE,
        r#"source = { kind = "csv", path = "chemistry.csv" }"#,
        "modality.2.source.kind: unknown variant `csv`; did you mean `table`?",
    ),
    (
        IMAGES,
        r#"source = { kind = "images", path = "photographs" }"#,
        r#"modality.0.source.path: unknown field `path`; a collection has its own images: for a folder of yours write kind = "image-folder""#,
    ),
    (
        IMAGES,
        r#"source = { kind = "image-folder", path = "photographs", size = 64 }"#,
        "modality.0.source.size is the number 64; write [64, 64]: height and width in pixels",
    ),
    (IMAGES, r#"source = { kind = "image-folder", path = "C:\me\photographs" }"#, BACKSLASH),
    (
        IMAGES,
        r#"source = { kind = "image-folder", path = "photographs", colour = True }"#,
        "write true, in small letters",
    ),
    (
        EXPERT,
        r#"expert = "E*t""#,
        r#"modality.1.expert is the text "E*t"; write expert = { formula = "E*t", parameters = { E = { init = 1.0 } } }"#,
    ),
    (
        EXPERT,
        r#"expert = { frmula = "E*t", parameters = { E = { init = 1.0 } } }"#,
        "modality.1.expert: unknown field `frmula`; did you mean `formula`?",
    ),
    (
        EXPERT,
        r#"expert = { formula = "E*t" }"#,
        "modality.1.expert: missing field `parameters`; write parameters = { E = { init = 1.0 } }",
    ),
    (
        EXPERT,
        r#"expert = { kind = "linear", basis = "slope" }"#,
        r#"modality.1.expert.basis is the text "slope"; write basis = { kind = "slope" }"#,
    ),
    (
        EXPERT,
        r#"expert = { ode = "-k*x", start = [1.0], parameters = { k = { init = 1.0 } } }"#,
        r#"modality.1.expert.ode: invalid type: string "-k*x", expected a list; write it in square brackets, ode = ["-k*x"]"#,
    ),
    (H, "parameters.H = 10.0", "modality.1.expert.parameters.H is the number 10.0; write H = { init = 10.0 }"),
    (H, "parameters.H = { min = 0.0 }", "modality.1.expert.parameters.H: missing field `init`; write init = 1.0"),
    (AXIS, r#"axis = "strain""#, r#"modality.1.axis is the text "strain"; write axis = { name = "strain" }"#),
    (
        LABELS,
        r#"labels = "treatments.csv""#,
        r#"data.labels is the text "treatments.csv"; write labels = { path = "treatments.csv", column = "..." }"#,
    ),
    (
        VARIANCE,
        "variance = 0.1",
        "modality.0.variance is the number 0.1; write variance = { fixed = 0.1 }, or { learned = { from_epoch = 4 } }",
    ),
    (
        VARIANCE,
        r#"variance = "learned""#,
        r#"modality.0.variance is the text "learned"; write variance = { fixed = 1.0 }, or { learned = { from_epoch = 4 } }"#,
    ),
    (
        NORMALISE,
        "normalise = true",
        r#"modality.0.normalise is true; write normalise = "standard" (each value by itself), "standard_global", "min_max" or { scale = 255.0 }"#,
    ),
    (NORMALISE, r#"normalise = "zscore""#, "modality.0.normalise: unknown variant `zscore`; did you mean `standard`?"),
    (
        "clusters = 4",
        "clusters = 4.0",
        "model.clusters: invalid type: floating point `4.0`, expected a whole number; write 4, without a point",
    ),
    (
        "clusters = 4",
        r#"clusters = "4""#,
        r#"model.clusters: invalid type: string "4", expected a whole number; write 4, a number without quotes"#,
    ),
    (
        "clusters = 4",
        "clusters = -4",
        "model.clusters: invalid value: integer `-4`, expected a whole number; write a whole number of at least 0",
    ),
    ("clusters = 4", "n_clusters = 4", "model.n_clusters: unknown field `n_clusters`; did you mean `clusters`?"),
    ("title = ", "title = specimens # ", "a text goes in quotes: \"specimens\""),
    (
        "[[modality]]",
        "[modality]",
        "duplicate key; a table that comes more than once has double brackets each time: [[modality]]",
    ),
    ("epochs = 20", "epochs = 20\nlr = 0.001", "training.lr: unknown field `lr`; did you mean `learning_rate`?"),
    (
        "epochs = 20",
        "epochs = 20\nschedule = \"constant\"",
        r#"training.schedule is the text "constant"; write schedule = { kind = "constant" }, or { kind = "cosine", final_fraction = 0.05 }"#,
    ),
    (
        "clusters = 4",
        "clusters = 4\nrefit = {}",
        "model.refit: unknown field `refit`; it belongs to the top level: write it above the first [table]",
    ),
    ("clusters = 4", "clusters = 4\nclusters = 5", "duplicate key; it is given above already: keep one of them"),
    (
        "epochs = 20",
        "epochs = 20\nposterior = 3",
        "training.posterior is the number 3; write one of the texts that docs/config.md lists, in quotes",
    ),
];

const ENCODER: &str = r#"encoder = { type = "mlp", hidden = [64] }"#;
const TABLE: &str = r#"source = { kind = "table", path = "chemistry.csv", id = "specimen" }"#;
const IMAGES: &str = r#"source = { kind = "image-folder", path = "photographs" }"#;
const H: &str = r#"parameters.H = { init = 10.0, min = 0.0, unit = "MPa/%" }"#;
const AXIS: &str = r#"axis = { name = "strain", units = "%" }"#;
const LABELS: &str = r#"labels = { path = "treatments.csv", column = "treatment", id = "specimen" }"#;
const VARIANCE: &str = "variance = { learned = { from_epoch = 4 } }";
const NORMALISE: &str = r#"normalise = "standard_global""#;
const BACKSLASH: &str =
    "in double quotes a backslash begins a special character; write / in paths, or single quotes: 'C:\\data'";
/// The whole table, from its heading to its last parameter.
const EXPERT: &str = "";

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
}

#[test]
fn each_mistake_is_told_as_the_page_has_it() {
    let good = read("crates/pima-cli/experiments/specimens.toml");
    let expert = &good[good.find("[modality.expert]").unwrap()..good.rfind("\n[[modality]]").unwrap()];
    let page = read("docs/config.md");
    let (_, table) = page.split_once("\n## What can be wrong\n").unwrap();
    let rows = table.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, MISTAKES.len(), "rows of the table in docs/config.md");
    for (from, to, says) in MISTAKES {
        let from = if from == EXPERT { expert } else { from };
        assert!(good.contains(from), "{from}");
        // What follows on the line is a comment, or comes on the next.
        let end = if to.ends_with("# ") { "" } else { "\n" };
        let text = good.replacen(from, &format!("{to}{end}"), 1);
        let said = ExperimentConfig::parse(&text, Path::new("pima.toml"), None).unwrap_err().to_string();
        assert!(said.starts_with("pima.toml: line ") && said.ends_with(&format!(": {says}")), "{to}\n{said}");
        assert!(!said.contains('\n'), "{said}");
        let written = to.split_once('\n').map_or(to, |(_, written)| written);
        let quoted = |text: &str| if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") };
        let row = format!("| {} | {} |", quoted(written.trim_end_matches(" # ")), quoted(says));
        assert!(table.contains(&row), "no row in docs/config.md: {row}");
    }
}

#[test]
fn other_files_get_the_same_words() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct File {
        trials: usize,
        range: [f64; 2],
    }
    let said = |text: &str| read_toml::<File>(text).unwrap_err();
    assert_eq!(said("\ntrails = 3"), "line 2: trails: unknown field `trails`; did you mean `trials`?");
    assert_eq!(
        said("trials = 3\nrange = 3"),
        "line 2: range is the number 3; write range = [0.0001, 0.01]: the least and the greatest value"
    );
    assert!(said("trials = ").starts_with("line 1, column 10: "), "{}", said("trials = "));
}
