//! An expert that sees the latent point: its part of the loss and of its gradient, and its M-step.

use super::{ExpertDecoder, Measured};
use crate::Result;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut2, Axis, s};
use pima_core::{
    Expert, LatentExpert, LatentFitOptions, LatentSamples, LatentSums, squared_error, squared_error_adjoint,
};
use pima_data::{ModalityData, Normalisation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Gauss-Newton steps of one M-step: the next one goes on where it stops.
const ITERATIONS: usize = 10;

/// A [`LatentExpert`] as a checkpoint holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatentState {
    /// (N,l)
    origin: Array2<f64>,
    /// (N,K)
    coefficients: Array2<f64>,
}

impl LatentState {
    pub(super) fn of(latent: &LatentExpert) -> Self {
        Self { origin: latent.origin().to_owned(), coefficients: latent.coefficients().to_owned() }
    }

    pub(super) fn has_sizes(&self, (n_clusters, n_parameters): (usize, usize), n_latent: usize) -> bool {
        self.origin.dim() == (n_clusters, n_latent)
            && self.coefficients.dim() == (n_clusters, n_parameters * (1 + n_latent))
    }

    pub(super) fn restore(self, expert: Arc<dyn Expert>, theta: ArrayView2<'_, f64>) -> Result<LatentExpert> {
        let mut latent = LatentExpert::new(expert, theta, self.origin.view())?;
        latent.set_coefficients(self.coefficients.view())?;
        Ok(latent)
    }
}

/// Where samples are in latent space and in which clusters: with the data, all that the M-step of an expert that sees the latent point needs. What is
/// kept is of latent size; the data are streamed over as often as the search asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatentPoints {
    parts: Vec<Part>,
}

/// One batch of points.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Rows of the dataset (B).
    pub(super) rows: Vec<usize>,
    /// (B,N)
    pub(super) responsibilities: Array2<f64>,
    /// Posterior means (B,l).
    mean: Array2<f64>,
    /// Posterior variances (B,l).
    var: Array2<f64>,
}

