//! Samples that a user brings to a trained model, in a file or in a folder of photographs and curves.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ndarray::Array2;
use pima_cli::RunDirectory;
use pima_core::ModalityShape;
use pima_data::{Batch, Batches, Dataset, LatticeNote, ModalityData, NpzRows, SkippedRow, load_lattices_onto};
use pima_model::{DataSource, ExperimentConfig, FAR, Model, load_model, root_mean_square};
use pima_nets::DeviceChoice;

use crate::failure::say;
use crate::identified;
use crate::npz_stream::NpzStream;
use crate::prepare;
use crate::table::significant;

/// Samples that are inferred together: what bounds the memory of what is read and inferred.
const ROWS: usize = 512;

/// A run's model, and the configuration it was trained with.
pub(super) struct Trained {
    pub(super) model: Model,
    pub(super) config: ExperimentConfig,
}

/// Where samples are.
enum Source {
    /// An `.npz` file, read batch by batch.
    File(PathBuf),
    /// A folder of photographs and curves, whose rows are in memory.
    Folder(PathBuf, Box<Dataset>),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder(path, _) => path,
        }
    }

    fn open(&self, model: &Model) -> pima_data::Result<Rows<'_>> {
        let shape = |name: &str| model.modality_index(name).ok().map(|m| model.modality_shape(m));
        Ok(match self {
            Self::File(file) => Rows::File(NpzRows::open_given(file, &shape)?),
            Self::Folder(_, dataset) => Rows::Folder { dataset, next: 0 },
        })
    }
}

/// Samples that come some at a time.
enum Rows<'a> {
    File(NpzRows),
    Folder { dataset: &'a Dataset, next: usize },
}

impl Rows<'_> {
    /// Name and shape of each modality that some sample has.
    fn modalities(&self) -> Vec<(String, ModalityShape)> {
        match self {
            Self::File(rows) => rows.modalities().map(|about| (about.name.clone(), about.shape)).collect(),
            Self::Folder { dataset, .. } => {
                let has_some = |data: &&ModalityData| (0..data.n_samples()).any(|row| data.is_present(row));
                dataset
                    .modalities()
                    .iter()
                    .filter(has_some)
                    .map(|data| (data.name().to_owned(), data.shape()))
                    .collect()
            }
        }
    }

    /// What all samples are called, if that is known.
    fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::File(rows) => rows.ids().map(<[String]>::to_vec),
            Self::Folder { dataset, .. } => Some(dataset.row_names()),
        }
    }

    /// The next samples, with their numbers; rows of a file that cannot be used are refused, or listed in `bad`.
    fn next(&mut self, bad: &mut Option<Vec<SkippedRow>>) -> pima_data::Result<Option<(Dataset, Vec<usize>)>> {
        match self {
            Self::File(rows) => rows.next(ROWS, bad),
            Self::Folder { dataset, next } => {
                let numbers: Vec<usize> = (*next..dataset.n_samples().min(*next + ROWS)).collect();
                *next += numbers.len();
                if numbers.is_empty() { Ok(None) } else { Ok(Some((dataset.select(&numbers)?, numbers))) }
            }
        }
    }
}

/// Samples with some of a model's modalities each.
pub(super) struct Samples {
    source: Source,
    /// How many there are, less those that were skipped.
    pub(super) n_samples: usize,
    /// The model's modalities that the file has, by index.
    pub(super) measured: Vec<usize>,
    /// Those of them that are inferred from; every sample has one.
    pub(super) given: Vec<usize>,
    /// What all rows are called, if it is known.
    ids: Option<Vec<String>>,
    /// What each row is a sample of, if several may be of one specimen.
    specimens: Option<Vec<String>>,
    skip_bad_rows: bool,
    skipped: Vec<SkippedRow>,
}

