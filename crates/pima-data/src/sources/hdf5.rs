//! Data sets of HDF5 files, read some samples at a time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use half::f16;
use hdf5_reader::error::Error as ReadError;
use hdf5_reader::group::Group;
use hdf5_reader::{ByteOrder, Dataset, Datatype, H5Type, Hdf5File, SliceInfo, SliceInfoElem};
use serde::{Deserialize, Serialize};

use super::{at_file, ending};
use crate::error::{Error, Result};
use crate::npz_archive::one_line;

/// Endings by which HDF5 files go. (Those of MATLAB and NetCDF have conventions of their own: axes turned round, values that mean "missing".)
pub(crate) const ENDINGS: [&str; 4] = ["h5", "hdf5", "hdf", "he5"];

/// Whether a file goes by one of them.
pub(crate) fn is_hdf5(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// Values read at a time, at most.
const PIECE: usize = 1 << 20;
/// Data sets that an error lists.
const LISTED: usize = 20;

/// Which data set of an HDF5 file is a modality. Rows that are NaN throughout are missing; its attribute `units` says the units.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hdf5Dataset {
    /// The file.
    pub path: PathBuf,
    /// The data set, such as `/group/name`; without it that of the modality's name, or the only one that has rows and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The data set of the same file that says what each sample is called, by text or by number; without it, samples are matched by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether images are (samples, height, width, channels), and curves (samples, length, channels).
    #[serde(default)]
    pub channels_last: bool,
}

/// An open file.
pub(crate) struct Hdf5 {
    path: PathBuf,
    file: Hdf5File,
}

impl Hdf5 {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = Hdf5File::open(path).map_err(|error| match error {
            ReadError::Io(source) => Error::Io { path: path.to_owned(), source },
            other => at_file(path, format!("not an HDF5 file, or cut short ({}); write it again", one_line(&other))),
        })?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The paths of all data sets, group by group.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut walk = || {
            let root = self.file.root_group()?;
            // A group may be linked to from within itself.
            let mut seen = HashSet::from([root.address()]);
            below(&root, "", &mut seen, &mut names)
        };
        walk().map_err(|error: ReadError| {
            at_file(
                &self.path,
                format!(
                    "its groups cannot be read ({}); it was cut short or damaged: write it again",
                    one_line(&error)
                ),
            )
        })?;
        Ok(names)
    }

    /// The data set at this path, from its first row.
    pub(crate) fn values(&self, name: &str) -> Result<Hdf5Values> {
        let name = format!("/{}", name.trim_matches('/'));
        let fail = |problem| at_file(&self.path, format!("data set '{name}': {problem}"));
        let dataset = match self.file.dataset(&name) {
            Ok(dataset) => dataset,
            // It may be there, and damaged.
            Err(error) => {
                let names = self.names()?;
                if names.contains(&name) {
                    return Err(fail(unreadable(&error)));
                }
                return Err(at_file(&self.path, format!("no data set '{name}'; the file has {}", listed(&names))));
            }
        };
        let size = |&n: &u64| usize::try_from(n).map_err(|_| fail(format!("{n} rows are too many")));
        let shape = dataset.shape().iter().map(size).collect::<Result<_>>()?;
        Ok(Hdf5Values { path: self.path.clone(), name, dataset, shape, at: 0 })
    }

    /// The data set asked for, else that of the modality's name, else the only one that has rows and columns.
    pub(super) fn choose(&self, asked: Option<&str>, modality: &str) -> Result<Hdf5Values> {
        if let Some(name) = asked {
            return self.values(name);
        }
        let names = self.names()?;
        if let Some(name) = names.iter().find(|name| last_part(name) == modality) {
            return self.values(name);
        }
        let mut tables = Vec::new();
        for name in &names {
            let values = self.values(name)?;
            if values.shape.len() > 1 && values.is_number() {
                tables.push(values);
            }
        }
        match (tables.pop(), tables.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => {
                let problem =
                    format!("which data set is {modality:?}? Say dataset = \"...\"; the file has {}", listed(&names));
                Err(at_file(&self.path, problem))
            }
        }
    }
}

/// Appends the data sets of a group and of the groups in it.
fn below(
    group: &Group,
    prefix: &str,
    seen: &mut HashSet<u64>,
    names: &mut Vec<String>,
) -> std::result::Result<(), ReadError> {
    let (groups, datasets) = group.member_names()?;
    names.extend(datasets.iter().map(|name| format!("{prefix}/{name}")));
    for name in groups {
        let inner = group.group(&name)?;
        if seen.insert(inner.address()) {
            below(&inner, &format!("{prefix}/{name}"), seen, names)?;
        }
    }
    Ok(())
}

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        n if n > LISTED => format!("{} and {} more", names[..LISTED].join(", "), n - LISTED),
        _ => names.join(", "),
    }
}

fn unreadable(error: &ReadError) -> String {
    format!("cannot be read ({}); if the file was cut short or damaged, write it again", one_line(error))
}

/// What a data set is called within its group.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// One data set, read forwards.
pub(crate) struct Hdf5Values {
    path: PathBuf,
    name: String,
    dataset: Dataset,
    shape: Vec<usize>,
    /// Rows that were read.
    at: usize,
}

impl Hdf5Values {
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether the elements are numbers of a common type.
    pub(crate) fn is_number(&self) -> bool {
        element_size(self.dataset.dtype()).is_some()
    }

