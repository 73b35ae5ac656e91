//! What a trained model says in physical units: the parameters its experts identified, with standard errors, and the clusters' mean measurements.

// What generated data say about the truth, against what was identified.
mod agreement;
// Physical parameters of single samples.
mod samples;

pub use agreement::{class_mean_errors, true_class_means, truth_correlations};
pub use samples::SampleParameters;

use crate::Result;
use crate::model::{Head, Model};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use pima_core::CurveSums;
use pima_data::{Batch, Batches, Dataset};
use pima_experts::cramer_rao_bound;
use std::collections::BTreeMap;

/// Rows gathered together.
const ROWS: usize = 512;
/// A responsibility below this cannot be seen in any sum of numbers of its kind.
const NEGLIGIBLE: f64 = 1e-15;

/// What the expert of one modality has found, cluster by cluster: its P parameters, and where it adds them, quantities derived from them; Q in all. Where
/// the expert sees the latent point, it is what holds at the clusters' centres.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentifiedExpert {
    /// The modality that the expert decodes.
    pub modality: String,
    /// Names of the parameters (Q).
    pub parameters: Vec<String>,
    /// Units of the parameters (Q); empty strings where there are none.
    pub units: Vec<String>,
    /// The parameters (N,Q), physical units.
    pub theta: Array2<f64>,
    /// Their standard errors (N,Q), physical units. NaN where the samples cannot tell: a cluster without two samples of its own, or one whose samples
    /// do not determine every parameter.
    pub standard_errors: Array2<f64>,
    /// The Cramer-Rao bounds (N,Q), physical units: the least standard errors that as many samples with Gaussian noise allow, the noise of each coordinate
    /// being what the samples leave over around their clusters' curves. NaN where there is none, as for derived quantities.
    pub bounds: Array2<f64>,
}

/// Of each cluster's parameters, (P,P); `None` where there is none.
type Covariances = Vec<Option<Array2<f64>>>;

impl Model {
    /// The modalities that experts decode, by index, each with whether its parameters depend on z: whether every sample has its own.
    pub fn identifying(&self) -> Vec<(usize, bool)> {
        self.experts().map(|(m, expert)| (m, expert.latent().is_some())).collect()
    }

