//! What an expert says about single samples that were inferred: the moments of its parameters over the draws of z and the clusters.

use super::Seen;
use crate::expert::ExpertDecoder;
use ndarray::Array2;

/// Physical parameters of B samples, and quantities derived from them; Q in all.
#[derive(Debug, Clone)]
pub struct InferredParameters {
    /// Names (Q).
    pub names: Vec<String>,
    /// Units (Q); empty strings where there are none.
    pub units: Vec<String>,
    /// Means, (B,Q).
    pub mean: Array2<f64>,
    /// Standard deviations (B,Q): over clusters, and over z where the expert sees it; that of the expert's own fit is not in them.
    pub deviation: Array2<f64>,
}

/// The moments over what was seen.
pub(super) fn parameters(expert: &ExpertDecoder, seen: &Seen) -> InferredParameters {
    let of = |c: usize, z: ndarray::ArrayView1<'_, f64>| match expert.latent() {
        Some(latent) => expert.expert.quantities(latent.parameters(c, z).view(), None),
        None => expert.expert.quantities(expert.theta().row(c), None),
    };
    let first = expert.expert.quantities(expert.theta().row(0), None);
    let shape = (seen.latent_mean.nrows(), first.len());
    let (mut mean, mut square) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
    // Where z does not matter, draws matter through the clusters alone, which are known without them.
    let whole = [(seen.latent_mean.clone(), seen.responsibilities.clone())];
    let draws = if expert.latent().is_some() { &seen.draws[..] } else { &whole[..] };
    let share = 1.0 / draws.len() as f64;
    // About the first value met, so that a small spread of large numbers is not lost in their squares.
    let mut about = Array2::from_elem(shape, f64::NAN);
    for (z, of_z) in draws {
        for (b, (z, weights)) in z.outer_iter().zip(of_z.outer_iter()).enumerate() {
            for (c, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                for (q, quantity) in of(c, z).into_iter().enumerate() {
                    if about[[b, q]].is_nan() {
                        about[[b, q]] = quantity.value;
                    }
                    let offset = quantity.value - about[[b, q]];
                    mean[[b, q]] += share * weight * offset;
                    square[[b, q]] += share * weight * offset * offset;
                }
            }
        }
    }
    let deviation = (square - mean.mapv(|m| m * m)).mapv(|variance| variance.max(0.0).sqrt());
    let (names, units) = first.into_iter().map(|quantity| (quantity.name, quantity.unit)).unzip();
    InferredParameters { names, units, mean: mean + about, deviation }
}
