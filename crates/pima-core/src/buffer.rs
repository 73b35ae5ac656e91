//! Flat buffers that are sized once and reused from batch to batch.

use ndarray::{ArrayView, Dimension};

/// The values of an array in row-major order: the array itself where it already stands so, else a copy in a kept buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowMajor {
    copy: Vec<f64>,
}

impl RowMajor {
    pub(crate) fn of<'a, D: Dimension>(&'a mut self, view: &'a ArrayView<'_, f64, D>) -> &'a [f64] {
        match view.as_slice() {
            Some(values) => values,
            None => {
                self.copy.clear();
                self.copy.extend(view.iter());
                &self.copy
            }
        }
    }
}

/// Gives `buffer` the length `len`. Allocates only when it has never been as long; the values are left over from earlier use.
pub(crate) fn size(buffer: &mut Vec<f64>, len: usize) {
    buffer.resize(len, 0.0);
}
