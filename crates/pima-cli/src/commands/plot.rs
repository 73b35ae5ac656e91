//! `pima plot`: the figures again, from the run directory alone.

use std::path::PathBuf;

use anyhow::anyhow;
use pima_cli::{RunDirectory, draw_all};

use crate::args::PlotArgs;
use crate::failure::{Blame, Failure, Outcome, say};

pub(crate) fn run(args: &PlotArgs) -> Outcome {
    let run = RunDirectory::open(&args.run).blame_input()?;
    let written = draw_all(&run).blame_work()?;
    let is_text = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "txt");
    let (notes, figures): (Vec<PathBuf>, Vec<PathBuf>) = written.into_iter().partition(is_text);
    let notes: String = notes.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    if figures.is_empty() {
        let why = notes.lines().next().unwrap_or("the run has no results yet");
        return Err(Failure::Input(anyhow!("{}: nothing to draw: {why}", run.root().display())));
    }
    say(figures.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n"));
    eprint!("{notes}");
    Ok(())
}
