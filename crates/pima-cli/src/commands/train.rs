//! `pima train`: from a configuration to a run directory.
//!
//! First all input is read and checked, then the run directory is made, then the model is trained, then it is judged. What fails before the second step
//! leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use pima_cli::{Existing, MetricsRecord, NewRun, RunDirectory, RunRecord};
use pima_model::{Error, ExperimentConfig, TrainOptions, TrainOutcome, refit, train};
use pima_nets::{describe_device, set_threads};

use super::conclude::{FINISHED, Plan, conclude};
use super::{began, typed};
use crate::args::TrainArgs;
use crate::failure::{Blame, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::prepare;
use crate::progress::{Detail, Progress};
use crate::recorder::Recorder;

/// The run's directory, begun or taken up again.
enum Directory {
    New(NewRun),
    Old(RunDirectory),
}

impl Directory {
    fn run(&self) -> &RunDirectory {
        match self {
            Self::New(run) => run,
            Self::Old(run) => run,
        }
    }
}

pub(crate) fn run(args: &TrainArgs, interrupt: &Interrupt) -> Outcome {
    let begun = Instant::now();
    let detail = match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Normal,
    };
    let mut progress = Progress::new(detail);
    if args.until_stdin_closes {
        interrupt.follow_stdin();
    }
    let ready = if args.resume { take_up(args, &progress) } else { begin(args, &progress) };
    let Some((plan, directory)) = ready.blame_input()? else { return Ok(()) };
    let run = directory.run();
    let trained = interrupt.during(|stop| fit(args, &plan, run, stop, &mut progress, begun));
    progress.ended();
    let (outcome, wall_before) = trained.map_err(|failure| explain(failure, args, &plan, run))?;
    conclude(&plan, run, &outcome, wall_before, begun, &progress).blame_work()
}

/// Checks the input of a new run and makes its directory.
fn begin(args: &TrainArgs, progress: &Progress) -> Result<Option<(Plan, Directory)>> {
    let config = prepare::read_config(&args.config, args.recipe)?;
    let seed = args.seed.unwrap_or(0);
    let root = root(args, &config, seed);
    // Known before minutes are spent on data; what counts is what `create` finds.
    if !args.force && RunDirectory::open(&root).is_ok() {
        bail!(
            "{}: already holds a run: continue it with --resume, replace it with --force, or choose another --out",
            root.display()
        );
    }
    let plan = plan(args, config, seed, progress)?;
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let run = RunDirectory::create(&root, existing)?;
    introduce(&plan, &root, progress);
    run.write_config(&plan.config.to_toml()?)?;
    run.append_metrics(&MetricsRecord::Run(Box::new(RunRecord {
        experiment: plan.config.experiment.clone(),
        title: plan.config.title.clone(),
        dataset: plan.dataset.name().to_owned(),
        seed,
    })))?;
    Ok(Some((plan, Directory::New(run))))
}

/// Checks the input of a run that is to go on, and opens its directory; `None` for one that is finished.
fn take_up(args: &TrainArgs, progress: &Progress) -> Result<Option<(Plan, Directory)>> {
    let given = prepare::read_config(&args.config, args.recipe)?;
    let root = root(args, &given, args.seed.unwrap_or(0));
    let run = RunDirectory::open_to_continue(&root);
    let run = run.map_err(|error| anyhow!("{error:#}; to start a run, leave --resume out"))?;
    let own = prepare::read_config(&run.config_path(), None)?;
    // The run's own recipe holds unless another is asked for, and then that is a difference.
    let given =
        if args.recipe.is_none() { prepare::read_config(&args.config, Some(own.training.recipe))? } else { given };
    prepare::ensure_same(&given, &args.config, &own, &run.config_path())?;
    let record = began(&run);
    let seed = match (args.seed, record.as_ref().map(|record| record.seed)) {
        (Some(seed), Some(own)) => {
            ensure!(seed == own, "{}: the run has seed {own}, not {seed}: leave --seed out", root.display());
            own
        }
        (seed, own) => own.or(seed).unwrap_or(0),
    };
    if run.summary_path().is_file() && run.read_summary()?.status == FINISHED {
        progress.note(&format!("{}: the run is finished; nothing to do", root.display()));
        return Ok(None);
    }
    let plan = plan(args, own, seed, progress)?;
    if let Some(record) = record {
        prepare::ensure_same_data(plan.dataset.name(), &record.dataset, &root)?;
    }
    introduce(&plan, &root, progress);
    Ok(Some((plan, Directory::Old(run))))
}