impl LatentPoints {
    /// Adds a batch: its rows (B), responsibilities (B,N), posterior means and log-variances (B,l).
    pub(crate) fn add(
        &mut self,
        rows: &[usize],
        responsibilities: ArrayView2<'_, f64>,
        mean: ArrayView2<'_, f64>,
        logvar: ArrayView2<'_, f64>,
    ) {
        let (rows, responsibilities) = (rows.to_vec(), responsibilities.to_owned());
        self.parts.push(Part { rows, responsibilities, mean: mean.to_owned(), var: logvar.mapv(f64::exp) });
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl ExpertDecoder {
    /// The expert with its parameters affine in the latent point, once it sees that.
    pub(crate) fn latent(&self) -> Option<&LatentExpert> {
        self.latent.as_deref()
    }

    pub(crate) fn set_latent(&mut self, latent: LatentExpert, normalisation: &Normalisation) {
        self.put_theta(latent.parameters_at_origin(), normalisation);
        self.latent = Some(Box::new(latent));
    }

    /// Adds the derivative of `sum_bc g_bc R_bc` by the latent points to `z_adjoint` (B,l); nothing where the expert does not see them. `g` (B,N) is the
    /// loss's derivative by R.
    pub(crate) fn add_z_adjoint(
        &self,
        measured: &Measured<'_>,
        g: ArrayView2<'_, f64>,
        z_adjoint: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        self.latent.as_ref().map_or(Ok(()), |latent| pull_back(latent, measured, g, z_adjoint, None))
    }

    /// The M-step (2023, eq. 16) over `theta_c` and `A_c`, which are then read off at the clusters' centres (N,l); with `hold` they are only read off
    /// there. `data` is the expert's modality.
    pub(crate) fn maximise_latent(
        &mut self,
        points: &LatentPoints,
        data: &ModalityData,
        centres: ArrayView2<'_, f64>,
        hold: bool,
        normalisation: &Normalisation,
    ) -> Result<()> {
        let Some(mut latent) = self.latent.take() else { return Ok(()) };
        latent.recentre(centres)?;
        if !hold {
            let options = LatentFitOptions { max_iterations: ITERATIONS, ..LatentFitOptions::default() };
            let weight = weights(data.size(), 1.0, normalisation);
            latent.fit_streamed(
                |latent| {
                    let mut sums = LatentSums::new(latent);
                    for part in points.parts() {
                        let (x, present) = curves_of(data, &part.rows)?;
                        let var = &part.var + options.variance_floor;
                        let samples = LatentSamples {
                            responsibilities: part.responsibilities.view(),
                            mean: part.mean.view(),
                            var: var.view(),
                            x: x.view(),
                            present: present.view(),
                            weight: weight.view(),
                        };
                        sums.add(latent, samples)?;
                    }
                    Ok::<_, crate::Error>(sums)
                },
                &options,
            )?;
        }
        self.set_latent(*latent, normalisation);
        Ok(())
    }
}

/// Curves (B,d) of rows of a modality, physical units, and which of the rows have one (B).
pub(super) fn curves_of(data: &ModalityData, rows: &[usize]) -> Result<(Array2<f64>, Array1<f64>)> {
    let x = data.gather(rows)?.mapv(f64::from);
    let present = rows.iter().map(|&row| f64::from(u8::from(data.is_present(row)))).collect();
    Ok((x, present))
}

/// Residuals count in normalised units, so a physical one counts with `factor / scale^2`; (d).
pub(super) fn weights(size: usize, factor: f64, normalisation: &Normalisation) -> Array1<f64> {
    (0..size).map(|j| factor / normalisation.scale(j).powi(2)).collect()
}

/// Curves of every latent point under every cluster, (B,N,d), physical units.
fn curves(latent: &LatentExpert, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
    let mut curves = Array3::zeros((z.nrows(), latent.n_clusters(), latent.expert().n_outputs()));
    latent.predict(z, curves.view_mut())?;
    Ok(curves)
}

/// The data in physical units (B,d), and what each squared residual counts with (d).
fn physical(measured: &Measured<'_>) -> (Array2<f64>, Array1<f64>) {
    let mut x = measured.x.mapv(f64::from);
    measured.normalisation.invert(x.view_mut());
    let weight = weights(x.ncols(), measured.weight / measured.variance, measured.normalisation);
    (x, weight)
}

/// As [`ExpertDecoder::add_reconstruction`].
pub(super) fn add_reconstruction(
    latent: &LatentExpert,
    measured: &Measured<'_>,
    mut out: ArrayViewMut2<'_, f64>,
) -> Result<()> {
    let (x, weight) = physical(measured);
    let curves = curves(latent, measured.z)?;
    squared_error(x.view(), curves.view(), measured.present, weight.view(), out.view_mut())?;
    let constant = measured.weight * x.ncols() as f64 * measured.variance.ln();
    for (mut row, _) in out.outer_iter_mut().zip(measured.present).filter(|(_, present)| **present != 0.0) {
        row += constant;
    }
    Ok(())
}

/// From `g` (B,N), the loss's derivative by R, adds that by z to `z_adjoint` (B,l) and that by the coefficients to `gradient` (N,K).
pub(super) fn pull_back(
    latent: &LatentExpert,
    measured: &Measured<'_>,
    g: ArrayView2<'_, f64>,
    z_adjoint: ArrayViewMut2<'_, f64>,
    gradient: Option<ArrayViewMut2<'_, f64>>,
) -> Result<()> {
    let (x, weight) = physical(measured);
    let curves = curves(latent, measured.z)?;
    let mut adjoint = Array3::zeros(curves.dim());
    squared_error_adjoint(x.view(), curves.view(), measured.present, weight.view(), g, adjoint.view_mut())?;
    Ok(latent.pull_back(measured.z, adjoint.view(), z_adjoint, gradient)?)
}

/// Curves (B,d) of one cluster at every latent point, normalised units.
pub(crate) fn curves_in(
    latent: &LatentExpert,
    z: ArrayView2<'_, f64>,
    cluster: usize,
    normalisation: &Normalisation,
) -> Result<Array2<f64>> {
    let mut curves = latent.predict_in(z, Array1::from_elem(z.nrows(), cluster).view())?;
    normalisation.apply(curves.view_mut());
    Ok(curves)
}

/// As [`ExpertDecoder::decode`].
pub(super) fn decode(
    latent: &LatentExpert,
    z: ArrayView2<'_, f64>,
    responsibilities: ArrayView2<'_, f64>,
    normalisation: &Normalisation,
) -> Result<Array2<f64>> {
    let curves = curves(latent, z)?;
    let mut mean = Array2::zeros((z.nrows(), latent.expert().n_outputs()));
    for (c, weight) in responsibilities.axis_iter(Axis(1)).enumerate() {
        mean += &(&curves.slice(s![.., c, ..]) * &weight.insert_axis(Axis(1)));
    }
    // Weights sum to one, so that normalising the mean is the mean of the normalised.
    normalisation.apply(mean.view_mut());
    Ok(mean)
}
