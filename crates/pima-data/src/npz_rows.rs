//! An `.npz` read some rows at a time: files of any length in bounded memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ndarray::Array2;
use pima_core::ModalityShape;

use crate::dataset::{Dataset, check_rows};
use crate::error::{Error, Result};
use crate::inventory::ID_NAMES;
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData, ModalityDescription};
use crate::npz::{AXIS, GROUP, HELD_OUT, LABEL, META, Meta, MetaModality, PRESENT, is_reserved};
use crate::npz_archive::{Archive, ArrayStream, npz_error, one_line};

/// The shape of a sample of each modality that a model knows.
type Shapes<'a> = &'a dyn Fn(&str) -> Option<ModalityShape>;

/// A row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRow {
    /// Its number in the file, from 0.
    pub row: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// The rows of an `.npz` as [`read_npz`](crate::read_npz) takes it, from the first to the last. In memory are the rows asked for, and what is one number a row
/// (labels, groups, which rows are held out or have a modality). An array in Fortran order is an exception: its rows lie scattered, so it is read whole.
pub struct NpzRows {
    name: String,
    modalities: Vec<ModalityRows>,
    labels: Option<Labels>,
    held_out: Option<Vec<bool>>,
    groups: Option<Vec<usize>>,
    ids: Option<Vec<String>>,
    nan_is_missing: bool,
    n_rows: usize,
    /// Rows read.
    at: usize,
}

