//! The manufactured line of 2023, section 4.1: `X2 = c t + eps`, a curve whose slope is the label.

use ndarray::Array2;
use pima_core::ModalityShape;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};
use crate::rng::RowGenerators;

/// The slope that goes with a label.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlopeLaw {
    /// The label itself (the papers): 0 to 9 for digits.
    #[default]
    Label,
    /// `start + step * label`.
    Affine {
        /// Slope of label 0.
        start: f64,
        /// From each label to the next.
        step: f64,
    },
    /// One slope per label.
    Table(Vec<f64>),
}

impl SlopeLaw {
    /// The slope of each of `n_labels` labels.
    ///
    /// # Errors
    /// [`Error::Length`] for a table of another length, [`Error::Parameter`] for a slope that is not finite.
    pub fn slopes(&self, n_labels: usize) -> Result<Vec<f64>> {
        let slopes: Vec<f64> = match self {
            Self::Label => (0..n_labels).map(|label| label as f64).collect(),
            Self::Affine { start, step } => (0..n_labels).map(|label| start + step * label as f64).collect(),
            Self::Table(slopes) => slopes.clone(),
        };
        if slopes.len() != n_labels {
            return Err(Error::Length {
                what: "table of slopes, one per label".to_owned(),
                expected: n_labels,
                got: slopes.len(),
            });
        }
        match slopes.iter().find(|slope| !slope.is_finite()) {
            Some(&value) => Err(Error::Parameter { name: "slope", value, requirement: "must be finite" }),
            None => Ok(slopes),
        }
    }
}

/// How to manufacture lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineOptions {
    /// The modality's name.
    pub name: String,
    /// Number of coordinates, evenly on [0, 1], both ends included; 20 in the papers (2023, A.3).
    pub n_coordinates: usize,
    /// Variance of the noise. The papers' `N(0, 0.01)` and `N(0, 0.5)` (low and high noise in Trask et al. 2022, section 3.1, where the images
    /// stay as they are) are read as variances.
    pub noise_variance: f64,
    /// Slope of each label.
    pub slopes: SlopeLaw,
}

impl Default for LineOptions {
    /// The line of 2023, section 4.1 and appendix A.3.
    fn default() -> Self {
        Self { name: "line".to_owned(), n_coordinates: 20, noise_variance: 0.01, slopes: SlopeLaw::Label }
    }
}

