//! How a run directory begins, and what becomes of one that fails before it has trained.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{CHECKPOINTS, MARKER, METRICS, MOVING, MetricsRecord, OWNED, REPLACED, RunDirectory, SUMMARY, metrics};

/// What to do with a run that is already in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and fail.
    Refuse,
    /// Replace it, once the new run has trained.
    Replace,
}

/// A run directory that may not have trained yet.
///
/// Dropped before anything was trained (a bad data path, an interrupt), it takes its files away again, and a run it was
/// to replace comes back. Once an epoch was logged or a checkpoint written, the run stays and the one it replaces is
/// gone.
#[derive(Debug)]
pub struct NewRun {
    run: RunDirectory,
    /// Whether the directory was made for this run, and may be removed with it.
    made: bool,
}

impl NewRun {
    pub(super) fn create(root: PathBuf, existing: Existing) -> Result<Self> {
        let at = |what: &str| format!("{}: {what}", root.display());
        if let Some(parent) = root.parent() {
            std::fs::create_dir_all(parent).with_context(|| at("cannot make the parent directory"))?;
        }
        // Not `create_dir_all`: of two processes that start at once only one may believe that the directory is its own.
        let made = match std::fs::create_dir(&root) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && root.is_dir() => false,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(at("is a file, not a directory")),
            Err(error) => return Err(error).with_context(|| at("cannot make the run directory")),
        };
        let marked = root.join(MARKER).exists();
        if !made && !marked {
            let found = owned_entries(&root).collect::<Vec<_>>();
            if !found.is_empty() {
                bail!(at(&format!("holds {}, and no run of this program: choose another directory", found.join(", "))));
            }
        }
        let lock = lock(&root)?;
        settle(&root).with_context(|| at("cannot settle a run that was being replaced"))?;
        let found = owned_entries(&root).collect::<Vec<_>>();
        if !found.is_empty() {
            if existing == Existing::Refuse {
                bail!(at(&format!(
                    "already holds a run ({}): choose another directory, continue it, or force",
                    found.join(", ")
                )));
            }
            set_aside(&root, &found).with_context(|| at("cannot set the old run aside"))?;
        }
        Ok(Self { run: RunDirectory { root, _lock: lock }, made })
    }
}

impl Deref for NewRun {
    type Target = RunDirectory;

    fn deref(&self) -> &RunDirectory {
        &self.run
    }
}

impl Drop for NewRun {
    fn drop(&mut self) {
        let root = &self.run.root;
        // Nothing here can be reported, and nothing is lost by a failure: the next `create` finishes what is left.
        if has_trained(root) {
            let _ = std::fs::remove_dir_all(root.join(REPLACED));
        } else if self.made {
            let _ = std::fs::remove_dir_all(root);
        } else {
            // Without an old run to come back, the new one's files still have to go.
            let _ = if root.join(REPLACED).exists() { restore(root) } else { remove_owned(root) };
            if owned_entries(root).next().is_none() {
                let _ = std::fs::remove_file(root.join(MARKER));
            }
        }
    }
}

/// Takes the lock of a run; none where the file system has no locks.
pub(super) fn lock(root: &Path) -> Result<Option<File>> {
    lock_by(root, MARKER, "run")
}

/// Takes the lock of the directory of a `kind` by its file `marker`; none where the file system has no locks.
pub(crate) fn lock_by(root: &Path, marker: &str, kind: &str) -> Result<Option<File>> {
    let path = root.join(marker);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("{}: cannot write", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => bail!("{}: another process is writing to this {kind}", root.display()),
        // Some network file systems know no locks: better to train without than not at all.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Whether an epoch was logged, a checkpoint written or the run finished.
pub(super) fn has_trained(root: &Path) -> bool {
    // The first line says what the run is to be. A file that cannot be understood may hold anything.
    let path = root.join(METRICS);
    let is_epoch = |record: &MetricsRecord| matches!(record, MetricsRecord::Epoch(_));
    let logged = path.exists() && metrics::read(&path).map_or(true, |records| records.iter().any(is_epoch));
    let saved = std::fs::read_dir(root.join(CHECKPOINTS)).is_ok_and(|mut entries| entries.next().is_some());
    logged || saved || root.join(SUMMARY).exists()
}

/// The names of a run's own files and folders that are there.
fn owned_entries(root: &Path) -> impl Iterator<Item = &'static str> {
    OWNED.into_iter().filter(move |name| root.join(name).symlink_metadata().is_ok())
}

/// Moves a run's files into [`REPLACED`], in two steps so that a process killed between them leaves no doubt whose the
/// files are.
pub(super) fn set_aside(root: &Path, names: &[&str]) -> std::io::Result<()> {
    let moving = root.join(MOVING);
    std::fs::create_dir(&moving)?;
    for name in names {
        std::fs::rename(root.join(name), moving.join(name))?;
    }
    std::fs::rename(&moving, root.join(REPLACED))
}

/// Finishes what a process that was killed could not: a replaced run goes if its successor has trained, else it comes
/// back.
fn settle(root: &Path) -> std::io::Result<()> {
    if root.join(REPLACED).exists() && has_trained(root) {
        std::fs::remove_dir_all(root.join(REPLACED))
    } else {
        restore(root)
    }
}

/// Removes an untrained run's files and puts back those of the run it was to replace.
fn restore(root: &Path) -> std::io::Result<()> {
    let (replaced, moving) = (root.join(REPLACED), root.join(MOVING));
    if replaced.exists() {
        remove_owned(root)?;
        std::fs::rename(&replaced, &moving)?;
    }
    // From here on every file, in either place, is the old run's.
    if moving.exists() {
        for name in owned_entries(&moving) {
            std::fs::rename(moving.join(name), root.join(name))?;
        }
        std::fs::remove_dir(&moving)?;
    }
    Ok(())
}

fn remove_owned(root: &Path) -> std::io::Result<()> {
    for name in owned_entries(root) {
        let path = root.join(name);
        if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    Ok(())
}
