//! How many numbers a model is free to choose: what a criterion weighs against the fit.

use crate::config::DecoderVariance;
use crate::model::Model;
use pima_core::diagonal_mixture_parameters;

impl Model {
    /// Number of free parameters of the generative model `p(z, c, x_1, ..., x_M)`: the mixture's weights, means and variances, the experts' parameters of
    /// every cluster, the weights of decoding networks, and the decoders' variances where those are learned.
    ///
    /// Encoders are not counted: they say how the posterior is computed, not what the data are like. A network that serves all clusters counts once, and one
    /// for each cluster as often as there are clusters; an expert that sees the latent point has a slope for each latent dimension beside each parameter.
    pub fn n_generative_parameters(&self) -> usize {
        let mixture = diagonal_mixture_parameters(self.prior.n_clusters(), self.prior.n_latent());
        let experts: usize = self.experts().map(|(_, expert)| expert.trained().len()).sum();
        let learned = |variance: DecoderVariance| matches!(variance, DecoderVariance::Learned { .. });
        let variances = self.modalities.iter().filter(|m| learned(m.variance_config)).count();
        mixture + experts + self.parameters.count_of("decoder.") + variances
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;
    use crate::train::tests::{config, split, toy};
    use tch::Device;

    fn count(change: &[(&str, &str)]) -> usize {
        let data = toy(40, false);
        let deconv = "decoder = { type = \"deconv\", base_channels = 3, channels = [4] }";
        let change = [&[(deconv, "decoder = { type = \"mlp\", hidden = [8] }")], change].concat();
        Model::new(&config(&change), &data, &split(&data), Device::Cpu, 0).unwrap().n_generative_parameters()
    }

    #[test]
    fn what_generates_is_counted_and_what_encodes_is_not() {
        // Three Gaussians in two dimensions, three slopes, two dense layers from 2 by way of 8 to 36.
        let network = (2 + 1) * 8 + (8 + 1) * 36;
        assert_eq!(count(&[]), 14 + 3 + network);
        assert_eq!(count(&[("hidden = [8], activation", "hidden = [8, 50], activation")]), 14 + 3 + network);
        assert_eq!(count(&[("clusters = 3", "clusters = 4")]), 19 + 4 + network);
        let learned =
            ("normalise = \"standard\"", "normalise = \"standard\"\nvariance = { learned = { from_epoch = 1 } }");
        assert_eq!(count(&[learned]), 14 + 3 + network + 1);
        let each = ("source = { kind = \"images\" }", "source = { kind = \"images\" }\ndecoder_per_cluster = true");
        assert_eq!(count(&[each]), 14 + 3 + 3 * network);
    }
}
