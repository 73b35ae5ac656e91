//! The product of experts, its sensitivities, and what is absent.

use fearless_simd::prelude::*;
use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2};

use crate::buffer::{RowMajor, size};
use crate::simd::{LANES, Lanes, Level, Simd, Vector, dispatch, exp_nonpositive, ln, load, store};
use crate::{Error, Location, Result, check};

/// Product of experts with presence weights (Walker et al. 2023, eq. 5 and section 2.5):
/// `1/var = sum_m w_m/var_m`, `mu = var sum_m w_m mu_m/var_m`, in log-variances.
///
/// `mean` and `logvar` are (M,B,l), `weight` (M,B) is 1 where a modality is present and 0 where it is absent. What stands in
/// `mean` and `logvar` for an absent modality does not matter, be it NaN. The results (B,l) go to `out_mean` and `out_logvar`.
///
/// # Errors
/// [`Error::Shape`]; [`Error::Empty`] without modalities, samples or dimensions; [`Error::NoModality`] for a sample whose
/// weights are all zero; [`Error::InvalidParameter`] for a weight other than 0 or 1; [`Error::NotFinite`] with the modality,
/// sample and dimension of a value that matters.
pub fn product_of_experts(
    mean: ArrayView3<'_, f64>,
    logvar: ArrayView3<'_, f64>,
    weight: ArrayView2<'_, f64>,
    mut out_mean: ArrayViewMut2<'_, f64>,
    mut out_logvar: ArrayViewMut2<'_, f64>,
) -> Result<()> {
    let (_, n_samples, n_latent) = mean.dim();
    let expected = [n_samples, n_latent];
    check::shape("product of experts: out_mean", "(B,l)", &expected, out_mean.shape())?;
    check::shape("product of experts: out_logvar", "(B,l)", &expected, out_logvar.shape())?;
    let mut product = Product::default();
    product.fuse(mean, logvar, weight)?;
    for (out, value) in out_mean.iter_mut().zip(&product.mean) {
        *out = *value;
    }
    for (out, value) in out_logvar.iter_mut().zip(&product.logvar) {
        *out = *value;
    }
    Ok(())
}

/// The product of experts of one batch, with what its derivatives need.
///
/// With `r_m = w_m var/var_m`, which sum to one over m: `mu = sum_m r_m mu_m`, `dmu/dmu_m = r_m`,
/// `dmu/dlogvar_m = -r_m (mu_m - mu)` and `dlogvar/dlogvar_m = r_m`.
#[derive(Debug, Default)]
pub(crate) struct Product {
    pub(crate) n_modalities: usize,
    pub(crate) n_samples: usize,
    pub(crate) n_latent: usize,
    /// Fused mean, (B,l).
    pub(crate) mean: Vec<f64>,
    /// Fused log-variance, (B,l).
    pub(crate) logvar: Vec<f64>,
    /// `r_m`, (M,B,l); zero where absent.
    ratio: Vec<f64>,
    /// `mu_m - mu`, (M,B,l); zero where absent.
    offset: Vec<f64>,
    /// Weights spread out over a tile, one row for each modality.
    present: Vec<f64>,
    mean_in: RowMajor,
    logvar_in: RowMajor,
    weight_in: RowMajor,
}