impl Samples {
    /// Looks through an `.npz` file, or a folder of photographs and curves, of which the modalities `from` are inferred from, or all; rows that cannot be used are
    /// refused, or skipped. Batches need a second pass: a fault in the last row is found before any work is done, and no more than a batch of a file is in memory.
    pub(super) fn read(
        file: &Path,
        Trained { model, config }: &Trained,
        from: Option<&[String]>,
        skip_bad_rows: bool,
    ) -> Result<Self> {
        let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ensure!(
            !(file.is_file() && ["png", "jpg", "jpeg", "tif", "tiff"].contains(&ending.as_str())),
            "{}: is a photograph; give the folder that it lies in",
            file.display()
        );
        let source = match file.is_dir() {
            true => Source::Folder(file.to_owned(), Box::new(in_folder(file, model, config)?)),
            false => Source::File(file.to_owned()),
        };
        let specimens = match &source {
            Source::Folder(_, dataset) => Some(identified::specimens(dataset)),
            Source::File(_) => None,
        };
        let mut rows = source.open(model).map_err(|error| named(file, error))?;
        let ids = rows.ids();
        let mut measured = Vec::new();
        for (name, shape) in rows.modalities() {
            let m = model.modality_index(&name).with_context(|| file.display().to_string())?;
            let expected = model.modality_shape(m);
            ensure!(
                fits(shape, expected),
                "{}: modality {name:?} is a {shape} there, but the model was trained on a {expected}",
                file.display()
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
        let mut far = BTreeMap::new();
        let mut bad = skip_bad_rows.then(Vec::new);
        let names: Vec<&str> = model.modality_names().collect();
        let wanted = given.iter().map(|&m| names[m]).collect::<Vec<_>>().join(", ");
        while let Some((data, numbers)) = rows.next(&mut bad).map_err(|error| named(file, error))? {
            let used = used(model, &data, &given);
            n_samples += used.len();
            count_far(model, &data, &numbers, &mut far)?;
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
        let skipped = bad.unwrap_or_default();
        let first_name = |row: usize| ids.as_ref().map_or_else(|| format!("row {row}"), |ids| ids[row].clone());
        for ((name, which), (n, first, size)) in far {
            let than = if which == Ordering::Less { "smaller" } else { "larger" };
            crate::progress::data_note(&format!(
                "warning: {name}: samples {FAR} times {than} than all that the model was trained on, and more: {n} (the first is {}, root mean square {}); other units?",
                first_name(first),
                significant(size)
            ));
        }
        Ok(Self { source, n_samples, measured, given, ids, specimens, skip_bad_rows, skipped })
    }

    /// Whether they are of specimens that may have several each.
    pub(super) fn are_of_specimens(&self) -> bool {
        self.specimens.is_some()
    }

    /// What a row is a sample of: its specimen, or else what it is called itself.
    pub(super) fn specimen(&self, row: usize) -> String {
        let known = self.specimens.as_ref().or(self.ids.as_ref());
        known.map_or_else(|| row.to_string(), |names| names[row].clone())
    }

    /// Writes which rows these are, and what they and their specimens are called if it is known.
    pub(super) fn write_rows(&self, npz: &mut NpzStream, rows: &[usize]) -> Result<()> {
        npz.add_integers("row", rows.iter().map(|&row| row as i64))?;
        for (array, ids) in [("id", &self.ids), ("specimen", &self.specimens)] {
            let Some(ids) = ids else { continue };
            let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0).max(1);
            npz.add_texts(array, width, rows.iter().map(|&row| ids[row].as_str()))?;
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
        let mut rows = self.source.open(model)?;
        let mut bad = self.skip_bad_rows.then(Vec::new);
        let mut batch = Batch::default();
        let (mut k, mut n_samples) = (0, 0);
        while let Some((data, numbers)) = rows.next(&mut bad)? {
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
        ensure!(n_samples == self.n_samples, "{}: changed while it was read", self.source.path().display());
        Ok(())
    }

    /// Lists what was left out.
    pub(super) fn say_skipped(&self) {
        for SkippedRow { row, problem } in &self.skipped {
            say(format!("skipped row {row}: {problem}"));
        }
    }
}

/// Counts samples whose values are far smaller or larger than any of the training samples, by modality: how many, the first, and its root mean square.
fn count_far(
    model: &Model,
    data: &Dataset,
    numbers: &[usize],
    far: &mut BTreeMap<(String, Ordering), (usize, usize, f64)>,
) -> Result<()> {
    let mut buffer = Vec::new();
    for modality in data.modalities() {
        let Some(extent) = model.modality_extent(model.modality_index(modality.name())?) else { continue };
        for row in (0..data.n_samples()).filter(|&row| modality.is_present(row)) {
            let size = root_mean_square(modality.row(row, &mut buffer)?);
            let which = extent.compare(size);
            if which != Ordering::Equal {
                far.entry((modality.name().to_owned(), which)).or_insert((0, numbers[row], size)).0 += 1;
            }
        }
    }
    Ok(())
}

/// Which of the samples have one of the modalities `given`.
fn used(model: &Model, data: &Dataset, given: &[usize]) -> Vec<usize> {
    let names: Vec<&str> = model.modality_names().collect();
    let known: Vec<_> = data.modalities().iter().filter(|m| given.iter().any(|&g| names[g] == m.name())).collect();
    (0..data.n_samples()).filter(|&row| known.iter().any(|modality| modality.is_present(row))).collect()
}

/// The model of a run.
pub(super) fn load(run: &Path, device: DeviceChoice) -> Result<Trained> {
    let run = RunDirectory::open(run)?;
    let config = prepare::read_config(&run.config_path(), None)?;
    let model = load_model(&run.model_path()?, &config, device.resolve()?)?;
    Ok(Trained { model, config })
}

/// The photographs and curves of a folder, as a run that was trained on such a folder read them.
fn in_folder(folder: &Path, model: &Model, config: &ExperimentConfig) -> Result<Dataset> {
    ensure!(
        config.data.source == DataSource::LatticeFolder,
        "{}: is a folder; this run's samples were not photographs and curves in a folder (data.source = \"lattice-folder\"): give an .npz file",
        folder.display()
    );
    let mut strains = None;
    for m in 0..model.modality_names().count() {
        strains = strains.or(model.modality_axis(m).map(|axis| axis.points.as_slice()));
    }
    let strains = strains.with_context(|| format!("{}: this run has no curves", folder.display()))?;
    let options = config.data.lattice_folder.clone().unwrap_or_default();
    let loaded = load_lattices_onto(folder, &options, strains).map_err(|error| {
        // A run's options are not for the user to change.
        let about_options = error.to_string().contains("[data.lattice_folder]");
        let strains = if options.percent { "per cent" } else { "fractions" };
        let units = format!(
            "{folder}: the run reads strains as {strains} and stresses in {stress}, and keeps to it: convert the files",
            folder = folder.display(),
            stress = options.stress.name()
        );
        if about_options { anyhow::Error::from(error).context(units) } else { error.into() }
    })?;
    // Photographs without curves are what one infers from.
    let notes = loaded.notes.iter().filter(|note| !matches!(note, LatticeNote::Missing { .. }));
    notes.for_each(|note| crate::progress::data_note(&note.to_string()));
    Ok(loaded.dataset.with_group_names(loaded.names)?)
}

/// That a file can be made there.
pub(super) fn check_output(out: &Path, force: bool) -> Result<()> {
    ensure!(force || !out.exists(), "{}: is there already: choose another name, or --force", out.display());
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    ensure!(folder.is_none_or(Path::is_dir), "{}: there is no such folder", out.display());
    Ok(())
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