    /// Its attribute `units`, if it has one.
    pub(super) fn units(&self) -> String {
        let units = self.dataset.attribute("units").and_then(|units| units.read_string());
        units.map(|units| units.trim().to_owned()).unwrap_or_default()
    }

    /// The next `n` rows, one after the other.
    pub(super) fn rows(&mut self, n: usize) -> Result<Vec<f32>> {
        let size: usize = self.shape.iter().skip(1).product();
        let mut values = Vec::new();
        let end = self.at.saturating_add(n).min(self.shape.first().copied().unwrap_or(0));
        while self.at < end {
            let until = end.min(self.at + (PIECE / size.max(1)).max(1));
            values.extend(self.between(self.at, until)?.into_iter().map(|Number(x)| x as f32));
            self.at = until;
        }
        Ok(values)
    }

    /// All points of an axis.
    pub(super) fn points(self) -> Result<Vec<f64>> {
        let n = self.length()?;
        Ok(self.between(0, n)?.into_iter().map(|Number(x)| x).collect())
    }

    /// All entries of a list of names or numbers, as text.
    pub(crate) fn texts(&self) -> Result<Vec<String>> {
        let n = self.length()?;
        match self.dataset.dtype() {
            Datatype::String { .. } | Datatype::VarLen { .. } => {
                self.dataset.read_strings().map_err(|error| self.fail(unreadable(&error)))
            }
            // Numbers of samples may have more digits than a float.
            Datatype::FixedPoint { size: 8, signed: true, .. } => {
                let numbers = self.dataset.read_array::<i64>().map_err(|error| self.fail(unreadable(&error)))?;
                Ok(numbers.into_iter().map(|x| x.to_string()).collect())
            }
            _ => Ok(self.between(0, n)?.into_iter().map(|Number(x)| x.to_string()).collect()),
        }
    }

    /// The rows from `start` to before `end`.
    fn between(&self, start: usize, end: usize) -> Result<Vec<Number>> {
        if !self.is_number() {
            return Err(self.fail(format!(
                "holds {}, and numbers are wanted (integers, float16, float32, float64 or bool)",
                what(self.dataset.dtype())
            )));
        }
        let slice = |axis| match axis {
            0 => SliceInfoElem::Slice { start: start as u64, end: end as u64, step: 1 },
            _ => SliceInfoElem::Slice { start: 0, end: u64::MAX, step: 1 },
        };
        let selections = (0..self.shape.len()).map(slice).collect();
        let values = self.dataset.read_slice::<Number>(&SliceInfo { selections });
        Ok(values.map_err(|error| self.fail(unreadable(&error)))?.into_iter().collect())
    }

    /// The length of a data set of one dimension.
    fn length(&self) -> Result<usize> {
        match self.shape[..] {
            [n] => Ok(n),
            _ => Err(self.fail(format!("has shape {:?}; a list is wanted", self.shape))),
        }
    }

    pub(super) fn fail(&self, problem: String) -> Error {
        at_file(&self.path, format!("data set '{}': {problem}", self.name))
    }
}

/// A number of any common type.
#[derive(Clone, Copy)]
struct Number(f64);

impl H5Type for Number {
    fn hdf5_type() -> Datatype {
        f64::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], dtype: &Datatype) -> std::result::Result<Self, ReadError> {
        let number = match dtype {
            Datatype::FloatingPoint { size: 2, byte_order } => {
                let two = bytes.first_chunk().copied().unwrap_or_default();
                if matches!(byte_order, ByteOrder::BigEndian) {
                    f16::from_be_bytes(two)
                } else {
                    f16::from_le_bytes(two)
                }
                .to_f64()
            }
            Datatype::FloatingPoint { size: 4, .. } => f32::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 1, signed: true, .. } => i8::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 1, .. } => u8::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 2, signed: true, .. } => i16::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 2, .. } => u16::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 4, signed: true, .. } => i32::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 4, .. } => u32::from_bytes(bytes, dtype)?.into(),
            Datatype::FixedPoint { size: 8, signed: true, .. } => i64::from_bytes(bytes, dtype)? as f64,
            Datatype::FixedPoint { size: 8, .. } => u64::from_bytes(bytes, dtype)? as f64,
            // As h5py writes bool.
            Datatype::Enum { base, .. } => return Self::from_bytes(bytes, base),
            _ => f64::from_bytes(bytes, dtype)?,
        };
        Ok(Self(number))
    }

    fn element_size(dtype: &Datatype) -> usize {
        element_size(dtype).unwrap_or(0)
    }
}

/// In bytes, for numbers that are read.
fn element_size(dtype: &Datatype) -> Option<usize> {
    match dtype {
        Datatype::FixedPoint { size: size @ (1 | 2 | 4 | 8), .. }
        | Datatype::FloatingPoint { size: size @ (2 | 4 | 8), .. } => Some(usize::from(*size)),
        Datatype::Enum { base, .. } => element_size(base),
        _ => None,
    }
}

fn what(dtype: &Datatype) -> &'static str {
    match dtype {
        Datatype::String { .. } => "text",
        Datatype::VarLen { .. } => "lists of unequal length, or text",
        Datatype::Compound { .. } => "records of several fields",
        Datatype::Reference { .. } => "references",
        _ => "elements of another type",
    }
}
