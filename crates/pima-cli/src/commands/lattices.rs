//! The text of a configuration for photographs and stress-strain curves of lattices, with what a scientist needs to know of each value.

use std::fmt::Write;

use pima_data::{LatticeFiles, LatticeFolder};

use super::check::thousands;
use super::quoted;

/// Steps of the optimiser that are enough for a few dozen specimens.
const STEPS: usize = 450;
/// Images per step.
const BATCH: usize = 32;
/// Quadrants of a photograph and their mirror images.
const ROWS: usize = 16;
/// Specimens from which on a tenth of them is one at least.
const TENTHS: usize = 10;

/// What a configuration depends on.
#[derive(Debug, Clone)]
pub(super) struct Lattices {
    /// Name of the experiment.
    pub(super) name: String,
    /// Where the files are, relative to the configuration.
    pub(super) folder: String,
    /// How many specimens.
    pub(super) n_specimens: usize,
    /// Side of a quadrant's image, pixels.
    pub(super) side: usize,
    /// Kinds that `labels.csv` names, if it is there.
    pub(super) n_labels: Option<usize>,
    /// How the files differ from what is read by default, a line of TOML each.
    pub(super) reading: Vec<String>,
    /// What was left out, a line each.
    pub(super) left_out: Vec<String>,
    /// Whether each specimen gets parameters of its own.
    pub(super) sees_latent: bool,
}

/// Clusters where no labels say how many kinds there are.
const CLUSTERS: usize = 2;

impl Lattices {
    /// For files as they lie in a folder that the configuration is to stand in.
    pub(super) fn of_files(name: &str, files: &LatticeFiles, left_out: &[String]) -> Self {
        let usual = LatticeFolder::default();
        let LatticeFolder { side, allow_missing, percent, stress, compression_negative, .. } = files.options;
        let mut reading = Vec::new();
        if percent {
            reading.push(
                "percent = true  # strains are in per cent: the headings say so, or they go beyond 1.5".to_owned(),
            );
        }
        if stress != usual.stress {
            // A unit is a word, which cannot fail.
            let unit = toml::Value::try_from(stress).map(|unit| unit.to_string()).unwrap_or_default();
            reading.push(format!("stress = {unit}  # as the headings say"));
        } else if !files.says_units {
            reading.push("stress = \"MPa\"  # the headings do not say: Pa, kPa, MPa or GPa".to_owned());
        }
        if compression_negative {
            reading.push("compression_negative = true  # strain and stress go below zero".to_owned());
        }
        if side < usual.side {
            reading.push(format!("side = {side}  # pixels of a quadrant: the smallest photograph has no more"));
        }
        if allow_missing {
            let shown = files.incomplete.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = if files.incomplete.len() > 5 { ", ..." } else { "" };
            reading.push(format!("allow_missing = true  # a photograph or a curve alone: {shown}{more}"));
        }
        Self {
            name: name.to_owned(),
            folder: ".".to_owned(),
            n_specimens: files.n_specimens,
            n_labels: files.n_labels,
            side,
            reading,
            left_out: left_out.to_vec(),
            sees_latent: false,
        }
    }
}

/// The configuration.
pub(super) fn config(lattices: &Lattices) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_config(&mut text, lattices);
    text
}

