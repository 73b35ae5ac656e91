//! Weighted linear least squares, with the numerical rank checked and the covariance of the solution.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use ndarray_linalg::{QR, SVD, error::LinalgError};
use pima_core::ExpertError;

/// Minimiser of `sum_j weight_j (target_j - (A theta)_j)^2`.
pub(crate) struct Solution {
    /// (P)
    pub(crate) theta: Array1<f64>,
    /// The minimum.
    pub(crate) residual: f64,
    /// `(A^T W A)^-1` (P,P).
    pub(crate) covariance_factor: Array2<f64>,
}

/// Solves by QR of `sqrt(W) A` with its columns scaled to length one. Targets of weight zero do not matter, not even if NaN.
///
/// `matrix` is A (d,P), finite; `target` and `weight` are (d).
///
/// # Errors
/// [`ExpertError::NotFinite`] for a weight, or a target of positive weight, that is not finite; [`ExpertError::NoWeight`];
/// [`ExpertError::Undetermined`] when the singular values of the scaled matrix fall below `max(d,P) * epsilon` of the largest.
pub(crate) fn solve(
    matrix: ArrayView2<'_, f64>,
    target: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
) -> Result<Solution, ExpertError> {
    let (n_points, n_parameters) = matrix.dim();
    let largest_weight = check(target, weight)?;
    // Rows of zeros below make the factor square even when there are fewer points than parameters.
    let mut weighted = Array2::zeros((n_points.max(n_parameters), n_parameters));
    let mut weighted_target = Array1::zeros(n_points.max(n_parameters));
    for j in 0..n_points {
        if weight[j] > 0.0 {
            let root = (weight[j] / largest_weight).sqrt();
            weighted.row_mut(j).assign(&matrix.row(j));
            weighted.row_mut(j).mapv_inplace(|value| value * root);
            weighted_target[j] = target[j] * root;
        }
    }
    let scale = scale_columns(&mut weighted);
    let (q, r) = weighted.qr().map_err(|source| failure("QR of the weighted basis", source))?;
    check_rank(&r, n_points)?;
    let mut theta = q.t().dot(&weighted_target);
    solve_upper(&r, theta.view_mut());
    let mut inverse = Array2::eye(n_parameters);
    for column in inverse.axis_iter_mut(Axis(1)) {
        solve_upper(&r, column);
    }
    theta /= &scale;
    for (mut row, scale) in inverse.outer_iter_mut().zip(&scale) {
        row /= *scale;
    }
    let covariance_factor = inverse.dot(&inverse.t()) / largest_weight;
    let residual = (0..n_points)
        .filter(|&j| weight[j] > 0.0)
        .map(|j| weight[j] * (target[j] - matrix.row(j).dot(&theta)).powi(2))
        .sum();
    Ok(Solution { theta, residual, covariance_factor })
}

/// Checks weights and targets and returns the largest weight.
pub(crate) fn check(target: ArrayView1<'_, f64>, weight: ArrayView1<'_, f64>) -> Result<f64, ExpertError> {
    if let Some(index) = weight.iter().position(|weight| !weight.is_finite()) {
        return Err(ExpertError::NotFinite { array: "weight", index });
    }
    let largest = weight.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 || weight.iter().any(|&weight| weight < 0.0) {
        return Err(ExpertError::NoWeight);
    }
    let counts = |index: &usize| weight[*index] > 0.0;
    match (0..target.len()).filter(counts).find(|&index| !target[index].is_finite()) {
        Some(index) => Err(ExpertError::NotFinite { array: "mean", index }),
        None => Ok(largest),
    }
}

/// Divides each column by its length, so that units do not decide the rank; returns the lengths (P), one for a column of zeros.
fn scale_columns(matrix: &mut Array2<f64>) -> Array1<f64> {
    matrix
        .axis_iter_mut(Axis(1))
        .map(|mut column| {
            // By the largest entry first: the squares of very large or small entries would leave the range of numbers.
            let largest = column.fold(0.0_f64, |largest, value| largest.max(value.abs()));
            if largest == 0.0 {
                return 1.0;
            }
            let length = largest * column.fold(0.0, |sum, value| sum + (value / largest).powi(2)).sqrt();
            column.mapv_inplace(|value| value / length);
            length
        })
        .collect()
}

fn check_rank(r: &Array2<f64>, n_points: usize) -> Result<(), ExpertError> {
    let n_parameters = r.ncols();
    let (_, singular_values, _) =
        r.svd(false, false).map_err(|source| failure("singular values of the weighted basis", source))?;
    let threshold = singular_values[0] * n_points.max(n_parameters) as f64 * f64::EPSILON;
    let rank = singular_values.iter().filter(|&&value| value > threshold).count();
    if rank < n_parameters { Err(ExpertError::Undetermined { rank, n_parameters }) } else { Ok(()) }
}

/// Back substitution: `x` becomes `R^-1 x` for an upper triangular R (P,P) without zeros on its diagonal.
fn solve_upper(r: &Array2<f64>, mut x: ndarray::ArrayViewMut1<'_, f64>) {
    for p in (0..r.ncols()).rev() {
        let known = r.slice(s![p, p + 1..]).dot(&x.slice(s![p + 1..]));
        x[p] = (x[p] - known) / r[[p, p]];
    }
}

fn failure(context: &str, source: LinalgError) -> ExpertError {
    ExpertError::Other { context: context.to_owned(), source: Box::new(source) }
}
