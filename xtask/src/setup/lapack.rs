//! A LAPACK for `ndarray-linalg`, and the C++ compiler and `pkg-config` that the builds of the bindings call.

use crate::process::{find, output, run};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the builds call or link, and the Debian package that holds it.
struct Missing {
    what: &'static str,
    debian: &'static str,
}

/// Finds OpenBLAS and the build tools, or installs them where that is ours to do (root on Debian or Ubuntu). The name and version of the LAPACK.
pub(super) fn provide() -> Result<String> {
    let missing = missing();
    if !missing.is_empty() {
        if cfg!(target_os = "linux") && is_root() && find("apt-get").is_some() {
            install(&missing)?;
        }
        let still = self::missing();
        if !still.is_empty() {
            bail!("{}", advice(&still));
        }
    }
    Ok(match version() {
        Some(version) => format!("OpenBLAS {version}"),
        None => "OpenBLAS".to_owned(),
    })
}

fn missing() -> Vec<Missing> {
    let mut missing = Vec::new();
    if version().is_none() && library(&library_folders()).is_none() {
        // Without pkg-config the library may be there and not be found: ask for both.
        if cfg!(target_os = "linux") && find("pkg-config").is_none() {
            missing.push(Missing { what: "pkg-config", debian: "pkg-config" });
        }
        missing.push(Missing { what: "OpenBLAS", debian: "libopenblas-dev" });
    }
    let compiler = ["c++", "g++", "clang++"].iter().any(|name| find(name).is_some());
    if !compiler && std::env::var_os("CXX").is_none() {
        missing.push(Missing { what: "a C++ compiler", debian: "g++" });
    }
    missing
}

/// As the build of the bindings asks for it.
fn version() -> Option<String> {
    output(Command::new("pkg-config").args(["--modversion", "openblas"]))
}

/// Where a linker looks without being told, and where brew keeps what it does not link.
fn library_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("LIBRARY_PATH").iter().flat_map(std::env::split_paths).collect();
    folders.extend(["/usr/local/lib", "/usr/lib64", "/usr/lib", "/lib"].map(PathBuf::from));
    folders.push(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH).into());
    if cfg!(target_os = "macos") {
        folders.extend(["/opt/homebrew/opt/openblas/lib", "/usr/local/opt/openblas/lib"].map(PathBuf::from));
    }
    folders
}

fn library(folders: &[PathBuf]) -> Option<PathBuf> {
    let names = ["libopenblas.so", "libopenblas.dylib"];
    let files = folders.iter().flat_map(|folder| names.map(|name| folder.join(name)));
    files.into_iter().find(|file| Path::is_file(file))
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

fn install(missing: &[Missing]) -> Result<()> {
    let packages = missing.iter().map(|m| m.debian).collect::<Vec<_>>();
    println!("setup: installing {} with apt-get", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let install = [&["install", "-y", "--no-install-recommends"], &packages[..]].concat();
    // The lists may be absent, as in a fresh container, or old.
    if run(&mut apt(&install)).is_err() {
        run(&mut apt(&["update"]))?;
        run(&mut apt(&install))?;
    }
    Ok(())
}

/// One line for each package manager; whoever reads it knows theirs.
fn advice(missing: &[Missing]) -> String {
    let what = missing.iter().map(|m| m.what).collect::<Vec<_>>().join(" and ");
    format!(
        "{what} missing; install with one of
  sudo apt-get install -y libopenblas-dev pkg-config g++
  sudo dnf install -y openblas-devel pkgconf-pkg-config gcc-c++
  brew install openblas
  conda install -c conda-forge openblas pkg-config cxx-compiler
and run this again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_what_is_missing_and_a_command_for_each_platform() {
        let text = advice(&[
            Missing { what: "pkg-config", debian: "pkg-config" },
            Missing { what: "OpenBLAS", debian: "libopenblas-dev" },
        ]);
        assert!(text.starts_with("pkg-config and OpenBLAS missing"), "{text}");
        for manager in ["apt-get", "dnf", "brew", "conda"] {
            assert!(text.contains(manager), "no word on {manager}: {text}");
        }
    }

    #[test]
    fn a_library_is_found_by_its_linker_name() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        std::fs::write(folder.path().join("libopenblas.so.0"), "").unwrap();
        assert_eq!(library(&folders), None, "a runtime library alone does not link");
        std::fs::write(folder.path().join("libopenblas.so"), "").unwrap();
        assert_eq!(library(&folders), Some(folder.path().join("libopenblas.so")));
    }
}
