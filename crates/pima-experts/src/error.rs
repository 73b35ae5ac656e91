//! What can go wrong when an expert is set up or a mixture of experts is fitted.

use pima_core::ExpertError;

/// Result of a fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an expert could not be made, or a mixture of experts not fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The description of an expert contradicts itself.
    #[error("expert: {what} is {got} but must be {requirement}")]
    Description {
        /// What is wrong, with its place.
        what: String,
        /// The value or length given.
        got: String,
        /// What it must be.
        requirement: String,
    },
    /// A formula that cannot be read, or that has no value where it must have one.
    #[error("{what} `{formula}`, column {column}: {reason}")]
    Formula {
        /// Which formula.
        what: String,
        /// Its text, on one line.
        formula: String,
        /// Where in it, counted in characters from 1.
        column: usize,
        /// What is wrong there, and what to do.
        reason: String,
    },
    /// An option of a fit outside its domain.
    #[error("mixture of experts: {name} is {value} but must be {requirement}")]
    Option {
        /// The option.
        name: &'static str,
        /// The value given.
        value: f64,
        /// Its domain.
        requirement: &'static str,
    },
    /// The curves do not have the shape that the expert and the other arrays imply.
    #[error(
        "mixture of experts: {array} has length {got} but {expected} was expected; pass the arrays of this modality"
    )]
    Shape {
        /// Which array, with the axis.
        array: &'static str,
        /// Length expected.
        expected: usize,
        /// Length given.
        got: usize,
    },
    /// An entry that counts is NaN or infinite.
    #[error(
        "mixture of experts: {array} is {value} at row {row}, column {column}; mask absent curves by `present` and \
         coordinates to leave out by weight 0"
    )]
    NotFinite {
        /// Which array.
        array: &'static str,
        /// The sample.
        row: usize,
        /// The coordinate.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// The expert of one cluster could not be fitted.
    #[error("cluster {cluster}: {source}")]
    Fit {
        /// The cluster.
        cluster: usize,
        /// Why.
        source: ExpertError,
    },
    /// No restart came to an end.
    #[error("mixture of experts: all {n_restarts} restarts failed, the last because: {source}")]
    Restarts {
        /// Number of restarts tried.
        n_restarts: usize,
        /// Why the last one failed.
        source: Box<Error>,
    },
    /// Time stamps that do not increase.
    #[error("times must increase: time {index} is {time} after {previous}; sort the samples and merge repeated ones")]
    Times {
        /// The first time that is not later than the one before it.
        index: usize,
        /// The time before it.
        previous: f64,
        /// The time.
        time: f64,
    },
    /// Samples that do not determine the coefficients of a basis.
    #[error(
        "the {n_samples} samples determine {rank} of the {n_functions} functions of the basis; use fewer partitions, a lower \
         degree or more samples, or ask for a ridge or the least norm"
    )]
    Deficient {
        /// Numerical rank of the least squares problem.
        rank: usize,
        /// Number of basis functions.
        n_functions: usize,
        /// Number of samples.
        n_samples: usize,
    },
    /// A trajectory that leaves the range of numbers, or that cannot be followed for another reason.
    #[error("the trajectory cannot be followed beyond t = {time}: {reason}; shorten it or change its parameters")]
    Trajectory {
        /// How far it was followed.
        time: f64,
        /// What ended it.
        reason: String,
    },
    /// A matrix factorisation failed.
    #[error("{context}: {source}")]
    LinearAlgebra {
        /// What was being done.
        context: &'static str,
        /// What LAPACK said.
        source: ndarray_linalg::error::LinalgError,
    },
    /// A failure of the clustering beneath.
    #[error(transparent)]
    Core(#[from] pima_core::Error),
}
