//! Initial value problems: trajectories and their sensitivities, by Dormand and Prince's method of order 8.

use ndarray::{Array2, Array3, ArrayView1, ArrayView2, s};
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{DVector, Dop853, OutputType, System};

use crate::pou::check_times;
use crate::{Error, Result};

/// The right-hand side F of `du/dt = F(t, u; theta)`, of S states and P parameters.
pub(crate) trait Equations {
    /// S.
    fn n_states(&self) -> usize;

    /// P.
    fn n_parameters(&self) -> usize;

    /// Writes F (S).
    fn rate(&self, time: f64, theta: &[f64], state: &[f64], rate: &mut [f64]);

    /// Writes `dF_s/dtheta_p` (S,P) and `dF_s/du_r` (S,S), both row by row.
    fn partials(&self, time: f64, theta: &[f64], state: &[f64], by_theta: &mut [f64], by_state: &mut [f64]);
}

/// How closely a trajectory is followed, and how far it may go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Tolerance of a step relative to the state.
    pub(crate) relative: f64,
    /// Absolute tolerance of a step.
    pub(crate) absolute: f64,
    /// Steps from one time to the next: few enough that a trajectory that blows up ends at once.
    pub(crate) steps_between: u32,
    /// Steps altogether.
    pub(crate) steps: u32,
}

/// The trajectory (S,T) at T times from `start` (S), the state at the first of them.
///
/// # Errors
/// [`Error::Times`] unless the times increase, [`Error::Description`] for arrays of other lengths or values that are not finite, and
/// [`Error::Trajectory`] for a trajectory that blows up, with the time.
pub(crate) fn solve(
    equations: &dyn Equations,
    theta: &[f64],
    start: &[f64],
    times: ArrayView1<'_, f64>,
    effort: Effort,
) -> Result<Array2<f64>> {
    check(equations, theta, start, times)?;
    let mut trajectory = Array2::zeros((equations.n_states(), times.len()));
    let problem = |from| States { equations, theta, from };
    follow(problem, start.to_vec(), times, effort, |k, state| {
        trajectory.column_mut(k).assign(&ndarray::aview1(state));
    })?;
    Ok(trajectory)
}

/// The trajectory (S,T) and its derivative by the parameters, `du_s/dtheta_p` (S,P,T), from the variational equations
/// `d/dt (du/dtheta) = (dF/du) (du/dtheta) + dF/dtheta`. `start_by_theta` (S,P) is the derivative of the start.
///
/// # Errors
/// As [`solve`].
pub(crate) fn solve_with_sensitivities(
    equations: &dyn Equations,
    theta: &[f64],
    start: &[f64],
    start_by_theta: ArrayView2<'_, f64>,
    times: ArrayView1<'_, f64>,
    effort: Effort,
) -> Result<(Array2<f64>, Array3<f64>)> {
    check(equations, theta, start, times)?;
    let (n_states, n_parameters) = (equations.n_states(), equations.n_parameters());
    let mut trajectory = Array2::zeros((n_states, times.len()));
    let mut sensitivities = Array3::zeros((n_states, n_parameters, times.len()));
    let both = start.iter().chain(start_by_theta).copied().collect();
    let problem = |from| Sensitivities { equations, theta, from };
    follow(problem, both, times, effort, |k, both| {
        trajectory.column_mut(k).assign(&ndarray::aview1(&both[..n_states]));
        for (at, value) in sensitivities.slice_mut(s![.., .., k]).iter_mut().zip(&both[n_states..]) {
            *at = *value;
        }
    })?;
    Ok((trajectory, sensitivities))
}

fn check(equations: &dyn Equations, theta: &[f64], start: &[f64], times: ArrayView1<'_, f64>) -> Result<()> {
    check_times(times)?;
    let lengths = [("parameters", theta, equations.n_parameters()), ("start", start, equations.n_states())];
    for (what, values, expected) in lengths {
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

/// Follows a system from each of `times` to the next, and shows the state at each. `problem` is the system with its clock set to zero at
/// the time that it is given: steps are measured from there, and late times cost no digits.
///
/// The clock is a last state of its own, of rate one: the solver's stages have wrong times where the rates depend on time (ode_solvers 0.6: `du/dt = t^2` from
/// 2 to 2.5 ends at 2.5414 instead of 2.5417, and never within a small tolerance).
fn follow<P: System<f64, DVector<f64>>>(
    problem: impl Fn(f64) -> P,
    start: Vec<f64>,
    times: ArrayView1<'_, f64>,
    effort: Effort,
    mut show: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let n = start.len();
    let mut state = DVector::from_vec(start).push(0.0);
    let mut left = effort.steps;
    for k in 0..times.len() {
        if k > 0 {
            let from = times[k - 1];
            let step = times[k] - from;
            state[n] = 0.0;
            let (safety, beta, least, most, n_stiff) = (0.9, 0.0, 0.333, 6.0, 1000);
            let mut solver = Dop853::from_param(
                problem(from),
                0.0,
                step,
                step,
                state.clone(),
                effort.relative,
                effort.absolute,
                safety,
                beta,
                least,
                most,
                step,
                step,
                effort.steps_between.min(left),
                n_stiff,
                OutputType::Sparse,
            );
            let spent = solver.integrate().map_err(|error| stopped(&error, from))?;
            left = left.saturating_sub(spent.accepted_steps + spent.rejected_steps);
            if let Some(end) = solver.y_out().last() {
                state.copy_from(end);
            }
            if !state.iter().all(|value| value.is_finite()) {
                return Err(Error::Trajectory { time: from, reason: "it leaves the range of numbers".to_owned() });
            }
        }
        show(k, &state.as_slice()[..n]);
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
    equations: &'a dyn Equations,
    theta: &'a [f64],
    from: f64,
}

impl System<f64, DVector<f64>> for States<'_> {
    fn system(&self, _: f64, state: &DVector<f64>, rate: &mut DVector<f64>) {
        let n = self.equations.n_states();
        let (state, clock) = state.as_slice().split_at(n);
        let (rate, clock_rate) = rate.as_mut_slice().split_at_mut(n);
        clock_rate[0] = 1.0;
        self.equations.rate(self.from + clock[0], self.theta, state, rate);
    }
}

/// States (S), then `du_s/dtheta_p` (S,P) row by row.
struct Sensitivities<'a> {
    equations: &'a dyn Equations,
    theta: &'a [f64],
    from: f64,
}

impl System<f64, DVector<f64>> for Sensitivities<'_> {
    fn system(&self, _: f64, both: &DVector<f64>, rate: &mut DVector<f64>) {
        let (n_states, n_parameters) = (self.equations.n_states(), self.equations.n_parameters());
        let n = n_states * (1 + n_parameters);
        let (both, clock) = both.as_slice().split_at(n);
        let (rate, clock_rate) = rate.as_mut_slice().split_at_mut(n);
        clock_rate[0] = 1.0;
        let (state, sensitivity) = both.split_at(n_states);
        let (state_rate, sensitivity_rate) = rate.split_at_mut(n_states);
        let time = self.from + clock[0];
        self.equations.rate(time, self.theta, state, state_rate);
        let mut by_state = vec![0.0; n_states * n_states];
        self.equations.partials(time, self.theta, state, sensitivity_rate, &mut by_state);
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
