//! `summary.json` of a finished run, as far as the tables need it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A run's summary.
#[derive(Debug, Clone)]
pub(super) struct Summary(Value);

/// The experts of one modality.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Expert {
    pub(super) parameters: Vec<String>,
    #[serde(default)]
    pub(super) units: Vec<String>,
    pub(super) clusters: Vec<ExpertCluster>,
}

/// A cluster's identified parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ExpertCluster {
    pub(super) cluster: usize,
    #[serde(default)]
    pub(super) weight: f64,
    /// One for each parameter.
    pub(super) values: Vec<f64>,
    #[serde(default)]
    pub(super) standard_errors: Vec<Option<f64>>,
    #[serde(default)]
    pub(super) bounds: Vec<Option<f64>>,
    /// What the data were made with, where they carry it.
    #[serde(default)]
    pub(super) truth: Vec<Option<f64>>,
    /// That the cluster was assigned to; absent where the data have none.
    pub(super) label: Option<usize>,
}

impl Summary {
    /// Of a run that came to its end; `None` for any other.
    pub(super) fn read(run: &Path) -> Option<Self> {
        let text = std::fs::read(run.join("summary.json")).ok()?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        (value.get("status")?.as_str()? == "finished").then_some(Self(value))
    }

    /// The number at a dotted path below `splits.test`, or else from the top.
    pub(super) fn quantity(&self, path: &str) -> Option<f64> {
        let walk = |from: &Value| -> Option<f64> { path.split('.').try_fold(from, |at, key| at.get(key))?.as_f64() };
        let test = self.0.get("splits").and_then(|splits| splits.get("test"));
        test.and_then(walk).or_else(|| walk(&self.0))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// What the labels are called; empty where they are numbers.
    pub(super) fn label_names(&self) -> Vec<String> {
        self.0.get("label_names").and_then(|names| Vec::deserialize(names).ok()).unwrap_or_default()
    }

    /// By modality. A modality whose entry is not as agreed is left out.
    pub(super) fn experts(&self) -> BTreeMap<String, Expert> {
        let all = self.0.get("experts").and_then(Value::as_object).into_iter().flatten();
        let parsed = all.filter_map(|(modality, value)| Some((modality.clone(), Expert::deserialize(value).ok()?)));
        parsed.collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A finished run's summary with the accuracy and the slopes of two clusters, swapped against their labels.
    pub(in crate::reproduce) fn sample(accuracy: f64, slopes: [f64; 2]) -> Value {
        serde_json::json!({
            "status": "finished", "dataset": "mnist", "wall_seconds": 12.5, "pima_version": "0.1.0",
            "splits": {"test": {"n": 100, "accuracy": accuracy, "nmi": 0.9, "accuracy_from": {"image": 0.5}}},
            "experts": {"line": {"parameters": ["slope"], "units": [""], "clusters": [
                {"cluster": 0, "weight": 0.4, "values": [slopes[1]], "standard_errors": [0.01], "label": 1},
                {"cluster": 1, "weight": 0.6, "values": [slopes[0]], "standard_errors": [null], "label": 0},
            ]}},
        })
    }

    #[test]
    fn quantities_are_found_in_the_test_split_first() {
        let summary = Summary(sample(0.75, [0.0, 1.0]));
        assert_eq!(summary.quantity("accuracy"), Some(0.75));
        assert_eq!(summary.quantity("accuracy_from.image"), Some(0.5));
        assert_eq!(summary.quantity("wall_seconds"), Some(12.5));
        assert_eq!(summary.quantity("accuracy_from.curve"), None);
        assert_eq!(summary.quantity("dataset"), None);
        assert_eq!(summary.text("dataset"), Some("mnist"));
    }

    #[test]
    fn experts_are_read_with_labels_and_errors() {
        let experts = Summary(sample(1.0, [0.0, 1.0])).experts();
        let line = &experts["line"];
        assert_eq!(line.parameters, ["slope"]);
        assert_eq!((line.clusters[0].label, line.clusters[0].values[0]), (Some(1), 1.0));
        assert_eq!(line.clusters[1].standard_errors, [None]);
        assert!(Summary(serde_json::json!({"experts": {"line": 3}})).experts().is_empty());
    }

    #[test]
    fn labels_have_names_where_the_run_says_them() {
        let mut value = sample(1.0, [0.0, 1.0]);
        assert!(Summary(value.clone()).label_names().is_empty());
        value["label_names"] = serde_json::json!(["gyroid", "octet"]);
        assert_eq!(Summary(value.clone()).label_names(), ["gyroid", "octet"]);
        value["label_names"] = serde_json::json!(3);
        assert!(Summary(value).label_names().is_empty());
    }

    #[test]
    fn only_finished_runs_have_one() {
        let run = tempfile::tempdir().unwrap();
        assert!(Summary::read(run.path()).is_none());
        let write = |text: &str| std::fs::write(run.path().join("summary.json"), text).unwrap();
        write("{\"status\": \"interrupted\"}");
        assert!(Summary::read(run.path()).is_none());
        write("{\"status\": \"fini");
        assert!(Summary::read(run.path()).is_none());
        write("{\"status\": \"finished\"}");
        assert!(Summary::read(run.path()).is_some());
    }
}
