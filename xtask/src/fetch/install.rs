//! Folders that appear whole or not at all, and links that are swapped in one step.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `path` with `suffix` added to its last component.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// A folder being filled under another name. Only [`Staging::commit`] gives it its own.
pub(crate) struct Staging {
    partial: PathBuf,
    target: PathBuf,
}

impl Staging {
    /// An empty `<target>.partial`; what a killed run left there is removed.
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let partial = beside(target, ".partial");
        for leftover in [&partial, &beside(target, ".old")] {
            remove(leftover)?;
        }
        fs::create_dir_all(&partial).with_context(|| format!("{} cannot be made", partial.display()))?;
        Ok(Self { partial, target: target.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// Puts the folder in place of whatever is there.
    pub(crate) fn commit(self) -> Result<()> {
        sync(&self.partial);
        let old = beside(&self.target, ".old");
        if self.target.symlink_metadata().is_ok() {
            fs::rename(&self.target, &old)?;
        }
        fs::rename(&self.partial, &self.target)
            .with_context(|| format!("{} cannot be put in place", self.target.display()))?;
        remove(&old)
    }
}

/// Writes the file system that holds `folder` to the disk: a power cut after the rename must not leave files of length zero under a name that
/// is trusted. Ten thousand `fsync`s would take longer than the download.
fn sync(folder: &Path) {
    let file_system = |command: &mut Command| {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !file_system(Command::new("sync").arg("-f").arg(folder)) {
        file_system(&mut Command::new("sync"));
    }
}

fn remove(path: &Path) -> Result<()> {
    let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
    let removed = if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("{} is left over and cannot be removed", path.display()))
}

/// Removes what killed runs left in `cache`. Only for who holds its lock, and has no use for a partial download any more.
pub(crate) fn sweep(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "partial" || end == "old") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Points the symbolic link `link` to `target`, without a moment in which it is absent; true if that changed anything.
pub(crate) fn replace_link(link: &Path, target: &Path) -> Result<bool> {
    if fs::read_link(link).is_ok_and(|there| there == target) {
        return Ok(false);
    }
    if link.symlink_metadata().is_ok_and(|meta| !meta.file_type().is_symlink()) {
        bail!("{} is not a link: move it away, set-up wants to put a link there", link.display());
    }
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let fresh = beside(link, &format!(".{}.partial", std::process::id()));
    remove(&fresh)?;
    std::os::unix::fs::symlink(target, &fresh)?;
    fs::rename(&fresh, link).with_context(|| format!("{} cannot be replaced", link.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_only_when_it_is_whole() {
        let cache = tempfile::tempdir().unwrap();
        let target = cache.path().join("thing-1.0");
        // A killed run: half a folder under the staging name, and a half-removed old one.
        fs::create_dir_all(cache.path().join("thing-1.0.partial/stale")).unwrap();
        fs::create_dir_all(cache.path().join("thing-1.0.old/stale")).unwrap();

        let staging = Staging::new(&target).unwrap();
        assert!(fs::read_dir(staging.path()).unwrap().next().is_none(), "leftovers survive");
        fs::write(staging.path().join("file"), "new").unwrap();
        assert!(!target.exists());
        drop(staging);
        assert!(!target.exists(), "dropping is not committing");

        let staging = Staging::new(&target).unwrap();
        fs::write(staging.path().join("file"), "new").unwrap();
        staging.commit().unwrap();
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "new");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "something was left behind");
    }

    #[test]
    fn committing_replaces_what_is_there() {
        let cache = tempfile::tempdir().unwrap();
        let target = cache.path().join("thing");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "").unwrap();
        let staging = Staging::new(&target).unwrap();
        fs::write(staging.path().join("new"), "").unwrap();
        staging.commit().unwrap();
        assert!(target.join("new").exists() && !target.join("old").exists());
    }

    #[test]
    fn sweeping_takes_leftovers_only() {
        let cache = tempfile::tempdir().unwrap();
        for folder in ["a-1.0", "a-1.1.partial", "a-1.0.old/full"] {
            fs::create_dir_all(cache.path().join(folder)).unwrap();
        }
        fs::write(cache.path().join("a.zip.partial"), "half").unwrap();
        sweep(cache.path()).unwrap();
        let left = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["a-1.0"]);
    }

    #[test]
    fn links_are_swapped_and_folders_respected() {
        let top = tempfile::tempdir().unwrap();
        let link = top.path().join("deep/link");
        assert!(replace_link(&link, Path::new("/a")).unwrap());
        assert!(!replace_link(&link, Path::new("/a")).unwrap());
        assert!(replace_link(&link, Path::new("/b")).unwrap());
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("/b"));
        assert_eq!(fs::read_dir(link.parent().unwrap()).unwrap().count(), 1);
        let folder = top.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(replace_link(&folder, Path::new("/a")).is_err());
        assert!(folder.is_dir());
    }
}
