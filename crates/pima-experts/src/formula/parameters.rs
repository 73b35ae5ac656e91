//! The named parameters of a formula: where they start, where they may lie, and how they are searched for.

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayView1};
use pima_core::{Expert, ExpertError, ExpertFit, Link};
use serde::{Deserialize, Serialize};

use super::expression::{Expression, Scratch, Wrong, is_name};
use crate::search::{self, Starts};
use crate::snode::check_fit;
use crate::{Error, Result};

/// A parameter of a formula. In a configuration: `{ init = 1.0, min = 0.0, unit = "MPa" }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterOptions {
    /// A plausible value: searches start from it, and its size is taken for the parameter's own.
    pub init: f64,
    /// The least value allowed; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest value allowed; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Its unit, for reports; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

impl ParameterOptions {
    /// A parameter without bounds.
    pub fn new(init: f64) -> Self {
        Self { init, ..Self::default() }
    }

    /// The same with the least value allowed.
    #[must_use]
    pub fn min(self, min: f64) -> Self {
        Self { min: Some(min), ..self }
    }

    /// The same with the greatest value allowed.
    #[must_use]
    pub fn max(self, max: f64) -> Self {
        Self { max: Some(max), ..self }
    }

    /// The same with a unit.
    #[must_use]
    pub fn unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    fn link(&self, name: &str) -> Result<Link> {
        let wrong = |what: &str, got: f64, requirement: String| {
            Err(Error::Description { what: format!("{what} of parameter '{name}'"), got: got.to_string(), requirement })
        };
        let given = [("init", Some(self.init)), ("min", self.min), ("max", self.max)];
        for (what, value) in given {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return wrong(what, value, "finite; leave a bound out where there is none".to_owned());
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min >= max
        {
            return wrong("min", min, format!("below its max, {max}; write a known number into the formula"));
        }
        if let Some(min) = self.min.filter(|min| self.init < *min) {
            return wrong("init", self.init, format!("at least its min, {min}"));
        }
        if let Some(max) = self.max.filter(|max| self.init > *max) {
            return wrong("init", self.init, format!("at most its max, {max}"));
        }
        Ok(match (self.min, self.max) {
            (None, None) => Link::Identity,
            (Some(0.0), None) => Link::Positive,
            (Some(lower), None) => Link::Above { lower },
            (None, Some(upper)) => Link::Below { upper },
            (Some(lower), Some(upper)) => Link::Interval { lower, upper },
        })
    }
}

/// Checked parameters, in the order of theta.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters {
    pub(super) names: Vec<String>,
    pub(super) units: Vec<String>,
    pub(super) links: Vec<Link>,
    pub(super) init: Array1<f64>,
    starts: Starts,
}

impl Parameters {
    /// The parameters of `table` in the order `names`, which are keys of it. `points` starts are drawn, of which the best `searches` are
    /// searched from.
    pub(super) fn new(
        table: &BTreeMap<String, ParameterOptions>,
        names: Vec<String>,
        points: usize,
        searches: usize,
        seed: u64,
    ) -> Result<Self> {
        let links = names.iter().map(|name| table[name].link(name)).collect::<Result<Vec<_>>>()?;
        let units = names.iter().map(|name| table[name].unit.clone()).collect();
        let init: Array1<f64> = names.iter().map(|name| table[name].init).collect();
        let starts = Starts::draw(init.view(), &links, points, searches, seed);
        Ok(Self { names, units, links, init, starts })
    }

    /// Which parameters (P) stand on a bound.
    pub(super) fn at_bound(&self, theta: ArrayView1<'_, f64>) -> Vec<bool> {
        let on = |(theta, link): (&f64, &Link)| {
            let (lower, upper) = link.bounds();
            *theta <= lower || *theta >= upper
        };
        theta.iter().zip(&self.links).map(on).collect()
    }

    pub(super) fn fit(
        &self,
        expert: &dyn Expert,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        check_fit(expert, mean, weight, theta)?;
        search::from_starts(expert, mean, weight, theta, &self.starts)
    }
}

/// Checks that every name is one, and that none is taken twice: `given` are those of the axis and of states.
pub(super) fn check_names(given: &[&str], table: &BTreeMap<String, ParameterOptions>) -> Result<()> {
    let all: Vec<&str> = given.iter().copied().chain(table.keys().map(String::as_str)).collect();
    for (at, name) in all.iter().enumerate() {
        let wrong = |requirement: &str| {
            let (what, got) = ("a name in a formula".to_owned(), format!("'{name}'"));
            Err(Error::Description { what, got, requirement: requirement.to_owned() })
        };
        if !is_name(name) {
            return wrong("letters, digits and '_', no digit first, and not the name of a function or pi");
        }
        if all[..at].contains(name) {
            return wrong("the name of one thing only: the axis, a state or a parameter");
        }
    }
    Ok(())
}

/// The parameters of `table` in the order in which `written` formulas name them. Each formula comes with the names of its inputs.
pub(super) fn in_order(
    written: &[(&Formula, &[&str])],
    table: &BTreeMap<String, ParameterOptions>,
) -> Result<Vec<String>> {
    if table.is_empty() {
        let (what, requirement) = ("number of parameters".to_owned(), "at least 1: there is nothing to fit".to_owned());
        return Err(Error::Description { what, got: "0".to_owned(), requirement });
    }
    let mut order: Vec<String> = Vec::new();
    for (formula, names) in written {
        for input in formula.expression.inputs() {
            let name = names[input];
            if table.contains_key(name) && !order.iter().any(|known| known == name) {
                order.push(name.to_owned());
            }
        }
    }
    match table.keys().find(|name| !order.contains(name)) {
        Some(name) => Err(Error::Description {
            what: format!("parameter '{name}'"),
            got: "in no formula".to_owned(),
            requirement: "used; take it out of `parameters`, or write it into the formula".to_owned(),
        }),
        None => Ok(order),
    }
}

/// An expression with its text and its place, for messages.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Formula {
    what: String,
    text: String,
    pub(super) expression: Expression,
}

impl Formula {
    /// Reads a formula in the quantities `names`; `what` says which formula it is.
    pub(super) fn read(what: &str, text: &str, names: &[&str]) -> Result<Self> {
        let expression = Expression::parse(text, names).map_err(|wrong| error(what, text, wrong))?;
        Ok(Self { what: what.to_owned(), text: text.to_owned(), expression })
    }

    /// The value at `inputs`, which must be a number; `place` says what the inputs are.
    pub(super) fn must_be_finite(&self, inputs: &[f64], scratch: &mut Scratch, place: &str) -> Result<()> {
        match self.expression.culprit(inputs, scratch) {
            None => Ok(()),
            Some((column, value)) => {
                let reason =
                    format!("this is {value} {place}; guard it with max, min or if, or move an init or a bound");
                Err(error(&self.what, &self.text, Wrong { column, reason }))
            }
        }
    }
}

/// On one line, and with its columns where they were.
fn error(what: &str, text: &str, Wrong { column, reason }: Wrong) -> Error {
    let formula = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Error::Formula { what: what.to_owned(), formula, column, reason }
}