impl Product {
    /// Fuses `mean`, `logvar` (M,B,l) under `weight` (M,B). Errors as for [`product_of_experts`].
    pub(crate) fn fuse(
        &mut self,
        mean: ArrayView3<'_, f64>,
        logvar: ArrayView3<'_, f64>,
        weight: ArrayView2<'_, f64>,
    ) -> Result<()> {
        const OPERATION: &str = "fuse";
        let (n_modalities, n_samples, n_latent) = mean.dim();
        check::shape("fuse: logvar", "(M,B,l)", mean.shape(), logvar.shape())?;
        check::shape("fuse: weight", "(M,B)", &[n_modalities, n_samples], weight.shape())?;
        let axes = [("modalities", n_modalities), ("the batch", n_samples), ("latent dimensions", n_latent)];
        if let Some(&(what, _)) = axes.iter().find(|(_, n)| *n == 0) {
            return Err(Error::Empty { operation: OPERATION, what });
        }
        check_presence(&weight)?;

        (self.n_modalities, self.n_samples, self.n_latent) = mean.dim();
        size(&mut self.mean, n_samples * n_latent);
        size(&mut self.logvar, n_samples * n_latent);
        size(&mut self.ratio, mean.len());
        size(&mut self.offset, mean.len());
        size(&mut self.present, n_modalities * PADDED_TILE);
        let factors = Factors {
            mean: self.mean_in.of(&mean),
            logvar: self.logvar_in.of(&logvar),
            weight: self.weight_in.of(&weight),
            n_samples,
            n_latent,
        };
        let outputs = Outputs {
            mean: &mut self.mean,
            logvar: &mut self.logvar,
            ratio: &mut self.ratio,
            offset: &mut self.offset,
            present: &mut self.present,
        };
        if dispatch!(Level::new(), simd => multiply(simd, factors, outputs)) {
            return Ok(());
        }
        // Something was not finite. Where nothing is wrong with the inputs, it is the mean that overflowed: left to the caller.
        check_present("mean", &mean, &weight)?;
        check_present("logvar", &logvar, &weight)?;
        match weight.columns().into_iter().position(|present| present.iter().all(|w| *w == 0.0)) {
            Some(sample) => Err(Error::NoModality { sample }),
            None => Ok(()),
        }
    }

    /// Chains the adjoints of a tile of the fused mean and log-variance (B,l), from element `first` on, to those of every modality
    /// (M,B,l).
    #[inline(always)]
    pub(crate) fn pull_back<S: Simd>(
        &self,
        simd: S,
        first: usize,
        fused_mean_adjoint: &[Lanes],
        fused_logvar_adjoint: &[Lanes],
        grad_mean: &mut [f64],
        grad_logvar: &mut [f64],
    ) {
        let n = self.n_samples * self.n_latent;
        let end = (first + LANES * fused_mean_adjoint.len()).min(n);
        for m in 0..self.n_modalities {
            let elements = m * n + first..m * n + end;
            let (ratio, offset) = (&self.ratio[elements.clone()], &self.offset[elements.clone()]);
            let (grad_mean, grad_logvar) = (&mut grad_mean[elements.clone()], &mut grad_logvar[elements]);
            for (i, (mean, logvar)) in fused_mean_adjoint.iter().zip(fused_logvar_adjoint).enumerate() {
                let (mean, logvar) = (mean.get(simd), logvar.get(simd));
                let (ratio, offset) = (load(simd, ratio, LANES * i), load(simd, offset, LANES * i));
                store(ratio * mean, grad_mean, LANES * i);
                store(ratio * (logvar - mean * offset), grad_logvar, LANES * i);
            }
        }
    }
}

/// Elements of (B,l) that are computed at once, and room for a vector that starts among the last of them.
pub(crate) const TILE: usize = 256;
const PADDED_TILE: usize = TILE + LANES;

/// What is multiplied: mean and log-variance (M,B,l), and weight (M,B).
#[derive(Clone, Copy)]
struct Factors<'a> {
    mean: &'a [f64],
    logvar: &'a [f64],
    weight: &'a [f64],
    n_samples: usize,
    n_latent: usize,
}

/// The buffers of [`Product`].
struct Outputs<'a> {
    mean: &'a mut [f64],
    logvar: &'a mut [f64],
    ratio: &'a mut [f64],
    offset: &'a mut [f64],
    present: &'a mut [f64],
}

