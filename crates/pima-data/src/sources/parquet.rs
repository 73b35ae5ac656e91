//! Parquet tables: columns of numbers, of text, of lists of numbers.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::f16;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::{at_file, ending};
use crate::error::{Error, Result};
use crate::npz_archive::one_line;

/// Endings by which Parquet files go.
pub(crate) const ENDINGS: [&str; 2] = ["parquet", "pq"];

/// Whether a file goes by one of them.
pub(crate) fn is_parquet(path: &Path) -> bool {
    ENDINGS.contains(&ending(path).as_str())
}

/// Rows decoded at a time.
const PIECE: usize = 1 << 14;
/// How pandas calls an index that has no name of its own: it numbers the rows, and nobody measured it.
pub(crate) const PANDAS_INDEX: &str = "__index_level_";

/// What stands in the rows of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    Number,
    Text,
    /// Lists of numbers.
    List,
    /// Something else, in words.
    Other(&'static str),
}

/// One cell, or one element of a list.
pub(crate) enum Cell<'a> {
    Integer(i64),
    Unsigned(u64),
    Real(f64),
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    fn number(&self) -> f64 {
        match *self {
            Self::Integer(x) => x as f64,
            Self::Unsigned(x) => x as f64,
            Self::Real(x) => x,
            Self::Text(_) => f64::NAN,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Integer(x) => x.to_string(),
            Self::Unsigned(x) => x.to_string(),
            Self::Real(x) => x.to_string(),
            Self::Text(text) => text.into_owned(),
        }
    }
}

/// An open file.
pub(crate) struct ParquetTable {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    headings: Vec<String>,
}

impl ParquetTable {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let reader = SerializedFileReader::new(file).map_err(|error| {
            at_file(path, format!("not a Parquet file, or cut short ({}); write it again", one_line(&error)))
        })?;
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let headings = columns.iter().map(|column| heading(column)).collect();
        Ok(Self { path: path.to_owned(), reader, headings })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the columns; of a field of a record, `record.field`.
    pub(crate) fn headings(&self) -> Vec<&str> {
        self.headings.iter().map(String::as_str).collect()
    }

    pub(crate) fn n_rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The place of the column of this name.
    pub(crate) fn find(&self, name: &str) -> Result<usize> {
        let place = self.headings.iter().position(|heading| heading == name);
        place.ok_or_else(|| {
            at_file(&self.path, format!("no column '{name}'; the file has {}", self.headings.join(", ")))
        })
    }

    /// What stands in the rows of a column.
    pub(crate) fn kind(&self, at: usize) -> CellKind {
        let column = self.about(at);
        let cell = match (column.physical_type(), column.converted_type(), column.logical_type_ref()) {
            (_, ConvertedType::DECIMAL, _) | (_, _, Some(LogicalType::Decimal { .. })) => CellKind::Number,
            (_, ConvertedType::DATE, _) | (_, _, Some(LogicalType::Date)) => CellKind::Other("dates"),
            (Physical::INT96, ..)
            | (_, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _)
            | (_, ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _)
            | (_, _, Some(LogicalType::Timestamp { .. } | LogicalType::Time { .. })) => CellKind::Other("times"),
            (Physical::BYTE_ARRAY, ..) => CellKind::Text,
            (Physical::FIXED_LEN_BYTE_ARRAY, _, Some(LogicalType::Float16)) => CellKind::Number,
            (Physical::FIXED_LEN_BYTE_ARRAY, ..) => CellKind::Other("bytes"),
            _ => CellKind::Number,
        };
        match (column.max_rep_level(), cell) {
            (0, cell) => cell,
            (1, CellKind::Number) if column.path().parts().len() <= 3 => CellKind::List,
            (1, CellKind::Text) => CellKind::Other("lists of text"),
            _ => CellKind::Other("lists within lists or records"),
        }
    }

    /// The numbers of a column, NaN where there is none.
    pub(crate) fn numbers(&self, at: usize) -> Result<Vec<f64>> {
        let mut numbers = Vec::with_capacity(self.n_rows());
        self.visit(at, |_, cell| numbers.push(cell.map_or(f64::NAN, |cell| cell.number())))?;
        Ok(numbers)
    }

    /// The texts of a column; numbers as they are written, and nothing where there is none.
    pub(crate) fn texts(&self, at: usize) -> Result<Vec<String>> {
        if let kind @ (CellKind::List | CellKind::Other(_)) = self.kind(at) {
            return Err(self.wrong_kind(at, kind, "text or whole numbers"));
        }
        let mut texts = Vec::with_capacity(self.n_rows());
        self.visit(at, |_, cell| texts.push(cell.map(Cell::text).unwrap_or_default()))?;
        Ok(texts)
    }

    /// The lists of a column, one a row; those that are absent or empty are empty.
    pub(crate) fn lists(&self, at: usize) -> Result<Vec<Vec<f64>>> {
        let mut lists: Vec<Vec<f64>> = Vec::with_capacity(self.n_rows());
        self.visit(at, |begins, cell| {
            if begins {
                lists.push(Vec::new());
            }
            if let (Some(cell), Some(list)) = (cell, lists.last_mut()) {
                list.push(cell.number());
            }
        })?;
        Ok(lists)
    }

