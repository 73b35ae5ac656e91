//! `pima sweep`: many trainings of a configuration with other values, compared by what needs no labels.

mod child;
mod clusters;
mod early;
mod key;
mod objective;
mod report;
mod schedule;
mod settings;
mod space;
mod suggest;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use pima_cli::{SweepDirectory, SweepRecord, TrialRecord, TrialStatus, draw_sweep};

use self::child::Launch;
use self::schedule::Schedule;
use self::settings::{Sweep, SweepFile};
use super::typed;
use crate::args::SweepArgs;
use crate::failure::{Blame, Failure, Outcome, say};
use crate::interrupt::Interrupt;
use crate::prepare;
use crate::progress::{Detail, Progress, shown};

pub(crate) fn run(args: &SweepArgs, interrupt: &Interrupt) -> Outcome {
    let begun = Instant::now();
    let progress = Progress::new(if args.quiet { Detail::Quiet } else { Detail::Normal });
    let sweep = Sweep::read(&args.sweep).blame_input()?;
    let root = root(args);
    let (directory, mut record, trials) = begin(args, &sweep, &root, &progress).blame_input()?;
    introduce(&sweep, &record, &root, &progress);
    let program = std::env::current_exe().context("this program does not find itself").blame_work()?;
    let launch = Launch {
        program,
        run_seed: sweep.run_seed,
        threads: record.threads,
        device: args.device,
        datasets: args.datasets.clone(),
    };
    let workers = record.workers;
    let mut schedule = Schedule { sweep: &sweep, directory: &directory, launch, workers, progress: &progress, trials };
    let done = interrupt.during(|stop| schedule.run(&stop)).blame_work()?;
    let best = schedule.best();
    let trials = schedule.trials;
    record.best = best;
    record.status = if done { "finished" } else { "interrupted" }.to_owned();
    directory.write_sweep(&record).blame_work()?;
    report::write_csv(&sweep, &directory, &trials).blame_work()?;
    if !done {
        let ended =
            trials.iter().filter(|t| !matches!(t.status, TrialStatus::Running | TrialStatus::Interrupted)).count();
        return Err(Failure::Interrupted(format!(
            "interrupted; {ended} of {} trials are done, go on with: {}",
            sweep.trials,
            resume_command(args, &root)
        )));
    }
    match clusters::choose(&sweep, &directory, &trials, args.datasets.as_deref(), &progress) {
        Ok(records) => record.clusters = records,
        // The trials are there all the same.
        Err(error) => progress.note(&format!("the numbers of clusters could not be weighed: {error:#}")),
    }
    directory.write_sweep(&record).blame_work()?;
    match draw_sweep(&directory) {
        Ok(drawing) => drawing.notes.iter().for_each(|note| progress.note(note)),
        Err(error) => progress.note(&format!("the figures could not be drawn: {error:#}")),
    }
    conclude(&sweep, &record, &trials, &root, begun.elapsed(), &progress)
}

/// `--out`, or a folder named after the sweep's file.
fn root(args: &SweepArgs) -> PathBuf {
    let name = || args.sweep.file_stem().map_or_else(|| "sweep".to_owned(), |stem| stem.to_string_lossy().into_owned());
    args.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("sweep-{}", name())))
}

/// Checks what a reading of the files cannot, and makes the directory or takes it up again.
fn begin(
    args: &SweepArgs,
    sweep: &Sweep,
    root: &Path,
    progress: &Progress,
) -> Result<(SweepDirectory, SweepRecord, Vec<TrialRecord>)> {
    let workers = usize::from(args.workers);
    if args.resume {
        let directory = SweepDirectory::open_to_continue(root).context("to start a sweep, leave --resume out")?;
        let mut record = directory.read_sweep()?;
        let trials = directory.read_trials()?;
        ensure_same(args, sweep, &directory, &record, trials.len())?;
        record.threads = args.threads.map_or(record.threads, usize::from);
        record.workers = workers;
        record.n_trials = sweep.trials;
        record.status = "running".to_owned();
        directory.write_sweep(&record)?;
        return Ok((directory, record, trials));
    }
    // Known before minutes are spent on data; what counts is what `create` finds.
    if !args.force && SweepDirectory::open(root).is_ok() {
        SweepDirectory::create(root, false)?;
    }
    args.device.resolve()?;
    // Data that are generated or read for the first time are so here once, and not by every worker.
    let (dataset, split) = prepare::data(&sweep.base, args.datasets.as_deref(), sweep.run_seed)?;
    if !sweep.varies("data") && split.validation.is_empty() {
        bail!("{}: there are no validation samples, by which trials are compared", sweep.config_file.display());
    }
    prepare::check_model(&sweep.base, &dataset, &split, sweep.run_seed)
        .with_context(|| sweep.config_file.display().to_string())?;
    for key in sweep.incomparable().into_iter().filter(|_| sweep.objective.is_loss()) {
        progress.note(&format!(
            "note: {key} changes what the {} measures: its values cannot be compared by it; objective = \"rmse.MODALITY\" can",
            sweep.objective
        ));
    }
    let directory = SweepDirectory::create(root, args.force)?;
    let record = SweepRecord {
        pima_version: env!("CARGO_PKG_VERSION").to_owned(),
        experiment: sweep.base.experiment.clone(),
        title: sweep.base.title.clone(),
        dataset: dataset.name().to_owned(),
        settings: serde_json::to_value(&sweep.settings)?,
        method: sweep.method.name().to_owned(),
        objective: sweep.objective.to_string(),
        larger_is_better: sweep.objective.larger_is_better(),
        seed: sweep.seed,
        run_seed: sweep.run_seed,
        n_trials: sweep.trials,
        workers,
        threads: args.threads.map_or_else(|| share_of_cores(workers), usize::from),
        parameters: sweep.recorded_parameters()?,
        status: "running".to_owned(),
        ..SweepRecord::default()
    };
    directory.write_base(&sweep.base.to_toml()?)?;
    directory.write_sweep(&record)?;
    Ok((directory, record, Vec::new()))
}

