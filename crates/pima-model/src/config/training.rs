//! How a model is trained: the two recipes, and every number in them.

use super::place::Problem;
use pima_core::{ClusterPosterior, VarianceUpdate};
use pima_nets::{AdamConfig, Precision};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A set of training defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// A start from the data, the exact cluster posterior, closed-form M-steps.
    Fast,
    /// Algorithm 1 of the 2023 paper as printed.
    Paper,
}

impl FromStr for Recipe {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fast" => Ok(Self::Fast),
            "paper" => Ok(Self::Paper),
            _ => Err("expected fast or paper"),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Paper => "paper",
        })
    }
}

/// Course of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The same throughout.
    Constant {},
    /// Half a cosine from the full rate to `final_fraction` of it at the last batch.
    Cosine {
        /// Fraction of the rate left at the end.
        final_fraction: f64,
    },
}

/// When the mixture's components are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmWhen {
    /// After every epoch, from one pass that encodes all training samples; the `paper` recipe also opens with one (Algorithm 1).
    Epoch,
    /// After every so many batches, from sums over those batches.
    Batches(usize),
}

/// The mixture's M-step (2023, eq. 15).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmConfig {
    /// When.
    pub when: EmWhen,
    /// Which variance.
    pub variance: VarianceUpdate,
    /// Smallest variance a component may have.
    pub variance_floor: f64,
}

/// How the mixture's weights are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightUpdate {
    /// n_c / D with every M-step.
    ClosedForm,
    /// Adam on the logits (the papers).
    Adam,
}

/// How expert parameters are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpertUpdate {
    /// Weighted least squares with every M-step (2023, eq. 16).
    ClosedForm,
    /// Adam (what the papers ran).
    Adam,
}

/// Where the centres of clusters that were found in data space are placed in latent space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// As evenly as possible on a sphere: all dimensions tell the clusters apart.
    Sphere,
    /// On a line along the last dimension: the others begin alike in all clusters, so that a modality that cannot tell the clusters apart can
    /// still say something along them.
    Line,
}

/// Where training starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartConfig {
    /// Start from the data; otherwise from random parameters.
    pub from_data: bool,
    /// The modality in whose data space clusters are looked for, by a mixture of experts where it has an expert, by a Gaussian mixture otherwise. Absent: the
    /// first that has an expert; where none has, a Gaussian mixture in latent space after a warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// Clusters are looked for among so many leading principal components of `modality`, each scaled to variance one, by Gaussians with full
    /// covariances: for curves of many values, in which clusters are long in directions of their own. If `modality` has an expert it is then fitted to these
    /// clusters. Absent: a mixture of experts where there is one, else a Gaussian mixture of the values as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<usize>,
    /// Restarts of the mixture fit; the likeliest is kept.
    pub restarts: usize,
    /// Samples that the restarts are compared on.
    pub samples: usize,
    /// Epochs with a single cluster before the mixture is fitted in latent space.
    pub warmup_epochs: usize,
    /// How cluster centres are placed.
    pub place: Place,
    /// Distance between neighbouring cluster centres when they are placed, in prior standard deviations.
    pub spacing: f64,
    /// Epochs for which placed centres are held before the M-step moves them.
    pub hold_epochs: usize,
    /// Epochs for which samples stay tied to the clusters found among the values of `modality`, while the centres follow them; absent: as long
    /// as the centres are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tie_epochs: Option<usize>,
}

/// Every number of a training run. A config's `[training]` table gives what differs from the recipe's defaults, `[training.fast]` and
/// `[training.paper]` what holds for one recipe alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The recipe whose defaults these are.
    pub recipe: Recipe,
    /// Passes over the training data (a warm-up comes on top).
    pub epochs: usize,
    /// Samples per step.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Its course.
    pub schedule: Schedule,
    /// Adam's constants.
    pub adam: AdamConfig,
    /// The cluster posterior in the loss.
    pub posterior: ClusterPosterior,
    /// The mixture's M-step.
    pub em: EmConfig,
    /// The mixture's weights.
    pub weights: WeightUpdate,
    /// The experts' parameters.
    pub experts: ExpertUpdate,
    /// Probability that a modality takes part in a sample's fusion (2023, section 2.5); 1: no dropout. Where all drop out, all stay.
    pub modality_keep: f64,
    /// Train on those samples only that have every modality; the others serve the refit of single encoders. For data in which one modality is rare: samples that
    /// nothing ties to a cluster would otherwise decide where the clusters are.
    pub complete_only: bool,
    /// The start.
    pub start: StartConfig,
    /// Stop after this many epochs without a better validation loss; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Arithmetic of the convolutions.
    pub precision: Precision,
    /// A checkpoint in the middle of an epoch when the last one is this old; there is always one after an epoch.
    pub checkpoint_minutes: f64,
}

