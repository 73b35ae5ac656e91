//! Dictionary equations against Taylor series, their experts against the truth and its bounds, and bad input.

use ndarray::{Array1, Array2, ArrayView1, Axis, array, s};
use pima_core::{Expert, ExpertError, ExpertFit};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::{Error, cramer_rao_bound};

/// Noise of one measured value and copies of each class, as in the paper's data.
const NOISE: f64 = 0.1;
const COPIES: f64 = 5000.0;

fn oscillator() -> DictionaryOde {
    let terms = |first: &str, second: &str| vec![Term::new(first, [3, 0]), Term::new(second, [0, 3])];
    DictionaryOde::new(vec![terms("alpha", "beta"), terms("gamma", "delta")]).unwrap()
}

fn truth(label: usize) -> [f64; 4] {
    [-0.1, label as f64 / 3.0 + 0.5, -2.0, -0.1]
}

fn times() -> Array1<f64> {
    Array1::from_shape_fn(512, |k| 0.005 * k as f64)
}

fn trajectories() -> Vec<Array2<f64>> {
    (0..10).map(|label| oscillator().solve(&truth(label), &[1.0, 1.0], times().view()).unwrap()).collect()
}

fn given() -> SnodeExpert {
    SnodeExpert::new(oscillator(), times().view(), stack_trajectories(&trajectories()).unwrap().view()).unwrap()
}

fn identified(observed: Observed, refinements: usize) -> OdeExpert {
    let options = OdeOptions { observed, refinements, ..OdeOptions::default() };
    OdeExpert::new(oscillator(), times().view(), &[1.0, 1.0], options).unwrap()
}

fn prediction(expert: &dyn Expert, theta: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut out = Array1::zeros(expert.n_outputs());
    expert.predict(theta, out.view_mut());
    out
}

fn fit(expert: &dyn Expert, mean: &Array1<f64>, weight: &Array1<f64>) -> Result<ExpertFit, ExpertError> {
    expert.fit(mean.view(), weight.view(), Array1::zeros(expert.n_parameters()).view())
}

#[test]
fn a_linear_system_is_its_matrix_exponential() {
    // A damped rotation, and a third state that grows by itself.
    let ode = DictionaryOde::new(vec![
        vec![Term::new("a", [1, 0, 0]), Term::new("b", [0, 1, 0])],
        vec![Term::new("c", [1, 0, 0]), Term::new("d", [0, 1, 0])],
        vec![Term::new("e", [0, 0, 1]), Term::new("f", [0, 0, 0])],
    ])
    .unwrap();
    let times = array![0.0, 0.3, 0.31, 2.0, 7.0];
    let found = ode.solve(&[-0.2, 1.5, -1.5, -0.2, 0.3, 0.6], &[1.0, 0.0, 1.0], times.view()).unwrap();
    for (column, t) in found.columns().into_iter().zip(times) {
        let decay = (-0.2 * t).exp();
        let expected = [decay * (1.5 * t).cos(), -decay * (1.5 * t).sin(), 3.0 * (0.3 * t).exp() - 2.0];
        for (found, expected) in column.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-11 * (1.0 + expected.abs()), "{t}: {found} {expected}");
        }
    }
}

/// The oscillator by Taylor series of order 30 in each step: no Runge-Kutta method and no step control.
fn taylor(parameters: [f64; 4], step: f64, n_steps: usize) -> Vec<[f64; 2]> {
    let product = |a: &[f64], b: &[f64], k: usize| (0..=k).map(|i| a[i] * b[k - i]).sum::<f64>();
    let mut trajectory = vec![[1.0, 1.0]];
    while trajectory.len() < n_steps {
        let mut series = trajectory[trajectory.len() - 1].map(|value| vec![value]);
        let mut squares = [Vec::new(), Vec::new()];
        for k in 0..30 {
            let mut cube = [0.0; 2];
            for i in 0..2 {
                squares[i].push(product(&series[i], &series[i], k));
                cube[i] = product(&squares[i], &series[i], k);
            }
            for i in 0..2 {
                series[i].push((parameters[2 * i] * cube[0] + parameters[2 * i + 1] * cube[1]) / (k + 1) as f64);
            }
        }
        trajectory.push(series.map(|series| series.iter().rev().fold(0.0, |sum, term| sum * step + term)));
    }
    trajectory
}

