//! `cargo xtask reproduce-paper`: set-up, a release build, every experiment trained by the `pima` program, and the papers' tables beside ours.
//!
//! It is resumable: finished runs are kept, interrupted ones go on from their checkpoint. The report is written anew after every run.

mod gather;
mod launch;
mod machine;
mod markdown;
mod report;
mod statistics;
mod summary;
mod table;

use crate::args::Args;
use crate::process::{run, shown, shown_time};
use crate::setup::{Ready, Variant, Wanted, setup};
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, ensure};
use gather::Failures;
use launch::{Action, Launch};
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use table::Experiment;

pub(crate) const USAGE: &str = "\
cargo xtask reproduce-paper [options]

  --only 4.1,...               these experiments (default: all, of each the rows that are not marked `brief = false`)
  --rows multimodal,...        these rows of their tables (default: those that are not marked `default = false`)
  --seeds K                    seeds 0 to K-1 (default: 1)
  --recipe fast|paper          training recipe (default: what the configs say)
  --datasets DIR               the folder that holds MNIST
  --device D                   cpu, cuda, cuda:1, ... (default: what the configs say); cuda builds against the CUDA libtorch
  --jobs J                     runs at once, which share the processors (default: 1)
  --out DIR                    run directory (default: runs/reproduce-paper)
  --force                      run again what is finished

Finished runs are kept and interrupted ones resumed, as long as config, recipe, device and data are the same. The tables go to the terminal and, with all else,
to REPRODUCTION.md and results.json in the run directory. The exit code is 1 if a run failed and 130 after an interrupt.";

/// What was asked for, checked.
struct Options {
    only: Option<Vec<String>>,
    rows: Option<Vec<String>>,
    seeds: u64,
    recipe: Option<String>,
    device: Option<String>,
    out: PathBuf,
    force: bool,
    jobs: usize,
}

impl Options {
    fn from_args(ws: &Workspace, args: &mut Args) -> Result<Self> {
        let mut count = |name: &str| match args.value(name)? {
            None => Ok(1),
            Some(text) => text
                .parse::<u64>()
                .ok()
                .filter(|count| *count > 0)
                .with_context(|| format!("{name} {text}: wants how many, a whole number from 1")),
        };
        let (seeds, jobs) = (count("--seeds")?, count("--jobs")? as usize);
        let recipe = args.value("--recipe")?;
        if let Some(recipe) = &recipe {
            let known = ["fast", "paper"].contains(&recipe.as_str());
            ensure!(known, "--recipe {recipe}: there are `fast` and `paper`");
        }
        let out = match args.value("--out")? {
            Some(folder) => std::path::absolute(folder)?,
            None => ws.root.join("runs/reproduce-paper"),
        };
        Ok(Self {
            only: args.list("--only")?,
            rows: args.list("--rows")?,
            seeds,
            recipe,
            device: args.value("--device")?,
            out,
            force: args.flag("--force"),
            jobs,
        })
    }
}

