#![doc = include_str!("../README.md")]

// What can go wrong.
mod error;
// Experts that are linear in their parameters, fitted by weighted least squares.
mod linear;
// Stress-strain curves: elastic, then plastic.
mod hardening;
// Clusters of curves by mixtures of experts.
mod mixture;

pub use error::{Error, Result};
pub use hardening::{HardeningOptions, StrainHardening};
pub use linear::{Basis, CurveUnits, LinearExpert};
pub use mixture::{
    Curves, MixtureOfExpertsFit, MixtureOfExpertsOptions, NoiseVariance, Seeding, fit_mixture_of_experts,
};
