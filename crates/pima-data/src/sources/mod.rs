//! A scientist's own files, one source a modality, matched by what they call the samples.

// Columns of a table.
mod columns;
// A folder of images.
mod images;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use pima_core::ModalityShape;

use crate::dataset::Dataset;
use crate::error::{Error, Place, Result};
use crate::modality::{MeasurementAxis, ModalityData};
pub use columns::{TableColumns, read_columns};
pub use images::{ImageFolder, read_images};

/// What one source holds: a row of values for each of its samples, and the ids of the samples, if it tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    path: PathBuf,
    shape: ModalityShape,
    /// (D, values of a sample)
    values: Array2<f32>,
    /// Which samples (D) have values.
    present: Vec<bool>,
    /// (D)
    ids: Option<Vec<String>>,
    /// Points of the axis, where the source tells them.
    points: Option<Vec<f64>>,
}

impl Samples {
    /// Number of samples, D, with values or without.
    pub fn n_samples(&self) -> usize {
        self.values.nrows()
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ModalityShape {
        self.shape
    }

    /// What the samples are called (D), if the source tells.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// Where along the axis the values were measured, if the source tells.
    pub fn points(&self) -> Option<&[f64]> {
        self.points.as_deref()
    }

    fn wrong(&self, problem: String) -> Error {
        at_file(&self.path, problem)
    }

    /// The modality whose row k is this source's row `rows[k]`, or missing.
    fn into_modality(self, name: &str, rows: &[Option<usize>]) -> Result<ModalityData> {
        let present: Vec<bool> = rows.iter().map(|row| row.is_some_and(|row| self.present[row])).collect();
        let mut values = Array2::zeros((rows.len(), self.values.ncols()));
        for (mut to, from) in values.outer_iter_mut().zip(rows) {
            if let Some(from) = from {
                to.assign(&self.values.row(*from));
            }
        }
        let modality = if present.contains(&false) {
            ModalityData::with_missing(name, self.shape, values, present)?
        } else {
            ModalityData::new(name, self.shape, values)?
        };
        match self.points {
            Some(points) => modality.with_axis(MeasurementAxis { name: String::new(), units: String::new(), points }),
            None => Ok(modality),
        }
    }
}

/// Sources that were matched.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedSources {
    /// The dataset, a row for every sample that any source has.
    pub dataset: Dataset,
    /// What the rows are called; `None` where they were matched by their order.
    pub ids: Option<Vec<String>>,
}

/// A dataset of several sources, each with the name of its modality.
///
/// Sources that tell ids are matched by them: the rows are those of the first source, then what the next ones have besides. A sample that
/// a source does not have is missing there. Sources without ids are matched by their order.
///
/// # Errors
/// [`Error::Table`], which names the file, when some sources tell ids and others do not, when the numbers of samples differ without ids,
/// or when a source has no id in common with those before it; [`Error::NothingPresent`] for a sample whose values are empty in every
/// source; and as [`Dataset::new`].
pub fn match_sources(name: impl Into<String>, sources: Vec<(String, Samples)>) -> Result<MatchedSources> {
    let ids = match sources.iter().find(|(_, samples)| samples.ids.is_some()) {
        Some((_, with)) => Some(union(&sources, with)?),
        None => None,
    };
    let n_samples = match (&ids, sources.first()) {
        (Some(ids), _) => ids.len(),
        (None, first) => first.map_or(0, |(_, samples)| samples.n_samples()),
    };
    let first = sources.first().map(|(_, samples)| samples.path.clone()).unwrap_or_default();
    let mut modalities = Vec::with_capacity(sources.len());
    for (modality, samples) in sources {
        let rows: Vec<Option<usize>> = match (&ids, &samples.ids) {
            (Some(all), Some(own)) => {
                let place: HashMap<&str, usize> = own.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
                all.iter().map(|id| place.get(id.as_str()).copied()).collect()
            }
            _ if samples.n_samples() != n_samples => {
                let problem = format!(
                    "{} samples, but {} has {n_samples}; without ids sources are matched by their order: add the samples, or give \
                     each source an id",
                    samples.n_samples(),
                    first.display()
                );
                return Err(samples.wrong(problem));
            }
            _ => (0..n_samples).map(Some).collect(),
        };
        modalities.push(samples.into_modality(&modality, &rows)?);
    }
    Ok(MatchedSources { dataset: Dataset::new(name, modalities, None)?, ids })
}

/// Every id that a source has, in the order of the sources; `with` is one that has some.
fn union(sources: &[(String, Samples)], with: &Samples) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (_, samples) in sources {
        let Some(own) = &samples.ids else {
            let problem =
                format!("no ids, but {} has; name the id column of every source, or of none", with.path.display());
            return Err(samples.wrong(problem));
        };
        let common = own.iter().any(|id| known.contains(id.as_str()));
        if let (false, Some(before), Some(here)) = (common, all.first(), own.first()) {
            let problem = format!(
                "none of its ids is in the sources before it (here '{here}', there '{before}'); are these the same samples, and is \
                 it the right column?"
            );
            return Err(samples.wrong(problem));
        }
        for id in own {
            if known.insert(id) {
                all.push(id.clone());
            }
        }
    }
    Ok(all)
}

fn at_file(path: &Path, problem: String) -> Error {
    Error::Table { path: path.to_owned(), place: Place::File, problem }
}
