//! Who is near whom, kept while atoms move a little.

use super::structure::Structure;
use super::vector::{Vec3, dot, sub};

/// For every atom the atoms, periodic images included, that lie within a cutoff, or came so near that they may get
/// there while no atom moves further than half the skin.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    of: Vec<Vec<(usize, [i32; 3])>>,
    skin: f64,
    made_for: Vec<Vec3>,
}

impl Neighbours {
    /// Finds all neighbours within `cutoff + skin`, Angstrom.
    pub(super) fn find(structure: &Structure, cutoff: f64, skin: f64) -> Self {
        let positions = structure.positions();
        let reciprocal = structure.reciprocal();
        let mut of = vec![Vec::new(); positions.len()];
        for i in 0..positions.len() {
            for j in i..positions.len() {
                structure.images(&reciprocal, &positions[i], &positions[j], cutoff + skin, |shift, _| {
                    if i != j {
                        of[i].push((j, shift));
                        of[j].push((i, shift.map(|n| -n)));
                    } else if shift != [0; 3] {
                        of[i].push((i, shift));
                    }
                });
            }
        }
        Self { of, skin, made_for: positions.to_vec() }
    }

    /// Whether all neighbours within the cutoff are still among those listed.
    pub(super) fn still_hold(&self, structure: &Structure) -> bool {
        let most = 0.25 * self.skin * self.skin;
        self.made_for.iter().zip(structure.positions()).all(|(before, now)| {
            let moved = sub(now, before);
            dot(&moved, &moved) <= most
        })
    }

    /// The neighbours of an atom: who, and how many cells away.
    pub(super) fn of(&self, atom: usize) -> &[(usize, [i32; 3])] {
        &self.of[atom]
    }
}
