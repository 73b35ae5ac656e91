//! Development tasks, run as `cargo xtask <task>`: a file (or folder) per task, and what they share in `fetch`, `process`, `workspace`.
//!
//! It depends on no crate of the workspace it serves: it must build before libtorch is there, and in seconds.

mod args;
mod bench;
mod build;
mod ci;
mod fetch;
mod manifest;
mod process;
mod reproduce;
mod setup;
mod test;
mod tidy;
mod workspace;

use anyhow::{Result, bail};
use args::Args;
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask <task>

  setup            find or provide libtorch, a LAPACK and MNIST; seconds when all is there
  test             set-up, then every test of the workspace
  reproduce-paper  set-up, then train the papers' experiments and print their tables beside ours
  build            set-up, then `cargo build`; with --cuda against the CUDA libtorch
  bench            set-up, then the benchmarks
  ci               everything a change must pass: fmt, tidy, clippy, docs, test
  tidy             the invariants of ARCHITECTURE.md alone

`cargo xtask <task> --help` lists a task's options.";

/// Reads what is left of the command line, works, and says how it went.
type Task = fn(&Workspace, Args) -> Result<ExitCode>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let Some(task) = arguments.next() else {
        println!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    };
    let mut args = Args::new(arguments);
    let help = args.flag("--help") || args.flag("-h");
    let (usage, task): (&str, Task) = match task.as_str() {
        "setup" => (setup::USAGE, setup::main),
        "test" => (test::USAGE, test::main),
        "reproduce-paper" => (reproduce::USAGE, reproduce::main),
        "build" => (build::USAGE, build::main),
        "bench" => (bench::USAGE, bench::main),
        "ci" => (ci::USAGE, ci::main),
        "tidy" => (tidy::USAGE, tidy::main),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        other => bail!("no task is called `{other}`; `cargo xtask help` lists them"),
    };
    if help {
        println!("{usage}");
        return Ok(ExitCode::SUCCESS);
    }
    task(&Workspace::locate()?, args)
}
