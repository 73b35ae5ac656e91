//! Experts that are linear in their parameters: `E(t; theta) = A(t) theta`.

// The functions of the axis that a curve is made of.
mod basis;
// Weighted least squares by QR.
pub(crate) mod least_squares;
#[cfg(test)]
mod tests;

use ndarray::linalg::general_mat_vec_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use pima_core::{Expert, ExpertError, ExpertFit};

pub use basis::{Basis, CurveUnits};

use crate::{Error, Result};

/// A curve that is a combination of known functions, with the P coefficients as parameters: `E_j = sum_p A_jp theta_p`, where so wanted on
/// top of a curve that is fixed.
///
/// Its fit is a weighted least squares problem solved directly, by QR of the weighted basis: there is nothing to start from and
/// nothing to iterate.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearExpert {
    matrix: Array2<f64>,
    /// (d)
    offset: Option<Array1<f64>>,
    names: Vec<String>,
    units: Vec<String>,
}

impl LinearExpert {
    /// An expert from its basis on the points `axis` (d).
    ///
    /// # Errors
    /// [`Error::Description`] when the axis is empty or not finite, the basis has no function, or its table does not fit.
    pub fn new(basis: &Basis, axis: ArrayView1<'_, f64>, units: &CurveUnits) -> Result<Self> {
        if let Some((point, value)) = axis.iter().enumerate().find(|(_, t)| !t.is_finite()) {
            return Err(description(format!("point {point} of the axis"), value, "finite"));
        }
        let tabulated = basis.tabulate(axis, units)?;
        Self::from_matrix(tabulated.matrix, tabulated.names, tabulated.units)
    }

    /// An expert from the values of its functions, `matrix` (d,P), with the names and units of the parameters, both (P).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_matrix(matrix: Array2<f64>, names: Vec<String>, units: Vec<String>) -> Result<Self> {
        let (n_points, n_parameters) = matrix.dim();
        if n_points == 0 || n_parameters == 0 {
            return Err(description(
                "shape of the basis (d,P)".into(),
                format!("({n_points}, {n_parameters})"),
                "positive",
            ));
        }
        for (what, length) in [("number of names", names.len()), ("number of units", units.len())] {
            if length != n_parameters {
                return Err(description(what.into(), length, format!("the number of functions, {n_parameters}")));
            }
        }
        if let Some(((j, p), value)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(description(format!("function {p} at point {j}"), value, "finite"));
        }
        Ok(Self { matrix, offset: None, names, units })
    }

    /// The same on top of a fixed curve `offset` (d).
    ///
    /// # Errors
    /// [`Error::Description`] unless it has a finite value for each point.
    pub fn with_offset(self, offset: Array1<f64>) -> Result<Self> {
        if offset.len() != self.matrix.nrows() {
            let requirement = format!("the points of the axis, {}", self.matrix.nrows());
            return Err(description("length of the offset".into(), offset.len(), requirement));
        }
        match offset.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((j, value)) => Err(description(format!("offset at point {j}"), value, "finite")),
            None => Ok(Self { offset: Some(offset), ..self }),
        }
    }

    /// Values of the functions at the points of the axis, `A` (d,P).
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.matrix.view()
    }

    fn check_length(array: &'static str, got: usize, expected: usize) -> Result<(), ExpertError> {
        if got == expected { Ok(()) } else { Err(ExpertError::Shape { array, expected, got }) }
    }
}

impl Expert for LinearExpert {
    fn n_outputs(&self) -> usize {
        self.matrix.nrows()
    }

    fn parameter_names(&self) -> &[String] {
        &self.names
    }

    fn parameter_units(&self) -> &[String] {
        &self.units
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        general_mat_vec_mul(1.0, &self.matrix, &theta, 0.0, &mut out);
        if let Some(offset) = &self.offset {
            out += offset;
        }
    }

    fn jacobian(&self, _theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        out.assign(&self.matrix);
    }

    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        let (n_outputs, n_parameters) = self.matrix.dim();
        Self::check_length("mean", mean.len(), n_outputs)?;
        Self::check_length("weight", weight.len(), n_outputs)?;
        Self::check_length("theta", theta.len(), n_parameters)?;
        let above = self.offset.as_ref().map(|offset| &mean - offset);
        let target = above.as_ref().map_or(mean, |above| above.view());
        let solution = least_squares::solve(self.matrix.view(), target, weight)?;
        Ok(ExpertFit {
            theta: solution.theta,
            residual: solution.residual,
            covariance_factor: Some(solution.covariance_factor),
            iterations: 1,
            converged: true,
        })
    }
}

fn description(what: String, got: impl ToString, requirement: impl Into<String>) -> Error {
    Error::Description { what, got: got.to_string(), requirement: requirement.into() }
}
