//! POU networks whose partition is learned: least squares for the coefficients, gradient descent for centres and widths, in two
//! phases (Lee, Trask, Patel, Gulian and Cyr, 2021: Partition of unity networks, section 3).

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::fit::{check_values, fit_basis};
use super::partition::description;
use super::{Partition, PouBasis, PouFit, PouOptions, Solve};
use crate::Result;

/// How a partition is learned.
///
/// In the first phase the coefficients are found with a ridge, which keeps partitions from dying, and the ridge shrinks whenever
/// the residual stagnates. In the second there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnOptions {
    /// Most gradient steps of the first phase.
    pub ridge_steps: usize,
    /// Gradient steps of the second phase.
    pub free_steps: usize,
    /// Step of Adam: of the centres in units of their mean spacing, and of the logarithms of the widths.
    pub learning_rate: f64,
    /// The ridge at the start.
    pub ridge: f64,
    /// What the ridge is multiplied by when the residual stagnates.
    pub ridge_decay: f64,
    /// Steps without a better residual that count as stagnation.
    pub patience: usize,
    /// The first phase ends when the ridge is below this.
    pub ridge_floor: f64,
    /// Singular values below this fraction of the largest are left out in the second phase, where a partition may have no
    /// samples of its own.
    pub tolerance: f64,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            ridge_steps: 500,
            free_steps: 500,
            learning_rate: 0.02,
            ridge: 1e-2,
            ridge_decay: 0.1,
            patience: 10,
            ridge_floor: 1e-12,
            tolerance: 1e-13,
        }
    }
}

/// A network whose partition was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct PouLearned {
    /// The best fit met, without a ridge, and its numerical rank.
    pub fit: PouFit,
    /// Root mean square of the residuals of the partition that was started from, without a ridge.
    pub rms_before: f64,
    /// Gradient steps taken.
    pub steps: usize,
}

/// Learns the partition, starting from that of `options`, and fits the network to `values` (k,T) at T `times`.
///
/// The gradient is that of the squared residual at fixed coefficients, which is the whole of it because the coefficients minimise
/// what is descended. The result is never worse than the start. `options.solve` does not matter.
///
/// # Errors
/// As [`super::fit_pou`], except that a deficient rank is reported in the fit.
pub fn learn_pou(
    times: ArrayView1<'_, f64>,
    values: ArrayView2<'_, f64>,
    options: &PouOptions,
    learn: &LearnOptions,
) -> Result<PouLearned> {
    let basis = options.basis(times)?;
    check_values(times, values)?;
    let positive = [learn.learning_rate, learn.ridge, learn.ridge_decay, learn.ridge_floor];
    if positive.iter().any(|value| !(value.is_finite() && *value > 0.0)) || learn.ridge_decay >= 1.0 {
        let got = format!("{positive:?}");
        let requirement = "positive, and a decay below 1";
        return Err(description("learning rate, ridge, ridge decay or floor".into(), got, requirement));
    }
    let free = Solve::LeastNorm(learn.tolerance);
    let first = fit_basis(basis.clone(), times, values, free)?;
    let mut learned = PouLearned { rms_before: first.rms, fit: first, steps: 0 };
    let mut descent = Descent::new(basis, learn.learning_rate);

    let (mut ridge, mut best_with_ridge, mut since) = (learn.ridge, f64::INFINITY, 0);
    while learned.steps < learn.ridge_steps && ridge >= learn.ridge_floor {
        let fit = fit_basis(descent.basis.clone(), times, values, Solve::Ridge(ridge))?;
        if fit.rms < best_with_ridge {
            (best_with_ridge, since) = (fit.rms, 0);
        } else {
            since += 1;
        }
        if since >= learn.patience {
            ridge *= learn.ridge_decay;
            since = 0;
        }
        if !descent.step(&fit, times, values) {
            break;
        }
        learned.steps += 1;
    }
    for _ in 0..=learn.free_steps {
        let fit = fit_basis(descent.basis.clone(), times, values, free)?;
        let keep = fit.rms < learned.fit.rms;
        if !descent.step(&fit, times, values) {
            break;
        }
        learned.steps += 1;
        if keep {
            learned.fit = fit;
        }
    }
    Ok(learned)
}

