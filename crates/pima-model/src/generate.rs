//! Generation: samples of the model from its clusters, or what points of the latent space decode to.

use crate::model::Model;
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use ndarray::{Array1, Array2};
use pima_core::most_probable;
use rand::Rng;
use rand_distr::StandardNormal;
use std::collections::BTreeMap;

/// Where in latent space to generate.
#[derive(Debug, Clone, PartialEq)]
pub enum LatentPoints {
    /// Draws from the prior: a cluster by its weight (or this one), then a point of its Gaussian.
    Draws {
        /// How many.
        n: usize,
        /// The cluster; `None`: any, by the mixture's weights.
        cluster: Option<usize>,
    },
    /// These points, (S,l).
    At(Array2<f64>),
    /// Evenly spaced from one point to another, both included.
    Line {
        /// The first point, (l).
        from: Array1<f64>,
        /// The last point, (l).
        to: Array1<f64>,
        /// How many.
        n: usize,
    },
    /// A grid over the first two dimensions, rows of the first from top to bottom, that holds every cluster's centre and three standard deviations around it; all
    /// other dimensions are at the mixture's mean.
    Grid {
        /// Points along each of the two.
        n: usize,
    },
    /// For every cluster its centre, and the points `k` standard deviations below and above it in each dimension (2022, Figure 4): 1 + 2 l points a cluster.
    Deviations {
        /// How many standard deviations.
        k: f64,
    },
}

/// What was generated: S samples.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The points, (S,l).
    pub z: Array2<f64>,
    /// The cluster of each point: the one it was made for, else the most probable one.
    pub clusters: Array1<usize>,
    /// `p(c|z)` (S,N); all on one cluster where a point was made for it.
    pub responsibilities: Array2<f64>,
    /// By name of the modality: the decoded mean, (S,d), physical units.
    pub decoded: BTreeMap<String, Array2<f64>>,
}

impl Model {
    /// Decodes points of the latent space into every modality; decoders that depend on the cluster are weighed by `p(c|z)`, or are the cluster's own where a
    /// point is made for one. With `noise`, the noise of a measurement is added.
    ///
    /// # Errors
    /// [`Error::Infer`] for a cluster or a dimension that the model does not have.
    pub fn generate(&self, points: &LatentPoints, noise: bool, seed: u64) -> Result<Generated> {
        let mut rng = generator(seed, Purpose::Generation, 0, 0);
        let (z, own) = self.latent_points(points, &mut rng)?;
        let mut responsibilities = Array2::zeros((z.nrows(), self.prior.n_clusters()));
        match &own {
            Some(own) => own.iter().enumerate().for_each(|(row, &cluster)| responsibilities[[row, cluster]] = 1.0),
            None => self.prior.responsibilities(z.view(), responsibilities.view_mut())?,
        }
        let mut decoded = BTreeMap::new();
        for (m, modality) in self.modalities.iter().enumerate() {
            let mut values = self.decode(m, z.view(), responsibilities.view())?;
            if noise {
                let deviation = modality.noise().mapv_into(f64::sqrt);
                for mut row in values.rows_mut() {
                    row.zip_mut_with(&deviation, |x, sd| *x += sd * rng.sample::<f64, _>(StandardNormal));
                }
            }
            self.normalisations[m].invert(values.view_mut());
            decoded.insert(modality.name.clone(), values);
        }
        let clusters = most_probable(responsibilities.view());
        Ok(Generated { z, clusters, responsibilities, decoded })
    }

    /// Points (S,l), and the clusters they are made for.
    fn latent_points(&self, points: &LatentPoints, rng: &mut impl Rng) -> Result<(Array2<f64>, Option<Vec<usize>>)> {
        let (l, n_clusters) = (self.prior.n_latent(), self.prior.n_clusters());
        let fail = |problem: String| Error::Infer { problem };
        let dimensions = |got: usize| {
            if got == l {
                Ok(())
            } else {
                Err(fail(format!("a latent point has {got} coordinates, the model's have {l}")))
            }
        };
        let (mean, var) = (self.prior.mean(), self.prior.var());
        Ok(match points {
            LatentPoints::Draws { cluster: Some(cluster), .. } if *cluster >= n_clusters => {
                return Err(fail(format!("there is no cluster {cluster}: the model's are 0 to {}", n_clusters - 1)));
            }
            LatentPoints::Draws { n, cluster: None } => {
                let (z, clusters) = self.prior.sample(*n, rng);
                (z, Some(clusters.to_vec()))
            }
            LatentPoints::Draws { n, cluster: Some(c) } => {
                let mut draw = |j: usize| mean[[*c, j]] + var[[*c, j]].sqrt() * rng.sample::<f64, _>(StandardNormal);
                (Array2::from_shape_fn((*n, l), |(_, j)| draw(j)), Some(vec![*c; *n]))
            }
            LatentPoints::At(z) => {
                dimensions(z.ncols())?;
                (z.clone(), None)
            }
            LatentPoints::Line { from, to, n } => {
                dimensions(from.len())?;
                dimensions(to.len())?;
                let at = |row: usize| if *n < 2 { 0.0 } else { row as f64 / (*n - 1) as f64 };
                (Array2::from_shape_fn((*n, l), |(row, j)| from[j] + at(row) * (to[j] - from[j])), None)
            }
            LatentPoints::Grid { n } => (self.grid(*n), None),
            LatentPoints::Deviations { k } => {
                let mut z = Array2::zeros((n_clusters * (1 + 2 * l), l));
                let mut own = Vec::with_capacity(z.nrows());
                for (row, mut z) in z.rows_mut().into_iter().enumerate() {
                    let (c, which) = (row / (1 + 2 * l), row % (1 + 2 * l));
                    z.assign(&mean.row(c));
                    if let Some(which) = which.checked_sub(1) {
                        let sign = if which % 2 == 0 { -1.0 } else { 1.0 };
                        z[which / 2] += sign * k * var[[c, which / 2]].sqrt();
                    }
                    own.push(c);
                }
                (z, Some(own))
            }
        })
    }

