//! Encoders: a modality to the mean and log-variance of a diagonal Gaussian in latent space (2023, eq. 3).

use crate::network::Network;
use crate::{EncoderConfig, Error, Mode, ParameterBuilder, Parameters, Result};
use pima_core::ModalityShape;
use rand::Rng;
use tch::Tensor;

/// One modality's encoder.
#[derive(Debug)]
pub struct Encoder {
    network: Network,
    input: Vec<i64>,
    n_latent: i64,
}

/// Channels and sizes of a modality on a grid; a vector has none.
pub(crate) fn grid(shape: ModalityShape) -> Option<(usize, Vec<usize>)> {
    match shape {
        ModalityShape::Image { channels, height, width } => Some((channels, vec![height, width])),
        ModalityShape::Curve { channels, length } => Some((channels, vec![length])),
        _ => None,
    }
}

impl Encoder {
    /// Adds the encoder's parameters to `build`, named after `name`.
    ///
    /// # Errors
    /// [`Error::Config`] when the network cannot take the shape: convolutions of a vector, an even kernel, a size of zero.
    pub fn new(
        name: &str,
        config: &EncoderConfig,
        shape: ModalityShape,
        n_latent: usize,
        build: &mut ParameterBuilder,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let fail =
            |problem: &str| Error::Config { network: format!("encoder of {name}"), problem: problem.to_owned(), shape };
        if n_latent == 0 {
            return Err(fail("the latent space needs at least one dimension"));
        }
        let mut network = Network::new(format!("encoder.{name}"));
        let (input, features, hidden, activation, norm) = match config {
            EncoderConfig::Conv { channels, kernel, stride, activation, batch_norm, pool, hidden } => {
                let (first, mut sizes) = grid(shape)
                    .ok_or_else(|| fail("a convolution needs an image or a curve; use type = \"mlp\" for a vector"))?;
                if kernel % 2 == 0 || *stride == 0 || channels.contains(&0) {
                    return Err(fail("kernel must be odd, stride and channels at least 1"));
                }
                let dims = sizes.len();
                let mut inputs = first;
                for &outputs in channels {
                    network.conv(build, dims, inputs, outputs, *kernel, *stride, rng);
                    network.activation(*activation);
                    if *batch_norm {
                        network.batch_norm(build, outputs, rng);
                    }
                    inputs = outputs;
                    sizes.iter_mut().for_each(|n| *n = n.div_ceil(*stride));
                }
                let features = if *pool {
                    network.average(dims);
                    inputs
                } else {
                    inputs * sizes.iter().product::<usize>()
                };
                network.reshape(&[features]);
                let input = std::iter::once(first as i64).chain(grid_sizes(shape)).collect();
                (input, features, hidden, *activation, false)
            }
            EncoderConfig::Mlp { hidden, activation, batch_norm } => {
                (vec![shape.size() as i64], shape.size(), hidden, *activation, *batch_norm)
            }
        };
        let mut inputs = features;
        for &outputs in hidden {
            if outputs == 0 {
                return Err(fail("hidden sizes must be at least 1"));
            }
            network.linear(build, inputs, outputs, rng);
            network.activation(activation);
            if norm {
                network.batch_norm(build, outputs, rng);
            }
            inputs = outputs;
        }
        network.linear(build, inputs, 2 * n_latent, rng);
        Ok(Self { network, input, n_latent: n_latent as i64 })
    }

    /// Mean and log-variance, (B,l) each, of a batch of flat rows (B,d).
    ///
    /// # Errors
    /// [`Error::Shape`] when the rows have another size than the modality.
    pub fn forward(&self, parameters: &Parameters, rows: &Tensor, mode: Mode) -> Result<(Tensor, Tensor)> {
        let batch = rows.size()[0];
        let input = rows.f_view([&[batch], self.input.as_slice()].concat().as_slice()).map_err(|_| Error::Shape {
            operation: "encoder input",
            expected: vec![batch, self.input.iter().product()],
            got: rows.size(),
        })?;
        let output = self.network.forward(parameters, &input, mode);
        Ok((output.narrow(1, 0, self.n_latent), output.narrow(1, self.n_latent, self.n_latent)))
    }

    /// Indices of the parameters this encoder trains.
    pub fn parameter_ids(&self) -> &[usize] {
        self.network.parameter_ids()
    }
}

