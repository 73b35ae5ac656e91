//! Neural decoders: a latent point to the mean of a modality (2023, eq. 10).

use crate::encoder::grid;
use crate::network::Network;
use crate::{DecoderConfig, Error, Mode, ParameterBuilder, Parameters, Result};
use pima_core::ModalityShape;
use rand::Rng;
use tch::Tensor;

/// One neural decoder; a modality has one for all clusters, or one per cluster.
#[derive(Debug)]
pub struct Decoder {
    network: Network,
}

impl Decoder {
    /// Adds the decoder's parameters to `build`, named after `name`.
    ///
    /// # Errors
    /// [`Error::Config`] when the network cannot give the shape.
    pub fn new(
        name: &str,
        config: &DecoderConfig,
        shape: ModalityShape,
        n_latent: usize,
        build: &mut ParameterBuilder,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let fail =
            |problem: &str| Error::Config { network: format!("decoder of {name}"), problem: problem.to_owned(), shape };
        let mut network = Network::new(format!("decoder.{name}"));
        match config {
            DecoderConfig::Deconv { base_channels, channels, kernel, stride, activation } => {
                let (last, sizes) = grid(shape).ok_or_else(|| {
                    fail("a transposed convolution needs an image or a curve; use type = \"mlp\" for a vector")
                })?;
                if *kernel == 0 || *stride == 0 || *base_channels == 0 || channels.contains(&0) {
                    return Err(fail("kernel, stride and channels must be at least 1"));
                }
                let factor = stride.pow(channels.len() as u32);
                // Sizes that the strides do not divide are rounded up and the surplus is cut off at the end.
                let start: Vec<usize> = sizes.iter().map(|n| n.div_ceil(factor)).collect();
                network.linear(build, n_latent, base_channels * start.iter().product::<usize>(), rng);
                network.reshape(&[&[*base_channels], start.as_slice()].concat());
                let mut inputs = *base_channels;
                for &outputs in channels {
                    network.conv_transpose(build, sizes.len(), inputs, outputs, *kernel, *stride, rng);
                    network.activation(*activation);
                    inputs = outputs;
                }
                if start.iter().zip(&sizes).any(|(s, n)| s * factor != *n) {
                    network.crop(&sizes);
                }
                network.conv_transpose(build, sizes.len(), inputs, last, *kernel, 1, rng);
                if kernel % 2 == 0 {
                    return Err(fail("kernel must be odd"));
                }
                network.reshape(&[shape.size()]);
            }
            DecoderConfig::Mlp { hidden, activation } => {
                let mut inputs = n_latent;
                for &outputs in hidden {
                    if outputs == 0 {
                        return Err(fail("hidden sizes must be at least 1"));
                    }
                    network.linear(build, inputs, outputs, rng);
                    network.activation(*activation);
                    inputs = outputs;
                }
                network.linear(build, inputs, shape.size(), rng);
            }
        }
        Ok(Self { network })
    }

    /// The modality's mean (B,d) at latent points z (B,l), in the normalised units the networks are trained in.
    pub fn forward(&self, parameters: &Parameters, z: &Tensor) -> Tensor {
        self.network.forward(parameters, z, Mode::Train)
    }

    /// Indices of the parameters this decoder trains.
    pub fn parameter_ids(&self) -> &[usize] {
        self.network.parameter_ids()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Precision};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use tch::{Device, Kind};

    fn deconv(stride: usize, kernel: usize) -> DecoderConfig {
        DecoderConfig::Deconv {
            base_channels: 32,
            channels: vec![64, 32],
            kernel,
            stride,
            activation: Activation::Relu,
        }
    }

