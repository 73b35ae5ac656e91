//! The kernel against finite differences, a slow and obvious loss, closed forms, and bad input.

mod dual;
mod edges;
mod extremes;
mod gradients;
mod oracle;

use ndarray::{Array, Array1, Array2, Array3, Dimension, ShapeBuilder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ClusterPosterior, ElboWorkspace};
use crate::{MixturePrior, Result};

pub(super) const BOTH: [ClusterPosterior; 2] = [ClusterPosterior::Latent, ClusterPosterior::Exact];

/// All inputs of a step.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) mean: Array3<f64>,
    pub(super) logvar: Array3<f64>,
    pub(super) weight: Array2<f64>,
    pub(super) eps: Array2<f64>,
    pub(super) recon: Array2<f64>,
    pub(super) z_adjoint: Array2<f64>,
    pub(super) logits: Array1<f64>,
    pub(super) prior_mean: Array2<f64>,
    pub(super) prior_var: Array2<f64>,
}

/// Sizes of a problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) modalities: usize,
    pub(super) samples: usize,
    pub(super) latent: usize,
    pub(super) clusters: usize,
}

impl Problem {
    /// A problem with values of order one. Two thirds of the modalities are present, and at least one per sample.
    pub(super) fn random(sizes: Sizes, seed: u64) -> Self {
        let Sizes { modalities: m, samples: b, latent: l, clusters: n } = sizes;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weight = fill(&mut rng, (m, b), 0.0, 3.0).mapv(|u| if u < 2.0 { 1.0 } else { 0.0 });
        for sample in 0..b {
            weight[[rng.random_range(0..m), sample]] = 1.0;
        }
        Self {
            mean: fill(&mut rng, (m, b, l), -2.0, 2.0),
            logvar: fill(&mut rng, (m, b, l), -2.0, 1.0),
            weight,
            eps: fill(&mut rng, (b, l), -2.0, 2.0),
            recon: fill(&mut rng, (b, n), -2.0, 6.0),
            z_adjoint: fill(&mut rng, (b, l), -1.0, 1.0),
            logits: fill(&mut rng, n, -1.0, 1.0),
            prior_mean: fill(&mut rng, (n, l), -2.0, 2.0),
            prior_var: fill(&mut rng, (n, l), 0.3, 2.0),
        }
    }

    pub(super) fn prior(&self) -> MixturePrior {
        MixturePrior::new(self.logits.clone(), self.prior_mean.clone(), self.prior_var.clone()).unwrap()
    }

    pub(super) fn fuse(&self, workspace: &mut ElboWorkspace) -> Result<()> {
        workspace.fuse(self.mean.view(), self.logvar.view(), self.weight.view(), self.eps.view())
    }

    /// The whole step in a workspace of its own.
    pub(super) fn run(&self, posterior: ClusterPosterior) -> Result<ElboWorkspace> {
        let mut workspace = ElboWorkspace::default();
        self.fuse(&mut workspace)?;
        workspace.evaluate(&self.prior(), self.recon.view(), posterior)?;
        workspace.pull_back(self.z_adjoint.view())?;
        Ok(workspace)
    }
}

pub(super) fn fill<Sh: ShapeBuilder>(rng: &mut ChaCha8Rng, shape: Sh, low: f64, high: f64) -> Array<f64, Sh::Dim>
where
    Sh::Dim: Dimension,
{
    Array::from_shape_simple_fn(shape, || rng.random_range(low..high))
}

/// Every result, bit by bit.
pub(super) fn bits(workspace: &ElboWorkspace) -> Vec<u64> {
    let terms = workspace.terms();
    let vectors =
        [workspace.loss(), terms.recon, terms.cluster, terms.categorical, terms.entropy, workspace.grad_logits()];
    let matrices = [workspace.z(), workspace.responsibilities(), workspace.grad_recon()];
    let tensors = [workspace.grad_mean(), workspace.grad_logvar()];
    let vectors = vectors.iter().flat_map(|v| v.iter());
    let matrices = matrices.iter().flat_map(|m| m.iter());
    let tensors = tensors.iter().flat_map(|t| t.iter());
    vectors.chain(matrices).chain(tensors).map(|value| value.to_bits()).collect()
}
