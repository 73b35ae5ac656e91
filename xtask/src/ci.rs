//! `cargo xtask ci`: what a change must pass. All in the dev profile, so that the bindings to libtorch compile once.

use crate::args::Args;
use crate::process::{run, shown_time};
use crate::setup::{Wanted, setup};
use crate::workspace::Workspace;
use crate::{test, tidy};
use anyhow::Result;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) const USAGE: &str = "\
cargo xtask ci [--datasets DIR]

fmt, tidy, set-up, clippy, docs and test, each with the time it took. All steps are run, whichever fail.";

/// The steps that were run, with their times and errors.
struct Steps(Vec<(&'static str, Duration, Result<()>)>);

impl Steps {
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("== {name}");
        let start = Instant::now();
        let (value, result) = match work() {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.0.push((name, start.elapsed(), result));
        value
    }

    /// Prints the times and errors; whether every step passed.
    fn report(&self) -> bool {
        println!("==");
        for (name, time, result) in &self.0 {
            let time = shown_time(*time);
            match result {
                Ok(()) => println!("{name:8} {time:>12}"),
                Err(error) => println!("{name:8} {time:>12}  FAILED: {error:#}"),
            }
        }
        self.0.iter().all(|(_, _, result)| result.is_ok())
    }
}

pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let wanted = Wanted::from_args(&mut args)?;
    args.finish()?;
    let mut steps = Steps(Vec::new());
    steps.step("fmt", || run(ws.cargo().args(["fmt", "--all", "--check"])));
    steps.step("tidy", || tidy::check(ws));
    if let Some(ready) = steps.step("setup", || setup(ws, &wanted)) {
        steps.step("clippy", || {
            let mut cargo = ws.cargo();
            cargo.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
            run(ready.apply(&mut cargo))
        });
        steps.step("docs", || {
            let mut cargo = ws.cargo();
            cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
            run(ready.apply(&mut cargo))
        });
        // With its set-up, as a reader of the README runs it.
        steps.step("test", || test::test(ws, &wanted, &[]));
    }
    Ok(if steps.report() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