fn grid_sizes(shape: ModalityShape) -> impl Iterator<Item = i64> {
    grid(shape).map(|(_, sizes)| sizes).unwrap_or_default().into_iter().map(|n| n as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Precision};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use tch::{Device, Kind};

    fn build(config: &EncoderConfig, shape: ModalityShape, n_latent: usize) -> Result<(Encoder, Parameters)> {
        let mut builder = ParameterBuilder::new();
        let encoder = Encoder::new("x", config, shape, n_latent, &mut builder, &mut ChaCha8Rng::seed_from_u64(1))?;
        Ok((encoder, builder.finish(Device::Cpu, Precision::F32)?))
    }

    fn conv(channels: Vec<usize>) -> EncoderConfig {
        EncoderConfig::Conv {
            channels,
            kernel: 3,
            stride: 2,
            activation: Activation::Elu,
            batch_norm: true,
            pool: false,
            hidden: vec![],
        }
    }

    #[test]
    fn parameter_counts_of_the_mnist_networks() {
        let image = ModalityShape::Image { channels: 1, height: 28, width: 28 };
        let (_, parameters) = build(&conv(vec![32, 64]), image, 2).unwrap();
        // conv 1->32 and 32->64 (3x3 + bias), two batch norms, dense 7*7*64 -> 4
        assert_eq!(parameters.count(), (9 * 32 + 32) + 64 + (9 * 32 * 64 + 64) + 128 + (7 * 7 * 64 * 4 + 4));
        let curve = ModalityShape::Curve { channels: 1, length: 20 };
        let (_, parameters) = build(&conv(vec![8, 16]), curve, 2).unwrap();
        assert_eq!(parameters.count(), (3 * 8 + 8) + 16 + (3 * 8 * 16 + 16) + 32 + (5 * 16 * 4 + 4));
    }

    #[test]
    fn any_size_goes_in() {
        let shapes = [
            ModalityShape::Image { channels: 3, height: 17, width: 31 },
            ModalityShape::Curve { channels: 2, length: 1023 },
            ModalityShape::Curve { channels: 1, length: 1 },
        ];
        for shape in shapes {
            let (encoder, parameters) = build(&conv(vec![4, 5, 6]), shape, 3).unwrap();
            let rows = Tensor::rand([7, shape.size() as i64], (Kind::Float, Device::Cpu));
            let (mean, logvar) = encoder.forward(&parameters, &rows, Mode::Train).unwrap();
            assert_eq!((mean.size(), logvar.size()), (vec![7, 3], vec![7, 3]), "{shape}");
        }
        let mlp = EncoderConfig::Mlp { hidden: vec![10], activation: Activation::Relu, batch_norm: true };
        let (encoder, parameters) = build(&mlp, ModalityShape::Vector { length: 5 }, 1).unwrap();
        let rows = Tensor::rand([1, 5], (Kind::Float, Device::Cpu));
        assert_eq!(encoder.forward(&parameters, &rows, Mode::Train).unwrap().0.size(), [1, 1]);
        assert!(encoder.forward(&parameters, &rows.narrow(1, 0, 4), Mode::Train).is_err());
    }

    #[test]
    fn a_convolution_of_a_vector_says_what_to_use() {
        let error = build(&conv(vec![4]), ModalityShape::Vector { length: 5 }, 2).unwrap_err().to_string();
        assert!(error.contains("encoder of x") && error.contains("mlp"), "{error}");
    }

    #[test]
    fn what_is_averaged_counts_wherever_it_is() {
        let pooled = EncoderConfig::Conv {
            channels: vec![4, 6],
            kernel: 3,
            stride: 1,
            activation: Activation::Elu,
            batch_norm: false,
            pool: true,
            hidden: vec![],
        };
        let image = ModalityShape::Image { channels: 1, height: 20, width: 20 };
        let (encoder, parameters) = build(&pooled, image, 2).unwrap();
        assert_eq!(parameters.count(), (9 * 4 + 4) + (9 * 4 * 6 + 6) + (6 * 4 + 4));
        let rows = Tensor::zeros([3, 1, 20, 20], (Kind::Float, Device::Cpu));
        // A spot in one place, in another, and none.
        let _ = rows.narrow(0, 0, 1).narrow(2, 5, 2).narrow(3, 5, 2).fill_(1.0);
        let _ = rows.narrow(0, 1, 1).narrow(2, 12, 2).narrow(3, 9, 2).fill_(1.0);
        let (mean, _) = encoder.forward(&parameters, &rows.reshape([3, 400]), Mode::Evaluate).unwrap();
        let from_first = |k: i64| f64::try_from((mean.get(0) - mean.get(k)).abs().max()).unwrap();
        assert!(from_first(1) < 1e-6 && from_first(2) > 1e-4, "{} {}", from_first(1), from_first(2));
        let curve = ModalityShape::Curve { channels: 2, length: 33 };
        let (encoder, parameters) = build(&pooled, curve, 2).unwrap();
        let rows = Tensor::rand([5, 66], (Kind::Float, Device::Cpu));
        assert_eq!(encoder.forward(&parameters, &rows, Mode::Train).unwrap().0.size(), [5, 2]);
    }

    #[test]
    fn evaluation_does_not_depend_on_the_rest_of_the_batch() {
        let shape = ModalityShape::Curve { channels: 1, length: 20 };
        let (encoder, parameters) = build(&conv(vec![4]), shape, 2).unwrap();
        let rows = Tensor::rand([6, 20], (Kind::Float, Device::Cpu));
        let _ = encoder.forward(&parameters, &rows, Mode::Train).unwrap();
        let all = encoder.forward(&parameters, &rows, Mode::Evaluate).unwrap().0;
        let one = encoder.forward(&parameters, &rows.narrow(0, 2, 1), Mode::Evaluate).unwrap().0;
        assert!(f64::try_from((all.narrow(0, 2, 1) - one).abs().max()).unwrap() < 1e-6);
    }
}
