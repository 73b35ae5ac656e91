//! Tables: which columns are numbers, which say ids and classes.

use std::collections::HashSet;
use std::path::Path;

use pima_core::ModalityShape;

use super::{CURVE, Candidate, ID_NAMES, LABEL_NAMES, LabelCandidate, Seen, are_classes, is_one_of, plain};
use crate::error::Result;
use crate::sources::parquet::{CellKind, PANDAS_INDEX, ParquetTable};
use crate::sources::{MISSING, ModalityKind, NamesFile, Source, TableColumns, is_unnamed, rows_of_table};

/// One column.
struct Column {
    heading: String,
    is_number: bool,
    /// Lines in which something stands.
    n_full: usize,
    /// Different cells.
    texts: HashSet<String>,
    /// A cell a line.
    cells: Vec<String>,
}

impl Column {
    fn new(heading: &str, is_number: bool) -> Self {
        Self { heading: heading.to_owned(), is_number, n_full: 0, texts: HashSet::new(), cells: Vec::new() }
    }

    fn push(&mut self, cell: String) {
        if !(cell.is_empty() || MISSING.contains(&cell.to_lowercase().as_str())) {
            self.n_full += 1;
            self.texts.insert(cell.clone());
        }
        self.cells.push(cell);
    }
}

/// Takes the columns of numbers for a modality.
pub(super) fn look(path: &Path, seen: &mut Seen) -> Result<()> {
    let mut columns: Vec<Column> = Vec::new();
    let mut n_samples = 0;
    rows_of_table(path, |_, cells| {
        if columns.is_empty() {
            columns = cells.iter().map(|heading| Column::new(heading, true)).collect();
            return Ok(());
        }
        for (at, column) in columns.iter_mut().enumerate() {
            column.push(cells.get(at).copied().unwrap_or_default().to_owned());
        }
        n_samples += 1;
        Ok(())
    })?;
    for column in &mut columns {
        column.is_number = column.texts.iter().all(|cell| cell.parse::<f64>().is_ok());
    }
    judge(path, &columns, Vec::new(), n_samples, seen);
    Ok(())
}

