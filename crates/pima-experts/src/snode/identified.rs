//! The expert that is given a start instead of a trajectory: the solution of the equations itself.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use pima_core::{Expert, ExpertError, ExpertFit};
use serde::{Deserialize, Serialize};

use super::{DictionaryOde, check_fit};
use crate::linear::least_squares::{self, Solution};
use crate::pou::{PouOptions, SampleOperators};
use crate::{Error, Result};

/// What the curves are measurements of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// The rates `du/dt`.
    #[default]
    Derivatives,
    /// The states `u`.
    States,
}

/// How an [`OdeExpert`] is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OdeOptions {
    /// What the curves are measurements of.
    pub observed: Observed,
    /// The network that turns a cluster's mean curve into a trajectory. Noisy curves need no more than a few partitions.
    pub pou: PouOptions,
    /// Most Gauss-Newton steps after the closed form; 0 leaves the closed form as it is.
    pub refinements: usize,
}

impl Default for OdeOptions {
    fn default() -> Self {
        let pou = PouOptions { n_partitions: 8, ..PouOptions::default() };
        Self { observed: Observed::Derivatives, pou, refinements: 20 }
    }
}

/// A curve is refined until a step changes it by less than this fraction of itself.
const TOLERANCE: f64 = 1e-9;
/// How often a Gauss-Newton step is halved before it is given up.
const HALVINGS: usize = 8;

/// Curves that solve `du/dt = F(u; theta)` from a known start: the rates `F(u(t; theta); theta)`, or the states `u(t; theta)`.
///
/// Nothing but theta tells the clusters apart. The M-step needs no start for theta. It first makes a trajectory of the cluster's
/// own mean curve, by a POU network, and then solves for theta in closed form:
/// - from rates (Walker et al. 2023, eq. 24-26): the network's antiderivative from the start is the trajectory `u~`; the rates are
///   regressed on the monomials of `u~`;
/// - from states: the network's values are `u~`; the states are regressed on the integrals of the monomials, with a free constant.
///   Differentiating the states would amplify their noise.
///
/// The noise of `u~` is in the closed form's theta, and its standard errors ignore it. Gauss-Newton steps on the solution itself,
/// with its sensitivities, remove both faults: they end at the least squares fit, whose errors are the Cramer-Rao bound.
#[derive(Debug, Clone, PartialEq)]
pub struct OdeExpert {
    ode: DictionaryOde,
    times: Array1<f64>,
    start: Vec<f64>,
    options: OdeOptions,
    operators: SampleOperators,
}

impl OdeExpert {
    /// An expert for curves at T times; `start` (S) is the state at the first. The d = S T outputs are the first state (or its
    /// rate) at all times, then the second, and so on.
    ///
    /// # Errors
    /// As [`crate::fit_pou`] for times that do not increase or do not determine the network; [`Error::Description`] for a start
    /// that does not fit the equations.
    pub fn new(ode: DictionaryOde, times: ArrayView1<'_, f64>, start: &[f64], options: OdeOptions) -> Result<Self> {
        if start.len() != ode.n_states() || start.iter().any(|value| !value.is_finite()) {
            let requirement = format!("{} finite values", ode.n_states());
            return Err(Error::Description { what: "start".into(), got: format!("{start:?}"), requirement });
        }
        let operators = SampleOperators::new(times, &options.pou)?;
        Ok(Self { ode, times: times.to_owned(), start: start.to_vec(), options, operators })
    }

    /// The equations.
    pub fn ode(&self) -> &DictionaryOde {
        &self.ode
    }

    /// The trajectory (S,T) that parameters (P) lead to.
    ///
    /// # Errors
    /// As [`DictionaryOde::solve`].
    pub fn trajectory(&self, theta: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        self.ode.solve(&theta.to_vec(), &self.start, self.times.view())
    }

    /// The trajectory (S,T) that a mean curve (d) says by itself, before any equation. `weight` (d) is zero where nothing was
    /// measured.
    fn trajectory_of(&self, mean: ArrayView1<'_, f64>, weight: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        let n_times = self.times.len();
        let mut trajectory = Array2::zeros((self.ode.n_states(), n_times));
        for (s, mut state) in trajectory.outer_iter_mut().enumerate() {
            let channel = s![s * n_times..(s + 1) * n_times];
            let (mean, weight) = (mean.slice(channel), weight.slice(channel));
            let measured: Vec<usize> = (0..n_times).filter(|&j| weight[j] > 0.0).collect();
            if measured.len() < 2 {
                let n_functions = self.options.pou.n_partitions * (self.options.pou.degree + 1);
                return Err(Error::Deficient { rank: measured.len(), n_functions, n_samples: measured.len() });
            }
            let part;
            let operators = if measured.len() == n_times {
                &self.operators
            } else {
                let known = self.times.select(Axis(0), &measured);
                part = SampleOperators::between(known.view(), self.times.view(), &self.options.pou)?;
                &part
            };
            let samples = mean.select(Axis(0), &measured);
            match self.options.observed {
                Observed::Derivatives => state.assign(&(operators.integrate.dot(&samples) + self.start[s])),
                Observed::States => state.assign(&operators.smooth.dot(&samples)),
            }
        }
        Ok(trajectory)
    }