    /// The experts' parameters with their standard errors, from samples `rows` (D) of a dataset and the clusters they are thought to be in,
    /// `responsibilities` (D,N), as [`Evaluation`](crate::Evaluation) has them. Take the training rows: they are what identified the parameters.
    ///
    /// The errors are those of the weighted least squares of 2023, eq. 16, without an assumption on the noise: with the score of a sample
    /// `s_d = J^T (x_d - E_c)` and `A = (sum_d g_dc J^T J)^-1` in normalised units, the covariance is
    /// `A (sum_d g_dc^2 s_d s_d^T) A n / (n - 1)`, `n = (sum_d g_dc)^2 / sum_d g_dc^2` the effective number of samples. The coordinates of one curve may
    /// thus err together, as they do where specimens differ, and by different amounts. For a slope it is the standard error of the mean of the samples'
    /// slopes. Rows of one group ([`Dataset::groups`]) are one sample: quadrants of one photograph share a curve and say nothing new. Derived quantities
    /// carry the covariance along. For an expert that sees the latent point they are the errors of a fit to the cluster's mean curve, which is what the
    /// parameters at its centre amount to.
    ///
    /// # Errors
    /// When the dataset does not have the model's modalities, `responsibilities` is not (D,N), or a fit fails for another reason than too little data.
    pub fn identified_experts(
        &self,
        dataset: &Dataset,
        rows: &[usize],
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<Vec<IdentifiedExpert>> {
        let batches = Batches::new(dataset, &self.normalisations)?;
        let mut identified = Vec::new();
        for (m, modality) in self.modalities.iter().enumerate() {
            let Head::Expert(expert) = &modality.head else { continue };
            let (covariances, own_bounds) = self.covariances(m, &batches, rows, responsibilities)?;
            let quantities: Vec<_> = expert
                .theta()
                .outer_iter()
                .zip(&covariances)
                .map(|(theta, covariance)| {
                    expert.expert.quantities(theta, covariance.as_ref().map(|covariance| covariance.view()))
                })
                .collect();
            let names = quantities.first().into_iter().flatten();
            let (parameters, units) = names.map(|q| (q.name.clone(), q.unit.clone())).unzip::<_, _, Vec<_>, Vec<_>>();
            let shape = (quantities.len(), parameters.len());
            let mut bounds = Array2::from_elem(shape, f64::NAN);
            bounds.slice_mut(ndarray::s![.., ..own_bounds.ncols()]).assign(&own_bounds);
            identified.push(IdentifiedExpert {
                modality: modality.name.clone(),
                parameters,
                units,
                theta: Array2::from_shape_fn(shape, |(c, q)| quantities[c][q].value),
                standard_errors: Array2::from_shape_fn(shape, |(c, q)| {
                    quantities[c][q].standard_error.unwrap_or(f64::NAN)
                }),
                bounds,
            });
        }
        Ok(identified)
    }

    /// Solutions of the differential equations that the expert of modality `m` identified, one per cluster, (N,S,T): the states, whether the modality
    /// measures them or their rates. NaN where a cluster's equations have no solution; `None` where the modality has no such expert.
    pub fn solutions(&self, m: usize) -> Option<Array3<f64>> {
        let Head::Expert(expert) = &self.modalities.get(m)?.head else { return None };
        let solutions: Vec<Option<Array2<f64>>> =
            expert.theta().outer_iter().map(|theta| expert.expert.solution(theta)).collect();
        let shape = solutions.iter().flatten().next()?.dim();
        let mut all = Array3::from_elem((solutions.len(), shape.0, shape.1), f64::NAN);
        for (solution, mut out) in solutions.into_iter().zip(all.outer_iter_mut()) {
            if let Some(solution) = solution {
                out.assign(&solution);
            }
        }
        Some(all)
    }

    /// Responsibility-weighted means of every modality, in the model's order, each (N,d) in its own units; NaN for a cluster that no sample with the
    /// modality belongs to. `responsibilities` (D,N) are those of the samples `rows` (D).
    ///
    /// # Errors
    /// When the dataset does not have the model's modalities, or `responsibilities` is not (D,N).
    pub fn cluster_means(
        &self,
        dataset: &Dataset,
        rows: &[usize],
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<Vec<Array2<f64>>> {
        let batches = Batches::new(dataset, &self.normalisations)?;
        let n_clusters = self.prior.n_clusters();
        let mut sums: Vec<CurveSums> =
            self.modalities.iter().map(|m| CurveSums::new(n_clusters, m.shape.size())).collect();
        let mut batch = Batch::default();
        for (rows, g) in chunks(rows, responsibilities) {
            batches.gather(rows, &mut batch)?;
            for (m, sums) in sums.iter_mut().enumerate() {
                add(sums, &batch, m, g)?;
            }
        }
        let means = sums.iter().zip(&self.normalisations).map(|(sums, normalisation)| {
            let mut mean = sums.mean().to_owned();
            normalisation.invert(mean.view_mut());
            mean.zip_mut_with(&sums.count(), |mean, &count| {
                if count <= NEGLIGIBLE {
                    *mean = f64::NAN;
                }
            });
            mean
        });
        Ok(means.collect())
    }

    /// Covariance (P,P) of each cluster's parameters, where there is one, and Cramer-Rao bounds (N,P).
    fn covariances(
        &self,
        m: usize,
        batches: &Batches<'_>,
        rows: &[usize],
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<(Covariances, Array2<f64>)> {
        let Head::Expert(decoder) = &self.modalities[m].head else {
            return Ok((Vec::new(), Array2::zeros((0, 0))));
        };
        let groups = batches.dataset().groups();
        let group = |row: usize| groups.map_or(row, |groups| groups[row]);
        let (expert, normalisation) = (&decoder.expert, &self.normalisations[m]);
        let (n_clusters, d, p) = (self.prior.n_clusters(), expert.n_outputs(), expert.n_parameters());
        let mut sums = CurveSums::new(n_clusters, d);
        let mut batch = Batch::default();
        for (rows, g) in chunks(rows, responsibilities) {
            batches.gather(rows, &mut batch)?;
            add(&mut sums, &batch, m, g)?;
        }
        let fits = decoder.fits(&sums, normalisation, &self.modalities[m].name)?;
        // Predictions (N,d) and derivatives (N,d,P) of the fits, in normalised units like the data.
        let mut prediction = Array2::zeros((n_clusters, d));
        let mut jacobian = Array3::zeros((n_clusters, d, p));
        for (c, fit) in fits.iter().enumerate().filter_map(|(c, fit)| Some((c, fit.as_ref()?))) {
            expert.predict(fit.theta.view(), prediction.row_mut(c));
            expert.jacobian(fit.theta.view(), jacobian.index_axis_mut(Axis(0), c));
        }
        normalisation.apply(prediction.view_mut());
        for (j, mut column) in jacobian.axis_iter_mut(Axis(1)).enumerate() {
            column /= normalisation.scale(j);
        }
        let mut scores = vec![Scores::default(); n_clusters];
        let (mut squares, mut total) = (Array1::<f64>::zeros(d), 0.0);
        for (rows, g) in chunks(rows, responsibilities) {
            batches.gather(rows, &mut batch)?;
            for ((b, c), &g) in g
                .indexed_iter()
                .filter(|((b, c), g)| **g > NEGLIGIBLE && batch.weight()[[m, *b]] != 0.0 && fits[*c].is_some())
            {
                let residual = Array1::from_iter(
                    batch.values(m).row(b).iter().zip(prediction.row(c)).map(|(&x, &e)| f64::from(x) - e),
                );
                squares.zip_mut_with(&residual, |sum, r| *sum += g * r * r);
                total += g;
                let score = jacobian.index_axis(Axis(0), c).t().dot(&residual);
                scores[c].add(group(batch.rows()[b]), g, score.view());
            }
        }
        let mut bounds = Array2::from_elem((n_clusters, p), f64::NAN);
        // Physical: 1 / variance of the noise of each coordinate; none where nothing is left over, as in data without noise.
        let precision: Array1<f64> = squares
            .iter()
            .enumerate()
            .map(|(j, square)| if *square > 0.0 { total / (square * normalisation.scale(j).powi(2)) } else { 0.0 })
            .collect();
        for (c, fit) in fits.iter().enumerate().filter_map(|(c, fit)| Some((c, fit.as_ref()?))) {
            // Rows that only repeat each other are no more than one of them.
            let share = if groups.is_some() { scores[c].n() / scores[c].count } else { 1.0 };
            let weight = &sums.count().row(c) * &precision * share;
            if let Ok(bound) = cramer_rao_bound(expert.as_ref(), fit.theta.view(), weight.view(), 1.0) {
                bounds.row_mut(c).assign(&bound);
            }
        }
        let of_cluster = |(scores, fit): (&Scores, &Option<pima_core::ExpertFit>)| {
            scores.covariance(fit.as_ref()?.covariance_factor.as_ref()?.view())
        };
        Ok((scores.iter().zip(&fits).map(of_cluster).collect(), bounds))
    }
}

/// Sums over the samples of one cluster.
#[derive(Debug, Clone, Default)]
struct Scores {
    /// `sum_d g_d`.
    count: f64,
    /// By group: `sum_d g_d` and `sum_d g_d s_d` (P) over its rows.
    groups: BTreeMap<usize, (f64, Array1<f64>)>,
}

impl Scores {
    fn add(&mut self, group: usize, g: f64, score: ArrayView1<'_, f64>) {
        self.count += g;
        let (count, sum) = self.groups.entry(group).or_insert_with(|| (0.0, Array1::zeros(score.len())));
        *count += g;
        sum.scaled_add(g, &score);
    }

    /// The effective number of groups; NaN without any.
    fn n(&self) -> f64 {
        self.count * self.count / self.groups.values().map(|(count, _)| count * count).sum::<f64>()
    }

    /// Covariance (P,P) of the parameters, `factor` (P,P) being `(sum_d g_d J^T J)^-1`.
    fn covariance(&self, factor: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
        let n = self.n();
        // Responsibilities that all belong to one sample leave n = 1 but for rounding. No samples: n is NaN.
        if n.is_nan() || n <= 1.0 + 1e-9 {
            return None;
        }
        let mut outer = Array2::<f64>::zeros(factor.dim());
        for (_, score) in self.groups.values() {
            for (mut row, &a) in outer.outer_iter_mut().zip(score) {
                row.scaled_add(a, score);
            }
        }
        Some(factor.dot(&outer).dot(&factor) * (n / (n - 1.0)))
    }
}

/// Rows and their responsibilities, so many at a time.
fn chunks<'a>(
    rows: &'a [usize],
    responsibilities: ArrayView2<'a, f64>,
) -> impl Iterator<Item = (&'a [usize], ArrayView2<'a, f64>)> {
    rows.chunks(ROWS).enumerate().map(move |(k, chunk)| {
        // A table that is too short ends in a chunk that is too short, which the sums refuse by its shape.
        let from = (k * ROWS).min(responsibilities.nrows());
        let to = (from + chunk.len()).min(responsibilities.nrows());
        (chunk, responsibilities.slice_move(ndarray::s![from..to, ..]))
    })
}

/// Adds modality `m` of a batch, normalised, weighted by responsibilities (B,N).
fn add(sums: &mut CurveSums, batch: &Batch, m: usize, responsibilities: ArrayView2<'_, f64>) -> Result<()> {
    let x = batch.values(m).mapv(f64::from);
    let present = batch.weight().row(m).mapv(|w| w != 0.0);
    Ok(sums.add(responsibilities, x.view(), Some(present.view()))?)
}

#[cfg(test)]
mod tests;
