//! `pima infer`: from some modalities of samples to their clusters and their other modalities.

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, s};
use pima_cli::RunDirectory;
use pima_data::{Batch, Batches, Dataset, ModalityData, SkippedRow, read_npz, read_npz_skipping};
use pima_model::{InferOptions, Inference, Model, load_model};
use std::time::Instant;

use crate::args::InferArgs;
use crate::failure::{Blame, Outcome, say};
use crate::npz_stream::NpzStream;
use crate::prepare;

/// Samples that are inferred together: what bounds the memory, whatever the file holds.
const ROWS: usize = 512;

/// Everything that can be wrong with the input has been looked at.
struct Plan {
    model: Model,
    data: Dataset,
    /// The number in the file of each row of the data.
    rows: Vec<usize>,
    skipped: Vec<SkippedRow>,
    options: InferOptions,
}

pub(crate) fn run(args: &InferArgs) -> Outcome {
    let plan = plan(args).blame_input()?;
    infer(args, &plan).blame_work()
}

fn plan(args: &InferArgs) -> Result<Plan> {
    let out = &args.out;
    ensure!(args.force || !out.exists(), "{}: is there already: choose another name, or --force", out.display());
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    ensure!(folder.is_none_or(|folder| folder.is_dir()), "{}: there is no such folder", out.display());
    let run = RunDirectory::open(&args.run)?;
    let config = prepare::read_config(&run.config_path(), None)?;
    let model = load_model(&run.model_path()?, &config, args.device.resolve()?)?;
    let file = &args.given;
    let (data, rows, skipped) = if args.skip_bad_rows {
        read_npz_skipping(file)?
    } else {
        let data = read_npz(file).with_context(|| format!("{}: cannot be used", file.display()))?;
        let rows = (0..data.n_samples()).collect();
        (data, rows, Vec::new())
    };
    let mut given = Vec::new();
    for modality in data.modalities() {
        let m = model.modality_index(modality.name()).with_context(|| file.display().to_string())?;
        let expected = model.modality_shape(m);
        ensure!(
            fits(modality, expected),
            "{}: modality {:?} is a {} there, but the model was trained on a {expected}",
            file.display(),
            modality.name(),
            modality.shape()
        );
        given.push(m);
    }
    let predict = match &args.predict {
        Some(names) => names.iter().map(|name| model.modality_index(name)).collect::<Result<_, _>>()?,
        None => (0..model.modality_names().count()).filter(|m| !given.contains(m)).collect(),
    };
    if let Some(row) = (0..data.n_samples()).find(|&row| !data.modalities().iter().any(|m| m.is_present(row))) {
        bail!("{}: row {row} has no modality", file.display());
    }
    let options = InferOptions {
        given,
        predict,
        engine: args.engine,
        samples: args.samples,
        intervals: args.intervals.clone(),
        draws: args.draws,
        seed: args.seed,
    };
    Ok(Plan { model, data, rows, skipped, options })
}

/// A vector is a curve of one channel whose axis was not said.
fn fits(modality: &ModalityData, expected: pima_core::ModalityShape) -> bool {
    use pima_core::ModalityShape::{Curve, Vector};
    match (modality.shape(), expected) {
        (Vector { length }, Curve { channels: 1, length: own })
        | (Curve { channels: 1, length }, Vector { length: own }) => length == own,
        (shape, expected) => shape == expected,
    }
}

