//! The fused kernel: for each sample two sweeps over (l,N), clusters innermost.
//!
//! With `s` the prior's variances and `e_c = K_c + R_c` (notation of the crate's documentation):
//!
//! - exact: `t_c = log pi_c - e_c/2`, `g = softmax(t)`, `loss = -2 log sum exp t - sum_j (1 + logvar_j)`;
//! - latent: `t_c = log pi_c + log N(z; m_c, s_c)`, `g = softmax(t)`. With `A_c = e_c + 2 log(g_c/pi_c)` the loss is
//!   `sum_c g_c A_c - sum_j (1 + logvar_j)` and its derivative by `t_c` is `h_c = g_c (A_c - sum_k g_k A_k)`, which sums to zero.
//!
//! Both: `dL/dmu_j = 2 sum_c g_c (mu_j - m_cj)/s_cj`, `dL/dlogvar_j = sum_c g_c var_j/s_cj - 1`, `dL/dR = g`, and by the logits
//! `h - 2 (g - pi)` with `h = 0` if exact. Latent adds `dL/dz_j = -sum_c h_c (z_j - m_cj)/s_cj`.

use super::ClusterPosterior;
use super::rows::{CHUNK, Rows};
use crate::MixturePrior;
use crate::reduce::{dot, weighted_offset};
use crate::softmax::{CUT_OFF, softmax_keeping_scores};

/// Where `K_c` is cut off, lest an overflow turn `0 * inf` into NaN: a cluster so far has no responsibility at all. If even the
/// posterior's mean of K comes to this, the loss is reported as infinite.
const OVERFLOW: f64 = CUT_OFF;

/// What the kernel reads: the fused posterior (B,l) each, z (B,l), and R (B,N) or (B,1).
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) prior: &'a MixturePrior,
    pub(super) posterior: ClusterPosterior,
    pub(super) mean: &'a [f64],
    pub(super) logvar: &'a [f64],
    pub(super) var: &'a [f64],
    pub(super) z: &'a [f64],
    pub(super) recon: &'a [f64],
    pub(super) recon_columns: usize,
}

/// Evaluates all rows; the two halves of the work go to different threads while there is more than one chunk and `parallel`.
pub(super) fn evaluate(inputs: Inputs<'_>, rows: Rows<'_>, parallel: bool) {
    let n_chunks = rows.len().div_ceil(CHUNK);
    if n_chunks <= 1 {
        return evaluate_chunk(inputs, rows);
    }
    let (n_clusters, n_latent) = (inputs.prior.n_clusters(), inputs.prior.n_latent());
    let (head, tail) = rows.split_at_chunk(n_chunks / 2, n_clusters, n_latent);
    if parallel {
        rayon::join(|| evaluate(inputs, head, true), || evaluate(inputs, tail, true));
    } else {
        evaluate(inputs, head, false);
        evaluate(inputs, tail, false);
    }
}

fn evaluate_chunk(inputs: Inputs<'_>, rows: Rows<'_>) {
    let (n_clusters, n_latent) = (inputs.prior.n_clusters(), inputs.prior.n_latent());
    let (log_weights, _) = inputs.prior.constants();
    let (cluster_terms, rest) = rows.scratch.split_at_mut(n_clusters);
    let (shifted, logit_adjoint) = rest.split_at_mut(n_clusters);
    rows.d_logits.fill(0.0);

    for i in 0..rows.loss.len() {
        let b = rows.first + i;
        let latent = b * n_latent..(b + 1) * n_latent;
        let (mean, var, z) = (&inputs.mean[latent.clone()], &inputs.var[latent.clone()], &inputs.z[latent.clone()]);
        let recon = Recon::of(&inputs, b, n_clusters);
        let g = &mut rows.responsibilities[i * n_clusters..(i + 1) * n_clusters];

        match inputs.posterior {
            ClusterPosterior::Exact => {
                divergences(inputs.prior, mean, var, cluster_terms);
                joint_scores(log_weights, cluster_terms, recon, shifted);
            }
            ClusterPosterior::Latent => {
                divergences_and_log_joint(inputs.prior, mean, var, z, cluster_terms, shifted);
            }
        }
        let log_sum = softmax_keeping_scores(shifted, g);

        let recon_term = recon.mean(g);
        let cluster_term = dot(g, cluster_terms);
        // From here on `shifted` holds log(g_c/pi_c).
        for (shifted, log_weight) in shifted.iter_mut().zip(log_weights) {
            *shifted -= log_sum + log_weight;
        }
        let categorical_term = 2.0 * dot(g, shifted);
        let entropy: f64 = inputs.logvar[latent].iter().map(|logvar| 1.0 + logvar).sum();

        rows.recon[i] = recon_term;
        rows.cluster[i] = cluster_term;
        rows.categorical[i] = categorical_term;
        rows.entropy[i] = entropy;
        rows.loss[i] = if cluster_term < OVERFLOW {
            recon_term + cluster_term + categorical_term - entropy
        } else {
            f64::INFINITY
        };

        let gradients = i * n_latent..(i + 1) * n_latent;
        let (d_mean, d_logvar, d_z) =
            (&mut rows.d_mean[gradients.clone()], &mut rows.d_logvar[gradients.clone()], &mut rows.d_z[gradients]);
        for j in 0..n_latent {
            let (center, precision) = inputs.prior.dimension(j);
            d_mean[j] = 2.0 * weighted_offset(g, precision, center, mean[j]);
            d_logvar[j] = var[j] * dot(g, precision) - 1.0;
        }
        match inputs.posterior {
            ClusterPosterior::Exact => {
                d_z.fill(0.0);
                for (d_logit, g) in rows.d_logits.iter_mut().zip(g.iter()) {
                    *d_logit -= 2.0 * g;
                }
            }
            ClusterPosterior::Latent => {
                let average = recon_term + cluster_term + categorical_term;
                // h_c = g_c (R_c + K_c + 2 log(g_c/pi_c) - average).
                for ((h, cluster), shifted) in logit_adjoint.iter_mut().zip(cluster_terms.iter()).zip(shifted.iter()) {
                    *h = cluster + 2.0 * shifted;
                }
                recon.add_to(logit_adjoint);
                for ((h, g), d_logit) in logit_adjoint.iter_mut().zip(g.iter()).zip(rows.d_logits.iter_mut()) {
                    *h = g * (*h - average);
                    *d_logit += *h - 2.0 * g;
                }
                for j in 0..n_latent {
                    let (center, precision) = inputs.prior.dimension(j);
                    d_z[j] = -weighted_offset(logit_adjoint, precision, center, z[j]);
                }
            }
        }
    }
}

