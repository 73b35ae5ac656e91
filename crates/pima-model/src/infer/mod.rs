//! Cross-modal inference (2023, section 3; 2022, section 2.4): from some modalities of a sample to its latent posterior, its cluster and its other
//! modalities, with uncertainty.

mod components;
mod identified;
mod score;

pub use identified::InferredParameters;

use crate::expert::curves_in;
use crate::model::{Encodings, Head, Model};
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use components::Components;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis};
use pima_core::{Fusion, MixturePrior, product_of_experts};
use pima_data::Batch;
use pima_nets::{Mode, tensor_from_f64, to_array2};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use score::Gaussians;
pub use score::Score;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::{fmt, str::FromStr};
use tch::no_grad;

/// How a cluster and a latent point are inferred from what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Encode what was seen, fuse it, and take the cluster from the latent posterior (2023, section 3.2 and eq. 14).
    #[default]
    Dropout,
    /// Bayes' rule over the clusters: `p(c|X) ~ pi_c prod_m p(X_m|c)` (2023, eq. 17 and 18), with decoders that depend on z taken at the cluster's centre
    /// (2022, eq. 20). The latent posterior is then the mixture of the clusters.
    Bayes,
    /// As `dropout`, with the refitted encoder (2022, section 2.4) for samples of which one modality alone is seen.
    Refit,
}

impl FromStr for Engine {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dropout" => Ok(Self::Dropout),
            "bayes" => Ok(Self::Bayes),
            "refit" => Ok(Self::Refit),
            _ => Err("expected dropout, bayes or refit"),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dropout => "dropout",
            Self::Bayes => "bayes",
            Self::Refit => "refit",
        })
    }
}

/// What to infer, and how.
#[derive(Debug, Clone)]
pub struct InferOptions {
    /// The modalities to look at, by index; where a sample lacks some of them, the others serve.
    pub given: Vec<usize>,
    /// The modalities to predict, by index.
    pub predict: Vec<usize>,
    /// How.
    pub engine: Engine,
    /// Draws of z per sample, at least 1.
    pub samples: usize,
    /// Levels of predictive intervals, each in (0, 1): 0.9 for the interval from the 5 % to the 95 % quantile.
    pub intervals: Vec<f64>,
    /// Draws of each predicted modality to return per sample; 0: none.
    pub draws: usize,
    /// Judge each prediction by the values that the samples really have, where they do.
    pub score: bool,
    /// Seed of all draws.
    pub seed: u64,
}

/// What was inferred for B samples.
#[derive(Debug, Clone)]
pub struct Inference {
    /// Mean of the latent posterior, (B,l).
    pub latent_mean: Array2<f64>,
    /// Its variance, (B,l).
    pub latent_var: Array2<f64>,
    /// `p(c | what was seen)`, (B,N).
    pub responsibilities: Array2<f64>,
    /// By name of the modality.
    pub predictions: BTreeMap<String, Prediction>,
}

/// The predictive distribution of one modality for B samples, physical units.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Its mean, (B,d).
    pub mean: Array2<f64>,
    /// Its variance, (B,d): over clusters, over z and the noise of a measurement (2023, eq. 12 and 17).
    pub variance: Array2<f64>,
    /// For each level asked for, the lower and the upper end, (B,d) each.
    pub intervals: Vec<(Array2<f64>, Array2<f64>)>,
    /// Draws, (B,S,d); absent when none were asked for.
    pub draws: Option<Array3<f64>>,
    /// How well it does on what the samples really have; absent when that was not asked for.
    pub score: Option<Score>,
    /// Where the modality has an expert: what it says about each sample.
    pub parameters: Option<InferredParameters>,
}

