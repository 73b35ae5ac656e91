//! Tests against errors and means worked out by hand.

use super::*;
use crate::ExperimentConfig;
use pima_core::ModalityShape;
use pima_data::{MeasurementAxis, ModalityData, Split};
use std::path::Path;

/// Points of the lines; the first carries no information on a slope.
const T: [f64; 4] = [0.0, 0.5, 1.0, 2.0];
/// Slope of each sample: three of cluster 0, two of cluster 1.
const SLOPES: [f64; 5] = [1.0, 1.5, 0.7, 4.0, 4.5];

fn config(normalise: &str, n_clusters: usize) -> ExperimentConfig {
    let text = format!(
        r#"
experiment = "lines"
data.source = "digits"
model = {{ latent = 1, clusters = {n_clusters} }}
[[modality]]
name = "line"
source = {{ kind = "line", points = 4 }}
normalise = "{normalise}"
encoder = {{ type = "mlp", hidden = [3] }}
expert = {{ kind = "linear", basis = {{ kind = "slope" }} }}
[[modality]]
name = "other"
source = {{ kind = "line", points = 2 }}
encoder = {{ type = "mlp", hidden = [3] }}
decoder = {{ type = "mlp", hidden = [3] }}
"#
    );
    ExperimentConfig::parse(&text, Path::new("lines.toml"), None).unwrap()
}

/// Lines through the origin whose first value is noise, and another modality; the line of sample 5 was not measured.
fn lines() -> Dataset {
    let mut values = Array2::from_shape_fn((6, 4), |(d, j)| (SLOPES[d.min(4)] * T[j]) as f32);
    values.column_mut(0).assign(&ndarray::array![0.1, -0.1, 0.2, 0.0, -0.2, f32::NAN]);
    let present = vec![true, true, true, true, true, false];
    let line =
        ModalityData::with_missing("line", ModalityShape::Curve { channels: 1, length: 4 }, values, present).unwrap();
    let axis = MeasurementAxis { name: "t".into(), units: "s".into(), points: T.to_vec() };
    let other = Array2::from_shape_fn((6, 2), |(d, j)| (d + 10 * j) as f32);
    let other = ModalityData::new("other", ModalityShape::Curve { channels: 1, length: 2 }, other).unwrap();
    Dataset::new("lines", vec![line.with_axis(axis).unwrap().with_units("m"), other], None).unwrap()
}

const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

fn model(normalise: &str, n_clusters: usize) -> (Model, Dataset) {
    let data = lines();
    let split = Split { train: ROWS.to_vec(), validation: vec![], test: vec![] };
    (Model::new(&config(normalise, n_clusters), &data, &split, tch::Device::Cpu, 0).unwrap(), data)
}

fn hard(clusters: &[usize], n_clusters: usize) -> Array2<f64> {
    Array2::from_shape_fn((clusters.len(), n_clusters), |(d, c)| f64::from(u8::from(clusters[d] == c)))
}

/// Standard error of the mean.
fn of_mean(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt()
}

#[test]
fn the_error_of_a_slope_is_that_of_the_mean_of_the_samples_slopes() {
    let (model, data) = model("none", 2);
    let g = hard(&[0, 0, 0, 1, 1, 1], 2);
    let [line] = &model.identified_experts(&data, &ROWS, g.view()).unwrap()[..] else { panic!("one expert") };
    assert_eq!(
        (line.modality.as_str(), &line.parameters[..], &line.units[..]),
        ("line", &["slope".to_owned()][..], &["m/s".to_owned()][..])
    );
    assert_eq!(line.theta, model.experts().next().unwrap().1.theta());
    for (c, slopes) in [(0, &SLOPES[..3]), (1, &SLOPES[3..])] {
        let expected = of_mean(slopes);
        assert!(
            (line.standard_errors[[c, 0]] / expected - 1.0).abs() < 1e-5,
            "{} {expected}",
            line.standard_errors[[c, 0]]
        );
    }
}

#[test]
fn units_of_the_loss_change_the_weights_but_not_the_scale_of_the_error() {
    // One normalisation for all coordinates weighs them alike, so that nothing may change but rounding.
    let g = hard(&[0, 0, 0, 1, 1, 1], 2);
    let errors = |normalise: &str| {
        let (model, data) = model(normalise, 2);
        model.identified_experts(&data, &ROWS, g.view()).unwrap().remove(0).standard_errors
    };
    let (plain, global) = (errors("none"), errors("standard_global"));
    assert!(plain.iter().zip(&global).all(|(a, b)| (a / b - 1.0).abs() < 1e-5), "{plain} {global}");
}

