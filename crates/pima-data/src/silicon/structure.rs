//! Atoms in a periodic cell.

use super::vector::{Mat3, Vec3, add_scaled, cross, determinant, dot, row_times, times_column};
use crate::error::{Error, Result};

/// Atoms of one kind in a periodic cell. Lengths in Angstrom.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    cell: Mat3,
    positions: Vec<Vec3>,
}

impl Structure {
    /// Atoms at `positions` in the cell whose rows are the three lattice vectors. Positions may lie outside the cell.
    ///
    /// # Errors
    /// [`Error::Structure`] for no atoms, numbers that are not finite, or lattice vectors that are not right-handed.
    pub fn new(cell: [[f64; 3]; 3], positions: Vec<[f64; 3]>) -> Result<Self> {
        let refuse = |problem: &str| Err(Error::Structure { problem: problem.to_owned() });
        if positions.is_empty() {
            return refuse("it has no atoms");
        }
        if !cell.iter().chain(&positions).flatten().all(|x| x.is_finite()) {
            return refuse("a coordinate is not finite");
        }
        if determinant(&cell) <= 0.0 {
            return refuse("the lattice vectors span no volume, or are left-handed");
        }
        Ok(Self { cell, positions })
    }

    /// The diamond lattice: `repeats` conventional cubic cells of eight atoms with the lattice constant `a`, Angstrom.
    ///
    /// # Errors
    /// [`Error::Structure`] if a repeat is zero or `a` is not positive.
    pub fn diamond(a: f64, repeats: [usize; 3]) -> Result<Self> {
        // Quarters of the lattice constant.
        const BASIS: [[f64; 3]; 8] = [
            [0.0, 0.0, 0.0],
            [0.0, 2.0, 2.0],
            [2.0, 0.0, 2.0],
            [2.0, 2.0, 0.0],
            [1.0, 1.0, 1.0],
            [1.0, 3.0, 3.0],
            [3.0, 1.0, 3.0],
            [3.0, 3.0, 1.0],
        ];
        let mut positions = Vec::with_capacity(8 * repeats.iter().product::<usize>());
        for x in 0..repeats[0] {
            for y in 0..repeats[1] {
                for z in 0..repeats[2] {
                    let corner = [x as f64, y as f64, z as f64];
                    positions.extend(BASIS.iter().map(|at| std::array::from_fn(|k| a * (corner[k] + 0.25 * at[k]))));
                }
            }
        }
        let edge = |k: usize| a * repeats[k] as f64;
        Self::new([[edge(0), 0.0, 0.0], [0.0, edge(1), 0.0], [0.0, 0.0, edge(2)]], positions)
    }

    /// The same atoms carried along by a deformation gradient: every lattice vector and position `r` becomes `F r`.
    ///
    /// # Errors
    /// [`Error::Structure`] if `F` is not finite or turns the cell inside out.
    pub fn deformed(&self, gradient: &[[f64; 3]; 3]) -> Result<Self> {
        let cell = self.cell.map(|vector| times_column(gradient, &vector));
        Self::new(cell, self.positions.iter().map(|position| times_column(gradient, position)).collect())
    }

    /// The three lattice vectors, by rows.
    pub fn cell(&self) -> &[[f64; 3]; 3] {
        &self.cell
    }

    /// Where the atoms are.
    pub fn positions(&self) -> &[[f64; 3]] {
        &self.positions
    }

    /// How many atoms there are.
    pub fn n_atoms(&self) -> usize {
        self.positions.len()
    }

    /// Volume of the cell, cubic Angstrom.
    pub fn volume(&self) -> f64 {
        determinant(&self.cell)
    }

    /// For whoever moves, adds or removes atoms: they must stay finite, and one must stay.
    pub(super) fn positions_mut(&mut self) -> &mut Vec<Vec3> {
        &mut self.positions
    }

    /// The lattice vector of a shift by whole cells.
    pub(super) fn translation(&self, shift: [i32; 3]) -> Vec3 {
        row_times(&shift.map(f64::from), &self.cell)
    }

