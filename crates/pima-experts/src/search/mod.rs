//! The parameters of one curve by Levenberg and Marquardt's method within bounds, from one start or from several.

// Where searches start.
mod starts;
#[cfg(test)]
mod tests;

use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};
use pima_core::{Expert, ExpertError};

use crate::linear::least_squares;
pub(crate) use starts::{Starts, from_starts};

const MAX_ITERATIONS: usize = 200;
/// Damping beyond which no step is left to try.
const LARGEST_DAMPING: f64 = 1e12;
/// A step that changes the prediction by less than this fraction of its square is the last one.
const SMALLEST_CHANGE: f64 = 1e-26;

/// A local minimum.
#[derive(Debug)]
pub(crate) struct Minimum {
    pub(crate) theta: Array1<f64>,
    pub(crate) residual: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

/// Minimises `sum_j weight_j (mean_j - E_j(theta))^2` from `theta`, within the bounds of the expert's links, and never returns anything
/// worse than its start (moved into the bounds, if it lies outside).
///
/// Parameters that stand on a bound and are pushed against it are held; the step of the others is cut off at the bounds.
pub(crate) fn minimise(
    expert: &dyn Expert,
    mean: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    theta: ArrayView1<'_, f64>,
) -> Result<Minimum, ExpertError> {
    let problem = Problem::new(expert, mean, weight);
    let mut best = problem.at(problem.within(theta.to_owned()));
    if !best.residual.is_finite() {
        return Err(ExpertError::Diverged { iterations: 0 });
    }
    let mut jacobian = problem.jacobian(&best);
    let mut damping = 1e-3;
    for iteration in 1..=MAX_ITERATIONS {
        let Some(current) = &jacobian else { return Ok(best.minimum(iteration, false)) };
        let free = problem.free(&best, current);
        if free.is_empty() || best.residual == 0.0 {
            return Ok(best.minimum(iteration, true));
        }
        let Some(step) = problem.step(&best, current, &free, damping) else {
            damping *= 10.0;
            if damping > LARGEST_DAMPING {
                return Ok(best.minimum(iteration, false));
            }
            continue;
        };
        let tried = problem.at(problem.within(&best.theta + &step));
        let change = problem.square(current.dot(&(&tried.theta - &best.theta)).view());
        let small = change <= SMALLEST_CHANGE * best.size;
        if tried.residual < best.residual {
            // Little was gained by a step that damping did not shorten.
            let flat = damping <= 1.0 && best.residual - tried.residual <= 1e-14 * best.residual;
            best = tried;
            damping = (damping * 0.2).max(1e-12);
            if small || flat {
                return Ok(best.minimum(iteration, true));
            }
            jacobian = problem.jacobian(&best);
        } else {
            damping *= 5.0;
            if small || damping > LARGEST_DAMPING {
                return Ok(best.minimum(iteration, true));
            }
        }
    }
    Ok(best.minimum(MAX_ITERATIONS, false))
}

/// `(J^T W J)^-1` (P,P) at `theta`; `None` where the data leave a direction undetermined. Bounds are not in it: a parameter that stands on
/// one has the error that it would have there without.
pub(crate) fn covariance_factor(
    expert: &dyn Expert,
    theta: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
) -> Option<Array2<f64>> {
    let mut jacobian = Array2::zeros((expert.n_outputs(), expert.n_parameters()));
    expert.jacobian(theta, jacobian.view_mut());
    if !finite_where_it_counts(&jacobian, weight) {
        return None;
    }
    let target = Array1::zeros(expert.n_outputs());
    least_squares::solve(jacobian.view(), target.view(), weight).ok().map(|solution| solution.covariance_factor)
}

fn finite_where_it_counts(jacobian: &Array2<f64>, weight: ArrayView1<'_, f64>) -> bool {
    jacobian.outer_iter().zip(weight).all(|(row, &weight)| weight == 0.0 || row.iter().all(|value| value.is_finite()))
}

struct Problem<'a> {
    expert: &'a dyn Expert,
    mean: ArrayView1<'a, f64>,
    weight: ArrayView1<'a, f64>,
    /// The ends of each parameter's domain.
    bounds: Vec<(f64, f64)>,
}

struct Point {
    theta: Array1<f64>,
    /// `mean - E` (d); zero where the weight is.
    offset: Array1<f64>,
    residual: f64,
    /// `sum_j weight_j E_j^2`.
    size: f64,
}

