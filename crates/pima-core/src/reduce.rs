//! Sums over clusters. Each keeps several partial sums, in a fixed order: the compiler may not reorder a sum of floats by itself,
//! so a single running sum would neither use vectors nor hide the latency of an addition.

const LANES: usize = 8;

/// `sum_c a_c`.
#[inline]
pub(crate) fn sum(a: &[f64]) -> f64 {
    let (chunks, rest) = a.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for a in chunks {
        for k in 0..LANES {
            lanes[k] += a[k];
        }
    }
    add_up(lanes) + rest.iter().sum::<f64>()
}

/// `sum_c a_c b_c`.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    add_up(lanes) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// `sum_c w_c p_c (x - m_c)`.
///
/// Differences first: `x sum w p - sum w p m` would lose all digits of clusters that are narrow and far from zero.
#[inline]
pub(crate) fn weighted_offset(weight: &[f64], precision: &[f64], center: &[f64], x: f64) -> f64 {
    let (weight, weight_rest) = weight.as_chunks::<LANES>();
    let (precision, precision_rest) = precision.as_chunks::<LANES>();
    let (center, center_rest) = center.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for ((weight, precision), center) in weight.iter().zip(precision).zip(center) {
        for k in 0..LANES {
            lanes[k] += weight[k] * precision[k] * (x - center[k]);
        }
    }
    let rest = weight_rest.iter().zip(precision_rest).zip(center_rest);
    add_up(lanes) + rest.map(|((weight, precision), center)| weight * precision * (x - center)).sum::<f64>()
}

/// The largest value; NaN is passed over, and nothing is minus infinity.
#[inline]
pub(crate) fn largest(values: &[f64]) -> f64 {
    let greater = |a: f64, b: f64| if b > a { b } else { a };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f64::NEG_INFINITY; LANES];
    for values in chunks {
        for k in 0..LANES {
            lanes[k] = greater(lanes[k], values[k]);
        }
    }
    lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, greater)
}

/// By halves, as vectors are added up.
#[inline]
fn add_up(lanes: [f64; LANES]) -> f64 {
    let mut four = [0.0; 4];
    for k in 0..4 {
        four[k] = lanes[k] + lanes[k + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers: every order of summation is exact, so the plain sum is the oracle for every length.
    #[test]
    fn all_lengths_agree_with_the_plain_sum() {
        for n in 0..40_usize {
            let a: Vec<f64> = (0..n).map(|i| (i * 7 % 11) as f64 - 5.0).collect();
            let b: Vec<f64> = (0..n).map(|i| (i * 5 % 13) as f64 - 6.0).collect();
            let c: Vec<f64> = (0..n).map(|i| (i * 3 % 7) as f64).collect();
            assert_eq!(sum(&a), a.iter().sum::<f64>());
            assert_eq!(dot(&a, &b), (0..n).map(|i| a[i] * b[i]).sum::<f64>());
            assert_eq!(weighted_offset(&a, &b, &c, 2.5), (0..n).map(|i| a[i] * b[i] * (2.5 - c[i])).sum::<f64>());
            assert_eq!(largest(&a), a.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }
    }

    #[test]
    fn the_largest_passes_over_nan() {
        let mut values = [-3.0; 12];
        values[2] = f64::NAN;
        values[11] = -1.0;
        assert_eq!(largest(&values), -1.0);
    }
}