/// R of one sample: per cluster (N), or the same for all.
#[derive(Clone, Copy)]
enum Recon<'a> {
    PerCluster(&'a [f64]),
    Shared(f64),
}

impl<'a> Recon<'a> {
    fn of(inputs: &Inputs<'a>, b: usize, n_clusters: usize) -> Self {
        if inputs.recon_columns == n_clusters {
            Self::PerCluster(&inputs.recon[b * n_clusters..(b + 1) * n_clusters])
        } else {
            Self::Shared(inputs.recon[b])
        }
    }

    fn add_to(self, values: &mut [f64]) {
        match self {
            Self::PerCluster(recon) => {
                for (value, recon) in values.iter_mut().zip(recon) {
                    *value += recon;
                }
            }
            Self::Shared(recon) => {
                for value in values.iter_mut() {
                    *value += recon;
                }
            }
        }
    }

    /// `sum_c g_c R_c`; g sums to one.
    fn mean(self, g: &[f64]) -> f64 {
        match self {
            Self::PerCluster(recon) => dot(g, recon),
            Self::Shared(recon) => recon,
        }
    }
}

/// `K_c = sum_j [log s_cj + (var_j + (mu_j - m_cj)^2)/s_cj]` for every cluster.
fn divergences(prior: &MixturePrior, mean: &[f64], var: &[f64], out: &mut [f64]) {
    out.copy_from_slice(prior.constants().1);
    for (j, (mean, var)) in mean.iter().zip(var).enumerate() {
        let (center, precision) = prior.dimension(j);
        for ((out, center), precision) in out.iter_mut().zip(center).zip(precision) {
            let offset = mean - center;
            *out += (offset * offset + var) * precision;
        }
    }
    for out in out.iter_mut() {
        *out = out.min(OVERFLOW);
    }
}

/// [`divergences`] and [`MixturePrior::log_joint`] in one sweep, which reads the prior once.
fn divergences_and_log_joint(
    prior: &MixturePrior,
    mean: &[f64],
    var: &[f64],
    z: &[f64],
    divergence: &mut [f64],
    log_joint: &mut [f64],
) {
    let (log_weights, sum_log_var) = prior.constants();
    divergence.copy_from_slice(sum_log_var);
    log_joint.copy_from_slice(sum_log_var);
    for (j, ((mean, var), z)) in mean.iter().zip(var).zip(z).enumerate() {
        let (center, precision) = prior.dimension(j);
        let outputs = divergence.iter_mut().zip(log_joint.iter_mut());
        for ((divergence, log_joint), (center, precision)) in outputs.zip(center.iter().zip(precision)) {
            let offset = mean - center;
            *divergence += (offset * offset + var) * precision;
            let offset = z - center;
            *log_joint += offset * offset * precision;
        }
    }
    for divergence in divergence.iter_mut() {
        *divergence = divergence.min(OVERFLOW);
    }
    for (log_joint, log_weight) in log_joint.iter_mut().zip(log_weights) {
        *log_joint = log_weight - 0.5 * *log_joint;
    }
}

/// `log pi_c - (K_c + R_c)/2`. A shared R would cancel in the softmax: left out.
fn joint_scores(log_weights: &[f64], cluster_terms: &[f64], recon: Recon<'_>, out: &mut [f64]) {
    let terms = log_weights.iter().zip(cluster_terms);
    match recon {
        Recon::PerCluster(recon) => {
            for ((out, (log_weight, cluster)), recon) in out.iter_mut().zip(terms).zip(recon) {
                *out = log_weight - 0.5 * (cluster + recon);
            }
        }
        Recon::Shared(_) => {
            for (out, (log_weight, cluster)) in out.iter_mut().zip(terms) {
                *out = log_weight - 0.5 * cluster;
            }
        }
    }
}
