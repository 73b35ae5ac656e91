#![doc = include_str!("../README.md")]

// Adam with its moments in the open, so that a checkpoint can hold them.
mod adam;
// What a user writes in a config to describe a network.
mod config;
// Between `ndarray` (f64 in the mathematics, f32 in the data) and `tch`.
mod convert;
// Neural decoders: a latent point to a modality.
mod decoder;
// Where the tensors live.
mod device;
// Encoders: a modality to the mean and log-variance of a diagonal Gaussian.
mod encoder;
// What can go wrong.
mod error;
// Layers and how they chain.
mod network;
// All parameters of a model in one flat tensor.
mod parameters;

pub use adam::{Adam, AdamConfig};
pub use config::{Activation, DecoderConfig, EncoderConfig};
pub use convert::{tensor_from_f32, tensor_from_f64, to_array1, to_array2};
pub use decoder::Decoder;
pub use device::{DeviceChoice, describe_device, set_threads};
pub use encoder::Encoder;
pub use error::{Error, Result};
pub use network::{Mode, Precision};
pub use parameters::{ParameterBuilder, Parameters};
