//! How the members of each cluster differ, in the free coordinates of the expert's parameters, from fits of their single curves.
//!
//! An expert that begins to see the latent point without knowing in which directions to look gives its encoders no reason to place a sample: with slopes
//! of zero the curve does not change with z. So the slopes begin as what single curves say.

use super::ExpertDecoder;
use super::latent::{LatentPoints, curves_of, weights};
use crate::Result;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use pima_core::{Expert, LatentExpert, Link};
use pima_data::{ModalityData, Normalisation};
use std::sync::Arc;

/// A parameter this close to an end of its interval, in the free coordinate, was not determined by its curve.
const EDGE: f64 = 7.0;

/// Responsibility-weighted sums over fits of single curves.
struct Sums {
    count: f64,
    /// (P)
    first: Array1<f64>,
    /// (P,P)
    second: Array2<f64>,
    /// What the noise of a single fit adds, (P,P).
    noise: Array2<f64>,
}

impl Sums {
    /// Covariance within the cluster less that of the fits themselves, (P,P); zero where there are no two members.
    fn spread(&self) -> Array2<f64> {
        if self.count < 2.0 {
            return Array2::zeros(self.second.dim());
        }
        let mean = &self.first / self.count;
        let outer = mean.view().insert_axis(Axis(1)).dot(&mean.view().insert_axis(Axis(0)));
        (&self.second - &self.noise) / self.count - outer
    }
}

impl ExpertDecoder {
    /// Lets the parameters depend on the latent point, about `centres` with variances `var` (N,l), along the directions in which the members of each
    /// cluster differ. At most about `most` of the points are looked at.
    pub(crate) fn begin_to_see(
        &mut self,
        points: &LatentPoints,
        data: &ModalityData,
        (centres, var): (ArrayView2<'_, f64>, ArrayView2<'_, f64>),
        most: usize,
        normalisation: &Normalisation,
    ) -> Result<()> {
        let mut latent = LatentExpert::new(Arc::clone(&self.expert), self.theta.view(), centres)?;
        let spread = self.spread(points, data, latent.links(), most, normalisation)?;
        latent.spread(&spread, var)?;
        self.set_latent(latent, normalisation);
        Ok(())
    }

    fn spread(
        &self,
        points: &LatentPoints,
        data: &ModalityData,
        links: &[Link],
        most: usize,
        normalisation: &Normalisation,
    ) -> Result<Vec<Array2<f64>>> {
        let (n_clusters, p) = self.theta.dim();
        let empty = || Sums {
            count: 0.0,
            first: Array1::zeros(p),
            second: Array2::zeros((p, p)),
            noise: Array2::zeros((p, p)),
        };
        let mut sums: Vec<Sums> = (0..n_clusters).map(|_| empty()).collect();
        let weight = weights(data.size(), 1.0, normalisation);
        let n: usize = points.parts().iter().map(|part| part.rows.len()).sum();
        let every = n.div_ceil(most.max(1)).max(1);
        let mut seen = 0;
        for part in points.parts() {
            let (x, present) = curves_of(data, &part.rows)?;
            for (b, x) in x.outer_iter().enumerate() {
                seen += 1;
                if seen % every != 0 || present[b] == 0.0 {
                    continue;
                }
                let g = part.responsibilities.row(b);
                let likely = (0..n_clusters).max_by(|&a, &c| g[a].total_cmp(&g[c])).unwrap_or(0);
                let Some((u, noise)) = single(&*self.expert, x, weight.view(), self.theta.row(likely), links) else {
                    continue;
                };
                for (sums, &g) in sums.iter_mut().zip(g) {
                    sums.count += g;
                    sums.first.scaled_add(g, &u);
                    sums.noise.scaled_add(g, &noise);
                    for (mut row, &u_p) in sums.second.outer_iter_mut().zip(&u) {
                        row.scaled_add(g * u_p, &u);
                    }
                }
            }
        }
        Ok(sums.iter().map(Sums::spread).collect())
    }
}

/// The free coordinates (P) of the fit of one curve `x` (d), and their covariance (P,P); `None` where the curve does not determine them.
fn single(
    expert: &dyn Expert,
    x: ndarray::ArrayView1<'_, f64>,
    weight: ndarray::ArrayView1<'_, f64>,
    theta: ndarray::ArrayView1<'_, f64>,
    links: &[Link],
) -> Option<(Array1<f64>, Array2<f64>)> {
    let fit = expert.fit(x, weight, theta).ok()?;
    let u: Array1<f64> = fit.theta.iter().zip(links).map(|(&theta, link)| link.coordinate(theta)).collect();
    let inside = |(u, link): (&f64, &Link)| u.is_finite() && !(matches!(link, Link::Interval { .. }) && u.abs() > EDGE);
    if !u.iter().zip(links).all(inside) {
        return None;
    }
    let slack = x.len().checked_sub(u.len()).filter(|&slack| slack > 0)?;
    let variance = fit.residual / slack as f64;
    let slope: Array1<f64> = u.iter().zip(links).map(|(&u, link)| link.derivative(u)).collect();
    let factor = fit.covariance_factor?;
    let noise = Array2::from_shape_fn(factor.dim(), |(p, q)| factor[[p, q]] * variance / (slope[p] * slope[q]));
    noise.iter().all(|value| value.is_finite()).then_some((u, noise))
}
