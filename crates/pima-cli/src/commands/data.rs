//! `pima data`: generated data sets, for use elsewhere.

use anyhow::{Context, Result, ensure};
use pima_data::{
    Dataset, DigitsOptions, LineOptions, SpecimensOptions, find_mnist, load_mnist, manufacture_lines,
    procedural_digits, silicon, write_npz, write_specimens,
};

use std::ops::ControlFlow;

use crate::args::{DataArgs, Kind};
use crate::failure::{Blame, Outcome, say};
use crate::prepare::locations;

pub(crate) fn run(args: &DataArgs) -> Outcome {
    let file = &args.out;
    let free = || -> Result<()> {
        ensure!(args.force || !file.exists(), "{}: is there already: choose another name, or --force", file.display());
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        ensure!(folder.is_none_or(|folder| folder.is_dir()), "{}: there is no such folder", file.display());
        Ok(())
    };
    free().blame_input()?;
    if args.kind == Kind::Specimens {
        return specimens(args);
    }
    let dataset = if args.kind == Kind::Silicon {
        silicon_structures(args).blame_work()?
    } else {
        let dataset = generate(args).blame_input()?;
        write_npz(&dataset, file).with_context(|| format!("{}: cannot write", file.display())).blame_work()?;
        dataset
    };
    let modalities = dataset.modalities().iter().map(|m| format!("{} ({})", m.name(), m.shape()));
    let modalities = modalities.collect::<Vec<_>>().join(", ");
    say(format!("{}: {}, {} samples; {modalities}", file.display(), dataset.name(), dataset.n_samples()));
    Ok(())
}

/// The configuration that goes with the folder of specimens.
const SPECIMENS: &str = include_str!("../../experiments/specimens.toml");

/// A folder of files with its configuration. What is in the folder already is not overwritten.
fn specimens(args: &DataArgs) -> Outcome {
    let folder = &args.out;
    let empty = || -> Result<()> {
        let there = folder.is_dir() && std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_some());
        ensure!(!there, "{}: is a folder with files in it: choose another name", folder.display());
        ensure!(!folder.is_file(), "{}: is a file: choose another name", folder.display());
        Ok(())
    };
    empty().blame_input()?;
    let write = || -> Result<()> {
        std::fs::create_dir_all(folder)?;
        write_specimens(folder, &SpecimensOptions { n: args.specimens, ..SpecimensOptions::default() }, args.seed)?;
        Ok(std::fs::write(folder.join("pima.toml"), SPECIMENS)?)
    };
    write().with_context(|| format!("{}: cannot write", folder.display())).blame_work()?;
    let config = super::typed(&folder.join("pima.toml"));
    say(format!(
        "{}: {} specimens (generated), in four clusters; next: pima train {config}",
        folder.display(),
        args.specimens
    ));
    Ok(())
}

/// Generates and writes; what an earlier command left half done is taken up.
fn silicon_structures(args: &DataArgs) -> Result<Dataset> {
    let mut progress = |so_far: silicon::Progress| {
        crate::progress::generation(so_far.done, so_far.total);
        ControlFlow::Continue(())
    };
    Ok(silicon::generate_file(&silicon::Recipe::default(), args.structures, args.seed, &args.out, &mut progress)?)
}

fn generate(args: &DataArgs) -> Result<Dataset> {
    let images = match args.kind {
        Kind::Digits | Kind::DigitsLine => {
            let all = DigitsOptions::default();
            let options = DigitsOptions {
                n_train: args.train.unwrap_or(all.n_train),
                n_test: args.test.unwrap_or(all.n_test),
                ..all
            };
            procedural_digits(&options, args.seed)?
        }
        Kind::Silicon | Kind::Specimens => silicon_structures(args)?,
        Kind::MnistLine => {
            let locations = locations(args.datasets.as_deref());
            let folder = find_mnist(locations.datasets.as_deref(), &locations.fallback)?;
            load_mnist(&folder)?.first(args.train, args.test)?
        }
    };
    match (args.kind, images.labels()) {
        (Kind::Digits | Kind::Silicon | Kind::Specimens, _) | (_, None) => Ok(images),
        (Kind::DigitsLine | Kind::MnistLine, Some(labels)) => {
            let options = LineOptions {
                n_coordinates: args.points,
                noise_variance: args.noise_variance,
                ..LineOptions::default()
            };
            let lines = manufacture_lines(labels, &options, args.seed)?;
            Ok(images.with_modality(lines)?)
        }
    }
}
