//! Adam (Kingma and Ba 2015) over the flat parameter tensor.
//!
//! `tch` keeps its optimisers' state to itself; a run that is to be resumed exactly needs the two moments, so they are ours.

use crate::{Error, Parameters, Result};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor, no_grad};

/// Adam's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Decay of the mean of the gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest norm of the gradient, applied after the backward pass; none: not clipped.
    pub clip_norm: Option<f64>,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip_norm: None }
    }
}

/// Adam's state.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    first: Tensor,
    second: Tensor,
    step: u64,
}

impl Adam {
    /// Zero moments for `parameters`.
    pub fn new(parameters: &Parameters, config: AdamConfig) -> Self {
        Self { config, first: parameters.flat().zeros_like(), second: parameters.flat().zeros_like(), step: 0 }
    }

    /// One update with the flat `gradient`; returns the gradient's norm before clipping.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn update(&mut self, parameters: &mut Parameters, gradient: &Tensor, learning_rate: f64) -> Result<f64> {
        let AdamConfig { beta1, beta2, epsilon, clip_norm } = self.config;
        self.step += 1;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        no_grad(|| {
            let norm = f64::try_from(gradient.f_norm()?)?;
            let scale = clip_norm.map_or(1.0, |limit| (limit / norm.max(f64::MIN_POSITIVE)).min(1.0));
            let gradient = if scale < 1.0 { gradient * scale } else { gradient.shallow_clone() };
            let _ = self.first.f_mul_scalar_(beta1)?.f_add_(&(&gradient * (1.0 - beta1)))?;
            let _ = self.second.f_mul_scalar_(beta2)?.f_addcmul_(&gradient, &(&gradient * (1.0 - beta2)))?;
            let denominator = (&self.second / (1.0 - beta2.powi(step))).sqrt() + epsilon;
            let update = self.first.f_div(&denominator)? * (-learning_rate / (1.0 - beta1.powi(step)));
            let _ = parameters.flat().shallow_clone().f_add_(&update)?;
            Ok(norm)
        })
    }

    /// First moment, second moment and number of updates.
    ///
    /// # Errors
    /// When libtorch cannot copy.
    pub fn state(&self) -> Result<(Vec<f32>, Vec<f32>, u64)> {
        let first = Vec::<f32>::try_from(self.first.f_to(Device::Cpu)?)?;
        let second = Vec::<f32>::try_from(self.second.f_to(Device::Cpu)?)?;
        Ok((first, second, self.step))
    }

    /// Puts a [`Self::state`] back.
    ///
    /// # Errors
    /// [`Error::StoredSize`] when it belongs to another network.
    pub fn restore(&mut self, first: &[f32], second: &[f32], step: u64) -> Result<()> {
        let expected = self.first.numel();
        for got in [first.len(), second.len()] {
            if got != expected {
                return Err(Error::StoredSize { expected, got });
            }
        }
        no_grad(|| -> Result<()> {
            self.first.f_copy_(&Tensor::f_from_slice(first)?)?;
            self.second.f_copy_(&Tensor::f_from_slice(second)?)?;
            Ok(())
        })?;
        self.step = step;
        Ok(())
    }
}
