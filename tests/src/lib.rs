//! Tests that cross crates, and tests on real data. The tests are the files beside this folder; what they share is here.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder with the real MNIST files: `PIMA_DATASETS`, or `datasets/mnist` of the checkout. `None` with one line that says that the test is skipped.
pub fn real_data(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PIMA_DATASETS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/mnist"));
    if pima_data::find_mnist(Some(&folder), &folder).is_ok() {
        return Some(folder);
    }
    // Not println!: the output of a test that passes is captured, and this line is to be seen.
    let _ =
        writeln!(std::io::stderr(), "skipped: {test} needs the real MNIST files (set PIMA_DATASETS to their folder)");
    None
}
