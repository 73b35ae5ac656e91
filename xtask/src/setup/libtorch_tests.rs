//! Providing libtorch from a `file://` archive into a temporary cache, and recognising a user's own.

use super::*;
use std::collections::BTreeMap;
use std::io::Write;

const VERSION: &str = "9.9.0";

fn workspace(top: &Path) -> Workspace {
    Workspace { root: top.join("checkout"), cache: top.join("cache") }
}

/// torch's archive in miniature.
fn archive(path: &Path, version: &str) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let end = if cfg!(target_os = "macos") { "dylib" } else { "so" };
    let members = [
        (format!("libtorch/lib/libtorch_cpu.{end}"), "library"),
        ("libtorch/include/torch/torch.h".to_owned(), "header"),
        ("libtorch/share/cmake/x.cmake".to_owned(), "not needed"),
        ("libtorch/build-version".to_owned(), version),
    ];
    for (name, text) in members {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn manifest(archive: Option<&Path>) -> manifest::Libtorch {
    manifest::Libtorch {
        version: VERSION.into(),
        python: "3.11".into(),
        build: vec![Build {
            variant: "cpu".into(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            archive: archive.map(|path| format!("file://{}", path.display())),
            platforms: vec![],
            needs: vec!["include/torch/torch.h".into(), "lib/extra".into()],
            write: BTreeMap::from([("lib/extra".into(), "written".into())]),
            wheel: vec![],
        }],
    }
}

fn fill(ws: &Workspace, manifest: &manifest::Libtorch) -> Result<PathBuf> {
    let entry = ws.cache.join("entry");
    install(ws, manifest, &manifest.build[0], &entry).map(|()| entry)
}

#[test]
fn an_archive_becomes_a_checked_entry_and_is_deleted() {
    let top = tempfile::tempdir().unwrap();
    let (ws, zip) = (workspace(top.path()), top.path().join("libtorch-9.9.zip"));
    archive(&zip, "9.9.0+cpu\n");
    let entry = fill(&ws, &manifest(Some(&zip))).unwrap();
    assert_eq!(Installed::check(&entry, VERSION).unwrap().source, "torch's archive");
    assert_eq!(fs::read_to_string(entry.join("lib/extra")).unwrap(), "written");
    assert!(entry.join("include/torch/torch.h").exists() && !entry.join("share").exists());
    assert_eq!(fs::read_dir(&ws.cache).unwrap().count(), 1, "the archive is left behind");
    assert_eq!(check_own(&entry, VERSION, Variant::Cpu).unwrap(), "9.9.0+cpu");
}

#[test]
fn a_broken_or_wrong_archive_leaves_no_entry() {
    let top = tempfile::tempdir().unwrap();
    let (ws, zip) = (workspace(top.path()), top.path().join("libtorch-9.9.zip"));
    archive(&zip, "9.8.0+cpu\n");
    assert!(fill(&ws, &manifest(Some(&zip))).is_err(), "another version is taken");
    archive(&zip, "9.9.0+cpu\n");
    let whole = fs::read(&zip).unwrap();
    fs::write(&zip, &whole[..whole.len() / 2]).unwrap();
    let error = format!("{:#}", fill(&ws, &manifest(Some(&zip))).unwrap_err());
    assert!(error.contains("LIBTORCH"), "{error}");
    assert!(!ws.cache.join("entry").exists());
    // What the broken attempts left does not stand in the way of a good one.
    archive(&zip, "9.9.0+cpu\n");
    Installed::check(&fill(&ws, &manifest(Some(&zip))).unwrap(), VERSION).unwrap();
}

#[test]
fn a_libtorch_of_the_users_own_is_looked_at_before_it_is_built_against() {
    let top = tempfile::tempdir().unwrap();
    let own = top.path();
    let error = check_own(own, VERSION, Variant::Cpu).unwrap_err().to_string();
    assert!(error.contains("lib/libtorch_cpu"), "{error}");
    fs::create_dir(own.join("lib")).unwrap();
    fs::write(own.join("lib/libtorch_cpu.so"), "").unwrap();
    assert_eq!(check_own(own, VERSION, Variant::Cpu).unwrap(), "of unknown version");
    let error = check_own(own, VERSION, Variant::Cuda).unwrap_err().to_string();
    assert!(error.contains("CPU build"), "{error}");
    fs::write(own.join("version.py"), "x = 1\n__version__ = '9.9.0+cu130'\n").unwrap();
    assert_eq!(check_own(own, VERSION, Variant::Cpu).unwrap(), "9.9.0+cu130");
    let error = check_own(own, "9.8.0", Variant::Cpu).unwrap_err().to_string();
    assert!(error.contains("9.9.0+cu130") && error.contains("9.8.0"), "{error}");
}
