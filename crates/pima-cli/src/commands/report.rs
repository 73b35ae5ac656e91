//! `pima report`: a run as one page, from the run directory alone.

use pima_cli::{RunDirectory, report};

use super::samples::check_output;
use crate::args::ReportArgs;
use crate::failure::{Blame, Outcome, say};

pub(crate) fn run(args: &ReportArgs) -> Outcome {
    let run = RunDirectory::open(&args.run).blame_input()?;
    if let Some(file) = &args.out {
        check_output(file, args.force).blame_input()?;
    }
    let file = args.out.clone().unwrap_or_else(|| run.report_path());
    let report = report(&run).blame_input()?;
    report.write(&file).blame_work()?;
    for note in &report.notes {
        eprintln!("note: {note}");
    }
    say(file.display());
    Ok(())
}