impl Model {
    /// Index of a modality.
    ///
    /// # Errors
    /// [`Error::Modality`] with the names there are.
    pub fn modality_index(&self, name: &str) -> Result<usize> {
        self.modality_names().position(|own| own == name).ok_or_else(|| Error::Modality {
            modality: name.to_owned(),
            problem: format!(
                "the model has no such modality; it has {}",
                self.modality_names().collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// Infers from the modalities `options.given` of a batch that was gathered with this model's normalisations. `position` says which batch it is:
    /// draws depend on it and the seed alone.
    ///
    /// # Errors
    /// [`Error::NothingSeen`] for a sample that has none of the modalities given; [`Error::Infer`] for options that make no sense.
    pub fn infer(&self, batch: &Batch, options: &InferOptions, position: usize) -> Result<Inference> {
        self.check_inference(options)?;
        let (seen, mut rng) = self.see(batch, options, position)?;
        let mut predictions = BTreeMap::new();
        for &m in &options.predict {
            let prediction = self.predict(m, batch, &seen, options, &mut rng)?;
            predictions.insert(self.modalities[m].name.clone(), prediction);
        }
        let Seen { latent_mean, latent_var, responsibilities, .. } = seen;
        Ok(Inference { latent_mean, latent_var, responsibilities, predictions })
    }

    /// What the modalities given say about where the samples are; and the generator for what follows.
    fn see(&self, batch: &Batch, options: &InferOptions, position: usize) -> Result<(Seen, ChaCha8Rng)> {
        let mut weight = batch.weight().to_owned();
        for m in (0..self.modalities.len()).filter(|m| !options.given.contains(m)) {
            weight.row_mut(m).fill(0.0);
        }
        if let Some(b) = (0..batch.len()).find(|&b| weight.column(b).iter().all(|&w| w == 0.0)) {
            return Err(Error::NothingSeen { row: batch.rows()[b] });
        }
        let mut rng = generator(options.seed, Purpose::Inference, 0, position);
        let seen = match options.engine {
            Engine::Dropout | Engine::Refit => {
                let encodings = no_grad(|| match options.engine {
                    Engine::Refit => self.encode_refitted(batch, weight.view()),
                    _ => self.encode(batch, weight.view(), Mode::Evaluate),
                })?;
                self.see_by_encoders(&encodings, weight, options, position)?
            }
            Engine::Bayes => self.see_by_clusters(batch, weight, options.samples, &mut rng)?,
        };
        Ok((seen, rng))
    }

    /// The engine that knows most: `refit` where the encoders have been refitted, else `dropout`.
    pub fn preferred_engine(&self) -> Engine {
        if self.refitted.is_some() { Engine::Refit } else { Engine::Dropout }
    }

    /// That options make sense for this model.
    ///
    /// # Errors
    /// [`Error::Infer`] where they do not.
    pub fn check_inference(&self, options: &InferOptions) -> Result<()> {
        let fail = |problem: &str| Err(Error::Infer { problem: problem.to_owned() });
        if options.engine == Engine::Refit && self.refitted.is_none() {
            return fail("this model's encoders have not been refitted: run pima refit, or choose another engine");
        }
        if options.given.is_empty() {
            return fail("no modality is given: name at least one");
        }
        if options.given.iter().chain(&options.predict).any(|&m| m >= self.modalities.len()) {
            return fail("a modality is asked for that the model does not have");
        }
        if options.samples == 0 {
            return fail("samples is 0: at least one draw of z is needed");
        }
        if options.intervals.iter().any(|level| !(*level > 0.0 && *level < 1.0)) {
            return fail("the level of an interval must lie between 0 and 1");
        }
        Ok(())
    }

    /// Samples of which one modality is seen by its refitted encoder, the others by the encoders that fuse.
    fn encode_refitted(&self, batch: &Batch, weight: ArrayView2<'_, f64>) -> Result<Encodings> {
        let Some(refitted) = &self.refitted else {
            return Err(Error::Infer { problem: "this model's encoders have not been refitted".to_owned() });
        };
        let (mut alone, mut beside) = (weight.to_owned(), weight.to_owned());
        for (mut alone, mut beside) in alone.columns_mut().into_iter().zip(beside.columns_mut()) {
            let seen = beside.iter().filter(|&&w| w != 0.0).count();
            if seen == 1 { beside.fill(0.0) } else { alone.fill(0.0) }
        }
        let mut encodings = self.encode(batch, beside.view(), Mode::Evaluate)?;
        let alone = self.encode_with(&refitted.parameters, batch, alone.view(), Mode::Evaluate)?;
        // Each is zero where the other is not.
        encodings.mean += &alone.mean;
        encodings.logvar += &alone.logvar;
        Ok(encodings)
    }

    fn see_by_encoders(
        &self,
        encodings: &Encodings,
        weight: Array2<f64>,
        options: &InferOptions,
        position: usize,
    ) -> Result<Seen> {
        let (means, logvars) = (encodings.mean.view(), encodings.logvar.view());
        let of_all = match self.fusion {
            Fusion::ProductOfExperts => Some(product(means, logvars, weight.view())?),
            _ => None,
        };
        let (latent_mean, latent_var) = match &of_all {
            Some(all) => (all.mean.clone(), all.deviation.mapv(|s| s * s)),
            None => self.fuse(encodings, weight.view())?.moments(),
        };
        let shape = (weight.ncols(), self.prior.n_clusters());
        // Every draw has a generator of its own, so that they are the same whatever the threads.
        let (prior, fusion) = (&self.prior, self.fusion);
        let one = |k: usize| {
            let mut rng = generator(options.seed, Purpose::Inference, k + 1, position);
            let z = match &of_all {
                Some(all) => all.draw(&mut rng),
                None => {
                    let component = fusion.draw(weight.view(), &mut rng)?;
                    product(means, logvars, component.view())?.draw(&mut rng)
                }
            };
            let mut of_z = Array2::zeros(shape);
            prior.responsibilities(z.view(), of_z.view_mut())?;
            Ok((z, of_z))
        };
        let draws = (0..options.samples).into_par_iter().map(one).collect::<Result<Vec<_>>>()?;
        let mut responsibilities = Array2::zeros(shape);
        for (_, of_z) in &draws {
            responsibilities += of_z;
        }
        responsibilities /= options.samples as f64;
        let engine = options.engine;
        Ok(Seen { engine, weight, gaussians: of_all, latent_mean, latent_var, responsibilities, draws })
    }

    fn see_by_clusters(&self, batch: &Batch, weight: Array2<f64>, samples: usize, rng: &mut impl Rng) -> Result<Seen> {
        let (n, l, n_clusters) = (batch.len(), self.prior.n_latent(), self.prior.n_clusters());
        let mut log = Array2::zeros((n, n_clusters));
        log += &self.prior.log_weights();
        let identity = Array2::eye(n_clusters);
        for (m, modality) in self.modalities.iter().enumerate() {
            if weight.row(m).iter().all(|&w| w == 0.0) {
                continue;
            }
            // What each cluster's centre decodes to, and the log of the Gaussian around it.
            let centres = self.decode(m, self.prior.mean(), identity.view())?;
            let noise = modality.noise();
            for (b, x) in batch.values(m).outer_iter().enumerate().filter(|(b, _)| weight[[m, *b]] != 0.0) {
                for (c, centre) in centres.outer_iter().enumerate() {
                    let square: f64 =
                        x.iter().zip(centre).zip(&noise).map(|((&x, e), v)| (f64::from(x) - e).powi(2) / v).sum();
                    log[[b, c]] -= 0.5 * square;
                }
            }
        }
        let mut responsibilities = log;
        for mut row in responsibilities.outer_iter_mut() {
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.mapv_inplace(|value| (value - most).exp());
            row /= row.sum();
        }
        let mut draws = Vec::with_capacity(samples);
        for _ in 0..samples {
            let mut z = Array2::zeros((n, l));
            let mut of_z = Array2::zeros((n, n_clusters));
            for (b, weights) in responsibilities.outer_iter().enumerate() {
                let c = draw_cluster(weights.iter(), rng);
                of_z[[b, c]] = 1.0;
                for j in 0..l {
                    let (mean, var) = (self.prior.mean()[[c, j]], self.prior.var()[[c, j]]);
                    z[[b, j]] = mean + var.sqrt() * rng.sample::<f64, _>(rand_distr::StandardNormal);
                }
            }
            draws.push((z, of_z));
        }
        let (latent_mean, latent_var) = mixture_of(&self.prior, responsibilities.view())?;
        let engine = Engine::Bayes;
        Ok(Seen { engine, weight, gaussians: None, latent_mean, latent_var, responsibilities, draws })
    }

    fn predict(
        &self,
        m: usize,
        batch: &Batch,
        seen: &Seen,
        options: &InferOptions,
        rng: &mut impl Rng,
    ) -> Result<Prediction> {
        let modality = &self.modalities[m];
        let mut components = Components::new(modality.noise());
        match &modality.head {
            Head::Expert(expert) => match expert.latent() {
                // Every draw has its own curve.
                Some(latent) => {
                    let share = 1.0 / seen.draws.len() as f64;
                    for (z, of_z) in &seen.draws {
                        for (c, weight) in of_z.columns().into_iter().enumerate() {
                            let curves = curves_in(latent, z.view(), c, &self.normalisations[m])?;
                            components.add(weight.mapv(|w| w * share), curves);
                        }
                    }
                }
                // The curve is its cluster's: the draws of z matter through p(c) alone.
                None => {
                    for (curve, weight) in expert.normalised().outer_iter().zip(seen.responsibilities.columns()) {
                        components.add_shared(weight.to_owned(), curve.mapv(f64::from));
                    }
                }
            },
            Head::Networks(decoders) => no_grad(|| {
                let share = 1.0 / seen.draws.len() as f64;
                for (z, of_z) in &seen.draws {
                    let z = tensor_from_f64(z.view(), self.parameters.device())?;
                    for (c, decoder) in decoders.iter().enumerate() {
                        let weight = if decoders.len() == 1 {
                            Array1::from_elem(of_z.nrows(), share)
                        } else {
                            of_z.column(c).mapv(|w| w * share)
                        };
                        components.add(weight, to_array2(&decoder.forward(&self.parameters, &z))?);
                    }
                }
                Ok::<_, Error>(())
            })?,
        }
        let normalisation = &self.normalisations[m];
        let (mut mean, mut variance) = components.moments(seen.responsibilities.nrows())?;
        let mut intervals: Vec<_> =
            options.intervals.iter().map(|&level| components.interval(mean.nrows(), level)).collect();
        let mut draws = (options.draws > 0).then(|| components.draw(mean.nrows(), options.draws, rng));
        let score = match options.score {
            true => Some(self.score(m, batch, seen, &components, options.samples, rng)?),
            false => None,
        };
        normalisation.invert(mean.view_mut());
        normalisation.invert_variance(variance.view_mut());
        for (lower, upper) in &mut intervals {
            normalisation.invert(lower.view_mut());
            normalisation.invert(upper.view_mut());
        }
        for mut of_sample in draws.iter_mut().flat_map(|draws| draws.outer_iter_mut()) {
            normalisation.invert(of_sample.view_mut());
        }
        let parameters = match &modality.head {
            Head::Expert(expert) => Some(identified::parameters(expert, seen)),
            Head::Networks(_) => None,
        };
        Ok(Prediction { mean, variance, intervals, draws, score, parameters })
    }
}

/// What was seen of a batch.
struct Seen {
    engine: Engine,
    /// Which modalities of which samples were seen (M,B), zero or not.
    weight: Array2<f64>,
    /// The latent posterior, where it is a Gaussian.
    gaussians: Option<Gaussians>,
    latent_mean: Array2<f64>,
    latent_var: Array2<f64>,
    responsibilities: Array2<f64>,
    /// z (B,l) and the cluster's posterior given that z, (B,N).
    draws: Vec<(Array2<f64>, Array2<f64>)>,
}

/// The product of those experts (M,B,l) whose `weight` (M,B) is not zero.
fn product(means: ArrayView3<'_, f64>, logvars: ArrayView3<'_, f64>, weight: ArrayView2<'_, f64>) -> Result<Gaussians> {
    let shape = (means.len_of(Axis(1)), means.len_of(Axis(2)));
    let (mut mean, mut logvar) = (Array2::zeros(shape), Array2::zeros(shape));
    product_of_experts(means, logvars, weight, mean.view_mut(), logvar.view_mut())?;
    Ok(Gaussians { mean, deviation: logvar.mapv_into(|v| (0.5 * v).exp()) })
}

/// Mean and variance (B,l) of the prior's components mixed with weights (B,N).
fn mixture_of(prior: &MixturePrior, weights: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array2<f64>)> {
    let shape = (weights.nrows(), prior.n_clusters(), prior.n_latent());
    let (mean, var) = (prior.mean().insert_axis(Axis(0)), prior.var().insert_axis(Axis(0)));
    let whole = "one sample's components for every sample";
    Ok(pima_core::mixture_moments(weights, mean.broadcast(shape).expect(whole), var.broadcast(shape).expect(whole))?)
}

/// A draw from weights that sum to one.
fn draw_cluster<'a>(weights: impl Iterator<Item = &'a f64>, rng: &mut impl Rng) -> usize {
    let mut left: f64 = rng.random();
    let mut last = 0;
    for (c, &weight) in weights.enumerate() {
        if weight > 0.0 {
            last = c;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests;
