//! Arrays of files, read some samples at a time.

use std::path::{Path, PathBuf};

use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use super::hdf5::{Hdf5, Hdf5Dataset, Hdf5Values};
use super::{Block, ModalityKind, at_file};
use crate::error::{Error, Place, Result};
use crate::modality::MeasurementAxis;
use crate::npz::{AXIS, META, Meta, PRESENT, is_reserved};
use crate::npz_archive::{Archive, ArrayStream, npz_error, one_line, open_npy};

/// Which array of an `.npz` file is a modality. Rows that are NaN throughout, or false in an array `present_<array>`, are missing. An array
/// `axis_<array>` is its axis.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpzArray {
    /// The file.
    pub path: PathBuf,
    /// The array; without it that of the modality's name, or the only one that has rows and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// The array of the same file that says what each sample is called, by text or by number; without it, samples are matched by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether images are (samples, height, width, channels), and curves (samples, length, channels).
    #[serde(default)]
    pub channels_last: bool,
}

/// An `.npy` file that is a modality. Rows that are NaN throughout are missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpyFile {
    /// The file.
    pub path: PathBuf,
    /// An `.npy` file that says what each sample is called, by text or by number; without it, samples are matched by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<PathBuf>,
    /// Whether images are (samples, height, width, channels), and curves (samples, length, channels).
    #[serde(default)]
    pub channels_last: bool,
}

/// Rows of an array as samples.
pub(super) struct ArrayRows {
    path: PathBuf,
    values: Values,
    /// Which rows a mask calls present.
    mask: Option<Vec<bool>>,
    shape: ModalityShape,
    channels_last: bool,
    pub(super) n_rows: usize,
    at: usize,
}

/// In C order, from the first to the last. An array in Fortran order is read whole: its rows lie scattered.
enum Values {
    Stream(ArrayStream),
    Whole(std::vec::IntoIter<f32>),
    Hdf5(Box<Hdf5Values>),
}

/// What an array source says besides its values.
pub(super) struct About {
    pub(super) ids: Option<Vec<String>>,
    pub(super) axis: Option<MeasurementAxis>,
    pub(super) units: String,
}

/// Opens the array of an `.npz` for the modality of this name.
pub(super) fn open_npz_array(
    source: &NpzArray,
    modality: &str,
    kind: Option<ModalityKind>,
) -> Result<(ArrayRows, About)> {
    let path = source.path.as_path();
    let mut archive = Archive::open(path)?;
    let names = archive.names();
    let has = |name: &str| names.iter().any(|known| known == name);
    let array = choose(&mut archive, source.array.as_deref(), modality)?;
    let ids = source.id.as_deref().map(|id| archive.stream(id)?.texts()).transpose()?;
    let meta: Meta = if has(META) {
        let json = archive.stream(META)?.vector::<u8>()?;
        serde_json::from_slice(&json)
            .map_err(|error| npz_error(path, format!("array '{META}': {}", one_line(&error))))?
    } else {
        Meta::default()
    };
    let said = meta.modalities.into_iter().find(|about| about.name == array).unwrap_or_default();
    let axis = format!("{AXIS}{array}");
    let points = if has(&axis) { Some(archive.stream(&axis)?.points()?) } else { None };
    let mask = format!("{PRESENT}{array}");
    let mask: Option<Vec<bool>> = if has(&mask) { Some(archive.stream(&mask)?.vector()?) } else { None };
    let kind = kind.or(points.is_some().then_some(ModalityKind::Curve).filter(|_| archive.rank(&array) == Some(2)));
    let axis = points.map(|points| MeasurementAxis { name: said.axis_name, units: said.axis_units, points });
    let rows = ArrayRows::new(path, archive.stream(&array)?, mask, kind, source.channels_last)?;
    check_ids(path, ids.as_deref(), rows.n_rows)?;
    Ok((rows, About { ids, axis, units: said.units }))
}

/// Opens an `.npy` file.
pub(super) fn open_npy_file(source: &NpyFile, kind: Option<ModalityKind>) -> Result<(ArrayRows, About)> {
    let rows = ArrayRows::new(&source.path, open_npy(&source.path)?, None, kind, source.channels_last)?;
    let ids = source.ids.as_deref().map(|path| open_npy(path)?.texts()).transpose()?;
    check_ids(source.ids.as_deref().unwrap_or(&source.path), ids.as_deref(), rows.n_rows)?;
    Ok((rows, About { ids, axis: None, units: String::new() }))
}

