//! EM iterations: responsibilities of the clusters for every curve, then the expert's fit to each cluster's mean curve.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use pima_core::{CurveSums, Expert, MixturePrior};

use super::scaled::ScaledCurves;
use super::{MixtureOfExpertsOptions, NoiseVariance};
use crate::{Error, Result};

/// Curves a pass handles at a time: their responsibilities stay in cache between the E- and the M-step.
pub(super) const CHUNK: usize = 256;
/// The least weight of a cluster, as in the prior's own M-step: from zero it could never grow again.
const WEIGHT_FLOOR: f64 = 1e-12;

/// Parameters of the clusters, and the Gaussian mixture that they make of the scaled curves.
#[derive(Debug, Clone)]
pub(super) struct Model {
    /// (N,P)
    pub(super) theta: Array2<f64>,
    /// N components in the k scaled coordinates: means are the expert's curves, variances are the noise and all the same.
    pub(super) prior: MixturePrior,
}

impl Model {
    fn new(
        expert: &dyn Expert,
        curves: &ScaledCurves,
        theta: Array2<f64>,
        logits: Array1<f64>,
        variance: ArrayView1<'_, f64>,
    ) -> Result<Self> {
        let mean = predictions(expert, curves, &theta);
        let variance = variance.broadcast(mean.raw_dim()).map(|variance| variance.to_owned());
        let Some(variance) = variance else { unreachable!("a row broadcasts to rows of its length") };
        Ok(Self { theta, prior: MixturePrior::new(logits, mean, variance)? })
    }
}

/// The end of one series of EM iterations.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) model: Model,
    /// Mean over the curves, of the scaled values.
    pub(super) log_likelihood: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

pub(super) fn maximise_likelihood(
    expert: &dyn Expert,
    curves: &ScaledCurves,
    start: Model,
    options: &MixtureOfExpertsOptions,
) -> Result<Run> {
    let n_clusters = options.n_clusters;
    let mut responsibilities = Array2::zeros((CHUNK, n_clusters));
    let mut sums = CurveSums::new(n_clusters, curves.values().ncols());
    let mut run = Run { model: start, log_likelihood: f64::NEG_INFINITY, iterations: 0, converged: false };
    loop {
        sums.clear();
        let mut log_likelihood = 0.0;
        for block in curves.values().axis_chunks_iter(Axis(0), CHUNK) {
            let mut responsibilities = responsibilities.slice_mut(s![..block.nrows(), ..]);
            log_likelihood += run.model.prior.expectation(block, responsibilities.view_mut())?;
            sums.add(responsibilities.view(), block, None)?;
        }
        log_likelihood /= curves.len() as f64;
        run.converged = log_likelihood - run.log_likelihood < options.tolerance;
        run.log_likelihood = log_likelihood;
        if run.converged || run.iterations == options.max_iterations {
            return Ok(run);
        }
        run.model = maximise(expert, curves, &sums, run.model.theta, run.model.prior.var().row(0), options)?;
        run.iterations += 1;
    }
}

/// The M-step: the expert's fit to the mean curve of each cluster (2023, eq. 16), then the noise about those fits.
///
/// `theta` (N,P) is where the fits start and what an empty cluster keeps; `variance` (k) weighs the coordinates.
pub(super) fn maximise(
    expert: &dyn Expert,
    curves: &ScaledCurves,
    sums: &CurveSums,
    mut theta: Array2<f64>,
    variance: ArrayView1<'_, f64>,
    options: &MixtureOfExpertsOptions,
) -> Result<Model> {
    let count = sums.count().column(0).to_owned();
    let precision = curves.precision(variance);
    for (cluster, mut theta) in theta.outer_iter_mut().enumerate() {
        if count[cluster] < WEIGHT_FLOOR {
            continue;
        }
        let mean = curves.unscale(sums.mean().row(cluster));
        let weight = &precision * count[cluster];
        let fit =
            expert.fit(mean.view(), weight.view(), theta.view()).map_err(|source| Error::Fit { cluster, source })?;
        theta.assign(&fit.theta);
    }
    let prediction = predictions(expert, curves, &theta);
    let floor = options.variance_floor;
    let variance = match options.noise {
        NoiseVariance::Shared => Array1::from_elem(prediction.ncols(), sums.variance_shared(prediction.view(), floor)?),
        NoiseVariance::PerCoordinate => {
            let residual = sums.residual(prediction.view())?.sum_axis(Axis(0));
            (residual / sums.count().sum_axis(Axis(0))).mapv(|variance| variance.max(floor))
        }
    };
    let logits = (&count / count.sum()).mapv(|share| share.max(WEIGHT_FLOOR).ln());
    Model::new(expert, curves, theta, logits, variance.view())
}

/// The expert's curves in the scaled coordinates, (N,k).
fn predictions(expert: &dyn Expert, curves: &ScaledCurves, theta: &Array2<f64>) -> Array2<f64> {
    let mut prediction = Array1::zeros(expert.n_outputs());
    let mut scaled = Array2::zeros((theta.nrows(), curves.values().ncols()));
    for (theta, mut scaled) in theta.outer_iter().zip(scaled.outer_iter_mut()) {
        expert.predict(theta, prediction.view_mut());
        scaled.assign(&curves.scale(prediction.view()));
    }
    scaled
}
