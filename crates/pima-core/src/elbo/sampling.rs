//! From the fused posterior to z and back: `z = mu + eps exp(logvar/2)`, and the chain rule through it.

use fearless_simd::prelude::*;

use crate::fusion::{Product, TILE};
use crate::simd::{LANES, Lanes, Simd, Vector, exp, load, store};

/// What [`draw`] reads and writes, (B,l) each.
pub(super) struct Sampling<'a> {
    pub(super) mean: &'a [f64],
    pub(super) logvar: &'a [f64],
    pub(super) eps: &'a [f64],
    pub(super) var: &'a mut [f64],
    pub(super) noise: &'a mut [f64],
    pub(super) z: &'a mut [f64],
}

/// Writes `var = exp(logvar)`, `noise = eps exp(logvar/2)` and `z = mu + noise`, and says whether every z is finite.
#[inline(always)]
pub(super) fn draw<S: Simd>(simd: S, arrays: Sampling<'_>) -> bool {
    let mut finite = Vector::splat(simd, 0.0);
    for at in (0..arrays.z.len()).step_by(LANES) {
        let deviation = exp(simd, load(simd, arrays.logvar, at) * 0.5);
        let noise = load(simd, arrays.eps, at) * deviation;
        let z = load(simd, arrays.mean, at) + noise;
        finite = z.mul_add(0.0, finite);
        store(deviation * deviation, arrays.var, at);
        store(noise, arrays.noise, at);
        store(z, arrays.z, at);
    }
    simd.reduce_sum_f64x8(finite) == 0.0
}

/// What comes back for the fused posterior and z, (B,l) each.
#[derive(Clone, Copy)]
pub(super) struct Adjoints<'a> {
    /// dL/dmu and dL/dlogvar for given z.
    pub(super) d_mean: &'a [f64],
    pub(super) d_logvar: &'a [f64],
    /// dL/dz for given R, unless it is zero.
    pub(super) d_z: Option<&'a [f64]>,
    /// What the decoders add to it.
    pub(super) z_adjoint: &'a [f64],
    /// z - mu.
    pub(super) noise: &'a [f64],
}

impl Adjoints<'_> {
    /// Adjoints of elements `at..at + 8` of the fused mean and log-variance, the way through z included.
    #[inline(always)]
    pub(super) fn fused<S: Simd>(&self, simd: S, at: usize) -> (Vector<S>, Vector<S>) {
        let mut d_z = load(simd, self.z_adjoint, at);
        if let Some(own) = self.d_z {
            d_z += load(simd, own, at);
        }
        // dz/dlogvar = eps exp(logvar/2)/2 = (z - mu)/2.
        let d_logvar = (d_z * 0.5).mul_add(load(simd, self.noise, at), load(simd, self.d_logvar, at));
        (load(simd, self.d_mean, at) + d_z, d_logvar)
    }
}

/// Writes the gradients by every modality (M,B,l), and says whether all adjoints of the fused posterior are finite.
#[inline(always)]
pub(super) fn pull_back<S: Simd>(
    simd: S,
    adjoints: Adjoints<'_>,
    product: &Product,
    grad_mean: &mut [f64],
    grad_logvar: &mut [f64],
) -> bool {
    let n = adjoints.z_adjoint.len();
    let mut finite = Vector::splat(simd, 0.0);
    let mut d_mean = [Lanes::default(); TILE / LANES];
    let mut d_logvar = d_mean;
    for first in (0..n).step_by(TILE) {
        let n_vectors = (n - first).min(TILE).div_ceil(LANES);
        for (i, (d_mean, d_logvar)) in d_mean.iter_mut().zip(&mut d_logvar).enumerate().take(n_vectors) {
            let (mean, logvar) = adjoints.fused(simd, first + LANES * i);
            finite = logvar.mul_add(0.0, mean.mul_add(0.0, finite));
            d_mean.set(mean);
            d_logvar.set(logvar);
        }
        product.pull_back(simd, first, &d_mean[..n_vectors], &d_logvar[..n_vectors], grad_mean, grad_logvar);
    }
    simd.reduce_sum_f64x8(finite) == 0.0
}
