//! One modality of an experiment: where its values come from, how they are normalised, encoded and decoded.

use pima_data::{
    Augmentation, AxisOptions, Hdf5Dataset, ImageFolder, ModalityKind, NormalisationMethod, NpyFile, NpzArray,
    OscillatorOptions, Source, TableColumns, TableFolder,
};
use pima_experts::{Basis, FormulaOptions, HardeningOptions, OdeFormulaOptions, OdeOptions, PouOptions, Term};
use pima_nets::{DecoderConfig, EncoderConfig};
use serde::{Deserialize, Serialize};

/// One modality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityConfig {
    /// Its name in tables, plots and files.
    pub name: String,
    /// Where its values come from.
    pub source: SourceConfig,
    /// What a sample is, where its source alone does not say it: an image, a curve or a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ModalityKind>,
    /// The units of the values, for figures and experts; absent: what the source says of them, `""`: a number without units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// Where along a curve the values were measured; absent: what the source says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<AxisOptions>,
    /// How the values are normalised before encoding; fitted on the training part alone.
    #[serde(default)]
    pub normalise: NormalisationMethod,
    /// Weight of its reconstruction in the loss, lambda_m; absent: d_max / d_m (2023, section 2.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Probability that it takes part in a sample's fusion during training, p_m of 2023, section 2.5; absent: `training.modality_keep`. A modality with a
    /// smaller one trains its encoder less on its own and more beside the others, and so leads less in the latent space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<f64>,
    /// Probability that it is taken away from a sample to train or validate with, as if it had not been measured: to study data with holes. Samples that lose
    /// every modality are not used; the test samples keep theirs.
    #[serde(default)]
    pub missing: f64,
    /// Changes of its images, at random, before their encoder sees them in training and refit: the encoder learns not to care. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<Augmentation>,
    /// Variance of the decoded Gaussian.
    #[serde(default)]
    pub variance: DecoderVariance,
    /// The network to the latent space.
    pub encoder: EncoderConfig,
    /// The network back; a modality has either this or an expert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<DecoderConfig>,
    /// One neural decoder for each cluster instead of one for all (2023, section 2.5).
    #[serde(default)]
    pub decoder_per_cluster: bool,
    /// The physical model that decodes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert: Option<ExpertConfig>,
    /// Lets the expert see the latent point: each sample then has physical parameters of its own (2023, eq. 11). Absent: they are the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert_sees_latent: Option<SeesLatent>,
}

/// When the parameters of an expert become affine in the latent point, `theta_c + A_c z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeesLatent {
    /// The first joint epoch in which they are. Until then clusters form around curves of their own.
    pub from_epoch: usize,
    /// For so many epochs the slopes `A_c` stay what fits of single curves said, so that encoders learn to place samples along them, before the M-step
    /// moves them. (`experts = "adam"` has no such M-step.)
    pub hold_epochs: usize,
}

impl Default for SeesLatent {
    fn default() -> Self {
        Self { from_epoch: 2, hold_epochs: 3 }
    }
}

/// Where a modality's values come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SourceConfig {
    /// The collection's own images.
    Images {},
    /// What the collection has under the modality's name.
    Data {},
    /// A line through the origin whose slope is the sample's label, with noise (2023, section 4.1).
    Line {
        /// Points, evenly spaced on [0, 1].
        #[serde(default = "twenty")]
        points: usize,
        /// Variance of the noise on each point.
        #[serde(default = "line_noise")]
        noise_variance: f64,
    },
    /// A cubic oscillator whose parameters follow from the sample's label, with noise (2023, section 4.2).
    Oscillator(OscillatorOptions),
    /// An array of an `.npz` file.
    Npz(NpzArray),
    /// An `.npy` file.
    Npy(NpyFile),
    /// A data set of an HDF5 file.
    Hdf5(Hdf5Dataset),
    /// Columns of a table (`.csv`, `.parquet`), a sample a line.
    Table(TableColumns),
    /// A folder of tables, a sample a file.
    TableFolder(TableFolder),
    /// A folder of images, a sample a file.
    ImageFolder(ImageFolder),
}

impl SourceConfig {
    /// The modality's own file or folder; `None` where the values come from `[data]`.
    pub fn own(&self) -> Option<Source> {
        match self.clone() {
            Self::Npz(source) => Some(Source::Npz(source)),
            Self::Npy(source) => Some(Source::Npy(source)),
            Self::Hdf5(source) => Some(Source::Hdf5(source)),
            Self::Table(source) => Some(Source::Table(source)),
            Self::TableFolder(source) => Some(Source::TableFolder(source)),
            Self::ImageFolder(source) => Some(Source::ImageFolder(source)),
            Self::Images {} | Self::Data {} | Self::Line { .. } | Self::Oscillator(_) => None,
        }
    }
}

/// Variance of a decoded Gaussian, in units of the normalised modality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DecoderVariance {
    /// Fixed; 1 in the papers' runs.
    Fixed(f64),
    /// One value for the modality, from its M-step at the end of every joint epoch from `from_epoch` on.
    Learned {
        /// First epoch whose end updates it. Learned from the start, one modality can take over before the clusters stand.
        from_epoch: usize,
    },
}

impl Default for DecoderVariance {
    fn default() -> Self {
        Self::Fixed(1.0)
    }
}

