//! What the user typed, as clap reads it.

// Of the commands that are about data: init, check, data.
mod data;
mod report;
mod sweep;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pima_model::{Engine, Recipe, RefitObjective};
use pima_nets::DeviceChoice;

pub(crate) use data::{CheckArgs, DataArgs, InitArgs, Kind};
pub(crate) use report::ReportArgs;
pub(crate) use sweep::SweepArgs;

const EXAMPLES: &str = "\
Examples:
  pima train crates/pima-cli/experiments/4.1/multimodal-dropout.toml --seed 0 --out runs/lines
  pima evaluate runs/lines
  pima data digits-line --out digits.npz

A run is a directory. If training was interrupted, the same command with --resume goes on where it stopped.";

const TRAIN_EXAMPLES: &str = "\
Examples:
  pima train my-experiment.toml                         into runs/EXPERIMENT-SEED
  pima train my-experiment.toml --seed 3 --out runs/c   another repetition, elsewhere
  pima train my-experiment.toml --out runs/c --resume   go on after an interruption

Ctrl-C saves a checkpoint after the batch under way; a second one quits at once.
Exit codes: 0 done, 1 training failed, 2 the input cannot be used, 130 interrupted.";

const EVALUATE_EXAMPLES: &str = "\
Example:
  pima evaluate runs/lines --split test";

const INFER_EXAMPLES: &str = "\
Examples:
  pima infer runs/lines --given images.npz --out preds.npz
  pima infer runs/lines --given lines.npz --predict image --samples 16 --out images.npz
  pima infer runs/lines --given images.npz --engine bayes --intervals 0.5,0.9 --out preds.npz
  pima infer runs/lines --given both.npz --from image --out scored.npz      lines in the file are compared with what is predicted
  pima infer runs/lattices --given new-photographs --out new.npz --parameters new.csv

The file given holds an array for each modality that is known, named as in the run's configuration, a row per sample, in the units of the training data:
numpy.savez('images.npz', image=x) with x of shape (samples, channels, height, width); grey images may be (samples, height, width), curves are
(samples, channels, length) or (samples, length). A row of NaN was not measured; an array id with a name for each sample comes back in the answers.
What is written: cluster, responsibilities, latent_mean, latent_var, and for each predicted modality its _mean, _var, the ends of intervals and draws; with --from, NAME_log_density
and its standard error NAME_log_density_se where the file has NAME. Where an expert decodes it, NAME_parameters and NAME_parameters_sd are what it identified of each sample,
in the order and the units of --parameters, which averages over the samples of a specimen.";

const REFIT_EXAMPLES: &str = "\
Example:
  pima refit runs/lines
  pima infer runs/lines --given images.npz --engine refit --out preds.npz

The encoders that fuse stay as they are. The refitted ones are stored beside them in the run's checkpoint, and its summary, predictions and figures are
written anew.";

const IMPUTE_EXAMPLES: &str = "\
Example:
  pima impute runs/lines samples.npz --out filled.npz

The file holds an array for each modality, a row per sample, and present_NAME (true where the sample has it) for each that some samples lack.
What is written, for every modality: NAME as measured or, where it is missing, the predictive mean; NAME_var, 0 where it was measured; NAME_imputed.";

const GENERATE_EXAMPLES: &str = "\
Examples:
  pima generate runs/lines --cluster 3 -n 16 --out threes.npz
  pima generate runs/lines --at 0.5,-1 --at 2,0 --line -n 9 --out between.npz
  pima generate runs/lines --grid -n 20 --out map.npz
  pima generate runs/lines --deviations 3 --out around-centres.npz";

const PLOT_EXAMPLES: &str = "\
Example:
  pima plot runs/lines";

/// The build script reads libtorch's own version.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (libtorch ", env!("PIMA_LIBTORCH"), ")");

/// Finds clusters in samples that were measured in several ways, and fits physical models to them.
#[derive(Debug, Parser)]
#[command(name = "pima", version = VERSION, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a configuration for the data in a directory.
    Init(InitArgs),
    /// Read a configuration and its data, say what they are, and stop.
    Check(CheckArgs),
    /// Train a model as a configuration file describes it, and write a run directory.
    Train(TrainArgs),
    /// Train many variants of a configuration, search for the best, or choose the number of clusters.
    Sweep(SweepArgs),
    /// Print how well the model of a run does.
    Evaluate(EvaluateArgs),
    /// From some modalities of new samples to their clusters and their other modalities, with uncertainty.
    Infer(InferArgs),
    /// Fill in the modalities that samples lack, with variances.
    Impute(ImputeArgs),
    /// Draw samples of a cluster, or decode points of the latent space.
    Generate(GenerateArgs),
    /// Teach each encoder of a finished run to say alone what all modalities say together.
    Refit(RefitArgs),
    /// Draw the figures of a run again.
    Plot(PlotArgs),
    /// Make one page of a run, to open in a browser, to mail or to print.
    Report(ReportArgs),
    /// Write a generated data set as an .npz file, or a folder of specimens or lattices.
    Data(DataArgs),
}

