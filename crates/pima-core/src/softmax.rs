//! Normalising log-weights: the softmax by log-sum-exp, on which every responsibility of this crate rests.

use fearless_simd::prelude::*;

use crate::simd::{LANES, Level, Simd, Vector, dispatch, exp_nonpositive, load_or, store};

/// Far enough to have no weight at all, and far enough from overflow to be added up: `0 * inf` would be NaN.
pub(crate) const CUT_OFF: f64 = 1e300;

/// Turns `scores` into `exp(score - log sum exp)` in place and returns the log-sum-exp.
///
/// The largest score is subtracted first, so the sum is at least one and never underflows. The result sums to one unless no
/// score is above minus infinity or one is NaN; then it holds NaN.
pub(crate) fn softmax_in_place(scores: &mut [f64]) -> f64 {
    let (largest, total) = dispatch!(Level::new(), simd => softmax(simd, scores));
    largest + total.ln()
}

/// Log-sum-exp of `scores`, which are left as they are.
pub(crate) fn log_sum_exp(scores: &[f64]) -> f64 {
    let (largest, total) = dispatch!(Level::new(), simd => {
        let largest = largest(simd, scores);
        (largest, sum_of_exponentials(simd, scores, largest))
    });
    if largest == f64::NEG_INFINITY { largest } else { largest + total.ln() }
}

/// The softmax in place; returns the largest score and the sum of `exp(score - largest)`.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f64]) -> (f64, f64) {
    let largest = largest(simd, scores);
    let mut total = Vector::splat(simd, 0.0);
    for at in (0..scores.len()).step_by(LANES) {
        let e = exp_nonpositive(simd, load_or(simd, scores, at, f64::NEG_INFINITY) - largest);
        total += e;
        store(e, scores, at);
    }
    let total = simd.reduce_sum_f64x8(total);
    for score in scores.iter_mut() {
        *score *= 1.0 / total;
    }
    (largest, total)
}

#[inline(always)]
fn sum_of_exponentials<S: Simd>(simd: S, scores: &[f64], largest: f64) -> f64 {
    let mut total = Vector::splat(simd, 0.0);
    for at in (0..scores.len()).step_by(LANES) {
        total += exp_nonpositive(simd, load_or(simd, scores, at, f64::NEG_INFINITY) - largest);
    }
    simd.reduce_sum_f64x8(total)
}

/// The largest value; NaN is passed over, and nothing is minus infinity.
#[inline(always)]
fn largest<S: Simd>(simd: S, values: &[f64]) -> f64 {
    let mut largest = Vector::splat(simd, f64::NEG_INFINITY);
    for at in (0..values.len()).step_by(LANES) {
        let value = load_or(simd, values, at, f64::NEG_INFINITY);
        largest = value.simd_gt(largest).select(value, largest);
    }
    simd.reduce_max_f64x8(largest)
}

/// Index of the largest value; the first one of several. Zero if `values` is empty.
pub(crate) fn argmax(values: impl IntoIterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.into_iter().enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_below_underflow_the_sum_is_still_one() {
        for n in [3, 8, 19] {
            let mut scores = vec![-2.0e6; n];
            scores[0] = -1.0e6;
            scores[n - 1] = -1.0e6 - 1.0;
            let normaliser = softmax_in_place(&mut scores);
            let odds = (-1.0_f64).exp();
            assert!((normaliser - (-1.0e6 + (1.0 + odds).ln())).abs() < 1e-9);
            assert!((scores[0] - 1.0 / (1.0 + odds)).abs() < 1e-15);
            assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert_eq!(scores[1], 0.0);
        }
    }

    #[test]
    fn scores_at_the_ends_of_the_range_make_no_nan() {
        let mut g = [f64::MAX, -f64::MAX, f64::NEG_INFINITY];
        softmax_in_place(&mut g);
        assert_eq!(g, [1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_largest_of_every_length_and_past_nan() {
        for n in 0..40_usize {
            let mut values: Vec<f64> = (0..n).map(|i| (i * 7 % 11) as f64 - 5.0).collect();
            if n > 3 {
                values[2] = f64::NAN;
            }
            let expected = values.iter().copied().filter(|value| !value.is_nan()).fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(dispatch!(Level::new(), simd => largest(simd, &values)), expected);
        }
    }

    #[test]
    fn log_sum_exp_of_equal_scores_adds_the_log_of_their_number() {
        assert!((log_sum_exp(&[700.0; 8]) - (700.0 + 8.0_f64.ln())).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!(argmax([1.0, 3.0, 3.0, 2.0]), 1);
    }
}
