//! The M-step of the mixture prior.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{EMPTY_COUNT, Moments, check_floor, check_responsibilities};
use crate::buffer::RowMajor;
use crate::{Location, MixturePrior, Result, check};

/// The least weight that [`MixtureSums::maximise`] gives a cluster: a weight of exactly zero could never grow again, since its
/// responsibilities would be zero for ever. At 1e-12 (27.6 nats) a sample near the centre still finds an abandoned cluster.
const WEIGHT_FLOOR: f64 = 1e-12;

/// Which spread the cluster variances take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceUpdate {
    /// `sum_d g_dc (mu_d - m_c)^2 / n_c`: the spread of the posterior means alone (Walker et al. 2023, eq. 15).
    OfMeans,
    /// `sum_d g_dc (var_d + (mu_d - m_c)^2) / n_c`: the maximiser of the ELBO.
    #[default]
    WithPosterior,
}

/// How [`MixtureSums::maximise`] updates the prior.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixtureUpdate {
    /// Which spread the variances take.
    pub variance: VarianceUpdate,
    /// The least variance of any cluster in any dimension, in squared latent units; positive. Default 1e-6.
    pub variance_floor: f64,
    /// Whether the weights become `n_c/D`, but at least 1e-12; else they stay. Default true.
    pub update_weights: bool,
}

impl Default for MixtureUpdate {
    fn default() -> Self {
        Self { variance: VarianceUpdate::default(), variance_floor: 1e-6, update_weights: true }
    }
}

/// Sums over samples from which the prior's M-step follows in closed form: per cluster the summed responsibility `n_c`, the mean
/// of the posterior means, their squared deviation from it, and the summed posterior variance.
#[derive(Debug, Clone, Default)]
pub struct MixtureSums {
    n_latent: usize,
    total: Accumulator,
    /// Summed posterior variances, laid out as the means.
    posterior: Vec<f64>,
    batch: Accumulator,
    responsibilities_in: RowMajor,
    mean_in: RowMajor,
}

/// Moments of every cluster (N) in every dimension (l,N), row-major: clusters innermost and contiguous.
#[derive(Debug, Clone, Default)]
struct Accumulator {
    count: Vec<f64>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Accumulator {
    fn new(n_clusters: usize, n_latent: usize) -> Self {
        let n = n_clusters * n_latent;
        Self { count: vec![0.0; n_clusters], mean: vec![0.0; n], deviation: vec![0.0; n] }
    }

    fn clear(&mut self) {
        for sums in [&mut self.count, &mut self.mean, &mut self.deviation] {
            sums.fill(0.0);
        }
    }

    /// Replaces the moments by those of points (B,l) under responsibilities (B,N), in two passes; the differences of the first
    /// are taken from `about`.
    fn gather(&mut self, responsibilities: &[f64], points: &[f64], n_latent: usize, about: &Self) {
        self.clear();
        let n_clusters = self.count.len();
        let samples = || responsibilities.chunks_exact(n_clusters).zip(points.chunks_exact(n_latent));
        for (g, point) in samples() {
            for (count, g) in self.count.iter_mut().zip(g) {
                *count += g;
            }
            for (j, value) in point.iter().enumerate() {
                let row = j * n_clusters..(j + 1) * n_clusters;
                for ((sum, about), g) in self.mean[row.clone()].iter_mut().zip(&about.mean[row]).zip(g) {
                    *sum += g * (value - about);
                }
            }
        }
        let rows = self.mean.chunks_exact_mut(n_clusters).zip(about.mean.chunks_exact(n_clusters));
        for (mean, about) in rows {
            for ((mean, about), count) in mean.iter_mut().zip(about).zip(&self.count) {
                *mean = if *count > 0.0 { about + *mean / count } else { 0.0 };
            }
        }
        for (g, point) in samples() {
            for (j, value) in point.iter().enumerate() {
                let row = j * n_clusters..(j + 1) * n_clusters;
                for ((deviation, mean), g) in self.deviation[row.clone()].iter_mut().zip(&self.mean[row]).zip(g) {
                    let offset = value - mean;
                    *deviation += g * offset * offset;
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        let n_clusters = self.count.len();
        for i in 0..self.mean.len() {
            let merged = self.moments(i, i % n_clusters).merge(other.moments(i, i % n_clusters));
            self.mean[i] = merged.mean;
            self.deviation[i] = merged.deviation;
        }
        for (count, other) in self.count.iter_mut().zip(&other.count) {
            *count += other;
        }
    }

    fn moments(&self, i: usize, c: usize) -> Moments {
        Moments { count: self.count[c], mean: self.mean[i], deviation: self.deviation[i] }
    }
}

impl MixtureSums {
    /// Empty sums for N clusters in l latent dimensions.
    pub fn new(n_clusters: usize, n_latent: usize) -> Self {
        Self {
            n_latent,
            total: Accumulator::new(n_clusters, n_latent),
            posterior: vec![0.0; n_latent * n_clusters],
            batch: Accumulator::new(n_clusters, n_latent),
            ..Self::default()
        }
    }

    /// Number of clusters, N.
    pub fn n_clusters(&self) -> usize {
        self.total.count.len()
    }

    /// Number of latent dimensions, l.
    pub fn n_latent(&self) -> usize {
        self.n_latent
    }

    /// Summed responsibilities `n_c` (N).
    pub fn count(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.total.count)
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.total.clear();
        self.posterior.fill(0.0);
    }

    /// Adds a batch: responsibilities (B,N) and the fused posteriors' `mean` and `logvar`, (B,l) each.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NotFinite`](crate::Error::NotFinite) with the sample, or
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) for a negative responsibility; the sums are then unchanged.
    pub fn add(
        &mut self,
        responsibilities: ArrayView2<'_, f64>,
        mean: ArrayView2<'_, f64>,
        logvar: ArrayView2<'_, f64>,
    ) -> Result<()> {
        let latent = [responsibilities.nrows(), self.n_latent];
        check::shape("mixture sums: logvar", "(B,l)", &latent, logvar.shape())?;
        check::finite("logvar", &logvar, |(b, j)| Location::sample(b).in_dimension(j))?;
        self.add_points(responsibilities, mean)?;
        for (g, logvar) in responsibilities.outer_iter().zip(logvar.outer_iter()) {
            for (posterior, logvar) in self.posterior.chunks_exact_mut(g.len().max(1)).zip(logvar) {
                let variance = logvar.exp();
                for (posterior, g) in posterior.iter_mut().zip(g) {
                    *posterior += g * variance;
                }
            }
        }
        Ok(())
    }

    /// Adds points that have no variance of their own: responsibilities (B,N) and points (B,l). As [`add`](Self::add) in the limit
    /// of a `logvar` of minus infinity.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn add_points(&mut self, responsibilities: ArrayView2<'_, f64>, points: ArrayView2<'_, f64>) -> Result<()> {
        let (n_samples, n_clusters) = (responsibilities.nrows(), self.n_clusters());
        check::shape("mixture sums: responsibilities", "(B,N)", &[n_samples, n_clusters], responsibilities.shape())?;
        check::shape("mixture sums: mean", "(B,l)", &[n_samples, self.n_latent], points.shape())?;
        check_responsibilities(&responsibilities)?;
        check::finite("mean", &points, |(b, j)| Location::sample(b).in_dimension(j))?;

        let responsibilities = self.responsibilities_in.of(&responsibilities);
        let points = self.mean_in.of(&points);
        if n_clusters * self.n_latent > 0 {
            self.batch.gather(responsibilities, points, self.n_latent, &self.total);
            self.total.merge(&self.batch);
        }
        Ok(())
    }

    /// Adds the sums of other samples.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when the two differ in clusters or dimensions.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let n_clusters = self.n_clusters();
        let got = [other.n_clusters(), other.n_latent];
        check::shape("mixture sums: merge", "(N,l)", &[n_clusters, self.n_latent], &got)?;
        self.total.merge(&other.total);
        for (posterior, other) in self.posterior.iter_mut().zip(&other.posterior) {
            *posterior += other;
        }
        Ok(())
    }