    #[test]
    fn outputs_have_the_modality_s_size() {
        let shapes = [
            ModalityShape::Image { channels: 1, height: 28, width: 28 },
            ModalityShape::Image { channels: 3, height: 9, width: 30 },
            ModalityShape::Curve { channels: 2, length: 21 },
        ];
        for (shape, (stride, kernel)) in
            shapes.into_iter().flat_map(|s| [(s, (2, 3)), (s, (3, 3)), (s, (2, 5)), (s, (4, 3))])
        {
            let mut build = ParameterBuilder::new();
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let decoder = Decoder::new("x", &deconv(stride, kernel), shape, 2, &mut build, &mut rng).unwrap();
            let parameters = build.finish(Device::Cpu, Precision::F32).unwrap();
            let z = Tensor::rand([5, 2], (Kind::Float, Device::Cpu));
            assert_eq!(
                decoder.forward(&parameters, &z).size(),
                [5, shape.size() as i64],
                "{shape} stride {stride} kernel {kernel}"
            );
        }
    }

    /// The layer to the data's channels is computed as a convolution; it must stay the transposed one it is stored as.
    #[test]
    fn the_last_layer_is_a_transposed_convolution() {
        let mut build = ParameterBuilder::new();
        let shape = ModalityShape::Image { channels: 2, height: 5, width: 7 };
        let config = DecoderConfig::Deconv {
            base_channels: 3,
            channels: vec![],
            kernel: 3,
            stride: 2,
            activation: Activation::Relu,
        };
        let decoder = Decoder::new("x", &config, shape, 2, &mut build, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let parameters = build.finish(Device::Cpu, Precision::F32).unwrap();
        let z = Tensor::rand([4, 2], (Kind::Float, Device::Cpu));
        let [dense_w, dense_b, w, b] = [0, 1, 2, 3].map(|id| parameters.get(id).detach());
        let grid = z.linear(&dense_w, Some(&dense_b)).view([4, 3, 5, 7]);
        let expected = grid.conv_transpose2d(&w, Some(&b), [1; 2], [1; 2], [0; 2], 1, [1; 2]).view([4, 70]);
        let error = f64::try_from((decoder.forward(&parameters, &z) - expected).abs().max()).unwrap();
        assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn bfloat16_agrees_to_its_precision() {
        let shape = ModalityShape::Image { channels: 1, height: 28, width: 28 };
        let [single, half] = [Precision::F32, Precision::Bf16].map(|precision| {
            let mut build = ParameterBuilder::new();
            let decoder =
                Decoder::new("x", &deconv(2, 3), shape, 2, &mut build, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
            let parameters = build.finish(Device::Cpu, precision).unwrap();
            let z = Tensor::from_slice(&[0.5_f32, -1.0, 2.0, 0.1]).view([2, 2]);
            decoder.forward(&parameters, &z)
        });
        assert_eq!(half.kind(), Kind::Float);
        let scale = f64::try_from(single.abs().max()).unwrap();
        let error = f64::try_from((single - half).abs().max()).unwrap();
        assert!(error > 0.0 && error < 0.02 * scale, "{error} of {scale}");
    }

    #[test]
    fn parameter_count_of_the_mnist_decoder() {
        let mut build = ParameterBuilder::new();
        let shape = ModalityShape::Image { channels: 1, height: 28, width: 28 };
        Decoder::new("x", &deconv(2, 3), shape, 2, &mut build, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let dense = 2 * 32 * 49 + 32 * 49;
        let convolutions = (32 * 64 * 9 + 64) + (64 * 32 * 9 + 32) + (32 * 9 + 1);
        assert_eq!(build.finish(Device::Cpu, Precision::F32).unwrap().count(), dense + convolutions);
    }

    #[test]
    fn a_vector_takes_dense_layers_only() {
        let mut build = ParameterBuilder::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let shape = ModalityShape::Vector { length: 3 };
        assert!(Decoder::new("x", &deconv(2, 3), shape, 2, &mut build, &mut rng).is_err());
        let mlp = DecoderConfig::Mlp { hidden: vec![64], activation: Activation::Elu };
        let decoder = Decoder::new("x", &mlp, shape, 2, &mut build, &mut rng).unwrap();
        let parameters = build.finish(Device::Cpu, Precision::F32).unwrap();
        assert_eq!(parameters.count(), (2 * 64 + 64) + (64 * 3 + 3));
        assert_eq!(decoder.forward(&parameters, &Tensor::zeros([4, 2], (Kind::Float, Device::Cpu))).size(), [4, 3]);
    }
}