/// Computes the product for every element of (B,l), and says whether all that matters of it and its factors is finite.
///
/// In tiles that stay in the nearest cache, one modality after the other: few arrays are walked through at once. All of them often
/// lie a multiple of 4096 bytes apart, and then a processor finds room for no more than eight.
#[inline(always)]
fn multiply<S: Simd>(simd: S, factors: Factors<'_>, out: Outputs<'_>) -> bool {
    let Factors { mean, logvar, weight, n_samples, n_latent } = factors;
    let n = n_samples * n_latent;
    let zero = Vector::splat(simd, 0.0);
    // NaN as soon as anything added to it, times zero, is not finite.
    let mut finite = zero;
    for first in (0..n).step_by(TILE) {
        let tile = first..(first + TILE).min(n);
        let n_vectors = tile.len().div_ceil(LANES);
        let of_modality = |m: usize| m * n + tile.start..m * n + tile.end;
        let presence = |m: usize| m * PADDED_TILE..(m + 1) * PADDED_TILE;
        let n_modalities = weight.len() / n_samples;
        for m in 0..n_modalities {
            let weight = &weight[m * n_samples..(m + 1) * n_samples];
            spread(weight, n_latent, tile.clone(), &mut out.present[presence(m)]);
        }

        // The least log-variance is taken out before exponentials: precisions then neither overflow nor all vanish.
        let mut least = [Lanes([f64::INFINITY; LANES]); TILE / LANES];
        for m in 0..n_modalities {
            let (logvar, present) = (&logvar[of_modality(m)], &out.present[presence(m)]);
            for (i, least) in least.iter_mut().enumerate().take(n_vectors) {
                let (logvar, present) = (load(simd, logvar, LANES * i), load(simd, present, LANES * i));
                let lower = present.simd_gt(0.0) & logvar.simd_lt(least.get(simd));
                least.set(lower.select(logvar, least.get(simd)));
            }
        }
        let mut total = [Lanes([0.0; LANES]); TILE / LANES];
        for m in 0..n_modalities {
            let (logvar, present) = (&logvar[of_modality(m)], &out.present[presence(m)]);
            let ratio = &mut out.ratio[of_modality(m)];
            for (i, (total, least)) in total.iter_mut().zip(&least).enumerate().take(n_vectors) {
                let (logvar, present) = (load(simd, logvar, LANES * i), load(simd, present, LANES * i));
                // Zero times the log-variance, lest an infinite one be taken for a modality that says nothing.
                let precision = logvar.mul_add(0.0, exp_nonpositive(simd, least.get(simd) - logvar));
                let precision = present.simd_gt(0.0).select(precision, zero);
                total.set(total.get(simd) + precision);
                store(precision, ratio, LANES * i);
            }
        }
        let fused_logvar = &mut out.logvar[tile.clone()];
        for (i, (total, least)) in total.iter_mut().zip(&least).enumerate().take(n_vectors) {
            store(least.get(simd) - ln(simd, total.get(simd)), fused_logvar, LANES * i);
            total.set(Vector::splat(simd, 1.0) / total.get(simd));
        }
        let mut fused = [Lanes([0.0; LANES]); TILE / LANES];
        for m in 0..n_modalities {
            let (mean, present) = (&mean[of_modality(m)], &out.present[presence(m)]);
            let ratio = &mut out.ratio[of_modality(m)];
            for (i, (fused, normaliser)) in fused.iter_mut().zip(&total).enumerate().take(n_vectors) {
                let (mean, present) = (load(simd, mean, LANES * i), load(simd, present, LANES * i));
                let share = load(simd, ratio, LANES * i) * normaliser.get(simd);
                store(share, ratio, LANES * i);
                fused.set(share.mul_add(present.simd_gt(0.0).select(mean, zero), fused.get(simd)));
            }
        }
        for m in 0..n_modalities {
            let (mean, present) = (&mean[of_modality(m)], &out.present[presence(m)]);
            let offset = &mut out.offset[of_modality(m)];
            for (i, fused) in fused.iter().enumerate().take(n_vectors) {
                let (mean, present) = (load(simd, mean, LANES * i), load(simd, present, LANES * i));
                store(present.simd_gt(0.0).select(mean - fused.get(simd), zero), offset, LANES * i);
            }
        }
        let fused_mean = &mut out.mean[tile];
        for (i, fused) in fused.iter().enumerate().take(n_vectors) {
            finite = fused.get(simd).mul_add(0.0, finite);
            store(fused.get(simd), fused_mean, LANES * i);
        }
    }
    simd.reduce_sum_f64x8(finite) == 0.0
}

