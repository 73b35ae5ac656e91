//! Where EM starts: k-means partitions of the curves, or of what the expert makes of each.

use ndarray::{Array1, Array2, Axis, s};
use pima_core::{CurveSums, Expert, kmeans};
use rand::Rng;

use super::em::{self, Model};
use super::scaled::ScaledCurves;
use super::{MixtureOfExpertsOptions, Seeding};
use crate::Result;

/// Passes of k-means from which a start is made: EM does the rest.
const KMEANS_ITERATIONS: usize = 20;

/// The points that k-means partitions, one for each curve that has one.
pub(super) struct Seeds {
    points: Array2<f64>,
    /// The curve of each point.
    curves: Vec<usize>,
}

impl Seeds {
    /// The points of all curves. Curves to which the expert cannot be fitted have none, unless they are too many.
    pub(super) fn new(expert: &dyn Expert, curves: &ScaledCurves, options: &MixtureOfExpertsOptions) -> Self {
        if options.seeding == Seeding::Fits {
            let seeds = Self::from_fits(expert, curves, options);
            if seeds.curves.len() >= options.n_clusters {
                return seeds;
            }
        }
        Self { points: curves.values().to_owned(), curves: (0..curves.len()).collect() }
    }

    fn from_fits(expert: &dyn Expert, curves: &ScaledCurves, options: &MixtureOfExpertsOptions) -> Self {
        let start = options.start_of(expert);
        let weight = curves.precision(Array1::ones(curves.values().ncols()).view());
        let mut prediction = Array1::zeros(expert.n_outputs());
        let mut points = Array2::zeros(curves.values().raw_dim());
        let mut fitted = Vec::with_capacity(curves.len());
        for (index, curve) in curves.values().outer_iter().enumerate() {
            let Ok(fit) = expert.fit(curves.unscale(curve).view(), weight.view(), start.view()) else { continue };
            expert.predict(fit.theta.view(), prediction.view_mut());
            let point = curves.scale(prediction.view());
            if point.iter().all(|value| value.is_finite()) {
                points.row_mut(fitted.len()).assign(&point);
                fitted.push(index);
            }
        }
        Self { points: points.slice_move(s![..fitted.len(), ..]), curves: fitted }
    }

    /// The model of one k-means partition.
    pub(super) fn draw<R: Rng + ?Sized>(
        &self,
        expert: &dyn Expert,
        curves: &ScaledCurves,
        options: &MixtureOfExpertsOptions,
        rng: &mut R,
    ) -> Result<Model> {
        let n_clusters = options.n_clusters;
        let partition = kmeans(self.points.view(), n_clusters, KMEANS_ITERATIONS, rng)?;
        let mut sums = CurveSums::new(n_clusters, curves.values().ncols());
        let mut membership = Array2::zeros((1, n_clusters));
        for (&curve, &cluster) in self.curves.iter().zip(&partition.assignment) {
            membership.fill(0.0);
            membership[[0, cluster]] = 1.0;
            sums.add(membership.view(), curves.values().row(curve).insert_axis(Axis(0)), None)?;
        }
        let start = options.start_of(expert);
        let theta = Array2::from_shape_fn((n_clusters, start.len()), |(_, p)| start[p]);
        let equal = Array1::ones(curves.values().ncols());
        em::maximise(expert, curves, &sums, theta, equal.view(), options)
    }
}
