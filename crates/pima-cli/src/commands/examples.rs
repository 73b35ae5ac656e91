//! A few test samples inferred from one modality each, for the figures.

use anyhow::Result;
use pima_cli::{InferenceExamples, InferredValues};
use pima_data::{Batch, Batches, Dataset};
use pima_model::{Engine, InferOptions, Model};

/// How many.
const SAMPLES: usize = 8;

/// The first of `rows` that have every modality.
pub(super) fn examples(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    engine: Engine,
    seed: u64,
) -> Result<InferenceExamples> {
    let whole = rows.iter().copied().filter(|&row| dataset.modalities().iter().all(|m| m.is_present(row)));
    let rows: Vec<usize> = whole.take(SAMPLES).collect();
    let names: Vec<String> = model.modality_names().map(str::to_owned).collect();
    let mut examples = InferenceExamples::default();
    if rows.is_empty() || names.len() < 2 {
        return Ok(examples);
    }
    let mut batch = Batch::default();
    Batches::new(dataset, model.normalisations())?.gather(&rows, &mut batch)?;
    for modality in dataset.modalities() {
        let truth = modality.gather(&rows)?.mapv(f64::from);
        examples.truth.insert(modality.name().to_owned(), truth);
    }
    for given in 0..names.len() {
        let options = InferOptions {
            given: vec![given],
            predict: (0..names.len()).filter(|&m| m != given).collect(),
            engine,
            samples: 64,
            intervals: vec![0.9],
            draws: 0,
            score: false,
            seed,
        };
        for (predicted, prediction) in model.infer(&batch, &options, 0)?.predictions {
            let Some((lower, upper)) = prediction.intervals.into_iter().next() else { continue };
            let values = InferredValues { mean: prediction.mean, lower, upper };
            examples.predicted.insert((names[given].clone(), predicted), values);
        }
    }
    Ok(examples)
}
