//! One text for each sample: labels, groups.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::columns::MISSING;
use super::hdf5::{Hdf5, is_hdf5};
use super::parquet::{ParquetTable, is_parquet};
use super::{at_file, ending, lookup, rows_of_table};
use crate::error::{Error, Place, Result};
use crate::labels::Labels;
use crate::npz_archive::{Archive, open_npy};
use crate::spectra::shown;

/// A column of a table, an array of an `.npz`, a data set of an HDF5 file or an `.npy` file that says one thing, a text or a number, of each sample.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamesFile {
    /// The file: a table (CSV, Parquet), an `.npz`, an HDF5 file or an `.npy`.
    pub path: PathBuf,
    /// The column of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The array of an `.npz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// The data set of an HDF5 file, such as `/group/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The column, array or data set of the same file that says what each sample is called; without it, samples are matched by their order.
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
/// [`Error::Io`]; [`Error::Table`] and [`Error::Npz`] for a column, an array or a data set that is not named or not there.
pub fn read_names(file: &NamesFile) -> Result<Names> {
    let path = file.path.as_path();
    lookup::must_exist(path)?;
    let key = |key: &Option<String>, what: &str| {
        key.clone().ok_or_else(|| at_file(path, format!("which {what}? Say {what} = \"...\" beside its path")))
    };
    let (texts, ids) = match ending(path).as_str() {
        "npz" => {
            let mut archive = Archive::open(path)?;
            let texts = archive.stream(&key(&file.array, "array")?)?.texts()?;
            (texts, file.id.as_deref().map(|id| archive.stream(id)?.texts()).transpose()?)
        }
        _ if is_hdf5(path) => {
            let hdf5 = Hdf5::open(path)?;
            let texts = hdf5.values(&key(&file.dataset, "dataset")?)?.texts()?;
            (texts, file.id.as_deref().map(|id| hdf5.values(id)?.texts()).transpose()?)
        }
        _ if is_parquet(path) => {
            let table = ParquetTable::open(path)?;
            let texts = table.texts(table.find(&key(&file.column, "column")?)?)?;
            (texts, file.id.as_deref().map(|id| table.texts(table.find(id)?)).transpose()?)
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
                        wrong(format!("nothing is said of sample '{id}'; add it (with an empty label, if that is not known), or leave the sample out"))
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

    /// Labels of these samples; numbers are in their order, texts in that of the alphabet. An empty cell (or NA, NaN, null) is a label that is not
    /// known.
    ///
    /// # Errors
    /// [`Error::Table`] where ids do not fit, and where no label is known.
    pub fn labels(&self, ids: Option<&[String]>, n_samples: usize) -> Result<Labels> {
        let texts = self.of(ids, n_samples)?;
        let is_known = |text: &&str| !(text.is_empty() || MISSING.contains(&text.to_lowercase().as_str()));
        let mut names: Vec<&str> =
            texts.iter().copied().filter(is_known).collect::<BTreeSet<_>>().into_iter().collect();
        if names.is_empty() {
            return Err(at_file(&self.path, "no label in it is known; leave it out".to_owned()));
        }
        if names.iter().all(|name| name.parse::<f64>().is_ok_and(f64::is_finite)) {
            names.sort_by(|a, b| a.parse::<f64>().unwrap_or(0.0).total_cmp(&b.parse::<f64>().unwrap_or(0.0)));
        }
        let place: HashMap<&str, usize> = names.iter().enumerate().map(|(label, &name)| (name, label)).collect();
        let values = texts.iter().map(|text| place.get(text).copied()).collect();
        Labels::partial(values, names.into_iter().map(str::to_owned).collect())
    }

    /// The group of each of these samples (D), by number.
    ///
    /// # Errors
    /// As [`labels`](Self::labels), and for a sample whose group is not known.
    pub fn groups(&self, ids: Option<&[String]>, n_samples: usize) -> Result<Vec<usize>> {
        let groups = self.labels(ids, n_samples)?;
        if let Some(row) = (0..n_samples).find(|&row| groups.of(row).is_none()) {
            let sample = ids.map_or_else(|| format!("in row {row}"), |ids| format!("'{}'", ids[row]));
            let problem = format!("the group of sample {sample} is empty; say of each sample which group it is in");
            return Err(at_file(&self.path, problem));
        }
        Ok(groups.values().to_vec())
    }
}
