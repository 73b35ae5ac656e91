//! Linear experts against closed forms, finite differences, Monte Carlo and bad input.

use ndarray::{Array1, Array2, Axis, array};
use pima_core::{Expert, ExpertError};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

fn expert(basis: Basis, axis: &Array1<f64>) -> LinearExpert {
    LinearExpert::new(&basis, axis.view(), &CurveUnits::default()).unwrap()
}

fn prediction(expert: &LinearExpert, theta: &Array1<f64>) -> Array1<f64> {
    let mut out = Array1::zeros(expert.n_outputs());
    expert.predict(theta.view(), out.view_mut());
    out
}

fn fit(expert: &LinearExpert, mean: &Array1<f64>, weight: &Array1<f64>) -> Result<ExpertFit, ExpertError> {
    expert.fit(mean.view(), weight.view(), Array1::zeros(expert.n_parameters()).view())
}

fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance * expected.abs(), "{got} is not {expected} to {tolerance}");
}

#[test]
fn a_line_through_the_origin_has_its_closed_form() {
    let axis = Array1::linspace(0.0, 2.0, 9);
    let mean = axis.mapv(|t: f64| 3.0 * t + (7.0 * t).sin());
    let weight = Array1::linspace(1.0, 5.0, 9);
    let fit = fit(&expert(Basis::Slope, &axis), &mean, &weight).unwrap();
    let (wtt, wty) = ((&weight * &axis * &axis).sum(), (&weight * &axis * &mean).sum());
    assert_close(fit.theta[0], wty / wtt, 1e-14);
    assert_close(fit.residual, (&weight * &mean * &mean).sum() - wty * wty / wtt, 1e-12);
    assert_close(fit.covariance_factor.as_ref().unwrap()[[0, 0]], 1.0 / wtt, 1e-14);
    assert_close(fit.standard_errors(0.25).unwrap()[0], 0.5 / wtt.sqrt(), 1e-14);
    assert!(fit.converged && fit.iterations == 1);
}

#[test]
fn a_weighted_line_has_its_closed_form() {
    let axis = array![0.5, 1.0, 2.5, 4.0, 4.5];
    let mean = array![1.0, -2.0, 3.0, 0.5, 9.0];
    let weight = array![2.0, 1.0, 0.5, 4.0, 3.0];
    let fit = fit(&expert(Basis::Affine, &axis), &mean, &weight).unwrap();
    let total = weight.sum();
    let (t, y) = ((&weight * &axis).sum() / total, (&weight * &mean).sum() / total);
    let spread = (&weight * &axis.mapv(|x| (x - t).powi(2))).sum();
    let slope = (&weight * &(&axis - t) * &(&mean - y)).sum() / spread;
    assert_close(fit.theta[1], slope, 1e-13);
    assert_close(fit.theta[0], y - slope * t, 1e-13);
    let covariance = fit.covariance_factor.unwrap();
    assert_close(covariance[[1, 1]], 1.0 / spread, 1e-13);
    assert_close(covariance[[0, 0]], 1.0 / total + t * t / spread, 1e-13);
    assert_close(covariance[[0, 1]], -t / spread, 1e-13);
    assert_eq!(covariance[[0, 1]], covariance[[1, 0]]);
}

#[test]
fn polynomials_are_recovered_exactly_whatever_the_unit_of_the_axis() {
    // Powers of a short and of a long axis span 10^36: only the scaled columns keep the rank.
    for length in [1e-6, 1.0, 1e6] {
        let axis = Array1::linspace(-length, length, 41);
        let expert = expert(Basis::Polynomial { degree: 6 }, &axis);
        let theta = Array1::from_shape_fn(7, |p| (1.0 + p as f64) * length.powi(-(p as i32)));
        let fit = fit(&expert, &prediction(&expert, &theta), &Array1::ones(41)).unwrap();
        for (got, expected) in fit.theta.iter().zip(&theta) {
            assert_close(*got, *expected, 1e-11);
        }
    }
}

