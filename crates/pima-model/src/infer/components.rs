//! A predictive distribution as a mixture of Gaussians: its moments, intervals and draws.

use super::draw_cluster;
use crate::Result;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, s};
use pima_core::{mixture_cdf, mixture_quantile};
use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// Components that weigh less do not move a quantile that anyone asks for.
const NEGLIGIBLE: f64 = 1e-9;

/// Components of B samples' predictive distributions, which share the noise of each coordinate; normalised units.
pub(super) struct Components {
    /// (d)
    noise: Array1<f64>,
    /// Weight of the component in every sample (B), and its means.
    parts: Vec<(Array1<f64>, Means)>,
}

/// Where a component is.
enum Means {
    /// In the same place for all samples, (d).
    Shared(Array1<f64>),
    /// (B,d)
    Own(Array2<f64>),
}

impl Means {
    fn at(&self, b: usize, j: usize) -> f64 {
        match self {
            Self::Shared(mean) => mean[j],
            Self::Own(mean) => mean[[b, j]],
        }
    }
}

impl Components {
    pub(super) fn new(noise: Array1<f64>) -> Self {
        Self { noise, parts: Vec::new() }
    }

    pub(super) fn add(&mut self, weight: Array1<f64>, mean: Array2<f64>) {
        self.parts.push((weight, Means::Own(mean)));
    }

    pub(super) fn add_shared(&mut self, weight: Array1<f64>, mean: Array1<f64>) {
        self.parts.push((weight, Means::Shared(mean)));
    }

    /// Mean and variance (B,d) by the law of total variance.
    pub(super) fn moments(&self, n: usize) -> Result<(Array2<f64>, Array2<f64>)> {
        let d = self.noise.len();
        let (mut mean, mut variance) = (Array2::zeros((n, d)), Array2::zeros((n, d)));
        for (weight, means) in &self.parts {
            for ((b, j), out) in mean.indexed_iter_mut() {
                *out += weight[b] * means.at(b, j);
            }
        }
        for (weight, means) in &self.parts {
            for ((b, j), out) in variance.indexed_iter_mut() {
                let offset: f64 = means.at(b, j) - mean[[b, j]];
                *out += weight[b] * offset * offset;
            }
        }
        variance += &self.noise;
        Ok((mean, variance))
    }

    /// The central interval of this level: lower and upper ends, (B,d).
    pub(super) fn interval(&self, n: usize, level: f64) -> (Array2<f64>, Array2<f64>) {
        let tail = 0.5 * (1.0 - level);
        let rows: Vec<(Vec<f64>, Vec<f64>)> = (0..n)
            .into_par_iter()
            .map(|b| {
                let parts: Vec<_> = self.parts.iter().filter(|(weight, _)| weight[b] > NEGLIGIBLE).collect();
                let weight: Vec<f64> = parts.iter().map(|(weight, _)| weight[b]).collect();
                let mut mean = vec![0.0; parts.len()];
                let ends = self.noise.iter().enumerate().map(|(j, noise)| {
                    mean.iter_mut().zip(&parts).for_each(|(mean, (_, means))| *mean = means.at(b, j));
                    let end = |p: f64| mixture_quantile(&weight, &mean, noise.sqrt(), p);
                    (end(tail), end(1.0 - tail))
                });
                ends.unzip()
            })
            .collect();
        let (mut lower, mut upper) = (Array2::zeros((n, self.noise.len())), Array2::zeros((n, self.noise.len())));
        for (b, (low, high)) in rows.into_iter().enumerate() {
            lower.row_mut(b).assign(&Array1::from(low));
            upper.row_mut(b).assign(&Array1::from(high));
        }
        (lower, upper)
    }

    /// Distribution function of each coordinate at `x`, (B,d), normalised units. NaN for the samples that `present` does not count.
    pub(super) fn cumulative(&self, x: ArrayView2<'_, f32>, present: ArrayView1<'_, f64>) -> Array2<f64> {
        let (n, d) = (x.nrows(), self.noise.len());
        let rows: Vec<Vec<f64>> = (0..n)
            .into_par_iter()
            .map(|b| {
                if present[b] == 0.0 {
                    return vec![f64::NAN; d];
                }
                let parts: Vec<_> = self.parts.iter().filter(|(weight, _)| weight[b] > NEGLIGIBLE).collect();
                let weight: Vec<f64> = parts.iter().map(|(weight, _)| weight[b]).collect();
                let mut mean = vec![0.0; parts.len()];
                let at = |(j, noise): (usize, &f64)| {
                    mean.iter_mut().zip(&parts).for_each(|(mean, (_, means))| *mean = means.at(b, j));
                    mixture_cdf(&weight, &mean, noise.sqrt(), f64::from(x[[b, j]]))
                };
                self.noise.iter().enumerate().map(at).collect()
            })
            .collect();
        let mut cumulative = Array2::zeros((n, d));
        for (row, mut out) in rows.into_iter().zip(cumulative.outer_iter_mut()) {
            out.assign(&Array1::from(row));
        }
        cumulative
    }

    /// Draws (B,S,d).
    pub(super) fn draw(&self, n: usize, draws: usize, rng: &mut impl Rng) -> Array3<f64> {
        let mut out = Array3::zeros((n, draws, self.noise.len()));
        for b in 0..n {
            let weights: Vec<f64> = self.parts.iter().map(|(weight, _)| weight[b]).collect();
            for k in 0..draws {
                let (_, means) = &self.parts[draw_cluster(weights.iter(), rng)];
                for (j, out) in out.slice_mut(s![b, k, ..]).iter_mut().enumerate() {
                    *out = means.at(b, j) + self.noise[j].sqrt() * rng.sample::<f64, _>(StandardNormal);
                }
            }
        }
        out
    }
}
