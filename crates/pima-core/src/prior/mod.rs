//! The Gaussian mixture prior of the latent space and its responsibilities.

#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::softmax::{argmax, log_sum_exp, softmax_in_place};
use crate::{Error, Location, Result, check};

/// Mixture of N Gaussians with diagonal covariance over l latent dimensions: `p(c) = softmax(logits)_c`,
/// `p(z|c) = N(z; mean_c, var_c)` (Walker et al. 2023, table 1).
///
/// Serialised as `logits`, `mean` and `var`; what is derived from them is computed again when read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct MixturePrior {
    parameters: Parameters,
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    sum_log_var: Vec<f64>,
    // (l,N), row-major: the kernels run over the clusters innermost, and contiguous.
    mean_by_dimension: Vec<f64>,
    precision_by_dimension: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    logits: Array1<f64>,
    mean: Array2<f64>,
    var: Array2<f64>,
}

impl TryFrom<Parameters> for MixturePrior {
    type Error = Error;

    fn try_from(parameters: Parameters) -> Result<Self> {
        Self::new(parameters.logits, parameters.mean, parameters.var)
    }
}

impl From<MixturePrior> for Parameters {
    fn from(prior: MixturePrior) -> Self {
        prior.parameters
    }
}

impl MixturePrior {
    /// A mixture from its logits (N), means (N,l) and variances (N,l).
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes disagree, [`Error::Empty`] without clusters or dimensions, [`Error::NotFinite`] for a
    /// logit, mean or variance that is not finite, and [`Error::InvalidParameter`] for a variance that is not a positive normal
    /// number.
    pub fn new(logits: Array1<f64>, mean: Array2<f64>, var: Array2<f64>) -> Result<Self> {
        let (n_clusters, n_latent) = mean.dim();
        for (what, n) in [("clusters", n_clusters), ("latent dimensions", n_latent)] {
            if n == 0 {
                return Err(Error::Empty { operation: "mixture prior", what });
            }
        }
        check_logits(&logits, n_clusters)?;
        check_components(&mean, &var, (n_clusters, n_latent))?;
        let mut prior = Self {
            weights: Vec::new(),
            log_weights: Vec::new(),
            sum_log_var: Vec::new(),
            mean_by_dimension: Vec::new(),
            precision_by_dimension: Vec::new(),
            parameters: Parameters { logits, mean, var },
        };
        prior.refresh_weights();
        prior.refresh_components();
        Ok(prior)
    }

    /// Number of clusters, N.
    pub fn n_clusters(&self) -> usize {
        self.parameters.mean.nrows()
    }

    /// Number of latent dimensions, l.
    pub fn n_latent(&self) -> usize {
        self.parameters.mean.ncols()
    }

