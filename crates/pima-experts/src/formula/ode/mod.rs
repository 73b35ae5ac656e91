//! Differential equations whose right-hand sides are formulas, identified from curves.

// What a user writes.
mod options;
// The formulas, read and evaluated.
mod system;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use pima_core::{Expert, ExpertError, ExpertFit, Link};

use super::expression::{Scratch, is_name, names_in};
use super::parameters::{Formula, Parameters, check_names};
use super::{check_axis, check_searches};
use crate::initial_value::{self, Effort};
use crate::{Error, Result};
pub use options::{OdeFormulaOptions, Start};
use system::{Memory, Running, System};

/// Starts that are drawn for each search that is made: to look at one costs a trajectory.
const POINTS_PER_SEARCH: usize = 8;
/// Relative tolerance of a step; the derivatives that a search needs are followed as closely.
const TOLERANCE: f64 = 1e-9;
/// Steps of one trajectory, at most: thousands of oscillations, and an end for equations that are too stiff.
const STEPS: u32 = 20_000;

/// Curves that differential equations say: `du/dt = F(t, u; theta)` from `u(t_1) = u_1(theta)`, seen as outputs `g(t, u; theta)`.
///
/// The d values are the first output at all T times, then the second, and so on. Parameters are in the order in which the formulas name
/// them: rates first, then starts, then outputs. Sensitivities come from the variational equations with exact partial derivatives. The fit
/// is that of [`FormulaExpert`](super::FormulaExpert).
///
/// Trajectories are followed to a relative 1e-9 by a method for equations that are not stiff; where that takes more than 20,000 steps,
/// or the trajectory leaves the range of numbers, the prediction is NaN and a search goes elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct OdeFormulaExpert {
    options: OdeFormulaOptions,
    rates: Vec<Formula>,
    starts: Vec<Formula>,
    outputs: Vec<Formula>,
    times: Array1<f64>,
    parameters: Parameters,
}

impl OdeFormulaExpert {
    /// An expert for curves at `times` (T), which increase.
    ///
    /// # Errors
    /// As [`FormulaExpert::new`](super::FormulaExpert::new), for any of the formulas; [`Error::Description`] for numbers of rates or starts
    /// other than that of the states; [`Error::Times`]; [`Error::Trajectory`] where the equations cannot be followed with every parameter
    /// at its init.
    pub fn new(mut options: OdeFormulaOptions, times: ArrayView1<'_, f64>) -> Result<Self> {
        check_axis(times)?;
        check_searches(options.searches)?;
        options.ode.iter().try_for_each(|rate| no_equals_sign(rate))?;
        if let ([], [rate]) = (&options.states[..], &options.ode[..]) {
            options.states = vec![own_state(rate, &options)?];
        }
        let OdeFormulaOptions { states, ode, start, variable, parameters: table, searches, seed, .. } = &options;
        if states.is_empty() {
            let requirement = format!(
                "that of formulas in `ode`, {}; name them in the order of their rates, states = [\"x\", \"v\"]",
                ode.len().max(1)
            );
            return Err(count("states", 0, &requirement));
        }
        for (what, got) in [("formulas in `ode`", ode.len()), ("entries of `start`", start.len())] {
            if got != states.len() {
                return Err(count(what, got, &format!("that of `states`, {}", states.len())));
            }
        }
        let given: Vec<&str> = std::iter::once(variable).chain(states).map(String::as_str).collect();
        check_names(&given, table)?;
        let any_order: Vec<&str> = table.keys().map(String::as_str).collect();
        let system = System::read(&options, &given, &any_order)?;
        let order = system.parameters_in_order(&given, &any_order, table)?;
        let System { rates, starts, outputs } =
            System::read(&options, &given, &order.iter().map(String::as_str).collect::<Vec<_>>())?;
        let parameters = Parameters::new(table, order, POINTS_PER_SEARCH * searches, *searches, *seed)?;
        let expert = Self { rates, starts, outputs, times: times.to_owned(), parameters, options };
        expert.check_at_init()?;
        Ok(expert)
    }

