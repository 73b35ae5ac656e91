//! Curves checked, reduced to the samples and coordinates that count, and scaled so that the noise has one size.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use pima_core::Expert;

use super::Curves;
use crate::{Error, Result};

/// The present samples (K of D) and weighted coordinates (k of d) of a set of curves, each value times the root of its
/// coordinate's weight.
#[derive(Debug, Clone)]
pub(super) struct ScaledCurves {
    values: Array2<f64>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    root_weight: Vec<f64>,
    n_values: usize,
}

impl ScaledCurves {
    pub(super) fn new(expert: &dyn Expert, curves: Curves<'_>) -> Result<Self> {
        let (n_samples, n_values) = curves.values.dim();
        check_length("axis 1 of values (D,d)", n_values, expert.n_outputs())?;
        let mut rows: Vec<usize> = (0..n_samples).collect();
        if let Some(present) = curves.present {
            check_length("present (D)", present.len(), n_samples)?;
            rows.retain(|&row| present[row]);
        }
        let mut columns: Vec<usize> = (0..n_values).collect();
        if let Some(weight) = curves.weight {
            check_length("weight (d)", weight.len(), n_values)?;
            if let Some(&value) = weight.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
                return Err(Error::Option { name: "weight", value, requirement: "finite and non-negative" });
            }
            columns.retain(|&column| weight[column] > 0.0);
        }
        if columns.is_empty() {
            return Err(Error::Option { name: "weight", value: 0.0, requirement: "positive in some coordinate" });
        }
        for &row in &rows {
            for &column in &columns {
                let value = curves.values[[row, column]];
                if !value.is_finite() {
                    return Err(Error::NotFinite { array: "values", row, column, value });
                }
            }
        }
        let root_weight: Vec<f64> =
            columns.iter().map(|&column| curves.weight.map_or(1.0, |weight| weight[column].sqrt())).collect();
        let values = Array2::from_shape_fn((rows.len(), columns.len()), |(row, column)| {
            curves.values[[rows[row], columns[column]]] * root_weight[column]
        });
        Ok(Self { values, rows, columns, root_weight, n_values })
    }

    /// Number of samples present, K.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The scaled values, (K,k).
    pub(super) fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// Place of each present sample among all samples, (K).
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Some of the samples, given by their place among those present.
    pub(super) fn select(&self, samples: &[usize]) -> Self {
        Self {
            values: self.values.select(Axis(0), samples),
            rows: samples.iter().map(|&sample| self.rows[sample]).collect(),
            columns: self.columns.clone(),
            root_weight: self.root_weight.clone(),
            n_values: self.n_values,
        }
    }

    /// The scaled (k) form of a physical curve (d).
    pub(super) fn scale(&self, curve: ArrayView1<'_, f64>) -> Array1<f64> {
        self.columns.iter().zip(&self.root_weight).map(|(&column, root)| curve[column] * root).collect()
    }

    /// The physical (d) form of a scaled curve (k); zero in coordinates that have no weight.
    pub(super) fn unscale(&self, curve: ArrayView1<'_, f64>) -> Array1<f64> {
        self.spread(curve.iter().zip(&self.root_weight).map(|(value, root)| value / root), 0.0)
    }

    /// Precisions (d) of the physical values from variances (k) of the scaled ones.
    pub(super) fn precision(&self, variance: ArrayView1<'_, f64>) -> Array1<f64> {
        self.spread(variance.iter().zip(&self.root_weight).map(|(variance, root)| root * root / variance), 0.0)
    }

    /// Variances (d) of the physical values from variances (k) of the scaled ones.
    pub(super) fn variance(&self, variance: ArrayView1<'_, f64>) -> Array1<f64> {
        let physical = variance.iter().zip(&self.root_weight).map(|(variance, root)| variance / (root * root));
        self.spread(physical, f64::INFINITY)
    }

    /// What the log-density of a physical curve has more than that of its scaled form.
    pub(super) fn log_jacobian(&self) -> f64 {
        self.root_weight.iter().map(|root| root.ln()).sum()
    }

    fn spread(&self, values: impl Iterator<Item = f64>, elsewhere: f64) -> Array1<f64> {
        let mut out = Array1::from_elem(self.n_values, elsewhere);
        for (&column, value) in self.columns.iter().zip(values) {
            out[column] = value;
        }
        out
    }
}

fn check_length(array: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::Shape { array, expected, got }) }
}
