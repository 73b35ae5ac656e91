//! Eight numbers at a time: vectors whose instructions are chosen when the program runs, and the functions that the loss needs of them.
//!
//! A kernel is a function generic over [`Simd`], called through [`dispatch!`](fearless_simd::dispatch). It is compiled once per level
//! of instructions (on x86-64 SSE2, SSE4.2, AVX2 with FMA, AVX-512), and all that it calls has to be inlined into it: functions are
//! `#[inline(always)]`, and closures, which cannot be, stay out of inner loops unless they are tiny.

mod exp;
mod ln;
mod memory;
#[cfg(test)]
mod tests;
mod transpose;

pub(crate) use exp::{exp, exp_nonpositive};
pub(crate) use fearless_simd::{Level, Simd, dispatch};
pub(crate) use ln::ln;
pub(crate) use memory::{LANES, Lanes, load, load_or, store};
pub(crate) use transpose::{gather, scatter};

/// Eight numbers in as many registers as the processor needs for them.
pub(crate) type Vector<S> = fearless_simd::f64x8<S>;

/// 1.5 * 2^52: adding it to a number below 2^51 rounds that number to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts; the first has trailing zeros enough that its products with the exponents of f64 are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Bits of the fraction of an f64.
const FRACTION_BITS: u32 = 52;
