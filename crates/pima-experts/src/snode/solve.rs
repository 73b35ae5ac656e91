//! Initial value problems: trajectories and their sensitivities, by Dormand and Prince's method of order 8.

use ndarray::{Array2, Array3, ArrayView1, s};
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{DVector, Dop853, OutputType, System};

use super::DictionaryOde;
use crate::pou::check_times;
use crate::{Error, Result};

/// Relative and absolute tolerance of a step. Steps end at every time asked for, so that on fine grids the error is rounding.
const TOLERANCE: f64 = 1e-13;
/// Steps from one time to the next: few enough that a trajectory that blows up ends at once.
const MAX_STEPS: u32 = 10_000;

impl DictionaryOde {
    /// The trajectory (S,T) at T times from `start` (S), the state at the first of them.
    ///
    /// # Errors
    /// [`Error::Times`] unless the times increase, [`Error::Description`] for arrays of other lengths or values that are not
    /// finite, and [`Error::Trajectory`] for a trajectory that blows up, with the time.
    pub fn solve(&self, theta: &[f64], start: &[f64], times: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        self.check(theta, start, times)?;
        let problem = States { ode: self, theta };
        let mut trajectory = Array2::zeros((self.n_states(), times.len()));
        follow(&problem, start.to_vec(), times, |k, state| {
            trajectory.column_mut(k).assign(&ndarray::aview1(state));
        })?;
        Ok(trajectory)
    }

    /// The trajectory (S,T) and its derivative by the parameters, `du_s/dtheta_p` (S,P,T), from the variational equations
    /// `d/dt (du/dtheta) = (dF/du) (du/dtheta) + dF/dtheta`.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn solve_with_sensitivities(
        &self,
        theta: &[f64],
        start: &[f64],
        times: ArrayView1<'_, f64>,
    ) -> Result<(Array2<f64>, Array3<f64>)> {
        self.check(theta, start, times)?;
        let (n_states, n_parameters) = (self.n_states(), self.n_parameters());
        let problem = Sensitivities { ode: self, theta };
        let mut trajectory = Array2::zeros((n_states, times.len()));
        let mut sensitivities = Array3::zeros((n_states, n_parameters, times.len()));
        let mut both = start.to_vec();
        both.resize(n_states * (1 + n_parameters), 0.0);
        follow(&problem, both, times, |k, both| {
            trajectory.column_mut(k).assign(&ndarray::aview1(&both[..n_states]));
            for (at, value) in sensitivities.slice_mut(s![.., .., k]).iter_mut().zip(&both[n_states..]) {
                *at = *value;
            }
        })?;
        Ok((trajectory, sensitivities))
    }

    fn check(&self, theta: &[f64], start: &[f64], times: ArrayView1<'_, f64>) -> Result<()> {
        check_times(times)?;
        for (what, values, expected) in [("parameters", theta, self.n_parameters()), ("start", start, self.n_states())]
        {
            if values.len() != expected {
                let (what, got) = (format!("length of the {what}"), values.len().to_string());
                return Err(Error::Description { what, got, requirement: expected.to_string() });
            }
            if let Some((i, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                let (what, got) = (format!("entry {i} of the {what}"), value.to_string());
                return Err(Error::Description { what, got, requirement: "finite".to_owned() });
            }
        }
        Ok(())
    }
}

/// Follows a system that does not depend on time from each of `times` to the next, and shows the state at each.
fn follow<'a, F>(
    problem: &'a F,
    start: Vec<f64>,
    times: ArrayView1<'_, f64>,
    mut show: impl FnMut(usize, &[f64]),
) -> Result<()>
where
    &'a F: System<f64, DVector<f64>>,
{
    let mut state = DVector::from_vec(start);
    for k in 0..times.len() {
        if k > 0 {
            let step = times[k] - times[k - 1];
            let (safety, beta, least, most, n_stiff) = (0.9, 0.0, 0.333, 6.0, 1000);
            let mut solver = Dop853::from_param(
                problem,
                0.0,
                step,
                step,
                state.clone(),
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
            solver.integrate().map_err(|error| stopped(&error, times[k - 1]))?;
            if let Some(end) = solver.y_out().last() {
                state.copy_from(end);
            }
            if !state.iter().all(|value| value.is_finite()) {
                return Err(Error::Trajectory {
                    time: times[k - 1],
                    reason: "it leaves the range of numbers".to_owned(),
                });
            }
        }
        show(k, state.as_slice());
    }
    Ok(())
}

fn stopped(error: &IntegrationError, from: f64) -> Error {
    let (after, reason) = match error {
        IntegrationError::MaxNumStepReached { x, n_step } => (x, format!("{n_step} steps did not reach the next time")),
        IntegrationError::StepSizeUnderflow { x } => (x, "the steps became too small, as where it blows up".to_owned()),
        IntegrationError::StiffnessDetected { x } => (x, "the equations are too stiff for the solver".to_owned()),
    };
    Error::Trajectory { time: from + after, reason }
}

struct States<'a> {
    ode: &'a DictionaryOde,
    theta: &'a [f64],
}

impl System<f64, DVector<f64>> for &States<'_> {
    fn system(&self, _time: f64, state: &DVector<f64>, rate: &mut DVector<f64>) {
        self.ode.rate(self.theta, state.as_slice(), rate.as_mut_slice());
    }
}

/// States (S), then `du_s/dtheta_p` (S,P) row by row.
struct Sensitivities<'a> {
    ode: &'a DictionaryOde,
    theta: &'a [f64],
}

impl System<f64, DVector<f64>> for &Sensitivities<'_> {
    fn system(&self, _time: f64, both: &DVector<f64>, rate: &mut DVector<f64>) {
        let (n_states, n_parameters) = (self.ode.n_states(), self.ode.n_parameters());
        let (state, sensitivity) = both.as_slice().split_at(n_states);
        let (state_rate, sensitivity_rate) = rate.as_mut_slice().split_at_mut(n_states);
        self.ode.rate(self.theta, state, state_rate);
        let mut by_state = vec![0.0; n_states * n_states];
        self.ode.partials(self.theta, state, sensitivity_rate, &mut by_state);
        for s in 0..n_states {
            for r in 0..n_states {
                let slope = by_state[s * n_states + r];
                for p in 0..n_parameters {
                    sensitivity_rate[s * n_parameters + p] += slope * sensitivity[r * n_parameters + p];
                }
            }
        }
    }
}
