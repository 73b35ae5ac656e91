//! What simpler methods a model is measured against.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Simpler methods on the principal components of one modality: ridge regression to another, and k-means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersConfig {
    /// The modality whose principal components are used.
    pub from: String,
    /// The modality that ridge regression predicts.
    pub predict: String,
    /// Principal components for the regression.
    #[serde(default = "eight")]
    pub components: usize,
    /// Principal components for k-means.
    #[serde(default = "two")]
    pub cluster_components: usize,
    /// How often k-means is done, each time from other seeds; scores are means over these.
    #[serde(default = "ten")]
    pub seeds: usize,
}

fn two() -> usize {
    2
}
fn eight() -> usize {
    8
}
fn ten() -> usize {
    10
}

impl PeersConfig {
    pub(super) fn check(&self, names: &BTreeSet<&String>) -> Result<(), String> {
        for (key, name) in [("from", &self.from), ("predict", &self.predict)] {
            if !names.contains(name) {
                return Err(format!("peers.{key} is {name:?}: there is no modality of that name"));
            }
        }
        if self.from == self.predict {
            return Err(format!("peers.predict is {:?}, which is what it is predicted from", self.predict));
        }
        let counts =
            [("components", self.components), ("cluster_components", self.cluster_components), ("seeds", self.seeds)];
        for (key, count) in counts {
            if count == 0 {
                return Err(format!("peers.{key} is 0: it must be at least 1"));
            }
        }
        Ok(())
    }
}