    /// The prior that maximises the objective for these sums: means `sum g mu / n_c`, variances and weights as `update` says.
    ///
    /// A cluster whose summed responsibility is below 1e-12 is empty and keeps its mean and variance. Without any sample the
    /// weights stay too.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when `prior` has other dimensions,
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) for a floor that is not positive, and
    /// [`Error::NotFinite`](crate::Error::NotFinite) where a variance overflows.
    pub fn maximise(&self, prior: &MixturePrior, update: &MixtureUpdate) -> Result<MixturePrior> {
        let n_clusters = self.n_clusters();
        let got = [prior.n_clusters(), prior.n_latent()];
        check::shape("mixture update: prior", "(N,l)", &[n_clusters, self.n_latent], &got)?;
        check_floor(update.variance_floor)?;
        let mut mean = prior.mean().to_owned();
        let mut var = prior.var().to_owned();
        for c in (0..n_clusters).filter(|c| self.total.count[*c] >= EMPTY_COUNT) {
            for j in 0..self.n_latent {
                let i = j * n_clusters + c;
                let spread = match update.variance {
                    VarianceUpdate::OfMeans => self.total.deviation[i],
                    VarianceUpdate::WithPosterior => self.total.deviation[i] + self.posterior[i],
                };
                mean[[c, j]] = self.total.mean[i];
                var[[c, j]] = (spread / self.total.count[c]).max(update.variance_floor);
            }
        }
        let total: f64 = self.total.count.iter().sum();
        let logits = if update.update_weights && total > 0.0 {
            self.total.count.iter().map(|count| (count / total).max(WEIGHT_FLOOR).ln()).collect()
        } else {
            prior.logits().to_owned()
        };
        MixturePrior::new(logits, mean, var)
    }

    /// Mean of the posterior means per cluster, (N,l); zero for a cluster that has no responsibility at all.
    pub fn mean(&self) -> Array2<f64> {
        let n_clusters = self.n_clusters();
        Array2::from_shape_fn((n_clusters, self.n_latent), |(c, j)| self.total.mean[j * n_clusters + c])
    }

    /// Share `n_c/D` of every cluster (N); equal shares without samples.
    pub fn shares(&self) -> Array1<f64> {
        let total: f64 = self.total.count.iter().sum();
        let equal = 1.0 / self.n_clusters() as f64;
        self.total.count.iter().map(|count| if total > 0.0 { count / total } else { equal }).collect()
    }
}
