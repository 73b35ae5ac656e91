//! What the data of a config are and how large its model is, found out in one pass that keeps no values.

// Ranges and constant values, row by row.
mod statistics;
// What a user should look at before training.
mod warnings;

use super::{DataLocations, check_is_there, divide, load_data, own};
use crate::config::{DataSource, ExperimentConfig, ExpertConfig, SourceConfig};
use crate::model::{Head, Model};
use crate::{Error, Result};
use ndarray::Array2;
use pima_core::ModalityShape;
use pima_data::{Dataset, Labels, ModalityData, ModalityDescription, Normalisation, NpzRows, Samples, Split};
use statistics::Statistics;
use std::collections::BTreeSet;
use std::path::Path;
use tch::Device;

/// Values in memory at a time.
const VALUES: usize = 1 << 22;

/// What `load_data` would load, without its values, and the model that it would be given to.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// What the data are.
    pub dataset: String,
    /// D, number of samples.
    pub n_samples: usize,
    /// The modalities, in the config's order.
    pub modalities: Vec<ModalitySurvey>,
    /// Rows to train, validate and test with.
    pub split: Split,
    /// Where several rows are of one specimen, how many specimens there are in all, and to train, validate and test with.
    pub specimens: Option<[usize; 4]>,
    /// Known classes, each with its number of samples.
    pub labels: Option<Vec<(String, usize)>>,
    /// Trained numbers of all networks.
    pub n_parameters: usize,
    /// What should be looked at before training, a line each.
    pub warnings: Vec<String>,
}

/// One modality, over all samples that have it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModalitySurvey {
    /// Name, shape, axis and units.
    pub about: ModalityDescription,
    /// Samples that have it.
    pub n_present: usize,
    /// Training samples that have it.
    pub n_train: usize,
    /// Its least and its greatest value; `None` where no sample has it.
    pub range: Option<(f32, f32)>,
    /// Coordinates that are the same in all samples, by number.
    pub constant: Vec<usize>,
    /// Weight of its reconstruction in the loss, lambda_m.
    pub weight: f64,
    /// Trained numbers of the encoder.
    pub encoder: usize,
    /// Trained numbers of the decoder; 0 for an expert.
    pub decoder: usize,
    /// Names of the expert's parameters; empty for a network.
    pub expert: Vec<String>,
}

/// Reads all data of a config, as [`load_data`] does, and builds its model. Arrays of `.npz` and `.npy` files are not kept in memory.
///
/// # Errors
/// As [`load_data`] and [`Model::new`].
pub fn survey(config: &ExperimentConfig, locations: &DataLocations, seed: u64) -> Result<Survey> {
    let from_files = |modality: &crate::ModalityConfig| modality.source.own().is_some();
    let from_npz =
        |modality: &crate::ModalityConfig| matches!(modality.source, SourceConfig::Images {} | SourceConfig::Data {});
    let needs_values =
        |modality: &crate::ModalityConfig| matches!(modality.expert, Some(ExpertConfig::PrincipalComponents { .. }));
    let modalities = &config.modalities;
    if modalities.iter().any(needs_values) {
        return of_loaded(config, locations, seed);
    }
    match config.data.source {
        DataSource::Modalities if modalities.iter().all(from_files) => of_files(config, locations, seed),
        DataSource::Npz if modalities.iter().all(from_npz) => of_npz(config, seed),
        _ => of_loaded(config, locations, seed),
    }
}

/// Modalities that all have files of their own.
fn of_files(config: &ExperimentConfig, locations: &DataLocations, seed: u64) -> Result<Survey> {
    let (mut sources, mut about, mut statistics): (Vec<(String, Samples)>, _, _) = (Vec::new(), Vec::new(), Vec::new());
    for settings in &config.modalities {
        let Some(source) = own::own(config, settings) else { continue };
        let mut reader = own::open(&source, settings)?;
        let shape = reader.shape();
        let mut of_modality = Statistics::new(shape.size());
        let mut present = Vec::with_capacity(reader.n_samples());
        while let Some(block) = reader.next(VALUES / shape.size())? {
            for (values, &is_present) in block.values.chunks_exact(shape.size()).zip(&block.present) {
                if is_present {
                    of_modality.add(values);
                }
            }
            present.extend(block.present);
        }
        let (axis, units) = (reader.axis().cloned(), reader.units().to_owned());
        let said = ModalityDescription { name: settings.name.clone(), shape, axis, units };
        about.push(own::described(said, settings)?);
        statistics.push(of_modality);
        sources.push((settings.name.clone(), reader.outline(present)));
    }
    let dataset = own::matched(config, sources, locations)?;
    outlined(config, dataset, about, statistics, seed)
}

