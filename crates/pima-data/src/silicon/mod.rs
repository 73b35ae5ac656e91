//! Silicon from first to last: a potential, structures with disorder and deformation, their vibrational density of
//! states and their stress.
//!
//! Stands in for the molecular dynamics data of Walker et al. 2023, section 4.3, which is not public. It is generated
//! by the lattice dynamics of a classical potential at rest, and its name says so; no figure made with it is one of the
//! paper's.
//!
//! ```
//! use pima_data::silicon::{DensityOptions, StillingerWeber, Structure};
//!
//! let silicon = StillingerWeber::default();
//! let crystal = Structure::diamond(5.43095, [2, 2, 2])?;
//! let at_rest = silicon.evaluate(&crystal);
//! assert!((at_rest.energy / crystal.n_atoms() as f64 + 4.3366).abs() < 1e-5); // eV an atom
//!
//! let vibrations = silicon.force_constants(&crystal).vibrations(silicon.mass)?;
//! assert_eq!(vibrations.n_unstable, 0);
//! let density = DensityOptions::default().density(&vibrations.frequencies);
//! assert_eq!(density.len(), 10_794);
//! # Ok::<(), pima_data::Error>(())
//! ```

mod density;
mod force_constants;
mod generation;
mod lapack;
mod neighbours;
mod partial;
mod potential;
mod process;
mod recipe;
mod relaxation;
mod structure;
mod vector;
mod vibrations;

pub use density::DensityOptions;
pub use force_constants::ForceConstants;
pub use generation::{Progress, generate, generate_file, partial_results};
pub use potential::{Evaluation, StillingerWeber};
pub use process::Process;
pub use recipe::{Choice, Deformation, Disorder, ProcessClass, Recipe};
pub use relaxation::RelaxationOptions;
pub use structure::Structure;
pub use vibrations::Vibrations;

#[cfg(test)]
mod tests;
