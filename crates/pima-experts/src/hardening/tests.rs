//! Two lines against fine scans, planted truths, finite differences and bad input.

use std::sync::Arc;

use ndarray::{Array1, Array2, array, s};
use pima_core::{LatentExpert, LatentFitOptions, LatentSamples};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::*;

fn expert(strain: &Array1<f64>, options: HardeningOptions) -> StrainHardening {
    let units = CurveUnits { axis: String::new(), value: "MPa".into() };
    StrainHardening::new(strain.view(), options, &units).unwrap()
}

fn curve(expert: &StrainHardening, theta: &Array1<f64>) -> Array1<f64> {
    let mut out = Array1::zeros(expert.n_outputs());
    expert.predict(theta.view(), out.view_mut());
    out
}

fn fit(expert: &StrainHardening, stress: &Array1<f64>, weight: &Array1<f64>) -> Result<ExpertFit, ExpertError> {
    expert.fit(stress.view(), weight.view(), Array1::zeros(3).view())
}

fn sum_of_squares(expert: &StrainHardening, theta: &Array1<f64>, stress: &Array1<f64>, weight: &Array1<f64>) -> f64 {
    let model = curve(expert, theta);
    (0..stress.len()).filter(|&j| weight[j] > 0.0).map(|j| weight[j] * (stress[j] - model[j]).powi(2)).sum()
}

