//! The fit of a POU network to samples.

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::partition::description;
use super::solve::{Solve, solve};
use super::{Bump, Partition, PouBasis, PouNetwork};
use crate::{Error, Result};

/// A POU network, as a user asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PouOptions {
    /// Number of partitions, n; their centres divide the times evenly.
    pub n_partitions: usize,
    /// Degree of the polynomials, p.
    pub degree: usize,
    /// Shape of the bumps.
    pub bump: Bump,
    /// Width of the bumps over their spacing.
    pub relative_width: f64,
    /// How the coefficients are found.
    pub solve: Solve,
}

impl Default for PouOptions {
    /// The size of Walker et al. 2023, appendix A.1, with Gaussian bumps half as wide as their spacing: much wider ones overlap so
    /// far that the functions depend on each other, to rounding.
    fn default() -> Self {
        Self { n_partitions: 32, degree: 6, bump: Bump::Gaussian, relative_width: 0.5, solve: Solve::Full }
    }
}

impl PouOptions {
    /// The basis over times that increase.
    pub(super) fn basis(&self, times: ArrayView1<'_, f64>) -> Result<PouBasis> {
        check_times(times)?;
        let (start, end) = match (times.first(), times.last()) {
            (Some(start), Some(end)) if start < end => (*start, *end),
            _ => return Err(description("number of times".into(), times.len().to_string(), "at least 2")),
        };
        let partition = Partition::even(self.bump, start, end, self.n_partitions, self.relative_width)?;
        Ok(PouBasis::new(partition, self.degree, start, end))
    }
}

impl PouBasis {
    pub(super) fn new(partition: Partition, degree: usize, start: f64, end: f64) -> Self {
        let scale = (end - start) / partition.len().saturating_sub(1).max(1) as f64;
        Self { partition, degree, scale }
    }
}

/// A network fitted to samples.
#[derive(Debug, Clone, PartialEq)]
pub struct PouFit {
    /// The network.
    pub network: PouNetwork,
    /// Numerical rank of the least squares problem: less than the number of functions only where [`Solve::LeastNorm`] was asked
    /// for.
    pub rank: usize,
    /// Root mean square of the residuals over all samples and channels.
    pub rms: f64,
}

/// Fits a network to `values` (k,T) of k channels at T `times`.
///
/// # Errors
/// [`Error::Times`] unless the times increase; [`Error::Shape`] and [`Error::Description`] for values or options that make no
/// sense; [`Error::Deficient`] when the samples do not determine the coefficients and neither a ridge nor the least norm was
/// asked for; [`Error::LinearAlgebra`].
pub fn fit_pou(times: ArrayView1<'_, f64>, values: ArrayView2<'_, f64>, options: &PouOptions) -> Result<PouFit> {
    let basis = options.basis(times)?;
    check_values(times, values)?;
    fit_basis(basis, times, values, options.solve)
}

pub(super) fn fit_basis(
    basis: PouBasis,
    times: ArrayView1<'_, f64>,
    values: ArrayView2<'_, f64>,
    how: Solve,
) -> Result<PouFit> {
    let matrix = basis.matrix(times);
    let solution = solve(matrix.clone(), values.t(), how)?;
    let residual = &values.t() - &matrix.dot(&solution.coefficients);
    let rms = residual.pow2().mean().unwrap_or(0.0).sqrt();
    let network = PouNetwork { basis, coefficients: solution.coefficients };
    Ok(PouFit { network, rank: solution.rank, rms })
}

/// Times must be finite and each later than the one before.
pub(crate) fn check_times(times: ArrayView1<'_, f64>) -> Result<()> {
    if let Some((index, time)) = times.iter().enumerate().find(|(_, time)| !time.is_finite()) {
        return Err(description(format!("time {index}"), time.to_string(), "finite"));
    }
    match (1..times.len()).find(|&index| times[index] <= times[index - 1]) {
        Some(index) => Err(Error::Times { index, previous: times[index - 1], time: times[index] }),
        None => Ok(()),
    }
}

pub(super) fn check_values(times: ArrayView1<'_, f64>, values: ArrayView2<'_, f64>) -> Result<()> {
    if values.ncols() != times.len() {
        return Err(description("number of samples".into(), values.ncols().to_string(), "the number of times"));
    }
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((channel, sample), value)) => {
            Err(description(format!("sample {sample} of channel {channel}"), value.to_string(), "finite"))
        }
        None => Ok(()),
    }
}
