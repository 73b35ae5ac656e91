//! Physical parameters of single samples, from wherever in latent space a sample was placed.

use crate::Result;
use crate::model::{Head, Model};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use pima_core::Quantity;

/// What the expert of one modality says about D samples.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleParameters {
    /// Names of the parameters and of quantities derived from them (Q).
    pub names: Vec<String>,
    /// Their units (Q); empty strings where there are none.
    pub units: Vec<String>,
    /// Their values (D,Q), physical units; NaN for samples that are nowhere in latent space.
    pub values: Array2<f64>,
}

impl Model {
    /// What the expert of modality `m` says about samples at latent points `z` (D,l), averaged over the clusters with `p(c|z)`; a row of NaN is a sample
    /// that was not seen. `None` where the modality has no expert. An expert that does not see the latent point gives all samples of a cluster the
    /// same.
    ///
    /// # Errors
    /// When `z` does not have the model's latent dimensions.
    pub fn sample_parameters(&self, m: usize, z: ArrayView2<'_, f64>) -> Result<Option<SampleParameters>> {
        let Some(Head::Expert(decoder)) = self.modalities.get(m).map(|modality| &modality.head) else {
            return Ok(None);
        };
        let seen: Vec<usize> = (0..z.nrows()).filter(|&row| z.row(row).iter().all(|x| x.is_finite())).collect();
        let z_seen = z.select(Axis(0), &seen);
        let mut g = Array2::zeros((seen.len(), self.prior.n_clusters()));
        if !seen.is_empty() {
            self.prior.responsibilities(z_seen.view(), g.view_mut())?;
        }
        let of = |c: usize, z: ArrayView1<'_, f64>| -> Vec<Quantity> {
            match decoder.latent() {
                Some(latent) => decoder.expert.quantities(latent.parameters(c, z).view(), None),
                None => decoder.expert.quantities(decoder.theta().row(c), None),
            }
        };
        let first = of(0, self.prior.mean().row(0));
        let mut values = Array2::from_elem((z.nrows(), first.len()), f64::NAN);
        for ((&row, z), g) in seen.iter().zip(z_seen.outer_iter()).zip(g.outer_iter()) {
            let mut out = values.row_mut(row);
            out.fill(0.0);
            for (c, &g) in g.iter().enumerate().filter(|(_, g)| **g > 0.0) {
                out.iter_mut().zip(of(c, z)).for_each(|(out, quantity)| *out += g * quantity.value);
            }
        }
        let (names, units) = first.into_iter().map(|quantity| (quantity.name, quantity.unit)).unzip();
        Ok(Some(SampleParameters { names, units, values }))
    }
}
