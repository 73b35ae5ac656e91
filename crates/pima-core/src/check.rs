//! Checks of shapes and values, shared by every entry point.

use ndarray::{ArrayBase, Data, Dimension};

use crate::{Error, Location, Result};

/// Fails with [`Error::Shape`] unless `got` is `expected`; `symbols` names the axes, for example `(B,N)`.
pub(crate) fn shape(operation: &'static str, symbols: &'static str, expected: &[usize], got: &[usize]) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { operation, expected: format!("{symbols} = {expected:?}"), got: format!("{got:?}") })
}

/// Fails with [`Error::NotFinite`] at the first value that is NaN or infinite; `locate` turns its index into a place.
pub(crate) fn finite<S, D>(
    array: &'static str,
    values: &ArrayBase<S, D>,
    locate: impl Fn(D::Pattern) -> Location,
) -> Result<()>
where
    S: Data<Elem = f64>,
    D: Dimension,
{
    if all_finite(values) {
        return Ok(());
    }
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some((index, &value)) => Err(Error::NotFinite { array, at: locate(index), value }),
        None => Ok(()),
    }
}

/// Whether no value is NaN or infinite.
pub(crate) fn all_finite<S, D>(values: &ArrayBase<S, D>) -> bool
where
    S: Data<Elem = f64>,
    D: Dimension,
{
    match values.as_slice_memory_order() {
        Some(values) => all_finite_slice(values),
        None => values.iter().all(|value| value.is_finite()),
    }
}

/// Whether no value is NaN or infinite. Branch-free, so that it vectorises: `0 * x` is zero for finite x and NaN otherwise.
pub(crate) fn all_finite_slice(values: &[f64]) -> bool {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().map(|value| 0.0 * value).sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += 0.0 * value;
        }
    }
    (lanes.iter().sum::<f64>() + rest) == 0.0
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn every_position_is_seen() {
        for length in [1, 7, 8, 9, 24, 31] {
            for position in 0..length {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut values = vec![-f64::MAX; length];
                    assert!(all_finite_slice(&values));
                    values[position] = bad;
                    assert!(!all_finite_slice(&values), "{bad} at {position} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_first_bad_value_is_located_in_logical_order() {
        let values: Array2<f64> = array![[1.0, 2.0], [f64::INFINITY, 4.0], [5.0, f64::NAN]];
        let locate = |(sample, dimension)| Location::sample(sample).in_dimension(dimension);
        match finite("mean", &values, locate) {
            Err(Error::NotFinite { array: "mean", at, value }) => {
                assert_eq!(at, Location::sample(1).in_dimension(0));
                assert_eq!(value, f64::INFINITY);
            }
            other => panic!("{other:?}"),
        }
        assert!(finite("mean", &values.t(), |(j, b)| locate((b, j))).is_err());
    }

    #[test]
    fn a_shape_error_names_the_symbols() {
        let error = shape("responsibilities: z", "(B,l)", &[4, 2], &[4, 3]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "responsibilities: z: expected (B,l) = [4, 2], got [4, 3]; pass arrays whose shapes agree"
        );
    }
}
