//! Training: streaming EM around Adam (2023, Algorithm 1), and the recipes' starts.

// Clusters in data space that samples are tied to at first.
mod anchor;
// Adam on the few f64 parameters that are not network weights.
mod small_adam;
// The noise of predictions.
mod noise;
// When experts begin to see the latent point.
mod seeing;
// Where a run starts: experts in data space, a mixture in latent space, centres placed apart.
mod start;
// Samples and modalities that a step sees.
mod seen;
// One batch: forward, the loss in pima-core, backward.
mod step;
// The mixture's and the experts' M-steps.
mod em;
// Epochs, validation, checkpoints.
mod trainer;

pub(crate) use anchor::Anchor;
pub(crate) use em::standard_normal;
pub(crate) use seen::augment;
pub(crate) use small_adam::SmallAdam;
pub(crate) use step::{At, LossSums, Step};
pub(crate) use trainer::best_checkpoint;
pub use trainer::{TrainOptions, TrainOutcome, train};

#[cfg(test)]
mod lattice_tests;
#[cfg(test)]
pub(crate) mod tests;
