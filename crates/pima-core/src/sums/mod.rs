//! M-steps as sums that stream over batches and add up across threads and machines.

mod curve;
mod mixture;
#[cfg(test)]
mod tests;

pub use curve::CurveSums;
pub use mixture::{MixtureSums, MixtureUpdate, VarianceUpdate};

use ndarray::ArrayView2;

use crate::{Error, Location, Result, check};

/// Summed responsibility below which a cluster counts as empty: a row of responsibilities sums to one only to about this, so less
/// is the residue of rounding and no evidence.
pub(crate) const EMPTY_COUNT: f64 = 1e-12;

/// Sums of weighted values in a form that loses no digits to a common offset: total weight, mean, and squared deviation from
/// the mean. `sum w x^2 - (sum w x)^2/n` would lose a variance of 1e-6 at 1e6 entirely. A batch's moments are taken in two passes
/// and then merged, so that the mean is rounded once a batch: rounded once a sample, it drifts by as many units in the last place.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    deviation: f64,
}

impl Moments {
    /// The moments of two sets together (Chan, Golub and LeVeque 1983).
    fn merge(self, other: Self) -> Self {
        if other.count == 0.0 {
            return self;
        }
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let offset = other.mean - self.mean;
        let share = other.count / count;
        Self {
            count,
            mean: self.mean + offset * share,
            deviation: self.deviation + other.deviation + offset * offset * (self.count * share),
        }
    }
}

/// Responsibilities (B,N) must be finite and not negative. They need not sum to one: they may carry a sample's weight.
pub(crate) fn check_responsibilities(responsibilities: &ArrayView2<'_, f64>) -> Result<()> {
    let place = |(b, c)| Location::sample(b).in_cluster(c);
    check::finite("responsibilities", responsibilities, place)?;
    if responsibilities.iter().all(|value| *value >= 0.0) {
        return Ok(());
    }
    match responsibilities.indexed_iter().find(|(_, value)| **value < 0.0) {
        Some((index, &value)) => Err(Error::InvalidParameter {
            name: format!("responsibility at {}", place(index)),
            value,
            requirement: "at least 0",
        }),
        None => Ok(()),
    }
}

/// A floor under variances must leave them invertible.
fn check_floor(floor: f64) -> Result<()> {
    if floor >= f64::MIN_POSITIVE && floor.is_finite() {
        return Ok(());
    }
    Err(Error::InvalidParameter { name: "variance_floor".into(), value: floor, requirement: "positive and finite" })
}
