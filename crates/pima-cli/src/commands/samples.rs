//! Samples that a user brings to a trained model, in a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ndarray::Array2;
use pima_cli::RunDirectory;
use pima_core::ModalityShape;
use pima_data::{Batch, Batches, Dataset, ModalityData, NpzRows, SkippedRow};
use pima_model::{Model, load_model};
use pima_nets::DeviceChoice;

use crate::failure::say;
use crate::npz_stream::NpzStream;
use crate::prepare;

/// Samples that are inferred together: what bounds the memory of what is read and inferred.
const ROWS: usize = 512;

/// Samples with some of a model's modalities each, in a file that is read batch by batch.
pub(super) struct Samples {
    file: PathBuf,
    /// How many there are, less those that were skipped.
    pub(super) n_samples: usize,
    /// The model's modalities that the file has, by index.
    pub(super) measured: Vec<usize>,
    /// Those of them that are inferred from; every sample has one.
    pub(super) given: Vec<usize>,
    /// What all rows of the file are called, if it says.
    ids: Option<Vec<String>>,
    skip_bad_rows: bool,
    skipped: Vec<SkippedRow>,
}

impl Samples {
    /// Looks through an `.npz` file of which the modalities `from` are inferred from, or all; rows that cannot be used are refused, or skipped. Batches need a second
    /// pass: a fault in the last row is found before any work is done, and no more than a batch is in memory.
    pub(super) fn read(file: &Path, model: &Model, from: Option<&[String]>, skip_bad_rows: bool) -> Result<Self> {
        let mut rows = open(file, model).map_err(|error| named(file, error))?;
        let ids = rows.ids().map(<[String]>::to_vec);
        let mut measured = Vec::new();
        for modality in rows.modalities() {
            let m = model.modality_index(&modality.name).with_context(|| file.display().to_string())?;
            let expected = model.modality_shape(m);
            ensure!(
                fits(modality.shape, expected),
                "{}: modality {:?} is a {} there, but the model was trained on a {expected}",
                file.display(),
                modality.name,
                modality.shape
            );
            measured.push(m);
        }
        let given = match from {
            None => measured.clone(),
            Some(names) => {
                let given = names.iter().map(|name| model.modality_index(name)).collect::<Result<Vec<_>, _>>()?;
                if let Some(at) = given.iter().position(|m| !measured.contains(m)) {
                    bail!("{}: has no modality {:?} to infer from", file.display(), names[at]);
                }
                given
            }
        };
        let mut n_samples = 0;
        let mut bad = skip_bad_rows.then(Vec::new);
        let names: Vec<&str> = model.modality_names().collect();
        let wanted = given.iter().map(|&m| names[m]).collect::<Vec<_>>().join(", ");
        while let Some((data, numbers)) = rows.next(ROWS, &mut bad).map_err(|error| named(file, error))? {
            let used = used(model, &data, &given);
            n_samples += used.len();
            for &row in (0..numbers.len()).filter(|at| used.binary_search(at).is_err()).map(|at| &numbers[at]) {
                let problem = format!("has nothing to infer from ({wanted})");
                match &mut bad {
                    Some(bad) => bad.push(SkippedRow { row, problem }),
                    None => bail!("{}: row {row} {problem}: leave it out, or give --skip-bad-rows", file.display()),
                }
            }
        }
        bad.iter_mut().for_each(|bad| bad.sort_by_key(|skipped| skipped.row));
        ensure!(n_samples > 0, "{}: no row is without a fault", file.display());
        let (file, skipped) = (file.to_owned(), bad.unwrap_or_default());
        Ok(Self { file, n_samples, measured, given, ids, skip_bad_rows, skipped })
    }