#[test]
fn names_and_units_follow_the_basis() {
    let axis = array![0.0, 1.0];
    let units = CurveUnits { axis: "mm".into(), value: "N".into() };
    let of = |basis: Basis, units: &CurveUnits| {
        let expert = LinearExpert::new(&basis, axis.view(), units).unwrap();
        (expert.parameter_names().to_vec(), expert.parameter_units().to_vec())
    };
    assert_eq!(of(Basis::Slope, &units), (vec!["slope".into()], vec!["N/mm".into()]));
    let affine = (vec!["intercept".into(), "slope".into()], vec!["N".into(), "N/mm".into()]);
    assert_eq!(of(Basis::Affine, &units), affine);
    let (names, units) = of(Basis::Polynomial { degree: 2 }, &units);
    assert_eq!(names, ["a0", "a1", "a2"]);
    assert_eq!(units, ["N", "N/mm", "N/mm^2"]);
    let only_axis = CurveUnits { axis: "s".into(), value: String::new() };
    assert_eq!(of(Basis::Affine, &only_axis).1, ["", "1/s"]);
    assert_eq!(of(Basis::Slope, &CurveUnits::default()).1, [""]);
}

#[test]
fn a_basis_is_read_from_a_configuration() {
    let read = |text: &str| serde_json::from_str::<Basis>(text);
    assert_eq!(read(r#"{"kind":"slope"}"#).unwrap(), Basis::Slope);
    assert_eq!(read(r#"{"kind":"polynomial","degree":3}"#).unwrap(), Basis::Polynomial { degree: 3 });
    let table = read(r#"{"kind":"matrix","rows":[[1,0],[0,2]],"names":["a","b"]}"#).unwrap();
    let expert = expert(table.clone(), &array![0.0, 1.0]);
    assert_eq!(expert.matrix(), array![[1.0, 0.0], [0.0, 2.0]]);
    assert_eq!(read(&serde_json::to_string(&table).unwrap()).unwrap(), table);
    assert!(read(r#"{"kind":"polynomial","degree":3,"centre":1}"#).is_err());
}

#[test]
fn the_jacobian_is_the_finite_difference() {
    let axis = Array1::linspace(0.1, 1.7, 12);
    let expert = expert(Basis::Polynomial { degree: 4 }, &axis);
    let theta = array![0.3, -1.0, 2.0, 0.7, -0.2];
    let mut jacobian = Array2::zeros((12, 5));
    expert.jacobian(theta.view(), jacobian.view_mut());
    for p in 0..5 {
        let step = 0.5;
        let shifted = |sign: f64| {
            let mut theta = theta.clone();
            theta[p] += sign * step;
            prediction(&expert, &theta)
        };
        let difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
        for j in 0..12 {
            assert_close(jacobian[[j, p]], difference[j], 1e-12);
        }
    }
}

#[test]
fn standard_errors_cover_the_truth_as_often_as_they_should() {
    let axis = Array1::linspace(0.0, 1.0, 15);
    let expert = expert(Basis::Polynomial { degree: 2 }, &axis);
    let theta = array![1.0, -2.0, 0.5];
    let clean = prediction(&expert, &theta);
    // Entry j is the mean of weight_j measured values of variance sigma^2; the fourth is missing.
    let mut weight = Array1::from_shape_fn(15, |j| 1.0 + (j % 5) as f64);
    weight[3] = 0.0;
    let sigma = 0.3;
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let n_trials = 4000;
    let mut covered = [0_usize; 3];
    let mut residual = 0.0;
    for _ in 0..n_trials {
        let mean = Array1::from_shape_fn(15, |j| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            if weight[j] > 0.0 { clean[j] + noise * sigma / weight[j].sqrt() } else { f64::NAN }
        });
        let fit = fit(&expert, &mean, &weight).unwrap();
        let errors = fit.standard_errors(sigma * sigma).unwrap();
        for p in 0..3 {
            covered[p] += usize::from((fit.theta[p] - theta[p]).abs() < 1.959_964 * errors[p]);
        }
        residual += fit.residual / (sigma * sigma);
    }
    for covered in covered {
        let share = covered as f64 / n_trials as f64;
        // Four standard deviations of a binomial share of 0.95.
        assert!((share - 0.95).abs() < 4.0 * (0.95_f64 * 0.05 / n_trials as f64).sqrt(), "{share}");
    }
    // 14 entries less 3 parameters: chi-square with 11 degrees of freedom, of variance 22.
    let residual = residual / n_trials as f64;
    assert!((residual - 11.0).abs() < 4.0 * (22.0 / n_trials as f64).sqrt(), "{residual}");
}

proptest! {
    #[test]
    fn the_residual_is_orthogonal_to_the_basis(
        values in proptest::collection::vec(-5.0..5.0_f64, 12),
        weights in proptest::collection::vec(0.01..4.0_f64, 12),
        scale in 1e-8..1e8_f64,
    ) {
        let axis = Array1::linspace(-1.0, 2.0, 12);
        let expert = expert(Basis::Polynomial { degree: 3 }, &axis);
        let (mean, weight) = (Array1::from(values), Array1::from(weights));
        let first = fit(&expert, &mean, &weight).unwrap();
        let residual = &mean - &prediction(&expert, &first.theta);
        let gradient = expert.matrix().t().dot(&(&weight * &residual));
        let size = expert.matrix().t().mapv(f64::abs).dot(&(&weight * &mean.mapv(f64::abs)));
        for (gradient, size) in gradient.iter().zip(&size) {
            prop_assert!(gradient.abs() <= 1e-11 * size, "{gradient} of {size}");
        }
        // Weights count relative to each other in theta and absolutely in residual and covariance.
        let scaled = fit(&expert, &mean, &(&weight * scale)).unwrap();
        for (a, b) in scaled.theta.iter().zip(&first.theta) {
            prop_assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()));
        }
        prop_assert!((scaled.residual / scale - first.residual).abs() <= 1e-9 * (&weight * &mean * &mean).sum());
        let (a, b) = (scaled.covariance_factor.unwrap(), first.covariance_factor.unwrap());
        for (a, b) in a.diag().iter().zip(&b.diag()) {
            prop_assert!((a * scale - b).abs() <= 1e-9 * b);
        }
    }

    #[test]
    fn a_coordinate_without_weight_is_as_if_absent(missing in proptest::collection::vec(any::<bool>(), 10)) {
        let present: Vec<usize> = (0..10).filter(|&j| !missing[j]).collect();
        prop_assume!(present.len() >= 2);
        let axis = Array1::linspace(1.0, 3.0, 10);
        let mean = Array1::from_shape_fn(10, |j| if missing[j] { f64::NAN } else { (j as f64).cos() });
        let weight = Array1::from_shape_fn(10, |j| if missing[j] { 0.0 } else { 1.0 + j as f64 });
        let whole = fit(&expert(Basis::Affine, &axis), &mean, &weight).unwrap();
        let part = |array: &Array1<f64>| array.select(Axis(0), &present);
        let reduced = fit(&expert(Basis::Affine, &part(&axis)), &part(&mean), &part(&weight)).unwrap();
        for (a, b) in whole.theta.iter().zip(&reduced.theta) {
            prop_assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()), "{a} {b}");
        }
    }
}

#[test]
fn rank_deficiency_is_reported_with_the_rank() {
    let rank = |matrix: Array2<f64>, weight: Array1<f64>| {
        let names = vec![String::new(); matrix.ncols()];
        let expert = LinearExpert::from_matrix(matrix, names.clone(), names).unwrap();
        match fit(&expert, &Array1::ones(weight.len()), &weight) {
            Err(ExpertError::Undetermined { rank, n_parameters }) => (rank, n_parameters),
            other => panic!("{other:?}"),
        }
    };
    let column = Array1::linspace(1.0, 2.0, 6);
    let twice = ndarray::stack![Axis(1), column, &column * 1e9, Array1::ones(6)];
    assert_eq!(rank(twice, Array1::ones(6)), (2, 3));
    // A function that vanishes wherever there is weight.
    assert_eq!(rank(array![[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]], array![1.0, 1.0, 0.0]), (1, 2));
    // Fewer points than parameters.
    assert_eq!(rank(array![[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]], array![1.0, 1.0]), (2, 3));
    assert_eq!(rank(Array2::zeros((4, 1)), Array1::ones(4)), (0, 1));
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let axis = array![0.0, 1.0, 2.0];
    let expert = expert(Basis::Slope, &axis);
    let text = |mean: Array1<f64>, weight: Array1<f64>| fit(&expert, &mean, &weight).unwrap_err().to_string();
    let ones = Array1::ones(3);
    assert!(text(array![1.0, 2.0], ones.clone()).contains("mean has length 2 but the expert has 3"));
    assert!(text(ones.clone(), array![1.0]).contains("weight has length 1"));
    assert!(text(array![1.0, f64::INFINITY, 2.0], ones.clone()).contains("mean is not finite at index 1"));
    assert!(text(ones.clone(), array![1.0, 1.0, f64::NAN]).contains("weight is not finite at index 2"));
    assert!(matches!(fit(&expert, &ones, &array![1.0, -1.0, 1.0]), Err(ExpertError::NoWeight)));
    assert!(matches!(fit(&expert, &ones, &Array1::zeros(3)), Err(ExpertError::NoWeight)));
    let wrong_theta = expert.fit(ones.view(), ones.view(), array![0.0, 0.0].view());
    assert!(matches!(wrong_theta, Err(ExpertError::Shape { array: "theta", expected: 1, got: 2 })));

    let refused = |basis: Basis, axis: Array1<f64>| {
        LinearExpert::new(&basis, axis.view(), &CurveUnits::default()).unwrap_err().to_string()
    };
    assert!(refused(Basis::Slope, array![0.0, f64::NAN]).contains("point 1 of the axis is NaN"));
    assert!(refused(Basis::Slope, Array1::zeros(0)).contains("shape of the basis"));
    assert!(refused(Basis::Polynomial { degree: 400 }, array![1.0, 1e3]).contains("is inf but must be finite"));
    let table = |rows: Vec<Vec<f64>>, units: &[&str]| Basis::Matrix {
        rows,
        names: vec!["a".into()],
        units: units.iter().map(ToString::to_string).collect(),
    };
    assert!(refused(table(vec![vec![1.0]], &[]), axis.clone()).contains("number of rows of the basis is 1"));
    assert!(refused(table(vec![vec![1.0], vec![1.0, 2.0], vec![1.0]], &[]), axis.clone()).contains("length of row 1"));
    assert!(refused(table(vec![vec![1.0]; 3], &["m", "s"]), axis).contains("number of units is 2"));
}

#[test]
fn an_offset_is_added_to_predictions_and_taken_off_data() {
    let axis = array![0.0, 1.0, 2.0, 3.0];
    let plain = expert(Basis::Affine, &axis);
    let offset = array![5.0, -1.0, 0.5, 2.0];
    let raised = plain.clone().with_offset(offset.clone()).unwrap();
    let theta = array![1.0, -2.0];
    assert_eq!(prediction(&raised, &theta), prediction(&plain, &theta) + &offset);
    let (mean, weight) = (array![1.0, 2.0, -3.0, 0.0], array![1.0, 2.0, 3.0, 4.0]);
    let (found, expected) = (fit(&raised, &mean, &weight).unwrap(), fit(&plain, &(&mean - &offset), &weight).unwrap());
    assert_eq!((&found.theta, found.residual), (&expected.theta, expected.residual));
    let refused = |offset: Array1<f64>| plain.clone().with_offset(offset).unwrap_err().to_string();
    assert!(refused(array![1.0]).contains("length of the offset is 1"));
    assert!(refused(array![1.0, f64::NAN, 0.0, 0.0]).contains("offset at point 1"));
}
