//! What a user should look at before training.

use super::{ModalitySurvey, Survey};
use crate::config::{ExperimentConfig, ModalityConfig};
use pima_core::ModalityShape;
use pima_data::{Dataset, NormalisationMethod};

/// Training samples for each cluster below which there is little to tell clusters by.
const FEW: usize = 10;
/// Values above which networks train badly without normalisation.
const LARGE: f32 = 20.0;

/// Values that no measurement has.
const IMPLAUSIBLE: f32 = 1e15;
/// Numbers that people write for what was not measured.
const MARKS: [f32; 4] = [-999.0, -9999.0, -99999.0, -999_999.0];

/// Sources most of whose samples no other source has, where there are several: often a column of ids that is not the right one.
pub(super) fn lonely(dataset: &Dataset) -> Vec<String> {
    let (Some(ids), n) = (dataset.ids(), dataset.modalities().len()) else { return Vec::new() };
    if n < 2 {
        return Vec::new();
    }
    let only = |row: usize, m: usize| {
        dataset.modalities().iter().enumerate().all(|(k, modality)| modality.is_present(row) == (k == m))
    };
    let of_modality = |(m, modality): (usize, &pima_data::ModalityData)| {
        let rows: Vec<usize> = (0..dataset.n_samples()).filter(|&row| only(row, m)).collect();
        let own = (0..dataset.n_samples()).filter(|&row| modality.is_present(row)).count();
        let &first = rows.first().filter(|_| 2 * rows.len() > own)?;
        Some(format!(
            "{}: {} of its {own} samples have no other modality (the first: {}): check their ids, unless nothing else was measured",
            modality.name(),
            rows.len(),
            ids[first]
        ))
    };
    dataset.modalities().iter().enumerate().filter_map(of_modality).collect()
}

pub(super) fn of(survey: &Survey, config: &ExperimentConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    for (modality, settings) in survey.modalities.iter().zip(&config.modalities) {
        of_modality(modality, settings, &mut warnings);
    }
    for settings in &config.modalities {
        let from = settings.expert_sees_latent.map_or(0, |sees| sees.from_epoch);
        if from > config.training.epochs {
            warnings.push(format!(
                "{}: expert_sees_latent begins in epoch {from}, and there are {} epochs: samples never get parameters of their own; lower from_epoch, or train for longer",
                settings.name, config.training.epochs
            ));
        }
    }
    let n_clusters = config.model.clusters;
    // Quadrants of one photograph are no further specimens.
    let (n_train, what) = match survey.specimens {
        Some([_, train, ..]) => (train, "specimens"),
        None => (survey.split.train.len(), "samples"),
    };
    if n_train < FEW * n_clusters {
        warnings.push(format!(
            "{n_train} {what} to train on for {n_clusters} clusters: fewer than {FEW} each; use fewer clusters or more {what}"
        ));
    }
    for (part, rows) in [("validation", &survey.split.validation), ("test", &survey.split.test)] {
        if rows.is_empty() {
            let consequence =
                if part == "test" { "nothing is reported on unseen samples" } else { "the last epoch is the model" };
            warnings.push(format!("no {part} samples: {consequence}; set data.split"));
        }
    }
    if let Some(labels) = &survey.labels {
        let small: Vec<String> =
            labels.iter().filter(|(_, n)| *n < FEW).map(|(name, n)| format!("{name} ({n})")).take(5).collect();
        if !small.is_empty() {
            warnings.push(format!("labels of few samples: {}; scores say little of them", small.join(", ")));
        }
        if labels.len() != n_clusters {
            warnings
                .push(format!("{} labels, but {n_clusters} clusters: accuracy matches them one to one", labels.len()));
        }
    }
    warnings
}

fn of_modality(modality: &ModalitySurvey, settings: &ModalityConfig, warnings: &mut Vec<String>) {
    let ModalitySurvey { about, constant, range, .. } = modality;
    let (name, size) = (&about.name, about.shape.size());
    if modality.n_train == 0 {
        warnings.push(format!("{name}: missing in every training sample; remove it, or check its ids and data.split"));
        return;
    }
    if constant.len() == size {
        warnings.push(format!("{name}: the same in every sample, and so says nothing; remove it, or check its source"));
    } else if let (ModalityShape::Vector { .. }, false) = (about.shape, constant.is_empty()) {
        let shown: Vec<String> = constant.iter().take(5).map(ToString::to_string).collect();
        let more = if constant.len() > 5 { ", ..." } else { "" };
        warnings.push(format!(
            "{name}: {} of {size} values never change (counted from 0: {}{more}); leave these columns out",
            constant.len(),
            shown.join(", ")
        ));
    }
    if let (Some((least, greatest)), NormalisationMethod::None) = (range, settings.normalise)
        && least.abs().max(greatest.abs()) > LARGE
    {
        warnings.push(format!(
            "{name}: values up to {:?} are not normalised; set normalise = \"standard\" or \"min_max_global\"",
            least.abs().max(greatest.abs())
        ));
    }
    if let Some((least, greatest)) = range {
        let mark = MARKS.iter().find(|mark| *mark == least).copied();
        let mark = mark.or_else(|| [*least, *greatest].into_iter().find(|value| value.abs() >= IMPLAUSIBLE));
        if let Some(mark) = mark {
            warnings.push(format!(
                "{name}: has the value {mark:?}, which looks like a mark for what was not measured; empty those cells, or write NaN in all of the row"
            ));
        }
    }
    let physical = !matches!(about.shape, ModalityShape::Image { .. }) && settings.source.own().is_some();
    if physical && settings.units.is_none() && about.units.is_empty() {
        warnings.push(format!("{name}: no units; say units = \"MPa\", or units = \"\" where the values have none"));
    }
    if physical
        && about
            .axis
            .as_ref()
            .is_some_and(|axis| axis.units.is_empty() && settings.axis.as_ref().is_none_or(|axis| axis.units.is_none()))
    {
        warnings.push(format!("{name}: no units of its axis; say axis.units, \"\" where the points have none"));
    }
}
