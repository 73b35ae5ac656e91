//! Rules for the tree as a whole: the crates that ARCHITECTURE.md lists, and what may be tracked.

use super::Finding;
use crate::process::output;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;

const MAX_BYTES: u64 = 1 << 20;

/// Tracked files, and new ones that git does not ignore; from the top of the checkout.
pub(super) fn files(ws: &Workspace) -> Result<Vec<String>> {
    let mut git = ws.command("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = output(&mut git).context("`git ls-files` failed: tidy reads its list of files")?;
    Ok(list.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
}

/// Names of the folders in `crates/` that are crates.
pub(super) fn crates(ws: &Workspace) -> Result<BTreeSet<String>> {
    let mut crates = BTreeSet::new();
    for entry in std::fs::read_dir(ws.root.join("crates"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            crates.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(crates)
}

pub(super) fn check(ws: &Workspace, findings: &mut Vec<Finding>) -> Result<()> {
    let text = std::fs::read_to_string(ws.root.join("ARCHITECTURE.md")).unwrap_or_default();
    check_crates(&text, &crates(ws)?, findings);
    for file in files(ws)? {
        if let Ok(meta) = ws.root.join(&file).symlink_metadata() {
            check_size(&file, meta.len(), findings);
        }
    }
    Ok(())
}

fn check_size(file: &str, bytes: u64, findings: &mut Vec<Finding>) {
    if bytes > MAX_BYTES {
        let mib = bytes as f64 / MAX_BYTES as f64;
        let what = format!("{mib:.1} MiB, more than 1: generate it, download it, or shrink it");
        findings.push(Finding::new(file, 0, what));
    }
}

/// The table of crates against the folders. Its rows begin with a crate's name in back quotes; `xtask` may be among them.
fn check_crates(text: &str, folders: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    const FILE: &str = "ARCHITECTURE.md";
    let row = |line: &str| -> Option<String> {
        let (name, _) = line.trim().strip_prefix('|')?.trim_start().strip_prefix('`')?.split_once('`')?;
        (name == "xtask" || name.starts_with("pima-")).then(|| name.to_owned())
    };
    let rows = text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, row(line)?)));
    let rows = rows.collect::<Vec<_>>();
    if rows.is_empty() {
        let what = "has no table of crates (rows that begin | `pima-...`): list every crate of crates/";
        findings.push(Finding::new(FILE, 0, what));
        return;
    }
    let mut listed = BTreeSet::new();
    for (line, name) in &rows {
        if !listed.insert(name) {
            findings.push(Finding::new(FILE, *line, format!("lists `{name}` twice")));
        }
        if name != "xtask" && !folders.contains(name) {
            let what = format!("lists `{name}`, which crates/ does not have: delete the row");
            findings.push(Finding::new(FILE, *line, what));
        }
    }
    for name in folders.iter().filter(|name| !listed.contains(name)) {
        let what = format!("does not list crates/{name}: add a row that says what it holds");
        findings.push(Finding::new(FILE, 0, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, folders: &[&str]) -> Vec<String> {
        let folders = folders.iter().map(|name| (*name).to_owned()).collect();
        let mut findings = Vec::new();
        check_crates(text, &folders, &mut findings);
        findings.iter().map(Finding::to_string).collect()
    }

    const TABLE: &str = "# A\n\n| crate | holds |\n|---|---|\n| `pima-a` | a |\n| `pima-b` | b |\n| `xtask` | x |\n";

    #[test]
    fn the_table_is_the_folders() {
        assert!(found(TABLE, &["pima-a", "pima-b"]).is_empty());
        let missing = found(TABLE, &["pima-a", "pima-b", "pima-c"]);
        assert!(missing.len() == 1 && missing[0].contains("crates/pima-c"), "{missing:?}");
        let gone = found(TABLE, &["pima-a"]);
        assert!(gone.len() == 1 && gone[0].starts_with("ARCHITECTURE.md:6: lists `pima-b`"), "{gone:?}");
        let twice = found(&format!("{TABLE}| `pima-a` | again |\n"), &["pima-a", "pima-b"]);
        assert!(twice.len() == 1 && twice[0].contains(":8: lists `pima-a` twice"), "{twice:?}");
        assert!(found("", &["pima-a"])[0].contains("no table"));
    }

    #[test]
    fn large_files_are_found() {
        let mut findings = Vec::new();
        check_size("a.csv", 1 << 20, &mut findings);
        assert!(findings.is_empty());
        check_size("a.csv", (1 << 20) + (1 << 19), &mut findings);
        assert!(findings[0].to_string().starts_with("a.csv:1: 1.5 MiB"));
    }
}
