//! Files that are whole or absent: written beside, synced, renamed.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// Writes `path` by letting `write` fill a file beside it, which then takes its place. Readers see the old file or the
/// new one, also after a power cut.
///
/// The file beside keeps the extension, since some writers choose the format by it.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let beside = beside(path)?;
    let outcome = write(&beside).and_then(|()| {
        File::open(&beside)?.sync_all()?;
        std::fs::rename(&beside, path)?;
        sync_parent(path)?;
        Ok(())
    });
    if outcome.is_err() {
        // The cause is what the caller must hear of; a file left behind is the smaller harm.
        let _ = std::fs::remove_file(&beside);
    }
    outcome.with_context(|| format!("{}: cannot write", path.display()))
}

/// Writes `bytes` to `path`, whole or not at all.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |beside| Ok(File::create(beside)?.write_all(bytes)?))
}

/// A hidden name in the same directory, hence on the same file system, that no other process uses.
fn beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| anyhow!("{}: not a file name", path.display()))?;
    let mut hidden = OsString::from(format!(".{}.partial.", std::process::id()));
    hidden.push(name);
    Ok(path.with_file_name(hidden))
}

/// Makes the rename itself last, where directories can be synced.
fn sync_parent(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn the_old_file_survives_a_failed_write_and_nothing_is_left_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("summary.json");
        write_bytes(&path, b"old").unwrap();
        let error = replace(&path, |beside| {
            std::fs::write(beside, "half")?;
            bail!("disk full")
        })
        .unwrap_err();
        assert!(format!("{error:#}").contains("summary.json: cannot write: disk full"), "{error:#}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        write_bytes(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_extension_is_kept_for_writers_that_go_by_it() {
        assert_eq!(beside(Path::new("plots/latent.png")).unwrap().extension().unwrap(), "png");
        assert!(beside(Path::new("/")).is_err());
    }
}
