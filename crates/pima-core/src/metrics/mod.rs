//! How well clusters match labels that training never saw, and how far predictions are from the truth.
//!
//! Labels and clusters are integers: `labels[d]` in `0..n_labels` and `clusters[d]` in `0..n_clusters` for each of the D samples.

// The Hungarian accuracy, eq. 19 of Walker et al. 2023.
mod accuracy;
// Rand index corrected for chance.
mod ari;
// Whether probabilities mean what they say.
mod calibration;
// Counts of (label, cluster) pairs: what every other score here is computed from.
mod confusion;
// Normalised mutual information.
mod nmi;
// Whether a cluster holds one label only.
mod purity;
// Root mean square error.
mod rmse;

#[cfg(test)]
mod tests;

pub use accuracy::{ClusterAccuracy, unsupervised_accuracy};
pub use ari::ari;
pub use calibration::{Reliability, ReliabilityBin};
pub use confusion::confusion_matrix;
pub use nmi::nmi;
pub use purity::purity;
pub use rmse::rmse;