    /// An error about a column that does not hold what is wanted.
    pub(crate) fn wrong_kind(&self, at: usize, kind: CellKind, wanted: &str) -> Error {
        let holds = match kind {
            CellKind::Number => "numbers",
            CellKind::Text => "text",
            CellKind::List => "lists",
            CellKind::Other(what) => what,
        };
        let column = &self.headings[at];
        at_file(
            &self.path,
            format!(
                "column '{column}' holds {holds}, and {wanted} are wanted; convert it, or leave it out (columns, except)"
            ),
        )
    }

    fn about(&self, at: usize) -> &ColumnDescriptor {
        &self.reader.metadata().file_metadata().schema_descr().columns()[at]
    }

    /// Calls `visit` for every cell of a column, or for every element of its lists, with whether it begins a row. A row without anything is
    /// visited once, with nothing; an element of a list that is null is NaN.
    fn visit(&self, at: usize, mut visit: impl FnMut(bool, Option<Cell<'_>>)) -> Result<()> {
        let column = self.about(at);
        let is_unsigned = matches!(
            column.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        );
        let is_decimal = column.converted_type() == ConvertedType::DECIMAL
            || matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }));
        let is_half = matches!(column.logical_type_ref(), Some(LogicalType::Float16));
        let unit = 10.0_f64.powi(column.type_scale().max(0));
        let integer = |x: i64, unsigned: u64| -> Cell<'static> {
            match (is_decimal, is_unsigned) {
                (true, _) => Cell::Real(x as f64 / unit),
                (_, true) => Cell::Unsigned(unsigned),
                _ => Cell::Integer(x),
            }
        };
        let mut each = |reader: ColumnReader| match reader {
            ColumnReader::BoolColumnReader(reader) => {
                drain(reader, column, &mut visit, |&x| Cell::Integer(i64::from(x)))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                drain(reader, column, &mut visit, |&x| integer(x.into(), u64::from(x.cast_unsigned())))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                drain(reader, column, &mut visit, |&x| integer(x, x.cast_unsigned()))
            }
            ColumnReader::FloatColumnReader(reader) => drain(reader, column, &mut visit, |&x| Cell::Real(f64::from(x))),
            ColumnReader::DoubleColumnReader(reader) => drain(reader, column, &mut visit, |&x| Cell::Real(x)),
            ColumnReader::ByteArrayColumnReader(reader) => drain(reader, column, &mut visit, |x| match is_decimal {
                true => Cell::Real(decimal(x.data()) / unit),
                false => Cell::Text(String::from_utf8_lossy(x.data())),
            }),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                drain(reader, column, &mut visit, |x| match (is_half, x.data()) {
                    (true, &[low, high]) => Cell::Real(f16::from_le_bytes([low, high]).to_f64()),
                    _ => Cell::Real(decimal(x.data()) / unit),
                })
            }
            ColumnReader::Int96ColumnReader(_) => Ok(()),
        };
        let mut read = || {
            for group in 0..self.reader.num_row_groups() {
                each(self.reader.get_row_group(group)?.get_column_reader(at)?)?;
            }
            Ok(())
        };
        read().map_err(|error: ParquetError| {
            let (column, error) = (&self.headings[at], one_line(&error));
            let problem =
                format!("column '{column}' cannot be read ({error}); if the file was damaged, write it again");
            at_file(&self.path, problem)
        })
    }
}

/// Visits what is left of one column of a group of rows.
fn drain<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    column: &ColumnDescriptor,
    visit: &mut impl FnMut(bool, Option<Cell<'_>>),
    cell: impl for<'a> Fn(&'a T::T) -> Cell<'a>,
) -> std::result::Result<(), ParquetError> {
    // The level from which on a list has an element here, null or not.
    let has_element = column.max_def_level() - i16::from(column.self_type().is_optional());
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        defined.clear();
        repeated.clear();
        values.clear();
        let (n_records, _, n_levels) =
            reader.read_records(PIECE, Some(&mut defined), Some(&mut repeated), &mut values)?;
        if n_records == 0 {
            return Ok(());
        }
        let mut values = values.iter();
        for level in 0..n_levels {
            // Levels are left out where all would be alike.
            let definition = defined.get(level).copied().unwrap_or(column.max_def_level());
            let begins = repeated.get(level).is_none_or(|&level| level == 0);
            let found = if definition == column.max_def_level() { values.next().map(&cell) } else { None };
            let is_null_element = found.is_none() && column.max_rep_level() > 0 && definition >= has_element;
            visit(begins, found.or(is_null_element.then_some(Cell::Real(f64::NAN))));
        }
    }
}

/// What users call a column: a list goes by its own name, and not by that of its elements.
fn heading(column: &ColumnDescriptor) -> String {
    let parts = column.path().parts();
    match parts {
        // Of a map both keys and values are lists.
        [name, middle, _] if column.max_rep_level() == 1 && middle != "key_value" => name.clone(),
        parts => parts.join("."),
    }
}

/// A whole number of any length, its greatest byte first, in two's complement.
fn decimal(bytes: &[u8]) -> f64 {
    let start = if bytes.first().is_some_and(|&byte| byte >= 0x80) { -1.0 } else { 0.0 };
    bytes.iter().fold(start, |value, &byte| value * 256.0 + f64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_what_their_bytes_say() {
        for (bytes, expected) in
            [(&[0, 100][..], 100.0), (&[0xff, 0xff], -1.0), (&[0xff, 0x00], -256.0), (&[1, 0, 0], 65536.0), (&[], 0.0)]
        {
            assert_eq!(decimal(bytes), expected, "{bytes:?}");
        }
    }
}