/// A physical model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ExpertConfig {
    /// Linear in its parameters over a basis of the modality's axis.
    Linear {
        /// The basis functions.
        basis: Basis,
    },
    /// Rates of equations made of monomials, along trajectories that are known: one for each of the manufactured classes, told apart by the fit and not by
    /// labels (2023, eq. 26).
    Snode {
        /// The terms of each equation.
        equations: Vec<Vec<Term>>,
        /// The networks that stand for the trajectories.
        #[serde(default)]
        pou: PouOptions,
    },
    /// Solutions of equations made of monomials, from a known start; nothing else is given.
    Ode {
        /// The terms of each equation.
        equations: Vec<Vec<Term>>,
        /// The state at the first time.
        start: Vec<f64>,
        /// How it is fitted.
        #[serde(default)]
        fit: OdeOptions,
    },
    /// The training samples' mean and a combination of the directions in which they differ most: where no formula is known, but few numbers should do.
    PrincipalComponents {
        /// How many directions.
        #[serde(default = "eight")]
        components: usize,
    },
    /// Strain hardening: an elastic line through the origin, then a plastic one (2022, section 3.2).
    Hardening(HardeningOptions),
    /// A formula in the curve's axis and in parameters.
    Formula(FormulaOptions),
    /// Differential equations whose right-hand sides are formulas.
    OdeFormula(OdeFormulaOptions),
}

/// Says which kind of expert a table is that has a `formula` or an `ode` and no `kind`.
pub(super) fn name_experts(config: &mut toml::Table) {
    let modalities = config.get_mut("modality").and_then(toml::Value::as_array_mut);
    for modality in modalities.into_iter().flatten() {
        let Some(expert) = modality.get_mut("expert").and_then(toml::Value::as_table_mut) else { continue };
        if expert.contains_key("kind") {
            continue;
        }
        for (key, kind) in [("formula", "formula"), ("ode", "ode-formula")] {
            if expert.contains_key(key) {
                expert.insert("kind".to_owned(), kind.into());
                break;
            }
        }
    }
}

fn twenty() -> usize {
    20
}
fn eight() -> usize {
    8
}
fn line_noise() -> f64 {
    0.01
}

impl ModalityConfig {
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return Err(format!(
                "modality name {name:?}: use letters, digits, '_' and '-' (it becomes part of file names)"
            ));
        }
        if ["latent", "cluster", "responsibilities", "row"].contains(&name.as_str()) {
            return Err(format!(
                "modality name {name:?}: an array of that name is in every file that is inferred; choose another"
            ));
        }
        match (&self.decoder, &self.expert) {
            (None, None) => {
                return Err(format!("modality {name:?} has neither a decoder nor an expert: give one of them"));
            }
            (Some(_), Some(_)) => {
                return Err(format!("modality {name:?} has both a decoder and an expert: remove one"));
            }
            (None, Some(_)) if self.decoder_per_cluster => {
                return Err(format!(
                    "modality {name:?}: decoder_per_cluster is for neural decoders; an expert always has one per cluster"
                ));
            }
            _ => {}
        }
        if self.expert.is_none() && self.expert_sees_latent.is_some() {
            return Err(format!(
                "modality {name:?}: expert_sees_latent is for experts; a neural decoder sees the latent point anyway"
            ));
        }
        if let (Some(kind), None) = (self.kind, self.source.own()) {
            return Err(format!(
                "modality {name:?}: kind = \"{kind}\" is for modalities with files of their own; a collection says itself what its samples are: remove kind"
            ));
        }
        if let Some(axis) = &self.axis {
            axis.check().map_err(|problem| format!("modality {name:?}: {problem}"))?;
            if self.kind.is_some_and(|kind| kind != ModalityKind::Curve) {
                return Err(format!("modality {name:?}: an axis is for curves: set kind = \"curve\", or remove axis"));
            }
        }
        if self.weight.is_some_and(|w| !(w.is_finite() && w > 0.0)) {
            return Err(format!(
                "modality {name:?}: weight must be a positive number; leave the modality out to ignore it"
            ));
        }
        if self.keep.is_some_and(|keep| !(keep > 0.0 && keep <= 1.0)) {
            return Err(format!("modality {name:?}: keep must be a probability above 0 and at most 1"));
        }
        if let Some(augment) = &self.augment {
            if let Some(problem) = augment.problem() {
                return Err(format!("modality {name:?}: augment.{problem}"));
            }
            if matches!(self.normalise, NormalisationMethod::Standard | NormalisationMethod::MinMax) {
                return Err(format!(
                    "modality {name:?}: augment moves values from one pixel to another, which must have one scale: normalise = \"standard_global\" or \"min_max_global\""
                ));
            }
        }
        if !(0.0..1.0).contains(&self.missing) {
            return Err(format!("modality {name:?}: missing must be a probability of at least 0 and below 1"));
        }
        if let DecoderVariance::Fixed(v) = self.variance
            && !(v.is_finite() && v > 0.0)
        {
            return Err(format!("modality {name:?}: variance must be a positive number, not {v}"));
        }
        if let SourceConfig::Line { points, noise_variance } = self.source
            && (points < 2 || !(noise_variance.is_finite() && noise_variance >= 0.0))
        {
            return Err(format!(
                "modality {name:?}: a line needs at least 2 points and a noise variance of at least 0"
            ));
        }
        if matches!(&self.expert, Some(ExpertConfig::Snode { .. }))
            && !matches!(self.source, SourceConfig::Oscillator(_))
        {
            return Err(format!(
                "modality {name:?}: the expert \"snode\" needs trajectories, which only the source \"oscillator\" knows; use \"ode\", which finds its own"
            ));
        }
        if matches!(&self.expert, Some(ExpertConfig::PrincipalComponents { components: 0 })) {
            return Err(format!("modality {name:?}: expert.components is 0: it must be at least 1"));
        }
        if let SourceConfig::Oscillator(options) = &self.source
            && options.name != OscillatorOptions::default().name
        {
            return Err(format!("modality {name:?}: the source has no name of its own: remove source.name"));
        }
        Ok(())
    }
}
