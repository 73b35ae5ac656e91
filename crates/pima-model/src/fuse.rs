//! What the modalities of a sample say together: a Gaussian, or a mixture of Gaussians where the config fuses by one.

use crate::Result;
use crate::model::{Encodings, Model};
use ndarray::{Array2, ArrayView2, Axis};
use pima_core::{Fusion, MixturePosterior};
use rand::Rng;

/// The fused posteriors of B samples, which have S components in all.
pub(crate) struct Fused {
    posterior: MixturePosterior,
    /// `p(c|z)` at the mean of every component (S,N), 2023 eq. 14.
    responsibilities: Array2<f64>,
}

impl Model {
    /// Fuses the modalities whose `weight` (M,B) is not zero.
    pub(crate) fn fuse(&self, encodings: &Encodings, weight: ArrayView2<'_, f64>) -> Result<Fused> {
        let posterior = MixturePosterior::new(self.fusion, encodings.mean.view(), encodings.logvar.view(), weight)?;
        let means = posterior.component_mean();
        let mut responsibilities = Array2::zeros((means.nrows(), self.prior.n_clusters()));
        self.prior.responsibilities(means, responsibilities.view_mut())?;
        Ok(Fused { posterior, responsibilities })
    }

    /// Fusion weights of one component of every sample's posterior (M,B): all of `weight` for a product of experts, which has no other.
    pub(crate) fn draw_component(&self, weight: Array2<f64>, rng: &mut impl Rng) -> Result<Array2<f64>> {
        match self.fusion {
            Fusion::ProductOfExperts => Ok(weight),
            fusion => Ok(fusion.draw(weight.view(), rng)?),
        }
    }
}

impl Fused {
    /// Mean and variance, (B,l) each.
    pub(crate) fn moments(&self) -> (Array2<f64>, Array2<f64>) {
        self.posterior.moments()
    }

    /// The cluster's posterior, (B,N): the mean over a sample's components.
    pub(crate) fn responsibilities(&self) -> Array2<f64> {
        self.mean(&self.responsibilities)
    }

    /// Modality `m` decoded at the components' means, the mean over a sample's components, (B,d), normalised.
    pub(crate) fn decode(&self, model: &Model, m: usize) -> Result<Array2<f64>> {
        let decoded = model.decode(m, self.posterior.component_mean(), self.responsibilities.view())?;
        Ok(self.mean(&decoded))
    }

    /// Values of the components (S,k) averaged by their shares, (B,k).
    fn mean(&self, of_components: &Array2<f64>) -> Array2<f64> {
        let components = self.posterior.components();
        let n_samples = components.sample.last().map_or(0, |last| last + 1);
        let mut mean = Array2::zeros((n_samples, of_components.ncols()));
        for ((&b, &share), values) in
            components.sample.iter().zip(&components.share).zip(of_components.axis_iter(Axis(0)))
        {
            mean.row_mut(b).scaled_add(share, &values);
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::{config, options, split, toy};
    use crate::{Engine, InferOptions, evaluate, load_model, train};
    use pima_core::ClusterPosterior;
    use pima_data::{Batch, Batches};
    use pima_nets::Mode;

    #[test]
    fn every_fusion_trains_and_finds_the_clusters() {
        let data = toy(300, false);
        let split = split(&data);
        for fusion in ["poe", "moe", "mopoe"] {
            let config = config(&[
                ("clusters = 3", &format!("clusters = 3\nfusion = \"{fusion}\"")),
                ("epochs = 3", "epochs = 20\nstart = { hold_epochs = 20 }"),
            ]);
            let folder = tempfile::tempdir().unwrap();
            let options = crate::TrainOptions { checkpoints: Some(folder.path().to_owned()), ..options(1) };
            let model = train(&config, &data, &split, &options, &mut ()).unwrap().model;
            let test = evaluate(&model, &data, &split.test, ClusterPosterior::Exact, 1).unwrap();
            let accuracy = test.scores.as_ref().unwrap().accuracy.accuracy;
            assert!(accuracy > 0.9, "{fusion}: {accuracy}");
            let again = load_model(&folder.path().join("best.safetensors"), &config, tch::Device::Cpu).unwrap();
            let same = evaluate(&again, &data, &split.test, ClusterPosterior::Exact, 1).unwrap();
            assert_eq!(same.responsibilities, test.responsibilities);
        }
    }

    #[test]
    fn a_mixture_of_experts_is_the_mean_of_what_each_says() {
        let data = toy(200, false);
        let split = split(&data);
        let config = config(&[("clusters = 3", "clusters = 3\nfusion = \"moe\""), ("epochs = 3", "epochs = 4")]);
        let model = train(&config, &data, &split, &options(2), &mut ()).unwrap().model;
        let mut batch = Batch::default();
        Batches::new(&data, &model.normalisations).unwrap().gather(&split.test, &mut batch).unwrap();
        let weight = batch.weight().to_owned();
        let encodings = tch::no_grad(|| model.encode(&batch, weight.view(), Mode::Evaluate)).unwrap();
        let fused = model.fuse(&encodings, weight.view()).unwrap();
        let mut expected = Array2::zeros((batch.len(), 3));
        for m in 0..2 {
            let mut one = Array2::zeros((batch.len(), 3));
            model.prior.responsibilities(encodings.mean.index_axis(Axis(0), m), one.view_mut()).unwrap();
            expected += &(one * 0.5);
        }
        assert!((&fused.responsibilities() - &expected).iter().all(|d| d.abs() < 1e-12));
        let (mean, var) = fused.moments();
        let halves = encodings.mean.mean_axis(Axis(0)).unwrap();
        assert!((&mean - &halves).iter().all(|d| d.abs() < 1e-12));
        // Inference draws from both experts alike: its moments come near.
        let options = InferOptions {
            given: vec![0, 1],
            predict: vec![],
            engine: Engine::Dropout,
            samples: 4000,
            intervals: vec![],
            draws: 0,
            score: false,
            seed: 1,
        };
        let inferred = model.infer(&batch, &options, 0).unwrap();
        for ((mean, inferred), var) in mean.iter().zip(&inferred.latent_mean).zip(&var) {
            assert!((mean - inferred).abs() < 0.08 * var.sqrt() + 1e-9, "{mean} {inferred} {var}");
        }
    }
}
