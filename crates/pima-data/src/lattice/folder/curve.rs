//! Stress-strain curves as laboratories export them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{LatticeFolder, StressUnit, error};
use crate::error::{Error, Result};

/// Strain beyond which a number can only be in per cent.
const LARGEST_STRAIN: f64 = 1.5;
/// A test that never reaches this has not strained anything.
const SMALLEST_STRAIN: f64 = 1e-3;
/// No metal bears more, MPa.
const LARGEST_STRESS: f64 = 1e4;
/// A test that never reaches this has not loaded anything, MPa.
const SMALLEST_STRESS: f64 = 1e-3;
/// Stiffer than any solid, MPa.
const LARGEST_MODULUS: f64 = 2e6;
/// A curve may start late by this share of what it reaches; it is then joined to the origin.
const LATE_START: f64 = 0.05;

/// A curve in the dataset's units, strain increasing.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    strain: Vec<f64>,
    /// MPa.
    stress: Vec<f64>,
    lines: Vec<u64>,
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

/// The records of a csv file with their lines: fields trimmed, empty lines and comments left out, the separator guessed from the first line
/// that says something. Beside a semicolon or a tab, decimal commas become points.
pub(super) fn records(path: &Path) -> Result<impl Iterator<Item = Result<(u64, Vec<String>)>> + use<>> {
    let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let content: Arc<[u8]> = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).into();
    let first = content.split(|&byte| byte == b'\n').find(|line| says_something(line)).unwrap_or_default();
    let separator = [b';', b'\t', b','].into_iter().find(|separator| first.contains(separator)).unwrap_or(b',');
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .delimiter(separator)
        .from_reader(std::io::Cursor::new(content.clone()));
    let path = path.to_owned();
    let records = reader.into_records().map(move |record| {
        let record = record.map_err(|problem| {
            let line = problem.position().map(|position| line_of(&content, position));
            let problem = match problem.kind() {
                csv::ErrorKind::Utf8 { .. } => "not text (UTF-8)".to_owned(),
                _ => problem.to_string(),
            };
            error(&path, line, problem)
        })?;
        let line = record.position().map_or(0, |position| line_of(&content, position));
        let field = |field: &str| if separator == b',' { field.to_owned() } else { field.replace(',', ".") };
        Ok((line, record.iter().map(field).collect::<Vec<_>>()))
    });
    Ok(records.filter(|record| record.as_ref().map_or(true, |(_, fields)| fields.iter().any(|f| !f.is_empty()))))
}

fn says_something(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    !line.is_empty() && !line.starts_with(b"#")
}

/// The line of a record. A reader's position is where it began to look for it, before any comments and empty lines.
fn line_of(content: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|at| content.get(at..)).unwrap_or_default();
    let before = rest.split(|&byte| byte == b'\n').take_while(|line| !says_something(line)).count();
    position.line() + before as u64
}

/// Reads one curve and checks that it is one.
pub(super) fn read(path: &Path, options: &LatticeFolder) -> Result<Curve> {
    let mut columns: Option<(usize, usize)> = None;
    let mut curve = Curve { strain: Vec::new(), stress: Vec::new(), lines: Vec::new() };
    let sign = if options.compression_negative { -1.0 } else { 1.0 };
    let strain_unit = sign * if options.percent { 0.01 } else { 1.0 };
    let stress_unit = sign * options.stress.in_megapascal();
    for record in records(path)? {
        let (line, fields) = record?;
        if columns.is_none() && fields.iter().any(|field| field.parse::<f64>().is_err()) {
            columns = Some(heading(path, line, &fields, options)?);
            continue;
        }
        let (strain, stress) = *columns.get_or_insert((0, 1));
        let number = |column: usize, what: &str| -> Result<f64> {
            let Some(field) = fields.get(column) else {
                return Err(error(path, Some(line), format!("has no {what} in column {}", column + 1)));
            };
            match field.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(error(path, Some(line), format!("{what} is '{field}', not a finite number"))),
            }
        };
        let (strain, stress) = (strain_unit * number(strain, "strain")?, stress_unit * number(stress, "stress")?);
        if let Some(&before) = curve.strain.last()
            && strain <= before
        {
            let problem = if before < 0.0 && strain < 0.0 {
                format!("strain goes down to {strain}: if compression is counted as negative, set compression_negative")
            } else {
                format!(
                    "strain {strain} does not increase from {before} in the line before; sort, or cut off unloading"
                )
            };
            return Err(error(path, Some(line), problem));
        }
        curve.strain.push(strain);
        curve.stress.push(stress);
        curve.lines.push(line);
    }
    check(path, &curve, options)?;
    Ok(curve)
}

