//! `pima evaluate`: how well the model of a run does.

use std::path::Path;

use anyhow::{Result, bail};
use pima_cli::{RunDirectory, Splits};
use pima_data::{Dataset, Split};
use pima_model::{ExperimentConfig, Model, evaluate, load_model};
use pima_nets::DeviceChoice;

use super::began;
use crate::args::{EvaluateArgs, Part};
use crate::failure::{Blame, Outcome, say};
use crate::{prepare, result_table, results};

/// A run's model with its data.
pub(super) struct Loaded {
    pub(super) run: RunDirectory,
    pub(super) config: ExperimentConfig,
    pub(super) seed: u64,
    pub(super) dataset: Dataset,
    pub(super) split: Split,
    pub(super) model: Model,
    pub(super) device: tch::Device,
}

pub(crate) fn run(args: &EvaluateArgs) -> Outcome {
    let loaded = load(&args.run, args.datasets.as_deref()).blame_input()?;
    report(&loaded, args.split).blame_work()
}

/// Opens a run; `datasets` is the folder that the user named.
pub(super) fn load(run: &Path, datasets: Option<&Path>) -> Result<Loaded> {
    let run = RunDirectory::open(run)?;
    let config = prepare::read_config(&run.config_path(), None)?;
    let root = run.root();
    let Some(record) = began(&run) else {
        bail!("{}: neither its metrics nor its summary says which seed and data the run has", root.display());
    };
    let (dataset, split) = prepare::data(&config, datasets, record.seed)?;
    prepare::ensure_same_data(dataset.name(), &record.dataset, root)?;
    // Where it was trained, if that can be had: the last digits depend on it.
    let on_gpu = run.read_summary().is_ok_and(|summary| summary.device.starts_with("cuda"));
    let device = if on_gpu { DeviceChoice::Auto } else { DeviceChoice::Cpu }.resolve()?;
    let model = load_model(&run.model_path()?, &config, device)?;
    Ok(Loaded { run, config, seed: record.seed, dataset, split, model, device })
}

fn report(loaded: &Loaded, part: Option<Part>) -> Result<()> {
    let Loaded { run, config, seed, dataset, split, model, .. } = loaded;
    let judge = |which: Part, rows: &[usize]| {
        let wanted = part.is_none_or(|part| part == which) && !rows.is_empty();
        wanted.then(|| evaluate(model, dataset, rows, config.posterior(), *seed)).transpose()
    };
    let train = judge(Part::Train, &split.train)?;
    let validation = judge(Part::Validation, &split.validation)?;
    let test = judge(Part::Test, &split.test)?;
    let summary = run.read_summary().ok();
    let experts = match &summary {
        // The same model, on the same samples.
        Some(summary) => summary.experts.clone(),
        None => {
            let own = match &train {
                Some(train) => train.clone(),
                None => evaluate(model, dataset, &split.train, config.posterior(), *seed)?,
            };
            let experts = model.identified_experts(dataset, &split.train, own.responsibilities.view())?;
            let scores = [&test, &validation, &train].into_iter().flatten().find_map(|e| e.scores.as_ref());
            results::expert_summaries(&experts, model, dataset, scores.map(|scores| &scores.accuracy.assignment[..]))
        }
    };
    let splits = Splits {
        train: train.as_ref().map(results::split_summary),
        validation: validation.as_ref().map(results::split_summary),
        test: test.as_ref().map(results::split_summary),
    };
    let state = match &summary {
        Some(summary) => summary.best_epoch.map(|epoch| format!(", best epoch {epoch}")).unwrap_or_default(),
        None => ", not finished".to_owned(),
    };
    let head = format!("{}: {}, {}, seed {seed}{state}", run.root().display(), config.experiment, dataset.name());
    say(format!("{head}\n\n{}", result_table::table(&splits, &experts, &results::label_names(dataset))));
    Ok(())
}
