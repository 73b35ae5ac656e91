//! Mixture of experts: EM in data space, which finds clusters of curves and the physical parameters of each together.

// EM iterations over the curves.
mod em;
// What a fit is asked for.
mod options;
// Curves checked, masked and scaled to noise of one size.
mod scaled;
// Where EM starts.
mod seeds;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use pima_core::{Expert, MixturePrior};
use rand::Rng;

pub use options::{MixtureOfExpertsOptions, NoiseVariance, Seeding};

use crate::{Error, Result, cramer_rao_bound};
use em::{Model, Run};
use scaled::ScaledCurves;
use seeds::Seeds;

/// D curves of one modality, in the physical units of the expert.
#[derive(Debug, Clone, Copy)]
pub struct Curves<'a> {
    /// The values, (D,d).
    pub values: ArrayView2<'a, f64>,
    /// Which samples have this modality, (D); all if `None`. Values of the others do not matter, be they NaN.
    pub present: Option<ArrayView1<'a, bool>>,
    /// Relative precision of each coordinate, (d): one over the square of its noise scale. All one if `None`.
    ///
    /// For data that a training loop sees as `(x - shift)/scale`, with noise of one size after that, it is `1/scale^2`.
    /// Coordinates of weight zero are left out, be they NaN.
    pub weight: Option<ArrayView1<'a, f64>>,
}

impl<'a> From<ArrayView2<'a, f64>> for Curves<'a> {
    /// Curves that are all present, with noise of one size in all coordinates.
    fn from(values: ArrayView2<'a, f64>) -> Self {
        Self { values, present: None, weight: None }
    }
}

/// Clusters of curves, each with the parameters of its expert.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureOfExpertsFit {
    /// Parameters of each cluster, (N,P), in the units of the expert.
    pub theta: Array2<f64>,
    /// Standard errors of the parameters, (N,P), given the responsibilities: where clusters overlap the true errors are
    /// larger. NaN for a cluster without samples and for parameters that its data leave undetermined.
    pub standard_errors: Array2<f64>,
    /// Share of each cluster in the samples, (N).
    pub weights: Array1<f64>,
    /// Variance of the noise in each coordinate, (d), in squared units of the data; infinite where the weight is zero.
    pub variance: Array1<f64>,
    /// The expert's curve of each cluster, (N,d).
    pub prediction: Array2<f64>,
    /// `p(c|x)` (D,N); the shares of the clusters for samples that are not present.
    pub responsibilities: Array2<f64>,
    /// Mean of `log p(x)` over the samples present, in nats, over the coordinates that have weight.
    pub log_likelihood: f64,
    /// Iterations of EM on all samples.
    pub iterations: usize,
    /// Whether the last fit met the tolerance, rather than ran out of iterations.
    pub converged: bool,
    /// Mean log-likelihood that each start reached on its samples, (n_restarts); minus infinity for one that failed.
    pub restart_log_likelihoods: Vec<f64>,
}

/// Fits `x ~ sum_c pi_c N(E(theta_c), diag(variance))` to curves by maximum likelihood, for any expert.
///
/// Several starts run on a subset of the curves and the one of the best likelihood is fitted to all. The M-step is eq. 16 of
/// Walker et al. (2023) on the weighted mean curve of each cluster; clusters share their noise variance. The result depends on
/// the arguments and the generator alone.
///
/// # Errors
/// [`Error::Shape`] and [`Error::NotFinite`] for curves that do not fit the expert or are not finite where they count;
/// [`Error::Option`] for an option or a weight outside its domain and for fewer curves than clusters; [`Error::Restarts`] when no
/// start came to an end, for example with fewer distinct curves than clusters; [`Error::Fit`] when the last fit failed.
pub fn fit_mixture_of_experts<R: Rng + ?Sized>(
    expert: &dyn Expert,
    curves: Curves<'_>,
    options: &MixtureOfExpertsOptions,
    rng: &mut R,
) -> Result<MixtureOfExpertsFit> {
    options.check(expert)?;
    let scaled = ScaledCurves::new(expert, curves)?;
    if scaled.len() < options.n_clusters {
        return Err(Error::Option {
            name: "n_clusters",
            value: options.n_clusters as f64,
            requirement: "at most the number of curves present",
        });
    }
    let n_tried = options.restart_samples.max(options.n_clusters);
    let subset = (n_tried < scaled.len()).then(|| {
        let rows = rand::seq::index::sample(rng, scaled.len(), n_tried);
        scaled.select(&rows.into_vec())
    });
    let tried = subset.as_ref().unwrap_or(&scaled);

    let (best, restart_log_likelihoods) = best_start(expert, tried, options, rng)?;
    let run = match subset {
        Some(_) => em::maximise_likelihood(expert, &scaled, best.model, options)?,
        None => best,
    };
    finish(expert, &curves, &scaled, run, restart_log_likelihoods)
}

