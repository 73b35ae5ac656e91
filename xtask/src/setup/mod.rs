//! `cargo xtask setup`: everything a build needs, found or provided; the step that all other tasks share. Idempotent, and a fraction of a
//! second when there is nothing to do.

mod installed;
mod lapack;
mod libtorch;
mod mnist;
mod wheels;

use crate::args::Args;
use crate::manifest::Manifest;
use crate::process::shown_time;
use crate::workspace::Workspace;
use anyhow::Result;
pub(crate) use libtorch::{Libtorch, Variant};
pub(crate) use mnist::Data;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

pub(crate) const USAGE: &str = "\
cargo xtask setup [--cuda] [--datasets DIR]

  --cuda          provide the CUDA build of libtorch (3.4 GB on disk, 2.4 GB to fetch) for `cargo xtask build --cuda`
  --datasets DIR  the folder that holds MNIST's four files, plain or gzipped (default: PIMA_DATASETS, then datasets/mnist)

libtorch: LIBTORCH_USE_PYTORCH or LIBTORCH where set; a cached copy; torch's own archive; the Python wheels.
Cache: $XDG_CACHE_HOME/pima, ~/.cache/pima, or on macOS ~/Library/Caches/pima.";

/// What set-up is to provide.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) variant: Variant,
    pub(crate) datasets: Option<PathBuf>,
    /// Ask mirrors again that did not answer a moment ago.
    retry: bool,
}

impl Wanted {
    /// Takes the options of set-up that every task understands.
    pub(crate) fn from_args(args: &mut Args) -> Result<Self> {
        let variant = if args.flag("--cuda") { Variant::Cuda } else { Variant::Cpu };
        Ok(Self { variant, datasets: args.value("--datasets")?.map(PathBuf::from), retry: false })
    }
}

/// What a build and a run need, as set-up found it.
pub(crate) struct Ready {
    pub(crate) libtorch: Libtorch,
    pub(crate) lapack: String,
    pub(crate) data: Data,
}

impl Ready {
    /// Hands it to a child: cargo, or a program of ours.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.libtorch.apply(command);
        self.data.apply(command);
        command
    }
}

/// The task alone.
pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let wanted = Wanted::from_args(&mut args)?;
    args.finish()?;
    setup(ws, &Wanted { retry: true, ..wanted })?;
    Ok(ExitCode::SUCCESS)
}

/// Finds or provides everything; prints one line when it is all there.
pub(crate) fn setup(ws: &Workspace, wanted: &Wanted) -> Result<Ready> {
    let start = Instant::now();
    let manifest = Manifest::read(&ws.root)?;
    let lapack = lapack::provide()?;
    let data = mnist::provide(ws, &manifest.mnist, wanted.datasets.as_deref(), wanted.retry)?;
    let libtorch = libtorch::provide(ws, &manifest.libtorch, wanted.variant)?;
    let time = shown_time(start.elapsed());
    println!("setup: {libtorch}; {lapack}; {data} ({time})");
    Ok(Ready { libtorch, lapack, data })
}
