//! How well a predictive distribution does on values that are known after all.

use super::components::Components;
use super::{Engine, Seen, product};
use crate::Result;
use crate::expert::curves_in;
use crate::model::{Head, Model};
use crate::train::standard_normal;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use pima_data::Batch;
use pima_nets::{Mode, tensor_from_f64, to_array2};
use rand::Rng;
use tch::no_grad;

/// The predictive distribution of one modality at the values that B samples really have; NaN for samples without it.
#[derive(Debug, Clone)]
pub struct Score {
    /// Distribution function of each coordinate at its value, (B,d): uniform on [0, 1] for a calibrated prediction.
    pub cumulative: Array2<f64>,
    /// Log predictive density `log p(x_m | what was seen)`, (B), nats, physical units, by importance sampling.
    pub log_density: Array1<f64>,
    /// Its standard error from the finite number of draws, (B).
    pub standard_error: Array1<f64>,
}

/// B Gaussians with diagonal covariances: means and standard deviations, (B,l) each.
#[derive(Debug, Clone)]
pub(super) struct Gaussians {
    pub(super) mean: Array2<f64>,
    pub(super) deviation: Array2<f64>,
}

impl Gaussians {
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Array2<f64> {
        let (n, l) = self.mean.dim();
        &self.mean + &(standard_normal(n, l, rng) * &self.deviation)
    }

    /// `log N(z_b; mean_b, deviation_b^2)` but for the constant that all Gaussians of l dimensions share, (B).
    fn log_density(&self, z: &Array2<f64>) -> Array1<f64> {
        let each = z.outer_iter().zip(self.mean.outer_iter()).zip(self.deviation.outer_iter());
        each.map(|((z, mean), deviation)| {
            let terms = z.iter().zip(mean).zip(deviation).map(|((z, m), s)| s.ln() + 0.5 * ((z - m) / s).powi(2));
            -terms.sum::<f64>()
        })
        .collect()
    }
}

/// One draw of z for every sample.
struct Draw {
    /// (B,l)
    z: Array2<f64>,
    /// `p(c|z)` (B,N).
    of_z: Array2<f64>,
    /// Logarithm of what it counts for (B), beside a draw from the posterior.
    log_weight: Array1<f64>,
}

impl Draw {
    /// One from the posterior itself.
    fn plain((z, of_z): &(Array2<f64>, Array2<f64>)) -> Self {
        Self { z: z.clone(), of_z: of_z.clone(), log_weight: Array1::zeros(z.nrows()) }
    }
}

impl Model {
    /// `log p(x_m | what was seen)` is the logarithm of the mean of `p(x_m | z)` over the posterior of what was seen. Where that says little and x_m much, hardly
    /// any draw comes near: so half of them come from the posterior of what was seen and x_m together, and all are weighted by the posterior over that
    /// mixture of the two (the balance heuristic), which bounds the weights by two.
    pub(super) fn score(
        &self,
        m: usize,
        batch: &Batch,
        seen: &Seen,
        components: &Components,
        samples: usize,
        rng: &mut impl Rng,
    ) -> Result<Score> {
        let (x, weight) = (batch.values(m), batch.weight());
        let present = weight.row(m);
        let draws = match (&seen.gaussians, &self.modalities[m].head) {
            (Some(posterior), _) => self.importance_draws(m, batch, seen, posterior, samples, rng)?,
            // z does not matter, and the clusters are known without draws.
            (None, Head::Expert(expert)) if seen.engine == Engine::Bayes && expert.latent().is_none() => {
                vec![Draw::plain(&(seen.latent_mean.clone(), seen.responsibilities.clone()))]
            }
            (None, _) => seen.draws.iter().map(Draw::plain).collect(),
        };
        let (mut log_density, mut standard_error) = log_mean(&self.log_likelihoods(m, x, &draws)?, &draws);
        for b in (0..batch.len()).filter(|&b| present[b] == 0.0) {
            (log_density[b], standard_error[b]) = (f64::NAN, f64::NAN);
        }
        let normalisation = &self.normalisations[m];
        // From the density of normalised values to that of physical ones.
        log_density -= (0..x.ncols()).map(|j| normalisation.scale(j).ln()).sum::<f64>();
        Ok(Score { cumulative: components.cumulative(x, present), log_density, standard_error })
    }

