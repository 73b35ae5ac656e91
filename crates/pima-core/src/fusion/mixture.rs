//! The posterior that a mixture of products of experts is: moments and density.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis, s};

use super::{Components, Fusion, product_of_experts};
use crate::softmax::log_sum_exp;
use crate::{Result, check, log_density};

/// `q(z|X) = sum_k share_k N(z; mean_k, exp(logvar_k))` of every sample of a batch: B mixtures of S Gaussians in all.
#[derive(Debug, Clone, PartialEq)]
pub struct MixturePosterior {
    n_samples: usize,
    components: Components,
    mean: Array2<f64>,
    logvar: Array2<f64>,
}

impl MixturePosterior {
    /// Fuses `mean` and `logvar` (M,B,l) of the modalities present, `weight` (M,B) in {0,1}, as `fusion` says.
    ///
    /// # Errors
    /// As for [`product_of_experts`] and [`Fusion::components`].
    pub fn new(
        fusion: Fusion,
        mean: ArrayView3<'_, f64>,
        logvar: ArrayView3<'_, f64>,
        weight: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let (n_modalities, n_samples, n_latent) = mean.dim();
        check::shape("mixture posterior: logvar", "(M,B,l)", mean.shape(), logvar.shape())?;
        check::shape("mixture posterior: weight", "(M,B)", &[n_modalities, n_samples], weight.shape())?;
        let components = fusion.components(weight)?;
        let rows = components.sample.to_vec();
        let of_components = |values: ArrayView3<'_, f64>| -> Array3<f64> { values.select(Axis(1), &rows) };
        let mut fused_mean = Array2::zeros((rows.len(), n_latent));
        let mut fused_logvar = fused_mean.clone();
        product_of_experts(
            of_components(mean).view(),
            of_components(logvar).view(),
            components.weight.view(),
            fused_mean.view_mut(),
            fused_logvar.view_mut(),
        )?;
        Ok(Self { n_samples, components, mean: fused_mean, logvar: fused_logvar })
    }

    /// To which sample each Gaussian belongs, its share, and the modalities that it is the product of.
    pub fn components(&self) -> &Components {
        &self.components
    }

