//! Archives with faulty rows: what can be used of them, and what was left out.

use std::path::Path;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::npz_rows::NpzRows;

/// A row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRow {
    /// Its number in the file, from 0.
    pub row: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads as [`read_npz`](crate::read_npz) does, but leaves out rows with values that are not finite and rows that lack every modality, instead of refusing the file. Returns
/// the dataset, the number in the file of each of its rows, and what was left out.
///
/// # Errors
/// As [`read_npz`](crate::read_npz), and [`Error::Empty`] when no row is left.
pub fn read_npz_skipping(path: &Path) -> Result<(Dataset, Vec<usize>, Vec<SkippedRow>)> {
    let mut rows = NpzRows::open(path)?;
    let mut bad = Some(Vec::new());
    match rows.next(usize::MAX, &mut bad)? {
        Some((dataset, kept)) => Ok((dataset, kept, bad.unwrap_or_default())),
        None => Err(Error::Empty { dataset: rows.name().to_owned(), what: "rows without a fault" }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use ndarray::{Array2, array};
    use ndarray_npy::NpzWriter;

    use super::*;
    use crate::npz::read_npz;

    #[test]
    fn rows_with_faults_are_left_out_on_request_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.npz");
        let mut npz = NpzWriter::new(File::create(&path).unwrap());
        let mut curve = Array2::from_shape_fn((5, 3), |(row, column)| (10 * row + column) as f32);
        curve[[1, 2]] = f32::NAN;
        npz.add_array("curve", &curve).unwrap();
        npz.add_array("stress", &array![[0.5f32], [1.5], [2.5], [f32::INFINITY], [4.5]]).unwrap();
        npz.add_array("present_curve", &array![true, true, false, true, true]).unwrap();
        npz.add_array("present_stress", &array![true, true, false, true, true]).unwrap();
        npz.add_array("label", &array![0i64, 1, 0, 1, 1]).unwrap();
        npz.finish().unwrap();
        assert!(read_npz(&path).is_err());
        let (data, kept, skipped) = read_npz_skipping(&path).unwrap();
        assert_eq!(kept, [0, 4]);
        let skipped: Vec<_> = skipped.iter().map(|s| (s.row, s.problem.as_str())).collect();
        let expected =
            [(1, "modality 'curve', column 2: NaN"), (2, "has no modality"), (3, "modality 'stress', column 0: inf")];
        assert_eq!(skipped, expected);
        assert_eq!(data.modality("curve").unwrap().values().unwrap(), array![[0.0, 1.0, 2.0], [40.0, 41.0, 42.0]]);
        assert_eq!(data.labels().unwrap().values(), [0, 1]);
    }
}
