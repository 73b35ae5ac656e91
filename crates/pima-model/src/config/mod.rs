//! An experiment as a file describes it. Each experiment of the papers and each user's own data is one such file; the engine knows no other.

mod hint;
mod lattice;
mod modality;
mod paths;
mod peers;
mod place;
mod refit;
mod training;

pub use modality::{DecoderVariance, ExpertConfig, ModalityConfig, SeesLatent, SourceConfig};
pub use peers::PeersConfig;
pub use refit::{RefitConfig, RefitObjective};
pub use training::{
    EmConfig, EmWhen, ExpertUpdate, Place, Recipe, Schedule, StartConfig, TrainingConfig, WeightUpdate,
};

use crate::{Error, Result};
use pima_core::Fusion;
use pima_data::{LatticeFolder, LatticeOptions, NamesFile, SpectraFiles, SplitFractions};
use place::Problem;
pub use place::read_toml;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A whole experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Short name, printed on every table and plot.
    pub experiment: String,
    /// One line on what it is.
    #[serde(default)]
    pub title: String,
    /// Where the samples come from.
    #[serde(default)]
    pub data: DataConfig,
    /// Size of the model.
    pub model: ModelConfig,
    /// How it is trained.
    pub training: TrainingConfig,
    /// The refit of single encoders that follows; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<RefitConfig>,
    /// Simpler methods that are judged beside the model on the same split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<PeersConfig>,
    /// The measurements of each sample.
    #[serde(rename = "modality")]
    pub modalities: Vec<ModalityConfig>,
}

/// Where the samples come from. Paths are relative to the config file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The collection whose labels and splits are used.
    #[serde(default)]
    pub source: DataSource,
    /// Known classes of the source `modalities`, to report with and never to train on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<NamesFile>,
    /// Which samples of the source `modalities` belong together, such as several of one specimen: a split never tears them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<NamesFile>,
    /// The file of the source `npz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The files of the source `spectra`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectra: Option<SpectraFiles>,
    /// How many structures the source `silicon` has; 772 when absent, as in 2023, section 4.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structures: Option<usize>,
    /// What the source `lattice` generates; when absent, as many gyroids and octets as in 2022, section 3.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lattice: Option<LatticeOptions>,
    /// The folder of the source `lattice-folder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How the source `lattice-folder` reads its photographs and curves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lattice_folder: Option<LatticeFolder>,
    /// A folder for the values of modalities with files of their own, on a disk: they are copied there and read as they are needed, so that they need not fit
    /// into memory. The copy is gone when the program ends. When absent, values are kept in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathBuf>,
    /// Fractions for training and validation (and test, where the collection does not bring its own test set).
    #[serde(default)]
    pub split: SplitFractions,
    /// Use at most this many training and validation samples; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_samples: Option<usize>,
    /// Use at most this many of the collection's own test samples; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_test_samples: Option<usize>,
    /// Seed of whatever is generated (noise, digits). The split follows the seed of the run instead, as the papers' repetitions do.
    #[serde(default)]
    pub seed: u64,
}

/// A collection of labelled samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// None: every modality names its own files.
    #[default]
    Modalities,
    /// MNIST from its four IDX files.
    Mnist,
    /// The embedded generator of procedural digits.
    Digits,
    /// MNIST where its files are found, else procedural digits; every output says which it was.
    MnistOrDigits,
    /// A file in NumPy's format, one array a modality.
    Npz,
    /// Measured or simulated spectra with their stresses, from a table or a folder.
    Spectra,
    /// Generated silicon structures: spectra of lattice vibrations and stresses.
    Silicon,
    /// Generated metal lattices: images and stress-strain curves.
    Lattice,
    /// A folder of photographs of metal lattices and of their stress-strain curves.
    LatticeFolder,
}

/// Size of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Dimensions of the latent space, l.
    pub latent: usize,
    /// Clusters of the mixture prior, N.
    pub clusters: usize,
    /// How the modalities' posteriors are fused: `poe`, a product of experts (2023, eq. 5); `moe`, a mixture of them; `mopoe`, a mixture of the products over all
    /// their subsets. Where a mixture is fused by, each training step draws one of its components for each sample.
    #[serde(default)]
    pub fusion: Fusion,
}

impl ExperimentConfig {
    /// Reads a config for a recipe (`None`: the file's own, or `fast`). `origin` is named in errors.
    ///
    /// # Errors
    /// [`Error::Config`] with the file, the line where known, and what to do.
    pub fn parse(text: &str, origin: &Path, recipe: Option<Recipe>) -> Result<Self> {
        let fail = |message: String| Error::Config { file: origin.to_owned(), message };
        let mut table: toml::Table = toml::from_str(text).map_err(|e| fail(place::syntax(text, &e)))?;
        modality::name_experts(&mut table);
        let training = table.remove("training").unwrap_or_else(|| toml::Table::new().into());
        let recipe = TrainingConfig::which(&training, recipe).map_err(|problem| fail(problem.located(text, None)))?;
        // The other recipe's table is read too, so that a mistake in it shows now and not when that recipe is asked for.
        for each in [Recipe::Fast, Recipe::Paper] {
            let read = TrainingConfig::merge(training.clone(), each)
                .and_then(|merged| place::read::<TrainingConfig>(merged).map_err(|problem| problem.under("training")));
            let resolved = read.map_err(|problem| fail(problem.located(text, Some(each))))?;
            resolved.check().map_err(|problem| fail(Problem::of(problem).located(text, Some(each))))?;
            if each == recipe {
                let resolved = toml::Value::try_from(&resolved).map_err(|e| fail(e.to_string()))?;
                table.insert("training".to_owned(), resolved);
            }
        }
        let mut config: Self =
            place::read(table.into()).map_err(|problem| fail(problem.located(text, Some(recipe))))?;
        config.resolve_paths(origin);
        let fail = |problem: String| fail(Problem::of(problem).located(text, Some(recipe)));
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// The config with every default written out. Paths are absolute, so that it may be written anywhere.
    ///
    /// # Errors
    /// [`Error::Config`] when it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(&self.with_absolute_paths())
            .map_err(|e| Error::Config { file: "config.toml".into(), message: e.to_string() })
    }

