//! The vibrational density of states: frequencies as a smooth curve.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a density of states is drawn: `points` frequencies evenly from 0 to `highest`, both ends included, each mode a
/// Gaussian of standard deviation `width`. In THz.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DensityOptions {
    /// Number of points; 10,794 in the 2023 paper (A.3).
    pub points: usize,
    /// The highest frequency, THz.
    pub highest: f64,
    /// Standard deviation of a mode's Gaussian, THz.
    pub width: f64,
}

impl Default for DensityOptions {
    fn default() -> Self {
        Self { points: 10_794, highest: 25.0, width: 0.4 }
    }
}

impl DensityOptions {
    /// # Errors
    /// [`Error::Parameter`] for fewer than two points, and a range or width that is not positive and finite, or a
    /// width that the points are too far apart to follow.
    pub fn check(&self) -> Result<()> {
        let refuse = |name, value, requirement| Err(Error::Parameter { name, value, requirement });
        if self.points < 2 {
            return refuse("density.points", self.points as f64, "a curve needs two points at least");
        }
        if !(self.highest.is_finite() && self.highest > 0.0) {
            return refuse("density.highest", self.highest, "must be positive and finite, in THz");
        }
        if !(self.width.is_finite() && self.width >= self.step()) {
            return refuse("density.width", self.width, "must be finite, and at least the distance between two points");
        }
        Ok(())
    }

    /// The frequencies at which the density is given, THz.
    pub fn frequencies(&self) -> Vec<f64> {
        (0..self.points).map(|at| at as f64 * self.step()).collect()
    }

    fn step(&self) -> f64 {
        self.highest / (self.points - 1) as f64
    }

    /// The density of states over [`DensityOptions::frequencies`], 1/THz: Gaussians around `modes` (THz), scaled to
    /// unit area (by the trapezoidal rule). What a Gaussian has outside the range is lost. All zero if no mode is near.
    ///
    /// The options must have been checked.
    pub fn density(&self, modes: &[f64]) -> Vec<f64> {
        // Beyond this a Gaussian is 2e-11 of its top.
        const REACH: f64 = 7.0;
        let step = self.step();
        let mut density = vec![0.0; self.points];
        let ratio = step / self.width;
        // From point to point a Gaussian changes by a factor that itself changes by a constant factor.
        let change = (-ratio * ratio).exp();
        for &mode in modes {
            let first = ((mode - REACH * self.width) / step).ceil().max(0.0);
            let last = ((mode + REACH * self.width) / step).floor().min((self.points - 1) as f64);
            let centre = (mode / step).round().clamp(first, last.max(first));
            if last < first {
                continue;
            }
            let (first, centre, last) = (first as usize, centre as usize, last as usize);
            let offset = (centre as f64 * step - mode) / self.width;
            let top = (-0.5 * offset * offset).exp();
            let (mut value, mut factor) = (top, (-ratio * offset - 0.5 * ratio * ratio).exp());
            for x in &mut density[centre..=last] {
                *x += value;
                value *= factor;
                factor *= change;
            }
            let mut factor = (ratio * offset - 0.5 * ratio * ratio).exp();
            value = top;
            for x in density[first..centre].iter_mut().rev() {
                value *= factor;
                factor *= change;
                *x += value;
            }
        }
        let ends = 0.5 * (density[0] + density[self.points - 1]);
        let area = step * (density.iter().sum::<f64>() - ends);
        if area > 0.0 {
            density.iter_mut().for_each(|x| *x /= area);
        }
        density
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Straight from the definition.
    fn slow(options: &DensityOptions, modes: &[f64]) -> Vec<f64> {
        let gaussian = |f: f64| modes.iter().map(|m| (-0.5 * ((f - m) / options.width).powi(2)).exp()).sum::<f64>();
        let density: Vec<f64> = options.frequencies().into_iter().map(gaussian).collect();
        let area: f64 = density.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]) * options.step()).sum();
        density.into_iter().map(|x| x / area).collect()
    }

    #[test]
    fn the_recurrence_draws_gaussians() {
        let options = DensityOptions::default();
        let modes = [0.1, 4.3, 4.31, 11.0, 17.999, 24.9, 25.3];
        let (fast, slow) = (options.density(&modes), slow(&options, &modes));
        let top = slow.iter().fold(0.0_f64, |most, &x| most.max(x));
        for (x, y) in fast.iter().zip(&slow) {
            assert!((x - y).abs() < 1e-9 * top, "{x} {y}");
        }
    }

    #[test]
    fn the_area_is_one_and_nothing_is_negative() {
        let options = DensityOptions { points: 500, ..DensityOptions::default() };
        let density = options.density(&[0.05, 12.0, 18.0]);
        let area: f64 = density.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]) * options.step()).sum();
        assert!((area - 1.0).abs() < 1e-12, "{area}");
        assert!(density.iter().all(|&x| x >= 0.0));
        assert!(options.density(&[100.0]).iter().all(|&x| x == 0.0));
    }

    #[test]
    fn options_are_checked() {
        let all = DensityOptions::default();
        assert!(all.check().is_ok());
        for wrong in [
            DensityOptions { points: 1, ..all },
            DensityOptions { highest: -1.0, ..all },
            DensityOptions { width: 0.0, ..all },
            DensityOptions { width: f64::NAN, ..all },
            DensityOptions { points: 10, ..all },
        ] {
            assert!(matches!(wrong.check(), Err(Error::Parameter { .. })), "{wrong:?}");
        }
    }
}
