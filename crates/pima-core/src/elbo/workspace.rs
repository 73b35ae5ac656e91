//! The workspace of a training step: fuse and sample, evaluate, pull back.

use ndarray::{ArrayView1, ArrayView2, ArrayView3};

use super::ClusterPosterior;
use super::kernel::{self, Inputs};
use super::rows::{Outputs, Scratch};
use super::sampling::{self, Adjoints, Sampling};
use crate::buffer::{RowMajor, size};
use crate::fusion::Product;
use crate::simd::{Level, dispatch};
use crate::{Error, Location, MixturePrior, Result, check};

/// Work (B N l) from which the kernel uses rayon's threads. Results do not depend on it.
const PARALLEL_FROM: usize = 1 << 18;

/// How far the computation of the current batch has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Empty,
    Fused,
    Evaluated,
    PulledBack,
}

/// Loss and gradients of one batch, from the encoders' outputs to the adjoints that go back to them: minus eq. 13 of Walker et
/// al. 2023, scaled by 2, constants dropped.
///
/// A step is [`fuse`](Self::fuse), then [`evaluate`](Self::evaluate), then [`pull_back`](Self::pull_back). Per sample, with R
/// the reconstruction term, `mu, var` the fused posterior, `m, s` the prior's means and variances and `g` the cluster posterior:
///
/// ```text
/// K_c  = sum_j [ log s_cj + var_j/s_cj + (mu_j - m_cj)^2/s_cj ]
/// loss = sum_c g_c (R_c + K_c) + 2 sum_c g_c log(g_c/pi_c) - sum_j (1 + log var_j)
/// ```
///
/// A workspace is kept from batch to batch: its buffers grow to the largest batch seen and are then reused. Results of a stage
/// are valid until the next [`fuse`](Self::fuse); before their stage was reached, or after it failed, they are empty. They are
/// bit for bit the same whatever the number of threads.
#[derive(Debug, Default)]
pub struct ElboWorkspace {
    stage: Stage,
    product: Product,
    /// exp(logvar), z and z - mu, (B,l) each.
    var: Vec<f64>,
    z: Vec<f64>,
    noise: Vec<f64>,
    n_clusters: usize,
    recon_columns: usize,
    latent: bool,
    outputs: Outputs,
    /// One for each thread.
    scratch: Vec<Scratch>,
    ones: Vec<f64>,
    d_logits: Vec<f64>,
    grad_mean: Vec<f64>,
    grad_logvar: Vec<f64>,
    eps_in: RowMajor,
    recon_in: RowMajor,
    adjoint_in: RowMajor,
}

/// The terms of the loss, (B) each: `loss = recon + cluster + categorical - entropy` to rounding.
#[derive(Debug, Clone, Copy)]
pub struct ElboTerms<'a> {
    /// `sum_c g_c R_c`.
    pub recon: ArrayView1<'a, f64>,
    /// `sum_c g_c K_c`.
    pub cluster: ArrayView1<'a, f64>,
    /// `2 sum_c g_c log(g_c/pi_c)`, twice the divergence of g from the weights; never negative but for rounding.
    pub categorical: ArrayView1<'a, f64>,
    /// `sum_j (1 + log var_j)`.
    pub entropy: ArrayView1<'a, f64>,
}

