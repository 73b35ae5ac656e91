//! The evidence lower bound in closed form: loss, cluster posterior and analytic gradients of a batch in one pass.

mod kernel;
mod rows;
mod sampling;
#[cfg(test)]
mod tests;
mod workspace;

pub use workspace::{ElboTerms, ElboWorkspace};

use serde::{Deserialize, Serialize};

/// Which posterior `g_c` over the clusters the loss uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterPosterior {
    /// `g_c = p(c|z)` (Walker et al. 2023, eq. 14), the papers' choice; gradients flow through g into z and the logits. It
    /// supposes that X does not depend on c once Z is known, which an expert that depends on c violates.
    Latent,
    /// `g_c ~ pi_c exp(-(K_c + R_c)/2)`: the g that minimises the loss for the z at hand, so the bound is the tightest. Its
    /// gradient treats g as constant (envelope theorem).
    #[default]
    Exact,
}
