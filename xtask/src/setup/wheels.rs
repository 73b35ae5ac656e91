//! libtorch out of Python wheels: `pip` fetches them, only the members that are needed are unpacked, and the wheels are deleted again.

use crate::fetch::{Staging, unpack};
use crate::manifest::{Build, Wheel};
use crate::process::{find, output, run};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fetches the wheels of `build` into a folder beside the cache entry and unpacks them to `target`.
pub(super) fn provide(build: &Build, python: &str, cache: &Path, target: &Path) -> Result<()> {
    ensure!(!build.wheel.is_empty(), "no wheels are known for {} on {}", build.os, build.arch);
    let pip = pip().context("no pip is installed")?;
    // Never committed: a folder for downloads that the next run clears if this one is killed.
    let downloads = Staging::new(&cache.join("wheels"))?;
    let result = fetch(pip, build, python, downloads.path()).and_then(|()| unpack_all(build, downloads.path(), target));
    fs::remove_dir_all(downloads.path()).ok();
    result
}

/// `pip` in the spelling that works here.
fn pip() -> Option<Vec<String>> {
    let spellings = [vec!["python3", "-m", "pip"], vec!["python", "-m", "pip"], vec!["pip3"]];
    let works = |words: &Vec<&str>| {
        find(words[0]).is_some() && output(Command::new(words[0]).args(&words[1..]).arg("--version")).is_some()
    };
    spellings.into_iter().find(works).map(|words| words.into_iter().map(str::to_owned).collect())
}

fn fetch(pip: Vec<String>, build: &Build, python: &str, folder: &Path) -> Result<()> {
    let mut command = Command::new(&pip[0]);
    command.args(&pip[1..]).args(["download", "--no-deps", "--only-binary=:all:"]);
    // pip's own cache would keep a second copy of what is unpacked here.
    command.args(["--no-cache-dir", "--disable-pip-version-check", "--retries", "1"]);
    // The same wheels whatever Python runs pip, so that their checksums are known.
    let abi = format!("cp{}", python.replace('.', ""));
    command.args(["--implementation", "cp", "--python-version", python]);
    command.args(["--abi", &abi, "--abi", "none"]);
    for platform in &build.platforms {
        command.args(["--platform", platform]);
    }
    if !std::io::stdout().is_terminal() {
        command.args(["--quiet", "--progress-bar", "off"]);
    }
    command.arg("--dest").arg(folder);
    command.args(build.wheel.iter().map(|wheel| format!("{}=={}", wheel.name, wheel.version)));
    run(&mut command)
}

fn unpack_all(build: &Build, folder: &Path, target: &Path) -> Result<()> {
    for wheel in &build.wheel {
        let file = file_of(wheel, folder)?;
        wheel.digest().check(&file)?;
        println!("setup: unpacking {} {}", wheel.name, wheel.version);
        unpack(&file, &wheel.take, target)?;
        fs::remove_file(&file)?;
    }
    Ok(())
}

fn file_of(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    let prefix = wheel.prefix();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
            return Ok(path);
        }
    }
    bail!("pip fetched no file {prefix}*.whl")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn wheel(folder: &Path, name: &str, version: &str, member: &str) -> Wheel {
        let path = folder.join(format!("{}-{version}-py3-none-any.whl", name.replace('-', "_")));
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        zip.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
        zip.finish().unwrap();
        let (sha256, size) = crate::fetch::sha256(fs::File::open(&path).unwrap()).unwrap();
        let take = vec![(member.to_owned(), "lib".to_owned()).into()];
        Wheel { name: name.into(), version: version.into(), size, sha256, take }
    }

    #[test]
    fn wheels_are_checked_unpacked_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (wheels, target) = (folder.path().join("wheels"), folder.path().join("target"));
        fs::create_dir(&wheels).unwrap();
        let mut build = Build {
            variant: "cpu".into(),
            os: "linux".into(),
            arch: "x86_64".into(),
            archive: None,
            platforms: vec![],
            needs: vec![],
            write: Default::default(),
            wheel: vec![wheel(&wheels, "a-lib", "1.0", "a/lib/liba.so"), wheel(&wheels, "b", "2.0", "b/lib/libb.so")],
        };
        unpack_all(&build, &wheels, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("lib/liba.so")).unwrap(), "a-lib");
        assert!(target.join("lib/libb.so").exists());
        assert_eq!(fs::read_dir(&wheels).unwrap().count(), 0, "wheels are left behind");

        build.wheel[0] = wheel(&wheels, "a-lib", "1.0", "a/lib/liba.so");
        build.wheel[0].sha256 = "0".repeat(64);
        let error = unpack_all(&build, &wheels, &target).unwrap_err().to_string();
        assert!(error.contains("SHA-256"), "{error}");
        build.wheel.remove(0);
        let error = unpack_all(&build, &wheels, &target).unwrap_err().to_string();
        assert!(error.contains("b-2.0-"), "{error}");
    }
}
