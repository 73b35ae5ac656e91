//! The M-step of experts and decoder variances: weighted means of a modality per cluster, entries missing or not.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::{EMPTY_COUNT, Moments, check_floor, check_responsibilities};
use crate::{Error, Location, Result, check};

/// Per cluster and coordinate: summed responsibility, weighted mean, and squared deviation from it, of a modality with d values.
///
/// For a decoder E that depends on the cluster alone this is all that its fit needs (Walker et al. 2023, eq. 16):
/// `sum_d g_dc (x_d - E)^2 = sum_d g_dc (x_d - mean_c)^2 + n_c (mean_c - E)^2` in every coordinate. Each coordinate has its own
/// count, so entries may be missing.
#[derive(Debug, Clone)]
pub struct CurveSums {
    count: Array2<f64>,
    mean: Array2<f64>,
    deviation: Array2<f64>,
}

impl CurveSums {
    /// Empty sums for N clusters of a modality with d values.
    pub fn new(n_clusters: usize, n_values: usize) -> Self {
        let zero = Array2::zeros((n_clusters, n_values));
        Self { count: zero.clone(), mean: zero.clone(), deviation: zero }
    }

    /// Number of clusters, N.
    pub fn n_clusters(&self) -> usize {
        self.count.nrows()
    }

    /// Number of values of one sample, d.
    pub fn n_values(&self) -> usize {
        self.count.ncols()
    }

