//! What a trained model says in physical units: the parameters its experts identified, with standard errors, and the clusters' mean measurements.

use crate::Result;
use crate::model::{Head, Model};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use pima_core::CurveSums;
use pima_data::{Batch, Batches, Dataset};
use pima_experts::cramer_rao_bound;

/// Rows gathered together.
const ROWS: usize = 512;
/// A responsibility below this cannot be seen in any sum of numbers of its kind.
const NEGLIGIBLE: f64 = 1e-15;

/// The physical parameters that the expert of one modality has found, cluster by cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentifiedExpert {
    /// The modality that the expert decodes.
    pub modality: String,
    /// Names of the parameters (P).
    pub parameters: Vec<String>,
    /// Units of the parameters (P); empty strings where there are none.
    pub units: Vec<String>,
    /// The parameters (N,P), physical units.
    pub theta: Array2<f64>,
    /// Their standard errors (N,P), physical units. NaN where the samples cannot tell: a cluster without two samples of its own, or one whose samples
    /// do not determine every parameter.
    pub standard_errors: Array2<f64>,
    /// The Cramer-Rao bounds (N,P), physical units: the least standard errors that as many samples with Gaussian noise allow, the noise of each coordinate
    /// being what the samples leave over around their clusters' curves. NaN where there is none.
    pub bounds: Array2<f64>,
}

impl Model {
    /// The experts' parameters with their standard errors, from samples `rows` (D) of a dataset and the clusters they are thought to be in,
    /// `responsibilities` (D,N), as [`Evaluation`](crate::Evaluation) has them. Take the training rows: they are what identified the parameters.
    ///
    /// The errors are those of the weighted least squares of 2023, eq. 16, without an assumption on the noise: with the score of a sample
    /// `s_d = J^T (x_d - E_c)` and `A = (sum_d g_dc J^T J)^-1` in normalised units, the covariance is
    /// `A (sum_d g_dc^2 s_d s_d^T) A n / (n - 1)`, `n = (sum_d g_dc)^2 / sum_d g_dc^2` the effective number of samples. The coordinates of one curve may
    /// thus err together, as they do where specimens differ, and by different amounts. For a slope it is the standard error of the mean of the samples'
    /// slopes.
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
            let (names, units) = (expert.expert.parameter_names(), expert.expert.parameter_units());
            let theta = expert.theta().to_owned();
            let (standard_errors, bounds) = self.standard_errors(m, &batches, rows, responsibilities)?;
            identified.push(IdentifiedExpert {
                modality: modality.name.clone(),
                parameters: names.to_vec(),
                units: (0..names.len()).map(|p| units.get(p).cloned().unwrap_or_default()).collect(),
                theta,
                standard_errors,
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

    /// Standard errors and Cramer-Rao bounds, (N,P) each.
    fn standard_errors(
        &self,
        m: usize,
        batches: &Batches<'_>,
        rows: &[usize],
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let Head::Expert(decoder) = &self.modalities[m].head else {
            return Ok((Array2::zeros((0, 0)), Array2::zeros((0, 0))));
        };
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
        let mut scores = vec![Scores::new(p); n_clusters];
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
                scores[c].add(g, jacobian.index_axis(Axis(0), c).t().dot(&residual).view());
            }
        }
        let mut errors = Array2::from_elem((n_clusters, p), f64::NAN);
        let mut bounds = errors.clone();
        // Physical: 1 / variance of the noise of each coordinate; none where nothing is left over, as in data without noise.
        let precision: Array1<f64> = squares
            .iter()
            .enumerate()
            .map(|(j, square)| if *square > 0.0 { total / (square * normalisation.scale(j).powi(2)) } else { 0.0 })
            .collect();
        for (c, fit) in fits.iter().enumerate().filter_map(|(c, fit)| Some((c, fit.as_ref()?))) {
            let weight = &sums.count().row(c) * &precision;
            if let Ok(bound) = cramer_rao_bound(expert.as_ref(), fit.theta.view(), weight.view(), 1.0) {
                bounds.row_mut(c).assign(&bound);
            }
        }
        for (c, fit) in fits.iter().enumerate() {
            if let Some(factor) = fit.as_ref().and_then(|fit| fit.covariance_factor.as_ref()) {
                errors.row_mut(c).assign(&scores[c].standard_errors(factor.view()));
            }
        }
        Ok((errors, bounds))
    }
}

/// Sums over the samples of one cluster.
#[derive(Debug, Clone)]
struct Scores {
    /// `sum_d g_d`.
    count: f64,
    /// `sum_d g_d^2`.
    square: f64,
    /// `sum_d g_d^2 s_d s_d^T` (P,P).
    outer: Array2<f64>,
}

impl Scores {
    fn new(n_parameters: usize) -> Self {
        Self { count: 0.0, square: 0.0, outer: Array2::zeros((n_parameters, n_parameters)) }
    }

    fn add(&mut self, g: f64, score: ArrayView1<'_, f64>) {
        self.count += g;
        self.square += g * g;
        for (mut row, &a) in self.outer.outer_iter_mut().zip(score) {
            row.scaled_add(g * g * a, &score);
        }
    }

    fn standard_errors(&self, factor: ArrayView2<'_, f64>) -> Array1<f64> {
        let n = self.count * self.count / self.square;
        // Responsibilities that all belong to one sample leave n = 1 but for rounding. No samples: n is NaN.
        if n.is_nan() || n <= 1.0 + 1e-9 {
            return Array1::from_elem(factor.nrows(), f64::NAN);
        }
        let covariance = factor.dot(&self.outer).dot(&factor);
        covariance.diag().mapv(|variance| (variance * n / (n - 1.0)).sqrt())
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
