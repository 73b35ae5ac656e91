//! A sweep as its file describes it, and what has to be right before anything runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pima_cli::SweepParameter;
use pima_model::{Error, ExperimentConfig, Recipe};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::early::EarlyStopping;
use super::key::{Key, suggestion};
use super::objective::Objective;
use super::space::{Domain, Parameter, Point, size};
use super::suggest::Method;
use crate::prepare;

/// Trials that a Bayesian search draws at random before it begins to learn, where the file does not say.
const STARTUP: usize = 10;

/// The file as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepFile {
    /// The configuration that is varied, relative to this file.
    config: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<Recipe>,
    method: Method,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trials: Option<usize>,
    /// Of the suggestions.
    #[serde(default)]
    seed: u64,
    /// Of every training.
    #[serde(default)]
    run_seed: u64,
    #[serde(default = "loss")]
    objective: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    startup: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early_stopping: Option<EarlyStopping>,
    #[serde(default, rename = "parameter")]
    parameters: Vec<ParameterFile>,
}

fn loss() -> String {
    "loss".to_owned()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<[f64; 2]>,
    #[serde(default)]
    log: bool,
    #[serde(default)]
    integer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Value>>,
}

/// A sweep that makes sense.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) settings: SweepFile,
    pub(super) config_file: PathBuf,
    /// The configuration that is varied.
    pub(super) base: ExperimentConfig,
    base_table: Table,
    pub(super) method: Method,
    pub(super) trials: usize,
    pub(super) startup: usize,
    pub(super) seed: u64,
    pub(super) run_seed: u64,
    pub(super) objective: Objective,
    pub(super) early: Option<EarlyStopping>,
    pub(super) parameters: Vec<Parameter>,
}

