//! At every level of instructions that this processor has: against the system's functions, and the ends of the range.

use fearless_simd::prelude::*;
use proptest::prelude::*;

use super::*;

/// Runs `$op` at every level up to the best one here.
macro_rules! at_every_level {
    ($simd:ident => $op:expr) => {{
        let mut results = Vec::new();
        for level in levels() {
            results.push(dispatch!(level, $simd => $op));
        }
        results
    }};
}

fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    {
        let lower =
            [best.as_sse2().map(Level::Sse2), best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)];
        lower.into_iter().flatten().chain([best]).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![best]
}

fn exp_of(x: f64) -> Vec<f64> {
    at_every_level!(simd => exp(simd, Vector::splat(simd, x))[3])
}

fn exp_nonpositive_of(x: f64) -> Vec<f64> {
    at_every_level!(simd => exp_nonpositive(simd, Vector::splat(simd, x))[3])
}

fn ln_of(x: f64) -> Vec<f64> {
    at_every_level!(simd => ln(simd, Vector::splat(simd, x))[3])
}

/// The distance of two numbers in units of the last place of `expected`; of subnormal numbers, in units of the least one.
fn units(got: f64, expected: f64) -> f64 {
    if got == expected {
        return 0.0;
    }
    let next = f64::from_bits(expected.abs().to_bits() + 1) - expected.abs();
    (got - expected).abs() / next
}

#[test]
fn ends_of_the_domain_of_exp() {
    for (x, expected) in [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f64::NEG_INFINITY, 0.0),
        (-f64::MAX, 0.0),
        (-746.0, 0.0),
        (709.782_712_893_385, f64::INFINITY),
        (1e4, f64::INFINITY),
        (f64::MAX, f64::INFINITY),
        (f64::INFINITY, f64::INFINITY),
        (f64::MIN_POSITIVE, 1.0),
    ] {
        assert_eq!(exp_of(x), vec![expected; levels().len()], "exp({x})");
    }
    for got in exp_of(f64::NAN).into_iter().chain(exp_nonpositive_of(f64::NAN)) {
        assert!(got.is_nan());
    }
    for (x, expected) in [(0.0, 1.0), (-0.0, 1.0), (f64::NEG_INFINITY, 0.0), (-f64::MAX, 0.0), (-708.001, 0.0)] {
        assert_eq!(exp_nonpositive_of(x), vec![expected; levels().len()], "exp({x})");
    }
    assert!(exp_nonpositive_of(-708.0).into_iter().all(|got| got >= f64::MIN_POSITIVE));
}

#[test]
fn ends_of_the_domain_of_ln() {
    for (x, expected) in
        [(1.0, 0.0), (0.0, f64::NEG_INFINITY), (-0.0, f64::NEG_INFINITY), (f64::INFINITY, f64::INFINITY)]
    {
        assert_eq!(ln_of(x), vec![expected; levels().len()], "ln({x})");
    }
    for x in [f64::NAN, -1.0, -f64::MIN_POSITIVE, f64::NEG_INFINITY, -5e-324] {
        assert!(ln_of(x).into_iter().all(f64::is_nan), "ln({x})");
    }
    for x in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-310] {
        for got in ln_of(x) {
            assert!(units(got, x.ln()) <= 2.0, "ln({x:e}) = {got}");
        }
    }
}

#[test]
fn every_lane_is_computed_and_partial_vectors_stay_within_their_slice() {
    let values: Vec<f64> = (0..19).map(|i| 0.25 * f64::from(i) - 2.0).collect();
    for n in 0..values.len() {
        let at_all = at_every_level!(simd => {
            let mut out = vec![-1.0; values.len()];
            for at in (0..n).step_by(LANES) {
                store(exp(simd, load(simd, &values[..n], at)), &mut out[..n], at);
            }
            out
        });
        for out in at_all {
            for (i, (out, x)) in out.iter().zip(&values).enumerate() {
                let expected = if i < n { x.exp() } else { -1.0 };
                assert!(units(*out, expected) <= 2.0, "{n} {i}: {out}, expected {expected}");
            }
        }
    }
}

#[test]
fn columns_are_gathered_and_scattered_back() {
    const WIDTH: usize = 2;
    for n_columns in 1..20 {
        for n in 1..=WIDTH * LANES {
            let first = 3;
            let values: Vec<f64> = (0..(first + n) * n_columns).map(|i| i as f64).collect();
            let at_all = at_every_level!(simd => {
                let mut tiles = vec![[Lanes::default(); WIDTH]; n_columns];
                gather(simd, &values, first, n, &mut tiles);
                let mut back = vec![f64::NAN; values.len()];
                scatter(simd, &tiles, &mut back, first, n);
                (tiles, back)
            });
            for (tiles, back) in at_all {
                for (c, tile) in tiles.iter().enumerate() {
                    for k in 0..WIDTH * LANES {
                        let row = first + k.min(n - 1);
                        assert_eq!(tile[k / LANES].0[k % LANES], values[row * n_columns + c]);
                    }
                }
                assert_eq!(back[first * n_columns..], values[first * n_columns..]);
                assert!(back[..first * n_columns].iter().all(|value| value.is_nan()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn exp_agrees_with_the_system_to_two_units(near in -1.0..1.0_f64, exponent in -20.0..2.88_f64, negative: bool) {
        // All of the range evenly, and arguments next to zero logarithmically; the system's exp is within one unit itself.
        let small = 10.0_f64.powf(exponent);
        for x in [near * 746.0, if negative { -small } else { small }] {
            for got in exp_of(x) {
                prop_assert!(units(got, x.exp()) <= 2.0, "exp({x}) = {got:e}, expected {:e}", x.exp());
            }
            let x = -x.abs();
            for got in exp_nonpositive_of(x) {
                let expected = if x < -708.0 { 0.0 } else { x.exp() };
                prop_assert!(units(got, expected) <= 2.0, "exp({x}) = {got:e}, expected {expected:e}");
            }
        }
    }

    #[test]
    fn ln_agrees_with_the_system_to_two_units(bits in 1_u64..0x7ff0_0000_0000_0000, near in -1.0..1.0_f64, exponent in -15.0..0.0_f64) {
        for x in [f64::from_bits(bits), 1.0 + near * 10.0_f64.powf(exponent), 1.0 + 3.0 * near.abs()] {
            for got in ln_of(x) {
                prop_assert!(units(got, x.ln()) <= 2.0, "ln({x:e}) = {got:e}, expected {:e}", x.ln());
            }
        }
    }
}
