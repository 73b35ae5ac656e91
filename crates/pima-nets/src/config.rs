//! Networks as a user describes them (Appendix A of Walker et al. 2023 and of Trask et al. 2022 are the defaults).

use serde::{Deserialize, Serialize};

/// The nonlinearity after a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Exponential linear unit, the encoders of both papers.
    Elu,
    /// Rectified linear unit, the decoders of both papers.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// x * sigmoid(x).
    Silu,
}

/// A network from a modality to the parameters of its Gaussian in latent space (2023, eq. 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum EncoderConfig {
    /// Convolutions (1D for curves, 2D for images), each followed by its activation and batch normalisation, then dense layers.
    Conv {
        /// Output channels of each convolution.
        #[serde(default = "encoder_channels")]
        channels: Vec<usize>,
        /// Kernel size, odd: zero padding then keeps the size at stride 1.
        #[serde(default = "three")]
        kernel: usize,
        /// Stride of every convolution.
        #[serde(default = "two")]
        stride: usize,
        /// Nonlinearity after every layer but the last.
        #[serde(default = "elu")]
        activation: Activation,
        /// Batch normalisation after every convolution's activation.
        #[serde(default = "yes")]
        batch_norm: bool,
        /// Average each channel over all positions before the dense layers: what is looked for then counts wherever it is, and the
        /// dense layer has few weights.
        #[serde(default)]
        pool: bool,
        /// Sizes of dense layers between the convolutions and the output.
        #[serde(default)]
        hidden: Vec<usize>,
    },
    /// Dense layers.
    Mlp {
        /// Sizes of the hidden layers.
        #[serde(default = "encoder_hidden")]
        hidden: Vec<usize>,
        /// Nonlinearity after every hidden layer.
        #[serde(default = "relu")]
        activation: Activation,
        /// Batch normalisation after every hidden layer's activation.
        #[serde(default)]
        batch_norm: bool,
    },
}

/// A network from a latent point to the mean of a modality (2023, eq. 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum DecoderConfig {
    /// A dense layer to a small grid, transposed convolutions that enlarge it, and one more to the modality's channels.
    Deconv {
        /// Channels of the grid that the dense layer fills.
        #[serde(default = "base_channels")]
        base_channels: usize,
        /// Output channels of each enlarging layer; the layer to the modality's own channels (stride 1) follows them.
        #[serde(default = "decoder_channels")]
        channels: Vec<usize>,
        /// Kernel size of every layer.
        #[serde(default = "three")]
        kernel: usize,
        /// Stride of every enlarging layer.
        #[serde(default = "two")]
        stride: usize,
        /// Nonlinearity after every layer but the last (the first dense layer has none).
        #[serde(default = "relu")]
        activation: Activation,
    },
    /// Dense layers.
    Mlp {
        /// Sizes of the hidden layers.
        #[serde(default = "decoder_hidden")]
        hidden: Vec<usize>,
        /// Nonlinearity after every hidden layer.
        #[serde(default = "elu")]
        activation: Activation,
    },
}

fn encoder_channels() -> Vec<usize> {
    vec![32, 64]
}
fn decoder_channels() -> Vec<usize> {
    vec![64, 32]
}
fn encoder_hidden() -> Vec<usize> {
    vec![100, 100]
}
fn decoder_hidden() -> Vec<usize> {
    vec![64]
}
fn base_channels() -> usize {
    32
}
fn three() -> usize {
    3
}
fn two() -> usize {
    2
}
fn yes() -> bool {
    true
}
fn elu() -> Activation {
    Activation::Elu
}
fn relu() -> Activation {
    Activation::Relu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_appendix_a() {
        let encoder: EncoderConfig = toml::from_str("type = \"conv\"").unwrap();
        assert_eq!(
            encoder,
            EncoderConfig::Conv {
                channels: vec![32, 64],
                kernel: 3,
                stride: 2,
                activation: Activation::Elu,
                batch_norm: true,
                pool: false,
                hidden: vec![]
            }
        );
        let decoder: DecoderConfig = toml::from_str("type = \"mlp\"").unwrap();
        assert_eq!(decoder, DecoderConfig::Mlp { hidden: vec![64], activation: Activation::Elu });
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let error = toml::from_str::<EncoderConfig>("type = \"conv\"\nchanels = [3]").unwrap_err();
        assert!(error.to_string().contains("chanels"), "{error}");
    }
}
