//! Adam on the few f64 parameters that are not network weights: the logits of the mixture and, in the `paper` recipe, the experts' parameters.

use pima_nets::AdamConfig;
use serde::{Deserialize, Serialize};

/// Moments for a flat list of values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct SmallAdam {
    first: Vec<f64>,
    second: Vec<f64>,
    step: i32,
}

impl SmallAdam {
    /// One update of `values` in place.
    pub(crate) fn update<'a>(
        &mut self,
        values: impl Iterator<Item = (&'a mut f64, f64)>,
        config: &AdamConfig,
        learning_rate: f64,
    ) {
        self.step = self.step.saturating_add(1);
        let (correct1, correct2) = (1.0 - config.beta1.powi(self.step), 1.0 - config.beta2.powi(self.step));
        for (i, (value, gradient)) in values.enumerate() {
            if i == self.first.len() {
                self.first.push(0.0);
                self.second.push(0.0);
            }
            self.first[i] = config.beta1 * self.first[i] + (1.0 - config.beta1) * gradient;
            self.second[i] = config.beta2 * self.second[i] + (1.0 - config.beta2) * gradient * gradient;
            *value -=
                learning_rate * (self.first[i] / correct1) / ((self.second[i] / correct2).sqrt() + config.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_the_learning_rate_and_a_quadratic_is_minimised() {
        let config = AdamConfig::default();
        let mut adam = SmallAdam::default();
        let mut x = [5.0, -3.0];
        adam.update(x.iter_mut().zip([123.0, -0.5]), &config, 0.1);
        assert!((x[0] - 4.9).abs() < 1e-8 && (x[1] + 2.9).abs() < 1e-7, "{x:?}");
        for _ in 0..2000 {
            let gradient = [2.0 * (x[0] - 1.0), 2.0 * (x[1] - 2.0)];
            adam.update(x.iter_mut().zip(gradient), &config, 0.01);
        }
        assert!((x[0] - 1.0).abs() < 1e-3 && (x[1] - 2.0).abs() < 1e-3, "{x:?}");
    }
}
