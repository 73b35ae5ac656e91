//! Clusters of a modality in data space, which hold samples to clusters while nothing else does.
//!
//! An expert ties a sample to a cluster through its reconstruction. A network that serves all clusters alike ties nothing: with centres placed in
//! latent space but encoders that do not know them yet, clusters would be dealt out by chance. So for as long as placed centres are held, the
//! reconstruction of a sample by cluster c carries -2 log g_c, with g the responsibilities of a Gaussian mixture that was fitted to the modality itself.
//! The ELBO holds for any cluster posterior; this one only says which to begin with.

use crate::model::Model;
use crate::{Error, Result};
use ndarray::{Array2, ArrayViewMut2, Axis, s};
use pima_core::{GmmOptions, MixturePrior, fit_gmm};
use pima_data::{Batch, Batches, Dataset};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Smallest responsibility: `-2 log` of it still outweighs any distance between placed centres.
const SMALLEST: f64 = 1e-100;
/// Samples gathered together.
const ROWS: usize = 4096;

/// A Gaussian mixture over one modality's normalised values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    modality: usize,
    mixture: MixturePrior,
}

impl Anchor {
    /// Fits the mixture to modality `m` of `rows`, which must all have it; returns the log-likelihood per sample too.
    pub(crate) fn fit(
        model: &Model,
        dataset: &Dataset,
        m: usize,
        rows: &[usize],
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
        let fit = fit_gmm(values.view(), options, rng)?;
        Ok((Self { modality: m, mixture: fit.prior }, fit.log_likelihood))
    }

    /// The mixture, in normalised units.
    pub(crate) fn mixture(&self) -> &MixturePrior {
        &self.mixture
    }

    /// Adds `-2 log g_c` to `out` (B,N) for the samples that have the modality.
    pub(crate) fn add_to(&self, batch: &Batch, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let values = batch.values(self.modality).mapv(f64::from);
        let mut responsibilities = Array2::zeros(out.dim());
        self.mixture.responsibilities(values.view(), responsibilities.view_mut())?;
        let weight = batch.weight();
        for (b, mut out) in out.outer_iter_mut().enumerate().filter(|(b, _)| weight[[self.modality, *b]] != 0.0) {
            out.zip_mut_with(&responsibilities.slice(s![b, ..]), |out, &g| *out -= 2.0 * g.max(SMALLEST).ln());
        }
        Ok::<_, Error>(())
    }
}