    fn check(&self) -> Result<(), String> {
        let SplitFractions { train, validation, test } = self.data.split;
        if [train, validation, test].iter().any(|f| !(0.0..=1.0).contains(f))
            || (train + validation + test - 1.0).abs() > 1e-9
        {
            return Err(format!(
                "data.split is {train}/{validation}/{test}: fractions must lie between 0 and 1 and sum to 1"
            ));
        }
        for (key, given, belongs_to) in [
            ("file", self.data.file.is_some(), DataSource::Npz),
            ("spectra", self.data.spectra.is_some(), DataSource::Spectra),
            ("folder", self.data.folder.is_some(), DataSource::LatticeFolder),
        ] {
            match (given, self.data.source == belongs_to) {
                (true, false) => return Err(format!("data.{key} is for another source than data.source names")),
                (false, true) => return Err(format!("data.source needs data.{key}, which is not there")),
                _ => {}
            }
        }
        self.check_sources()?;
        if self.data.structures.is_some_and(|n| n == 0 || self.data.source != DataSource::Silicon) {
            return Err("data.structures is for the source \"silicon\", and at least 1".to_owned());
        }
        for (key, given, belongs_to) in [
            ("lattice", self.data.lattice.is_some(), DataSource::Lattice),
            ("lattice_folder", self.data.lattice_folder.is_some(), DataSource::LatticeFolder),
        ] {
            if given && self.data.source != belongs_to {
                return Err(format!("data.{key} is for another source than data.source names"));
            }
        }
        if self.model.latent == 0 {
            return Err("model.latent is 0: the latent space needs at least one dimension".to_owned());
        }
        if self.model.clusters == 0 {
            return Err("model.clusters is 0: the prior needs at least one cluster".to_owned());
        }
        if self.modalities.is_empty() {
            return Err("there is no [[modality]]: give at least one".to_owned());
        }
        let mut names = BTreeSet::new();
        for modality in &self.modalities {
            modality.check()?;
            if !names.insert(&modality.name) {
                return Err(format!("modality {:?} is given twice: rename or remove one", modality.name));
            }
        }
        lattice::check(self)?;
        for name in &names {
            // What is inferred of a modality is in arrays named after it.
            let taken = ["mean", "var", "draws", "parameters", "imputed"].map(|what| format!("{name}_{what}"));
            if let Some(other) = taken.iter().find(|other| names.contains(other)) {
                return Err(format!(
                    "modality {other:?}: its name is that of an array inferred for {name:?}; choose another"
                ));
            }
        }
        if let Some(peers) = &self.peers {
            peers.check(&names)?;
        }
        if let Some(name) = &self.training.start.modality
            && !names.contains(name)
        {
            return Err(format!("training.start.modality is {name:?}: there is no modality of that name"));
        }
        let start = &self.training.start;
        let mixture_of_experts = |m: &&ModalityConfig| {
            m.expert.is_some() && start.modality.as_ref() == Some(&m.name) && start.components.is_none()
        };
        if let (Some(_), Some(modality)) = (start.tie_epochs, self.modalities.iter().find(mixture_of_experts)) {
            return Err(format!(
                "training.start.tie_epochs ties samples to clusters found among components, and those of {:?} are found by its expert: give training.start.components too, or remove tie_epochs",
                modality.name
            ));
        }
        if let Some(refit) = &self.refit {
            refit.check()?;
        }
        self.training.check()
    }

    /// That each modality has values to come from.
    fn check_sources(&self) -> Result<(), String> {
        for (key, given) in [("labels", self.data.labels.is_some()), ("groups", self.data.groups.is_some())] {
            if given && self.data.source != DataSource::Modalities {
                return Err(format!(
                    "data.{key} is for modalities with files of their own; this data.source has its own"
                ));
            }
        }
        if self.data.source != DataSource::Modalities {
            return Ok(());
        }
        let has_own = |modality: &ModalityConfig| modality.source.own().is_some();
        for modality in &self.modalities {
            if matches!(modality.source, SourceConfig::Images {} | SourceConfig::Data {})
                || !self.modalities.iter().any(has_own)
            {
                return Err(format!(
                    "modality {:?} takes its values from a collection, and there is none: name it in data.source, or give the modality a file of its own, such as source = {{ kind = \"npz\", path = \"data.npz\" }}",
                    modality.name
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;