/// Set by Ctrl-C. The program that is training gets the signal too, saves its checkpoint and ends; then so do we, with the report written.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let mut wanted = Wanted::from_args(&mut args)?;
    let options = Options::from_args(ws, &mut args)?;
    args.finish()?;
    if options.device.as_deref().is_some_and(|device| device.starts_with("cuda")) {
        wanted.variant = Variant::Cuda;
    }
    let experiments = table::read_all(&ws.root.join("crates/pima-cli/experiments"))?;
    let jobs = plan(&experiments, &options)?;
    let ready = setup(ws, &wanted)?;
    let pima = build(ws, &ready, wanted.variant)?;
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .context("the handler of interrupts cannot be installed")?;

    let start = Instant::now();
    let report = Report::new(ws, &ready, &options);
    let (next, shared) = (AtomicUsize::new(0), Mutex::new(Failures::default()));
    let work = || -> Result<()> {
        while !INTERRUPTED.load(Ordering::SeqCst) {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(job) = jobs.get(number) else { break };
            let (experiment, row) = (&experiments[job.experiment], job.row);
            let name = format!("{} {} seed {}", experiment.id, experiment.rows[row].name, job.seed);
            println!("[{}/{}] {name}", number + 1, jobs.len());
            let launch = Launch::new(experiment, row, job.seed, &options, &ready.data);
            let result = launch.and_then(|launch| train(ws, &ready, &pima, &launch, &options, report.commit()));
            // A thread that panicked was not writing: what the lock guards is whole.
            let mut failures = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Err(_) if INTERRUPTED.load(Ordering::SeqCst) => break,
                Err(error) => {
                    let why = without_root(&format!("{error:#}"), ws);
                    println!("FAILED {name}: {why}");
                    failures.add(experiment, row, job.seed, why);
                }
                Ok(()) if options.jobs > 1 => println!("[{}/{}] {name}: done", number + 1, jobs.len()),
                Ok(()) => {}
            }
            report.write(&experiments, &options, &ready.data, &failures)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.min(jobs.len())).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let failures = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    let results = report.write(&experiments, &options, &ready.data, &failures)?;
    println!("\n{}", report.tables(&results));
    println!("{} in {}", ws.short(&options.out.join("REPRODUCTION.md")), shown_time(start.elapsed()));
    Ok(if INTERRUPTED.load(Ordering::SeqCst) {
        println!("interrupted; the same command goes on from here");
        ExitCode::from(130)
    } else if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One training run to be had.
#[derive(Debug, PartialEq, Eq)]
struct Job {
    experiment: usize,
    row: usize,
    seed: u64,
}

/// What to run: the first seed of everything before the second of anything.
fn plan(experiments: &[Experiment], options: &Options) -> Result<Vec<Job>> {
    for id in options.only.iter().flatten() {
        let ids = experiments.iter().map(|e| e.id.as_str()).collect::<Vec<_>>().join(", ");
        ensure!(experiments.iter().any(|e| e.id == *id), "--only {id}: there are {ids}");
    }
    let chosen = |e: &Experiment| options.only.as_ref().is_none_or(|only| only.contains(&e.id));
    let rows = || experiments.iter().filter(|e| chosen(e)).flat_map(|e| &e.rows);
    for name in options.rows.iter().flatten() {
        let names = rows().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ");
        ensure!(rows().any(|row| row.name == *name), "--rows {name}: there are {names}");
    }
    let mut jobs = Vec::new();
    for seed in 0..options.seeds {
        for (e, experiment) in experiments.iter().enumerate().filter(|(_, e)| chosen(e)) {
            for (r, row) in experiment.rows.iter().enumerate() {
                let unnamed = row.default && (row.brief || options.only.is_some());
                let asked = options.rows.as_ref().map_or(unnamed, |rows| rows.contains(&row.name));
                if asked && row.peer.is_none() {
                    jobs.push(Job { experiment: e, row: r, seed });
                }
            }
        }
    }
    ensure!(!jobs.is_empty(), "no row of these experiments runs by default: name some with --rows");
    Ok(jobs)
}

/// The `pima` program in release.
fn build(ws: &Workspace, ready: &Ready, variant: Variant) -> Result<PathBuf> {
    let target = match (variant, std::env::var_os("CARGO_TARGET_DIR")) {
        (Variant::Cuda, _) => ws.root.join("target/cuda"),
        (Variant::Cpu, Some(folder)) => std::path::absolute(folder)?,
        (Variant::Cpu, None) => ws.root.join("target"),
    };
    let mut cargo = ws.cargo();
    cargo.args(["build", "--release", "-p", "pima-cli", "--target-dir"]).arg(&target);
    run(ready.apply(&mut cargo))?;
    Ok(target.join("release/pima"))
}

/// Brings the run to its end, from wherever it is.
fn train(ws: &Workspace, ready: &Ready, pima: &Path, launch: &Launch, options: &Options, commit: &str) -> Result<()> {
    let action = launch.action(options.force);
    if action == Action::Keep {
        println!("finished before; kept ({})", ws.short(&launch.folder));
        return Ok(());
    }
    launch.prepare(action, &ws.root, commit)?;
    let mut command = ws.command(pima);
    command.args(launch.arguments(&ws.root));
    if action == Action::Resume {
        command.arg("--resume");
    }
    if options.jobs > 1 {
        // Lines of several runs would mix.
        command.arg("--quiet");
    } else {
        println!("$ {}", without_root(&shown(&command), ws));
    }
    run(ready.apply(&mut command))?;
    launch.ensure_finished()
}

/// Paths in the checkout from its top, as a reader elsewhere has them too.
fn without_root(text: &str, ws: &Workspace) -> String {
    text.replace(&format!("{}/", ws.root.display()), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            only: None,
            rows: None,
            seeds: 1,
            recipe: None,
            device: None,
            out: "out".into(),
            force: false,
            jobs: 1,
        }
    }

    fn experiments() -> Vec<Experiment> {
        let table = |id: &str| {
            let text = format!(
                "experiment = '{id}'\ntitle = 't'\n[[row]]\nname = 'a'\nlabel = 'a'\n[[row]]\nname = 'b'\nlabel = 'b'\ndefault = false\n[[row]]\nname = 'c'\nlabel = 'c'\nbrief = false\n"
            );
            Experiment::parse(&text, "folder".as_ref()).unwrap()
        };
        vec![table("1"), table("2")]
    }

    fn planned(options: &Options) -> Vec<(usize, usize, u64)> {
        let jobs = plan(&experiments(), options).unwrap();
        jobs.iter().map(|job| (job.experiment, job.row, job.seed)).collect()
    }

    #[test]
    fn every_first_seed_comes_before_any_second() {
        assert_eq!(planned(&Options { seeds: 2, ..options() }), [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1)]);
    }

    #[test]
    fn rows_and_experiments_are_chosen_by_name() {
        let only = Some(vec!["2".to_owned()]);
        assert_eq!(planned(&Options { only, ..options() }), [(1, 0, 0), (1, 2, 0)]);
        let rows = Some(vec!["b".to_owned()]);
        assert_eq!(planned(&Options { rows, ..options() }), [(0, 1, 0), (1, 1, 0)]);
    }

    #[test]
    fn unknown_names_are_answered_with_the_known() {
        let error = |options: Options| plan(&experiments(), &options).unwrap_err().to_string();
        assert!(error(Options { only: Some(vec!["3".into()]), ..options() }).contains("there are 1, 2"));
        let rows = Some(vec!["d".into()]);
        assert!(error(Options { rows, ..options() }).contains("there are a, b, c"));
    }

    #[test]
    fn options_are_checked() {
        let ws = Workspace { root: "/checkout".into(), cache: "/cache".into() };
        let parse = |line: &str| {
            let mut args = Args::new(line.split_whitespace().map(str::to_owned));
            let options = Options::from_args(&ws, &mut args)?;
            args.finish().map(|()| options)
        };
        let good = parse("--only 4.1 --seeds 3 --recipe paper --out /tmp/x --force --jobs 2").unwrap();
        assert!(good.force && good.seeds == 3 && good.jobs == 2 && good.out == Path::new("/tmp/x"));
        assert_eq!(parse("").unwrap().out, PathBuf::from("/checkout/runs/reproduce-paper"));
        for bad in ["--seeds 0", "--seeds x", "--jobs 0", "--recipe slow", "--seed 3"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