#[test]
fn soft_responsibilities_count_by_their_weight() {
    // Every sample half in each of two clusters: both see all samples, and n is the number of samples.
    let (model, data) = model("none", 2);
    let g = Array2::from_elem((6, 2), 0.5);
    let errors = model.identified_experts(&data, &ROWS, g.view()).unwrap().remove(0).standard_errors;
    assert!(errors.iter().all(|e| (e / of_mean(&SLOPES) - 1.0).abs() < 1e-5), "{errors}");
}

#[test]
fn a_cluster_of_one_sample_or_none_has_no_standard_error() {
    let (model, data) = model("none", 3);
    let g = hard(&[0, 0, 0, 0, 1, 1], 3);
    let errors = model.identified_experts(&data, &ROWS, g.view()).unwrap().remove(0).standard_errors;
    assert!(errors[[0, 0]] > 0.0 && errors[[1, 0]].is_nan() && errors[[2, 0]].is_nan(), "{errors}");
}

#[test]
fn rows_that_repeat_each_other_count_once() {
    let (model, data) = model("none", 2);
    let g = hard(&[0, 0, 0, 1, 1, 1], 2);
    let once = model.identified_experts(&data, &ROWS, g.view()).unwrap().remove(0);
    // Every row three times over, as the views of one specimen.
    let rows: Vec<usize> = (0..18).map(|row| row / 3).collect();
    let thrice = data.select(&rows).unwrap().with_groups(rows.clone()).unwrap();
    let all: Vec<usize> = (0..18).collect();
    let g = g.select(Axis(0), &rows);
    let again = model.identified_experts(&thrice, &all, g.view()).unwrap().remove(0);
    for (a, b) in [(&once.standard_errors, &again.standard_errors), (&once.bounds, &again.bounds)] {
        assert!(a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < 1e-6), "{a} {b}");
    }
}

#[test]
fn a_sample_has_the_parameters_of_its_clusters_by_its_place() {
    let (mut model, _) = model("none", 2);
    let prior =
        pima_core::MixturePrior::new(ndarray::array![0.0, 0.0], ndarray::array![[-1.0], [1.0]], Array2::ones((2, 1)));
    model.prior = prior.unwrap();
    let (expert, normalisation, _) = model.expert_mut(0).unwrap();
    expert.set_theta(ndarray::array![[2.0], [6.0]], normalisation);
    let z = ndarray::array![[-1.0], [0.0], [f64::NAN]];
    let found = model.sample_parameters(0, z.view()).unwrap().unwrap();
    assert_eq!((&found.names[..], &found.units[..]), (&["slope".to_owned()][..], &["m/s".to_owned()][..]));
    // p(c=1|z) = 1 / (1 + exp(-2 z)).
    let share = 1.0 / (1.0 + 2.0_f64.exp());
    assert!((found.values[[0, 0]] - (2.0 + 4.0 * share)).abs() < 1e-12, "{}", found.values);
    assert!((found.values[[1, 0]] - 4.0).abs() < 1e-12 && found.values[[2, 0]].is_nan());
    assert!(model.sample_parameters(1, z.view()).unwrap().is_none(), "a network identifies nothing");
    // Where the expert sees the latent point: slope 3 z + 2 in one cluster, 6 in the other.
    let (expert, normalisation, _) = model.expert_mut(0).unwrap();
    let origin = Array2::zeros((2, 1));
    let mut latent =
        pima_core::LatentExpert::new(std::sync::Arc::clone(&expert.expert), expert.theta(), origin.view()).unwrap();
    latent.set_coefficients(ndarray::array![[2.0, 3.0], [6.0, 0.0]].view()).unwrap();
    expert.set_latent(latent, normalisation);
    let found = model.sample_parameters(0, z.view()).unwrap().unwrap();
    assert!((found.values[[0, 0]] - (6.0 * share - (1.0 - share))).abs() < 1e-12, "{}", found.values);
}

/// Two classes of four rows each, two rows a group, with a truth that grows within each class.
fn known() -> Dataset {
    let values = Array2::from_shape_fn((8, 2), |(d, j)| (d + j) as f32);
    let x = ModalityData::new("x", ModalityShape::Curve { channels: 1, length: 2 }, values).unwrap();
    let labels = pima_data::Labels::new(vec![0, 0, 0, 0, 1, 1, 1, 1], 2).unwrap();
    let truth = Array2::from_shape_fn((8, 1), |(d, _)| [1.0, 2.0, 11.0, 12.0][d / 2]);
    let truth = pima_data::Truth::new(vec!["slope".to_owned()], truth).unwrap();
    let data = Dataset::new("known", vec![x], Some(labels)).unwrap();
    data.with_groups((0..8).map(|d| d / 2).collect()).unwrap().with_truth(truth).unwrap()
}

