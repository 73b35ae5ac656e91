//! Spectra and stresses from a user's own files.

mod stress;
mod table;
mod text;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Place, Result};
use crate::modality::{MeasurementAxis, ModalityData};
use table::{Table, read_table};
pub(crate) use table::{for_each_record, shown};
pub(crate) use text::decimal_comma;

/// Where measured or simulated spectra and their stresses are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectraFiles {
    /// A table with one spectrum a row (`.npz`, `.npy`, `.csv`), or a folder with one file a spectrum (`.npy`, `.csv`).
    ///
    /// In a folder a CSV file has one value a line, or frequency and value. A first line without a single number is a
    /// heading.
    pub spectra: PathBuf,
    /// The array to take from an `.npz`; by default `spectrum`, or the only one that has rows and columns.
    #[serde(default)]
    pub array: Option<String>,
    /// A CSV file with one stress a line, in the order of the spectra. With a folder of spectra it may have a column
    /// `file`, which says which spectrum a line belongs to; otherwise the order is that of the names, numbers in them
    /// counted as numbers.
    pub stress: PathBuf,
    /// The column of the stress; by default `stress`, or the only one there is.
    #[serde(default)]
    pub stress_column: Option<String>,
    /// Units of the stress, for figures.
    #[serde(default)]
    pub stress_units: String,
}

/// Reads a dataset of two modalities: `spectrum`, a curve of any length (with its frequencies where the files have
/// them), and `stress`, a vector of length 1.
///
/// # Errors
/// [`Error::Io`], and [`Error::Table`], which names file and row, for spectra of unequal length, values that are
/// negative, NaN or no numbers at all, a stress that is missing, and another number of stresses than of spectra.
pub fn load_spectra(files: &SpectraFiles) -> Result<Dataset> {
    let stress = stress::read(&files.stress, files.stress_column.as_deref())?;
    let (spectra, stress) = if files.spectra.is_dir() {
        read_folder(&files.spectra, &files.stress, stress)?
    } else {
        (read_table(&files.spectra, files.array.as_deref())?, stress.values)
    };
    if spectra.values.nrows() != stress.len() {
        let got = format!("{} stresses", stress.len());
        let problem = format!("{got}, but {} has {} spectra", files.spectra.display(), spectra.values.nrows());
        return Err(Error::Table { path: files.stress.clone(), place: Place::File, problem });
    }
    spectra.check_densities()?;
    let length = spectra.values.ncols();
    let mut spectrum = ModalityData::new("spectrum", ModalityShape::Curve { channels: 1, length }, spectra.values)?;
    if let Some(points) = spectra.frequencies {
        let axis = MeasurementAxis { name: "frequency".to_owned(), units: String::new(), points };
        spectrum = spectrum.with_axis(axis)?;
    }
    let stress = Array2::from_shape_fn((stress.len(), 1), |(row, _)| stress[row] as f32);
    let stress = ModalityData::new("stress", ModalityShape::Vector { length: 1 }, stress)?;
    let name = files.spectra.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Dataset::new(name, vec![spectrum, stress.with_units(&files.stress_units)], None)
}

/// One file a spectrum, and the stresses in the order of the spectra.
fn read_folder(folder: &Path, stress_file: &Path, stress: stress::Column) -> Result<(Table, Vec<f64>)> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_spectrum = path.extension().is_some_and(|extension| extension == "npy" || extension == "csv");
        if is_spectrum && !is_same(&path, stress_file) {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| natural(path.file_name().unwrap_or_default()));
    let mut values = stress.values;
    if let Some(names) = stress.files {
        (files, values) = in_order_of_names(folder, stress_file, &files, &names, &values)?;
    }
    let mut rows: Option<Array2<f32>> = None;
    let mut frequencies = None;
    for (at, path) in files.iter().enumerate() {
        let one = table::read_one(path)?;
        let refuse = |problem| Err(Error::Table { path: path.clone(), place: Place::File, problem });
        let length = one.values.len();
        let rows = rows.get_or_insert_with(|| Array2::zeros((files.len(), length)));
        if length != rows.ncols() {
            return refuse(format!("{length} values, but {} has {}", files[0].display(), rows.ncols()));
        }
        if at == 0 {
            frequencies = one.frequencies;
        } else if one.frequencies != frequencies {
            return refuse(format!("other frequencies than {}", files[0].display()));
        }
        rows.row_mut(at).assign(&ndarray::ArrayView1::from(&one.values));
    }
    let Some(rows) = rows else {
        let problem = "no .npy and no .csv file in it".to_owned();
        return Err(Error::Table { path: folder.to_owned(), place: Place::File, problem });
    };
    Ok((Table { values: rows, frequencies, source: table::Source::Folder(files) }, values))
}

/// The files that the lines of the stress file name, and its values; every file must be named once.
fn in_order_of_names(
    folder: &Path,
    stress_file: &Path,
    files: &[PathBuf],
    names: &[(u64, String)],
    values: &[f64],
) -> Result<(Vec<PathBuf>, Vec<f64>)> {
    let mut left: HashMap<&OsStr, &PathBuf> =
        files.iter().filter_map(|path| path.file_name().map(|name| (name, path))).collect();
    let mut named = Vec::with_capacity(names.len());
    for (line, name) in names {
        let Some(path) = left.remove(OsStr::new(name)) else {
            let problem = format!("there is no spectrum '{name}' in {}, or it is named twice", folder.display());
            return Err(Error::Table { path: stress_file.to_owned(), place: Place::Line(*line), problem });
        };
        named.push(path.clone());
    }
    if let Some(path) = left.values().min() {
        let problem = "the file of stresses does not name it".to_owned();
        return Err(Error::Table { path: (*path).clone(), place: Place::File, problem });
    }
    Ok((named, values.to_vec()))
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// A key that sorts `s2` before `s10`: runs of digits compare as numbers, the name itself where those are equal.
pub(crate) fn natural(name: &OsStr) -> (Vec<(char, u128)>, String) {
    let name = name.to_string_lossy().into_owned();
    let mut parts: Vec<(char, u128)> = Vec::new();
    let mut in_number = false;
    for symbol in name.chars() {
        match (symbol.to_digit(10), parts.last_mut()) {
            (Some(digit), Some((_, number))) if in_number => {
                *number = number.saturating_mul(10).saturating_add(digit.into());
            }
            // Numbers sort where the symbol '0' does among the others.
            (Some(digit), _) => parts.push(('0', digit.into())),
            (None, _) => parts.push((symbol, 0)),
        }
        in_number = symbol.is_ascii_digit();
    }
    (parts, name)
}

#[cfg(test)]
mod tests;
