//! One text for each sample: labels, groups.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::columns::MISSING;
use super::{at_file, ending, rows_of_table};
use crate::error::{Error, Place, Result};
use crate::labels::Labels;
use crate::npz_archive::{Archive, open_npy};
use crate::spectra::shown;

/// A column of a table, an array of an `.npz` or an `.npy` file that says one thing, a text or a number, of each sample.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamesFile {
    /// The file: a table, an `.npz` or an `.npy`.
    pub path: PathBuf,
    /// The column of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The array of an `.npz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// The column or array of the same file that says what each sample is called; without it, samples are matched by their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The same in an `.npy` file of its own, for an `.npy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<PathBuf>,
}

/// What each sample is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    path: PathBuf,
    texts: Vec<String>,
    ids: Option<Vec<String>>,
}

/// Reads what is said of each sample.
///
/// # Errors
/// [`Error::Io`]; [`Error::Table`] and [`Error::Npz`] for a column or an array that is not named or not there, and for a cell that is empty.
pub fn read_names(file: &NamesFile) -> Result<Names> {
    let path = file.path.as_path();
    let key = |key: &Option<String>, what: &str| {
        key.clone().ok_or_else(|| at_file(path, format!("which {what}? Say {what} = \"...\" beside its path")))
    };
    let (texts, ids) = match ending(path).as_str() {
        "npz" => {
            let mut archive = Archive::open(path)?;
            let texts = archive.stream(&key(&file.array, "array")?)?.texts()?;
            (texts, file.id.as_deref().map(|id| archive.stream(id)?.texts()).transpose()?)
        }
        "npy" => (open_npy(path)?.texts()?, file.ids.as_deref().map(|ids| open_npy(ids)?.texts()).transpose()?),
        _ => from_table(file, &key(&file.column, "column")?)?,
    };
    if let Some(ids) = &ids
        && ids.len() != texts.len()
    {
        return Err(at_file(
            path,
            format!("{} ids for {} samples; save an id for each sample", ids.len(), texts.len()),
        ));
    }
    Ok(Names { path: path.to_owned(), texts, ids })
}

fn from_table(file: &NamesFile, column: &str) -> Result<(Vec<String>, Option<Vec<String>>)> {
    let path = file.path.as_path();
    let (mut places, mut texts, mut ids): (Option<(usize, Option<usize>)>, _, _) = (None, Vec::new(), Vec::new());
    rows_of_table(path, |line, cells| {
        let wrong = |problem| Error::Table { path: path.to_owned(), place: Place::Line(line), problem };
        let Some((at, id)) = places else {
            let find = |name: &str| {
                let known = || cells.iter().map(|cell| shown(cell)).collect::<Vec<_>>().join(", ");
                let found = cells.iter().position(|cell| *cell == name);
                found.ok_or_else(|| wrong(format!("no column '{}'; the first line has {}", shown(name), known())))
            };
            places = Some((find(column)?, file.id.as_deref().map(find).transpose()?));
            return Ok(());
        };
        let text = cells.get(at).copied().unwrap_or_default();
        if text.is_empty() || MISSING.contains(&text.to_lowercase().as_str()) {
            return Err(wrong(format!(
                "column '{column}' is empty; say what every sample is, or leave this column out"
            )));
        }
        texts.push(text.to_owned());
        if let Some(id) = id {
            ids.push(cells.get(id).copied().unwrap_or_default().to_owned());
        }
        Ok(())
    })?;
    Ok((texts, file.id.is_some().then_some(ids)))
}

impl Names {
    /// The texts of these samples, which are called `ids` or, where both sides have none, are in the same order.
    ///
    /// # Errors
    /// [`Error::Table`] for a sample of which nothing is said, ids on one side alone, and another number of samples.
    fn of(&self, ids: Option<&[String]>, n_samples: usize) -> Result<Vec<&str>> {
        let wrong = |problem| at_file(&self.path, problem);
        match (ids, &self.ids) {
            (Some(ids), Some(own)) => {
                let place: HashMap<&str, usize> = own.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
                let text = |id: &String| {
                    let row = place.get(id.as_str());
                    row.map(|&row| self.texts[row].as_str()).ok_or_else(|| {
                        wrong(format!("nothing is said of sample '{id}'; add it, or leave the sample out"))
                    })
                };
                ids.iter().map(text).collect()
            }
            (Some(_), None) => {
                Err(wrong("no ids, but the modalities have some; name its column of ids too".to_owned()))
            }
            (None, Some(_)) => {
                Err(wrong("has ids, but the modalities have none; name their ids too, or none".to_owned()))
            }
            (None, None) if self.texts.len() != n_samples => {
                Err(wrong(format!("{} entries for {n_samples} samples; say it of each sample", self.texts.len())))
            }
            (None, None) => Ok(self.texts.iter().map(String::as_str).collect()),
        }
    }

    /// Labels of these samples; numbers are in their order, texts in that of the alphabet.
    ///
    /// # Errors
    /// [`Error::Table`] for a sample without one, and where ids do not fit.
    pub fn labels(&self, ids: Option<&[String]>, n_samples: usize) -> Result<Labels> {
        let texts = self.of(ids, n_samples)?;
        let mut names: Vec<&str> = texts.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if names.iter().all(|name| name.parse::<f64>().is_ok_and(f64::is_finite)) {
            names.sort_by(|a, b| a.parse::<f64>().unwrap_or(0.0).total_cmp(&b.parse::<f64>().unwrap_or(0.0)));
        }
        let place: HashMap<&str, usize> = names.iter().enumerate().map(|(label, &name)| (name, label)).collect();
        Labels::named(texts.iter().map(|text| place[text]).collect(), names.into_iter().map(str::to_owned).collect())
    }

    /// The group of each of these samples (D), by number.
    ///
    /// # Errors
    /// As [`labels`](Self::labels).
    pub fn groups(&self, ids: Option<&[String]>, n_samples: usize) -> Result<Vec<usize>> {
        Ok(self.labels(ids, n_samples)?.values().to_vec())
    }
}