impl Point {
    fn minimum(self, iterations: usize, converged: bool) -> Minimum {
        Minimum { theta: self.theta, residual: self.residual, iterations, converged }
    }
}

impl<'a> Problem<'a> {
    fn new(expert: &'a dyn Expert, mean: ArrayView1<'a, f64>, weight: ArrayView1<'a, f64>) -> Self {
        let bounds = match expert.links() {
            [] => vec![(f64::NEG_INFINITY, f64::INFINITY); expert.n_parameters()],
            links => links.iter().map(|link| link.bounds()).collect(),
        };
        Self { expert, mean, weight, bounds }
    }

    fn within(&self, mut theta: Array1<f64>) -> Array1<f64> {
        for (theta, &(lower, upper)) in theta.iter_mut().zip(&self.bounds) {
            *theta = theta.max(lower).min(upper);
        }
        theta
    }

    fn at(&self, theta: Array1<f64>) -> Point {
        let mut offset = Array1::zeros(self.mean.len());
        self.expert.predict(theta.view(), offset.view_mut());
        let (mut residual, mut size) = (0.0, 0.0);
        for ((offset, &mean), &weight) in offset.iter_mut().zip(self.mean).zip(self.weight) {
            size += if weight > 0.0 { weight * *offset * *offset } else { 0.0 };
            *offset = if weight > 0.0 { mean - *offset } else { 0.0 };
            residual += weight * *offset * *offset;
        }
        Point { theta, offset, residual, size }
    }

    /// The derivative (d,P) with zeros where nothing was measured; `None` where it is not finite.
    fn jacobian(&self, point: &Point) -> Option<Array2<f64>> {
        let mut jacobian = Array2::zeros((self.mean.len(), point.theta.len()));
        self.expert.jacobian(point.theta.view(), jacobian.view_mut());
        for (mut row, _) in jacobian.outer_iter_mut().zip(self.weight).filter(|(_, weight)| **weight == 0.0) {
            row.fill(0.0);
        }
        jacobian.iter().all(|value| value.is_finite()).then_some(jacobian)
    }

    /// `sum_j weight_j a_j b_j`.
    fn product(&self, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
        a.iter().zip(b).zip(self.weight).map(|((a, b), weight)| weight * a * b).sum()
    }

    fn square(&self, a: ArrayView1<'_, f64>) -> f64 {
        self.product(a, a)
    }

    /// The parameters that are not held: not on a bound, or drawn away from it by the data.
    fn free(&self, point: &Point, jacobian: &Array2<f64>) -> Vec<usize> {
        (0..point.theta.len())
            .filter(|&p| {
                let (lower, upper) = self.bounds[p];
                // Along the parameter the sum of squares descends at twice this.
                let descent = || self.product(jacobian.column(p), point.offset.view());
                !((point.theta[p] <= lower && descent() <= 0.0) || (point.theta[p] >= upper && descent() >= 0.0))
            })
            .collect()
    }

    /// The minimiser over the `free` parameters of the linearised sum of squares plus `damping |D step|^2`, with D the lengths of the
    /// Jacobian's columns; zero for the others.
    fn step(&self, point: &Point, jacobian: &Array2<f64>, free: &[usize], damping: f64) -> Option<Array1<f64>> {
        let jacobian = jacobian.select(Axis(1), free);
        let length = |p: usize| self.square(jacobian.column(p)).sqrt();
        // A direction that changes nothing stays where it is.
        let damped = Array2::from_shape_fn((free.len(), free.len()), |(p, q)| match (p == q, length(p)) {
            (true, 0.0) => 1.0,
            (true, length) => damping.sqrt() * length,
            _ => 0.0,
        });
        let matrix = concatenate(Axis(0), &[jacobian.view(), damped.view()]).ok()?;
        let target = concatenate(Axis(0), &[point.offset.view(), Array1::zeros(free.len()).view()]).ok()?;
        let weight = concatenate(Axis(0), &[self.weight, Array1::ones(free.len()).view()]).ok()?;
        let found = least_squares::solve(matrix.view(), target.view(), weight.view()).ok()?.theta;
        let mut step = Array1::zeros(point.theta.len());
        for (&p, value) in free.iter().zip(found) {
            step[p] = value;
        }
        step.iter().all(|value| value.is_finite()).then_some(step)
    }
}
