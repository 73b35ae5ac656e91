//! From a recipe to one structure at rest: what it has gone through is drawn, and done.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::recipe::{Choice, Deformation, Disorder, ProcessClass, Recipe, draw_by_weight};
use super::structure::Structure;
use super::vector::{IDENTITY, Mat3, Vec3, dot, row_times};
use crate::error::Result;

/// What a structure has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Kind of disorder.
    pub disorder: Disorder,
    /// How much: atoms, or Angstrom.
    pub disorder_amount: f64,
    /// Kind of deformation.
    pub deformation: Deformation,
    /// How much: fraction of the length.
    pub deformation_amount: f64,
    /// The cube axis of a uniaxial compression: 0, 1 or 2.
    pub axis: usize,
}

impl Process {
    /// Draws a process of a class.
    pub(super) fn draw<R: Rng + ?Sized>(class: &ProcessClass, rng: &mut R) -> Self {
        let disorder = draw_choice(&class.disorder, rng);
        let deformation = draw_choice(&class.deformation, rng);
        let [least, most] = disorder.amount;
        let share = rng.random::<f64>();
        let disorder_amount = match disorder.kind {
            Disorder::None => 0.0,
            Disorder::Vacancies | Disorder::Interstitials => (least + (share * (most - least + 1.0)).floor()).min(most),
            Disorder::Scattered => least + share * (most - least),
        };
        let [least, most] = deformation.amount;
        let deformation_amount = least + rng.random::<f64>() * (most - least);
        let axis = (3.0 * rng.random::<f64>()) as usize;
        Self { disorder: disorder.kind, disorder_amount, deformation: deformation.kind, deformation_amount, axis }
    }

    /// The structure before it comes to rest: disordered, then compressed.
    pub(super) fn apply<R: Rng + ?Sized>(&self, recipe: &Recipe, rng: &mut R) -> Result<Structure> {
        let mut structure = Structure::diamond(recipe.lattice_constant, recipe.repeats)?;
        let gradient = self.gradient(recipe.cell_scatter, rng);
        let count = self.disorder_amount as usize;
        match self.disorder {
            Disorder::None => {}
            Disorder::Vacancies => {
                for _ in 0..count {
                    let at = draw_index(structure.n_atoms(), rng);
                    structure.positions_mut().swap_remove(at);
                }
            }
            Disorder::Interstitials => {
                for _ in 0..count {
                    let gap = widest_gap(&structure, rng);
                    structure.positions_mut().push(gap);
                }
            }
            Disorder::Scattered => {
                for x in structure.positions_mut().iter_mut().flatten() {
                    *x += self.disorder_amount * normal(rng);
                }
            }
        }
        structure.deformed(&gradient)
    }

    /// The compression and the cell's scatter.
    fn gradient<R: Rng + ?Sized>(&self, scatter: f64, rng: &mut R) -> Mat3 {
        let mut gradient = IDENTITY;
        for a in 0..3 {
            for b in a..3 {
                let strain = scatter * normal(rng);
                gradient[a][b] += strain;
                if a != b {
                    gradient[b][a] += strain;
                }
            }
        }
        let shorter = 1.0 - self.deformation_amount;
        for k in 0..3 {
            let pressed = match self.deformation {
                Deformation::None => false,
                Deformation::Uniaxial => k == self.axis,
                Deformation::Hydrostatic => true,
            };
            if pressed {
                gradient[k] = gradient[k].map(|x| x * shorter);
            }
        }
        gradient
    }
}

fn draw_choice<K: Copy, R: Rng + ?Sized>(choices: &[Choice<K>], rng: &mut R) -> Choice<K> {
    choices[draw_by_weight(choices.iter().map(|choice| choice.weight), rng)]
}

fn draw_index<R: Rng + ?Sized>(n: usize, rng: &mut R) -> usize {
    ((rng.random::<f64>() * n as f64) as usize).min(n - 1)
}

fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    StandardNormal.sample(rng)
}

/// The place that is furthest from all atoms among a few drawn at random.
fn widest_gap<R: Rng + ?Sized>(structure: &Structure, rng: &mut R) -> Vec3 {
    const DRAWS: usize = 50;
    // No place of a crystal, whole or with gaps, is further than this from all atoms; Angstrom.
    const FAR: f64 = 4.0;
    let reciprocal = structure.reciprocal();
    let mut widest = (-1.0, [0.0; 3]);
    for _ in 0..DRAWS {
        let fractional: Vec3 = std::array::from_fn(|_| rng.random::<f64>());
        let place = row_times(&fractional, structure.cell());
        let mut nearest = FAR * FAR;
        for atom in structure.positions() {
            structure.images(&reciprocal, &place, atom, FAR, |_, vector| nearest = nearest.min(dot(&vector, &vector)));
        }
        if nearest > widest.0 {
            widest = (nearest, place);
        }
    }
    widest.1
}