    /// Rows `b_k` with `b_k . r` the fractional coordinate `k` of `r`; `1 / |b_k|` is the distance between faces `k`.
    pub(super) fn reciprocal(&self) -> Mat3 {
        let [a, b, c] = &self.cell;
        let volume = self.volume();
        [cross(b, c), cross(c, a), cross(a, b)].map(|row| row.map(|x| x / volume))
    }

    /// Calls `visit(shift, vector)` with every vector from `from` to a periodic image of `to` that is shorter than
    /// `cutoff`; `shift` are the whole cells by which that image is away from `to` itself.
    pub(super) fn images(
        &self,
        reciprocal: &Mat3,
        from: &Vec3,
        to: &Vec3,
        cutoff: f64,
        mut visit: impl FnMut([i32; 3], Vec3),
    ) {
        let mut direct = *to;
        add_scaled(&mut direct, -1.0, from);
        let fractional = times_column(reciprocal, &direct);
        let nearest = fractional.map(|x| -x.round());
        // A fraction within half a cell of zero, and faces 1/|b| apart: more cells away than this is out of reach.
        let reach: [i32; 3] = std::array::from_fn(|k| {
            let faces = dot(&reciprocal[k], &reciprocal[k]).sqrt().recip();
            (cutoff / faces + 0.5).floor() as i32
        });
        let square = cutoff * cutoff;
        for x in -reach[0]..=reach[0] {
            for y in -reach[1]..=reach[1] {
                for z in -reach[2]..=reach[2] {
                    let shift = [nearest[0] as i32 + x, nearest[1] as i32 + y, nearest[2] as i32 + z];
                    let mut vector = self.translation(shift);
                    add_scaled(&mut vector, 1.0, &direct);
                    if dot(&vector, &vector) < square {
                        visit(shift, vector);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_structure_is_refused() {
        let cube = [[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]];
        let problem = |cell, positions| Structure::new(cell, positions).unwrap_err().to_string();
        assert!(problem(cube, vec![]).contains("no atoms"));
        assert!(problem(cube, vec![[0.0, f64::NAN, 0.0]]).contains("not finite"));
        assert!(problem([cube[1], cube[0], cube[2]], vec![[0.0; 3]]).contains("left-handed"));
        assert!(Structure::diamond(5.0, [2, 0, 2]).is_err());
    }

    #[test]
    fn every_atom_of_diamond_has_four_neighbours_in_any_cell() {
        let a = 5.43;
        for (repeats, shear) in [([1, 1, 1], 0.0), ([2, 1, 3], 0.02)] {
            let gradient = [[1.0, shear, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            let structure = Structure::diamond(a, repeats).unwrap().deformed(&gradient).unwrap();
            let reciprocal = structure.reciprocal();
            for from in structure.positions() {
                let mut found = 0;
                for to in structure.positions() {
                    structure
                        .images(&reciprocal, from, to, 0.5 * a, |_, vector| found += i32::from(vector != [0.0; 3]));
                }
                assert_eq!(found, 4);
            }
        }
    }

    #[test]
    fn images_reach_as_far_as_asked() {
        // One atom in a small skew cell: images within a radius, against a count over many more cells than needed.
        let cell = [[2.0, 0.0, 0.0], [0.9, 2.1, 0.0], [0.3, -0.8, 1.9]];
        let structure = Structure::new(cell, vec![[0.3, 0.2, 0.1]]).unwrap();
        let (cutoff, at) = (6.3, structure.positions()[0]);
        let mut found = 0;
        structure.images(&structure.reciprocal(), &at, &at, cutoff, |_, _| found += 1);
        let mut expected = 0;
        for x in -12..=12 {
            for y in -12..=12 {
                for z in -12..=12 {
                    let vector = structure.translation([x, y, z]);
                    expected += i32::from(dot(&vector, &vector) < cutoff * cutoff);
                }
            }
        }
        assert_eq!(found, expected);
    }
}
