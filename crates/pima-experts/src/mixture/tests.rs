//! Mixtures of experts: planted clusters, closed forms, invariances, coverage of the standard errors, and bad input.

use ndarray::{ArrayViewMut1, ArrayViewMut2, Zip, array, concatenate, s};
use pima_core::{ExpertError, ExpertFit};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::{Basis, CurveUnits, LinearExpert};

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn noise(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn line(n_points: usize) -> LinearExpert {
    let axis = Array1::linspace(0.0, 1.0, n_points);
    LinearExpert::new(&Basis::Slope, axis.view(), &CurveUnits::default()).unwrap()
}

/// Curves of an expert whose cluster is `d % N`, with noise of standard deviation `sigma` (d).
fn curves_of(
    expert: &dyn Expert,
    theta: &Array2<f64>,
    n_samples: usize,
    sigma: &Array1<f64>,
    rng: &mut ChaCha8Rng,
) -> Array2<f64> {
    let mut curves = Array2::zeros((n_samples, expert.n_outputs()));
    for (d, mut curve) in curves.outer_iter_mut().enumerate() {
        expert.predict(theta.row(d % theta.nrows()), curve.view_mut());
        Zip::from(&mut curve).and(sigma).for_each(|value, sigma| *value += sigma * noise(rng));
    }
    curves
}

fn fit(expert: &dyn Expert, curves: &Array2<f64>, options: &MixtureOfExpertsOptions, seed: u64) -> MixtureOfExpertsFit {
    fit_mixture_of_experts(expert, curves.view().into(), options, &mut generator(seed)).unwrap()
}

/// Cluster found (N) for each planted one, by the first samples of each.
fn found(fit: &MixtureOfExpertsFit) -> Vec<usize> {
    let n_clusters = fit.theta.nrows();
    pima_core::most_probable(fit.responsibilities.slice(s![..n_clusters, ..])).to_vec()
}

#[test]
fn planted_lines_are_found_from_any_seed() {
    // Section 4.1 of Walker et al. (2023): slopes 0 to 9, noise of variance 0.01.
    let expert = line(20);
    let slopes = Array2::from_shape_fn((10, 1), |(c, _)| c as f64);
    for seed in 0..6 {
        for seeding in [Seeding::Fits, Seeding::Curves] {
            let curves = curves_of(&expert, &slopes, 2000, &Array1::from_elem(20, 0.1), &mut generator(seed));
            let options = MixtureOfExpertsOptions { seeding, restart_samples: 600, ..MixtureOfExpertsOptions::new(10) };
            let fit = fit(&expert, &curves, &options, seed);
            assert!(fit.converged);
            // 40,000 values less ten slopes.
            assert!((fit.variance[0] / 0.01 - 1.0).abs() < 5.0 * (2.0 / 40_000.0_f64).sqrt(), "{}", fit.variance);
            for (c, cluster) in found(&fit).into_iter().enumerate() {
                let error = (fit.theta[[cluster, 0]] - c as f64).abs();
                assert!(error < 4.5 * fit.standard_errors[[cluster, 0]], "seed {seed}, slope {c}: off by {error}");
                assert!((fit.weights[cluster] - 0.1).abs() < 1e-3);
                assert!((fit.prediction[[cluster, 19]] - fit.theta[[cluster, 0]]).abs() < 1e-12);
                assert!(fit.responsibilities.slice(s![c..;10, cluster]).iter().all(|g| *g > 0.9));
            }
        }
    }
}

#[test]
fn one_cluster_has_its_closed_form() {
    let expert = line(5);
    let curves = curves_of(&expert, &array![[2.0]], 7, &Array1::from_elem(5, 0.3), &mut generator(1));
    let fit = fit(&expert, &curves, &MixtureOfExpertsOptions::new(1), 0);
    let t = Array1::linspace(0.0, 1.0, 5);
    let tt = t.dot(&t);
    let slope = curves.dot(&t).sum() / (7.0 * tt);
    let variance = (&curves - &(&t * slope)).mapv(|e| e * e).sum() / 35.0;
    assert!((fit.theta[[0, 0]] - slope).abs() < 1e-12);
    assert!((fit.variance[0] / variance - 1.0).abs() < 1e-12);
    assert!((fit.standard_errors[[0, 0]] / (variance / (7.0 * tt)).sqrt() - 1.0).abs() < 1e-12);
    let log_likelihood = -2.5 * (std::f64::consts::TAU * std::f64::consts::E * variance).ln();
    assert!((fit.log_likelihood - log_likelihood).abs() < 1e-12 * log_likelihood.abs());
    assert_eq!(fit.responsibilities, Array2::<f64>::ones((7, 1)));
}

#[test]
fn weights_make_the_fit_that_of_normalised_data() {
    // The same data twice: in physical units with weight 1/scale^2, and normalised with a basis in normalised units.
    let scale = Array1::from_shape_fn(8, |j| 0.1 * 3.0_f64.powi(j as i32 % 4));
    let basis = Array2::from_shape_fn((8, 2), |(j, p)| (j as f64 / 7.0).powi(p as i32));
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let physical = LinearExpert::from_matrix(basis.clone(), names(), names()).unwrap();
    let scaled_basis = &basis / &scale.view().insert_axis(Axis(1));
    let normalised = LinearExpert::from_matrix(scaled_basis, names(), names()).unwrap();
    let theta = array![[1.0, -2.0], [3.0, 4.0], [-5.0, 0.5]];
    let curves = curves_of(&physical, &theta, 300, &(&scale * 0.4), &mut generator(5));
    let options = MixtureOfExpertsOptions::new(3);
    let weight = scale.mapv(|scale| 1.0 / (scale * scale));
    let weighted = Curves { weight: Some(weight.view()), ..curves.view().into() };
    let a = fit_mixture_of_experts(&physical, weighted, &options, &mut generator(6)).unwrap();
    let b = fit(&normalised, &(&curves / &scale), &options, 6);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
    assert!(a.theta.iter().zip(&b.theta).all(|(a, b)| close(*a, *b)), "{} {}", a.theta, b.theta);
    assert!(a.standard_errors.iter().zip(&b.standard_errors).all(|(a, b)| close(*a, *b)));
    assert!(a.responsibilities.iter().zip(&b.responsibilities).all(|(a, b)| close(*a, *b)));
    let variance = &b.variance * &scale * &scale;
    assert!(a.variance.iter().zip(&variance).all(|(a, b)| close(a / b, 1.0)));
    // The density of the physical values has the Jacobian of the scaling.
    assert!(close(a.log_likelihood, b.log_likelihood - scale.mapv(f64::ln).sum()));
    assert!((b.variance[0] - 0.16).abs() < 0.16 * 5.0 * (2.0 / 2400.0_f64).sqrt());
}

#[test]
fn absent_samples_and_coordinates_without_weight_do_not_matter() {
    let expert = line(6);
    let curves = curves_of(&expert, &array![[0.0], [2.0], [5.0]], 90, &Array1::from_elem(6, 0.2), &mut generator(2));
    let options = MixtureOfExpertsOptions { restart_samples: 40, ..MixtureOfExpertsOptions::new(3) };
    let complete = fit(&expert, &curves, &options, 3);
    // Every third row is a sample without the modality, full of NaN.
    let mut gaps = Array2::from_elem((135, 6), f64::NAN);
    let present = Array1::from_shape_fn(135, |row| row % 3 != 1);
    let rows: Vec<usize> = (0..135).filter(|&row| present[row]).collect();
    for (curve, &row) in curves.outer_iter().zip(&rows) {
        gaps.row_mut(row).assign(&curve);
    }
    let with_gaps = Curves { present: Some(present.view()), ..gaps.view().into() };
    let masked = fit_mixture_of_experts(&expert, with_gaps, &options, &mut generator(3)).unwrap();
    assert_eq!(masked.theta, complete.theta);
    assert_eq!(masked.log_likelihood, complete.log_likelihood);
    assert_eq!(masked.responsibilities.select(Axis(0), &rows), complete.responsibilities);
    assert_eq!(masked.responsibilities.row(1), masked.weights);

    // A seventh coordinate of NaN without weight.
    let wide = concatenate![Axis(1), curves, Array2::from_elem((90, 1), f64::NAN)];
    let wide_expert =
        LinearExpert::new(&Basis::Slope, array![0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 3.0].view(), &CurveUnits::default());
    let weight = array![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    let weighted = Curves { weight: Some(weight.view()), ..wide.view().into() };
    let reduced = fit_mixture_of_experts(&wide_expert.unwrap(), weighted, &options, &mut generator(3)).unwrap();
    // Starts that end at the same optimum differ in the last bit, so another of them may be kept: the same clusters in another order.
    let slopes = |theta: &Array2<f64>| {
        let mut slopes = theta.column(0).to_vec();
        slopes.sort_by(f64::total_cmp);
        slopes
    };
    for (a, b) in slopes(&reduced.theta).iter().zip(slopes(&complete.theta)) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
    assert_eq!(reduced.variance[6], f64::INFINITY);
    assert!((reduced.prediction[[0, 6]] - 3.0 * reduced.theta[[0, 0]]).abs() < 1e-12);
}

#[test]
fn a_variance_per_coordinate_is_found() {
    let expert = line(4);
    let sigma = array![0.1, 0.4, 0.2, 1.0];
    let curves = curves_of(&expert, &array![[0.0], [4.0]], 2000, &sigma, &mut generator(7));
    let noise = NoiseVariance::PerCoordinate;
    let fit = fit(&expert, &curves, &MixtureOfExpertsOptions { noise, ..MixtureOfExpertsOptions::new(2) }, 8);
    for (variance, sigma) in fit.variance.iter().zip(&sigma) {
        assert!((variance / (sigma * sigma) - 1.0).abs() < 5.0 * (2.0 / 2000.0_f64).sqrt(), "{variance} {sigma}");
    }
    // The weighted fit knows that the second and third points are worth more than the last.
    let precision: f64 = (1..4).map(|j| (j as f64 / 3.0 / sigma[j]).powi(2)).sum();
    assert!((fit.standard_errors[[0, 0]] * (1000.0 * precision).sqrt() - 1.0).abs() < 0.05);
}

#[test]
fn standard_errors_cover_the_truth_where_clusters_do_not_overlap() {
    let axis = Array1::linspace(0.0, 1.0, 10);
    let expert = LinearExpert::new(&Basis::Affine, axis.view(), &CurveUnits::default()).unwrap();
    let theta = array![[0.0, 1.0], [3.0, -2.0]];
    let options = MixtureOfExpertsOptions { n_restarts: 2, ..MixtureOfExpertsOptions::new(2) };
    let n_trials = 500;
    let mut covered = 0;
    for trial in 0..n_trials {
        let curves = curves_of(&expert, &theta, 60, &Array1::from_elem(10, 0.3), &mut generator(trial));
        let fit = fit(&expert, &curves, &options, trial);
        for (c, cluster) in found(&fit).into_iter().enumerate() {
            for p in 0..2 {
                let error = (fit.theta[[cluster, p]] - theta[[c, p]]).abs();
                covered += usize::from(error < 1.959_964 * fit.standard_errors[[cluster, p]]);
            }
        }
    }
    let share = covered as f64 / (4 * n_trials) as f64;
    // Intercept and slope of a cluster are correlated: count the two as one trial in the binomial error.
    assert!((share - 0.95).abs() < 4.0 * (0.95_f64 * 0.05 / (2 * n_trials) as f64).sqrt(), "{share}");
}

proptest! {
    #[test]
    fn the_likelihood_never_falls(
        values in proptest::collection::vec(-3.0..3.0_f64, 80),
        n_clusters in 1_usize..5,
        per_coordinate: bool,
        seed: u64,
    ) {
        let curves = Array2::from_shape_vec((20, 4), values).unwrap();
        let axis = Array1::linspace(0.0, 1.0, 4);
        let expert = LinearExpert::new(&Basis::Affine, axis.view(), &CurveUnits::default()).unwrap();
        let noise = if per_coordinate { NoiseVariance::PerCoordinate } else { NoiseVariance::Shared };
        let options = MixtureOfExpertsOptions { n_restarts: 1, noise, tolerance: 0.0, ..MixtureOfExpertsOptions::new(n_clusters) };
        let mut before = f64::NEG_INFINITY;
        for max_iterations in 1..20 {
            let fit = fit(&expert, &curves, &MixtureOfExpertsOptions { max_iterations, ..options.clone() }, seed);
            prop_assert!(fit.log_likelihood >= before - 1e-10, "{} after {before}", fit.log_likelihood);
            prop_assert!(fit.responsibilities.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
            prop_assert!((fit.weights.sum() - 1.0).abs() < 1e-12);
            before = fit.log_likelihood;
        }
    }
}

/// `E = exp(-rate t)`, fitted by Gauss-Newton with halved steps: an expert that is not linear.
#[derive(Debug)]
struct Decay {
    axis: Array1<f64>,
    names: [String; 1],
}

impl Decay {
    fn residual(&self, mean: ArrayView1<'_, f64>, weight: ArrayView1<'_, f64>, rate: f64) -> f64 {
        let terms = self.axis.iter().zip(mean).zip(weight);
        terms.map(|((t, mean), weight)| weight * (mean - (-rate * t).exp()).powi(2)).sum()
    }
}

impl Expert for Decay {
    fn n_outputs(&self) -> usize {
        self.axis.len()
    }

    fn parameter_names(&self) -> &[String] {
        &self.names
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        out.assign(&self.axis.mapv(|t| (-theta[0] * t).exp()));
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        out.column_mut(0).assign(&self.axis.mapv(|t| -t * (-theta[0] * t).exp()));
    }

    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        let mut rate = theta[0];
        let mut iterations = 0;
        loop {
            let (mut gradient, mut curvature) = (0.0, 0.0);
            for ((t, mean), weight) in self.axis.iter().zip(mean).zip(weight) {
                let value = (-rate * t).exp();
                gradient += weight * (mean - value) * -t * value;
                curvature += weight * (t * value).powi(2);
            }
            let before = self.residual(mean, weight, rate);
            let mut step = gradient / curvature;
            while self.residual(mean, weight, rate + step) > before {
                step *= 0.5;
            }
            rate += step;
            iterations += 1;
            if step.abs() < 1e-10 || iterations == 100 {
                return Ok(ExpertFit {
                    theta: array![rate],
                    residual: self.residual(mean, weight, rate),
                    covariance_factor: Some(array![[1.0 / curvature]]),
                    iterations,
                    converged: iterations < 100,
                });
            }
        }
    }
}

#[test]
fn an_expert_that_is_not_linear_is_fitted_too() {
    let expert = Decay { axis: Array1::linspace(0.0, 2.0, 12), names: ["rate".to_owned()] };
    let rates = array![[0.3], [1.0], [3.0]];
    let curves = curves_of(&expert, &rates, 600, &Array1::from_elem(12, 0.05), &mut generator(4));
    let options = MixtureOfExpertsOptions { start: Some(vec![1.0]), ..MixtureOfExpertsOptions::new(3) };
    let fit = fit(&expert, &curves, &options, 5);
    for (c, cluster) in found(&fit).into_iter().enumerate() {
        let error = (fit.theta[[cluster, 0]] - rates[[c, 0]]).abs();
        assert!(error < 4.5 * fit.standard_errors[[cluster, 0]], "rate {c} off by {error}");
    }
}

#[test]
fn the_generator_decides_the_result() {
    let expert = line(5);
    let curves = curves_of(&expert, &array![[0.0], [1.0]], 200, &Array1::from_elem(5, 0.5), &mut generator(1));
    let options = MixtureOfExpertsOptions { restart_samples: 50, ..MixtureOfExpertsOptions::new(2) };
    assert_eq!(fit(&expert, &curves, &options, 7), fit(&expert, &curves, &options, 7));
    let other = fit(&expert, &curves, &options, 8);
    assert_ne!(fit(&expert, &curves, &options, 7).restart_log_likelihoods, other.restart_log_likelihoods);
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let expert = line(3);
    let curves = array![[0.0, 1.0, 2.0], [0.0, 0.1, 0.2], [0.0, -1.0, -2.0]];
    let options = MixtureOfExpertsOptions::new(2);
    let text = |curves: Curves<'_>, options: &MixtureOfExpertsOptions| {
        fit_mixture_of_experts(&expert, curves, options, &mut generator(0)).unwrap_err().to_string()
    };
    let refused = |values: &Array2<f64>| text(values.view().into(), &options);
    let mut bad = curves.clone();
    bad[[1, 2]] = f64::NAN;
    assert!(refused(&bad).contains("values is NaN at row 1, column 2"), "{}", refused(&bad));
    assert!(refused(&Array2::zeros((4, 2))).contains("axis 1 of values (D,d) has length 2 but 3 was expected"));
    assert!(refused(&Array2::zeros((1, 3))).contains("at most the number of curves present"));
    // Three equal curves make no two clusters.
    let equal = refused(&Array2::ones((3, 3)));
    assert!(equal.contains("all 10 restarts failed") && equal.contains("distinct samples"), "{equal}");
    let weighted = |weight: Array1<f64>| text(Curves { weight: Some(weight.view()), ..curves.view().into() }, &options);
    assert!(weighted(array![1.0, 1.0]).contains("weight (d) has length 2"));
    assert!(weighted(array![1.0, -1.0, 1.0]).contains("weight is -1"));
    assert!(weighted(Array1::zeros(3)).contains("positive in some coordinate"));
    // Weight only where the line is zero whatever its slope.
    assert!(weighted(array![1.0, 0.0, 0.0]).contains("restarts failed"));
    let masked =
        |present: Array1<bool>| text(Curves { present: Some(present.view()), ..curves.view().into() }, &options);
    assert!(masked(array![true, true]).contains("present (D) has length 2"));
    assert!(masked(array![true, false, false]).contains("at most the number of curves present"));

    let changed = |change: fn(&mut MixtureOfExpertsOptions)| {
        let mut options = options.clone();
        change(&mut options);
        text(curves.view().into(), &options)
    };
    assert!(changed(|options| options.n_clusters = 0).contains("n_clusters is 0 but must be at least 1"));
    assert!(changed(|options| options.n_restarts = 0).contains("n_restarts"));
    assert!(changed(|options| options.restart_samples = 0).contains("restart_samples"));
    assert!(changed(|options| options.max_iterations = 0).contains("max_iterations"));
    assert!(changed(|options| options.tolerance = -1.0).contains("tolerance"));
    assert!(changed(|options| options.variance_floor = 0.0).contains("variance_floor"));
    assert!(changed(|options| options.start = Some(vec![1.0, 2.0])).contains("start (P) has length 2"));
    assert!(changed(|options| options.start = Some(vec![f64::NAN])).contains("start is NaN"));
}

#[test]
fn options_are_read_with_their_defaults() {
    let options: MixtureOfExpertsOptions =
        serde_json::from_str(r#"{"n_clusters":3,"noise":"per_coordinate","seeding":"curves"}"#).unwrap();
    let expected = MixtureOfExpertsOptions {
        noise: NoiseVariance::PerCoordinate,
        seeding: Seeding::Curves,
        ..MixtureOfExpertsOptions::new(3)
    };
    assert_eq!(options, expected);
    assert!(serde_json::from_str::<MixtureOfExpertsOptions>(r#"{"n_clusters":3,"restarts":1}"#).is_err());
}