impl Sweep {
    /// Reads a sweep and its configuration.
    ///
    /// # Errors
    /// One line that names the file, the place and what to do.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{}: cannot read", file.display()))?;
        let settings: SweepFile =
            pima_model::read_toml(&text).map_err(|problem| anyhow!("{}: {problem}", file.display()))?;
        let config_file = file.parent().unwrap_or(Path::new("")).join(&settings.config);
        let base = prepare::read_config(&config_file, settings.recipe)
            .with_context(|| format!("{}: its config", file.display()))?;
        Self::checked(settings, config_file, base).with_context(|| file.display().to_string())
    }

    fn checked(settings: SweepFile, config_file: PathBuf, base: ExperimentConfig) -> Result<Self> {
        let modalities: Vec<&str> = base.modalities.iter().map(|modality| modality.name.as_str()).collect();
        let objective = Objective::parse(&settings.objective, &modalities)?;
        let Value::Table(base_table) = Value::try_from(&base)? else { bail!("the config is no table") };
        let parameters = settings.parameters.iter().map(parameter).collect::<Result<Vec<_>>>()?;
        ensure!(!parameters.is_empty(), "there is no [[parameter]]: name at least one key to vary");
        let mut sweep = Self {
            config_file,
            base,
            base_table,
            method: settings.method,
            trials: 0,
            startup: 0,
            seed: settings.seed,
            run_seed: settings.run_seed,
            objective,
            early: settings.early_stopping,
            parameters,
            settings,
        };
        for (p, parameter) in sweep.parameters.iter().enumerate() {
            let key = &parameter.key;
            let twice = sweep.parameters[..p].iter().any(|other| other.key == *key);
            ensure!(!twice, "parameter {key} is given twice: remove one");
            sweep.check_key(parameter)?;
        }
        sweep.trials = sweep.n_trials()?;
        let half = sweep.trials.div_ceil(2);
        sweep.startup = sweep.settings.startup.unwrap_or(STARTUP.min(half));
        let is_bayesian = sweep.method == Method::Bayesian;
        ensure!(sweep.settings.startup.is_none() || is_bayesian, "startup is for method = \"bayesian\"");
        ensure!(
            sweep.startup > 0 || !is_bayesian,
            "startup is 0: a Bayesian search begins with at least 1 random trial"
        );
        if let Some(early) = &sweep.early {
            ensure!(
                sweep.objective.is_loss(),
                "early_stopping goes by the validation loss, but the objective is {}: remove one of them",
                sweep.objective
            );
            ensure!(early.min_epochs > 0, "early_stopping.min_epochs is 0: it must be at least 1");
            ensure!(early.min_trials > 0, "early_stopping.min_trials is 0: it must be at least 1");
        }
        let none = sweep.base.data.split.validation == 0.0 && !sweep.varies("data.split");
        ensure!(
            !none,
            "data.split of the config has no validation samples, by which trials are compared: give it some"
        );
        Ok(sweep)
    }

    /// Whether a key is varied that is this one or lies below it.
    pub(super) fn varies(&self, key: &str) -> bool {
        let below = |text: &str| text.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.parameters.iter().any(|parameter| below(parameter.key.text()))
    }

    fn n_trials(&self) -> Result<usize> {
        let given = self.settings.trials;
        ensure!(given != Some(0), "trials is 0: give at least 1");
        if self.method == Method::Grid {
            let mut grid = 1_usize;
            for Parameter { key, domain } in &self.parameters {
                let values = domain
                    .grid()
                    .with_context(|| format!("parameter {key}: a grid needs values, or a range with steps"))?;
                grid = grid.saturating_mul(values.len());
            }
            let same = given.is_none_or(|trials| trials == grid);
            ensure!(same, "trials is {}, but the grid has {grid} points: leave trials out", given.unwrap_or(0));
            return Ok(grid);
        }
        let stepped = self.settings.parameters.iter().find(|parameter| parameter.steps.is_some());
        if let Some(parameter) = stepped {
            bail!("parameter {}: steps are for method = \"grid\"", parameter.key);
        }
        let trials = given.context("trials is missing: say how many points to try")?;
        if let Some(points) = size(&self.parameters).filter(|&points| points < trials) {
            bail!(
                "trials is {trials}, but there are only {points} different points: use method = \"grid\" without trials"
            );
        }
        Ok(trials)
    }

    /// That the configuration has the key, and takes its values.
    fn check_key(&self, parameter: &Parameter) -> Result<()> {
        let Parameter { key, domain } = parameter;
        let file = self.config_file.display();
        if let Some(why) = unusable(key) {
            bail!("parameter {key}: {why}");
        }
        let meant = |others: &[String]| {
            let found = suggestion(key, &self.base_table, others);
            found
                .map(|found| format!(": did you mean {found}?"))
                .unwrap_or_else(|| ": see its config.toml for all keys".to_owned())
        };
        if let (Some(name), None) =
            (key.modality(), self.base.modalities.iter().find(|m| Some(m.name.as_str()) == key.modality()))
        {
            let names: Vec<_> = self.base.modalities.iter().map(|m| m.name.as_str()).collect();
            bail!("parameter {key}: {file} has no modality {name:?}, only {}{}", names.join(", "), meant(&[]));
        }
        if let (Domain::Range { integer, .. }, Some(own)) = (domain, key.get(&self.base_table)) {
            ensure!(
                own.is_integer() || own.is_float(),
                "parameter {key}: it is {own} in {file}, which has no range: give values"
            );
            ensure!(!own.is_integer() || *integer, "parameter {key}: takes whole numbers: add integer = true");
        }
        for value in domain.probes() {
            let Err(message) = self.varied(&[(key, value.clone())]) else { continue };
            match unknown_field(&message) {
                Some((field, others)) if key.within().contains(&field.as_str()) => {
                    bail!("parameter {key} is no key of {file}{}", meant(&others))
                }
                _ => bail!("parameter {key} cannot be {value}: {message}"),
            }
        }
        Ok(())
    }

    /// The configuration of a point, as a file's text.
    ///
    /// # Errors
    /// Why these values do not go together, in one line.
    pub(super) fn config_at(&self, point: &Point) -> Result<String, String> {
        let pairs: Vec<_> = self.parameters.iter().map(|p| &p.key).zip(point.iter().cloned()).collect();
        let config = self.varied(&pairs)?;
        config.to_toml().map_err(|error| error.to_string())
    }

    fn varied(&self, pairs: &[(&Key, Value)]) -> Result<ExperimentConfig, String> {
        let mut table = self.base_table.clone();
        for (key, value) in pairs {
            if !key.set(&mut table, value.clone()) {
                return Err(format!("unknown field `{}`", key.within().last().unwrap_or(&"")));
            }
        }
        let text = toml::to_string(&table).map_err(|error| error.to_string())?;
        ExperimentConfig::parse(&text, Path::new(""), None).map_err(|error| match error {
            // The line is one of a text that nobody has seen.
            Error::Config { message, .. } => match message.split_once(": ") {
                Some((line, rest)) if line.starts_with("line ") => rest.to_owned(),
                _ => message,
            },
            error => error.to_string(),
        })
    }

    /// Keys between whose values a loss says nothing: they change what is measured, or how.
    pub(super) fn incomparable(&self) -> Vec<&str> {
        const BY_MODALITY: [&str; 4] = ["weight", "normalise", "missing", "source"];
        let changes = |key: &Key| {
            let first = key.within().first().copied().unwrap_or_default();
            if key.modality().is_some() { BY_MODALITY.contains(&first) } else { first == "data" }
        };
        self.parameters.iter().map(|p| &p.key).filter(|key| changes(key)).map(Key::text).collect()
    }

    /// The sweep's file, without what may differ when it goes on.
    pub(super) fn identity(settings: &SweepFile) -> Result<Value> {
        Ok(Value::try_from(SweepFile { trials: None, config: PathBuf::new(), ..settings.clone() })?)
    }

    /// What is varied, as it is recorded.
    pub(super) fn recorded_parameters(&self) -> Result<Vec<SweepParameter>> {
        let record = |Parameter { key, domain }: &Parameter| {
            let key = key.text().to_owned();
            Ok(match domain {
                Domain::Range { low, high, log, integer, .. } => {
                    SweepParameter { key, range: Some((*low, *high)), log: *log, integer: *integer, values: Vec::new() }
                }
                Domain::Values(values) => {
                    let values = values.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
                    SweepParameter { key, values, ..SweepParameter::default() }
                }
            })
        };
        self.parameters.iter().map(record).collect()
    }
}

