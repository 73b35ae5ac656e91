//! The expert of eq. 26: trajectories are given, and the rates are linear in the parameters.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView3, ArrayViewMut1, ArrayViewMut2, Axis, s};
use pima_core::{Expert, ExpertError, ExpertFit};

use super::{DictionaryOde, check_fit};
use crate::linear::least_squares;
use crate::pou::check_times;
use crate::{Error, Result};

/// `E_s(t; theta) = sum_p theta_p prod_r u~_r(t)^(e_pr)`, rates along a trajectory `u~` that is given (Walker et al. 2023, eq. 26).
///
/// The d = S T outputs are `du_1/dt` at all times, then `du_2/dt`, and so on. With one trajectory, theta are the P parameters of
/// the equations. With several, for example one per class as in the paper, a last parameter `trajectory` is the number of the one
/// that a cluster follows: the fit takes the one of least residual, so that no label says which cluster is which class.
#[derive(Debug, Clone, PartialEq)]
pub struct SnodeExpert {
    ode: DictionaryOde,
    /// Monomials of each equation along each trajectory: [k][s] is (T, terms).
    monomials: Vec<Vec<Array2<f64>>>,
    times: Array1<f64>,
    /// The state at the first time, per trajectory.
    starts: Vec<Vec<f64>>,
    names: Vec<String>,
    units: Vec<String>,
}

impl SnodeExpert {
    /// An expert from K trajectories (K,S,T) at T times, for example the values of POU networks.
    ///
    /// # Errors
    /// [`Error::Times`] unless the times increase; [`Error::Description`] for trajectories of another number of states or times, none, or values whose monomials are not finite.
    pub fn new(ode: DictionaryOde, times: ArrayView1<'_, f64>, trajectories: ArrayView3<'_, f64>) -> Result<Self> {
        let (n_trajectories, n_states, n_times) = trajectories.dim();
        if n_trajectories == 0 || n_times == 0 || n_times != times.len() || n_states != ode.n_states() {
            let got = format!("({n_trajectories}, {n_states}, {n_times})");
            let requirement = format!(
                "at least one, of {} states, at the {} times, which are one or more",
                ode.n_states(),
                times.len()
            );
            return Err(Error::Description { what: "shape of the trajectories (K,S,T)".into(), got, requirement });
        }
        check_times(times)?;
        let mut monomials = Vec::with_capacity(n_trajectories);
        for (k, trajectory) in trajectories.outer_iter().enumerate() {
            let of_equations: Vec<_> = (0..n_states).map(|s| ode.monomials(s, trajectory)).collect();
            if let Some(value) = of_equations.iter().flatten().find(|value| !value.is_finite()) {
                let what = format!("a monomial along trajectory {k}");
                return Err(Error::Description { what, got: value.to_string(), requirement: "finite".into() });
            }
            monomials.push(of_equations);
        }
        let (mut names, mut units) = (ode.parameter_names().to_vec(), ode.parameter_units().to_vec());
        if n_trajectories > 1 {
            names.push("trajectory".to_owned());
            units.push(String::new());
        }
        let starts = trajectories.outer_iter().map(|trajectory| trajectory.column(0).to_vec()).collect();
        Ok(Self { ode, monomials, times: times.to_owned(), starts, names, units })
    }

    /// The equations.
    pub fn ode(&self) -> &DictionaryOde {
        &self.ode
    }

    /// The number of the trajectory that theta says, if it is one.
    pub fn trajectory(&self, theta: ArrayView1<'_, f64>) -> Option<usize> {
        match theta.get(self.ode.n_parameters()) {
            None => Some(0),
            // Saturates, and NaN becomes 0: hence the comparison.
            Some(&number) => Some(number.round() as usize).filter(|&k| k < self.monomials.len() && number > -0.5),
        }
    }

