//! libtorch: the user's own, a cached copy, torch's archive, or the Python wheels, in this order.
//!
//! A build finds it through the link `.pima/libtorch` (`.cargo/config.toml`). The path in the bindings' fingerprints is the link's, so that
//! changing what it points to compiles nothing again.

use super::installed::Installed;
use super::wheels;
use crate::fetch::{CacheLock, Staging, Take, Tool, download, host, replace_link, sweep, unpack};
use crate::manifest::{self, Build};
use crate::process::output;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which libtorch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Variant {
    #[default]
    Cpu,
    Cuda,
}

impl Variant {
    /// Its name in the manifest and in the cache.
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cu130",
        }
    }
}

/// libtorch as set-up found or provided it.
pub(crate) struct Libtorch {
    version: String,
    place: Place,
}

enum Place {
    /// In our cache, through the default link.
    Cache,
    /// In our cache, through the CUDA link.
    CudaCache(PathBuf),
    /// Named by the user's environment, which children inherit as it is.
    User(String),
}

impl Libtorch {
    pub(super) fn apply(&self, command: &mut Command) {
        if let Place::CudaCache(link) = &self.place {
            command.env("LIBTORCH", link).env_remove("LIBTORCH_USE_PYTORCH");
        }
    }
}

impl fmt::Display for Libtorch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "libtorch {}", self.version)?;
        match &self.place {
            Place::Cache => Ok(()),
            Place::CudaCache(_) => write!(f, " with CUDA"),
            Place::User(how) => write!(f, " from {how}"),
        }
    }
}

pub(super) fn provide(ws: &Workspace, manifest: &manifest::Libtorch, variant: Variant) -> Result<Libtorch> {
    if let Some(own) = users_own(ws, &manifest.version, variant)? {
        return Ok(own);
    }
    let entry = ws.cache.join(format!("libtorch-{}-{}", manifest.version, variant.name()));
    let installed = match Installed::check(&entry, &manifest.version) {
        Ok(installed) => installed,
        Err(_) => {
            let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
            let build = manifest.build(variant.name(), os, arch)?;
            let _lock = CacheLock::take(&ws.cache)?;
            match Installed::check(&entry, &manifest.version) {
                Ok(installed) => installed, // by whoever held the lock before
                Err(error) => {
                    if entry.exists() {
                        println!("setup: {error:#}; providing it again");
                    }
                    install(ws, manifest, build, &entry)?;
                    sweep(&ws.cache)?;
                    Installed::check(&entry, &manifest.version)?
                }
            }
        }
    };
    let link = match variant {
        Variant::Cpu => ws.libtorch_link(),
        Variant::Cuda => ws.libtorch_cuda_link(),
    };
    if replace_link(&link, &entry)? {
        println!("setup: {} -> {} ({})", ws.short(&link), entry.display(), installed.source);
    }
    let place = match variant {
        Variant::Cpu => Place::Cache,
        Variant::Cuda => Place::CudaCache(link),
    };
    Ok(Libtorch { version: installed.version, place })
}

/// `LIBTORCH_USE_PYTORCH` or `LIBTORCH`, in the order in which the bindings look.
fn users_own(ws: &Workspace, wanted: &str, variant: Variant) -> Result<Option<Libtorch>> {
    let (folder, how) = if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        // Not `import torch`, which takes seconds.
        const PROGRAM: &str = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";
        let python = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
        let folder = output(Command::new(python).args(["-c", PROGRAM])).with_context(|| {
            format!("LIBTORCH_USE_PYTORCH is set, but {python} has no torch: install it or unset the variable")
        })?;
        (PathBuf::from(folder), "LIBTORCH_USE_PYTORCH")
    } else if let Some(folder) = ws.user_libtorch() {
        (folder, "LIBTORCH")
    } else {
        return Ok(None);
    };
    let version = check_own(&folder, wanted, variant).with_context(|| how.to_owned())?;
    let how = format!("{how} ({})", folder.display());
    Ok(Some(Libtorch { version, place: Place::User(how) }))
}

