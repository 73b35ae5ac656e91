//! What a physics expert must be able to do: predict a modality from a few parameters per cluster, and fit them.

use std::fmt;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use crate::Link;

/// A physical model `E(theta)` of one modality, in physical units, that depends on the cluster through its parameters alone
/// (Walker et al. 2023, section 2.2).
///
/// `d` is the number of outputs, `P` the number of parameters. An implementation holds what the clusters share (the grid, the
/// basis, the equation); each cluster has its own `theta` (P).
pub trait Expert: fmt::Debug + Send + Sync {
    /// Number of values predicted, `d`.
    fn n_outputs(&self) -> usize;

    /// Names of the parameters, in the order of `theta`.
    fn parameter_names(&self) -> &[String];

    /// Units of the parameters, in the order of `theta`; empty strings, or no strings at all, where there are none.
    fn parameter_units(&self) -> &[String] {
        &[]
    }

    /// Number of parameters, `P`.
    fn n_parameters(&self) -> usize {
        self.parameter_names().len()
    }

    /// Parameters (P) that its author thinks plausible, where fits start; `None` for an expert without such a guess.
    fn initial_parameters(&self) -> Option<ArrayView1<'_, f64>> {
        None
    }

    /// Where each parameter may lie, in the order of `theta`; no entries at all where any number will do.
    fn links(&self) -> &[Link] {
        &[]
    }

    /// What a user reads off a fit, in physical units: the parameters, and where an expert adds them, quantities derived from them.
    ///
    /// `covariance` (P,P) is that of `theta` (P): a fit's [`covariance_factor`](ExpertFit::covariance_factor) times the noise
    /// variance. Derived quantities carry it along to first order.
    ///
    /// # Panics
    /// May panic if `theta` is not (P) or `covariance` is not (P,P).
    fn quantities(&self, theta: ArrayView1<'_, f64>, covariance: Option<ArrayView2<'_, f64>>) -> Vec<Quantity> {
        let unit = |p: usize| self.parameter_units().get(p).cloned().unwrap_or_default();
        let error = |p: usize| covariance.map(|covariance| covariance[[p, p]].sqrt());
        let parameters = self.parameter_names().iter().enumerate();
        parameters
            .map(|(p, name)| Quantity { name: name.clone(), unit: unit(p), value: theta[p], standard_error: error(p) })
            .collect()
    }

    /// Writes `E(theta)` (d) into `out`.
    ///
    /// # Panics
    /// May panic if `theta` is not (P) or `out` is not (d). Parameters without a finite prediction leave non-finite values in
    /// `out`.
    fn predict(&self, theta: ArrayView1<'_, f64>, out: ArrayViewMut1<'_, f64>);

    /// Writes the derivative of the prediction, `dE_j/dtheta_p` (d,P), into `out`.
    ///
    /// # Panics
    /// May panic if `theta` is not (P) or `out` is not (d,P).
    fn jacobian(&self, theta: ArrayView1<'_, f64>, out: ArrayViewMut2<'_, f64>);

    /// Where the expert is a differential equation: its solution (S,T), one row per state, for these parameters. `None` for other experts, and where the
    /// solution does not exist.
    fn solution(&self, theta: ArrayView1<'_, f64>) -> Option<Array2<f64>> {
        let _ = theta;
        None
    }

    /// Fits one cluster (2023, eq. 16): minimises `sum_j weight_j (mean_j - E_j(theta))^2`, starting from `theta` (P).
    ///
    /// `mean` (d) is the responsibility-weighted mean of the cluster's data, which holds all that the fit needs because
    /// `sum_d g_dc |x_d - E|^2 = n_c |mean_c - E|^2 + const`. `weight` (d) is the weight of each coordinate: `n_c`, or the
    /// coordinate's own count where entries are missing (then zero is allowed and `mean_j` does not matter).
    ///
    /// # Errors
    /// [`ExpertError`] when shapes disagree, when a value that matters is not finite, when the data do not determine the
    /// parameters, or when the search finds no finite fit.
    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError>;
}

/// A number that an expert identified, as it is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// What it is.
    pub name: String,
    /// Its unit; empty where there is none.
    pub unit: String,
    /// Its value.
    pub value: f64,
    /// Its standard error; `None` where the data leave it undetermined.
    pub standard_error: Option<f64>,
}

/// A fitted expert of one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertFit {
    /// The parameters found, (P).
    pub theta: Array1<f64>,
    /// The minimum, `sum_j weight_j (mean_j - E_j(theta))^2`.
    pub residual: f64,
    /// `(J^T W J)^-1` (P,P) at the minimum; `None` where the data leave a direction of `theta` undetermined. Times the noise
    /// variance of one measured value it is the covariance of `theta`.
    pub covariance_factor: Option<Array2<f64>>,
    /// Iterations spent; 1 for a linear expert.
    pub iterations: usize,
    /// Whether the search met its tolerance, rather than ran out of iterations.
    pub converged: bool,
}

impl ExpertFit {
    /// Standard errors of the parameters (P) for a given noise variance of one measured value; `None` where
    /// [`covariance_factor`](Self::covariance_factor) is.
    pub fn standard_errors(&self, noise_variance: f64) -> Option<Array1<f64>> {
        let factor = self.covariance_factor.as_ref()?;
        Some(factor.diag().mapv(|variance| (variance * noise_variance).sqrt()))
    }
}

/// Why an expert could not be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpertError {
    /// An array does not have the length that the expert implies.
    #[error("expert fit: {array} has length {got} but the expert has {expected}; pass the arrays of this modality")]
    Shape {
        /// Which array.
        array: &'static str,
        /// Length implied by the expert.
        expected: usize,
        /// Length passed.
        got: usize,
    },
    /// A value that matters is NaN or infinite.
    #[error("expert fit: {array} is not finite at index {index}; mask missing entries by weight 0")]
    NotFinite {
        /// Which array.
        array: &'static str,
        /// Where in it.
        index: usize,
    },
    /// A weight is negative, or all are zero.
    #[error("expert fit: the weights must be non-negative with a positive sum; the cluster may be empty")]
    NoWeight,
    /// The data do not determine the parameters.
    #[error("expert fit: the data determine {rank} of {n_parameters} parameters; use fewer parameters or more data")]
    Undetermined {
        /// Numerical rank of the least squares problem.
        rank: usize,
        /// Number of parameters.
        n_parameters: usize,
    },
    /// The search found no finite improvement on its start.
    #[error("expert fit: no finite fit after {iterations} iterations; start from other parameters")]
    Diverged {
        /// Iterations spent.
        iterations: usize,
    },
    /// A failure particular to the expert or to the linear algebra beneath it.
    #[error("expert fit: {context}")]
    Other {
        /// What was being done.
        context: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn standard_errors_scale_with_the_noise() {
        let fit = ExpertFit {
            theta: array![1.0, 2.0],
            residual: 0.0,
            covariance_factor: Some(array![[4.0, 0.5], [0.5, 0.25]]),
            iterations: 1,
            converged: true,
        };
        assert_eq!(fit.standard_errors(9.0).unwrap(), array![6.0, 1.5]);
        let undetermined = ExpertFit { covariance_factor: None, ..fit };
        assert!(undetermined.standard_errors(9.0).is_none());
    }
}
