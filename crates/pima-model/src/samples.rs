//! Single samples of a split: which are typical of a cluster, and what the model predicts of each from some modalities.

use crate::evaluate::Evaluation;
use crate::infer::{InferOptions, Inference};
use crate::model::Model;
use crate::{Error, Result};
use ndarray::Array2;
use pima_data::{Batch, Batches, Dataset};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Rows predicted together.
const ROWS: usize = 512;
/// Draws of z that a prediction averages over.
const DRAWS: usize = 20;

/// For each cluster the positions in an evaluated split of at most `n` of its samples, the nearest to the centre first, in units of the prior's
/// standard deviations. With the group of each sample of the split, such as its specimen, each is of another group.
pub fn nearest_samples(model: &Model, evaluation: &Evaluation, groups: Option<&[usize]>, n: usize) -> Vec<Vec<usize>> {
    let prior = model.prior();
    let of_cluster = |cluster: usize| {
        let (mean, var) = (prior.mean(), prior.var());
        let (mean, var) = (mean.row(cluster), var.row(cluster));
        let distance = |d: usize| -> f64 {
            let z = evaluation.latent_mean.row(d);
            z.iter().zip(mean).zip(var).map(|((z, m), v)| (z - m).powi(2) / v).sum()
        };
        let own = evaluation.clusters.iter().enumerate().filter(|(_, own)| **own == cluster);
        let mut own: Vec<(f64, usize)> = own.map(|(d, _)| (distance(d), d)).collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut seen = BTreeSet::new();
        let own = own.into_iter().map(|(_, d)| d);
        own.filter(|&d| seen.insert(groups.map_or(d, |groups| groups[d]))).take(n).collect()
    };
    (0..prior.n_clusters()).map(of_cluster).collect()
}

/// Modality `predict` of samples `rows` (D) as the model predicts it from the modalities `given` alone, (D,d) in the modality's own units; NaN for
/// samples that have none of them.
///
/// # Errors
/// When the dataset does not have the model's modalities, or one is asked for that there is not.
pub fn predicted_from(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    given: &[usize],
    predict: usize,
    seed: u64,
) -> Result<Array2<f64>> {
    if let Some(&m) = given.iter().chain([&predict]).find(|m| **m >= model.modality_names().count()) {
        return Err(Error::Infer { problem: format!("there is no modality number {m}") });
    }
    let options = InferOptions {
        given: given.to_vec(),
        predict: vec![predict],
        engine: model.preferred_engine(),
        samples: DRAWS,
        intervals: Vec::new(),
        draws: 0,
        score: false,
        seed,
    };
    let mut predicted = Array2::from_elem((rows.len(), model.modality_shape(predict).size()), f64::NAN);
    infer_rows(model, dataset, rows, &options, |places, inference| {
        for prediction in inference.predictions.values() {
            for (&d, mean) in places.iter().zip(prediction.mean.outer_iter()) {
                predicted.row_mut(d).assign(&mean);
            }
        }
    })?;
    Ok(predicted)
}

/// Infers samples `rows` that have one of the modalities `options.given`, some at a time: `each` is told their places in `rows` and what was inferred.
///
/// # Errors
/// As [`Model::infer`], and when the dataset does not have the model's modalities.
pub fn infer_rows(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    options: &InferOptions,
    mut each: impl FnMut(&[usize], &Inference),
) -> Result<()> {
    let given = || options.given.iter().filter_map(|&m| dataset.modalities().get(m));
    let seen: Vec<usize> = (0..rows.len()).filter(|&d| given().any(|data| data.is_present(rows[d]))).collect();
    let batches = Batches::new(dataset, model.normalisations())?;
    let mut batch = Batch::default();
    for (k, places) in seen.chunks(ROWS).enumerate() {
        let rows: Vec<usize> = places.iter().map(|&d| rows[d]).collect();
        batches.gather(&rows, &mut batch)?;
        each(places, &model.infer(&batch, options, k)?);
    }
    Ok(())
}

/// Samples that a start is fitted to, at most.
const MOST: usize = 1 << 16;

/// At most [`MOST`] of these rows, evenly from all of them: the few numbers that a start fits are as well known from so many, and they fit into memory.
pub(crate) fn some(rows: &[usize]) -> Cow<'_, [usize]> {
    if rows.len() <= MOST {
        return rows.into();
    }
    (0..MOST).map(|i| rows[i * rows.len() / MOST]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::{config, options, split, toy};
    use crate::{evaluate, train};
    use pima_core::{ClusterPosterior, most_probable};

    #[test]
    fn typical_samples_are_their_clusters_own_and_predictions_need_something_to_go_by() {
        let data = toy(120, true);
        let split = split(&data);
        let config = config(&[("epochs = 3", "epochs = 1")]);
        let model = train(&config, &data, &split, &options(1), &mut ()).unwrap().model;
        let evaluation = evaluate(&model, &data, &split.test, ClusterPosterior::Exact, 1).unwrap();
        let nearest = nearest_samples(&model, &evaluation, None, 2);
        let clusters = most_probable(evaluation.responsibilities.view());
        let distance = |d: usize, c: usize| {
            let offset = &evaluation.latent_mean.row(d) - &model.prior().mean().row(c);
            (&offset * &offset / model.prior().var().row(c)).sum()
        };
        for (c, chosen) in nearest.iter().enumerate() {
            let own: Vec<usize> = (0..split.test.len()).filter(|&d| clusters[d] == c).collect();
            assert_eq!(chosen.len(), own.len().min(2));
            assert!(chosen.iter().all(|d| own.contains(d)));
            let furthest = chosen.iter().map(|&d| distance(d, c)).fold(0.0, f64::max);
            let better = own.iter().filter(|&&d| distance(d, c) < furthest).count();
            assert!(better < 2, "cluster {c}: {better} are nearer");
        }
        // With two groups, the nearest of each.
        let group_of: Vec<usize> = (0..split.test.len()).map(|d| d % 2).collect();
        for (c, chosen) in nearest_samples(&model, &evaluation, Some(&group_of), 2).iter().enumerate() {
            for &d in chosen {
                let group =
                    (0..split.test.len()).filter(|&other| clusters[other] == c && group_of[other] == group_of[d]);
                assert!(group.into_iter().all(|other| distance(other, c) >= distance(d, c)));
            }
            let both: BTreeSet<usize> = chosen.iter().map(|&d| group_of[d]).collect();
            assert_eq!(both.len(), chosen.len());
        }
        // Every fourth curve is missing: from it alone nothing is said of the image.
        let predicted = predicted_from(&model, &data, &split.test, &[1], 0, 1).unwrap();
        for (&row, image) in split.test.iter().zip(predicted.outer_iter()) {
            assert_eq!(image.iter().all(|x| x.is_finite()), data.modalities()[1].is_present(row));
        }
        let curve = predicted_from(&model, &data, &split.test, &[0], 1, 1).unwrap();
        assert_eq!(curve.dim(), (split.test.len(), 5));
        assert!(curve.iter().all(|x| x.is_finite()));
        assert!(predicted_from(&model, &data, &split.test, &[2], 1, 1).is_err());
    }
}
