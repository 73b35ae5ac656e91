//! Vectors and memory.

use fearless_simd::SimdBase;

use super::{Simd, Vector};

/// Numbers in a vector.
pub(crate) const LANES: usize = 8;

/// A vector in memory, where it starts at a cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

impl Lanes {
    #[inline(always)]
    pub(crate) fn get<S: Simd>(&self, simd: S) -> Vector<S> {
        Vector::load_array_ref(simd, &self.0)
    }

    #[inline(always)]
    pub(crate) fn set<S: Simd>(&mut self, vector: Vector<S>) {
        vector.store_array(&mut self.0);
    }
}

/// `values[at..at + 8]`; past the end of the slice there are ones.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f64], at: usize) -> Vector<S> {
    load_or(simd, values, at, 1.0)
}

/// `values[at..at + 8]`; past the end of the slice there is `otherwise`.
#[inline(always)]
pub(crate) fn load_or<S: Simd>(simd: S, values: &[f64], at: usize, otherwise: f64) -> Vector<S> {
    match values.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(lanes) => Vector::load_array_ref(simd, lanes),
        None => {
            let mut lanes = [otherwise; LANES];
            for (lane, value) in lanes.iter_mut().zip(&values[at..]) {
                *lane = *value;
            }
            Vector::load_array(simd, lanes)
        }
    }
}

/// Writes `values[at..at + 8]`; what would lie past the end of the slice is dropped.
#[inline(always)]
pub(crate) fn store<S: Simd>(vector: Vector<S>, values: &mut [f64], at: usize) {
    let rest = &mut values[at..];
    match rest.first_chunk_mut() {
        Some(lanes) => vector.store_array(lanes),
        None => {
            let n = rest.len();
            rest.copy_from_slice(&vector.to_array()[..n]);
        }
    }
}
