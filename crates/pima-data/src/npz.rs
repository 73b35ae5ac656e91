//! Datasets as `.npz`, the archive that NumPy reads and writes.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use ndarray::{Array1, ArrayD, ArrayView1, ArrayViewD, Axis};
use ndarray_npy::{NpzWriter, WriteNpyError, WriteNpzError};
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::npz_archive::{Archive, npz_error, one_line};
use crate::npz_rows::NpzRows;

pub(crate) const LABEL: &str = "label";
pub(crate) const HELD_OUT: &str = "held_out";
pub(crate) const GROUP: &str = "group";
pub(crate) const META: &str = "meta";
pub(crate) const AXIS: &str = "axis_";
pub(crate) const PRESENT: &str = "present_";

/// What arrays cannot say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) name: Option<String>,
    /// In the order of the dataset.
    pub(crate) modalities: Vec<MetaModality>,
    pub(crate) label_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MetaModality {
    pub(crate) name: String,
    pub(crate) units: String,
    pub(crate) axis_name: String,
    pub(crate) axis_units: String,
}

/// Writes a dataset as a compressed `.npz`:
///
/// | array | shape | holds |
/// |---|---|---|
/// | `<modality>` | (D, C, H, W), (D, C, L) or (D, L) | an image, a curve or a vector per row, physical units |
/// | `present_<modality>` | (D) bool | which rows have it; absent if all do |
/// | `axis_<modality>` | (L) f64 | where along the curve it was measured |
/// | `label` | (D) i64 | known classes, 0 and up; -1 where it is not known |
/// | `held_out` | (D) bool | rows set aside for testing |
/// | `group` | (D) i64 | rows of one number belong together and are never split |
/// | `meta` | bytes | JSON: the names and units |
///
/// Only the modalities must be there for [`read_npz`]. Values may be of any type NumPy is likely to save, and are kept
/// as f32. An array (D, L) with an axis is a curve of one channel, without one a vector; an image without a channel
/// axis needs one (`x[:, None]` in NumPy).
///
/// The file is written beside its place and then moved there, so that a
/// program that is stopped leaves no half file.
///
/// # Errors
/// [`Error::Io`], and [`Error::Npz`] for a modality whose name one of the other arrays would take.
pub fn write_npz(dataset: &Dataset, path: &Path) -> Result<()> {
    for modality in dataset.modalities() {
        let name = modality.name();
        if is_reserved(name) || name.is_empty() || name.contains(['/', '\\']) {
            let problem = format!("a modality cannot be named '{name}' in an npz file; rename it");
            return Err(Error::Npz { path: path.to_owned(), problem });
        }
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::create(partial).map_err(io)?;
    let written = write_arrays(dataset, NpzWriter::new_compressed(BufWriter::new(file)));
    let done = match written {
        Ok(file) => file
            .into_inner()
            .map_err(|error| io(error.into_error()))
            .and_then(|file| file.sync_all().map_err(io))
            .and_then(|()| fs::rename(partial, path).map_err(io)),
        Err(error) => Err(Error::Npz { path: path.to_owned(), problem: one_line(&error) }),
    };
    if done.is_err() {
        // The first error is the one to report; a leftover file is only untidy.
        let _ = fs::remove_file(partial);
    }
    done
}

fn write_arrays(dataset: &Dataset, mut npz: NpzWriter<BufWriter<File>>) -> Result<BufWriter<File>, WriteNpzError> {
    let mut meta = Meta {
        name: Some(dataset.name().to_owned()),
        modalities: Vec::new(),
        label_names: dataset.labels().map(|labels| labels.names().to_vec()),
    };
    for modality in dataset.modalities() {
        let name = modality.name();
        let mut sizes = vec![modality.n_samples()];
        match modality.shape() {
            ModalityShape::Image { channels, height, width } => sizes.extend([channels, height, width]),
            ModalityShape::Curve { channels, length } => sizes.extend([channels, length]),
            ModalityShape::Vector { length } => sizes.push(length),
        }
        let values =
            modality.values().map_err(|error| WriteNpzError::Npy(WriteNpyError::Io(io::Error::other(error))))?;
        let shaped = ArrayViewD::from_shape(sizes, values.as_slice().unwrap_or(&[]))
            .expect("the modality's columns fill its shape");
        npz.add_array(name, &shaped)?;
        if let Some(present) = modality.present() {
            npz.add_array(format!("{PRESENT}{name}"), &ArrayView1::from(present))?;
        }
        let mut about =
            MetaModality { name: name.to_owned(), units: modality.units().to_owned(), ..MetaModality::default() };
        if let Some(axis) = modality.axis() {
            npz.add_array(format!("{AXIS}{name}"), &ArrayView1::from(&axis.points))?;
            about.axis_name.clone_from(&axis.name);
            about.axis_units.clone_from(&axis.units);
        }
        meta.modalities.push(about);
    }
    if let Some(labels) = dataset.labels() {
        let label = |row| labels.of(row).map_or(-1, |label| label as i64);
        let values: Array1<i64> = (0..labels.values().len()).map(label).collect();
        npz.add_array(LABEL, &values)?;
    }
    if let Some(held_out) = dataset.held_out() {
        npz.add_array(HELD_OUT, &ArrayView1::from(held_out))?;
    }
    if let Some(groups) = dataset.groups() {
        let values: Array1<i64> = groups.iter().map(|&group| group as i64).collect();
        npz.add_array(GROUP, &values)?;
    }
    let json = serde_json::to_vec(&meta).expect("names and units are plain strings");
    npz.add_array(META, &Array1::from_vec(json))?;
    npz.finish()
}

/// Reads a dataset from an `.npz`, written by [`write_npz`] or by NumPy's `savez`. Without a stored name the dataset
/// is called by its file. [`NpzRows`] reads the same some rows at a time.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened, [`Error::Npz`] naming the array that cannot be read, and whatever
/// [`ModalityData`](crate::ModalityData), [`Labels`](crate::Labels) and [`Dataset`] refuse.
pub fn read_npz(path: &Path) -> Result<Dataset> {
    let mut rows = NpzRows::open(path)?;
    match rows.next(usize::MAX, &mut None)? {
        Some((dataset, _)) => Ok(dataset),
        None => Err(Error::Empty { dataset: rows.name().to_owned(), what: "rows" }),
    }
}

/// One array of numbers of an `.npz` as f32, whatever else is in the file: the array named, or else `preferred` if it is
/// there, or else the only one that has rows and columns.
pub(crate) fn read_npz_array(path: &Path, name: Option<&str>, preferred: &str) -> Result<ArrayD<f32>> {
    let mut archive = Archive::open(path)?;
    let names = archive.names();
    let known = || names.join(", ");
    if let Some(name) = name.or_else(|| names.iter().any(|known| known == preferred).then_some(preferred)) {
        if !names.iter().any(|known| known == name) {
            return Err(npz_error(path, format!("no array '{name}'; it has {}", known())));
        }
        return archive.stream(name)?.whole();
    }
    let mut tables = Vec::new();
    for name in names.iter().filter(|name| !is_reserved(name)) {
        let values = archive.stream(name)?.whole()?;
        if values.ndim() > 1 && values.len() > values.len_of(Axis(0)) {
            tables.push(values);
        }
    }
    match (tables.pop(), tables.is_empty()) {
        (Some(values), true) => Ok(values),
        (None, _) => Err(npz_error(path, format!("no array has rows and columns; it has {}", known()))),
        (Some(_), false) => Err(npz_error(path, format!("name the array to take; it has {}", known()))),
    }
}

pub(crate) fn is_reserved(name: &str) -> bool {
    [LABEL, HELD_OUT, GROUP, META].contains(&name) || name.starts_with(AXIS) || name.starts_with(PRESENT)
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
