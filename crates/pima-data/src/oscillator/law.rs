//! How a parameter of the oscillator follows from the label.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A parameter as a function of the label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterLaw {
    /// The same for all labels.
    Constant(f64),
    /// `start + step * label`.
    Affine {
        /// Value for label 0.
        start: f64,
        /// From each label to the next.
        step: f64,
    },
    /// One value per label.
    Table(Vec<f64>),
}

impl ParameterLaw {
    /// The value for each of `n_labels` labels.
    ///
    /// # Errors
    /// [`Error::Length`] for a table of another length, [`Error::Parameter`] for a value that is not finite.
    pub fn values(&self, n_labels: usize) -> Result<Vec<f64>> {
        let values: Vec<f64> = match self {
            Self::Constant(value) => vec![*value; n_labels],
            Self::Affine { start, step } => (0..n_labels).map(|label| start + step * label as f64).collect(),
            Self::Table(values) => values.clone(),
        };
        if values.len() != n_labels {
            return Err(Error::Length {
                what: "table of a parameter of the oscillator, one value per label".to_owned(),
                expected: n_labels,
                got: values.len(),
            });
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(&value) => {
                Err(Error::Parameter { name: "parameter of the oscillator", value, requirement: "must be finite" })
            }
            None => Ok(values),
        }
    }
}
