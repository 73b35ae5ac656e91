//! The two lattices as solids: how far a point is from the metal, in lengths of a unit cell.

use serde::{Deserialize, Serialize};

use super::vector::{Vector, dot};

/// What a unit cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatticeKind {
    /// A sheet along the gyroid surface, `|sin X cos Y + sin Y cos Z + sin Z cos X| < thickness` with `X = 2 pi x`.
    Gyroid,
    /// Round struts of radius `thickness` between nearest neighbours of a face-centred cubic lattice.
    Octet,
}

impl LatticeKind {
    /// Both, in the order of their labels.
    pub const ALL: [Self; 2] = [Self::Gyroid, Self::Octet];

    /// The name of the label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gyroid => "gyroid",
            Self::Octet => "octet",
        }
    }

    /// The thicknesses between which the solid is a lattice: neither dust nor a block.
    pub(super) fn thicknesses(self) -> (f64, f64) {
        match self {
            Self::Gyroid => (0.05, 1.0),
            Self::Octet => (0.02, 0.16),
        }
    }
}

/// A lattice of one thickness, unit cells of side one, everywhere in space.
#[derive(Debug, Clone)]
pub(super) struct Solid {
    pub(super) kind: LatticeKind,
    pub(super) thickness: f32,
    waves: Waves,
}

impl Solid {
    pub(super) fn new(kind: LatticeKind, thickness: f64) -> Self {
        Self { kind, thickness: thickness as f32, waves: Waves::new() }
    }

    /// A length that no straight way to the surface undercuts, negative inside: exact for the octet, for the gyroid by the slope
    /// of its function.
    #[inline]
    pub(super) fn distance(&self, at: Vector) -> f32 {
        match self.kind {
            LatticeKind::Gyroid => {
                // The gradient of the function is at most about 3 pi where the sheet is.
                const SLOPE: f32 = 3.0 * std::f32::consts::PI;
                let ([sx, sy, sz], [cx, cy, cz]) = self.waves.at(at);
                ((sx * cy + sy * cz + sz * cx).abs() - self.thickness) / SLOPE
            }
            LatticeKind::Octet => nearest_strut(at) - self.thickness,
        }
    }

    /// As [`distance`](Self::distance), of a specimen that ends at the plane z = 0: the gyroid is cut there, the octet keeps the front halves of
    /// the struts that lie in that plane and nothing else in front of it.
    #[inline]
    pub(super) fn distance_behind_face(&self, at: Vector) -> f32 {
        if self.kind == LatticeKind::Octet && at[2] < 0.0 {
            let [x, y, z] = at.map(|x| (x - x.round()).abs());
            let in_face = (0.5 * (x - y) * (x - y) + z * z).sqrt() - self.thickness;
            // What is behind the face may be nearer, so no step leads far beyond it.
            return in_face.min(0.004 - at[2]);
        }
        self.distance(at)
    }

    /// The outward unit normal of the surface near a point.
    pub(super) fn normal(&self, at: Vector) -> Vector {
        let gradient = match self.kind {
            LatticeKind::Gyroid => {
                let ([sx, sy, sz], [cx, cy, cz]) = self.waves.at(at);
                let sign = (sx * cy + sy * cz + sz * cx).signum();
                [sign * (cx * cy - sz * sx), sign * (cy * cz - sx * sy), sign * (cz * cx - sy * sz)]
            }
            LatticeKind::Octet => {
                const STEP: f32 = 2e-3;
                let slope = |axis: usize| {
                    let (mut ahead, mut behind) = (at, at);
                    ahead[axis] += STEP;
                    behind[axis] -= STEP;
                    self.distance_behind_face(ahead) - self.distance_behind_face(behind)
                };
                [slope(0), slope(1), slope(2)]
            }
        };
        let length = dot(gradient, gradient).sqrt().max(1e-12);
        gradient.map(|g| g / length)
    }

    /// The share of space that is metal, to about a thousandth of itself.
    pub(super) fn density(&self) -> f64 {
        // An eighth of the octet's cell is all of it by symmetry; the gyroid's repeats when shifted by half a cell in all directions.
        let (n, size) = match self.kind {
            LatticeKind::Gyroid => (56, [1.0, 1.0, 0.5]),
            LatticeKind::Octet => (48, [0.5, 0.5, 0.5]),
        };
        let place = |i: usize, size: f32| (i as f32 + 0.5) * size / n as f32;
        // Half a step of the grid, on either side of the surface, counts in part.
        let width = size[0] / n as f32;
        let mut inside = 0.0_f64;
        for i in 0..n {
            for j in 0..n {
                for k in 0..n {
                    let at = [place(i, size[0]), place(j, size[1]), place(k, size[2])];
                    let distance = match self.kind {
                        LatticeKind::Octet => self.distance(at),
                        LatticeKind::Gyroid => self.signed_length(at),
                    };
                    inside += f64::from((0.5 - distance / width).clamp(0.0, 1.0));
                }
            }
        }
        inside / (n * n * n) as f64
    }

