//! Samples that a user brings to a trained model, in a file.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, s};
use pima_cli::RunDirectory;
use pima_data::{Batch, Batches, Dataset, ModalityData, SkippedRow, read_npz, read_npz_skipping};
use pima_model::{Model, load_model};
use pima_nets::DeviceChoice;

use crate::failure::say;
use crate::prepare;

/// Samples that are inferred together: what bounds the memory of what is inferred.
const ROWS: usize = 512;

/// Samples with some of a model's modalities each.
pub(super) struct Samples {
    pub(super) data: Dataset,
    /// The number in the file of each row of the data.
    pub(super) rows: Vec<usize>,
    /// The model's modalities that the file has, by index.
    pub(super) given: Vec<usize>,
    skipped: Vec<SkippedRow>,
}

impl Samples {
    /// Reads an `.npz` file; rows that cannot be used are refused, or skipped.
    pub(super) fn read(file: &Path, model: &Model, skip_bad_rows: bool) -> Result<Self> {
        let (data, rows, skipped) = if skip_bad_rows {
            read_npz_skipping(file)?
        } else {
            let data = read_npz(file).with_context(|| format!("{}: cannot be used", file.display()))?;
            let rows = (0..data.n_samples()).collect();
            (data, rows, Vec::new())
        };
        let mut given = Vec::new();
        for modality in data.modalities() {
            let m = model.modality_index(modality.name()).with_context(|| file.display().to_string())?;
            let expected = model.modality_shape(m);
            ensure!(
                fits(modality, expected),
                "{}: modality {:?} is a {} there, but the model was trained on a {expected}",
                file.display(),
                modality.name(),
                modality.shape()
            );
            given.push(m);
        }
        if let Some(row) = (0..data.n_samples()).find(|&row| !data.modalities().iter().any(|m| m.is_present(row))) {
            bail!("{}: row {row} has no modality", file.display());
        }
        Ok(Self { data, rows, given, skipped })
    }

    /// Calls `f` with the position, the rows' numbers in the file, and the values of one batch after the other.
    pub(super) fn each_batch(
        &self,
        model: &Model,
        mut f: impl FnMut(usize, &[usize], &Batch) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        for (k, start) in (0..self.data.n_samples()).step_by(ROWS).enumerate() {
            let end = (start + ROWS).min(self.data.n_samples());
            let part = chunk(model, &self.data, start, end)?;
            let all: Vec<usize> = (0..end - start).collect();
            Batches::new(&part, model.normalisations())?.gather(&all, &mut batch)?;
            f(k, &self.rows[start..end], &batch)?;
        }
        Ok(())
    }

    /// Lists what was left out.
    pub(super) fn say_skipped(&self) {
        for SkippedRow { row, problem } in &self.skipped {
            say(format!("skipped row {row}: {problem}"));
        }
    }
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

/// A vector is a curve of one channel whose axis was not said.
fn fits(modality: &ModalityData, expected: pima_core::ModalityShape) -> bool {
    use pima_core::ModalityShape::{Curve, Vector};
    match (modality.shape(), expected) {
        (Vector { length }, Curve { channels: 1, length: own })
        | (Curve { channels: 1, length }, Vector { length: own }) => length == own,
        (shape, expected) => shape == expected,
    }
}

/// Rows `start..end` as a dataset of the model's modalities; those that are not given are missing.
fn chunk(model: &Model, data: &Dataset, start: usize, end: usize) -> Result<Dataset> {
    let modalities = model.modality_names().enumerate().map(|(m, name)| {
        let shape = model.modality_shape(m);
        let n = end - start;
        let modality = match data.modalities().iter().find(|modality| modality.name() == name) {
            Some(given) => {
                let present = (start..end).map(|row| given.is_present(row)).collect();
                ModalityData::with_missing(name, shape, given.values().slice(s![start..end, ..]).to_owned(), present)
            }
            None => ModalityData::with_missing(name, shape, Array2::zeros((n, shape.size())), vec![false; n]),
        };
        Ok(modality?)
    });
    Ok(Dataset::new(data.name(), modalities.collect::<Result<_>>()?, None)?)
}

/// As arrays of the modality are in data files.
pub(super) fn shape_of(model: &Model, m: usize) -> Vec<usize> {
    use pima_core::ModalityShape::{Curve, Image, Vector};
    match model.modality_shape(m) {
        Image { channels, height, width } => vec![channels, height, width],
        Curve { channels, length } => vec![channels, length],
        Vector { length } => vec![length],
    }
}
