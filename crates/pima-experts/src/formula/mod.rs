//! Experts written as formulas in a configuration, without a line of Rust.

// Expressions: read, evaluated, differentiated.
mod expression;
// Differential equations by formulas.
mod ode;
// Parameters with starts, bounds and units.
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayView1, ArrayViewMut1, ArrayViewMut2};
use pima_core::{Expert, ExpertError, ExpertFit, Link};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
use expression::Scratch;
pub use ode::{OdeFormulaExpert, OdeFormulaOptions, Start};
pub use parameters::ParameterOptions;
use parameters::{Formula, Parameters, check_names, in_order};

/// Starts that are drawn for each search that is made: to look at one costs a prediction.
const POINTS_PER_SEARCH: usize = 16;

/// A formula with its parameters, as a user writes it in a configuration.
///
/// ```toml
/// formula = "E*min(t, t0) + H*max(t - t0, 0)"
/// parameters = { E = { init = 1000, min = 0, unit = "MPa" }, H = { init = 10 }, t0 = { init = 0.01, min = 0, max = 0.06 } }
/// ```
///
/// Formulas know `+ - * / ^` (also `**`), `min`, `max`, `if(a < b, then, otherwise)`, `abs`, `sqrt`, `exp`, `ln`, `log10`, `log2`, `sin`,
/// `cos`, `tan`, `asin`, `acos`, `atan`, `sinh`, `cosh`, `tanh` and `pi`. Powers bind before signs: `-x^2` is `-(x^2)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormulaOptions {
    /// The formula, in the variable and the parameters.
    pub formula: String,
    /// What the formula calls the axis of the curve.
    #[serde(default = "t")]
    pub variable: String,
    /// The parameters by name; each is in the formula.
    pub parameters: BTreeMap<String, ParameterOptions>,
    /// Searches besides the one that continues from the last fit. The most promising of sixteen times as many drawn starts are searched
    /// from; fewer, when three of them have ended in the same best minimum.
    #[serde(default = "searches")]
    pub searches: usize,
    /// Seed of the drawn starts.
    #[serde(default)]
    pub seed: u64,
}

fn t() -> String {
    "t".to_owned()
}

fn searches() -> usize {
    8
}

impl FormulaOptions {
    /// A formula in the variable `t` and these parameters.
    pub fn new<N: Into<String>>(
        formula: impl Into<String>,
        parameters: impl IntoIterator<Item = (N, ParameterOptions)>,
    ) -> Self {
        let parameters = parameters.into_iter().map(|(name, options)| (name.into(), options)).collect();
        Self { formula: formula.into(), variable: t(), parameters, searches: searches(), seed: 0 }
    }
}

/// A curve by a formula: `E_j(theta) = f(t_j; theta)`.
///
/// Parameters are in the order in which the formula names them. Derivatives are exact. The fit searches within the bounds by Levenberg
/// and Marquardt's method, from where it is told to start and from several drawn starts, and keeps the best.
///
/// A parameter that the data push against a bound ends on it ([`at_bound`](Self::at_bound)). Its standard error is then that of the fit
/// without the bound at this place: how far it could be off for all that the data say.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaExpert {
    options: FormulaOptions,
    formula: Formula,
    axis: Array1<f64>,
    parameters: Parameters,
}

impl FormulaExpert {
    /// An expert on the points `axis` (d).
    ///
    /// # Errors
    /// [`Error::Formula`] with the column for a formula that cannot be read, or is not finite on the axis with every parameter at its init;
    /// [`Error::Description`] for an axis that is empty or not finite, a parameter that is not in the formula, a name that is none, and
    /// bounds that contradict each other or the init.
    pub fn new(options: FormulaOptions, axis: ArrayView1<'_, f64>) -> Result<Self> {
        check_axis(axis)?;
        check_searches(options.searches)?;
        let FormulaOptions { formula: text, variable, parameters: table, searches, seed } = &options;
        check_names(&[variable], table)?;
        let any_order: Vec<&str> = std::iter::once(variable).chain(table.keys()).map(String::as_str).collect();
        let formula = Formula::read("formula", text, &any_order)?;
        let order = in_order(&[(&formula, any_order.as_slice())], table)?;
        let names: Vec<&str> = std::iter::once(variable).chain(&order).map(String::as_str).collect();
        let formula = Formula::read("formula", text, &names)?;
        let parameters = Parameters::new(table, order, POINTS_PER_SEARCH * searches, *searches, *seed)?;
        let expert = Self { formula, axis: axis.to_owned(), parameters, options };
        let (mut scratch, mut inputs) = (Scratch::default(), expert.inputs(expert.parameters.init.view()));
        for &t in axis {
            inputs[0] = t;
            let place = format!("at {} = {t} with every parameter at its init", expert.options.variable);
            expert.formula.must_be_finite(&inputs, &mut scratch, &place)?;
        }
        Ok(expert)
    }

    /// What it was made of.
    pub fn options(&self) -> &FormulaOptions {
        &self.options
    }

    /// The axis (d).
    pub fn axis(&self) -> ArrayView1<'_, f64> {
        self.axis.view()
    }

    /// Where the parameters start (P).
    pub fn init(&self) -> ArrayView1<'_, f64> {
        self.parameters.init.view()
    }

    /// Which parameters of `theta` (P) stand on one of their bounds.
    pub fn at_bound(&self, theta: ArrayView1<'_, f64>) -> Vec<bool> {
        self.parameters.at_bound(theta)
    }

    /// Inputs of the expression, with the axis left open.
    fn inputs(&self, theta: ArrayView1<'_, f64>) -> Vec<f64> {
        std::iter::once(0.0).chain(theta.iter().copied()).collect()
    }
}

fn check_axis(axis: ArrayView1<'_, f64>) -> Result<()> {
    let wrong = |what: String, got: String, requirement: &str| {
        Err(Error::Description { what, got, requirement: requirement.to_owned() })
    };
    if axis.is_empty() {
        return wrong("number of points of the axis".to_owned(), "0".to_owned(), "at least 1");
    }
    match axis.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((point, value)) => wrong(format!("point {point} of the axis"), value.to_string(), "finite"),
        None => Ok(()),
    }
}

fn check_searches(searches: usize) -> Result<()> {
    if (1..=1000).contains(&searches) {
        return Ok(());
    }
    let (what, got) = ("searches".to_owned(), searches.to_string());
    Err(Error::Description { what, got, requirement: "from 1 to 1000".to_owned() })
}

impl Expert for FormulaExpert {
    fn n_outputs(&self) -> usize {
        self.axis.len()
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

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        let (mut scratch, mut inputs) = (Scratch::default(), self.inputs(theta));
        for (out, &t) in out.iter_mut().zip(&self.axis) {
            inputs[0] = t;
            *out = self.formula.expression.value(&inputs, &mut scratch);
        }
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        let (mut scratch, mut inputs) = (Scratch::default(), self.inputs(theta));
        let mut gradient = vec![0.0; inputs.len()];
        for (mut out, &t) in out.outer_iter_mut().zip(&self.axis) {
            inputs[0] = t;
            self.formula.expression.gradient(&inputs, &mut gradient, &mut scratch);
            for (out, slope) in out.iter_mut().zip(&gradient[1..]) {
                *out = *slope;
            }
        }
    }

    /// The best of several searches, none of which leaves the bounds; never worse than `theta`, if that has a finite prediction.
    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        self.parameters.fit(self, mean, weight, theta)
    }
}
