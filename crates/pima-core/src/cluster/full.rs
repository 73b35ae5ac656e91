//! Gaussian mixtures with full covariances: clusters that are long in a direction of their own.

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut2, Axis};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::gmm::GmmOptions;
use super::kmeans::{check_points, kmeans};
use crate::latent_expert::Cholesky;
use crate::softmax::softmax_in_place;
use crate::{Error, Result, check};

/// Passes of k-means from which a restart begins: EM does the rest.
const KMEANS_ITERATIONS: usize = 10;
/// The least weight of a component: from zero it could never grow again.
const WEIGHT_FLOOR: f64 = 1e-12;

/// Mixture of N Gaussians with full covariances over l dimensions, `p(x) = sum_c weight_c N(x; mean_c, covariance_c)`.
///
/// Serialised as `weights`, `mean` and `covariance`; what is derived from them is computed again when read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct FullMixture {
    parameters: Parameters,
    factors: Vec<Cholesky>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// (N)
    weights: Array1<f64>,
    /// (N,l)
    mean: Array2<f64>,
    /// (N,l,l)
    covariance: Array3<f64>,
}

impl TryFrom<Parameters> for FullMixture {
    type Error = Error;

    fn try_from(Parameters { weights, mean, covariance }: Parameters) -> Result<Self> {
        Self::new(weights, mean, covariance)
    }
}

impl From<FullMixture> for Parameters {
    fn from(mixture: FullMixture) -> Self {
        mixture.parameters
    }
}

impl PartialEq for FullMixture {
    fn eq(&self, other: &Self) -> bool {
        self.parameters == other.parameters
    }
}

impl FullMixture {
    /// A mixture from its weights (N), means (N,l) and covariances (N,l,l).
    ///
    /// # Errors
    /// [`Error::Shape`] when the shapes disagree, [`Error::Empty`] without components or dimensions, and [`Error::InvalidParameter`] for a weight that
    /// is not positive or a covariance that is not positive definite.
    pub fn new(weights: Array1<f64>, mean: Array2<f64>, covariance: Array3<f64>) -> Result<Self> {
        let (n, l) = mean.dim();
        for (what, size) in [("the list of components", n), ("the axis of dimensions", l)] {
            if size == 0 {
                return Err(Error::Empty { operation: "mixture of full Gaussians", what });
            }
        }
        check::shape("weights of the mixture", "(N)", &[n], weights.shape())?;
        check::shape("covariances of the mixture", "(N,l,l)", &[n, l, l], covariance.shape())?;
        let invalid = |name: String, value: f64, requirement| Err(Error::InvalidParameter { name, value, requirement });
        if let Some((c, &weight)) = weights.iter().enumerate().find(|(_, weight)| **weight <= 0.0 || weight.is_nan()) {
            return invalid(format!("weight of component {c}"), weight, "positive");
        }
        if let Some(((c, _), &value)) = mean.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return invalid(format!("mean of component {c}"), value, "finite");
        }
        let mut factors = Vec::with_capacity(n);
        for (c, covariance) in covariance.outer_iter().enumerate() {
            match Cholesky::new(covariance, 0.0) {
                Some(factor) => factors.push(factor),
                None => {
                    let smallest = covariance.diag().fold(f64::INFINITY, |least, &v| least.min(v));
                    return invalid(format!("covariance of component {c}"), smallest, "positive definite");
                }
            }
        }
        Ok(Self { parameters: Parameters { weights, mean, covariance }, factors })
    }

    /// Weights of the components (N).
    pub fn weights(&self) -> &Array1<f64> {
        &self.parameters.weights
    }

    /// Means of the components (N,l).
    pub fn mean(&self) -> &Array2<f64> {
        &self.parameters.mean
    }

    /// Covariances of the components (N,l,l).
    pub fn covariance(&self) -> &Array3<f64> {
        &self.parameters.covariance
    }

    /// Writes `p(c|x)` of points (D,l) to `out` (D,N) and returns the sum of `log p(x)`, in nats.
    ///
    /// # Errors
    /// [`Error::Shape`] when `out` or the points do not fit.
    pub fn expectation(&self, points: ArrayView2<'_, f64>, mut out: ArrayViewMut2<'_, f64>) -> Result<f64> {
        let (n, l) = self.mean().dim();
        check::shape("points of the mixture", "(D,l)", &[points.nrows(), l], points.shape())?;
        check::shape("responsibilities of the mixture", "(D,N)", &[points.nrows(), n], out.shape())?;
        let constant: Vec<f64> = (self.weights().iter().zip(&self.factors))
            .map(|(weight, factor)| {
                weight.ln() - 0.5 * (factor.log_determinant() + l as f64 * std::f64::consts::TAU.ln())
            })
            .collect();
        let mut total = 0.0;
        let mut scores = vec![0.0; n];
        for (point, mut out) in points.outer_iter().zip(out.outer_iter_mut()) {
            for (c, score) in scores.iter_mut().enumerate() {
                let white = self.factors[c].whiten((&point - &self.mean().row(c)).view());
                *score = constant[c] - 0.5 * white.dot(&white);
            }
            total += softmax_in_place(&mut scores);
            out.iter_mut().zip(&scores).for_each(|(out, score)| *out = *score);
        }
        Ok(total)
    }

    /// The M-step: weights, means and covariances weighted by responsibilities (D,N), with `floor` added to every variance. A component whose
    /// responsibilities vanish keeps its place.
    fn maximise(&self, points: ArrayView2<'_, f64>, responsibilities: ArrayView2<'_, f64>, floor: f64) -> Result<Self> {
        let Parameters { mut weights, mut mean, mut covariance } = self.parameters.clone();
        for (c, g) in responsibilities.columns().into_iter().enumerate() {
            let n = g.sum();
            weights[c] = (n / points.nrows() as f64).max(WEIGHT_FLOOR);
            if n < 1e-6 {
                continue;
            }
            let centre = g.dot(&points) / n;
            let offset = &points - &centre;
            let weighted = &offset * &g.insert_axis(Axis(1));
            let mut spread = weighted.t().dot(&offset) / n;
            spread.diag_mut().mapv_inplace(|v| v + floor);
            mean.row_mut(c).assign(&centre);
            covariance.index_axis_mut(Axis(0), c).assign(&spread);
        }
        let total = weights.sum();
        Self::new(weights / total, mean, covariance)
    }
}

