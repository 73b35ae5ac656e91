//! How many clusters: what the trials of each number came to. Labels do not enter.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use ndarray::Axis;
use pima_cli::{ClustersRecord, SweepDirectory, TrialRecord};
use pima_core::{GmmOptions, bic, mixture_bic};
use pima_model::evaluate;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::settings::Sweep;
use crate::commands::evaluate::load;
use crate::progress::Progress;

/// The key that is the number of clusters.
const KEY: &str = "model.clusters";
/// Posterior means that mixtures are fitted to at most, evenly spaced over the training samples.
const POINTS: usize = 10_000;
/// Starts of each mixture: with fewer, one Gaussian more may come out worse.
const RESTARTS: usize = 20;

/// The records by number of clusters; empty where that is not varied or less than two numbers have finished trials.
///
/// # Errors
/// A run's model cannot be loaded or evaluated.
pub(super) fn choose(
    sweep: &Sweep,
    directory: &SweepDirectory,
    trials: &[TrialRecord],
    datasets: Option<&Path>,
    progress: &Progress,
) -> Result<Vec<ClustersRecord>> {
    let mut by_number: BTreeMap<usize, Vec<&TrialRecord>> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.counts()) {
        if let Some(clusters) = trial.parameters.get(KEY).and_then(serde_json::Value::as_u64) {
            by_number.entry(clusters as usize).or_default().push(trial);
        }
    }
    let Some(most) = by_number.keys().max().copied().filter(|_| by_number.len() > 1) else { return Ok(Vec::new()) };
    progress.note("weighing the numbers of clusters");
    let mut records = Vec::new();
    for (clusters, of_number) in by_number {
        // By the loss, whatever the sweep's objective: it is the likelihood that is weighed.
        let score = |trial: &TrialRecord| trial.loss.unwrap_or(f64::INFINITY);
        let Some(&best) = of_number.iter().min_by(|a, b| score(a).total_cmp(&score(b))) else { continue };
        let loaded = load(&directory.run_path(best.trial), datasets)?;
        let rows = &loaded.split.train;
        let train = evaluate(&loaded.model, &loaded.dataset, rows, loaded.config.posterior(), loaded.seed)?;
        let n_parameters = loaded.model.n_generative_parameters();
        // The loss is -2 ELBO per sample, and the ELBO bounds the likelihood from below.
        let whole = bic(-0.5 * train.loss.loss * rows.len() as f64, n_parameters, rows.len())?;
        let every = rows.len().div_ceil(POINTS).max(1);
        let kept: Vec<usize> = (0..rows.len()).step_by(every).collect();
        let points = train.latent_mean.select(Axis(0), &kept);
        let options = GmmOptions { n_restarts: RESTARTS, ..GmmOptions::new(1) };
        let mut rng = ChaCha8Rng::seed_from_u64(sweep.seed);
        let latent_bic = mixture_bic(points.view(), most, &options, &mut rng)?;
        records.push(ClustersRecord {
            clusters,
            trials: of_number.len(),
            trial: best.trial,
            elbo: -0.5 * score(best),
            n_samples: rows.len(),
            n_parameters,
            bic: whole,
            latent_clusters: least(&latent_bic),
            latent_bic,
            n_points: points.nrows(),
        });
    }
    Ok(records)
}

/// The number of Gaussians, which is counted from 1, at which the criterion is least.
fn least(bic: &[f64]) -> usize {
    (0..bic.len()).min_by(|&a, &b| bic[a].total_cmp(&bic[b])).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_gaussians_are_counted_from_one() {
        assert_eq!((least(&[3.0, 1.0, 2.0]), least(&[])), (2, 0));
    }
}
