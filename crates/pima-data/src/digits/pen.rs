//! The hand: what a template becomes when somebody writes it.

use rand::Rng;

use super::DigitStyle;
use super::templates::{STYLES, Stroke};
use crate::rng::normal;

/// A point of the pen's path: where it is, in heights of the digit, and how wide it draws, relative to the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
}

/// Points per span between two control points.
const DOTS_PER_SPAN: usize = 7;

/// Writes a digit: picks one of its styles, moves the control points, joins them by smooth curves, then slants,
/// stretches, turns and bends the whole. Returns one path per stroke, in heights of the digit, not yet centred.
pub(super) fn write_digit<R: Rng>(digit: usize, style: &DigitStyle, rng: &mut R) -> Vec<Vec<Dot>> {
    let strokes = pick(digit, rng);
    let slant = style.slant_mean + style.slant * normal(rng);
    let turn = style.turn * normal(rng);
    let aspect = (style.aspect * normal(rng)).exp();
    let (sin, cos) = turn.sin_cos();
    let bend = Bend::draw(style.elastic, rng);
    strokes
        .iter()
        .map(|stroke| {
            let moved = move_points(stroke, style.jitter, rng);
            let mut path = smooth(&moved);
            press(&mut path, style.pressure, rng);
            for dot in &mut path {
                let (x, y) = bend.at(dot.x - 0.35, dot.y - 0.5);
                let x = aspect * x - slant * y;
                (dot.x, dot.y) = (cos * x - sin * y, sin * x + cos * y);
            }
            path
        })
        .collect()
}

fn pick<R: Rng>(digit: usize, rng: &mut R) -> &'static [Stroke] {
    let styles = STYLES[digit];
    let total: f32 = styles.iter().map(|style| style.weight).sum();
    let mut left = total * rng.random::<f32>();
    for style in styles {
        left -= style.weight;
        if left < 0.0 {
            return style.strokes;
        }
    }
    styles[0].strokes
}

/// Moves the control points, all of a stroke together and each for itself; a corner (a point given twice) stays one.
fn move_points<R: Rng>(stroke: &[(f32, f32)], jitter: f32, rng: &mut R) -> Vec<(f32, f32)> {
    let together = (0.5 * jitter * normal(rng), 0.5 * jitter * normal(rng));
    let mut moved: Vec<(f32, f32)> = Vec::with_capacity(stroke.len());
    for (at, &(x, y)) in stroke.iter().enumerate() {
        let next = if at > 0 && stroke[at - 1] == (x, y) {
            moved[at - 1]
        } else {
            (x + together.0 + jitter * normal(rng), y + together.1 + jitter * normal(rng))
        };
        moved.push(next);
    }
    moved
}

/// A centripetal Catmull-Rom curve through the points (Yuksel et al. 2011: no cusps and no loops of its own between
/// points), broken at the corners.
fn smooth(points: &[(f32, f32)]) -> Vec<Dot> {
    let mut path = Vec::with_capacity(points.len() * DOTS_PER_SPAN + 1);
    let dot = |(x, y): (f32, f32)| Dot { x, y, width: 1.0 };
    path.push(dot(points[0]));
    let mut from = 0;
    while from + 1 < points.len() {
        // A smooth piece ends at the next corner or at the end of the stroke.
        let to = (from + 1..points.len() - 1).find(|&at| points[at] == points[at + 1]).unwrap_or(points.len() - 1);
        let piece = &points[from..=to];
        for span in 0..piece.len() - 1 {
            let (b, c) = (piece[span], piece[span + 1]);
            let a = if span > 0 { piece[span - 1] } else { mirror(b, c) };
            let d = piece.get(span + 2).copied().unwrap_or_else(|| mirror(c, b));
            for step in 1..=DOTS_PER_SPAN {
                let t = step as f32 / DOTS_PER_SPAN as f32;
                path.push(dot(catmull_rom([a, b, c, d], t)));
            }
        }
        from = if to + 1 < points.len() { to + 1 } else { to };
    }
    path
}

