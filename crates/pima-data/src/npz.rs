//! Datasets as `.npz`, the archive that NumPy reads and writes.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use ndarray::{Array1, ArrayD, ArrayView1, ArrayViewD, Axis, Dimension, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyError, ReadNpzError, ReadableElement, WriteNpzError};
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};
use crate::skipping::SkippedRow;

const LABEL: &str = "label";
const HELD_OUT: &str = "held_out";
const GROUP: &str = "group";
const META: &str = "meta";
const AXIS: &str = "axis_";
const PRESENT: &str = "present_";

/// What arrays cannot say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Meta {
    name: Option<String>,
    /// In the order of the dataset.
    modalities: Vec<MetaModality>,
    label_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct MetaModality {
    name: String,
    units: String,
    axis_name: String,
    axis_units: String,
}

/// Writes a dataset as a compressed `.npz`:
///
/// | array | shape | holds |
/// |---|---|---|
/// | `<modality>` | (D, C, H, W), (D, C, L) or (D, L) | an image, a curve or a vector per row, physical units |
/// | `present_<modality>` | (D) bool | which rows have it; absent if all do |
/// | `axis_<modality>` | (L) f64 | where along the curve it was measured |
/// | `label` | (D) i64 | known classes, 0 and up |
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
        let values = modality.values();
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
        let values: Array1<i64> = labels.values().iter().map(|&label| label as i64).collect();
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
/// is called by its file.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened, [`Error::Npz`] naming the array that cannot be read, and whatever
/// [`ModalityData`], [`Labels`] and [`Dataset`] refuse.
pub fn read_npz(path: &Path) -> Result<Dataset> {
    let Contents { name, modalities, labels, held_out, groups } = Contents::read(path, &mut None)?;
    let mut dataset = Dataset::new(name, modalities, labels)?;
    if let Some(held_out) = held_out {
        dataset = dataset.with_held_out(held_out)?;
    }
    if let Some(groups) = groups { dataset.with_groups(groups) } else { Ok(dataset) }
}

/// What an archive holds, before it is known to fit together.
pub(crate) struct Contents {
    pub(crate) name: String,
    pub(crate) modalities: Vec<ModalityData>,
    pub(crate) labels: Option<Labels>,
    pub(crate) held_out: Option<Vec<bool>>,
    pub(crate) groups: Option<Vec<usize>>,
}

impl Contents {
    /// Where `bad` is a list, rows with values that are not finite go onto it and count as missing; otherwise they are an error.
    pub(crate) fn read(path: &Path, bad: &mut Option<Vec<SkippedRow>>) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let npz = NpzReader::new(BufReader::new(file));
        let npz = npz.map_err(|error| npz_error(path, format!("not an npz file: {}", one_line(&error))))?;
        let mut archive = Archive { npz, path };
        let names = archive.names()?;
        let has = |name: &str| names.iter().any(|known| known == name);
        let meta = if has(META) { archive.meta()? } else { Meta::default() };

        let known = meta.modalities.iter().map(|about| about.name.as_str()).filter(|name| has(name));
        let mut order: Vec<&str> = known.collect();
        for name in &names {
            if !is_reserved(name) && !order.contains(&name.as_str()) {
                order.push(name);
            }
        }
        let mut modalities = Vec::with_capacity(order.len());
        for name in order {
            let about = meta.modalities.iter().find(|about| about.name == name).cloned().unwrap_or_default();
            let axis = format!("{AXIS}{name}");
            let axis = if has(&axis) { Some(archive.axis(&axis)?) } else { None };
            let present = format!("{PRESENT}{name}");
            let present = if has(&present) { Some(archive.vector::<bool>(&present)?) } else { None };
            modalities.push(archive.modality(name, about, axis, present, bad)?);
        }
        let labels = if has(LABEL) { Some(archive.labels(meta.label_names)?) } else { None };
        let held_out = if has(HELD_OUT) { Some(archive.vector(HELD_OUT)?) } else { None };
        let groups = if has(GROUP) { Some(archive.indices(GROUP)?) } else { None };
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name: meta.name.unwrap_or_else(stem), modalities, labels, held_out, groups })
    }
}

