//! Tests of normalisation: against two-pass formulas, and there and back again.

use ndarray::{Array2, array};
use pima_core::ModalityShape;
use proptest::prelude::*;

use super::*;

fn data(values: Array2<f32>) -> ModalityData {
    let shape = ModalityShape::Vector { length: values.ncols() };
    ModalityData::new("x", shape, values).unwrap()
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * a.abs().max(b.abs())
}

#[test]
fn standard_is_mean_and_population_deviation_of_the_rows_given() {
    let x = data(array![[1.0, 10.0], [3.0, 10.0], [99.0, -5.0]]);
    let fit = Normalisation::fit(NormalisationMethod::Standard, &x, &[0, 1]).unwrap();
    assert_eq!((fit.shift(0), fit.scale(0)), (2.0, 1.0));
    // The second column is constant over the training rows: shifted, not scaled.
    assert_eq!((fit.shift(1), fit.scale(1)), (10.0, 1.0));
    let mut out = [0.0; 2];
    fit.apply_row(x.row(2, &mut Vec::new()).unwrap(), &mut out);
    assert_eq!(out, [97.0, -15.0]);
}

#[test]
fn min_max_reaches_both_ends_per_coordinate_and_globally() {
    let x = data(array![[1.0, -4.0], [3.0, 6.0], [2.0, 1.0]]);
    let rows = [0, 1, 2];
    let fit = Normalisation::fit(NormalisationMethod::MinMax, &x, &rows).unwrap();
    assert_eq!((fit.shift(0), fit.scale(0), fit.shift(1), fit.scale(1)), (1.0, 2.0, -4.0, 10.0));
    let fit = Normalisation::fit(NormalisationMethod::MinMaxGlobal, &x, &rows).unwrap();
    assert_eq!((fit.shift(0), fit.scale(1)), (-4.0, 10.0));
    fit.check(2).unwrap();
}

#[test]
fn the_global_fit_is_that_of_one_long_column() {
    let x = array![[1.0, 20.0], [3.0, 50.0], [-2.0, 1.0]];
    let column = x.clone().into_shape_with_order((6, 1)).unwrap();
    let global = Normalisation::fit(NormalisationMethod::StandardGlobal, &data(x), &[0, 1, 2]);
    let one = Normalisation::fit(NormalisationMethod::Standard, &data(column), &[0, 1, 2, 3, 4, 5]);
    let (global, one) = (global.unwrap(), one.unwrap());
    assert!(close(global.shift(0), one.shift(0), 1e-14));
    assert!(close(global.scale(1), one.scale(0), 1e-14));
}

#[test]
fn a_spread_below_storage_rounding_is_constant() {
    let next = f32::from_bits(1000.0_f32.to_bits() + 1);
    let x = data(array![[1000.0], [next]]);
    for method in [NormalisationMethod::Standard, NormalisationMethod::MinMax] {
        assert_eq!(Normalisation::fit(method, &x, &[0, 1]).unwrap().scale(0), 1.0);
    }
}

#[test]
fn missing_rows_do_not_count() {
    let values = array![[1.0], [f32::NAN], [3.0]];
    let shape = ModalityShape::Vector { length: 1 };
    let x = ModalityData::with_missing("x", shape, values, vec![true, false, true]).unwrap();
    let fit = Normalisation::fit(NormalisationMethod::Standard, &x, &[0, 1, 2]).unwrap();
    assert_eq!((fit.shift(0), fit.scale(0)), (2.0, 1.0));
    let error = Normalisation::fit(NormalisationMethod::Standard, &x, &[1]).unwrap_err();
    assert!(matches!(error, Error::NothingToFit { n_rows: 1, .. }));
    let error = Normalisation::fit(NormalisationMethod::Standard, &x, &[7]).unwrap_err();
    assert!(matches!(error, Error::Row { row: 7, n_samples: 3 }));
}

#[test]
fn scales_must_be_positive() {
    let x = data(array![[255.0]]);
    let fit = Normalisation::fit(NormalisationMethod::Scale(255.0), &x, &[0]).unwrap();
    let mut out = [0.0];
    fit.apply_row(&[51.0], &mut out);
    assert!(close(f64::from(out[0]), 0.2, 1e-7));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Normalisation::fit(NormalisationMethod::Scale(bad), &x, &[0]).is_err());
    }
}

