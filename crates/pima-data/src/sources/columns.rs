//! Columns of a table with a heading, CSV or Parquet: a vector, or a curve, in every line.

use std::collections::HashMap;
use std::path::PathBuf;

use ndarray::Array2;
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use super::parquet::{PANDAS_INDEX, is_parquet};
use super::{Samples, at_file, bare_axis, parquet_columns, rows_of_table};
use crate::error::{Error, Place, Result};
use crate::spectra::{decimal_comma, shown};

/// Cells that say that nothing was measured, besides empty ones, in lower case.
pub(crate) const MISSING: [&str; 4] = ["na", "nan", "n/a", "null"];

/// Columns that a message lists.
const SHOWN: usize = 12;

/// Which columns of a CSV file, whose first line names them, or of a Parquet file are a modality.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableColumns {
    /// The file.
    pub path: PathBuf,
    /// The columns, in the order of the values; without any, all but the id, the labels and those of `except`.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Columns to leave out where `columns` names none.
    #[serde(default)]
    pub except: Vec<String>,
    /// The column that says what each sample is called; without it, samples are matched by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether a line is a curve over the columns rather than a list of numbers. Column names that are increasing numbers are its axis.
    #[serde(skip)]
    pub curve: bool,
}

/// Where the cells of a line go.
pub(super) struct Layout {
    pub(super) headings: Vec<String>,
    /// Place of each value.
    pub(super) columns: Vec<usize>,
    pub(super) id: Option<usize>,
}

/// Reads columns of a table, one sample a line. A line whose cells are all empty (or NA, NaN, null) is a sample without this modality. Columns
/// of a Parquet file (`.parquet`, `.pq`) may hold a list of numbers each: with `curve` they are its channels.
///
/// # Errors
/// [`Error::Io`], and [`Error::Table`] with the line (of a Parquet file with the row, from 0) for a column that is not there, a cell that is no number or not finite, a line that is
/// empty in part or has another number of cells, an id that is empty or given twice, and a table without lines.
pub fn read_columns(table: &TableColumns) -> Result<Samples> {
    let path = table.path.as_path();
    if is_parquet(path) {
        return parquet_columns::read(table);
    }
    let wrong = |line, problem| Error::Table { path: path.to_owned(), place: Place::Line(line), problem };
    let mut layout: Option<Layout> = None;
    let (mut values, mut present, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut lines: HashMap<String, u64> = HashMap::new();
    rows_of_table(path, |line, cells| {
        let Some(layout) = &layout else {
            let found = Layout::find(table, cells, "the first line").map_err(|problem| wrong(line, problem))?;
            // Numbers over a curve are its axis; over anything else they are the first sample.
            if !table.curve && found.columns.iter().all(|&at| cells[at].parse::<f64>().is_ok()) {
                let problem = "the first line is a line of numbers; write the names of the columns above it, or say kind = \"curve\" if it is the axis";
                return Err(wrong(line, problem.to_owned()));
            }
            layout = Some(found);
            return Ok(());
        };
        if cells.len() != layout.headings.len() {
            return Err(wrong(line, uneven(cells, &layout.headings)));
        }
        if let Some(at) = layout.id {
            let (id, column) = (cells[at], &layout.headings[at]);
            if id.is_empty() {
                let units = if lines.is_empty() { ", and a line of units is none" } else { "" };
                return Err(wrong(line, format!("column '{column}' is empty; every sample needs an id{units}")));
            }
            if let Some(before) = lines.insert(id.to_owned(), line) {
                let problem = format!("id '{}' is on line {before} already; keep one of them", shown(id));
                return Err(wrong(line, problem));
            }
            ids.push(id.to_owned());
        }
        let is_missing = |at: &&usize| {
            let cell = cells[**at];
            cell.is_empty() || MISSING.contains(&cell.to_lowercase().as_str())
        };
        let n_missing = layout.columns.iter().filter(is_missing).count();
        present.push(n_missing == 0);
        if n_missing == layout.columns.len() {
            values.resize(values.len() + n_missing, 0.0);
            return Ok(());
        }
        if let Some(at) = layout.columns.iter().find(is_missing) {
            let problem = format!(
                "column '{}' is empty; fill it in, or empty the whole line, which marks the sample as missing",
                layout.headings[*at]
            );
            return Err(wrong(line, problem));
        }
        // Nothing but text in the first line below the heading.
        if present.len() == 1 && layout.columns.iter().all(|&at| is_text(cells[at])) {
            let problem = format!(
                "no numbers in it ('{}'); if it says units, remove it and say units = \"{}\" in the modality",
                shown(cells[layout.columns[0]]),
                shown(cells[layout.columns[0]])
            );
            return Err(wrong(line, problem));
        }
        for &at in &layout.columns {
            let (cell, column) = (cells[at], &layout.headings[at]);
            match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value as f32),
                Ok(_) => return Err(wrong(line, format!("column '{column}': {cell} is not finite"))),
                Err(_) if decimal_comma(cell) => {
                    let point = cell.replace(',', ".");
                    let problem = format!(
                        "column '{column}': '{cell}' has a comma; write {point}, or separate all cells by semicolons if it is a decimal comma"
                    );
                    return Err(wrong(line, problem));
                }
                Err(_) => {
                    let problem = format!(
                        "column '{column}': '{}' is not a number; write one, empty the whole line, or leave the column out (columns, except)",
                        shown(cell)
                    );
                    return Err(wrong(line, problem));
                }
            }
        }
        Ok(())
    })?;
    let Some(layout) = layout.filter(|_| !present.is_empty()) else {
        return Err(at_file(
            path,
            "no samples in it; a table has a heading, and then a line for every sample".to_owned(),
        ));
    };
    let length = layout.columns.len();
    let values = Array2::from_shape_fn((present.len(), length), |(row, column)| values[row * length + column]);
    let shape = match table.curve {
        true => ModalityShape::Curve { channels: 1, length },
        false => ModalityShape::Vector { length },
    };
    let axis = if table.curve { layout.points().map(bare_axis) } else { None };
    let (path, ids) = (path.to_owned(), layout.id.map(|_| ids));
    Ok(Samples { path, shape, values: values.into(), present, ids, axis, units: String::new() })
}

