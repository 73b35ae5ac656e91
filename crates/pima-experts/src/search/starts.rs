//! Searches from several starts, for sums of squares with more than one minimum.

#[cfg(test)]
use ndarray::ArrayView2;
use ndarray::{Array1, Array2, ArrayView1};
use pima_core::{Expert, ExpertError, ExpertFit, Link};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Minimum, Problem, covariance_factor, minimise};

/// Two minima whose sums of squares differ by less than this fraction are one.
const SAME: f64 = 1e-6;
/// Searches that end in the best minimum, after which no more are begun.
const AGREEING: usize = 3;
/// A sum of squares below this fraction of the data's is a perfect fit.
const PERFECT: f64 = 1e-24;

/// Points (K,P) at which searches may start, the first being what the user gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Starts {
    points: Array2<f64>,
    /// How many of them are searched from at most.
    searches: usize,
}

impl Starts {
    /// `init` (P) and `n_points` points drawn within the links (P): evenly between two ends, evenly in the logarithm of the distance from
    /// a single end, and in decades of its size around a free parameter.
    pub(crate) fn draw(init: ArrayView1<'_, f64>, links: &[Link], n_points: usize, searches: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut points = Array2::zeros((1 + n_points, init.len()));
        points.row_mut(0).assign(&init);
        for mut row in points.outer_iter_mut().skip(1) {
            for ((theta, &init), link) in row.iter_mut().zip(init).zip(links) {
                *theta = draw_one(init, *link, &mut rng);
            }
        }
        Self { points, searches }
    }

    /// The points (K,P).
    #[cfg(test)]
    pub(super) fn points(&self) -> ArrayView2<'_, f64> {
        self.points.view()
    }
}

fn draw_one(init: f64, link: Link, rng: &mut ChaCha8Rng) -> f64 {
    // A number to measure distances with where the start itself is none.
    let size = |distance: f64| if distance == 0.0 { 1.0 } else { distance };
    let factor = |rng: &mut ChaCha8Rng, decades: f64| 10.0_f64.powf(rng.random_range(-decades..decades));
    match link {
        Link::Identity => {
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let spread = size(init.abs()) * factor(rng, 1.5);
            if init == 0.0 || rng.random_bool(0.25) { sign * spread } else { init + sign * spread.min(init.abs()) }
        }
        Link::Positive => size(init) * factor(rng, 1.5),
        Link::Above { lower } => lower + size(init - lower) * factor(rng, 1.5),
        Link::Below { upper } => upper - size(upper - init) * factor(rng, 1.5),
        // Over several decades small values deserve as many starts as large ones.
        Link::Interval { lower, upper } if lower > 0.0 && upper / lower > 100.0 => {
            (rng.random_range(lower.ln()..upper.ln())).exp()
        }
        Link::Interval { lower, upper } => rng.random_range(lower..upper),
    }
}

/// The best of the minima that are reached from `theta` (P) and from the most promising of `starts`: those with the least sums of squares
/// before any step. Ends early once the same best minimum has been reached three times.
///
/// # Errors
/// [`ExpertError::Diverged`] when no start has a finite prediction.
pub(crate) fn from_starts(
    expert: &dyn Expert,
    mean: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    theta: ArrayView1<'_, f64>,
    starts: &Starts,
) -> Result<ExpertFit, ExpertError> {
    let problem = Problem::new(expert, mean, weight);
    let mut order: Vec<(f64, Array1<f64>)> = starts
        .points
        .outer_iter()
        .map(|point| (problem.at(point.to_owned()).residual, point.to_owned()))
        .filter(|(residual, _)| residual.is_finite())
        .collect();
    order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    order.truncate(starts.searches);
    let measured: Array1<f64> = mean.iter().zip(weight).map(|(&y, &w)| if w > 0.0 { y } else { 0.0 }).collect();
    let perfect = PERFECT * problem.square(measured.view());

    let mut best: Option<Minimum> = None;
    let (mut agreeing, mut iterations) = (0, 0);
    for start in std::iter::once(theta).chain(order.iter().map(|(_, point)| point.view())) {
        let Ok(found) = minimise(expert, mean, weight, start) else { continue };
        iterations += found.iterations;
        match &mut best {
            Some(best) if found.residual >= best.residual * (1.0 - SAME) => {
                agreeing += usize::from(found.residual <= best.residual * (1.0 + SAME));
                if found.residual < best.residual {
                    *best = found;
                }
            }
            best => {
                *best = Some(found);
                agreeing = 1;
            }
        }
        if agreeing == AGREEING || best.as_ref().is_some_and(|best| best.residual <= perfect) {
            break;
        }
    }
    let Some(Minimum { theta, residual, converged, .. }) = best else {
        return Err(ExpertError::Diverged { iterations });
    };
    let covariance_factor = covariance_factor(expert, theta.view(), weight);
    Ok(ExpertFit { theta, residual, covariance_factor, iterations, converged })
}
