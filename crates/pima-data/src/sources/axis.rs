//! The axis of a curve, as a configuration says it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::hdf5::{Hdf5, is_hdf5};
use super::{at_file, ending, lookup, rows_of_table};
use crate::error::{Error, Place, Result};
use crate::modality::MeasurementAxis;
use crate::npz_archive::{Archive, open_npy};
use crate::spectra::shown;

/// Where along a curve the values were measured. In a configuration: `{ name = "strain", units = "%", from = 0.0, to = 5.0 }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisOptions {
    /// What the axis is.
    #[serde(default)]
    pub name: String,
    /// Units of the points; empty for numbers without units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// The points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f64>>,
    /// The first point of evenly spaced ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// The last point of evenly spaced ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// A file with the points: an `.npy`, a table of one column without a heading, an `.npz`, or an HDF5 file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The array of the `.npz` or the data set of the HDF5 file, of the modality's own where no path is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
}

impl AxisOptions {
    /// Says what contradicts itself.
    ///
    /// # Errors
    /// In words, without the name of the modality.
    pub fn check(&self) -> Result<(), String> {
        let ways = [
            self.values.is_some(),
            self.from.is_some() || self.to.is_some(),
            self.path.is_some() || self.array.is_some(),
        ];
        if ways.iter().filter(|&&way| way).count() > 1 {
            return Err("axis: give values, or from and to, or path and array".to_owned());
        }
        if self.from.is_some() != self.to.is_some() {
            return Err("axis: from and to go together".to_owned());
        }
        let finite = |point: &f64| point.is_finite();
        if !self.values.iter().flatten().chain(&self.from).chain(&self.to).all(finite) {
            return Err("axis: every point must be a finite number".to_owned());
        }
        Ok(())
    }

    /// The axis of a curve of `length` points; `own` is what its source says of it, and `source` the source's file.
    ///
    /// # Errors
    /// [`Error::Table`] and [`Error::Npz`] for points that cannot be read, or where nothing says any.
    pub fn resolve(&self, length: usize, own: Option<&MeasurementAxis>, source: &Path) -> Result<MeasurementAxis> {
        let points = if let Some(values) = &self.values {
            values.clone()
        } else if let (Some(from), Some(to)) = (self.from, self.to) {
            let step = (to - from) / length.saturating_sub(1).max(1) as f64;
            (0..length).map(|j| if j + 1 == length && j > 0 { to } else { from + step * j as f64 }).collect()
        } else if self.path.is_some() || self.array.is_some() {
            read_points(self.path.as_deref().unwrap_or(source), self.array.as_deref())?
        } else if let Some(own) = own {
            own.points.clone()
        } else {
            let problem = "says no points along its axis; give axis.values, axis.from and axis.to, or axis.path";
            return Err(at_file(source, problem.to_owned()));
        };
        let or_own = |given: &str, own: Option<&str>| {
            if given.is_empty() { own.unwrap_or("").to_owned() } else { given.to_owned() }
        };
        let name = or_own(&self.name, own.map(|own| own.name.as_str()));
        let units = self.units.clone().unwrap_or_else(|| own.map(|own| own.units.clone()).unwrap_or_default());
        Ok(MeasurementAxis { name, units, points })
    }
}

fn read_points(path: &Path, array: Option<&str>) -> Result<Vec<f64>> {
    lookup::must_exist(path)?;
    match (ending(path).as_str(), array) {
        ("npz", Some(array)) => Archive::open(path)?.stream(array)?.points(),
        (_, Some(array)) if is_hdf5(path) => Hdf5::open(path)?.values(array)?.points(),
        ("npz", None) => Err(at_file(path, "which array is the axis? Say axis.array".to_owned())),
        (_, None) if is_hdf5(path) => Err(at_file(path, "which data set is the axis? Say axis.array".to_owned())),
        (_, Some(_)) => {
            Err(at_file(path, "axis.array is for .npz and HDF5 files; leave it out, or give axis.path".to_owned()))
        }
        ("npy", None) => open_npy(path)?.points(),
        _ => {
            let mut points = Vec::new();
            rows_of_table(path, |line, cells| {
                let cell = cells.first().copied().unwrap_or_default();
                match cell.parse::<f64>() {
                    Ok(point) => points.push(point),
                    // A heading.
                    Err(_) if points.is_empty() && line == 1 => {}
                    Err(_) => {
                        let problem = format!("'{}' is not a number; a table of points has one a line", shown(cell));
                        return Err(Error::Table { path: path.to_owned(), place: Place::Line(line), problem });
                    }
                }
                Ok(())
            })?;
            Ok(points)
        }
    }
}