/// Opens the data set of an HDF5 file for the modality of this name.
pub(super) fn open_hdf5(
    source: &Hdf5Dataset,
    modality: &str,
    kind: Option<ModalityKind>,
) -> Result<(ArrayRows, About)> {
    let path = source.path.as_path();
    let file = Hdf5::open(path)?;
    let mut values = file.choose(source.dataset.as_deref(), modality)?;
    let ids = source.id.as_deref().map(|id| file.values(id)?.texts()).transpose()?;
    let units = values.units();
    // None yet: only that their type will do.
    values.rows(0)?;
    let (shape, n_rows) =
        shape_and_rows(values.shape(), kind, source.channels_last).map_err(|problem| values.fail(problem))?;
    check_ids(path, ids.as_deref(), n_rows)?;
    let (path, channels_last) = (path.to_owned(), source.channels_last);
    let rows =
        ArrayRows { path, values: Values::Hdf5(Box::new(values)), mask: None, shape, channels_last, n_rows, at: 0 };
    Ok((rows, About { ids, axis: None, units }))
}

fn check_ids(path: &Path, ids: Option<&[String]>, n_rows: usize) -> Result<()> {
    let Some(ids) = ids else { return Ok(()) };
    if ids.len() != n_rows {
        return Err(at_file(path, format!("{} ids for {n_rows} samples; save an id for each sample", ids.len())));
    }
    let mut rows = std::collections::HashMap::new();
    for (row, id) in ids.iter().enumerate() {
        if let Some(before) = rows.insert(id, row) {
            let problem = format!("id '{id}' is in row {before} already; keep one of them");
            return Err(Error::Table { path: path.to_owned(), place: Place::Row(row), problem });
        }
    }
    Ok(())
}

/// The array asked for, else that of the modality's name, else the only one that has rows and columns.
fn choose(archive: &mut Archive, asked: Option<&str>, modality: &str) -> Result<String> {
    let names = archive.names();
    let known = names.join(", ");
    if let Some(name) = asked.or_else(|| names.iter().any(|name| name == modality).then_some(modality)) {
        if !names.iter().any(|known| known == name) {
            return Err(npz_error(archive.path(), format!("no array '{name}'; the file has {known}")));
        }
        return Ok(name.to_owned());
    }
    let mut tables: Vec<&String> = Vec::new();
    for name in names.iter().filter(|name| !is_reserved(name)) {
        if archive.rank(name).is_some_and(|rank| rank > 1) {
            tables.push(name);
        }
    }
    match tables[..] {
        [one] => Ok(one.clone()),
        _ => Err(npz_error(
            archive.path(),
            format!("which array is {modality:?}? Say array = \"...\"; the file has {known}"),
        )),
    }
}

impl ArrayRows {
    fn new(
        path: &Path,
        mut stream: ArrayStream,
        mask: Option<Vec<bool>>,
        kind: Option<ModalityKind>,
        channels_last: bool,
    ) -> Result<Self> {
        // None yet: only that their type will do.
        stream.numbers(0)?;
        let (shape, n_rows) =
            shape_and_rows(stream.shape(), kind, channels_last).map_err(|problem| stream.fail(problem))?;
        if let Some(mask) = &mask
            && mask.len() != n_rows
        {
            return Err(stream.fail(format!("its mask has {} entries for {n_rows} samples", mask.len())));
        }
        let values = if stream.is_fortran() {
            Values::Whole(stream.whole()?.into_iter().collect::<Vec<f32>>().into_iter())
        } else {
            Values::Stream(stream)
        };
        Ok(Self { path: path.to_owned(), values, mask, shape, channels_last, n_rows, at: 0 })
    }

    pub(super) fn shape(&self) -> ModalityShape {
        self.shape
    }

    /// The next `n` samples, fewer at the end; none after the last.
    pub(super) fn next(&mut self, n: usize) -> Result<Option<Block>> {
        let n = n.min(self.n_rows - self.at);
        if n == 0 {
            return Ok(None);
        }
        let size = self.shape.size();
        let mut values = match &mut self.values {
            Values::Stream(stream) => stream.numbers(n * size)?,
            Values::Whole(values) => values.by_ref().take(n * size).collect(),
            Values::Hdf5(values) => values.rows(n)?,
        };
        let mut present = Vec::with_capacity(n);
        for (k, row) in values.chunks_exact_mut(size).enumerate() {
            let at = self.at + k;
            let masked = self.mask.as_ref().is_some_and(|mask| !mask[at]);
            let missing = masked || (row[0].is_nan() && row.iter().all(|value| value.is_nan()));
            present.push(!missing);
            if missing {
                row.fill(0.0);
            } else if let Some(column) = row.iter().position(|value| !value.is_finite()) {
                let problem = format!(
                    "value {column} (from 0) is {}; fill it in, or set the whole row to NaN, which marks the sample as missing",
                    row[column]
                );
                return Err(Error::Table { path: self.path.clone(), place: Place::Row(at), problem });
            }
        }
        if self.channels_last {
            channels_first(&mut values, self.shape);
        }
        self.at += n;
        Ok(Some(Block { values, present }))
    }
}

