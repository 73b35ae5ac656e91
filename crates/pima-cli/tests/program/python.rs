//! docs/python.md: every block of code runs on a run, where Python has the packages that it imports.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::{Bench, TINY, skipped, text};

const PAGE: &str = include_str!("../../../../docs/python.md");

/// The packages that a block imports, without Python's own.
fn packages(block: &str) -> Vec<&str> {
    let imports = block.lines().filter_map(|line| line.strip_prefix("import ").or(line.strip_prefix("from ")));
    let names = imports.filter_map(|rest| rest.split([' ', '.']).next());
    names.filter(|name| *name != "json").collect()
}

fn python(code: &str, folder: PathBuf) -> Option<Output> {
    Command::new("python3").args(["-c", code]).env("OPENBLAS_NUM_THREADS", "1").current_dir(folder).output().ok()
}

#[test]
fn the_blocks_of_the_page_run() {
    let blocks: Vec<&str> = PAGE.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 8);
    let bench = Bench::new(TINY);
    bench.ok("train tiny.toml --device cpu --threads 1 --tensorboard --out runs/first -q");
    let mut missing = Vec::new();
    for block in blocks {
        let imports: String = packages(block).iter().map(|name| format!("import {name}\n")).collect();
        let has = python(&imports, bench.path("")).is_some_and(|output| output.status.success());
        if !has {
            missing.push(if packages(block).is_empty() { "python3".to_owned() } else { packages(block).join(", ") });
            continue;
        }
        let output = python(block, bench.path("")).unwrap();
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
    if !missing.is_empty() {
        skipped(&format!("blocks of docs/python.md that need {}", missing.join("; ")));
    }
}
