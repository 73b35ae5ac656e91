//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md and of the house style that no compiler holds. Each finding is one line: where, what,
//! and what to do.

mod code;
mod layers;
mod rust_files;
mod tree;

use crate::args::Args;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::fmt;
use std::process::ExitCode;

pub(crate) const USAGE: &str = "\
cargo xtask tidy

The table of crates in ARCHITECTURE.md is crates/*; no dependency runs against the layers; every .rs file begins with `//!`, has at most 450 lines and
no stub, debug leftover or ignored test; libraries neither print nor exit; no tracked file is above 1 MiB.";

/// Something to mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line.max(1), self.what)
    }
}

pub(crate) fn main(ws: &Workspace, args: Args) -> Result<ExitCode> {
    args.finish()?;
    check(ws)?;
    println!("tidy: nothing to mend");
    Ok(ExitCode::SUCCESS)
}

/// Prints what is to be mended; an error if that is anything.
pub(crate) fn check(ws: &Workspace) -> Result<()> {
    let mut findings = Vec::new();
    tree::check(ws, &mut findings)?;
    layers::check(ws, &mut findings)?;
    rust_files::check(ws, &mut findings)?;
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("tidy: one thing to mend"),
        n => bail!("tidy: {n} things to mend"),
    }
}