impl ElboWorkspace {
    /// Fuses the posteriors `mean`, `logvar` (M,B,l) of the modalities present, `weight` (M,B) in {0,1}, and samples
    /// `z = mu + eps exp(logvar/2)` with `eps` (B,l).
    ///
    /// The product of experts. For a mixture of products pass the weights of its components, from [`Fusion`](crate::Fusion).
    ///
    /// Values of an absent modality do not matter, be they NaN.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Empty`] without modalities, samples or dimensions; [`Error::NoModality`] for a sample without
    /// modality; [`Error::InvalidParameter`] for a weight other than 0 or 1; [`Error::NotFinite`] for a value that matters, or
    /// where z overflows.
    pub fn fuse(
        &mut self,
        mean: ArrayView3<'_, f64>,
        logvar: ArrayView3<'_, f64>,
        weight: ArrayView2<'_, f64>,
        eps: ArrayView2<'_, f64>,
    ) -> Result<()> {
        self.stage = Stage::Empty;
        let (_, n_samples, n_latent) = mean.dim();
        check::shape("fuse: eps", "(B,l)", &[n_samples, n_latent], eps.shape())?;
        let place = |(b, j)| Location::sample(b).in_dimension(j);
        self.product.fuse(mean, logvar, weight)?;
        let n = n_samples * n_latent;
        for buffer in [&mut self.var, &mut self.z, &mut self.noise] {
            size(buffer, n);
        }
        let sampling = Sampling {
            mean: &self.product.mean,
            logvar: &self.product.logvar,
            eps: self.eps_in.of(&eps),
            var: &mut self.var,
            noise: &mut self.noise,
            z: &mut self.z,
        };
        if !dispatch!(Level::new(), simd => sampling::draw(simd, sampling)) {
            check::finite("eps", &eps, place)?;
            check::finite("z", &view2(&self.z, (n_samples, n_latent)), place)?;
        }
        self.stage = Stage::Fused;
        Ok(())
    }

    /// Loss, cluster posterior and gradients up to the fused posterior, for the reconstruction term `recon`: R (B,N), or (B,1)
    /// when no decoder depends on the cluster.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] before [`fuse`](Self::fuse); [`Error::Shape`] when `prior` has other dimensions or `recon` another
    /// shape; [`Error::NotFinite`] with the sample and cluster of an R that is not finite, or with the sample whose loss
    /// overflows.
    pub fn evaluate(
        &mut self,
        prior: &MixturePrior,
        recon: ArrayView2<'_, f64>,
        posterior: ClusterPosterior,
    ) -> Result<()> {
        if self.stage < Stage::Fused {
            return Err(Error::OutOfOrder { operation: "evaluate", before: "fuse" });
        }
        self.stage = Stage::Fused;
        let (n_samples, n_latent) = (self.product.n_samples, self.product.n_latent);
        let n_clusters = prior.n_clusters();
        check::shape("evaluate: latent dimensions of the prior", "(l)", &[n_latent], &[prior.n_latent()])?;
        if recon.dim() != (n_samples, 1) {
            check::shape("evaluate: recon", "(B,N)", &[n_samples, n_clusters], recon.shape())?;
        }
        self.n_clusters = n_clusters;
        self.recon_columns = recon.ncols();
        self.latent = posterior == ClusterPosterior::Latent;
        self.outputs.size(n_samples, n_clusters, n_latent);
        let inputs = Inputs {
            prior,
            posterior,
            mean: &self.product.mean,
            logvar: &self.product.logvar,
            var: &self.var,
            z: &self.z,
            recon: self.recon_in.of(&recon),
            recon_columns: recon.ncols(),
        };
        let parallel = n_samples * n_clusters * n_latent >= PARALLEL_FROM;
        let n_threads = if parallel { rayon::current_num_threads() } else { 1 };
        if self.scratch.len() < n_threads {
            self.scratch.resize_with(n_threads, Scratch::default);
        }
        let scratch = &mut self.scratch[..n_threads];
        for scratch in scratch.iter_mut() {
            scratch.size(n_clusters, n_latent);
        }
        kernel::evaluate(inputs, self.outputs.rows(), scratch);
        if !check::all_finite_slice(&self.outputs.loss) {
            return Err(self.cause_of_failure(&recon));
        }
        self.sum_logit_gradient(prior);
        if self.recon_columns == 1 {
            self.ones.clear();
            self.ones.resize(n_samples, 1.0);
        }
        self.stage = Stage::Evaluated;
        Ok(())
    }

