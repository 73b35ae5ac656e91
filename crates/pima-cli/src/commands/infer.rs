//! `pima infer`: from some modalities of samples to their clusters and their other modalities.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, ensure};
use ndarray::Array1;
use pima_cli::ParameterTable;
use pima_model::{InferOptions, Inference, Model};

use super::samples::{Samples, check_output, load, shape_of};
use crate::args::InferArgs;
use crate::failure::{Blame, Outcome, say};
use crate::identified::{self, Identified};
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
    if let Some(file) = &args.parameters {
        check_output(file, args.force)?;
    }
    let trained = load(&args.run, args.device)?;
    let samples = Samples::read(&args.given, &trained, args.from.as_deref(), args.skip_bad_rows)?;
    let model = trained.model;
    let given = samples.given.clone();
    let predict: Vec<usize> = match &args.predict {
        Some(names) => names.iter().map(|name| model.modality_index(name)).collect::<Result<_, _>>()?,
        None => {
            // What experts say of specimens is wanted of those too whose curves are known.
            let identifying = model.identifying();
            let identified = |m: usize| samples.are_of_specimens() && identifying.iter().any(|(own, _)| *own == m);
            (0..model.modality_names().count()).filter(|&m| !given.contains(&m) || identified(m)).collect()
        }
    };
    let score = args.from.is_some() && predict.iter().any(|m| compared(&samples, *m));
    let options = InferOptions {
        given,
        predict,
        engine: args.engine.unwrap_or_else(|| model.preferred_engine()),
        samples: args.samples,
        intervals: args.intervals.clone(),
        draws: args.draws,
        score,
        seed: args.seed,
    };
    model.check_inference(&options)?;
    ensure!(
        args.parameters.is_none() || model.identifying().iter().any(|(m, _)| options.predict.contains(m)),
        "--parameters: no modality is predicted that an expert decodes, so that there are no parameters to write"
    );
    Ok(Plan { model, samples, options })
}

/// Whether a modality is in the file without being inferred from.
fn compared(samples: &Samples, m: usize) -> bool {
    samples.measured.contains(&m) && !samples.given.contains(&m)
}

fn infer(args: &InferArgs, plan: &Plan) -> Result<()> {
    let begun = Instant::now();
    let Plan { model, samples, options } = plan;
    // Without the wish for a table, samples that are not of specimens may be too many for one.
    let tabled = samples.are_of_specimens() || args.parameters.is_some();
    let mut npz = NpzStream::new(&args.out);
    let mut identified = Identified::new(model);
    let mut parameters = ParameterTable::default();
    let mut densities = BTreeMap::<String, Mean>::new();
    samples.each_batch(model, |k, rows, _, batch| {
        let inferred = model.infer(batch, options, k)?;
        samples.write_rows(&mut npz, rows)?;
        write(&mut npz, model, &inferred, &options.intervals)?;
        if tabled {
            parameters.quantities = identified::quantities(&inferred);
            rows.iter().enumerate().for_each(|(at, &row)| identified.add(&samples.specimen(row), &inferred, at));
        }
        for (name, prediction) in &inferred.predictions {
            let m = model.modality_index(name)?;
            let Some(score) = prediction.score.as_ref().filter(|_| compared(samples, m)) else { continue };
            npz.add(&format!("{name}_log_density"), &[], score.log_density.iter().copied())?;
            npz.add(&format!("{name}_log_density_se"), &[], score.standard_error.iter().copied())?;
            densities.entry(name.clone()).or_default().add(&score.log_density);
        }
        Ok(())
    })?;
    npz.finish()?;
    let names = |of: &[usize]| {
        let all: Vec<&str> = model.modality_names().collect();
        of.iter().map(|&m| all[m]).collect::<Vec<_>>().join(", ")
    };
    let of_all = options.given.len() == model.modality_names().count();
    parameters.rows = identified.rows(&if of_all { "all".to_owned() } else { names(&options.given) });
    if let Some(file) = &args.parameters {
        parameters.write(file)?;
    }
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
    for (name, Mean { sum, n }) in &densities {
        say(format!("{name}: mean log predictive density {:.4} a sample, over {n}", sum / n));
    }
    samples.say_skipped();
    if samples.are_of_specimens() && !parameters.quantities.is_empty() {
        say(identified::shown(&parameters));
    }
    Ok(())
}

/// The mean of what is known.
#[derive(Default)]
struct Mean {
    sum: f64,
    n: f64,
}

impl Mean {
    fn add(&mut self, values: &Array1<f64>) {
        for value in values.iter().filter(|value| !value.is_nan()) {
            self.sum += value;
            self.n += 1.0;
        }
    }
}

fn write(npz: &mut NpzStream, model: &Model, inferred: &Inference, intervals: &[f64]) -> Result<()> {
    let (l, n) = (model.prior().n_latent(), model.prior().n_clusters());
    npz.add_integers("cluster", pima_core::most_probable(inferred.responsibilities.view()).iter().map(|&c| c as i64))?;
    npz.add("responsibilities", &[n], inferred.responsibilities.iter().copied())?;
    npz.add("latent_mean", &[l], inferred.latent_mean.iter().copied())?;
    npz.add("latent_var", &[l], inferred.latent_var.iter().copied())?;
    for (name, prediction) in &inferred.predictions {
        let shape = shape_of(model, model.modality_index(name)?);
        npz.add(&format!("{name}_mean"), &shape, prediction.mean.iter().copied())?;
        npz.add(&format!("{name}_var"), &shape, prediction.variance.iter().copied())?;
        for (level, (lower, upper)) in intervals.iter().zip(&prediction.intervals) {
            // 0.55 is 55 %, not 55.00000000000001.
            let percent = (1e12 * level).round() / 1e10;
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