    /// The gyroid's distance to first order, by the slope where the point is.
    fn signed_length(&self, at: Vector) -> f32 {
        let ([sx, sy, sz], [cx, cy, cz]) = self.waves.at(at);
        let slope = [cx * cy - sz * sx, cy * cz - sx * sy, cz * cx - sy * sz];
        let slope = std::f32::consts::TAU * dot(slope, slope).sqrt().max(0.1);
        ((sx * cy + sy * cz + sz * cx).abs() - self.thickness) / slope
    }
}

/// Distance to the axis of the nearest strut. The lattice is its own mirror image in all planes at whole and half cells, so every point
/// has its like in one eighth of a cell, a cube whose six faces each have a strut as one diagonal.
#[inline]
fn nearest_strut(at: Vector) -> f32 {
    const HALF: f32 = 0.5;
    let [x, y, z] = at.map(|x| (x - x.round()).abs());
    let square = |along: f32, across: f32| HALF * along * along + across * across;
    let low = square(x - y, z).min(square(y - z, x)).min(square(z - x, y));
    let high = square(x + y - HALF, z - HALF).min(square(y + z - HALF, x - HALF)).min(square(z + x - HALF, y - HALF));
    low.min(high).sqrt()
}

/// Sine and cosine of whole turns, from a table: the gyroid asks for six at every step of every ray.
#[derive(Debug, Clone)]
struct Waves(Vec<f32>);

impl Waves {
    const N: usize = 4096;

    fn new() -> Self {
        let sine = |i: usize| (std::f64::consts::TAU * i as f64 / Self::N as f64).sin() as f32;
        Self((0..Self::N + Self::N / 4).map(sine).collect())
    }

    /// Sines and cosines of `2 pi x` in three directions.
    #[inline]
    fn at(&self, at: Vector) -> ([f32; 3], [f32; 3]) {
        let place = at.map(|x| (((x - x.floor()) * Self::N as f32) as usize) & (Self::N - 1));
        (place.map(|i| self.0[i]), place.map(|i| self.0[i + Self::N / 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_are_those_counted_point_by_point() {
        // Points inside, of 200^3 in a gyroid's cell and 300^3 in an eighth of an octet's, counted once with exact sines.
        let known = [
            (LatticeKind::Gyroid, [(0.2, 0.1287), (0.3, 0.1936), (0.4, 0.2582), (0.5, 0.3234)].as_slice()),
            (LatticeKind::Octet, [(0.06, 0.1584), (0.08, 0.2621), (0.10, 0.3785)].as_slice()),
        ];
        for (kind, known) in known {
            for &(thickness, density) in known {
                let found = Solid::new(kind, thickness).density();
                assert!((found / density - 1.0).abs() < 5e-3, "{kind:?} {thickness}: {found} is not {density}");
            }
        }
    }

    #[test]
    fn the_nearest_strut_is_the_nearest_of_all_struts() {
        // All struts about the cell: between lattice points (integers of even sum, in half cells) one face diagonal apart.
        let points: Vec<[i32; 3]> = (-2..=4)
            .flat_map(|x| (-2..=4).flat_map(move |y| (-2..=4).map(move |z| [x, y, z])))
            .filter(|[x, y, z]| (x + y + z) % 2 == 0)
            .collect();
        let half = |p: [i32; 3]| p.map(|x| 0.5 * x as f32);
        let mut struts = Vec::new();
        for (i, &a) in points.iter().enumerate() {
            for &b in &points[..i] {
                let square: i32 = (0..3).map(|k| (a[k] - b[k]).pow(2)).sum();
                if square == 2 {
                    struts.push((half(a), half(b)));
                }
            }
        }
        for i in 0..200_u32 {
            // A low-discrepancy walk through the cell.
            let at = [0.754_877_7, 0.569_840_3, 0.362_167_3].map(|step: f32| (i as f32 * step).fract());
            let brute = struts
                .iter()
                .map(|&(a, b)| {
                    let along = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
                    let from = [at[0] - a[0], at[1] - a[1], at[2] - a[2]];
                    let share = (dot(from, along) / dot(along, along)).clamp(0.0, 1.0);
                    let off = [0, 1, 2].map(|k| from[k] - share * along[k]);
                    dot(off, off).sqrt()
                })
                .fold(f32::INFINITY, f32::min);
            assert!((nearest_strut(at) - brute).abs() < 1e-5, "{at:?}: {} is not {brute}", nearest_strut(at));
        }
    }

    #[test]
    fn no_step_of_the_given_distance_crosses_the_surface() {
        for solid in [Solid::new(LatticeKind::Gyroid, 0.35), Solid::new(LatticeKind::Octet, 0.07)] {
            for i in 0..300_u32 {
                let at = [0.754_877_7, 0.569_840_3, 0.362_167_3].map(|step: f32| (i as f32 * step).fract());
                let (distance, normal) = (solid.distance(at), solid.normal(at));
                assert!((dot(normal, normal) - 1.0).abs() < 1e-4);
                if distance > 0.0 {
                    let there = [0, 1, 2].map(|k| at[k] - 0.9 * distance * normal[k]);
                    assert!(solid.distance(there) > -2e-3, "{solid:?} at {at:?}");
                }
            }
        }
    }
}
