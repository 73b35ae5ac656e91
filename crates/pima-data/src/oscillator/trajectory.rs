//! Trajectories of the cubic oscillator, by Dormand and Prince's method of order 8 from one measurement to the next.

use ndarray::{Array2, Array3, s};
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{Dop853, OutputType, System, Vector2};

use super::OscillatorOptions;
use crate::error::{Error, Result};

/// Relative and absolute tolerance of each step. The steps are at most one measurement long, and so the error of a trajectory is
/// near rounding: below 1e-12 for the paper's.
const TOLERANCE: f64 = 1e-13;
/// Steps from one measurement to the next: far more than a smooth trajectory needs, and few enough that one that blows up ends
/// at once.
const MAX_STEPS: u32 = 10_000;

/// The noise-free trajectory of each of K labels at T times.
#[derive(Debug, Clone, PartialEq)]
pub struct OscillatorTrajectories {
    /// Times, (T), from 0.
    pub times: Vec<f64>,
    /// `alpha, beta, gamma, delta` of each label, (K,4).
    pub parameters: Array2<f64>,
    /// The states `x, y`, (K,2,T).
    pub states: Array3<f64>,
    /// `dx/dt, dy/dt`, (K,2,T).
    pub derivatives: Array3<f64>,
}

/// The noise-free trajectories of labels `0..n_labels`.
///
/// # Errors
/// [`Error::Parameter`] for no steps, a step that is not positive, or a start that is not finite; as [`super::ParameterLaw::values`];
/// [`Error::Trajectory`] for one that blows up.
pub fn oscillator_trajectories(n_labels: usize, options: &OscillatorOptions) -> Result<OscillatorTrajectories> {
    let laws = [&options.alpha, &options.beta, &options.gamma, &options.delta];
    let n_steps = options.n_steps;
    if n_steps == 0 {
        return Err(Error::Parameter { name: "n_steps", value: 0.0, requirement: "must be at least 1" });
    }
    let end = options.step * (n_steps - 1) as f64;
    if !(options.step > 0.0 && end.is_finite()) {
        return Err(Error::Parameter { name: "step", value: options.step, requirement: "must be positive and finite" });
    }
    if let Some(&value) = options.start.iter().find(|value| !value.is_finite()) {
        return Err(Error::Parameter { name: "start", value, requirement: "must be finite" });
    }
    let times: Vec<f64> = (0..n_steps).map(|k| options.step * k as f64).collect();
    let mut parameters = Array2::zeros((n_labels, 4));
    for (mut column, law) in parameters.columns_mut().into_iter().zip(laws) {
        column.assign(&ndarray::Array1::from(law.values(n_labels)?));
    }
    let mut states = Array3::zeros((n_labels, 2, n_steps));
    let mut derivatives = Array3::zeros((n_labels, 2, n_steps));
    for label in 0..n_labels {
        let row = parameters.row(label);
        let oscillator = CubicOscillator { parameters: [row[0], row[1], row[2], row[3]] };
        let mut state = Vector2::new(options.start[0], options.start[1]);
        for k in 0..n_steps {
            if k > 0 {
                state = oscillator.follow(state, times[k] - times[k - 1]).map_err(|error| {
                    let (after, reason) = describe(&error);
                    Error::Trajectory { label, time: times[k - 1] + after, reason }
                })?;
            }
            let rate = oscillator.rate(&state);
            if !(state.iter().chain(rate.iter())).all(|value| value.is_finite()) {
                let reason = "it leaves the range of numbers".to_owned();
                return Err(Error::Trajectory { label, time: times[k.saturating_sub(1)], reason });
            }
            states.slice_mut(s![label, .., k]).assign(&ndarray::aview1(state.as_slice()));
            derivatives.slice_mut(s![label, .., k]).assign(&ndarray::aview1(rate.as_slice()));
        }
    }
    Ok(OscillatorTrajectories { times, parameters, states, derivatives })
}

/// `dx/dt = alpha x^3 + beta y^3`, `dy/dt = gamma x^3 + delta y^3` (Walker et al. 2023, eq. 20).
#[derive(Debug, Clone, Copy)]
struct CubicOscillator {
    parameters: [f64; 4],
}

impl CubicOscillator {
    fn rate(&self, state: &Vector2<f64>) -> Vector2<f64> {
        let [alpha, beta, gamma, delta] = self.parameters;
        let cubes = state.map(|value| value * value * value);
        Vector2::new(alpha * cubes.x + beta * cubes.y, gamma * cubes.x + delta * cubes.y)
    }

    /// The state a time `step` later; the system does not depend on when.
    fn follow(&self, state: Vector2<f64>, step: f64) -> Result<Vector2<f64>, IntegrationError> {
        let (safety, beta, least, most, n_stiff) = (0.9, 0.0, 0.333, 6.0, 1000);
        let mut solver = Dop853::from_param(
            *self,
            0.0,
            step,
            step,
            state,
            TOLERANCE,
            TOLERANCE,
            safety,
            beta,
            least,
            most,
            step,
            step,
            MAX_STEPS,
            n_stiff,
            OutputType::Sparse,
        );
        solver.integrate()?;
        Ok(solver.y_out().last().copied().unwrap_or(state))
    }
}

impl System<f64, Vector2<f64>> for CubicOscillator {
    fn system(&self, _time: f64, state: &Vector2<f64>, rate: &mut Vector2<f64>) {
        *rate = self.rate(state);
    }
}

/// How long after the start of the interval the solver stopped, and why.
fn describe(error: &IntegrationError) -> (f64, String) {
    match error {
        IntegrationError::MaxNumStepReached { x, n_step } => {
            (*x, format!("{n_step} steps did not reach the next time"))
        }
        IntegrationError::StepSizeUnderflow { x } => {
            (*x, "the steps became too small, as where it blows up".to_owned())
        }
        IntegrationError::StiffnessDetected { x } => (*x, "the equations are too stiff for the solver".to_owned()),
    }
}
