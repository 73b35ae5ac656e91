//! Second derivatives of the energy, atom by atom and image by image.

use std::collections::BTreeMap;

use super::neighbours::Neighbours;
use super::potential::{Angle, Bond, StillingerWeber};
use super::structure::Structure;
use super::vector::{IDENTITY, Mat3, add_matrix, add_outer, transpose};

/// The Hessian of a periodic structure in blocks `H_ij(T) = d2E / du_i(0) du_j(T)`, eV/Angstrom^2, where `u_j(T)` moves
/// the image of atom `j` that is `T` whole cells away. Since the blocks carry their shift, a wave through the crystal
/// is right however small the cell: `D_ij(q) = sum_T H_ij(T) exp(2 pi i q . T) / m`.
#[derive(Debug, Clone, PartialEq)]
pub struct ForceConstants {
    n_atoms: usize,
    blocks: BTreeMap<(usize, usize, [i32; 3]), Mat3>,
}

impl ForceConstants {
    /// How many atoms there are in the cell.
    pub fn n_atoms(&self) -> usize {
        self.n_atoms
    }

    /// All blocks that are not zero: atom `i`, atom `j`, shift `T`, `H_ij(T)`.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, usize, [i32; 3], &[[f64; 3]; 3])> {
        self.blocks.iter().map(|(&(i, j, shift), block)| (i, j, shift, block))
    }

    fn add(&mut self, i: usize, j: usize, shift: [i32; 3], scale: f64, block: &Mat3) {
        add_matrix(self.blocks.entry((i, j, shift)).or_default(), scale, block);
    }

    /// Adds `d2E / d(bond one) d(bond two)`, both bonds from the same centre: a bond's vector is its end minus the centre.
    fn add_bonds(&mut self, centre: usize, one: &Bond, two: &Bond, scale: f64, block: &Mat3) {
        let between = std::array::from_fn(|k| two.shift[k] - one.shift[k]);
        let home = one.shift.map(|n| -n);
        self.add(one.to, two.to, between, scale, block);
        self.add(one.to, centre, home, -scale, block);
        self.add(centre, two.to, two.shift, -scale, block);
        self.add(centre, centre, [0; 3], scale, block);
    }
}

impl StillingerWeber {
    /// The analytic Hessian of a structure, at rest or not.
    pub fn force_constants(&self, structure: &Structure) -> ForceConstants {
        let neighbours = Neighbours::find(structure, self.cutoff(), 0.0);
        let mut hessian = ForceConstants { n_atoms: structure.n_atoms(), blocks: BTreeMap::new() };
        let mut bonds = Vec::new();
        for centre in 0..structure.n_atoms() {
            self.bonds(structure, &neighbours, centre, &mut bonds);
            for bond in &bonds {
                let [_, dv, ddv] = self.pair(bond.length);
                hessian.add_bonds(centre, bond, bond, 0.5, &stretched(bond, dv, ddv));
            }
            for (at, one) in bonds.iter().enumerate() {
                for two in &bonds[..at] {
                    let [same_one, same_two, mixed] = self.bend(one, two);
                    hessian.add_bonds(centre, one, one, 1.0, &same_one);
                    hessian.add_bonds(centre, two, two, 1.0, &same_two);
                    hessian.add_bonds(centre, one, two, 1.0, &mixed);
                    hessian.add_bonds(centre, two, one, 1.0, &transpose(&mixed));
                }
            }
        }
        hessian
    }

    /// Second derivatives of one triplet's energy by its bonds: one-one, two-two, one-two.
    fn bend(&self, one: &Bond, two: &Bond) -> [Mat3; 3] {
        let angle = Angle::between(one, two);
        let c = angle.cosine;
        let bend = c - self.cos_theta_0;
        let strength = self.lambda * self.epsilon;
        let (f, g) = (one.fade, two.fade);
        let by_cosine = 2.0 * strength * f[0] * g[0] * bend;
        let by_cosine_twice = 2.0 * strength * f[0] * g[0];

        let same = |bond: &Bond, other: &Bond, own: &[f64; 3]| {
            // Along the bond, as for a pair; then length with angle, and angle with angle.
            let scale = strength * other.fade[0] * bend;
            let mut block = stretched(bond, scale * bend * bond.fade[1], scale * bend * bond.fade[2]);
            let with_length = 2.0 * scale * bond.fade[1];
            add_outer(&mut block, with_length - by_cosine / bond.length, &bond.unit, own);
            add_outer(&mut block, with_length - by_cosine / bond.length, own, &bond.unit);
            add_outer(&mut block, by_cosine_twice, own, own);
            // d2c/da2 = -(c_a n^T + n c_a^T) / r - c (1 - n n^T) / r^2; the first part is above.
            let across = -by_cosine * c / (bond.length * bond.length);
            add_matrix(&mut block, across, &IDENTITY);
            add_outer(&mut block, -across, &bond.unit, &bond.unit);
            block
        };
        let [by_one, by_two] = &angle.gradient;
        let mut mixed = [[0.0; 3]; 3];
        add_outer(&mut mixed, strength * f[1] * g[1] * bend * bend, &one.unit, &two.unit);
        add_outer(&mut mixed, 2.0 * strength * f[1] * g[0] * bend, &one.unit, by_two);
        add_outer(&mut mixed, 2.0 * strength * f[0] * g[1] * bend, by_one, &two.unit);
        add_outer(&mut mixed, by_cosine_twice, by_one, by_two);
        // d2c/da db = ((1 - n_b n_b^T) / r_b - n_a c_b^T) / r_a.
        let scale = by_cosine / one.length;
        add_matrix(&mut mixed, scale / two.length, &IDENTITY);
        add_outer(&mut mixed, -scale / two.length, &two.unit, &two.unit);
        add_outer(&mut mixed, -scale, &one.unit, by_two);
        [same(one, two, by_one), same(two, one, by_two), mixed]
    }
}

/// Second derivative of a function of a bond's length: `v'' n n^T + v'/r (1 - n n^T)`.
fn stretched(bond: &Bond, dv: f64, ddv: f64) -> Mat3 {
    let across = dv / bond.length;
    let mut block = IDENTITY.map(|row| row.map(|x| x * across));
    add_outer(&mut block, ddv - across, &bond.unit, &bond.unit);
    block
}
