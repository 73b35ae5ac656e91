//! `pima sweep` as it is typed.

use std::path::PathBuf;

use clap::Args;
use pima_nets::DeviceChoice;

use super::one_of;

const EXAMPLES: &str = "\
Examples:
  pima sweep my-sweep.toml                            into runs/sweep-my-sweep
  pima sweep my-sweep.toml --out runs/s --workers 4   four trainings at a time
  pima sweep my-sweep.toml --out runs/s --resume      go on after an interruption, or with more trials

my-sweep.toml, beside the my-experiment.toml that it varies:
  config = \"my-experiment.toml\"
  method = \"bayesian\"            # or random, grid
  trials = 20
  [[parameter]]
  key = \"training.learning_rate\"
  range = [1e-5, 1e-2]
  log = true
  [[parameter]]
  key = \"modality.image.encoder.channels\"
  values = [[8, 16], [16, 32]]

Ctrl-C stops the trainings with a checkpoint each. Trials are compared by their validation loss; labels are never looked at.
Exit codes: 0 done, 1 no trial finished, 2 the input cannot be used, 130 interrupted.";

/// `pima sweep`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SweepArgs {
    /// What to vary and how, as a TOML file.
    #[arg(value_name = "SWEEP.toml")]
    pub(crate) sweep: PathBuf,
    /// Directory of the sweep [default: runs/sweep-NAME, after the name of the file].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Number of trainings at a time; they share the processor's cores (or the GPU) and each holds the data in memory.
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: u16,
    /// Processor threads of each training [default: the number of cores over that of workers, with --resume what the sweep began with].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Go on with the sweep in the directory: finished trials are kept, interrupted ones resumed.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace a sweep that is already in the directory.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Where the networks run; auto is CUDA where there is a GPU, else the processor.
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = one_of::<DeviceChoice>(&["cpu", "cuda", "auto"]))]
    pub(crate) device: DeviceChoice,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