/// Adam on the centres and the logarithms of the widths.
struct Descent {
    basis: PouBasis,
    learning_rate: f64,
    /// First and second moments, of the centres and then of the widths.
    moments: Vec<[f64; 2]>,
    n_steps: i32,
}

impl Descent {
    fn new(basis: PouBasis, learning_rate: f64) -> Self {
        let moments = vec![[0.0; 2]; 2 * basis.partition.len()];
        Self { basis, learning_rate, moments, n_steps: 0 }
    }

    /// One step down the gradient at `fit`; false when there is nowhere finite to go.
    fn step(&mut self, fit: &PouFit, times: ArrayView1<'_, f64>, values: ArrayView2<'_, f64>) -> bool {
        const DECAY: [f64; 2] = [0.9, 0.999];
        let gradient = gradient(fit, times, values);
        self.n_steps += 1;
        let unbias = DECAY.map(|decay| 1.0 - decay.powi(self.n_steps));
        let mut moves = Vec::with_capacity(gradient.len());
        for (moment, gradient) in self.moments.iter_mut().zip(gradient) {
            moment[0] = DECAY[0] * moment[0] + (1.0 - DECAY[0]) * gradient;
            moment[1] = DECAY[1] * moment[1] + (1.0 - DECAY[1]) * gradient * gradient;
            let size = (moment[1] / unbias[1]).sqrt();
            let step = if size > 0.0 { moment[0] / unbias[0] / size } else { 0.0 };
            moves.push(-self.learning_rate * step);
        }
        let PouBasis { partition, scale, .. } = &self.basis;
        let n = partition.len();
        let centres = partition.centres().iter().zip(&moves).map(|(m, step)| m + scale * step).collect();
        let widths = partition.widths().iter().zip(&moves[n..]).map(|(b, step)| b * step.exp()).collect();
        match Partition::new(partition.bump(), centres, widths) {
            Ok(partition) => {
                self.basis.partition = partition;
                true
            }
            Err(_) => false,
        }
    }
}

/// Gradient of half the squared residual with respect to the centres, in units of the spacing, and to the logarithms of the
/// widths, (2n). With `p_i` the polynomial of partition i: `du/dm_i = phi_i (p_i - u) dlog b_i/dm_i - phi_i p_i'`.
pub(super) fn gradient(fit: &PouFit, times: ArrayView1<'_, f64>, values: ArrayView2<'_, f64>) -> Vec<f64> {
    let PouBasis { partition, degree, scale } = &fit.network.basis;
    let n = partition.len();
    let (mut phi, mut dphi) = (vec![0.0; n], vec![0.0; n]);
    let fitted = fit.network.evaluate(times);
    let mut gradient = vec![0.0; 2 * n];
    for (j, &t) in times.iter().enumerate() {
        partition.evaluate(t, &mut phi, &mut dphi);
        for i in 0..n {
            let (centre, width) = (partition.centres()[i], partition.widths()[i]);
            let d = t - centre;
            let x = d / scale;
            // The logarithm of a bump depends on t - m alone.
            let by_width = partition.bump().log_by_log_width(d, width);
            let by_centre = -partition.bump().log_by_time(d, width);
            for channel in 0..values.nrows() {
                let coefficients = fit.network.coefficients.column(channel);
                let (mut polynomial, mut slope) = (0.0, 0.0);
                for power in (0..=*degree).rev() {
                    slope = slope * x + polynomial;
                    polynomial = polynomial * x + coefficients[i * (degree + 1) + power];
                }
                let u = fitted[[channel, j]];
                let residual = u - values[[channel, j]];
                gradient[i] += residual * phi[i] * ((polynomial - u) * by_centre * scale - slope);
                gradient[n + i] += residual * phi[i] * (polynomial - u) * by_width;
            }
        }
    }
    gradient
}
