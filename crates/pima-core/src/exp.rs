//! The exponential of numbers that are not positive, in a form that the compiler can turn into vector instructions.

/// 1.5 * 2^52: adding it to a number below 2^51 rounds that number to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts; the first has trailing zeros enough that its products with the exponents of f64 are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Where exp(x) leaves the normal numbers.
const UNDERFLOW: f64 = -708.0;

/// `exp(x)` for x at most zero, within two units in the last place; zero below -708, where it would be less than 4e-308. NaN
/// stays NaN, and `exp(0)` is exactly one.
///
/// The softmax over clusters spends most of its time in exponentials, and a call to the system's `exp` for each keeps the loop
/// from being vectorised. `x = k ln 2 + r` with `|r| <= ln(2)/2`, then the Taylor polynomial of degree 13, whose remainder is
/// below 5e-18, and `2^k` by its bits.
#[inline]
pub(crate) fn exp_nonpositive(x: f64) -> f64 {
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Pairwise rather than nested: the terms do not wait for each other.
    let r2 = r * r;
    let r4 = r2 * r2;
    let r8 = r4 * r4;
    let c2_c5 = (1.0 / 2.0 + r * (1.0 / 6.0)) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
    let c6_c9 = (1.0 / 720.0 + r * (1.0 / 5_040.0)) + r2 * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let c10_c13 =
        (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) + r2 * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let tail = c2_c5 + (r4 * c6_c9 + r8 * c10_c13);
    let fraction = 1.0 + (r + r2 * tail);
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    if x < UNDERFLOW { 0.0 } else { power * fraction }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ends_of_the_domain() {
        assert_eq!(exp_nonpositive(0.0), 1.0);
        assert_eq!(exp_nonpositive(-0.0), 1.0);
        assert_eq!(exp_nonpositive(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp_nonpositive(-f64::MAX), 0.0);
        assert_eq!(exp_nonpositive(-708.001), 0.0);
        assert!(exp_nonpositive(-708.0) >= f64::MIN_POSITIVE);
        assert!(exp_nonpositive(f64::NAN).is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_the_system_to_two_units(exponent in -20.0..2.85) {
            // Logarithmically spread, so that arguments next to zero are tried as well.
            let x = -10.0_f64.powf(exponent);
            let (got, expected) = (exp_nonpositive(x), x.exp());
            prop_assert!((got - expected).abs() <= 2.0 * f64::EPSILON * expected, "{x}: {got:e}, expected {expected:e}");
        }
    }
}
