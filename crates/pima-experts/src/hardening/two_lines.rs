//! The weighted least squares fit of two joined lines, the first through the origin: exact, global, one pass.
//!
//! With `a = (E - H) t0` the points left of the corner are modelled by `E t` and those right of it by `a + H t`. Between two
//! neighbouring points the sum of squares is a convex quadratic in `(E, H, a)`, and the condition that the corner lies between them
//! is a double cone `t_{k-1} <= a/(E - H) <= t_k`, on whose faces the corner is at a point. So the minimum over all corners is the
//! least of: for every gap the two independent lines, where they meet inside the gap; and for every point the two lines that join
//! there. Either needs sums over the points to the left and to the right alone.

use ndarray::{Array1, Array2, ArrayView1, array};
use pima_core::ExpertError;

use crate::linear::least_squares;

/// The best two lines.
#[derive(Debug)]
pub(super) struct TwoLines {
    /// `(E, H, t0)`.
    pub(super) theta: Array1<f64>,
    /// The minimum of the weighted sum of squares.
    pub(super) residual: f64,
}

/// Fits the lines to `stress` (d) at `strain` (d, increasing, not negative) with `weight` (d); points of weight zero do not matter.
/// `stiffening` false demands `E >= H`.
///
/// # Errors
/// [`ExpertError::Undetermined`] with fewer than three points of positive weight and strain.
pub(super) fn fit(
    strain: ArrayView1<'_, f64>,
    stress: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    stiffening: bool,
) -> Result<TwoLines, ExpertError> {
    // Nothing in the model moves the curve at strain zero.
    let used: Vec<usize> = (0..strain.len()).filter(|&j| weight[j] > 0.0 && strain[j] > 0.0).collect();
    if used.len() < 3 {
        return Err(ExpertError::Undetermined { rank: used.len(), n_parameters: 3 });
    }
    let points = Points::new(&used, strain, stress, weight);
    let best = points.search(stiffening);
    let theta = points.polish(&best).unwrap_or_else(|| points.theta(best.lines));
    let at_origin = (0..strain.len()).filter(|&j| weight[j] > 0.0 && strain[j] == 0.0);
    let residual = at_origin.map(|j| weight[j] * stress[j] * stress[j]).sum::<f64>();
    let residual = residual + points.residual(&theta) * points.weight_scale;
    Ok(TwoLines { theta, residual })
}

/// Where the corner is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Corner {
    /// Between points `k - 1` and `k`.
    Gap(usize),
    /// At point `k`.
    Point(usize),
    /// Nowhere: one line through the origin.
    None,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// `(E, H, t0)`, scaled.
    lines: [f64; 3],
    /// The sum of squares less that of the data.
    cost: f64,
    corner: Corner,
}

/// The points that count, scaled so that the last strain, the greatest stress and the greatest weight are one: products of sums
/// then neither overflow nor vanish, whatever the units.
struct Points {
    t: Vec<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    strain_scale: f64,
    stress_scale: f64,
    weight_scale: f64,
}

/// Weighted sums over a range of points: `w, w t, w t^2, w y, w t y`.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    w: f64,
    t: f64,
    tt: f64,
    y: f64,
    ty: f64,
}

impl Sums {
    fn with(self, t: f64, y: f64, w: f64) -> Self {
        Self { w: self.w + w, t: self.t + w * t, tt: self.tt + w * t * t, y: self.y + w * y, ty: self.ty + w * t * y }
    }

    /// The line through the origin: its slope, and by how much it lowers the sum of squares.
    fn line_through_origin(self) -> (f64, f64) {
        let slope = self.ty / self.tt;
        (slope, slope * self.ty)
    }

    /// The free line: intercept, slope, and by how much it lowers the sum of squares; `None` for fewer than two points.
    fn free_line(self) -> Option<(f64, f64, f64)> {
        let spread = self.tt - self.t * self.t / self.w;
        // Rounding leaves a spread of about epsilon * tt where there is a single point.
        if spread <= 1e-12 * self.tt {
            return None;
        }
        let slope = (self.ty - self.t * self.y / self.w) / spread;
        let intercept = (self.y - slope * self.t) / self.w;
        Some((intercept, slope, intercept * self.y + slope * self.ty))
    }
}

