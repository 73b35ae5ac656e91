//! Where things are: the checkout, the user's cache, and a `cargo` that sees neither more nor less than the user's own would.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout and the cache that all checkouts of a user share.
pub(crate) struct Workspace {
    /// Top of the checkout.
    pub(crate) root: PathBuf,
    /// Downloads and unpacked artefacts, outside the checkout.
    pub(crate) cache: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask is not inside a workspace")?.to_owned();
        let cache = cache_folder(std::env::consts::OS, |name| std::env::var_os(name))
            .context("neither XDG_CACHE_HOME nor HOME is set: set one, downloads are kept there")?;
        Ok(Self { root, cache })
    }

    /// The link through which `.cargo/config.toml` finds libtorch.
    pub(crate) fn libtorch_link(&self) -> PathBuf {
        self.root.join(".pima/libtorch")
    }

    /// The same for CUDA builds.
    pub(crate) fn libtorch_cuda_link(&self) -> PathBuf {
        self.root.join(".pima/libtorch-cuda")
    }

    /// `program`, run at the top of the checkout without what `cargo run` put into our own environment: a fingerprint that
    /// depended on it would rebuild everything each time a user changes between `cargo xtask` and `cargo`.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        if self.user_libtorch().is_none() {
            command.env_remove("LIBTORCH");
        }
        command
    }

    /// Cargo, as [`Self::command`].
    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// `LIBTORCH` where the user set it, rather than `.cargo/config.toml` for us.
    pub(crate) fn user_libtorch(&self) -> Option<PathBuf> {
        let path = PathBuf::from(std::env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
        (path != self.libtorch_link()).then_some(path)
    }

    /// `path` from the top of the checkout where it lies inside, for messages.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// `pima` in the user's cache folder, by the rules of the platform.
fn cache_folder(os: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = match set("XDG_CACHE_HOME") {
        Some(folder) if folder.is_absolute() => folder,
        _ if os == "macos" => set("HOME")?.join("Library/Caches"),
        _ => set("HOME")?.join(".cache"),
    };
    Some(base.join("pima"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(os: &str, variables: &[(&str, &str)]) -> Option<PathBuf> {
        cache_folder(os, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_follows_the_platform() {
        let home = ("HOME", "/home/ada");
        assert_eq!(folder("linux", &[home]), Some("/home/ada/.cache/pima".into()));
        assert_eq!(folder("macos", &[home]), Some("/home/ada/Library/Caches/pima".into()));
        assert_eq!(folder("macos", &[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/pima".into()));
        let relative = folder("linux", &[home, ("XDG_CACHE_HOME", "c")]);
        assert_eq!(relative, Some("/home/ada/.cache/pima".into()), "XDG ignores relative paths");
        assert_eq!(folder("linux", &[]), None);
    }
}
