//! How large the values of training samples are, so that samples in other units do not go unnoticed.

use crate::Result;
use pima_data::ModalityData;
use serde::{Deserialize, Serialize};

/// How many times smaller or larger than all that was trained on a sample must be to be called so. Units differ by ten at least; specimens of one kind seldom by three.
pub const FAR: f64 = 3.0;

/// The least and the greatest root mean square of the values of one training sample, physical units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// Of the smallest sample.
    pub least: f64,
    /// Of the largest one.
    pub greatest: f64,
}

impl Extent {
    /// Of `rows` of a modality; `None` where no row has it.
    pub(crate) fn of(data: &ModalityData, rows: &[usize]) -> Result<Option<Self>> {
        let mut extent: Option<Self> = None;
        let mut buffer = Vec::new();
        for &row in rows.iter().filter(|&&row| data.is_present(row)) {
            let size = root_mean_square(data.row(row, &mut buffer)?);
            let own = extent.get_or_insert(Self { least: size, greatest: size });
            *own = Self { least: own.least.min(size), greatest: own.greatest.max(size) };
        }
        Ok(extent)
    }

    /// Whether a sample of this size is far smaller (`Less`) or far larger (`Greater`) than all that was trained on.
    pub fn compare(&self, size: f64) -> std::cmp::Ordering {
        if size * FAR < self.least {
            std::cmp::Ordering::Less
        } else if size > self.greatest * FAR {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    }
}

/// The root mean square of a sample's values.
pub fn root_mean_square(values: &[f32]) -> f64 {
    (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use pima_core::ModalityShape;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn other_units_are_far_and_other_specimens_are_not() {
        let shape = ModalityShape::Vector { length: 2 };
        let values = array![[3.0, 4.0], [-30.0, 40.0], [1e9, 1e9]];
        let data = ModalityData::with_missing("stress", shape, values, vec![true, true, false]).unwrap();
        let extent = Extent::of(&data, &[0, 1, 2]).unwrap().unwrap();
        let size = |values: [f32; 2]| root_mean_square(&values);
        assert_eq!(
            (extent.least, extent.greatest),
            (size([3.0, 4.0]), size([30.0, 40.0])),
            "what is missing does not count"
        );
        assert_eq!(extent.compare(size([12.0, -5.0])), Equal);
        assert_eq!(extent.compare(size([60.0, 80.0])), Equal, "twice as large");
        assert_eq!(extent.compare(size([300.0, 400.0])), Greater, "ten times");
        assert_eq!(extent.compare(size([0.003, 0.004])), Less, "GPa for MPa");
        assert_eq!(extent.compare(size([3e4, 4e4])), Greater, "kPa for MPa");
        assert_eq!(Extent::of(&data, &[2]).unwrap(), None);
        // Zero is no size that anything could be smaller than.
        assert_eq!(Extent { least: 0.0, greatest: 1.0 }.compare(0.0), Equal);
    }
}
