//! Tables of spectra in the formats people keep them in.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use ndarray::{Array2, ArrayD, Axis, Ix2, IxDyn};
use ndarray_npy::{ReadNpyError, ReadableElement, read_npy};

use crate::error::{Error, Place, Result};
use crate::npz::read_npz_array;
use crate::spectra::text::{self, decimal_comma};

/// Spectra, one a row, and where they came from.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) values: Array2<f32>,
    pub(super) frequencies: Option<Vec<f64>>,
    pub(super) source: Source,
}

/// What a row of a table is called in its file.
#[derive(Debug)]
pub(super) enum Source {
    /// A row of an array.
    Array(PathBuf),
    /// Lines of a text file.
    Lines(PathBuf, Vec<u64>),
    /// Files of a folder.
    Folder(Vec<PathBuf>),
}

/// One spectrum.
#[derive(Debug)]
pub(super) struct One {
    pub(super) values: Vec<f32>,
    pub(super) frequencies: Option<Vec<f64>>,
}

impl Table {
    /// A density of states is a number, and not negative.
    pub(super) fn check_densities(&self) -> Result<()> {
        for (row, values) in self.values.outer_iter().enumerate() {
            let Some(column) = values.iter().position(|x| !x.is_finite() || *x < 0.0) else { continue };
            let value = values[column];
            let why = if value < 0.0 { "negative; a density of states cannot be" } else { "not finite" };
            let problem = format!("column {column} (from 0): {value} is {why}");
            let (path, place) = match &self.source {
                Source::Array(path) => (path, Place::Row(row)),
                Source::Lines(path, lines) => (path, Place::Line(lines[row])),
                Source::Folder(files) => (&files[row], Place::File),
            };
            return Err(Error::Table { path: path.clone(), place, problem });
        }
        Ok(())
    }
}

/// A table with one spectrum a row.
pub(super) fn read_table(path: &Path, array: Option<&str>) -> Result<Table> {
    match extension(path).as_str() {
        "npz" => from_array(path, read_npz_array(path, array, "spectrum")?),
        "npy" => from_array(path, read_array(path)?),
        "csv" => {
            let (rows, lines) = read_numbers(path)?;
            let width = rows.first().map_or(0, Vec::len);
            for (row, line) in rows.iter().zip(&lines) {
                if row.len() != width {
                    let problem = format!("{} values, but line {} has {width}", row.len(), lines[0]);
                    return Err(Error::Table { path: path.to_owned(), place: Place::Line(*line), problem });
                }
            }
            let values = Array2::from_shape_fn((rows.len(), width), |(row, column)| rows[row][column] as f32);
            Ok(Table { values, frequencies: None, source: Source::Lines(path.to_owned(), lines) })
        }
        _ => Err(at_file(path, "a table of spectra is a .npz, .npy or .csv file, or a folder".to_owned())),
    }
}

/// A file with one spectrum: an array, or one value a line, or frequency and value.
pub(super) fn read_one(path: &Path) -> Result<One> {
    if extension(path) == "npy" {
        let values = read_array(path)?;
        if values.len() != values.shape().iter().copied().max().unwrap_or(0) || values.is_empty() {
            return Err(at_file(path, format!("an array of shape {:?} is not one spectrum", values.shape())));
        }
        return Ok(One { values: values.into_iter().collect(), frequencies: None });
    }
    let (rows, lines) = read_numbers(path)?;
    let width = rows[0].len();
    if let Some(at) = rows.iter().position(|row| row.len() != width || width > 2) {
        let problem = format!("{} values, where a value, or a frequency and a value, should be", rows[at].len());
        return Err(Error::Table { path: path.to_owned(), place: Place::Line(lines[at]), problem });
    }
    let values = rows.iter().map(|row| row[width - 1] as f32).collect();
    let frequencies = (width == 2).then(|| rows.iter().map(|row| row[0]).collect());
    Ok(One { values, frequencies })
}