    /// Chains the gradient through z and the fusion to every modality. `z_adjoint` (B,l) is the derivative by z of
    /// `sum_b sum_c g_bc R_bc` that comes back from the decoders when [`grad_recon`](Self::grad_recon) is sent into them.
    ///
    /// May be called again with another adjoint.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] before [`evaluate`](Self::evaluate); [`Error::Shape`]; [`Error::NotFinite`] for an adjoint that is
    /// not finite, or with the sample whose gradient overflows.
    pub fn pull_back(&mut self, z_adjoint: ArrayView2<'_, f64>) -> Result<()> {
        if self.stage < Stage::Evaluated {
            return Err(Error::OutOfOrder { operation: "pull_back", before: "evaluate" });
        }
        self.stage = Stage::Evaluated;
        let (n_samples, n_latent) = (self.product.n_samples, self.product.n_latent);
        check::shape("pull_back: z_adjoint", "(B,l)", &[n_samples, n_latent], z_adjoint.shape())?;
        let n = self.product.n_modalities * n_samples * n_latent;
        size(&mut self.grad_mean, n);
        size(&mut self.grad_logvar, n);
        let adjoints = Adjoints {
            d_mean: &self.outputs.d_mean,
            d_logvar: &self.outputs.d_logvar,
            d_z: self.latent.then_some(&self.outputs.d_z),
            z_adjoint: self.adjoint_in.of(&z_adjoint),
            noise: &self.noise,
        };
        let (grad_mean, grad_logvar) = (&mut self.grad_mean, &mut self.grad_logvar);
        let product = &self.product;
        if !dispatch!(Level::new(), simd => sampling::pull_back(simd, adjoints, product, grad_mean, grad_logvar)) {
            let place = |(b, j)| Location::sample(b).in_dimension(j);
            check::finite("z_adjoint", &z_adjoint, place)?;
            return Err(overflow(adjoints, n_latent));
        }
        self.stage = Stage::PulledBack;
        Ok(())
    }