    fn importance_draws(
        &self,
        m: usize,
        batch: &Batch,
        seen: &Seen,
        posterior: &Gaussians,
        samples: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Draw>> {
        let mut beside = seen.weight.clone();
        beside.row_mut(m).assign(&batch.weight().row(m));
        let encodings = no_grad(|| self.encode(batch, beside.view(), Mode::Evaluate))?;
        let both = product(encodings.mean.view(), encodings.logvar.view(), beside.view())?;
        let from_posterior = samples.div_ceil(2);
        let share = from_posterior as f64 / samples as f64;
        (0..samples)
            .map(|k| {
                let z = if k < from_posterior { posterior.draw(rng) } else { both.draw(rng) };
                let mut of_z = Array2::zeros((z.nrows(), self.prior.n_clusters()));
                self.prior.responsibilities(z.view(), of_z.view_mut())?;
                let ratio = both.log_density(&z) - posterior.log_density(&z);
                let log_weight = ratio.mapv(|ratio| -log_sum_exp(&[share.ln(), (1.0 - share).ln() + ratio]));
                Ok(Draw { z, of_z, log_weight })
            })
            .collect()
    }

    /// `log p(x_m | z)` (B) of each draw: over the clusters where the decoder depends on them.
    fn log_likelihoods(&self, m: usize, x: ArrayView2<'_, f32>, draws: &[Draw]) -> Result<Vec<Array1<f64>>> {
        let noise = self.modalities[m].noise();
        let rows = |means: ArrayView2<'_, f64>| -> Array1<f64> {
            x.outer_iter().zip(means.outer_iter()).map(|(x, mean)| log_gaussian(x, mean, &noise)).collect()
        };
        let over_clusters = |of_z: &Array2<f64>, logs: &[Array1<f64>]| -> Array1<f64> {
            let terms = |b: usize| -> Vec<f64> { logs.iter().zip(of_z.row(b)).map(|(l, g)| g.ln() + l[b]).collect() };
            (0..of_z.nrows()).map(|b| log_sum_exp(&terms(b))).collect()
        };
        match &self.modalities[m].head {
            Head::Expert(expert) => {
                let Some(latent) = expert.latent() else {
                    let curves = expert.normalised().mapv(f64::from);
                    let of =
                        |curve: ArrayView1<'_, f64>| x.outer_iter().map(|x| log_gaussian(x, curve, &noise)).collect();
                    let logs: Vec<Array1<f64>> = curves.outer_iter().map(of).collect();
                    return Ok(draws.iter().map(|draw| over_clusters(&draw.of_z, &logs)).collect());
                };
                let of = |draw: &Draw| {
                    let curves = |c| curves_in(latent, draw.z.view(), c, &self.normalisations[m]);
                    let logs: Vec<_> =
                        (0..draw.of_z.ncols()).map(|c| Ok(rows(curves(c)?.view()))).collect::<Result<_>>()?;
                    Ok(over_clusters(&draw.of_z, &logs))
                };
                draws.iter().map(of).collect()
            }
            Head::Networks(decoders) => no_grad(|| {
                let of = |draw: &Draw| {
                    let z = tensor_from_f64(draw.z.view(), self.parameters.device())?;
                    let decoded = |decoder: &pima_nets::Decoder| {
                        Ok(rows(to_array2(&decoder.forward(&self.parameters, &z))?.view()))
                    };
                    let logs: Vec<_> = decoders.iter().map(decoded).collect::<Result<_>>()?;
                    // One decoder for all clusters: the responsibilities sum to one.
                    Ok(if logs.len() == 1 { logs[0].clone() } else { over_clusters(&draw.of_z, &logs) })
                };
                draws.iter().map(of).collect()
            }),
        }
    }
}

/// `sum_j log N(x_j; mean_j, noise_j)`.
fn log_gaussian(x: ArrayView1<'_, f32>, mean: ArrayView1<'_, f64>, noise: &Array1<f64>) -> f64 {
    let terms = x.iter().zip(mean).zip(noise).map(|((&x, mean), v)| {
        let deviation = f64::from(x) - mean;
        (std::f64::consts::TAU * v).ln() + deviation * deviation / v
    });
    -0.5 * terms.sum::<f64>()
}

/// Log of the weighted mean over draws of what is given by its logarithms (B each), and its standard error by the delta method. Divided by the sum of the weights,
/// which is the number of draws but for chance: where z hardly matters their scatter then does not either.
fn log_mean(logs: &[Array1<f64>], draws: &[Draw]) -> (Array1<f64>, Array1<f64>) {
    let (n_samples, n_draws) = (logs.first().map_or(0, Array1::len), logs.len() as f64);
    let moments = (0..n_samples).map(|b| {
        let weights: Vec<f64> = draws.iter().map(|draw| draw.log_weight[b]).collect();
        let weighted: Vec<f64> = logs.iter().zip(&weights).map(|(log, weight)| log[b] + weight).collect();
        let total = log_sum_exp(&weights);
        let mean = log_sum_exp(&weighted) - total;
        let offset =
            |(log, weight): (&Array1<f64>, &f64)| ((weight - total).exp() * ((log[b] - mean).exp() - 1.0)).powi(2);
        let square: f64 = logs.iter().zip(&weights).map(offset).sum();
        (mean, (square * n_draws / (n_draws - 1.0).max(1.0)).sqrt())
    });
    let (mean, error): (Vec<f64>, Vec<f64>) = moments.unzip();
    (mean.into(), error.into())
}

