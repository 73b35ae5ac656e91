//! One batch: encoders, fusion, decoders, the loss and its gradients in `pima-core`, and back through the networks.

use super::SmallAdam;
use super::anchor::Anchor;
use crate::config::{ExpertUpdate, TrainingConfig, WeightUpdate};
use crate::model::{Encodings, Head, Model};
use crate::observe::LossRecord;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use pima_core::{ClusterPosterior, ElboWorkspace};
use pima_data::Batch;
use pima_nets::{Adam, Mode, tensor_from_f64, to_array2};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

/// Sums over samples of the loss and its terms.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct LossSums {
    pub(crate) n: f64,
    loss: f64,
    recon: f64,
    cluster: f64,
    categorical: f64,
    entropy: f64,
    recon_by_modality: Vec<f64>,
    /// Samples that have the modality.
    pub(crate) n_by_modality: Vec<f64>,
}

impl LossSums {
    /// Means per sample.
    pub(crate) fn record(&self, model: &Model) -> LossRecord {
        let mean = |sum: f64| sum / self.n.max(1.0);
        LossRecord {
            loss: mean(self.loss),
            recon: mean(self.recon),
            cluster: mean(self.cluster),
            categorical: mean(self.categorical),
            entropy: mean(self.entropy),
            recon_by_modality: model
                .modality_names()
                .zip(&self.recon_by_modality)
                .map(|(n, &r)| (n.to_owned(), mean(r)))
                .collect(),
            accuracy: None,
        }
    }

    /// Mean reconstruction of modality `m` over the samples that have it.
    pub(crate) fn reconstruction(&self, m: usize) -> Option<f64> {
        let n = *self.n_by_modality.get(m)?;
        (n > 0.0).then(|| self.recon_by_modality[m] / n)
    }
}

/// The buffers of a step; reused from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) workspace: ElboWorkspace,
    /// What ties samples to clusters while centres are held.
    pub(crate) anchor: Option<Anchor>,
    recon: Array2<f64>,
}

/// Where a step stands, for errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) epoch: usize,
    pub(crate) batch: usize,
}

/// What a forward pass leaves behind for the backward pass.
pub(crate) struct Forward {
    encodings: Encodings,
    z: Tensor,
    /// Per modality: its networks' reconstruction as a tensor, (B, 1 or N).
    networks: Vec<Option<Tensor>>,
}

impl Forward {
    /// What the encoders made of the batch.
    pub(crate) fn encodings(&self) -> &Encodings {
        &self.encodings
    }
}

impl Step {
    /// Forward: fills the workspace with loss and gradients at `eps` (B,l), fusing the modalities with nonzero `weight` (M,B) and reconstructing all
    /// that are present. `shared` false leaves out networks that serve all clusters alike: enough for responsibilities, and cheap.
    #[expect(clippy::too_many_arguments, reason = "the inputs of eq. 13")]
    pub(crate) fn forward(
        &mut self,
        model: &Model,
        batch: &Batch,
        weight: ArrayView2<'_, f64>,
        eps: ArrayView2<'_, f64>,
        posterior: ClusterPosterior,
        mode: Mode,
        shared: bool,
        at: At,
    ) -> Result<Forward> {
        let encodings = model.encode(batch, weight, mode)?;
        let fused = self.workspace.fuse(encodings.mean.view(), encodings.logvar.view(), weight, eps);
        fused.map_err(|error| explain(error, model, "encoding", at))?;
        let z = tensor_from_f64(self.workspace.z(), model.parameters.device())?.set_requires_grad(mode == Mode::Train);
        let columns = if model.depends_on_cluster() || self.anchor.is_some() { model.prior.n_clusters() } else { 1 };
        if self.recon.dim() == (batch.len(), columns) {
            self.recon.fill(0.0);
        } else {
            self.recon = Array2::zeros((batch.len(), columns));
        }
        let mut networks = Vec::with_capacity(model.modalities.len());
        for (m, modality) in model.modalities.iter().enumerate() {
            let tensor = match &modality.head {
                Head::Networks(decoders) if shared || decoders.len() > 1 => {
                    model.network_reconstruction(m, &z, batch)?
                }
                Head::Networks(_) => None,
                Head::Expert(expert) => {
                    let measured = model.measured(m, batch, self.workspace.z());
                    expert.add_reconstruction(&measured, self.recon.view_mut())?;
                    None
                }
            };
            if let Some(tensor) = &tensor {
                self.recon += &to_array2(tensor)?;
            }
            networks.push(tensor);
        }
        if let Some(anchor) = &self.anchor {
            anchor.add_to(batch, self.recon.view_mut())?;
        }
        if let Some(value) = self.recon.iter().copied().find(|r| !r.is_finite()) {
            let modality = networks
                .iter()
                .position(|t| t.as_ref().is_some_and(|t| !bool::try_from(t.isfinite().all()).unwrap_or(false)));
            let modality = modality.map(|m| model.modalities[m].name.clone());
            return Err(Error::NotFinite { term: "reconstruction", value, modality, epoch: at.epoch, batch: at.batch });
        }
        let evaluated = self.workspace.evaluate(&model.prior, self.recon.view(), posterior);
        evaluated.map_err(|error| explain(error, model, "cluster", at))?;
        Ok(Forward { encodings, z, networks })
    }

