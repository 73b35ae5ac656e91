//! The block of the loss by the fused kernel.

use ndarray::Array1;
use pima_core::{ClusterPosterior, ElboWorkspace, MixturePrior};

use crate::{Batch, Result};

/// One batch and the workspace that a training loop would keep for it.
#[derive(Debug)]
pub struct FusedBlock<'a> {
    batch: &'a Batch,
    posterior: ClusterPosterior,
    prior: MixturePrior,
    workspace: ElboWorkspace,
}

impl<'a> FusedBlock<'a> {
    /// The block on `batch` with the given cluster posterior.
    pub fn new(batch: &'a Batch, posterior: ClusterPosterior) -> Self {
        Self { batch, posterior, prior: batch.prior.clone(), workspace: ElboWorkspace::default() }
    }

    /// Fuses, samples, evaluates the loss and pulls its gradients back to the modalities. The logits are set anew, as after a
    /// step of Adam: torch computes `log pi` within the block as well.
    ///
    /// # Errors
    /// Those of [`ElboWorkspace`]; a [`Batch`] of our own making causes none.
    pub fn step(&mut self) -> Result<&ElboWorkspace> {
        let Batch { mean, logvar, weight, eps, recon, z_adjoint, prior, .. } = self.batch;
        self.prior.set_logits(Array1::from_iter(prior.logits().iter().copied()))?;
        self.workspace.fuse(mean.view(), logvar.view(), weight.view(), eps.view())?;
        self.workspace.evaluate(&self.prior, recon.view(), self.posterior)?;
        self.workspace.pull_back(z_adjoint.view())?;
        Ok(&self.workspace)
    }
}
