//! The exponential.

use super::{FRACTION_BITS, LN_2_HIGH, LN_2_LOW, ROUND, Simd, Vector};
use fearless_simd::prelude::*;

/// Where exp(x) leaves the normal numbers.
const UNDERFLOW: f64 = -708.0;

/// Beyond these exp(x) is zero or infinite.
const ZERO: f64 = -746.0;
const INFINITE: f64 = 710.0;

/// `exp(x)` within two units in the last place, for all x: gradually to zero and to infinity, and NaN stays NaN. `exp(0)` is exactly
/// one.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: Vector<S>) -> Vector<S> {
    let low = Vector::splat(simd, ZERO);
    let high = Vector::splat(simd, INFINITE);
    // Comparisons with NaN are false: it is passed on.
    let x = x.simd_lt(low).select(low, x);
    let x = x.simd_gt(high).select(high, x);
    let (k, fraction) = reduced(simd, x);
    // In two steps: 2^k itself can lie outside the range of normal numbers.
    let half = (k * 0.5 + ROUND) - ROUND;
    fraction * power_of_two(simd, half) * power_of_two(simd, k - half)
}

/// `exp(x)` for x at most zero, within two units in the last place; zero below -708, where it would be less than 4e-308. NaN
/// stays NaN, and `exp(0)` is exactly one.
#[inline(always)]
pub(crate) fn exp_nonpositive<S: Simd>(simd: S, x: Vector<S>) -> Vector<S> {
    let (k, fraction) = reduced(simd, x);
    let value = fraction * power_of_two(simd, k);
    x.simd_lt(UNDERFLOW).select(Vector::splat(simd, 0.0), value)
}

/// k and exp(r) of `x = k ln 2 + r`, k an integer and `|r| <= ln(2)/2`.
///
/// The polynomial is `1 + r + r^2 q(r)` with the q of degree 9 whose largest error relative to exp(r) is least, 4e-18.
#[inline(always)]
fn reduced<S: Simd>(simd: S, x: Vector<S>) -> (Vector<S>, Vector<S>) {
    let c = |value: f64| Vector::splat(simd, value);
    let k = x.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    let r = k.mul_add(-LN_2_LOW, k.mul_add(-LN_2_HIGH, x));
    // By pairs rather than nested: fewer terms wait for each other.
    let r2 = r * r;
    let r4 = r2 * r2;
    let q01 = r.mul_add(0.166_666_666_666_664_13, 0.500_000_000_000_001_1);
    let q23 = r.mul_add(0.008_333_333_333_494_463, 0.041_666_666_666_530_16);
    let q45 = r.mul_add(0.000_198_412_695_065_711_07, 0.001_388_888_894_362_984);
    let q67 = r.mul_add(2.755_758_638_258_107_5e-6, 2.480_149_309_914_401e-5);
    let q89 = r.mul_add(2.500_005_834_905_014_5e-8, 2.763_024_830_872_524e-7);
    let q03 = r2.mul_add(q23, q01);
    let q47 = r2.mul_add(q67, q45);
    let q49 = r4.mul_add(q89, q47);
    let q = r4.mul_add(q49, q03);
    (k, r2.mul_add(q, r) + c(1.0))
}

/// `2^k` for the exponents of normal numbers; any value for others.
#[inline(always)]
fn power_of_two<S: Simd>(simd: S, k: Vector<S>) -> Vector<S> {
    // The sum has k + 1023 in its lowest bits; the shift makes an exponent of it and drops the rest.
    let biased = (k + (ROUND + 1023.0)).to_bits();
    Vector::from_bits(simd.shl_u64x8(biased, FRACTION_BITS))
}