/// Finds the columns by their headings and checks the units that stand there.
fn heading(path: &Path, line: u64, fields: &[String], options: &LatticeFolder) -> Result<(usize, usize)> {
    let lower: Vec<String> = fields.iter().map(|field| field.to_lowercase()).collect();
    let find = |word: &str| lower.iter().position(|field| field.contains(word));
    let (strain, stress) = match (find("strain"), find("stress")) {
        (Some(strain), Some(stress)) => (strain, stress),
        _ if fields.len() >= 2 => (0, 1),
        _ => return Err(error(path, Some(line), "needs two columns, strain and stress".to_owned())),
    };
    let percent = lower[strain].contains('%') || lower[strain].contains("percent");
    if percent && !options.percent {
        let problem = format!("the heading '{}' says per cent: set percent, or divide by 100", fields[strain]);
        return Err(error(path, Some(line), problem));
    }
    let units = [
        ("gpa", StressUnit::GigaPascal),
        ("mpa", StressUnit::MegaPascal),
        ("kpa", StressUnit::KiloPascal),
        ("n/mm", StressUnit::MegaPascal),
        ("pa", StressUnit::Pa),
    ];
    let words: Vec<&str> = lower[stress].split(|c: char| !c.is_alphanumeric() && c != '/').collect();
    let said = units
        .iter()
        .find(|(name, _)| words.iter().any(|word| word == name || *name == "n/mm" && word.starts_with(*name)));
    if let Some((_, unit)) = said
        && *unit != options.stress
    {
        let problem = format!(
            "the heading '{}' says {}, but the option stress is {}",
            fields[stress],
            unit.name(),
            options.stress.name()
        );
        return Err(error(path, Some(line), problem));
    }
    Ok((strain, stress))
}

/// Looks at the curve as a whole: enough points, and no unit plainly wrong.
fn check(path: &Path, curve: &Curve, options: &LatticeFolder) -> Result<()> {
    let refuse = |at: Option<usize>, problem: String| Err(error(path, at.map(|at| curve.lines[at]), problem));
    let n = curve.strain.len();
    if n < 4 {
        return refuse(None, format!("holds {n} points; a curve needs four at least"));
    }
    let (first, last) = (curve.strain[0], curve.strain[n - 1]);
    if last <= 0.0 {
        return refuse(Some(n - 1), format!("strain ends at {last}, below zero: is compression counted as negative?"));
    }
    if last > LARGEST_STRAIN {
        return refuse(Some(n - 1), format!("strain reaches {last}: is it in per cent? then set percent"));
    }
    if last < SMALLEST_STRAIN {
        let why = if options.percent { "is it no per cent after all?" } else { "is its unit right?" };
        return refuse(Some(n - 1), format!("strain ends at {last}: {why}"));
    }
    if first > LATE_START * last {
        return refuse(Some(0), format!("strain starts at {first}: the beginning of the curve is missing"));
    }
    let loaded = (0..n).filter(|&at| curve.strain[at] > 0.0);
    let highest = loaded.max_by(|&a, &b| curve.stress[a].total_cmp(&curve.stress[b])).unwrap_or(n - 1);
    let most = curve.stress[highest];
    if most <= 0.0 {
        return refuse(
            Some(highest),
            "stress is never above zero: if compression is counted as negative, set compression_negative".to_owned(),
        );
    }
    let unit = options.stress.name();
    if most > LARGEST_STRESS {
        return refuse(
            Some(highest),
            format!("stress reaches {most} MPa, more than any metal bears: is the unit {unit}?"),
        );
    }
    if most < SMALLEST_STRESS {
        return refuse(Some(highest), format!("stress never exceeds {most} MPa: is the unit {unit}?"));
    }
    if most / curve.strain[highest] > LARGEST_MODULUS {
        let modulus = most / curve.strain[highest] / 1e3;
        return refuse(
            Some(highest),
            format!("the curve is as stiff as {modulus} GPa, stiffer than any solid: are the units right?"),
        );
    }
    Ok(())
}

impl StressUnit {
    fn in_megapascal(self) -> f64 {
        match self {
            Self::Pa => 1e-6,
            Self::KiloPascal => 1e-3,
            Self::MegaPascal => 1.0,
            Self::GigaPascal => 1e3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pa => "Pa",
            Self::KiloPascal => "kPa",
            Self::MegaPascal => "MPa",
            Self::GigaPascal => "GPa",
        }
    }
}
