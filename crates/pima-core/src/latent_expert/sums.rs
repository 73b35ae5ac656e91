//! What the M-step of an expert that sees z needs, as sums over samples: the normal equations of Gauss-Newton.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, s};

use super::{LatentExpert, Scratch};
use crate::{Error, Location, Result, check};

/// Samples as the M-step sees them: their place in latent space, their clusters and their curves.
#[derive(Debug, Clone, Copy)]
pub struct LatentSamples<'a> {
    /// `g_bc` (B,N).
    pub responsibilities: ArrayView2<'a, f64>,
    /// Posterior means (B,l).
    pub mean: ArrayView2<'a, f64>,
    /// Posterior variances (B,l).
    pub var: ArrayView2<'a, f64>,
    /// Curves (B,d), in the physical units of the expert.
    pub x: ArrayView2<'a, f64>,
    /// Which samples have a curve (B), zero or not; the curves of the others do not matter, be they NaN.
    pub present: ArrayView1<'a, f64>,
    /// Weight of each coordinate (d): one over the square of its noise scale.
    pub weight: ArrayView1<'a, f64>,
}

/// Normal equations of each cluster about the coefficients an expert had when the samples were added; K = P (1 + l).
///
/// What they minimise is the expected squared error under the posterior, the curve linearised in z:
/// `sum_b g_bc [ |x_b - E_c(mean_b)|^2_W + sum_k var_bk |J A_ck|^2_W ]`, with J the derivative of the curve by the free
/// coordinates. The second term is what uncertain latent points cost; it keeps the slopes from leaning on them.
#[derive(Debug, Clone)]
pub struct LatentSums {
    /// `sum g J^T W J (x) E[(1,z)(1,z)^T]`, (N,K,K).
    pub(super) gram: Array3<f64>,
    /// Minus half the derivative of the objective by the coefficients, (N,K).
    pub(super) descent: Array2<f64>,
    /// (N)
    pub(super) objective: Array1<f64>,
    /// (N)
    pub(super) count: Array1<f64>,
}

impl LatentSums {
    /// Empty sums for an expert.
    pub fn new(latent: &LatentExpert) -> Self {
        let (n_clusters, n_coefficients) = latent.coefficients.dim();
        Self {
            gram: Array3::zeros((n_clusters, n_coefficients, n_coefficients)),
            descent: Array2::zeros((n_clusters, n_coefficients)),
            objective: Array1::zeros(n_clusters),
            count: Array1::zeros(n_clusters),
        }
    }

