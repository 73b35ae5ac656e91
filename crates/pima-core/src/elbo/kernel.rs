//! The fused kernel, sixteen samples at a time.
//!
//! With `s` the prior's variances and `e_c = K_c + R_c` (notation of the crate's documentation):
//!
//! - exact: `t_c = log pi_c - e_c/2`, `g = softmax(t)`, `loss = -2 log sum exp t - sum_j (1 + logvar_j)`;
//! - latent: `t_c = log pi_c + log N(z; m_c, s_c)`, `g = softmax(t)`. With `A_c = e_c + 2 log(g_c/pi_c)` the loss is
//!   `sum_c g_c A_c - sum_j (1 + logvar_j)` and its derivative by `t_c` is `h_c = g_c (A_c - sum_k g_k A_k)`, which sums to zero.
//!
//! Both: `dL/dmu_j = 2 sum_c g_c (mu_j - m_cj)/s_cj`, `dL/dlogvar_j = sum_c g_c var_j/s_cj - 1`, `dL/dR = g`, and by the logits
//! `h - 2 (g - pi)` with `h = 0` if exact. Latent adds `dL/dz_j = -sum_c h_c (z_j - m_cj)/s_cj`.

use fearless_simd::prelude::*;

use super::ClusterPosterior;
use super::rows::{CHUNK, Rows, Scratch, Tile, WIDTH};
use crate::MixturePrior;
use crate::simd::{LANES, Level, Simd, Vector, dispatch, exp_nonpositive, gather, ln, load, scatter, store};
use crate::softmax::CUT_OFF;

/// Where `K_c` is cut off, lest an overflow turn `0 * inf` into NaN: a cluster so far has no responsibility at all. If even the
/// posterior's mean of K comes to this, the loss is reported as infinite.
const OVERFLOW: f64 = CUT_OFF;

/// Samples that are computed together.
const TILE: usize = WIDTH * LANES;

/// Clusters whose scores are computed together, so that what is read of the samples serves all of them.
const CLUSTERS: usize = 2;

/// One number for each sample of a tile.
type Wide<S> = [Vector<S>; WIDTH];

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

impl Inputs<'_> {
    /// Whether one R serves all clusters. It cancels in the softmax and is left out until the loss is added up.
    fn shares_recon(&self) -> bool {
        self.recon_columns != self.prior.n_clusters()
    }
}

/// Evaluates all rows, in as many threads as there are scratch buffers.
pub(super) fn evaluate(inputs: Inputs<'_>, rows: Rows<'_>, scratch: &mut [Scratch]) {
    let (n_clusters, n_latent) = (inputs.prior.n_clusters(), inputs.prior.n_latent());
    if let [scratch] = scratch {
        let mut rest = rows;
        loop {
            let (chunk, tail) = rest.split_at_chunk(1, n_clusters, n_latent);
            dispatch!(Level::new(), simd => evaluate_chunk(simd, inputs, chunk, scratch));
            if tail.len() == 0 {
                return;
            }
            rest = tail;
        }
    }
    let n_chunks = rows.len().div_ceil(CHUNK);
    let n_threads = scratch.len();
    let (scratch, scratch_rest) = scratch.split_at_mut(n_threads / 2);
    let (head, tail) = rows.split_at_chunk(n_chunks * scratch.len() / n_threads, n_clusters, n_latent);
    rayon::join(|| evaluate(inputs, head, scratch), || evaluate(inputs, tail, scratch_rest));
}

#[inline(always)]
fn evaluate_chunk<S: Simd>(simd: S, inputs: Inputs<'_>, mut rows: Rows<'_>, scratch: &mut Scratch) {
    for sum in &mut scratch.d_logits {
        sum.set(Vector::splat(simd, 0.0));
    }
    for first in (0..rows.len()).step_by(TILE) {
        match inputs.posterior {
            ClusterPosterior::Exact => evaluate_tile::<S, false>(simd, inputs, &mut rows, first, scratch),
            ClusterPosterior::Latent => evaluate_tile::<S, true>(simd, inputs, &mut rows, first, scratch),
        }
    }
    for (d_logit, sum) in rows.d_logits.iter_mut().zip(&scratch.d_logits) {
        *d_logit = simd.reduce_sum_f64x8(sum.get(simd));
    }
}

