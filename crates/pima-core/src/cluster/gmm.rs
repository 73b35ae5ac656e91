//! Gaussian mixtures with diagonal covariance by expectation-maximisation, with restarts.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::Rng;

use super::kmeans::{check_points, kmeans};
use crate::{Error, MixturePrior, MixtureSums, MixtureUpdate, Result, VarianceUpdate};

/// Samples a pass of EM handles at a time: their responsibilities stay in cache between the E- and the M-step.
const CHUNK: usize = 512;
/// Passes of k-means from which a restart begins: EM does the rest.
const KMEANS_ITERATIONS: usize = 10;

/// How a Gaussian mixture is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct GmmOptions {
    /// Number of components, N.
    pub n_clusters: usize,
    /// Number of starts; the one of the best likelihood is kept.
    pub n_restarts: usize,
    /// The starts are tried on this many samples, drawn at random without replacement; the best is then fitted to all.
    pub restart_samples: usize,
    /// Most iterations of EM, of each start and of the last fit.
    pub max_iterations: usize,
    /// Iterations end when the mean log-likelihood per sample gains less than this, in nats.
    pub tolerance: f64,
    /// Least variance of a component in any dimension, in squared units of the data. Without one, a component on duplicate
    /// points or in a constant column would shrink to a spike of infinite density.
    pub variance_floor: f64,
}

impl GmmOptions {
    /// The default options for a number of clusters: 10 restarts on 10,000 samples, at most 300 iterations to 1e-6 nats,
    /// variance at least 1e-6.
    pub fn new(n_clusters: usize) -> Self {
        Self {
            n_clusters,
            n_restarts: 10,
            restart_samples: 10_000,
            max_iterations: 300,
            tolerance: 1e-6,
            variance_floor: 1e-6,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let positive = |name: &str, value: f64, valid: bool, requirement| {
            let name = format!("{name} of the Gaussian mixture");
            if valid { Ok(()) } else { Err(Error::InvalidParameter { name, value, requirement }) }
        };
        let at_least_one = "at least 1";
        positive("n_restarts", self.n_restarts as f64, self.n_restarts > 0, at_least_one)?;
        positive("restart_samples", self.restart_samples as f64, self.restart_samples > 0, at_least_one)?;
        positive("max_iterations", self.max_iterations as f64, self.max_iterations > 0, at_least_one)?;
        positive("tolerance", self.tolerance, self.tolerance >= 0.0, "non-negative")?;
        let floored = self.variance_floor >= f64::MIN_POSITIVE && self.variance_floor.is_finite();
        positive("variance_floor", self.variance_floor, floored, "positive and finite")
    }
}

/// A fitted Gaussian mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct GmmFit {
    /// The mixture.
    pub prior: MixturePrior,
    /// Mean of `log p(z)` over all samples, in nats.
    pub log_likelihood: f64,
    /// Iterations of EM on all samples.
    pub iterations: usize,
    /// Whether the last fit met the tolerance, rather than ran out of iterations.
    pub converged: bool,
    /// Mean log-likelihood that each start reached on its samples, (n_restarts): how much the result owes to luck.
    pub restart_log_likelihoods: Vec<f64>,
}

/// Fits a mixture of N Gaussians with diagonal covariance to points (D,l) by maximum likelihood.
///
/// Each start is a k-means partition from k-means++ seeds, followed by EM (the responsibilities of Walker et al. 2023, eq. 14,
/// and the means and variances of eq. 15); the start of the best likelihood is kept. The likelihood never falls along the
/// iterations. Constant columns and duplicate points are handled by the variance floor; a component whose responsibilities
/// vanish keeps its place and a weight near zero. The result depends on the data, the options and the generator alone.
///
/// # Errors
/// [`Error::Empty`] without dimensions or clusters; [`Error::InvalidParameter`] for an option outside its domain, for fewer
/// distinct samples than clusters, and for data whose likelihood overflows; [`Error::NotFinite`] naming the sample and
/// dimension of a value that is not finite.
pub fn fit_gmm<R: Rng + ?Sized>(data: ArrayView2<'_, f64>, options: &GmmOptions, rng: &mut R) -> Result<GmmFit> {
    options.check()?;
    check_points("Gaussian mixture", &data, options.n_clusters)?;
    let n_tried = options.restart_samples.max(options.n_clusters);
    let drawn = (n_tried < data.nrows()).then(|| {
        let rows = rand::seq::index::sample(rng, data.nrows(), n_tried);
        data.select(Axis(0), &rows.into_vec())
    });
    let tried = drawn.as_ref().map_or(data, |drawn| drawn.view());

    let mut best: Option<Run> = None;
    let mut restart_log_likelihoods = Vec::with_capacity(options.n_restarts);
    for _ in 0..options.n_restarts {
        let run = maximise_likelihood(tried, start(tried, options, rng)?, options)?;
        restart_log_likelihoods.push(run.log_likelihood);
        if best.as_ref().is_none_or(|best| run.log_likelihood > best.log_likelihood) {
            best = Some(run);
        }
    }
    let Some(best) = best else { unreachable!("at least one restart was checked for") };
    let Run { prior, log_likelihood, iterations, converged } = match drawn {
        Some(_) => maximise_likelihood(data, best.prior, options)?,
        None => best,
    };
    if !log_likelihood.is_finite() {
        return Err(Error::InvalidParameter {
            name: "log-likelihood of the Gaussian mixture".to_owned(),
            value: log_likelihood,
            requirement: "finite: rescale the data or raise the variance floor",
        });
    }
    Ok(GmmFit { prior, log_likelihood, iterations, converged, restart_log_likelihoods })
}

