//! Searches against closed forms, and what they promise: never worse than the start, never outside the bounds.

use ndarray::{Array1, array};
use pima_core::Link;
use proptest::prelude::*;

use super::*;
use crate::{FormulaExpert, FormulaOptions, ParameterOptions};

fn line(intercept: ParameterOptions) -> FormulaExpert {
    let axis = array![0.0, 1.0, 2.0, 3.0];
    let options = FormulaOptions::new("a + b*t", [("a", intercept), ("b", ParameterOptions::new(0.0))]);
    FormulaExpert::new(options, axis.view()).unwrap()
}

#[test]
fn a_linear_problem_takes_a_few_steps() {
    let expert = line(ParameterOptions::new(0.0));
    let mean = array![1.1, 2.9, 5.2, 6.8];
    let found = minimise(&expert, mean.view(), Array1::ones(4).view(), array![50.0, -900.0].view()).unwrap();
    // The normal equations: sum t = 6, sum t^2 = 14, sum y = 16, sum t y = 33.7.
    let expected = [(14.0 * 16.0 - 6.0 * 33.7) / 20.0, (4.0 * 33.7 - 6.0 * 16.0) / 20.0];
    // From so far away the damping takes most of them; how many more at the end is rounding, and differs between processors.
    assert!(found.converged && found.iterations <= 20, "{found:?}");
    for (found, expected) in found.theta.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{found} {expected}");
    }
}

#[test]
fn a_bound_that_holds_is_met_exactly_and_the_rest_is_the_best_beside_it() {
    let expert = line(ParameterOptions::new(5.0).min(0.0));
    let mean = array![-1.2, 0.9, 3.1, 5.0];
    // One start is outside, and is moved onto the bound.
    for start in [array![5.0, 0.0], array![-7.0, 3.0], array![0.0, -4.0]] {
        let found = minimise(&expert, mean.view(), Array1::ones(4).view(), start.view()).unwrap();
        assert!(found.converged && found.theta[0] == 0.0, "{found:?}");
        // b = sum t y / sum t^2.
        assert!((found.theta[1] - 22.1 / 14.0).abs() < 1e-9, "{found:?}");
    }
}

#[test]
fn units_do_not_matter() {
    let axis = Array1::linspace(0.0, 4e-9, 30);
    let options = FormulaOptions::new(
        "A*exp(-t/tau)",
        [("A", ParameterOptions::new(1e12).min(0.0)), ("tau", ParameterOptions::new(3e-9).min(0.0))],
    );
    let expert = FormulaExpert::new(options, axis.view()).unwrap();
    let mean = axis.mapv(|t: f64| 3.7e12 * (-t / 0.8e-9).exp());
    let found = minimise(&expert, mean.view(), Array1::from_elem(30, 5e-6).view(), expert.init()).unwrap();
    assert!((found.theta[0] / 3.7e12 - 1.0).abs() < 1e-7 && (found.theta[1] / 0.8e-9 - 1.0).abs() < 1e-7, "{found:?}");
}

#[test]
fn a_start_without_a_prediction_is_an_error() {
    let options = FormulaOptions::new("sqrt(a)*t", [("a", ParameterOptions::new(1.0))]);
    let expert = FormulaExpert::new(options, array![1.0, 2.0].view()).unwrap();
    let result = minimise(&expert, array![1.0, 2.0].view(), Array1::ones(2).view(), array![-1.0].view());
    assert!(matches!(result, Err(ExpertError::Diverged { .. })));
}

#[test]
fn points_keep_to_the_links_and_to_the_seed() {
    let links = [
        Link::Identity,
        Link::Positive,
        Link::Above { lower: -2.0 },
        Link::Below { upper: 3.0 },
        Link::Interval { lower: 0.5, upper: 0.75 },
        Link::Interval { lower: 1e-9, upper: 1.0 },
    ];
    let init = array![0.0, 1e-7, 4.0, 3.0, 0.6, 1e-3];
    let starts = Starts::draw(init.view(), &links, 200, 8, 1);
    assert_eq!(starts, Starts::draw(init.view(), &links, 200, 8, 1));
    assert_ne!(starts, Starts::draw(init.view(), &links, 200, 8, 2));
    assert_eq!(starts.points().row(0), init);
    for (column, link) in starts.points().columns().into_iter().zip(links) {
        let (lower, upper) = link.bounds();
        assert!(column.iter().all(|theta| theta.is_finite() && (lower..=upper).contains(theta)), "{link:?}");
        assert!(column.iter().skip(1).any(|&theta| theta != column[1]), "{link:?}");
    }
    // Small rates are as likely as large ones.
    let small = starts.points().column(5).iter().filter(|rate| **rate < 3e-5).count();
    assert!((60..140).contains(&small), "{small} of 200");
}

proptest! {
    #[test]
    fn no_search_ends_worse_than_it_began(
        values in proptest::collection::vec(-10.0..10.0_f64, 12), a in 0.0..5.0_f64, k in 0.0..4.0_f64, w in 0.0..9.0_f64,
    ) {
        let bounded = || ParameterOptions::new(1.0).min(0.0).max(9.0);
        let options = FormulaOptions::new("a*exp(-k*t)*cos(w*t)", [("a", bounded()), ("k", bounded()), ("w", bounded())]);
        let expert = FormulaExpert::new(options, Array1::linspace(0.0, 3.0, 12).view()).unwrap();
        let (mean, weight, start) = (Array1::from(values), Array1::from_elem(12, 2.0), array![a, k, w]);
        let before = Problem::new(&expert, mean.view(), weight.view()).at(start.clone()).residual;
        let found = minimise(&expert, mean.view(), weight.view(), start.view()).unwrap();
        prop_assert!(found.residual <= before);
        prop_assert!(found.theta.iter().all(|theta| (0.0..=9.0).contains(theta)));
    }
}