/// Threads of each of so many trainings: all cores in use, none twice.
fn share_of_cores(workers: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / workers).max(1)
}

/// That a sweep goes on with what it began with. More trials are no other sweep, except of a grid.
fn ensure_same(
    args: &SweepArgs,
    sweep: &Sweep,
    directory: &SweepDirectory,
    record: &SweepRecord,
    recorded: usize,
) -> Result<()> {
    let own: SweepFile = serde_json::from_value(record.settings.clone())
        .with_context(|| format!("{}: its sweep.json has settings of another version", directory.root().display()))?;
    let difference = prepare::first_difference(&Sweep::identity(&sweep.settings)?, &Sweep::identity(&own)?);
    if let Some(difference) = difference {
        let (file, root) = (args.sweep.display(), directory.root().display());
        bail!(
            "{file}: {difference} when the sweep in {root} began: resume with its own file, or start another with --out"
        );
    }
    let base = prepare::read_config(&directory.base_path(), None)?;
    prepare::ensure_same(&sweep.base, &sweep.config_file, &base, &directory.base_path())?;
    ensure!(
        recorded <= sweep.trials,
        "{}: trials is {}, but {recorded} were begun already: give at least as many",
        args.sweep.display(),
        sweep.trials
    );
    Ok(())
}

fn introduce(sweep: &Sweep, record: &SweepRecord, root: &Path, progress: &Progress) {
    let title = if record.title.is_empty() { String::new() } else { format!(": {}", record.title) };
    let plural = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    progress.note(&format!("{}{title}; {}", record.experiment, record.dataset));
    progress.note(&format!(
        "{} search over {}, {}, by the {} of the validation samples; {} at a time with {} each; into {}",
        sweep.method.name(),
        plural(sweep.parameters.len(), "key"),
        plural(sweep.trials, "trial"),
        sweep.objective,
        plural(record.workers, "training"),
        plural(record.threads, "thread"),
        root.display()
    ));
}

/// The command that goes on with a sweep.
fn resume_command(args: &SweepArgs, root: &Path) -> String {
    let mut words = format!("pima sweep {} --out {} --resume", typed(&args.sweep), typed(root));
    if args.workers > 1 {
        words += &format!(" --workers {}", args.workers);
    }
    if let Some(folder) = &args.datasets {
        words += &format!(" --datasets {}", typed(folder));
    }
    words
}

/// Prints what came out.
fn conclude(
    sweep: &Sweep,
    record: &SweepRecord,
    trials: &[TrialRecord],
    root: &Path,
    time: Duration,
    progress: &Progress,
) -> Outcome {
    if !progress.is_quiet() {
        say(format!("\n{}", report::table(sweep, trials)));
        if !record.clusters.is_empty() {
            say(format!("\n{}", report::clusters_table(&record.clusters)));
        }
    }
    let Some(best) = record.best else {
        let reason = trials.iter().find_map(|trial| trial.reason.clone()).unwrap_or_default();
        let none = anyhow::anyhow!(
            "{}: none of the {} trials came to its end; the first: {reason}",
            root.display(),
            trials.len()
        );
        return Err(Failure::Work(none));
    };
    if !progress.is_quiet() {
        let run = root.join(SweepDirectory::run_name(best));
        say(format!("\n{}: best trial {best} ({}), {}", root.display(), typed(&run), shown(time)));
    }
    Ok(())
}