fn infer(args: &InferArgs, plan: &Plan) -> Result<()> {
    let begun = Instant::now();
    let Plan { model, data, rows, skipped, options } = plan;
    let mut npz = NpzStream::new(&args.out);
    for (k, start) in (0..data.n_samples()).step_by(ROWS).enumerate() {
        let end = (start + ROWS).min(data.n_samples());
        let part = chunk(model, data, start, end)?;
        let mut batch = Batch::default();
        let all: Vec<usize> = (0..end - start).collect();
        Batches::new(&part, model.normalisations())?.gather(&all, &mut batch)?;
        let inferred = model.infer(&batch, options, k)?;
        write(&mut npz, model, &rows[start..end], &inferred, &options.intervals)?;
    }
    npz.finish()?;
    let names = |of: &[usize]| {
        let all: Vec<&str> = model.modality_names().collect();
        of.iter().map(|&m| all[m]).collect::<Vec<_>>().join(", ")
    };
    let seconds = begun.elapsed().as_secs_f64();
    let predicted = if options.predict.is_empty() {
        "clusters".to_owned()
    } else {
        format!("clusters, {}", names(&options.predict))
    };
    say(format!(
        "{}: {predicted} from {} by {} for {} samples, {:.0} a second",
        args.out.display(),
        names(&options.given),
        options.engine,
        data.n_samples(),
        data.n_samples() as f64 / seconds
    ));
    for SkippedRow { row, problem } in skipped {
        say(format!("skipped row {row}: {problem}"));
    }
    Ok(())
}

/// Rows `start..end` as a dataset of the model's modalities; those that are not given are missing.
fn chunk(model: &Model, data: &Dataset, start: usize, end: usize) -> Result<Dataset> {
    let modalities = model.modality_names().enumerate().map(|(m, name)| {
        let shape = model.modality_shape(m);
        let n = end - start;
        let modality = match data.modalities().iter().find(|modality| modality.name() == name) {
            Some(given) => {
                let present = (start..end).map(|row| given.is_present(row)).collect();
                ModalityData::with_missing(name, shape, given.values().slice(s![start..end, ..]).to_owned(), present)
            }
            None => ModalityData::with_missing(name, shape, Array2::zeros((n, shape.size())), vec![false; n]),
        };
        Ok(modality?)
    });
    Ok(Dataset::new(data.name(), modalities.collect::<Result<_>>()?, None)?)
}

fn write(npz: &mut NpzStream, model: &Model, rows: &[usize], inferred: &Inference, intervals: &[f64]) -> Result<()> {
    let (l, n) = (model.prior().n_latent(), model.prior().n_clusters());
    npz.add_integers("row", rows.iter().map(|&row| row as i64))?;
    npz.add_integers("cluster", pima_core::most_probable(inferred.responsibilities.view()).iter().map(|&c| c as i64))?;
    npz.add("responsibilities", &[n], inferred.responsibilities.iter().copied())?;
    npz.add("latent_mean", &[l], inferred.latent_mean.iter().copied())?;
    npz.add("latent_var", &[l], inferred.latent_var.iter().copied())?;
    for (name, prediction) in &inferred.predictions {
        let shape = prediction_shape(model, name)?;
        npz.add(&format!("{name}_mean"), &shape, prediction.mean.iter().copied())?;
        npz.add(&format!("{name}_var"), &shape, prediction.variance.iter().copied())?;
        for (level, (lower, upper)) in intervals.iter().zip(&prediction.intervals) {
            let percent = 100.0 * level;
            npz.add(&format!("{name}_lower_{percent}"), &shape, lower.iter().copied())?;
            npz.add(&format!("{name}_upper_{percent}"), &shape, upper.iter().copied())?;
        }
        if let Some(parameters) = &prediction.parameters {
            let shape = [parameters.names.len()];
            npz.add(&format!("{name}_parameters"), &shape, parameters.mean.iter().copied())?;
            npz.add(&format!("{name}_parameters_sd"), &shape, parameters.deviation.iter().copied())?;
        }
        if let Some(draws) = &prediction.draws {
            let shape: Vec<usize> = std::iter::once(draws.dim().1).chain(shape).collect();
            npz.add(&format!("{name}_draws"), &shape, draws.iter().copied())?;
        }
    }
    Ok(())
}

/// As arrays of the modality are in data files.
fn prediction_shape(model: &Model, name: &str) -> Result<Vec<usize>> {
    use pima_core::ModalityShape::{Curve, Image, Vector};
    Ok(match model.modality_shape(model.modality_index(name)?) {
        Image { channels, height, width } => vec![channels, height, width],
        Curve { channels, length } => vec![channels, length],
        Vector { length } => vec![length],
    })
}