    /// Theta and its covariance factor from regressions along the trajectory that the mean curve says.
    fn closed_form(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
    ) -> Result<(Array1<f64>, Array2<f64>), ExpertError> {
        let n_parameters = self.ode.n_parameters();
        let trajectory = self.trajectory_of(mean, weight).map_err(|error| match error {
            Error::Deficient { rank, n_functions, .. } => ExpertError::Undetermined { rank, n_parameters: n_functions },
            source => ExpertError::Other { context: "trajectory of a mean curve".to_owned(), source: Box::new(source) },
        })?;
        let mut theta = Array1::zeros(n_parameters);
        let mut covariance = Array2::zeros((n_parameters, n_parameters));
        let (mut first, mut rank) = (0, 0);
        for (s, terms) in self.ode.equations().iter().enumerate() {
            let channel = s![s * self.times.len()..(s + 1) * self.times.len()];
            let monomials = self.ode.monomials(s, trajectory.view());
            let matrix = match self.options.observed {
                Observed::Derivatives => monomials,
                Observed::States => {
                    let integrals = self.operators.integrate.dot(&monomials);
                    ndarray::concatenate![Axis(1), integrals, Array2::ones((self.times.len(), 1))]
                }
            };
            if let Some(((index, _), _)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
                return Err(ExpertError::NotFinite { array: "monomials of the mean curve's trajectory", index });
            }
            let parameters = s![first..first + terms.len()];
            let block = s![first..first + terms.len(), first..first + terms.len()];
            first += terms.len();
            match least_squares::solve(matrix.view(), mean.slice(channel), weight.slice(channel)) {
                Ok(Solution { theta: found, covariance_factor, .. }) => {
                    theta.slice_mut(parameters).assign(&found.slice(s![..terms.len()]));
                    covariance.slice_mut(block).assign(&covariance_factor.slice(s![..terms.len(), ..terms.len()]));
                    rank += terms.len();
                }
                Err(ExpertError::Undetermined { rank: of_equation, .. }) => rank += of_equation.min(terms.len() - 1),
                Err(error) => return Err(error),
            }
        }
        if rank < n_parameters {
            Err(ExpertError::Undetermined { rank, n_parameters })
        } else {
            Ok((theta, covariance))
        }
    }

    /// The prediction (d) and its derivative (d,P).
    fn linearise(&self, theta: ArrayView1<'_, f64>) -> Result<(Array1<f64>, Array2<f64>)> {
        let theta = theta.to_vec();
        let (trajectory, sensitivities) = self.ode.solve_with_sensitivities(&theta, &self.start, self.times.view())?;
        let (n_states, n_parameters, n_times) = sensitivities.dim();
        let mut jacobian = Array2::zeros((n_states * n_times, n_parameters));
        let mut by_theta = vec![0.0; n_states * n_parameters];
        let mut by_state = vec![0.0; n_states * n_states];
        for j in 0..n_times {
            let of_states = sensitivities.index_axis(Axis(2), j);
            let of_outputs = match self.options.observed {
                Observed::States => of_states.to_owned(),
                Observed::Derivatives => {
                    self.ode.partials(&theta, &trajectory.column(j).to_vec(), &mut by_theta, &mut by_state);
                    let by_state = Array2::from_shape_fn((n_states, n_states), |(s, r)| by_state[s * n_states + r]);
                    let by_theta = Array2::from_shape_fn(of_states.dim(), |(s, p)| by_theta[s * n_parameters + p]);
                    by_state.dot(&of_states) + by_theta
                }
            };
            for (s, row) in of_outputs.outer_iter().enumerate() {
                jacobian.row_mut(s * n_times + j).assign(&row);
            }
        }
        Ok((self.outputs(&theta, trajectory.view()), jacobian))
    }

