//! MNIST: a folder that the user names, `datasets/mnist`, the cache, or the public mirrors. Where it cannot be had the embedded procedural
//! digits stand in, and every table says which of the two it is about.

use crate::fetch::{CacheLock, Digest, Tool, download, host, replace_link, sha256};
use crate::manifest::{IdxFile, Mnist};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The images that the experiments are run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// The folder that holds the four files.
    Mnist(PathBuf),
    Digits,
}

impl Data {
    /// As tables and titles call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Mnist(_) => "MNIST",
            Self::Digits => "procedural digits",
        }
    }

    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Mnist(folder) = self {
            command.env("PIMA_DATASETS", folder);
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mnist(folder) => write!(f, "MNIST in {}", folder.display()),
            Self::Digits => f.write_str("procedural digits"),
        }
    }
}

/// Mirrors that did not answer are asked again after this long, or at once by `cargo xtask setup`: behind a firewall each costs seconds.
const PATIENCE: Duration = Duration::from_secs(3600);

fn is_recent(note: &Path) -> bool {
    let age = note.metadata().and_then(|meta| meta.modified()).map(|time| time.elapsed());
    age.is_ok_and(|age| age.is_ok_and(|age| age < PATIENCE))
}

/// Finds MNIST, or fetches it; with `retry` even if that did not work a moment ago.
pub(super) fn provide(ws: &Workspace, mnist: &Mnist, named: Option<&Path>, retry: bool) -> Result<Data> {
    if let Some(folder) = named {
        let found = look(folder, &mnist.file)?
            .with_context(|| format!("--datasets {}: MNIST is not there", folder.display()))?;
        return Ok(Data::Mnist(found));
    }
    if let Some(folder) = std::env::var_os("PIMA_DATASETS").filter(|f| !f.is_empty()) {
        let folder = Path::new(&folder);
        match look(folder, &mnist.file).context("PIMA_DATASETS")? {
            Some(found) => return Ok(Data::Mnist(found)),
            None => println!("setup: PIMA_DATASETS ({}) holds no MNIST", folder.display()),
        }
    }
    let in_checkout = ws.root.join("datasets/mnist");
    match look(&in_checkout, &mnist.file) {
        Ok(Some(_)) => return Ok(Data::Mnist(in_checkout)),
        Ok(None) => {}
        Err(error) => println!("setup: {error:#}; looking elsewhere"),
    }
    let cached = ws.cache.join("mnist");
    if !matches!(look(&cached, &mnist.file), Ok(Some(_))) {
        let given_up = ws.cache.join("mnist.unreachable");
        if !retry && is_recent(&given_up) {
            return Ok(Data::Digits);
        }
        let _lock = CacheLock::take(&ws.cache)?;
        if let Err(error) = from_mirrors(mnist, &cached) {
            println!("setup: no MNIST ({error:#}): procedural digits (embedded, `pima data digits`) stand in");
            std::fs::write(given_up, "")?;
            return Ok(Data::Digits);
        }
    }
    // A folder of the user's own, whatever is wrong with it, is theirs.
    if in_checkout.is_symlink() || !in_checkout.exists() {
        replace_link(&in_checkout, &cached)?;
        return Ok(Data::Mnist(in_checkout));
    }
    Ok(Data::Mnist(cached))
}

/// Gets what is missing in `folder` from the first mirror that has it all.
fn from_mirrors(mnist: &Mnist, folder: &Path) -> Result<()> {
    let tool = Tool::available()?;
    let mut failures = Vec::new();
    for mirror in &mnist.mirrors {
        let all = mnist.file.iter().try_for_each(|file| {
            if present(folder, file).is_some_and(|path| check(&path, file).is_ok()) {
                return Ok(());
            }
            let target = folder.join(format!("{}.gz", file.name));
            let url = format!("{mirror}/{}.gz", file.name);
            download(tool, &url, &target, Some(file.gz_size), &|path| check_gz(path, file)).map(drop)
        });
        match all {
            Ok(()) => {
                println!("setup: MNIST from {}", host(mirror));
                return Ok(());
            }
            Err(error) => failures.push(format!("{}: {error:#}", host(mirror))),
        }
    }
    bail!("{}", failures.join("; "))
}

/// The folder under `folder` that holds all four files as published; an error where some are missing or are something else: Fashion-MNIST
/// uses the same names.
fn look(folder: &Path, files: &[IdxFile]) -> Result<Option<PathBuf>> {
    for below in ["", "mnist", "MNIST/raw"] {
        let folder = if below.is_empty() { folder.to_owned() } else { folder.join(below) };
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for file in files {
            match present(&folder, file) {
                Some(path) => there.push((path, file)),
                None => missing.push(file.name.as_str()),
            }
        }
        if there.is_empty() {
            continue;
        }
        let name = folder.display();
        ensure!(missing.is_empty(), "{name} holds some of MNIST, but not {}", missing.join(", "));
        for (path, file) in there {
            check(&path, file)?;
        }
        return Ok(Some(std::path::absolute(&folder)?));
    }
    Ok(None)
}