/// One array of numbers of an `.npz` as f32, whatever else is in the file: the array named, or else `preferred` if it is
/// there, or else the only one that has rows and columns.
pub(crate) fn read_npz_array(path: &Path, name: Option<&str>, preferred: &str) -> Result<ArrayD<f32>> {
    let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let npz = NpzReader::new(BufReader::new(file));
    let npz = npz.map_err(|error| npz_error(path, format!("not an npz file: {}", one_line(&error))))?;
    let mut archive = Archive { npz, path };
    let names = archive.names()?;
    let known = || names.join(", ");
    if let Some(name) = name.or_else(|| names.iter().any(|known| known == preferred).then_some(preferred)) {
        if !names.iter().any(|known| known == name) {
            return Err(npz_error(path, format!("no array '{name}'; it has {}", known())));
        }
        return archive.numbers(name);
    }
    let mut tables = Vec::new();
    for name in names.iter().filter(|name| !is_reserved(name)) {
        let values = archive.numbers(name)?;
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

struct Archive<'a> {
    npz: NpzReader<BufReader<File>>,
    path: &'a Path,
}

impl Archive<'_> {
    fn names(&mut self) -> Result<Vec<String>> {
        let names = self.npz.names().map_err(|error| npz_error(self.path, one_line(&error)))?;
        Ok(names.into_iter().map(|name| name.trim_end_matches(".npy").to_owned()).collect())
    }

    fn meta(&mut self) -> Result<Meta> {
        let json = self.vector::<u8>(META)?;
        serde_json::from_slice(&json)
            .map_err(|error| npz_error(self.path, format!("array '{META}': {}", one_line(&error))))
    }

    fn modality(
        &mut self,
        name: &str,
        about: MetaModality,
        axis: Option<Vec<f64>>,
        mut present: Option<Vec<bool>>,
        bad: &mut Option<Vec<SkippedRow>>,
    ) -> Result<ModalityData> {
        let values = self.numbers(name)?;
        let shape = match (values.shape(), &axis) {
            (&[_, channels, height, width], _) => ModalityShape::Image { channels, height, width },
            (&[_, channels, length], _) => ModalityShape::Curve { channels, length },
            (&[_, length], Some(_)) => ModalityShape::Curve { channels: 1, length },
            (&[_, length], None) => ModalityShape::Vector { length },
            (shape, _) => {
                let problem = format!(
                    "array '{name}' has shape {shape:?}; a modality is (rows, length), (rows, channels, length) or (rows, channels, height, width)"
                );
                return Err(npz_error(self.path, problem));
            }
        };
        let n_rows = values.len_of(Axis(0));
        let values = values.as_standard_layout().into_owned();
        let values = values
            .into_shape_with_order((n_rows, shape.size()))
            .map_err(|error| npz_error(self.path, format!("array '{name}': {}", one_line(&error))))?;
        if let Some(bad) = bad {
            let there = |present: &Option<Vec<bool>>, row: usize| {
                present.as_ref().is_none_or(|present| present.get(row).copied().unwrap_or(true))
            };
            for (row, values) in
                values.outer_iter().enumerate().filter(|(row, _)| there(&present, *row)).collect::<Vec<_>>()
            {
                if let Some(column) = values.iter().position(|value| !value.is_finite()) {
                    let problem = format!("modality '{name}', column {column}: {}", values[column]);
                    bad.push(SkippedRow { row, problem });
                    if let Some(present) = present.get_or_insert_with(|| vec![true; n_rows]).get_mut(row) {
                        *present = false;
                    }
                }
            }
        }
        let modality = match present {
            Some(present) => ModalityData::with_missing(name, shape, values, present)?,
            None => ModalityData::new(name, shape, values)?,
        };
        let modality = modality.with_units(about.units);
        match axis {
            Some(points) => {
                modality.with_axis(MeasurementAxis { name: about.axis_name, units: about.axis_units, points })
            }
            None => Ok(modality),
        }
    }

    /// An array of numbers of any common type, as f32.
    fn numbers(&mut self, name: &str) -> Result<ArrayD<f32>> {
        if let Some(values) = self.try_array::<f32, IxDyn>(name)? {
            return Ok(values);
        }
        if let Some(values) = self.try_array::<f64, IxDyn>(name)? {
            return Ok(values.mapv(|x| x as f32));
        }
        if let Some(values) = self.try_array::<u8, IxDyn>(name)? {
            return Ok(values.mapv(f32::from));
        }
        if let Some(values) = self.try_array::<i64, IxDyn>(name)? {
            return Ok(values.mapv(|x| x as f32));
        }
        match self.try_array::<i32, IxDyn>(name)? {
            Some(values) => Ok(values.mapv(|x| x as f32)),
            None => Err(self.wrong_type(name, "float32, float64, uint8, int32 or int64")),
        }
    }

    /// The points of an axis, of any common type, as f64.
    fn axis(&mut self, name: &str) -> Result<Vec<f64>> {
        if let Some(points) = self.try_array::<f64, ndarray::Ix1>(name)? {
            return Ok(points.to_vec());
        }
        if let Some(points) = self.try_array::<i64, ndarray::Ix1>(name)? {
            return Ok(points.iter().map(|&point| point as f64).collect());
        }
        match self.try_array::<f32, ndarray::Ix1>(name)? {
            Some(points) => Ok(points.iter().map(|&point| point.into()).collect()),
            None => Err(self.wrong_type(name, "float64, float32 or int64")),
        }
    }

    /// Numbers from 0 that name something: labels, groups.
    fn indices(&mut self, name: &str) -> Result<Vec<usize>> {
        let values: Vec<i64> = if let Some(values) = self.try_array::<i64, _>(name)? {
            values.to_vec()
        } else if let Some(values) = self.try_array::<i32, ndarray::Ix1>(name)? {
            values.iter().map(|&value| value.into()).collect()
        } else if let Some(values) = self.try_array::<u8, ndarray::Ix1>(name)? {
            values.iter().map(|&value| value.into()).collect()
        } else {
            return Err(self.wrong_type(name, "int64, int32 or uint8"));
        };
        let mut indices = Vec::with_capacity(values.len());
        for (row, &value) in values.iter().enumerate() {
            let index = usize::try_from(value).map_err(|_| {
                let problem = format!("array '{name}', row {row}: {value} is no {name}; they count from 0");
                npz_error(self.path, problem)
            })?;
            indices.push(index);
        }
        Ok(indices)
    }

    fn labels(&mut self, names: Option<Vec<String>>) -> Result<Labels> {
        let labels = self.indices(LABEL)?;
        // Far above any number of classes, far below what a table of their names could not hold.
        if let Some((row, label)) = labels.iter().enumerate().find(|(_, label)| **label >= 1 << 20) {
            let problem = format!("array '{LABEL}', row {row}: {label} is no label; labels count from 0");
            return Err(npz_error(self.path, problem));
        }
        match names {
            Some(names) => Labels::named(labels, names),
            None => {
                let n_labels = labels.iter().max().map_or(0, |most| most + 1);
                Labels::new(labels, n_labels)
            }
        }
    }

    fn vector<T: ReadableElement + Clone>(&mut self, name: &str) -> Result<Vec<T>> {
        match self.try_array::<T, ndarray::Ix1>(name)? {
            Some(values) => Ok(values.to_vec()),
            None => Err(self.wrong_type(name, std::any::type_name::<T>())),
        }
    }

    /// The array if its elements are of this type, `None` if they are of another.
    fn try_array<T: ReadableElement, D: Dimension>(&mut self, name: &str) -> Result<Option<ndarray::Array<T, D>>> {
        match self.npz.by_name(name) {
            Ok(values) => Ok(Some(values)),
            Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => Ok(None),
            Err(error) => Err(npz_error(self.path, format!("array '{name}': {}", one_line(&error)))),
        }
    }

    fn wrong_type(&self, name: &str, wanted: &str) -> Error {
        npz_error(self.path, format!("array '{name}' has another element type than {wanted}"))
    }
}

fn npz_error(path: &Path, problem: String) -> Error {
    Error::Npz { path: path.to_owned(), problem }
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}

fn is_reserved(name: &str) -> bool {
    [LABEL, HELD_OUT, GROUP, META].contains(&name) || name.starts_with(AXIS) || name.starts_with(PRESENT)
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
