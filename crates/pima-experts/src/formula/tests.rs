//! Formulas against curves whose parameters are known, their standard errors against repeated experiments, and bad input.

use ndarray::{Array1, Array2, ArrayView1, Axis, array};
use pima_core::{Expert, ExpertError, ExpertFit};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::{CurveUnits, HardeningOptions, StrainHardening, cramer_rao_bound};

/// From a configuration, as a user writes it.
fn expert(config: &str, axis: &Array1<f64>) -> FormulaExpert {
    FormulaExpert::new(toml::from_str(config).unwrap(), axis.view()).unwrap()
}

fn curve(expert: &dyn Expert, theta: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut out = Array1::zeros(expert.n_outputs());
    expert.predict(theta, out.view_mut());
    out
}

fn fit(expert: &dyn Expert, mean: &Array1<f64>) -> ExpertFit {
    let start = Array1::zeros(expert.n_parameters());
    expert.fit(mean.view(), Array1::ones(mean.len()).view(), start.view()).unwrap()
}

const TWO_LINES: &str = r#"
    formula = "E*min(t, t0) + H*max(t - t0, 0)"
    parameters.E = { init = 1, min = 0, unit = "MPa" }
    parameters.H = { init = 1 }
    parameters.t0 = { init = 0.05, min = 0, max = 0.1 }
"#;

const DAMPED_SINE: &str = r#"
    formula = "A*exp(-k*t)*sin(w*t + p)"
    parameters = { A = { init = 1, min = 0 }, k = { init = 1, min = 0, max = 5 }, w = { init = 2, min = 0, max = 30 }, p = { init = 0, min = -3.2, max = 3.2 } }
"#;

#[test]
fn known_parameters_come_back() {
    let line = r#"
        formula = "a + b*x"
        variable = "x"
        parameters = { a = { init = 0 }, b = { init = 0 } }
    "#;
    let decay = r#"
        formula = "A*exp(-k*t) + c"
        parameters = { A = { init = 1 }, k = { init = 1, min = 0 }, c = { init = 0 } }
    "#;
    // k = A exp(-Q/(R T)), with its rate given by its logarithm.
    let arrhenius = r#"
        formula = "exp(lnA - Q/(8.314*T))"
        variable = "T"
        parameters = { lnA = { init = 10 }, Q = { init = 1e4, min = 0, unit = "J/mol" } }
    "#;
    let cases = [
        (line, Array1::linspace(-1.0, 1.0, 20), vec![0.3, -2.0], 1e-9),
        (decay, Array1::linspace(0.0, 5.0, 60), vec![2.5, 0.8, -0.4], 1e-6),
        (arrhenius, Array1::linspace(300.0, 900.0, 40), vec![21.0, 62_000.0], 1e-6),
        (TWO_LINES, Array1::linspace(0.0, 0.1, 101), vec![2500.0, 0.0234, 120.0], 1e-6),
        // From a start at another frequency, as far as nine periods away over the curve.
        (DAMPED_SINE, Array1::linspace(0.0, 4.0, 120), vec![1.7, 0.35, 17.0, 0.6], 1e-6),
    ];
    for (config, axis, theta, tolerance) in cases {
        let expert = expert(config, &axis);
        let theta = Array1::from(theta);
        let fit = fit(&expert, &curve(&expert, theta.view()));
        assert!(fit.covariance_factor.is_some(), "{config}: {fit:?}");
        for (p, (found, expected)) in fit.theta.iter().zip(&theta).enumerate() {
            let name = &expert.parameter_names()[p];
            assert!(
                (found - expected).abs() <= tolerance * expected.abs(),
                "{name} = {found}, not {expected}: {config}"
            );
        }
    }
}

#[test]
fn parameters_are_named_in_the_order_of_the_formula_and_carry_their_units() {
    let expert = expert(TWO_LINES, &Array1::linspace(0.0, 0.1, 30));
    assert_eq!(expert.parameter_names(), ["E", "t0", "H"]);
    assert_eq!(expert.parameter_units(), ["MPa", "", ""]);
    assert_eq!(expert.init(), array![1.0, 0.05, 1.0]);
    let upper = Link::Interval { lower: 0.0, upper: 0.1 };
    assert_eq!(expert.links(), [Link::Positive, upper, Link::Identity]);
    let text = toml::to_string(expert.options()).unwrap();
    assert_eq!(&toml::from_str::<FormulaOptions>(&text).unwrap(), expert.options());
}

#[test]
fn two_lines_are_as_good_as_the_exact_fit_of_strain_hardening() {
    let axis = Array1::linspace(0.0, 0.1, 100);
    let (formula, mut rng) = (expert(TWO_LINES, &axis), ChaCha8Rng::seed_from_u64(1));
    let exact = StrainHardening::new(axis.view(), HardeningOptions::default(), &CurveUnits::default()).unwrap();
    for t0 in [0.01, 0.03, 0.08] {
        let noise = Array1::from_shape_fn(100, |_| StandardNormal.sample(&mut rng));
        let stress = curve(&formula, array![2000.0, t0, 300.0].view()) + 3.0 * &noise;
        let (found, best) = (fit(&formula, &stress), fit(&exact, &stress));
        assert!(found.residual <= best.residual * (1.0 + 1e-3), "{t0}: {found:?} {best:?}");
    }
}