/// The samples from row `first` of the chunk on.
#[inline(always)]
fn evaluate_tile<S: Simd, const LATENT: bool>(
    simd: S,
    inputs: Inputs<'_>,
    rows: &mut Rows<'_>,
    first: usize,
    scratch: &mut Scratch,
) {
    let prior = inputs.prior;
    let b = rows.first + first;
    let n = (rows.len() - first).min(TILE);
    let splat = |value: f64| Vector::splat(simd, value);
    let zero: Wide<S> = [splat(0.0); WIDTH];

    gather(simd, inputs.mean, b, n, &mut scratch.mean);
    gather(simd, inputs.var, b, n, &mut scratch.var);
    if LATENT {
        gather(simd, inputs.z, b, n, &mut scratch.z);
    }
    if inputs.shares_recon() {
        for recon in &mut scratch.recon {
            put(recon, zero);
        }
    } else {
        gather(simd, inputs.recon, b, n, &mut scratch.recon);
    }

    // Softmax over the clusters; sums are of exp(t - max t) and divided by the normaliser afterwards.
    let largest = scores::<S, LATENT>(simd, prior, scratch);
    let (log_weights, _) = prior.constants();
    let (mut total, mut recon_sum, mut cluster_sum, mut shifted_sum) = (zero, zero, zero, zero);
    let terms = scratch.score.iter_mut().zip(&mut scratch.divergence).zip(&scratch.recon);
    for (((score, divergence), recon), log_weight) in terms.zip(log_weights) {
        for w in 0..WIDTH {
            let (k, r) = (divergence[w].get(simd), recon[w].get(simd));
            let t = score[w].get(simd) - largest[w];
            // NaN stays NaN.
            let t = t.simd_lt(-CUT_OFF).select(splat(-CUT_OFF), t);
            let e = exp_nonpositive(simd, t);
            let shifted = t - *log_weight;
            total[w] += e;
            recon_sum[w] = e.mul_add(r, recon_sum[w]);
            cluster_sum[w] = e.mul_add(k, cluster_sum[w]);
            shifted_sum[w] = e.mul_add(shifted, shifted_sum[w]);
            score[w].set(e);
            if LATENT {
                // A_c, less a constant.
                divergence[w].set(shifted.mul_add(2.0, k + r));
            }
        }
    }

    let mut scale = zero;
    let mut average = zero;
    for w in 0..WIDTH {
        let at = first + w * LANES;
        if at >= rows.len() {
            break;
        }
        let normaliser = splat(1.0) / total[w];
        let mut recon = recon_sum[w] * normaliser;
        let cluster = cluster_sum[w] * normaliser;
        let shifted = shifted_sum[w] * normaliser;
        average[w] = shifted.mul_add(2.0, recon + cluster);
        if inputs.shares_recon() {
            recon = load(simd, inputs.recon, b + w * LANES);
        }
        let categorical = (shifted - ln(simd, total[w])) * 2.0;
        let entropy = entropy(simd, inputs.logvar, prior.n_latent(), b + w * LANES);
        let loss = recon + cluster + categorical - entropy;
        let loss = cluster.simd_lt(OVERFLOW).select(loss, splat(f64::INFINITY));
        let outputs = [
            (&mut *rows.recon, recon),
            (&mut *rows.cluster, cluster),
            (&mut *rows.categorical, categorical),
            (&mut *rows.entropy, entropy),
            (&mut *rows.loss, loss),
        ];
        for (output, value) in outputs {
            store(value, output, at);
        }
        // Lanes without a sample have no responsibility.
        let valid = Vector::from_fn(simd, |k| if w * LANES + k < n { 1.0 } else { 0.0 });
        scale[w] = valid.simd_gt(0.0).select(normaliser, splat(0.0));
    }

    // g, and h in the place of K.
    let terms = scratch.score.iter_mut().zip(&mut scratch.divergence).zip(&mut scratch.d_logits);
    for ((score, divergence), d_logit) in terms {
        let mut sum = d_logit.get(simd);
        for w in 0..WIDTH {
            let g = score[w].get(simd) * scale[w];
            score[w].set(g);
            sum = g.mul_add(-2.0, sum);
            if LATENT {
                let h = g * (divergence[w].get(simd) - average[w]);
                divergence[w].set(h);
                sum += h;
            }
        }
        d_logit.set(sum);
    }
    scatter(simd, &scratch.score, rows.responsibilities, first, n);

    for j in 0..prior.n_latent() {
        let (d_mean, d_logvar) = posterior_gradient(simd, prior, j, scratch);
        put(&mut scratch.mean[j], d_mean);
        put(&mut scratch.var[j], d_logvar);
        if LATENT {
            let d_z = sample_gradient(simd, prior, j, scratch);
            put(&mut scratch.z[j], d_z);
        }
    }
    scatter(simd, &scratch.mean, rows.d_mean, first, n);
    scatter(simd, &scratch.var, rows.d_logvar, first, n);
    if LATENT {
        scatter(simd, &scratch.z, rows.d_z, first, n);
    }
}

/// Writes K and t of every cluster and returns the largest t.
#[inline(always)]
fn scores<S: Simd, const LATENT: bool>(simd: S, prior: &MixturePrior, scratch: &mut Scratch) -> Wide<S> {
    let n_clusters = prior.n_clusters();
    let mut largest = [Vector::splat(simd, f64::NEG_INFINITY); WIDTH];
    let paired = n_clusters - n_clusters % CLUSTERS;
    for first in (0..paired).step_by(CLUSTERS) {
        scores_of::<S, LATENT, CLUSTERS>(simd, prior, first, scratch, &mut largest);
    }
    for first in paired..n_clusters {
        scores_of::<S, LATENT, 1>(simd, prior, first, scratch, &mut largest);
    }
    largest
}

