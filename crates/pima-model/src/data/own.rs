//! Modalities with files of their own: opened, matched and described as a config says.

use super::DataLocations;
use crate::config::{ExperimentConfig, ModalityConfig};
use crate::{Error, Result};
use ndarray::Array2;
use pima_core::ModalityShape;
use pima_data::{
    Dataset, MeasurementAxis, ModalityData, ModalityDescription, ModalityKind, Samples, Source, SourceReader,
    match_sources, read_names,
};

/// The dataset of a config whose modalities all name their own files.
pub(super) fn load(config: &ExperimentConfig, locations: &DataLocations) -> Result<Dataset> {
    let mut sources = Vec::new();
    for settings in &config.modalities {
        if let Some(source) = own(config, settings) {
            sources.push((settings.name.clone(), read(config, open(&source, settings)?)?));
        }
    }
    matched(config, sources, locations)
}

/// Adds the modalities with files of their own to a collection, in the order of its samples.
pub(super) fn add(config: &ExperimentConfig, mut dataset: Dataset) -> Result<Dataset> {
    for settings in &config.modalities {
        let Some(source) = own(config, settings) else { continue };
        if source.names_ids() {
            let problem = "its source has ids, and the collection of data.source has none: leave the ids out, and keep the collection's order".to_owned();
            return Err(Error::Modality { modality: settings.name.clone(), problem });
        }
        let samples = read(config, open(&source, settings)?)?.without_ids();
        let alone = match_sources("", vec![(settings.name.clone(), samples)])?;
        let (dataset_before, modality) = (dataset, alone.modalities()[0].clone());
        dataset = dataset_before.with_modality(modality)?;
    }
    Ok(dataset)
}

/// The source of a modality; a table's columns leave out those that say the class or the group.
pub(super) fn own(config: &ExperimentConfig, settings: &ModalityConfig) -> Option<Source> {
    let mut source = settings.source.own()?;
    if let Source::Table(table) = &mut source {
        for names in config.data.labels.iter().chain(&config.data.groups).filter(|names| names.path == table.path) {
            table.except.extend(names.column.clone());
        }
    }
    Some(source)
}

/// Opens the source of a modality.
pub(super) fn open(source: &Source, settings: &ModalityConfig) -> Result<SourceReader> {
    // Only curves have an axis.
    let kind = settings.kind.or(settings.axis.as_ref().map(|_| ModalityKind::Curve));
    Ok(SourceReader::open(source, &settings.name, kind)?)
}

/// All samples of a source, kept where the config wants them.
fn read(config: &ExperimentConfig, source: SourceReader) -> Result<Samples> {
    Ok(match &config.data.scratch {
        Some(folder) => source.on_disk(folder)?,
        None => source.whole()?,
    })
}

/// The dataset of these samples with the config's labels and groups. Where no ids are named, all are matched by their order.
pub(super) fn matched(
    config: &ExperimentConfig,
    mut sources: Vec<(String, Samples)>,
    locations: &DataLocations,
) -> Result<Dataset> {
    let named = config.modalities.iter().filter_map(|settings| settings.source.own()).any(|source| source.names_ids());
    if !named && sources.iter().any(|(_, samples)| samples.ids().is_none()) {
        if let (Some(tell), Some(_)) = (locations.note, sources.iter().find(|(_, samples)| samples.ids().is_some())) {
            tell("images are matched by the order of their names, for the other sources name no ids");
        }
        sources = sources.into_iter().map(|(name, samples)| (name, samples.without_ids())).collect();
    }
    let mut dataset = match_sources(name(config), sources)?;
    let n_samples = dataset.n_samples();
    if let Some(groups) = &config.data.groups {
        let groups = read_names(groups)?.groups(dataset.ids(), n_samples)?;
        dataset = dataset.with_groups(groups)?;
    }
    if let Some(labels) = &config.data.labels {
        let labels = read_names(labels)?.labels(dataset.ids(), n_samples)?;
        dataset = dataset.with_labels(labels)?;
    }
    Ok(dataset)
}

/// What data of a user's own are called: their files.
fn name(config: &ExperimentConfig) -> String {
    let mut names: Vec<String> = Vec::new();
    for source in config.modalities.iter().filter_map(|settings| settings.source.own()) {
        let name = source.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// The dataset with the units and axes of the config, whose modalities are in the same order.
pub(super) fn describe(dataset: Dataset, config: &ExperimentConfig) -> Result<Dataset> {
    let mut settings = config.modalities.iter();
    Ok(dataset.described(|about| match settings.next() {
        Some(settings) => described(about, settings),
        None => Ok(about),
    })?)
}

/// A modality as its source and then the config describe it.
pub(super) fn described(
    about: ModalityDescription,
    settings: &ModalityConfig,
) -> pima_data::Result<ModalityDescription> {
    let units = settings.units.clone().unwrap_or(about.units);
    let axis: Option<MeasurementAxis> = match &settings.axis {
        Some(axis) => {
            let length = match about.shape {
                ModalityShape::Curve { length, .. } | ModalityShape::Vector { length } => length,
                ModalityShape::Image { .. } => 0,
            };
            let source = settings.source.own();
            let path = source.as_ref().map(Source::path).unwrap_or_else(|| std::path::Path::new("data"));
            Some(axis.resolve(length, about.axis.as_ref(), path)?)
        }
        None => about.axis,
    };
    if let Some(axis) = &axis {
        // Without rows: what it refuses is an axis of another length.
        let none = Array2::zeros((0, about.shape.size()));
        ModalityData::new(&about.name, about.shape, none)?.with_axis(axis.clone())?;
    }
    Ok(ModalityDescription { units, axis, ..about })
}
