//! How well data can determine the parameters of an expert.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use pima_core::{Expert, ExpertError};

use crate::linear::least_squares;

/// The Cramer-Rao bound (P): the least standard deviation that an unbiased estimate of each parameter can have at `theta` (P), from
/// coordinates of Gaussian noise that count `weight_j` (d) times each, with variance `noise_variance` of one measured value.
///
/// `diag((J^T W J)^-1)^(1/2) sigma` with J the expert's derivative. A parameter on which the prediction does not depend, such as
/// the number of a trajectory, has no bound: NaN.
///
/// # Errors
/// [`ExpertError::Shape`]; [`ExpertError::NoWeight`]; [`ExpertError::NotFinite`] for parameters without a finite prediction, and
/// [`ExpertError::Undetermined`] when data at these coordinates leave a parameter open.
pub fn cramer_rao_bound(
    expert: &dyn Expert,
    theta: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    noise_variance: f64,
) -> Result<Array1<f64>, ExpertError> {
    let (n_outputs, n_parameters) = (expert.n_outputs(), expert.n_parameters());
    for (array, got, expected) in [("theta", theta.len(), n_parameters), ("weight", weight.len(), n_outputs)] {
        if got != expected {
            return Err(ExpertError::Shape { array, expected, got });
        }
    }
    let mut jacobian = Array2::zeros((n_outputs, n_parameters));
    expert.jacobian(theta, jacobian.view_mut());
    if let Some(index) = jacobian.axis_iter(Axis(0)).position(|row| row.iter().any(|value| !value.is_finite())) {
        return Err(ExpertError::NotFinite { array: "derivative of the prediction", index });
    }
    let matters: Vec<usize> =
        (0..n_parameters).filter(|&p| jacobian.column(p).iter().any(|value| *value != 0.0)).collect();
    let reduced = jacobian.select(Axis(1), &matters);
    let mut bound = Array1::from_elem(n_parameters, f64::NAN);
    if !matters.is_empty() {
        let solution = least_squares::solve(reduced.view(), Array1::zeros(n_outputs).view(), weight)?;
        for (&p, variance) in matters.iter().zip(solution.covariance_factor.diag()) {
            bound[p] = (variance * noise_variance).sqrt();
        }
    }
    Ok(bound)
}