/// Writes the weight (B) of the sample that each element of (B,l) in `range` belongs to, and ones behind them.
#[inline(always)]
fn spread(weight: &[f64], n_latent: usize, range: std::ops::Range<usize>, out: &mut [f64]) {
    let first = range.start / n_latent;
    let mut at = range.start;
    for (sample, weight) in (first..).zip(&weight[first..]) {
        let end = ((sample + 1) * n_latent).min(range.end);
        // Eight at a time: those that are too many are overwritten by the next sample.
        while at < end {
            fill(out, at - range.start, *weight);
            at += LANES;
        }
        at = end;
        if at == range.end {
            break;
        }
    }
    fill(out, range.len(), 1.0);
}

#[inline(always)]
fn fill(out: &mut [f64], at: usize, value: f64) {
    if let Some(lanes) = out[at..].first_chunk_mut() {
        *lanes = [value; LANES];
    }
}

pub(super) fn check_presence(weight: &ArrayView2<'_, f64>) -> Result<()> {
    let all_valid = match weight.as_slice_memory_order() {
        // Without branches, so that it vectorises.
        Some(values) => values.iter().fold(true, |valid, w| valid & ((*w == 0.0) | (*w == 1.0))),
        None => false,
    };
    if all_valid {
        return Ok(());
    }
    match weight.indexed_iter().find(|(_, w)| **w != 0.0 && **w != 1.0) {
        Some(((m, b), &value)) => Err(Error::InvalidParameter {
            name: format!("presence weight at {}", Location::sample(b).in_modality(m)),
            value,
            requirement: "0 (absent) or 1 (present)",
        }),
        None => Ok(()),
    }
}

