//! Experts that see the latent point, `E(t, z; theta_c)` (Walker et al. 2023, eq. 11): parameters affine in z.

// The dense linear algebra of a handful of unknowns.
mod cholesky;
pub(crate) use cholesky::Cholesky;
// The M-step: Gauss-Newton, exact where the expert is linear.
mod fit;
// In which directions the members of a cluster differ.
mod principal;
// What the M-step needs, as sums over samples.
mod sums;
// The squared error of curves that differ from sample to sample.
mod error_terms;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, s};

pub use error_terms::{squared_error, squared_error_adjoint};
pub use fit::{LatentFit, LatentFitOptions};
pub use sums::{LatentSamples, LatentSums};

use crate::{Error, Expert, Link, Location, Result, check};

/// Any expert with its parameters affine in the latent point: `theta_cp(z) = link_p(a_cp + sum_k A_cpk (z_k - o_ck))`.
///
/// N clusters, l latent dimensions, P parameters, d outputs; K = P (1 + l) coefficients a cluster. With the expert's own links all
/// the identity this is `theta_c + A_c z`; a link keeps a parameter in its domain for every z (a yield strain stays positive).
/// The origin `o_c` (N,l) is where `a_c` is read off: with the cluster's mean in its place, `link(a_c)` are the parameters at the
/// centre of the cluster, and the coefficients are well scaled to be trained. It changes no prediction.
///
/// With all slopes `A` zero, the expert is the one that depends on the cluster alone.
#[derive(Debug, Clone)]
pub struct LatentExpert {
    expert: Arc<dyn Expert>,
    links: Vec<Link>,
    /// (N,l)
    origin: Array2<f64>,
    /// (N,K): for each parameter its intercept, then its l slopes.
    coefficients: Array2<f64>,
}

impl LatentExpert {
    /// An expert with parameters `theta` (N,P), in physical units, that do not yet depend on z; `origin` (N,l), as a rule the
    /// clusters' means.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] with the cluster.
    pub fn new(expert: Arc<dyn Expert>, theta: ArrayView2<'_, f64>, origin: ArrayView2<'_, f64>) -> Result<Self> {
        let links = match expert.links() {
            [] => vec![Link::Identity; expert.n_parameters()],
            links => links.to_vec(),
        };
        Self::with_links(expert, links, theta, origin)
    }

