//! Layers and how they chain.

use crate::parameters::{BufferId, Init, ParameterBuilder, ParameterId};
use crate::{Activation, Parameters};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use tch::{Kind, Tensor};

/// Whether batch normalisation uses the batch's statistics (and updates the running ones) or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch.
    Train,
    /// Running statistics.
    Evaluate,
}

/// Arithmetic of the two-dimensional convolutions. Parameters, their gradients, the latent space and the loss are f32 or f64 in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// bfloat16: 8 bits of mantissa, about twice as fast where the processor multiplies it natively, far slower elsewhere.
    Bf16,
    /// bfloat16 where the processor multiplies it natively or the device is a GPU, else single precision.
    Auto,
}

impl Precision {
    /// What [`Precision::Auto`] means on this machine.
    pub fn resolve(self, device: tch::Device) -> Self {
        match self {
            Self::Auto if device.is_cuda() || native_bf16() => Self::Bf16,
            Self::Auto => Self::F32,
            chosen => chosen,
        }
    }
}

fn native_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        // Every processor with the AMX tiles for bfloat16 has this too.
        std::is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Auto => "auto",
        })
    }
}

/// Momentum and epsilon of batch normalisation, PyTorch's defaults.
const BATCH_NORM: (f64, f64) = (0.1, 1e-5);

#[derive(Debug)]
enum Layer {
    Linear {
        weight: ParameterId,
        bias: ParameterId,
    },
    Conv {
        weight: ParameterId,
        bias: ParameterId,
        dims: usize,
        stride: i64,
        padding: i64,
    },
    ConvTranspose {
        weight: ParameterId,
        bias: ParameterId,
        dims: usize,
        stride: i64,
        padding: i64,
        output_padding: i64,
    },
    BatchNorm {
        weight: ParameterId,
        bias: ParameterId,
        mean: BufferId,
        var: BufferId,
    },
    Activation(Activation),
    /// Means over the last so many dimensions.
    Average(usize),
    /// To (batch, these).
    Reshape(Vec<i64>),
    /// Cuts the trailing dimensions to these sizes.
    Crop(Vec<i64>),
}

/// A chain of layers.
#[derive(Debug, Default)]
pub(crate) struct Network {
    name: String,
    layers: Vec<Layer>,
    parameters: Vec<ParameterId>,
}

impl Network {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Indices of the parameters this network trains.
    pub(crate) fn parameter_ids(&self) -> &[ParameterId] {
        &self.parameters
    }

    fn weight_and_bias(
        &mut self,
        build: &mut ParameterBuilder,
        shape: &[usize],
        fan_in: usize,
        outputs: usize,
        rng: &mut impl Rng,
    ) -> (ParameterId, ParameterId) {
        // PyTorch's default start for linear and convolution layers: uniform with bound 1/sqrt(fan in), weights and biases alike.
        let init = Init::Uniform(1.0 / (fan_in.max(1) as f32).sqrt());
        let prefix = format!("{}.{}", self.name, self.layers.len());
        let weight = build.parameter(format!("{prefix}.weight"), shape, init, rng);
        let bias = build.parameter(format!("{prefix}.bias"), &[outputs], init, rng);
        self.parameters.extend([weight, bias]);
        (weight, bias)
    }

    pub(crate) fn linear(&mut self, build: &mut ParameterBuilder, inputs: usize, outputs: usize, rng: &mut impl Rng) {
        let (weight, bias) = self.weight_and_bias(build, &[outputs, inputs], inputs, outputs, rng);
        self.layers.push(Layer::Linear { weight, bias });
    }

    /// Zero-padded convolution over the last `dims` dimensions; an odd kernel gives outputs of size ceil(input / stride).
    #[expect(clippy::too_many_arguments, reason = "a convolution has that many sizes")]
    pub(crate) fn conv(
        &mut self,
        build: &mut ParameterBuilder,
        dims: usize,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        rng: &mut impl Rng,
    ) {
        let taps = kernel.pow(dims as u32);
        let shape = [vec![outputs, inputs], vec![kernel; dims]].concat();
        let (weight, bias) = self.weight_and_bias(build, &shape, inputs * taps, outputs, rng);
        self.layers.push(Layer::Conv { weight, bias, dims, stride: stride as i64, padding: (kernel as i64 - 1) / 2 });
    }

    /// Transposed convolution over the last `dims` dimensions, padded so that outputs are exactly `stride` times the inputs.
    #[expect(clippy::too_many_arguments, reason = "a convolution has that many sizes")]
    pub(crate) fn conv_transpose(
        &mut self,
        build: &mut ParameterBuilder,
        dims: usize,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        rng: &mut impl Rng,
    ) {
        let taps = kernel.pow(dims as u32);
        let shape = [vec![inputs, outputs], vec![kernel; dims]].concat();
        let (weight, bias) = self.weight_and_bias(build, &shape, outputs * taps, outputs, rng);
        // Output size is (n - 1) stride - 2 padding + kernel + output_padding; solve for n stride.
        let padding = (kernel.saturating_sub(stride)).div_ceil(2) as i64;
        let output_padding = stride as i64 + 2 * padding - kernel as i64;
        self.layers.push(Layer::ConvTranspose { weight, bias, dims, stride: stride as i64, padding, output_padding });
    }

