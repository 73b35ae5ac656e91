//! Refitting one modality's posterior to the multimodal one: the loss and its gradients (2022, section 2.4 and eq. 18).

use ndarray::{Array1, Array2, ArrayView2, Zip};

use crate::{MixturePrior, Result, check, kl, sample};

/// What the posterior of one modality alone is to come close to: the multimodal posterior of the same B samples.
#[derive(Debug, Clone, Copy)]
pub struct UnimodalTarget<'a> {
    /// Mean of `q(z|X)`, (B,l).
    pub mean: ArrayView2<'a, f64>,
    /// Its log-variance, (B,l).
    pub logvar: ArrayView2<'a, f64>,
    /// The cluster's posterior `p(c|X)`, (B,N).
    pub responsibilities: ArrayView2<'a, f64>,
}

/// How much each of the two divergences counts, both at least 0. With one each their sum bounds the divergence of `q(z,c|X)` from the joint
/// posterior of z and c given one modality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnimodalWeights {
    /// Of the divergence of the latent posteriors (2022, eq. 18).
    pub latent: f64,
    /// Of the cross entropy of the cluster posteriors.
    pub cluster: f64,
}

/// The loss of B samples in nats, and its gradients.
#[derive(Debug, Clone)]
pub struct UnimodalLoss {
    /// `KL(q(z|X) || q~(z|X_m))`, (B).
    pub latent: Array1<f64>,
    /// `-sum_c p(c|X) log p(c|z~)` at the draw `z~` of `q~(z|X_m)`, (B).
    pub cluster: Array1<f64>,
    /// Gradient of the weighted sum over samples and both terms by the mean of `q~`, (B,l).
    pub grad_mean: Array2<f64>,
    /// The same by its log-variance, (B,l).
    pub grad_logvar: Array2<f64>,
}