    /// The M-step along trajectory k.
    fn fit_along(
        &self,
        k: usize,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        let n_parameters = self.ode.n_parameters();
        let mut theta = Array1::zeros(self.n_parameters());
        let mut covariance = Array2::zeros((theta.len(), theta.len()));
        let (mut residual, mut first, mut rank) = (0.0, 0, 0);
        // The equations have no parameter in common: each is a small problem of its own.
        for (s, matrix) in self.monomials[k].iter().enumerate() {
            let channel = s![s * self.times.len()..(s + 1) * self.times.len()];
            let parameters = first..first + matrix.ncols();
            first = parameters.end;
            match least_squares::solve(matrix.view(), mean.slice(channel), weight.slice(channel)) {
                Ok(solution) => {
                    theta.slice_mut(s![parameters.clone()]).assign(&solution.theta);
                    covariance
                        .slice_mut(s![parameters.clone(), parameters.clone()])
                        .assign(&solution.covariance_factor);
                    residual += solution.residual;
                    rank += matrix.ncols();
                }
                Err(ExpertError::Undetermined { rank: of_equation, .. }) => rank += of_equation,
                // A state that was never measured leaves its equation open.
                Err(ExpertError::NoWeight) => {}
                Err(error) => return Err(error),
            }
        }
        if rank < n_parameters {
            return Err(ExpertError::Undetermined { rank, n_parameters });
        }
        if let Some(number) = theta.get_mut(n_parameters) {
            *number = k as f64;
        }
        Ok(ExpertFit { theta, residual, covariance_factor: Some(covariance), iterations: 1, converged: true })
    }

    /// Rates (S,T) for parameters (P), for example to compare with data: the prediction by states.
    pub fn rates(&self, theta: ArrayView1<'_, f64>) -> Array2<f64> {
        let mut out = Array1::zeros(self.n_outputs());
        self.predict(theta, out.view_mut());
        let shape = (self.ode.n_states(), self.times.len());
        Array2::from_shape_fn(shape, |(s, j)| out[s * self.times.len() + j])
    }
}

impl Expert for SnodeExpert {
    fn n_outputs(&self) -> usize {
        self.ode.n_states() * self.times.len()
    }

    fn parameter_names(&self) -> &[String] {
        &self.names
    }

    fn parameter_units(&self) -> &[String] {
        &self.units
    }

    fn solution(&self, theta: ArrayView1<'_, f64>) -> Option<Array2<f64>> {
        let start = &self.starts[self.trajectory(theta)?];
        self.ode.solve(&theta.to_vec()[..self.ode.n_parameters()], start, self.times.view()).ok()
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        let Some(k) = self.trajectory(theta) else {
            out.fill(f64::NAN);
            return;
        };
        let mut first = 0;
        for (matrix, mut out) in self.monomials[k].iter().zip(out.axis_chunks_iter_mut(Axis(0), self.times.len())) {
            let last = first + matrix.ncols();
            out.assign(&matrix.dot(&theta.slice(s![first..last])));
            first = last;
        }
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        let Some(k) = self.trajectory(theta) else {
            out.fill(f64::NAN);
            return;
        };
        out.fill(0.0);
        let mut first = 0;
        for (s, matrix) in self.monomials[k].iter().enumerate() {
            let last = first + matrix.ncols();
            out.slice_mut(s![s * self.times.len()..(s + 1) * self.times.len(), first..last]).assign(matrix);
            first = last;
        }
    }

    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        check_fit(self, mean, weight, theta)?;
        let mut best = self.fit_along(0, mean, weight)?;
        for k in 1..self.monomials.len() {
            let fit = self.fit_along(k, mean, weight)?;
            if fit.residual < best.residual {
                best = fit;
            }
        }
        Ok(best)
    }
}

/// Trajectories (K,S,T) from a list of K, each (S,T).
///
/// # Errors
/// [`Error::Description`] when they are not of one shape.
pub fn stack_trajectories(trajectories: &[Array2<f64>]) -> Result<Array3<f64>> {
    let views: Vec<_> = trajectories.iter().map(|trajectory| trajectory.view()).collect();
    ndarray::stack(Axis(0), &views).map_err(|_| Error::Description {
        what: "the shapes of the trajectories".into(),
        got: format!("{:?}", trajectories.iter().map(Array2::dim).collect::<Vec<_>>()),
        requirement: "all the same, at least one".into(),
    })
}
