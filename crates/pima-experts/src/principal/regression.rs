//! Ridge regression on principal components: the simplest way from a curve to a few numbers.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::PrincipalComponents;
use crate::{Error, Result};

/// `y = mean + B^T s(x)` with s the coordinates along principal components, fitted with a penalty on B (Hoerl and Kennard 1970).
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalRegression {
    pub(super) components: PrincipalComponents,
    /// (t)
    mean: Array1<f64>,
    /// `S^T (y - mean)` (k,t).
    products: Array2<f64>,
    n_samples: usize,
    penalty: f64,
}

impl PrincipalRegression {
    /// Fits `targets` (D,t) to samples (D,d), without penalty as yet.
    ///
    /// # Errors
    /// As [`PrincipalComponents::fit`], and [`Error::Description`] unless there is a finite target for each sample.
    pub fn fit(samples: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>, n_components: usize) -> Result<Self> {
        if targets.nrows() != samples.nrows() || targets.iter().any(|target| !target.is_finite()) {
            return Err(Error::Description {
                what: "number of finite targets of a regression".to_owned(),
                got: targets.outer_iter().filter(|row| row.iter().all(|x| x.is_finite())).count().to_string(),
                requirement: format!("the number of samples, {}", samples.nrows()),
            });
        }
        let components = PrincipalComponents::fit(samples, n_components)?;
        let mean = targets.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(targets.ncols()));
        let products = components.scores(samples)?.t().dot(&(&targets - &mean));
        Ok(Self { components, mean, products, n_samples: samples.nrows(), penalty: 0.0 })
    }

    /// The same with a penalty of `penalty` times the variance along the first component, per sample.
    ///
    /// # Panics
    /// If it is negative or NaN.
    #[must_use]
    pub fn with_penalty(self, penalty: f64) -> Self {
        assert!(penalty >= 0.0, "the penalty is {penalty}, but must not be negative");
        Self { penalty, ..self }
    }

    /// The same with that of `penalties` whose predictions of other samples (B,d) with known targets (B,t) err least.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn with_best_penalty(
        mut self,
        penalties: &[f64],
        samples: ArrayView2<'_, f64>,
        targets: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let mut best = (f64::INFINITY, self.penalty);
        for &penalty in penalties {
            self = self.with_penalty(penalty);
            let error = (self.predict(samples)? - targets).mapv(|e| e * e).sum();
            if error < best.0 {
                best = (error, penalty);
            }
        }
        Ok(self.with_penalty(best.1))
    }

    /// The penalty, as a multiple of the variance along the first component.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// Coefficients B (k,t). The components of the samples that they are fitted to are orthogonal, so that each is a division.
    pub fn coefficients(&self) -> Array2<f64> {
        let variances = self.components.variances();
        let mut coefficients = self.products.clone();
        for (mut row, variance) in coefficients.outer_iter_mut().zip(variances) {
            let n = self.n_samples as f64;
            row /= (n - 1.0) * variance + n * self.penalty * variances[0];
        }
        coefficients
    }

    /// Predictions (B,t) for samples (B,d).
    ///
    /// # Errors
    /// As [`PrincipalComponents::scores`].
    pub fn predict(&self, samples: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        Ok(self.components.scores(samples)?.dot(&self.coefficients()) + &self.mean)
    }
}