#[test]
fn trajectories_are_those_of_taylor_series() {
    for (label, found) in trajectories().iter().enumerate() {
        for (k, state) in taylor(truth(label), 0.0025, 1023).into_iter().step_by(2).enumerate() {
            for i in 0..2 {
                assert!((found[[i, k]] - state[i]).abs() < 1e-12, "{label} {k}");
            }
        }
    }
}

#[test]
fn jacobians_are_finite_differences() {
    let experts: [(&dyn Expert, usize); 3] =
        [(&given(), 5), (&identified(Observed::Derivatives, 1), 4), (&identified(Observed::States, 1), 4)];
    for (expert, n_parameters) in experts {
        let theta = Array1::from_shape_fn(n_parameters, |p| [0.1, 1.3, -1.7, -0.2, 6.0][p]);
        let mut jacobian = Array2::zeros((1024, n_parameters));
        expert.jacobian(theta.view(), jacobian.view_mut());
        // The number of a trajectory is no parameter that could be moved a little.
        for p in 0..4 {
            let step = 1e-5;
            let shifted = |sign: f64| {
                let mut theta = theta.clone();
                theta[p] += sign * step;
                prediction(expert, theta.view())
            };
            let difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
            let error = (&jacobian.column(p) - &difference).fold(0.0_f64, |a, b| a.max(b.abs()));
            let size = jacobian.column(p).fold(1.0_f64, |a, b| a.max(b.abs()));
            assert!(error < 1e-6 * size, "{p}: {error:e} of {size}");
        }
        assert!(jacobian.columns().into_iter().skip(4).all(|column| column.iter().all(|&value| value == 0.0)));
    }
}

#[test]
fn without_noise_the_parameters_are_exact() {
    let weight = Array1::ones(1024);
    for label in [0, 4, 9] {
        let truth = Array1::from(truth(label).to_vec());
        let check = |expert: &dyn Expert, tolerance: f64| {
            let with_number = ndarray::concatenate![ndarray::Axis(0), truth, [label as f64]];
            let exact = if expert.n_parameters() == 5 { with_number } else { truth.clone() };
            let fit = fit(expert, &prediction(expert, exact.view()), &weight).unwrap();
            assert!(fit.converged);
            for (found, exact) in fit.theta.iter().zip(&exact) {
                assert!((found - exact).abs() < tolerance, "{label}: {} is not {exact}", fit.theta);
            }
        };
        check(&given(), 1e-12);
        for observed in [Observed::Derivatives, Observed::States] {
            // What is left in the closed form is the error of eight partitions.
            check(&identified(observed, 0), 1e-5);
            check(&identified(observed, 20), 1e-10);
        }
    }
}

/// Errors of alpha, beta, gamma, delta in units of their bounds, for ten classes and some draws of the noise, (10 draws, 4).
fn errors_in_bounds(expert: &dyn Expert, n_draws: u64) -> Array2<f64> {
    let weight = Array1::from_elem(1024, COPIES);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut errors = Array2::zeros((10 * n_draws as usize, 4));
    for (row, mut errors) in errors.outer_iter_mut().enumerate() {
        let label = row % 10;
        let mut theta = truth(label).to_vec();
        theta.resize(expert.n_parameters(), label as f64);
        let theta = Array1::from(theta);
        let mean = prediction(expert, theta.view()).mapv(|value| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            value + NOISE / COPIES.sqrt() * noise
        });
        let fit = fit(expert, &mean, &weight).unwrap();
        let bound = cramer_rao_bound(expert, theta.view(), weight.view(), NOISE * NOISE).unwrap();
        let standard = fit.standard_errors(NOISE * NOISE).unwrap();
        for p in 0..4 {
            errors[p] = (fit.theta[p] - theta[p]) / bound[p];
            if fit.iterations > 1 || expert.n_parameters() == 5 {
                assert!((standard[p] / bound[p] - 1.0).abs() < 0.05, "{standard} {bound}");
            }
        }
        if expert.n_parameters() == 5 {
            assert_eq!((fit.theta[4], standard[4]), (label as f64, 0.0));
            assert!(bound[4].is_nan());
        }
    }
    errors
}