/// [`scores`] of the clusters `first..first + C`: `K_c = sum_j [log s_cj + (var_j + (mu_j - m_cj)^2)/s_cj]`, and if the posterior is
/// latent the same sum for z without variance.
#[inline(always)]
fn scores_of<S: Simd, const LATENT: bool, const C: usize>(
    simd: S,
    prior: &MixturePrior,
    first: usize,
    scratch: &mut Scratch,
    largest: &mut Wide<S>,
) {
    let splat = |value: f64| Vector::splat(simd, value);
    let (log_weights, sum_log_var) = prior.constants();
    let (log_weights, sum_log_var) = (&log_weights[first..first + C], &sum_log_var[first..first + C]);
    let mut divergence: [Wide<S>; C] = std::array::from_fn(|i| [splat(sum_log_var[i]); WIDTH]);
    let mut distance = divergence;
    for (j, ((mean, var), z)) in scratch.mean.iter().zip(&scratch.var).zip(&scratch.z).enumerate() {
        let (center, precision) = prior.dimension(j);
        let (center, precision) = (&center[first..first + C], &precision[first..first + C]);
        for i in 0..C {
            let (center, precision) = (splat(center[i]), splat(precision[i]));
            for w in 0..WIDTH {
                let offset = mean[w].get(simd) - center;
                divergence[i][w] = offset.mul_add(offset, var[w].get(simd)).mul_add(precision, divergence[i][w]);
                if LATENT {
                    let offset = z[w].get(simd) - center;
                    distance[i][w] = (offset * offset).mul_add(precision, distance[i][w]);
                }
            }
        }
    }
    for i in 0..C {
        let log_weight = splat(log_weights[i]);
        for w in 0..WIDTH {
            let k = divergence[i][w];
            let k = k.simd_gt(OVERFLOW).select(splat(OVERFLOW), k);
            let twice = if LATENT { distance[i][w] } else { k + scratch.recon[first + i][w].get(simd) };
            let t = twice.mul_add(-0.5, log_weight);
            scratch.divergence[first + i][w].set(k);
            scratch.score[first + i][w].set(t);
            // NaN is passed over here; the score itself stays NaN.
            largest[w] = t.simd_gt(largest[w]).select(t, largest[w]);
        }
    }
}

/// `dL/dmu_j` and `dL/dlogvar_j` for given z.
#[inline(always)]
fn posterior_gradient<S: Simd>(simd: S, prior: &MixturePrior, j: usize, scratch: &Scratch) -> (Wide<S>, Wide<S>) {
    let (center, precision) = prior.dimension(j);
    let mean = get(simd, &scratch.mean[j]);
    let var = get(simd, &scratch.var[j]);
    let mut offset_sum = [Vector::splat(simd, 0.0); WIDTH];
    let mut precision_sum = offset_sum;
    for (g, (center, precision)) in scratch.score.iter().zip(center.iter().zip(precision)) {
        for w in 0..WIDTH {
            let weight = g[w].get(simd) * *precision;
            // Differences first: sums of g m/s would lose all digits of clusters that are narrow and far from zero.
            offset_sum[w] = weight.mul_add(mean[w] - *center, offset_sum[w]);
            precision_sum[w] += weight;
        }
    }
    let d_mean = offset_sum.map(|sum| sum * 2.0);
    let d_logvar = std::array::from_fn(|w| var[w].mul_add(precision_sum[w], -1.0));
    (d_mean, d_logvar)
}

/// `dL/dz_j`, of the latent posterior.
#[inline(always)]
fn sample_gradient<S: Simd>(simd: S, prior: &MixturePrior, j: usize, scratch: &Scratch) -> Wide<S> {
    let (center, precision) = prior.dimension(j);
    let z = get(simd, &scratch.z[j]);
    let mut sum = [Vector::splat(simd, 0.0); WIDTH];
    for (h, (center, precision)) in scratch.divergence.iter().zip(center.iter().zip(precision)) {
        for w in 0..WIDTH {
            let weight = h[w].get(simd) * -*precision;
            sum[w] = weight.mul_add(z[w] - *center, sum[w]);
        }
    }
    sum
}

/// `sum_j (1 + log var_j)` of eight samples from sample b on; of samples past the end, anything.
#[inline(always)]
fn entropy<S: Simd>(simd: S, logvar: &[f64], n_latent: usize, b: usize) -> Vector<S> {
    let last = logvar.len() - n_latent;
    let mut sums = [n_latent as f64; LANES];
    let rows: [&[f64]; LANES] = std::array::from_fn(|k| &logvar[((b + k) * n_latent).min(last)..][..n_latent]);
    for j in 0..n_latent {
        for k in 0..LANES {
            sums[k] += rows[k][j];
        }
    }
    Vector::load_array(simd, sums)
}

#[inline(always)]
fn get<S: Simd>(simd: S, tile: &Tile) -> Wide<S> {
    std::array::from_fn(|w| tile[w].get(simd))
}

#[inline(always)]
fn put<S: Simd>(tile: &mut Tile, values: Wide<S>) {
    for (lanes, value) in tile.iter_mut().zip(values) {
        lanes.set(value);
    }
}
