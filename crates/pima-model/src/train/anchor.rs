//! Clusters of a modality in data space, which hold samples to clusters while nothing else does.
//!
//! An expert ties a sample to a cluster through its reconstruction. A network that serves all clusters alike ties nothing: with centres placed in
//! latent space but encoders that do not know them yet, clusters would be dealt out by chance. So for as long as placed centres are held, the
//! reconstruction of a sample by cluster c carries -2 s log g_c, with g the responsibilities of a Gaussian mixture that was fitted to the modality itself, and
//! s large enough that no distance between placed centres outweighs a clear word of the mixture.
//! The ELBO holds for any cluster posterior; this one only says which to begin with.

use crate::model::Model;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, s};
use pima_core::{FullMixture, GmmOptions, MixturePrior, fit_full_gmm, fit_gmm};
use pima_data::{Batch, Batches, Dataset};
use pima_experts::PrincipalComponents;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Smallest responsibility.
const SMALLEST: f64 = 1e-100;
/// Samples gathered together.
const ROWS: usize = 4096;
/// Added to each variance of a mixture over components of variance one: with few samples, the likelihood of full covariances has no other bound.
const COMPONENT_FLOOR: f64 = 1e-3;

/// A Gaussian mixture over one modality's normalised values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    modality: usize,
    mixture: Mixture,
    /// s: what a responsibility of 1/e costs beside one of 1, in halves of a loss.
    #[serde(default = "one")]
    strength: f64,
}

fn one() -> f64 {
    1.0
}

/// Where the clusters are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mixture {
    /// Among the values as they are.
    Values(MixturePrior),
    /// Among principal components, each scaled to variance one.
    Components { components: PrincipalComponents, mixture: FullMixture },
}

impl Anchor {
    /// Fits the mixture to modality `m` of `rows`, which must all have it, or to so many of its principal components; returns the log-likelihood per
    /// sample too.
    pub(crate) fn fit(
        model: &Model,
        dataset: &Dataset,
        m: usize,
        rows: &[usize],
        n_components: Option<usize>,
        options: &GmmOptions,
        rng: &mut impl Rng,
    ) -> Result<(Self, f64)> {
        let batches = Batches::new(dataset, &model.normalisations)?;
        let mut batch = Batch::default();
        let mut values = Array2::zeros((rows.len(), model.modalities[m].shape.size()));
        for (rows, mut values) in rows.chunks(ROWS).zip(values.axis_chunks_iter_mut(Axis(0), ROWS)) {
            batches.gather(rows, &mut batch)?;
            values.zip_mut_with(&batch.values(m), |out, &x| *out = f64::from(x));
        }
        let Some(n_components) = n_components else {
            let fit = fit_gmm(values.view(), options, rng)?;
            return Ok((Self { modality: m, mixture: Mixture::Values(fit.prior), strength: 1.0 }, fit.log_likelihood));
        };
        let failed = |source| Error::Expert { modality: model.modalities[m].name.clone(), source };
        let components = PrincipalComponents::fit(values.view(), n_components).map_err(failed)?;
        let coordinates = coordinates(&components, values.view()).map_err(failed)?;
        let options = GmmOptions { variance_floor: COMPONENT_FLOOR, ..options.clone() };
        let (mixture, likelihood) = fit_full_gmm(coordinates.view(), &options, rng)?;
        Ok((Self { modality: m, mixture: Mixture::Components { components, mixture }, strength: 1.0 }, likelihood))
    }

    /// Outweighs the distances between these centres (N,l) of unit variance: a sample costs half of its squared distance from the centre it is at.
    pub(crate) fn outweigh(&mut self, centres: ArrayView2<'_, f64>) {
        let square = |a: usize, b: usize| (&centres.row(a) - &centres.row(b)).mapv(|d| d * d).sum();
        let pairs = (0..centres.nrows()).flat_map(|a| (0..a).map(move |b| (a, b)));
        self.strength = pairs.map(|(a, b)| 0.5 * square(a, b)).fold(1.0, f64::max);
    }

    /// Weights of the clusters (N).
    pub(crate) fn weights(&self) -> Array1<f64> {
        match &self.mixture {
            Mixture::Values(mixture) => mixture.weights().to_owned(),
            Mixture::Components { mixture, .. } => mixture.weights().clone(),
        }
    }

    /// Means of the clusters, one row for each, in the space in which they were found.
    pub(crate) fn mean(&self) -> Array2<f64> {
        match &self.mixture {
            Mixture::Values(mixture) => mixture.mean().to_owned(),
            Mixture::Components { mixture, .. } => mixture.mean().clone(),
        }
    }

    /// Writes each sample's responsibilities (B,N), whether it has the modality or not.
    pub(crate) fn responsibilities(&self, batch: &Batch, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let values = batch.values(self.modality).mapv(f64::from);
        match &self.mixture {
            Mixture::Values(mixture) => mixture.responsibilities(values.view(), out)?,
            Mixture::Components { components, mixture } => {
                let failed = |source| Error::Expert { modality: format!("number {}", self.modality), source };
                let coordinates = coordinates(components, values.view()).map_err(failed)?;
                mixture.expectation(coordinates.view(), out.view_mut())?;
            }
        }
        Ok(())
    }

    /// Adds `-2 s log g_c` to `out` (B,N) for the samples that have the modality.
    pub(crate) fn add_to(&self, batch: &Batch, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let mut responsibilities = Array2::zeros(out.dim());
        self.responsibilities(batch, responsibilities.view_mut())?;
        let weight = batch.weight();
        for (b, mut out) in out.outer_iter_mut().enumerate().filter(|(b, _)| weight[[self.modality, *b]] != 0.0) {
            out.zip_mut_with(&responsibilities.slice(s![b, ..]), |out, &g| {
                *out -= 2.0 * self.strength * g.max(SMALLEST).ln()
            });
        }
        Ok(())
    }
}

/// Coordinates (B,k) along principal components, in units of the standard deviations along them.
fn coordinates(components: &PrincipalComponents, values: ArrayView2<'_, f64>) -> pima_experts::Result<Array2<f64>> {
    Ok(components.scores(values)? / &components.variances().mapv(f64::sqrt))
}
