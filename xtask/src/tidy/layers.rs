//! The layers of ARCHITECTURE.md: which crate may depend on which, for the code, its tests and its build script alike.

use super::{Finding, tree};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// Each crate and the crates of ours below it.
const LAYERS: [(&str, &[&str]); 7] = [
    ("pima-core", &[]),
    ("pima-experts", &["pima-core"]),
    ("pima-data", &["pima-core"]),
    ("pima-nets", &["pima-core"]),
    ("pima-model", &["pima-core", "pima-experts", "pima-data", "pima-nets"]),
    ("pima-cli", &["pima-core", "pima-experts", "pima-data", "pima-nets", "pima-model"]),
    ("xtask", &[]),
];

/// (crates, what they must not name, why).
const FOREIGN: [(&[&str], &[&str], &str); 4] = [
    (&["pima-core"], &["ndarray-linalg"], "the core needs no LAPACK: put the solve into pima-experts"),
    (
        &["pima-core", "pima-data", "pima-experts"],
        &["tch", "torch-sys"],
        "only pima-nets and what is above it knows libtorch",
    ),
    (
        &["pima-core", "pima-data", "pima-experts", "pima-nets", "pima-model"],
        &["anyhow", "clap"],
        "a library has a typed error and no arguments: use thiserror",
    ),
    (&["xtask"], &["tch", "torch-sys", "ndarray-linalg"], "xtask builds before they can"),
];

pub(super) fn check(ws: &Workspace, findings: &mut Vec<Finding>) -> Result<()> {
    let mut manifests = vec!["xtask/Cargo.toml".to_owned()];
    manifests.extend(tree::crates(ws)?.iter().map(|name| format!("crates/{name}/Cargo.toml")));
    for file in manifests {
        let text = std::fs::read_to_string(ws.root.join(&file)).with_context(|| format!("{file} cannot be read"))?;
        check_manifest(&file, &text, findings).with_context(|| file.clone())?;
    }
    Ok(())
}

fn check_manifest(file: &str, text: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let manifest: toml::Table = toml::from_str(text)?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(toml::Value::as_str).context("has no package name")?;
    let mut add = |dependency: &str, what: String| {
        let line = text.lines().position(|line| names(line, dependency)).map_or(0, |at| at + 1);
        findings.push(Finding::new(file, line, what));
    };
    let Some((_, below)) = LAYERS.iter().find(|(crate_name, _)| *crate_name == name) else {
        let what = format!("`{name}` is in no layer: add it to xtask/src/tidy/layers.rs");
        add("name", what);
        return Ok(());
    };
    for dependency in dependencies(&manifest) {
        if dependency.starts_with("pima-") && !below.contains(&dependency.as_str()) {
            let what =
                format!("`{name}` must not depend on `{dependency}`: move what it wants down, or the user of both up");
            add(&dependency, what);
        }
        for (crates, foreign, why) in FOREIGN {
            if crates.contains(&name) && foreign.contains(&dependency.as_str()) {
                add(&dependency, format!("`{name}` must not depend on `{dependency}`: {why}"));
            }
        }
    }
    Ok(())
}

/// Whether `line` is where the manifest names `dependency`.
fn names(line: &str, dependency: &str) -> bool {
    let line = line.trim_start();
    let header = line.trim_start_matches('[').trim_end_matches(']');
    header.ends_with(&format!("dependencies.{dependency}"))
        || line.strip_prefix(dependency).is_some_and(|after| after.starts_with(['.', ' ', '=']))
        || line.contains(&format!("package = \"{dependency}\""))
}

/// Packages in any table of dependencies, of any target, by their real names.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if matches!(key.as_str(), "dependencies" | "dev-dependencies" | "build-dependencies") {
            for (name, dependency) in table {
                let package = dependency.get("package").and_then(toml::Value::as_str);
                found.insert(package.unwrap_or(name).to_owned());
            }
        } else if key == "target" {
            found.extend(table.values().filter_map(toml::Value::as_table).flat_map(dependencies));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_manifest("Cargo.toml", text, &mut findings).unwrap();
        findings.iter().map(Finding::to_string).collect()
    }

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}")
    }

    #[test]
    fn edges_down_are_fine() {
        let text = "[dependencies]\npima-core.workspace = true\ntch.workspace = true\n";
        assert!(found(&manifest("pima-nets", text)).is_empty());
        assert!(found(&manifest("pima-cli", "[dependencies]\nanyhow = \"1\"\npima-model = \"1\"\n")).is_empty());
    }

    #[test]
    fn edges_up_and_sideways_are_found_wherever_they_hide() {
        for (table, line) in [
            ("[dependencies]\npima-nets.workspace = true", 4),
            ("[dev-dependencies]\n\npima-nets = { path = \"../pima-nets\" }", 5),
            ("[build-dependencies.pima-nets]\nworkspace = true", 3),
            ("[target.'cfg(unix)'.dependencies]\npima-nets = \"1\"", 4),
            ("[dependencies]\nnets = { package = \"pima-nets\", version = \"1\" }", 4),
        ] {
            let found = found(&manifest("pima-data", table));
            assert_eq!(found.len(), 1, "{table}: {found:?}");
            assert!(found[0].starts_with(&format!("Cargo.toml:{line}: `pima-data`")), "{found:?}");
        }
    }

    #[test]
    fn foreign_crates_stay_where_they_belong() {
        for (name, foreign) in [
            ("pima-core", "tch"),
            ("pima-core", "ndarray-linalg"),
            ("pima-data", "torch-sys"),
            ("pima-experts", "tch"),
            ("pima-model", "anyhow"),
            ("pima-nets", "clap"),
            ("xtask", "tch"),
            ("xtask", "pima-core"),
        ] {
            let found = found(&manifest(name, &format!("[dependencies]\n{foreign}.workspace = true\n")));
            assert!(found.len() == 1 && found[0].contains(foreign), "{name} {foreign}: {found:?}");
        }
    }

    #[test]
    fn a_new_crate_must_be_given_a_layer() {
        let found = found(&manifest("pima-new", ""));
        assert!(found.len() == 1 && found[0].starts_with("Cargo.toml:2: `pima-new`"), "{found:?}");
    }
}
