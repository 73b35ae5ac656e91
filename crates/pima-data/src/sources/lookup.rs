//! Paths that lead nowhere, and files that are of another kind than was said.

use std::io::Read;
use std::path::Path;

use super::{at_file, ending};
use crate::error::{Error, Result};

/// Refuses a path at which nothing is, with what may have been meant.
///
/// # Errors
/// [`Error::Table`], which names the file.
pub(super) fn must_exist(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let text = path.to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let problem = if text.contains(|c: char| c.is_control()) {
        "a backslash in double quotes begins a special character; write / in the path, or single quotes".to_owned()
    } else if name.contains(['*', '?']) {
        "a path has no wildcards; name the folder, and all its files are read".to_owned()
    } else {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let hint = match (nearest_name(path), folder) {
            (Some(meant), _) => format!("; did you mean '{meant}'?"),
            (None, Some(folder)) if !folder.is_dir() => format!("; there is no folder {} either", folder.display()),
            _ => String::new(),
        };
        let end = if hint.ends_with('?') { " Paths" } else { "; paths" };
        format!("No such file or folder{hint}{end} are relative to the config file")
    };
    Err(at_file(path, problem))
}

/// The name in the folder of `path` that is most like its own, if one is close: spelt alike, or with another ending.
pub fn nearest_name(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stem = |name: &str| Path::new(name).file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let distance = |name: &str| {
        let spelt = strsim::damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
        if stem(name) == stem(&wanted) { spelt.min(1) } else { spelt }
    };
    let near = names.map(|name| (distance(&name), name)).min()?;
    (near.0 <= 1 + wanted.chars().count() / 4).then_some(near.1)
}

/// Refuses a folder where a file is wanted, and a file whose first bytes say that it is of another kind than `kind`.
///
/// # Errors
/// [`Error::Table`], which names the file and the kind that it is of.
pub(super) fn must_be(path: &Path, kind: &str) -> Result<()> {
    if path.is_dir() {
        let (mut tables, mut images) = (0, 0);
        for entry in std::fs::read_dir(path).map_err(|source| Error::Io { path: path.to_owned(), source })?.flatten() {
            let ending = ending(&entry.path());
            tables += usize::from(super::table_folder::ENDINGS.contains(&ending.as_str()));
            images += usize::from(crate::pixels::ENDINGS.contains(&ending.as_str()));
        }
        let advice = match (tables, images) {
            (0, 0) => "name a file in it",
            (0, _) => "say kind = \"image-folder\", or name a file in it",
            _ => "say kind = \"table-folder\" if each file is a sample, or name a file in it",
        };
        return Err(at_file(path, format!("is a folder; {advice}")));
    }
    match looks_like(path) {
        Some(own) if own != kind => Err(at_file(path, format!("is no .{kind}; say kind = \"{own}\""))),
        _ => Ok(()),
    }
}

/// The kind of source that a file's first bytes and its name say.
pub(crate) fn looks_like(path: &Path) -> Option<&'static str> {
    let mut start = [0; 8];
    let mut file = std::fs::File::open(path).ok()?;
    let n = file.read(&mut start).ok()?;
    match &start[..n] {
        start if start.starts_with(b"PK\x03\x04") => Some("npz"),
        start if start.starts_with(b"\x93NUMPY") => Some("npy"),
        start if start.starts_with(b"\x89HDF\r\n\x1a\n") => Some("hdf5"),
        start if start.starts_with(b"PAR1") => Some("table"),
        _ => ["csv", "tsv", "txt"].contains(&ending(path).as_str()).then_some("table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_what_may_have_been_meant() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("chemistry.csv"), "a\n1\n").unwrap();
        let said = |name: &str| must_exist(&at(name)).unwrap_err().to_string();
        assert!(said("chemsitry.csv").ends_with(
            "chemsitry.csv: No such file or folder; did you mean 'chemistry.csv'? Paths are relative to the config file"
        ));
        assert!(said("Chemistry.parquet").contains("did you mean 'chemistry.csv'?"));
        assert!(said("tests.npz").ends_with("No such file or folder; paths are relative to the config file"));
        assert!(
            said("lab/chemistry.csv").contains("; there is no folder ") && said("lab/x.csv").contains(" either; paths")
        );
        assert!(
            said("photographs/*.png").ends_with("a path has no wildcards; name the folder, and all its files are read")
        );
        assert!(said("photo\tgraphs").contains("a backslash in double quotes"));
    }

    #[test]
    fn another_kind_than_was_said_is_told_with_the_right_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.csv"), "a\n1\n").unwrap();
        std::fs::write(at("a.npz"), b"\x93NUMPY\x01\x00").unwrap();
        std::fs::create_dir(at("images")).unwrap();
        std::fs::write(at("images/1.png"), b"").unwrap();
        let said = |name: &str, kind: &str| must_be(&at(name), kind).unwrap_err().to_string();
        assert!(said("a.csv", "npz").ends_with("a.csv: is no .npz; say kind = \"table\""));
        assert!(said("a.npz", "npz").ends_with("a.npz: is no .npz; say kind = \"npy\""));
        assert!(
            said("images", "table").ends_with("images: is a folder; say kind = \"image-folder\", or name a file in it")
        );
        assert!(
            said("", "table")
                .ends_with(": is a folder; say kind = \"table-folder\" if each file is a sample, or name a file in it")
        );
        assert!(must_be(&at("a.csv"), "table").is_ok());
    }
}
