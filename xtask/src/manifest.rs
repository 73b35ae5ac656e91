//! `datasets/manifest.toml`: what may be downloaded, from where, and what it must be.

use crate::fetch::{Digest, Take};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) mnist: Mnist,
    pub(crate) libtorch: Libtorch,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mnist {
    pub(crate) mirrors: Vec<String>,
    pub(crate) file: Vec<IdxFile>,
}

/// One of MNIST's four files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdxFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) gz_size: u64,
    pub(crate) gz_sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Libtorch {
    pub(crate) version: String,
    /// Python release whose wheels are taken; they hold the same libraries whatever Python runs here.
    pub(crate) python: String,
    pub(crate) build: Vec<Build>,
}

/// libtorch for one kind of machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) variant: String,
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) archive: Option<String>,
    pub(crate) platforms: Vec<String>,
    pub(crate) needs: Vec<String>,
    #[serde(default)]
    pub(crate) write: BTreeMap<String, String>,
    pub(crate) wheel: Vec<Wheel>,
}

/// A Python wheel and what of it is unpacked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wheel {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) take: Vec<Take>,
}

impl Wheel {
    pub(crate) fn digest(&self) -> Digest {
        Digest::new(self.size, &self.sha256)
    }

    /// How the files of this wheel begin: `nvidia_cuda_cupti-13.0.85-`.
    pub(crate) fn prefix(&self) -> String {
        format!("{}-{}-", self.name.replace('-', "_"), self.version)
    }
}

impl Libtorch {
    /// The build for a machine; the error says what to do where there is none.
    pub(crate) fn build(&self, variant: &str, os: &str, arch: &str) -> Result<&Build> {
        let matching = |b: &&Build| b.variant == variant && b.os == os && b.arch == arch;
        self.build.iter().find(matching).with_context(|| {
            format!(
                "no {variant} build of libtorch {} is known for {os} on {arch}: install one and name it in LIBTORCH",
                self.version
            )
        })
    }
}

impl Manifest {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join("datasets/manifest.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let wheels = manifest.libtorch.build.iter().flat_map(|build| &build.wheel);
        let wheels = wheels.map(|wheel| (&wheel.name, &wheel.sha256));
        let files = manifest.mnist.file.iter();
        let files = files.flat_map(|f| [(&f.name, &f.sha256), (&f.name, &f.gz_sha256)]);
        for (name, hash) in wheels.chain(files) {
            let hexadecimal = hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            ensure!(hash.len() == 64 && hexadecimal, "{name}: `{hash}` is not a SHA-256 in lower case");
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/manifest.toml");
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_committed_manifest_holds_together() {
        let manifest = Manifest::parse(&committed()).unwrap();
        assert_eq!(manifest.mnist.file.len(), 4);
        for (variant, os, arch) in [
            ("cpu", "linux", "x86_64"),
            ("cpu", "linux", "aarch64"),
            ("cpu", "macos", "aarch64"),
            ("cu130", "linux", "x86_64"),
        ] {
            let build = manifest.libtorch.build(variant, os, arch).unwrap();
            assert!(build.wheel.iter().any(|wheel| wheel.name == "torch"));
            for written in build.write.keys() {
                assert!(build.needs.contains(written), "{variant} {os} {arch}: {written} is not in `needs`");
            }
        }
        let error = manifest.libtorch.build("cpu", "plan9", "x86_64").unwrap_err().to_string();
        assert!(error.contains("plan9") && error.contains("LIBTORCH"), "{error}");
    }

    #[test]
    fn the_version_is_the_one_that_tch_is_bound_to() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        let lock: toml::Table = toml::from_str(&std::fs::read_to_string(lock).unwrap()).unwrap();
        let packages = lock["package"].as_array().unwrap();
        let tch = packages.iter().find(|package| package["name"].as_str() == Some("tch")).unwrap();
        assert_eq!(tch["version"].as_str(), Some("0.24.0"), "which libtorch does this tch want?");
        let manifest = Manifest::parse(&committed()).unwrap();
        assert_eq!(manifest.libtorch.version, "2.11.0");
    }

    #[test]
    fn mistakes_are_refused() {
        let good = committed();
        let hash = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db";
        assert!(good.contains(hash));
        for bad in [&hash[1..], &hash.to_uppercase(), ""] {
            let error = Manifest::parse(&good.replace(hash, bad)).unwrap_err().to_string();
            assert!(error.contains("train-images"), "{error}");
        }
        assert!(Manifest::parse(&good.replace("gz_size", "zg_size")).is_err());
        assert!(Manifest::parse("").is_err());
    }

    #[test]
    fn wheels_are_recognised_by_their_file_names() {
        let manifest = Manifest::parse(&committed()).unwrap();
        let build = manifest.libtorch.build("cpu", "linux", "x86_64").unwrap();
        let prefixes = build.wheel.iter().map(Wheel::prefix).collect::<Vec<_>>();
        let wanted = ["torch-2.11.0-", "nvidia_cuda_runtime-13.0.96-", "nvidia_cuda_cupti-13.0.85-"];
        assert_eq!(prefixes, wanted);
    }
}
