//! Diagonal Gaussians given by mean and log-variance: density, divergence, sampling.

use ndarray::{Array1, Array2, ArrayView2, Zip};

use crate::{Result, check};

/// `log N(x; mean, exp(logvar))` of every sample (B), in nats, with its normalising constant. All arguments are (B,l).
///
/// `-1/2 sum_j [ log(2 pi) + logvar_j + (x_j - mean_j)^2 / var_j ]`
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when the shapes disagree. Values are not checked: NaN in, NaN out.
pub fn log_density(
    x: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    logvar: ArrayView2<'_, f64>,
) -> Result<Array1<f64>> {
    check::shape("log_density: mean", "(B,l)", x.shape(), mean.shape())?;
    check::shape("log_density: logvar", "(B,l)", x.shape(), logvar.shape())?;
    let constant = std::f64::consts::TAU.ln();
    let rows = Zip::from(x.rows()).and(mean.rows()).and(logvar.rows());
    Ok(rows.map_collect(|x, mean, logvar| {
        let terms = x.iter().zip(mean).zip(logvar);
        let sum: f64 = terms
            .map(|((x, mean), logvar)| {
                // The deviation is scaled before it is squared: (x-mean)^2 can overflow where the quotient does not.
                let deviation = (x - mean) * (-0.5 * logvar).exp();
                constant + logvar + deviation * deviation
            })
            .sum();
        -0.5 * sum
    }))
}

/// Kullback-Leibler divergence `KL(a || b)` of every sample (B), in nats. All arguments are (B,l).
///
/// `1/2 sum_j [ log(var_b/var_a) - 1 + var_a/var_b + (mean_b - mean_a)^2/var_b ]` (Trask et al. 2022, section 2.4, with a the
/// multimodal posterior and b the unimodal one that is refitted to it). Never negative.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when the shapes disagree. Values are not checked: NaN in, NaN out.
pub fn kl(
    mean_a: ArrayView2<'_, f64>,
    logvar_a: ArrayView2<'_, f64>,
    mean_b: ArrayView2<'_, f64>,
    logvar_b: ArrayView2<'_, f64>,
) -> Result<Array1<f64>> {
    check::shape("kl: logvar_a", "(B,l)", mean_a.shape(), logvar_a.shape())?;
    check::shape("kl: mean_b", "(B,l)", mean_a.shape(), mean_b.shape())?;
    check::shape("kl: logvar_b", "(B,l)", mean_a.shape(), logvar_b.shape())?;
    let rows = Zip::from(mean_a.rows()).and(logvar_a.rows()).and(mean_b.rows()).and(logvar_b.rows());
    Ok(rows.map_collect(|mean_a, logvar_a, mean_b, logvar_b| {
        let a = mean_a.iter().zip(logvar_a);
        let b = mean_b.iter().zip(logvar_b);
        let sum: f64 = a
            .zip(b)
            .map(|((mean_a, logvar_a), (mean_b, logvar_b))| {
                let log_ratio = logvar_a - logvar_b;
                let deviation = (mean_b - mean_a) * (-0.5 * logvar_b).exp();
                // expm1 keeps the digits of ratio - 1 - log ratio where the variances nearly agree.
                let spread = log_ratio.exp_m1() - log_ratio;
                if spread < 0.0 { deviation * deviation } else { spread + deviation * deviation }
            })
            .sum();
        0.5 * sum
    }))
}