impl TrainingConfig {
    /// A recipe's defaults.
    pub fn recipe(recipe: Recipe) -> Self {
        let fast = Self {
            recipe,
            epochs: 4,
            batch_size: 128,
            learning_rate: 3e-3,
            schedule: Schedule::Cosine { final_fraction: 0.05 },
            adam: AdamConfig::default(),
            posterior: ClusterPosterior::Exact,
            em: EmConfig { when: EmWhen::Epoch, variance: VarianceUpdate::WithPosterior, variance_floor: 1e-6 },
            weights: WeightUpdate::ClosedForm,
            experts: ExpertUpdate::ClosedForm,
            modality_keep: 1.0,
            complete_only: false,
            start: StartConfig {
                from_data: true,
                modality: None,
                components: None,
                restarts: 10,
                samples: 5_000,
                warmup_epochs: 2,
                place: Place::Sphere,
                spacing: 9.0,
                hold_epochs: 3,
                tie_epochs: None,
            },
            patience: None,
            precision: Precision::F32,
            checkpoint_minutes: 10.0,
        };
        match recipe {
            Recipe::Fast => fast,
            Recipe::Paper => Self {
                schedule: Schedule::Constant {},
                posterior: ClusterPosterior::Latent,
                em: EmConfig { when: EmWhen::Epoch, variance: VarianceUpdate::OfMeans, variance_floor: 1e-6 },
                weights: WeightUpdate::Adam,
                experts: ExpertUpdate::Adam,
                start: StartConfig { from_data: false, warmup_epochs: 0, hold_epochs: 0, ..fast.start },
                ..fast
            },
        }
    }

    /// The recipe that a run uses: the one asked for, else the `[training]` table's own, else `fast`.
    pub(super) fn which(given: &toml::Value, asked: Option<Recipe>) -> Result<Recipe, Problem> {
        let own = match given.get("recipe") {
            None => None,
            Some(own) => {
                let own = own.as_str().unwrap_or_default().parse::<Recipe>();
                Some(own.map_err(|problem| Problem::at(&["training", "recipe"], problem.to_owned()))?)
            }
        };
        Ok(asked.or(own).unwrap_or(Recipe::Fast))
    }

    /// A config's `[training]` table over a recipe's defaults.
    pub(super) fn merge(given: toml::Value, recipe: Recipe) -> Result<toml::Value, Problem> {
        let toml::Value::Table(mut given) = given else {
            return Err(Problem::at(&["training"], "must be a table".to_owned()));
        };
        given.remove("recipe");
        let mut special = [given.remove("fast"), given.remove("paper")];
        let special = special[usize::from(recipe == Recipe::Paper)].take();
        let mut merged = toml::Value::try_from(Self::recipe(recipe)).map_err(|e| Problem::of(e.to_string()))?;
        overlay(&mut merged, toml::Value::Table(given));
        if let Some(special) = special {
            overlay(&mut merged, special);
        }
        Ok(merged)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(format!("training.{name} is {value}: it must be a positive number"))
            }
        };
        positive("learning_rate", self.learning_rate)?;
        positive("em.variance_floor", self.em.variance_floor)?;
        positive("start.spacing", self.start.spacing)?;
        positive("checkpoint_minutes", self.checkpoint_minutes)?;
        if let Schedule::Cosine { final_fraction } = self.schedule
            && !(0.0..=1.0).contains(&final_fraction)
        {
            return Err(format!("training.schedule.final_fraction is {final_fraction}: it must lie between 0 and 1"));
        }
        if !(self.modality_keep > 0.0 && self.modality_keep <= 1.0) {
            return Err(format!("training.modality_keep is {}: it must be above 0 and at most 1", self.modality_keep));
        }
        let at_least_one = [
            ("batch_size", self.batch_size),
            ("epochs", self.epochs),
            ("start.restarts", self.start.restarts),
            ("start.samples", self.start.samples),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(format!("training.{name} is 0: it must be at least 1"));
            }
        }
        match (self.start.components, &self.start.modality) {
            (Some(0), _) => return Err("training.start.components is 0: it must be at least 1".to_owned()),
            (Some(_), None) => {
                return Err(
                    "training.start.components needs training.start.modality, whose components they are".to_owned()
                );
            }
            _ => {}
        }
        if self.start.tie_epochs.is_some() && self.start.modality.is_none() {
            let problem = "training.start.tie_epochs needs training.start.modality, to whose clusters samples are tied";
            return Err(problem.to_owned());
        }
        if self.em.when == EmWhen::Batches(0) {
            return Err("training.em.when: batches must be at least 1".to_owned());
        }
        if self.patience == Some(0) {
            return Err("training.patience is 0: it must be at least 1, or absent for no early stop".to_owned());
        }
        let AdamConfig { beta1, beta2, epsilon, clip_norm } = self.adam;
        if !((0.0..1.0).contains(&beta1)
            && (0.0..1.0).contains(&beta2)
            && epsilon > 0.0
            && clip_norm.is_none_or(|c| c > 0.0))
        {
            return Err("training.adam: betas must lie in [0, 1), epsilon and clip_norm above 0".to_owned());
        }
        Ok(())
    }
}

/// Tables merge key by key; anything else replaces. A table that names its variant by `kind` replaces one of another kind whole.
fn overlay(base: &mut toml::Value, over: toml::Value) {
    match (base, over) {
        (toml::Value::Table(base), toml::Value::Table(over))
            if base.get("kind") == over.get("kind") || !over.contains_key("kind") =>
        {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => overlay(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}
