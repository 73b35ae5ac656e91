//! What a sample's posterior is made of: subsets of its modalities, each of them a product of experts.

use ndarray::{Array1, Array2, ArrayView2};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::product::check_presence;
use crate::{Error, Result};

/// How the modalities' posteriors are fused. All three are mixtures, with equal shares, of products of experts over subsets of the
/// modalities that a sample has; they differ in the subsets. [`ElboWorkspace`](crate::ElboWorkspace) multiplies what the presence weights name, so
/// a mixture is trained by handing it the weights of components: one drawn for each sample ([`draw`](Self::draw)), or all of them
/// ([`components`](Self::components)).
///
/// The loss averaged over components is not less than the loss of the mixture itself, because the divergence from the prior is
/// convex: its negative is still a lower bound of the evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fusion {
    /// Product of the present modalities' Gaussians (Walker et al. 2023, eq. 5): precisions add. One component.
    #[default]
    #[serde(rename = "poe")]
    ProductOfExperts,
    /// Mixture of the present modalities' Gaussians (MMVAE; Shi et al. 2019): n components for n modalities.
    #[serde(rename = "moe")]
    MixtureOfExperts,
    /// Mixture of the products over every non-empty subset of the present modalities (MoPoE; Sutter et al. 2021): 2^n - 1 components.
    #[serde(rename = "mopoe")]
    MixtureOfProducts,
}

/// All components of all samples of a batch, those of a sample one after another; S of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// The sample that each component belongs to, (S): ascending.
    pub sample: Array1<usize>,
    /// Its share of the sample's posterior, (S); they sum to one for each sample.
    pub share: Array1<f64>,
    /// Its presence weights, (M,S).
    pub weight: Array2<f64>,
}

/// More modalities than this would have more subsets than one can want to number.
const MOST_MODALITIES: usize = 30;

impl Fusion {
    /// Number of components of a sample with `n_present` modalities; zero without any.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a mixture of products over more than 30 modalities.
    pub fn n_components(self, n_present: usize) -> Result<usize> {
        match self {
            Self::ProductOfExperts => Ok(n_present.min(1)),
            Self::MixtureOfExperts => Ok(n_present),
            Self::MixtureOfProducts if n_present <= MOST_MODALITIES => Ok((1 << n_present) - 1),
            Self::MixtureOfProducts => Err(Error::InvalidParameter {
                name: "number of present modalities".to_owned(),
                value: n_present as f64,
                requirement: "at most 30 for a mixture over their subsets",
            }),
        }
    }

    /// All components of the samples whose modalities are present where `weight` (M,B) is 1 and absent where it is 0.
    ///
    /// The loss of the mixture is `sum_s share_s loss_s` over the components of a sample, with z drawn from each.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a weight other than 0 or 1, or too many subsets; [`Error::NoModality`].
    pub fn components(self, weight: ArrayView2<'_, f64>) -> Result<Components> {
        let counts = self.counts(&weight)?;
        let n_components = counts.iter().sum();
        let mut components = Components {
            sample: Array1::zeros(n_components),
            share: Array1::zeros(n_components),
            weight: Array2::zeros((weight.nrows(), n_components)),
        };
        let numbered = counts.iter().enumerate().flat_map(|(b, n)| (0..*n).map(move |k| (b, k, *n)));
        for (s, (b, k, n)) in numbered.enumerate() {
            components.sample[s] = b;
            components.share[s] = 1.0 / n as f64;
            self.choose(&weight, b, k, |m| components.weight[[m, s]] = 1.0);
        }
        Ok(components)
    }

    /// Draws one component for each sample and returns its presence weights, (M,B).
    ///
    /// Each component of a sample is as probable as its share. The draws are stratified over the batch: of n samples with the same
    /// number of components each component falls to nearly as many, which leaves less noise in the batch's loss than independent
    /// draws would.
    ///
    /// # Errors
    /// As for [`components`](Self::components).
    pub fn draw<R: Rng + ?Sized>(self, weight: ArrayView2<'_, f64>, rng: &mut R) -> Result<Array2<f64>> {
        let counts = self.counts(&weight)?;
        let mut drawn = Array2::zeros(weight.dim());
        // Samples with as many components stand in random order on evenly spaced points of [0,1), moved by one random number.
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.shuffle(rng);
        order.sort_by_key(|b| counts[*b]);
        for alike in order.chunk_by(|a, b| counts[*a] == counts[*b]) {
            let shift: f64 = rng.random();
            for (i, &b) in alike.iter().enumerate() {
                let position = (i as f64 + shift) / alike.len() as f64;
                // Rounding can bring the last position to one.
                let k = ((position * counts[b] as f64) as usize).min(counts[b] - 1);
                self.choose(&weight, b, k, |m| drawn[[m, b]] = 1.0);
            }
        }
        Ok(drawn)
    }

