#![doc = include_str!("../README.md")]

// What can go wrong.
mod error;
// How large a batch is, and the sizes that are measured.
mod size;
// A batch of seeded random numbers: what every implementation is given.
mod batch;
// The block of the loss by the fused kernel.
mod fused;
// The same block in torch, op by op, with autograd.
mod op_by_op;
// How criterion measures.
mod settings;
// Median times of functions that take turns.
mod turns;

pub use batch::Batch;
pub use error::{Error, Result};
pub use fused::FusedBlock;
pub use op_by_op::{Formulation, OpByOpBlock, OpByOpOutputs, OpByOpTerms};
pub use settings::criterion;
pub use size::Size;
pub use turns::{Turns, median_times};
