//! The bases of linear experts: which functions of the axis a curve is a combination of.

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The functions whose combination a [`LinearExpert`](super::LinearExpert) is, as a user writes them in a configuration.
///
/// ```toml
/// kind = "polynomial"
/// degree = 2
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Basis {
    /// A line through the origin, `slope * t` (Walker et al. 2023, section 4.1).
    Slope,
    /// A line, `intercept + slope * t`.
    Affine,
    /// A polynomial, `a0 + a1 t + ... + a_degree t^degree`.
    Polynomial {
        /// The highest power.
        degree: usize,
    },
    /// Any functions, tabulated: row j holds the P functions at the j-th point of the axis.
    Matrix {
        /// The table, d rows of P values.
        rows: Vec<Vec<f64>>,
        /// Name of each parameter, (P).
        names: Vec<String>,
        /// Unit of each parameter, (P); an empty list leaves them without.
        #[serde(default)]
        units: Vec<String>,
    },
}

/// Units of a curve: of its axis and of its values. Empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurveUnits {
    /// Unit of the axis t.
    pub axis: String,
    /// Unit of the values.
    pub value: String,
}

/// A basis on a given axis.
pub(super) struct Tabulated {
    /// (d,P)
    pub(super) matrix: Array2<f64>,
    pub(super) names: Vec<String>,
    pub(super) units: Vec<String>,
}

impl Basis {
    /// The functions at the points of `axis` (d).
    pub(super) fn tabulate(&self, axis: ArrayView1<'_, f64>, units: &CurveUnits) -> Result<Tabulated> {
        let powers = match self {
            Self::Slope => 1..=1,
            Self::Affine => 0..=1,
            Self::Polynomial { degree } => 0..=*degree,
            Self::Matrix { rows, names, units } => return tabulate_rows(axis.len(), rows, names, units),
        };
        let degrees: Vec<i32> = powers.map(|power| i32::try_from(power).unwrap_or(i32::MAX)).collect();
        let matrix = Array2::from_shape_fn((axis.len(), degrees.len()), |(j, p)| axis[j].powi(degrees[p]));
        let names = match self {
            Self::Polynomial { .. } => degrees.iter().map(|power| format!("a{power}")).collect(),
            Self::Slope => vec!["slope".to_owned()],
            _ => vec!["intercept".to_owned(), "slope".to_owned()],
        };
        let units = degrees.iter().map(|&power| coefficient_unit(units, power)).collect();
        Ok(Tabulated { matrix, names, units })
    }
}

/// Unit of the coefficient of `t^power`, for example `MPa/mm^2`.
fn coefficient_unit(units: &CurveUnits, power: i32) -> String {
    let value = if units.value.is_empty() { "1" } else { &units.value };
    match (units.axis.as_str(), power) {
        ("", _) | (_, 0) => units.value.clone(),
        (axis, 1) => format!("{value}/{axis}"),
        (axis, power) => format!("{value}/{axis}^{power}"),
    }
}

fn tabulate_rows(n_points: usize, rows: &[Vec<f64>], names: &[String], units: &[String]) -> Result<Tabulated> {
    let mismatch = |what: String, got: usize, requirement: String| {
        Err(Error::Description { what, got: got.to_string(), requirement })
    };
    if rows.len() != n_points {
        return mismatch(
            "number of rows of the basis".into(),
            rows.len(),
            format!("the points of the axis, {n_points}"),
        );
    }
    if let Some((row, values)) = rows.iter().enumerate().find(|(_, values)| values.len() != names.len()) {
        let requirement = format!("the number of names, {}", names.len());
        return mismatch(format!("length of row {row} of the basis"), values.len(), requirement);
    }
    if !units.is_empty() && units.len() != names.len() {
        return mismatch(
            "number of units".into(),
            units.len(),
            format!("zero or the number of names, {}", names.len()),
        );
    }
    let matrix = Array2::from_shape_fn((n_points, names.len()), |(j, p)| rows[j][p]);
    let units = if units.is_empty() { vec![String::new(); names.len()] } else { units.to_vec() };
    Ok(Tabulated { matrix, names: names.to_vec(), units })
}