/// Whether a cell has no number in it, however written.
fn is_text(cell: &str) -> bool {
    cell.parse::<f64>().is_err() && !decimal_comma(cell)
}

/// Why a line has another number of cells than the heading.
fn uneven(cells: &[&str], headings: &[String]) -> String {
    let (n, expected) = (cells.len(), headings.len());
    let advice = if expected == 1 && n > 1 {
        format!("; is '{}' a title? Remove it: the first line names the columns", headings[0])
    } else if n > expected {
        "; quote a text that has a comma, or separate all cells by semicolons if numbers have decimal commas".to_owned()
    } else {
        "; fill the line in, or leave the cells of what was not measured empty (a,,)".to_owned()
    };
    format!("{n} cell{}, but the heading has {expected}{advice}", if n == 1 { "" } else { "s" })
}

/// Whether a first column of this heading is the index that pandas writes, which is no value.
pub(crate) fn is_unnamed(heading: &str) -> bool {
    heading.is_empty() || heading == "Unnamed: 0"
}

impl Layout {
    /// From the heading; `place` is where it stands, in words.
    pub(super) fn find(table: &TableColumns, cells: &[&str], place: &str) -> Result<Self, String> {
        let headings: Vec<String> = cells.iter().map(|cell| shown(cell)).collect();
        let known = || match headings.len() {
            n if n > SHOWN => format!("{}, ... ({n} in all)", headings[..SHOWN].join(", ")),
            _ => headings.join(", "),
        };
        let named = |name: &str| {
            let mut found = (0..cells.len()).filter(|&at| cells[at] == name);
            match (found.next(), found.next()) {
                (Some(at), None) => Ok(at),
                (Some(_), Some(_)) => Err(format!("two columns are named '{}'; rename one", shown(name))),
                (None, _) if cells.len() == 1 || cells[0].starts_with('#') => Err(format!(
                    "no column '{}'; {place} has {}: if that is a title, remove it; {place} names the columns",
                    shown(name),
                    known()
                )),
                (None, _) => Err(format!("no column '{}'; {place} has {}", shown(name), known())),
            }
        };
        let id = table.id.as_deref().map(named).transpose()?;
        let except = table.except.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
        let columns = if table.columns.is_empty() {
            let is_index = |at: usize| cells[at].starts_with(PANDAS_INDEX) || at == 0 && is_unnamed(cells[at]);
            let is_value = |at: &usize| Some(*at) != id && !except.contains(at) && !is_index(*at);
            (0..cells.len()).filter(is_value).collect()
        } else {
            table.columns.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?
        };
        if columns.is_empty() {
            return Err("no columns besides the id".to_owned());
        }
        Ok(Self { headings, columns, id })
    }

    pub(super) fn points(&self) -> Option<Vec<f64>> {
        let points: Vec<f64> = self.columns.iter().map(|&at| self.headings[at].parse().ok()).collect::<Option<_>>()?;
        let increasing = points.windows(2).all(|pair| pair[0] < pair[1]);
        (increasing && points.iter().all(|point| point.is_finite())).then_some(points)
    }
}