/// Manufactures one noisy line per label, a curve of one channel: `x_dj = slope(c_d) t_j + eps_dj`,
/// `eps ~ N(0, noise_variance)`.
///
/// Row `d` depends on the seed, `d` and its label alone: a longer data set begins with the shorter one.
///
/// # Errors
/// [`Error::Parameter`] for fewer than two coordinates or a variance that is negative or not finite, [`Error::NoLabel`] for a row without
/// one, and as [`SlopeLaw::slopes`].
pub fn manufacture_lines(labels: &Labels, options: &LineOptions, seed: u64) -> Result<ModalityData> {
    let LineOptions { name, n_coordinates: length, noise_variance, slopes } = options;
    let (length, noise_variance) = (*length, *noise_variance);
    if length < 2 {
        return Err(Error::Parameter {
            name: "n_coordinates",
            value: length as f64,
            requirement: "a line needs two coordinates at least",
        });
    }
    if !(noise_variance.is_finite() && noise_variance >= 0.0) {
        return Err(Error::Parameter {
            name: "noise_variance",
            value: noise_variance,
            requirement: "must be zero or positive, and finite",
        });
    }
    let of_row = labels.all_known()?;
    let slopes = slopes.slopes(labels.n_labels())?;
    let deviation = noise_variance.sqrt();
    let points: Vec<f64> = (0..length).map(|j| j as f64 / (length - 1) as f64).collect();
    let generators = RowGenerators::new(seed);
    let mut values = Array2::zeros((labels.values().len(), length));
    let flat = values.as_slice_mut().unwrap_or(&mut []);
    flat.par_chunks_exact_mut(length).enumerate().for_each(|(row, line)| {
        let mut rng = generators.row(row);
        let slope = slopes[of_row[row]];
        for (x, t) in line.iter_mut().zip(&points) {
            let noise: f64 = StandardNormal.sample(&mut rng);
            *x = (slope * t + deviation * noise) as f32;
        }
    });
    let axis = MeasurementAxis { name: "t".to_owned(), units: String::new(), points };
    ModalityData::new(name, ModalityShape::Curve { channels: 1, length }, values)?.with_axis(axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(n: usize) -> Labels {
        Labels::new((0..n).map(|row| row % 10).collect(), 10).unwrap()
    }

    #[test]
    fn without_noise_the_line_is_the_line() {
        let options = LineOptions { noise_variance: 0.0, ..LineOptions::default() };
        let line = manufacture_lines(&digits(10), &options, 0).unwrap();
        assert_eq!((line.name(), line.size()), ("line", 20));
        let points = &line.axis().unwrap().points;
        assert_eq!((points[0], points[19]), (0.0, 1.0));
        for (digit, row) in line.values().unwrap().outer_iter().enumerate() {
            for (x, t) in row.iter().zip(points) {
                assert_eq!(*x, (digit as f64 * t) as f32);
            }
        }
    }

    #[test]
    fn the_noise_has_the_variance_asked_for() {
        for variance in [0.01, 0.5] {
            let options = LineOptions { noise_variance: variance, ..LineOptions::default() };
            let labels = digits(2000);
            let line = manufacture_lines(&labels, &options, 11).unwrap();
            let points = line.axis().unwrap().points.clone();
            let noise: Vec<f64> = line
                .values()
                .unwrap()
                .indexed_iter()
                .map(|((row, j), &x)| f64::from(x) - labels.values()[row] as f64 * points[j])
                .collect();
            let n = noise.len() as f64;
            let mean = noise.iter().sum::<f64>() / n;
            let found = noise.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n;
            // Standard errors: sqrt(v/n) of the mean, v sqrt(2/n) of the variance; four of each.
            assert!(mean.abs() < 4.0 * (variance / n).sqrt(), "mean {mean}");
            assert!((found / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "variance {found}");
        }
    }

    #[test]
    fn a_row_depends_on_seed_row_and_label_alone() {
        let options = LineOptions::default();
        let short = manufacture_lines(&digits(30), &options, 5).unwrap();
        let long = manufacture_lines(&digits(300), &options, 5).unwrap();
        assert_eq!(short.values().unwrap(), long.values().unwrap().slice(ndarray::s![..30, ..]));
        let other = manufacture_lines(&digits(30), &options, 6).unwrap();
        assert_ne!(short.values().unwrap(), other.values().unwrap());
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let serial = one.install(|| manufacture_lines(&digits(300), &options, 5)).unwrap();
        assert_eq!(serial.values().unwrap(), long.values().unwrap());
    }

    #[test]
    fn slopes_follow_their_law() {
        assert_eq!(SlopeLaw::Affine { start: 0.5, step: 2.0 }.slopes(3).unwrap(), [0.5, 2.5, 4.5]);
        assert_eq!(SlopeLaw::Table(vec![1.0, -1.0]).slopes(2).unwrap(), [1.0, -1.0]);
        assert!(matches!(SlopeLaw::Table(vec![1.0]).slopes(2), Err(Error::Length { expected: 2, got: 1, .. })));
        assert!(SlopeLaw::Table(vec![f64::NAN]).slopes(1).is_err());
    }

    #[test]
    fn parameters_are_checked() {
        let refused = |options| matches!(manufacture_lines(&digits(3), &options, 0), Err(Error::Parameter { .. }));
        assert!(refused(LineOptions { n_coordinates: 1, ..LineOptions::default() }));
        assert!(refused(LineOptions { noise_variance: -0.1, ..LineOptions::default() }));
        assert!(refused(LineOptions { noise_variance: f64::NAN, ..LineOptions::default() }));
    }
}
