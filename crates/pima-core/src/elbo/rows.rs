//! The outputs of the kernel for a run of samples, and how they are split between threads.

use crate::buffer::size;
use crate::simd::Lanes;

/// Vectors per tile: the samples that the kernel computes together.
pub(super) const WIDTH: usize = 2;

/// One number for each sample of a tile.
pub(super) type Tile = [Lanes; WIDTH];

/// Samples per unit of work. Sums over the batch are taken within a chunk and then over the chunks in order, so that they do
/// not depend on the number of threads.
pub(super) const CHUNK: usize = 64;

/// What one thread computes in, a tile of samples at a time.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// mu, var and z, (l) each; in the end the gradients by them.
    pub(super) mean: Vec<Tile>,
    pub(super) var: Vec<Tile>,
    pub(super) z: Vec<Tile>,
    /// R, K (in the end h) and t (in the end g), (N) each.
    pub(super) recon: Vec<Tile>,
    pub(super) divergence: Vec<Tile>,
    pub(super) score: Vec<Tile>,
    /// Sums over the samples of a chunk by the logits, (N).
    pub(super) d_logits: Vec<Lanes>,
}

impl Scratch {
    pub(super) fn size(&mut self, n_clusters: usize, n_latent: usize) {
        for tiles in [&mut self.mean, &mut self.var, &mut self.z] {
            tiles.resize(n_latent, Tile::default());
        }
        for tiles in [&mut self.recon, &mut self.divergence, &mut self.score] {
            tiles.resize(n_clusters, Tile::default());
        }
        self.d_logits.resize(n_clusters, Lanes::default());
    }
}

/// Everything the kernel writes, for a whole batch.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) loss: Vec<f64>,
    pub(super) recon: Vec<f64>,
    pub(super) cluster: Vec<f64>,
    pub(super) categorical: Vec<f64>,
    pub(super) entropy: Vec<f64>,
    /// g, (B,N).
    pub(super) responsibilities: Vec<f64>,
    /// dL/dmu, dL/dlogvar without the way through z, and dL/dz without the decoders' part (of the latent posterior only), each (B,l).
    pub(super) d_mean: Vec<f64>,
    pub(super) d_logvar: Vec<f64>,
    pub(super) d_z: Vec<f64>,
    /// Sum over the samples of each chunk of dL/dlogits less its part in pi, (chunks,N).
    pub(super) d_logits: Vec<f64>,
}

impl Outputs {
    pub(super) fn size(&mut self, n_samples: usize, n_clusters: usize, n_latent: usize) {
        let n_chunks = n_samples.div_ceil(CHUNK);
        for term in [&mut self.loss, &mut self.recon, &mut self.cluster, &mut self.categorical, &mut self.entropy] {
            size(term, n_samples);
        }
        for gradient in [&mut self.d_mean, &mut self.d_logvar, &mut self.d_z] {
            size(gradient, n_samples * n_latent);
        }
        size(&mut self.responsibilities, n_samples * n_clusters);
        size(&mut self.d_logits, n_chunks * n_clusters);
    }

    pub(super) fn rows(&mut self) -> Rows<'_> {
        Rows {
            first: 0,
            loss: &mut self.loss,
            recon: &mut self.recon,
            cluster: &mut self.cluster,
            categorical: &mut self.categorical,
            entropy: &mut self.entropy,
            responsibilities: &mut self.responsibilities,
            d_mean: &mut self.d_mean,
            d_logvar: &mut self.d_logvar,
            d_z: &mut self.d_z,
            d_logits: &mut self.d_logits,
        }
    }
}

/// The part of [`Outputs`] that belongs to samples `first..first + loss.len()`; `first` is a multiple of [`CHUNK`].
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) loss: &'a mut [f64],
    pub(super) recon: &'a mut [f64],
    pub(super) cluster: &'a mut [f64],
    pub(super) categorical: &'a mut [f64],
    pub(super) entropy: &'a mut [f64],
    pub(super) responsibilities: &'a mut [f64],
    pub(super) d_mean: &'a mut [f64],
    pub(super) d_logvar: &'a mut [f64],
    pub(super) d_z: &'a mut [f64],
    pub(super) d_logits: &'a mut [f64],
}

impl<'a> Rows<'a> {
    pub(super) fn len(&self) -> usize {
        self.loss.len()
    }

    /// Splits off the first `n_chunks` chunks.
    pub(super) fn split_at_chunk(self, n_chunks: usize, n_clusters: usize, n_latent: usize) -> (Self, Self) {
        let n_samples = (n_chunks * CHUNK).min(self.len());
        let (loss, loss_rest) = self.loss.split_at_mut(n_samples);
        let (recon, recon_rest) = self.recon.split_at_mut(n_samples);
        let (cluster, cluster_rest) = self.cluster.split_at_mut(n_samples);
        let (categorical, categorical_rest) = self.categorical.split_at_mut(n_samples);
        let (entropy, entropy_rest) = self.entropy.split_at_mut(n_samples);
        let (responsibilities, responsibilities_rest) = self.responsibilities.split_at_mut(n_samples * n_clusters);
        let (d_mean, d_mean_rest) = self.d_mean.split_at_mut(n_samples * n_latent);
        let (d_logvar, d_logvar_rest) = self.d_logvar.split_at_mut(n_samples * n_latent);
        let (d_z, d_z_rest) = self.d_z.split_at_mut(n_samples * n_latent);
        let (d_logits, d_logits_rest) = self.d_logits.split_at_mut(n_chunks * n_clusters);
        let head = Rows {
            first: self.first,
            loss,
            recon,
            cluster,
            categorical,
            entropy,
            responsibilities,
            d_mean,
            d_logvar,
            d_z,
            d_logits,
        };
        let tail = Rows {
            first: self.first + n_samples,
            loss: loss_rest,
            recon: recon_rest,
            cluster: cluster_rest,
            categorical: categorical_rest,
            entropy: entropy_rest,
            responsibilities: responsibilities_rest,
            d_mean: d_mean_rest,
            d_logvar: d_logvar_rest,
            d_z: d_z_rest,
            d_logits: d_logits_rest,
        };
        (head, tail)
    }
}
