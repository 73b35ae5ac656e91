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