impl Points {
    fn new(
        used: &[usize],
        strain: ArrayView1<'_, f64>,
        stress: ArrayView1<'_, f64>,
        weight: ArrayView1<'_, f64>,
    ) -> Self {
        let greatest = |values: ArrayView1<'_, f64>| {
            let greatest = used.iter().fold(0.0_f64, |most, &j| most.max(values[j].abs()));
            if greatest > 0.0 { greatest } else { 1.0 }
        };
        let (strain_scale, stress_scale, weight_scale) = (greatest(strain), greatest(stress), greatest(weight));
        let scaled = |values: ArrayView1<'_, f64>, scale: f64| used.iter().map(|&j| values[j] / scale).collect();
        Self {
            t: scaled(strain, strain_scale),
            y: scaled(stress, stress_scale),
            w: scaled(weight, weight_scale),
            strain_scale,
            stress_scale,
            weight_scale: weight_scale * stress_scale * stress_scale,
        }
    }

    /// All corners; the first of equals.
    fn search(&self, stiffening: bool) -> Candidate {
        let n = self.t.len();
        let mut all = vec![Sums::default(); n + 1];
        for k in (0..n).rev() {
            // From the right, so that sums over the right-hand points are no differences of larger ones.
            all[k] = all[k + 1].with(self.t[k], self.y[k], self.w[k]);
        }
        let (slope, gain) = all[0].line_through_origin();
        let mut best = Candidate { lines: [slope, slope, self.t[n - 1]], cost: -gain, corner: Corner::None };
        let mut consider = |lines: [f64; 3], cost: f64, corner: Corner| {
            let admissible = lines.iter().all(|value| value.is_finite()) && (stiffening || lines[0] >= lines[1]);
            if admissible && cost < best.cost {
                best = Candidate { lines, cost, corner };
            }
        };
        let mut left = Sums::default();
        for k in 1..n {
            left = left.with(self.t[k - 1], self.y[k - 1], self.w[k - 1]);
            let right = all[k];
            let (elastic, left_gain) = left.line_through_origin();
            if let Some((intercept, hardening, right_gain)) = right.free_line() {
                let corner = intercept / (elastic - hardening);
                if corner > self.t[k - 1] && corner < self.t[k] {
                    consider([elastic, hardening, corner], -(left_gain + right_gain), Corner::Gap(k));
                }
            }
            let at = self.t[k - 1];
            if let Some((elastic, hardening, gain)) = joined_at(at, left, right) {
                consider([elastic, hardening, at], -gain, Corner::Point(k - 1));
            }
        }
        best
    }

    /// The candidate's own linear least squares problem solved again by QR: the sums chose the corner, but lose digits where a line is
    /// nearly undetermined. `None` if the answer no longer keeps to its corner.
    fn polish(&self, best: &Candidate) -> Option<Array1<f64>> {
        let n = self.t.len();
        let basis = match best.corner {
            Corner::None => return None,
            Corner::Point(k) => Array2::from_shape_fn((n, 2), |(j, p)| {
                if p == 0 { self.t[j].min(self.t[k]) } else { (self.t[j] - self.t[k]).max(0.0) }
            }),
            Corner::Gap(k) => Array2::from_shape_fn((n, 3), |(j, p)| match (j < k, p) {
                (true, 0) => self.t[j],
                (false, 1) => self.t[j],
                (false, 2) => 1.0,
                _ => 0.0,
            }),
        };
        let (y, w) = (ArrayView1::from(&self.y), ArrayView1::from(&self.w));
        let solution = least_squares::solve(basis.view(), y, w).ok()?.theta;
        let corner = match best.corner {
            Corner::Point(k) => self.t[k],
            _ => solution[2] / (solution[0] - solution[1]),
        };
        let keeps = match best.corner {
            Corner::Gap(k) => corner >= self.t[k - 1] && corner <= self.t[k],
            _ => true,
        };
        let keeps_order = (solution[0] >= solution[1]) == (best.lines[0] >= best.lines[1]);
        (keeps && keeps_order).then(|| self.theta([solution[0], solution[1], corner]))
    }

    /// Scaled lines in the units of the data.
    fn theta(&self, [elastic, hardening, corner]: [f64; 3]) -> Array1<f64> {
        let modulus = self.stress_scale / self.strain_scale;
        array![elastic * modulus, hardening * modulus, corner * self.strain_scale]
    }

    /// The sum of squares, scaled; taken from the residuals themselves.
    fn residual(&self, theta: &Array1<f64>) -> f64 {
        let modulus = self.stress_scale / self.strain_scale;
        let (elastic, hardening, corner) = (theta[0] / modulus, theta[1] / modulus, theta[2] / self.strain_scale);
        let points = self.t.iter().zip(&self.y).zip(&self.w);
        points
            .map(|((&t, &y), &w)| {
                let lines = elastic * t.min(corner) + hardening * (t - corner).max(0.0);
                w * (y - lines) * (y - lines)
            })
            .sum()
    }
}

/// Two lines that join at strain `at`, from the sums left of it (itself included) and right of it: `(E, H, gain)`.
fn joined_at(at: f64, left: Sums, right: Sums) -> Option<(f64, f64, f64)> {
    // Basis u = min(t, at), v = max(t - at, 0); on the right u = at and v = t - at.
    let uu = left.tt + at * at * right.w;
    let uv = at * (right.t - at * right.w);
    let vv = right.tt - 2.0 * at * right.t + at * at * right.w;
    let uy = left.ty + at * right.y;
    let vy = right.ty - at * right.y;
    let determinant = uu * vv - uv * uv;
    if determinant <= 1e-14 * uu * vv {
        return None;
    }
    let elastic = (vv * uy - uv * vy) / determinant;
    let hardening = (uu * vy - uv * uy) / determinant;
    Some((elastic, hardening, elastic * uy + hardening * vy))
}
