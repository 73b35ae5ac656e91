//! The same block in torch, op by op, with autograd: what one would write without the kernel.

use ndarray::{ArrayView, Axis, Dimension};
use pima_core::ClusterPosterior;
use tch::{Kind, Tensor};

use crate::{Batch, Result};

/// How the block is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formulation {
    /// All that the kernel returns: the loss as the sum of its terms, with the responsibilities. `K_c` by broadcasting to (B,N,l).
    Terms,
    /// The loss and its gradients alone; with the exact posterior, minus twice a log-sum-exp. `K_c` by broadcasting as well.
    Loss,
    /// As [`Loss`](Self::Loss), with the square in `K_c` multiplied out so that two products of (B,l) and (l,N) matrices remain.
    /// Faster, and no replacement: digits cancel where a cluster is narrow for its distance from zero. With a mean of 1,000 and
    /// a variance of 1e-4 an f32 has none left.
    LossExpanded,
}

/// The block of the loss as tensors of one number type on the CPU, with the prior's constants computed beforehand.
///
/// Written for speed where torch offers a choice: the modalities are one tensor rather than a loop, `log_softmax` and `logsumexp`
/// are torch's own fused ops, and gradients are returned rather than accumulated.
#[derive(Debug)]
pub struct OpByOpBlock {
    posterior: ClusterPosterior,
    formulation: Formulation,
    mean: Tensor,
    logvar: Tensor,
    logits: Tensor,
    recon: Tensor,
    /// (M,B,1).
    weight: Tensor,
    eps: Tensor,
    z_adjoint: Tensor,
    /// `m` and `1/s`, (N,l) each; their product and the inverse transposed, (l,N), contiguous.
    center: Tensor,
    precision: Tensor,
    center_precision_t: Tensor,
    precision_t: Tensor,
    /// `sum_j log s_cj` and the same with `sum_j m_cj^2/s_cj` added, (N).
    sum_log_var: Tensor,
    constant: Tensor,
}

/// What the kernel returns beside loss and gradients.
#[derive(Debug)]
pub struct OpByOpTerms {
    /// `sum_c g_c R_c`, (B).
    pub recon: Tensor,
    /// `sum_c g_c K_c`, (B).
    pub cluster: Tensor,
    /// `2 sum_c g_c log(g_c/pi_c)`, (B).
    pub categorical: Tensor,
    /// `sum_j (1 + log var_j)`, (B).
    pub entropy: Tensor,
    /// The cluster posterior g, (B,N).
    pub responsibilities: Tensor,
}

/// Loss and gradients of its sum.
#[derive(Debug)]
pub struct OpByOpOutputs {
    /// Loss of every sample, (B).
    pub loss: Tensor,
    /// Its terms, of [`Formulation::Terms`] only.
    pub terms: Option<OpByOpTerms>,
    /// By the modalities' means, (M,B,l).
    pub grad_mean: Tensor,
    /// By their log-variances, (M,B,l).
    pub grad_logvar: Tensor,
    /// By the logits of the cluster weights, (N).
    pub grad_logits: Tensor,
    /// By R, (B,N).
    pub grad_recon: Tensor,
}

impl OpByOpBlock {
    /// The block on `batch` in numbers of `kind`.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] when libtorch cannot allocate.
    pub fn new(batch: &Batch, posterior: ClusterPosterior, formulation: Formulation, kind: Kind) -> Result<Self> {
        let (center, var) = (batch.prior.mean().to_owned(), batch.prior.var());
        let precision = var.mapv(f64::recip);
        let sum_log_var = var.mapv(f64::ln).sum_axis(Axis(1));
        let constant = &sum_log_var + &(&center * &center * &precision).sum_axis(Axis(1));
        let center_precision = &center * &precision;
        let parameter = |tensor: Tensor| tensor.set_requires_grad(true);
        Ok(Self {
            posterior,
            formulation,
            mean: parameter(tensor(batch.mean.view(), kind)?),
            logvar: parameter(tensor(batch.logvar.view(), kind)?),
            logits: parameter(tensor(batch.prior.logits(), kind)?),
            recon: parameter(tensor(batch.recon.view(), kind)?),
            weight: tensor(batch.weight.view().insert_axis(Axis(2)), kind)?,
            eps: tensor(batch.eps.view(), kind)?,
            z_adjoint: tensor(batch.z_adjoint.view(), kind)?,
            center_precision_t: tensor(center_precision.t(), kind)?,
            precision_t: tensor(precision.t(), kind)?,
            center: tensor(center.view(), kind)?,
            precision: tensor(precision.view(), kind)?,
            sum_log_var: tensor(sum_log_var.view(), kind)?,
            constant: tensor(constant.view(), kind)?,
        })
    }

