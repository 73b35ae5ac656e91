//! The M-step of an expert that sees z (2023, eq. 16): damped Gauss-Newton, which is exact in one step where the expert is linear.

use ndarray::{Array2, ArrayView2, Axis};

use super::cholesky::Cholesky;
use super::{LatentExpert, LatentSamples, LatentSums};
use crate::sums::EMPTY_COUNT;
use crate::{Error, Result};

/// Damping beyond which no step is left to try.
const LARGEST_DAMPING: f64 = 1e10;
const SMALLEST_DAMPING: f64 = 1e-12;

/// How an M-step iterates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentFitOptions {
    /// Passes over the samples at most; each is one Gauss-Newton step of every cluster.
    pub max_iterations: usize,
    /// A cluster is done when a step lowers its objective by less than this, relatively.
    pub tolerance: f64,
    /// Added to every posterior variance, in units of z^2: how far a latent point is never trusted. It holds the slopes of directions in
    /// which the samples do not differ.
    pub variance_floor: f64,
}

impl Default for LatentFitOptions {
    fn default() -> Self {
        Self { max_iterations: 50, tolerance: 1e-8, variance_floor: 1e-6 }
    }
}

impl LatentFitOptions {
    fn check(&self) -> Result<()> {
        for (name, value) in [("tolerance", self.tolerance), ("variance_floor", self.variance_floor)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::InvalidParameter { name: name.to_owned(), value, requirement: "at least 0" });
            }
        }
        Ok(())
    }
}

/// What an M-step came to.
#[derive(Debug, Clone)]
pub struct LatentFit {
    /// The sums at the coefficients found: objective, counts, covariance.
    pub sums: LatentSums,
    /// Passes over the samples.
    pub iterations: usize,
    /// Which clusters met the tolerance (N); one without samples has nothing to meet.
    pub converged: Vec<bool>,
}

impl LatentExpert {
    /// One Gauss-Newton step of every cluster from sums that streamed over batches, with the curvature raised by `damping` times its diagonal
    /// (0 is the full step). For an expert linear in its parameters without links the full step is the exact M-step, from any start.
    ///
    /// A cluster without samples, or whose damped curvature is still singular, keeps its coefficients; `true` (N) marks those that moved.
    /// For other experts a full step may overshoot: [`fit`](Self::fit) checks every step, or pass a damping and compare
    /// [`objective`](LatentSums::objective) on the same samples.
    ///
    /// # Errors
    /// [`Error::Shape`] for sums of another expert, [`Error::InvalidParameter`] for a damping below zero.
    pub fn step(&mut self, sums: &LatentSums, damping: f64) -> Result<Vec<bool>> {
        crate::check::shape("latent step: sums", "(N,K)", self.coefficients.shape(), sums.descent.shape())?;
        if !(damping.is_finite() && damping >= 0.0) {
            let name = "damping".to_owned();
            return Err(Error::InvalidParameter { name, value: damping, requirement: "at least 0" });
        }
        let mut moved = vec![false; self.n_clusters()];
        for (c, moved) in moved.iter_mut().enumerate() {
            *moved = self.step_cluster(c, sums, damping);
        }
        Ok(moved)
    }

    fn step_cluster(&mut self, c: usize, sums: &LatentSums, damping: f64) -> bool {
        if sums.count[c] < EMPTY_COUNT {
            return false;
        }
        let gram = sums.gram.index_axis(Axis(0), c);
        if damping == 0.0 && gram.diag().iter().any(|&d| d <= 0.0) {
            return false;
        }
        let Some(factor) = Cholesky::new(gram, damping) else { return false };
        let step = factor.solve(sums.descent.row(c));
        if !step.iter().all(|value| value.is_finite()) {
            return false;
        }
        self.coefficients.row_mut(c).scaled_add(1.0, &step);
        true
    }

    /// Maximises over all coefficients for given samples: damped Gauss-Newton, a step kept only if it lowers the cluster's objective, so
    /// that the result is never worse than the start.
    ///
    /// # Errors
    /// As [`LatentSums::add`], and [`Error::InvalidParameter`] for an option outside its domain.
    pub fn fit(&mut self, samples: LatentSamples<'_>, options: &LatentFitOptions) -> Result<LatentFit> {
        options.check()?;
        let var = &samples.var + options.variance_floor;
        let samples = LatentSamples { var: var.view(), ..samples };
        self.fit_streamed(|latent| latent.sums(samples), options)
    }

