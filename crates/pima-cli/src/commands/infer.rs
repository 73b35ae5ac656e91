//! `pima infer`: from some modalities of samples to their clusters and their other modalities.

use std::time::Instant;

use anyhow::Result;
use pima_model::{InferOptions, Inference, Model};

use super::samples::{Samples, check_output, load, shape_of};
use crate::args::InferArgs;
use crate::failure::{Blame, Outcome, say};
use crate::npz_stream::NpzStream;

/// Everything that can be wrong with the input has been looked at.
struct Plan {
    model: Model,
    samples: Samples,
    options: InferOptions,
}

pub(crate) fn run(args: &InferArgs) -> Outcome {
    let plan = plan(args).blame_input()?;
    infer(args, &plan).blame_work()
}

fn plan(args: &InferArgs) -> Result<Plan> {
    check_output(&args.out, args.force)?;
    let model = load(&args.run, args.device)?;
    let samples = Samples::read(&args.given, &model, args.skip_bad_rows)?;
    let given = samples.given.clone();
    let predict = match &args.predict {
        Some(names) => names.iter().map(|name| model.modality_index(name)).collect::<Result<_, _>>()?,
        None => (0..model.modality_names().count()).filter(|m| !given.contains(m)).collect(),
    };
    let options = InferOptions {
        given,
        predict,
        engine: args.engine.unwrap_or_else(|| model.preferred_engine()),
        samples: args.samples,
        intervals: args.intervals.clone(),
        draws: args.draws,
        score: false,
        seed: args.seed,
    };
    Ok(Plan { model, samples, options })
}

fn infer(args: &InferArgs, plan: &Plan) -> Result<()> {
    let begun = Instant::now();
    let Plan { model, samples, options } = plan;
    let mut npz = NpzStream::new(&args.out);
    samples.each_batch(model, |k, rows, _, batch| {
        let inferred = model.infer(batch, options, k)?;
        write(&mut npz, model, rows, &inferred, &options.intervals)
    })?;
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
        samples.n_samples,
        samples.n_samples as f64 / seconds
    ));
    samples.say_skipped();
    Ok(())
}

fn write(npz: &mut NpzStream, model: &Model, rows: &[usize], inferred: &Inference, intervals: &[f64]) -> Result<()> {
    let (l, n) = (model.prior().n_latent(), model.prior().n_clusters());
    npz.add_integers("row", rows.iter().map(|&row| row as i64))?;
    npz.add_integers("cluster", pima_core::most_probable(inferred.responsibilities.view()).iter().map(|&c| c as i64))?;
    npz.add("responsibilities", &[n], inferred.responsibilities.iter().copied())?;
    npz.add("latent_mean", &[l], inferred.latent_mean.iter().copied())?;
    npz.add("latent_var", &[l], inferred.latent_var.iter().copied())?;
    for (name, prediction) in &inferred.predictions {
        let shape = shape_of(model, model.modality_index(name)?);
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
