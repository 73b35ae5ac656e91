//! Calibration of cross-modal inference: whether intervals hold as much as they say, and whether clusters inferred with probability p are right in a
//! fraction p of the cases.

use crate::infer::{Engine, InferOptions};
use crate::model::Model;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1};
use pima_core::{Reliability, most_probable};
use pima_data::{Batch, Batches, Dataset};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows inferred together.
const ROWS: usize = 512;
/// Draws of z: enough for moments, and a picture's decoder is not cheap.
const SAMPLES: usize = 16;
/// Bins of the reliability diagram.
const BINS: usize = 15;
/// Bins of the histogram of the distribution function at the truth.
const QUANTILE_BINS: usize = 20;

/// What inference from one modality alone comes to on samples whose other modalities are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// By name of the predicted modality.
    pub predicted: BTreeMap<String, Coverage>,
    /// Probabilities of the inferred clusters, beside how often they are right; absent without labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Reliability>,
    /// Samples looked at.
    pub n: usize,
}

/// How much of the truth the predictive intervals of one modality hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Fraction of all values of all samples that lie within the central interval of each level, by level in per cent ("90").
    pub covered: BTreeMap<String, f64>,
    /// Fractions of the values in bins of their own distribution function, from 0 to 1: flat where predictions are calibrated, high at the ends where they
    /// are too sure.
    pub histogram: Vec<f64>,
    /// Mean log predictive density per sample, nats, physical units; NaN where it is no number.
    #[serde(deserialize_with = "number")]
    pub log_density: f64,
    /// Root mean square error of the predictive mean, physical units; NaN where it is no number.
    #[serde(deserialize_with = "number")]
    pub rmse: f64,
    /// The same of the decoded centre of each sample's most probable cluster. Where a decoder depends on the cluster alone, this is the error that taking wrong
    /// clusters forces; the predictive mean, which weighs all clusters, should not be worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rmse_of_cluster: Option<f64>,
}

/// JSON has no infinities: `null` is NaN.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Infers every other modality of `rows` from each one alone, and compares with what is there: `[given]`, over the rows that have it. `assignment` says which
/// label each cluster stands for (N), where there are labels.
///
/// # Errors
/// When the dataset does not have the model's modalities, or the model no refitted encoders though the engine needs them.
pub fn calibration(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    assignment: Option<&[Option<usize>]>,
    levels: &[f64],
    engine: Engine,
    seed: u64,
) -> Result<BTreeMap<String, Calibration>> {
    let batches = Batches::new(dataset, model.normalisations())?;
    let names: Vec<String> = model.modality_names().map(str::to_owned).collect();
    let mut all = BTreeMap::new();
    for (given, name) in names.iter().enumerate() {
        let rows: Vec<usize> =
            rows.iter().copied().filter(|&row| dataset.modalities()[given].is_present(row)).collect();
        let options = InferOptions {
            given: vec![given],
            predict: (0..names.len()).filter(|&m| m != given).collect(),
            engine,
            samples: SAMPLES,
            intervals: Vec::new(),
            draws: 0,
            score: true,
            seed,
        };
        if rows.is_empty() || options.predict.is_empty() {
            continue;
        }
        let mut sums: BTreeMap<usize, Sums> = options.predict.iter().map(|&m| (m, Sums::new(levels))).collect();
        let centres: BTreeMap<usize, Array2<f64>> =
            sums.keys().map(|&m| Ok((m, model.decoded_centres(m)?))).collect::<Result<_>>()?;
        let (mut probability, mut right) = (Vec::new(), Vec::new());
        let mut batch = Batch::default();
        for (k, chunk) in rows.chunks(ROWS).enumerate() {
            batches.gather(chunk, &mut batch)?;
            let inferred = model.infer(&batch, &options, k)?;
            let clusters = most_probable(inferred.responsibilities.view());
            for (&m, sums) in &mut sums {
                let prediction = &inferred.predictions[&names[m]];
                let Some(score) = &prediction.score else {
                    return Err(Error::Infer { problem: "a prediction was not scored".to_owned() });
                };
                let truth = dataset.modalities()[m].gather(chunk)?;
                for b in (0..chunk.len()).filter(|&b| batch.weight()[[m, b]] != 0.0) {
                    sums.add(score.cumulative.row(b).iter(), score.log_density[b]);
                    let truth = truth.row(b).mapv(f64::from);
                    let square = |of: ArrayView1<'_, f64>| (&of - &truth).mapv(|e| e * e).sum();
                    sums.square += square(prediction.mean.row(b));
                    sums.square_of_cluster += square(centres[&m].row(clusters[b]));
                }
            }
            if let (Some(labels), Some(assignment)) = (dataset.labels(), assignment) {
                for (b, &cluster) in clusters.iter().enumerate() {
                    let Some(label) = labels.of(chunk[b]) else { continue };
                    probability.push(inferred.responsibilities[[b, cluster]]);
                    right.push(assignment.get(cluster).copied().flatten() == Some(label));
                }
            }
        }
        let predicted = sums.into_iter().filter(|(_, sums)| sums.values > 0.0);
        let predicted = predicted.map(|(m, sums)| (names[m].clone(), sums.finish(levels))).collect();
        let clusters = (!right.is_empty()).then(|| Reliability::new(&probability, &right, BINS));
        all.insert(name.clone(), Calibration { predicted, clusters, n: rows.len() });
    }
    Ok(all)
}

/// Sums over samples of one predicted modality.
struct Sums {
    /// Half of what each interval leaves out.
    tails: Vec<f64>,
    inside: Vec<f64>,
    histogram: Vec<f64>,
    log_density: f64,
    square: f64,
    square_of_cluster: f64,
    samples: f64,
    values: f64,
}

impl Sums {
    fn new(levels: &[f64]) -> Self {
        Self {
            tails: levels.iter().map(|level| 0.5 * (1.0 - level)).collect(),
            inside: vec![0.0; levels.len()],
            histogram: vec![0.0; QUANTILE_BINS],
            log_density: 0.0,
            square: 0.0,
            square_of_cluster: 0.0,
            samples: 0.0,
            values: 0.0,
        }
    }

    fn add<'a>(&mut self, cumulative: impl Iterator<Item = &'a f64>, log_density: f64) {
        for &p in cumulative {
            for (inside, tail) in self.inside.iter_mut().zip(&self.tails) {
                *inside += f64::from(u8::from(p >= *tail && p <= 1.0 - tail));
            }
            self.histogram[((p * QUANTILE_BINS as f64) as usize).min(QUANTILE_BINS - 1)] += 1.0;
            self.values += 1.0;
        }
        self.log_density += log_density;
        self.samples += 1.0;
    }

    fn finish(self, levels: &[f64]) -> Coverage {
        let share = |counts: Vec<f64>| -> Vec<f64> { counts.into_iter().map(|count| count / self.values).collect() };
        Coverage {
            covered: levels.iter().map(|level| (100.0 * level).to_string()).zip(share(self.inside)).collect(),
            histogram: share(self.histogram),
            log_density: self.log_density / self.samples,
            rmse: (self.square / self.values).sqrt(),
            rmse_of_cluster: Some((self.square_of_cluster / self.values).sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_write_is_read_back_as_no_number() {
        let coverage = Coverage { log_density: f64::NEG_INFINITY, rmse: f64::INFINITY, ..Coverage::default() };
        let text = serde_json::to_string(&coverage).unwrap();
        let again: Coverage = serde_json::from_str(&text).unwrap();
        assert!(again.log_density.is_nan() && again.rmse.is_nan(), "{text}");
    }
}