impl NpzRows {
    /// Reads what the file says of itself and of its rows, and goes before the first row.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened, [`Error::Npz`] naming the array that cannot be read, [`Error::Empty`] without modalities or rows, and
    /// [`Error::Length`] or [`Error::Label`] for what does not fit together.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_as(path, None)
    }

    /// The same of samples for a model, of whose modalities `expected` tells the shapes: images need no axis of channels then, and modalities of one number
    /// none of their own; a row that is NaN throughout is missing; and an array such as `id` says what the samples are called.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_given(path: &Path, expected: Shapes<'_>) -> Result<Self> {
        Self::open_as(path, Some(expected))
    }

    fn open_as(path: &Path, expected: Option<Shapes<'_>>) -> Result<Self> {
        let mut archive = Archive::open(path)?;
        let names = archive.names();
        if let Some(name) = names.iter().find(|name| name.contains(char::is_control)) {
            let problem = format!("array '{name}': no name of an array has such a character; the file is damaged");
            return Err(npz_error(path, problem));
        }
        let has = |name: &str| names.iter().any(|known| known == name);
        let meta = if has(META) { read_meta(&mut archive)? } else { Meta::default() };

        let shape = |name: &str| expected.and_then(|expected| expected(name));
        let is_id = |name: &str| expected.is_some() && shape(name).is_none() && ID_NAMES.contains(&name);
        let id = names.iter().find(|name| is_id(name));
        let id = id.filter(|name| archive.rank(name) == Some(1)).cloned();
        let ids = id.as_deref().map(|name| archive.stream(name)?.texts()).transpose()?;

        let known = meta.modalities.iter().map(|about| about.name.as_str()).filter(|name| has(name));
        let mut order: Vec<&str> = Vec::new();
        for name in known
            .chain(names.iter().map(String::as_str).filter(|name| !is_reserved(name) && id.as_deref() != Some(name)))
        {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        let mut modalities = Vec::with_capacity(order.len());
        for name in order {
            let about = meta.modalities.iter().find(|about| about.name == name).cloned().unwrap_or_default();
            modalities.push(ModalityRows::open(&mut archive, name, about, has, shape(name))?);
        }
        let labels = if has(LABEL) { Some(read_labels(&mut archive, meta.label_names)?) } else { None };
        let held_out = if has(HELD_OUT) { Some(archive.stream(HELD_OUT)?.vector()?) } else { None };
        let groups = if has(GROUP) { Some(archive.stream(GROUP)?.indices()?) } else { None };
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = meta.name.unwrap_or_else(stem);

        let Some(first) = modalities.first() else {
            return Err(Error::Empty { dataset: name, what: "modalities" });
        };
        let n_rows = first.n_rows;
        if n_rows == 0 {
            return Err(Error::Empty { dataset: name, what: "rows" });
        }
        if let Some(other) = modalities.iter().find(|modality| modality.n_rows != n_rows) {
            let what = format!("rows of modality '{}' (as in '{}')", other.description.name, first.description.name);
            return Err(Error::Length { what, expected: n_rows, got: other.n_rows });
        }
        check_rows("labels", &name, n_rows, labels.as_ref().map(|labels| labels.values().len()))?;
        check_rows("held-out marks", &name, n_rows, held_out.as_ref().map(Vec::len))?;
        check_rows("groups", &name, n_rows, groups.as_ref().map(Vec::len))?;
        check_rows("ids", &name, n_rows, ids.as_ref().map(Vec::len))?;
        let nan_is_missing = expected.is_some();
        Ok(Self { name, modalities, labels, held_out, groups, ids, nan_is_missing, n_rows, at: 0 })
    }

    /// What the samples are called (D), if the file says.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// What the data is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// D, the number of rows in the file.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What the modalities are, in the order of the datasets that [`next`](Self::next) gives.
    pub fn modalities(&self) -> impl ExactSizeIterator<Item = &ModalityDescription> {
        self.modalities.iter().map(|modality| &modality.description)
    }

    /// The next `n` rows (at least one), fewer at the end of the file, with their numbers in the file; `None` after the last.
    ///
    /// Where `bad` is a list, rows with values that are not finite and rows that lack every modality go onto it, and the rows after them take their place.
    /// Otherwise they are an error.
    ///
    /// # Errors
    /// [`Error::Npz`] for an array that is damaged or cut short (the checksum stands after its last row, so rows read before may be wrong);
    /// [`Error::NotFinite`] and [`Error::NothingPresent`] with the row's number in the file. After an error nothing more can be read.
    pub fn next(&mut self, n: usize, bad: &mut Option<Vec<SkippedRow>>) -> Result<Option<(Dataset, Vec<usize>)>> {
        let n = n.max(1);
        let mut rows: Vec<usize> = Vec::new();
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); self.modalities.len()];
        while rows.len() < n && self.at < self.n_rows {
            let block = self.at..self.at + (n - rows.len()).min(self.n_rows - self.at);
            self.at = block.end;
            self.append(block, &mut rows, &mut values, bad)?;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let modalities = self.modalities.iter().zip(values).map(|(modality, values)| modality.select(&rows, values));
        let labels = self.labels.as_ref().map(|labels| labels.select(&rows));
        let mut dataset = Dataset::new(&*self.name, modalities.collect::<Result<_>>()?, labels)?;
        if let Some(held_out) = &self.held_out {
            dataset = dataset.with_held_out(rows.iter().map(|&row| held_out[row]).collect())?;
        }
        if let Some(groups) = &self.groups {
            dataset = dataset.with_groups(rows.iter().map(|&row| groups[row]).collect())?;
        }
        Ok(Some((dataset, rows)))
    }

    /// Reads the rows of `block` and appends those without a fault to `rows`, and to the values of each modality.
    fn append(
        &mut self,
        block: Range<usize>,
        rows: &mut Vec<usize>,
        values: &mut [Vec<f32>],
        bad: &mut Option<Vec<SkippedRow>>,
    ) -> Result<()> {
        let mut faults = BTreeMap::new();
        for (modality, values) in self.modalities.iter_mut().zip(&mut *values) {
            let size = modality.description.shape.size();
            let mut read = modality.values.next(block.len() * size)?;
            for (row, own) in block.clone().zip(read.chunks_exact_mut(size)) {
                if !modality.is_present(row) {
                    continue;
                }
                if self.nan_is_missing && own.iter().all(|value| value.is_nan()) {
                    own.fill(0.0);
                    modality.present.get_or_insert_with(|| vec![true; self.n_rows])[row] = false;
                    continue;
                }
                if let Some(column) = own.iter().position(|value| !value.is_finite()) {
                    let (name, value) = (&modality.description.name, own[column]);
                    if bad.is_none() {
                        return Err(Error::NotFinite { modality: name.clone(), row, column, value });
                    }
                    faults.entry(row).or_insert_with(|| format!("modality '{name}', column {column}: {value}"));
                }
            }
            if values.is_empty() {
                *values = read;
            } else {
                values.extend(read);
            }
        }
        for row in block.clone().filter(|&row| !self.modalities.iter().any(|modality| modality.is_present(row))) {
            if bad.is_none() {
                return Err(Error::NothingPresent { row });
            }
            faults.insert(row, "has no modality".to_owned());
        }
        if !faults.is_empty() {
            for (modality, values) in self.modalities.iter().zip(values) {
                let size = modality.description.shape.size();
                let start = rows.len() * size;
                let mut end = start;
                for (k, _) in block.clone().enumerate().filter(|(_, row)| !faults.contains_key(row)) {
                    values.copy_within(start + k * size..start + (k + 1) * size, end);
                    end += size;
                }
                values.truncate(end);
            }
        }
        rows.extend(block.filter(|row| !faults.contains_key(row)));
        if let Some(bad) = bad {
            bad.extend(faults.into_iter().map(|(row, problem)| SkippedRow { row, problem }));
        }
        Ok(())
    }
}

/// One modality of the file.
struct ModalityRows {
    description: ModalityDescription,
    present: Option<Vec<bool>>,
    n_rows: usize,
    values: Values,
}

