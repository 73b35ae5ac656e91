//! `summary.json`: what a run was and how well it did, one record for every reader (plots, reports, `xtask`).
//!
//! Keys that are not known here are kept in [`Summary::extra`] at the top level and skipped elsewhere, so that a
//! summary of a newer version can still be drawn. A number that is not finite is written as `null` and read back as
//! NaN.

use std::collections::BTreeMap;

use pima_core::ModalityShape;
use pima_model::{Calibration, RefitAbout};
use serde::{Deserialize, Serialize};

use crate::run_directory::numbers;

/// Contents of `summary.json`.
///
/// `experiment`, `dataset` and `seed` must be present, because every title names them; all else may be missing in a run
/// that was cut short or written by another version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of the program that trained.
    #[serde(default)]
    pub pima_version: String,
    /// Short name of the experiment, as in its configuration file.
    pub experiment: String,
    /// The experiment in words; empty when the configuration gives none.
    #[serde(default)]
    pub title: String,
    /// Name of the data, e.g. "MNIST" or "procedural digits (not MNIST)".
    pub dataset: String,
    /// Seed of every random number of the run.
    pub seed: u64,
    /// Training recipe.
    #[serde(default)]
    pub recipe: String,
    /// Device the networks ran on.
    #[serde(default)]
    pub device: String,
    /// Number of CPU threads.
    #[serde(default)]
    pub threads: usize,
    /// Time from start to end, seconds.
    #[serde(default, deserialize_with = "numbers::number")]
    pub wall_seconds: f64,
    /// Time spent training, seconds.
    #[serde(default, deserialize_with = "numbers::number")]
    pub train_seconds: f64,
    /// Most memory that the process held at once, bytes; absent where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Number of trained network weights.
    #[serde(default)]
    pub n_parameters: u64,
    /// Number of epochs trained.
    #[serde(default)]
    pub epochs: usize,
    /// Epoch of the lowest validation loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// How the run ended: "finished", "interrupted" ...
    #[serde(default)]
    pub status: String,
    /// How the encoders were refitted for use alone; absent where they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<RefitAbout>,
    /// Results by split.
    #[serde(default)]
    pub splits: Splits,
    /// Identified parameters of the experts, by modality; empty without experts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub experts: BTreeMap<String, ExpertSummary>,
    /// By modality of the expert, where the data carry the truth: the largest deviation of a cluster's parameter from it, in standard errors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub parameter_error: BTreeMap<String, f64>,
    /// Number of clusters, N.
    #[serde(default)]
    pub n_clusters: usize,
    /// Number of latent dimensions, l.
    #[serde(default)]
    pub n_latent: usize,
    /// Names of the modalities, in the model's order.
    #[serde(default)]
    pub modalities: Vec<String>,
    /// Shape of one sample by modality. Where it is missing the plots guess from the number of values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modality_shapes: BTreeMap<String, ModalityShape>,
    /// Names of the labels, where the data name them otherwise than by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_names: Vec<String>,
    /// Units of modalities and of the facts beside them, where there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, String>,
    /// What the values of a curve or vector modality are measured in; may be missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub modality_axes: BTreeMap<String, ModalityAxes>,
    /// Keys this version does not know.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Results of the three splits; a split that was not evaluated is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Splits {
    /// Training split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<SplitSummary>,
    /// Validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<SplitSummary>,
    /// Test split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SplitSummary>,
}

/// Results on one split. What needs labels is absent when the data has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// Number of samples, D.
    #[serde(default)]
    pub n: usize,
    /// Evidence lower bound per sample, minus half of `loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elbo: Option<f64>,
    /// Loss per sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Unsupervised accuracy (Walker et al. 2023, eq. 19), in `[0, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Normalised mutual information of clusters and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nmi: Option<f64>,
    /// Adjusted Rand index of clusters and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ari: Option<f64>,
    /// Share of the samples that have the most frequent label of their cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purity: Option<f64>,
    /// Accuracy when only the named modality is seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub accuracy_from: BTreeMap<String, f64>,
    /// The same with refitted encoders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub accuracy_from_refitted: BTreeMap<String, f64>,
    /// Counts by true label (outer) and cluster (inner), clusters in their own order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<u64>>>,
    /// The same when only the named modality is seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confusion_from: BTreeMap<String, Vec<Vec<u64>>>,
    /// The same with refitted encoders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confusion_from_refitted: BTreeMap<String, Vec<Vec<u64>>>,
    /// Label assigned to each cluster (N); `null` for a cluster without one. Computed from `confusion` where it is
    /// missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Vec<Option<usize>>>,
    /// Root mean square error by modality, in the modality's own units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub rmse: BTreeMap<String, f64>,
    /// The same in normalised units: with min-max normalisation, a fraction of the training data's range.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub rmse_normalised: BTreeMap<String, f64>,
    /// Of the test split: errors of every modality predicted from another one alone, `rmse_from.<given>.<predicted>`, normalised units; by
    /// refitted encoders where there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::nested")]
    pub rmse_from: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of the test split, by the one modality that is seen: whether what is inferred is as uncertain as it says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calibration: BTreeMap<String, Calibration>,
    /// The same split judged by simpler methods, by their names: `ridge`, `kmeans`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<String, SplitSummary>,
    /// Of the test split, where there are labels: errors of the mean of the training samples of the right label, normalised units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::map")]
    pub rmse_class_mean: BTreeMap<String, f64>,
    /// How many times smaller than `rmse_class_mean` the error of a prediction from another modality is, `gain_from.<given>.<predicted>`: above 1, more is
    /// seen than the class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::nested")]
    pub gain_from: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of the test split, where the data carry the truth: its correlation with what an expert identified for single samples, within the classes,
    /// `parameter_correlation.<modality of the expert>.<parameter>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers::nested")]
    pub parameter_correlation: BTreeMap<String, BTreeMap<String, f64>>,
    /// The same from one modality alone, `parameter_correlation_from.<given>.<modality of the expert>.<parameter>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameter_correlation_from: BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>,
}

