//! Normalising log-weights: the softmax by log-sum-exp, on which every responsibility of this crate rests.

use crate::exp::exp_nonpositive;
use crate::reduce::{largest, sum};

/// Far enough to have no weight at all, and far enough from overflow to be added up: `0 * inf` would be NaN.
pub(crate) const CUT_OFF: f64 = 1e300;

/// Turns `scores` into `exp(score - log sum exp)` in place and returns the log-sum-exp.
///
/// The largest score is subtracted first, so the sum is at least one and never underflows. The result sums to one unless no
/// score is above minus infinity or one is NaN; then it holds NaN.
pub(crate) fn softmax_in_place(scores: &mut [f64]) -> f64 {
    let largest = largest(scores);
    for score in scores.iter_mut() {
        *score = exp_nonpositive(*score - largest);
    }
    largest + normalise(scores).ln()
}

/// Takes the largest score off `scores`, writes their softmax into `g`, and returns `log sum exp` of what is left of them.
///
/// Scores are cut off at [`CUT_OFF`] below the largest. Without a finite score `g` is NaN.
pub(crate) fn softmax_keeping_scores(scores: &mut [f64], g: &mut [f64]) -> f64 {
    let largest = largest(scores);
    for (score, g) in scores.iter_mut().zip(g.iter_mut()) {
        *score = (*score - largest).max(-CUT_OFF);
        *g = exp_nonpositive(*score);
    }
    normalise(g).ln()
}

/// Log-sum-exp of `scores`, which are left as they are.
pub(crate) fn log_sum_exp(scores: &[f64]) -> f64 {
    let largest = largest(scores);
    if largest == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    largest + scores.iter().map(|score| exp_nonpositive(score - largest)).sum::<f64>().ln()
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

/// Divides `values` by their sum, which is returned.
fn normalise(values: &mut [f64]) -> f64 {
    let sum = sum(values);
    let scale = 1.0 / sum;
    for value in values.iter_mut() {
        *value *= scale;
    }
    sum
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
            let mut shifted = scores.clone();
            let mut g = vec![0.0; n];
            let log_sum = softmax_keeping_scores(&mut shifted, &mut g);
            let normaliser = softmax_in_place(&mut scores);
            let odds = (-1.0_f64).exp();
            assert!((normaliser - (-1.0e6 + (1.0 + odds).ln())).abs() < 1e-9);
            assert!((log_sum - (1.0 + odds).ln()).abs() < 1e-15);
            assert!((scores[0] - 1.0 / (1.0 + odds)).abs() < 1e-15);
            assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert_eq!(scores[1], 0.0);
            assert_eq!(scores, g);
            assert_eq!((shifted[0], shifted[n - 1]), (0.0, -1.0));
        }
    }

    #[test]
    fn scores_at_the_ends_of_the_range_make_no_nan() {
        let mut g = [0.0; 3];
        softmax_keeping_scores(&mut [f64::MAX, -f64::MAX, f64::NEG_INFINITY], &mut g);
        assert_eq!(g, [1.0, 0.0, 0.0]);
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
