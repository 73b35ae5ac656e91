//! Ranges, and coordinates that never change, row by row.

use crate::Result;
use pima_data::ModalityData;

/// Of the rows seen so far.
pub(super) struct Statistics {
    count: usize,
    least: f32,
    greatest: f32,
    /// (size)
    first: Vec<f32>,
    /// (size)
    varies: Vec<bool>,
}

impl Statistics {
    pub(super) fn new(size: usize) -> Self {
        let (first, varies) = (vec![0.0; size], vec![false; size]);
        Self { count: 0, least: f32::INFINITY, greatest: f32::NEG_INFINITY, first, varies }
    }

    pub(super) fn of(data: &ModalityData) -> Result<Self> {
        let mut statistics = Self::new(data.size());
        let mut buffer = Vec::new();
        for row in (0..data.n_samples()).filter(|&row| data.is_present(row)) {
            statistics.add(data.row(row, &mut buffer)?);
        }
        Ok(statistics)
    }

    /// Adds a row (size).
    pub(super) fn add(&mut self, values: &[f32]) {
        if self.count == 0 {
            self.first.copy_from_slice(values);
        }
        self.count += 1;
        let (mut least, mut greatest) = (self.least, self.greatest);
        for ((&value, &first), varies) in values.iter().zip(&self.first).zip(&mut self.varies) {
            least = if value < least { value } else { least };
            greatest = if value > greatest { value } else { greatest };
            *varies |= value != first;
        }
        (self.least, self.greatest) = (least, greatest);
    }

    pub(super) fn range(&self) -> Option<(f32, f32)> {
        (self.count > 0).then_some((self.least, self.greatest))
    }

    /// Coordinates that are the same in all rows; none of fewer than two rows.
    pub(super) fn constant(&self) -> Vec<usize> {
        if self.count < 2 {
            return Vec::new();
        }
        (0..self.varies.len()).filter(|&j| !self.varies[j]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinate_is_constant_until_a_row_differs() {
        let mut statistics = Statistics::new(3);
        assert_eq!((statistics.range(), statistics.constant()), (None, vec![]));
        statistics.add(&[1.0, 2.0, -3.0]);
        assert_eq!(statistics.constant(), Vec::<usize>::new());
        statistics.add(&[1.0, 5.0, -3.0]);
        assert_eq!((statistics.range(), statistics.constant()), (Some((-3.0, 5.0)), vec![0, 2]));
    }
}
