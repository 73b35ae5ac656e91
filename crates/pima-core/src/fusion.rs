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
