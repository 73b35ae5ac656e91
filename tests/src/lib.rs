//! Tests that cross crates, and tests on real data. The tests are the files beside this folder; what they share is here.

use std::path::PathBuf;

/// The folder that `PIMA_DATASETS` names, or `None` with one line that says that the test is skipped.
pub fn real_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PIMA_DATASETS").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: {test} needs the real MNIST files (set PIMA_DATASETS to their folder)");
    }
    folder
}