/// Values in C order, from the first to the last.
enum Values {
    Stream(ArrayStream),
    Whole(std::vec::IntoIter<f32>),
}

impl Values {
    fn next(&mut self, n: usize) -> Result<Vec<f32>> {
        match self {
            Self::Stream(stream) => stream.numbers(n),
            Self::Whole(values) => Ok(values.by_ref().take(n).collect()),
        }
    }
}

impl ModalityRows {
    fn open(
        archive: &mut Archive,
        name: &str,
        about: MetaModality,
        has: impl Fn(&str) -> bool,
        expected: Option<ModalityShape>,
    ) -> Result<Self> {
        let axis = format!("{AXIS}{name}");
        let axis = if has(&axis) { Some(archive.stream(&axis)?.points()?) } else { None };
        let present = format!("{PRESENT}{name}");
        let present: Option<Vec<bool>> = if has(&present) { Some(archive.stream(&present)?.vector()?) } else { None };
        let mut values = archive.stream(name)?;
        // None yet: only that their type will do.
        values.numbers(0)?;
        let (n_rows, shape) = match (values.shape(), &axis) {
            (&[n, channels, height, width], _) => (n, ModalityShape::Image { channels, height, width }),
            (&[n, height, width], _) if matches!(expected, Some(ModalityShape::Image { channels: 1, .. })) => {
                (n, ModalityShape::Image { channels: 1, height, width })
            }
            (&[n], _) if expected.is_some_and(|shape| shape.size() == 1) => (n, ModalityShape::Vector { length: 1 }),
            (&[n, channels, length], _) => (n, ModalityShape::Curve { channels, length }),
            (&[n, length], Some(_)) => (n, ModalityShape::Curve { channels: 1, length }),
            (&[n, length], None) => (n, ModalityShape::Vector { length }),
            (shape, _) => {
                let problem = format!(
                    "array '{name}' has shape {shape:?}; a modality is (rows, length), (rows, channels, length) or (rows, channels, height, width)"
                );
                return Err(npz_error(archive.path(), problem));
            }
        };
        if let Some(present) = &present
            && present.len() != n_rows
        {
            let what = format!("presence of modality '{name}'");
            return Err(Error::Length { what, expected: n_rows, got: present.len() });
        }
        // Without rows: what it refuses can be said at once.
        let modality = ModalityData::new(name, shape, Array2::zeros((0, shape.size())))?.with_units(about.units);
        let modality = match axis {
            Some(points) => {
                modality.with_axis(MeasurementAxis { name: about.axis_name, units: about.axis_units, points })?
            }
            None => modality,
        };
        let values = if values.is_fortran() {
            let whole: Vec<f32> = values.whole()?.into_iter().collect();
            Values::Whole(whole.into_iter())
        } else {
            Values::Stream(values)
        };
        Ok(Self { description: modality.description(), present, n_rows, values })
    }

    fn is_present(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present[row])
    }

    /// These rows, whose values are given.
    fn select(&self, rows: &[usize], values: Vec<f32>) -> Result<ModalityData> {
        let ModalityDescription { name, shape, axis, units } = &self.description;
        let values = Array2::from_shape_vec((rows.len(), shape.size()), values).expect("whole rows were read");
        let modality = match &self.present {
            Some(present) => {
                ModalityData::with_missing(name, *shape, values, rows.iter().map(|&row| present[row]).collect())?
            }
            None => ModalityData::new(name, *shape, values)?,
        };
        let modality = modality.with_units(units);
        if let Some(axis) = axis { modality.with_axis(axis.clone()) } else { Ok(modality) }
    }
}

fn read_meta(archive: &mut Archive) -> Result<Meta> {
    let json = archive.stream(META)?.vector::<u8>()?;
    serde_json::from_slice(&json)
        .map_err(|error| npz_error(archive.path(), format!("array '{META}': {}", one_line(&error))))
}

fn read_labels(archive: &mut Archive, names: Option<Vec<String>>) -> Result<Labels> {
    let labels = archive.stream(LABEL)?.indices_or_none()?;
    // Far above any number of classes, far below what a table of their names could not hold.
    let known = || labels.iter().enumerate().filter_map(|(row, label)| label.map(|label| (row, label)));
    if let Some((row, label)) = known().find(|&(_, label)| label >= 1 << 20) {
        let problem = format!("array '{LABEL}', row {row}: {label} is no label; labels count from 0");
        return Err(npz_error(archive.path(), problem));
    }
    let n_labels = known().map(|(_, label)| label + 1).max().unwrap_or(0);
    let names = names.unwrap_or_else(|| (0..n_labels).map(|label| label.to_string()).collect());
    Labels::partial(labels, names)
}

#[cfg(test)]
#[path = "npz_rows_tests.rs"]
mod tests;