fn identified(values: [f64; 8]) -> SampleParameters {
    let values = Array2::from_shape_vec((8, 1), values.to_vec()).unwrap();
    SampleParameters { names: vec!["slope".to_owned()], units: vec![String::new()], values }
}

#[test]
fn telling_classes_apart_is_no_agreement_and_views_of_a_specimen_are_averaged() {
    let data = known();
    let rows: Vec<usize> = (0..8).collect();
    let of = |values| truth_correlations(&identified(values), &data, &rows)["slope"];
    // One number a class.
    assert_eq!(of([1.5, 1.5, 1.5, 1.5, 11.5, 11.5, 11.5, 11.5]), 0.0);
    // Right on average over the two views of each specimen, in one class reversed in size but not in sense.
    assert!((of([0.0, 2.0, 1.0, 3.0, 11.0, 11.0, 12.0, 12.0]) - 1.0).abs() < 1e-12);
    assert!((of([2.0, 2.0, 1.0, 1.0, 12.0, 12.0, 11.0, 11.0]) + 1.0).abs() < 1e-12);
    // Deviations of (-1/2, 1/2) in truth against (-1/2, 1/2) and (1/2, -1/2): they cancel.
    assert!(of([1.0, 1.0, 2.0, 2.0, 12.0, 12.0, 11.0, 11.0]).abs() < 1e-12);
    let names = ["slope".to_owned(), "colour".to_owned()];
    let means = true_class_means(&names, &data, 1).unwrap();
    assert!(means[0] == 11.5 && means[1].is_nan());
    assert!(true_class_means(&names, &data, 2).is_none() && true_class_means(&names, &lines(), 0).is_none());
    assert!(truth_correlations(&identified([0.0; 8]), &lines(), &[0, 1, 2, 3, 4]).is_empty(), "no truth is known");
}

#[test]
fn the_mean_of_a_class_errs_by_its_spread() {
    assert!(class_mean_errors(&model("none", 2).0, &lines(), &ROWS, &ROWS).unwrap().is_empty(), "no labels");
    let labels = pima_data::Labels::new(vec![0, 0, 0, 1, 1, 1], 2).unwrap();
    let data = Dataset::new("lines", lines().modalities().to_vec(), Some(labels));
    let data = data.unwrap();
    let errors = class_mean_errors(&model("none", 2).0, &data, &[0, 2, 3], &[1, 4, 5]).unwrap();
    // Class 0 from samples 0 and 2, slope 0.85; class 1 from sample 3, slope 4. Sample 5 has no line. First values are noise.
    let expected: f64 = T[1..].iter().map(|t| (0.65 * t).powi(2) + (0.5 * t).powi(2)).sum::<f64>()
        + (-0.1_f64 - 0.15).powi(2)
        + (-0.2_f64 - 0.0).powi(2);
    assert!((errors["line"] / (expected / 8.0).sqrt() - 1.0).abs() < 1e-5, "{errors:?}");
}

#[test]
fn cluster_means_are_in_the_modalitys_units_and_pass_over_missing_samples() {
    let (model, data) = model("standard", 3);
    let g = hard(&[0, 0, 0, 1, 1, 1], 3);
    let [line, other] = &model.cluster_means(&data, &ROWS, g.view()).unwrap()[..] else { panic!("two modalities") };
    for (c, slopes) in [(0, &SLOPES[..3]), (1, &SLOPES[3..])] {
        let slope = slopes.iter().sum::<f64>() / slopes.len() as f64;
        for (j, t) in T.iter().enumerate().skip(1) {
            assert!((line[[c, j]] / (slope * t) - 1.0).abs() < 1e-5, "{line}");
        }
    }
    assert!((line[[0, 0]] - 0.2 / 3.0).abs() < 1e-6);
    assert!(line.row(2).iter().all(|x| x.is_nan()));
    assert_eq!(other.row(1), ndarray::array![4.0, 14.0]);
}

#[test]
fn responsibilities_of_other_samples_are_refused() {
    let (model, data) = model("none", 2);
    let g = hard(&[0, 0, 1], 2);
    assert!(model.identified_experts(&data, &ROWS, g.view()).is_err());
    let g = hard(&[0, 0, 1, 1, 1, 1], 3);
    assert!(model.cluster_means(&data, &ROWS, g.view()).is_err());
}
