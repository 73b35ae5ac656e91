//! What can go wrong in the mathematics: one typed error for the whole crate.

use std::fmt;

/// Result of a fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a computation was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array does not have the shape that the others imply.
    #[error("{operation}: expected {expected}, got {got}; pass arrays whose shapes agree")]
    Shape {
        /// The function that refused the array, and which array it was.
        operation: &'static str,
        /// The shape that was expected, with its symbols, for example `logvar (M,B,l) = (2,128,3)`.
        expected: String,
        /// The shape that was passed.
        got: String,
    },
    /// A NaN or an infinity where the result depends on the value.
    #[error("{array} is {value} at {at}; find where it became so before it reached this computation")]
    NotFinite {
        /// The array, by its name in the documentation (`mean`, `recon`, `z_adjoint`...).
        array: &'static str,
        /// Where in the array.
        at: Location,
        /// The value found.
        value: f64,
    },
    /// A sample without a single present modality: its posterior is undefined.
    #[error("sample {sample} has no modality present; drop it, or ask the prior instead of the posterior")]
    NoModality {
        /// Row of the sample within the batch.
        sample: usize,
    },
    /// Something that needs at least one element got none.
    #[error("{operation}: {what} is empty; pass at least one")]
    Empty {
        /// The function that refused.
        operation: &'static str,
        /// What is empty.
        what: &'static str,
    },
    /// A parameter outside its domain.
    #[error("{name} is {value} but must be {requirement}")]
    InvalidParameter {
        /// The parameter, and where in its array if it is one.
        name: String,
        /// The value passed.
        value: f64,
        /// The domain.
        requirement: &'static str,
    },
    /// A step of a computation was asked for before the step that it builds on.
    #[error("{operation} was called before {before}; call {before} first")]
    OutOfOrder {
        /// The step that was asked for.
        operation: &'static str,
        /// The step that must come first.
        before: &'static str,
    },
}

/// Where in an array an offending value stands. Indices that do not apply are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Location {
    /// Modality m.
    pub modality: Option<usize>,
    /// Sample b, the row within the batch.
    pub sample: Option<usize>,
    /// Cluster c.
    pub cluster: Option<usize>,
    /// Latent dimension or coordinate j.
    pub dimension: Option<usize>,
}

impl Location {
    /// A place given by its sample.
    pub fn sample(sample: usize) -> Self {
        Self { sample: Some(sample), ..Self::default() }
    }

    /// A place given by its cluster.
    pub fn cluster(cluster: usize) -> Self {
        Self { cluster: Some(cluster), ..Self::default() }
    }

    /// The same place, with its modality.
    #[must_use]
    pub fn in_modality(self, modality: usize) -> Self {
        Self { modality: Some(modality), ..self }
    }

    /// The same place, with its cluster.
    #[must_use]
    pub fn in_cluster(self, cluster: usize) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// The same place, with its coordinate.
    #[must_use]
    pub fn in_dimension(self, dimension: usize) -> Self {
        Self { dimension: Some(dimension), ..self }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("modality", self.modality),
            ("sample", self.sample),
            ("cluster", self.cluster),
            ("dimension", self.dimension),
        ];
        let mut separator = "";
        for (name, index) in parts {
            if let Some(index) = index {
                write!(f, "{separator}{name} {index}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { write!(f, "an unknown place") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_with_array_place_and_remedy() {
        let error = Error::NotFinite {
            array: "logvar",
            at: Location::sample(7).in_modality(1).in_dimension(2),
            value: f64::NAN,
        };
        let text = error.to_string();
        assert!(text.starts_with("logvar is NaN at modality 1, sample 7, dimension 2;"), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert_eq!(Location::default().to_string(), "an unknown place");
    }
}
