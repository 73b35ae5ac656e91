//! A folder of tables: one sample a file, called by the file's name without its ending; its columns are curves over one axis.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use pima_core::ModalityShape;
use serde::{Deserialize, Serialize};

use super::files::{find, ids};
use super::{Samples, at_file, rows_of_table};
use crate::error::{Error, Place, Result};
use crate::modality::MeasurementAxis;
use crate::spectra::shown;

/// Endings of the files that are read.
pub(crate) const ENDINGS: [&str; 2] = ["csv", "tsv"];
/// Points at most to which a curve is brought.
const MOST_POINTS: usize = 1 << 20;
/// Points of two axes are the same within this share of the axis's length.
const SAME: f64 = 1e-6;

/// Which columns of the tables in a folder are a modality, and at which points of their axis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFolder {
    /// The folder; its `.csv` and `.tsv` files are read, in the natural order of their names. The first line of each names its columns.
    pub path: PathBuf,
    /// The column with the axis, such as the strain; it increases from line to line. Without it, line k of every file is the same point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<String>,
    /// The columns of values, each a channel of the curve; without any, all but the axis.
    #[serde(default)]
    pub columns: Vec<String>,
    /// So many evenly spaced points of the axis to which every curve is brought by linear interpolation; without it, all files have the same points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<usize>,
    /// The first of these points; without it, the first that all files reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// The last of these points; without it, the last that all files reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
}

/// One file.
struct Table {
    path: PathBuf,
    /// The line that each entry stands on, from 1.
    lines: Vec<u64>,
    /// Empty where the file has no axis.
    axis: Vec<f64>,
    /// One a channel, as long as `lines`.
    channels: Vec<Vec<f64>>,
}

/// Reads a folder of tables, one curve (channels, length) a file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Parameter`] for `points` below 2 or without an axis, and for `from` that is not below `to`; [`Error::Table`], which names the file and
/// the line, for a column that is not there, a cell that is empty or no finite number, an axis that does not increase, an axis unlike that of the
/// other files where no `points` are asked for, a curve that does not reach from `from` to `to`, two files of one sample, and a folder without tables.
pub fn read_table_folder(folder: &TableFolder) -> Result<Samples> {
    check(folder)?;
    let files = find(&folder.path, &ENDINGS)?;
    let mut tables: Vec<Table> = Vec::with_capacity(files.len());
    let mut columns = folder.columns.clone();
    for path in &files {
        tables.push(read(path, folder.axis.as_deref(), &mut columns)?);
    }
    let Some(first) = tables.first() else {
        let problem = format!("no tables in it ({}); a file for each sample", ENDINGS.join(", "));
        return Err(at_file(&folder.path, problem));
    };
    let points = match (folder.points, &folder.axis) {
        (Some(n), Some(axis)) => Some(grid(folder, n, axis, &tables)?),
        _ => {
            tables.iter().skip(1).try_for_each(|table| same_points(table, first, folder.axis.as_deref()))?;
            folder.axis.is_some().then(|| first.axis.clone())
        }
    };
    let length = points.as_ref().map_or(first.lines.len(), Vec::len);
    let mut values = Array2::zeros((tables.len(), columns.len() * length));
    for (table, mut row) in tables.iter().zip(values.outer_iter_mut()) {
        let resampled = table.channels.iter().flat_map(|channel| match (&points, folder.points) {
            (Some(points), Some(_)) => points.iter().map(|&x| interpolate(&table.axis, channel, x)).collect(),
            _ => channel.clone(),
        });
        row.iter_mut().zip(resampled).for_each(|(to, from)| *to = from as f32);
    }
    let ids = ids(&files);
    let name = folder.axis.clone().unwrap_or_default();
    Ok(Samples {
        path: folder.path.clone(),
        shape: ModalityShape::Curve { channels: columns.len(), length },
        present: vec![true; tables.len()],
        values: values.into(),
        ids: Some(ids),
        axis: points.map(|points| MeasurementAxis { name, units: String::new(), points }),
        units: String::new(),
    })
}

fn check(folder: &TableFolder) -> Result<()> {
    let wrong = |name, value, requirement| Err(Error::Parameter { name, value, requirement });
    match (folder.points, folder.from, folder.to) {
        (Some(n), ..) if folder.axis.is_none() => {
            wrong("points", n as f64, "curves are resampled along an axis; say axis = \"...\", the column that has it")
        }
        (Some(n), ..) if !(2..=MOST_POINTS).contains(&n) => wrong("points", n as f64, "from 2 to 1048576"),
        (None, Some(x), _) => wrong("from", x, "goes with points, the number of points to bring all curves to"),
        (None, _, Some(x)) => wrong("to", x, "goes with points, the number of points to bring all curves to"),
        (_, Some(from), Some(to)) if !(from < to && from.is_finite() && to.is_finite()) => {
            wrong("from", from, "must be below to, and both finite")
        }
        _ => Ok(()),
    }
}

