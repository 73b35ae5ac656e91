//! One modality of a dataset: its values in physical units, where they were measured, and which samples have it.

use ndarray::{Array2, CowArray, Ix2};
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::rows::Rows;

/// What one instrument says about every sample: a table of D rows in the instrument's own units.
#[derive(Debug, Clone, PartialEq)]
pub struct ModalityData {
    name: String,
    shape: ModalityShape,
    values: Rows,
    present: Option<Vec<bool>>,
    axis: Option<MeasurementAxis>,
    units: String,
}

/// A modality without its values: what a model that was trained on it has to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityDescription {
    /// Its name.
    pub name: String,
    /// The shape of one sample.
    pub shape: ModalityShape,
    /// Where along a curve the values are measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<MeasurementAxis>,
    /// The units of the values; empty for numbers without units.
    #[serde(default)]
    pub units: String,
}

/// Where along a curve the values were measured: time, frequency, strain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasurementAxis {
    /// What the axis is, e.g. `t` or `frequency`.
    pub name: String,
    /// The units of the points; empty for a number without units.
    pub units: String,
    /// One point per coordinate of the curve.
    pub points: Vec<f64>,
}

impl ModalityData {
    /// A modality present in every sample. `values` is (D, `shape.size()`), physical units, row-major within a sample
    /// (channel, then height, then width).
    ///
    /// # Errors
    /// [`Error::Length`] if the columns do not fill the shape, [`Error::NotFinite`] with the first NaN or infinity.
    pub fn new(name: impl Into<String>, shape: ModalityShape, values: Array2<f32>) -> Result<Self> {
        Self::of_rows(name, shape, values.into(), None)
    }

    /// A modality that some samples lack: `present` has one entry per row, and what stands in the other rows is never
    /// looked at (NaN will do).
    ///
    /// # Errors
    /// As [`ModalityData::new`], and [`Error::Length`] if `present` has not one entry per row.
    pub fn with_missing(
        name: impl Into<String>,
        shape: ModalityShape,
        values: Array2<f32>,
        present: Vec<bool>,
    ) -> Result<Self> {
        Self::of_rows(name, shape, values.into(), Some(present))
    }

    /// A modality of rows that may be on disk; whoever wrote those has seen that what is present is finite.
    pub(crate) fn of_rows(
        name: impl Into<String>,
        shape: ModalityShape,
        values: Rows,
        present: Option<Vec<bool>>,
    ) -> Result<Self> {
        let name = name.into();
        if values.size() != shape.size() || shape.size() == 0 {
            return Err(Error::Length {
                what: format!("columns of modality '{name}' ({shape})"),
                expected: shape.size(),
                got: values.size(),
            });
        }
        if let Some(present) = &present
            && present.len() != values.n_rows()
        {
            return Err(Error::Length {
                what: format!("presence of modality '{name}'"),
                expected: values.n_rows(),
                got: present.len(),
            });
        }
        let modality = Self { name, shape, values, present, axis: None, units: String::new() };
        if modality.in_memory() {
            modality.check_finite()?;
        }
        Ok(modality)
    }

