//! From a config's `[data]` and `[[modality]]` tables to a dataset.

// Modalities with files of their own.
mod own;
// What the data are, without keeping them.
mod survey;

pub use survey::{ModalitySurvey, Survey, survey, survey_loaded};

use crate::config::{DataConfig, DataSource, ExperimentConfig, ModalityConfig, SourceConfig};
use crate::{Error, Result};
use ndarray::Array3;
use pima_data::{
    Dataset, DigitsOptions, Labels, LineOptions, OscillatorOptions, Split, find_mnist, generate_lattices,
    load_lattices, load_mnist, load_spectra, manufacture_lines, manufacture_oscillators, oscillator_trajectories,
    procedural_digits, read_npz, silicon,
};
use sha2::{Digest, Sha256};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Structures of 2023, section 4.3.
const SILICON: usize = 772;

/// Where to look for files.
#[derive(Debug, Clone, Default)]
pub struct DataLocations {
    /// A folder the user named (`--datasets`, `PIMA_DATASETS`); looked at first.
    pub datasets: Option<PathBuf>,
    /// The folder to fall back on, `datasets/mnist` of the checkout.
    pub fallback: PathBuf,
    /// The folder in which generated data are kept, so that the next run finds them; `None`: they are generated anew.
    pub generated: Option<PathBuf>,
    /// Told how many of how many structures have been generated.
    pub progress: Option<fn(usize, usize)>,
    /// Told, in one line each, what was done to the files on the way that a user should know of.
    pub note: Option<fn(&str)>,
}

/// The samples of a config, with only its modalities, and its split for `seed`.
///
/// # Errors
/// When files are missing or broken, or a modality asks for something the collection does not have.
pub fn load_data(config: &ExperimentConfig, locations: &DataLocations, seed: u64) -> Result<(Dataset, Split)> {
    let data = &config.data;
    let mut dataset = if data.source == DataSource::Modalities {
        own::load(config, locations)?
    } else {
        own::add(config, load_source(data, locations)?)?
    };
    if data.max_samples.is_some() || data.max_test_samples.is_some() {
        dataset = dataset.first(data.max_samples, data.max_test_samples)?;
    }
    for modality in &config.modalities {
        match &modality.source {
            SourceConfig::Images {} | SourceConfig::Data {} => {
                let names: Vec<&str> = dataset.modalities().iter().map(|own| own.name()).collect();
                check_is_there(modality, &names)?;
            }
            SourceConfig::Line { points, noise_variance } => {
                let options = LineOptions {
                    name: modality.name.clone(),
                    n_coordinates: *points,
                    noise_variance: *noise_variance,
                    ..LineOptions::default()
                };
                let lines = manufacture_lines(labels(&dataset, &modality.name)?, &options, data.seed)?;
                dataset = dataset.with_modality(lines)?;
            }
            SourceConfig::Oscillator(options) => {
                let options = OscillatorOptions { name: modality.name.clone(), ..options.clone() };
                let oscillators = manufacture_oscillators(labels(&dataset, &modality.name)?, &options, data.seed)?;
                dataset = dataset.with_modality(oscillators)?;
            }
            SourceConfig::Npz(_)
            | SourceConfig::Npy(_)
            | SourceConfig::Hdf5(_)
            | SourceConfig::Table(_)
            | SourceConfig::TableFolder(_)
            | SourceConfig::ImageFolder(_) => {}
        }
    }
    let names: Vec<&str> = config.modalities.iter().map(|m| m.name.as_str()).collect();
    let dataset = own::describe(dataset.with_only(&names)?, config)?;
    divide(config, dataset, seed)
}

/// That a collection with these modalities has one that takes its values from it.
fn check_is_there(modality: &ModalityConfig, names: &[&str]) -> Result<()> {
    let problem = match &modality.source {
        SourceConfig::Images {} if names.first() != Some(&modality.name.as_str()) => {
            format!("the images of this collection are called {:?}: use that name", names.first().unwrap_or(&""))
        }
        SourceConfig::Data {} if !names.contains(&modality.name.as_str()) => {
            format!("the data have no modality of that name; they have {}", names.join(", "))
        }
        _ => return Ok(()),
    };
    Err(Error::Modality { modality: modality.name.clone(), problem })
}