/// The least sum of squares over `n` yield strains, each with its best E and H (with E >= H if not `stiffening`).
fn scan(strain: &Array1<f64>, stress: &Array1<f64>, weight: &Array1<f64>, stiffening: bool, n: usize) -> f64 {
    let used: Vec<usize> = (0..strain.len()).filter(|&j| weight[j] > 0.0 && strain[j] > 0.0).collect();
    let (first, last) = (strain[used[0]], strain[used[used.len() - 1]]);
    let squares = |elastic: f64, hardening: f64, corner: f64| -> f64 {
        let model = |t: f64| elastic * t.min(corner) + hardening * (t - corner).max(0.0);
        (0..strain.len()).filter(|&j| weight[j] > 0.0).map(|j| weight[j] * (stress[j] - model(strain[j])).powi(2)).sum()
    };
    let mut least = f64::INFINITY;
    for i in 0..n {
        let corner = first + (last - first) * i as f64 / (n - 1) as f64;
        let (mut uu, mut uv, mut vv, mut uy, mut vy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &j in &used {
            let (u, v, w, y) = (strain[j].min(corner), (strain[j] - corner).max(0.0), weight[j], stress[j]);
            (uu, uv, vv, uy, vy) = (uu + w * u * u, uv + w * u * v, vv + w * v * v, uy + w * u * y, vy + w * v * y);
        }
        let determinant = uu * vv - uv * uv;
        let (elastic, hardening) = ((vv * uy - uv * vy) / determinant, (uu * vy - uv * uy) / determinant);
        if determinant > 1e-10 * uu * vv && (stiffening || elastic >= hardening) {
            least = least.min(squares(elastic, hardening, corner));
        }
    }
    let (tt, ty) = used.iter().fold((0.0, 0.0), |(tt, ty), &j| {
        (tt + weight[j] * strain[j] * strain[j], ty + weight[j] * strain[j] * stress[j])
    });
    least.min(squares(ty / tt, ty / tt, last))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_scan_finds_anything_better(seed: u64, n in 3_usize..60, stiffening: bool, shape in 0..4_u8) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut t = if seed.is_multiple_of(2) { 0.0 } else { rng.random_range(0.0..0.1) };
        let strain: Array1<f64> = (0..n + 1).map(|_| { t += rng.random_range(1e-4..0.02); t }).collect();
        let strain = if seed.is_multiple_of(2) { strain - t.min(1e-4) } else { strain }.mapv(|t| t.max(0.0));
        let stress = strain.mapv(|t| match shape {
            0 => 2000.0 * t.min(0.1) + 100.0 * (t - 0.1).max(0.0) + 20.0 * rng.sample::<f64, _>(StandardNormal),
            1 => 50.0 * rng.sample::<f64, _>(StandardNormal),
            2 => 4000.0 * t * t + rng.sample::<f64, _>(StandardNormal),
            _ => 80.0 * (30.0 * t).tanh(),
        });
        let weight = strain.mapv(|_| if rng.random_bool(0.1) { 0.0 } else { rng.random_range(0.1..5.0) });
        let used = (0..=n).filter(|&j| weight[j] > 0.0 && strain[j] > 0.0).count();
        prop_assume!(used >= 3);
        let expert = expert(&strain, HardeningOptions { stiffening, knee: 0.0 });
        let fit = fit(&expert, &stress, &weight).unwrap();
        let total: f64 = stress.iter().zip(&weight).map(|(y, w)| w * y * y).sum();
        let best = scan(&strain, &stress, &weight, stiffening, 4001);
        prop_assert!(fit.residual <= best + 1e-9 * total, "fit {} but a scan {best}, of {total}", fit.residual);
        let own = sum_of_squares(&expert, &fit.theta, &stress, &weight);
        prop_assert!((fit.residual - own).abs() <= 1e-9 * total, "{} is not {own}", fit.residual);
        prop_assert!(stiffening || fit.theta[0] >= fit.theta[1] - 1e-9 * fit.theta[0].abs());
        prop_assert!(fit.theta[2] > 0.0 && fit.theta[2] <= strain[n]);
    }

    #[test]
    fn exact_curves_are_recovered(
        elastic in 1.0..1e5_f64,
        ratio in -0.5..0.9_f64,
        share in 0.05..0.9_f64,
        length in prop::sample::select(vec![1e-3, 0.1, 40.0]),
    ) {
        let strain = Array1::linspace(0.0, length, 100);
        let expert = expert(&strain, HardeningOptions::default());
        let theta = array![elastic, ratio * elastic, share * length];
        let fit = fit(&expert, &curve(&expert, &theta), &Array1::ones(100)).unwrap();
        for (found, truth) in fit.theta.iter().zip(&theta) {
            prop_assert!((found - truth).abs() <= 1e-9 * truth.abs().max(1e-3 * elastic.min(1.0)), "{} is not {theta}", fit.theta);
        }
    }

    #[test]
    fn derivatives_are_finite_differences(
        elastic in 500.0..5000.0_f64,
        hardening in -100.0..400.0_f64,
        share in 0.2..0.8_f64,
        rounded: bool,
    ) {
        let strain = Array1::linspace(0.0, 0.1, 30);
        let knee = if rounded { 0.004 } else { 0.0 };
        let expert = expert(&strain, HardeningOptions { knee, ..HardeningOptions::default() });
        let theta = array![elastic, hardening, share * 0.1];
        let mut jacobian = Array2::zeros((30, 3));
        expert.jacobian(theta.view(), jacobian.view_mut());
        for (p, step) in [1e-2, 1e-2, 1e-7].into_iter().enumerate() {
            let at = |sign: f64| {
                let mut theta = theta.clone();
                theta[p] += sign * step;
                curve(&expert, &theta)
            };
            let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
            // The corner itself has no derivative where a point lies on it.
            let away = |j: usize| rounded || (strain[j] - theta[2]).abs() > step;
            for j in (0..30).filter(|&j| away(j)) {
                let scale = if p == 2 { elastic } else { 0.1 };
                prop_assert!((jacobian[[j, p]] - difference[j]).abs() < 1e-5 * scale, "{j} {p}");
            }
        }
    }
}

