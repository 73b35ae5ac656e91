//! Atoms to rest in a fixed cell, by L-BFGS.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::neighbours::Neighbours;
use super::potential::StillingerWeber;
use super::structure::Structure;
use super::vector::Vec3;
use crate::error::{Error, Result};

/// When to stop relaxing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelaxationOptions {
    /// At rest when the norm of all forces together is below this, eV/Angstrom.
    pub force: f64,
    /// Give up after so many steps.
    pub max_steps: u64,
}

impl Default for RelaxationOptions {
    fn default() -> Self {
        Self { force: 1e-4, max_steps: 3000 }
    }
}

impl StillingerWeber {
    /// Moves the atoms to a minimum of the energy nearby; the cell stays as it is.
    ///
    /// # Errors
    /// [`Error::Relaxation`] if the forces stay above the limit.
    pub fn relax(&self, structure: &Structure, options: &RelaxationOptions) -> Result<Structure> {
        let mut rest = structure.clone();
        let mut steps_left = options.max_steps;
        // When rounding spoils a line search, the search begins anew from where it stands, without its memory.
        for _ in 0..8 {
            let evaluation = self.evaluate(&rest);
            let norm = evaluation.forces.iter().flatten().map(|f| f * f).sum::<f64>().sqrt();
            if norm <= options.force {
                return Ok(rest);
            }
            if !norm.is_finite() || steps_left == 0 {
                break;
            }
            let descent = Descent::new(self, &rest, evaluation.energy, norm);
            let taken = descent.run(&mut rest, options.force / norm, steps_left);
            steps_left = steps_left.saturating_sub(taken.max(1));
        }
        let force = self.evaluate(&rest).largest_force();
        Err(Error::Relaxation { n_steps: options.max_steps - steps_left, force, limit: options.force })
    }
}

/// The energy as argmin wants it: of a flat vector of coordinates, above the start, and divided by the force at the
/// start. The first step, along the gradient, then has length one Angstrom over all atoms: none is thrown far.
struct Descent<'a> {
    potential: &'a StillingerWeber,
    energy: f64,
    scale: f64,
    /// Energy and gradient are asked for one after the other at the same place.
    last: RefCell<Last>,
}

struct Last {
    structure: Structure,
    neighbours: Neighbours,
    at: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

/// Neighbours are looked for this much further than they are felt, Angstrom.
const SKIN: f64 = 0.5;
/// Pairs of steps and gradient changes that L-BFGS remembers.
const MEMORY: usize = 12;

impl<'a> Descent<'a> {
    fn new(potential: &'a StillingerWeber, start: &Structure, energy: f64, force: f64) -> Self {
        let neighbours = Neighbours::find(start, potential.cutoff(), SKIN);
        let last = Last { structure: start.clone(), neighbours, at: Vec::new(), cost: f64::NAN, gradient: Vec::new() };
        Self { potential, energy, scale: force.recip(), last: RefCell::new(last) }
    }

    /// Goes down until the scaled gradient is below `tolerance` or the search fails, leaves the best place found in
    /// `structure`, and says how many steps it took.
    fn run(self, structure: &mut Structure, tolerance: f64, max_steps: u64) -> u64 {
        let start: Vec<f64> = structure.positions().iter().flatten().copied().collect();
        // The two settings are in range by construction; were they not, no step would be taken.
        let Ok(solver) = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(tolerance)
            .and_then(|solver: LBFGS<_, Vec<f64>, Vec<f64>, f64>| solver.with_tolerance_cost(0.0))
        else {
            return 0;
        };
        let best = RefCell::new(Best { cost: 0.0, at: None, n_evaluations: 0 });
        let problem = Watched { descent: &self, best: &best };
        let outcome = Executor::new(problem, solver)
            .configure(|state| state.param(start).max_iters(max_steps))
            .timer(false)
            .run();
        // The end is preferred to the lowest energy seen: near rest energies differ by rounding alone.
        let (end, steps) = match outcome {
            Ok(mut result) => (result.state.take_param(), result.state.get_iter()),
            Err(_) => (None, best.borrow().n_evaluations),
        };
        if let Some(at) = end.or_else(|| best.borrow_mut().at.take()) {
            place(structure.positions_mut(), &at);
        }
        steps
    }

    fn evaluate(&self, at: &[f64]) -> (f64, Vec<f64>) {
        let last = &mut *self.last.borrow_mut();
        if last.at != at {
            place(last.structure.positions_mut(), at);
            if !last.neighbours.still_hold(&last.structure) {
                last.neighbours = Neighbours::find(&last.structure, self.potential.cutoff(), SKIN);
            }
            let evaluation = self.potential.evaluate_near(&last.structure, &last.neighbours);
            last.cost = (evaluation.energy - self.energy) * self.scale;
            last.gradient = evaluation.forces.iter().flatten().map(|force| -force * self.scale).collect();
            last.at = at.to_vec();
        }
        (last.cost, last.gradient.clone())
    }
}

fn place(positions: &mut [Vec3], at: &[f64]) {
    for (position, at) in positions.iter_mut().zip(at.chunks_exact(3)) {
        position.copy_from_slice(at);
    }
}

struct Best {
    cost: f64,
    at: Option<Vec<f64>>,
    n_evaluations: u64,
}

/// Remembers the lowest place met: an error of the solver takes its state with it.
struct Watched<'a> {
    descent: &'a Descent<'a>,
    best: &'a RefCell<Best>,
}

impl CostFunction for Watched<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        let (cost, _) = self.descent.evaluate(at);
        let best = &mut *self.best.borrow_mut();
        best.n_evaluations += 1;
        if cost < best.cost {
            best.cost = cost;
            best.at = Some(at.clone());
        }
        Ok(cost)
    }
}

impl Gradient for Watched<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok(self.descent.evaluate(at).1)
    }
}
