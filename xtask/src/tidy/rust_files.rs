//! Rules for each `.rs` file.

use super::code::code_only;
use super::{Finding, tree};
use crate::workspace::Workspace;
use anyhow::{Context, Result};

const MAX_LINES: usize = 450;

/// Nowhere: (the code, what to do).
const FORBIDDEN: [(&str, &str); 4] = [
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or leave it out"),
    ("dbg!", "a debug leftover: delete it"),
    ("#[ignore", "an ignored test: make it run, or delete it"),
];

/// Not in libraries.
const FORBIDDEN_IN_LIBRARIES: [(&str, &str); 5] = [
    ("println!", "a library prints nothing: emit an event or return the value"),
    ("eprintln!", "a library prints nothing: emit an event or return the value"),
    ("print!", "a library prints nothing: emit an event or return the value"),
    ("eprint!", "a library prints nothing: emit an event or return the value"),
    ("process::exit", "only a program exits: return an error"),
];

pub(super) fn check(ws: &Workspace, findings: &mut Vec<Finding>) -> Result<()> {
    for file in tree::files(ws)?.iter().filter(|file| file.ends_with(".rs")) {
        // Deleted but not yet committed.
        let path = ws.root.join(file);
        if path.exists() {
            let source = std::fs::read_to_string(&path).with_context(|| format!("{file} cannot be read"))?;
            check_file(file, &source, findings);
        }
    }
    Ok(())
}

/// Sources of library crates; their build scripts talk to cargo by printing.
fn is_library(file: &str) -> bool {
    let Some(inside) = file.strip_prefix("crates/") else { return false };
    let inside = inside.split_once('/').map_or("", |(_, path)| path);
    !file.starts_with("crates/pima-cli/") && inside.starts_with("src/")
}

fn check_file(file: &str, source: &str, findings: &mut Vec<Finding>) {
    let first = source.lines().next().unwrap_or_default();
    if !first.starts_with("//!") && !first.starts_with("#![doc = include_str!") {
        let what = "does not begin with `//!`: say in a sentence what the file holds";
        findings.push(Finding::new(file, 1, what));
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        let what = format!("{lines} lines, more than {MAX_LINES}: split it by concept");
        findings.push(Finding::new(file, MAX_LINES + 1, what));
    }
    let library: &[_] = if is_library(file) { &FORBIDDEN_IN_LIBRARIES } else { &[] };
    for (index, line) in code_only(source).lines().enumerate() {
        for (code, what) in FORBIDDEN.iter().chain(library) {
            if contains_word(line, code) {
                findings.push(Finding::new(file, index + 1, format!("`{code}`: {what}")));
            }
        }
    }
    for (index, line) in source.lines().enumerate() {
        let text = line.trim_start();
        let doc = text.strip_prefix("///").or_else(|| text.strip_prefix("//!"));
        let fence = doc.and_then(|doc| doc.trim_start().strip_prefix("```"));
        if fence.is_some_and(|flags| flags.split(',').any(|flag| flag.trim() == "ignore")) {
            let what = "an ignored doctest: make it run, or `no_run` if it only has to compile";
            findings.push(Finding::new(file, index + 1, what));
        }
    }
}

/// `code` in `line`, not as the end of a longer name: `print!` is not in `println!`, nor in `my_print!`.
fn contains_word(line: &str, code: &str) -> bool {
    line.match_indices(code).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, source: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(file, source, &mut findings);
        findings.iter().map(Finding::to_string).collect()
    }

    const LIBRARY: &str = "crates/pima-core/src/a.rs";

    #[test]
    fn a_good_file_has_no_findings() {
        let good = "//! Good.\nfn f() { let _ = \"println! todo!\"; } // dbg!(1)\n";
        assert_eq!(found(LIBRARY, good), Vec::<String>::new());
        assert_eq!(found(LIBRARY, "#![doc = include_str!(\"../README.md\")]\n"), Vec::<String>::new());
    }

    #[test]
    fn every_file_begins_with_a_sentence() {
        for bad in ["use a;\n//! Late.\n", "", "/// Not inner.\n"] {
            let found = found(LIBRARY, bad);
            assert_eq!(found.len(), 1, "{bad:?}: {found:?}");
            assert!(found[0].starts_with("crates/pima-core/src/a.rs:1: does not begin"));
        }
    }

    #[test]
    fn long_files_are_found() {
        let lines = |n: usize| format!("//! Long.\n{}", "fn f() {}\n".repeat(n - 1));
        assert!(found(LIBRARY, &lines(450)).is_empty());
        assert!(found(LIBRARY, &lines(451))[0].contains(":451: 451 lines"));
    }

    #[test]
    fn stubs_and_leftovers_are_found_with_their_lines() {
        for code in ["todo!()", "unimplemented!(\"x\")", "dbg!(x)", "#[ignore]", "#[ignore = \"slow\"]"] {
            let found = found("xtask/src/a.rs", &format!("//! A.\n\nfn f() {{\n    {code}\n}}\n"));
            assert_eq!(found.len(), 1, "{code}");
            assert!(found[0].starts_with("xtask/src/a.rs:4: "), "{found:?}");
        }
        let found = found(LIBRARY, "//! A.\n/// ```rust,ignore\n/// x\n/// ```\nfn f() {}\n");
        assert!(found[0].contains(":2: an ignored doctest"), "{found:?}");
    }

    #[test]
    fn only_libraries_are_silent() {
        for code in ["println!(\"\")", "eprint!(\"\")", "std::process::exit(1)"] {
            let source = format!("//! A.\nfn f() {{ {code}; }}\n");
            assert_eq!(found(LIBRARY, &source).len(), 1, "{code}");
            for program in ["crates/pima-cli/src/main.rs", "xtask/src/a.rs", "crates/pima-nets/build.rs"] {
                assert!(found(program, &source).is_empty(), "{program}: {code}");
            }
        }
        assert!(found(LIBRARY, "//! A.\nfn f() { my_print!(1); }\n").is_empty());
    }
}
