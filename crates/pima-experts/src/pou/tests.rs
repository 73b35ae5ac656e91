//! POU networks against functions with known derivatives and integrals, the paper's trajectories, and bad input.

use ndarray::{Array1, Array2, array};

use super::*;
use crate::{DictionaryOde, Error, Term};

fn largest(values: &Array2<f64>) -> f64 {
    values.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The ten trajectories of the paper, states and rates (2,512) each.
fn oscillators(times: &Array1<f64>) -> Vec<(Array2<f64>, Array2<f64>)> {
    let terms = |first: &str, second: &str| vec![Term::new(first, [3, 0]), Term::new(second, [0, 3])];
    let ode = DictionaryOde::new(vec![terms("alpha", "beta"), terms("gamma", "delta")]).unwrap();
    let solve = |label: u32| {
        let theta = [-0.1, f64::from(label) / 3.0 + 0.5, -2.0, -0.1];
        let states = ode.solve(&theta, &[1.0, 1.0], times.view()).unwrap();
        let rates = ode.rates(&theta, states.view());
        (states, rates)
    };
    (0..10).map(solve).collect()
}

fn paper_times() -> Array1<f64> {
    Array1::from_shape_fn(512, |k| 0.005 * k as f64)
}

#[test]
fn the_papers_trajectories_are_fitted_to_rounding() {
    let times = paper_times();
    let (mut states, mut rates, mut integrals) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (u, dudt) in oscillators(&times) {
        let fit = fit_pou(times.view(), u.view(), &PouOptions::default()).unwrap();
        assert_eq!((fit.rank, fit.network.coefficients().dim()), (224, (224, 2)));
        states = states.max(largest(&(fit.network.evaluate(times.view()) - &u)));
        rates = rates.max(largest(&(fit.network.derivative(times.view()) - &dudt)));
        let fit = fit_pou(times.view(), dudt.view(), &PouOptions::default()).unwrap();
        let integral = fit.network.antiderivative(0.0, times[511]).evaluate(times.view());
        integrals = integrals.max(largest(&(integral + 1.0 - &u)));
    }
    assert!(states <= 1e-11 && rates <= 1e-8 && integrals <= 1e-11, "{states:e} {rates:e} {integrals:e}");
}

#[test]
fn exponential_bumps_end_at_their_kinks() {
    let times = paper_times();
    let (u, dudt) = &oscillators(&times)[9];
    let options = PouOptions { bump: Bump::Exponential, ..PouOptions::default() };
    let fit = fit_pou(times.view(), u.view(), &options).unwrap();
    assert!(largest(&(fit.network.evaluate(times.view()) - u)) < 1e-8);
    assert!(largest(&(fit.network.derivative(times.view()) - dudt)) < 1e-5);
}

/// Networks with coefficients that no fit chose.
fn arbitrary(bump: Bump) -> PouNetwork {
    let partition = Partition::new(bump, vec![-0.2, 0.3, 0.9, 2.0], vec![0.1, 0.4, 0.3, 0.25]).unwrap();
    let basis = PouBasis::new(partition, 2, -0.5, 2.5);
    PouNetwork { basis, coefficients: Array2::from_shape_fn((12, 2), |(i, k)| ((7 * i + 3 * k) as f64).sin()) }
}

#[test]
fn bumps_add_up_to_one_also_far_away() {
    for bump in [Bump::Exponential, Bump::Gaussian] {
        let network = arbitrary(bump);
        let (mut phi, mut dphi) = ([0.0; 4], [0.0; 4]);
        for t in [-1e6, -3.0, -0.2, 0.1, 0.9, 1.7, 40.0, 1e9] {
            network.partition().evaluate(t, &mut phi, &mut dphi);
            assert!((phi.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert!(phi.iter().all(|&phi| (0.0..=1.0).contains(&phi)));
            assert!(dphi.iter().sum::<f64>().abs() < 1e-9 * (1.0 + t.abs()), "{t}");
        }
    }
}

#[test]
fn derivatives_are_finite_differences() {
    for bump in [Bump::Exponential, Bump::Gaussian] {
        let network = arbitrary(bump);
        let times = array![-0.7, -0.1, 0.25, 0.5, 1.3, 2.4];
        let step = 1e-5;
        let difference =
            (network.evaluate((&times + step).view()) - network.evaluate((&times - step).view())) / (2.0 * step);
        let error = largest(&(network.derivative(times.view()) - difference));
        assert!(error < 1e-7, "{error:e}");
    }
}

#[test]
fn the_antiderivative_agrees_with_a_fine_trapezoid_rule_and_starts_at_zero() {
    for bump in [Bump::Exponential, Bump::Gaussian] {
        let network = arbitrary(bump);
        let (start, end) = (-0.5, 2.5);
        let integral = network.antiderivative(start, end);
        let n = 300_000;
        let fine = Array1::linspace(start, end, n + 1);
        let values = network.evaluate(fine.view());
        let step = (end - start) / n as f64;
        let found = integral.evaluate(array![start, 0.3, 1.0, end].view());
        assert_eq!((found[[0, 0]], found[[1, 0]]), (0.0, 0.0));
        for (at, cut) in [(1, 80_000), (2, 150_000), (3, n)] {
            for k in 0..2 {
                let row = values.row(k);
                let sum: f64 = (0..cut).map(|j| 0.5 * step * (row[j] + row[j + 1])).sum();
                // The rule's own error is h^2/12 times the jump of the derivative, about 1e-9.
                assert!((found[[k, at]] - sum).abs() < 2e-9, "{} {sum}", found[[k, at]]);
            }
        }
    }
}

#[test]
fn polynomials_are_reproduced_with_their_integrals() {
    let times = Array1::linspace(-1.0, 3.0, 80);
    let cubic = |t: f64| 2.0 - t + 0.5 * t.powi(3);
    let values = times.mapv(cubic).insert_axis(Axis(0));
    let options = PouOptions { n_partitions: 5, degree: 3, ..PouOptions::default() };
    let between = Array1::linspace(-1.0, 3.0, 37);
    for bump in [Bump::Exponential, Bump::Gaussian] {
        let network = fit_pou(times.view(), values.view(), &PouOptions { bump, ..options.clone() }).unwrap().network;
        assert!(largest(&(network.evaluate(between.view()) - between.mapv(cubic))) < 1e-12);
        assert!(largest(&(network.derivative(between.view()) - between.mapv(|t| 1.5 * t * t - 1.0))) < 1e-11);
        let primitive = |t: f64| 2.0 * t - 0.5 * t * t + 0.125 * t.powi(4);
        let integral = network.antiderivative(-1.0, 3.0).evaluate(between.view());
        assert!(largest(&(integral - between.mapv(|t| primitive(t) - primitive(-1.0)))) < 1e-12);
    }
    // The same as matrices on samples.
    let operators = SampleOperators::new(times.view(), &options).unwrap();
    let fit = fit_pou(times.view(), values.view(), &options).unwrap();
    let integral = fit.network.antiderivative(-1.0, 3.0).evaluate(times.view());
    assert!(largest(&(operators.integrate.dot(&values.row(0)).insert_axis(Axis(0)) - integral)) < 1e-11);
    assert!(largest(&(operators.smooth.dot(&values.row(0)).insert_axis(Axis(0)) - &values)) < 1e-11);
}

#[test]
fn gauss_legendre_integrates_polynomials_up_to_its_degree() {
    let rule = integral::GaussLegendre::new(8);
    for degree in 0..16_i32 {
        let found: f64 = rule.points(0.0, 1.0).map(|(x, w)| w * x.powi(degree)).sum();
        assert!((found * f64::from(degree + 1) - 1.0).abs() < 1e-14, "{degree}");
    }
}

#[test]
fn a_deficient_rank_is_an_error_unless_the_least_norm_or_a_ridge_is_asked_for() {
    let times = Array1::linspace(0.0, 1.0, 20);
    let values = times.mapv(f64::cos).insert_axis(Axis(0));
    let fit = |solve| {
        fit_pou(times.view(), values.view(), &PouOptions { n_partitions: 8, degree: 3, solve, ..PouOptions::default() })
    };
    match fit(Solve::Full) {
        Err(Error::Deficient { rank, n_functions: 32, n_samples: 20 }) => assert!((1..=20).contains(&rank), "{rank}"),
        other => panic!("{other:?}"),
    }
    let least = fit(Solve::LeastNorm(1e-12)).unwrap();
    assert!(least.rank <= 20 && least.rms < 1e-10, "{} {}", least.rank, least.rms);
    let ridge = fit(Solve::Ridge(1e-12)).unwrap();
    assert!(ridge.rms > least.rms && ridge.rms < 1e-5, "{}", ridge.rms);
    let norm = |fit: &PouFit| largest(&fit.network.coefficients().to_owned());
    assert!(norm(&fit(Solve::Ridge(10.0)).unwrap()) < norm(&ridge));
    // Enough samples, but bumps so wide that they are all alike.
    let wide = PouOptions { n_partitions: 4, degree: 2, relative_width: 1e5, ..PouOptions::default() };
    match fit_pou(times.view(), values.view(), &wide) {
        Err(Error::Deficient { rank, n_functions: 12, .. }) => assert!(rank < 12),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_learned_partition_finds_the_corner() {
    // Two lines that meet at 0.37: no evenly spaced pair of partitions knows where.
    let times = Array1::linspace(0.0, 1.0, 120);
    let values = times.mapv(|t: f64| if t < 0.37 { t } else { 0.37 - 2.0 * (t - 0.37) }).insert_axis(Axis(0));
    let options = PouOptions { n_partitions: 2, degree: 1, ..PouOptions::default() };
    let learned = learn_pou(times.view(), values.view(), &options, &LearnOptions::default()).unwrap();
    assert!(learned.rms_before > 5e-3 && learned.fit.rms < 0.05 * learned.rms_before, "{learned:?}");
    // No step, no change; and bad options are refused.
    let none = LearnOptions { ridge_steps: 0, free_steps: 0, ..LearnOptions::default() };
    let none = learn_pou(times.view(), values.view(), &options, &none).unwrap();
    assert_eq!(none.fit.rms, none.rms_before);
    for bad in [
        LearnOptions { learning_rate: 0.0, ..LearnOptions::default() },
        LearnOptions { ridge: f64::NAN, ..LearnOptions::default() },
        LearnOptions { ridge_decay: 1.0, ..LearnOptions::default() },
    ] {
        assert!(matches!(learn_pou(times.view(), values.view(), &options, &bad), Err(Error::Description { .. })));
    }
}

#[test]
fn the_gradient_of_the_partition_is_the_finite_difference() {
    let times = Array1::linspace(-0.45, 2.45, 60);
    let values = times.mapv(|t: f64| (3.0 * t).sin()).insert_axis(Axis(0));
    for bump in [Bump::Exponential, Bump::Gaussian] {
        let network = arbitrary(bump);
        let network = PouNetwork { coefficients: network.coefficients.select(Axis(1), &[0]), ..network };
        let loss = |network: &PouNetwork| 0.5 * (network.evaluate(times.view()) - &values).pow2().sum();
        let fit = PouFit { network: network.clone(), rank: 12, rms: 0.0 };
        let gradient = learn::gradient(&fit, times.view(), values.view());
        let step = 1e-6;
        for (entry, found) in gradient.iter().enumerate() {
            let shifted = |sign: f64| {
                let partition = network.partition();
                let (mut centres, mut widths) = (partition.centres().to_vec(), partition.widths().to_vec());
                if entry < 4 {
                    centres[entry] += sign * step * network.basis.scale;
                } else {
                    widths[entry - 4] *= (sign * step).exp();
                }
                let mut moved = network.clone();
                moved.basis.partition = Partition::new(bump, centres, widths).unwrap();
                loss(&moved)
            };
            let difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
            assert!((found - difference).abs() < 1e-6 * (1.0 + difference.abs()), "{entry}: {found} {difference}");
        }
    }
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let values = Array2::ones((1, 4));
    let options = PouOptions { n_partitions: 1, degree: 0, ..PouOptions::default() };
    let refused = |times: Array1<f64>, values: &Array2<f64>, options: &PouOptions| {
        fit_pou(times.view(), values.view(), options).unwrap_err()
    };
    let repeated = refused(array![0.0, 1.0, 1.0, 2.0], &values, &options);
    assert!(matches!(repeated, Error::Times { index: 2, .. }), "{repeated}");
    assert!(matches!(refused(array![0.0, 2.0, 1.0, 3.0], &values, &options), Error::Times { index: 2, .. }));
    let text =
        |times: Array1<f64>, values: &Array2<f64>, options: &PouOptions| refused(times, values, options).to_string();
    let good = || array![0.0, 1.0, 2.0, 3.0];
    assert!(text(array![0.0, f64::NAN, 2.0, 3.0], &values, &options).contains("time 1 is NaN"));
    assert!(text(array![0.0], &Array2::ones((1, 1)), &options).contains("number of times is 1"));
    assert!(text(array![0.0, 1.0], &values, &options).contains("number of samples is 4"));
    assert!(text(good(), &array![[1.0, 2.0, f64::INFINITY, 0.0]], &options).contains("sample 2 of channel 0"));
    assert!(text(good(), &values, &PouOptions { n_partitions: 0, ..options.clone() }).contains("0 centres"));
    assert!(text(good(), &values, &PouOptions { relative_width: 0.0, ..options.clone() }).contains("width 0"));
    assert!(text(good(), &values, &PouOptions { solve: Solve::Ridge(-1.0), ..options.clone() }).contains("ridge"));
}