/// The modalities of one `.npz`.
fn of_npz(config: &ExperimentConfig, seed: u64) -> Result<Survey> {
    let path = config.data.file.as_deref().unwrap_or_else(|| Path::new(""));
    let mut rows = NpzRows::open(path)?;
    let all: Vec<ModalityDescription> = rows.modalities().cloned().collect();
    let names: Vec<&str> = all.iter().map(|about| about.name.as_str()).collect();
    let mut about = Vec::new();
    for settings in &config.modalities {
        check_is_there(settings, &names)?;
        let found = all.iter().find(|about| about.name == settings.name);
        let found = found.ok_or_else(|| Error::Modality {
            modality: settings.name.clone(),
            problem: format!("the data have no modality of that name; they have {}", names.join(", ")),
        })?;
        about.push(own::described(found.clone(), settings)?);
    }
    let mut statistics: Vec<Statistics> = about.iter().map(|about| Statistics::new(about.shape.size())).collect();
    let mut present = vec![Vec::new(); about.len()];
    let (mut labels, mut label_names, mut held_out, mut groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let size: usize = all.iter().map(|about| about.shape.size()).sum();
    let name = rows.name().to_owned();
    let mut buffer = Vec::new();
    while let Some((block, _)) = rows.next(VALUES / size.max(1), &mut None)? {
        for ((about, statistics), present) in about.iter().zip(&mut statistics).zip(&mut present) {
            let data = block.modality(&about.name)?;
            for row in 0..data.n_samples() {
                if data.is_present(row) {
                    statistics.add(data.row(row, &mut buffer)?);
                }
                present.push(data.is_present(row));
            }
        }
        if let Some(of_block) = block.labels() {
            labels.extend((0..of_block.values().len()).map(|row| of_block.of(row)));
            label_names = of_block.names().to_vec();
        }
        held_out.extend_from_slice(block.held_out().unwrap_or(&[]));
        groups.extend_from_slice(block.groups().unwrap_or(&[]));
    }
    let shape = ModalityShape::Vector { length: 1 };
    let modalities = about.iter().zip(present).map(|(about, present)| {
        ModalityData::with_missing(&about.name, shape, Array2::zeros((present.len(), 1)), present)
    });
    let mut dataset = Dataset::new(name, modalities.collect::<pima_data::Result<_>>()?, None)?;
    if !labels.is_empty() {
        dataset = dataset.with_labels(Labels::partial(labels, label_names)?)?;
    }
    if !held_out.is_empty() {
        dataset = dataset.with_held_out(held_out)?;
    }
    if !groups.is_empty() {
        dataset = dataset.with_groups(groups)?;
    }
    outlined(config, dataset, about, statistics, seed)
}

/// The survey of a dataset of which only the outline is there.
fn outlined(
    config: &ExperimentConfig,
    mut dataset: Dataset,
    about: Vec<ModalityDescription>,
    statistics: Vec<Statistics>,
    seed: u64,
) -> Result<Survey> {
    let lonely = warnings::lonely(&dataset);
    let data = &config.data;
    if data.max_samples.is_some() || data.max_test_samples.is_some() {
        dataset = dataset.first(data.max_samples, data.max_test_samples)?;
    }
    let (dataset, split) = divide(config, dataset, seed)?;
    // Fitted to no data: the sizes of a model do not depend on them.
    let normalisations = about.iter().map(|_| Normalisation::identity()).collect();
    let components = about.iter().map(|_| None).collect();
    let model = Model::assemble(config, about.clone(), normalisations, components, Device::Cpu, seed)?;
    Ok(finish(config, &dataset, split, about, &statistics, &model, lonely))
}

/// The survey of data that are generated, or that the model needs to be built.
fn of_loaded(config: &ExperimentConfig, locations: &DataLocations, seed: u64) -> Result<Survey> {
    let (dataset, split) = load_data(config, locations, seed)?;
    survey_loaded(config, &dataset, &split, seed)
}

/// The survey of data that are loaded already.
///
/// # Errors
/// As [`Model::new`].
pub fn survey_loaded(config: &ExperimentConfig, dataset: &Dataset, split: &Split, seed: u64) -> Result<Survey> {
    let model = Model::new(config, dataset, split, Device::Cpu, seed)?;
    let statistics: Vec<Statistics> = dataset.modalities().iter().map(Statistics::of).collect::<Result<_>>()?;
    let about = dataset.modalities().iter().map(ModalityData::description).collect();
    Ok(finish(config, dataset, split.clone(), about, &statistics, &model, warnings::lonely(dataset)))
}

fn finish(
    config: &ExperimentConfig,
    dataset: &Dataset,
    split: Split,
    about: Vec<ModalityDescription>,
    statistics: &[Statistics],
    model: &Model,
    mut warnings: Vec<String>,
) -> Survey {
    let modalities: Vec<ModalitySurvey> = about
        .into_iter()
        .zip(statistics)
        .enumerate()
        .map(|(m, (about, statistics))| {
            let data = &dataset.modalities()[m];
            let expert = match &model.modalities[m].head {
                Head::Expert(expert) => expert.expert.parameter_names().to_vec(),
                Head::Networks(_) => Vec::new(),
            };
            let trained = |network: &str| model.parameters.count_of(&format!("{network}.{}.", about.name));
            ModalitySurvey {
                n_present: (0..data.n_samples()).filter(|&row| data.is_present(row)).count(),
                n_train: split.train.iter().filter(|&&row| data.is_present(row)).count(),
                range: statistics.range(),
                constant: statistics.constant(),
                weight: model.modalities[m].weight,
                encoder: trained("encoder"),
                decoder: trained("decoder"),
                expert,
                about,
            }
        })
        .collect();
    let labels = dataset.labels().map(|labels| {
        let mut counts: Vec<(String, usize)> = labels.names().iter().map(|name| (name.clone(), 0)).collect();
        (0..labels.values().len()).filter_map(|row| labels.of(row)).for_each(|label| counts[label].1 += 1);
        counts
    });
    let specimens = dataset.groups().map(|groups| {
        let all: Vec<usize> = (0..groups.len()).collect();
        let count = |rows: &[usize]| rows.iter().map(|&row| groups[row]).collect::<BTreeSet<_>>().len();
        [&all, &split.train, &split.validation, &split.test].map(|rows| count(rows))
    });
    let mut survey = Survey {
        dataset: dataset.name().to_owned(),
        n_samples: dataset.n_samples(),
        modalities,
        split,
        specimens,
        labels,
        n_parameters: model.n_parameters(),
        warnings: Vec::new(),
    };
    warnings.extend(warnings::of(&survey, config));
    survey.warnings = warnings;
    survey
}