    /// As [`fit`](Self::fit) for samples that are not all in memory: `sums` streams over them, and adds them to empty sums of the expert it is
    /// handed. It is called once for every iteration and once before the first; the variance floor is its own to add.
    ///
    /// # Errors
    /// Those of `sums`, and [`Error::InvalidParameter`] for an option outside its domain.
    pub fn fit_streamed<E: From<Error>>(
        &mut self,
        mut sums: impl FnMut(&Self) -> Result<LatentSums, E>,
        options: &LatentFitOptions,
    ) -> Result<LatentFit, E> {
        options.check()?;
        let LatentFitOptions { max_iterations, tolerance, .. } = *options;
        let mut best = sums(self)?;
        let n_clusters = self.n_clusters();
        let mut damping = vec![1e-4; n_clusters];
        let mut converged: Vec<bool> = best.count.iter().map(|&count| count < EMPTY_COUNT).collect();
        let mut iterations = 0;
        while iterations < max_iterations && converged.contains(&false) {
            let kept = self.coefficients.clone();
            for c in (0..n_clusters).filter(|&c| !converged[c]) {
                while !self.step_cluster(c, &best, damping[c]) && damping[c] <= LARGEST_DAMPING {
                    damping[c] *= 10.0;
                }
            }
            let tried = sums(self)?;
            iterations += 1;
            for c in 0..n_clusters {
                if converged[c] {
                    continue;
                }
                let (before, after) = (best.objective[c], tried.objective[c]);
                // Whether the step that was tried promised anything at all: at a minimum rounding decides which of two is lower.
                let flat = (before - after).abs() <= tolerance * before;
                if after < before {
                    best.take(&tried, c);
                    converged[c] = flat || after == 0.0;
                    damping[c] = (damping[c] * 0.1).max(SMALLEST_DAMPING);
                } else {
                    self.coefficients.row_mut(c).assign(&kept.row(c));
                    damping[c] *= 10.0;
                    converged[c] = before == 0.0 || damping[c] > LARGEST_DAMPING || flat;
                }
            }
        }
        Ok(LatentFit { sums: best, iterations, converged })
    }

    pub(super) fn sums(&self, samples: LatentSamples<'_>) -> Result<LatentSums> {
        let mut sums = LatentSums::new(self);
        sums.add(self, samples)?;
        Ok(sums)
    }

    /// Lets the parameters of every cluster vary with z as they are known to vary in the data: `spread` (N,P,P) is the covariance of the
    /// free coordinates within each cluster, as found by fitting single curves, and `var` (N,l) the variance of z there.
    ///
    /// The slopes become `A_c = V sqrt(Lambda / s)` with the l leading eigenvectors V and values Lambda of the spread, so that
    /// `A diag(s) A^T` is its best approximation of rank l: latent direction k then means the k-th way in which the members of a
    /// cluster differ, before any encoder has been trained.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::NotFinite`]; [`Error::InvalidParameter`] for a variance that is not positive.
    pub fn spread(&mut self, spread: &[Array2<f64>], var: ArrayView2<'_, f64>) -> Result<()> {
        let (n_clusters, n_parameters, width) = (self.n_clusters(), self.links.len(), 1 + self.n_latent());
        crate::check::shape("latent spread: spread", "(N)", &[n_clusters], &[spread.len()])?;
        crate::check::shape("latent spread: var", "(N,l)", self.origin.shape(), var.shape())?;
        for (c, spread) in spread.iter().enumerate() {
            crate::check::shape("latent spread: spread", "(P,P)", &[n_parameters, n_parameters], spread.shape())?;
            crate::check::finite("spread", spread, |(_, p)| crate::Location::cluster(c).in_dimension(p))?;
        }
        if let Some(&value) = var.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            return Err(Error::InvalidParameter { name: "var".to_owned(), value, requirement: "positive" });
        }
        for (c, spread) in spread.iter().enumerate() {
            for (k, direction) in super::principal::directions(spread.view(), width - 1).into_iter().enumerate() {
                for p in 0..n_parameters {
                    self.coefficients[[c, p * width + 1 + k]] = direction[p] / var[[c, k]].sqrt();
                }
            }
        }
        Ok(())
    }
}

impl LatentSums {
    /// Takes cluster `c` from `other`.
    fn take(&mut self, other: &Self, c: usize) {
        self.gram.index_axis_mut(Axis(0), c).assign(&other.gram.index_axis(Axis(0), c));
        self.descent.row_mut(c).assign(&other.descent.row(c));
        self.objective[c] = other.objective[c];
        self.count[c] = other.count[c];
    }
}
