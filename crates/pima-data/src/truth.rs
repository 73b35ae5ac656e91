//! What generated samples were made with: numbers to judge by, and never to train on.

use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};

/// The true value of each of K quantities for every row of a dataset, in physical units.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    names: Vec<String>,
    values: Array2<f64>,
}

impl Truth {
    /// Quantities by name (K), with the values (D,K) of every row.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is one column per name.
    pub fn new(names: Vec<String>, values: Array2<f64>) -> Result<Self> {
        if names.len() != values.ncols() {
            let what = "columns of the true quantities".to_owned();
            return Err(Error::Length { what, expected: names.len(), got: values.ncols() });
        }
        Ok(Self { names, values })
    }

    /// Names of the quantities (K); an expert that identifies one calls it the same.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values, (D,K).
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// The given rows, in their order. The caller has checked the rows.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self { names: self.names.clone(), values: self.values.select(ndarray::Axis(0), rows) }
    }
}