#[test]
fn weights_decide_and_what_has_none_does_not_matter() {
    let strain = Array1::linspace(0.0, 0.1, 21);
    let expert = expert(&strain, HardeningOptions::default());
    let theta = array![3000.0, 150.0, 0.0275];
    let mut stress = curve(&expert, &theta);
    let mut weight = Array1::linspace(1.0, 9.0, 21);
    for j in [0, 3, 4, 12, 20] {
        stress[j] = f64::NAN;
        weight[j] = 0.0;
    }
    let found = fit(&expert, &stress, &weight).unwrap();
    assert!((&found.theta - &theta).iter().zip(&theta).all(|(off, theta)| off.abs() < 1e-10 * theta), "{found:?}");
    // A point of weight two is that point twice: compared by the sum of squares at the minimum.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let noisy = curve(&expert, &theta).mapv(|y| y + 3.0 * rng.sample::<f64, _>(StandardNormal));
    let doubled = Array1::from_elem(21, 2.0);
    let (once, twice) = (fit(&expert, &noisy, &Array1::ones(21)).unwrap(), fit(&expert, &noisy, &doubled).unwrap());
    assert!((twice.residual / once.residual - 2.0).abs() < 1e-12);
    assert!((&twice.theta - &once.theta).iter().all(|off| off.abs() < 1e-9));
    let ratio = once.covariance_factor.unwrap()[[2, 2]] / twice.covariance_factor.unwrap()[[2, 2]];
    assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn a_normalised_curve_fitted_in_physical_units_is_the_physical_fit() {
    // What a training loop does: sums are of (x - shift) / scale, coordinate by coordinate or for all; the mean goes back to physical units
    // and a coordinate counts with 1 / scale^2. One shift and scale: the very same minimum. One for each: the weighted one.
    let strain = Array1::linspace(0.0, 0.08, 50);
    let expert = expert(&strain, HardeningOptions::default());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let truth = array![1800.0, 90.0, 0.0113];
    let stress = curve(&expert, &truth).mapv(|y| y + 0.3 * rng.sample::<f64, _>(StandardNormal));
    let physical = fit(&expert, &stress, &Array1::ones(50)).unwrap();
    let (shift, scale) = (11.7, 6.25);
    let normalised = stress.mapv(|y| (y - shift) / scale);
    let back = normalised.mapv(|y| y * scale + shift);
    let found = fit(&expert, &back, &Array1::from_elem(50, 1.0 / (scale * scale))).unwrap();
    assert!((&found.theta - &physical.theta).iter().zip(&truth).all(|(off, truth)| off.abs() < 1e-9 * truth));
    assert!((found.residual * scale * scale / physical.residual - 1.0).abs() < 1e-9);
    // Noise of one size after normalisation: the same standard errors in physical units.
    let (a, b) = (physical.standard_errors(0.09).unwrap(), found.standard_errors(0.09 / (scale * scale)).unwrap());
    assert!((&a - &b).iter().zip(&a).all(|(off, a)| off.abs() < 1e-9 * a));
}

#[test]
fn standard_errors_cover_the_truth_as_often_as_they_should() {
    let strain = Array1::linspace(0.0, 0.08, 100);
    let expert = expert(&strain, HardeningOptions::default());
    let theta = array![2000.0, 80.0, 0.0153];
    let clean = curve(&expert, &theta);
    let sigma = 0.4;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let n_trials = 2000;
    let mut covered = [0_usize; 4];
    for _ in 0..n_trials {
        let noisy = clean.mapv(|y| y + sigma * rng.sample::<f64, _>(StandardNormal));
        let fit = fit(&expert, &noisy, &Array1::ones(100)).unwrap();
        let covariance = fit.covariance_factor.unwrap() * (sigma * sigma);
        let quantities = expert.quantities(fit.theta.view(), Some(covariance.view()));
        let truth = [theta[0], theta[1], theta[2], theta[0] * theta[2]];
        for ((covered, quantity), truth) in covered.iter_mut().zip(&quantities).zip(truth) {
            *covered += usize::from((quantity.value - truth).abs() < 1.96 * quantity.standard_error.unwrap());
        }
    }
    for covered in covered {
        // 0.95 +- four standard errors of a proportion, 0.0049 each.
        let share = covered as f64 / n_trials as f64;
        assert!((share - 0.95).abs() < 0.02, "{share}");
    }
}

#[test]
fn quantities_have_names_units_and_propagated_errors() {
    let expert = expert(&array![0.0, 0.01, 0.02, 0.04], HardeningOptions::default());
    let covariance = array![[100.0, 0.0, -0.002], [0.0, 4.0, 0.0], [-0.002, 0.0, 1e-6]];
    let quantities = expert.quantities(array![2000.0, 50.0, 0.01].view(), Some(covariance.view()));
    let names: Vec<&str> = quantities.iter().map(|q| q.name.as_str()).collect();
    assert_eq!(names, ["elastic modulus", "hardening modulus", "yield strain", "yield stress"]);
    let units: Vec<&str> = quantities.iter().map(|q| q.unit.as_str()).collect();
    assert_eq!(units, ["MPa", "MPa", "", "MPa"]);
    let stress = &quantities[3];
    assert!((stress.value - 20.0).abs() < 1e-12);
    let variance: f64 = 1e-4 * 100.0 + 4e6 * 1e-6 + 2.0 * 20.0 * -0.002;
    assert!((stress.standard_error.unwrap() - variance.sqrt()).abs() < 1e-12);
    assert!(expert.quantities(array![1.0, 1.0, 1.0].view(), None).iter().all(|q| q.standard_error.is_none()));
}

#[test]
fn a_curve_that_does_not_yield_is_one_line_and_says_that_its_yield_is_undetermined() {
    let strain = Array1::linspace(0.0, 0.05, 30);
    let expert = expert(&strain, HardeningOptions::default());
    for stress in [strain.mapv(|t| 900.0 * t), strain.mapv(|t| 900.0 * t + 2e4 * t * t)] {
        let fit = fit(&expert, &stress, &Array1::ones(30)).unwrap();
        assert!((fit.theta[0] - fit.theta[1]).abs() < 1e-6 * fit.theta[0], "{fit:?}");
        assert!(fit.theta[2] <= 0.05 && fit.standard_errors(1.0).is_none(), "{fit:?}");
    }
}

#[test]
fn a_rounded_knee_is_refined_to_its_own_minimum() {
    let strain = Array1::linspace(0.0, 0.1, 100);
    let rounded = expert(&strain, HardeningOptions { knee: 0.003, ..HardeningOptions::default() });
    let theta = array![2500.0, 120.0, 0.0234];
    let stress = curve(&rounded, &theta);
    let fit = fit(&rounded, &stress, &Array1::ones(100)).unwrap();
    assert!(fit.converged && fit.iterations < 40, "{fit:?}");
    assert!((&fit.theta - &theta).iter().zip(&theta).all(|(off, theta)| off.abs() < 1e-6 * theta), "{fit:?}");
    let sharp = expert(&strain, HardeningOptions::default());
    let sharp_fit = self::fit(&sharp, &stress, &Array1::ones(100)).unwrap();
    assert!(fit.residual < 1e-6 * sharp_fit.residual);
    assert!(fit.covariance_factor.is_some());
}

#[test]
fn degenerate_input_is_a_typed_error() {
    let new = |strain: Array1<f64>| {
        StrainHardening::new(strain.view(), HardeningOptions::default(), &CurveUnits::default())
            .unwrap_err()
            .to_string()
    };
    assert!(new(array![0.0, 0.1, 0.2]).contains("number of strains above zero is 2"));
    assert!(new(array![0.0, 0.1, 0.1, 0.2, 0.3]).contains("strain 2 is 0.1 but must be above the strain before it"));
    assert!(new(array![-0.1, 0.1, 0.2, 0.3]).contains("strain 0 is -0.1"));
    assert!(new(array![0.1, 0.2, f64::NAN]).contains("strain 2 is NaN"));
    let strain = Array1::linspace(0.0, 0.1, 6);
    let options = HardeningOptions { knee: -1.0, ..HardeningOptions::default() };
    assert!(StrainHardening::new(strain.view(), options, &CurveUnits::default()).is_err());

    let expert = expert(&strain, HardeningOptions::default());
    let stress = strain.mapv(|t| 100.0 * t.min(0.03));
    assert!(matches!(fit(&expert, &stress, &Array1::zeros(6)), Err(ExpertError::NoWeight)));
    assert!(matches!(
        fit(&expert, &stress, &array![1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
        Err(ExpertError::Undetermined { rank: 2, .. })
    ));
    assert!(matches!(fit(&expert, &array![1.0], &Array1::ones(6)), Err(ExpertError::Shape { array: "mean", .. })));
    let mut holed = stress.clone();
    holed[4] = f64::NAN;
    assert!(matches!(fit(&expert, &holed, &Array1::ones(6)), Err(ExpertError::NotFinite { index: 4, .. })));
    assert!(matches!(fit(&expert, &stress, &-Array1::<f64>::ones(6)), Err(ExpertError::NoWeight)));
    // All zero stress, and stresses near the ends of the range of numbers, are no error.
    assert_eq!(fit(&expert, &Array1::zeros(6), &Array1::ones(6)).unwrap().residual, 0.0);
    for unit in [1e-140, 1e140] {
        let found = fit(&expert, &(&stress * unit), &Array1::ones(6)).unwrap();
        assert!((found.theta[0] / (100.0 * unit) - 1.0).abs() < 1e-9, "{found:?}");
    }
}

#[test]
fn with_z_every_specimen_has_its_own_parameters() {
    let strain = Array1::linspace(0.0, 0.08, 100);
    let expert = Arc::new(expert(&strain, HardeningOptions::default()));
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    // Stiffness and strength follow a thickness that z carries, with posterior noise; the rest is unexplained.
    let n = 60;
    let z = Array2::from_shape_simple_fn((n, 2), || rng.sample::<f64, _>(StandardNormal));
    let truth = Array2::from_shape_fn((n, 3), |(b, p)| match p {
        0 => 2000.0 * (0.15 * z[[b, 0]]).exp(),
        1 => 80.0 * (1.0 + 0.1 * z[[b, 0]]),
        _ => 0.0153 * (0.05 * z[[b, 1]]).exp(),
    });
    let noise = 0.3;
    let mut x = Array2::zeros((n, 100));
    for (theta, mut x) in truth.outer_iter().zip(x.outer_iter_mut()) {
        expert.predict(theta, x.view_mut());
        x.mapv_inplace(|y| y + noise * rng.sample::<f64, _>(StandardNormal));
    }
    let mean = x.mean_axis(ndarray::Axis(0)).unwrap();
    let start = fit(&expert, &mean, &Array1::ones(100)).unwrap();
    let theta = start.theta.slice(s![ndarray::NewAxis, ..]).to_owned();
    let mut latent = LatentExpert::new(expert.clone(), theta.view(), Array2::zeros((1, 2)).view()).unwrap();
    let (responsibilities, var) = (Array2::ones((n, 1)), Array2::from_elem((n, 2), 1e-4));
    let (present, weight) = (Array1::ones(n), Array1::ones(100));
    let samples = LatentSamples {
        responsibilities: responsibilities.view(),
        mean: z.view(),
        var: var.view(),
        x: x.view(),
        present: present.view(),
        weight: weight.view(),
    };
    let found = latent.fit(samples, &LatentFitOptions::default()).unwrap();
    assert!(found.converged[0], "{} iterations", found.iterations);
    let rms = (found.sums.objective()[0] / (n as f64 * 100.0)).sqrt();
    assert!((rms / noise - 1.0).abs() < 0.1, "{rms}");
    for (b, truth) in truth.outer_iter().enumerate() {
        let theta = latent.parameters(0, z.row(b));
        for (p, tolerance) in [0.01, 0.05, 0.01].into_iter().enumerate() {
            assert!((theta[p] / truth[p] - 1.0).abs() < tolerance, "sample {b}: {theta} is not {truth}");
        }
    }
    // However far the latent point, the curve stays admissible.
    let far = latent.parameters(0, array![1e4, -1e4].view());
    assert!(far[0] > 0.0 && far[2] >= 0.0 && far[2] <= 0.08, "{far}");
}
