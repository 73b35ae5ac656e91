//! A batch of seeded random numbers: what every implementation is given.

use ndarray::{Array1, Array2, Array3};
use pima_core::{MixturePrior, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::Size;

/// Probability that a modality of a sample is absent, as under modality dropout.
const DROPOUT: f64 = 0.25;

/// The inputs of one evaluation of the loss with its gradients.
#[derive(Debug, Clone)]
pub struct Batch {
    /// B, l, N and M.
    pub size: Size,
    /// Posterior means of the modalities, (M,B,l).
    pub mean: Array3<f64>,
    /// Their log-variances, (M,B,l).
    pub logvar: Array3<f64>,
    /// One where a modality is present, else zero; (M,B). Every sample has a modality.
    pub weight: Array2<f64>,
    /// Standard normal noise, (B,l).
    pub eps: Array2<f64>,
    /// Reconstruction term R, (B,N).
    pub recon: Array2<f64>,
    /// What comes back from the decoders for z, (B,l).
    pub z_adjoint: Array2<f64>,
    /// The mixture prior of N clusters in l dimensions.
    pub prior: MixturePrior,
}

impl Batch {
    /// A batch of the given size; the same one for the same size and seed.
    ///
    /// Latent clusters lie a few standard deviations apart and R varies by a few nats, so that responsibilities are neither all
    /// equal nor all zero and one.
    ///
    /// # Errors
    /// As [`MixturePrior::new`], when the size has no clusters or no dimensions.
    pub fn new(size: Size, seed: u64) -> Result<Self> {
        let Size { n_samples, n_latent, n_clusters, n_modalities } = size;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let center = uniform2((n_clusters, n_latent), -3.0, 3.0, &mut rng);
        let var = uniform2((n_clusters, n_latent), 0.3, 2.0, &mut rng);
        let logits = Array1::from_shape_simple_fn(n_clusters, || rng.random_range(-1.0..1.0));
        let encoded = (n_modalities, n_samples, n_latent);
        let mut weight =
            Array2::from_shape_simple_fn(
                (n_modalities, n_samples),
                || {
                    if rng.random_bool(DROPOUT) { 0.0 } else { 1.0 }
                },
            );
        for mut present in weight.columns_mut() {
            if present.sum() == 0.0 {
                present[rng.random_range(0..n_modalities)] = 1.0;
            }
        }
        Ok(Self {
            size,
            mean: Array3::from_shape_simple_fn(encoded, || rng.random_range(-3.0..3.0)),
            logvar: Array3::from_shape_simple_fn(encoded, || rng.random_range(-4.0..1.0)),
            weight,
            eps: Array2::from_shape_simple_fn((n_samples, n_latent), || rng.sample(StandardNormal)),
            recon: uniform2((n_samples, n_clusters), 0.0, 8.0, &mut rng),
            z_adjoint: uniform2((n_samples, n_latent), -1.0, 1.0, &mut rng),
            prior: MixturePrior::new(logits, center, var)?,
        })
    }
}

fn uniform2(shape: (usize, usize), low: f64, high: f64, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn(shape, || rng.random_range(low..high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_reproducible_and_every_sample_has_a_modality() {
        let size = Size::new(200, 3, 4, 2);
        let (batch, again) = (Batch::new(size, 7).unwrap(), Batch::new(size, 7).unwrap());
        assert_eq!((&batch.mean, &batch.weight, &batch.eps), (&again.mean, &again.weight, &again.eps));
        assert_ne!(batch.mean, Batch::new(size, 8).unwrap().mean);
        assert!(batch.weight.columns().into_iter().all(|present| present.sum() >= 1.0));
        let present = batch.weight.mean().unwrap();
        assert!((0.7..0.9).contains(&present), "{present}");
    }
}