    /// Number of components of every sample, at least one.
    fn counts(self, weight: &ArrayView2<'_, f64>) -> Result<Vec<usize>> {
        check_presence(weight)?;
        let of = |(sample, present): (usize, ndarray::ArrayView1<'_, f64>)| match self
            .n_components(present.iter().filter(|w| **w != 0.0).count())?
        {
            0 => Err(Error::NoModality { sample }),
            n => Ok(n),
        };
        weight.columns().into_iter().enumerate().map(of).collect()
    }

    /// Calls `take` with every modality of component k of sample b.
    fn choose(self, weight: &ArrayView2<'_, f64>, b: usize, k: usize, mut take: impl FnMut(usize)) {
        let present = weight.column(b);
        let present = present.iter().enumerate().filter(|(_, w)| **w != 0.0);
        for (i, (m, _)) in present.enumerate() {
            let taken = match self {
                Self::ProductOfExperts => true,
                Self::MixtureOfExperts => i == k,
                // The bits of k + 1 are the subset.
                Self::MixtureOfProducts => ((k + 1) >> i) & 1 == 1,
            };
            if taken {
                take(m);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const ALL: [Fusion; 3] = [Fusion::ProductOfExperts, Fusion::MixtureOfExperts, Fusion::MixtureOfProducts];

    #[test]
    fn components_are_the_subsets_of_what_is_present() {
        let weight = array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
        let product = Fusion::ProductOfExperts.components(weight.view()).unwrap();
        assert_eq!((product.weight, product.share), (weight.clone(), array![1.0, 1.0]));
        let experts = Fusion::MixtureOfExperts.components(weight.view()).unwrap();
        assert_eq!(experts.sample, array![0, 0, 1]);
        assert_eq!(experts.share, array![0.5, 0.5, 1.0]);
        assert_eq!(experts.weight, array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]);
        let products = Fusion::MixtureOfProducts.components(weight.view()).unwrap();
        assert_eq!(products.sample, array![0, 0, 0, 1]);
        assert_eq!(products.weight, array![[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]);
        let four = Fusion::MixtureOfProducts.components(Array2::ones((4, 1)).view()).unwrap();
        let mut subsets: Vec<String> = four.weight.columns().into_iter().map(|subset| subset.to_string()).collect();
        subsets.sort();
        subsets.dedup();
        assert_eq!(subsets.len(), 15);
    }

    #[test]
    fn draws_are_stratified_and_take_only_what_is_present() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        // 40 samples with both modalities, 5 with the second alone.
        let mut weight = Array2::ones((2, 45));
        weight.row_mut(0).slice_mut(ndarray::s![40..]).fill(0.0);
        for fusion in ALL {
            let drawn = fusion.draw(weight.view(), &mut rng).unwrap();
            assert!(drawn.iter().zip(&weight).all(|(drawn, present)| drawn <= present));
            let both = drawn.slice(ndarray::s![.., ..40]);
            let (first, second) = (both.row(0).sum(), both.row(1).sum());
            let together = both.sum_axis(Axis(0)).iter().filter(|n| **n == 2.0).count();
            match fusion {
                Fusion::ProductOfExperts => assert_eq!((first, second, together), (40.0, 40.0, 40)),
                Fusion::MixtureOfExperts => assert_eq!((first, second, together), (20.0, 20.0, 0)),
                Fusion::MixtureOfProducts => {
                    // 40 over 3: 13 or 14 of each.
                    for n in [together, 40 - first as usize, 40 - second as usize] {
                        assert!((13..=14).contains(&n), "{n}");
                    }
                }
            }
            assert_eq!(drawn.slice(ndarray::s![1, 40..]).sum(), 5.0);
        }
    }

    #[test]
    fn a_draw_hits_every_component_in_proportion() {
        // One sample at a time: stratification does not help, only the probabilities do. The count's deviation is 39.
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let weight = Array2::ones((2, 1));
        let mut pairs = 0;
        for _ in 0..6_000 {
            pairs += usize::from(Fusion::MixtureOfProducts.draw(weight.view(), &mut rng).unwrap().sum() == 2.0);
        }
        assert!(pairs.abs_diff(2_000) < 150, "{pairs}");
    }

    #[test]
    fn refused_input_is_named() {
        for fusion in ALL {
            let none = fusion.components(array![[1.0, 0.0]].view());
            assert!(matches!(none, Err(Error::NoModality { sample: 1 })));
            let half = fusion.components(array![[0.5]].view());
            assert!(matches!(half, Err(Error::InvalidParameter { .. })));
        }
        let many = Fusion::MixtureOfProducts.draw(Array2::ones((31, 1)).view(), &mut ChaCha8Rng::seed_from_u64(0));
        assert!(matches!(many, Err(Error::InvalidParameter { .. })));
    }

    #[test]
    fn names_as_in_a_configuration() {
        let names = ALL.map(|fusion| serde_json::to_string(&fusion).unwrap());
        assert_eq!(names, ["\"poe\"", "\"moe\"", "\"mopoe\""]);
    }
}
