//! POU networks on a line: polynomials blended by a partition of unity (Walker et al. 2023, appendix A.1).

// Curves fitted to samples, in one solve.
mod fit;
// Antiderivatives by Gauss-Legendre quadrature.
mod integral;
// Partitions that are learned too.
mod learn;
// From samples to integrals and smoothed samples, as matrices.
mod operator;
// Bumps divided by their sum.
mod partition;
// Least squares with its rank.
mod solve;
#[cfg(test)]
mod tests;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

pub(crate) use fit::check_times;
pub use fit::{PouFit, PouOptions, fit_pou};
pub use integral::PouAntiderivative;
pub use learn::{LearnOptions, PouLearned, learn_pou};
pub(crate) use operator::SampleOperators;
pub use partition::{Bump, Partition};
pub use solve::Solve;

/// `u(t) = sum_i phi_i(t) sum_j a_ij ((t - m_i) / s)^j`: n partitions with a polynomial of degree p each, for k channels that
/// share the partition.
///
/// Each polynomial is about its own centre and in units of the spacing s of evenly spaced centres: global monomials cost digits.
#[derive(Debug, Clone, PartialEq)]
pub struct PouNetwork {
    basis: PouBasis,
    /// (n (p+1), k), partition by partition.
    coefficients: Array2<f64>,
}

impl PouNetwork {
    /// The partition.
    pub fn partition(&self) -> &Partition {
        &self.basis.partition
    }

    /// The coefficients `a_ij` (n (p+1), k), those of one partition next to each other.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// The curves (k,T) at T times.
    pub fn evaluate(&self, times: ArrayView1<'_, f64>) -> Array2<f64> {
        self.basis.matrix(times).dot(&self.coefficients).reversed_axes()
    }

    /// Their derivatives (k,T) at T times. With [`Bump::Exponential`] the derivative jumps at the centres, by as much as the fit
    /// is in error, and there it is the mean of both sides.
    pub fn derivative(&self, times: ArrayView1<'_, f64>) -> Array2<f64> {
        self.basis.derivative_matrix(times).dot(&self.coefficients).reversed_axes()
    }

    /// The antiderivatives that are zero at `start`, for times up to `end`.
    pub fn antiderivative(&self, start: f64, end: f64) -> PouAntiderivative {
        PouAntiderivative::new(self.clone(), start, end)
    }

    /// The curves (k) at one time.
    fn at(&self, t: f64) -> ndarray::Array1<f64> {
        let row = self.basis.matrix(ArrayView1::from(&[t]));
        row.index_axis(Axis(0), 0).dot(&self.coefficients)
    }
}

/// The functions of a network: `phi_i(t) ((t - m_i) / s)^j`.
#[derive(Debug, Clone, PartialEq)]
struct PouBasis {
    partition: Partition,
    degree: usize,
    /// s
    scale: f64,
}

impl PouBasis {
    /// Number of functions, n (p+1).
    fn len(&self) -> usize {
        self.partition.len() * (self.degree + 1)
    }

    /// The functions (T,K) at T times.
    fn matrix(&self, times: ArrayView1<'_, f64>) -> Array2<f64> {
        self.fill(times, |phi, _, power, _| phi * power)
    }

    /// Their derivatives (T,K).
    fn derivative_matrix(&self, times: ArrayView1<'_, f64>) -> Array2<f64> {
        self.fill(times, |phi, dphi, power, dpower| dphi * power + phi * dpower)
    }

    fn fill(&self, times: ArrayView1<'_, f64>, function: impl Fn(f64, f64, f64, f64) -> f64) -> Array2<f64> {
        let n = self.partition.len();
        let (mut phi, mut dphi) = (vec![0.0; n], vec![0.0; n]);
        let mut matrix = Array2::zeros((times.len(), self.len()));
        for (mut row, &t) in matrix.outer_iter_mut().zip(times) {
            self.partition.evaluate(t, &mut phi, &mut dphi);
            for (i, mut entries) in row.axis_chunks_iter_mut(Axis(0), self.degree + 1).enumerate() {
                let x = (t - self.partition.centres()[i]) / self.scale;
                let (mut power, mut dpower) = (1.0, 0.0);
                for (j, entry) in entries.iter_mut().enumerate() {
                    *entry = function(phi[i], dphi[i], power, dpower);
                    dpower = (j + 1) as f64 * power / self.scale;
                    power *= x;
                }
            }
        }
        matrix
    }
}
