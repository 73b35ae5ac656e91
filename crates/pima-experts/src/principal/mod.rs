//! Principal components: the mean of a set of curves and the few directions in which they differ most.

// Least squares on the components, with a penalty.
mod regression;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use ndarray_linalg::{Eigh, UPLO};
use serde::{Deserialize, Serialize};

pub use regression::PrincipalRegression;

use crate::{Error, LinearExpert, Result};

/// The mean of samples and the k orthonormal directions along which they vary most, `x = mean + sum_p s_p direction_p + rest`: no other k
/// directions leave a smaller rest (Pearson 1901).
///
/// The sign of a direction, which the data leave open, is the one that makes its entry of the largest size positive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalComponents {
    mean: Array1<f64>,
    directions: Array2<f64>,
    variances: Array1<f64>,
}

impl PrincipalComponents {
    /// The first `n_components` of samples (D,d), by the eigenvectors of whichever is smaller, the covariance (d,d) or the matrix of inner
    /// products (D,D).
    ///
    /// # Errors
    /// [`Error::Description`] unless there is a component and the samples, which must be finite, vary in as many directions;
    /// [`Error::LinearAlgebra`].
    pub fn fit(samples: ArrayView2<'_, f64>, n_components: usize) -> Result<Self> {
        let (n_samples, size) = samples.dim();
        if let Some(((row, column), value)) = samples.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let what = format!("value {column} of sample {row} for principal components");
            return Err(Error::Description { what, got: value.to_string(), requirement: "finite".to_owned() });
        }
        let most = n_samples.saturating_sub(1).min(size);
        if n_components == 0 || n_components > most {
            return Err(too_many(n_components, most));
        }
        let mean = samples.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(size));
        let centred = &samples - &mean;
        let few = n_samples <= size;
        let products = if few { centred.dot(&centred.t()) } else { centred.t().dot(&centred) };
        let failed = |source| Error::LinearAlgebra { context: "principal components", source };
        // Eigenvalues rise.
        let (values, vectors) = products.eigh(UPLO::Lower).map_err(failed)?;
        let n = values.len();
        let threshold = values[n - 1] * n_samples.max(size) as f64 * f64::EPSILON;
        let rank = values.iter().filter(|&&value| value > threshold).count();
        if rank < n_components {
            return Err(too_many(n_components, rank));
        }
        let leading = vectors.slice(s![.., n - n_components..;-1]);
        let mut directions = if few { leading.t().dot(&centred) } else { leading.t().to_owned() };
        for mut direction in directions.outer_iter_mut() {
            let largest = direction.fold(0.0_f64, |most, &x| if x.abs() > most.abs() { x } else { most });
            let length = direction.dot(&direction).sqrt() * largest.signum();
            direction.mapv_inplace(|x| x / length);
        }
        let variances = values.slice(s![n - n_components..;-1]).mapv(|value| value / (n_samples - 1) as f64);
        Ok(Self { mean, directions, variances })
    }

    /// Number of components, k.
    pub fn n_components(&self) -> usize {
        self.variances.len()
    }

    /// The mean of the samples (d).
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// The directions (k,d), each of length one.
    pub fn directions(&self) -> &Array2<f64> {
        &self.directions
    }

    /// Variance of the samples along each direction (k), falling.
    pub fn variances(&self) -> &Array1<f64> {
        &self.variances
    }

    /// Coordinates (B,k) of samples (B,d) along the directions, from the mean.
    ///
    /// # Errors
    /// [`Error::Description`] unless the samples have the length of the mean.
    pub fn scores(&self, samples: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if samples.ncols() != self.mean.len() {
            return Err(Error::Description {
                what: "length of a sample for principal components".to_owned(),
                got: samples.ncols().to_string(),
                requirement: self.mean.len().to_string(),
            });
        }
        // Without a centred copy of the samples, which may be large.
        let offset = self.directions.dot(&self.mean);
        Ok(samples.dot(&self.directions.t()) - &offset)
    }

    /// An expert whose curves are the mean and any combination of the directions; its parameters `pc1`, `pc2`, ... have the unit of the curve.
    ///
    /// # Errors
    /// [`Error::Description`] where the parts do not fit together, as in a damaged file.
    pub fn expert(&self, unit: &str) -> Result<LinearExpert> {
        let names = (1..=self.directions.nrows()).map(|p| format!("pc{p}")).collect::<Vec<_>>();
        let units = vec![unit.to_owned(); names.len()];
        LinearExpert::from_matrix(self.directions.t().to_owned(), names, units)?.with_offset(self.mean.clone())
    }
}

fn too_many(n_components: usize, most: usize) -> Error {
    Error::Description {
        what: "number of principal components".to_owned(),
        got: n_components.to_string(),
        requirement: format!("at least 1 and at most {most}, in so many directions the samples vary"),
    }
}