    /// Means of the Gaussians, (S,l).
    pub fn component_mean(&self) -> ArrayView2<'_, f64> {
        self.mean.view()
    }

    /// Log-variances of the Gaussians, (S,l).
    pub fn component_logvar(&self) -> ArrayView2<'_, f64> {
        self.logvar.view()
    }

    /// Mean and variance (B,l) of every mixture: `E[z] = sum_k share_k mean_k`, `Var[z] = sum_k share_k (var_k + (mean_k - E[z])^2)`.
    pub fn moments(&self) -> (Array2<f64>, Array2<f64>) {
        let mut mean = Array2::zeros((self.n_samples, self.mean.ncols()));
        let mut var = mean.clone();
        for (k, b, share) in self.numbered() {
            mean.row_mut(b).scaled_add(share, &self.mean.row(k));
        }
        for (k, b, share) in self.numbered() {
            let offset = &self.mean.row(k) - &mean.row(b);
            let spread = self.logvar.row(k).mapv(f64::exp) + &offset * &offset;
            var.row_mut(b).scaled_add(share, &spread);
        }
        (mean, var)
    }

    /// `log q(z_b|X_b)` (B) of z (B,l), in nats, with its normalising constant.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape). Values of z are not checked: NaN in, NaN out.
    pub fn log_density(&self, z: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check::shape("mixture posterior: z", "(B,l)", &[self.n_samples, self.mean.ncols()], z.shape())?;
        let z = z.select(Axis(0), &self.components.sample.to_vec());
        let terms = log_density(z.view(), self.mean.view(), self.logvar.view())? + &self.components.share.mapv(f64::ln);
        let mut first = 0;
        let density = |b: usize| {
            let n = self.components.sample.slice(s![first..]).iter().take_while(|sample| **sample == b).count();
            let terms: ArrayView1<'_, f64> = terms.slice(s![first..first + n]);
            first += n;
            log_sum_exp(&terms.to_vec())
        };
        Ok((0..self.n_samples).map(density).collect())
    }

    /// Index, sample and share of every Gaussian.
    fn numbered(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let terms = self.components.sample.iter().zip(&self.components.share);
        terms.enumerate().map(|(k, (b, share))| (k, *b, *share))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{ClusterPosterior, ElboWorkspace, Error, MixturePrior};

    #[test]
    fn two_experts_in_closed_form() {
        // N(-1, 1) and N(3, 4): product N(-1/5, 4/5).
        let mean = array![[[-1.0], [7.0]], [[3.0], [f64::NAN]]];
        let logvar = array![[[0.0], [2.0_f64.ln()]], [[4.0_f64.ln()], [f64::NAN]]];
        let weight = array![[1.0, 1.0], [1.0, 0.0]];
        let of = |fusion| MixturePosterior::new(fusion, mean.view(), logvar.view(), weight.view()).unwrap();
        let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-14, "{got}, expected {expected}");
        let normal = |z: f64, m: f64, v: f64| (-0.5 * (z - m).powi(2) / v).exp() / (std::f64::consts::TAU * v).sqrt();

        let (product, _) = of(Fusion::ProductOfExperts).moments();
        near(product[[0, 0]], -0.2);
        let experts = of(Fusion::MixtureOfExperts);
        let (m, v) = experts.moments();
        near(m[[0, 0]], 1.0);
        near(v[[0, 0]], 0.5 * (1.0 + 4.0) + 4.0);
        let density = experts.log_density(array![[0.5], [6.0]].view()).unwrap();
        near(density[0], (0.5 * normal(0.5, -1.0, 1.0) + 0.5 * normal(0.5, 3.0, 4.0)).ln());

        let products = of(Fusion::MixtureOfProducts);
        let (m, v) = products.moments();
        let expected = (-1.0 + 3.0 - 0.2) / 3.0;
        near(m[[0, 0]], expected);
        near(v[[0, 0]], (1.0 + 4.0 + 0.8 + 1.0 + 9.0 + 0.04) / 3.0 - expected * expected);
        let density = products.log_density(array![[0.5], [6.0]].view()).unwrap();
        near(density[0], ((normal(0.5, -1.0, 1.0) + normal(0.5, 3.0, 4.0) + normal(0.5, -0.2, 0.8)) / 3.0).ln());

        // With one modality present all are its Gaussian.
        for fusion in [Fusion::ProductOfExperts, Fusion::MixtureOfExperts, Fusion::MixtureOfProducts] {
            let (m, v) = of(fusion).moments();
            assert_eq!(m[[1, 0]], 7.0);
            near(v[[1, 0]], 2.0);
            near(of(fusion).log_density(array![[0.0], [6.0]].view()).unwrap()[1], normal(6.0, 7.0, 2.0).ln());
        }
    }

    #[test]
    fn the_averaged_loss_is_not_below_that_of_the_mixture() {
        // One cluster, no decoder: the loss is twice the divergence from N(0, 1), but for the entropy's constant.
        let mean = array![[[-1.0]], [[2.0]]];
        let logvar = array![[[-1.0]], [[-0.3]]];
        let weight = array![[1.0], [1.0]];
        let prior = MixturePrior::new(array![0.0], array![[0.0]], array![[1.0]]).unwrap();
        for fusion in [Fusion::MixtureOfExperts, Fusion::MixtureOfProducts] {
            let components = fusion.components(weight.view()).unwrap();
            let n = components.sample.len();
            let repeat = |values: &Array3<f64>| values.select(Axis(1), &vec![0; n]);
            let (eps, recon) = (Array2::zeros((n, 1)), Array2::zeros((n, 1)));
            let mut elbo = ElboWorkspace::default();
            elbo.fuse(repeat(&mean).view(), repeat(&logvar).view(), components.weight.view(), eps.view()).unwrap();
            elbo.evaluate(&prior, recon.view(), ClusterPosterior::Exact).unwrap();
            let averaged = (&elbo.loss() * &components.share).sum();

            // By quadrature: 2 E_q[log q - log p] is the loss, as for one Gaussian of variance v it is v + m^2 - 1 - log v.
            let posterior = MixturePosterior::new(fusion, mean.view(), logvar.view(), weight.view()).unwrap();
            let step = 1e-3;
            let divergence: f64 = (-12_000..12_000)
                .map(|i| {
                    let z = (f64::from(i) + 0.5) * step;
                    let log_q = posterior.log_density(array![[z]].view()).unwrap()[0];
                    let log_p = -0.5 * (std::f64::consts::TAU.ln() + z * z);
                    log_q.exp() * (log_q - log_p) * step
                })
                .sum();
            assert!(2.0 * divergence < averaged - 0.1, "{divergence} {averaged}");
            // A component's density is at most n times that of the mixture: no more than 2 log n is lost.
            assert!(averaged <= 2.0 * divergence + 2.0 * (n as f64).ln(), "{divergence} {averaged}");
        }
    }

    #[test]
    fn shapes_that_disagree_are_refused() {
        let values = Array3::zeros((2, 3, 1));
        let short = Array2::ones((2, 2));
        let result = MixturePosterior::new(Fusion::MixtureOfExperts, values.view(), values.view(), short.view());
        assert!(matches!(result, Err(Error::Shape { .. })));
        let weight = Array2::ones((2, 3));
        let posterior =
            MixturePosterior::new(Fusion::MixtureOfExperts, values.view(), values.view(), weight.view()).unwrap();
        assert!(matches!(posterior.log_density(Array2::zeros((2, 1)).view()), Err(Error::Shape { .. })));
    }
}
