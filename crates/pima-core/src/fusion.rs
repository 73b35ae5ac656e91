//! Fusion of the modalities' posteriors into one: the product of experts, its sensitivities, and what is absent.

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use crate::buffer::{RowMajor, size};
use crate::exp::exp_nonpositive;
use crate::{Error, Location, Result, check};

/// How the modalities' posteriors are fused into one Gaussian per sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fusion {
    /// Product of the present modalities' Gaussians (Walker et al. 2023, eq. 5): precisions add.
    #[default]
    ProductOfExperts,
}

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
        check_present("mean", &mean, &weight)?;
        check_present("logvar", &logvar, &weight)?;

        (self.n_modalities, self.n_samples, self.n_latent) = mean.dim();
        size(&mut self.mean, n_samples * n_latent);
        size(&mut self.logvar, n_samples * n_latent);
        size(&mut self.ratio, mean.len());
        size(&mut self.offset, mean.len());
        let mean = self.mean_in.of(&mean);
        let logvar = self.logvar_in.of(&logvar);
        let weight = self.weight_in.of(&weight);

        for b in 0..n_samples {
            let fused = b * n_latent..(b + 1) * n_latent;
            let mut present = (0..n_modalities).filter(|m| weight[m * n_samples + b] != 0.0);
            let row = |m: usize| {
                let start = (m * n_samples + b) * n_latent;
                start..start + n_latent
            };
            for m in 0..n_modalities {
                if weight[m * n_samples + b] == 0.0 {
                    self.ratio[row(m)].fill(0.0);
                    self.offset[row(m)].fill(0.0);
                }
            }
            let Some(first) = present.next() else {
                return Err(Error::NoModality { sample: b });
            };
            if present.clone().next().is_none() {
                // One expert is its own product, exactly and without an exponential.
                self.mean[fused.clone()].copy_from_slice(&mean[row(first)]);
                self.logvar[fused].copy_from_slice(&logvar[row(first)]);
                self.ratio[row(first)].fill(1.0);
                self.offset[row(first)].fill(0.0);
                continue;
            }

            let fused_mean = &mut self.mean[fused.clone()];
            let fused_logvar = &mut self.logvar[fused];
            // The least log-variance is taken out before exponentials: precisions then neither overflow nor all vanish.
            fused_logvar.copy_from_slice(&logvar[row(first)]);
            for m in present.clone() {
                for (least, logvar) in fused_logvar.iter_mut().zip(&logvar[row(m)]) {
                    *least = least.min(*logvar);
                }
            }
            let present = std::iter::once(first).chain(present);
            let total = fused_mean;
            total.fill(0.0);
            for m in present.clone() {
                let terms = self.ratio[row(m)].iter_mut().zip(&logvar[row(m)]);
                for ((ratio, logvar), (total, least)) in terms.zip(total.iter_mut().zip(fused_logvar.iter())) {
                    *ratio = exp_nonpositive(least - logvar);
                    *total += *ratio;
                }
            }
            for m in present.clone() {
                for (ratio, total) in self.ratio[row(m)].iter_mut().zip(total.iter()) {
                    *ratio /= total;
                }
            }
            for (least, total) in fused_logvar.iter_mut().zip(total.iter()) {
                *least -= total.ln();
            }
            let fused_mean = total;
            fused_mean.fill(0.0);
            for m in present.clone() {
                let terms = self.ratio[row(m)].iter().zip(&mean[row(m)]);
                for (fused, (ratio, mean)) in fused_mean.iter_mut().zip(terms) {
                    *fused += ratio * mean;
                }
            }
            for m in present {
                let terms = mean[row(m)].iter().zip(fused_mean.iter());
                for (offset, (mean, fused)) in self.offset[row(m)].iter_mut().zip(terms) {
                    *offset = mean - fused;
                }
            }
        }
        Ok(())
    }

    /// Chains the adjoints of the fused mean and log-variance (B,l) to those of every modality (M,B,l).
    pub(crate) fn pull_back(
        &self,
        fused_mean_adjoint: &[f64],
        fused_logvar_adjoint: &[f64],
        grad_mean: &mut [f64],
        grad_logvar: &mut [f64],
    ) {
        let per_modality = self.n_samples * self.n_latent;
        for m in 0..self.n_modalities {
            let rows = m * per_modality..(m + 1) * per_modality;
            let sensitivities = self.ratio[rows.clone()].iter().zip(&self.offset[rows.clone()]);
            let adjoints = fused_mean_adjoint.iter().zip(fused_logvar_adjoint);
            let outputs = grad_mean[rows.clone()].iter_mut().zip(&mut grad_logvar[rows]);
            for (((ratio, offset), (mean, logvar)), (grad_mean, grad_logvar)) in
                sensitivities.zip(adjoints).zip(outputs)
            {
                *grad_mean = ratio * mean;
                *grad_logvar = ratio * (logvar - mean * offset);
            }
        }
    }
}

fn check_presence(weight: &ArrayView2<'_, f64>) -> Result<()> {
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