proptest! {
    #[test]
    fn derivatives_are_finite_differences(a in 0.1..3.0_f64, k in 0.1..3.0_f64, w in 0.1..9.0_f64, p in -1.0..1.0_f64) {
        let expert = expert(DAMPED_SINE, &Array1::linspace(0.0, 2.0, 15));
        let theta = array![a, k, w, p];
        let mut jacobian = Array2::zeros((15, 4));
        expert.jacobian(theta.view(), jacobian.view_mut());
        for (p, column) in jacobian.axis_iter(Axis(1)).enumerate() {
            let shifted = |sign: f64| {
                let mut theta = theta.clone();
                theta[p] += sign * 1e-5;
                curve(&expert, theta.view())
            };
            let difference = (shifted(1.0) - shifted(-1.0)) / 2e-5;
            prop_assert!((&difference - &column).iter().all(|off| off.abs() < 1e-7 * (1.0 + a)));
        }
    }
}

#[test]
fn standard_errors_are_the_scatter_of_repeated_experiments() {
    let axis = Array1::linspace(0.0, 5.0, 50);
    let config = r#"
        formula = "A*exp(-k*t) + c"
        parameters = { A = { init = 2 }, k = { init = 1, min = 0 }, c = { init = 0 } }
        searches = 1
    "#;
    let (expert, mut rng) = (expert(config, &axis), ChaCha8Rng::seed_from_u64(5));
    let (theta, noise, n_runs) = (array![2.5, 0.8, -0.4], 0.05, 400);
    let truth = curve(&expert, theta.view());
    let mut found = Array2::zeros((n_runs, 3));
    let mut told = Array1::zeros(3);
    for mut row in found.outer_iter_mut() {
        let mean = truth.mapv(|value| {
            let normal: f64 = StandardNormal.sample(&mut rng);
            value + noise * normal
        });
        let fit = fit(&expert, &mean);
        told += &(fit.standard_errors(noise * noise).unwrap() / n_runs as f64);
        row.assign(&fit.theta);
    }
    // The scatter of 400 runs is itself known to 1/sqrt(800) = 3.5 %.
    for (p, (told, scatter)) in told.iter().zip(found.std_axis(Axis(0), 1.0)).enumerate() {
        assert!((told / scatter - 1.0).abs() < 0.14, "parameter {p}: {told} told, {scatter} seen");
    }
    let bound = cramer_rao_bound(&expert, theta.view(), Array1::ones(50).view(), noise * noise).unwrap();
    assert!((&told / &bound).iter().all(|ratio| (ratio - 1.0).abs() < 0.05), "{told} {bound}");
}

#[test]
fn a_parameter_on_its_bound_is_told_with_the_error_that_the_data_give_it() {
    let axis = Array1::linspace(0.0, 1.0, 40);
    let config = "formula = 'a + b*t'\nparameters = { a = { init = 1, min = 0 }, b = { init = 1, max = 1.5 } }";
    let bounded = expert(config, &axis);
    // At (0, 1.5) what is left over is -0.3 + 0.525 t: its mean is below zero, its product with t above.
    let found = fit(&bounded, &axis.mapv(|t| -0.3 + 2.025 * t));
    assert_eq!(found.theta, array![0.0, 1.5]);
    assert_eq!(bounded.at_bound(found.theta.view()), [true, true]);
    let free = expert("formula = 'a + b*t'\nparameters = { a = { init = 1 }, b = { init = 1 } }", &axis);
    let reference = fit(&free, &axis.mapv(|t| -0.3 + 2.025 * t));
    assert_eq!(free.at_bound(reference.theta.view()), [false, false]);
    let errors = [found, reference].map(|fit| fit.standard_errors(1.0).unwrap());
    assert!((&errors[0] / &errors[1]).iter().all(|ratio| (ratio - 1.0).abs() < 1e-9), "{errors:?}");
}

#[test]
fn gaps_do_not_matter_and_what_cannot_be_determined_has_no_error() {
    let axis = Array1::linspace(0.0, 0.1, 50);
    let expert = expert(TWO_LINES, &axis);
    let theta = array![2500.0, 0.04, 120.0];
    let mut mean = curve(&expert, theta.view());
    let mut weight = Array1::from_elem(50, 3.0);
    for j in [0, 7, 8, 31] {
        (mean[j], weight[j]) = (f64::NAN, 0.0);
    }
    let fit = expert.fit(mean.view(), weight.view(), expert.init()).unwrap();
    assert!((&fit.theta / &theta).iter().all(|ratio| (ratio - 1.0).abs() < 1e-6), "{fit:?}");
    // Nothing beyond the corner: no hardening modulus.
    weight.slice_mut(ndarray::s![20..]).fill(0.0);
    let fit = expert.fit(mean.view(), weight.view(), expert.init()).unwrap();
    assert!(fit.covariance_factor.is_none() && (fit.theta[0] / 2500.0 - 1.0).abs() < 1e-6, "{fit:?}");
}