/// The shape of a sample in an array of this shape, and how many there are: some.
fn shape_and_rows(
    sizes: &[usize],
    kind: Option<ModalityKind>,
    channels_last: bool,
) -> std::result::Result<(ModalityShape, usize), String> {
    let shape = sample_shape(sizes, kind, channels_last)?;
    let n_rows = sizes.first().copied().unwrap_or(0);
    if n_rows == 0 || shape.size() == 0 {
        return Err("is empty; a modality has at least one sample and one value".to_owned());
    }
    Ok((shape, n_rows))
}

/// The shape of a sample in an array of this shape, whose first axis is the samples'.
fn sample_shape(
    sizes: &[usize],
    kind: Option<ModalityKind>,
    channels_last: bool,
) -> std::result::Result<ModalityShape, String> {
    use ModalityKind::{Curve, Image, Vector};
    let order = |a: usize, b: usize| if channels_last { (b, a) } else { (a, b) };
    match (sizes, kind) {
        ([_], None | Some(Vector)) => Ok(ModalityShape::Vector { length: 1 }),
        (&[_, length], None | Some(Vector)) => Ok(ModalityShape::Vector { length }),
        (&[_, length], Some(Curve)) => Ok(ModalityShape::Curve { channels: 1, length }),
        (&[_, 1, length], None) => Ok(ModalityShape::Curve { channels: 1, length }),
        (&[_, a, b], Some(Curve)) => {
            let (channels, length) = order(a, b);
            Ok(ModalityShape::Curve { channels, length })
        }
        (&[_, height, width], Some(Image)) => Ok(ModalityShape::Image { channels: 1, height, width }),
        (&[_, a, b], None) => Err(format!(
            "its shape is {sizes:?}: say kind = \"image\" if a sample is {a} by {b} pixels, or kind = \"curve\" if it is {a} curves of {b} points"
        )),
        (&[_, a, b, c], None | Some(Image)) => {
            if !channels_last && a > 4 && c <= 4 {
                return Err(format!(
                    "its shape is {sizes:?}, which looks like (samples, height, width, channels): set channels_last = true in its source, or put the channels second"
                ));
            }
            let (channels, height, width) = if channels_last { (c, a, b) } else { (a, b, c) };
            Ok(ModalityShape::Image { channels, height, width })
        }
        (sizes, kind) => {
            let kind = kind.map_or_else(|| "a modality".to_owned(), |kind| format!("kind = \"{kind}\""));
            Err(format!(
                "its shape is {sizes:?}, which {kind} cannot have: images are (samples, channels, height, width), curves (samples, channels, length) \
                 or (samples, length), vectors (samples, length)"
            ))
        }
    }
}

/// Moves the channels of every sample to the front.
fn channels_first(values: &mut [f32], shape: ModalityShape) {
    let (channels, places) = match shape {
        ModalityShape::Image { channels, height, width } => (channels, height * width),
        ModalityShape::Curve { channels, length } => (channels, length),
        ModalityShape::Vector { .. } => return,
    };
    let mut row = vec![0.0; shape.size()];
    for values in values.chunks_exact_mut(shape.size()) {
        for (place, channel) in values.chunks_exact(channels).enumerate() {
            channel.iter().enumerate().for_each(|(c, &value)| row[c * places + place] = value);
        }
        values.copy_from_slice(&row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sample_is_follows_from_the_array_or_is_asked_for() {
        use ModalityKind::{Curve, Image, Vector};
        let shape = |sizes: &[usize], kind| sample_shape(sizes, kind, false).unwrap();
        assert_eq!(shape(&[9], None), ModalityShape::Vector { length: 1 });
        assert_eq!(shape(&[9, 5], None), ModalityShape::Vector { length: 5 });
        assert_eq!(shape(&[9, 5], Some(Curve)), ModalityShape::Curve { channels: 1, length: 5 });
        assert_eq!(shape(&[9, 1, 5], None), ModalityShape::Curve { channels: 1, length: 5 });
        assert_eq!(shape(&[9, 8, 7], Some(Image)), ModalityShape::Image { channels: 1, height: 8, width: 7 });
        assert_eq!(shape(&[9, 3, 8, 7], None), ModalityShape::Image { channels: 3, height: 8, width: 7 });
        let wrong = |sizes: &[usize], kind| sample_shape(sizes, kind, false).unwrap_err();
        assert!(wrong(&[9, 28, 28], None).contains("say kind = \"image\" if a sample is 28 by 28 pixels"));
        assert!(wrong(&[9, 64, 64, 3], None).contains("channels_last = true"));
        assert!(wrong(&[9, 784], Some(Image)).contains("kind = \"image\" cannot have"));
        assert!(wrong(&[9, 2, 3], Some(Vector)).contains("kind = \"vector\" cannot have"));
        let last = sample_shape(&[9, 8, 7, 3], None, true).unwrap();
        assert_eq!(last, ModalityShape::Image { channels: 3, height: 8, width: 7 });
    }

    #[test]
    fn channels_are_moved_to_the_front() {
        let mut values = vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
        channels_first(&mut values, ModalityShape::Curve { channels: 2, length: 3 });
        assert_eq!(values, [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    }
}
