//! The cubic oscillator of 2023, section 4.2: `dx/dt = alpha x^3 + beta y^3`, `dy/dt = gamma x^3 + delta y^3` (eq. 20), with
//! parameters that follow from the label.

mod law;
#[cfg(test)]
mod tests;
mod trajectory;

use ndarray::{Array2, Axis};
use pima_core::ModalityShape;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use law::ParameterLaw;
pub use trajectory::{OscillatorTrajectories, oscillator_trajectories};

use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};
use crate::rng::RowGenerators;

/// What is measured of a trajectory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// The rates `dx/dt, dy/dt` (the paper).
    #[default]
    Derivatives,
    /// The states `x, y`.
    States,
}

/// How to manufacture oscillators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OscillatorOptions {
    /// The modality's name.
    pub name: String,
    /// Factor of `x^3` in `dx/dt`.
    pub alpha: ParameterLaw,
    /// Factor of `y^3` in `dx/dt`.
    pub beta: ParameterLaw,
    /// Factor of `x^3` in `dy/dt`.
    pub gamma: ParameterLaw,
    /// Factor of `y^3` in `dy/dt`.
    pub delta: ParameterLaw,
    /// The state `x, y` at time 0.
    pub start: [f64; 2],
    /// Time between measurements.
    pub step: f64,
    /// Number of measurements, the first at time 0.
    pub n_steps: usize,
    /// What is measured.
    pub measured: Measured,
    /// Standard deviation of the noise of one measured value. The paper's `N(0, 0.1)` is read as a standard deviation.
    pub noise_deviation: f64,
}

impl Default for OscillatorOptions {
    /// The data of 2023, section 4.2 and appendix A.3: rates at 512 times 0.005 apart, `beta = 0.5 + label / 3`.
    fn default() -> Self {
        Self {
            name: "oscillator".to_owned(),
            alpha: ParameterLaw::Constant(-0.1),
            beta: ParameterLaw::Affine { start: 0.5, step: 1.0 / 3.0 },
            gamma: ParameterLaw::Constant(-2.0),
            delta: ParameterLaw::Constant(-0.1),
            start: [1.0, 1.0],
            step: 0.005,
            n_steps: 512,
            measured: Measured::Derivatives,
            noise_deviation: 0.1,
        }
    }
}

/// Manufactures one noisy trajectory per label, a curve of two channels: `dx/dt` (or `x`) at all times, then `dy/dt` (or `y`).
///
/// The rates are the equation's own, where the paper differentiates a fit to the trajectory: the two differ by far less than the
/// noise. Row `d` depends on the seed, `d` and its label alone: a longer data set begins with the shorter one.
///
/// # Errors
/// [`Error::Parameter`] for a noise that is negative or not finite, [`Error::NoLabel`] for a row without one, and as [`oscillator_trajectories`].
pub fn manufacture_oscillators(labels: &Labels, options: &OscillatorOptions, seed: u64) -> Result<ModalityData> {
    let deviation = options.noise_deviation;
    if !(deviation.is_finite() && deviation >= 0.0) {
        return Err(Error::Parameter {
            name: "noise_deviation",
            value: deviation,
            requirement: "must be zero or positive, and finite",
        });
    }
    let of_row = labels.all_known()?;
    let OscillatorTrajectories { times, states, derivatives, .. } =
        oscillator_trajectories(labels.n_labels(), options)?;
    let clean = match options.measured {
        Measured::Derivatives => derivatives,
        Measured::States => states,
    };
    let shape = ModalityShape::Curve { channels: 2, length: times.len() };
    let generators = RowGenerators::new(seed);
    let mut values = Array2::zeros((labels.values().len(), shape.size()));
    let flat = values.as_slice_mut().unwrap_or(&mut []);
    flat.par_chunks_exact_mut(shape.size()).enumerate().for_each(|(row, curve)| {
        let mut rng = generators.row(row);
        for (x, clean) in curve.iter_mut().zip(clean.index_axis(Axis(0), of_row[row])) {
            let noise: f64 = StandardNormal.sample(&mut rng);
            *x = (clean + deviation * noise) as f32;
        }
    });
    let axis = MeasurementAxis { name: "t".to_owned(), units: String::new(), points: times };
    ModalityData::new(&options.name, shape, values)?.with_axis(axis)
}
