//! Strain hardening: an elastic line through the origin, then a plastic one (Trask et al. 2022, section 3.2).

// The least squares fit of two joined lines, exact and in one pass.
#[cfg(test)]
mod tests;
mod two_lines;

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, array};
use pima_core::{Expert, ExpertError, ExpertFit, Link, Quantity};
use serde::{Deserialize, Serialize};

use crate::linear::CurveUnits;
use crate::linear::least_squares;
use crate::{Error, Result, search};

/// Place of the elastic modulus `E` in `theta`.
const ELASTIC: usize = 0;
/// Place of the hardening modulus `H`.
const HARDENING: usize = 1;
/// Place of the yield strain `t0`.
const YIELD: usize = 2;

/// What a strain-hardening curve may look like. In a configuration: `{ stiffening = false, knee = 0.0 }`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HardeningOptions {
    /// Whether the second line may be the steeper one. Without it, a curve that only stiffens (a specimen settling between the
    /// plates) gets the best single line, `H = E`, and a yield strain at the end of what was measured.
    pub stiffening: bool,
    /// Width of the knee between the lines, in units of strain; 0 is a sharp corner.
    ///
    /// With `k` the width, `max(t - t0, 0)` becomes `k log(1 + exp((t - t0)/k))`. Real metals yield gradually, and the derivative
    /// by the yield strain is then smooth. `E` and `H` remain the slopes far from the knee.
    pub knee: f64,
}

/// A stress-strain curve of two lines: `f(t) = E min(t, t0) + H max(t - t0, 0)`, with parameters `theta = (E, H, t0)`.
///
/// `E` is the elastic modulus, `H` the hardening modulus, `t0` the yield strain; [`quantities`](Expert::quantities) adds the yield
/// stress `E t0`. The fit of the sharp corner is exact and global, in one pass over the points, and does not look at where it is
/// asked to start; a rounded knee is refined from it by Levenberg and Marquardt's method.
#[derive(Debug, Clone, PartialEq)]
pub struct StrainHardening {
    strain: Array1<f64>,
    options: HardeningOptions,
    names: Vec<String>,
    units: Vec<String>,
    links: Vec<Link>,
    value_unit: String,
}

impl StrainHardening {
    /// An expert on the strains (d) at which stress is measured: strictly increasing, not negative.
    ///
    /// # Errors
    /// [`Error::Description`] for fewer than three strains above zero, strains that are negative, not finite or not increasing, or a
    /// knee that is negative or not finite.
    pub fn new(strain: ArrayView1<'_, f64>, options: HardeningOptions, units: &CurveUnits) -> Result<Self> {
        let refuse = |what: String, got: String, requirement: &str| {
            Err(Error::Description { what, got, requirement: requirement.to_owned() })
        };
        if let Some((j, t)) = strain.iter().enumerate().find(|(_, t)| !(t.is_finite() && **t >= 0.0)) {
            return refuse(format!("strain {j}"), t.to_string(), "finite and not negative");
        }
        if let Some(j) = (1..strain.len()).find(|&j| strain[j] <= strain[j - 1]) {
            return refuse(format!("strain {j}"), strain[j].to_string(), "above the strain before it");
        }
        let positive = strain.iter().filter(|t| **t > 0.0).count();
        if positive < 3 {
            return refuse("number of strains above zero".into(), positive.to_string(), "three or more");
        }
        if !(options.knee.is_finite() && options.knee >= 0.0) {
            return refuse("knee".into(), options.knee.to_string(), "finite and not negative");
        }
        let modulus = match (units.value.as_str(), units.axis.as_str()) {
            (value, "") => value.to_owned(),
            ("", axis) => format!("1/{axis}"),
            (value, axis) => format!("{value}/{axis}"),
        };
        let upper = strain[strain.len() - 1];
        Ok(Self {
            strain: strain.to_owned(),
            options,
            names: ["elastic modulus", "hardening modulus", "yield strain"].map(str::to_owned).to_vec(),
            units: vec![modulus.clone(), modulus, units.axis.clone()],
            links: vec![Link::Positive, Link::Identity, Link::Interval { lower: 0.0, upper }],
            value_unit: units.value.clone(),
        })
    }