    /// Adds this batch's loss to `sums`.
    pub(crate) fn add_loss(&self, model: &Model, batch: &Batch, forward: &Forward, sums: &mut LossSums) -> Result<()> {
        let terms = self.workspace.terms();
        sums.n += batch.len() as f64;
        sums.loss += self.workspace.loss().sum();
        sums.recon += terms.recon.sum();
        sums.cluster += terms.cluster.sum();
        sums.categorical += terms.categorical.sum();
        sums.entropy += terms.entropy.sum();
        sums.recon_by_modality.resize(model.modalities.len(), 0.0);
        sums.n_by_modality.resize(model.modalities.len(), 0.0);
        let presence = batch.weight();
        for (m, modality) in model.modalities.iter().enumerate() {
            sums.n_by_modality[m] += presence.row(m).sum();
            let responsibilities = self.workspace.responsibilities();
            sums.recon_by_modality[m] += match (&modality.head, &forward.networks[m]) {
                (Head::Expert(expert), _) => {
                    let mut own = Array2::zeros(responsibilities.dim());
                    expert.add_reconstruction(&model.measured(m, batch, self.workspace.z()), own.view_mut())?;
                    (own * responsibilities).sum()
                }
                (Head::Networks(_), Some(tensor)) => {
                    let own = to_array2(tensor)?;
                    if own.ncols() == 1 { own.sum() } else { (own * responsibilities).sum() }
                }
                (Head::Networks(_), None) => 0.0,
            };
        }
        Ok(())
    }

