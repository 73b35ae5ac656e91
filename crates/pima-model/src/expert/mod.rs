//! An expert as a decoder: physical parameters per cluster, residuals in the normalised units of the loss.

// Parameters that depend on the latent point.
mod latent;
// In which directions the members of a cluster differ, from fits of single curves.
mod spread;

pub(crate) use latent::{LatentPoints, curves_in};

use latent::LatentState;

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use pima_core::{CurveSums, Expert, ExpertError, ExpertFit, LatentExpert};
use pima_data::Normalisation;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An expert with one parameter vector for each cluster, or, once it sees the latent point, one for each cluster and latent point.
#[derive(Debug)]
pub(crate) struct ExpertDecoder {
    pub(crate) expert: Arc<dyn Expert>,
    /// (N,P), physical units; of an expert that sees the latent point those at the clusters' centres.
    theta: Array2<f64>,
    /// Curves of `theta` (N,d), normalised units, in f32 because the data is.
    normalised: Array2<f32>,
    /// Parameters affine in the latent point (2023, eq. 11); `None` while they depend on the cluster alone.
    latent: Option<Box<LatentExpert>>,
}

/// All of an expert that is trained, as a checkpoint holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExpertState {
    /// (N,P)
    theta: Array2<f64>,
    #[serde(default)]
    latent: Option<LatentState>,
}

/// One modality of a batch as its expert is compared with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    /// Latent points, (B,l).
    pub(crate) z: ArrayView2<'a, f64>,
    /// Curves (B,d), normalised units.
    pub(crate) x: ArrayView2<'a, f32>,
    /// Which samples have one (B), zero or not.
    pub(crate) present: ArrayView1<'a, f64>,
    /// lambda_m.
    pub(crate) weight: f64,
    /// Variance of the decoded Gaussian, normalised units.
    pub(crate) variance: f64,
    pub(crate) normalisation: &'a Normalisation,
}

impl ExpertDecoder {
    pub(crate) fn new(expert: Box<dyn Expert>, theta: Array2<f64>, normalisation: &Normalisation) -> Self {
        let normalised = Array2::zeros((theta.nrows(), expert.n_outputs()));
        let mut decoder = Self { expert: Arc::from(expert), theta, normalised, latent: None };
        decoder.refresh(normalisation);
        decoder
    }

    pub(crate) fn theta(&self) -> ArrayView2<'_, f64> {
        self.theta.view()
    }

    /// Parameters that depend on the cluster alone.
    pub(crate) fn set_theta(&mut self, theta: Array2<f64>, normalisation: &Normalisation) {
        self.latent = None;
        self.put_theta(theta, normalisation);
    }

    fn put_theta(&mut self, theta: Array2<f64>, normalisation: &Normalisation) {
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

    pub(crate) fn state(&self) -> ExpertState {
        ExpertState { theta: self.theta.clone(), latent: self.latent.as_deref().map(LatentState::of) }
    }

    /// Whether a state is of an expert like this one, with `n_latent` latent dimensions.
    pub(crate) fn fits_state(&self, state: &ExpertState, n_latent: usize) -> bool {
        state.theta.dim() == self.theta.dim()
            && state.latent.as_ref().is_none_or(|latent| latent.has_sizes(self.theta.dim(), n_latent))
    }

    pub(crate) fn restore(&mut self, state: ExpertState, normalisation: &Normalisation) -> Result<()> {
        self.set_theta(state.theta, normalisation);
        if let Some(latent) = state.latent {
            self.set_latent(latent.restore(Arc::clone(&self.expert), self.theta.view())?, normalisation);
        }
        Ok(())
    }

    /// Adds `weight * sum_j [log v + (x_j - E_cj)^2 / v]` to `out` (B,N) for the samples that are present.
    pub(crate) fn add_reconstruction(&self, measured: &Measured<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        if let Some(latent) = &self.latent {
            return latent::add_reconstruction(latent, measured, out);
        }
        let Measured { x, present, weight, variance, .. } = *measured;
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
        Ok(())
    }

    /// Curves at `z` (B,l) averaged over the clusters with weights `responsibilities` (B,N); (B,d), normalised.
    pub(crate) fn decode(
        &self,
        z: ArrayView2<'_, f64>,
        responsibilities: ArrayView2<'_, f64>,
        normalisation: &Normalisation,
    ) -> Result<Array2<f64>> {
        match &self.latent {
            Some(latent) => latent::decode(latent, z, responsibilities, normalisation),
            None => Ok(responsibilities.dot(&self.normalised.mapv(f64::from))),
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

    /// What gradients move: the physical parameters (N,P), or the coefficients (N,K) of an expert that sees the latent point.
    pub(crate) fn trained(&self) -> Array2<f64> {
        self.latent.as_ref().map_or_else(|| self.theta.clone(), |latent| latent.coefficients().to_owned())
    }

    pub(crate) fn set_trained(&mut self, values: Array2<f64>, normalisation: &Normalisation) -> Result<()> {
        if let Some(latent) = &mut self.latent {
            latent.set_coefficients(values.view())?;
            let theta = latent.parameters_at_origin();
            self.put_theta(theta, normalisation);
        } else {
            self.put_theta(self.within_bounds(values), normalisation);
        }
        Ok(())
    }

    /// A step may leave the domain of a parameter, where a formula need not have a value.
    fn within_bounds(&self, mut theta: Array2<f64>) -> Array2<f64> {
        for (p, link) in self.expert.links().iter().enumerate() {
            let (lower, upper) = link.bounds();
            theta.column_mut(p).mapv_inplace(|theta| theta.max(lower).min(upper));
        }
        theta
    }

    /// Gradient of `sum_b sum_c g_bc R_bc` by what is [`trained`](Self::trained); `g` (B,N) is the loss's derivative by R.
    pub(crate) fn gradient(&self, measured: &Measured<'_>, g: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if let Some(latent) = &self.latent {
            let mut gradient = Array2::zeros(latent.coefficients().dim());
            let mut z_adjoint = Array2::zeros(measured.z.dim());
            latent::pull_back(latent, measured, g, z_adjoint.view_mut(), Some(gradient.view_mut()))?;
            return Ok(gradient);
        }
        let Measured { weight, variance, normalisation, .. } = *measured;
        let residual = self.residual(measured, g);
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
        Ok(gradient)
    }

    /// `sum_b g_bc (x_bj - E_cj)` (N,d), normalised, over the samples that are present.
    fn residual(&self, measured: &Measured<'_>, g: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros(self.normalised.dim());
        for ((row, &p), g) in measured.x.outer_iter().zip(measured.present).zip(g.outer_iter()) {
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