/// Finds the first value of a present modality that is not finite.
fn check_present(array: &'static str, values: &ArrayView3<'_, f64>, weight: &ArrayView2<'_, f64>) -> Result<()> {
    if check::all_finite(values) {
        return Ok(());
    }
    let matters = |(m, b, _): (usize, usize, usize)| weight[[m, b]] != 0.0;
    match values.indexed_iter().find(|(index, value)| !value.is_finite() && matters(*index)) {
        Some(((m, b, j), &value)) => {
            let at = Location::sample(b).in_modality(m).in_dimension(j);
            Err(Error::NotFinite { array, at, value })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, array};
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn fuse(mean: &Array3<f64>, logvar: &Array3<f64>, weight: &Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
        let (_, b, l) = mean.dim();
        let (mut out_mean, mut out_logvar) = (Array2::zeros((b, l)), Array2::zeros((b, l)));
        product_of_experts(mean.view(), logvar.view(), weight.view(), out_mean.view_mut(), out_logvar.view_mut())?;
        Ok((out_mean, out_logvar))
    }

    #[test]
    fn precisions_add_and_means_are_weighted_by_them() {
        let mean = array![[[1.0, 0.0]], [[4.0, 2.0]]];
        let logvar = array![[[0.0, 4.0_f64.ln()]], [[-2.0_f64.ln(), 0.0]]];
        let (mean, logvar) = fuse(&mean, &logvar, &array![[1.0], [1.0]]).unwrap();
        // Precisions 1 and 2; 1/4 and 1.
        assert!((mean[[0, 0]] - 3.0).abs() < 1e-15);
        assert!((logvar[[0, 0]] + 3.0_f64.ln()).abs() < 1e-15);
        assert!((mean[[0, 1]] - 1.6).abs() < 1e-15);
        assert!((logvar[[0, 1]] + 1.25_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn one_present_modality_passes_through_exactly() {
        let mean = array![[[0.1, -7.3]], [[f64::NAN, 1.0]]];
        let logvar = array![[[-1234.5, 1234.5]], [[f64::NEG_INFINITY, f64::NAN]]];
        let (fused_mean, fused_logvar) = fuse(&mean, &logvar, &array![[1.0], [0.0]]).unwrap();
        assert_eq!(fused_mean, array![[0.1, -7.3]]);
        assert_eq!(fused_logvar, array![[-1234.5, 1234.5]]);
    }

    #[test]
    fn precisions_beyond_the_range_of_numbers_are_fused_by_their_logarithms() {
        let mean = array![[[1.0, 1.0]], [[3.0, 3.0]]];
        for level in [-5000.0, 5000.0] {
            let logvar = Array3::from_elem((2, 1, 2), level);
            let (fused_mean, fused_logvar) = fuse(&mean, &logvar, &array![[1.0], [1.0]]).unwrap();
            assert_eq!(fused_mean, array![[2.0, 2.0]]);
            assert!((fused_logvar[[0, 0]] - (level - 2.0_f64.ln())).abs() < 1e-12);
        }
    }

    #[test]
    fn refused_input_is_named() {
        let (mean, logvar, weight) = (Array3::zeros((2, 3, 1)), Array3::zeros((2, 3, 1)), Array2::ones((2, 3)));
        let mut none = weight.clone();
        none.column_mut(1).fill(0.0);
        assert!(matches!(fuse(&mean, &logvar, &none), Err(Error::NoModality { sample: 1 })));
        let mut bad = logvar.clone();
        bad[[1, 2, 0]] = f64::INFINITY;
        match fuse(&mean, &bad, &weight) {
            Err(Error::NotFinite { array: "logvar", at, .. }) => {
                assert_eq!(at, Location::sample(2).in_modality(1).in_dimension(0));
            }
            other => panic!("{other:?}"),
        }
        let mut small = Array2::zeros((2, 1));
        let mut out = Array2::zeros((3, 1));
        let result = product_of_experts(mean.view(), logvar.view(), weight.view(), small.view_mut(), out.view_mut());
        assert!(matches!(result, Err(Error::Shape { .. })));
    }

    proptest! {
        #[test]
        fn the_product_is_the_naive_one_and_lies_between_its_factors(modalities in 1_usize..5, seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mean = Array3::from_shape_simple_fn((modalities, 2, 3), || rng.random_range(-3.0..3.0));
            let logvar = Array3::from_shape_simple_fn((modalities, 2, 3), || rng.random_range(-5.0..5.0));
            let mut weight = Array2::from_shape_simple_fn((modalities, 2), || f64::from(rng.random_range(0..2_u8)));
            weight.row_mut(0).fill(1.0);
            let (fused_mean, fused_logvar) = fuse(&mean, &logvar, &weight).unwrap();
            for ((b, j), fused) in fused_mean.indexed_iter() {
                let present: Vec<usize> = (0..modalities).filter(|m| weight[[*m, b]] == 1.0).collect();
                let precision: f64 = present.iter().map(|m| (-logvar[[*m, b, j]]).exp()).sum();
                let weighted: f64 = present.iter().map(|m| mean[[*m, b, j]] * (-logvar[[*m, b, j]]).exp()).sum();
                prop_assert!((fused - weighted / precision).abs() <= 1e-14 * 3.0);
                prop_assert!((fused_logvar[[b, j]] + precision.ln()).abs() <= 1e-14 * 5.0);
                for m in present {
                    prop_assert!(fused_logvar[[b, j]] <= logvar[[m, b, j]]);
                }
            }
        }
    }
}