/// `pima train`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_EXAMPLES)]
pub(crate) struct TrainArgs {
    /// The experiment: data, modalities, networks, physical models and training, as a TOML file.
    #[arg(value_name = "CONFIG.toml")]
    pub(crate) config: PathBuf,
    /// Seed of the split, of the initial weights and of everything else that is random [default: 0, with --resume the run's own].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Directory of the run [default: runs/EXPERIMENT-SEED].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the networks run; auto is CUDA where there is a GPU, else the processor.
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = one_of::<DeviceChoice>(&["cpu", "cuda", "auto"]))]
    pub(crate) device: DeviceChoice,
    /// Training defaults: fast starts from the data and takes minutes, paper is Algorithm 1 of Walker et al. 2023 [default: the configuration's, else fast].
    #[arg(long, value_name = "RECIPE", value_parser = one_of::<Recipe>(&["fast", "paper"]))]
    pub(crate) recipe: Option<Recipe>,
    /// Go on from the last checkpoint of the run; the result is that of a run never interrupted.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace a run that is already in the directory, once the new one has trained.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Write losses and accuracy for TensorBoard too, into the folder tensorboard of the run; a run that has such files goes on with them.
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
    /// Number of processor threads; results repeat bit for bit with the same number [default: libtorch's choice, the number of cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print batches, gradient norms and checkpoints too.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Stop as on Ctrl-C when the standard input ends: for a program that trains by this one, and may die.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// `pima evaluate`.
#[derive(Debug, Args)]
#[command(after_help = EVALUATE_EXAMPLES)]
pub(crate) struct EvaluateArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Evaluate this part of the data only.
    #[arg(long, value_name = "SPLIT")]
    pub(crate) split: Option<Part>,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
}

/// A part of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The samples the model was trained on.
    Train,
    /// The samples its epoch was chosen by.
    Validation,
    /// The samples it has not seen.
    Test,
}

/// `pima infer`.
#[derive(Debug, Args)]
#[command(after_help = INFER_EXAMPLES)]
pub(crate) struct InferArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// What is known of the samples: the modalities in this file, or for a run on photographs and curves in a folder another such folder, which may lack some.
    #[arg(long, value_name = "FILE.npz|FOLDER")]
    pub(crate) given: PathBuf,
    /// Infer from these modalities of the file alone [default: all in it]. Others in it count as the truth: where they are predicted, their log predictive density
    /// is written too, with the standard error that it has from the number of draws.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) from: Option<Vec<String>>,
    /// Modalities to predict [default: all that are not inferred from].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) predict: Option<Vec<String>>,
    /// How: by the encoders (dropout), by Bayes' rule over the clusters (bayes), or by refitted encoders where one modality is seen (refit) [default: refit
    /// where the run has refitted encoders, else dropout].
    #[arg(long, value_name = "ENGINE", value_parser = one_of::<Engine>(&["dropout", "bayes", "refit"]))]
    pub(crate) engine: Option<Engine>,
    /// Draws of the latent point per sample.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) samples: usize,
    /// Levels of predictive intervals to write, such as 0.5,0.9.
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', value_parser = level)]
    pub(crate) intervals: Vec<f64>,
    /// Draws of each predicted modality to write per sample.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) draws: usize,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Leave out rows with values that are not finite or without any modality, and list them, instead of refusing the file.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Where the networks run; auto is CUDA where there is a GPU, else the processor.
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = one_of::<DeviceChoice>(&["cpu", "cuda", "auto"]))]
    pub(crate) device: DeviceChoice,
    /// The file to write.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) out: PathBuf,
    /// Write what experts identified as a table too: a line for each specimen, or each sample.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) parameters: Option<PathBuf>,
    /// Replace the files if they are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `pima impute`.
