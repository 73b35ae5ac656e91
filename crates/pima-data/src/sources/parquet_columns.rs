//! Columns of a Parquet file as samples.

use std::collections::HashMap;

use ndarray::Array2;
use pima_core::ModalityShape;

use super::columns::{Layout, TableColumns};
use super::parquet::{CellKind, ParquetTable};
use super::{Samples, at_file, bare_axis};
use crate::error::{Error, Place, Result};
use crate::spectra::shown;

/// As [`super::read_columns`].
pub(super) fn read(table: &TableColumns) -> Result<Samples> {
    let path = table.path.as_path();
    let file = ParquetTable::open(path)?;
    let layout = Layout::find(table, &file.headings(), "the file").map_err(|problem| at_file(path, problem))?;
    if file.n_rows() == 0 {
        return Err(at_file(path, "no samples in it; a table has a row for every sample".to_owned()));
    }
    let ids = layout.id.map(|at| read_ids(&file, &layout, at)).transpose()?;
    let are_lists = layout.columns.iter().all(|&at| file.kind(at) == CellKind::List);
    let (values, length) = if are_lists { from_lists(&file, &layout)? } else { from_cells(&file, &layout)? };
    let present = check_rows(&file, &layout, &values, length)?;
    let values = Array2::from_shape_fn(values.dim(), |at| if present[at.0] { values[at] as f32 } else { 0.0 });
    let shape = match (table.curve, are_lists) {
        (true, true) => ModalityShape::Curve { channels: layout.columns.len(), length },
        (true, false) => ModalityShape::Curve { channels: 1, length: values.ncols() },
        (false, _) => ModalityShape::Vector { length: values.ncols() },
    };
    let axis = if table.curve && !are_lists { layout.points().map(bare_axis) } else { None };
    Ok(Samples { path: path.to_owned(), shape, values: values.into(), present, ids, axis, units: String::new() })
}

fn read_ids(file: &ParquetTable, layout: &Layout, at: usize) -> Result<Vec<String>> {
    let ids = file.texts(at)?;
    let mut rows: HashMap<&str, usize> = HashMap::new();
    for (row, id) in ids.iter().enumerate() {
        if id.is_empty() {
            let problem = format!("column '{}' is empty; every sample needs an id", layout.headings[at]);
            return Err(file.wrong_row(row, problem));
        }
        if let Some(before) = rows.insert(id, row) {
            return Err(file.wrong_row(row, format!("id '{}' is in row {before} already; keep one of them", shown(id))));
        }
    }
    Ok(ids)
}

/// One number from each column: (D, columns), NaN where there is none.
fn from_cells(file: &ParquetTable, layout: &Layout) -> Result<(Array2<f64>, usize)> {
    let mut values = Array2::zeros((file.n_rows(), layout.columns.len()));
    for (&at, mut to) in layout.columns.iter().zip(values.columns_mut()) {
        match file.kind(at) {
            CellKind::Number => to.iter_mut().zip(file.numbers(at)?).for_each(|(to, from)| *to = from),
            kind => return Err(file.wrong_kind(at, kind, "numbers")),
        }
    }
    Ok((values, 1))
}

/// A list from each column, one after the other: (D, columns x length), NaN where there is none; and the length of a list.
fn from_lists(file: &ParquetTable, layout: &Layout) -> Result<(Array2<f64>, usize)> {
    let mut length: Option<(usize, usize, &str)> = None;
    let mut columns = Vec::with_capacity(layout.columns.len());
    for &at in &layout.columns {
        let lists = file.lists(at)?;
        let heading = layout.headings[at].as_str();
        for (row, list) in lists.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
            let (expected, first, of) = *length.get_or_insert((list.len(), row, heading));
            if list.len() != expected {
                let problem = format!(
                    "column '{heading}' has {} values, but '{of}' in row {first} has {expected}; bring all lists to one length",
                    list.len()
                );
                return Err(file.wrong_row(row, problem));
            }
        }
        columns.push(lists);
    }
    let Some((length, ..)) = length else {
        let problem = format!("column '{}' is empty in every row", layout.headings[layout.columns[0]]);
        return Err(at_file(file.path(), problem));
    };
    let value =
        |(row, place): (usize, usize)| columns[place / length][row].get(place % length).copied().unwrap_or(f64::NAN);
    Ok((Array2::from_shape_fn((file.n_rows(), columns.len() * length), value), length))
}

/// Which rows have values; each has all or none, `length` of them from each column.
fn check_rows(file: &ParquetTable, layout: &Layout, values: &Array2<f64>, length: usize) -> Result<Vec<bool>> {
    let heading = |place: usize| &layout.headings[layout.columns[place / length]];
    let mut present = Vec::with_capacity(values.nrows());
    for (row, values) in values.outer_iter().enumerate() {
        let is_present = values.iter().any(|value| !value.is_nan());
        present.push(is_present);
        if !is_present {
            continue;
        }
        if let Some(place) = values.iter().position(|value| value.is_nan()) {
            let what =
                if length == 1 { "is empty".to_owned() } else { format!("lacks value {} (from 0)", place % length) };
            let problem = format!(
                "column '{}' {what}; fill it in, or empty the whole row, which marks the sample as missing",
                heading(place)
            );
            return Err(file.wrong_row(row, problem));
        }
        if let Some(place) = values.iter().position(|value| value.is_infinite()) {
            return Err(file.wrong_row(row, format!("column '{}': {} is not finite", heading(place), values[place])));
        }
    }
    Ok(present)
}

impl ParquetTable {
    fn wrong_row(&self, row: usize, problem: String) -> Error {
        Error::Table { path: self.path().to_owned(), place: Place::Row(row), problem }
    }
}