/// Why a key that a configuration has is none to vary.
fn unusable(key: &Key) -> Option<&'static str> {
    match (key.modality(), key.within()[..].first().copied().unwrap_or_default(), key.within().len()) {
        (None, "experiment" | "title", _) => Some("it is a name, on which nothing depends"),
        (Some(_), "name", _) => Some("it is a name, on which nothing depends"),
        (None, "training", n) if n > 1 && matches!(key.within()[1], "recipe" | "fast" | "paper") => Some(
            "a recipe is a set of other defaults, not one value: write a sweep for each, with recipe = \"paper\" beside config",
        ),
        _ => None,
    }
}

/// The field that is unknown, and those that are expected, from serde's message.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let (_, rest) = message.split_once("unknown field `")?;
    let mut names = rest.split('`').step_by(2).map(str::to_owned);
    Some((names.next()?, names.collect()))
}

fn parameter(file: &ParameterFile) -> Result<Parameter> {
    let ParameterFile { key: text, range, log, integer, steps, values } = file;
    let at = |what: &str| anyhow!("parameter {text}: {what}");
    let key = Key::parse(text)
        .with_context(|| format!("parameter {text:?} is no dotted key such as training.learning_rate"))?;
    let domain = match (range, values) {
        (Some(_), Some(_)) => bail!(at("has a range and values: keep one")),
        (None, None) => bail!(at("has neither a range nor values: give one")),
        (None, Some(values)) => {
            ensure!(!(*log || *integer || steps.is_some()), at("log, integer and steps are for a range"));
            ensure!(!values.is_empty(), at("values is empty: give at least one"));
            let twice = (0..values.len()).find(|&k| values[..k].contains(&values[k]));
            if let Some(k) = twice {
                bail!(at(&format!("the value {} is given twice", values[k])));
            }
            Domain::Values(values.clone())
        }
        (Some([low, high]), None) => {
            let shown = format!("range [{low}, {high}]");
            ensure!(low.is_finite() && high.is_finite(), at(&format!("{shown} has no end")));
            ensure!(low < high, at(&format!("{shown} is empty: its first number must be the smaller one")));
            ensure!(!*log || *low > 0.0, at(&format!("{shown} with log = true must be above 0")));
            let whole = low.fract() == 0.0 && high.fract() == 0.0 && low.abs().max(high.abs()) < 1e15;
            ensure!(!*integer || whole, at(&format!("{shown} with integer = true must have whole ends")));
            ensure!(*steps != Some(0), at("steps is 0: give at least 1"));
            Domain::Range { low: *low, high: *high, log: *log, integer: *integer, steps: *steps }
        }
    };
    Ok(Parameter { key, domain })
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