#[derive(Debug, Args)]
#[command(after_help = IMPUTE_EXAMPLES)]
pub(crate) struct ImputeArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// The samples with holes.
    #[arg(value_name = "DATA.npz")]
    pub(crate) data: PathBuf,
    /// Draws of the latent point per sample.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) samples: usize,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Leave out rows with values that are not finite or without any modality, and list them, instead of refusing the file.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Where the networks run; auto is CUDA where there is a GPU, else the processor.
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = one_of::<DeviceChoice>(&["cpu", "cuda", "auto"]))]
    pub(crate) device: DeviceChoice,
    /// The file to write.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `pima generate`.
#[derive(Debug, Args)]
#[command(after_help = GENERATE_EXAMPLES)]
pub(crate) struct GenerateArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Draw from this cluster [default: from all, by their weights].
    #[arg(long, value_name = "C", conflicts_with_all = ["at", "grid", "deviations"])]
    pub(crate) cluster: Option<usize>,
    /// How many samples; along a line how many points, for a grid how many along each side.
    #[arg(short, long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n: u16,
    /// Decode this point of the latent space; may be given several times.
    #[arg(long, value_name = "Z1,Z2,...", allow_hyphen_values = true, conflicts_with_all = ["grid", "deviations"])]
    pub(crate) at: Vec<String>,
    /// Decode evenly spaced points from the first --at to the second.
    #[arg(long, requires = "at")]
    pub(crate) line: bool,
    /// Decode a grid over the first two latent dimensions that holds all clusters.
    #[arg(long, conflicts_with = "deviations")]
    pub(crate) grid: bool,
    /// Decode every cluster's centre, and the points K standard deviations from it along each dimension.
    #[arg(long, value_name = "K")]
    pub(crate) deviations: Option<f64>,
    /// Add the noise of a measurement to what is decoded.
    #[arg(long)]
    pub(crate) noise: bool,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Where the networks run; auto is CUDA where there is a GPU, else the processor.
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = one_of::<DeviceChoice>(&["cpu", "cuda", "auto"]))]
    pub(crate) device: DeviceChoice,
    /// The file to write.
    #[arg(long, value_name = "FILE.npz")]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `pima refit`.
#[derive(Debug, Args)]
#[command(after_help = REFIT_EXAMPLES)]
pub(crate) struct RefitArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Passes over the training samples [default: the configuration's, else 6].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) epochs: Option<u16>,
    /// Adam's step size at the start [default: the configuration's, else 0.001].
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// What is learned: the posterior of the latent point (2022, eq. 18), that of the cluster, or both [default: the configuration's, else joint].
    #[arg(long, value_name = "OBJECTIVE", value_parser = one_of::<RefitObjective>(&["joint", "latent", "cluster"]))]
    pub(crate) objective: Option<RefitObjective>,
    /// Folder that holds the MNIST files [default: the environment's PIMA_DATASETS, else datasets/mnist].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `pima plot`.
#[derive(Debug, Args)]
#[command(after_help = PLOT_EXAMPLES)]
pub(crate) struct PlotArgs {
    /// Directory of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

/// Reads a command line.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line).map(|cli| cli.command)
}

/// The level of an interval, which some would write in per cent.
fn level(text: &str) -> Result<f64, String> {
    let level: f64 = text.parse().map_err(|_| "expected a level between 0 and 1, such as 0.9".to_owned())?;
    match level {
        percent if (2.0..100.0).contains(&percent) => {
            Err(format!("a level lies between 0 and 1; write {}", percent / 100.0))
        }
        level => Ok(level),
    }
}

/// A parser that lists the values there are.
fn one_of<T>(names: &'static [&'static str]) -> impl clap::builder::TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err = &'static str> + Clone + Send + Sync + 'static,
{
    use clap::builder::TypedValueParser;
    clap::builder::PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn read(line: &str) -> Result<Command, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_whole_line_is_read() {
        let line = "pima train a.toml --seed 3 --out r --device cpu --recipe paper --force --threads 2 -v";
        let Ok(Command::Train(train)) = read(line) else { panic!("a good line") };
        assert_eq!((train.seed, train.recipe, train.device), (Some(3), Some(Recipe::Paper), DeviceChoice::Cpu));
        assert!(train.force && train.verbose && !train.resume && train.threads == Some(2));
    }

    #[test]
    fn contradictions_and_values_that_are_none_are_refused() {
        for line in [
            "pima train",
            "pima train a.toml --resume --force",
            "pima train a.toml --recipe slow",
            "pima train a.toml --device gpu",
            "pima train a.toml --threads 0",
            "pima train a.toml --seed -1",
            "pima train a.toml --quiet -v",
            "pima data cats --out a.npz",
            "pima data digits",
            "pima evaluate r --split all",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