fn log_sum_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY { most } else { most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln() }
}

#[cfg(test)]
mod tests {
    use super::super::InferOptions;
    use super::super::tests::{ask, gather, trained};
    use super::*;
    use crate::train::tests::see;

    /// The mean over draws from the posterior alone, by which the estimate is judged.
    fn plain(model: &Model, batch: &Batch, given: usize, m: usize, samples: usize) -> (Array1<f64>, Array1<f64>) {
        let options = InferOptions { samples, ..ask(&[given], &[], Engine::Dropout) };
        let seen = model.see(batch, &options, 7).unwrap().0;
        let draws: Vec<Draw> = seen.draws.iter().map(Draw::plain).collect();
        log_mean(&model.log_likelihoods(m, batch.values(m), &draws).unwrap(), &draws)
    }

    #[test]
    fn importance_sampling_agrees_with_many_plain_draws_and_needs_fewer() {
        let (mut model, data, split) = trained();
        let batch = gather(&model, &data, &split.test[..20]);
        for (given, m, sees) in [(1, 0, false), (0, 1, false), (0, 1, true)] {
            if sees {
                see(&mut model);
                // So much noise that draws hit.
                model.modalities[1].noise = Some(Array1::from_elem(batch.values(1).ncols(), 30.0));
            }
            let (expected, expected_error) = plain(&model, &batch, given, m, 5_000);
            let name = model.modalities[m].name.clone();
            let options = InferOptions { samples: 256, ..ask(&[given], &[m], Engine::Dropout) };
            let inferred = model.infer(&batch, &options, 0).unwrap();
            let score = inferred.predictions[&name].score.as_ref().unwrap();
            let normalisation = &model.normalisations[m];
            let jacobian: f64 = (0..batch.values(m).ncols()).map(|j| normalisation.scale(j).ln()).sum();
            for b in 0..20 {
                let off = score.log_density[b] + jacobian - expected[b];
                let error = score.standard_error[b].hypot(expected_error[b]);
                assert!(error < 0.4, "{name} {sees} {b}: {error}");
                assert!(off.abs() < 4.5 * error + 1e-9, "{name} {sees} {b}: {off} against {error}");
            }
            if m == 0 {
                let (_, as_few) = plain(&model, &batch, given, m, 256);
                assert!(score.standard_error.sum() < 0.7 * as_few.sum(), "{} {as_few}", score.standard_error);
            }
        }
    }

    #[test]
    fn weights_are_those_of_the_posterior_over_the_mixture() {
        let at = |mean: f64, deviation: f64| Gaussians {
            mean: Array2::from_elem((1, 1), mean),
            deviation: Array2::from_elem((1, 1), deviation),
        };
        let z = Array2::from_elem((1, 1), 0.7);
        let density = |mean: f64, s: f64| (-0.5 * ((0.7 - mean) / s).powi(2)).exp() / s;
        let ratio = at(2.0, 0.5).log_density(&z)[0] - at(0.0, 1.0).log_density(&z)[0];
        assert!((ratio.exp() - density(2.0, 0.5) / density(0.0, 1.0)).abs() < 1e-12);
        // The mean of 1 and 3, and the error of that mean; then with weights 1 and 3.
        let draw = |log_weight: f64| Draw {
            log_weight: Array1::from_elem(1, log_weight),
            ..Draw::plain(&(z.clone(), z.clone()))
        };
        let logs = [Array1::from_elem(1, 0.0), Array1::from_elem(1, 3.0_f64.ln())];
        let (mean, error) = log_mean(&logs, &[draw(0.0), draw(0.0)]);
        assert!((mean[0] - 2.0_f64.ln()).abs() < 1e-12 && (error[0] - 0.5).abs() < 1e-12, "{mean} {error}");
        let (mean, _) = log_mean(&logs, &[draw(0.0), draw(3.0_f64.ln())]);
        assert!((mean[0] - 2.5_f64.ln()).abs() < 1e-12, "{mean}");
    }
}
