//! What a folder of a user's own files holds: which arrays, tables and images could be modalities, and which say ids, classes and axes.

// Arrays that NumPy saved.
mod arrays;
// Folders of images.
mod images;
#[cfg(test)]
mod lattice_tests;
// Photographs with their stress-strain curves.
mod lattices;
// Folders of tables.
mod table_folders;
// Tables.
mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pima_core::ModalityShape;

use crate::error::{Error, Result};
pub use lattices::LatticeFiles;

use crate::sources::hdf5::is_hdf5;
use crate::sources::parquet::is_parquet;
use crate::sources::{MISSING, ModalityKind, NamesFile, Source, SourceReader};
use crate::spectra::natural;

/// Names that people give to what their samples are called.
pub(crate) const ID_NAMES: [&str; 9] =
    ["id", "ids", "sample", "samples", "sample_id", "name", "names", "specimen", "file"];
/// Names that people give to classes.
const LABEL_NAMES: [&str; 9] = ["label", "labels", "class", "classes", "y", "target", "group", "phase", "category"];
/// Values in a row from which on they are taken for a curve where nothing else says so.
const CURVE: usize = 32;

/// Values that are looked at at a time.
const BLOCK: usize = 1 << 20;

/// Classes at most that a column is taken to say.
const MOST_CLASSES: usize = 50;

/// What could be a modality.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// A name for it, from its array, file or folder.
    pub name: String,
    /// Where it is.
    pub source: Source,
    /// What a sample is.
    pub kind: ModalityKind,
    /// The shape of a sample.
    pub shape: ModalityShape,
    /// Units of the values, where the source tells them.
    pub units: String,
    /// How many samples there are.
    pub n_samples: usize,
    /// What they are called, if the source tells.
    pub ids: Option<Vec<String>>,
    /// The array of the same `.npz`, or the data set of the same HDF5 file, that could be its axis.
    pub axis_array: Option<String>,
    /// Whether the source itself says its axis.
    pub has_axis: bool,
    /// What was assumed, in words.
    pub remark: String,
}

/// What could say the classes of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelCandidate {
    /// Where it is.
    pub file: NamesFile,
    /// What the samples are called, if the file tells.
    pub ids: Option<Vec<String>>,
    /// How many samples there are.
    pub n_samples: usize,
    /// How many classes there are.
    pub n_classes: usize,
}

/// What a folder holds. Paths are relative to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    /// What could be modalities, and fits together.
    pub candidates: Vec<Candidate>,
    /// Whether they are matched by ids; by their order otherwise.
    pub by_ids: bool,
    /// Classes of the samples.
    pub labels: Option<LabelCandidate>,
    /// Photographs and stress-strain curves of the same specimens, which are read together; there are no candidates then.
    pub lattices: Option<LatticeFiles>,
    /// What was left out, with the reason, a line each.
    pub left_out: Vec<String>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    candidates: Vec<Candidate>,
    labels: Vec<LabelCandidate>,
    left_out: Vec<String>,
}

/// Looks at the `.npz`, `.npy`, HDF5, `.csv` and Parquet files of a folder, at its images, and at the images and tables of the folders in it. Photographs
/// that pair with stress-strain curves by their names are specimens of lattices.
///
/// # Errors
/// [`Error::Io`] for a folder that cannot be read, [`Error::Table`] for tables that pair with photographs and cannot be read as they lie. Any other file that cannot
/// be read is left out, with the reason.
pub fn take_inventory(folder: &Path) -> Result<Inventory> {
    if let Some((lattices, left_out)) = lattices::look(folder)? {
        return Ok(Inventory { lattices: Some(lattices), left_out, ..Inventory::default() });
    }
    let mut seen = Seen::default();
    let mut arrays = Vec::new();
    for path in entries(folder)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = (seen.candidates.len(), seen.left_out.len());
        let looked = match ending.as_str() {
            _ if path.is_dir() => images::look(&path, &mut seen).and_then(|()| table_folders::look(&path, &mut seen)),
            "npz" => arrays::look_at_npz(&path, &mut seen),
            "npy" => {
                arrays.push(path.clone());
                Ok(())
            }
            "csv" | "tsv" => tables::look(&path, &mut seen),
            _ if is_hdf5(&path) => arrays::look_at_hdf5(&path, &mut seen),
            _ if is_parquet(&path) => tables::look_at_parquet(&path, &mut seen),
            ending => {
                seen.left_out.extend(unread(ending).map(|why| format!("{name}: {why}")));
                Ok(())
            }
        };
        // One file that cannot be read is no reason to look at none.
        if let Err(error) = looked {
            seen.left_out.push(within(folder, &error));
        } else if path.is_dir() && found == (seen.candidates.len(), seen.left_out.len()) {
            seen.left_out.push(format!(
                "{name}: nothing in this folder is read: images are, and three or more .csv files; folders in it are not looked into"
            ));
        }
    }
    for looked in [arrays::look_at_npy(&arrays, &mut seen), images::look(folder, &mut seen)] {
        if let Err(error) = looked {
            seen.left_out.push(within(folder, &error));
        }
    }
    let mut readable = Vec::new();
    for candidate in std::mem::take(&mut seen.candidates) {
        match read_through(&candidate) {
            Ok(()) => readable.push(candidate),
            Err(error) => seen.left_out.push(within(folder, &error)),
        }
    }
    seen.candidates = readable;
    let mut inventory = fit_together(seen);
    for candidate in &mut inventory.candidates {
        relative(&mut candidate.source, folder);
    }
    if let Some(labels) = &mut inventory.labels {
        strip(&mut labels.file.path, folder);
        labels.file.ids.iter_mut().for_each(|ids| strip(ids, folder));
    }
    Ok(inventory)
}

