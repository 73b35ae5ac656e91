//! What a parameter may be, and the line on which its values are searched.

use toml::Value;

use super::key::Key;

/// Significant digits of a suggested number: more only make files hard to read.
const DIGITS: usize = 6;

/// One key that is varied.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) key: Key,
    pub(super) domain: Domain,
}

/// The values of all parameters of one trial, in order.
pub(super) type Point = Vec<Value>;

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Domain {
    /// A number from `low` to `high`, both included.
    Range {
        low: f64,
        high: f64,
        /// Evenly in the logarithm.
        log: bool,
        integer: bool,
        /// So many of them on a grid.
        steps: Option<usize>,
    },
    /// One of these.
    Values(Vec<Value>),
}

impl Domain {
    /// The line of coordinates, from its start to before its end: numbers or their logarithms, whole numbers in the middle of a stretch each, and
    /// positions in a list.
    pub(super) fn line(&self) -> (f64, f64) {
        match self {
            Self::Range { low, high, log, integer, .. } => {
                let half = if *integer { 0.5 } else { 0.0 };
                let (low, high) = (low - half, high + half);
                if *log { (low.ln(), high.ln()) } else { (low, high) }
            }
            Self::Values(values) => (0.0, values.len() as f64),
        }
    }

    /// The value at a coordinate.
    pub(super) fn value(&self, at: f64) -> Value {
        match self {
            Self::Range { low, high, log, integer, .. } => {
                let number = if *log { at.exp() } else { at };
                if *integer {
                    Value::Integer(number.round().clamp(*low, *high) as i64)
                } else {
                    let text = format!("{:.*e}", DIGITS - 1, number);
                    Value::Float(text.parse().unwrap_or(number).clamp(*low, *high))
                }
            }
            Self::Values(values) => values[(at.max(0.0) as usize).min(values.len() - 1)].clone(),
        }
    }

    /// The coordinate of a value, in the middle of its stretch; `None` where it is none of the domain's.
    pub(super) fn coordinate(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Range { low, high, log, .. } => {
                let number = number(value).filter(|number| (*low..=*high).contains(number))?;
                Some(if *log { number.ln() } else { number })
            }
            Self::Values(values) => values.iter().position(|each| each == value).map(|at| at as f64 + 0.5),
        }
    }

    /// Number of different values; `None` where there is no end of them.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Range { low, high, integer, .. } => integer.then(|| (high - low) as usize + 1),
            Self::Values(values) => Some(values.len()),
        }
    }

    /// The values on a grid, different ones; `None` for a range without a number of steps.
    pub(super) fn grid(&self) -> Option<Vec<Value>> {
        let Self::Range { low, high, log, integer, steps } = self else {
            let Self::Values(values) = self else { return None };
            return Some(values.clone());
        };
        let mut values: Vec<Value> = match (steps, integer) {
            (Some(steps), _) => {
                let (from, to) = if *log { (low.ln(), high.ln()) } else { (*low, *high) };
                let share = |k: usize| if *steps > 1 { k as f64 / (steps - 1) as f64 } else { 0.5 };
                (0..*steps).map(|k| self.value(from + share(k) * (to - from))).collect()
            }
            (None, true) => (0..self.size()?).map(|k| Value::Integer(*low as i64 + k as i64)).collect(),
            (None, false) => return None,
        };
        values.dedup();
        Some(values)
    }

    /// Values that stand for all when it is asked whether a configuration takes them: the ends of a range, or each.
    pub(super) fn probes(&self) -> Vec<Value> {
        match self {
            Self::Range { low, high, integer, .. } => {
                [low, high].map(|&end| if *integer { Value::Integer(end as i64) } else { Value::Float(end) }).to_vec()
            }
            Self::Values(values) => values.clone(),
        }
    }
}

/// A number of either kind.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// Number of different points; `None` where there is no end of them.
pub(super) fn size(parameters: &[Parameter]) -> Option<usize> {
    parameters.iter().try_fold(1_usize, |size, parameter| Some(size.saturating_mul(parameter.domain.size()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64, high: f64, log: bool, integer: bool) -> Domain {
        Domain::Range { low, high, log, integer, steps: None }
    }

    #[test]
    fn coordinates_lead_to_values_and_back() {
        let rate = range(1e-5, 1e-2, true, false);
        assert_eq!(rate.line(), (1e-5_f64.ln(), 1e-2_f64.ln()));
        assert_eq!(rate.value(3.2e-4_f64.ln()), Value::Float(3.2e-4));
        assert!((rate.coordinate(&Value::Float(3.2e-4)).unwrap() - 3.2e-4_f64.ln()).abs() < 1e-12);
        assert_eq!(rate.coordinate(&Value::Float(1.0)), None);
        // Each whole number has a stretch of its own, also the first and the last.
        let latent = range(2.0, 4.0, false, true);
        assert_eq!(latent.line(), (1.5, 4.5));
        assert_eq!([1.5, 2.49, 3.0, 4.49].map(|at| latent.value(at).as_integer().unwrap()), [2, 2, 3, 4]);
        let width = range(1.0, 64.0, true, true);
        assert_eq!((width.value(width.line().0), width.value(width.line().1)), (Value::Integer(1), Value::Integer(64)));
        let kinds = Domain::Values(vec!["a".into(), "b".into()]);
        assert_eq!((kinds.value(0.0), kinds.value(1.99)), ("a".into(), "b".into()));
        assert_eq!(kinds.coordinate(&"b".into()), Some(1.5));
    }

    #[test]
    fn grids_and_sizes() {
        let steps = |domain: Domain, n| match domain {
            Domain::Range { low, high, log, integer, .. } => Domain::Range { low, high, log, integer, steps: Some(n) },
            values => values,
        };
        let shown = |domain: &Domain| domain.grid().map(|all| all.iter().map(Value::to_string).collect::<Vec<_>>());
        assert_eq!(shown(&steps(range(1e-4, 1e-2, true, false), 3)).unwrap(), ["0.0001", "0.001", "0.01"]);
        assert_eq!(shown(&range(2.0, 4.0, false, true)).unwrap(), ["2", "3", "4"]);
        assert_eq!(shown(&steps(range(1.0, 3.0, false, true), 9)).unwrap(), ["1", "2", "3"]);
        assert_eq!(shown(&range(0.0, 1.0, false, false)), None);
        assert_eq!((range(2.0, 4.0, false, true).size(), range(2.0, 4.0, false, false).size()), (Some(3), None));
    }
}