    /// What is observed (d) of a trajectory (S,T).
    fn outputs(&self, theta: &[f64], trajectory: ArrayView2<'_, f64>) -> Array1<f64> {
        match self.options.observed {
            Observed::States => trajectory.iter().copied().collect(),
            Observed::Derivatives => self.ode.rates(theta, trajectory).iter().copied().collect(),
        }
    }

    /// Gauss-Newton steps, halved until they descend.
    fn refine(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        mut theta: Array1<f64>,
    ) -> Result<ExpertFit, ExpertError> {
        let blown_up = |_| ExpertError::Diverged { iterations: 0 };
        let (mut prediction, mut jacobian) = self.linearise(theta.view()).map_err(blown_up)?;
        let mut residual = weighted_square(mean, prediction.view(), weight);
        let (mut iterations, mut converged) = (0, false);
        loop {
            let offset = &mean - &prediction;
            let Solution { theta: step, covariance_factor, .. } =
                least_squares::solve(jacobian.view(), offset.view(), weight)?;
            let change = &prediction + &jacobian.dot(&step);
            let size = weighted_square(Array1::zeros(mean.len()).view(), prediction.view(), weight);
            converged |= weighted_square(change.view(), prediction.view(), weight) <= TOLERANCE * TOLERANCE * size;
            if converged || iterations == self.options.refinements {
                let covariance_factor = Some(covariance_factor);
                return Ok(ExpertFit { theta, residual, covariance_factor, iterations: iterations + 1, converged });
            }
            iterations += 1;
            let mut length = 1.0;
            let better = (0..HALVINGS).find_map(|_| {
                let trial = &theta + &(&step * length);
                length *= 0.5;
                let (prediction, jacobian) = self.linearise(trial.view()).ok()?;
                let residual_there = weighted_square(mean, prediction.view(), weight);
                (residual_there < residual).then_some((trial, prediction, jacobian, residual_there))
            });
            match better {
                Some(found) => (theta, prediction, jacobian, residual) = found,
                // No step descends: this is the minimum, to rounding.
                None => converged = true,
            }
        }
    }
}

/// `sum_j weight_j (a_j - b_j)^2` over the coordinates that have weight.
fn weighted_square(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>, weight: ArrayView1<'_, f64>) -> f64 {
    (0..a.len()).filter(|&j| weight[j] > 0.0).map(|j| weight[j] * (a[j] - b[j]).powi(2)).sum()
}

impl Expert for OdeExpert {
    fn n_outputs(&self) -> usize {
        self.ode.n_states() * self.times.len()
    }

    fn parameter_names(&self) -> &[String] {
        self.ode.parameter_names()
    }

    fn parameter_units(&self) -> &[String] {
        self.ode.parameter_units()
    }

    fn solution(&self, theta: ArrayView1<'_, f64>) -> Option<Array2<f64>> {
        self.trajectory(theta).ok()
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        match self.trajectory(theta) {
            Ok(trajectory) => out.assign(&self.outputs(&theta.to_vec(), trajectory.view())),
            Err(_) => out.fill(f64::NAN),
        }
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        match self.linearise(theta) {
            Ok((_, jacobian)) => out.assign(&jacobian),
            Err(_) => out.fill(f64::NAN),
        }
    }

    /// The closed form, and from there Gauss-Newton steps. Where the closed form's trajectory blows up, or its steps end further from the curve than `theta` is, the
    /// steps start from `theta`: with them, a fit is never worse than what it was given.
    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        check_fit(self, mean, weight, theta)?;
        let (found, covariance) = self.closed_form(mean, weight)?;
        if self.options.refinements > 0 {
            let refined = self.refine(mean, weight, found);
            let mut given = Array1::zeros(self.n_outputs());
            self.predict(theta, given.view_mut());
            let residual_given = weighted_square(mean, given.view(), weight);
            return match refined {
                // By more than rounding; and not so where it is NaN: then there is nothing to go back to.
                Ok(fit) if residual_given < fit.residual * (1.0 - TOLERANCE) => {
                    self.refine(mean, weight, theta.to_owned()).or(Ok(fit))
                }
                Err(ExpertError::Diverged { .. }) => self.refine(mean, weight, theta.to_owned()),
                refined => refined,
            };
        }
        let mut prediction = Array1::zeros(self.n_outputs());
        self.predict(found.view(), prediction.view_mut());
        let residual = weighted_square(mean, prediction.view(), weight);
        if !residual.is_finite() {
            return Err(ExpertError::Diverged { iterations: 1 });
        }
        Ok(ExpertFit { theta: found, residual, covariance_factor: Some(covariance), iterations: 1, converged: true })
    }
}
