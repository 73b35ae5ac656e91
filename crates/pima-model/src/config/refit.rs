//! How single encoders are taught what all modalities together know, after training.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a refitted encoder is to come close to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefitObjective {
    /// The multimodal posterior of z and that of c: the sum of the two below.
    #[default]
    Joint,
    /// The multimodal posterior of z alone (2022, eq. 18).
    Latent,
    /// The multimodal posterior of c alone.
    Cluster,
}

impl FromStr for RefitObjective {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "joint" => Ok(Self::Joint),
            "latent" => Ok(Self::Latent),
            "cluster" => Ok(Self::Cluster),
            _ => Err("expected joint, latent or cluster"),
        }
    }
}

impl fmt::Display for RefitObjective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joint => "joint",
            Self::Latent => "latent",
            Self::Cluster => "cluster",
        })
    }
}

/// The refit of unimodal encoders that follows training (2022, section 2.4): each encoder alone learns to say what all modalities say together. The encoders
/// that fuse, and everything else of the model, stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RefitConfig {
    /// Passes over the training samples that have the modality and another one.
    pub epochs: usize,
    /// Further passes, over the samples too that have no other modality: of those the encoder itself says what they are, where it is sure. 0 for data without
    /// holes, or where the samples with several modalities are enough.
    pub self_training_epochs: usize,
    /// Samples per step.
    pub batch_size: usize,
    /// Adam's step size at the start; it falls to nothing along half a cosine.
    pub learning_rate: f64,
    /// What is to be learned.
    pub objective: RefitObjective,
    /// How many times wider than they are the clusters count at the start, in variance, at least 1; it falls to 1 over the first 70 % of the steps. Clusters
    /// that are far apart tell an encoder that is wrong to cross the ones between; wide ones overlap and let it find its way.
    pub widening: f64,
}

impl Default for RefitConfig {
    fn default() -> Self {
        Self {
            epochs: 6,
            self_training_epochs: 0,
            batch_size: 128,
            learning_rate: 1e-3,
            objective: RefitObjective::Joint,
            widening: 100.0,
        }
    }
}

impl RefitConfig {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.epochs == 0 {
            return Err("refit.epochs is 0: leave the table [refit] out to do without".to_owned());
        }
        if self.batch_size == 0 {
            return Err("refit.batch_size is 0: give at least 1".to_owned());
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(format!("refit.learning_rate must be a positive number, not {}", self.learning_rate));
        }
        if !(self.widening.is_finite() && self.widening >= 1.0) {
            return Err(format!("refit.widening must be a number of at least 1, not {}", self.widening));
        }
        Ok(())
    }

    /// The widening at a fraction of all steps.
    pub(crate) fn widening_at(&self, done: f64) -> f64 {
        self.widening.powf((1.0 - done / 0.7).max(0.0))
    }
}
