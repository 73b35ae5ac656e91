//! The potential of Stillinger and Weber, Phys. Rev. B 31, 5262 (1985): energy, forces and virial.

use super::neighbours::Neighbours;
use super::structure::Structure;
use super::vector::{Mat3, Vec3, add_outer, add_scaled, dot};

/// 1 eV per cubic Angstrom, in GPa.
pub(super) const GPA: f64 = 160.217_663_4;

/// Pairs and triplets of atoms within a cutoff of `a sigma`:
///
/// `v2(r) = A eps (B (sigma/r)^p - (sigma/r)^q) exp(sigma / (r - a sigma))`,
/// `v3 = lambda eps (cos theta - cos theta_0)^2 exp(gamma sigma / (r1 - a sigma)) exp(gamma sigma / (r2 - a sigma))`.
///
/// The default is silicon as Stillinger and Weber had it, with the energy scaled to the measured cohesive energy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StillingerWeber {
    /// `eps`, eV.
    pub epsilon: f64,
    /// `sigma`, Angstrom.
    pub sigma: f64,
    /// Cutoff in units of `sigma`.
    pub a: f64,
    /// Strength of the three-body term.
    pub lambda: f64,
    /// How fast the three-body term fades.
    pub gamma: f64,
    /// Cosine of the angle between bonds at rest.
    pub cos_theta_0: f64,
    /// `A`, strength of the two-body term.
    pub pair_strength: f64,
    /// `B`, strength of its repulsive part.
    pub repulsion: f64,
    /// `p`, power of the repulsive part.
    pub repulsive_power: i32,
    /// `q`, power of the attractive part.
    pub attractive_power: i32,
    /// Mass of an atom, atomic mass units.
    pub mass: f64,
}

impl Default for StillingerWeber {
    fn default() -> Self {
        Self {
            epsilon: 2.1683,
            sigma: 2.0951,
            a: 1.8,
            lambda: 21.0,
            gamma: 1.2,
            cos_theta_0: -0.333_333_333_333,
            pair_strength: 7.049_556_277,
            repulsion: 0.602_224_558_4,
            repulsive_power: 4,
            attractive_power: 0,
            mass: 28.0855,
        }
    }
}

/// What the potential says about a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Potential energy of the cell, eV.
    pub energy: f64,
    /// Force on each atom, eV/Angstrom.
    pub forces: Vec<[f64; 3]>,
    /// `-dE/d(strain)`, eV; symmetric.
    pub virial: [[f64; 3]; 3],
}

impl Evaluation {
    /// The stress tensor at rest in GPa, in the order xx, yy, zz, xy, xz, yz; compression is positive.
    pub fn stress(&self, volume: f64) -> [f64; 6] {
        let w = &self.virial;
        [w[0][0], w[1][1], w[2][2], w[0][1], w[0][2], w[1][2]].map(|x| x / volume * GPA)
    }

    /// The largest component of a force, eV/Angstrom.
    pub fn largest_force(&self) -> f64 {
        self.forces.iter().flatten().fold(0.0, |most, f| f.abs().max(most))
    }
}

/// A function of a distance and its first two derivatives.
pub(super) type Radial = [f64; 3];

/// A neighbour within the cutoff.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bond {
    pub(super) to: usize,
    pub(super) shift: [i32; 3],
    pub(super) vector: Vec3,
    pub(super) length: f64,
    pub(super) unit: Vec3,
    /// The bond's factor in the three-body term, `exp(gamma sigma / (r - a sigma))`.
    pub(super) fade: Radial,
}

/// The angle between two bonds of one atom and its change: `c = cos theta`, `dc/d(vector)` for each bond.
pub(super) struct Angle {
    pub(super) cosine: f64,
    pub(super) gradient: [Vec3; 2],
}

impl Angle {
    pub(super) fn between(one: &Bond, two: &Bond) -> Self {
        let cosine = dot(&one.unit, &two.unit);
        let gradient =
            |of: &Bond, other: &Bond| std::array::from_fn(|k| (other.unit[k] - cosine * of.unit[k]) / of.length);
        Self { cosine, gradient: [gradient(one, two), gradient(two, one)] }
    }
}

impl StillingerWeber {
    /// Beyond this distance atoms do not feel each other, Angstrom.
    pub fn cutoff(&self) -> f64 {
        self.a * self.sigma
    }

