//! From a configuration to the data it names: everything that can be wrong with the input is found out here, before anything is written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pima_data::{Dataset, Split, find_mnist};
use pima_model::{DataLocations, DataSource, ExperimentConfig, Model, Recipe, Survey, load_data};

/// Where MNIST lies in a checkout.
const FALLBACK: &str = "datasets/mnist";
/// The environment's word on where data lies.
const VARIABLE: &str = "PIMA_DATASETS";

/// Reads an experiment.
///
/// # Errors
/// The file cannot be read, or is no configuration that makes sense.
pub(crate) fn read_config(file: &Path, recipe: Option<Recipe>) -> Result<ExperimentConfig> {
    if file.is_dir() {
        let named = |ending: &str| {
            let paths = std::fs::read_dir(file).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
            paths.filter(|path| path.extension().is_some_and(|own| own == ending)).min()
        };
        let inside = Some(file.join("pima.toml")).filter(|inside| inside.is_file()).or_else(|| named("toml"));
        let file = file.display();
        match inside {
            Some(inside) => bail!("{file}: is a folder; the config in it is {}", inside.display()),
            None => bail!("{file}: is a folder; name a config, or have one written by: pima init {file}"),
        }
    }
    if let Some(meant) = Some(file).filter(|file| !file.exists()).and_then(pima_data::nearest_name) {
        bail!("{}: no such file; did you mean '{meant}'?", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{}: cannot read", file.display()))?;
    Ok(ExperimentConfig::parse(&text, file, recipe)?)
}

/// Where to look for data: the folder that `--datasets` named, else that of the environment, else the checkout's.
pub(crate) fn locations(option: Option<&Path>) -> DataLocations {
    let variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    DataLocations {
        datasets: option.map(Path::to_owned).or_else(variable),
        fallback: FALLBACK.into(),
        generated: cache().map(|cache| cache.join("pima/generated")),
        progress: Some(crate::progress::generation),
        note: Some(crate::progress::data_note),
    }
}

/// The user's cache directory, where the platform has one.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("XDG_CACHE_HOME").or_else(|| {
        let below = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        folder("HOME").map(|home| home.join(below))
    })
}

/// The samples of an experiment and their split; `option` is the folder that `--datasets` named.
///
/// # Errors
/// Files are missing or damaged, or there are no samples to train on. A folder that was named must hold what is looked for: another data set does not
/// silently take its place.
pub(crate) fn data(config: &ExperimentConfig, option: Option<&Path>, seed: u64) -> Result<(Dataset, Split)> {
    let locations = checked_locations(config, option)?;
    Ok(load_data(config, &locations, seed)?)
}

/// What [`data`] would give, without keeping it.
///
/// # Errors
/// As [`data`] and [`check_model`].
pub(crate) fn survey(config: &ExperimentConfig, option: Option<&Path>, seed: u64) -> Result<Survey> {
    let locations = checked_locations(config, option)?;
    let survey = pima_model::survey(config, &locations, seed)?;
    check_clusters(config, &survey.split)?;
    Ok(survey)
}

fn checked_locations(config: &ExperimentConfig, option: Option<&Path>) -> Result<DataLocations> {
    let locations = locations(option);
    if config.data.source == DataSource::MnistOrDigits && option.is_some() {
        find_mnist(option, &locations.fallback)?;
    }
    Ok(locations)
}

/// Builds the networks once, to see that they fit the data, and counts their weights.
///
/// # Errors
/// A network cannot take the shape of its modality, or an expert its axis.
pub(crate) fn check_model(config: &ExperimentConfig, dataset: &Dataset, split: &Split, seed: u64) -> Result<usize> {
    check_clusters(config, split)?;
    let model = Model::new(config, dataset, split, tch::Device::Cpu, seed)?;
    Ok(model.n_parameters())
}

/// The same, and what should be looked at in the data.
///
/// # Errors
/// As [`check_model`].
pub(crate) fn warnings(config: &ExperimentConfig, dataset: &Dataset, split: &Split, seed: u64) -> Result<Vec<String>> {
    check_clusters(config, split)?;
    Ok(pima_model::survey_loaded(config, dataset, split, seed)?.warnings)
}

