//! A column of stresses.

use std::path::Path;

use super::table::{for_each_record, shown};
use crate::error::{Error, Place, Result};

/// A stress a line, and the file each belongs to if the table says so.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) values: Vec<f64>,
    /// Line and name.
    pub(super) files: Option<Vec<(u64, String)>>,
}

/// Where the values stand.
#[derive(Debug)]
struct Layout {
    stress: usize,
    file: Option<usize>,
    width: usize,
    name: String,
}

pub(super) fn read(path: &Path, column: Option<&str>) -> Result<Column> {
    let wrong = |place, problem| Error::Table { path: path.to_owned(), place, problem };
    let mut layout: Option<Layout> = None;
    let (mut values, mut files) = (Vec::new(), Vec::new());
    for_each_record(path, |line, record| {
        let cells: Vec<&str> = record.iter().collect();
        let layout = match &layout {
            Some(layout) => layout,
            None => {
                let (found, is_heading) = find(&cells, column).map_err(|problem| wrong(Place::Line(line), problem))?;
                let found = layout.insert(found);
                if is_heading {
                    return Ok(());
                }
                found
            }
        };
        if cells.len() != layout.width {
            let problem = format!("{} cells, but the lines before have {}", cells.len(), layout.width);
            return Err(wrong(Place::Line(line), problem));
        }
        let cell = cells[layout.stress];
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            Ok(_) => return Err(wrong(Place::Line(line), format!("column '{}': {cell} is not finite", layout.name))),
            Err(_) => {
                let problem = format!("column '{}': '{}' is not a number", layout.name, shown(cell));
                return Err(wrong(Place::Line(line), problem));
            }
        }
        files.extend(layout.file.map(|at| (line, cells[at].to_owned())));
        Ok(())
    })?;
    match layout {
        Some(layout) if !values.is_empty() => Ok(Column { values, files: layout.file.map(|_| files) }),
        _ => Err(wrong(Place::File, "no stresses in it".to_owned())),
    }
}

/// From the first line, where the stress stands, and whether that line is a heading.
fn find(cells: &[&str], column: Option<&str>) -> Result<(Layout, bool), String> {
    let width = cells.len();
    let is_heading = cells.iter().all(|cell| cell.parse::<f64>().is_err());
    if !is_heading {
        return match (column, width) {
            (Some(name), _) => Err(format!("no column '{}': the file has no heading", shown(name))),
            (None, 1) => Ok((Layout { stress: 0, file: None, width, name: "stress".to_owned() }, false)),
            (None, _) => Err(format!("{width} columns and no heading that says which is the stress")),
        };
    }
    let at = |name: &str| cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    let file = at("file");
    let only = || if width == 1 { Some(0) } else { None };
    let other = || (0..width).find(|&at| Some(at) != file).filter(|_| width == 2 && file.is_some());
    let found = match column {
        Some(name) => at(name),
        None => at("stress").or_else(only).or_else(other),
    };
    match found {
        Some(stress) => Ok((Layout { stress, file, width, name: cells[stress].to_owned() }, true)),
        None => {
            let wanted = column.unwrap_or("stress");
            Err(format!("no column '{}'; there are {}", shown(wanted), shown(&cells.join(", "))))
        }
    }
}
