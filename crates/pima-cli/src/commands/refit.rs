//! `pima refit`: the single encoders of a finished run learn what all modalities know together.

use std::time::Instant;

use anyhow::{Result, ensure};
use pima_model::{Error, RefitConfig, TrainOptions, TrainOutcome, refit};

use super::conclude::{FINISHED, Plan, conclude};
use super::evaluate::{Loaded, load};
use crate::args::RefitArgs;
use crate::failure::{Blame, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::progress::{Detail, Progress};
use crate::recorder::Recorder;

pub(crate) fn run(args: &RefitArgs, interrupt: &Interrupt) -> Outcome {
    let begun = Instant::now();
    let mut progress = Progress::new(if args.quiet { Detail::Quiet } else { Detail::Normal });
    let (loaded, settings) = ready(args).blame_input()?;
    let Loaded { run, config, seed, dataset, split, mut model, device } = loaded;
    let summary = run.read_summary().blame_input()?;
    let done = interrupt.during(|stop| {
        let options = TrainOptions {
            seed,
            device,
            checkpoints: Some(run.checkpoints_path()),
            resume: false,
            stop: Some(stop.clone()),
        };
        let mut recorder = Recorder::new(&run, &mut progress, stop, begun);
        let done = refit(&mut model, &config, &settings, &dataset, &split, &options, &mut recorder);
        recorder.into_failure().map_or(done.map_err(Into::into), Err)
    });
    if let Err(error) = done {
        return Err(match error.downcast_ref() {
            Some(Error::Stopped { .. }) => Failure::Interrupted("interrupted; the run is as it was before".to_owned()),
            _ => Failure::Work(error),
        });
    }
    let plan = Plan { config, seed, dataset, split, device, threads: summary.threads };
    let outcome = TrainOutcome {
        model,
        epochs: summary.epochs,
        best_epoch: summary.best_epoch.unwrap_or(summary.epochs),
        seconds: summary.train_seconds,
    };
    conclude(&plan, &run, &outcome, summary.wall_seconds, begun, &progress).blame_work()
}

fn ready(args: &RefitArgs) -> Result<(Loaded, RefitConfig)> {
    let loaded = load(&args.run, args.datasets.as_deref())?;
    let root = loaded.run.root().display();
    ensure!(
        loaded.run.read_summary().is_ok_and(|summary| summary.status == FINISHED),
        "{root}: the run is not finished: train it to its end first (pima train ... --resume)"
    );
    ensure!(
        loaded.model.modality_names().count() > 1,
        "{root}: the model has one modality, whose encoder knows already all there is to know"
    );
    let mut settings = loaded.config.refit.clone().unwrap_or_default();
    if let Some(epochs) = args.epochs {
        settings.epochs = usize::from(epochs);
    }
    if let Some(rate) = args.learning_rate {
        ensure!(rate.is_finite() && rate > 0.0, "--learning-rate must be a positive number, not {rate}");
        settings.learning_rate = rate;
    }
    if let Some(objective) = args.objective {
        settings.objective = objective;
    }
    Ok((loaded, settings))
}