/// That there are samples for the clusters.
fn check_clusters(config: &ExperimentConfig, split: &Split) -> Result<()> {
    let (n, n_train) = (config.model.clusters, split.train.len());
    ensure!(
        n <= n_train,
        "model.clusters is {n}, but there are {n_train} samples to train on: use at most one for every ten samples"
    );
    Ok(())
}

/// That a run goes on with the configuration it began with.
///
/// # Errors
/// Names the first difference.
pub(crate) fn ensure_same(
    given: &ExperimentConfig,
    file: &Path,
    own: &ExperimentConfig,
    own_file: &Path,
) -> Result<()> {
    // A path relative to where the command was typed is the absolute one that the run has.
    let value = |config: &ExperimentConfig| toml::Value::try_from(config.with_absolute_paths());
    let (given, own) = (value(given)?, value(own)?);
    if let Some(Difference { key, a, b }) = difference(&given, &own, "") {
        bail!(
            "{}: {key} is {a}, but the run was begun with {b} ({}): resume with the run's own configuration, or start another run",
            file.display(),
            own_file.display()
        );
    }
    Ok(())
}

/// The first value in which two tables differ, as `key is a, but was b`.
pub(crate) fn first_difference(a: &toml::Value, b: &toml::Value) -> Option<String> {
    difference(a, b, "").map(|Difference { key, a, b }| format!("{key} is {a}, but was {b}"))
}

/// That a run goes on with the samples it began with.
///
/// # Errors
/// Names both data sets.
pub(crate) fn ensure_same_data(found: &str, own: &str, run: &Path) -> Result<()> {
    ensure!(
        found == own,
        "{}: the run was trained on {own}, but what was found now is {found}: name the folder of its data with --datasets",
        run.display()
    );
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Difference {
    key: String,
    a: String,
    b: String,
}

/// The first value in which two configurations differ.
fn difference(a: &toml::Value, b: &toml::Value, key: &str) -> Option<Difference> {
    use toml::Value::{Array, Table};
    let missing = || "absent".to_owned();
    match (a, b) {
        (Table(a), Table(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.map(|name| (name, if key.is_empty() { name.clone() } else { format!("{key}.{name}") })).find_map(
                |(name, key)| match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => difference(a, b, &key),
                    (a, b) => {
                        let shown = |value: Option<&toml::Value>| value.map_or_else(missing, ToString::to_string);
                        Some(Difference { key, a: shown(a), b: shown(b) })
                    }
                },
            )
        }
        (Array(a), Array(b)) if a.len() == b.len() => {
            let named = |at: usize, value: &toml::Value| match value.get("name").and_then(toml::Value::as_str) {
                Some(name) => format!("{key} {name:?}"),
                None => format!("{key}[{at}]"),
            };
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| difference(a, b, &named(at, a)))
        }
        (a, b) if a == b => None,
        (Array(a), Array(b)) if a.iter().chain(b).any(toml::Value::is_table) => {
            Some(Difference { key: format!("number of {key} entries"), a: a.len().to_string(), b: b.len().to_string() })
        }
        (a, b) => Some(Difference { key: key.to_owned(), a: a.to_string(), b: b.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(a: &str, b: &str) -> Option<String> {
        let value = |text: &str| toml::Value::Table(toml::from_str(text).unwrap());
        difference(&value(a), &value(b), "").map(|d| format!("{} {} {}", d.key, d.a, d.b))
    }

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let base = "a = 1\n[t.u]\nx = 0.5\n[[m]]\nname = 'image'\nk = [1, 2]\n";
        assert_eq!(first(base, base), None);
        assert_eq!(first(base, &base.replace("0.5", "0.25")).unwrap(), "t.u.x 0.5 0.25");
        assert_eq!(first(base, &base.replace("[1, 2]", "[1, 3]")).unwrap(), "m \"image\".k[1] 2 3");
        assert_eq!(first(base, &base.replace("a = 1\n", "")).unwrap(), "a 1 absent");
        assert_eq!(first(base, &format!("{base}[[m]]\nname = 'line'\n")).unwrap(), "number of m entries 1 2");
        assert_eq!(first(base, &base.replace("[1, 2]", "[1]")).unwrap(), "m \"image\".k [1, 2] [1]");
    }
}