    /// As [`new`](Self::new), with a link (P) for each parameter instead of the expert's own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_links(
        expert: Arc<dyn Expert>,
        links: Vec<Link>,
        theta: ArrayView2<'_, f64>,
        origin: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let (n_clusters, n_parameters) = (origin.nrows(), expert.n_parameters());
        check::shape("latent expert: theta", "(N,P)", &[n_clusters, n_parameters], theta.shape())?;
        check::shape("latent expert: links", "(P)", &[n_parameters], &[links.len()])?;
        let place = |(c, j)| Location::cluster(c).in_dimension(j);
        check::finite("theta", &theta, place)?;
        check::finite("origin", &origin, place)?;
        let width = 1 + origin.ncols();
        let mut coefficients = Array2::zeros((n_clusters, n_parameters * width));
        for ((c, p), &value) in theta.indexed_iter() {
            coefficients[[c, p * width]] = links[p].coordinate(value);
        }
        Ok(Self { expert, links, origin: origin.to_owned(), coefficients })
    }

    /// The expert beneath.
    pub fn expert(&self) -> &dyn Expert {
        &*self.expert
    }

    /// How each parameter (P) is kept in its domain.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Number of clusters, N.
    pub fn n_clusters(&self) -> usize {
        self.origin.nrows()
    }

    /// Number of latent dimensions, l.
    pub fn n_latent(&self) -> usize {
        self.origin.ncols()
    }

    /// Number of coefficients of one cluster, K = P (1 + l).
    pub fn n_coefficients(&self) -> usize {
        self.coefficients.ncols()
    }

    /// Where the intercepts are read off, (N,l).
    pub fn origin(&self) -> ArrayView2<'_, f64> {
        self.origin.view()
    }

    /// All that is trained, (N,K): for each parameter its intercept `a`, then its slopes `A` (l), in the free coordinates of the links.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// Replaces the coefficients (N,K).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] with the cluster and the coefficient; the old ones are then kept.
    pub fn set_coefficients(&mut self, coefficients: ArrayView2<'_, f64>) -> Result<()> {
        check::shape("latent expert: coefficients", "(N,K)", self.coefficients.shape(), coefficients.shape())?;
        check::finite("coefficients", &coefficients, |(c, j)| Location::cluster(c).in_dimension(j))?;
        self.coefficients.assign(&coefficients);
        Ok(())
    }

    /// Moves the origin (N,l), for example after the clusters' means have moved, without changing any prediction.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] with the cluster.
    pub fn recentre(&mut self, origin: ArrayView2<'_, f64>) -> Result<()> {
        check::shape("latent expert: origin", "(N,l)", self.origin.shape(), origin.shape())?;
        check::finite("origin", &origin, |(c, j)| Location::cluster(c).in_dimension(j))?;
        let width = 1 + self.n_latent();
        for (c, mut coefficients) in self.coefficients.outer_iter_mut().enumerate() {
            let shift = &origin.row(c) - &self.origin.row(c);
            for p in 0..self.links.len() {
                let moved = coefficients.slice(s![p * width + 1..(p + 1) * width]).dot(&shift);
                coefficients[p * width] += moved;
            }
        }
        self.origin.assign(&origin);
        Ok(())
    }

    /// Parameters (P) of cluster `c` at `z` (l), in physical units.
    ///
    /// # Panics
    /// If there is no such cluster or `z` is not (l).
    pub fn parameters(&self, c: usize, z: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut point = Scratch::new(self);
        point.place(self, c, z);
        point.theta
    }

    /// Parameters (N,P) at the origins, in physical units: with the clusters' means as origins, those of the clusters.
    pub fn parameters_at_origin(&self) -> Array2<f64> {
        let width = 1 + self.n_latent();
        Array2::from_shape_fn((self.n_clusters(), self.links.len()), |(c, p)| {
            self.links[p].parameter(self.coefficients[[c, p * width]])
        })
    }

    /// Covariance (P,P) of the parameters of cluster `c` at a latent point known to be `N(z, diag(var))`, in physical units, to first
    /// order: from the latent point, `L A diag(var) A^T L`, and, where it is passed, from the coefficients' own covariance (K,K).
    /// `L` are the derivatives of the links.
    ///
    /// # Panics
    /// If there is no such cluster, or an array has another shape.
    pub fn parameter_covariance(
        &self,
        c: usize,
        z: ArrayView1<'_, f64>,
        var: ArrayView1<'_, f64>,
        coefficient_covariance: Option<ArrayView2<'_, f64>>,
    ) -> Array2<f64> {
        let mut point = Scratch::new(self);
        point.place(self, c, z);
        let (n_parameters, width) = (self.links.len(), 1 + self.n_latent());
        let slope = |p: usize, k: usize| self.coefficients[[c, p * width + 1 + k]];
        Array2::from_shape_fn((n_parameters, n_parameters), |(p, q)| {
            let latent: f64 = (0..width - 1).map(|k| slope(p, k) * var[k] * slope(q, k)).sum();
            let own = coefficient_covariance.map_or(0.0, |covariance| {
                let block = covariance.slice(s![p * width..(p + 1) * width, q * width..(q + 1) * width]);
                point.affine.dot(&block.dot(&point.affine))
            });
            point.derivative[p] * (latent + own) * point.derivative[q]
        })
    }

    /// Writes the curves (B,N,d), in physical units, of every latent point `z` (B,l) under every cluster into `out`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn predict(&self, z: ArrayView2<'_, f64>, mut out: ArrayViewMut3<'_, f64>) -> Result<()> {
        self.check_points("latent expert: predict", &z, out.shape())?;
        let mut point = Scratch::new(self);
        for (z, mut out) in z.outer_iter().zip(out.outer_iter_mut()) {
            for (c, out) in out.outer_iter_mut().enumerate() {
                point.place(self, c, z);
                self.expert.predict(point.theta.view(), out);
            }
        }
        Ok(())
    }

    /// Curves (B,d) of one cluster for each latent point: that of `cluster` (B).
    ///
    /// # Errors
    /// [`Error::Shape`], or [`Error::InvalidParameter`] for a cluster that is not there.
    pub fn predict_in(&self, z: ArrayView2<'_, f64>, cluster: ArrayView1<'_, usize>) -> Result<Array2<f64>> {
        check::shape("latent expert: z", "(B,l)", &[cluster.len(), self.n_latent()], z.shape())?;
        let mut out = Array2::zeros((z.nrows(), self.expert.n_outputs()));
        let mut point = Scratch::new(self);
        for ((z, &c), out) in z.outer_iter().zip(cluster).zip(out.outer_iter_mut()) {
            if c >= self.n_clusters() {
                let name = "cluster".to_owned();
                return Err(Error::InvalidParameter { name, value: c as f64, requirement: "one of the clusters" });
            }
            point.place(self, c, z);
            self.expert.predict(point.theta.view(), out);
        }
        Ok(out)
    }

    /// The chain rule backwards: from the loss's derivative by every curve, `adjoint` (B,N,d), adds that by z to `z_adjoint` (B,l), and
    /// that by the coefficients to `gradient` (N,K) if it is passed.
    ///
    /// `dL/dz_bk = sum_c sum_p A_cpk q_bcp` and `dL/da_cp = sum_b q_bcp`, `dL/dA_cpk = sum_b q_bcp (z_bk - o_ck)`, with
    /// `q_bcp = link_p' sum_j dE_j/dtheta_p dL/dE_bcj`. Curves whose adjoint is all zero cost nothing.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn pull_back(
        &self,
        z: ArrayView2<'_, f64>,
        adjoint: ArrayView3<'_, f64>,
        mut z_adjoint: ArrayViewMut2<'_, f64>,
        mut gradient: Option<ArrayViewMut2<'_, f64>>,
    ) -> Result<()> {
        self.check_points("latent expert: pull_back", &z, adjoint.shape())?;
        check::shape("latent expert: z_adjoint", "(B,l)", z.shape(), z_adjoint.shape())?;
        if let Some(gradient) = &gradient {
            check::shape("latent expert: gradient", "(N,K)", self.coefficients.shape(), gradient.shape())?;
        }
        let width = 1 + self.n_latent();
        let mut point = Scratch::new(self);
        for ((z, adjoint), mut z_adjoint) in z.outer_iter().zip(adjoint.outer_iter()).zip(z_adjoint.outer_iter_mut()) {
            for (c, adjoint) in adjoint.outer_iter().enumerate() {
                if adjoint.iter().all(|value| *value == 0.0) {
                    continue;
                }
                point.place(self, c, z);
                point.linearise(self);
                for p in 0..self.links.len() {
                    let q = point.jacobian.column(p).dot(&adjoint);
                    let slopes = self.coefficients.slice(s![c, p * width + 1..(p + 1) * width]);
                    z_adjoint.scaled_add(q, &slopes);
                    if let Some(gradient) = &mut gradient {
                        gradient.slice_mut(s![c, p * width..(p + 1) * width]).scaled_add(q, &point.affine);
                    }
                }
            }
        }
        Ok(())
    }

    fn check_points(&self, operation: &'static str, z: &ArrayView2<'_, f64>, curves: &[usize]) -> Result<()> {
        check::shape(operation, "z (B,l)", &[z.nrows(), self.n_latent()], z.shape())?;
        let expected = [z.nrows(), self.n_clusters(), self.expert.n_outputs()];
        check::shape(operation, "curves (B,N,d)", &expected, curves)
    }
}