fn write_config(text: &mut String, lattices: &Lattices) -> std::fmt::Result {
    let Lattices { name, folder, n_specimens, side, n_labels, reading, left_out, sees_latent } = lattices;
    let title = if *sees_latent { "each specimen" } else { "each kind" };
    let (train, split) = match *n_specimens {
        n if n < TENTHS => (0.6, "{ train = 0.6, validation = 0.2, test = 0.2 }"),
        _ => (0.7, "{ train = 0.7, validation = 0.1, test = 0.2 }"),
    };
    let steps = ((train * (n_specimens * ROWS) as f64).ceil() as usize).div_ceil(BATCH).max(1);
    let epochs = (STEPS / steps).clamp(20, 100);
    let hold = epochs * 2 / 5;
    let (from, weight, place) = if *sees_latent { (hold + 1, "0.1", ", place = \"line\"") } else { (0, "0.01", "") };
    let clusters = n_labels.unwrap_or(CLUSTERS).max(1);
    writeln!(
        text,
        "# Photographs of lattices beside stress-strain curves: moduli and yield of {title}. Every line is explained in docs/lattices.md, every key in docs/config.md.
experiment = {}

[data]
# For each specimen a photograph and a csv file of the same name, side by side or in images/ and curves/; labels.csv (name,label) where kinds are known.
source = \"lattice-folder\"
folder = {}
# Shares of the specimens to train on, to choose the best epoch by, and to report on; drawn by the seed of the run.
split = {split}",
        quoted(name),
        quoted(folder),
    )?;
    for line in left_out {
        writeln!(text, "# Left out: {}", line.replace('\n', " "))?;
    }
    if !reading.is_empty() {
        writeln!(text, "\n# How the files are to be read, where that is not the default.\n[data.lattice_folder]")?;
        for line in reading {
            writeln!(text, "{line}")?;
        }
    }
    let why = match n_labels {
        Some(_) => "as many as labels.csv has",
        None => "a guess, to be adapted to what you expect",
    };
    writeln!(
        text,
        "
[model]
# Dimensions of the latent space; two can be drawn.
latent = 2
# Kinds to look for: {why}.
clusters = {clusters}

[training]
# Passes over the training images (sixteen a specimen: quadrants and their mirror images), and images a step.
epochs = {epochs}
batch_size = {BATCH}
learning_rate = 1e-3
# Photograph and curve are each hidden in three of ten steps, so that later one of them alone will do.
modality_keep = 0.7"
    )?;
    if *sees_latent {
        writeln!(
            text,
            "# When the expert begins to see the latent point, its curves can leave the data far behind: steps are kept short.\nadam = {{ clip_norm = 10.0 }}"
        )?;
    }
    writeln!(
        text,
        "# Kinds are looked for among the curves (three principal components, 200 attempts), and specimens stay in the kind that was found (tie_epochs) while the networks learn it."
    )?;
    if *sees_latent {
        writeln!(
            text,
            "# Centres lie along one dimension (place), which leaves the other to what differs within a kind."
        )?;
    }
    writeln!(
        text,
        "start = {{ modality = \"stress\", components = 3, restarts = 200, hold_epochs = {hold}, tie_epochs = {epochs}{place} }}

[[modality]]
name = \"image\"
source = {{ kind = \"images\" }}
# Neighbouring pixels say the same: as independent measurements the {} values of an image would drown the 100 of a curve.
weight = 0.001
# The scatter about what is decoded is fitted too, once the networks have settled.
variance = {{ learned = {{ from_epoch = 4 }} }}

# A lattice repeats itself: features are averaged over the image (pool), or a few specimens would have to teach a weight for every place in it.
[modality.encoder]
type = \"conv\"
channels = [16, 32, 64, 64]
pool = true
hidden = [64]

[modality.decoder]
type = \"deconv\"
base_channels = 64
channels = [32, 16, 8]

[[modality]]
name = \"stress\"
source = {{ kind = \"data\" }}
# Points of a curve say much the same too: they count as {}, not as 100.
weight = {weight}
# All stresses to between 0 and 1, by one scale.
normalise = \"min_max_global\"
variance = {{ learned = {{ from_epoch = 4 }} }}",
        thousands(side * side),
        if *sees_latent { "ten" } else { "one" },
    )?;
    if *sees_latent {
        writeln!(
            text,
            "# From epoch {from} on each specimen has parameters of its own, affine in its latent point; before, each kind has.\nexpert_sees_latent = {{ from_epoch = {from}, hold_epochs = 5 }}"
        )?;
    }
    writeln!(
        text,
        "
[modality.encoder]
type = \"conv\"
channels = [8, 16]
hidden = [64]

# Two lines through the origin: elastic modulus, hardening modulus, yield strain, and the yield stress from them.
[modality.expert]
kind = \"hardening\""
    )
}