/// Splits the samples, and takes away what the config wants missing.
fn divide(config: &ExperimentConfig, mut dataset: Dataset, seed: u64) -> Result<(Dataset, Split)> {
    let mut split = Split::random(&dataset, &config.data.split, seed)?;
    let missing: Vec<f64> = config.modalities.iter().map(|modality| modality.missing).collect();
    if missing.iter().any(|&missing| missing > 0.0) {
        let (holed, train) = dataset.hide(&missing, &split.train, seed);
        let (holed, validation) = holed.hide(&missing, &split.validation, seed);
        (dataset, split.train, split.validation) = (holed, train, validation);
    }
    Ok((dataset, split))
}

fn load_source(data: &DataConfig, locations: &DataLocations) -> Result<Dataset> {
    let mnist =
        || find_mnist(locations.datasets.as_deref(), &locations.fallback).and_then(|folder| load_mnist(&folder));
    match data.source {
        DataSource::Modalities => {
            Err(pima_data::Error::Empty { dataset: "config".to_owned(), what: "collection" }.into())
        }
        DataSource::Mnist => Ok(mnist()?),
        DataSource::Digits => digits(data),
        DataSource::MnistOrDigits => match mnist() {
            Err(pima_data::Error::MnistNotFound { .. }) => digits(data),
            found => Ok(found?),
        },
        DataSource::Npz => Ok(read_npz(data.file.as_deref().unwrap_or_else(|| Path::new("")))?),
        DataSource::Spectra => Ok(load_spectra(&data.spectra.clone().unwrap_or_default())?),
        DataSource::Silicon => silicon_structures(data.structures.unwrap_or(SILICON), data.seed, locations),
        DataSource::Lattice => Ok(generate_lattices(&data.lattice.clone().unwrap_or_default(), data.seed)?.dataset),
        DataSource::LatticeFolder => {
            let folder = data.folder.as_deref().unwrap_or_else(|| Path::new(""));
            let loaded = load_lattices(folder, &data.lattice_folder.clone().unwrap_or_default())?;
            if let Some(tell) = locations.note {
                loaded.notes.iter().for_each(|note| tell(&note.to_string()));
            }
            Ok(loaded.dataset.with_group_names(loaded.names)?)
        }
    }
}

/// Generated structures, from the file of an earlier run where there is one.
fn silicon_structures(n: usize, seed: u64, locations: &DataLocations) -> Result<Dataset> {
    let recipe = silicon::Recipe::default();
    let mut progress = |so_far: silicon::Progress| {
        if let Some(tell) = locations.progress {
            tell(so_far.done, so_far.total);
        }
        ControlFlow::Continue(())
    };
    let Some(folder) = &locations.generated else {
        return Ok(silicon::generate(&recipe, n, seed, None, &mut progress)?);
    };
    // Another recipe is another file: its digest is in the name.
    let digest = Sha256::digest(format!("{recipe:?}"));
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let file = folder.join(format!("silicon-{n}-{seed}-{digest}.npz"));
    if file.is_file() {
        return Ok(read_npz(&file)?);
    }
    fs::create_dir_all(folder).map_err(|source| Error::Io { file: folder.clone(), source })?;
    Ok(silicon::generate_file(&recipe, n, seed, &file, &mut progress)?)
}

/// Procedural digits, no more than will be used: a row does not depend on how many there are.
fn digits(data: &DataConfig) -> Result<Dataset> {
    let all = DigitsOptions::default();
    let at_most = |most: Option<usize>, all: usize| most.map_or(all, |most| most.min(all));
    let n_train = at_most(data.max_samples, all.n_train);
    let n_test = at_most(data.max_test_samples, all.n_test);
    Ok(procedural_digits(&DigitsOptions { n_train, n_test, ..all }, data.seed)?)
}

/// The noise-free states of each of `n_labels` labels, (K,S,T), where modality `m` of a config is manufactured from a differential equation.
///
/// # Errors
/// When there is no such trajectory.
pub fn known_states(config: &ExperimentConfig, m: usize, n_labels: usize) -> Result<Option<Array3<f64>>> {
    match config.modalities.get(m).map(|modality| &modality.source) {
        Some(SourceConfig::Oscillator(options)) => Ok(Some(oscillator_trajectories(n_labels, options)?.states)),
        _ => Ok(None),
    }
}

/// What a manufactured modality is made from.
fn labels<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Labels> {
    let known = dataset.labels().filter(|labels| labels.n_known() == dataset.n_samples());
    known.ok_or_else(|| Error::Modality {
        modality: name.to_owned(),
        problem: "a manufactured modality is made from labels, and not every sample of this collection has one"
            .to_owned(),
    })
}
