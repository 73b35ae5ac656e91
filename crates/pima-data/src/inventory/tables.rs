//! Tables: which columns are numbers, which say ids and classes.

use std::collections::HashSet;
use std::path::Path;

use pima_core::ModalityShape;

use super::{Candidate, ID_NAMES, LABEL_NAMES, LabelCandidate, Seen, are_classes, is_one_of, plain};
use crate::error::Result;
use crate::sources::{MISSING, ModalityKind, NamesFile, Source, TableColumns, rows_of_table};

/// One column, as far as it has been read.
struct Column {
    heading: String,
    is_number: bool,
    /// Whether something stands in every line.
    full: bool,
    texts: HashSet<String>,
}

/// Takes the columns of numbers for a modality.
pub(super) fn look(path: &Path, seen: &mut Seen) -> Result<()> {
    let mut columns: Vec<Column> = Vec::new();
    let mut lines: Vec<Vec<String>> = Vec::new();
    rows_of_table(path, |_, cells| {
        if columns.is_empty() {
            let column = |heading: &&str| Column {
                heading: (*heading).to_owned(),
                is_number: true,
                full: true,
                texts: HashSet::new(),
            };
            columns = cells.iter().map(column).collect();
            return Ok(());
        }
        for (cell, column) in cells.iter().zip(&mut columns) {
            if cell.is_empty() || MISSING.contains(&cell.to_lowercase().as_str()) {
                column.full = false;
            } else {
                column.is_number &= cell.parse::<f64>().is_ok();
                column.texts.insert((*cell).to_owned());
            }
        }
        lines.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
        Ok(())
    })?;
    let n_samples = lines.len();
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if n_samples == 0 {
        seen.left_out.push(format!("{file}: no lines below its heading"));
        return Ok(());
    }
    let each = |column: &Column| column.full && column.texts.len() == n_samples;
    let id = columns
        .iter()
        .position(|column| each(column) && is_one_of(&ID_NAMES, &column.heading))
        .or_else(|| columns.iter().position(|column| each(column) && !column.is_number));
    let is_class = |column: &Column| {
        let few = are_classes(column.texts.len(), n_samples);
        column.full && few && (is_one_of(&LABEL_NAMES, &column.heading) || !column.is_number)
    };
    let named = |column: &Column| is_one_of(&LABEL_NAMES, &column.heading);
    let label = (0..columns.len())
        .filter(|&at| Some(at) != id && is_class(&columns[at]))
        .max_by_key(|&at| (named(&columns[at]), std::cmp::Reverse(at)));
    let heading = |at: usize| columns[at].heading.clone();
    let ids: Option<Vec<String>> =
        id.map(|at| lines.iter().map(|line| line.get(at).cloned().unwrap_or_default()).collect());
    if let Some(at) = label {
        let file =
            NamesFile { path: path.to_owned(), column: Some(heading(at)), id: id.map(heading), ..NamesFile::default() };
        let n_classes = columns[at].texts.len();
        seen.labels.push(LabelCandidate { file, ids: ids.clone(), n_samples, n_classes });
    }
    let others = |at: &usize| Some(*at) != id && Some(*at) != label;
    let values: Vec<usize> = (0..columns.len()).filter(|at| others(at) && columns[*at].is_number).collect();
    let except: Vec<String> =
        (0..columns.len()).filter(|at| others(at) && !columns[*at].is_number).map(heading).collect();
    if values.is_empty() {
        if label.is_none() {
            seen.left_out.push(format!("{file}: no columns of numbers"));
        }
        return Ok(());
    }
    let points: Vec<f64> = values.iter().filter_map(|&at| columns[at].heading.parse().ok()).collect();
    let is_curve = points.len() == values.len() && points.len() >= 3 && points.windows(2).all(|pair| pair[0] < pair[1]);
    let length = values.len();
    let (kind, shape) = match is_curve {
        true => (ModalityKind::Curve, ModalityShape::Curve { channels: 1, length }),
        false => (ModalityKind::Vector, ModalityShape::Vector { length }),
    };
    let remark = match except.len() {
        0 => String::new(),
        _ => format!("text is left out: {}", except.join(", ")),
    };
    let mut columns = TableColumns { path: path.to_owned(), except, id: id.map(heading), ..TableColumns::default() };
    // A label column is left out by whoever reads it as such; it may turn out not to be used.
    columns.except.extend(label.map(heading));
    seen.candidates.push(Candidate {
        name: plain(&path.file_stem().unwrap_or_default().to_string_lossy()),
        source: Source::Table(columns),
        kind,
        shape,
        n_samples,
        ids,
        axis_array: None,
        has_axis: is_curve,
        remark,
    });
    Ok(())
}
