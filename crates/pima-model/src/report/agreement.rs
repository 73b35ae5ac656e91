//! What generated data say about the truth, against what a model identified; and what is known without a model at all. For reporting only.

use super::SampleParameters;
use crate::Result;
use crate::model::Model;
use ndarray::{Array1, Array2};
use pima_data::{Batch, Batches, Dataset};
use std::collections::BTreeMap;

/// Rows gathered together.
const ROWS: usize = 512;

/// Correlation of each identified quantity with its truth, by name, over the samples `rows` (D) of a dataset: within the classes, as deviations from the
/// mean of the sample's label, so that telling the classes apart earns nothing. Rows of one group ([`Dataset::groups`]) are averaged first. A quantity
/// that does not vary within any class, as where an expert has one curve a cluster, correlates with nothing: 0. Empty where the data carry no truth.
pub fn truth_correlations(parameters: &SampleParameters, dataset: &Dataset, rows: &[usize]) -> BTreeMap<String, f64> {
    let Some(truth) = dataset.truth() else { return BTreeMap::new() };
    let of_name = |(q, name): (usize, &String)| {
        let k = truth.names().iter().position(|own| own == name)?;
        let pairs = rows.iter().enumerate().map(|(d, &row)| (row, parameters.values[[d, q]], truth.values()[[row, k]]));
        Some((name.clone(), correlation(dataset, pairs)?))
    };
    parameters.names.iter().enumerate().filter_map(of_name).collect()
}

/// `None` where the truth itself does not vary, or nothing was identified.
fn correlation(dataset: &Dataset, pairs: impl Iterator<Item = (usize, f64, f64)>) -> Option<f64> {
    // (label, group) to sums over its rows: number, identified, true.
    let mut groups: BTreeMap<(usize, usize), [f64; 3]> = BTreeMap::new();
    for (row, identified, truth) in pairs.filter(|(_, a, b)| a.is_finite() && b.is_finite()) {
        // Samples whose label is not known are a class of their own.
        let label = dataset.labels().and_then(|labels| labels.of(row)).map_or(0, |label| label + 1);
        let group = dataset.groups().map_or(row, |groups| groups[row]);
        let sums = groups.entry((label, group)).or_default();
        sums.iter_mut().zip([1.0, identified, truth]).for_each(|(sum, value)| *sum += value);
    }
    let mut labels: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for ((label, _), [n, identified, truth]) in groups {
        labels.entry(label).or_default().push((identified / n, truth / n));
    }
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    let mut size = 0.0_f64;
    for members in labels.values() {
        let n = members.len() as f64;
        let (a, b) = members.iter().fold((0.0, 0.0), |(a, b), member| (a + member.0 / n, b + member.1 / n));
        for member in members {
            aa += (member.0 - a).powi(2);
            ab += (member.0 - a) * (member.1 - b);
            bb += (member.1 - b).powi(2);
            size += member.0.powi(2);
        }
    }
    if bb <= 0.0 || labels.is_empty() {
        return None;
    }
    // What is left of equal numbers after subtraction is rounding.
    Some(if aa <= 1e-20 * size { 0.0 } else { ab / (aa * bb).sqrt() })
}

/// The mean truth of a class about each of the quantities `names` (Q), over all of a dataset; rows of one group count once. NaN for a quantity that is not
/// known. `None` where the data carry no truth, or no sample has the label.
pub fn true_class_means(names: &[String], dataset: &Dataset, label: usize) -> Option<Vec<f64>> {
    let (truth, labels) = (dataset.truth()?, dataset.labels()?);
    let of_label = labels.values().iter().enumerate().filter(|(_, own)| **own == label);
    let one_each: BTreeMap<usize, usize> =
        of_label.map(|(row, _)| (dataset.groups().map_or(row, |groups| groups[row]), row)).collect();
    let mean = |k: usize| one_each.values().map(|&row| truth.values()[[row, k]]).sum::<f64>() / one_each.len() as f64;
    let column = |name: &String| truth.names().iter().position(|own| own == name);
    (!one_each.is_empty()).then(|| names.iter().map(|name| column(name).map_or(f64::NAN, mean)).collect())
}

/// Root mean square errors, normalised units, by modality, over `rows` of a dataset, of the mean of their class's samples among `known`: how well one
/// predicts who is told the label and nothing else. Empty without labels.
///
/// # Errors
/// When the dataset does not have the model's modalities.
pub fn class_mean_errors(
    model: &Model,
    dataset: &Dataset,
    known: &[usize],
    rows: &[usize],
) -> Result<BTreeMap<String, f64>> {
    let Some(labels) = dataset.labels() else { return Ok(BTreeMap::new()) };
    let batches = Batches::new(dataset, model.normalisations())?;
    let mut batch = Batch::default();
    let sizes: Vec<usize> = dataset.modalities().iter().map(pima_data::ModalityData::size).collect();
    let mut means: Vec<_> =
        sizes.iter().map(|&d| (Array2::<f64>::zeros((labels.n_labels(), d)), vec![0.0; labels.n_labels()])).collect();
    for chunk in known.chunks(ROWS) {
        batches.gather(chunk, &mut batch)?;
        for (m, (sum, count)) in means.iter_mut().enumerate() {
            for (b, x) in batch.values(m).outer_iter().enumerate().filter(|(b, _)| batch.weight()[[m, *b]] != 0.0) {
                let Some(label) = labels.of(chunk[b]) else { continue };
                sum.row_mut(label).zip_mut_with(&x, |sum, &x| *sum += f64::from(x));
                count[label] += 1.0;
            }
        }
    }
    for (sum, count) in &mut means {
        sum.outer_iter_mut().zip(count).for_each(|(mut sum, count)| sum /= *count);
    }
    let mut squares = vec![(0.0, 0.0); sizes.len()];
    for chunk in rows.chunks(ROWS) {
        batches.gather(chunk, &mut batch)?;
        for (m, (square, n)) in squares.iter_mut().enumerate() {
            for (b, x) in batch.values(m).outer_iter().enumerate().filter(|(b, _)| batch.weight()[[m, *b]] != 0.0) {
                let Some(label) = labels.of(chunk[b]) else { continue };
                let mean = means[m].0.row(label);
                let error: Array1<f64> = x.iter().zip(mean).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).collect();
                // A class that was not met among the known is passed over.
                if error.iter().all(|e| e.is_finite()) {
                    *square += error.sum();
                    *n += x.len() as f64;
                }
            }
        }
    }
    let names = dataset.modalities().iter().map(|data| data.name().to_owned());
    let errors = names.zip(squares).filter(|(_, (_, n))| *n > 0.0);
    Ok(errors.map(|(name, (square, n))| (name, (square / n).sqrt())).collect())
}
