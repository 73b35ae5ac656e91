//! What can go wrong.

/// An error of an implementation under measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// From the fused kernel or another function of the core.
    #[error(transparent)]
    Core(#[from] pima_core::Error),
    /// From libtorch.
    #[error("libtorch, in the op-by-op block: {0}")]
    Torch(#[from] tch::TchError),
    /// No threads for the kernel.
    #[error("no thread pool for the kernel: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// A result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