/// Parameters an expert decoder identified.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpertSummary {
    /// Names of the parameters (P).
    pub parameters: Vec<String>,
    /// Units of the parameters (P), empty strings where there are none; may be empty altogether.
    #[serde(default)]
    pub units: Vec<String>,
    /// The clusters' values.
    #[serde(default)]
    pub clusters: Vec<ExpertCluster>,
}

/// Identified parameters of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpertCluster {
    /// Index of the cluster.
    pub cluster: usize,
    /// Prior probability of the cluster.
    #[serde(default, deserialize_with = "numbers::number")]
    pub weight: f64,
    /// Parameter values (P), in the parameters' units.
    #[serde(deserialize_with = "numbers::list")]
    pub values: Vec<f64>,
    /// Standard errors (P), in the parameters' units; NaN where a parameter is not identified.
    #[serde(default, deserialize_with = "numbers::list")]
    pub standard_errors: Vec<f64>,
    /// Cramer-Rao bounds (P) of the parameters, in their units: the least standard error that the data allow, were their noise Gaussian. NaN where there is
    /// none.
    #[serde(default, deserialize_with = "numbers::list")]
    pub bounds: Vec<f64>,
    /// Where the data carry it, the mean truth (P) of the samples of the cluster's label; NaN for a parameter that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "numbers::list")]
    pub truth: Vec<f64>,
    /// Label assigned to the cluster, when the data has labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<usize>,
}

/// Names of a modality's axes, with units, e.g. "strain" and "stress (MPa)".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModalityAxes {
    /// What the values are functions of.
    #[serde(default)]
    pub x: String,
    /// What the values are.
    #[serde(default)]
    pub y: String,
    /// The grid (length of the curve); empty for an index.
    #[serde(default, deserialize_with = "numbers::list", skip_serializing_if = "Vec::is_empty")]
    pub grid: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "pima_version": "0.1.0", "experiment": "mnist-line", "title": "MNIST with a line", "dataset": "MNIST", "seed": 3,
        "recipe": "fast", "device": "cpu", "threads": 2, "wall_seconds": 170.5, "train_seconds": 151.25, "n_parameters": 461234,
        "epochs": 4, "best_epoch": 4, "status": "finished",
        "splits": {"test": {"n": 7, "elbo": -10.5, "loss": 21.0, "accuracy": 0.857, "nmi": 0.8, "ari": 0.7,
            "accuracy_from": {"image": 0.7, "line": null}, "confusion": [[3, 1], [0, 3]], "rmse": {"image": 0.25}, "later": 1}},
        "experts": {"line": {"parameters": ["slope"], "units": [""], "clusters": [
            {"cluster": 0, "weight": 0.5, "values": [3.0], "standard_errors": [null], "label": 1}]}},
        "n_clusters": 2, "n_latent": 2, "modalities": ["image", "line"],
        "modality_shapes": {"image": {"kind": "image", "channels": 1, "height": 28, "width": 28}},
        "commit": "abc"
    }"#;

    #[test]
    fn every_key_of_the_contract_is_read() {
        let summary: Summary = serde_json::from_str(TEXT).unwrap();
        assert_eq!(summary.title, "MNIST with a line");
        assert_eq!((summary.seed, summary.n_clusters, summary.best_epoch), (3, 2, Some(4)));
        let test = summary.splits.test.as_ref().unwrap();
        assert_eq!(test.confusion, Some(vec![vec![3, 1], vec![0, 3]]));
        assert_eq!(test.accuracy_from["image"], 0.7);
        assert!(test.accuracy_from["line"].is_nan());
        let cluster = &summary.experts["line"].clusters[0];
        assert_eq!((cluster.values[0], cluster.label), (3.0, Some(1)));
        assert!(cluster.standard_errors[0].is_nan());
        assert_eq!(summary.modality_shapes["image"].size(), 784);
        assert_eq!(summary.extra["commit"], "abc");
    }

    #[test]
    fn written_and_read_back_unchanged() {
        let finite = TEXT.replace("null", "0.5");
        let summary: Summary = serde_json::from_str(&finite).unwrap();
        let again: Summary = serde_json::from_str(&serde_json::to_string(&summary).unwrap()).unwrap();
        assert_eq!(again, summary);
    }

    #[test]
    fn keys_of_labels_are_absent_without_labels() {
        let text = serde_json::to_string(&SplitSummary { n: 5, loss: Some(1.0), ..Default::default() }).unwrap();
        assert_eq!(text, r#"{"n":5,"loss":1.0}"#);
    }

    #[test]
    fn a_summary_that_names_no_data_is_refused() {
        let error = serde_json::from_str::<Summary>(r#"{"experiment": "a", "seed": 1}"#).unwrap_err();
        assert!(error.to_string().contains("dataset"), "{error}");
    }
}