    /// Summed responsibility of the samples with a curve, (N).
    pub fn count(&self) -> ArrayView1<'_, f64> {
        self.count.view()
    }

    /// The expected weighted squared error of each cluster, (N).
    pub fn objective(&self) -> ArrayView1<'_, f64> {
        self.objective.view()
    }

    /// Adds a batch at the expert's present coefficients; they must not change until the sums are used.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::NotFinite`] with the sample for a value that counts; [`Error::InvalidParameter`] for a weight,
    /// a variance or a responsibility below zero. The sums are then unchanged.
    pub fn add(&mut self, latent: &LatentExpert, samples: LatentSamples<'_>) -> Result<()> {
        self.check(latent, &samples)?;
        let mut point = Scratch::new(latent);
        let mut offset = Array1::zeros(latent.expert.n_outputs());
        let mut weighted = Array2::zeros(point.jacobian.raw_dim());
        for b in (0..samples.x.nrows()).filter(|&b| samples.present[b] != 0.0) {
            let (z, var, x) = (samples.mean.row(b), samples.var.row(b), samples.x.row(b));
            for (c, &g) in samples.responsibilities.row(b).iter().enumerate() {
                if g <= 0.0 {
                    continue;
                }
                point.place(latent, c, z);
                point.linearise(latent);
                latent.expert.predict(point.theta.view(), offset.view_mut());
                for (j, offset) in offset.iter_mut().enumerate() {
                    let weight = samples.weight[j];
                    *offset = if weight > 0.0 { x[j] - *offset } else { 0.0 };
                    self.objective[c] += g * weight * *offset * *offset;
                    weighted.row_mut(j).assign(&(&point.jacobian.row(j) * weight));
                }
                self.count[c] += g;
                let block = weighted.t().dot(&point.jacobian);
                let pull = weighted.t().dot(&offset);
                self.add_point(latent, c, g, &point.affine, var, &block, &pull);
            }
        }
        Ok(())
    }

    /// One sample under one cluster: `block = J^T W J` (P,P), `pull = J^T W (x - E)` (P).
    #[expect(clippy::too_many_arguments, reason = "the terms of the normal equations")]
    fn add_point(
        &mut self,
        latent: &LatentExpert,
        c: usize,
        g: f64,
        affine: &Array1<f64>,
        var: ArrayView1<'_, f64>,
        block: &Array2<f64>,
        pull: &Array1<f64>,
    ) {
        let (n_parameters, width) = (block.nrows(), affine.len());
        let mut gram = self.gram.index_axis_mut(ndarray::Axis(0), c);
        for p in 0..n_parameters {
            for q in 0..n_parameters {
                let value = g * block[[p, q]];
                for i in 0..width {
                    for k in 0..width {
                        let spread = if i == k && i > 0 { var[i - 1] } else { 0.0 };
                        gram[[p * width + i, q * width + k]] += value * (affine[i] * affine[k] + spread);
                    }
                }
            }
            for i in 0..width {
                self.descent[[c, p * width + i]] += g * pull[p] * affine[i];
            }
        }
        for k in 1..width {
            let slopes = latent.coefficients.slice(s![c, k..; width]);
            let turned = block.dot(&slopes);
            self.objective[c] += g * var[k - 1] * slopes.dot(&turned);
            for p in 0..n_parameters {
                self.descent[[c, p * width + k]] -= g * var[k - 1] * turned[p];
            }
        }
    }

    /// Adds the sums of other samples, taken at the same coefficients.
    ///
    /// # Errors
    /// [`Error::Shape`] when the two are of different experts.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        check::shape("latent sums: merge", "(N,K,K)", self.gram.shape(), other.gram.shape())?;
        self.gram += &other.gram;
        self.descent += &other.descent;
        self.objective += &other.objective;
        self.count += &other.count;
        Ok(())
    }

    /// `(J^T W J)^-1` (K,K) of a cluster's coefficients; times the noise variance of a value of weight one, their covariance. `None` where
    /// the samples leave a direction undetermined.
    ///
    /// # Panics
    /// If there is no such cluster.
    pub fn covariance_factor(&self, c: usize) -> Option<Array2<f64>> {
        let gram = self.gram.index_axis(ndarray::Axis(0), c);
        if gram.diag().iter().any(|&d| d <= 0.0) {
            return None;
        }
        Some(super::cholesky::Cholesky::new(gram, 0.0)?.inverse())
    }

    fn check(&self, latent: &LatentExpert, samples: &LatentSamples<'_>) -> Result<()> {
        let (n_samples, n_values) = (samples.x.nrows(), latent.expert.n_outputs());
        check::shape("latent sums: x", "(B,d)", &[n_samples, n_values], samples.x.shape())?;
        check::shape("latent sums: present", "(B)", &[n_samples], samples.present.shape())?;
        check::shape("latent sums: weight", "(d)", &[n_values], samples.weight.shape())?;
        let points = [n_samples, latent.n_latent()];
        check::shape("latent sums: mean", "(B,l)", &points, samples.mean.shape())?;
        check::shape("latent sums: var", "(B,l)", &points, samples.var.shape())?;
        let clusters = [n_samples, latent.n_clusters()];
        check::shape("latent sums: responsibilities", "(B,N)", &clusters, samples.responsibilities.shape())?;
        check::shape("latent sums: expert", "(N,K)", self.descent.shape(), latent.coefficients.shape())?;
        crate::sums::check_responsibilities(&samples.responsibilities)?;
        let place = |(b, j)| Location::sample(b).in_dimension(j);
        check::finite("mean", &samples.mean, place)?;
        check::finite("var", &samples.var, place)?;
        check::finite("weight", &samples.weight, |j| Location::default().in_dimension(j))?;
        let refuse = |name: &str, value: f64| {
            Err(Error::InvalidParameter { name: name.to_owned(), value, requirement: "at least 0" })
        };
        if let Some(&value) = samples.weight.iter().find(|value| **value < 0.0) {
            return refuse("weight", value);
        }
        if let Some(&value) = samples.var.iter().find(|value| **value < 0.0) {
            return refuse("var", value);
        }
        let counts = |b: usize, j: usize| samples.present[b] != 0.0 && samples.weight[j] > 0.0;
        match samples.x.indexed_iter().find(|((b, j), value)| !value.is_finite() && counts(*b, *j)) {
            Some((at, &value)) => Err(Error::NotFinite { array: "x", at: place(at), value }),
            None => Ok(()),
        }
    }
}