    /// Summed responsibilities (N,d).
    pub fn count(&self) -> ArrayView2<'_, f64> {
        self.count.view()
    }

    /// Weighted means (N,d), in the units of the data; zero where nothing was counted.
    pub fn mean(&self) -> ArrayView2<'_, f64> {
        self.mean.view()
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        for sums in [&mut self.count, &mut self.mean, &mut self.deviation] {
            sums.fill(0.0);
        }
    }

    /// Adds a batch: responsibilities (B,N), data (B,d), and which samples have the modality (B); all if `None`. The data of
    /// samples without it do not matter, be they NaN.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] with the sample and coordinate, or [`Error::InvalidParameter`] for a negative
    /// responsibility; the sums are then unchanged.
    pub fn add(
        &mut self,
        responsibilities: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
        present: Option<ArrayView1<'_, bool>>,
    ) -> Result<()> {
        if let Some(present) = &present {
            check::shape("curve sums: present", "(B)", &[x.nrows()], present.shape())?;
        }
        let is_present = |b: usize| present.as_ref().is_none_or(|present| present[b]);
        self.check(&responsibilities, &x, |b, _| is_present(b))?;
        self.add_batch(responsibilities, x, |b, _| is_present(b));
        Ok(())
    }

    /// As [`add`](Self::add), with a mask for every entry: `present` (B,d).
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn add_masked(
        &mut self,
        responsibilities: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
        present: ArrayView2<'_, bool>,
    ) -> Result<()> {
        check::shape("curve sums: present", "(B,d)", x.shape(), present.shape())?;
        self.check(&responsibilities, &x, |b, j| present[[b, j]])?;
        self.add_batch(responsibilities, x, |b, j| present[[b, j]]);
        Ok(())
    }

    /// Adds the sums of other samples.
    ///
    /// # Errors
    /// [`Error::Shape`] when the two differ in clusters or values.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        check::shape("curve sums: merge", "(N,d)", self.count.shape(), other.count.shape())?;
        self.merge_moments(other);
        Ok(())
    }

    /// `sum_d g_dc (x_dj - prediction_cj)^2` (N,d) around predictions (N,d); zero where nothing was counted.
    ///
    /// # Errors
    /// [`Error::Shape`], or [`Error::NotFinite`] with the cluster and coordinate of a prediction that is not finite.
    pub fn residual(&self, prediction: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check::shape("curve sums: prediction", "(N,d)", self.count.shape(), prediction.shape())?;
        check::finite("prediction", &prediction, |(c, j)| Location::cluster(c).in_dimension(j))?;
        let sums = Zip::from(&self.count).and(&self.mean).and(&self.deviation).and(prediction);
        Ok(sums.map_collect(|count, mean, deviation, prediction| {
            let offset = mean - prediction;
            deviation + count * offset * offset
        }))
    }

    /// Mean square deviation (N,d) from predictions (N,d), [`residual`](Self::residual) over count; zero where nothing was counted.
    ///
    /// # Errors
    /// As for [`residual`](Self::residual).
    pub fn mean_square(&self, prediction: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut mean_square = self.residual(prediction)?;
        Zip::from(&mut mean_square).and(&self.count).for_each(|value, count| {
            *value = if *count > 0.0 { *value / count } else { 0.0 };
        });
        Ok(mean_square)
    }

    /// Decoder variance of every cluster (N), `sum_d g_dc |x_d - prediction_c|^2 / sum_j count_cj`, at least `floor`. An empty
    /// cluster keeps its `previous` (N) variance.
    ///
    /// # Errors
    /// As for [`residual`](Self::residual), and [`Error::InvalidParameter`] for a floor that is not positive.
    pub fn variance_per_cluster(
        &self,
        prediction: ArrayView2<'_, f64>,
        previous: ArrayView1<'_, f64>,
        floor: f64,
    ) -> Result<Array1<f64>> {
        check_floor(floor)?;
        check::shape("curve sums: previous", "(N)", &[self.n_clusters()], previous.shape())?;
        let residual = self.residual(prediction)?.sum_axis(Axis(1));
        let count = self.count.sum_axis(Axis(1));
        Ok(Zip::from(&residual).and(&count).and(previous).map_collect(|residual, count, previous| {
            if *count < EMPTY_COUNT { *previous } else { (residual / count).max(floor) }
        }))
    }

    /// Decoder variance shared by all clusters and coordinates, at least `floor`.
    ///
    /// # Errors
    /// As for [`residual`](Self::residual), [`Error::InvalidParameter`] for a floor that is not positive, and [`Error::Empty`] when
    /// nothing was counted.
    pub fn variance_shared(&self, prediction: ArrayView2<'_, f64>, floor: f64) -> Result<f64> {
        check_floor(floor)?;
        let residual = self.residual(prediction)?.sum();
        let count = self.count.sum();
        if count < EMPTY_COUNT {
            return Err(Error::Empty { operation: "shared variance", what: "the data" });
        }
        Ok((residual / count).max(floor))
    }

    fn check(
        &self,
        responsibilities: &ArrayView2<'_, f64>,
        x: &ArrayView2<'_, f64>,
        present: impl Fn(usize, usize) -> bool,
    ) -> Result<()> {
        let n_samples = x.nrows();
        check::shape("curve sums: x", "(B,d)", &[n_samples, self.n_values()], x.shape())?;
        let expected = [n_samples, self.n_clusters()];
        check::shape("curve sums: responsibilities", "(B,N)", &expected, responsibilities.shape())?;
        check_responsibilities(responsibilities)?;
        if check::all_finite(x) {
            return Ok(());
        }
        match x.indexed_iter().find(|((b, j), value)| !value.is_finite() && present(*b, *j)) {
            Some(((b, j), &value)) => {
                Err(Error::NotFinite { array: "x", at: Location::sample(b).in_dimension(j), value })
            }
            None => Ok(()),
        }
    }

    /// Two passes over the batch, the first with differences from the mean so far, then a merge.
    fn add_batch(
        &mut self,
        responsibilities: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
        present: impl Fn(usize, usize) -> bool,
    ) {
        let mut batch = Self::new(self.n_clusters(), self.n_values());
        let members = || responsibilities.indexed_iter().filter(|(_, g)| **g > 0.0);
        for ((b, c), &g) in members() {
            let sums = Zip::indexed(batch.count.row_mut(c)).and(batch.mean.row_mut(c));
            sums.and(self.mean.row(c)).and(x.row(b)).for_each(|j, count, sum, about, x| {
                if present(b, j) {
                    *count += g;
                    *sum += g * (x - about);
                }
            });
        }
        Zip::from(&mut batch.mean).and(&batch.count).and(&self.mean).for_each(|mean, count, about| {
            *mean = if *count > 0.0 { about + *mean / count } else { 0.0 };
        });
        for ((b, c), &g) in members() {
            let sums = Zip::indexed(batch.deviation.row_mut(c)).and(batch.mean.row(c));
            sums.and(x.row(b)).for_each(|j, deviation, mean, x| {
                if present(b, j) {
                    let offset = x - mean;
                    *deviation += g * offset * offset;
                }
            });
        }
        self.merge_moments(&batch);
    }

    fn merge_moments(&mut self, other: &Self) {
        let sums = Zip::indexed(&mut self.count).and(&mut self.mean).and(&mut self.deviation);
        sums.for_each(|index, count, mean, deviation| {
            let here = Moments { count: *count, mean: *mean, deviation: *deviation };
            let there =
                Moments { count: other.count[index], mean: other.mean[index], deviation: other.deviation[index] };
            let merged = here.merge(there);
            (*count, *mean, *deviation) = (merged.count, merged.mean, merged.deviation);
        });
    }
}
