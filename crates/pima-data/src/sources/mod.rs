//! A scientist's own files, one source a modality, matched by what they call the samples.

// Arrays that NumPy saved.
mod arrays;
// The axis of a curve.
mod axis;
// Columns of a table.
mod columns;
// Data sets of HDF5 files.
pub(crate) mod hdf5;
// A folder with a file for each sample.
pub(crate) mod files;
// A folder of images.
mod images;
// Paths that lead nowhere.
pub(crate) mod lookup;
// Labels and groups.
mod names;
// Parquet files.
pub(crate) mod parquet;
// Columns of Parquet files.
mod parquet_columns;
// Any source, some samples at a time.
mod reader;
// A folder of tables.
#[cfg(test)]
mod array_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod mistake_tests;
pub(crate) mod table_folder;
#[cfg(test)]
mod table_folder_tests;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Place, Result};
use crate::modality::{MeasurementAxis, ModalityData};
use crate::rows::Rows;
use crate::spectra::for_each_record;
pub use arrays::{NpyFile, NpzArray};
pub use axis::AxisOptions;
pub(crate) use columns::{MISSING, is_unnamed};
pub use columns::{TableColumns, read_columns};
pub use hdf5::Hdf5Dataset;
pub use images::{ImageFolder, read_images};
pub use lookup::nearest_name;
pub use names::{Names, NamesFile, read_names};
pub use reader::{Block, Source, SourceReader};
pub use table_folder::{TableFolder, read_table_folder};

/// What a sample of a modality is, where its source alone does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModalityKind {
    /// Pixels on a grid.
    Image,
    /// A function of one variable.
    Curve,
    /// A list of numbers.
    Vector,
}

impl std::fmt::Display for ModalityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Image => "image",
            Self::Curve => "curve",
            Self::Vector => "vector",
        })
    }
}

/// What one source holds: a row of values for each of its samples, and the ids of the samples, if it tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    path: PathBuf,
    shape: ModalityShape,
    /// (D, values of a sample)
    values: Rows,
    /// Which samples (D) have values.
    present: Vec<bool>,
    /// (D)
    ids: Option<Vec<String>>,
    /// Where along a curve the values were measured, as far as the source tells.
    axis: Option<MeasurementAxis>,
    /// Units of the values, where the source tells them.
    units: String,
}

