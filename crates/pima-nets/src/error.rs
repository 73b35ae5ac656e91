//! The errors of building and running networks.

use pima_core::ModalityShape;

/// What can go wrong between a network's description and its output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A network was described that cannot take the modality's shape.
    #[error("{network}: {problem} (the modality is a {shape})")]
    Config {
        /// Which network, for example `encoder of image`.
        network: String,
        /// What is wrong and what to do.
        problem: String,
        /// The modality's shape.
        shape: ModalityShape,
    },
    /// CUDA was asked for and there is none.
    #[error("device cuda: {0}; use --device cpu or --device auto")]
    NoCuda(&'static str),
    /// A tensor has another shape than the computation needs.
    #[error("{operation}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// The computation.
        operation: &'static str,
        /// The shape it needs.
        expected: Vec<i64>,
        /// The shape it was given.
        got: Vec<i64>,
    },
    /// Stored parameters do not fit the network that they are loaded into.
    #[error("stored parameters do not fit this network: expected {expected} values, got {got}")]
    StoredSize {
        /// Values of the network.
        expected: usize,
        /// Values stored.
        got: usize,
    },
    /// libtorch refused.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),
}

/// libtorch appends a C++ stack to its messages; the first line says what happened.
fn first_line(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
