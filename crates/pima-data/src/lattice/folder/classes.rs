//! The classes of `labels.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use super::text::Table;
use super::{LABELS, LatticeNote, error};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::labels::Labels;
use crate::sources::MISSING;

/// What the column of specimens may be called.
const NAMES: [&str; 5] = ["name", "specimen", "sample", "id", "file"];
/// What the column of classes may be called, if it is not the other one.
const CLASSES: [&str; 3] = ["label", "class", "kind"];

/// The classes of `labels.csv`, for every row; `None` without the file. A specimen whose class is empty or NA, or which is not in the file, has
/// none that is known.
pub(super) fn labels(folder: &Path, names: &[&str], groups: &[usize]) -> Result<Option<Labels>> {
    let path = folder.join(LABELS);
    if !path.is_file() {
        return Ok(None);
    }
    let table = Table::read(&path)?;
    let (columns, data) = columns(&table.rows[0].cells, names);
    let mut of: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for row in &table.rows[data..] {
        let refuse = |problem: String| Err(error(&path, Some(row.line), problem));
        let (Some(given), Some(label)) = (row.cells.get(columns.0), row.cells.get(columns.1)) else {
            return refuse("needs a name and a label; leave the label empty where it is not known (a01,)".to_owned());
        };
        let Some(&name) = names.iter().find(|name| is(name, given)) else {
            let some = names[..names.len().min(3)].join(", ");
            let more = if names.len() > 3 { ", ..." } else { "" };
            return refuse(format!(
                "there is no specimen '{given}' in the folder (it has {some}{more}); correct the name, or remove the line"
            ));
        };
        let known =
            Some(label.as_str()).filter(|label| !label.is_empty() && !MISSING.contains(&&*label.to_lowercase()));
        if of.insert(name, known).is_some() {
            return refuse(format!("specimen '{name}' has a label already; keep one of them"));
        }
    }
    let mut classes: Vec<&str> = of.values().copied().flatten().collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.is_empty() {
        let problem = "has no label of any specimen; fill them in, or remove the file";
        return Err(error(&path, None, problem.to_owned()));
    }
    let class = |label: &str| classes.iter().position(|class| *class == label);
    let values = groups.iter().map(|&group| of.get(names[group]).copied().flatten().and_then(class)).collect();
    Labels::partial(values, classes.iter().map(|&class| class.to_owned()).collect()).map(Some)
}

/// Whether a specimen is meant: by its name, or by the name of one of its files.
fn is(name: &str, given: &str) -> bool {
    let ending = given.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    given == name
        || ending.is_some_and(|ending| {
            let ending = ending.to_lowercase();
            ending == "csv" || crate::pixels::ENDINGS.contains(&ending.as_str())
        })
}

/// The columns of names and of classes, and the number of rows before the first specimen.
fn columns(first: &[String], names: &[&str]) -> ((usize, usize), usize) {
    let called = |words: &[&str]| first.iter().position(|cell| words.contains(&cell.to_lowercase().as_str()));
    // A specimen may be called "sample", too.
    let is_specimen = first.first().is_some_and(|cell| names.iter().any(|name| is(name, cell)));
    match called(&NAMES) {
        Some(name) if !is_specimen => {
            let other = usize::from(name == 0);
            ((name, called(&CLASSES).filter(|&class| class != name).unwrap_or(other)), 1)
        }
        _ => ((0, 1), 0),
    }
}

/// The specimens without a class, where some have one.
pub(super) fn notes(dataset: &Dataset, names: &[String]) -> Option<LatticeNote> {
    let (labels, groups) = dataset.labels().zip(dataset.groups())?;
    let mut without: Vec<usize> =
        groups.iter().enumerate().filter(|&(row, _)| labels.of(row).is_none()).map(|(_, &group)| group).collect();
    without.dedup();
    let names: Vec<String> = without.into_iter().filter_map(|group| names.get(group).cloned()).collect();
    (!names.is_empty()).then_some(LatticeNote::Unlabelled { names })
}
