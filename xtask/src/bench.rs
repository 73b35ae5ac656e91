//! `cargo xtask bench`: set-up, then the benchmarks.

use crate::args::Args;
use crate::process::run;
use crate::setup::{Wanted, setup};
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) const USAGE: &str = "\
cargo xtask bench [--datasets DIR] [filter] [-- arguments for the benchmarks]

Set-up, then `cargo bench -p pima-benches`, of those whose name contains the filter.";

pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let wanted = Wanted::from_args(&mut args)?;
    let ready = setup(ws, &wanted)?;
    let mut cargo = ws.cargo();
    cargo.args(["bench", "-p", "pima-benches", "--"]);
    cargo.args(args.rest().into_iter().filter(|argument| argument != "--"));
    run(ready.apply(&mut cargo))?;
    Ok(ExitCode::SUCCESS)
}