/// `mean + eps exp(logvar/2)` (B,l): a sample of the Gaussian when `eps` is standard normal. All arguments are (B,l).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when the shapes disagree. Values are not checked: NaN in, NaN out.
pub fn sample(mean: ArrayView2<'_, f64>, logvar: ArrayView2<'_, f64>, eps: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    check::shape("sample: logvar", "(B,l)", mean.shape(), logvar.shape())?;
    check::shape("sample: eps", "(B,l)", mean.shape(), eps.shape())?;
    let values = Zip::from(mean).and(logvar).and(eps);
    Ok(values.map_collect(|mean, logvar, eps| mean + eps * (0.5 * logvar).exp()))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;
    use crate::Error;

    #[test]
    fn density_of_the_standard_normal_at_its_mode_and_beside_it() {
        let x = array![[0.0, 0.0], [1.0, -2.0]];
        let zero = Array2::zeros((2, 2));
        let density = log_density(x.view(), zero.view(), zero.view()).unwrap();
        let mode = -(2.0 * std::f64::consts::PI).ln();
        assert!((density[0] - mode).abs() < 1e-15);
        assert!((density[1] - (mode - 2.5)).abs() < 1e-15);
    }

    #[test]
    fn density_integrates_to_one() {
        let n = 4000;
        let step = 16.0 / n as f64;
        let x = Array2::from_shape_fn((n, 1), |(i, _)| -8.0 + (i as f64 + 0.5) * step);
        let mean = Array2::from_elem((n, 1), 0.3);
        let logvar = Array2::from_elem((n, 1), -0.7);
        let mass = log_density(x.view(), mean.view(), logvar.view()).unwrap().mapv(f64::exp).sum() * step;
        assert!((mass - 1.0).abs() < 1e-12, "{mass}");
    }

    #[test]
    fn shapes_that_disagree_are_refused() {
        let (a, b) = (Array2::zeros((3, 2)), Array2::zeros((3, 1)));
        assert!(matches!(log_density(a.view(), a.view(), b.view()), Err(Error::Shape { .. })));
        assert!(matches!(kl(a.view(), a.view(), b.view(), a.view()), Err(Error::Shape { .. })));
        assert!(matches!(sample(a.view(), b.view(), a.view()), Err(Error::Shape { .. })));
    }

    proptest! {
        /// KL is the expectation under a of the difference of the log-densities: quadrature as the oracle.
        #[test]
        fn divergence_is_the_mean_log_ratio(
            mean_a in -2.0..2.0, mean_b in -2.0..2.0, logvar_a in -1.0..1.0_f64, logvar_b in -1.0..1.0_f64,
        ) {
            let n = 2000;
            let deviation = (0.5_f64 * logvar_a).exp();
            let step = 20.0 * deviation / n as f64;
            let x = Array2::from_shape_fn((n, 1), |(i, _)| mean_a - 10.0 * deviation + (i as f64 + 0.5) * step);
            let fill = |value: f64| Array2::from_elem((n, 1), value);
            let log_a = log_density(x.view(), fill(mean_a).view(), fill(logvar_a).view()).unwrap();
            let log_b = log_density(x.view(), fill(mean_b).view(), fill(logvar_b).view()).unwrap();
            let expected: f64 = log_a.iter().zip(&log_b).map(|(a, b)| a.exp() * (a - b) * step).sum();
            let one = |value: f64| array![[value]];
            let got = kl(one(mean_a).view(), one(logvar_a).view(), one(mean_b).view(), one(logvar_b).view()).unwrap()[0];
            prop_assert!((got - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{got} {expected}");
        }

        #[test]
        fn divergence_is_never_negative_and_zero_only_of_equals(
            mean in -1e3..1e3_f64, logvar in -50.0..50.0_f64, shift in -1e-6..1e-6_f64,
        ) {
            let one = |value: f64| array![[value]];
            let of = |b_mean: f64, b_logvar: f64| {
                kl(one(mean).view(), one(logvar).view(), one(b_mean).view(), one(b_logvar).view()).unwrap()[0]
            };
            prop_assert_eq!(of(mean, logvar), 0.0);
            // To second order in a small change of the log-variance the divergence is its square over four.
            let change = logvar - (logvar + shift);
            prop_assert!((of(mean, logvar + shift) - change * change / 4.0).abs() <= 1e-16 * shift.abs() + 1e-17);
            prop_assert!(of(mean + 1.0, logvar) >= 0.0);
        }
    }
}
