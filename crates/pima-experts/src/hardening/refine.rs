//! Damped Gauss-Newton (Levenberg-Marquardt) on the parameters of one curve.

use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};
use pima_core::{Expert, ExpertError};

use crate::linear::least_squares;

const MAX_ITERATIONS: usize = 200;
/// Damping beyond which no step is left to try.
const LARGEST_DAMPING: f64 = 1e12;

/// A local minimum.
#[derive(Debug)]
pub(super) struct Refined {
    pub(super) theta: Array1<f64>,
    pub(super) residual: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// Minimises `sum_j weight_j (mean_j - E_j(theta))^2` from `theta`, in the free coordinates of the expert's links, and never returns
/// anything worse than its start.
pub(super) fn minimise(
    expert: &dyn Expert,
    mean: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    theta: Array1<f64>,
) -> Result<Refined, ExpertError> {
    let problem = Problem { expert, mean, weight };
    let mut best = problem.at(theta.iter().zip(expert.links()).map(|(&theta, link)| link.coordinate(theta)).collect());
    if !best.residual.is_finite() {
        return Err(ExpertError::Diverged { iterations: 0 });
    }
    let mut damping = 1e-3;
    for iteration in 1..=MAX_ITERATIONS {
        let Some(step) = problem.step(&best, damping) else {
            damping *= 10.0;
            if damping > LARGEST_DAMPING {
                return Ok(best.refined(expert, iteration, true));
            }
            continue;
        };
        let small = step.iter().zip(&best.u).all(|(step, u)| step.abs() <= 1e-12 * (1.0 + u.abs()));
        let tried = problem.at(&best.u + &step);
        if tried.residual < best.residual {
            let converged = small || best.residual - tried.residual <= 1e-14 * best.residual;
            best = tried;
            damping = (damping * 0.2).max(1e-12);
            if converged {
                return Ok(best.refined(expert, iteration, true));
            }
        } else {
            damping *= 5.0;
            if small || damping > LARGEST_DAMPING {
                return Ok(best.refined(expert, iteration, true));
            }
        }
    }
    Ok(best.refined(expert, MAX_ITERATIONS, false))
}

struct Problem<'a> {
    expert: &'a dyn Expert,
    mean: ArrayView1<'a, f64>,
    weight: ArrayView1<'a, f64>,
}

struct Point {
    u: Array1<f64>,
    /// `mean - E` (d); zero where the weight is.
    offset: Array1<f64>,
    residual: f64,
}

impl Point {
    fn refined(self, expert: &dyn Expert, iterations: usize, converged: bool) -> Refined {
        Refined { theta: parameters(expert, &self.u), residual: self.residual, iterations, converged }
    }
}

impl Problem<'_> {
    fn at(&self, u: Array1<f64>) -> Point {
        let mut offset = Array1::zeros(self.mean.len());
        self.expert.predict(parameters(self.expert, &u).view(), offset.view_mut());
        let mut residual = 0.0;
        for ((offset, &mean), &weight) in offset.iter_mut().zip(self.mean).zip(self.weight) {
            *offset = if weight > 0.0 { mean - *offset } else { 0.0 };
            residual += weight * *offset * *offset;
        }
        Point { u, offset, residual }
    }

    /// The minimiser of the linearised sum of squares plus `damping |D step|^2`, with D the lengths of the Jacobian's columns.
    fn step(&self, point: &Point, damping: f64) -> Option<Array1<f64>> {
        let (n_points, n_parameters) = (self.mean.len(), point.u.len());
        let mut jacobian = Array2::zeros((n_points, n_parameters));
        self.expert.jacobian(parameters(self.expert, &point.u).view(), jacobian.view_mut());
        for ((mut column, link), &u) in jacobian.axis_iter_mut(Axis(1)).zip(self.expert.links()).zip(&point.u) {
            column *= link.derivative(u);
        }
        let length = |p: usize| {
            let squares = jacobian.column(p).into_iter().zip(self.weight).map(|(value, weight)| weight * value * value);
            squares.sum::<f64>().sqrt()
        };
        // A direction that changes nothing stays where it is.
        let damped = Array2::from_shape_fn((n_parameters, n_parameters), |(p, q)| match (p == q, length(p)) {
            (true, 0.0) => 1.0,
            (true, length) => damping.sqrt() * length,
            _ => 0.0,
        });
        let matrix = concatenate(Axis(0), &[jacobian.view(), damped.view()]).ok()?;
        let target = concatenate(Axis(0), &[point.offset.view(), Array1::zeros(n_parameters).view()]).ok()?;
        let weight = concatenate(Axis(0), &[self.weight, Array1::ones(n_parameters).view()]).ok()?;
        let step = least_squares::solve(matrix.view(), target.view(), weight.view()).ok()?.theta;
        step.iter().all(|value| value.is_finite()).then_some(step)
    }
}

fn parameters(expert: &dyn Expert, u: &Array1<f64>) -> Array1<f64> {
    u.iter().zip(expert.links()).map(|(&u, link)| link.parameter(u)).collect()
}
