//! Between rows of samples, as arrays have them, and vectors of eight samples, as kernels compute.

use fearless_simd::prelude::*;

use super::{LANES, Lanes, Simd, Vector, load, store};

/// Eight vectors as the rows of a matrix: its columns.
#[inline(always)]
fn transpose<S: Simd>(rows: [Vector<S>; LANES]) -> [Vector<S>; LANES] {
    riffle(riffle(riffle(rows)))
}

/// Interleaves the first half of all 64 numbers with the second. The index of a number has three bits for its row and three for its
/// column; this rotates the six by one, so that three times exchange row and column.
#[inline(always)]
fn riffle<S: Simd>(x: [Vector<S>; LANES]) -> [Vector<S>; LANES] {
    let low = |i: usize| x[i].zip_low(x[i + 4]);
    let high = |i: usize| x[i].zip_high(x[i + 4]);
    [low(0), high(0), low(1), high(1), low(2), high(2), low(3), high(3)]
}

/// Turns columns of `values` into vectors: lane k of `out[c][w]` becomes `values[first + 8 w + k, c]`, where `values` is row-major and
/// has as many columns as `out` has rows. There are `n` rows of interest; the last of them stands in for those that follow.
#[inline(always)]
pub(crate) fn gather<S: Simd, const WIDTH: usize>(
    simd: S,
    values: &[f64],
    first: usize,
    n: usize,
    out: &mut [[Lanes; WIDTH]],
) {
    let n_columns = out.len();
    for w in 0..WIDTH {
        let row = |k: usize| (first + (LANES * w + k).min(n - 1)) * n_columns;
        let starts: [usize; LANES] = std::array::from_fn(row);
        for column in blocks(n_columns) {
            let columns = transpose(std::array::from_fn(|k| load(simd, values, starts[k] + column)));
            for (out, column) in out[column..].iter_mut().zip(columns) {
                out[w].set(column);
            }
        }
    }
}

/// Turns vectors into columns of `values`, for the first `n` rows from row `first` on: the reverse of [`gather`]. What follows those rows in
/// `values` may be overwritten.
#[inline(always)]
pub(crate) fn scatter<S: Simd, const WIDTH: usize>(
    simd: S,
    tiles: &[[Lanes; WIDTH]],
    values: &mut [f64],
    first: usize,
    n: usize,
) {
    let n_columns = tiles.len();
    for w in 0..n.div_ceil(LANES) {
        for column in blocks(n_columns) {
            let last = n_columns - 1;
            let rows = transpose(std::array::from_fn(|i| tiles[(column + i).min(last)][w].get(simd)));
            for (k, row) in rows.into_iter().enumerate().take(n - LANES * w) {
                // With fewer than eight columns this writes into the rows below as well, whose turn comes after.
                store(row, values, (first + LANES * w + k) * n_columns + column);
            }
        }
    }
}

/// First columns of blocks of eight that cover all columns; the last one overlaps the one before it, or is all there is.
#[inline(always)]
fn blocks(n_columns: usize) -> impl Iterator<Item = usize> {
    let last = n_columns.saturating_sub(LANES);
    (0..n_columns.div_ceil(LANES)).map(move |block| (LANES * block).min(last))
}