    /// The logits `v` of the cluster weights, (N).
    pub fn logits(&self) -> ArrayView1<'_, f64> {
        self.parameters.logits.view()
    }

    /// Cluster means `m` (N,l).
    pub fn mean(&self) -> ArrayView2<'_, f64> {
        self.parameters.mean.view()
    }

    /// Cluster variances `s` (N,l).
    pub fn var(&self) -> ArrayView2<'_, f64> {
        self.parameters.var.view()
    }

    /// Cluster weights `pi = softmax(logits)` (N).
    pub fn weights(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.weights)
    }

    /// `log pi` (N); finite even where `pi` underflows.
    pub fn log_weights(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.log_weights)
    }

    /// Replaces the logits (N).
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`]; the mixture is then unchanged.
    pub fn set_logits(&mut self, logits: Array1<f64>) -> Result<()> {
        check_logits(&logits, self.n_clusters())?;
        self.parameters.logits = logits;
        self.refresh_weights();
        Ok(())
    }

    /// Replaces the means and variances, both (N,l).
    ///
    /// # Errors
    /// As for [`new`](Self::new); the mixture is then unchanged.
    pub fn set_components(&mut self, mean: Array2<f64>, var: Array2<f64>) -> Result<()> {
        check_components(&mean, &var, self.parameters.mean.dim())?;
        self.parameters.mean = mean;
        self.parameters.var = var;
        self.refresh_components();
        Ok(())
    }

    /// Writes `p(c|z)` (2023, eq. 14) for z (B,l) into `out` (B,N).
    ///
    /// Each row sums to one to rounding for every finite z. Where every component's log-density overflows, the row is one for
    /// the nearest component in the Mahalanobis distance.
    ///
    /// # Errors
    /// [`Error::Shape`], or [`Error::NotFinite`] with the sample and dimension of a z that is not finite.
    pub fn responsibilities(&self, z: ArrayView2<'_, f64>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        self.expectation(z, out).map(drop)
    }

    /// The E-step of EM: writes the [`responsibilities`](Self::responsibilities) of z (B,l) into `out` (B,N) and returns
    /// `sum_b log p(z_b)`, in nats, which comes with them at no cost.
    ///
    /// The sum is minus infinity when the density of a sample underflows even as a logarithm.
    ///
    /// # Errors
    /// As for [`responsibilities`](Self::responsibilities).
    pub fn expectation(&self, z: ArrayView2<'_, f64>, mut out: ArrayViewMut2<'_, f64>) -> Result<f64> {
        self.check_latent("responsibilities: z", &z)?;
        let expected = [z.nrows(), self.n_clusters()];
        check::shape("responsibilities: out", "(B,N)", &expected, out.shape())?;
        let mut point = vec![0.0; self.n_latent()];
        let mut row = vec![0.0; self.n_clusters()];
        let mut log_likelihood = -0.5 * z.len() as f64 * std::f64::consts::TAU.ln();
        for (z, mut out) in z.outer_iter().zip(out.outer_iter_mut()) {
            copy_row(&mut point, z);
            self.log_joint(&point, &mut row);
            if row.iter().all(|score| *score == f64::NEG_INFINITY) {
                self.nearest_one_hot(&point, &mut row);
                log_likelihood = f64::NEG_INFINITY;
            } else {
                log_likelihood += softmax_in_place(&mut row);
            }
            out.assign(&ArrayView1::from(&row));
        }
        Ok(log_likelihood)
    }

    /// `log p(c|z)` (B,N) of z (B,l), in nats: finite where [`responsibilities`](Self::responsibilities) underflow to zero.
    ///
    /// # Errors
    /// As for [`responsibilities`](Self::responsibilities).
    pub fn log_responsibilities(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.check_latent("log_responsibilities: z", &z)?;
        let mut out = Array2::zeros((z.nrows(), self.n_clusters()));
        let mut point = vec![0.0; self.n_latent()];
        let mut row = vec![0.0; self.n_clusters()];
        for (z, mut out) in z.outer_iter().zip(out.outer_iter_mut()) {
            copy_row(&mut point, z);
            self.log_joint(&point, &mut row);
            let total = log_sum_exp(&row);
            out.iter_mut().zip(&row).for_each(|(out, score)| *out = score - total);
        }
        Ok(out)
    }

    /// `log p(z)` (B) of z (B,l), in nats, with its normalising constant.
    ///
    /// # Errors
    /// As for [`responsibilities`](Self::responsibilities).
    pub fn log_density(&self, z: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        self.check_latent("mixture log_density: z", &z)?;
        let constant = -0.5 * self.n_latent() as f64 * std::f64::consts::TAU.ln();
        let mut point = vec![0.0; self.n_latent()];
        let mut row = vec![0.0; self.n_clusters()];
        let densities = z.outer_iter().map(|z| {
            copy_row(&mut point, z);
            self.log_joint(&point, &mut row);
            log_sum_exp(&row) + constant
        });
        Ok(densities.collect())
    }

    /// The most probable cluster (B) of each z (B,l); the first of equals.
    ///
    /// # Errors
    /// As for [`responsibilities`](Self::responsibilities).
    pub fn assign(&self, z: ArrayView2<'_, f64>) -> Result<Array1<usize>> {
        let mut responsibilities = Array2::zeros((z.nrows(), self.n_clusters()));
        self.responsibilities(z, responsibilities.view_mut())?;
        Ok(most_probable(responsibilities.view()))
    }

    /// Draws n samples: z (n,l) and the cluster (n) that each came from.
    pub fn sample<R: Rng + ?Sized>(&self, n_samples: usize, rng: &mut R) -> (Array2<f64>, Array1<usize>) {
        let last = self.n_clusters() - 1;
        let clusters = Array1::from_shape_simple_fn(n_samples, || {
            let mut remaining: f64 = rng.random();
            // Rounding can leave a remainder after the last weight: that draw belongs to the last cluster.
            self.weights
                .iter()
                .position(|weight| {
                    remaining -= weight;
                    remaining < 0.0
                })
                .unwrap_or(last)
        });
        let z = Array2::from_shape_fn((n_samples, self.n_latent()), |(b, j)| {
            let c = clusters[b];
            let noise: f64 = StandardNormal.sample(rng);
            self.parameters.mean[[c, j]] + noise * self.parameters.var[[c, j]].sqrt()
        });
        (z, clusters)
    }

    /// `log pi` and `sum_j log var_cj`, each (N).
    #[inline]
    pub(crate) fn constants(&self) -> (&[f64], &[f64]) {
        (&self.log_weights, &self.sum_log_var)
    }

    /// Means and inverse variances of dimension j, each (N).
    #[inline]
    pub(crate) fn dimension(&self, j: usize) -> (&[f64], &[f64]) {
        let columns = j * self.n_clusters()..(j + 1) * self.n_clusters();
        (&self.mean_by_dimension[columns.clone()], &self.precision_by_dimension[columns])
    }

    /// Writes `log pi_c + log N(z; mean_c, var_c)`, less the constant that all clusters share, for one z (l) into `out` (N).
    #[inline]
    pub(crate) fn log_joint(&self, z: &[f64], out: &mut [f64]) {
        out.copy_from_slice(&self.sum_log_var);
        for (j, &z) in z.iter().enumerate() {
            let (mean, precision) = self.dimension(j);
            for ((out, mean), precision) in out.iter_mut().zip(mean).zip(precision) {
                let offset = z - mean;
                *out += offset * offset * precision;
            }
        }
        for (out, log_weight) in out.iter_mut().zip(&self.log_weights) {
            *out = log_weight - 0.5 * *out;
        }
    }

    /// One for the component with the least Mahalanobis distance, computed by logarithms because its square has overflowed.
    #[cold]
    fn nearest_one_hot(&self, z: &[f64], out: &mut [f64]) {
        for (c, out) in out.iter_mut().enumerate() {
            let terms: Vec<f64> = z
                .iter()
                .enumerate()
                .map(|(j, z)| {
                    // Halved first: the difference of two finite numbers can overflow.
                    let offset = (0.5 * z - 0.5 * self.parameters.mean[[c, j]]).abs();
                    2.0 * offset.ln() - self.parameters.var[[c, j]].ln()
                })
                .collect();
            *out = -log_sum_exp(&terms);
        }
        let nearest = argmax(out.iter().copied());
        out.fill(0.0);
        out[nearest] = 1.0;
    }

    fn check_latent(&self, operation: &'static str, z: &ArrayView2<'_, f64>) -> Result<()> {
        check::shape(operation, "(B,l)", &[z.nrows(), self.n_latent()], z.shape())?;
        check::finite("z", z, |(b, j)| Location::sample(b).in_dimension(j))
    }

    fn refresh_weights(&mut self) {
        let logits = &self.parameters.logits;
        self.weights.clear();
        self.weights.extend(logits);
        let normaliser = softmax_in_place(&mut self.weights);
        self.log_weights.clear();
        self.log_weights.extend(logits.iter().map(|logit| logit - normaliser));
    }

    fn refresh_components(&mut self) {
        let Parameters { mean, var, .. } = &self.parameters;
        self.sum_log_var.clear();
        self.sum_log_var.extend(var.outer_iter().map(|var| var.iter().map(|v| v.ln()).sum::<f64>()));
        self.mean_by_dimension.clear();
        self.mean_by_dimension.extend(mean.t().iter());
        self.precision_by_dimension.clear();
        self.precision_by_dimension.extend(var.t().iter().map(|var| var.recip()));
    }
}

fn check_logits(logits: &Array1<f64>, n_clusters: usize) -> Result<()> {
    check::shape("mixture prior: logits", "(N)", &[n_clusters], logits.shape())?;
    check::finite("prior logits", logits, Location::cluster)
}

fn check_components(mean: &Array2<f64>, var: &Array2<f64>, shape: (usize, usize)) -> Result<()> {
    let place = |(c, j)| Location::cluster(c).in_dimension(j);
    check::shape("mixture prior: mean", "(N,l)", &[shape.0, shape.1], mean.shape())?;
    check::shape("mixture prior: var", "(N,l)", &[shape.0, shape.1], var.shape())?;
    check::finite("prior mean", mean, place)?;
    check::finite("prior var", var, place)?;
    // Below the normal numbers the inverse overflows.
    match var.indexed_iter().find(|(_, var)| **var < f64::MIN_POSITIVE) {
        Some((index, &value)) => Err(Error::InvalidParameter {
            name: format!("prior var at {}", place(index)),
            value,
            requirement: "positive; put a floor under variances",
        }),
        None => Ok(()),
    }
}

fn copy_row(into: &mut [f64], row: ArrayView1<'_, f64>) {
    for (into, value) in into.iter_mut().zip(row) {
        *into = *value;
    }
}

/// The most probable cluster (B) of each row of responsibilities (B,N); the first of equals.
pub fn most_probable(responsibilities: ArrayView2<'_, f64>) -> Array1<usize> {
    responsibilities.outer_iter().map(|row| argmax(row.iter().copied())).collect()
}