    pub(crate) fn batch_norm(&mut self, build: &mut ParameterBuilder, channels: usize, rng: &mut impl Rng) {
        let prefix = format!("{}.{}", self.name, self.layers.len());
        let weight = build.parameter(format!("{prefix}.weight"), &[channels], Init::Constant(1.0), rng);
        let bias = build.parameter(format!("{prefix}.bias"), &[channels], Init::Constant(0.0), rng);
        let mean = build.buffer(format!("{prefix}.running_mean"), &[channels], 0.0);
        let var = build.buffer(format!("{prefix}.running_var"), &[channels], 1.0);
        self.parameters.extend([weight, bias]);
        self.layers.push(Layer::BatchNorm { weight, bias, mean, var });
    }

    pub(crate) fn activation(&mut self, activation: Activation) {
        self.layers.push(Layer::Activation(activation));
    }

    /// Averages over the last `dims` dimensions.
    pub(crate) fn average(&mut self, dims: usize) {
        self.layers.push(Layer::Average(dims));
    }

    pub(crate) fn reshape(&mut self, shape: &[usize]) {
        self.layers.push(Layer::Reshape(shape.iter().map(|&n| n as i64).collect()));
    }

    pub(crate) fn crop(&mut self, sizes: &[usize]) {
        self.layers.push(Layer::Crop(sizes.iter().map(|&n| n as i64).collect()));
    }

    pub(crate) fn forward(&self, parameters: &Parameters, input: &Tensor, mode: Mode) -> Tensor {
        let mut x = input.shallow_clone();
        for layer in &self.layers {
            x = layer.forward(parameters, &x, mode);
        }
        // Whatever the convolutions computed in, the outside sees single precision (no copy if it already is).
        x.to_kind(Kind::Float)
    }
}

/// Input, weight and bias of a two-dimensional convolution in the network's arithmetic, the input with channels last in memory, which is what
/// oneDNN's and cuDNN's kernels want.
fn planar(p: &Parameters, x: &Tensor, weight: &Tensor, bias: &Tensor) -> (Tensor, Tensor, Tensor) {
    let kind = if p.precision() == Precision::Bf16 { Kind::BFloat16 } else { Kind::Float };
    let x = x.to_kind(kind).permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    (x, weight.to_kind(kind), bias.to_kind(kind))
}

impl Layer {
    fn forward(&self, p: &Parameters, x: &Tensor, mode: Mode) -> Tensor {
        match *self {
            Self::Linear { weight, bias } => x.to_kind(Kind::Float).linear(p.get(weight), Some(p.get(bias))),
            Self::Conv { weight, bias, dims, stride, padding } => {
                let (w, b) = (p.get(weight), p.get(bias));
                match dims {
                    1 => x.conv1d(w, Some(b), [stride], [padding], [1], 1),
                    _ => {
                        let (x, w, b) = planar(p, x, w, b);
                        x.conv2d(&w, Some(&b), [stride; 2], [padding; 2], [1; 2], 1)
                    }
                }
            }
            Self::ConvTranspose { weight, bias, dims, stride, padding, output_padding } => {
                let (w, b) = (p.get(weight), p.get(bias));
                match dims {
                    1 => x.conv_transpose1d(w, Some(b), [stride], [padding], [output_padding], 1, [1]),
                    _ => {
                        let (x, w, b) = planar(p, x, w, b);
                        if stride == 1 && w.size()[2] % 2 == 1 {
                            // At stride 1 it is the convolution with the flipped kernel, and oneDNN has a faster one.
                            let flipped = w.permute([1, 0, 2, 3]).flip([2, 3]);
                            x.conv2d(&flipped, Some(&b), [1; 2], [padding; 2], [1; 2], 1)
                        } else {
                            // The bias is added afterwards: oneDNN sums its gradient in a transposed convolution by slow reference code.
                            let none = None::<&Tensor>;
                            x.conv_transpose2d(&w, none, [stride; 2], [padding; 2], [output_padding; 2], 1, [1; 2])
                                + b.view([1, -1, 1, 1])
                        }
                    }
                }
            }
            Self::BatchNorm { weight, bias, mean, var } => {
                // The variance of a single value per channel is not defined: such a batch is normalised by the running statistics.
                let per_channel = x.numel() as i64 / x.size()[1].max(1);
                let train = mode == Mode::Train && per_channel > 1;
                let (w, b) = (Some(p.get(weight)), Some(p.get(bias)));
                x.batch_norm(w, b, Some(p.buffer(mean)), Some(p.buffer(var)), train, BATCH_NORM.0, BATCH_NORM.1, false)
            }
            Self::Activation(Activation::Elu) => x.elu(),
            Self::Activation(Activation::Relu) => x.relu(),
            Self::Activation(Activation::Tanh) => x.tanh(),
            Self::Activation(Activation::Silu) => x.silu(),
            Self::Average(dims) => {
                let last: Vec<i64> = (1..=dims as i64).map(|d| -d).collect();
                x.to_kind(Kind::Float).mean_dim(last.as_slice(), false, Kind::Float)
            }
            Self::Reshape(ref shape) => x.reshape([&[x.size()[0]], shape.as_slice()].concat()),
            Self::Crop(ref sizes) => {
                let first = x.dim() - sizes.len();
                sizes.iter().enumerate().fold(x.shallow_clone(), |y, (i, &n)| y.narrow((first + i) as i64, 0, n))
            }
        }
    }
}
