//! The shape of one sample of a modality: what kind of measurement it is and how many numbers it has.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Shape of one sample of a modality. In a configuration file: `{ kind = "image", channels = 1, height = 28, width = 28 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ModalityShape {
    /// A grid in two dimensions, stored as (channels, height, width), row-major.
    Image {
        /// Number of channels.
        channels: usize,
        /// Number of rows.
        height: usize,
        /// Number of columns.
        width: usize,
    },
    /// A function of one variable on a fixed grid, stored as (channels, length), row-major.
    Curve {
        /// Number of functions measured together.
        channels: usize,
        /// Number of grid points.
        length: usize,
    },
    /// A list of numbers without neighbourhood; a scalar is a vector of length 1.
    Vector {
        /// Number of entries.
        length: usize,
    },
}

impl ModalityShape {
    /// Number of values in one sample, `d_m`.
    pub fn size(&self) -> usize {
        match *self {
            Self::Image { channels, height, width } => channels * height * width,
            Self::Curve { channels, length } => channels * length,
            Self::Vector { length } => length,
        }
    }
}

impl fmt::Display for ModalityShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Image { channels, height, width } => write!(f, "{channels}x{height}x{width} image"),
            Self::Curve { channels, length } => write!(f, "{channels}x{length} curve"),
            Self::Vector { length } => write!(f, "{length} vector"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_names() {
        let image = ModalityShape::Image { channels: 1, height: 28, width: 28 };
        let curve = ModalityShape::Curve { channels: 2, length: 512 };
        let vector = ModalityShape::Vector { length: 5 };
        assert_eq!([image.size(), curve.size(), vector.size()], [784, 1024, 5]);
        assert_eq!(image.to_string(), "1x28x28 image");
        assert_eq!(curve.to_string(), "2x512 curve");
        assert_eq!(vector.to_string(), "5 vector");
    }

    #[test]
    fn written_with_its_kind_and_read_back() {
        let curve = ModalityShape::Curve { channels: 1, length: 32 };
        let text = serde_json::to_string(&curve).unwrap();
        assert_eq!(text, r#"{"kind":"curve","channels":1,"length":32}"#);
        assert_eq!(serde_json::from_str::<ModalityShape>(&text).unwrap(), curve);
        assert!(serde_json::from_str::<ModalityShape>(r#"{"kind":"curve","channels":1,"lenght":32}"#).is_err());
    }
}
