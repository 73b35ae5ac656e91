//! Root mean square error of predictions.

use ndarray::{ArrayView, Dimension};

use crate::{Error, Result};

/// Root mean square error `sqrt(mean((predicted - truth)^2))` over all entries of two arrays of one shape, in their units.
///
/// # Errors
/// [`Error::Shape`] when the shapes differ, [`Error::Empty`] without entries, [`Error::NotFinite`] naming the first row (sample)
/// whose difference is not finite: a score must not hide a NaN.
pub fn rmse<D: Dimension>(predicted: ArrayView<'_, f64, D>, truth: ArrayView<'_, f64, D>) -> Result<f64> {
    if predicted.shape() != truth.shape() {
        return Err(Error::Shape {
            operation: "rmse of predicted and truth",
            expected: format!("the shape of predicted, {:?}", predicted.shape()),
            got: format!("{:?}", truth.shape()),
        });
    }
    if predicted.is_empty() {
        return Err(Error::Empty { operation: "rmse", what: "the array of predictions" });
    }
    let per_row = predicted.len() / predicted.shape().first().copied().unwrap_or(1);
    let mut sum = 0.0;
    for (index, (&predicted, &truth)) in predicted.iter().zip(&truth).enumerate() {
        let error = predicted - truth;
        if !error.is_finite() {
            let array = if predicted.is_finite() { "truth" } else { "predicted" };
            let value = if predicted.is_finite() { truth } else { predicted };
            return Err(Error::NotFinite { array, at: crate::Location::sample(index / per_row), value });
        }
        sum += error * error;
    }
    Ok((sum / predicted.len() as f64).sqrt())
}
