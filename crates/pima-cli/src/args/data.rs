//! The commands that are about data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pima_model::Recipe;

use super::one_of;

const INIT_EXAMPLES: &str = "\
Examples:
  pima init my-data
  pima check my-data/pima.toml
  pima train my-data/pima.toml --out runs/first

Looks at the .npz, .npy, .h5, .csv and .parquet files and the folders of images or .csv files in the directory, and writes a commented pima.toml beside them. Photographs that
pair with stress-strain curves by name (a01.png, a01.csv) get a model of strain hardening. Never overwrites.";

const CHECK_EXAMPLES: &str = "\
Example:
  pima check my-experiment.toml

Reads all data and builds the model, and says what it found: shapes, ranges, units, gaps, splits, sizes of networks, and what should be looked at
before training. Nothing is written. Exit codes: 0 it can be trained, 2 it cannot.";

const DATA_EXAMPLES: &str = "\
Examples:
  pima data digits --out digits.npz --train 6000 --test 1000
  pima data mnist-line --out mnist-line.npz --datasets ~/mnist
  pima data silicon --structures 772 --seed 0 --out vdos.npz
  pima data specimens --out specimens                   a folder, then: pima train specimens/pima.toml
  pima data lattices --out lattices                     a folder, then: pima train lattices/lattice.toml

In Python: numpy.load('digits.npz')['image'] is (samples, channels, height, width).";

/// `pima init`.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(crate) struct InitArgs {
    /// The directory with the data.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `pima check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    /// The experiment.
    #[arg(value_name = "CONFIG.toml")]
    pub(crate) config: PathBuf,
    /// Seed of the split.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Training defaults, fast or paper [default: the configuration's, else fast].
    #[arg(long, value_name = "RECIPE", value_parser = one_of::<Recipe>(&["fast", "paper"]))]
    pub(crate) recipe: Option<Recipe>,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
}

/// `pima data`.
#[derive(Debug, Args)]
#[command(after_help = DATA_EXAMPLES)]
pub(crate) struct DataArgs {
    /// What to generate.
    #[arg(value_name = "KIND")]
    pub(crate) kind: Kind,
    /// The file to write; for specimens and lattices the folder.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) out: PathBuf,
    /// Seed of what is drawn: digits, specimens, noise.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Number of samples to train and validate with [default: as many as MNIST has].
    #[arg(long, value_name = "N")]
    pub(crate) train: Option<usize>,
    /// Number of samples to test with [default: as many as MNIST has].
    #[arg(long, value_name = "N")]
    pub(crate) test: Option<usize>,
    /// Number of silicon structures.
    #[arg(long, value_name = "N", default_value_t = 772)]
    pub(crate) structures: usize,
    /// Number of specimens [default: 600, of lattices 30; of these half are gyroids, half octets].
    #[arg(long, value_name = "N")]
    pub(crate) specimens: Option<usize>,
    /// Number of points of a line, evenly spaced on [0, 1].
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) points: usize,
    /// Variance of the noise on each point of a line.
    #[arg(long, value_name = "V", default_value_t = 0.01)]
    pub(crate) noise_variance: f64,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// A generated data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Procedural digits, images like MNIST's that need no download.
    Digits,
    /// Procedural digits, each with a noisy line whose slope is the digit.
    DigitsLine,
    /// MNIST's digits, each with a noisy line whose slope is the digit (Walker et al. 2023, section 4.1).
    MnistLine,
    /// A folder of specimens as a laboratory might keep them, with a configuration: photographs, stress-strain curves and chemistry, 30 % of each missing.
    Specimens,
    /// A folder of metal lattices (rendered) with two configurations: a photograph and a stress-strain curve of each specimen (after Trask et al. 2022, section 3.2).
    Lattices,
    /// Silicon structures: spectra of their vibrations and stresses (after Walker et al. 2023, section 4.3). A stopped command goes on where it was.
    Silicon,
}
