//! `pima init`: a configuration for the data that lie in a directory.

// What is written.
mod text;

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, anyhow, ensure};
use pima_data::take_inventory;
use pima_model::ExperimentConfig;

use super::lattices::{self, Lattices};
use super::{check, typed};
use crate::args::InitArgs;
use crate::failure::{Blame, Outcome, say};
use crate::prepare;

/// The file that is written.
const NAME: &str = "pima.toml";

pub(crate) fn run(args: &InitArgs) -> Outcome {
    let folder = &args.folder;
    let file = folder.join(NAME);
    let prepared = || -> anyhow::Result<(String, Vec<String>, ExperimentConfig, pima_model::Survey)> {
        ensure!(!file.exists(), "{}: is there already, and is not overwritten: move it away first", file.display());
        let inventory = take_inventory(folder)?;
        if inventory.candidates.is_empty() && inventory.lattices.is_none() {
            let why = if inventory.left_out.is_empty() {
                String::new()
            } else {
                format!(" ({})", inventory.left_out.join("; "))
            };
            return Err(anyhow!(
                "{}: no data here{why}: put .npz, .npy, .h5, .csv or .parquet files or folders of images or of .csv files into it, a row or a file for each sample",
                folder.display()
            ));
        }
        let name =
            std::path::absolute(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = name.as_deref().unwrap_or("experiment");
        let text = match &inventory.lattices {
            Some(files) => lattices::config(&Lattices::of_files(name, files, &inventory.left_out)),
            None => text::config(name, &inventory),
        };
        // What is written is known to work.
        let config = ExperimentConfig::parse(&text, &file, None)?;
        let survey = prepare::survey(&config, None, 0)?;
        Ok((text, inventory.left_out, config, survey))
    };
    let (text, left_out, config, survey) = prepared().blame_input()?;
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&file)?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("{}: cannot write", file.display())).blame_input()?;
    say(check::describe(&config, &survey));
    for line in &left_out {
        say(format!("left out: {}", line.replace('\n', " ")));
    }
    for warning in &survey.warnings {
        say(format!("warning: {warning}"));
    }
    say(format!(
        "wrote {}: read it and adapt it, above all the number of clusters; then: pima train {}",
        file.display(),
        typed(&file)
    ));
    Ok(())
}
