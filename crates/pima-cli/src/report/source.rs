//! What a run holds, read once for all sections, with a note on whatever cannot be read.

use std::path::PathBuf;

use anyhow::Result;
use pima_core::ModalityShape;

use crate::plots::{AloneConfusion, Assigned, cluster_name, guessed_shape};
use crate::run_directory::{EpochRecord, InferenceExamples, MetricsRecord, Predictions, RunDirectory, RunRecord};
use crate::summary::{ModalityAxes, Summary};

/// The files of a run; what is missing is `None`, and what is damaged too, with a note.
pub(super) struct Source {
    pub(super) root: PathBuf,
    pub(super) config: Option<String>,
    pub(super) began: Option<RunRecord>,
    pub(super) epochs: Vec<EpochRecord>,
    pub(super) summary: Option<Summary>,
    pub(super) predictions: Option<Predictions>,
    /// What the test samples are called; empty where that is not known.
    pub(super) names: Vec<String>,
    pub(super) inference: Option<InferenceExamples>,
    /// Clusters matched to labels, where the data have labels; of as many clusters as were predicted.
    pub(super) assigned: Option<Assigned>,
    /// The same from one modality each.
    pub(super) alone: Vec<AloneConfusion>,
    pub(super) notes: Vec<String>,
}

/// What is known of the values of a modality.
pub(super) struct Form<'a> {
    pub(super) shape: ModalityShape,
    /// Where along the horizontal axis a curve's values are; its index where nothing says so.
    pub(super) grid: Vec<f64>,
    pub(super) x_name: &'a str,
    pub(super) y_name: String,
}

impl Form<'_> {
    pub(super) fn is_image(&self) -> bool {
        matches!(self.shape, ModalityShape::Image { .. })
    }
}

impl Source {
    pub(super) fn read(run: &RunDirectory) -> Self {
        let mut notes = Vec::new();
        let summary = existing(run.summary_path(), &mut notes, || run.read_summary());
        let predictions = existing(run.predictions_path(), &mut notes, || run.read_predictions());
        let names = existing(run.samples_path(), &mut notes, || run.read_test_names()).unwrap_or_default();
        let records = existing(run.metrics_path(), &mut notes, || run.read_metrics()).unwrap_or_default();
        let config = existing(run.config_path(), &mut notes, || Ok(std::fs::read_to_string(run.config_path())?));
        let modalities = summary.as_ref().map_or_else(Vec::new, |summary| summary.modalities.clone());
        let inference = existing(run.inference_path(), &mut notes, || run.read_inference(&modalities));
        let test = summary.as_ref().and_then(|summary| summary.splits.test.as_ref());
        let assigned = Assigned::of(test, predictions.as_ref()).unwrap_or_else(|error| {
            notes.push(format!("clusters are not matched to labels: {error:#}"));
            None
        });
        let n = predictions.as_ref().map(Predictions::n_clusters);
        let assigned = assigned.filter(|assigned| n.is_none_or(|n| n == assigned.label_of.len()));
        let alone = test.zip(assigned.as_ref()).map_or_else(Vec::new, |(test, all)| AloneConfusion::all(test, all));
        let (mut began, mut epochs) = (None, Vec::new());
        for record in records {
            match record {
                MetricsRecord::Run(record) => began = Some(*record),
                MetricsRecord::Epoch(record) => epochs.push(*record),
                MetricsRecord::Other => {}
            }
        }
        Self {
            root: run.root().to_owned(),
            config,
            began,
            epochs,
            summary,
            predictions,
            names,
            inference: inference.filter(|inference| !inference.predicted.is_empty()),
            assigned,
            alone,
            notes,
        }
    }

    /// The name of a label: the data's, else its number.
    pub(super) fn label_name(&self, label: usize) -> String {
        let named = self.summary.as_ref().and_then(|summary| summary.label_names.get(label));
        named.cloned().unwrap_or_else(|| label.to_string())
    }

    /// "c3", or "c3 (seven)" for the cluster that is taken for label seven.
    pub(super) fn cluster_name(&self, cluster: usize) -> String {
        let label = self.assigned.as_ref().and_then(|assigned| assigned.label_of.get(cluster).copied().flatten());
        match label {
            Some(label) => format!("c{cluster} ({})", self.label_name(label)),
            None => cluster_name(cluster, None),
        }
    }

    /// The clusters in the order in which they are shown: by label, else as they are numbered.
    pub(super) fn cluster_order(&self, n: usize) -> Vec<usize> {
        let matched = self.assigned.as_ref().map(Assigned::order).filter(|order| order.len() == n);
        matched.unwrap_or_else(|| (0..n).collect())
    }

    /// Names of the predicted modalities, in the model's order.
    pub(super) fn modalities(&self) -> Vec<&str> {
        let known = self.summary.as_ref().map_or(&[][..], |summary| &summary.modalities);
        let place = |name: &str| known.iter().position(|own| own == name).unwrap_or(known.len());
        let predicted = self.predictions.iter().flat_map(|predictions| predictions.modalities.keys());
        let mut names: Vec<&str> = predicted.map(String::as_str).collect();
        names.sort_by_key(|name| place(name));
        names
    }

    /// What is known of the `size` values of a modality.
    pub(super) fn form(&self, name: &str, size: usize) -> Form<'_> {
        let summary = self.summary.as_ref();
        let stated = summary.and_then(|summary| summary.modality_shapes.get(name)).copied();
        let shape = stated.filter(|shape| shape.size() == size).unwrap_or_else(|| guessed_shape(name, size));
        let axes: Option<&ModalityAxes> = summary.and_then(|summary| summary.modality_axes.get(name));
        let length = if let ModalityShape::Curve { length, .. } = shape { length } else { size };
        let grid = axes.map(|axes| &axes.grid).filter(|grid| grid.len() == length);
        Form {
            shape,
            grid: grid.map_or_else(|| (0..length).map(|t| t as f64).collect(), Clone::clone),
            x_name: axes.map_or("", |axes| &axes.x),
            y_name: axes.filter(|axes| !axes.y.is_empty()).map_or_else(|| self.with_unit(name), |axes| axes.y.clone()),
        }
    }

    /// A name with the unit that the summary has for it.
    pub(super) fn with_unit(&self, name: &str) -> String {
        let unit = self.summary.as_ref().and_then(|summary| summary.units.get(name));
        match unit.map(|unit| unit.trim()).filter(|unit| !unit.is_empty()) {
            Some(unit) => format!("{name} ({unit})"),
            None => name.to_owned(),
        }
    }
}

/// What `read` reads, if the file is there; a note if it is but cannot be read.
fn existing<T>(path: PathBuf, notes: &mut Vec<String>, read: impl FnOnce() -> Result<T>) -> Option<T> {
    if !path.exists() {
        return None;
    }
    read().map_err(|error| notes.push(format!("{error:#}"))).ok()
}
