//! An expert as a decoder: physical parameters per cluster, residuals in the normalised units of the loss.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use pima_core::{CurveSums, Expert, ExpertError, ExpertFit};
use pima_data::Normalisation;

/// An expert with one parameter vector for each cluster.
#[derive(Debug)]
pub(crate) struct ExpertDecoder {
    pub(crate) expert: Box<dyn Expert>,
    /// (N,P), physical units.
    theta: Array2<f64>,
    /// (N,d), normalised units, in f32 because the data is.
    normalised: Array2<f32>,
}

impl ExpertDecoder {
    pub(crate) fn new(expert: Box<dyn Expert>, theta: Array2<f64>, normalisation: &Normalisation) -> Self {
        let normalised = Array2::zeros((theta.nrows(), expert.n_outputs()));
        let mut decoder = Self { expert, theta, normalised };
        decoder.refresh(normalisation);
        decoder
    }

    pub(crate) fn theta(&self) -> ArrayView2<'_, f64> {
        self.theta.view()
    }

    pub(crate) fn set_theta(&mut self, theta: Array2<f64>, normalisation: &Normalisation) {
        if theta.dim() != self.theta.dim() {
            self.normalised = Array2::zeros((theta.nrows(), self.expert.n_outputs()));
        }
        self.theta = theta;
        self.refresh(normalisation);
    }

    /// Predictions (N,d) in physical units.
    pub(crate) fn physical(&self) -> Array2<f64> {
        let mut out = Array2::zeros(self.normalised.dim());
        for (theta, row) in self.theta.outer_iter().zip(out.outer_iter_mut()) {
            self.expert.predict(theta, row);
        }
        out
    }

    fn refresh(&mut self, normalisation: &Normalisation) {
        let mut physical = self.physical();
        normalisation.apply(physical.view_mut());
        self.normalised.zip_mut_with(&physical, |n, &p| *n = p as f32);
    }

    /// Adds `weight * sum_j [log v + (x_j - E_cj)^2 / v]` to `out` (B,N) for the rows whose `present` is not 0; `x` (B,d) is normalised.
    pub(crate) fn add_reconstruction(
        &self,
        x: ArrayView2<'_, f32>,
        present: ArrayView1<'_, f64>,
        weight: f64,
        variance: f64,
        mut out: ArrayViewMut2<'_, f64>,
    ) {
        let constant = x.ncols() as f64 * variance.ln();
        for ((row, &p), mut out) in x.outer_iter().zip(present).zip(out.outer_iter_mut()) {
            if p == 0.0 {
                continue;
            }
            for (out, curve) in out.iter_mut().zip(self.normalised.outer_iter()) {
                let square: f64 = row.iter().zip(curve).map(|(&a, &b)| f64::from(a - b) * f64::from(a - b)).sum();
                *out += weight * (constant + square / variance);
            }
        }
    }

    /// The M-step (2023, eq. 16) of every cluster from the responsibility-weighted sums of the normalised data; a cluster without members, or one
    /// whose data do not determine its parameters, keeps them.
    pub(crate) fn maximise(&mut self, sums: &CurveSums, normalisation: &Normalisation, name: &str) -> Result<()> {
        let mut theta = self.theta.clone();
        for (cluster, fit) in self.fits(sums, normalisation, name)?.into_iter().enumerate() {
            if let Some(fit) = fit {
                theta.row_mut(cluster).assign(&fit.theta);
            }
        }
        self.set_theta(theta, normalisation);
        Ok(())
    }

    /// One weighted least squares fit per cluster, `None` for a cluster without members or whose data do not determine its parameters.
    pub(crate) fn fits(
        &self,
        sums: &CurveSums,
        normalisation: &Normalisation,
        name: &str,
    ) -> Result<Vec<Option<ExpertFit>>> {
        let mut mean = sums.mean().to_owned();
        normalisation.invert(mean.view_mut());
        let count = sums.count();
        // Residuals are measured in normalised units, so a physical one counts with 1 / scale^2.
        let scale: Array1<f64> = (0..mean.ncols()).map(|j| normalisation.scale(j).powi(-2)).collect();
        mean.axis_iter(Axis(0))
            .enumerate()
            .map(|(cluster, mean)| {
                let weight = &count.row(cluster) * &scale;
                if weight.sum() <= 0.0 {
                    return Ok(None);
                }
                match self.expert.fit(mean, weight.view(), self.theta.row(cluster)) {
                    Ok(fit) => Ok(Some(fit)),
                    Err(ExpertError::NoWeight | ExpertError::Undetermined { .. } | ExpertError::Diverged { .. }) => {
                        Ok(None)
                    }
                    Err(source) => Err(Error::ExpertFit { modality: name.to_owned(), cluster, source }),
                }
            })
            .collect()
    }

    /// Gradient (N,P) of `sum_b sum_c g_bc R_bc` with respect to the physical parameters; `residual` (N,d) is `sum_b g_bc (x_bj - E_cj)`, normalised.
    pub(crate) fn gradient(
        &self,
        residual: ArrayView2<'_, f64>,
        weight: f64,
        variance: f64,
        normalisation: &Normalisation,
    ) -> Array2<f64> {
        let mut gradient = Array2::zeros(self.theta.dim());
        let mut jacobian = Array2::zeros((self.expert.n_outputs(), self.expert.n_parameters()));
        for ((theta, residual), mut out) in
            self.theta.outer_iter().zip(residual.outer_iter()).zip(gradient.outer_iter_mut())
        {
            self.expert.jacobian(theta, jacobian.view_mut());
            for (j, &r) in residual.iter().enumerate() {
                out.scaled_add(-2.0 * weight * r / (variance * normalisation.scale(j)), &jacobian.row(j));
            }
        }
        gradient
    }

    /// `sum_b g_bc (x_bj - E_cj)` (N,d), normalised, over the rows whose `present` is not 0.
    pub(crate) fn residual(
        &self,
        x: ArrayView2<'_, f32>,
        present: ArrayView1<'_, f64>,
        responsibilities: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        let mut out = Array2::zeros(self.normalised.dim());
        for ((row, &p), g) in x.outer_iter().zip(present).zip(responsibilities.outer_iter()) {
            if p == 0.0 {
                continue;
            }
            for ((mut out, curve), &g) in out.outer_iter_mut().zip(self.normalised.outer_iter()).zip(g) {
                for ((out, &x), &e) in out.iter_mut().zip(row).zip(curve) {
                    *out += g * f64::from(x - e);
                }
            }
        }
        out
    }

    pub(crate) fn normalised(&self) -> ArrayView2<'_, f32> {
        self.normalised.view()
    }
}