/// One latent point under one cluster; reused from point to point.
struct Scratch {
    /// `(1, z - o)`, (1 + l).
    affine: Array1<f64>,
    /// Parameters (P), physical.
    theta: Array1<f64>,
    /// Derivatives of the links, (P).
    derivative: Array1<f64>,
    /// Derivative of the curve by the free coordinates, (d,P); filled by [`linearise`](Self::linearise).
    jacobian: Array2<f64>,
}

impl Scratch {
    fn new(latent: &LatentExpert) -> Self {
        let n_parameters = latent.links.len();
        Self {
            affine: Array1::ones(1 + latent.n_latent()),
            theta: Array1::zeros(n_parameters),
            derivative: Array1::zeros(n_parameters),
            jacobian: Array2::zeros((latent.expert.n_outputs(), n_parameters)),
        }
    }

    fn place(&mut self, latent: &LatentExpert, c: usize, z: ArrayView1<'_, f64>) {
        let width = self.affine.len();
        self.affine.slice_mut(s![1..]).assign(&(&z - &latent.origin.row(c)));
        for (p, link) in latent.links.iter().enumerate() {
            let u = latent.coefficients.slice(s![c, p * width..(p + 1) * width]).dot(&self.affine);
            self.theta[p] = link.parameter(u);
            self.derivative[p] = link.derivative(u);
        }
    }

    fn linearise(&mut self, latent: &LatentExpert) {
        latent.expert.jacobian(self.theta.view(), self.jacobian.view_mut());
        for (mut column, &derivative) in self.jacobian.axis_iter_mut(Axis(1)).zip(&self.derivative) {
            if derivative != 1.0 {
                column *= derivative;
            }
        }
    }
}
