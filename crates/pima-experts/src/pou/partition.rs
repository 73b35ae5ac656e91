//! Partitions of unity on a line: bumps divided by their sum.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The shape of a bump with centre m and width b.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// `exp(-|t - m| / b)` (Walker et al. 2023, appendix A.1). It has a kink at its centre, which a smooth curve has not: fits
    /// end at about 1e-9 of the curve and 1e-6 of its derivative.
    Exponential,
    /// `exp(-(t - m)^2 / b^2)`: smooth, and fits of smooth curves go on to rounding.
    #[default]
    Gaussian,
}

impl Bump {
    /// Logarithm of the bump at a distance `d = t - m` from the centre, and its derivative with respect to t. `at_kink` is what
    /// stands for the sign of d where it is zero.
    fn log(self, d: f64, width: f64, at_kink: f64) -> (f64, f64) {
        match self {
            Self::Exponential => {
                let side = if d == 0.0 { at_kink } else { d.signum() };
                (-d.abs() / width, -side / width)
            }
            Self::Gaussian => (-(d / width) * (d / width), -2.0 * d / (width * width)),
        }
    }

    /// Derivative of the logarithm with respect to t.
    pub(super) fn log_by_time(self, d: f64, width: f64) -> f64 {
        self.log(d, width, 0.0).1
    }

    /// Derivative of the logarithm with respect to the logarithm of the width.
    pub(super) fn log_by_log_width(self, d: f64, width: f64) -> f64 {
        match self {
            Self::Exponential => d.abs() / width,
            Self::Gaussian => 2.0 * (d / width) * (d / width),
        }
    }
}

/// Bumps with a centre and a width each; divided by their sum they are a partition of unity, `sum_i phi_i(t) = 1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    bump: Bump,
    centres: Vec<f64>,
    widths: Vec<f64>,
    /// The least and the greatest centre.
    outermost: (f64, f64),
}

impl Partition {
    /// `n` bumps whose centres divide `[start, end]` evenly, both ends included, of width `relative_width` times the spacing.
    ///
    /// # Errors
    /// [`Error::Description`] for no bumps, an interval that is empty or not finite, or a width that is not positive.
    pub fn even(bump: Bump, start: f64, end: f64, n: usize, relative_width: f64) -> Result<Self> {
        if !(start < end && (end - start).is_finite()) {
            return Err(description(
                "interval of a partition".into(),
                format!("[{start}, {end}]"),
                "of positive length",
            ));
        }
        // A single bump is one everywhere.
        let spacing = (end - start) / n.saturating_sub(1).max(1) as f64;
        let centres = (0..n).map(|i| start + spacing * i as f64).collect();
        Self::new(bump, centres, vec![relative_width * spacing; n])
    }

    /// Bumps with any centres and widths.
    ///
    /// # Errors
    /// [`Error::Description`] for no bumps, unequal numbers of centres and widths, a centre that is not finite or a width that is
    /// not positive.
    pub fn new(bump: Bump, centres: Vec<f64>, widths: Vec<f64>) -> Result<Self> {
        if centres.is_empty() || centres.len() != widths.len() {
            let got = format!("{} centres and {} widths", centres.len(), widths.len());
            return Err(description("a partition".into(), got, "as many centres as widths, at least one"));
        }
        if let Some((i, m)) = centres.iter().enumerate().find(|(_, m)| !m.is_finite()) {
            return Err(description(format!("centre {i} of a partition"), m.to_string(), "finite"));
        }
        if let Some((i, b)) = widths.iter().enumerate().find(|(_, b)| !(b.is_finite() && **b > 0.0)) {
            return Err(description(format!("width {i} of a partition"), b.to_string(), "positive and finite"));
        }
        let outermost = centres.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &m| (a.min(m), b.max(m)));
        Ok(Self { bump, centres, widths, outermost })
    }

    /// Number of bumps, n.
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Whether there are no bumps; there always are.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// The shape of the bumps.
    pub fn bump(&self) -> Bump {
        self.bump
    }

    /// The centres (n).
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// The widths (n).
    pub fn widths(&self) -> &[f64] {
        &self.widths
    }

    /// Writes `phi_i(t)` and `dphi_i/dt` into two slices (n). From the largest logarithm down: no t is so far away that all bumps
    /// vanish. At the kink of an exponential bump the derivative is the mean of both sides; at the outermost centres, which evenly
    /// spaced ones put where the data end, it is that of the inner side.
    pub fn evaluate(&self, t: f64, values: &mut [f64], derivatives: &mut [f64]) {
        let mut largest = f64::NEG_INFINITY;
        let at_kink = if t == self.outermost.0 {
            1.0
        } else if t == self.outermost.1 {
            -1.0
        } else {
            0.0
        };
        for (i, (value, derivative)) in values.iter_mut().zip(derivatives.iter_mut()).enumerate() {
            (*value, *derivative) = self.bump.log(t - self.centres[i], self.widths[i], at_kink);
            largest = largest.max(*value);
        }
        let mut sum = 0.0;
        for value in values.iter_mut() {
            *value = (*value - largest).exp();
            sum += *value;
        }
        let mut mean = 0.0;
        for (value, derivative) in values.iter_mut().zip(derivatives.iter()) {
            *value /= sum;
            mean += *value * derivative;
        }
        for (value, derivative) in values.iter().zip(derivatives.iter_mut()) {
            *derivative = value * (*derivative - mean);
        }
    }
}

pub(super) fn description(what: String, got: String, requirement: &str) -> Error {
    Error::Description { what, got, requirement: requirement.to_owned() }
}
