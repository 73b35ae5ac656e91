//! Principal components and the regression on them, against what they are by definition.

use ndarray::{Array1, Array2, Axis, array};
use pima_core::Expert;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

/// Samples of three directions of falling variance in `size` coordinates about a mean, and a little noise.
fn samples(n_samples: usize, size: usize, noise: f64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let ways = Array2::from_shape_fn((3, size), |(p, j)| ((p + 1) as f64 * (j as f64 + 0.5) * 3.1 / size as f64).cos());
    let amounts = Array2::from_shape_fn((n_samples, 3), |(_, p)| [3.0, 1.0, 0.3][p] * normal());
    let mean = Array1::linspace(1.0, 2.0, size);
    amounts.dot(&ways) + &mean + Array2::from_shape_simple_fn((n_samples, size), || noise * normal())
}

#[test]
fn components_are_the_eigenvectors_of_the_covariance_by_either_road() {
    // More samples than coordinates, and fewer.
    for (n_samples, size) in [(200, 12), (12, 200)] {
        let data = samples(n_samples, size, 0.01);
        let found = PrincipalComponents::fit(data.view(), 3).unwrap();
        let centred = &data - &data.mean_axis(Axis(0)).unwrap();
        let covariance = centred.t().dot(&centred) / (n_samples - 1) as f64;
        for (direction, &variance) in found.directions().outer_iter().zip(found.variances()) {
            assert!((direction.dot(&direction) - 1.0).abs() < 1e-12);
            let rest = covariance.dot(&direction) - &direction * variance;
            assert!(rest.dot(&rest).sqrt() < 1e-10 * found.variances()[0], "{n_samples} x {size}");
            let largest = direction.fold(0.0_f64, |most, &x| if x.abs() > most.abs() { x } else { most });
            assert!(largest > 0.0);
        }
        assert!(found.variances().windows(2).into_iter().all(|pair| pair[0] > pair[1]));
        // Coordinates have the variances, and none in common; what they leave is the noise.
        let scores = found.scores(data.view()).unwrap();
        let products = scores.t().dot(&scores) / (n_samples - 1) as f64;
        for ((p, q), &value) in products.indexed_iter() {
            let expected = if p == q { found.variances()[p] } else { 0.0 };
            assert!((value - expected).abs() < 1e-10 * found.variances()[0], "{p} {q}");
        }
        let rest = &centred - &scores.dot(found.directions());
        let noise = (rest.mapv(|x| x * x).mean().unwrap()).sqrt();
        assert!(noise < 0.011, "{noise}");
    }
}

#[test]
fn what_the_samples_do_not_hold_is_refused() {
    let data = samples(20, 30, 0.0);
    let says = |result: Result<PrincipalComponents>, word: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    };
    // Three ways of varying, whatever the sizes.
    says(PrincipalComponents::fit(data.view(), 4), "at most 3");
    says(PrincipalComponents::fit(data.view(), 0), "at least 1");
    says(PrincipalComponents::fit(data.slice(s![..3, ..]), 3), "at most 2");
    let mut broken = data.clone();
    broken[[4, 2]] = f64::NAN;
    says(PrincipalComponents::fit(broken.view(), 2), "value 2 of sample 4");
    let found = PrincipalComponents::fit(data.view(), 3).unwrap();
    assert!(found.scores(data.slice(s![.., ..9])).unwrap_err().to_string().contains("length of a sample"));
}

#[test]
fn the_expert_fits_a_curve_by_its_own_coordinates() {
    let data = samples(40, 60, 0.01);
    let found = PrincipalComponents::fit(data.view(), 3).unwrap();
    let expert = found.expert("GPa").unwrap();
    assert_eq!(expert.parameter_names(), ["pc1", "pc2", "pc3"]);
    assert_eq!(expert.parameter_units()[2], "GPa");
    let weight = Array1::from_elem(60, 2.0);
    let fit = expert.fit(data.row(7), weight.view(), Array1::zeros(3).view()).unwrap();
    let scores = found.scores(data.slice(s![7..8, ..])).unwrap();
    for (theta, score) in fit.theta.iter().zip(scores.row(0)) {
        assert!((theta - score).abs() < 1e-12 * found.variances()[0].sqrt(), "{theta} is not {score}");
    }
    // The curve, and what is left of it, include the mean.
    let mut curve = Array1::zeros(60);
    expert.predict(fit.theta.view(), curve.view_mut());
    let left = (&data.row(7) - &curve).mapv(|x| 2.0 * x * x).sum();
    assert!((fit.residual - left).abs() < 1e-9 * left);
    assert!(left < 60.0 * 2.0 * 2e-4, "{left}");
}

#[test]
fn components_come_back_from_a_file_to_the_last_bit() {
    let found = PrincipalComponents::fit(samples(20, 7, 0.1).view(), 2).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<PrincipalComponents>(&text).unwrap(), found);
    // A file in which the lengths disagree makes no expert.
    let damaged =
        text.replacen("\"mean\":{\"v\":1,\"dim\":[7],\"data\":[", "\"mean\":{\"v\":1,\"dim\":[8],\"data\":[0.0,", 1);
    assert_ne!(damaged, text);
    assert!(serde_json::from_str::<PrincipalComponents>(&damaged).unwrap().expert("").is_err());
}

#[test]
fn a_regression_on_all_components_is_least_squares_and_a_penalty_shrinks_it() {
    let data = samples(50, 8, 0.5);
    let truth = array![[1.0], [-2.0], [0.5], [0.0], [3.0], [1.0], [-1.0], [0.2]];
    let targets = data.dot(&truth) + 4.0;
    let exact = PrincipalRegression::fit(data.view(), targets.view(), 8).unwrap();
    let error = (exact.predict(data.view()).unwrap() - &targets).mapv(f64::abs).fold(0.0_f64, |a, &b| a.max(b));
    assert!(error < 1e-10, "{error}");
    // The penalised coefficients solve (S^T S + n lambda v_1) b = S^T y.
    let shrunk = exact.clone().with_penalty(0.1);
    let scores = exact.components.scores(data.view()).unwrap();
    let penalty = 50.0 * 0.1 * exact.components.variances()[0];
    let matrix = scores.t().dot(&scores) + Array2::<f64>::eye(8) * penalty;
    let centred = &targets - &targets.mean_axis(Axis(0)).unwrap();
    let rest = matrix.dot(&shrunk.coefficients()) - scores.t().dot(&centred);
    assert!(rest.iter().all(|x| x.abs() < 1e-8 * penalty), "{rest}");
    let length = |fit: &PrincipalRegression| fit.coefficients().mapv(|x| x * x).sum();
    assert!(length(&shrunk) < length(&exact));
    // Without noise in the targets no penalty is best; a target that is but noise is best left alone.
    let penalties = [0.0, 1e-3, 1.0, 1e3];
    assert_eq!(shrunk.with_best_penalty(&penalties, data.view(), targets.view()).unwrap().penalty(), 0.0);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut noise = |n: usize| Array2::from_shape_simple_fn((n, 1), || -> f64 { StandardNormal.sample(&mut rng) });
    let fit = PrincipalRegression::fit(data.slice(s![..25, ..]), noise(25).view(), 8).unwrap();
    let fit = fit.with_best_penalty(&penalties, data.slice(s![25.., ..]), noise(25).view()).unwrap();
    assert!(fit.penalty() >= 1.0, "{}", fit.penalty());
    assert!(PrincipalRegression::fit(data.view(), noise(3).view(), 2).is_err());
}