/// The numbers of a CSV file, without its heading, and on which lines they stand; one row at least.
fn read_numbers(path: &Path) -> Result<(Vec<Vec<f64>>, Vec<u64>)> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut first = true;
    for_each_record(path, |line, record| {
        let heading = first && record.iter().all(|cell| cell.parse::<f64>().is_err());
        first = false;
        if heading {
            return Ok(());
        }
        let mut row = Vec::with_capacity(record.len());
        for (column, cell) in record.iter().enumerate() {
            let value: f64 = cell.parse().map_err(|_| {
                let problem = format!("column {column} (from 0): '{}' is not a number", shown(cell));
                Error::Table { path: path.to_owned(), place: Place::Line(line), problem }
            })?;
            row.push(value);
        }
        rows.push(row);
        lines.push(line);
        Ok(())
    })?;
    if rows.is_empty() {
        return Err(at_file(path, "no numbers in it".to_owned()));
    }
    Ok((rows, lines))
}

/// Calls `visit` with the line, from 1, and the cells of every record of a CSV file. Blank lines are passed over.
pub(crate) fn for_each_record(path: &Path, mut visit: impl FnMut(u64, &StringRecord) -> Result<()>) -> Result<()> {
    let text = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    text::check(path, &text)?;
    let separator = text::separator(&text);
    let commas = text::has_decimal_commas(&text, separator);
    // A record's own position is where the blank lines before it begin.
    let line = |at: &csv::Position| {
        let rest = text.get(at.byte() as usize..).unwrap_or(&[]);
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        at.line() + blank.filter(|&&byte| byte == b'\n').count() as u64
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(separator)
        .from_reader(text.as_slice());
    let mut record = StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|error| {
            let place = error.position().map_or(Place::File, |at| Place::Line(line(at)));
            let problem = format!("not a CSV file ({})", error.to_string().replace('\n', " "));
            Error::Table { path: path.to_owned(), place, problem }
        })?;
        if !more {
            return Ok(());
        }
        if commas {
            let position = record.position().cloned();
            let point = |cell: &str| if decimal_comma(cell) { cell.replace(',', ".") } else { cell.to_owned() };
            record = record.iter().map(point).collect();
            record.set_position(position);
        }
        visit(record.position().map_or(0, line), &record)?;
    }
}

/// The beginning of a cell, for an error of one line.
pub(crate) fn shown(cell: &str) -> String {
    cell.chars().take(40).map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect()
}

/// An array of numbers of any common type.
fn read_array(path: &Path) -> Result<ArrayD<f32>> {
    fn attempt<T: ReadableElement>(path: &Path) -> Result<Option<ArrayD<T>>> {
        match read_npy::<_, ndarray::Array<T, IxDyn>>(path) {
            Ok(values) => Ok(Some(values)),
            Err(ReadNpyError::WrongDescriptor(_)) => Ok(None),
            Err(ReadNpyError::Io(source)) => Err(Error::Io { path: path.to_owned(), source }),
            Err(error) => Err(at_file(path, format!("not an npy file: {}", error.to_string().replace('\n', " ")))),
        }
    }
    if let Some(values) = attempt::<f32>(path)? {
        return Ok(values);
    }
    if let Some(values) = attempt::<f64>(path)? {
        return Ok(values.mapv(|x| x as f32));
    }
    match attempt::<i64>(path)? {
        Some(values) => Ok(values.mapv(|x| x as f32)),
        None => Err(at_file(path, "its elements are not float32, float64 or int64".to_owned())),
    }
}

/// (rows, length), or (rows, 1, length) as a curve of one channel is kept.
fn from_array(path: &Path, values: ArrayD<f32>) -> Result<Table> {
    let shape = values.shape().to_vec();
    let squeezed = if shape.len() == 3 && shape[1] == 1 { values.index_axis_move(Axis(1), 0) } else { values };
    match squeezed.into_dimensionality::<Ix2>() {
        Ok(values) if !values.is_empty() => {
            Ok(Table { values, frequencies: None, source: Source::Array(path.to_owned()) })
        }
        _ => Err(at_file(path, format!("an array of shape {shape:?} is not (spectra, length)"))),
    }
}

fn at_file(path: &Path, problem: String) -> Error {
    Error::Table { path: path.to_owned(), place: Place::File, problem }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}