/// The end of one series of EM iterations.
struct Run {
    prior: MixturePrior,
    /// Mean over the samples.
    log_likelihood: f64,
    iterations: usize,
    converged: bool,
}

/// The mixture of a k-means partition.
fn start<R: Rng + ?Sized>(data: ArrayView2<'_, f64>, options: &GmmOptions, rng: &mut R) -> Result<MixturePrior> {
    let partition = kmeans(data, options.n_clusters, KMEANS_ITERATIONS, rng)?;
    let mut sums = MixtureSums::new(options.n_clusters, data.ncols());
    let mut membership = Array2::zeros((CHUNK, options.n_clusters));
    let chunks = data.axis_chunks_iter(Axis(0), CHUNK).zip(partition.assignment.axis_chunks_iter(Axis(0), CHUNK));
    for (points, assignment) in chunks {
        membership.fill(0.0);
        for (mut row, &cluster) in membership.outer_iter_mut().zip(assignment) {
            row[cluster] = 1.0;
        }
        sums.add_points(membership.slice(s![..points.nrows(), ..]), points)?;
    }
    let var = Array2::ones(partition.centres.raw_dim());
    let about_centres = MixturePrior::new(Array1::zeros(options.n_clusters), partition.centres, var)?;
    sums.maximise(&about_centres, &update(options))
}

fn maximise_likelihood(data: ArrayView2<'_, f64>, start: MixturePrior, options: &GmmOptions) -> Result<Run> {
    let update = update(options);
    let mut responsibilities = Array2::zeros((CHUNK, options.n_clusters));
    let mut run = Run { prior: start, log_likelihood: f64::NEG_INFINITY, iterations: 0, converged: false };
    loop {
        let mut sums = MixtureSums::new(options.n_clusters, data.ncols());
        let mut log_likelihood = 0.0;
        for points in data.axis_chunks_iter(Axis(0), CHUNK) {
            let mut responsibilities = responsibilities.slice_mut(s![..points.nrows(), ..]);
            log_likelihood += run.prior.expectation(points, responsibilities.view_mut())?;
            sums.add_points(responsibilities.view(), points)?;
        }
        log_likelihood /= data.nrows() as f64;
        run.converged = log_likelihood - run.log_likelihood < options.tolerance;
        run.log_likelihood = log_likelihood;
        if run.converged || run.iterations == options.max_iterations {
            return Ok(run);
        }
        run.prior = sums.maximise(&run.prior, &update)?;
        run.iterations += 1;
    }
}