/// An estimate at its bound has normal errors of mean square one, which over n fits scatters by `sqrt(2/n)`. Of its four parameters,
/// which err together, one or more are above three bounds in at most a share `4 * 0.0027` of the fits. Both to four deviations.
fn assert_efficient(errors: &Array2<f64>) {
    let n = errors.nrows() as f64;
    for (p, column) in errors.columns().into_iter().enumerate() {
        let mean_square = column.pow2().mean().unwrap();
        assert!((mean_square - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "parameter {p}: {mean_square}");
    }
    let above = errors.rows().into_iter().filter(|row| row.iter().any(|error| error.abs() > 3.0)).count();
    let expected = 4.0 * 0.0027 * n;
    assert!(above as f64 <= expected + 4.0 * expected.sqrt(), "{above} of {n} fits above three bounds");
}

#[test]
fn along_given_trajectories_parameters_are_found_at_the_bound() {
    let expert = given();
    let bound = |label: usize| {
        let theta = Array1::from_iter(truth(label).into_iter().chain([label as f64]));
        cramer_rao_bound(&expert, theta.view(), Array1::from_elem(1024, COPIES).view(), NOISE * NOISE).unwrap()[1]
    };
    assert!((bound(0) - 4.8e-5).abs() < 1e-6 && (bound(9) - 1.0e-4).abs() < 1e-5, "{} {}", bound(0), bound(9));
    assert_efficient(&errors_in_bounds(&expert, 40));
}

#[test]
fn identified_from_rates_parameters_are_found_at_the_bound() {
    assert_efficient(&errors_in_bounds(&identified(Observed::Derivatives, 20), 20));
}

#[test]
fn identified_from_states_parameters_are_found_at_the_bound() {
    assert_efficient(&errors_in_bounds(&identified(Observed::States, 20), 20));
}

#[test]
fn the_closed_forms_alone_find_beta_to_a_few_bounds() {
    for observed in [Observed::Derivatives, Observed::States] {
        let errors = errors_in_bounds(&identified(observed, 0), 3);
        let rms = |p: usize| errors.column(p).pow2().mean().unwrap().sqrt();
        // 1.7 from rates, 1.3 from states; the damping terms pay most for the noise of the trajectory.
        assert!((0.9..2.3).contains(&rms(1)), "{observed:?}: {}", rms(1));
        assert!((0..4).all(|p| rms(p) < 6.0), "{observed:?}");
    }
}

#[test]
fn a_fit_is_never_worse_than_what_it_was_given() {
    let best = identified(Observed::States, 20);
    let hasty = identified(Observed::States, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise = |clean: f64| {
        clean
            + 0.05 * {
                let draw: f64 = StandardNormal.sample(&mut rng);
                draw
            }
    };
    let mean = prediction(&best, ArrayView1::from(&truth(4))).mapv_into(noise);
    let weight = Array1::ones(mean.len());
    let found = best.fit(mean.view(), weight.view(), ArrayView1::from(&truth(4))).unwrap();
    // One step from the closed form does not get there; from where the minimum is known to be it need not.
    let alone = hasty.fit(mean.view(), weight.view(), array![9.0, 9.0, 9.0, 9.0].view()).unwrap();
    assert!(alone.residual > found.residual * (1.0 + 1e-9), "{} {}", alone.residual, found.residual);
    let given = hasty.fit(mean.view(), weight.view(), found.theta.view()).unwrap();
    assert!(given.residual <= found.residual * (1.0 + 1e-9), "{} {}", given.residual, found.residual);
}

#[test]
fn identified_equations_lead_to_the_trajectory_again() {
    let expert = identified(Observed::Derivatives, 20);
    let truth = &trajectories()[7];
    let rates = oscillator().rates(&self::truth(7), truth.view());
    let fit = fit(&expert, &rates.iter().copied().collect(), &Array1::ones(1024)).unwrap();
    let found = expert.trajectory(fit.theta.view()).unwrap();
    assert!((found - truth).iter().all(|error| error.abs() < 1e-9));
}

#[test]
fn missing_coordinates_have_no_weight_and_may_be_nan() {
    for observed in [Observed::Derivatives, Observed::States] {
        let expert = identified(observed, 20);
        let theta = Array1::from(truth(3).to_vec());
        let mut mean = prediction(&expert, theta.view());
        let mut weight = Array1::ones(1024);
        for j in [0, 1, 77, 300, 511, 600, 601, 1000] {
            (mean[j], weight[j]) = (f64::NAN, 0.0);
        }
        let found = fit(&expert, &mean, &weight).unwrap().theta;
        assert!((&found - &theta).iter().all(|error| error.abs() < 1e-9), "{found}");
        // One state never measured at all.
        weight.slice_mut(s![512..]).fill(0.0);
        assert!(matches!(fit(&expert, &mean, &weight), Err(ExpertError::Undetermined { .. })));
    }
    let mut weight = Array1::ones(1024);
    weight.slice_mut(s![512..]).fill(0.0);
    match fit(&given(), &Array1::ones(1024), &weight) {
        Err(ExpertError::Undetermined { rank: 2, n_parameters: 4 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn rank_deficiency_is_reported_with_the_rank() {
    // x = y along this trajectory, and so x^3 and y^3 are one term.
    let same = Array2::from_shape_fn((2, 20), |(_, j)| 1.0 + 0.1 * j as f64).insert_axis(ndarray::Axis(0));
    let expert = SnodeExpert::new(oscillator(), times().slice(s![..20]), same.view()).unwrap();
    assert_eq!((expert.n_parameters(), expert.trajectory(array![0.0, 0.0, 0.0, 0.0].view())), (4, Some(0)));
    match fit(&expert, &Array1::ones(40), &Array1::ones(40)) {
        Err(ExpertError::Undetermined { rank: 2, n_parameters: 4 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trajectory_that_blows_up_is_an_error_of_the_solver_and_nan_of_the_expert() {
    let ode = DictionaryOde::new(vec![vec![Term::new("a", [3])]]).unwrap();
    let times = Array1::linspace(0.0, 1.0, 101);
    // dx/dt = x^3 from 1 is 1 / sqrt(1 - 2 t).
    match ode.solve(&[1.0], &[1.0], times.view()) {
        Err(Error::Trajectory { time, .. }) => assert!((time - 0.5).abs() < 0.011, "{time}"),
        other => panic!("{other:?}"),
    }
    let options = OdeOptions::default();
    let expert = OdeExpert::new(ode, times.view(), &[1.0], options).unwrap();
    assert!(prediction(&expert, array![1.0].view()).iter().all(|value| value.is_nan()));
    let mut jacobian = Array2::zeros((101, 1));
    expert.jacobian(array![1.0].view(), jacobian.view_mut());
    assert!(jacobian.iter().all(|value| value.is_nan()));
    let bound = cramer_rao_bound(&expert, array![1.0].view(), Array1::ones(101).view(), 1.0);
    assert!(matches!(bound, Err(ExpertError::NotFinite { .. })));
    assert!(prediction(&given(), array![1.0, 1.0, 1.0, 1.0, 10.0].view()).iter().all(|value| value.is_nan()));
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let describe = |equations: Vec<Vec<Term>>| DictionaryOde::new(equations).unwrap_err().to_string();
    assert!(describe(vec![]).contains("number of equations is 0"));
    assert!(describe(vec![vec![]]).contains("terms of equation 0"));
    assert!(describe(vec![vec![Term::new("a", [1, 2])]]).contains("exponents of 'a' is 2"));
    assert!(describe(vec![vec![Term::new("a", [1]), Term::new("a", [2])]]).contains("named 'a'"));
    let solve =
        |theta: &[f64], start: &[f64], times: Array1<f64>| oscillator().solve(theta, start, times.view()).unwrap_err();
    assert!(matches!(solve(&truth(0), &[1.0, 1.0], array![0.0, 0.0]), Error::Times { index: 1, .. }));
    assert!(solve(&[1.0], &[1.0, 1.0], array![0.0]).to_string().contains("length of the parameters is 1"));
    assert!(solve(&truth(0), &[1.0, f64::NAN], array![0.0]).to_string().contains("entry 1 of the start is NaN"));

    let expert =
        |times: Array1<f64>, start: &[f64]| OdeExpert::new(oscillator(), times.view(), start, OdeOptions::default());
    assert!(matches!(expert(array![0.0, 2.0, 1.0], &[1.0, 1.0]), Err(Error::Times { index: 2, .. })));
    assert!(matches!(expert(Array1::linspace(0.0, 1.0, 30), &[1.0, 1.0]), Err(Error::Deficient { n_samples: 30, .. })));
    assert!(matches!(expert(times(), &[1.0]), Err(Error::Description { .. })));
    let twice =
        SnodeExpert::new(oscillator(), array![0.0, 1.0, 1.0].view(), Array2::ones((2, 3)).insert_axis(Axis(0)).view());
    assert!(matches!(twice, Err(Error::Times { index: 2, .. })), "{twice:?}");
    assert!(matches!(expert(times(), &[1.0, f64::INFINITY]), Err(Error::Description { .. })));
    let none = ndarray::Array3::zeros((0, 2, 5));
    let five = times().slice(s![..5]).to_owned();
    assert!(SnodeExpert::new(oscillator(), five.view(), none.view()).is_err());
    let bad = ndarray::Array3::from_elem((1, 2, 5), f64::NAN);
    assert!(SnodeExpert::new(oscillator(), five.view(), bad.view()).is_err());
    let good = ndarray::Array3::ones((1, 2, 5));
    assert!(SnodeExpert::new(oscillator(), times().view(), good.view()).is_err(), "times of another number");
    assert!(stack_trajectories(&[Array2::zeros((2, 3)), Array2::zeros((2, 4))]).is_err());

    for expert in [&given() as &dyn Expert, &identified(Observed::Derivatives, 5)] {
        let ones = Array1::ones(1024);
        assert!(matches!(fit(expert, &Array1::ones(3), &ones), Err(ExpertError::Shape { array: "mean", .. })));
        assert!(matches!(fit(expert, &ones, &Array1::zeros(1024)), Err(ExpertError::NoWeight)));
        let mut bad = ones.clone();
        bad[700] = f64::NAN;
        assert!(matches!(fit(expert, &bad, &ones), Err(ExpertError::NotFinite { array: "mean", index: 700 })));
        assert!(matches!(fit(expert, &ones, &bad), Err(ExpertError::NotFinite { array: "weight", index: 700 })));
    }
}

#[test]
fn terms_and_options_are_written_as_a_configuration_has_them() {
    let term: Term = serde_json::from_str(r#"{"name":"beta","exponents":[0,3]}"#).unwrap();
    assert_eq!(term, Term::new("beta", [0, 3]));
    let options: OdeOptions =
        serde_json::from_str(r#"{"observed":"states","pou":{"bump":"exponential","solve":{"ridge":0.1}}}"#).unwrap();
    assert_eq!(options.pou.solve, crate::Solve::Ridge(0.1));
    assert!(serde_json::from_str::<OdeOptions>(r#"{"refinement":3}"#).is_err());
}

#[test]
fn both_kinds_of_expert_solve_their_equations_again() {
    let known = trajectories();
    for label in [0, 7] {
        let mut theta = truth(label).to_vec();
        let own = identified(Observed::Derivatives, 0).solution(ArrayView1::from(&theta)).unwrap();
        theta.push(label as f64);
        let given = given().solution(ArrayView1::from(&theta)).unwrap();
        for solution in [own, given] {
            assert!((&solution - &known[label]).iter().all(|error| error.abs() < 1e-12));
        }
    }
    assert!(given().solution(array![-0.1, 1.0, -2.0, -0.1, 99.0].view()).is_none(), "no such trajectory");
}
