//! `cargo xtask build`: set-up, then `cargo build`; with `--cuda` against the CUDA libtorch.

use crate::args::Args;
use crate::process::run;
use crate::setup::{Variant, Wanted, setup};
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) const USAGE: &str = "\
cargo xtask build [--cuda] [arguments for cargo build]

Set-up, then `cargo build` with the remaining arguments. With --cuda it builds against the CUDA libtorch into target/cuda, so that neither kind of
build undoes the other; the program is then target/cuda/{debug,release}/pima.";

pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let wanted = Wanted::from_args(&mut args)?;
    let ready = setup(ws, &wanted)?;
    let mut cargo = ws.cargo();
    cargo.arg("build");
    if wanted.variant == Variant::Cuda {
        cargo.arg("--target-dir").arg(ws.root.join("target/cuda"));
    }
    cargo.args(args.rest());
    run(ready.apply(&mut cargo))?;
    Ok(ExitCode::SUCCESS)
}
