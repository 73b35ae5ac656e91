//! The natural logarithm.

use super::{FRACTION_BITS, LN_2_HIGH, LN_2_LOW, Simd, Vector};
use fearless_simd::prelude::*;

const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const FRACTION_MASK: u64 = (1 << FRACTION_BITS) - 1;
/// Of 2^52: an integer below 2^52 in the bits of its fraction is added to it.
const TWO_TO_52_BITS: u64 = 0x4330_0000_0000_0000;
const TWO_TO_52: f64 = 4_503_599_627_370_496.0;

/// `ln(x)` within two units in the last place: minus infinity at zero, NaN below it and of NaN. `ln(1)` is exactly zero.
#[inline(always)]
pub(crate) fn ln<S: Simd>(simd: S, x: Vector<S>) -> Vector<S> {
    const SCALE: f64 = 18_014_398_509_481_984.0; // 2^54
    let c = |value: f64| Vector::splat(simd, value);
    // Subnormal numbers are brought among the normal ones.
    let subnormal = x.simd_lt(f64::MIN_POSITIVE);
    let scaled = subnormal.select(x * SCALE, x);
    let shift = subnormal.select(c(54.0), c(0.0));
    let value = ln_normal(simd, scaled, shift);
    let value = x.simd_eq(c(0.0)).select(c(f64::NEG_INFINITY), value);
    let value = x.simd_eq(c(f64::INFINITY)).select(c(f64::INFINITY), value);
    // Of a negative number and of NaN.
    x.simd_ge(c(0.0)).select(value, c(f64::NAN))
}

/// `ln(x) - shift ln 2` of a normal positive number.
///
/// With `x = 2^k (1 + f)`, `1 + f` between sqrt(1/2) and sqrt(2), and `s = f/(2 + f)`: `ln(1 + f) = 2 atanh(s)`, of which
/// `2s = f - s f` and `s f` are split off exactly enough; the rest is `s^3` times the polynomial in `s^2` of degree 6 whose largest
/// error is least, 3e-16.
#[inline(always)]
fn ln_normal<S: Simd>(simd: S, x: Vector<S>, shift: Vector<S>) -> Vector<S> {
    let u = |value: u64| simd.splat_u64x8(value);
    // With sqrt(1/2) at the start of a binade, the exponent is k and the fraction that of 1 + f.
    let bits = x.to_bits() + u(ONE_BITS - SQRT_HALF_BITS);
    let k = Vector::from_bits(simd.shr_u64x8(bits, FRACTION_BITS) | u(TWO_TO_52_BITS)) - (TWO_TO_52 + 1023.0) - shift;
    let f = Vector::from_bits((bits & u(FRACTION_MASK)) + u(SQRT_HALF_BITS)) - 1.0;
    let s = f / (f + 2.0);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let p01 = z.mul_add(0.399_999_999_998_983_84, 0.666_666_666_666_667);
    let p23 = z.mul_add(0.222_222_110_682_151_28, 0.285_714_286_264_277_2);
    let p45 = z.mul_add(0.153_315_858_337_071_68, 0.181_828_935_544_704_72);
    let p46 = z2.mul_add(0.146_180_098_729_857_13, p45);
    let p = z4.mul_add(p46, z2.mul_add(p23, p01));
    let half_square = f * f * 0.5;
    // ln(1 + f) = f - (f^2/2 - s (f^2/2 + z p)).
    let small = s.mul_add(z.mul_add(p, half_square), k * LN_2_LOW);
    k.mul_add(LN_2_HIGH, f - (half_square - small))
}