/// Loss and gradients of a unimodal posterior `q~(z|X_m) = N(mean, exp(logvar))`, (B,l) each, at its draw `z~ = mean + eps exp(logvar/2)`.
///
/// The gradients of the cluster's term go through the draw (the reparametrisation): `d/dz~ = sum_c (p(c|z~) - p(c|X)) s_c` with the score
/// `s_c = -(z~ - mu_c) / v_c` of each component.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when shapes disagree, [`Error::NotFinite`](crate::Error::NotFinite) for a draw that is not finite.
pub fn unimodal_loss(
    prior: &MixturePrior,
    target: &UnimodalTarget<'_>,
    weights: UnimodalWeights,
    mean: ArrayView2<'_, f64>,
    logvar: ArrayView2<'_, f64>,
    eps: ArrayView2<'_, f64>,
) -> Result<UnimodalLoss> {
    let (n, n_clusters) = (mean.nrows(), prior.n_clusters());
    check::shape("unimodal_loss: responsibilities", "(B,N)", &[n, n_clusters], target.responsibilities.shape())?;
    let latent = kl(target.mean, target.logvar, mean, logvar)?;
    let z = sample(mean, logvar, eps)?;
    let mut responsibilities = Array2::zeros((n, n_clusters));
    prior.responsibilities(z.view(), responsibilities.view_mut())?;
    let log_responsibilities = prior.log_responsibilities(z.view())?;
    let cluster = Zip::from(target.responsibilities.rows()).and(log_responsibilities.rows()).map_collect(|g, log_p| {
        // 0 log 0 is 0.
        -g.iter().zip(log_p).filter(|(g, _)| **g > 0.0).map(|(g, log_p)| g * log_p).sum::<f64>()
    });
    let difference = &responsibilities - &target.responsibilities;
    let mut grad_mean = Array2::zeros(mean.dim());
    let mut grad_logvar = Array2::zeros(mean.dim());
    for ((b, j), out_mean) in grad_mean.indexed_iter_mut() {
        let scores = difference.row(b).into_iter().enumerate().map(|(c, difference)| {
            let (centre, var) = (prior.mean()[[c, j]], prior.var()[[c, j]]);
            // The draw's own share cancels where all clusters have the same variance; the order of the sum keeps it small.
            -difference * (z[[b, j]] - centre) / var
        });
        let by_z = weights.cluster * scores.sum::<f64>();
        let scale = (0.5 * logvar[[b, j]]).exp();
        let deviation = (mean[[b, j]] - target.mean[[b, j]]) / scale;
        let ratio = (target.logvar[[b, j]] - logvar[[b, j]]).exp();
        *out_mean = weights.latent * deviation / scale + by_z;
        grad_logvar[[b, j]] =
            0.5 * (weights.latent * (1.0 - ratio - deviation * deviation) + by_z * eps[[b, j]] * scale);
    }
    Ok(UnimodalLoss { latent, cluster, grad_mean, grad_logvar })
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    const WEIGHTS: UnimodalWeights = UnimodalWeights { latent: 0.7, cluster: 1.3 };

    fn prior() -> MixturePrior {
        let mean = array![[0.0, 1.0], [2.0, -1.0], [-3.0, 0.5]];
        let var = array![[0.5, 1.0], [1.5, 0.3], [1.0, 2.0]];
        MixturePrior::new(array![0.1, -0.4, 0.6], mean, var).unwrap()
    }

    fn total(loss: &UnimodalLoss) -> f64 {
        WEIGHTS.latent * loss.latent.sum() + WEIGHTS.cluster * loss.cluster.sum()
    }

    proptest! {
        #[test]
        fn gradients_are_those_of_the_loss(
            values in prop::collection::vec(-1.5..1.5_f64, 20),
            weights in prop::collection::vec(0.0..1.0_f64, 6),
        ) {
            let take = |at: usize| Array2::from_shape_vec((2, 2), values[at..at + 4].to_vec()).unwrap();
            let (target_mean, target_logvar, mean, logvar, eps) = (take(0), take(4), take(8), take(12), take(16));
            let mut g = Array2::from_shape_vec((2, 3), weights).unwrap() + 1e-3;
            for mut row in g.rows_mut() {
                let sum = row.sum();
                row /= sum;
            }
            let target = UnimodalTarget { mean: target_mean.view(), logvar: target_logvar.view(), responsibilities: g.view() };
            let prior = prior();
            let at = |mean: &Array2<f64>, logvar: &Array2<f64>| {
                unimodal_loss(&prior, &target, WEIGHTS, mean.view(), logvar.view(), eps.view()).unwrap()
            };
            let loss = at(&mean, &logvar);
            let h = 1e-6;
            for index in [[0, 0], [0, 1], [1, 0], [1, 1]] {
                let moved = |by: f64| { let mut m = mean.clone(); m[index] += by; total(&at(&m, &logvar)) };
                let slope = (moved(h) - moved(-h)) / (2.0 * h);
                prop_assert!((slope - loss.grad_mean[index]).abs() < 1e-6 * (1.0 + slope.abs()), "{slope} {}", loss.grad_mean[index]);
                let moved = |by: f64| { let mut v = logvar.clone(); v[index] += by; total(&at(&mean, &v)) };
                let slope = (moved(h) - moved(-h)) / (2.0 * h);
                prop_assert!((slope - loss.grad_logvar[index]).abs() < 1e-6 * (1.0 + slope.abs()), "{slope} {}", loss.grad_logvar[index]);
            }
        }
    }

    #[test]
    fn the_multimodal_posterior_itself_has_no_divergence() {
        let (mean, logvar) = (array![[0.3, -0.2]], array![[-1.0, 0.4]]);
        let prior = prior();
        let mut responsibilities = Array2::zeros((1, 3));
        prior.responsibilities(mean.view(), responsibilities.view_mut()).unwrap();
        let target =
            UnimodalTarget { mean: mean.view(), logvar: logvar.view(), responsibilities: responsibilities.view() };
        let eps = Array2::zeros((1, 2));
        let loss = unimodal_loss(&prior, &target, WEIGHTS, mean.view(), logvar.view(), eps.view()).unwrap();
        assert_eq!(loss.latent[0], 0.0);
        // The cross entropy of a distribution with itself is its entropy, and its smallest.
        let entropy: f64 = -responsibilities.iter().map(|p| p * p.ln()).sum::<f64>();
        assert!((loss.cluster[0] - entropy).abs() < 1e-12);
        assert!(loss.grad_mean.iter().chain(&loss.grad_logvar).all(|g| g.abs() < 1e-12));
    }

    #[test]
    fn far_clusters_cost_what_their_distance_says() {
        // Clusters 80 apart: p(c|z) underflows to zero, its logarithm must not.
        let prior = MixturePrior::new(array![0.0, 0.0], array![[-40.0], [40.0]], array![[1.0], [1.0]]).unwrap();
        let (mean, logvar, eps) = (array![[40.0]], array![[0.0]], array![[0.0]]);
        let g = array![[1.0, 0.0]];
        let target = UnimodalTarget { mean: mean.view(), logvar: logvar.view(), responsibilities: g.view() };
        let loss = unimodal_loss(&prior, &target, WEIGHTS, mean.view(), logvar.view(), eps.view()).unwrap();
        assert!((loss.cluster[0] - 3200.0).abs() < 1e-9, "{}", loss.cluster[0]);
        assert!((loss.grad_mean[[0, 0]] - WEIGHTS.cluster * 80.0).abs() < 1e-9);
    }

    #[test]
    fn shapes_that_disagree_are_refused() {
        let (one, g) = (Array2::zeros((1, 2)), Array2::zeros((1, 2)));
        let target = UnimodalTarget { mean: one.view(), logvar: one.view(), responsibilities: g.view() };
        let refused = unimodal_loss(&prior(), &target, WEIGHTS, one.view(), one.view(), one.view());
        assert!(matches!(refused, Err(crate::Error::Shape { .. })));
    }
}