/// The file, plain or gzipped.
fn present(folder: &Path, file: &IdxFile) -> Option<PathBuf> {
    let names = [file.name.clone(), format!("{}.gz", file.name)];
    names.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn check(path: &Path, file: &IdxFile) -> Result<()> {
    if path.extension().is_some_and(|end| end == "gz") {
        check_gz(path, file)
    } else {
        Digest::new(file.size, &file.sha256).check(path)
    }
}

/// A gzipped file is right if it is the one that was published, or unpacks to it.
fn check_gz(path: &Path, file: &IdxFile) -> Result<()> {
    if Digest::new(file.gz_size, &file.gz_sha256).check(path).is_ok() {
        return Ok(());
    }
    let name = path.display();
    let stored = File::open(path).with_context(|| format!("{name} cannot be read"))?;
    let content = flate2::read::MultiGzDecoder::new(BufReader::new(stored));
    let (hash, _) = sha256(content).with_context(|| format!("{name} is not a whole gzip file"))?;
    ensure!(hash == file.sha256, "{name} is not MNIST's: it unpacks to SHA-256 {hash}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn gz(text: &str, level: u32) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    }

    /// Two small files published on a `file://` mirror, and the manifest that describes them.
    fn published(mirror: &Path) -> Mnist {
        let file = ["images", "labels"].map(|name| {
            let text = format!("{name} ").repeat(100);
            let packed = gz(&text, 9);
            fs::write(mirror.join(format!("{name}.gz")), &packed).unwrap();
            IdxFile {
                name: name.into(),
                size: text.len() as u64,
                sha256: sha256(text.as_bytes()).unwrap().0,
                gz_size: packed.len() as u64,
                gz_sha256: sha256(&packed[..]).unwrap().0,
            }
        });
        let mirrors = vec!["file:///no/such".into(), format!("file://{}", mirror.display())];
        Mnist { mirrors, file: file.into() }
    }

    #[test]
    fn mirrors_are_tried_in_turn_and_only_what_is_missing_is_fetched() {
        let top = tempfile::tempdir().unwrap();
        let (mirror, cache) = (top.path().join("mirror"), top.path().join("cache"));
        fs::create_dir(&mirror).unwrap();
        let mnist = published(&mirror);
        from_mirrors(&mnist, &cache).unwrap();
        assert_eq!(look(&cache, &mnist.file).unwrap(), Some(cache.clone()));

        fs::remove_file(cache.join("labels.gz")).unwrap();
        fs::remove_file(mirror.join("images.gz")).unwrap();
        from_mirrors(&mnist, &cache).unwrap();
        fs::write(cache.join("images.gz"), "half").unwrap();
        let error = format!("{:#}", from_mirrors(&mnist, &cache).unwrap_err());
        assert!(error.contains("file:///no/such") && error.contains("mirror"), "{error}");
    }

    #[test]
    fn a_folder_counts_plain_or_packed_by_anyone_and_below_its_top() {
        let top = tempfile::tempdir().unwrap();
        let mnist = published(top.path());
        let raw = top.path().join("torchvision/MNIST/raw");
        fs::create_dir_all(&raw).unwrap();
        assert_eq!(look(&top.path().join("torchvision"), &mnist.file).unwrap(), None);
        fs::write(raw.join("images"), "images ".repeat(100)).unwrap();
        fs::write(raw.join("labels.gz"), gz(&"labels ".repeat(100), 1)).unwrap();
        assert_eq!(look(&top.path().join("torchvision"), &mnist.file).unwrap(), Some(raw));
    }

    #[test]
    fn another_data_set_under_the_same_names_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let mnist = published(top.path());
        fs::write(top.path().join("images.gz"), gz("trousers and shirts", 9)).unwrap();
        let error = look(top.path(), &mnist.file).unwrap_err().to_string();
        assert!(error.contains("images.gz is not MNIST's"), "{error}");
        fs::remove_file(top.path().join("images.gz")).unwrap();
        let error = look(top.path(), &mnist.file).unwrap_err().to_string();
        assert!(error.contains("not images"), "{error}");
        fs::write(top.path().join("images"), "images").unwrap();
        let error = look(top.path(), &mnist.file).unwrap_err().to_string();
        assert!(error.contains("6 bytes, not 700"), "{error}");
    }

    #[test]
    fn silent_mirrors_are_left_alone_for_a_while() {
        let top = tempfile::tempdir().unwrap();
        let note = top.path().join("note");
        assert!(!is_recent(&note));
        let file = File::create(&note).unwrap();
        assert!(is_recent(&note));
        file.set_modified(std::time::SystemTime::now() - 2 * PATIENCE).unwrap();
        assert!(!is_recent(&note));
    }

    #[test]
    fn children_are_told_where_it_is() {
        let mut command = Command::new("true");
        Data::Digits.apply(&mut command);
        assert_eq!(command.get_envs().count(), 0);
        Data::Mnist("/data".into()).apply(&mut command);
        let set = command.get_envs().collect::<Vec<_>>();
        assert_eq!(set, [("PIMA_DATASETS".as_ref(), Some("/data".as_ref()))]);
    }
}
