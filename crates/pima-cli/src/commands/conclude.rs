//! The end of a run: its model is judged on every split, and what came out is written down.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use pima_cli::{RunDirectory, Splits, Summary, draw_all};
use pima_data::{Dataset, Split};
use pima_model::{Evaluation, ExperimentConfig, TrainOutcome, calibration, compare_with_peers, evaluate};
use pima_nets::describe_device;

use super::examples::examples;
use super::typed;
use crate::failure::say;
use crate::memory::peak_memory;
use crate::progress::{Progress, shown};
use crate::{identified, result_table, results};

/// How a run that came to its end is marked; whoever reads a summary looks for it.
pub(super) const FINISHED: &str = "finished";

/// Test samples that cross-modal inference is judged on: decoding every draw of every sample would take longer than training.
const CALIBRATION_ROWS: usize = 2000;
/// Levels of the intervals it is judged by.
const CALIBRATION_LEVELS: [f64; 3] = [0.5, 0.9, 0.95];

/// Everything that a run needs, checked.
pub(super) struct Plan {
    pub(super) config: ExperimentConfig,
    pub(super) seed: u64,
    pub(super) dataset: Dataset,
    pub(super) split: Split,
    pub(super) device: tch::Device,
    pub(super) threads: usize,
}

/// Evaluates the model on every split and writes down what came out.
pub(super) fn conclude(
    plan: &Plan,
    run: &RunDirectory,
    outcome: &TrainOutcome,
    wall_before: f64,
    begun: Instant,
    progress: &Progress,
) -> Result<()> {
    let Plan { config, dataset, split, seed, .. } = plan;
    let model = &outcome.model;
    let judge = |rows: &[usize]| -> Result<Option<Evaluation>> {
        let some = (!rows.is_empty()).then(|| evaluate(model, dataset, rows, config.posterior(), *seed));
        Ok(some.transpose()?)
    };
    progress.note(&format!("evaluating the model of epoch {} on every split", outcome.best_epoch));
    let (train, validation, test) = (judge(&split.train)?, judge(&split.validation)?, judge(&split.test)?);
    let train = train.ok_or_else(|| anyhow!("there are no samples to train on"))?;
    let splits = [
        ("train", &split.train, Some(&train)),
        ("validation", &split.validation, validation.as_ref()),
        ("test", &split.test, test.as_ref()),
    ];
    let samples = splits
        .into_iter()
        .filter_map(|(name, rows, evaluation)| Some(results::sample_rows(model, dataset, name, rows, evaluation?)))
        .flatten();
    let names: Vec<String> = model.modality_names().map(str::to_owned).collect();
    run.write_samples(&names, model.prior().n_latent(), samples)?;
    if let Some(parameters) = identified::of_run(model, dataset, split, *seed)? {
        parameters.write(&run.parameters_path())?;
    }
    match &test {
        Some(test) => {
            run.write_predictions(&results::predictions(config, model, dataset, &split.test, test, *seed)?)?;
        }
        None => progress.note("no predictions are written: the data has no test samples"),
    }
    let experts = model.identified_experts(dataset, &split.train, train.responsibilities.view())?;
    let scores =
        [test.as_ref(), validation.as_ref(), Some(&train)].into_iter().flatten().find_map(|e| e.scores.as_ref());
    let assignment = scores.map(|scores| &scores.accuracy.assignment[..]);
    let mut summary = Summary {
        pima_version: env!("CARGO_PKG_VERSION").to_owned(),
        experiment: config.experiment.clone(),
        title: config.title.clone(),
        dataset: dataset.name().to_owned(),
        seed: *seed,
        recipe: config.training.recipe.to_string(),
        device: describe_device(plan.device),
        threads: plan.threads,
        wall_seconds: wall_before + begun.elapsed().as_secs_f64(),
        train_seconds: outcome.seconds,
        epochs: outcome.epochs,
        best_epoch: Some(outcome.best_epoch),
        status: FINISHED.to_owned(),
        experts: results::expert_summaries(&experts, model, dataset, assignment),
        splits: Splits {
            train: Some(results::split_summary(&train)),
            validation: validation.as_ref().map(results::split_summary),
            test: test.as_ref().map(results::split_summary),
        },
        ..Summary::default()
    };
    if let (Some(of_test), Some(test)) = (&mut summary.splits.test, &test) {
        results::compare(of_test, model, dataset, (&split.train, &split.test), test)?;
        let rows = &split.test[..split.test.len().min(CALIBRATION_ROWS)];
        let engine = model.preferred_engine();
        let inferred = examples(model, dataset, &split.test, engine, *seed)?;
        if !inferred.predicted.is_empty() {
            run.write_inference(&inferred)?;
        }
        of_test.calibration = calibration(model, dataset, rows, assignment, &CALIBRATION_LEVELS, engine, *seed)?;
    }
    match compare_with_peers(config, dataset, split, model.normalisations(), *seed) {
        Ok(Some(peers)) => {
            let Splits { train, validation, test } = &mut summary.splits;
            for (split, peer) in [(train, &peers.train), (validation, &peers.validation), (test, &peers.test)] {
                if let (Some(split), Some(config)) = (split, &config.peers) {
                    split.peers = results::peer_summaries(config, peer);
                }
            }
        }
        Ok(None) => {}
        // The model has been trained all the same.
        Err(error) => progress.note(&format!("the simpler methods of [peers] could not be fitted: {error}")),
    }
    summary.parameter_error = results::parameter_errors(&summary.experts);
    results::describe(&mut summary, model, dataset);
    summary.peak_memory_bytes = peak_memory();
    run.write_summary(&summary)?;
    // The figures are drawn from the files just written, and a run without them is still a finished run.
    if let Err(error) = draw_all(run) {
        progress.note(&format!("the figures could not be drawn: {error:#}"));
    }
    summary.wall_seconds = wall_before + begun.elapsed().as_secs_f64();
    run.write_summary(&summary)?;
    if !progress.is_quiet() {
        say(format!(
            "\n{}\n{}: best epoch {} of {}, {}\npima report {} makes one page of it",
            result_table::table(&summary.splits, &summary.experts, &summary.label_names),
            run.root().display(),
            outcome.best_epoch,
            outcome.epochs,
            shown(Duration::from_secs_f64(summary.wall_seconds)),
            typed(run.root())
        ));
    }
    Ok(())
}
