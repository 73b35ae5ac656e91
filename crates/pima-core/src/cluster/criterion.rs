//! How many clusters: Schwarz's Bayesian information criterion, of any model and of Gaussian mixtures with diagonal covariance.

use ndarray::ArrayView2;
use rand::Rng;

use super::gmm::{GmmFit, GmmOptions, fit_gmm};
use crate::{Error, Result};

/// The Bayesian information criterion, `p ln D - 2 ln L`, in nats; the smaller the better (Schwarz 1978, with the sign that makes it a cost).
///
/// `log_likelihood` is the maximised `ln L` of all D samples together, `n_parameters` the number p of free parameters behind it. With a lower bound on
/// `ln L` the result is an upper bound on the criterion. What is constant in `ln L` over the models that are compared may be left out of all of them.
///
/// # Errors
/// [`Error::Empty`] without samples, [`Error::InvalidParameter`] for a likelihood that is not finite.
pub fn bic(log_likelihood: f64, n_parameters: usize, n_samples: usize) -> Result<f64> {
    if n_samples == 0 {
        return Err(Error::Empty { operation: "Bayesian information criterion", what: "the set of samples" });
    }
    if !log_likelihood.is_finite() {
        return Err(Error::InvalidParameter {
            name: "log-likelihood of the Bayesian information criterion".to_owned(),
            value: log_likelihood,
            requirement: "finite",
        });
    }
    Ok(n_parameters as f64 * (n_samples as f64).ln() - 2.0 * log_likelihood)
}

/// Free parameters of a mixture of N Gaussians with diagonal covariance in l dimensions: N l means, N l variances, and N - 1 weights, which sum to one.
pub fn diagonal_mixture_parameters(n_clusters: usize, n_latent: usize) -> usize {
    2 * n_clusters * n_latent + n_clusters.saturating_sub(1)
}

impl GmmFit {
    /// The Bayesian information criterion of the mixture on the `n_samples` points that it was fitted to, in nats.
    ///
    /// Moving or rescaling a coordinate of the points adds the same number whatever N is: values are comparable for fits to the same points alone.
    ///
    /// # Errors
    /// [`Error::Empty`] without samples.
    pub fn bic(&self, n_samples: usize) -> Result<f64> {
        let n_parameters = diagonal_mixture_parameters(self.prior.n_clusters(), self.prior.n_latent());
        bic(n_samples as f64 * self.log_likelihood, n_parameters, n_samples)
    }
}

/// The criterion of mixtures of 1, 2, ... `most` Gaussians with diagonal covariance fitted to the same points (D,l): as many values, in that order.
///
/// `options.n_clusters` is not read. Where there are fewer distinct points than Gaussians, the list ends before.
///
/// # Errors
/// Those of [`fit_gmm`] for one Gaussian.
pub fn mixture_bic<R: Rng + ?Sized>(
    data: ArrayView2<'_, f64>,
    most: usize,
    options: &GmmOptions,
    rng: &mut R,
) -> Result<Vec<f64>> {
    let mut values = Vec::with_capacity(most);
    for n_clusters in 1..=most {
        let fit = match fit_gmm(data, &GmmOptions { n_clusters, ..options.clone() }, rng) {
            Ok(fit) => fit,
            // Points run out before the options do; one Gaussian always has some.
            Err(Error::InvalidParameter { .. }) if n_clusters > 1 => break,
            Err(error) => return Err(error),
        };
        values.push(fit.bic(data.nrows())?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MixturePrior;
    use ndarray::{Axis, array};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn least(values: &[f64]) -> usize {
        1 + (0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
    }

    #[test]
    fn one_gaussian_has_its_closed_form() {
        let data = array![[1.0, -3.0], [2.0, 5.0], [6.0, 7.0], [3.0, 3.0], [0.5, 1.0]];
        let fit = fit_gmm(data.view(), &GmmOptions::new(1), &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        // -2 ln L = D sum_j (ln(2 pi v_j) + 1) at the maximum, and four parameters.
        let deviance: f64 = data.var_axis(Axis(0), 0.0).mapv(|v| (std::f64::consts::TAU * v).ln() + 1.0).sum() * 5.0;
        let expected = deviance + 4.0 * 5.0_f64.ln();
        assert!((fit.bic(5).unwrap() - expected).abs() < 1e-12 * expected.abs());
    }

    #[test]
    fn a_point_with_two_values_has_its_value() {
        // ln L = -10, three parameters, e^2 samples would give 6 + 20; with 7 samples, by hand.
        assert!((bic(-10.0, 3, 7).unwrap() - (20.0 + 3.0 * 1.945_910_149_055_313)).abs() < 1e-12);
        assert!(bic(f64::NAN, 3, 7).unwrap_err().to_string().contains("must be finite"));
        assert!(bic(-10.0, 3, 0).unwrap_err().to_string().contains("samples is empty"));
        assert_eq!(diagonal_mixture_parameters(10, 2), 49);
        assert_eq!(diagonal_mixture_parameters(1, 3), 6);
    }

    #[test]
    fn the_planted_number_of_clusters_is_chosen_whatever_the_units() {
        let planted = MixturePrior::new(
            array![0.0, 0.5, 0.2],
            array![[0.0, 0.0], [8.0, 1.0], [1.0, 9.0]],
            array![[1.0, 0.5], [0.3, 1.0], [2.0, 0.4]],
        )
        .unwrap();
        for seed in 0..5 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (data, _) = planted.sample(600, &mut rng);
            let options = GmmOptions { n_restarts: 5, ..GmmOptions::new(1) };
            let values = mixture_bic(data.view(), 6, &options, &mut ChaCha8Rng::seed_from_u64(9)).unwrap();
            assert_eq!((values.len(), least(&values)), (6, 3), "seed {seed}: {values:?}");
            // Other units add D ln(scale) twice, the same for every N.
            let scaled = &data * &array![4.0, 4.0];
            let again = mixture_bic(scaled.view(), 3, &options, &mut ChaCha8Rng::seed_from_u64(9)).unwrap();
            for (a, b) in values.iter().zip(&again) {
                assert!((b - a - 2.0 * 2.0 * 600.0 * 4.0_f64.ln()).abs() < 1e-4, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_list_ends_where_points_run_out() {
        let data = array![[0.0], [1.0], [5.0], [1.0]];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(mixture_bic(data.view(), 6, &GmmOptions::new(1), &mut rng).unwrap().len(), 3);
        let none = ndarray::Array2::<f64>::zeros((0, 2));
        assert!(mixture_bic(none.view(), 3, &GmmOptions::new(1), &mut rng).is_err());
    }
}
