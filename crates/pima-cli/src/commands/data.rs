//! `pima data`: generated data sets, for use elsewhere.

use anyhow::{Context, Result, ensure};
use pima_data::{
    Dataset, DigitsOptions, LineOptions, find_mnist, load_mnist, manufacture_lines, procedural_digits, silicon,
    write_npz,
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
        Kind::Silicon => silicon_structures(args)?,
        Kind::MnistLine => {
            let locations = locations(args.datasets.as_deref());
            let folder = find_mnist(locations.datasets.as_deref(), &locations.fallback)?;
            load_mnist(&folder)?.first(args.train, args.test)?
        }
    };
    match (args.kind, images.labels()) {
        (Kind::Digits | Kind::Silicon, _) | (_, None) => Ok(images),
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