    fn grid(&self, n: usize) -> Array2<f64> {
        let (l, mean, var) = (self.prior.n_latent(), self.prior.mean(), self.prior.var());
        let centre = self.prior.weights().dot(&mean);
        let end = |j: usize, sign: f64| {
            let ends =
                mean.column(j).into_iter().zip(var.column(j)).map(move |(m, v)| sign * (m + sign * 3.0 * v.sqrt()));
            sign * ends.fold(f64::NEG_INFINITY, f64::max)
        };
        let steps = |j: usize| if j < l { n } else { 1 };
        let at = |j: usize, i: usize| {
            let (low, high) = (end(j, -1.0), end(j, 1.0));
            if n < 2 { 0.5 * (low + high) } else { low + (high - low) * i as f64 / (n - 1) as f64 }
        };
        Array2::from_shape_fn((steps(0) * steps(1), l), |(row, j)| match j {
            // The first row of a picture is its top.
            0 => at(0, steps(0) - 1 - row / steps(1)),
            1 => at(1, row % steps(1)),
            _ => centre[j],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train;
    use crate::train::tests::{config, options, split, toy};
    use ndarray::array;

    fn trained() -> Model {
        let data = toy(200, false);
        train(&config(&[("epochs = 3", "epochs = 6")]), &data, &split(&data), &options(1), &mut ()).unwrap().model
    }

    #[test]
    fn samples_come_from_their_clusters() {
        let model = trained();
        let made = model.generate(&LatentPoints::Draws { n: 400, cluster: Some(1) }, false, 2).unwrap();
        assert!(made.clusters.iter().all(|&c| c == 1));
        let (mean, sd) = (model.prior().mean().row(1).to_owned(), model.prior().var().row(1).mapv(f64::sqrt));
        for j in 0..2 {
            let average = made.z.column(j).mean().unwrap();
            assert!((average - mean[j]).abs() < 4.0 * sd[j] / 20.0, "{average} {}", mean[j]);
        }
        // The expert's curve is the cluster's, for every sample.
        let curves = &made.decoded["curve"];
        assert_eq!(curves.row(0), curves.row(399));
        let noisy = model.generate(&LatentPoints::Draws { n: 400, cluster: Some(1) }, true, 2).unwrap();
        assert_eq!(noisy.z, made.z);
        let spread = noisy.decoded["curve"].std_axis(ndarray::Axis(0), 0.0);
        assert!(spread.iter().all(|&sd| sd > 0.0));
        // By the mixture's weights where no cluster is named.
        let any = model.generate(&LatentPoints::Draws { n: 600, cluster: None }, false, 3).unwrap();
        let share = any.clusters.iter().filter(|&&c| c == 0).count() as f64 / 600.0;
        assert!((share - model.prior().weights()[0]).abs() < 0.09, "{share}");
    }

    #[test]
    fn points_lines_grids_and_deviations_lie_where_they_should() {
        let model = trained();
        let line = LatentPoints::Line { from: array![0.0, 1.0], to: array![2.0, -1.0], n: 3 };
        let line = model.generate(&line, false, 0).unwrap();
        assert_eq!(line.z, array![[0.0, 1.0], [1.0, 0.0], [2.0, -1.0]]);
        assert_eq!(line.decoded["spot"].dim(), (3, 36));
        let at = model.generate(&LatentPoints::At(line.z.clone()), false, 0).unwrap();
        assert_eq!(at.decoded, line.decoded);
        let around = model.generate(&LatentPoints::Deviations { k: 3.0 }, false, 0).unwrap();
        assert_eq!(around.z.nrows(), 3 * 5);
        assert_eq!(around.z.row(5), model.prior().mean().row(1));
        let step = 3.0 * model.prior().var()[[1, 0]].sqrt();
        assert!((around.z[[6, 0]] - (model.prior().mean()[[1, 0]] - step)).abs() < 1e-12);
        assert_eq!(around.clusters.to_vec(), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        let grid = model.generate(&LatentPoints::Grid { n: 4 }, false, 0).unwrap();
        assert_eq!(grid.z.nrows(), 16);
        assert!(grid.z[[0, 0]] > grid.z[[15, 0]] && grid.z[[0, 1]] < grid.z[[15, 1]]);
        for (c, mean) in model.prior().mean().outer_iter().enumerate() {
            let sd = model.prior().var()[[c, 0]].sqrt();
            assert!(grid.z[[0, 0]] >= mean[0] + 3.0 * sd - 1e-12 && grid.z[[15, 0]] <= mean[0] - 3.0 * sd + 1e-12);
        }
    }

    #[test]
    fn what_the_model_does_not_have_is_refused() {
        let model = trained();
        let refused = |points| matches!(model.generate(&points, false, 0), Err(Error::Infer { .. }));
        assert!(refused(LatentPoints::Draws { n: 1, cluster: Some(3) }));
        assert!(refused(LatentPoints::At(array![[0.0]])));
        assert!(refused(LatentPoints::Line { from: array![0.0, 0.0], to: array![0.0], n: 2 }));
    }
}
