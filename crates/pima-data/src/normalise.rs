//! Normalisation: a shift and a scale per coordinate, fitted on the training rows alone and kept with the model.

use ndarray::{ArrayViewMut2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::modality::ModalityData;

/// How a modality is to be normalised before it is encoded, as a configuration says it.
///
/// In TOML: `normalise = "standard"` or `normalise = { scale = 255.0 }`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormalisationMethod {
    /// As measured.
    #[default]
    None,
    /// Each coordinate to mean 0 and variance 1 (2023, A.3: the manufactured lines).
    Standard,
    /// One shift and one scale for all coordinates, to mean 0 and variance 1 over all of them.
    StandardGlobal,
    /// Each coordinate to [0, 1].
    MinMax,
    /// One shift and one scale for all coordinates, to [0, 1] over all of them (2023, A.3: stress and spectra).
    MinMaxGlobal,
    /// Divided by this number, whatever the data.
    Scale(f64),
}

/// A fitted normalisation: `(x - shift) / scale`, with one shift and one scale per coordinate, or one for all.
///
/// A coordinate that never changes has scale 1 and is only shifted: it carries nothing, and dividing by its spread
/// would blow rounding up to the size of data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// How it was fitted.
    method: NormalisationMethod,
    /// Shift in physical units: (size), or (1) for all coordinates.
    shift: Vec<f64>,
    /// Scale in physical units, positive: as long as `shift`.
    scale: Vec<f64>,
}

impl Normalisation {
    /// No normalisation, for a modality of any size.
    pub fn identity() -> Self {
        Self { method: NormalisationMethod::None, shift: vec![0.0], scale: vec![1.0] }
    }

    /// Fits on the given rows (the training rows: a test row must not shape what it is tested by). Rows that lack the
    /// modality are passed over. One pass, in f64 (Welford); variances are those of the population, divided by n.
    ///
    /// # Errors
    /// [`Error::NothingToFit`] if no row has the modality, [`Error::Row`] for a row that is not there, and
    /// [`Error::Parameter`] for a scale that is not positive and finite. [`Error::Io`] if values on disk cannot be read.
    pub fn fit(method: NormalisationMethod, data: &ModalityData, rows: &[usize]) -> Result<Self> {
        let constant = |shift: f64, scale: f64| Self { method, shift: vec![shift], scale: vec![scale] };
        match method {
            NormalisationMethod::None => return Ok(constant(0.0, 1.0)),
            NormalisationMethod::Scale(scale) => {
                if !(scale.is_finite() && scale > 0.0) {
                    return Err(bad_scale(scale));
                }
                return Ok(constant(0.0, scale));
            }
            _ => {}
        }
        let mut spread = Spread::new(data.size());
        let mut buffer = Vec::new();
        for &row in rows {
            if row >= data.n_samples() {
                return Err(Error::Row { row, n_samples: data.n_samples() });
            }
            if data.is_present(row) {
                spread.add(data.row(row, &mut buffer)?);
            }
        }
        if spread.count == 0 {
            return Err(Error::NothingToFit { modality: data.name().to_owned(), n_rows: rows.len() });
        }
        let (shift, scale) = match method {
            NormalisationMethod::Standard => spread.standard(),
            NormalisationMethod::MinMax => spread.min_max(),
            NormalisationMethod::StandardGlobal => spread.pooled().standard(),
            _ => spread.pooled().min_max(),
        };
        Ok(Self { method, shift, scale })
    }

    /// How it was fitted.
    pub fn method(&self) -> NormalisationMethod {
        self.method
    }

    /// Shift of coordinate `j`, physical units.
    pub fn shift(&self, j: usize) -> f64 {
        at(&self.shift, j)
    }

    /// Scale of coordinate `j`, physical units per unit of normalised value.
    pub fn scale(&self, j: usize) -> f64 {
        at(&self.scale, j)
    }