/// Fits a mixture of N Gaussians with full covariances to points (D,l), as [`fit_gmm`](super::fit_gmm) does one with diagonal ones: EM from k-means
/// partitions, the start of the best likelihood kept. Returns the mixture and its mean log-likelihood per sample.
///
/// `options.variance_floor` is added to every variance and is all that bounds the likelihood: with few samples to a dimension, choose it no less than a
/// thousandth of the points' own variance.
///
/// # Errors
/// As [`fit_gmm`](super::fit_gmm).
pub fn fit_full_gmm<R: Rng + ?Sized>(
    data: ArrayView2<'_, f64>,
    options: &GmmOptions,
    rng: &mut R,
) -> Result<(FullMixture, f64)> {
    options.check()?;
    check_points("Gaussian mixture", &data, options.n_clusters)?;
    let n_tried = options.restart_samples.max(options.n_clusters).min(data.nrows());
    let rows = rand::seq::index::sample(rng, data.nrows(), n_tried).into_vec();
    let tried = data.select(Axis(0), &rows);
    let mut best: Option<(FullMixture, f64)> = None;
    for _ in 0..options.n_restarts {
        let run = maximise_likelihood(tried.view(), start(tried.view(), options, rng)?, options)?;
        if best.as_ref().is_none_or(|best| run.1 > best.1) {
            best = Some(run);
        }
    }
    let Some((best, _)) = best else { unreachable!("at least one restart was checked for") };
    // In the order of the data, so that the sums do not depend on which were tried.
    let fitted = maximise_likelihood(data, best, options)?;
    if fitted.1.is_finite() {
        return Ok(fitted);
    }
    Err(Error::InvalidParameter {
        name: "log-likelihood of the Gaussian mixture".to_owned(),
        value: fitted.1,
        requirement: "finite: rescale the data or raise the variance floor",
    })
}

/// The mixture of a k-means partition.
fn start<R: Rng + ?Sized>(data: ArrayView2<'_, f64>, options: &GmmOptions, rng: &mut R) -> Result<FullMixture> {
    let (n, l) = (options.n_clusters, data.ncols());
    let partition = kmeans(data, n, KMEANS_ITERATIONS, rng)?;
    let member = |d: usize, c: usize| f64::from(u8::from(partition.assignment[d] == c));
    let membership = Array2::from_shape_fn((data.nrows(), n), |(d, c)| member(d, c));
    let round = Array3::from_shape_fn((n, l, l), |(_, i, j)| f64::from(u8::from(i == j)));
    let about = FullMixture::new(Array1::from_elem(n, 1.0 / n as f64), partition.centres, round)?;
    about.maximise(data, membership.view(), options.variance_floor)
}

