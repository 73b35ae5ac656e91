//! Calibration of a clustering: whether assignments made with probability p are right in a fraction p of the cases.

use serde::{Deserialize, Serialize};

/// Assignments whose probability lies in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// How many.
    pub n: u64,
    /// Mean of their probabilities; 0 without any.
    pub confidence: f64,
    /// Fraction of them that is right; 0 without any.
    pub accuracy: f64,
}

/// A reliability diagram: probabilities in bins of equal width over [0, 1], beside how often they are right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// From probability 0 up.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: `sum_k n_k / n |accuracy_k - confidence_k|` (Naeini et al. 2015); NaN without assignments.
    pub error: f64,
}

impl Reliability {
    /// Of assignments with these probabilities that are `right` or not, in `n_bins` bins. A probability of exactly one belongs to the last bin; ones that are
    /// not in [0, 1] are left out, and so is what is longer than the other argument.
    pub fn new(probability: &[f64], right: &[bool], n_bins: usize) -> Self {
        let n_bins = n_bins.max(1);
        let mut sums = vec![(0_u64, 0.0, 0.0); n_bins];
        for (&p, &right) in probability.iter().zip(right).filter(|(p, _)| (0.0..=1.0).contains(*p)) {
            let (n, confidence, hits) = &mut sums[((p * n_bins as f64) as usize).min(n_bins - 1)];
            *n += 1;
            *confidence += p;
            *hits += f64::from(u8::from(right));
        }
        let total: u64 = sums.iter().map(|(n, ..)| n).sum();
        let bins: Vec<_> = sums
            .into_iter()
            .map(|(n, confidence, hits)| {
                let mean = |sum: f64| if n == 0 { 0.0 } else { sum / n as f64 };
                ReliabilityBin { n, confidence: mean(confidence), accuracy: mean(hits) }
            })
            .collect();
        let gaps = bins.iter().map(|bin| bin.n as f64 * (bin.accuracy - bin.confidence).abs());
        Self { error: gaps.sum::<f64>() / total as f64, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_error_by_hand() {
        let probability = [0.05, 0.95, 0.97, 1.0, 0.55, f64::NAN];
        let right = [false, true, false, true, true, true];
        let of = Reliability::new(&probability, &right, 10);
        assert_eq!(of.bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), [1, 0, 0, 0, 0, 1, 0, 0, 0, 3]);
        assert!((of.bins[9].accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert!((of.bins[9].confidence - 2.92 / 3.0).abs() < 1e-12);
        let expected = (0.05 + (1.0 - 0.55) + (2.92 - 2.0)) / 5.0;
        assert!((of.error - expected).abs() < 1e-12, "{}", of.error);
    }

    #[test]
    fn what_is_always_as_right_as_it_says_has_no_error() {
        let probability = vec![0.75; 400];
        let right: Vec<bool> = (0..400).map(|i| i % 4 != 0).collect();
        assert!(Reliability::new(&probability, &right, 15).error < 1e-12);
        assert!(Reliability::new(&[], &[], 15).error.is_nan());
    }
}
