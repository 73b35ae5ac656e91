//! The M-steps: mixture components (2023, eq. 15), mixture weights, experts (eq. 16).

use super::step::{At, Step};
use crate::config::{ExpertUpdate, TrainingConfig, WeightUpdate};
use crate::expert::LatentPoints;
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
    /// Per expert that depends on the cluster alone: its modality and its sums.
    pub(crate) curves: Vec<(usize, CurveSums)>,
    /// What experts that see the latent point need; `None` without one.
    pub(crate) points: Option<LatentPoints>,
}

impl EmSums {
    pub(crate) fn new(model: &Model) -> Self {
        let n_clusters = model.prior.n_clusters();
        let plain = model.experts().filter(|(_, expert)| expert.latent().is_none());
        let curves = plain.map(|(m, expert)| (m, CurveSums::new(n_clusters, expert.expert.n_outputs()))).collect();
        let seeing = model.experts().any(|(_, expert)| expert.latent().is_some());
        let points = seeing.then(LatentPoints::default);
        Self { mixture: MixtureSums::new(n_clusters, model.prior.n_latent()), curves, points }
    }

    /// The same, and where every sample is in latent space whether an expert sees it or not.
    pub(crate) fn with_points(model: &Model) -> Self {
        Self { points: Some(LatentPoints::default()), ..Self::new(model) }
    }

    /// Adds the batch whose loss is in the step's workspace.
    pub(crate) fn add(&mut self, step: &Step, batch: &Batch) -> Result<()> {
        let workspace = &step.workspace;
        self.mixture.add(workspace.responsibilities(), workspace.fused_mean(), workspace.fused_logvar())?;
        if let Some(points) = &mut self.points {
            let g = workspace.responsibilities();
            points.add(batch.rows(), g, workspace.fused_mean(), workspace.fused_logvar());
        }
        add_curves(&mut self.curves, workspace.responsibilities(), batch)
    }

    /// Maximises: experts unless `hold` says otherwise; components unless they are held; weights when the recipe solves them.
    pub(crate) fn maximise(
        &self,
        model: &mut Model,
        dataset: &Dataset,
        config: &TrainingConfig,
        hold: &Held,
    ) -> Result<()> {
        let options = MixtureUpdate {
            variance: config.em.variance,
            variance_floor: config.em.variance_floor,
            update_weights: config.weights == WeightUpdate::ClosedForm,
        };
        let updated = self.mixture.maximise(&model.prior, &options)?;
        if hold.centres {
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
        let Some(points) = &self.points else { return Ok(()) };
        let centres = model.prior.mean().to_owned();
        for m in 0..model.modalities.len() {
            let held = hold.slopes[m] || config.experts != ExpertUpdate::ClosedForm;
            if let Some((expert, normalisation, _)) = model.expert_mut(m) {
                let data = &dataset.modalities()[m];
                expert.maximise_latent(points, data, centres.view(), held, normalisation)?;
            }
        }
        Ok(())
    }
}

/// What an M-step leaves alone.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The mixture's components.
    pub(crate) centres: bool,
    /// Per modality: how its expert's parameters depend on the latent point.
    pub(crate) slopes: Vec<bool>,
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

/// One pass that encodes all `rows` (Algorithm 1's first half) and adds to `sums` what the M-steps need.
#[expect(clippy::too_many_arguments, reason = "a model, its data and a position")]
pub(crate) fn em_pass(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    config: &TrainingConfig,
    step: &mut Step,
    seed: u64,
    epoch: usize,
    mut sums: EmSums,
) -> Result<EmSums> {
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    tch::no_grad(|| {
        for (k, rows) in rows.chunks(EVALUATION_ROWS).enumerate() {
            batches.gather(rows, &mut batch)?;
            let mut rng = generator(seed, Purpose::Em, epoch, k);
            let eps = standard_normal(rows.len(), model.prior.n_latent(), &mut rng);
            let weight = model.draw_component(batch.weight().to_owned(), &mut rng)?;
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
