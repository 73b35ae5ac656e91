//! The formulas of a system: read, and evaluated while its equations are followed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{OdeFormulaOptions, Start};
use crate::Result;
use crate::formula::expression::Scratch;
use crate::formula::parameters::{Formula, ParameterOptions, in_order};
use crate::initial_value::Equations;

/// All formulas of a system, read.
pub(super) struct System {
    pub(super) rates: Vec<Formula>,
    pub(super) starts: Vec<Formula>,
    pub(super) outputs: Vec<Formula>,
}

impl System {
    /// Reads the formulas of `options` in the quantities `given` (the time and the states) and `parameters`, in this order.
    pub(super) fn read(options: &OdeFormulaOptions, given: &[&str], parameters: &[&str]) -> Result<Self> {
        let OdeFormulaOptions { states, ode, start, outputs, .. } = options;
        let names = [given, parameters].concat();
        let (mut rates, mut starts) = (Vec::new(), Vec::new());
        for ((state, rate), start) in states.iter().zip(ode).zip(start) {
            rates.push(Formula::read(&format!("ode of {state}"), rate, &names)?);
            let start = match start {
                Start::Number(number) => number.to_string(),
                Start::Formula(text) => text.clone(),
            };
            // No time has passed at the start, and the states are what it says.
            starts.push(Formula::read(&format!("start of {state}"), &start, parameters)?);
        }
        let outputs = if outputs.is_empty() { states } else { outputs };
        let outputs = outputs.iter().enumerate();
        let outputs = outputs.map(|(k, text)| Formula::read(&format!("output {}", k + 1), text, &names));
        Ok(Self { rates, starts, outputs: outputs.collect::<Result<Vec<_>>>()? })
    }

    /// The parameters in the order in which the formulas name them, after having been read in any.
    pub(super) fn parameters_in_order(
        &self,
        given: &[&str],
        any_order: &[&str],
        table: &BTreeMap<String, ParameterOptions>,
    ) -> Result<Vec<String>> {
        let names = [given, any_order].concat();
        let mut written: Vec<(&Formula, &[&str])> = Vec::new();
        written.extend(self.rates.iter().map(|formula| (formula, names.as_slice())));
        written.extend(self.starts.iter().map(|formula| (formula, any_order)));
        written.extend(self.outputs.iter().map(|formula| (formula, names.as_slice())));
        in_order(&written, table)
    }
}

/// The equations while they are followed, with the memory that takes.
pub(super) struct Running<'a> {
    rates: &'a [Formula],
    n_parameters: usize,
    memory: RefCell<Memory>,
}

pub(super) struct Memory {
    /// Time, states, parameters.
    pub(super) inputs: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) scratch: Scratch,
}

impl<'a> Running<'a> {
    pub(super) fn new(rates: &'a [Formula], n_parameters: usize) -> Self {
        let n_inputs = 1 + rates.len() + n_parameters;
        let memory = Memory { inputs: vec![0.0; n_inputs], gradient: vec![0.0; n_inputs], scratch: Scratch::default() };
        Self { rates, n_parameters, memory: RefCell::new(memory) }
    }

    /// Lets `with` evaluate formulas at a time, a state (S) and parameters (P).
    pub(super) fn at(&self, time: f64, state: &[f64], theta: &[f64], with: impl FnOnce(&mut Memory)) {
        let memory = &mut *self.memory.borrow_mut();
        memory.inputs[0] = time;
        memory.inputs[1..=state.len()].copy_from_slice(state);
        memory.inputs[1 + state.len()..].copy_from_slice(theta);
        with(memory);
    }
}

impl Equations for Running<'_> {
    fn n_states(&self) -> usize {
        self.rates.len()
    }

    fn n_parameters(&self) -> usize {
        self.n_parameters
    }

    fn rate(&self, time: f64, theta: &[f64], state: &[f64], rate: &mut [f64]) {
        self.at(time, state, theta, |Memory { inputs, scratch, .. }| {
            for (rate, formula) in rate.iter_mut().zip(self.rates) {
                *rate = formula.expression.value(inputs, scratch);
            }
        });
    }

    fn partials(&self, time: f64, theta: &[f64], state: &[f64], by_theta: &mut [f64], by_state: &mut [f64]) {
        let (n_states, n_parameters) = (state.len(), theta.len());
        self.at(time, state, theta, |Memory { inputs, gradient, scratch }| {
            for (s, formula) in self.rates.iter().enumerate() {
                formula.expression.gradient(inputs, gradient, scratch);
                let (of_states, of_theta) = gradient[1..].split_at(n_states);
                by_state[s * n_states..(s + 1) * n_states].copy_from_slice(of_states);
                by_theta[s * n_parameters..(s + 1) * n_parameters].copy_from_slice(of_theta);
            }
        });
    }
}