    /// Everything must be finite with every parameter at its init.
    fn check_at_init(&self) -> Result<()> {
        let mut scratch = Scratch::default();
        let theta = self.parameters.init.to_vec();
        let place =
            |k: usize| format!("at {} = {} with every parameter at its init", self.options.variable, self.times[k]);
        for start in &self.starts {
            start.must_be_finite(&theta, &mut scratch, "with every parameter at its init")?;
        }
        let inputs = |k: usize, state: &[f64]| -> Vec<f64> {
            std::iter::once(self.times[k]).chain(state.iter().copied()).chain(theta.iter().copied()).collect()
        };
        let start = self.start(&theta);
        for rate in &self.rates {
            rate.must_be_finite(&inputs(0, &start), &mut scratch, &place(0))?;
        }
        let trajectory = self.trajectory(self.parameters.init.view())?;
        for (k, state) in trajectory.columns().into_iter().enumerate() {
            for output in &self.outputs {
                output.must_be_finite(&inputs(k, &state.to_vec()), &mut scratch, &place(k))?;
            }
        }
        Ok(())
    }

    /// What it was made of.
    pub fn options(&self) -> &OdeFormulaOptions {
        &self.options
    }

    /// The times (T).
    pub fn times(&self) -> ArrayView1<'_, f64> {
        self.times.view()
    }

    /// Where the parameters start (P).
    pub fn init(&self) -> ArrayView1<'_, f64> {
        self.parameters.init.view()
    }

    /// Which parameters of `theta` (P) stand on one of their bounds.
    pub fn at_bound(&self, theta: ArrayView1<'_, f64>) -> Vec<bool> {
        self.parameters.at_bound(theta)
    }

    /// The states (S,T) for parameters (P).
    ///
    /// # Errors
    /// [`Error::Trajectory`] where they cannot be followed, with the time and the reason; [`Error::Description`] for parameters that are
    /// not (P) or not finite, or a start that is not finite; [`Error::Times`].
    pub fn trajectory(&self, theta: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        let theta = self.checked(theta)?;
        let start = self.start(&theta);
        initial_value::solve(&self.running(), &theta, &start, self.times.view(), effort(&start))
    }

    fn checked(&self, theta: ArrayView1<'_, f64>) -> Result<Vec<f64>> {
        match (theta.len(), self.parameters.names.len()) {
            (got, expected) if got != expected => Err(count("parameters", got, &expected.to_string())),
            _ => Ok(theta.to_vec()),
        }
    }

    fn start(&self, theta: &[f64]) -> Vec<f64> {
        let mut scratch = Scratch::default();
        self.starts.iter().map(|start| start.expression.value(theta, &mut scratch)).collect()
    }

    fn running(&self) -> Running<'_> {
        Running::new(&self.rates, self.parameters.names.len())
    }

    /// What is measured (d) of a trajectory (S,T).
    fn seen(&self, theta: &[f64], trajectory: ArrayView2<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        let running = self.running();
        for (j, state) in trajectory.columns().into_iter().enumerate() {
            running.at(self.times[j], &state.to_vec(), theta, |Memory { inputs, scratch, .. }| {
                for (i, output) in self.outputs.iter().enumerate() {
                    out[i * self.times.len() + j] = output.expression.value(inputs, scratch);
                }
            });
        }
    }

    /// The derivative of the prediction (d,P).
    fn derivative(&self, theta: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        let theta = self.checked(theta)?;
        let (n_states, n_parameters, n_times) = (self.rates.len(), theta.len(), self.times.len());
        let running = self.running();
        let (mut start, mut start_by_theta) = (Vec::new(), Array2::zeros((n_states, n_parameters)));
        let mut gradient = vec![0.0; n_parameters];
        for (formula, mut row) in self.starts.iter().zip(start_by_theta.outer_iter_mut()) {
            start.push(formula.expression.gradient(&theta, &mut gradient, &mut Scratch::default()));
            row.assign(&ndarray::aview1(&gradient));
        }
        let (trajectory, sensitivities) = initial_value::solve_with_sensitivities(
            &running,
            &theta,
            &start,
            start_by_theta.view(),
            self.times.view(),
            effort(&start),
        )?;
        let mut jacobian = Array2::zeros((self.n_outputs(), n_parameters));
        for (j, state) in trajectory.columns().into_iter().enumerate() {
            running.at(self.times[j], &state.to_vec(), &theta, |Memory { inputs, gradient, scratch }| {
                for (i, output) in self.outputs.iter().enumerate() {
                    output.expression.gradient(inputs, gradient, scratch);
                    let (by_state, by_theta) = gradient[1..].split_at(n_states);
                    for p in 0..n_parameters {
                        let through_states: f64 = (0..n_states).map(|s| by_state[s] * sensitivities[[s, p, j]]).sum();
                        jacobian[[i * n_times + j, p]] = by_theta[p] + through_states;
                    }
                }
            });
        }
        Ok(jacobian)
    }
}