/// Takes the columns of numbers for a modality, and each column of lists for another.
pub(super) fn look_at_parquet(path: &Path, seen: &mut Seen) -> Result<()> {
    let table = ParquetTable::open(path)?;
    let (mut columns, mut lists, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (at, heading) in table.headings().into_iter().enumerate() {
        match table.kind(at) {
            kind @ (CellKind::Number | CellKind::Text) => {
                let mut column = Column::new(heading, kind == CellKind::Number);
                table.texts(at)?.into_iter().for_each(|cell| column.push(cell));
                if !heading.starts_with(PANDAS_INDEX) {
                    columns.push(column);
                }
            }
            CellKind::List => {
                let length = table.lists(at)?.iter().map(Vec::len).find(|&length| length > 0);
                lists.extend(length.map(|length| (heading.to_owned(), length)));
                others.push(heading.to_owned());
            }
            CellKind::Other(_) => others.push(heading.to_owned()),
        }
    }
    let id = judge(path, &columns, others, table.n_rows(), seen);
    for (heading, length) in lists {
        let (kind, shape) = match length >= CURVE {
            true => (ModalityKind::Curve, ModalityShape::Curve { channels: 1, length }),
            false => (ModalityKind::Vector, ModalityShape::Vector { length }),
        };
        let remark = match kind {
            ModalityKind::Curve => {
                format!("taken for a curve, having {length} values; \"vector\" if they have no order")
            }
            _ => String::new(),
        };
        let named = vec![heading.clone()];
        let source = TableColumns {
            path: path.to_owned(),
            columns: named,
            id: id.map(|at| columns[at].heading.clone()),
            ..TableColumns::default()
        };
        seen.candidates.push(Candidate {
            name: plain(&heading),
            source: Source::Table(source),
            kind,
            shape,
            units: String::new(),
            n_samples: table.n_rows(),
            ids: id.map(|at| columns[at].cells.clone()),
            axis_array: None,
            has_axis: false,
            remark,
        });
    }
    Ok(())
}

/// What the columns of a table are, beside `others` that are neither numbers nor text; the place of the ids.
fn judge(path: &Path, columns: &[Column], others: Vec<String>, n_samples: usize, seen: &mut Seen) -> Option<usize> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if n_samples == 0 {
        seen.left_out.push(format!("{file}: no lines below its heading"));
        return None;
    }
    let each = |column: &Column| column.texts.len() == n_samples;
    let id = columns
        .iter()
        .position(|column| each(column) && is_one_of(&ID_NAMES, &column.heading))
        .or_else(|| columns.iter().position(|column| each(column) && !column.is_number));
    let is_class = |column: &Column| {
        let few = are_classes(column.texts.len(), n_samples);
        // Some may not be known.
        let most = 2 * column.n_full >= n_samples;
        most && few && (is_one_of(&LABEL_NAMES, &column.heading) || !column.is_number)
    };
    let named = |column: &Column| is_one_of(&LABEL_NAMES, &column.heading);
    let label = (0..columns.len())
        .filter(|&at| Some(at) != id && is_class(&columns[at]))
        .max_by_key(|&at| (named(&columns[at]), std::cmp::Reverse(at)));
    let heading = |at: usize| columns[at].heading.clone();
    let ids = id.map(|at| columns[at].cells.clone());
    if let Some(at) = label {
        let file =
            NamesFile { path: path.to_owned(), column: Some(heading(at)), id: id.map(heading), ..NamesFile::default() };
        let n_classes = columns[at].texts.len();
        seen.labels.push(LabelCandidate { file, ids: ids.clone(), n_samples, n_classes });
    }
    // What a data frame calls its rows: their numbers say nothing of the samples.
    let index = columns.first().is_some_and(|column| is_unnamed(&column.heading) && column.is_number && id != Some(0));
    let rest = |at: &usize| Some(*at) != id && Some(*at) != label && !(*at == 0 && index);
    let values: Vec<usize> = (0..columns.len()).filter(|at| rest(at) && columns[*at].is_number).collect();
    let texts: Vec<String> = (0..columns.len()).filter(|at| rest(at) && !columns[*at].is_number).map(heading).collect();
    if values.is_empty() {
        if label.is_none() && others.is_empty() {
            seen.left_out.push(format!("{file}: no columns of numbers"));
        }
        return id;
    }
    let points: Vec<f64> = values.iter().filter_map(|&at| columns[at].heading.parse().ok()).collect();
    let is_curve = points.len() == values.len() && points.len() >= 3 && points.windows(2).all(|pair| pair[0] < pair[1]);
    let length = values.len();
    let (kind, shape) = match is_curve {
        true => (ModalityKind::Curve, ModalityShape::Curve { channels: 1, length }),
        false => (ModalityKind::Vector, ModalityShape::Vector { length }),
    };
    let mut remarks = Vec::new();
    if !texts.is_empty() {
        remarks.push(format!("text is left out: {}", texts.join(", ")));
    }
    if index {
        let note = "the first column, which has no name, is left out".to_owned();
        seen.left_out.push(format!("{file}: {note}; a column of ids needs a name, such as id"));
        remarks.push(note);
    }
    let remark = remarks.join("; ");
    let except = texts.into_iter().chain(others).collect();
    let mut source = TableColumns { path: path.to_owned(), except, id: id.map(heading), ..TableColumns::default() };
    // A label column is left out by whoever reads it as such; it may turn out not to be used.
    source.except.extend(label.map(heading));
    seen.candidates.push(Candidate {
        name: plain(&path.file_stem().unwrap_or_default().to_string_lossy()),
        source: Source::Table(source),
        kind,
        shape,
        units: String::new(),
        n_samples,
        ids,
        axis_array: None,
        has_axis: is_curve,
        remark,
    });
    id
}