fn best_start<R: Rng + ?Sized>(
    expert: &dyn Expert,
    curves: &ScaledCurves,
    options: &MixtureOfExpertsOptions,
    rng: &mut R,
) -> Result<(Run, Vec<f64>)> {
    let seeds = Seeds::new(expert, curves, options);
    let mut best: Option<Run> = None;
    let mut log_likelihoods = Vec::with_capacity(options.n_restarts);
    let mut failure = None;
    for _ in 0..options.n_restarts {
        let run = seeds
            .draw(expert, curves, options, rng)
            .and_then(|start| em::maximise_likelihood(expert, curves, start, options));
        match run {
            Ok(run) => {
                log_likelihoods.push(run.log_likelihood);
                if best.as_ref().is_none_or(|best| run.log_likelihood > best.log_likelihood) {
                    best = Some(run);
                }
            }
            Err(error) => {
                log_likelihoods.push(f64::NEG_INFINITY);
                failure = Some(error);
            }
        }
    }
    match (best, failure) {
        (Some(best), _) => Ok((best, log_likelihoods)),
        (None, Some(source)) => Err(Error::Restarts { n_restarts: options.n_restarts, source: Box::new(source) }),
        (None, None) => unreachable!("at least one restart was checked for"),
    }
}

/// The fit in the units and for the samples of the caller.
fn finish(
    expert: &dyn Expert,
    curves: &Curves<'_>,
    scaled: &ScaledCurves,
    run: Run,
    restart_log_likelihoods: Vec<f64>,
) -> Result<MixtureOfExpertsFit> {
    let Model { theta, prior } = run.model;
    let mut prediction = Array2::zeros((theta.nrows(), expert.n_outputs()));
    for (theta, out) in theta.outer_iter().zip(prediction.outer_iter_mut()) {
        expert.predict(theta, out);
    }
    let weights = prior.weights().to_owned();
    let mut responsibilities = Array2::zeros((curves.values.nrows(), theta.nrows()));
    responsibilities.assign(&weights);
    for (block, rows) in scaled.values().axis_chunks_iter(Axis(0), em::CHUNK).zip(scaled.rows().chunks(em::CHUNK)) {
        let mut of_block = Array2::zeros((rows.len(), theta.nrows()));
        prior.responsibilities(block, of_block.view_mut())?;
        for (&row, of_sample) in rows.iter().zip(of_block.outer_iter()) {
            responsibilities.row_mut(row).assign(&of_sample);
        }
    }
    Ok(MixtureOfExpertsFit {
        standard_errors: standard_errors(expert, scaled, &theta, &prior),
        variance: scaled.variance(prior.var().row(0)),
        log_likelihood: run.log_likelihood + scaled.log_jacobian(),
        restart_log_likelihoods: restart_log_likelihoods.iter().map(|value| value + scaled.log_jacobian()).collect(),
        iterations: run.iterations,
        converged: run.converged,
        theta,
        weights,
        prediction,
        responsibilities,
    })
}

/// Standard errors (N,P) of the parameters: `diag((J^T W J)^-1)^(1/2)` with the count of the cluster over the noise variance as
/// the weight of each coordinate.
fn standard_errors(
    expert: &dyn Expert,
    scaled: &ScaledCurves,
    theta: &Array2<f64>,
    prior: &MixturePrior,
) -> Array2<f64> {
    let precision = scaled.precision(prior.var().row(0));
    let mut errors = Array2::from_elem(theta.raw_dim(), f64::NAN);
    for ((theta, share), mut errors) in theta.outer_iter().zip(prior.weights()).zip(errors.outer_iter_mut()) {
        let weight = &precision * (share * scaled.len() as f64);
        if let Ok(bound) = cramer_rao_bound(expert, theta, weight.view(), 1.0) {
            errors.assign(&bound);
        }
    }
    errors
}
