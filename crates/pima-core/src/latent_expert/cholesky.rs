//! Cholesky factorisation of small positive definite matrices, scaled so that units do not decide whether it exists.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// `D^-1/2 A D^-1/2 + damping I = L L^T` with D the diagonal of A.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
    /// `D^-1/2`.
    scale: Array1<f64>,
}

impl Cholesky {
    /// Factorises a symmetric A (K,K) with non-negative diagonal; `None` if, scaled and damped, it is not positive definite to working
    /// precision. A row of zeros is left to the damping.
    pub(crate) fn new(matrix: ArrayView2<'_, f64>, damping: f64) -> Option<Self> {
        let n = matrix.nrows();
        let scale = matrix.diag().mapv(|d| if d > 0.0 { d.sqrt().recip() } else { 1.0 });
        let mut lower = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..=i {
                let entry = scale[i] * matrix[[i, j]] * scale[j] + if i == j { damping } else { 0.0 };
                let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
                let rest = entry - known;
                if i == j {
                    // Below this, what is left is rounding of the unit diagonal.
                    if rest.is_nan() || rest <= 1e-13 {
                        return None;
                    }
                    lower[[i, i]] = rest.sqrt();
                } else {
                    lower[[i, j]] = rest / lower[[j, j]];
                }
            }
        }
        Some(Self { lower, scale })
    }

    /// `y` (K) with `|y|^2 = b^T (A + damping D)^-1 b`.
    pub(crate) fn whiten(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut y = &b * &self.scale;
        for i in 0..y.len() {
            let known: f64 = (0..i).map(|k| self.lower[[i, k]] * y[k]).sum();
            y[i] = (y[i] - known) / self.lower[[i, i]];
        }
        y
    }

    /// `log det (A + damping D)`.
    pub(crate) fn log_determinant(&self) -> f64 {
        2.0 * (self.lower.diag().mapv(f64::ln).sum() - self.scale.mapv(f64::ln).sum())
    }

    /// `(A + damping D)^-1 b` (K).
    pub(super) fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let n = self.scale.len();
        let mut x = self.whiten(b);
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| self.lower[[k, i]] * x[k]).sum();
            x[i] = (x[i] - known) / self.lower[[i, i]];
        }
        x * &self.scale
    }

    /// `(A + damping D)^-1` (K,K).
    pub(super) fn inverse(&self) -> Array2<f64> {
        let n = self.scale.len();
        let mut inverse = Array2::zeros((n, n));
        for (i, mut column) in inverse.columns_mut().into_iter().enumerate() {
            let unit = Array1::from_shape_fn(n, |j| f64::from(u8::from(i == j)));
            column.assign(&self.solve(unit.view()));
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_known_system_whatever_the_units() {
        let a = array![[4.0, 2.0, 0.4], [2.0, 5.0, 1.0], [0.4, 1.0, 3.0]];
        for unit in [1.0_f64, 1e9, 1e-9] {
            // Units of the three unknowns: A becomes U A U, x becomes U^-1 x.
            let u = array![1.0, unit, unit.sqrt()];
            let scaled = Array2::from_shape_fn((3, 3), |(i, j)| u[i] * a[[i, j]] * u[j]);
            let x = array![1.0, -2.0, 3.0] / &u;
            let factor = Cholesky::new(scaled.view(), 0.0).unwrap();
            let found = factor.solve(scaled.dot(&x).view());
            for (found, x) in found.iter().zip(&x) {
                assert!((found - x).abs() < 1e-13 * x.abs(), "{found} is not {x}");
            }
            let product = scaled.dot(&factor.inverse());
            for ((i, j), value) in product.indexed_iter() {
                let expected = f64::from(u8::from(i == j));
                assert!((value * u[j] / u[i] - expected).abs() < 1e-12, "{product}");
            }
        }
    }

    #[test]
    fn a_singular_matrix_needs_damping() {
        let a = array![[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]];
        assert!(Cholesky::new(a.view(), 0.0).is_none());
        let x = Cholesky::new(a.view(), 1e-6).unwrap().solve(array![1.0, 2.0, 0.0].view());
        // Of all solutions of the consistent system, about the one shortest in scaled length.
        assert!((x[0] - 0.5).abs() < 1e-6 && (x[1] - 0.25).abs() < 1e-6 && x[2] == 0.0, "{x}");
    }
}