    /// Energy, forces and virial of a structure.
    pub fn evaluate(&self, structure: &Structure) -> Evaluation {
        self.evaluate_near(structure, &Neighbours::find(structure, self.cutoff(), 0.0))
    }

    /// The same with neighbours already found.
    pub(super) fn evaluate_near(&self, structure: &Structure, neighbours: &Neighbours) -> Evaluation {
        let mut energy = 0.0;
        let mut forces = vec![[0.0; 3]; structure.n_atoms()];
        let mut virial: Mat3 = [[0.0; 3]; 3];
        let mut bonds = Vec::new();
        for centre in 0..structure.n_atoms() {
            self.bonds(structure, neighbours, centre, &mut bonds);
            for bond in &bonds {
                // Every pair is met from both its ends.
                let [v, dv, _] = self.pair(bond.length);
                energy += 0.5 * v;
                pull(&mut forces, &mut virial, centre, bond, 0.5 * dv, &bond.unit);
            }
            for (at, one) in bonds.iter().enumerate() {
                for two in &bonds[..at] {
                    let angle = Angle::between(one, two);
                    let bend = angle.cosine - self.cos_theta_0;
                    let strength = self.lambda * self.epsilon;
                    let fades = strength * one.fade[0] * two.fade[0];
                    energy += fades * bend * bend;
                    for (bond, other, by_angle) in [(one, two, &angle.gradient[0]), (two, one, &angle.gradient[1])] {
                        let stretch = strength * bond.fade[1] * other.fade[0] * bend * bend;
                        pull(&mut forces, &mut virial, centre, bond, stretch, &bond.unit);
                        pull(&mut forces, &mut virial, centre, bond, 2.0 * fades * bend, by_angle);
                    }
                }
            }
        }
        Evaluation { energy, forces, virial }
    }

    /// The bonds of one atom into `bonds`.
    pub(super) fn bonds(&self, structure: &Structure, neighbours: &Neighbours, centre: usize, bonds: &mut Vec<Bond>) {
        bonds.clear();
        let positions = structure.positions();
        for &(to, shift) in neighbours.of(centre) {
            let mut vector = if shift == [0; 3] { [0.0; 3] } else { structure.translation(shift) };
            add_scaled(&mut vector, 1.0, &positions[to]);
            add_scaled(&mut vector, -1.0, &positions[centre]);
            let length = dot(&vector, &vector).sqrt();
            if length < self.cutoff() {
                let unit = vector.map(|x| x / length);
                let fade = self.fade(self.gamma, length);
                bonds.push(Bond { to, shift, vector, length, unit, fade });
            }
        }
    }

    /// `v2` at a distance below the cutoff.
    pub(super) fn pair(&self, r: f64) -> Radial {
        let (p, q) = (self.repulsive_power, self.attractive_power);
        let ratio = self.sigma / r;
        let (repulsion, attraction) = (self.repulsion * ratio.powi(p), ratio.powi(q));
        let (p, q) = (f64::from(p), f64::from(q));
        let poly = repulsion - attraction;
        let dpoly = -(p * repulsion - q * attraction) / r;
        let ddpoly = (p * (p + 1.0) * repulsion - q * (q + 1.0) * attraction) / (r * r);
        let [e, de, dde] = self.fade(1.0, r);
        let scale = self.pair_strength * self.epsilon;
        [scale * poly * e, scale * (dpoly * e + poly * de), scale * (ddpoly * e + 2.0 * dpoly * de + poly * dde)]
    }

    /// `exp(gamma sigma / (r - a sigma))` at a distance below the cutoff. It goes to zero there with all derivatives.
    fn fade(&self, gamma: f64, r: f64) -> Radial {
        let gap = r - self.cutoff();
        let u = gamma * self.sigma / gap;
        let e = u.exp();
        let slope = -u / gap;
        [e, slope * e, (slope * slope + 2.0 * u / (gap * gap)) * e]
    }
}

/// Adds what `dE/d(vector of the bond) = size * direction` means for forces and virial.
fn pull(forces: &mut [Vec3], virial: &mut Mat3, centre: usize, bond: &Bond, size: f64, direction: &Vec3) {
    add_scaled(&mut forces[centre], size, direction);
    add_scaled(&mut forces[bond.to], -size, direction);
    add_outer(virial, -size, direction, &bond.vector);
}