/// Reads one file; where no columns are named, those of the first file are, all but the axis.
fn read(path: &Path, axis: Option<&str>, columns: &mut Vec<String>) -> Result<Table> {
    let mut table = Table { path: path.to_owned(), lines: Vec::new(), axis: Vec::new(), channels: Vec::new() };
    let mut places: Option<(Option<usize>, Vec<usize>)> = None;
    rows_of_table(path, |line, cells| {
        let wrong = |problem| Error::Table { path: path.to_owned(), place: Place::Line(line), problem };
        let Some((axis_place, value_places)) = &places else {
            let known = || cells.iter().map(|cell| shown(cell)).collect::<Vec<_>>().join(", ");
            let find = |name: &str| {
                let place = cells.iter().position(|cell| *cell == name);
                place.ok_or_else(|| wrong(format!("no column '{}'; the first line has {}", shown(name), known())))
            };
            let axis_place = axis.map(find).transpose()?;
            if columns.is_empty() {
                let others = cells.iter().enumerate().filter(|(place, _)| Some(*place) != axis_place);
                columns.extend(others.map(|(_, cell)| (*cell).to_owned()));
            }
            if columns.is_empty() {
                return Err(wrong("no columns besides the axis".to_owned()));
            }
            let value_places = columns.iter().map(|name| find(name)).collect::<Result<Vec<_>>>()?;
            table.channels = vec![Vec::new(); columns.len()];
            places = Some((axis_place, value_places));
            return Ok(());
        };
        let number = |place: usize, name: &str| {
            let cell = cells.get(place).copied().unwrap_or_default();
            match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ if cell.is_empty() => Err(wrong(format!("column '{name}' is empty; fill it in, or remove the line"))),
                Ok(_) => Err(wrong(format!("column '{name}': {cell} is not finite"))),
                Err(_) => {
                    let hint = if table.lines.is_empty() { "; a line of units has to go" } else { "" };
                    Err(wrong(format!("column '{name}': '{}' is not a number{hint}", shown(cell))))
                }
            }
        };
        if let (Some(place), Some(name)) = (axis_place, axis) {
            let x = number(*place, name)?;
            if let Some(before) = table.axis.last().filter(|before| x <= **before) {
                let problem = format!(
                    "column '{name}': {x} after {before}; the axis of a curve increases: remove the line, or what lies before it"
                );
                return Err(wrong(problem));
            }
            table.axis.push(x);
        }
        for ((place, name), channel) in value_places.iter().zip(columns.iter()).zip(&mut table.channels) {
            channel.push(number(*place, name)?);
        }
        table.lines.push(line);
        Ok(())
    })?;
    if table.lines.is_empty() {
        let problem = "no points in it; a table has a heading, and then a line for every point. A sample that was not measured has no file";
        return Err(at_file(path, problem.to_owned()));
    }
    Ok(table)
}

/// Refuses a file whose points are not those of the first.
fn same_points(table: &Table, first: &Table, axis: Option<&str>) -> Result<()> {
    let advice = "say points = ..., a number of points to which all curves are brought";
    let span = first.axis.last().zip(first.axis.first()).map_or(0.0, |(last, first)| (last - first).abs());
    let unlike = |(a, b): (&f64, &f64)| (a - b).abs() > SAME * span;
    let (path, other) = (table.path.clone(), first.path.display());
    if let Some(at) = table.axis.iter().zip(&first.axis).position(unlike) {
        let (axis, here, there) = (axis.unwrap_or_default(), table.axis[at], first.axis[at]);
        let problem = format!("column '{axis}' is {here}, but {there} in {other}; {advice}");
        return Err(Error::Table { path, place: Place::Line(table.lines[at]), problem });
    }
    if table.lines.len() != first.lines.len() {
        let (n, expected) = (table.lines.len(), first.lines.len());
        let advice = if axis.is_some() { advice } else { "say axis = ... and points = ..., to which all are brought" };
        return Err(at_file(&path, format!("{n} points, but {other} has {expected}; {advice}")));
    }
    Ok(())
}

/// Evenly spaced points that all files reach.
fn grid(folder: &TableFolder, n: usize, axis: &str, tables: &[Table]) -> Result<Vec<f64>> {
    let begin = |table: &Table| table.axis.first().copied().unwrap_or(f64::NAN);
    let end = |table: &Table| table.axis.last().copied().unwrap_or(f64::NAN);
    let from = folder.from.unwrap_or_else(|| tables.iter().map(begin).fold(f64::NEG_INFINITY, f64::max));
    let to = folder.to.unwrap_or_else(|| tables.iter().map(end).fold(f64::INFINITY, f64::min));
    let slack = SAME * (to - from).abs();
    for table in tables {
        let (begins, ends) = (begin(table), end(table));
        let (line, problem) = if begins > from + slack {
            (
                table.lines.first(),
                format!("'{axis}' begins at {begins}, and {from} is wanted; raise from, or leave it out"),
            )
        } else if ends < to - slack {
            (table.lines.last(), format!("'{axis}' ends at {ends}, and {to} is wanted; lower to, or leave it out"))
        } else if ends <= from {
            (
                table.lines.last(),
                format!("'{axis}' ends at {ends}, and another file begins at {from}: no part is common to all"),
            )
        } else {
            continue;
        };
        let place = line.map_or(Place::File, |&line| Place::Line(line));
        return Err(Error::Table { path: table.path.clone(), place, problem });
    }
    let step = (to - from) / (n - 1) as f64;
    Ok((0..n).map(|k| if k + 1 == n { to } else { from + step * k as f64 }).collect())
}

/// The value at x of the line through the points (axis, values); beyond its ends that of the end.
fn interpolate(axis: &[f64], values: &[f64], x: f64) -> f64 {
    match axis.partition_point(|&point| point < x) {
        0 => values[0],
        after if after == axis.len() => values[after - 1],
        after => {
            let (left, right) = (axis[after - 1], axis[after]);
            let share = (x - left) / (right - left);
            values[after - 1] * (1.0 - share) + values[after] * share
        }
    }
}
