//! Folders of tables, one sample a file.

use std::path::Path;

use super::{Candidate, Seen, plain};
use crate::error::Result;
use crate::sources::files::find;
use crate::sources::table_folder::ENDINGS;
use crate::sources::{ModalityKind, Source, SourceReader, TableFolder, rows_of_table};

/// Tables in a folder from which on each is taken for a sample.
const FEWEST: usize = 3;
/// Points to which curves are brought where the files do not have the same.
const POINTS: usize = 64;

/// What people call the axis of a curve, and its values; the first are the likeliest.
const AXES: [&str; 6] = ["strain", "displacement", "extension", "wavelength", "frequency", "theta"];
const VALUES: [&str; 4] = ["stress", "force", "load", "intensity"];

/// Takes a folder of tables for a modality: the axis and the values are the columns of such names, else the first and the second column of numbers.
pub(super) fn look(folder: &Path, seen: &mut Seen) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = match find(folder, &ENDINGS) {
        Ok(files) if files.len() >= FEWEST => files,
        Ok(_) => return Ok(()),
        Err(error) => {
            seen.left_out.push(format!("{name}: {error}"));
            return Ok(());
        }
    };
    let columns = numeric_columns(&files[0])?;
    let path = folder.to_owned();
    let (attempts, rest) = match &columns[..] {
        [] => {
            seen.left_out.push(format!("{name}: its first file, {}, has no columns of numbers", files[0].display()));
            return Ok(());
        }
        [values] => {
            (vec![TableFolder { path, columns: vec![values.clone()], ..TableFolder::default() }], columns[1..].to_vec())
        }
        _ => {
            let (axis, values) = axis_and_values(&columns);
            let rest = columns.iter().filter(|&column| *column != axis && *column != values).cloned().collect();
            let own = TableFolder { path, axis: Some(axis), columns: vec![values], ..TableFolder::default() };
            (vec![own.clone(), TableFolder { points: Some(POINTS), ..own }], rest)
        }
    };
    let n_attempts = attempts.len();
    for (attempt, source) in attempts.into_iter().enumerate() {
        let resampled = source.points.is_some();
        let has_axis = source.axis.is_some();
        let source = Source::TableFolder(source);
        let reader = match SourceReader::open(&source, &name, None) {
            Ok(reader) => reader,
            Err(error) if attempt + 1 == n_attempts => {
                seen.left_out.push(format!("{name}: {error}"));
                return Ok(());
            }
            Err(_) => continue,
        };
        let mut remarks = Vec::new();
        if resampled {
            remarks.push("the files do not have the same points; all are brought to these".to_owned());
        }
        if !rest.is_empty() {
            remarks.push(format!("the files also have {}", rest.join(", ")));
        }
        seen.candidates.push(Candidate {
            name: plain(&name),
            kind: ModalityKind::Curve,
            shape: reader.shape(),
            units: String::new(),
            n_samples: reader.n_samples(),
            ids: reader.ids().map(<[String]>::to_vec),
            axis_array: None,
            has_axis,
            remark: remarks.join("; "),
            source,
        });
        return Ok(());
    }
    Ok(())
}

/// Which of two or more columns is the axis, and which the values.
fn axis_and_values(columns: &[String]) -> (String, String) {
    let named = |names: &[&str]| {
        let of = |name: &&str| columns.iter().find(|column| column.to_lowercase().contains(*name));
        names.iter().find_map(of)
    };
    let values = named(&VALUES);
    let axis = named(&AXES).or_else(|| columns.iter().find(|&column| Some(column) != values)).unwrap_or(&columns[0]);
    let values = values.or_else(|| columns.iter().find(|&column| column != axis)).unwrap_or(&columns[1]);
    (axis.clone(), values.clone())
}

/// The headings over nothing but numbers.
fn numeric_columns(path: &Path) -> Result<Vec<String>> {
    let mut columns: Vec<(String, bool)> = Vec::new();
    rows_of_table(path, |_, cells| {
        if columns.is_empty() {
            columns = cells.iter().map(|heading| ((*heading).to_owned(), true)).collect();
        } else {
            for (at, (_, is_number)) in columns.iter_mut().enumerate() {
                *is_number &= cells.get(at).is_some_and(|cell| cell.parse::<f64>().is_ok());
            }
        }
        Ok(())
    })?;
    Ok(columns.into_iter().filter(|(_, is_number)| *is_number).map(|(heading, _)| heading).collect())
}