#[test]
fn fits_repeat_and_bad_arrays_are_typed_errors() {
    let axis = Array1::linspace(0.0, 4.0, 120);
    let expert = expert(DAMPED_SINE, &axis);
    let mean = axis.mapv(|t: f64| (3.0 * t).sin() + 0.1 * (40.0 * t).cos());
    assert_eq!(fit(&expert, &mean), fit(&expert, &mean));
    let ones = Array1::ones(120);
    let error =
        |mean: &Array1<f64>, weight: &Array1<f64>| expert.fit(mean.view(), weight.view(), expert.init()).unwrap_err();
    assert!(matches!(error(&Array1::zeros(3), &ones), ExpertError::Shape { array: "mean", expected: 120, got: 3 }));
    assert!(matches!(error(&mean, &Array1::zeros(120)), ExpertError::NoWeight));
    let broken = Array1::from_elem(120, f64::NAN);
    assert!(matches!(error(&broken, &ones), ExpertError::NotFinite { array: "mean", index: 0 }));
}

#[test]
fn every_mistake_in_a_configuration_is_one_clear_line() {
    let refused = |config: &str| match toml::from_str::<FormulaOptions>(config) {
        Err(error) => error.message().to_owned(),
        Ok(options) => FormulaExpert::new(options, Array1::linspace(0.0, 1.0, 5).view()).unwrap_err().to_string(),
    };
    let with = |formula: &str, parameters: &str| format!("formula = '{formula}'\nparameters = {{ {parameters} }}");
    let cases = [
        (with("", "a = { init = 1 }"), "formula ``, column 1: nothing is here"),
        (with("a*tt", "a = { init = 1 }"), "formula `a*tt`, column 3: unknown name 'tt'; did you mean 't'?"),
        (with("a*sinn(t)", "a = { init = 1 }"), "column 3: unknown function 'sinn'; did you mean 'sin' or 'sinh'?"),
        (with("a*t + b", "a = { init = 1 }"), "column 7: unknown name 'b'; known here: t, a; a parameter needs"),
        (
            with("a*t", "a = { init = 1 }, b = { init = 1 }"),
            "parameter 'b' is in no formula but must be used; take it out",
        ),
        (with("2*t", ""), "number of parameters is 0 but must be at least 1"),
        (with("a*t", "a = { init = 1, min = 3, max = 2 }"), "min of parameter 'a' is 3 but must be below its max, 2"),
        (with("a*t", "a = { init = 1, min = 2 }"), "init of parameter 'a' is 1 but must be at least its min, 2"),
        (with("a*t", "a = { init = 3, max = 2 }"), "init of parameter 'a' is 3 but must be at most its max, 2"),
        (with("a*t", "a = { init = nan }"), "init of parameter 'a' is NaN but must be finite"),
        (
            with("a*t", "a = { init = 1, max = inf }"),
            "max of parameter 'a' is inf but must be finite; leave a bound out",
        ),
        (with("a*t", "a = { min = 0 }"), "missing field `init`"),
        (with("a*t", "a = { init = 1, mim = 0 }"), "unknown field `mim`"),
        (
            with("a*ln(t)", "a = { init = 1 }"),
            "column 3: this is -inf at t = 0 with every parameter at its init; guard it",
        ),
        (with("sin*t", "sin = { init = 1 }"), "a name in a formula is 'sin' but must be letters, digits and '_'"),
        (with("a*t", "a = { init = 1 }, \"b c\" = { init = 1 }"), "a name in a formula is 'b c' but must be letters"),
        (
            with("a*t", "a = { init = 1 }, t = { init = 1 }"),
            "a name in a formula is 't' but must be the name of one thing",
        ),
        (with("a*t", "a = { init = 1 }") + "\nsearches = 0", "searches is 0 but must be from 1 to 1000"),
        (with("a*t", "a = { init = 1 }") + "\nvariable = 'x'", "column 3: unknown name 't'"),
    ];
    for (config, expected) in cases {
        let message = refused(&config);
        assert!(message.contains(expected), "{config}\n{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    let two_lines = "formula = '''a +\n b*tt'''\nparameters = { a = { init = 1 }, b = { init = 1 } }";
    assert!(refused(two_lines).contains("formula `a +  b*tt`, column 8:"), "{}", refused(two_lines));
    let options = || FormulaOptions::new("a*t", [("a", ParameterOptions::new(1.0))]);
    for (axis, expected) in
        [(array![], "number of points of the axis is 0"), (array![0.0, f64::NAN], "point 1 of the axis is NaN")]
    {
        assert!(FormulaExpert::new(options(), axis.view()).unwrap_err().to_string().contains(expected));
    }
}
