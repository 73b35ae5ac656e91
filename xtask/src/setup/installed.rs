//! The record that an unpacked libtorch carries of itself: every file with its size. A cache entry is trusted when all of them are as recorded.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const NAME: &str = "installed.json";

/// What is in a cache entry.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Installed {
    pub(super) version: String,
    pub(super) source: String,
    files: Vec<(String, u64)>,
}

impl Installed {
    /// Records `entry` as it is now, in `entry`.
    pub(super) fn write(entry: &Path, version: &str, source: &str) -> Result<()> {
        let mut files = Vec::new();
        list(entry, entry, &mut files)?;
        files.sort();
        let record = Self { version: version.to_owned(), source: source.to_owned(), files };
        fs::write(entry.join(NAME), serde_json::to_vec(&record)?)?;
        Ok(())
    }

    /// The record of `entry`, if it is what the record says; an error that says what is wrong otherwise.
    pub(super) fn check(entry: &Path, version: &str) -> Result<Self> {
        let path = entry.join(NAME);
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let record: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))?;
        if record.version != version {
            bail!("{} holds {}, not {version}", entry.display(), record.version);
        }
        for (file, size) in &record.files {
            match entry.join(file).metadata() {
                Ok(meta) if meta.len() == *size => {}
                Ok(meta) => {
                    bail!("{}/{file} has {} bytes, not {size}", entry.display(), meta.len())
                }
                Err(_) => bail!("{}/{file} is missing", entry.display()),
            }
        }
        Ok(record)
    }
}

fn list(top: &Path, folder: &Path, files: &mut Vec<(String, u64)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, meta) = (entry.path(), entry.metadata()?);
        if meta.is_dir() {
            list(top, &path, files)?;
        } else {
            let name = path.strip_prefix(top)?.to_str().context("a file name is not UTF-8")?;
            files.push((name.to_owned(), meta.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_trusted_only_while_it_is_as_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let entry = folder.path();
        fs::create_dir(entry.join("lib")).unwrap();
        fs::write(entry.join("lib/a.so"), "library").unwrap();
        fs::write(entry.join("build-version"), "1.0").unwrap();
        assert!(Installed::check(entry, "1.0").is_err(), "no record yet");

        Installed::write(entry, "1.0", "wheels").unwrap();
        assert_eq!(Installed::check(entry, "1.0").unwrap().source, "wheels");
        assert!(Installed::check(entry, "1.1").unwrap_err().to_string().contains("not 1.1"));

        // A power cut can leave a file of length zero.
        fs::write(entry.join("lib/a.so"), "").unwrap();
        let error = Installed::check(entry, "1.0").unwrap_err().to_string();
        assert!(error.contains("lib/a.so has 0 bytes, not 7"), "{error}");
        fs::remove_file(entry.join("lib/a.so")).unwrap();
        let error = Installed::check(entry, "1.0").unwrap_err().to_string();
        assert!(error.contains("lib/a.so is missing"), "{error}");
        fs::write(entry.join(NAME), "{\"version\":").unwrap();
        assert!(Installed::check(entry, "1.0").is_err(), "half a record");
    }
}
