//! `pima data`: generated data sets, for use elsewhere.

use anyhow::{Context, Result, ensure};
use pima_data::{
    Dataset, DigitsOptions, LatticeOptions, LineOptions, SpecimensOptions, find_mnist, load_mnist, manufacture_lines,
    procedural_digits, silicon, write_lattices, write_npz, write_specimens,
};

use std::ops::ControlFlow;
use std::path::Path;

use super::lattices::{self, Lattices};
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
    match args.kind {
        Kind::Specimens => return specimens(args),
        Kind::Lattices => return lattices(args),
        _ => {}
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

/// Specimens in that folder unless the user says otherwise.
const N_SPECIMENS: usize = 600;
/// Lattices: enough to tell two kinds apart, and few enough to train on in two minutes.
const N_LATTICES: usize = 30;

/// A folder of files with its configuration.
fn specimens(args: &DataArgs) -> Outcome {
    let folder = &args.out;
    let n = args.specimens.unwrap_or(N_SPECIMENS);
    unused(folder).blame_input()?;
    let write = || -> Result<()> {
        std::fs::create_dir_all(folder)?;
        write_specimens(folder, &SpecimensOptions { n, ..SpecimensOptions::default() }, args.seed)?;
        Ok(std::fs::write(folder.join("pima.toml"), SPECIMENS)?)
    };
    write().with_context(|| format!("{}: cannot write", folder.display())).blame_work()?;
    let config = super::typed(&folder.join("pima.toml"));
    say(format!("{}: {n} specimens (generated), in four clusters; next: pima train {config}", folder.display()));
    Ok(())
}

/// A folder of photographs and curves, with a configuration for parameters of each kind and one for those of each specimen.
fn lattices(args: &DataArgs) -> Outcome {
    let folder = &args.out;
    let n = args.specimens.unwrap_or(N_LATTICES);
    let possible = || -> Result<()> {
        ensure!(n >= 4, "--specimens {n}: some are needed to train, to validate and to test, four at least");
        unused(folder)
    };
    possible().blame_input()?;
    let write = || -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let options = LatticeOptions { n_gyroid: n.div_ceil(2), n_octet: n / 2, ..LatticeOptions::default() };
        write_lattices(folder, &options, args.seed)?;
        // As `pima init` would write them.
        for (name, sees_latent) in [("lattice", false), ("lattice-latent", true)] {
            let about = Lattices {
                name: name.to_owned(),
                folder: ".".to_owned(),
                n_specimens: n,
                side: options.side,
                n_labels: Some(2),
                reading: Vec::new(),
                left_out: Vec::new(),
                sees_latent,
            };
            std::fs::write(folder.join(name).with_extension("toml"), lattices::config(&about))?;
        }
        Ok(())
    };
    write().with_context(|| format!("{}: cannot write", folder.display())).blame_work()?;
    let config = super::typed(&folder.join("lattice.toml"));
    say(format!("{}: {n} lattices (generated), of two kinds; next: pima train {config}", folder.display()));
    Ok(())
}

/// That a folder is not there, or is empty: what is in it already is not overwritten.
fn unused(folder: &Path) -> Result<()> {
    let there = folder.is_dir() && std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_some());
    ensure!(!there, "{}: is a folder with files in it: choose another name", folder.display());
    ensure!(!folder.is_file(), "{}: is a file: choose another name", folder.display());
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
        Kind::Silicon | Kind::Specimens | Kind::Lattices => silicon_structures(args)?,
        Kind::MnistLine => {
            let locations = locations(args.datasets.as_deref());
            let folder = find_mnist(locations.datasets.as_deref(), &locations.fallback)?;
            load_mnist(&folder)?.first(args.train, args.test)?
        }
    };
    match (args.kind, images.labels()) {
        (Kind::Digits | Kind::Silicon | Kind::Specimens | Kind::Lattices, _) | (_, None) => Ok(images),
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