fn plan(args: &TrainArgs, config: ExperimentConfig, seed: u64, progress: &Progress) -> Result<Plan> {
    let device = args.device.resolve()?;
    let threads = args.threads.map(usize::from);
    if let Some(n) = threads {
        // Fails only where the pool is there already, and nothing has made one yet.
        rayon::ThreadPoolBuilder::new().num_threads(n).build_global().context("the threads cannot be started")?;
    }
    let threads = set_threads(threads);
    let named = || args.config.display().to_string();
    let (dataset, split) = prepare::data(&config, args.datasets.as_deref(), seed).with_context(named)?;
    for warning in prepare::warnings(&config, &dataset, &split, seed).with_context(named)? {
        progress.note(&format!("warning: {warning}"));
    }
    Ok(Plan { config, seed, dataset, split, device, threads })
}

/// `--out`, or a name that tells the run from others.
fn root(args: &TrainArgs, config: &ExperimentConfig, seed: u64) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "._-+".contains(c) { c } else { '-' };
    let name: String = config.experiment.chars().map(plain).collect();
    args.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("{name}-{seed}")))
}

/// Says what is about to happen.
fn introduce(plan: &Plan, root: &Path, progress: &Progress) {
    let Plan { config, dataset, split, .. } = plan;
    let title = if config.title.is_empty() { String::new() } else { format!(": {}", config.title) };
    progress.note(&format!("{}{title} ({} recipe, seed {})", config.experiment, config.training.recipe, plan.seed));
    let modalities = dataset.modalities().iter().map(|m| format!("{} ({})", m.name(), m.shape()));
    progress.note(&format!(
        "{}: {} samples to train on, {} to validate, {} to test; {}",
        dataset.name(),
        split.train.len(),
        split.validation.len(),
        split.test.len(),
        modalities.collect::<Vec<_>>().join(", ")
    ));
    let threads = if plan.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", plan.threads) };
    progress.note(&format!("{}, {threads}; into {}", describe_device(plan.device), root.display()));
}

/// Why a training did not come to its end.
enum Unfinished {
    Model(Error),
    Metrics(anyhow::Error),
}

/// Trains; also gives the seconds of earlier sessions.
fn fit(
    args: &TrainArgs,
    plan: &Plan,
    run: &RunDirectory,
    stop: Arc<AtomicBool>,
    progress: &mut Progress,
    begun: Instant,
) -> Result<(TrainOutcome, f64), Unfinished> {
    let folder = run.checkpoints_path();
    let made =
        std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot make the directory", folder.display()));
    made.map_err(Unfinished::Metrics)?;
    let options = TrainOptions {
        seed: plan.seed,
        device: plan.device,
        checkpoints: Some(folder),
        resume: args.resume,
        stop: Some(stop.clone()),
    };
    let mut recorder = Recorder::new(run, progress, stop, begun).with_tensorboard(args.tensorboard);
    let outcome = train(&plan.config, &plan.dataset, &plan.split, &options, &mut recorder).and_then(|mut outcome| {
        if let Some(settings) = &plan.config.refit {
            let (config, dataset, split) = (&plan.config, &plan.dataset, &plan.split);
            refit(&mut outcome.model, config, settings, dataset, split, &options, &mut recorder)?;
        }
        Ok(outcome)
    });
    let before = recorder.wall_before();
    match (recorder.into_failure(), outcome) {
        (Some(error), _) => Err(Unfinished::Metrics(error)),
        (None, Ok(outcome)) => Ok((outcome, before)),
        (None, Err(error)) => Err(Unfinished::Model(error)),
    }
}

fn explain(unfinished: Unfinished, args: &TrainArgs, plan: &Plan, run: &RunDirectory) -> Failure {
    match unfinished {
        Unfinished::Model(Error::Stopped { epoch }) => Failure::Interrupted(format!(
            "interrupted in epoch {epoch}; the state is saved, go on with: {}",
            resume_command(args, plan, run)
        )),
        Unfinished::Model(error) => Failure::Work(error.into()),
        Unfinished::Metrics(error) => Failure::Work(error),
    }
}

/// The command that goes on with a run.
fn resume_command(args: &TrainArgs, plan: &Plan, run: &RunDirectory) -> String {
    let mut words = vec![
        "pima train".to_owned(),
        typed(&args.config),
        "--out".to_owned(),
        typed(run.root()),
        "--resume".to_owned(),
    ];
    if let Some(folder) = &args.datasets {
        words.extend(["--datasets".to_owned(), typed(folder)]);
    }
    // The same number of threads gives the same bits.
    if args.threads.is_some() {
        words.extend(["--threads".to_owned(), plan.threads.to_string()]);
    }
    words.join(" ")
}