/// A rate is written without the derivative that it is.
fn no_equals_sign(rate: &str) -> Result<()> {
    let characters: Vec<char> = rate.chars().collect();
    let is_alone = |at: &usize| characters[*at] == '=' && !(*at > 0 && matches!(characters[at - 1], '<' | '>'));
    let Some(at) = (0..characters.len()).find(is_alone) else { return Ok(()) };
    let right: String = characters[at + 1..].iter().collect();
    let left: String = characters[..at].iter().collect();
    // `dx/dt`, `x'`, `x_dot`: what is differentiated.
    let left = left.trim().split(['/', '\'', '(']).next().unwrap_or_default().trim();
    let state = left.strip_prefix('d').unwrap_or(left).trim_end_matches("_dot");
    let state = if is_name(state) { state } else { "x" };
    let reason = format!(
        "a rate is written without its left-hand side; write ode = [\"{}\"], and states = [\"{state}\"]",
        right.trim()
    );
    Err(Error::Formula { what: "ode".to_owned(), formula: rate.to_owned(), column: at + 1, reason })
}

/// The state of a single equation: what else stands in it besides the variable and the parameters.
fn own_state(rate: &str, options: &OdeFormulaOptions) -> Result<String> {
    let known = |name: &String| *name == options.variable || options.parameters.contains_key(name);
    let mut others: Vec<String> = names_in(rate).into_iter().filter(|name| !known(name)).collect();
    let reason = match others.len() {
        1 => return Ok(others.remove(0)),
        0 => "no state is in it; name it, states = [\"x\"]".to_owned(),
        _ => format!(
            "{} are neither parameters nor the variable, {}: one of them is the state (say which, states = [\"{}\"]), the others need an entry in `parameters`",
            others.join(" and "),
            options.variable,
            others[others.len() - 1]
        ),
    };
    Err(Error::Formula { what: "ode".to_owned(), formula: rate.to_owned(), column: 1, reason })
}

fn count(what: &str, got: usize, requirement: &str) -> Error {
    let what = format!("number of {what}");
    Error::Description { what, got: got.to_string(), requirement: requirement.to_owned() }
}

/// The absolute tolerance goes by the size of the start, in whatever units.
fn effort(start: &[f64]) -> Effort {
    let largest = start.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    Effort { relative: TOLERANCE, absolute: 1e-3 * TOLERANCE * scale, steps_between: STEPS, steps: STEPS }
}

impl Expert for OdeFormulaExpert {
    fn n_outputs(&self) -> usize {
        self.outputs.len() * self.times.len()
    }

    fn parameter_names(&self) -> &[String] {
        &self.parameters.names
    }

    fn parameter_units(&self) -> &[String] {
        &self.parameters.units
    }

    fn initial_parameters(&self) -> Option<ArrayView1<'_, f64>> {
        Some(self.parameters.init.view())
    }

    /// As the parameters' bounds say.
    fn links(&self) -> &[Link] {
        &self.parameters.links
    }

    fn solution(&self, theta: ArrayView1<'_, f64>) -> Option<Array2<f64>> {
        self.trajectory(theta).ok()
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        match self.trajectory(theta) {
            Ok(trajectory) => self.seen(&theta.to_vec(), trajectory.view(), out),
            Err(_) => out.fill(f64::NAN),
        }
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        match self.derivative(theta) {
            Ok(jacobian) => out.assign(&jacobian),
            Err(_) => out.fill(f64::NAN),
        }
    }

    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        self.parameters.fit(self, mean, weight, theta)
    }
}