    /// Mean of the fused posterior, (B,l).
    pub fn fused_mean(&self) -> ArrayView2<'_, f64> {
        view2(&self.product.mean, self.latent_shape(Stage::Fused))
    }

    /// Log-variance of the fused posterior, (B,l).
    pub fn fused_logvar(&self) -> ArrayView2<'_, f64> {
        view2(&self.product.logvar, self.latent_shape(Stage::Fused))
    }

    /// The latent sample z, (B,l).
    pub fn z(&self) -> ArrayView2<'_, f64> {
        view2(&self.z, self.latent_shape(Stage::Fused))
    }

    /// The loss of every sample, (B). The ELBO, up to the constants dropped, is minus half of it.
    pub fn loss(&self) -> ArrayView1<'_, f64> {
        self.per_sample(&self.outputs.loss)
    }

    /// The terms of the loss, (B) each.
    pub fn terms(&self) -> ElboTerms<'_> {
        ElboTerms {
            recon: self.per_sample(&self.outputs.recon),
            cluster: self.per_sample(&self.outputs.cluster),
            categorical: self.per_sample(&self.outputs.categorical),
            entropy: self.per_sample(&self.outputs.entropy),
        }
    }

    /// The cluster posterior g, (B,N).
    pub fn responsibilities(&self) -> ArrayView2<'_, f64> {
        let (n_samples, _) = self.latent_shape(Stage::Evaluated);
        view2(&self.outputs.responsibilities, (n_samples, self.n_clusters))
    }

    /// Derivative of the summed loss by `recon`, in its shape: g (B,N), or ones (B,1).
    pub fn grad_recon(&self) -> ArrayView2<'_, f64> {
        if self.recon_columns == 1 {
            let (n_samples, _) = self.latent_shape(Stage::Evaluated);
            view2(&self.ones, (n_samples, 1))
        } else {
            self.responsibilities()
        }
    }

    /// Derivative of the summed loss by the prior's logits, (N).
    pub fn grad_logits(&self) -> ArrayView1<'_, f64> {
        let n = if self.stage >= Stage::Evaluated { self.n_clusters } else { 0 };
        ArrayView1::from(&self.d_logits[..n])
    }

    /// Derivative of the summed loss by the modalities' means, (M,B,l); zero where absent.
    pub fn grad_mean(&self) -> ArrayView3<'_, f64> {
        self.per_modality(&self.grad_mean)
    }

    /// Derivative of the summed loss by the modalities' log-variances, (M,B,l); zero where absent.
    pub fn grad_logvar(&self) -> ArrayView3<'_, f64> {
        self.per_modality(&self.grad_logvar)
    }

    /// Adds the chunks' sums in order, and the part of the gradient that flows through pi.
    fn sum_logit_gradient(&mut self, prior: &MixturePrior) {
        let n_samples = self.product.n_samples as f64;
        self.d_logits.clear();
        self.d_logits.extend(prior.weights().iter().map(|weight| 2.0 * n_samples * weight));
        for chunk in self.outputs.d_logits.chunks_exact(self.n_clusters) {
            for (sum, chunk) in self.d_logits.iter_mut().zip(chunk) {
                *sum += chunk;
            }
        }
    }

    #[cold]
    fn cause_of_failure(&self, recon: &ArrayView2<'_, f64>) -> Error {
        let place = |(b, c)| Location::sample(b).in_cluster(c);
        if let Err(error) = check::finite("recon", recon, place) {
            return error;
        }
        let sample = self.outputs.loss.iter().position(|loss| !loss.is_finite()).unwrap_or_default();
        Error::NotFinite { array: "loss", at: Location::sample(sample), value: self.outputs.loss[sample] }
    }

    /// (B,l) from the stage on at which an array is valid, else (0,l).
    fn latent_shape(&self, from: Stage) -> (usize, usize) {
        let n_samples = if self.stage >= from { self.product.n_samples } else { 0 };
        (n_samples, self.product.n_latent)
    }

    fn per_sample<'a>(&self, term: &'a [f64]) -> ArrayView1<'a, f64> {
        ArrayView1::from(&term[..self.latent_shape(Stage::Evaluated).0])
    }

    fn per_modality<'a>(&self, gradient: &'a [f64]) -> ArrayView3<'a, f64> {
        let (n_samples, n_latent) = self.latent_shape(Stage::PulledBack);
        let shape = (self.product.n_modalities, n_samples, n_latent);
        let n = shape.0 * shape.1 * shape.2;
        ArrayView3::from_shape(shape, &gradient[..n]).expect("the slice has the length of the shape")
    }
}

/// The first adjoint of the fused posterior that is not finite.
#[cold]
fn overflow(adjoints: Adjoints<'_>, n_latent: usize) -> Error {
    let fused = |i: usize| {
        let d_z = adjoints.z_adjoint[i] + adjoints.d_z.map_or(0.0, |d_z| d_z[i]);
        (adjoints.d_mean[i] + d_z, adjoints.d_logvar[i] + 0.5 * d_z * adjoints.noise[i])
    };
    let of = |array, value: f64, i| {
        (!value.is_finite()).then(|| {
            let at = Location::sample(i / n_latent).in_dimension(i % n_latent);
            Error::NotFinite { array, at, value }
        })
    };
    let elements = 0..adjoints.z_adjoint.len();
    let mean = elements.clone().find_map(|i| of("fused mean gradient", fused(i).0, i));
    let logvar = || elements.clone().find_map(|i| of("fused logvar gradient", fused(i).1, i));
    // A sum that overflows with one rounding and not with two leaves neither.
    mean.or_else(logvar).unwrap_or(Error::NotFinite {
        array: "fused logvar gradient",
        at: Location::default(),
        value: f64::INFINITY,
    })
}

fn view2(values: &[f64], shape: (usize, usize)) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape(shape, &values[..shape.0 * shape.1]).expect("the slice has the length of the shape")
}
