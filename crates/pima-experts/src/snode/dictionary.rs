//! Differential equations whose right-hand sides are combinations of monomials in the states.

use ndarray::{Array2, Array3, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::initial_value::{self, Effort, Equations};
use crate::{Error, Result};

/// Steps end at every time asked for, so that on fine grids the error is rounding.
const EFFORT: Effort = Effort { relative: 1e-13, absolute: 1e-13, steps_between: 10_000, steps: u32::MAX };

/// One term of an equation: a monomial in the states, with the name of its factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Name of the parameter that is the factor.
    pub name: String,
    /// Power of each state, (S).
    pub exponents: Vec<u32>,
    /// Unit of the parameter; empty where there is none.
    #[serde(default)]
    pub unit: String,
}

impl Term {
    /// A term without a unit.
    pub fn new(name: impl Into<String>, exponents: impl Into<Vec<u32>>) -> Self {
        Self { name: name.into(), exponents: exponents.into(), unit: String::new() }
    }
}

/// `du_s/dt = sum_p theta_p prod_r u_r^(e_pr)`, p over the terms of equation s: S states and P parameters, equation by equation.
///
/// The oscillator of Walker et al. 2023, eq. 20, has the terms `x^3, y^3` in both equations, and the parameters
/// `alpha, beta, gamma, delta` in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryOde {
    equations: Vec<Vec<Term>>,
    names: Vec<String>,
    units: Vec<String>,
}

impl DictionaryOde {
    /// One equation per state, with at least one term each.
    ///
    /// # Errors
    /// [`Error::Description`] for no equation, an equation without terms, a term whose exponents are not one per state, or a name
    /// given twice.
    pub fn new(equations: Vec<Vec<Term>>) -> Result<Self> {
        let wrong = |what: String, got: usize, requirement: String| {
            Err(Error::Description { what, got: got.to_string(), requirement })
        };
        let n_states = equations.len();
        if n_states == 0 {
            return wrong("number of equations".into(), 0, "at least 1".into());
        }
        if let Some(s) = equations.iter().position(Vec::is_empty) {
            return wrong(format!("number of terms of equation {s}"), 0, "at least 1".into());
        }
        let terms = || equations.iter().flatten();
        if let Some(term) = terms().find(|term| term.exponents.len() != n_states) {
            let what = format!("number of exponents of '{}'", term.name);
            return wrong(what, term.exponents.len(), format!("the number of equations, {n_states}"));
        }
        let names: Vec<String> = terms().map(|term| term.name.clone()).collect();
        if let Some(name) = names.iter().enumerate().find(|(p, name)| names[..*p].contains(name)).map(|(_, name)| name)
        {
            return wrong(format!("number of parameters named '{name}'"), 2, "1".into());
        }
        let units = terms().map(|term| term.unit.clone()).collect();
        Ok(Self { equations, names, units })
    }

    /// Number of states, S.
    pub fn n_states(&self) -> usize {
        self.equations.len()
    }

    /// Number of parameters, P.
    pub fn n_parameters(&self) -> usize {
        self.names.len()
    }

    /// Names of the parameters (P).
    pub fn parameter_names(&self) -> &[String] {
        &self.names
    }

    /// Units of the parameters (P).
    pub fn parameter_units(&self) -> &[String] {
        &self.units
    }

    /// The terms of each equation.
    pub fn equations(&self) -> &[Vec<Term>] {
        &self.equations
    }

    /// The monomials of equation s (T, its terms) along a trajectory (S,T).
    pub fn monomials(&self, equation: usize, trajectory: ArrayView2<'_, f64>) -> Array2<f64> {
        let terms = &self.equations[equation];
        let mut out = Array2::zeros((trajectory.ncols(), terms.len()));
        for (mut row, state) in out.outer_iter_mut().zip(trajectory.columns()) {
            for (value, term) in row.iter_mut().zip(terms) {
                *value = state.iter().zip(&term.exponents).map(|(u, &e)| power(*u, e)).product();
            }
        }
        out
    }

    /// `du/dt` (S,T) along a trajectory (S,T) for parameters (P).
    pub fn rates(&self, theta: &[f64], trajectory: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut rates = Array2::zeros(trajectory.raw_dim());
        let mut rate = vec![0.0; self.n_states()];
        for (state, mut out) in trajectory.columns().into_iter().zip(rates.columns_mut()) {
            self.rate(theta, &state.to_vec(), &mut rate);
            out.assign(&ndarray::aview1(&rate));
        }
        rates
    }

    /// The trajectory (S,T) at T times from `start` (S), the state at the first of them.
    ///
    /// # Errors
    /// [`Error::Times`] unless the times increase, [`Error::Description`] for arrays of other lengths or values that are not
    /// finite, and [`Error::Trajectory`] for a trajectory that blows up, with the time.
    pub fn solve(&self, theta: &[f64], start: &[f64], times: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
        initial_value::solve(self, theta, start, times, EFFORT)
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
        // The start is given: no parameter moves it.
        let still = Array2::zeros((self.n_states(), self.n_parameters()));
        initial_value::solve_with_sensitivities(self, theta, start, still.view(), times, EFFORT)
    }

    /// Writes `du/dt` (S) at a state (S).
    pub(super) fn rate(&self, theta: &[f64], state: &[f64], rate: &mut [f64]) {
        let mut p = 0;
        for (rate, terms) in rate.iter_mut().zip(&self.equations) {
            *rate = 0.0;
            for term in terms {
                *rate += theta[p] * monomial(term, state);
                p += 1;
            }
        }
    }

    /// Writes `dF_s/dtheta_p` (S,P) and `dF_s/du_r` (S,S) at a state, both row by row; F is the right-hand side.
    pub(super) fn partials(&self, theta: &[f64], state: &[f64], by_theta: &mut [f64], by_state: &mut [f64]) {
        let (n_states, n_parameters) = (self.n_states(), self.n_parameters());
        by_theta.fill(0.0);
        by_state.fill(0.0);
        let mut p = 0;
        for (s, terms) in self.equations.iter().enumerate() {
            for term in terms {
                by_theta[s * n_parameters + p] = monomial(term, state);
                for r in (0..n_states).filter(|&r| term.exponents[r] > 0) {
                    let others = (0..n_states).filter(|&i| i != r).map(|i| power(state[i], term.exponents[i]));
                    let exponent = term.exponents[r];
                    let slope = f64::from(exponent) * power(state[r], exponent - 1) * others.product::<f64>();
                    by_state[s * n_states + r] += theta[p] * slope;
                }
                p += 1;
            }
        }
    }
}

impl Equations for DictionaryOde {
    fn n_states(&self) -> usize {
        self.n_states()
    }

    fn n_parameters(&self) -> usize {
        self.n_parameters()
    }

    fn rate(&self, _time: f64, theta: &[f64], state: &[f64], rate: &mut [f64]) {
        self.rate(theta, state, rate);
    }

    fn partials(&self, _time: f64, theta: &[f64], state: &[f64], by_theta: &mut [f64], by_state: &mut [f64]) {
        self.partials(theta, state, by_theta, by_state);
    }
}

fn monomial(term: &Term, state: &[f64]) -> f64 {
    state.iter().zip(&term.exponents).map(|(u, &e)| power(*u, e)).product()
}

fn power(base: f64, exponent: u32) -> f64 {
    base.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}
