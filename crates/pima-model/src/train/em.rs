//! The M-steps: mixture components (2023, eq. 15), mixture weights, experts (eq. 16).

use super::step::{At, Step};
use crate::config::{ExpertUpdate, TrainingConfig, WeightUpdate};
use crate::model::Model;
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};
use pima_core::{CurveSums, MixtureSums, MixtureUpdate};
use pima_data::{Batch, Batches, Dataset};
use pima_nets::Mode;
use rand::Rng;
use rand_distr::StandardNormal;

/// Rows encoded together when nothing is trained.
pub(crate) const EVALUATION_ROWS: usize = 512;

/// Sufficient statistics of everything that has a closed-form M-step; streams over batches and adds up.
#[derive(Debug, Clone)]
pub(crate) struct EmSums {
    pub(crate) mixture: MixtureSums,
    /// Per expert: its modality and its sums.
    pub(crate) curves: Vec<(usize, CurveSums)>,
}

impl EmSums {
    pub(crate) fn new(model: &Model) -> Self {
        let n_clusters = model.prior.n_clusters();
        let curves =
            model.experts().map(|(m, expert)| (m, CurveSums::new(n_clusters, expert.expert.n_outputs()))).collect();
        Self { mixture: MixtureSums::new(n_clusters, model.prior.n_latent()), curves }
    }

    /// Adds the batch whose loss is in the step's workspace.
    pub(crate) fn add(&mut self, step: &Step, batch: &Batch) -> Result<()> {
        let workspace = &step.workspace;
        self.mixture.add(workspace.responsibilities(), workspace.fused_mean(), workspace.fused_logvar())?;
        add_curves(&mut self.curves, workspace.responsibilities(), batch)
    }

    /// Maximises: experts always; components unless they are held; weights when the recipe solves them.
    pub(crate) fn maximise(&self, model: &mut Model, config: &TrainingConfig, hold: bool) -> Result<()> {
        let options = MixtureUpdate {
            variance: config.em.variance,
            variance_floor: config.em.variance_floor,
            update_weights: config.weights == WeightUpdate::ClosedForm,
        };
        let updated = self.mixture.maximise(&model.prior, &options)?;
        if hold {
            model.prior.set_logits(updated.logits().to_owned())?;
        } else {
            model.prior = updated;
        }
        if config.experts == ExpertUpdate::ClosedForm {
            for (m, sums) in &self.curves {
                if let Some((expert, normalisation, name)) = model.expert_mut(*m) {
                    expert.maximise(sums, normalisation, name)?;
                }
            }
        }
        Ok(())
    }
}

/// Adds a batch's normalised expert modalities, weighted by responsibilities (B,N).
pub(crate) fn add_curves(
    curves: &mut [(usize, CurveSums)],
    responsibilities: ArrayView2<'_, f64>,
    batch: &Batch,
) -> Result<()> {
    for (m, sums) in curves {
        let x = batch.values(*m).mapv(f64::from);
        let weight = batch.weight();
        let present = weight.row(*m).mapv(|w| w != 0.0);
        sums.add(responsibilities, x.view(), Some(present.view()))?;
    }
    Ok(())
}

/// One pass that encodes all `rows` (Algorithm 1's first half) and collects what the M-steps need.
pub(crate) fn em_pass(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    config: &TrainingConfig,
    step: &mut Step,
    seed: u64,
    epoch: usize,
) -> Result<EmSums> {
    let mut sums = EmSums::new(model);
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    tch::no_grad(|| {
        for (k, rows) in rows.chunks(EVALUATION_ROWS).enumerate() {
            batches.gather(rows, &mut batch)?;
            let eps = standard_normal(rows.len(), model.prior.n_latent(), &mut generator(seed, Purpose::Em, epoch, k));
            let weight = batch.weight().to_owned();
            let at = At { epoch, batch: k + 1 };
            step.forward(model, &batch, weight.view(), eps.view(), config.posterior, Mode::Evaluate, false, at)?;
            sums.add(step, &batch)?;
        }
        Ok::<_, Error>(())
    })?;
    Ok(sums)
}

/// Standard normal draws (rows, columns).
pub(crate) fn standard_normal(rows: usize, columns: usize, rng: &mut impl Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || rng.sample(StandardNormal))
}
