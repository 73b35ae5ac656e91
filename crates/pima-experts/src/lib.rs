#![doc = include_str!("../README.md")]

// What can go wrong.
mod error;
// Experts that are linear in their parameters, fitted by weighted least squares.
mod linear;

pub use error::{Error, Result};
pub use linear::{Basis, CurveUnits, LinearExpert};
