//! Normalising log-weights: the softmax by log-sum-exp, on which every responsibility of this crate rests.

/// Turns `scores` into `exp(score - log sum exp)` in place and returns the log-sum-exp.
///
/// The largest score is subtracted first, so the sum is at least one and never underflows. The result sums to one unless no
/// score is above minus infinity or one is NaN; then it holds NaN.
pub(crate) fn softmax_in_place(scores: &mut [f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    let scale = 1.0 / sum;
    for score in scores.iter_mut() {
        *score *= scale;
    }
    largest + sum.ln()
}

/// Log-sum-exp of `scores`, which are left as they are.
pub(crate) fn log_sum_exp(scores: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    largest + scores.iter().map(|score| (score - largest).exp()).sum::<f64>().ln()
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
        let mut scores = [-1.0e6, -1.0e6 - 1.0, -2.0e6];
        let normaliser = softmax_in_place(&mut scores);
        let odds = (-1.0_f64).exp();
        assert!((normaliser - (-1.0e6 + (1.0 + odds).ln())).abs() < 1e-9);
        assert!((scores[0] - 1.0 / (1.0 + odds)).abs() < 1e-15);
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert_eq!(scores[2], 0.0);
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
