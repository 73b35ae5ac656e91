//! What a mixture of experts is asked for.

use pima_core::Expert;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a mixture of experts is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureOfExpertsOptions {
    /// Number of clusters, N.
    pub n_clusters: usize,
    /// Number of starts; the one of the best likelihood is kept. Default 10.
    #[serde(default = "defaults::n_restarts")]
    pub n_restarts: usize,
    /// The starts are tried on this many curves, drawn at random without replacement; the best is then fitted to all.
    /// Default 5,000.
    #[serde(default = "defaults::restart_samples")]
    pub restart_samples: usize,
    /// Most iterations of EM, of each start and of the last fit. Default 300.
    #[serde(default = "defaults::max_iterations")]
    pub max_iterations: usize,
    /// Iterations end when the mean log-likelihood per sample gains less than this, in nats. Default 1e-7.
    #[serde(default = "defaults::tolerance")]
    pub tolerance: f64,
    /// What is known of the noise.
    #[serde(default)]
    pub noise: NoiseVariance,
    /// Least variance of the noise, in units of one over the weight of a coordinate. Default 1e-12.
    #[serde(default = "defaults::variance_floor")]
    pub variance_floor: f64,
    /// What the seeds of the clusters are drawn from.
    #[serde(default)]
    pub seeding: Seeding,
    /// Where fits of the expert start, (P): only experts that are not linear depend on it. Default: what the expert says, else zeros.
    #[serde(default)]
    pub start: Option<Vec<f64>>,
}

/// The noise variance that all clusters share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseVariance {
    /// One variance, over the weight of each coordinate.
    #[default]
    Shared,
    /// A variance for every coordinate.
    PerCoordinate,
}

/// What k-means++ draws the seeds from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeding {
    /// The expert's fit to each single curve: most of the noise is gone from it. Costs one fit a curve.
    #[default]
    Fits,
    /// The curves as they are: for experts that are slow to fit, or that one curve does not determine.
    Curves,
}

mod defaults {
    pub(super) fn n_restarts() -> usize {
        10
    }
    pub(super) fn restart_samples() -> usize {
        5_000
    }
    pub(super) fn max_iterations() -> usize {
        300
    }
    pub(super) fn tolerance() -> f64 {
        1e-7
    }
    pub(super) fn variance_floor() -> f64 {
        1e-12
    }
}

impl MixtureOfExpertsOptions {
    /// The default options for a number of clusters.
    pub fn new(n_clusters: usize) -> Self {
        Self {
            n_clusters,
            n_restarts: defaults::n_restarts(),
            restart_samples: defaults::restart_samples(),
            max_iterations: defaults::max_iterations(),
            tolerance: defaults::tolerance(),
            noise: NoiseVariance::default(),
            variance_floor: defaults::variance_floor(),
            seeding: Seeding::default(),
            start: None,
        }
    }

    pub(super) fn check(&self, expert: &dyn Expert) -> Result<()> {
        let check = |name, value: f64, valid: bool, requirement| {
            if valid { Ok(()) } else { Err(Error::Option { name, value, requirement }) }
        };
        let counts = [
            ("n_clusters", self.n_clusters),
            ("n_restarts", self.n_restarts),
            ("restart_samples", self.restart_samples),
            ("max_iterations", self.max_iterations),
        ];
        for (name, count) in counts {
            check(name, count as f64, count > 0, "at least 1")?;
        }
        check("tolerance", self.tolerance, self.tolerance >= 0.0, "non-negative")?;
        let floored = self.variance_floor >= f64::MIN_POSITIVE && self.variance_floor.is_finite();
        check("variance_floor", self.variance_floor, floored, "positive and finite")?;
        match &self.start {
            Some(start) if start.len() != expert.n_parameters() => {
                Err(Error::Shape { array: "start (P)", expected: expert.n_parameters(), got: start.len() })
            }
            Some(start) => match start.iter().find(|value| !value.is_finite()) {
                Some(&value) => check("start", value, false, "finite"),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Where fits start, (P).
    pub(super) fn start_of(&self, expert: &dyn Expert) -> ndarray::Array1<f64> {
        let own = || {
            let own = expert.initial_parameters().map(|own| own.to_owned());
            own.unwrap_or_else(|| ndarray::Array1::zeros(expert.n_parameters()))
        };
        self.start.clone().map_or_else(own, ndarray::Array1::from)
    }
}
