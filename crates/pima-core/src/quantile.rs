//! Distribution function and quantiles of a mixture of Gaussians, for predictive intervals and their calibration.

/// The quantile `p` in (0, 1) of `sum_k weight_k N(mean_k, sd^2)`: where the mixture's distribution function is `p`, to 1e-9 of `sd`.
///
/// `weight` and `mean` have one entry per component; weights are non-negative and need not sum to one. With `sd` zero the mixture is a set of points and
/// the smallest point at which the distribution function reaches `p` is returned. NaN when an input is not finite, `sd` is negative, no weight is positive
/// or `p` is outside (0, 1).
pub fn mixture_quantile(weight: &[f64], mean: &[f64], sd: f64, p: f64) -> f64 {
    let total: f64 = weight.iter().sum();
    let with_weight = || with_weight(weight, mean);
    let bad = with_weight().any(|(w, m)| !w.is_finite() || *w < 0.0 || !m.is_finite());
    if bad || !(total > 0.0 && sd >= 0.0 && sd.is_finite() && p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    let lowest = with_weight().map(|(_, &m)| m).fold(f64::INFINITY, f64::min);
    let highest = with_weight().map(|(_, &m)| m).fold(f64::NEG_INFINITY, f64::max);
    let below = |x: f64| below(weight, mean, sd, x) / total;
    // Every component has less than p below the lowest mean less 40 sd, and more above the highest plus 40 sd, for any p that f64 holds.
    let (mut low, mut high) = (lowest - 40.0 * sd, highest + 40.0 * sd);
    if below(low) >= p {
        return low;
    }
    let tolerance = (1e-9 * sd).max(f64::EPSILON * low.abs().max(high.abs()));
    while high - low > tolerance {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) < p { low = middle } else { high = middle }
    }
    high
}

/// The distribution function at `x` of `sum_k weight_k N(mean_k, sd^2)`: the probability of a value of at most `x`. Arguments are as those of
/// [`mixture_quantile`]; NaN when no weight is positive.
pub fn mixture_cdf(weight: &[f64], mean: &[f64], sd: f64, x: f64) -> f64 {
    below(weight, mean, sd, x) / weight.iter().sum::<f64>()
}

/// Weight of what is at most `x`.
fn below(weight: &[f64], mean: &[f64], sd: f64, x: f64) -> f64 {
    let each = with_weight(weight, mean).map(|(w, m)| {
        // With sd zero: a step at the point, which belongs to it.
        w * if sd == 0.0 {
            f64::from(u8::from(x >= *m))
        } else {
            0.5 * libm::erfc((m - x) / sd * std::f64::consts::FRAC_1_SQRT_2)
        }
    });
    each.sum()
}

fn with_weight<'a>(weight: &'a [f64], mean: &'a [f64]) -> impl Iterator<Item = (&'a f64, &'a f64)> {
    weight.iter().zip(mean).filter(|(w, _)| **w != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_at_a_quantile_is_its_probability() {
        let (weight, mean) = ([0.2, 0.5, 0.0, 1.3], [-3.0, 1.0, f64::NAN, 4.0]);
        for p in [0.01, 0.25, 0.5, 0.9] {
            let x = mixture_quantile(&weight, &mean, 0.7, p);
            assert!((mixture_cdf(&weight, &mean, 0.7, x) - p).abs() < 1e-8);
        }
        assert_eq!(mixture_cdf(&[1.0, 1.0], &[0.0, 2.0], 0.0, 1.0), 0.5);
        assert!(mixture_cdf(&[0.0], &[0.0], 1.0, 0.0).is_nan());
    }

    #[test]
    fn of_one_gaussian() {
        // 1.6448536269514722 and 1.2815515655446004: quantiles 0.95 and 0.9 of N(0, 1).
        for (p, z) in [(0.5, 0.0), (0.95, 1.644_853_626_951_472_2), (0.1, -1.281_551_565_544_600_4)] {
            let q = mixture_quantile(&[2.0, 0.0], &[3.0, f64::NAN], 0.5, p);
            assert!((q - (3.0 + 0.5 * z)).abs() < 1e-8, "{p}: {q}");
        }
    }

    #[test]
    fn of_two_modes_and_of_points() {
        let q = |p| mixture_quantile(&[0.5, 0.5], &[-10.0, 10.0], 1.0, p);
        assert!((q(0.25) + 10.0).abs() < 1e-7 && (q(0.75) - 10.0).abs() < 1e-7);
        let points = |p| mixture_quantile(&[0.25, 0.25, 0.5], &[3.0, 1.0, 2.0], 0.0, p);
        for (p, point) in [(0.1, 1.0), (0.25, 1.0), (0.5, 2.0), (0.75, 2.0), (0.8, 3.0)] {
            assert!((points(p) - point).abs() < 1e-12, "{p}: {}", points(p));
        }
    }

    #[test]
    fn nonsense_is_nan() {
        for (weight, sd, p) in [(-1.0, 1.0, 0.5), (0.0, 1.0, 0.5), (1.0, -1.0, 0.5), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0)] {
            assert!(mixture_quantile(&[weight], &[0.0], sd, p).is_nan());
        }
        assert!(mixture_quantile(&[1.0], &[f64::INFINITY], 1.0, 0.5).is_nan());
    }
}