    /// Says whether this normalisation fits samples of this size; check it once after reading it from a file.
    ///
    /// # Errors
    /// [`Error::Length`], or [`Error::Parameter`] for a shift or a scale that cannot be one.
    pub fn check(&self, size: usize) -> Result<()> {
        let wrong = |got: usize| (got != 1 || self.shift.len() != self.scale.len()) && got != size;
        if let Some(got) = [self.shift.len(), self.scale.len()].into_iter().find(|&got| wrong(got)) {
            return Err(Error::Length { what: "coordinates of a normalisation".to_owned(), expected: size, got });
        }
        if let Some(&value) = self.shift.iter().find(|shift| !shift.is_finite()) {
            return Err(Error::Parameter { name: "shift", value, requirement: "must be finite" });
        }
        match self.scale.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            Some(&value) => Err(bad_scale(value)),
            None => Ok(()),
        }
    }

    /// Normalises one row (size) of stored values into `out` (size).
    pub fn apply_row(&self, physical: &[f32], out: &mut [f32]) {
        if let ([shift], [scale]) = (&self.shift[..], &self.scale[..]) {
            if *shift == 0.0 && *scale == 1.0 {
                out.copy_from_slice(physical);
                return;
            }
            let inverse = scale.recip();
            for (out, &x) in out.iter_mut().zip(physical) {
                *out = ((f64::from(x) - shift) * inverse) as f32;
            }
            return;
        }
        for ((out, &x), (shift, scale)) in out.iter_mut().zip(physical).zip(self.shift.iter().zip(&self.scale)) {
            *out = ((f64::from(x) - shift) / scale) as f32;
        }
    }

    /// Physical values to normalised ones, in place. `values` is (any, size).
    pub fn apply(&self, values: ArrayViewMut2<'_, f64>) {
        self.map(values, |x, shift, scale| (x - shift) / scale);
    }

    /// Normalised values back to physical ones, in place. `values` is (any, size).
    pub fn invert(&self, values: ArrayViewMut2<'_, f64>) {
        self.map(values, |x, shift, scale| x * scale + shift);
    }

    /// Variances in physical units squared to variances of normalised values, in place. `values` is (any, size).
    pub fn apply_variance(&self, values: ArrayViewMut2<'_, f64>) {
        self.map(values, |x, _, scale| x / (scale * scale));
    }

    /// Variances of normalised values back to physical units squared, in place. `values` is (any, size).
    pub fn invert_variance(&self, values: ArrayViewMut2<'_, f64>) {
        self.map(values, |x, _, scale| x * scale * scale);
    }

    fn map(&self, mut values: ArrayViewMut2<'_, f64>, f: impl Fn(f64, f64, f64) -> f64) {
        for mut row in values.axis_iter_mut(Axis(0)) {
            for (j, value) in row.iter_mut().enumerate() {
                *value = f(*value, self.shift(j), self.scale(j));
            }
        }
    }
}

fn bad_scale(value: f64) -> Error {
    let requirement = "a normalisation divides by it, so it must be positive and finite";
    Error::Parameter { name: "scale", value, requirement }
}

fn at(entries: &[f64], j: usize) -> f64 {
    if let [one] = entries { *one } else { entries[j] }
}

/// Mean, sum of squared deviations, least and greatest of each coordinate, row by row (Welford 1962).
struct Spread {
    count: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
    least: Vec<f64>,
    greatest: Vec<f64>,
}

impl Spread {
    fn new(size: usize) -> Self {
        Self {
            count: 0,
            mean: vec![0.0; size],
            squares: vec![0.0; size],
            least: vec![f64::INFINITY; size],
            greatest: vec![f64::NEG_INFINITY; size],
        }
    }

    fn add(&mut self, row: &[f32]) {
        self.count += 1;
        let weight = (self.count as f64).recip();
        for (j, &x) in row.iter().enumerate() {
            let x = f64::from(x);
            let before = x - self.mean[j];
            self.mean[j] += before * weight;
            self.squares[j] += before * (x - self.mean[j]);
            self.least[j] = self.least[j].min(x);
            self.greatest[j] = self.greatest[j].max(x);
        }
    }

    /// All coordinates as one: the squares within coordinates plus those between them (Chan et al. 1983).
    fn pooled(&self) -> Self {
        let size = self.mean.len() as f64;
        let mean = self.mean.iter().sum::<f64>() / size;
        let between: f64 = self.mean.iter().map(|m| (m - mean) * (m - mean)).sum();
        let squares = self.squares.iter().sum::<f64>() + between * self.count as f64;
        Self {
            count: self.count * self.mean.len() as u64,
            mean: vec![mean],
            squares: vec![squares],
            least: vec![self.least.iter().copied().fold(f64::INFINITY, f64::min)],
            greatest: vec![self.greatest.iter().copied().fold(f64::NEG_INFINITY, f64::max)],
        }
    }

    /// (shift, scale) to mean 0 and variance 1.
    fn standard(self) -> (Vec<f64>, Vec<f64>) {
        let count = self.count as f64;
        let scale = self.squares.iter().zip(&self.mean);
        let scale = scale.map(|(squares, mean)| scale_or_one((squares / count).sqrt(), *mean));
        let scale = scale.collect();
        (self.mean, scale)
    }

    /// (shift, scale) to [0, 1].
    fn min_max(self) -> (Vec<f64>, Vec<f64>) {
        let ends = self.least.iter().zip(&self.greatest);
        let scale = ends.map(|(least, greatest)| scale_or_one(greatest - least, least.abs().max(greatest.abs())));
        let scale = scale.collect();
        (self.least, scale)
    }
}

/// A spread no larger than the rounding of stored values is no spread.
fn scale_or_one(spread: f64, magnitude: f64) -> f64 {
    if spread > magnitude.abs() * f64::from(f32::EPSILON) && spread > 0.0 { spread } else { 1.0 }
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
