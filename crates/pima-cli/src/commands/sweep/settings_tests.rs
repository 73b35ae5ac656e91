//! Tests of reading a sweep.

use super::*;

const CONFIG: &str = r#"
experiment = "e"
[data]
source = "digits"
[model]
latent = 2
clusters = 10
[training]
epochs = 4
[training.fast]
learning_rate = 2e-3
[[modality]]
name = "image"
source = { kind = "images" }
encoder = { type = "conv", channels = [4, 8] }
decoder = { type = "deconv" }
[[modality]]
name = "line"
source = { kind = "line" }
encoder = { type = "mlp", hidden = [16] }
expert = { kind = "linear", basis = { kind = "slope" } }
"#;

const SWEEP: &str = r#"
config = "e.toml"
method = "random"
trials = 6
[[parameter]]
key = "training.learning_rate"
range = [1e-5, 1e-2]
log = true
"#;

fn read(sweep: &str) -> Result<Sweep> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("s.toml"), sweep).unwrap();
    Sweep::read(&folder.path().join("s.toml"))
}

fn with(parameter: &str) -> String {
    format!("{SWEEP}[[parameter]]\n{parameter}\n")
}

/// What is said about a file; one line that names it.
fn said(sweep: &str) -> String {
    let said = format!("{:#}", read(sweep).unwrap_err());
    assert!(said.contains("s.toml: ") && !said.contains('\n'), "{said}");
    said
}

#[track_caller]
fn refused(sweep: &str, parts: &[&str]) {
    let said = said(sweep);
    for part in parts {
        assert!(said.contains(part), "{part:?} in: {said}");
    }
}

#[test]
fn a_point_is_laid_over_the_resolved_configuration() {
    let more = "key = \"modality.image.encoder.channels\"\nvalues = [[4, 8], [8, 16]]";
    let sweep = read(&with(more)).unwrap();
    assert_eq!((sweep.trials, sweep.startup, sweep.parameters.len()), (6, 3, 2));
    let channels = Value::Array(vec![8.into(), 16.into()]);
    let text = sweep.config_at(&vec![1e-4.into(), channels]).unwrap();
    let config = ExperimentConfig::parse(&text, Path::new("t.toml"), None).unwrap();
    // The table of the recipe was laid over the defaults before.
    assert_eq!((config.training.learning_rate, config.training.epochs), (1e-4, 4));
    assert!(text.contains("channels = [8, 16]"), "{text}");
}

#[test]
fn keys_are_checked_before_anything_runs() {
    let key = |key: &str| with(&format!("key = \"{key}\"\nrange = [1, 3]\ninteger = true"));
    refused(&key("model.latnet"), &["model.latnet is no key of ", "did you mean model.latent?"]);
    refused(&key("training.adam.bta1"), &["did you mean training.adam.beta1?"]);
    refused(&key("modality.imgae.encoder.kernel"), &["has no modality \"imgae\", only image, line"]);
    refused(&key("modality.image.encoder.kernle"), &["did you mean modality.image.encoder.kernel?"]);
    refused(&key("latent"), &["did you mean model.latent?"]);
    // One that has its default, which is not written out.
    refused(&key("training.patiense"), &["did you mean training.patience?"]);
    assert!(read(&key("training.patience")).is_ok());
    refused(&key("training.recipe"), &["a recipe is a set of other defaults"]);
    refused(&key("title"), &["nothing depends"]);
    refused(&key("a b"), &["no dotted key"]);
    refused(&with("key = \"training.learning_rate\"\nvalues = [1.0]"), &["given twice"]);
}

#[test]
fn what_is_misspelt_is_told_with_what_it_may_have_meant() {
    let but = |from: &str, to: &str| SWEEP.replacen(from, to, 1);
    refused(
        &but("trials = 6", "trails = 6"),
        &["s.toml: line 4: trails: unknown field `trails`; did you mean `trials`?"],
    );
    refused(
        &but("\"random\"", "\"bayes\""),
        &["s.toml: line 3: method: unknown variant `bayes`; did you mean `bayesian`?"],
    );
    refused(
        &but("range = [1e-5, 1e-2]", "range = 3"),
        &[
            "s.toml: line 7: parameter.0.range is the number 3; write range = [0.0001, 0.01]: the least and the greatest value",
        ],
    );
    refused(&but("[[parameter]]", "[parameter]"), &["s.toml: line 5: parameter", "[[parameter]] in double brackets"]);
}