fn maximise_likelihood(
    data: ArrayView2<'_, f64>,
    mut mixture: FullMixture,
    options: &GmmOptions,
) -> Result<(FullMixture, f64)> {
    let mut responsibilities = Array2::zeros((data.nrows(), options.n_clusters));
    let mut before = f64::NEG_INFINITY;
    for iteration in 0.. {
        let likelihood = mixture.expectation(data, responsibilities.view_mut())? / data.nrows() as f64;
        // The floor is no part of the likelihood, which may thus fall on the way without having reached its end.
        if iteration == options.max_iterations || (likelihood - before).abs() < options.tolerance {
            return Ok((mixture, likelihood));
        }
        before = likelihood;
        mixture = mixture.maximise(data, responsibilities.view(), options.variance_floor)?;
    }
    unreachable!("the loop ends by its return")
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::{ari, fit_gmm};

    /// A cross of two long clusters, and a round one beside it.
    fn cross(n: usize, rng: &mut ChaCha8Rng) -> (Array2<f64>, Vec<usize>) {
        let mut normal = || -> f64 { StandardNormal.sample(rng) };
        let mut points = Array2::zeros((n, 2));
        let labels: Vec<usize> = (0..n).map(|d| d % 3).collect();
        for (mut point, &label) in points.outer_iter_mut().zip(&labels) {
            let (along, across) = (5.0 * normal(), 0.2 * normal());
            let at = match label {
                0 => [along + across, along - across],
                1 => [20.0 + along + across, -along + across],
                _ => [10.0 + across, 15.0 + 0.2 * normal()],
            };
            point.assign(&array![at[0], at[1]]);
        }
        (points, labels)
    }

    fn clusters(mixture: &FullMixture, points: &Array2<f64>) -> Vec<usize> {
        let mut g = Array2::zeros((points.nrows(), mixture.weights().len()));
        mixture.expectation(points.view(), g.view_mut()).unwrap();
        crate::most_probable(g.view()).to_vec()
    }

    #[test]
    fn slanted_clusters_are_found_that_upright_ones_cannot_be() {
        for seed in 0..5 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (points, labels) = cross(600, &mut rng);
            let options = GmmOptions::new(3);
            let (mixture, likelihood) = fit_full_gmm(points.view(), &options, &mut rng).unwrap();
            let full = ari(&labels, &clusters(&mixture, &points), 3, 3).unwrap();
            assert!(full > 0.97, "seed {seed}: {full}");
            let upright = fit_gmm(points.view(), &options, &mut rng).unwrap();
            assert!(likelihood > upright.log_likelihood + 1.0, "seed {seed}");
            let total: f64 = mixture.weights().sum();
            assert!((total - 1.0).abs() < 1e-12);
        }
    }

    /// With a floor the likelihood can fall on the way: that is no reason to stop.
    #[test]
    fn a_fit_with_a_floor_goes_on_until_nothing_moves() {
        for seed in 0..5 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (points, _) = cross(300, &mut rng);
            for floor in [0.01, 1.0, 30.0] {
                let options = GmmOptions { variance_floor: floor, ..GmmOptions::new(4) };
                let (mixture, _) = fit_full_gmm(points.view(), &options, &mut rng).unwrap();
                let mut g = Array2::zeros((points.nrows(), 4));
                mixture.expectation(points.view(), g.view_mut()).unwrap();
                let next = mixture.maximise(points.view(), g.view(), floor).unwrap();
                let moved = (next.mean() - mixture.mean()).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
                assert!(moved < 0.05, "seed {seed}, floor {floor}: means still move by {moved}");
            }
        }
    }

    #[test]
    fn responsibilities_and_likelihood_are_what_the_density_says() {
        let covariance = array![[[2.0, 0.6], [0.6, 1.0]], [[1.0, 0.0], [0.0, 4.0]]];
        let mixture = FullMixture::new(array![0.25, 0.75], array![[0.0, 1.0], [2.0, -1.0]], covariance).unwrap();
        let point = array![[1.0, 0.5]];
        // N(x; m, A) = exp(-q/2) / (2 pi sqrt(det A)), inverses of two by two matrices written out.
        let density = |offset: [f64; 2], [a, b, c]: [f64; 3]| {
            let det = a * c - b * b;
            let q = (c * offset[0] * offset[0] - 2.0 * b * offset[0] * offset[1] + a * offset[1] * offset[1]) / det;
            (-0.5 * q).exp() / (std::f64::consts::TAU * det.sqrt())
        };
        let parts = [0.25 * density([1.0, -0.5], [2.0, 0.6, 1.0]), 0.75 * density([-1.0, 1.5], [1.0, 0.0, 4.0])];
        let mut g = Array2::zeros((1, 2));
        let likelihood = mixture.expectation(point.view(), g.view_mut()).unwrap();
        assert!((likelihood - (parts[0] + parts[1]).ln()).abs() < 1e-14);
        assert!((g[[0, 0]] - parts[0] / (parts[0] + parts[1])).abs() < 1e-14);
    }

    #[test]
    fn constant_coordinates_and_duplicates_are_left_to_the_floor_and_files_to_a_check() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut points, _) = cross(90, &mut rng);
        points.column_mut(1).fill(2.0);
        let double = ndarray::concatenate![Axis(0), points, points];
        let (mixture, likelihood) = fit_full_gmm(double.view(), &GmmOptions::new(3), &mut rng).unwrap();
        assert!(likelihood.is_finite());
        let text = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<FullMixture>(&text).unwrap(), mixture);
        let refused = |weights: [f64; 2], entry: f64| {
            let covariance = array![[[1.0, entry], [entry, 1.0]], [[1.0, 0.0], [0.0, 1.0]]];
            FullMixture::new(Array1::from_iter(weights), Array2::zeros((2, 2)), covariance).unwrap_err().to_string()
        };
        assert!(refused([0.5, 0.5], 1.5).contains("covariance of component 0"));
        assert!(refused([0.5, 0.0], 0.5).contains("weight of component 1"));
        assert!(fit_full_gmm(double.slice(s![..2, ..]), &GmmOptions::new(3), &mut rng).is_err());
    }
}