    /// The flat gradient of the batch's mean loss by the network parameters: back through the decoders, the kernel and the encoders.
    pub(crate) fn gradient(&mut self, model: &Model, batch: &Batch, forward: Forward, at: At) -> Result<Tensor> {
        let device = model.parameters.device();
        let gradient = model.parameters.zero_gradient();
        // sum over b, c of dloss/dR_bc R_bc, with dloss/dR held constant: its gradient is the chain rule through the decoders.
        let mut surrogate: Option<Tensor> = None;
        for tensor in forward.networks.iter().flatten() {
            let term = if tensor.size()[1] == 1 {
                tensor.sum(Kind::Float)
            } else {
                (tensor * tensor_from_f64(self.workspace.grad_recon(), device)?).sum(Kind::Float)
            };
            surrogate = Some(surrogate.map_or_else(|| term.shallow_clone(), |s| s + &term));
        }
        let mut z_adjoint = match surrogate {
            Some(loss) => {
                let rest = model.parameters.backward(&loss, &model.decoder_ids(), &[&forward.z], &gradient)?;
                to_array2(&rest[0])?
            }
            None => Array2::zeros(self.workspace.z().dim()),
        };
        for (m, expert) in model.experts() {
            let measured = model.measured(m, batch, self.workspace.z());
            expert.add_z_adjoint(&measured, self.workspace.grad_recon(), z_adjoint.view_mut())?;
        }
        self.workspace.pull_back(z_adjoint.view()).map_err(|error| explain(error, model, "gradient", at))?;
        for (m, output) in forward.encodings.outputs.iter().enumerate() {
            let Some((index, mean, logvar)) = output else { continue };
            let pick = |all: ArrayView2<'_, f64>| -> Result<Tensor> {
                let all = tensor_from_f64(all, device)?;
                Ok(match index {
                    Some(index) => all.f_index_select(0, index)?,
                    None => all,
                })
            };
            let grad_mean = pick(self.workspace.grad_mean().index_axis_move(Axis(0), m))?;
            let grad_logvar = pick(self.workspace.grad_logvar().index_axis_move(Axis(0), m))?;
            let loss = (mean * grad_mean).sum(Kind::Float) + (logvar * grad_logvar).sum(Kind::Float);
            model.parameters.backward(&loss, model.modalities[m].encoder.parameter_ids(), &[], &gradient)?;
        }
        let scale = 1.0 / self.workspace.z().nrows() as f64;
        Ok(no_grad(|| gradient * scale))
    }

    /// Backward and update: network weights by Adam, and by `small` what the recipe does not solve in closed form. Returns the gradient's norm.
    #[expect(clippy::too_many_arguments, reason = "everything that is trained")]
    pub(crate) fn backward(
        &mut self,
        model: &mut Model,
        batch: &Batch,
        forward: Forward,
        config: &TrainingConfig,
        learning_rate: f64,
        train_mixture: bool,
        adam: &mut Adam,
        small: &mut SmallAdam,
        at: At,
    ) -> Result<f64> {
        let gradient = self.gradient(model, batch, forward, at)?;
        let norm = f64::try_from(gradient.f_norm()?)?;
        if !norm.is_finite() {
            return Err(Error::NotFinite {
                term: "gradient",
                value: norm,
                modality: None,
                epoch: at.epoch,
                batch: at.batch,
            });
        }
        adam.update(&mut model.parameters, &gradient, learning_rate)?;
        if train_mixture {
            self.update_small(model, batch, config, learning_rate, small)?;
        }
        Ok(norm)
    }

    fn update_small(
        &self,
        model: &mut Model,
        batch: &Batch,
        config: &TrainingConfig,
        learning_rate: f64,
        small: &mut SmallAdam,
    ) -> Result<()> {
        let scale = 1.0 / batch.len() as f64;
        let mut logits = model.prior.logits().to_owned();
        let mut gradients: Vec<f64> = Vec::new();
        let mut thetas: Vec<(usize, Array2<f64>)> = Vec::new();
        if config.weights == WeightUpdate::Adam {
            gradients.extend(self.workspace.grad_logits().iter().map(|g| g * scale));
        }
        if config.experts == ExpertUpdate::Adam {
            for (m, expert) in model.experts() {
                let gradient =
                    expert.gradient(&model.measured(m, batch, self.workspace.z()), self.workspace.grad_recon())?;
                gradients.extend(gradient.iter().map(|g| g * scale));
                thetas.push((m, expert.trained()));
            }
        }
        if gradients.is_empty() {
            return Ok(());
        }
        let logits_values = logits.iter_mut().filter(|_| config.weights == WeightUpdate::Adam);
        let values = logits_values.chain(thetas.iter_mut().flat_map(|(_, theta)| theta.iter_mut()));
        small.update(values.zip(gradients), &config.adam, learning_rate);
        model.prior.set_logits(logits)?;
        for (m, theta) in thetas {
            if let Some((expert, normalisation, _)) = model.expert_mut(m) {
                expert.set_trained(theta, normalisation)?;
            }
        }
        Ok(())
    }
}

/// Says which term and modality a non-finite value belongs to.
fn explain(error: pima_core::Error, model: &Model, term: &'static str, at: At) -> Error {
    match error {
        pima_core::Error::NotFinite { at: location, value, .. } => Error::NotFinite {
            term,
            value,
            modality: location.modality.map(|m| model.modalities[m].name.clone()),
            epoch: at.epoch,
            batch: at.batch,
        },
        other => other.into(),
    }
}