/// The point that continues a curve straight beyond its end: `end` reflected away from `inner`.
fn mirror(end: (f32, f32), inner: (f32, f32)) -> (f32, f32) {
    (2.0 * end.0 - inner.0, 2.0 * end.1 - inner.1)
}

/// The curve from `p[1]` to `p[2]` at `t` in [0, 1], by Barry and Goldman's pyramid.
fn catmull_rom(p: [(f32, f32); 4], t: f32) -> (f32, f32) {
    let knot = |a: (f32, f32), b: (f32, f32)| (a.0 - b.0).hypot(a.1 - b.1).sqrt().max(1e-3);
    let t1 = knot(p[0], p[1]);
    let t2 = t1 + knot(p[1], p[2]);
    let t3 = t2 + knot(p[2], p[3]);
    let t = t1 + t * (t2 - t1);
    let mix = |a: (f32, f32), b: (f32, f32), ta: f32, tb: f32| {
        let weight = (t - ta) / (tb - ta);
        (a.0 + weight * (b.0 - a.0), a.1 + weight * (b.1 - a.1))
    };
    let (a1, a2, a3) = (mix(p[0], p[1], 0.0, t1), mix(p[1], p[2], t1, t2), mix(p[2], p[3], t2, t3));
    let (b1, b2) = (mix(a1, a2, 0.0, t2), mix(a2, a3, t1, t3));
    mix(b1, b2, t1, t2)
}

/// Lets the pressure of the pen swell and fade slowly along a stroke.
fn press<R: Rng>(path: &mut [Dot], pressure: f32, rng: &mut R) {
    let phase = std::f32::consts::TAU * rng.random::<f32>();
    let waves = 0.5 + 1.5 * rng.random::<f32>();
    let fade = pressure * normal(rng);
    let last = (path.len() - 1).max(1) as f32;
    for (at, dot) in path.iter_mut().enumerate() {
        let along = at as f32 / last;
        let swell = pressure * (phase + std::f32::consts::TAU * waves * along).sin();
        dot.width = (swell + fade * (along - 0.5)).exp();
    }
}

/// A smooth elastic deformation of the plane: a few slow waves in random directions.
struct Bend([Wave; 4]);

struct Wave {
    kx: f32,
    ky: f32,
    phase: f32,
    dx: f32,
    dy: f32,
}

impl Bend {
    /// Waves of one to two heights' length, moving points by about `strength` in all.
    fn draw<R: Rng>(strength: f32, rng: &mut R) -> Self {
        let mut wave = || {
            let k = std::f32::consts::TAU * (0.4 + 0.8 * rng.random::<f32>());
            let (sin, cos) = (std::f32::consts::TAU * rng.random::<f32>()).sin_cos();
            let phase = std::f32::consts::TAU * rng.random::<f32>();
            let (dx, dy) = (0.7 * strength * normal(rng), 0.7 * strength * normal(rng));
            Wave { kx: k * cos, ky: k * sin, phase, dx, dy }
        };
        Self([wave(), wave(), wave(), wave()])
    }

    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        let mut out = (x, y);
        for wave in &self.0 {
            let height = (wave.kx * x + wave.ky * y + wave.phase).sin();
            out.0 += wave.dx * height;
            out.1 += wave.dy * height;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_keeps_its_corners() {
        let points = [(0.0, 0.0), (0.5, 0.1), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
        let path = smooth(&points);
        for point in points {
            let nearest = path.iter().map(|dot| (dot.x - point.0).hypot(dot.y - point.1)).fold(f32::INFINITY, f32::min);
            assert!(nearest < 1e-6, "{point:?} missed by {nearest}");
        }
        // Four spans: the corner itself is none.
        assert_eq!(path.len(), 4 * DOTS_PER_SPAN + 1);
    }

    #[test]
    fn a_straight_row_of_points_is_a_straight_line() {
        let path = smooth(&[(0.0, 0.0), (0.1, 0.2), (0.4, 0.8), (0.5, 1.0)]);
        assert!(path.iter().all(|dot| (dot.y - 2.0 * dot.x).abs() < 1e-5));
        assert!(path.windows(2).all(|pair| pair[1].y > pair[0].y));
    }
}