#[test]
fn values_are_checked_before_anything_runs() {
    let range = |rest: &str| with(&format!("key = \"model.latent\"\n{rest}"));
    refused(&range("range = [2, 6]"), &["model.latent: takes whole numbers: add integer = true"]);
    refused(&range("range = [0, 6]\ninteger = true"), &["model.latent cannot be 0: model.latent is 0"]);
    refused(&range("range = [2.5, 6]\ninteger = true"), &["must have whole ends"]);
    refused(&range("range = [6, 2]\ninteger = true"), &["range [6, 2] is empty"]);
    refused(&range("range = [3, 3]\ninteger = true"), &["range [3, 3] is empty"]);
    refused(&range("range = [0, 3]\nlog = true\ninteger = true"), &["range [0, 3] with log = true must be above 0"]);
    refused(&range("range = [1, inf]"), &["has no end"]);
    refused(&range("values = []"), &["values is empty"]);
    refused(&range("values = [2, 3, 2]"), &["the value 2 is given twice"]);
    refused(&range("values = [2]\nrange = [1, 2]"), &["keep one"]);
    refused(&range(""), &["neither a range nor values"]);
    refused(&range("values = [2, \"many\"]"), &["model.latent cannot be \"many\"", "string"]);
    refused(&range("range = [2, 3]\ninteger = true\nsteps = 2"), &["steps are for method = \"grid\""]);
    refused(&range("range = [2, 3]\ninteger = true\nstep = 2"), &["s.toml: line 1", "unknown field `step`"]);
    let text = "key = \"modality.image.encoder.activation\"\nrange = [1, 2]";
    refused(&with(text), &["which has no range: give values"]);
}

#[test]
fn a_sweep_as_a_whole_is_checked() {
    let but = |from: &str, to: &str| {
        assert!(SWEEP.contains(from));
        SWEEP.replacen(from, to, 1)
    };
    refused(&but("trials = 6", "trials = 0"), &["trials is 0"]);
    refused(&but("trials = 6", ""), &["trials is missing"]);
    refused(&but("\"random\"", "\"baysian\""), &["line 3", "baysian", "bayesian"]);
    refused(&but("e.toml", "f.toml"), &["f.toml: no such file; did you mean"]);
    refused(&but("trials = 6", "trials = 6\nobjective = \"accuracy\""), &["needs labels"]);
    refused(&but("trials = 6", "trials = 6\nstartup = 3"), &["startup is for"]);
    let early = "trials = 6\nearly_stopping = { rule = \"median\" }";
    assert!(read(&but("trials = 6", early)).is_ok());
    refused(&but("trials = 6", &format!("{early}\nobjective = \"rmse.line\"")), &["early_stopping goes by"]);
    refused(SWEEP.split("[[").next().unwrap(), &["there is no [[parameter]]"]);
    let grid = but("\"random\"", "\"grid\"");
    refused(&grid, &["training.learning_rate: a grid needs values, or a range with steps"]);
    refused(&grid.replace("log = true", "log = true\nsteps = 3"), &["trials is 6, but the grid has 3 points"]);
    let whole = grid.replace("log = true", "log = true\nsteps = 3").replace("trials = 6", "");
    assert_eq!(read(&whole).unwrap().trials, 3);
    let few = but("range = [1e-5, 1e-2]\nlog = true", "values = [1e-3, 1e-4]");
    refused(&few, &["only 2 different points"]);
}

#[test]
fn keys_that_change_the_measure_are_known() {
    let parameters = "key = \"modality.image.weight\"\nrange = [1, 2]\n[[parameter]]\nkey = \"data.max_samples\"\nvalues = [100, 200]\n\
        [[parameter]]\nkey = \"modality.image.keep\"\nrange = [0.2, 1]";
    assert_eq!(read(&with(parameters)).unwrap().incomparable(), ["modality.image.weight", "data.max_samples"]);
}

#[test]
fn a_sweep_goes_on_as_itself_with_more_trials() {
    let identity = |text: &str| Sweep::identity(&read(text).unwrap().settings).unwrap();
    let own = identity(SWEEP);
    assert_eq!(prepare::first_difference(&identity(&SWEEP.replace("trials = 6", "trials = 9")), &own), None);
    let other = identity(&SWEEP.replace("1e-5", "1e-6"));
    let said = prepare::first_difference(&other, &own).unwrap();
    assert!(said.starts_with("parameter[0].range[0] is 1e-6") || said.contains("0.000001"), "{said}");
    let json = serde_json::to_value(&read(SWEEP).unwrap().settings).unwrap();
    assert_eq!(Sweep::identity(&serde_json::from_value(json).unwrap()).unwrap(), own);
}

#[test]
fn the_sweeps_that_are_shipped_make_sense() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sweeps"));
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect()
    };
    let tiny = files(&folder.join("tiny")).into_iter().filter(|file| !file.ends_with("experiment.toml"));
    let all: Vec<_> = files(folder).into_iter().chain(tiny).collect();
    assert!(all.len() >= 7, "{all:?}");
    for file in all {
        let sweep = Sweep::read(&file).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(sweep.incomparable().is_empty(), "{}", file.display());
    }
}