impl Samples {
    /// Number of samples, D, with values or without.
    pub fn n_samples(&self) -> usize {
        self.values.n_rows()
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ModalityShape {
        self.shape
    }

    /// What the samples are called (D), if the source tells.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// Where along the axis the values were measured, if the source tells.
    pub fn points(&self) -> Option<&[f64]> {
        self.axis.as_ref().map(|axis| axis.points.as_slice())
    }

    /// The same samples without their ids: they are matched by their order then.
    #[must_use]
    pub fn without_ids(self) -> Self {
        Self { ids: None, ..self }
    }

    /// All values (D, values of a sample).
    #[cfg(test)]
    fn table(&self) -> ndarray::Array2<f32> {
        self.values.whole().unwrap().into_owned()
    }

    fn wrong(&self, problem: String) -> Error {
        at_file(&self.path, problem)
    }

    /// The modality whose row k is this source's row `rows[k]`, or missing.
    fn into_modality(self, name: &str, rows: &[Option<usize>]) -> Result<ModalityData> {
        let present: Vec<bool> = rows.iter().map(|row| row.is_some_and(|row| self.present[row])).collect();
        let values = self.values.select(rows.iter().copied());
        let present = present.contains(&false).then_some(present);
        let modality = ModalityData::of_rows(name, self.shape, values, present)?.with_units(self.units);
        match self.axis {
            Some(axis) => modality.with_axis(axis),
            None => Ok(modality),
        }
    }
}

/// Points along a curve of which nothing else is known.
fn bare_axis(points: Vec<f64>) -> MeasurementAxis {
    MeasurementAxis { name: String::new(), units: String::new(), points }
}

/// A dataset of several sources, each with the name of its modality: a row for every sample that any source has.
///
/// Sources that tell ids are matched by them: the rows are those of the first source, then what the next ones have besides. A sample that
/// a source does not have is missing there. Sources without ids are matched by their order.
///
/// # Errors
/// [`Error::Table`], which names the file, when some sources tell ids and others do not, when the numbers of samples differ without ids,
/// or when a source has no id in common with those before it, or for a sample whose values are empty in every source (without ids
/// [`Error::NothingPresent`]); and as [`Dataset::new`].
pub fn match_sources(name: impl Into<String>, sources: Vec<(String, Samples)>) -> Result<Dataset> {
    let ids = match sources.iter().find(|(_, samples)| samples.ids.is_some()) {
        Some((_, with)) => Some(union(&sources, with)?),
        None => None,
    };
    let n_samples = match (&ids, sources.first()) {
        (Some(ids), _) => ids.len(),
        (None, first) => first.map_or(0, |(_, samples)| samples.n_samples()),
    };
    let first = sources.first().map(|(_, samples)| samples.path.clone()).unwrap_or_default();
    let mut modalities = Vec::with_capacity(sources.len());
    for (modality, samples) in sources {
        let rows: Vec<Option<usize>> = match (&ids, &samples.ids) {
            (Some(all), Some(own)) => {
                let place: HashMap<&str, usize> = own.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
                all.iter().map(|id| place.get(id.as_str()).copied()).collect()
            }
            _ if samples.n_samples() != n_samples => {
                let problem = format!(
                    "{} samples, but {} has {n_samples}; without ids sources are matched by their order: add the samples, or give \
                     each source an id",
                    samples.n_samples(),
                    first.display()
                );
                return Err(samples.wrong(problem));
            }
            _ => (0..n_samples).map(Some).collect(),
        };
        modalities.push(samples.into_modality(&modality, &rows)?);
    }
    let has_any = |row: usize| modalities.iter().any(|modality| modality.is_present(row));
    if let Some(id) = ids.as_ref().and_then(|ids| ids.iter().enumerate().find(|(row, _)| !has_any(*row))) {
        let problem = format!("sample '{}' has no values here, nor in any other source; leave it out", id.1);
        return Err(at_file(&first, problem));
    }
    let dataset = Dataset::new(name, modalities, None)?;
    match ids {
        Some(ids) => dataset.with_ids(ids),
        None => Ok(dataset),
    }
}

/// Every id that a source has, in the order of the sources; `with` is one that has some.
fn union(sources: &[(String, Samples)], with: &Samples) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (_, samples) in sources {
        let Some(own) = &samples.ids else {
            let problem =
                format!("no ids, but {} has; name the id column of every source, or of none", with.path.display());
            return Err(samples.wrong(problem));
        };
        let common = own.iter().any(|id| known.contains(id.as_str()));
        if let (false, Some(before), Some(here)) = (common, all.first(), own.first()) {
            let problem = format!(
                "none of its ids is in the sources before it (here '{here}', there '{before}'); are these the same samples, and is \
                 it the right column?"
            );
            return Err(samples.wrong(problem));
        }
        for id in own {
            if known.insert(id) {
                all.push(id.clone());
            }
        }
    }
    Ok(all)
}

/// Calls `visit` with the line, from 1, and the cells of every line of a table, the heading first.
pub(crate) fn rows_of_table(path: &Path, mut visit: impl FnMut(u64, &[&str]) -> Result<()>) -> Result<()> {
    match ending(path).as_str() {
        _ if hdf5::is_hdf5(path) => {
            let problem = "is HDF5 and no table; say kind = \"hdf5\" and dataset = \"...\"";
            Err(at_file(path, problem.to_owned()))
        }
        _ if parquet::is_parquet(path) => {
            Err(at_file(path, "is Parquet; here a text file with one number a line is read, or an .npy".to_owned()))
        }
        "nc" | "mat" => {
            let problem =
                "NetCDF and MATLAB files are not read; save the arrays by numpy.savez('data.npz', name=values)";
            Err(at_file(path, problem.to_owned()))
        }
        "xls" | "xlsx" | "ods" => Err(at_file(path, "spreadsheets are not read; save it as CSV".to_owned())),
        _ => for_each_record(path, |line, record| visit(line, &record.iter().collect::<Vec<_>>())),
    }
}

/// The ending of a file's name, in lower case.
fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

pub(crate) fn at_file(path: &Path, problem: String) -> Error {
    Error::Table { path: path.to_owned(), place: Place::File, problem }
}