    /// Loss and gradients, forward and backward.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] when the backward pass fails.
    ///
    /// # Panics
    /// When libtorch cannot allocate in the forward pass.
    pub fn step(&self) -> Result<OpByOpOutputs> {
        // Product of experts.
        let precision = &self.weight * (-&self.logvar).exp();
        let total = sum(&precision, 0);
        let mean = sum(&(&precision * &self.mean), 0) / &total;
        let var = total.reciprocal();
        let logvar = -total.log();
        // Sample.
        let z = &mean + &self.eps * var.sqrt();

        let divergence = self.divergence(&mean, Some(&var));
        let log_weights = self.logits.log_softmax(0, None);
        let entropy = sum(&(logvar + 1.0), 1);
        let (loss, terms) = match (self.formulation, self.posterior) {
            (Formulation::Terms, posterior) => {
                let log_g = match posterior {
                    // The gradient holds g fast: the envelope theorem.
                    ClusterPosterior::Exact => {
                        tch::no_grad(|| (&log_weights - (&divergence + &self.recon) * 0.5).log_softmax(1, None))
                    }
                    ClusterPosterior::Latent => self.log_responsibilities(&z, &log_weights),
                };
                let g = log_g.exp();
                let recon = sum(&(&g * &self.recon), 1);
                let cluster = sum(&(&g * divergence), 1);
                let categorical = sum(&(&g * (log_g - &log_weights)), 1) * 2.0;
                let loss = &recon + &cluster + &categorical - &entropy;
                (loss, Some(OpByOpTerms { recon, cluster, categorical, entropy, responsibilities: g }))
            }
            (_, ClusterPosterior::Exact) => {
                let scores = log_weights - (divergence + &self.recon) * 0.5;
                (scores.logsumexp(1, false) * -2.0 - entropy, None)
            }
            (_, ClusterPosterior::Latent) => {
                let log_g = self.log_responsibilities(&z, &log_weights);
                let values = divergence + &self.recon + (&log_g - &log_weights) * 2.0;
                (sum(&(log_g.exp() * values), 1) - entropy, None)
            }
        };

        // The decoders' adjoint of z joins as the gradient of a dot product with it.
        let objective = loss.sum(None) + z.view(-1).dot(&self.z_adjoint.view(-1));
        let inputs = [&self.mean, &self.logvar, &self.logits, &self.recon];
        let gradients = Tensor::f_run_backward(&[&objective], &inputs, false, false)?;
        let [grad_mean, grad_logvar, grad_logits, grad_recon] =
            gradients.try_into().expect("as many gradients as inputs");
        Ok(OpByOpOutputs { loss: loss.detach(), terms, grad_mean, grad_logvar, grad_logits, grad_recon })
    }

    /// `log p(c|z)` (B,N).
    fn log_responsibilities(&self, z: &Tensor, log_weights: &Tensor) -> Tensor {
        (log_weights - self.divergence(z, None) * 0.5).log_softmax(1, None)
    }

    /// `sum_j [log s_cj + (var_j + (x_j - m_cj)^2)/s_cj]` of x (B,l), (B,N); without the variance if there is none.
    fn divergence(&self, x: &Tensor, var: Option<&Tensor>) -> Tensor {
        match self.formulation {
            Formulation::Terms | Formulation::Loss => {
                let square = (x.unsqueeze(1) - &self.center).square();
                let numerator = match var {
                    Some(var) => square + var.unsqueeze(1),
                    None => square,
                };
                sum(&(numerator * &self.precision), 2) + &self.sum_log_var
            }
            Formulation::LossExpanded => {
                let square = match var {
                    Some(var) => x.square() + var,
                    None => x.square(),
                };
                // constant + square 1/s - 2 x m/s.
                let squares = self.constant.addmm(&square, &self.precision_t);
                squares - x.matmul(&self.center_precision_t) * 2.0
            }
        }
    }
}

fn sum(tensor: &Tensor, axis: i64) -> Tensor {
    tensor.sum_dim_intlist(axis, false, None)
}

/// A row-major tensor of `kind` and the array's shape.
fn tensor<D: Dimension>(array: ArrayView<'_, f64, D>, kind: Kind) -> Result<Tensor> {
    let shape: Vec<i64> = array.shape().iter().map(|&n| n as i64).collect();
    let values: Vec<f64> = array.iter().copied().collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?.f_to_kind(kind)?)
}