#[test]
fn a_normalisation_read_from_elsewhere_is_checked() {
    let identity = Normalisation::identity;
    let wrong = Normalisation { shift: vec![0.0; 3], ..identity() };
    assert!(matches!(wrong.check(2), Err(Error::Length { expected: 2, got: 3, .. })));
    let uneven = Normalisation { shift: vec![0.0; 2], ..identity() };
    assert!(matches!(uneven.check(2), Err(Error::Length { expected: 2, got: 1, .. })));
    let zero = Normalisation { scale: vec![0.0], ..identity() };
    assert!(matches!(zero.check(2), Err(Error::Parameter { name: "scale", .. })));
    let nan = Normalisation { shift: vec![f64::NAN], ..identity() };
    assert!(matches!(nan.check(2), Err(Error::Parameter { name: "shift", .. })));
    let fitted = Normalisation { shift: vec![1.5, -2.0], scale: vec![0.1, 3.0], ..identity() };
    fitted.check(2).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<Normalisation>(&text).unwrap(), fitted);
}

proptest! {
    /// Welford against the two-pass formulas, around large offsets where the naive sum of squares loses everything.
    #[test]
    fn welford_is_two_pass(offset in -1e6..1e6_f64, noise in prop::collection::vec(-1.0..1.0_f64, 3..60)) {
        let stored: Vec<f32> = noise.iter().map(|n| (offset + 100.0 * n) as f32).collect();
        let exact: Vec<f64> = stored.iter().map(|&x| f64::from(x)).collect();
        let n = exact.len() as f64;
        let mean = exact.iter().sum::<f64>() / n;
        let deviation = (exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        prop_assume!(deviation > 1.0);
        let rows: Vec<usize> = (0..exact.len()).collect();
        let x = data(Array2::from_shape_vec((exact.len(), 1), stored).unwrap());
        let fit = Normalisation::fit(NormalisationMethod::Standard, &x, &rows).unwrap();
        prop_assert!((fit.shift(0) - mean).abs() <= 1e-12 * (mean.abs() + deviation));
        prop_assert!(close(fit.scale(0), deviation, 1e-9));
    }

    #[test]
    fn there_and_back_again(
        values in prop::collection::vec(-1e3..1e3_f32, 12),
        method in prop::sample::select(vec![
            NormalisationMethod::None, NormalisationMethod::Standard, NormalisationMethod::StandardGlobal,
            NormalisationMethod::MinMax, NormalisationMethod::MinMaxGlobal, NormalisationMethod::Scale(7.0),
        ]),
    ) {
        let x = data(Array2::from_shape_vec((4, 3), values).unwrap());
        let fit = Normalisation::fit(method, &x, &[0, 1, 2, 3]).unwrap();
        let physical = x.values().unwrap().mapv(f64::from);
        let mut there = physical.clone();
        fit.apply(there.view_mut());
        let mut row = [0.0; 3];
        fit.apply_row(x.row(2, &mut Vec::new()).unwrap(), &mut row);
        for j in 0..3 {
            prop_assert!((f64::from(row[j]) - there[[2, j]]).abs() <= 1e-6 * there[[2, j]].abs().max(1.0));
        }
        fit.invert(there.view_mut());
        let mut variance = physical.mapv(|x| x * x + 1.0);
        let before = variance.clone();
        fit.apply_variance(variance.view_mut());
        fit.invert_variance(variance.view_mut());
        for ((&a, &b), (&v, &w)) in physical.iter().zip(&there).zip(before.iter().zip(&variance)) {
            prop_assert!((a - b).abs() <= 1e-12 * 1e3);
            prop_assert!(close(v, w, 1e-12));
        }
    }

    #[test]
    fn a_standardised_training_set_has_mean_zero_and_variance_one(seed in 0_u32..1000) {
        let values = Array2::from_shape_fn((50, 2), |(i, j)| {
            ((i * 37 + j * 11 + seed as usize) % 50) as f32 * 3.0 - 20.0
        });
        let x = data(values);
        let rows: Vec<usize> = (0..50).collect();
        let fit = Normalisation::fit(NormalisationMethod::Standard, &x, &rows).unwrap();
        let mut normalised = x.values().unwrap().mapv(f64::from);
        fit.apply(normalised.view_mut());
        for column in normalised.columns() {
            prop_assert!(column.mean().unwrap().abs() < 1e-12);
            prop_assert!((column.var(0.0) - 1.0).abs() < 1e-12);
        }
    }
}
