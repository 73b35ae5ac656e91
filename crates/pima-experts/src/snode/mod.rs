//! Neural ODEs with a dictionary as right-hand side, identified from curves (Walker et al. 2023, section 4.2).

// Equations made of monomials.
mod dictionary;
// Trajectories are given: eq. 26 of the paper.
mod given;
// Only the start is given.
mod identified;
#[cfg(test)]
mod tests;

use ndarray::ArrayView1;
use pima_core::{Expert, ExpertError};

pub use dictionary::{DictionaryOde, Term};
pub use given::{SnodeExpert, stack_trajectories};
pub use identified::{Observed, OdeExpert, OdeOptions};

/// The arrays of a fit must have the expert's lengths, and what counts must be finite.
pub(crate) fn check_fit(
    expert: &dyn Expert,
    mean: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    theta: ArrayView1<'_, f64>,
) -> Result<(), ExpertError> {
    let (n_outputs, n_parameters) = (expert.n_outputs(), expert.n_parameters());
    let lengths =
        [("mean", mean.len(), n_outputs), ("weight", weight.len(), n_outputs), ("theta", theta.len(), n_parameters)];
    if let Some(&(array, got, expected)) = lengths.iter().find(|(_, got, expected)| got != expected) {
        return Err(ExpertError::Shape { array, expected, got });
    }
    if let Some(index) = weight.iter().position(|value| !value.is_finite()) {
        return Err(ExpertError::NotFinite { array: "weight", index });
    }
    if weight.iter().any(|&value| value < 0.0) || weight.iter().all(|&value| value == 0.0) {
        return Err(ExpertError::NoWeight);
    }
    match (0..n_outputs).find(|&j| weight[j] > 0.0 && !mean[j].is_finite()) {
        Some(index) => Err(ExpertError::NotFinite { array: "mean", index }),
        None => Ok(()),
    }
}