/// The version of the libtorch in `folder`, if it is one that can be built against.
fn check_own(folder: &Path, wanted: &str, variant: Variant) -> Result<String> {
    let library = |name: &str| ["so", "dylib"].iter().any(|end| folder.join(format!("lib/lib{name}.{end}")).exists());
    if !library("torch_cpu") {
        bail!("{} holds no lib/libtorch_cpu: name the folder above `lib`", folder.display());
    }
    if variant == Variant::Cuda && !library("torch_cuda") {
        bail!("{} holds no lib/libtorch_cuda: it is a CPU build", folder.display());
    }
    let version = match own_version(folder) {
        Some(version) => version,
        None => return Ok("of unknown version".to_owned()),
    };
    let release = version.split('+').next().unwrap_or_default();
    if release != wanted && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
        bail!("{} holds {version}; the bindings want {wanted}", folder.display());
    }
    Ok(version)
}

/// From `build-version` (archives) or `version.py` (Python packages).
fn own_version(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = fs::read_to_string(folder.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split(['\'', '"']).nth(1)?.to_owned())
}

/// Fills the cache entry from the first source that works.
fn install(ws: &Workspace, manifest: &manifest::Libtorch, build: &Build, entry: &Path) -> Result<()> {
    let version = &manifest.version;
    let attempt = |source: &str, fill: &dyn Fn(&Path) -> Result<()>| -> Result<()> {
        let staging = Staging::new(entry)?;
        fill(staging.path())?;
        finish(build, staging.path(), version)?;
        Installed::write(staging.path(), version, source)?;
        staging.commit()
    };
    if let Some(url) = &build.archive {
        println!("setup: libtorch {version} from {}", host(url));
        match attempt("torch's archive", &|folder| from_archive(url, &ws.cache, folder)) {
            Ok(()) => return Ok(()),
            Err(error) => println!("setup: {}: {error:#}; trying the Python wheels", host(url)),
        }
    }
    println!("setup: libtorch {version} from Python wheels");
    attempt("Python wheels", &|folder| {
        wheels::provide(build, &manifest.python, &ws.cache, folder)
    })
    .with_context(|| {
        format!(
            "libtorch {version} could not be had: connect this machine, or unpack it by hand and name its folder in LIBTORCH"
        )
    })
}

fn from_archive(url: &str, cache: &Path, folder: &Path) -> Result<()> {
    let take = |pattern: &str, into: &str| Take { pattern: pattern.into(), into: into.into() };
    let name = url.rsplit('/').next().unwrap_or("libtorch.zip").replace("%2B", "+");
    let is_zip = |path: &Path| {
        // Its directory is at the end: an archive that broke off has none.
        let file = fs::File::open(path)?;
        zip::ZipArchive::new(file).map(drop).with_context(|| format!("{} is not whole", path.display()))
    };
    let archive = download(Tool::available()?, url, &cache.join(name), None, &is_zip)?;
    let library = if cfg!(target_os = "macos") { "libtorch/lib/*.dylib" } else { "libtorch/lib/*.so*" };
    let result = unpack(
        &archive,
        &[take(library, "lib"), take("libtorch/include/", "include"), take("libtorch/build-version", "")],
        folder,
    );
    // Damaged or unpacked: not needed again either way.
    fs::remove_file(&archive).ok();
    result
}

/// What no archive holds, and a look at whether all is there.
fn finish(build: &Build, folder: &Path, version: &str) -> Result<()> {
    for (file, text) in &build.write {
        let path = folder.join(file);
        if !path.exists() {
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    if let Some(absent) = build.needs.iter().find(|file| !folder.join(file).exists()) {
        bail!("libtorch {version} as it came has no {absent}");
    }
    check_own(folder, version, Variant::Cpu).map(drop)
}

#[cfg(test)]
#[path = "libtorch_tests.rs"]
mod tests;
