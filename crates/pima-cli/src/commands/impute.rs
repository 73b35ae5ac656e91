//! `pima impute`: samples with holes, filled in.

use anyhow::Result;
use pima_model::{InferOptions, Model};

use super::samples::{Samples, check_output, load, shape_of};
use crate::args::ImputeArgs;
use crate::failure::{Blame, Outcome, say};
use crate::npz_stream::NpzStream;

pub(crate) fn run(args: &ImputeArgs) -> Outcome {
    let (model, samples, options) = plan(args).blame_input()?;
    impute(args, &model, &samples, &options).blame_work()
}

fn plan(args: &ImputeArgs) -> Result<(Model, Samples, InferOptions)> {
    check_output(&args.out, args.force)?;
    let trained = load(&args.run, args.device)?;
    let samples = Samples::read(&args.data, &trained, None, args.skip_bad_rows)?;
    let model = trained.model;
    let options = options(args, &model);
    model.check_inference(&options)?;
    Ok((model, samples, options))
}

/// Everything from everything.
fn options(args: &ImputeArgs, model: &Model) -> InferOptions {
    let all: Vec<usize> = (0..model.modality_names().count()).collect();
    InferOptions {
        given: all.clone(),
        predict: all,
        engine: model.preferred_engine(),
        samples: args.samples,
        intervals: Vec::new(),
        draws: 0,
        score: false,
        seed: args.seed,
    }
}

fn impute(args: &ImputeArgs, model: &Model, samples: &Samples, options: &InferOptions) -> Result<()> {
    let names: Vec<String> = model.modality_names().map(str::to_owned).collect();
    let mut npz = NpzStream::new(&args.out);
    let mut filled = vec![0_usize; names.len()];
    samples.each_batch(model, |k, rows, data, batch| {
        let inferred = model.infer(batch, options, k)?;
        samples.write_rows(&mut npz, rows)?;
        npz.add_integers(
            "cluster",
            pima_core::most_probable(inferred.responsibilities.view()).iter().map(|&c| c as i64),
        )?;
        for (m, name) in names.iter().enumerate() {
            let prediction = &inferred.predictions[name];
            let own = data.modalities().iter().find(|modality| modality.name() == name);
            let (mut values, mut variance) = (prediction.mean.clone(), prediction.variance.clone());
            let measured = own.map(|own| own.values()).transpose()?;
            let mut imputed = vec![1; rows.len()];
            for (b, imputed) in imputed.iter_mut().enumerate().filter(|(b, _)| batch.weight()[[m, *b]] != 0.0) {
                if let Some(measured) = &measured {
                    // As it was measured, not as it came back from the normalisation.
                    values.row_mut(b).assign(&measured.row(b).mapv(f64::from));
                    variance.row_mut(b).fill(0.0);
                    *imputed = 0;
                }
            }
            filled[m] += imputed.iter().filter(|&&imputed| imputed == 1).count();
            let shape = shape_of(model, m);
            npz.add(name, &shape, values.iter().copied())?;
            npz.add(&format!("{name}_var"), &shape, variance.iter().copied())?;
            npz.add_integers(&format!("{name}_imputed"), imputed)?;
        }
        Ok(())
    })?;
    npz.finish()?;
    let counts = names.iter().zip(&filled).map(|(name, n)| format!("{name} in {n}"));
    let n = samples.n_samples;
    say(format!("{}: {n} samples, imputed {}", args.out.display(), counts.collect::<Vec<_>>().join(", ")));
    samples.say_skipped();
    Ok(())
}
