//! Equations by formulas against closed forms and against those made of monomials, their fits, and bad input.

use std::time::{Duration, Instant};

use ndarray::{Array1, Array2, ArrayView1, Axis, array};
use pima_core::{Expert, ExpertError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::{DictionaryOde, ParameterOptions, Term, cramer_rao_bound};

/// From a configuration, as a user writes it.
fn expert(config: &str, times: &Array1<f64>) -> OdeFormulaExpert {
    OdeFormulaExpert::new(toml::from_str(config).unwrap(), times.view()).unwrap()
}

fn curve(expert: &dyn Expert, theta: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut out = Array1::zeros(expert.n_outputs());
    expert.predict(theta, out.view_mut());
    out
}

const DECAY: &str = r#"
    states = ["x"]
    ode = ["-k*x"]
    start = ["x0"]
    parameters = { k = { init = 1, min = 0, unit = "1/s" }, x0 = { init = 1 } }
"#;

const LOGISTIC: &str = r#"
    states = ["n"]
    ode = ["r*n*(1 - n/K)"]
    start = [0.1]
    parameters = { r = { init = 1, min = 0 }, K = { init = 1, min = 0 } }
"#;

const PENDULUM: &str = r#"
    states = ["angle", "speed"]
    ode = ["speed", "-w^2*sin(angle) - c*speed"]
    start = [1.2, "v0"]
    outputs = ["angle"]
    parameters = { w = { init = 2, min = 0.1, max = 10 }, c = { init = 0.1, min = 0 }, v0 = { init = 0 } }
"#;

/// The states depend on time, a formula makes two outputs of them, and one parameter is in an output alone.
const DRIVEN: &str = r#"
    states = ["x", "v"]
    ode = ["v", "-k*x - c*v + F*cos(2*s)"]
    start = ["a", 0]
    variable = "s"
    outputs = ["gain*x", "v^2 + s"]
    parameters = { k = { init = 4 }, c = { init = 0.3 }, F = { init = 1 }, a = { init = 0.5 }, gain = { init = 2, min = 0 } }
"#;

#[test]
fn trajectories_are_the_closed_forms() {
    let times = array![2.0, 2.5, 3.0, 7.0];
    let decay = curve(&expert(DECAY, &times), array![0.7, 3.0].view());
    let logistic = curve(&expert(LOGISTIC, &times), array![1.3, 2.0].view());
    for (j, t) in times.iter().map(|t| t - 2.0).enumerate() {
        assert!((decay[j] / (3.0 * (-0.7 * t).exp()) - 1.0).abs() < 1e-8);
        let expected = 2.0 / (1.0 + 19.0 * (-1.3 * t).exp());
        assert!((logistic[j] / expected - 1.0).abs() < 1e-8);
    }
    // A system that time itself drives: dx/dt = t^2.
    let config = "states = ['x']\node = ['a*t^2']\nstart = [0]\nparameters = { a = { init = 1 } }";
    let driven = curve(&expert(config, &times), array![3.0].view());
    assert!((driven[3] / (343.0 - 8.0) - 1.0).abs() < 1e-9, "{driven}");
}

#[test]
fn monomials_as_formulas_have_the_trajectory_of_the_dictionary() {
    let times = Array1::linspace(0.0, 2.5, 40);
    let config = r#"
        states = ["x", "y"]
        ode = ["alpha*x^3 + beta*y^3", "gamma*x^3 + delta*y^3"]
        start = [1, 1]
        parameters = { alpha = { init = 0 }, beta = { init = 1 }, gamma = { init = -1 }, delta = { init = 0 } }
    "#;
    let terms = |first: &str, second: &str| vec![Term::new(first, [3, 0]), Term::new(second, [0, 3])];
    let dictionary = DictionaryOde::new(vec![terms("alpha", "beta"), terms("gamma", "delta")]).unwrap();
    let theta = [-0.1, 1.5, -2.0, -0.1];
    let expected = dictionary.solve(&theta, &[1.0, 1.0], times.view()).unwrap();
    let formulas = expert(config, &times);
    assert_eq!(formulas.parameter_names(), dictionary.parameter_names());
    let found = formulas.trajectory(Array1::from(theta.to_vec()).view()).unwrap();
    assert!((&found - &expected).iter().all(|off| off.abs() < 1e-8));
}

#[test]
fn jacobians_are_finite_differences() {
    let times = Array1::linspace(0.5, 4.0, 12);
    for config in [DECAY, LOGISTIC, PENDULUM, DRIVEN] {
        let expert = expert(config, &times);
        let theta = &expert.init() * 1.1 + 0.05;
        let mut jacobian = Array2::zeros((expert.n_outputs(), theta.len()));
        expert.jacobian(theta.view(), jacobian.view_mut());
        for (p, column) in jacobian.axis_iter(Axis(1)).enumerate() {
            let shifted = |sign: f64| {
                let mut theta = theta.clone();
                theta[p] += sign * 1e-4;
                curve(&expert, theta.view())
            };
            let difference = (shifted(1.0) - shifted(-1.0)) / 2e-4;
            let scale = 1.0 + column.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            let name = &expert.parameter_names()[p];
            assert!((&difference - &column).iter().all(|off| off.abs() < 1e-5 * scale), "{name}: {config}");
        }
    }
}

#[test]
fn known_parameters_come_back() {
    let times = Array1::linspace(0.0, 6.0, 40);
    let cases = [
        (DECAY, vec![0.7, 3.0]),
        (LOGISTIC, vec![1.9, 4.0]),
        (PENDULUM, vec![2.6, 0.25, -0.8]),
        (DRIVEN, vec![3.0, 0.5, 2.0, -0.4, 1.5]),
    ];
    for (config, theta) in cases {
        let (expert, theta) = (expert(config, &times), Array1::from(theta));
        let mean = curve(&expert, theta.view());
        let weight = Array1::ones(mean.len());
        let fit = expert.fit(mean.view(), weight.view(), Array1::zeros(theta.len()).view()).unwrap();
        for (p, (found, expected)) in fit.theta.iter().zip(&theta).enumerate() {
            let name = &expert.parameter_names()[p];
            assert!((found - expected).abs() < 1e-5 * expected.abs(), "{name} = {found}, not {expected}: {config}");
        }
        assert!(fit.covariance_factor.is_some());
    }
}

#[test]
fn standard_errors_are_the_bound_and_hold_the_truth() {
    let times = Array1::linspace(0.0, 6.0, 60);
    let (expert, mut rng) = (expert(PENDULUM, &times), ChaCha8Rng::seed_from_u64(2));
    let (theta, noise) = (array![3.0, 0.25, -0.8], 0.02);
    let weight = Array1::ones(60);
    let bound = cramer_rao_bound(&expert, theta.view(), weight.view(), noise * noise).unwrap();
    // Sum over runs of the squared errors in units of the standard errors: chi squared with 3 degrees of freedom each.
    let (mut total, n_runs) = (0.0, 20);
    for _ in 0..n_runs {
        let mean = curve(&expert, theta.view()).mapv(|value| {
            let normal: f64 = StandardNormal.sample(&mut rng);
            value + noise * normal
        });
        let fit = expert.fit(mean.view(), weight.view(), theta.view()).unwrap();
        let errors = fit.standard_errors(noise * noise).unwrap();
        assert!((&errors / &bound).iter().all(|ratio| (ratio - 1.0).abs() < 0.1), "{errors} {bound}");
        total += ((&fit.theta - &theta) / &errors).mapv(|z| z * z).sum();
    }
    // 60 degrees of freedom, though the three are correlated: 60 +- 6 standard deviations of at most sqrt(2 * 3 * 60).
    assert!((10.0..150.0).contains(&total), "{total}");
}

#[test]
fn what_is_too_stiff_or_blows_up_ends_soon_with_the_time() {
    let times = Array1::linspace(0.0, 10.0, 50);
    let stiff = r#"
        states = ["x"]
        ode = ["-k*(x - cos(t))"]
        start = [0]
        parameters = { k = { init = 10, min = 0 } }
    "#;
    let expert = expert(stiff, &times);
    // A decay within a hundredth of a millionth of the curve's length.
    let begun = Instant::now();
    assert!(matches!(expert.trajectory(array![1e8].view()), Err(Error::Trajectory { .. })));
    let mut out = Array1::zeros(50);
    expert.predict(array![1e8].view(), out.view_mut());
    assert!(out.iter().all(|value| value.is_nan()));
    // A little stiff is followed: x = (k^2 cos t + k sin t)/(1 + k^2), once the start is forgotten.
    let x = expert.trajectory(array![300.0].view()).unwrap()[[0, 49]];
    let expected = (9e4 * 10.0_f64.cos() + 300.0 * 10.0_f64.sin()) / (1.0 + 9e4);
    assert!((x - expected).abs() < 1e-7, "{x} {expected}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());

    // dx/dt = k x^2 from 1 is 1/(1 - k t): no end of it after t = 1/k.
    let config = "states = ['x']\node = ['k*x^2']\nstart = [1]\nparameters = { k = { init = 0.01 } }";
    let growing = self::expert(config, &times);
    match growing.trajectory(array![0.5].view()) {
        Err(Error::Trajectory { time, .. }) => assert!((1.7..2.1).contains(&time), "{time}"),
        other => panic!("{other:?}"),
    }
    assert!(growing.solution(array![0.5].view()).is_none());
    // A fit goes round it: from a start that blows up, to parameters that do not.
    let mean = curve(&growing, array![0.06].view());
    let fit = growing.fit(mean.view(), Array1::ones(50).view(), array![5.0].view()).unwrap();
    assert!((fit.theta[0] / 0.06 - 1.0).abs() < 1e-6, "{fit:?}");
}

#[test]
fn every_mistake_in_a_configuration_is_one_clear_line() {
    let refused = |config: &str| match toml::from_str::<OdeFormulaOptions>(config) {
        Err(error) => error.message().to_owned(),
        Ok(options) => OdeFormulaExpert::new(options, Array1::linspace(0.0, 10.0, 5).view()).unwrap_err().to_string(),
    };
    let system = |states: &str, ode: &str, start: &str| {
        format!("states = [{states}]\node = [{ode}]\nstart = [{start}]\nparameters = {{ k = {{ init = 1 }} }}")
    };
    let good = || system("'x'", "'-k*x'", "1");
    let cases = [
        (system("", "", ""), "number of states is 0 but must be that of formulas in `ode`, 1; name them"),
        (
            system("", "'v', '-k*x'", "1, 0"),
            "number of states is 0 but must be that of formulas in `ode`, 2; name them",
        ),
        (
            system("", "'-q*x'", "1"),
            "ode `-q*x`, column 1: q and x are neither parameters nor the variable, t: one of them is the state (say which, states = [\"x\"]), the others need an entry in `parameters`",
        ),
        (system("", "'-k*t'", "1"), "ode `-k*t`, column 1: no state is in it; name it, states = [\"x\"]"),
        (
            system("", "'dx/dt = -k*x'", "1"),
            "ode `dx/dt = -k*x`, column 7: a rate is written without its left-hand side; write ode = [\"-k*x\"], and states = [\"x\"]",
        ),
        (system("'x'", "'k*np.exp(x)'", "1"), "column 3: 'np.exp': names have no module here; write exp"),
        (system("'x'", "'-k*x', 'x'", "1"), "number of formulas in `ode` is 2 but must be that of `states`, 1"),
        (system("'x', 'y'", "'-k*x', 'x'", "1"), "number of entries of `start` is 1 but must be that of `states`, 2"),
        (system("'x'", "'-k*xx'", "1"), "ode of x `-k*xx`, column 4: unknown name 'xx'; did you mean 'x'?"),
        (system("'x'", "'-k*x'", "'k*x'"), "start of x `k*x`, column 3: unknown name 'x'; known here: k"),
        (system("'x'", "'-k*x'", "true"), "a start must be a number, or a formula in quotes"),
        (system("'x'", "'-k*x'", "nan"), "start of x `NaN`, column 1: unknown name 'NaN'"),
        (system("'x'", "'-x'", "1"), "parameter 'k' is in no formula"),
        (
            system("'x', 'x'", "'-k*x', 'x'", "1, 1"),
            "a name in a formula is 'x' but must be the name of one thing only",
        ),
        (system("'k'", "'-k'", "1"), "a name in a formula is 'k' but must be the name of one thing only"),
        (system("'x'", "'-k*ln(x)'", "0"), "ode of x `-k*ln(x)`, column 4: this is -inf at t = 0 with every parameter"),
        (system("'x'", "'k*x^2'", "1"), "the trajectory cannot be followed beyond t = "),
        (good() + "\n[bad]", "unknown field `bad`"),
        (format!("outputs = ['x', 'y']\n{}", good()), "output 2 `y`, column 1: unknown name 'y'"),
        (format!("outputs = ['ln(-x)']\n{}", good()), "output 1 `ln(-x)`, column 1: this is NaN at t = 0"),
        (format!("searches = 0\n{}", good()), "searches is 0 but must be from 1 to 1000"),
    ];
    for (config, expected) in cases {
        let message = refused(&config);
        assert!(message.contains(expected), "{config}\n{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    let options = || OdeFormulaOptions::new([("x", "-k*x", 1.0.into())], [("k", ParameterOptions::new(1.0))]);
    let error = |times: Array1<f64>| OdeFormulaExpert::new(options(), times.view()).unwrap_err();
    assert!(matches!(error(array![0.0, 1.0, 1.0]), Error::Times { index: 2, .. }));
    assert!(error(array![]).to_string().contains("number of points of the axis is 0"));
    let expert = OdeFormulaExpert::new(options(), array![0.0, 1.0].view()).unwrap();
    let result = expert.fit(array![1.0].view(), array![1.0].view(), array![1.0].view());
    assert!(matches!(result, Err(ExpertError::Shape { array: "mean", expected: 2, got: 1 })));
    assert!(expert.trajectory(array![1.0, 2.0].view()).is_err());
}
