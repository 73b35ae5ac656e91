//! Stress-strain curves as laboratories export them.

use std::path::Path;

use super::text::{Row, Table};
use super::{LatticeFolder, error, heading, plausible, units};
use crate::error::Result;

/// A curve in the dataset's units, strain increasing.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    pub(super) strain: Vec<f64>,
    /// MPa.
    pub(super) stress: Vec<f64>,
    pub(super) lines: Vec<u64>,
    /// Whether the file's columns have a heading.
    pub(super) has_heading: bool,
}

impl Curve {
    pub(super) fn last_strain(&self) -> f64 {
        self.strain[self.strain.len() - 1]
    }

    pub(super) fn last_line(&self) -> u64 {
        self.lines[self.lines.len() - 1]
    }

    /// Stress at the strains of a grid that starts at 0 and does not go beyond the curve: straight lines between the points, and from the
    /// origin to the first.
    pub(super) fn resample(&self, grid: &[f64]) -> Vec<f32> {
        grid.iter()
            .map(|&t| {
                let after = self.strain.partition_point(|&strain| strain < t);
                let point = |at: usize| (self.strain[at], self.stress[at]);
                let right = if after < self.strain.len() { point(after) } else { point(self.strain.len() - 1) };
                let left = match after {
                    0 if right.0 > 0.0 => (0.0, 0.0),
                    0 => right,
                    _ => point(after - 1),
                };
                let share = if right.0 > left.0 { ((t - left.0) / (right.0 - left.0)).clamp(0.0, 1.0) } else { 1.0 };
                (left.1 + share * (right.1 - left.1)) as f32
            })
            .collect()
    }
}

/// Reads one curve and checks that it is one.
pub(super) fn read(path: &Path, options: &LatticeFolder) -> Result<Curve> {
    let table = Table::read(path)?;
    let (columns, data) = columns(path, &table, options)?;
    let mut curve = Curve { has_heading: data > 0, ..Curve::default() };
    let mut before: Option<[f64; 2]> = None;
    for row in &table.rows[data..] {
        let refuse = |problem| error(path, Some(row.line), problem);
        if data > 0 && table.runs_over(row, table.rows[0].cells.len()) {
            let (has, heading) = (row.cells.len(), table.rows[0].cells.len());
            let problem = format!("{has} cells, and the heading has {heading}; {}", Table::DECIMAL_COMMAS);
            return Err(refuse(problem));
        }
        let number = |column: usize, what: &str| {
            let Some(cell) = row.cells.get(column) else {
                return Err(refuse(format!("has no {what} in column {}; complete or remove the line", column + 1)));
            };
            let value = table.number(cell).filter(|value| value.is_finite());
            value.ok_or_else(|| refuse(table.no_number(what, cell)))
        };
        let point = [number(columns.0, "strain")?, number(columns.1, "stress")?];
        if let Some(before) = before
            && options.strain_scale() * (point[0] - before[0]) <= 0.0
        {
            return Err(refuse(no_increase(point, before, options)));
        }
        before = Some(point);
        curve.strain.push(options.strain_scale() * point[0]);
        curve.stress.push(options.stress_scale() * point[1]);
        curve.lines.push(row.line);
    }
    plausible::check(path, &curve, options)?;
    Ok(curve)
}

/// The columns of strain and stress, and the number of rows before the first point.
fn columns(path: &Path, table: &Table, options: &LatticeFolder) -> Result<((usize, usize), usize)> {
    let first = &table.rows[0];
    let refuse = |row: &Row, problem| error(path, Some(row.line), problem);
    if first.cells.len() == 1 {
        return Err(refuse(first, table.one_cell()));
    }
    // A heading may have a number in it, if it names both columns.
    let found = heading::columns(&first.cells);
    if table.has_number(first) && found.is_err() {
        return if table.has_two_kinds_of_commas() {
            Err(refuse(
                first,
                format!("commas separate cells here and seem to be in numbers too; {}", Table::DECIMAL_COMMAS),
            ))
        } else {
            Ok(((0, 1), 0))
        };
    }
    let (strain, stress) = found.map_err(|problem| refuse(first, problem))?;
    let texts = [strain, stress].map(|column| first.cells[column].as_str());
    let said = texts.map(|text| (text, units::of_heading(text)));
    heading::check("the heading", said, options).map_err(|problem| refuse(first, problem))?;
    // Units below the names, as many machines write them.
    if let Some(second) = table.rows.get(1)
        && let (Some(a), Some(b)) = (second.cells.get(strain), second.cells.get(stress))
        && [a, b].iter().all(|cell| table.number(cell).is_none())
    {
        let said = [a, b].map(|text| (text.as_str(), units::of_unit(text)));
        heading::check("the line of units", said, options).map_err(|problem| refuse(second, problem))?;
        return Ok(((strain, stress), 2));
    }
    Ok(((strain, stress), 1))
}

/// Why a strain that does not increase is refused; points are strain and stress as the file has them.
fn no_increase(point: [f64; 2], before: [f64; 2], options: &LatticeFolder) -> String {
    let ([strain, stress], [last, _]) = (point, before);
    let negative = options.compression_negative;
    if strain == last {
        return format!(
            "strain {strain} does not increase from {last} in the line before; keep one point of each strain, and remove the others"
        );
    }
    if negative && strain > 0.0 && last >= 0.0 {
        let how = if stress < 0.0 { "while stress goes down to" } else { "and stress is" };
        return format!(
            "strain goes up to {strain}, {how} {stress}, and compression_negative = true in [data.lattice_folder] is for files in which both are \
             negative: {}",
            if stress < 0.0 { "change the sign of one of them" } else { "remove it" }
        );
    }
    if !negative && strain < 0.0 && last <= 0.0 {
        return if stress > 0.0 {
            format!("strain goes down to {strain} while stress is {stress}: change the sign of the strain")
        } else {
            format!(
                "strain goes down to {strain}: if compression is counted as negative, set compression_negative = true in [data.lattice_folder], \
                 else remove the line"
            )
        };
    }
    let direction = if negative { "decrease (compression_negative = true)" } else { "increase" };
    format!("strain {strain} does not {direction} from {last} in the line before; sort, or cut off unloading")
}
