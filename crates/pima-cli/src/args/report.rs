//! Arguments of `pima report`.

use std::path::PathBuf;

use clap::Args;

const REPORT_EXAMPLES: &str = "\
Examples:
  pima report runs/lines                     writes runs/lines/report.html
  pima report runs/lines --out lines.html

The page needs no network and no other file: open it in a browser, mail it, print it.";

/// `pima report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// The file to write [default: report.html in the run directory, written anew each time].
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file that --out names if it is there.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}
