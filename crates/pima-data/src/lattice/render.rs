//! A lattice as a camera sees its face: parallel rays marched through the solid, lit from the upper left.

use rand::Rng;

use super::structure::{LatticeKind, Solid};
use super::vector::{Vector, along, dot, unit};
use crate::rng::normal;

/// How deep one looks into the lattice, in cells; what is beyond is dark.
const DEPTH: f32 = 1.6;
/// Close enough to the surface, in cells: a tenth of a pixel.
const TOUCH: f32 = 1.5e-3;
const MAX_STEPS: usize = 96;
/// Standard deviation of where a specimen stands before the camera, in cells along each axis.
const PLACE: f32 = 0.02;

/// Where the camera stands and the light falls from; differs a little from specimen to specimen.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The image's right, down and into the lattice.
    right: Vector,
    down: Vector,
    into: Vector,
    /// Towards the light.
    light: Vector,
    /// Where in the unit cell the middle of the image looks.
    centre: Vector,
    /// Length of a pixel, in cells.
    pixel: f32,
    /// Distinguishes the roughness of one specimen from that of another.
    grain: u32,
}

impl View {
    /// A view of `cells` cells over `side` pixels, tilted by about `tilt` radians about each axis.
    pub(super) fn draw<R: Rng + ?Sized>(kind: LatticeKind, cells: f32, side: usize, tilt: f32, rng: &mut R) -> Self {
        let [a, b, turn] = [(); 3].map(|()| tilt * normal(rng));
        let right = unit([turn.cos(), turn.sin(), a]);
        let into = unit([-a, b, 1.0]);
        let down = cross(into, right);
        let light = unit([-0.42 + 0.04 * normal(rng), -0.55 + 0.04 * normal(rng), -0.72]);
        // Printed specimens end at a whole cell: the gyroid's sheets are cut there, the octet's outermost struts are whole.
        let front = match kind {
            LatticeKind::Gyroid => 0.03 * normal(rng),
            LatticeKind::Octet => 0.0,
        };
        // The specimen stands in the rig with its middle before the camera, give or take.
        let centre = [PLACE * normal(rng), PLACE * normal(rng), front];
        Self { right, down, into, light, centre, pixel: cells / side as f32, grain: rng.next_u32() }
    }
}

/// Brightness (side, side), row by row, 0 for no light; about 1 where metal faces the light.
pub(super) fn render(solid: &Solid, view: &View, side: usize) -> Vec<f32> {
    let mut image = vec![0.0; side * side];
    let middle = 0.5 * (side as f32 - 1.0);
    for (row, line) in image.chunks_exact_mut(side).enumerate() {
        for (column, out) in line.iter_mut().enumerate() {
            let across = along(view.centre, (column as f32 - middle) * view.pixel, view.right);
            let from = along(across, (row as f32 - middle) * view.pixel, view.down);
            *out = brightness(solid, view, from);
        }
    }
    image
}

fn brightness(solid: &Solid, view: &View, from: Vector) -> f32 {
    // The face of the specimen is a plane of the lattice, not of the camera: a tilted ray starts where it meets it.
    let front = match solid.kind {
        LatticeKind::Gyroid => view.centre[2],
        LatticeKind::Octet => view.centre[2] - solid.thickness,
    };
    let start = along(from, (front - from[2]) / view.into[2], view.into);
    if solid.kind == LatticeKind::Gyroid && solid.distance(start) <= 0.0 {
        // Cut metal: flat, as rough as the saw left it.
        let normal = rough([0.0, 0.0, -1.0], start, view.grain, 0.10);
        return shade(normal, view, 1.0, 0.0);
    }
    let mut depth = 0.0;
    for _ in 0..MAX_STEPS {
        let at = along(start, depth, view.into);
        let distance = solid.distance_behind_face(at);
        if distance < TOUCH {
            let smooth = solid.normal(at);
            let normal = rough(smooth, at, view.grain, 0.22);
            return shade(normal, view, openness(solid, at, smooth, front), depth);
        }
        depth += distance.max(TOUCH);
        if depth > DEPTH {
            break;
        }
    }
    0.012
}

/// Light from above, a wide highlight as of dull metal, and what light is left in the depth.
fn shade(normal: Vector, view: &View, openness: f32, depth: f32) -> f32 {
    let diffuse = dot(normal, view.light).max(0.0);
    let half = unit([view.light[0] - view.into[0], view.light[1] - view.into[1], view.light[2] - view.into[2]]);
    let highlight = dot(normal, half).max(0.0).powi(14);
    let facing = (-dot(normal, view.into)).max(0.0);
    let light = openness * (0.16 + 0.10 * facing + 0.52 * diffuse) + 0.30 * highlight * openness * openness;
    light * (-1.5 * depth).exp()
}

/// How much of the surroundings a point of the surface sees: 1 in the open, less in corners. Four probes along the normal, as far as each
/// falls short of the free way it would have over a plane; above the face all is free.
fn openness(solid: &Solid, at: Vector, normal: Vector, front: f32) -> f32 {
    let mut hidden = 0.0;
    let mut weight = 1.0;
    for step in 1..=4 {
        let reach = 0.035 * step as f32;
        let probe = along(at, reach, normal);
        if probe[2] > front {
            hidden += weight * (reach - solid.distance_behind_face(probe)).max(0.0) / reach;
        }
        weight *= 0.75;
    }
    (1.0 - 0.42 * hidden).clamp(0.0, 1.0)
}

/// The normal of a surface with half-molten powder grains on it.
fn rough(normal: Vector, at: Vector, grain: u32, strength: f32) -> Vector {
    let fine = noise(at, 34.0, grain);
    let coarse = noise(at, 13.0, grain ^ 0x9e37_79b9);
    unit([0, 1, 2].map(|k| normal[k] + strength * (fine[k] + 0.6 * coarse[k])))
}

/// Smooth noise in [-1, 1] per component, `frequency` knots a cell.
fn noise(at: Vector, frequency: f32, salt: u32) -> Vector {
    let knots = at.map(|x| x * frequency);
    let floor = knots.map(f32::floor);
    let share = [0, 1, 2].map(|k| {
        let f = knots[k] - floor[k];
        f * f * (3.0 - 2.0 * f)
    });
    let mut sum = [0.0; 3];
    for corner in 0..8_i32 {
        let offset = [corner & 1, (corner >> 1) & 1, corner >> 2];
        let weight: f32 = (0..3).map(|k| if offset[k] == 1 { share[k] } else { 1.0 - share[k] }).product();
        let hash = scramble([0, 1, 2].map(|k| floor[k] as i32 + offset[k]), salt);
        for (k, sum) in sum.iter_mut().enumerate() {
            let value = ((hash >> (10 * k)) & 1023) as f32 / 511.5 - 1.0;
            *sum += weight * value;
        }
    }
    sum
}

/// Well-mixed bits from a knot's place (the finaliser of MurmurHash3).
fn scramble(knot: [i32; 3], salt: u32) -> u32 {
    let mut h = salt;
    for k in knot {
        h = (h ^ k as u32).wrapping_mul(0x85eb_ca6b).rotate_left(13);
    }
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
