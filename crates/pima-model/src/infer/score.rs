//! How well a predictive distribution does on values that are known after all.

use super::Seen;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The predictive distribution of one modality at the values that B samples really have; NaN for samples without it.
#[derive(Debug, Clone)]
pub struct Score {
    /// Distribution function of each coordinate at its value, (B,d): uniform on [0, 1] for a calibrated prediction.
    pub cumulative: Array2<f64>,
    /// Log predictive density `log p(x_m | what was seen)`, (B), nats, physical units: the mean over the draws of z of the decoder's density.
    pub log_density: Array1<f64>,
    /// Its standard error from the finite number of draws, (B).
    pub standard_error: Array1<f64>,
}

/// `sum_j log N(x_j; mean_j, noise_j)`.
pub(super) fn log_gaussian(x: ArrayView1<'_, f32>, mean: impl Fn(usize) -> f64, noise: &Array1<f64>) -> f64 {
    let terms = x.iter().zip(noise).enumerate().map(|(j, (&x, v))| {
        let deviation = f64::from(x) - mean(j);
        (std::f64::consts::TAU * v).ln() + deviation * deviation / v
    });
    -0.5 * terms.sum::<f64>()
}

/// Log of the mean over draws, and its standard error by the delta method, of the densities of components: `of_parts` (K,B) are their logarithms, in the order
/// of draws and within a draw of clusters where `parts` says that they depend on both.
pub(super) fn log_mean(of_parts: ArrayView2<'_, f64>, parts: Parts, seen: &Seen) -> (Array1<f64>, Array1<f64>) {
    let n_draws = seen.draws.len();
    let (mut mean, mut error) = (Array1::zeros(of_parts.ncols()), Array1::zeros(of_parts.ncols()));
    let mut logs = vec![0.0; n_draws];
    for (b, of_parts) in of_parts.axis_iter(Axis(1)).enumerate() {
        for (k, (log, (_, of_z))) in logs.iter_mut().zip(&seen.draws).enumerate() {
            let of_cluster = |first: usize| {
                let terms: Vec<f64> =
                    of_z.row(b).iter().enumerate().map(|(c, g)| g.ln() + of_parts[first + c]).collect();
                log_sum_exp(&terms)
            };
            *log = match parts {
                Parts::Draw => of_parts[k],
                Parts::Cluster => of_cluster(0),
                Parts::DrawAndCluster => of_cluster(k * of_z.ncols()),
            };
        }
        mean[b] = log_sum_exp(&logs) - (n_draws as f64).ln();
        let square: f64 = logs.iter().map(|log| ((log - mean[b]).exp() - 1.0).powi(2)).sum();
        error[b] = (square / (n_draws as f64 * (n_draws as f64 - 1.0).max(1.0))).sqrt();
    }
    (mean, error)
}

/// What the components of a predictive distribution are apart for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parts {
    /// One for each draw of z.
    Draw,
    /// One for each cluster.
    Cluster,
    /// One for each cluster of each draw.
    DrawAndCluster,
}

fn log_sum_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY { most } else { most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln() }
}
