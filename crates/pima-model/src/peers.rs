//! Simpler methods on the same split, to measure a model against: ridge regression and k-means on principal components.

use crate::config::{ExperimentConfig, PeersConfig};
use crate::evaluate::{Scores, scores};
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use pima_core::{KMeans, kmeans};
use pima_data::{Batch, Batches, Dataset, Labels, Normalisation, Split};
use pima_experts::{PrincipalComponents, PrincipalRegression};

/// Penalties that the validation samples choose from, in units of the variance along the first component.
const PENALTIES: [f64; 9] = [0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// k-means is begun so often for each of its seeds; the partition of the least inertia counts.
const RESTARTS: usize = 10;
const MAX_ITERATIONS: usize = 300;
/// Rows gathered together.
const ROWS: usize = 512;

/// What the simpler methods come to on each split.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The penalty of the regression, in units of the variance along the first component.
    pub penalty: f64,
    /// On the training samples, which they are fitted to.
    pub train: PeerEvaluation,
    /// On the validation samples, which choose the penalty.
    pub validation: PeerEvaluation,
    /// On the test samples.
    pub test: PeerEvaluation,
}

/// What the simpler methods come to on one split.
#[derive(Debug, Clone)]
pub struct PeerEvaluation {
    /// Samples that have both modalities.
    pub n: usize,
    /// Root mean square error of the ridge regression, normalised units; `None` without samples.
    pub ridge: Option<f64>,
    /// Scores of k-means, one for each of its seeds; empty without labels or samples.
    pub kmeans: Vec<Scores>,
}

/// One split as the simpler methods see it.
struct Seen {
    /// (D,d), normalised.
    from: Array2<f64>,
    /// (D,t), normalised.
    target: Array2<f64>,
    labels: Option<Vec<Option<usize>>>,
}

/// Fits the methods that a config names to the training samples and judges them on every split; `None` where it names none.
///
/// Values are normalised as the model's are. k-means has as many clusters as the model. Labels are used for its scores alone.
///
/// # Errors
/// When the dataset is not the config's, or too few samples have both modalities.
pub fn compare_with_peers(
    config: &ExperimentConfig,
    dataset: &Dataset,
    split: &Split,
    normalisations: &[Normalisation],
    seed: u64,
) -> Result<Option<Peers>> {
    let Some(peers) = &config.peers else { return Ok(None) };
    let see = |rows: &[usize]| Seen::new(peers, dataset, rows, normalisations);
    let (train, validation, test) = (see(&split.train)?, see(&split.validation)?, see(&split.test)?);
    let failed = |source| Error::Expert { modality: peers.from.clone(), source };
    let ridge = PrincipalRegression::fit(train.from.view(), train.target.view(), peers.components).map_err(failed)?;
    let ridge = if validation.from.is_empty() {
        ridge
    } else {
        let judged = ridge.with_best_penalty(&PENALTIES, validation.from.view(), validation.target.view());
        judged.map_err(failed)?
    };
    let components = PrincipalComponents::fit(train.from.view(), peers.cluster_components).map_err(failed)?;
    let partitions = match dataset.labels() {
        Some(_) => {
            let points = components.scores(train.from.view()).map_err(failed)?;
            (0..peers.seeds).map(|k| partition(points.view(), config.model.clusters, seed, k)).collect::<Result<_>>()?
        }
        None => Vec::new(),
    };
    let judge = |seen: &Seen| -> Result<PeerEvaluation> {
        let error = ridge.predict(seen.from.view()).map_err(failed)? - &seen.target;
        let points = components.scores(seen.from.view()).map_err(failed)?;
        let scored = match (&seen.labels, dataset.labels().map(Labels::n_labels)) {
            (Some(labels), Some(n_labels)) => {
                let scored = partitions.iter().filter_map(|partition| {
                    let clusters = nearest(points.view(), partition.centres.view());
                    scores(labels, &clusters, n_labels, config.model.clusters).transpose()
                });
                scored.collect::<Result<_>>()?
            }
            _ => Vec::new(),
        };
        Ok(PeerEvaluation { n: seen.from.nrows(), ridge: error.mapv(|e| e * e).mean().map(f64::sqrt), kmeans: scored })
    };
    Ok(Some(Peers {
        penalty: ridge.penalty(),
        train: judge(&train)?,
        validation: judge(&validation)?,
        test: judge(&test)?,
    }))
}

impl Seen {
    /// The samples of `rows` that have both modalities.
    fn new(peers: &PeersConfig, dataset: &Dataset, rows: &[usize], normalisations: &[Normalisation]) -> Result<Self> {
        let (from, target) = (position(dataset, &peers.from)?, position(dataset, &peers.predict)?);
        let has = |row: &usize| [from, target].iter().all(|&m| dataset.modalities()[m].is_present(*row));
        let rows: Vec<usize> = rows.iter().copied().filter(has).collect();
        let size = |m: usize| dataset.modalities()[m].size();
        let mut seen = Self {
            from: Array2::zeros((rows.len(), size(from))),
            target: Array2::zeros((rows.len(), size(target))),
            labels: dataset.labels().map(|labels| rows.iter().map(|&row| labels.of(row)).collect()),
        };
        let batches = Batches::new(dataset, normalisations)?;
        let mut batch = Batch::default();
        for (k, chunk) in rows.chunks(ROWS).enumerate() {
            batches.gather(chunk, &mut batch)?;
            let range = s![k * ROWS..k * ROWS + chunk.len(), ..];
            seen.from.slice_mut(range).zip_mut_with(&batch.values(from), |out, &x| *out = f64::from(x));
            seen.target.slice_mut(range).zip_mut_with(&batch.values(target), |out, &x| *out = f64::from(x));
        }
        Ok(seen)
    }
}

fn position(dataset: &Dataset, name: &str) -> Result<usize> {
    // For its error, which lists the names there are.
    let wanted = dataset.modality(name)?;
    Ok(dataset.modalities().iter().position(|modality| modality.name() == wanted.name()).unwrap_or(0))
}

/// The best of several k-means partitions, the `k`-th of those of a seed.
fn partition(points: ArrayView2<'_, f64>, n_clusters: usize, seed: u64, k: usize) -> Result<KMeans> {
    let mut rng = generator(seed, Purpose::Peers, 0, k);
    let mut best = kmeans(points, n_clusters, MAX_ITERATIONS, &mut rng)?;
    for _ in 1..RESTARTS {
        let next = kmeans(points, n_clusters, MAX_ITERATIONS, &mut rng)?;
        if next.inertia < best.inertia {
            best = next;
        }
    }
    Ok(best)
}

/// The nearest centre (N,k) of each point (D,k).
fn nearest(points: ArrayView2<'_, f64>, centres: ArrayView2<'_, f64>) -> Vec<usize> {
    let distances = |point: &ndarray::ArrayView1<'_, f64>| -> Array1<f64> {
        (&centres - point).mapv_into(|x| x * x).sum_axis(Axis(1))
    };
    let least = |distances: Array1<f64>| {
        let all = distances.iter().enumerate();
        all.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(cluster, _)| cluster)
    };
    points.outer_iter().map(|point| least(distances(&point))).collect()
}

#[cfg(test)]
mod tests;