    /// Writes which rows of the file these are, and what they are called if it says.
    pub(super) fn write_rows(&self, npz: &mut NpzStream, rows: &[usize]) -> Result<()> {
        npz.add_integers("row", rows.iter().map(|&row| row as i64))?;
        if let Some(ids) = &self.ids {
            let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0).max(1);
            npz.add_texts("id", width, rows.iter().map(|&row| ids[row].as_str()))?;
        }
        Ok(())
    }

    /// Calls `f` for one batch after the other: with its position, its rows' numbers in the file, what the file has of them, and their values as the model
    /// takes them.
    pub(super) fn each_batch(
        &self,
        model: &Model,
        mut f: impl FnMut(usize, &[usize], &Dataset, &Batch) -> Result<()>,
    ) -> Result<()> {
        let mut rows = open(&self.file, model)?;
        let mut bad = self.skip_bad_rows.then(Vec::new);
        let mut batch = Batch::default();
        let (mut k, mut n_samples) = (0, 0);
        while let Some((data, numbers)) = rows.next(ROWS, &mut bad)? {
            let used = used(model, &data, &self.given);
            let numbers: Vec<usize> = used.iter().map(|&at| numbers[at]).collect();
            if used.is_empty() {
                continue;
            }
            let complete = complete(model, &data)?;
            Batches::new(&complete, model.normalisations())?.gather(&used, &mut batch)?;
            f(k, &numbers, &data, &batch)?;
            k += 1;
            n_samples += numbers.len();
            // Listed in the first pass.
            bad.iter_mut().for_each(Vec::clear);
        }
        ensure!(n_samples == self.n_samples, "{}: changed while it was read", self.file.display());
        Ok(())
    }

    /// Lists what was left out.
    pub(super) fn say_skipped(&self) {
        for SkippedRow { row, problem } in &self.skipped {
            say(format!("skipped row {row}: {problem}"));
        }
    }
}

/// Which of the samples have one of the modalities `given`.
fn used(model: &Model, data: &Dataset, given: &[usize]) -> Vec<usize> {
    let names: Vec<&str> = model.modality_names().collect();
    let known: Vec<_> = data.modalities().iter().filter(|m| given.iter().any(|&g| names[g] == m.name())).collect();
    (0..data.n_samples()).filter(|&row| known.iter().any(|modality| modality.is_present(row))).collect()
}

/// The model of a run.
pub(super) fn load(run: &Path, device: DeviceChoice) -> Result<Model> {
    let run = RunDirectory::open(run)?;
    let config = prepare::read_config(&run.config_path(), None)?;
    Ok(load_model(&run.model_path()?, &config, device.resolve()?)?)
}

/// That a file can be made there.
pub(super) fn check_output(out: &Path, force: bool) -> Result<()> {
    ensure!(force || !out.exists(), "{}: is there already: choose another name, or --force", out.display());
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    ensure!(folder.is_none_or(Path::is_dir), "{}: there is no such folder", out.display());
    Ok(())
}

/// A file of samples, opened for a model.
fn open(file: &Path, model: &Model) -> pima_data::Result<NpzRows> {
    let shape = |name: &str| model.modality_index(name).ok().map(|m| model.modality_shape(m));
    NpzRows::open_given(file, &shape)
}

/// An error that names the file, once.
fn named(file: &Path, error: pima_data::Error) -> anyhow::Error {
    let path = file.display().to_string();
    if error.to_string().contains(&path) {
        error.into()
    } else {
        anyhow::Error::from(error).context(format!("{path}: cannot be used"))
    }
}

/// A vector is a curve of one channel whose axis was not said.
fn fits(given: ModalityShape, expected: ModalityShape) -> bool {
    use ModalityShape::{Curve, Vector};
    match (given, expected) {
        (Vector { length }, Curve { channels: 1, length: own })
        | (Curve { channels: 1, length }, Vector { length: own }) => length == own,
        (shape, expected) => shape == expected,
    }
}

/// The samples as a dataset of all the model's modalities; those that are not given are missing.
fn complete(model: &Model, data: &Dataset) -> Result<Dataset> {
    let n = data.n_samples();
    let modalities = model.modality_names().enumerate().map(|(m, name)| {
        let shape = model.modality_shape(m);
        let modality = match data.modalities().iter().find(|modality| modality.name() == name) {
            Some(given) => {
                let present = (0..n).map(|row| given.is_present(row)).collect();
                ModalityData::with_missing(name, shape, given.values()?.into_owned(), present)
            }
            None => ModalityData::with_missing(name, shape, Array2::zeros((n, shape.size())), vec![false; n]),
        };
        Ok(modality?)
    });
    Ok(Dataset::new(data.name(), modalities.collect::<Result<_>>()?, None)?)
}

/// As arrays of the modality are in data files.
pub(super) fn shape_of(model: &Model, m: usize) -> Vec<usize> {
    use ModalityShape::{Curve, Image, Vector};
    match model.modality_shape(m) {
        Image { channels, height, width } => vec![channels, height, width],
        Curve { channels, length } => vec![channels, length],
        Vector { length } => vec![length],
    }
}