    fn check_finite(&self) -> Result<()> {
        let mut buffer = Vec::new();
        for row in (0..self.n_samples()).filter(|&row| self.is_present(row)) {
            let values = self.row(row, &mut buffer)?;
            if let Some(column) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::NotFinite { modality: self.name.clone(), row, column, value: values[column] });
            }
        }
        Ok(())
    }

    /// Says where along a curve (or vector) the values were measured.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one point per coordinate of one channel; an image has no such axis.
    pub fn with_axis(mut self, axis: MeasurementAxis) -> Result<Self> {
        let expected = match self.shape {
            ModalityShape::Curve { length, .. } | ModalityShape::Vector { length } => length,
            ModalityShape::Image { .. } => 0,
        };
        if axis.points.len() != expected {
            return Err(Error::Length {
                what: format!("axis '{}' of modality '{}' ({})", axis.name, self.name, self.shape),
                expected,
                got: axis.points.len(),
            });
        }
        self.axis = Some(axis);
        Ok(self)
    }

    /// Says what units the values are in.
    #[must_use]
    pub fn with_units(mut self, units: impl Into<String>) -> Self {
        self.units = units.into();
        self
    }

    /// Everything but the values.
    pub fn description(&self) -> ModalityDescription {
        ModalityDescription {
            name: self.name.clone(),
            shape: self.shape,
            axis: self.axis.clone(),
            units: self.units.clone(),
        }
    }

    /// The modality's name, unique in its dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ModalityShape {
        self.shape
    }

    /// How many numbers one sample has.
    pub fn size(&self) -> usize {
        self.values.size()
    }

    /// How many rows there are, present or not.
    pub fn n_samples(&self) -> usize {
        self.values.n_rows()
    }

    /// Whether the values are in memory, or on disk.
    pub fn in_memory(&self) -> bool {
        self.values.in_memory()
    }

    /// All values (D, size), physical units: lent where they are in memory, read from disk otherwise. Rows that are not present hold anything.
    ///
    /// # Errors
    /// [`Error::Io`] if values on disk cannot be read.
    pub fn values(&self) -> Result<CowArray<'_, f32, Ix2>> {
        self.values.whole()
    }

    /// A copy of these rows (rows, size), physical units, in their order. Rows that are not present hold anything.
    ///
    /// # Errors
    /// [`Error::Io`] if values on disk cannot be read.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn gather(&self, rows: &[usize]) -> Result<Array2<f32>> {
        self.values.gather(rows)
    }

    /// One row (size), physical units; `buffer` is what it is read into where values are on disk.
    ///
    /// # Errors
    /// [`Error::Io`] if values on disk cannot be read.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row<'a>(&'a self, row: usize, buffer: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        self.values.row(row, buffer)
    }

    /// Which rows have this modality (D); `None` if all do.
    pub fn present(&self) -> Option<&[bool]> {
        self.present.as_deref()
    }

    /// Marks rows as absent.
    pub(crate) fn remove(&mut self, rows: &[usize]) {
        if rows.is_empty() {
            return;
        }
        let n = self.n_samples();
        let present = self.present.get_or_insert_with(|| vec![true; n]);
        rows.iter().for_each(|&row| present[row] = false);
    }

    /// Whether this row has this modality.
    pub fn is_present(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present[row])
    }

    /// Where along the curve the values were measured, if said.
    pub fn axis(&self) -> Option<&MeasurementAxis> {
        self.axis.as_ref()
    }

    /// The units of the values; empty for numbers without units.
    pub fn units(&self) -> &str {
        &self.units
    }

    /// The given rows, in their order: a copy, where they are in memory. The caller has checked the rows.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            name: self.name.clone(),
            shape: self.shape,
            values: self.values.select(rows.iter().copied().map(Some)),
            present: self.present.as_ref().map(|present| rows.iter().map(|&row| present[row]).collect()),
            axis: self.axis.clone(),
            units: self.units.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const PAIR: ModalityShape = ModalityShape::Vector { length: 2 };

    #[test]
    fn a_nan_is_found_where_it_stands_unless_the_row_is_missing() {
        let values = array![[1.0, 2.0], [3.0, f32::NAN], [5.0, 6.0]];
        let error = ModalityData::new("stress", PAIR, values.clone()).unwrap_err();
        assert!(error.to_string().starts_with("modality 'stress', row 1, column 1: NaN"), "{error}");
        let modality = ModalityData::with_missing("stress", PAIR, values, vec![true, false, true]).unwrap();
        assert!(modality.is_present(0) && !modality.is_present(1));
    }

    #[test]
    fn shapes_and_lengths_are_checked() {
        let values = array![[1.0, 2.0], [3.0, 4.0]];
        let wrong = ModalityShape::Vector { length: 3 };
        assert!(matches!(
            ModalityData::new("a", wrong, values.clone()),
            Err(Error::Length { expected: 3, got: 2, .. })
        ));
        assert!(matches!(
            ModalityData::with_missing("a", PAIR, values.clone(), vec![true]),
            Err(Error::Length { expected: 2, got: 1, .. })
        ));
        let axis = MeasurementAxis { name: "t".into(), units: "s".into(), points: vec![0.0] };
        assert!(matches!(
            ModalityData::new("a", PAIR, values).unwrap().with_axis(axis),
            Err(Error::Length { expected: 2, got: 1, .. })
        ));
    }

    #[test]
    fn rows_lie_one_after_the_other_whatever_came_in() {
        let transposed = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].reversed_axes();
        assert!(!transposed.is_standard_layout());
        let modality = ModalityData::new("a", PAIR, transposed).unwrap();
        assert_eq!(modality.row(1, &mut Vec::new()).unwrap(), [2.0, 5.0]);
        assert_eq!(modality.select(&[2, 0]).values().unwrap(), array![[3.0, 6.0], [1.0, 4.0]]);
    }
}
