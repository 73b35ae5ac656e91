//! Expressions in named quantities: read from text, evaluated, differentiated.
//!
//! Our own reader, for no crate of the registry fits what a physicist writes: `exmex` has derivatives, but none of `min`, `max` and `abs`,
//! takes `-x^2` for `(-x)^2` and a parameter `E` for Euler's number, and does not know `1e-3`; `evalexpr` is under the AGPL; `fasteval` and
//! `meval` have been left alone for years; none says in which column a formula is wrong.

// Functions of one number.
mod function;
// From text to a tape.
mod parse;
#[cfg(test)]
mod tests;

use function::Function;
pub(super) use parse::{is_name, names_in};

/// What is wrong with a formula, and in which column (from 1, in characters).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) column: usize,
    pub(super) reason: String,
}

/// One step of an expression. Operands are the numbers of earlier steps.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Constant(f64),
    /// A named quantity, by its place.
    Input(usize),
    Negate(usize),
    Add(usize, usize),
    Subtract(usize, usize),
    Multiply(usize, usize),
    Divide(usize, usize),
    Power(usize, usize),
    Least(usize, usize),
    Greatest(usize, usize),
    Call(Function, usize),
    /// `if(left < right, then, otherwise)`, or with `<=`.
    Choose {
        or_equal: bool,
        left: usize,
        right: usize,
        then: usize,
        otherwise: usize,
    },
}

/// An expression as a tape: every step uses earlier ones, the last is the value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    steps: Vec<Step>,
    /// Column of each step in the text.
    columns: Vec<usize>,
}

/// Memory of an evaluation, used again from one to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    values: Vec<f64>,
    adjoints: Vec<f64>,
}

impl Expression {
    /// Reads an expression in the quantities `names`; their places are those in `inputs` later.
    pub(super) fn parse(text: &str, names: &[&str]) -> Result<Self, Wrong> {
        parse::parse(text, names)
    }

    /// The places of the quantities in it, in the order in which they are written.
    pub(super) fn inputs(&self) -> Vec<usize> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (step, &column) in self.steps.iter().zip(&self.columns) {
            if let Step::Input(input) = *step {
                found.push((column, input));
            }
        }
        found.sort_unstable();
        let mut inputs = Vec::new();
        for (_, input) in found {
            if !inputs.contains(&input) {
                inputs.push(input);
            }
        }
        inputs
    }

    /// The value at `inputs`; NaN or infinite where it has none.
    pub(super) fn value(&self, inputs: &[f64], scratch: &mut Scratch) -> f64 {
        let values = &mut scratch.values;
        values.clear();
        for step in &self.steps {
            let value = match *step {
                Step::Constant(value) => value,
                Step::Input(input) => inputs[input],
                Step::Negate(a) => -values[a],
                Step::Add(a, b) => values[a] + values[b],
                Step::Subtract(a, b) => values[a] - values[b],
                Step::Multiply(a, b) => values[a] * values[b],
                Step::Divide(a, b) => values[a] / values[b],
                Step::Power(a, b) => values[a].powf(values[b]),
                // Unlike `f64::min`, not a number if either is not.
                Step::Least(a, b) => {
                    if values[b] < values[a] || values[b].is_nan() {
                        values[b]
                    } else {
                        values[a]
                    }
                }
                Step::Greatest(a, b) => {
                    if values[b] > values[a] || values[b].is_nan() {
                        values[b]
                    } else {
                        values[a]
                    }
                }
                Step::Call(function, a) => function.value(values[a]),
                Step::Choose { then, otherwise, .. } => values[if chosen(step, values) { then } else { otherwise }],
            };
            values.push(value);
        }
        values.last().copied().unwrap_or(f64::NAN)
    }

    /// The value at `inputs`, and its derivative by each of them written into `gradient`, by one pass back over the tape.
    ///
    /// Where two sides of a corner meet, the derivative is the mean of theirs.
    pub(super) fn gradient(&self, inputs: &[f64], gradient: &mut [f64], scratch: &mut Scratch) -> f64 {
        let value = self.value(inputs, scratch);
        let Scratch { values, adjoints } = scratch;
        gradient.fill(0.0);
        adjoints.clear();
        adjoints.resize(values.len(), 0.0);
        if let Some(last) = adjoints.last_mut() {
            *last = 1.0;
        }
        for (at, step) in self.steps.iter().enumerate().rev() {
            let adjoint = adjoints[at];
            // What does not count must not matter: 0 times the infinite slope of a branch that was not taken is NaN.
            if adjoint == 0.0 {
                continue;
            }
            let mut send = |to: usize, slope: f64| adjoints[to] += adjoint * slope;
            match *step {
                Step::Constant(_) => {}
                Step::Input(input) => gradient[input] += adjoint,
                Step::Negate(a) => send(a, -1.0),
                Step::Add(a, b) => {
                    send(a, 1.0);
                    send(b, 1.0);
                }
                Step::Subtract(a, b) => {
                    send(a, 1.0);
                    send(b, -1.0);
                }
                Step::Multiply(a, b) => {
                    send(a, values[b]);
                    send(b, values[a]);
                }
                Step::Divide(a, b) => {
                    send(a, 1.0 / values[b]);
                    send(b, -values[at] / values[b]);
                }
                Step::Power(a, b) => {
                    let (base, exponent) = (values[a], values[b]);
                    send(a, if exponent == 0.0 { 0.0 } else { exponent * base.powf(exponent - 1.0) });
                    // A constant exponent has no use for the logarithm, which a negative base does not have.
                    if !matches!(self.steps[b], Step::Constant(_)) {
                        send(b, if base == 0.0 && exponent > 0.0 { 0.0 } else { values[at] * base.ln() });
                    }
                }
                Step::Least(a, b) | Step::Greatest(a, b) => {
                    if values[a] == values[b] {
                        send(a, 0.5);
                        send(b, 0.5);
                    } else {
                        send(if values[at] == values[a] { a } else { b }, 1.0);
                    }
                }
                Step::Call(function, a) => send(a, function.slope(values[a], values[at])),
                Step::Choose { then, otherwise, .. } => send(if chosen(step, values) { then } else { otherwise }, 1.0),
            }
        }
        value
    }

    /// The column and the value of the first step that is not finite at `inputs`; `None` where the value of the whole is finite.
    pub(super) fn culprit(&self, inputs: &[f64], scratch: &mut Scratch) -> Option<(usize, f64)> {
        if self.value(inputs, scratch).is_finite() {
            return None;
        }
        let at = scratch.values.iter().position(|value| !value.is_finite())?;
        Some((self.columns[at], scratch.values[at]))
    }
}

/// Which branch a [`Step::Choose`] takes.
fn chosen(step: &Step, values: &[f64]) -> bool {
    match *step {
        Step::Choose { or_equal: true, left, right, .. } => values[left] <= values[right],
        Step::Choose { left, right, .. } => values[left] < values[right],
        _ => false,
    }
}
