//! Differential equations by formulas, as a user writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::formula::parameters::ParameterOptions;
use crate::formula::t;

/// Where a state starts: a number, or a formula in the parameters. In a configuration: `start = [1.0, "v0"]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a start must be a number, or a formula in quotes")]
pub enum Start {
    /// A known start.
    Number(f64),
    /// A start that parameters say.
    Formula(String),
}

impl From<f64> for Start {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Start {
    fn from(formula: &str) -> Self {
        Self::Formula(formula.to_owned())
    }
}

/// Differential equations by formulas, as a user writes them in a configuration.
///
/// ```toml
/// states = ["angle", "speed"]
/// ode = ["speed", "-w^2*sin(angle) - c*speed"]
/// start = [0.5, "v0"]
/// outputs = ["angle"]
/// parameters = { w = { init = 3, min = 0 }, c = { init = 0.1, min = 0 }, v0 = { init = 0 } }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OdeFormulaOptions {
    /// Names of the states (S). A single equation need not name its state: it is what else stands in it besides the variable and the
    /// parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// The rate of each state (S): formulas in the states, the variable and the parameters.
    pub ode: Vec<String>,
    /// Each state (S) at the first time.
    pub start: Vec<Start>,
    /// What is measured: formulas in the same quantities; without any, all states in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// What the formulas call the time.
    #[serde(default = "t")]
    pub variable: String,
    /// The parameters by name; each is in one of the formulas.
    pub parameters: BTreeMap<String, ParameterOptions>,
    /// Searches besides the one that continues from the last fit, as for [`FormulaOptions`](crate::FormulaOptions); of eight times as many
    /// drawn starts.
    #[serde(default = "searches")]
    pub searches: usize,
    /// Seed of the drawn starts.
    #[serde(default)]
    pub seed: u64,
}

fn searches() -> usize {
    4
}

impl OdeFormulaOptions {
    /// Equations, each a state with its rate and its start, in the variable `t` and these parameters; all states are measured.
    pub fn new<N: Into<String>>(
        equations: impl IntoIterator<Item = (N, N, Start)>,
        parameters: impl IntoIterator<Item = (N, ParameterOptions)>,
    ) -> Self {
        let (mut states, mut ode, mut start) = (Vec::new(), Vec::new(), Vec::new());
        for (state, rate, from) in equations {
            states.push(state.into());
            ode.push(rate.into());
            start.push(from);
        }
        let parameters = parameters.into_iter().map(|(name, options)| (name.into(), options)).collect();
        Self { states, ode, start, outputs: Vec::new(), variable: t(), parameters, searches: searches(), seed: 0 }
    }
}
