//! A few test samples inferred from one modality each, for the figures.

use std::collections::BTreeSet;

use anyhow::Result;
use pima_cli::{InferenceExamples, InferredValues};
use pima_data::{Batch, Batches, Dataset};
use pima_model::{Engine, InferOptions, Model};

/// How many.
const SAMPLES: usize = 8;

/// Some of the test split's `rows` that have every modality, from its beginning to its end; where rows are grouped by specimen, of as many specimens as there can be.
pub(super) fn examples(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    engine: Engine,
    seed: u64,
) -> Result<InferenceExamples> {
    let places = spread(rows, dataset);
    let rows: Vec<usize> = places.iter().map(|&place| rows[place]).collect();
    let names: Vec<String> = model.modality_names().map(str::to_owned).collect();
    let mut examples = InferenceExamples::default();
    if rows.is_empty() || names.len() < 2 {
        return Ok(examples);
    }
    examples.sample = places.iter().map(|&place| place as i64).collect();
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
            let parameters = prediction.parameters.map(|found| [found.mean, found.deviation]);
            let values = InferredValues { mean: prediction.mean, lower, upper, parameters };
            examples.predicted.insert((names[given].clone(), predicted), values);
        }
    }
    Ok(examples)
}

/// Places in `rows`, in their order.
fn spread(rows: &[usize], dataset: &Dataset) -> Vec<usize> {
    let whole = |row: usize| dataset.modalities().iter().all(|m| m.is_present(row));
    let whole: Vec<usize> = (0..rows.len()).filter(|&place| whole(rows[place])).collect();
    let mut seen = BTreeSet::new();
    let specimen = |place: usize| dataset.groups().map_or(place, |groups| groups[rows[place]]);
    let (first, others): (Vec<usize>, Vec<usize>) = whole.iter().partition(|&&place| seen.insert(specimen(place)));
    let evenly = |from: &[usize], n: usize| {
        (0..n.min(from.len())).map(|k| from[k * from.len() / n.min(from.len())]).collect::<Vec<_>>()
    };
    let mut chosen = evenly(&first, SAMPLES);
    chosen.extend(evenly(&others, SAMPLES - chosen.len()));
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use pima_core::ModalityShape;
    use pima_data::ModalityData;

    fn dataset(n: usize) -> Dataset {
        let (shape, present) = (ModalityShape::Vector { length: 2 }, (0..n).map(|row| row > 0).collect());
        let a = ModalityData::with_missing("a", shape, Array2::zeros((n, 2)), present).unwrap();
        let b = ModalityData::new("b", shape, Array2::zeros((n, 2))).unwrap();
        Dataset::new("made up", vec![a, b], None).unwrap()
    }

    #[test]
    fn samples_are_of_different_specimens_where_there_are_as_many() {
        let rows: Vec<usize> = (0..40).rev().collect();
        assert_eq!(spread(&rows, &dataset(40)), [0, 4, 9, 14, 19, 24, 29, 34], "the last, row 0, is missing");
        let of_ten = dataset(40).with_groups((0..40).map(|row| row / 4).collect()).unwrap();
        assert_eq!(spread(&rows, &of_ten), [0, 4, 8, 12, 20, 24, 28, 32], "the first of a specimen each");
        let of_two = dataset(40).with_groups((0..40).map(|row| row / 20).collect()).unwrap();
        let places = spread(&rows, &of_two);
        assert_eq!((places.len(), places[0]), (8, 0));
        assert!(places.contains(&20) && places.is_sorted(), "{places:?}");
        assert_eq!(spread(&rows[..3], &of_two), [0, 1, 2]);
    }
}
