//! The least squares problem of a POU network: one QR decomposition, and the singular values of its triangle.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use ndarray_linalg::{QR, SVD};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How the coefficients of a basis are found from samples. Columns are scaled to length one before anything else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solve {
    /// By QR; samples that do not determine all coefficients are an error.
    #[default]
    Full,
    /// With `ridge` times the squared (scaled) coefficients added to the squared residuals, by QR of the augmented matrix.
    Ridge(f64),
    /// The solution of least norm, by SVD: directions with singular values below this fraction of the largest are left out. The
    /// rank that remains is reported.
    LeastNorm(f64),
}

/// Coefficients (K,k) of K functions for k channels, and the numerical rank they were found with.
pub(super) struct Solution {
    pub(super) coefficients: Array2<f64>,
    pub(super) rank: usize,
}

/// Minimises `|A c - y|^2` for each of k columns of `targets` (T,k), A being (T,K).
pub(super) fn solve(mut matrix: Array2<f64>, targets: ArrayView2<'_, f64>, how: Solve) -> Result<Solution> {
    let (n_samples, n_functions) = matrix.dim();
    let scale: Array1<f64> = matrix
        .columns()
        .into_iter()
        .map(|column| column.dot(&column).sqrt())
        .map(|length| if length > 0.0 { length } else { 1.0 })
        .collect();
    matrix /= &scale;
    let mut targets = targets.to_owned();
    // Rows of zeros or of the ridge below: the triangle is then square whatever the number of samples.
    let below = match how {
        Solve::Ridge(ridge) if !(ridge.is_finite() && ridge > 0.0) => {
            let requirement = "positive and finite".to_owned();
            return Err(Error::Description { what: "ridge".into(), got: ridge.to_string(), requirement });
        }
        Solve::Ridge(ridge) => Some(Array2::from_diag_elem(n_functions, ridge.sqrt())),
        _ if n_samples < n_functions => Some(Array2::zeros((n_functions - n_samples, n_functions))),
        _ => None,
    };
    if let Some(below) = below {
        let rest = Array2::zeros((below.nrows(), targets.ncols()));
        matrix.append(Axis(0), below.view()).map_err(shape_is_fixed)?;
        targets = concatenate![Axis(0), targets, rest];
    }
    let (q, r) = matrix.qr().map_err(|source| Error::LinearAlgebra { context: "QR of a basis", source })?;
    let projected = q.t().dot(&targets);
    let mut coefficients = match how {
        Solve::Ridge(_) => solve_upper(&r, projected),
        Solve::Full => {
            let (_, singular, _) = svd(&r, false)?;
            let rank = rank(&singular, n_samples.max(n_functions) as f64 * f64::EPSILON);
            if rank < n_functions {
                return Err(Error::Deficient { rank, n_functions, n_samples });
            }
            solve_upper(&r, projected)
        }
        Solve::LeastNorm(tolerance) => {
            let (u, singular, vt) = svd(&r, true)?;
            let rank = rank(&singular, tolerance.max(f64::EPSILON));
            let mut rotated = u.slice(s![.., ..rank]).t().dot(&projected);
            for (mut row, singular) in rotated.outer_iter_mut().zip(&singular) {
                row /= *singular;
            }
            let mut coefficients = vt.slice(s![..rank, ..]).t().dot(&rotated);
            unscale(&mut coefficients, &scale);
            return Ok(Solution { coefficients, rank });
        }
    };
    unscale(&mut coefficients, &scale);
    Ok(Solution { coefficients, rank: n_functions })
}

fn unscale(coefficients: &mut Array2<f64>, scale: &Array1<f64>) {
    for (mut row, scale) in coefficients.outer_iter_mut().zip(scale) {
        row /= *scale;
    }
}

fn rank(singular: &Array1<f64>, tolerance: f64) -> usize {
    singular.iter().filter(|&&value| value > tolerance * singular[0]).count()
}

type Decomposition = (Array2<f64>, Array1<f64>, Array2<f64>);

fn svd(r: &Array2<f64>, vectors: bool) -> Result<Decomposition> {
    let (u, singular, vt) = r
        .svd(vectors, vectors)
        .map_err(|source| Error::LinearAlgebra { context: "singular values of a basis", source })?;
    Ok((u.unwrap_or_default(), singular, vt.unwrap_or_default()))
}

/// `R^-1 Y` by back substitution, for an upper triangular R (K,K) without zeros on its diagonal.
fn solve_upper(r: &Array2<f64>, mut y: Array2<f64>) -> Array2<f64> {
    for i in (0..r.ncols()).rev() {
        let known = r.slice(s![i, i + 1..]).dot(&y.slice(s![i + 1.., ..]));
        let mut row = y.row_mut(i);
        row -= &known;
        row /= r[[i, i]];
    }
    y
}

fn shape_is_fixed(source: ndarray::ShapeError) -> Error {
    Error::LinearAlgebra { context: "rows below a basis", source: source.into() }
}