    /// The strains (d).
    pub fn strain(&self) -> ArrayView1<'_, f64> {
        self.strain.view()
    }

    /// `max(t - t0, 0)` or its rounded form, less its value at `t = 0`, so that the curve passes through the origin.
    fn plastic(&self, t: f64, yield_strain: f64) -> f64 {
        let knee = self.options.knee;
        if knee > 0.0 {
            knee * (softplus((t - yield_strain) / knee) - softplus(-yield_strain / knee))
        } else {
            // `+ min(t0, 0)`: a yield strain below zero, which a search may visit, must not move the curve off the origin.
            (t - yield_strain).max(0.0) + yield_strain.min(0.0)
        }
    }

    /// Its derivative by `t0`.
    fn plastic_slope(&self, t: f64, yield_strain: f64) -> f64 {
        let knee = self.options.knee;
        if knee > 0.0 {
            logistic(-yield_strain / knee) - logistic((t - yield_strain) / knee)
        } else {
            f64::from(u8::from(yield_strain < 0.0)) - f64::from(u8::from(t > yield_strain))
        }
    }
}

impl Expert for StrainHardening {
    fn n_outputs(&self) -> usize {
        self.strain.len()
    }

    fn parameter_names(&self) -> &[String] {
        &self.names
    }

    fn parameter_units(&self) -> &[String] {
        &self.units
    }

    /// A modulus above zero, any hardening, a yield strain within what was measured.
    fn links(&self) -> &[Link] {
        &self.links
    }

    /// The parameters, and the yield stress `E t0` with `Var = t0^2 Var(E) + E^2 Var(t0) + 2 E t0 Cov(E, t0)`.
    fn quantities(&self, theta: ArrayView1<'_, f64>, covariance: Option<ArrayView2<'_, f64>>) -> Vec<Quantity> {
        let error = |gradient: &Array1<f64>| covariance.map(|c| gradient.dot(&c.dot(gradient)).max(0.0).sqrt());
        let unit_vector = |p: usize| Array1::from_shape_fn(3, |q| f64::from(u8::from(p == q)));
        let mut quantities: Vec<Quantity> = (0..3)
            .map(|p| Quantity {
                name: self.names[p].clone(),
                unit: self.units[p].clone(),
                value: theta[p],
                standard_error: error(&unit_vector(p)),
            })
            .collect();
        quantities.push(Quantity {
            name: "yield stress".to_owned(),
            unit: self.value_unit.clone(),
            value: theta[ELASTIC] * theta[YIELD],
            standard_error: error(&array![theta[YIELD], 0.0, theta[ELASTIC]]),
        });
        quantities
    }

    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        let (elastic, hardening, yield_strain) = (theta[ELASTIC], theta[HARDENING], theta[YIELD]);
        for (out, &t) in out.iter_mut().zip(&self.strain) {
            let plastic = self.plastic(t, yield_strain);
            *out = elastic * (t - plastic) + hardening * plastic;
        }
    }

    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        let (elastic, hardening, yield_strain) = (theta[ELASTIC], theta[HARDENING], theta[YIELD]);
        for (mut out, &t) in out.outer_iter_mut().zip(&self.strain) {
            let plastic = self.plastic(t, yield_strain);
            out[ELASTIC] = t - plastic;
            out[HARDENING] = plastic;
            out[YIELD] = (hardening - elastic) * self.plastic_slope(t, yield_strain);
        }
    }

    fn fit(
        &self,
        mean: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
        theta: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        for (array, got, expected) in [
            ("mean", mean.len(), self.n_outputs()),
            ("weight", weight.len(), self.n_outputs()),
            ("theta", theta.len(), 3),
        ] {
            if got != expected {
                return Err(ExpertError::Shape { array, expected, got });
            }
        }
        least_squares::check(mean, weight)?;
        let sharp = two_lines::fit(self.strain.view(), mean, weight, self.options.stiffening)?;
        let (theta, residual, iterations, converged) = if self.options.knee > 0.0 {
            let refined = search::minimise(self, mean, weight, sharp.theta.view())?;
            (refined.theta, refined.residual, refined.iterations, refined.converged)
        } else {
            (sharp.theta, sharp.residual, 1, true)
        };
        let covariance_factor = search::covariance_factor(self, theta.view(), weight);
        Ok(ExpertFit { theta, residual, covariance_factor, iterations, converged })
    }
}

/// `log(1 + exp(x))`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(-x))`, the derivative of [`softplus`].
fn logistic(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}
