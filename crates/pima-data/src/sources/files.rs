//! The files of a folder that has one for each sample.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{at_file, ending};
use crate::error::{Error, Result};
use crate::spectra::natural;

/// The files with one of these endings that are not hidden, in the natural order of their names. The name without its ending is the sample's.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, [`Error::Table`] for two files of one sample.
pub(crate) fn find(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && endings.contains(&ending(&path).as_str()) && path.is_file() {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| natural(path.file_name().unwrap_or_default()));
    let mut seen: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for path in &files {
        if let Some(other) = seen.insert(path.with_extension(""), path) {
            return Err(at_file(path, format!("is for the same sample as {}; keep one of them", other.display())));
        }
    }
    Ok(files)
}

/// What the samples of these files are called.
pub(super) fn ids(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect()
}