fn update(options: &GmmOptions) -> MixtureUpdate {
    MixtureUpdate {
        // Points have no posterior variance of their own.
        variance: VarianceUpdate::OfMeans,
        variance_floor: options.variance_floor,
        update_weights: true,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn generator(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Four components in three dimensions, ten or more standard deviations apart, of unequal weights and variances.
    fn planted() -> MixturePrior {
        MixturePrior::new(
            array![0.0, 0.5, 1.0, -0.5],
            array![[0.0, 0.0, 0.0], [20.0, 0.0, 5.0], [0.0, 20.0, -5.0], [20.0, 20.0, 0.0]],
            array![[1.0, 0.5, 2.0], [0.2, 1.0, 1.0], [2.0, 2.0, 0.1], [1.0, 1.0, 1.0]],
        )
        .unwrap()
    }

    #[test]
    fn separated_components_are_recovered_from_any_seed() {
        let planted = planted();
        for seed in 0..20 {
            let mut rng = generator(seed);
            let (data, component) = planted.sample(800, &mut rng);
            let fit = fit_gmm(data.view(), &GmmOptions::new(4), &mut rng).unwrap();
            assert!(fit.converged, "seed {seed}");
            assert_eq!(fit.restart_log_likelihoods.len(), 10);
            assert!(fit.restart_log_likelihoods.iter().all(|value| *value <= fit.log_likelihood));
            for c in 0..4 {
                let found = fit.prior.assign(planted.mean().slice(s![c..c + 1, ..])).unwrap()[0];
                let n = component.iter().filter(|&&of| of == c).count() as f64;
                assert!((fit.prior.weights()[found] - n / 800.0).abs() < 1e-6, "seed {seed}");
                for j in 0..3 {
                    let (mean, var) = (planted.mean()[[c, j]], planted.var()[[c, j]]);
                    let error = (fit.prior.mean()[[found, j]] - mean).abs() / (var / n).sqrt();
                    assert!(error < 4.5, "seed {seed}: mean {error} standard errors off");
                    let error = (fit.prior.var()[[found, j]] / var - 1.0).abs() / (2.0 / n).sqrt();
                    assert!(error < 5.0, "seed {seed}: variance {error} standard errors off");
                }
            }
        }
    }

    #[test]
    fn one_component_has_its_closed_form() {
        let data = array![[1.0, -3.0], [2.0, 5.0], [6.0, 7.0], [3.0, 3.0]];
        let fit = fit_gmm(data.view(), &GmmOptions::new(1), &mut generator(0)).unwrap();
        let mean = data.mean_axis(Axis(0)).unwrap();
        let var = data.var_axis(Axis(0), 0.0);
        // At its maximiser the quadratic term of the likelihood is one half per dimension.
        let log_likelihood: f64 = var.mapv(|var| -0.5 * (std::f64::consts::TAU * std::f64::consts::E * var).ln()).sum();
        assert!((fit.log_likelihood - log_likelihood).abs() < 1e-12 * log_likelihood.abs());
        for j in 0..2 {
            assert!((fit.prior.mean()[[0, j]] - mean[j]).abs() < 1e-14 * mean[j].abs());
            assert!((fit.prior.var()[[0, j]] - var[j]).abs() < 1e-14 * var[j]);
        }
    }

    #[test]
    fn points_are_posteriors_without_variance() {
        let prior = planted();
        let (data, _) = prior.sample(30, &mut generator(6));
        let mut responsibilities = Array2::zeros((30, 4));
        prior.responsibilities(data.view(), responsibilities.view_mut()).unwrap();
        let mut points = MixtureSums::new(4, 3);
        points.add_points(responsibilities.view(), data.view()).unwrap();
        let mut posteriors = MixtureSums::new(4, 3);
        // exp(-800) is zero in double precision.
        posteriors.add(responsibilities.view(), data.view(), Array2::from_elem((30, 3), -800.0).view()).unwrap();
        let update = MixtureUpdate::default();
        assert_eq!(points.maximise(&prior, &update).unwrap(), posteriors.maximise(&prior, &update).unwrap());
    }

    #[test]
    fn the_e_step_returns_the_sum_of_the_log_densities() {
        let prior = planted();
        let (data, _) = prior.sample(40, &mut generator(4));
        let mut responsibilities = Array2::zeros((40, 4));
        let sum = prior.expectation(data.view(), responsibilities.view_mut()).unwrap();
        let densities = prior.log_density(data.view()).unwrap().sum();
        assert!((sum - densities).abs() < 1e-12 * densities.abs(), "{sum} {densities}");
    }

    proptest! {
        #[test]
        fn the_likelihood_never_falls(
            values in proptest::collection::vec(-3.0..3.0_f64, 60), n_clusters in 1_usize..5, floor in 1e-6..0.5_f64, seed: u64
        ) {
            let data = Array2::from_shape_vec((30, 2), values).unwrap();
            let options = GmmOptions { n_restarts: 1, variance_floor: floor, tolerance: 0.0, ..GmmOptions::new(n_clusters) };
            let mut before = f64::NEG_INFINITY;
            for max_iterations in 1..25 {
                let options = GmmOptions { max_iterations, ..options.clone() };
                let fit = fit_gmm(data.view(), &options, &mut generator(seed)).unwrap();
                prop_assert!(fit.log_likelihood >= before - 1e-10, "{} after {before}", fit.log_likelihood);
                prop_assert!(fit.iterations <= max_iterations);
                prop_assert!(fit.prior.var().iter().all(|var| *var >= floor));
                let mean = fit.prior.log_density(data.view()).unwrap().mean().unwrap();
                prop_assert!((mean - fit.log_likelihood).abs() <= 1e-10 * (1.0 + mean.abs()));
                before = fit.log_likelihood;
            }
        }
    }

    #[test]
    fn restarts_on_a_sample_end_in_a_fit_to_all() {
        let planted = planted();
        let (data, component) = planted.sample(3000, &mut generator(8));
        let options = GmmOptions { restart_samples: 200, ..GmmOptions::new(4) };
        let run = |seed| fit_gmm(data.view(), &options, &mut generator(seed)).unwrap();
        let fit = run(9);
        // The maximum of the likelihood lies above its value at the truth.
        assert!(fit.log_likelihood > planted.log_density(data.view()).unwrap().mean().unwrap());
        let mut weights = fit.prior.weights().to_vec();
        let mut shares: Vec<f64> =
            (0..4).map(|c| component.iter().filter(|&&of| of == c).count() as f64 / 3000.0).collect();
        weights.sort_by(f64::total_cmp);
        shares.sort_by(f64::total_cmp);
        for (weight, share) in weights.iter().zip(&shares) {
            assert!((weight - share).abs() < 1e-6, "{weight} {share}");
        }
        assert_eq!(fit, run(9), "the generator decides the result");
        assert_ne!(fit.restart_log_likelihoods, run(10).restart_log_likelihoods);
    }

    #[test]
    fn an_offset_costs_no_digits() {
        let (data, _) = planted().sample(500, &mut generator(2));
        let near = fit_gmm(data.view(), &GmmOptions::new(4), &mut generator(3)).unwrap();
        let far = fit_gmm((&data + 1e7).view(), &GmmOptions::new(4), &mut generator(3)).unwrap();
        assert!((near.log_likelihood - far.log_likelihood).abs() < 1e-7, "{near:?} {far:?}");
    }

    #[test]
    fn constant_columns_and_duplicate_points_meet_the_floor() {
        // Three distinct points, ten times each, and a constant column.
        let data = Array2::from_shape_fn((30, 2), |(d, j)| if j == 0 { (d % 3) as f64 } else { 7.0 });
        let options = GmmOptions { variance_floor: 1e-4, ..GmmOptions::new(3) };
        let fit = fit_gmm(data.view(), &options, &mut generator(0)).unwrap();
        assert!(fit.prior.var().iter().all(|var| *var == 1e-4));
        let mut centres = fit.prior.mean().column(0).to_vec();
        centres.sort_by(f64::total_cmp);
        assert_eq!(centres, [0.0, 1.0, 2.0]);
        let text = |n| fit_gmm(data.view(), &GmmOptions::new(n), &mut generator(0)).unwrap_err().to_string();
        assert!(text(4).contains("n_clusters is 4 but must be at most the number of distinct samples"), "{}", text(4));
        assert!(text(31).contains("at most the number of samples"));
    }

    #[test]
    fn bad_data_and_options_are_refused() {
        let text = |data: Array2<f64>, options: GmmOptions| {
            fit_gmm(data.view(), &options, &mut generator(0)).unwrap_err().to_string()
        };
        let data = array![[1.0, 2.0], [3.0, 4.0], [0.0, 9.0]];
        let bad = array![[1.0, 2.0], [3.0, f64::NAN], [0.0, 9.0]];
        assert!(text(bad, GmmOptions::new(2)).contains("data is NaN at sample 1, dimension 1"));
        assert!(text(Array2::zeros((3, 0)), GmmOptions::new(2)).contains("axis of dimensions is empty"));
        assert!(text(data.clone(), GmmOptions::new(0)).contains("list of clusters is empty"));
        let refused = |change: fn(&mut GmmOptions)| {
            let mut options = GmmOptions::new(2);
            change(&mut options);
            text(data.clone(), options)
        };
        assert!(refused(|options| options.n_restarts = 0).contains("n_restarts"));
        assert!(refused(|options| options.restart_samples = 0).contains("restart_samples"));
        assert!(refused(|options| options.max_iterations = 0).contains("max_iterations"));
        assert!(refused(|options| options.tolerance = f64::NAN).contains("tolerance"));
        assert!(refused(|options| options.variance_floor = 0.0).contains("variance_floor"));
    }
}
