//! The text of a csv file: its encoding, what separates its cells, and its rows with their lines.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::error;
use crate::error::{Error, Result};
use crate::spectra::decimal_comma;

/// What to do about a file that is not UTF-8.
const SAVE: &str = "save it as UTF-8 text (in Excel: \"CSV UTF-8\")";

/// The rows of a csv file: cells trimmed, empty lines and comments left out.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    separator: u8,
    /// Whether some line has a semicolon, a tab or a comma.
    separated: bool,
}

/// One row, with its line.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

impl Table {
    /// Reads a file; the separator is guessed from the first line that says something.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        check(path, &bytes)?;
        let content: Arc<[u8]> = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).into();
        let first = content.split(|&byte| byte == b'\n').find(|line| says_something(line)).unwrap_or_default();
        let separator = [b';', b'\t', b','].into_iter().find(|separator| first.contains(separator)).unwrap_or(b',');
        let separated = content
            .split(|&byte| byte == b'\n')
            .any(|line| says_something(line) && line.iter().any(|byte| b";\t,".contains(byte)));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .delimiter(separator)
            .from_reader(std::io::Cursor::new(content.clone()));
        let mut rows = Vec::new();
        for record in reader.into_byte_records() {
            let record = record.map_err(|problem| {
                let line = problem.position().map(|position| line_of(&content, position));
                error(path, line, format!("cannot be read as csv: {problem}; save it again"))
            })?;
            let line = record.position().map_or(0, |position| line_of(&content, position));
            let cells: Vec<String> =
                record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                rows.push(Row { line, cells });
            }
        }
        if rows.is_empty() {
            return Err(error(path, None, "is empty; export it again, or remove it".to_owned()));
        }
        Ok(Self { rows, separator, separated })
    }

    /// A cell as a number. Beside a semicolon or a tab, commas are decimal commas.
    pub(super) fn number(&self, cell: &str) -> Option<f64> {
        if self.separator == b',' { cell.parse().ok() } else { cell.replace(',', ".").parse().ok() }
    }

    /// Whether the row has a number in it.
    pub(super) fn has_number(&self, row: &Row) -> bool {
        row.cells.iter().any(|cell| self.number(cell).is_some())
    }

    /// Why a cell is no number, and what to do.
    pub(super) fn no_number(&self, what: &str, cell: &str) -> String {
        if cell.is_empty() {
            return format!("{what} is empty; fill it in, or remove the line");
        }
        if self.separator == b',' && decimal_comma(cell) {
            let point = cell.replace(',', ".");
            return format!("{what} is '{cell}', with a comma; write {point}, or separate all cells by semicolons");
        }
        let bare: String =
            cell.chars().filter(|c| !matches!(c, ',' | '.' | '\'' | '’') && !c.is_whitespace()).collect();
        let marks = cell.chars().count() - bare.chars().count();
        if marks > 0 && bare.trim_start_matches(['-', '+']).chars().all(|c| c.is_ascii_digit()) {
            return format!("{what} is '{cell}'; write numbers without marks between thousands");
        }
        format!("{what} is '{cell}', not a finite number; correct it, or remove the line")
    }

    /// Why the first row, which has one cell, is not what a curve begins with.
    pub(super) fn one_cell(&self) -> String {
        let cell = self.rows[0].cells.first().map_or("", String::as_str);
        let apart = |cell: &str| {
            let parts: Vec<String> = cell.split_whitespace().map(|part| part.replace(',', ".")).collect();
            parts.len() > 1 && parts.iter().all(|part| part.parse::<f64>().is_ok())
        };
        let second = self.rows.get(1).map(|row| row.cells.join(","));
        if apart(cell) || second.is_some_and(|cells| apart(&cells)) {
            return "its cells are separated by spaces; separate them by commas, semicolons or tabs".to_owned();
        }
        if self.separated {
            return format!("'{cell}' is no heading of two columns; if it is a title, remove it, or begin it with #");
        }
        "needs two columns, strain and stress, separated by commas, semicolons or tabs".to_owned()
    }

    /// Whether commas seem to separate cells and to be in numbers too, where no heading says how many columns there are: more than two cells, and no
    /// point anywhere, or now more of them and now fewer.
    pub(super) fn has_two_kinds_of_commas(&self) -> bool {
        let all = |is: &dyn Fn(&String) -> bool| self.rows.iter().all(|row| row.cells.iter().all(is));
        let n = |row: &Row| row.cells.len();
        let most = self.rows.iter().map(n).max().unwrap_or_default();
        let whole = |cell: &String| !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || "+-".contains(c));
        let unequal = || all(&|cell| cell.parse::<f64>().is_ok()) && self.rows.iter().any(|row| n(row) < most);
        self.separator == b',' && most > 2 && (all(&whole) || unequal())
    }

    /// What to do about both.
    pub(super) const DECIMAL_COMMAS: &str =
        "if numbers have commas in them, separate cells by semicolons, or write points (1234.5)";

    /// Whether the row has more cells than the heading, and numbers in those: parts of numbers with commas.
    pub(super) fn runs_over(&self, row: &Row, heading: usize) -> bool {
        let over = row.cells.get(heading..).unwrap_or_default();
        self.separator == b',' && over.iter().any(|cell| cell.parse::<f64>().is_ok())
    }
}

/// Refuses what is no text, or no UTF-8. Comments may be in any encoding: they are not read.
fn check(path: &Path, bytes: &[u8]) -> Result<()> {
    let refuse = |line, problem: String| Err(error(path, line, problem));
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return refuse(None, format!("is a spreadsheet with the ending csv; {SAVE}"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return refuse(None, format!("is UTF-16; {SAVE}"));
    }
    if bytes.contains(&0) {
        return refuse(None, format!("is no text in UTF-8 (it has bytes of zero); {SAVE}"));
    }
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if says_something(line) && std::str::from_utf8(line).is_err() {
            return refuse(Some(at as u64 + 1), format!("a letter that is not UTF-8; {SAVE}"));
        }
    }
    Ok(())
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