/// Why a file of this ending is not read; nothing of what is no data.
fn unread(ending: &str) -> Option<String> {
    let advice = match ending {
        "" | "toml" | "md" | "py" | "ipynb" | "pdf" | "doc" | "docx" | "log" | "sh" | "yml" | "yaml" => return None,
        ending if crate::pixels::ENDINGS.contains(&ending) => return None,
        "bmp" | "gif" | "webp" | "svg" => "save images as .png or .tif",
        "txt" | "dat" | "asc" | "xy" | "xls" | "xlsx" | "ods" => "save tables as .csv",
        _ => "save arrays as .npz, tables as .csv",
    };
    Some(format!(".{ending} files are not read; {advice}"))
}

/// An error without the folder that everything lies in.
fn within(folder: &Path, error: &Error) -> String {
    error.to_string().replace(&format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR), "")
}

/// Whether every value of a candidate can be read.
fn read_through(candidate: &Candidate) -> Result<()> {
    let mut reader = SourceReader::open(&candidate.source, &candidate.name, Some(candidate.kind))?;
    let rows = (BLOCK / reader.shape().size().max(1)).max(1);
    while reader.next(rows)?.is_some() {}
    Ok(())
}

/// The files and folders in a folder, in their natural order, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort_by_cached_key(|path| natural(path.file_name().unwrap_or_default()));
    Ok(paths)
}

/// The largest set of candidates that are of the same samples: by their ids, or by their number.
fn fit_together(seen: Seen) -> Inventory {
    let Seen { candidates, labels, mut left_out } = seen;
    let mut by_ids: Vec<bool> = vec![false; candidates.len()];
    let mut known: HashSet<&str> = HashSet::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let Some(ids) = &candidate.ids else { continue };
        if known.is_empty() || ids.iter().any(|id| known.contains(id.as_str())) {
            known.extend(ids.iter().map(String::as_str));
            by_ids[at] = true;
        }
    }
    let alike = |n: usize| candidates.iter().filter(|candidate| candidate.n_samples == n).count();
    let most = candidates.iter().map(|candidate| candidate.n_samples).max_by_key(|&n| (alike(n), n)).unwrap_or(0);
    let use_ids = by_ids.iter().filter(|&&by| by).count() >= alike(most).max(1) && by_ids.contains(&true);
    let labels = labels.into_iter().find(|labels| match (&labels.ids, use_ids) {
        (Some(ids), true) => {
            let own: HashSet<&str> = ids.iter().map(String::as_str).collect();
            known.iter().all(|id| own.contains(id))
        }
        (_, by_ids) => !by_ids && labels.n_samples == most,
    });
    let keep: Vec<bool> = candidates
        .iter()
        .zip(&by_ids)
        .map(|(candidate, &by)| if use_ids { by } else { candidate.n_samples == most })
        .collect();
    let mut kept = Vec::new();
    for (mut candidate, keep) in candidates.into_iter().zip(keep) {
        if !keep {
            let why = if use_ids {
                "no ids that the other files have".to_owned()
            } else {
                format!("not {most} samples, as the others")
            };
            left_out.push(format!("{}: {} samples, {why}", candidate.name, candidate.n_samples));
            continue;
        }
        if !use_ids {
            forget_ids(&mut candidate.source);
        }
        kept.push(candidate);
    }
    let mut names = HashSet::new();
    for candidate in &mut kept {
        let plain = candidate.name.clone();
        let mut n = 2;
        while !names.insert(candidate.name.clone()) {
            candidate.name = format!("{plain}_{n}");
            n += 1;
        }
    }
    let labels = labels.map(|mut labels| {
        if !use_ids {
            (labels.file.id, labels.file.ids) = (None, None);
        }
        labels
    });
    Inventory { candidates: kept, by_ids: use_ids, labels, lattices: None, left_out }
}

fn forget_ids(source: &mut Source) {
    match source {
        Source::Npz(source) => source.id = None,
        Source::Npy(source) => source.ids = None,
        Source::Hdf5(source) => source.id = None,
        Source::Table(source) => {
            // Named, it is not taken for a value.
            source.except.extend(source.id.take());
        }
        Source::TableFolder(_) | Source::ImageFolder(_) => {}
    }
}

fn relative(source: &mut Source, folder: &Path) {
    match source {
        Source::Npz(source) => strip(&mut source.path, folder),
        Source::Npy(source) => {
            strip(&mut source.path, folder);
            source.ids.iter_mut().for_each(|ids| strip(ids, folder));
        }
        Source::Hdf5(source) => strip(&mut source.path, folder),
        Source::Table(source) => strip(&mut source.path, folder),
        Source::TableFolder(source) => strip(&mut source.path, folder),
        Source::ImageFolder(source) => strip(&mut source.path, folder),
    }
}

fn strip(path: &mut PathBuf, folder: &Path) {
    if let Ok(rest) = path.strip_prefix(folder) {
        *path = if rest.as_os_str().is_empty() { ".".into() } else { rest.to_owned() };
    }
}

/// A name that a modality can have.
fn plain(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
    if name.is_empty() { "data".to_owned() } else { name }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.contains(&name.trim().to_lowercase().as_str())
}

/// Whether so many different things said of the samples can be their classes.
fn are_classes(n: usize, n_samples: usize) -> bool {
    n > 0 && n <= MOST_CLASSES.min(n_samples / 2)
}

/// How many classes these are; empty ones are not known.
fn n_classes(texts: &[String]) -> usize {
    let is_known = |text: &&String| !(text.is_empty() || MISSING.contains(&text.to_lowercase().as_str()));
    texts.iter().filter(is_known).collect::<HashSet<_>>().len()
}

fn distinct(texts: &[String]) -> usize {
    texts.iter().collect::<HashSet<_>>().len()
}
