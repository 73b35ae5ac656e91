#![doc = include_str!("../README.md")]

// How well data can determine parameters.
mod bound;
// What can go wrong.
mod error;
// Experts that are linear in their parameters, fitted by weighted least squares.
mod linear;
// Experts written as formulas, without a line of Rust.
mod formula;
// Stress-strain curves: elastic, then plastic.
mod hardening;
// Clusters of curves by mixtures of experts.
mod mixture;
// The directions in which curves differ most, and regression on them.
mod principal;
// Curves as polynomials blended by partitions of unity, with derivatives and integrals.
mod pou;
// The search for parameters by Levenberg and Marquardt.
mod search;
// Trajectories of differential equations, and how parameters move them.
mod initial_value;
// Differential equations made of monomials, identified from curves.
mod snode;

pub use bound::cramer_rao_bound;
pub use error::{Error, Result};
pub use formula::{FormulaExpert, FormulaOptions, OdeFormulaExpert, OdeFormulaOptions, ParameterOptions, Start};
pub use hardening::{HardeningOptions, StrainHardening};
pub use linear::{Basis, CurveUnits, LinearExpert};
pub use mixture::{
    Curves, MixtureOfExpertsFit, MixtureOfExpertsOptions, NoiseVariance, Seeding, fit_mixture_of_experts,
};
pub use pou::{
    Bump, LearnOptions, Partition, PouAntiderivative, PouFit, PouLearned, PouNetwork, PouOptions, Solve, fit_pou,
    learn_pou,
};
pub use principal::{PrincipalComponents, PrincipalRegression};
pub use snode::{DictionaryOde, Observed, OdeExpert, OdeOptions, SnodeExpert, Term, stack_trajectories};

/// The guide to writing an expert, so that its code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/experts.md")]
struct Guide;
