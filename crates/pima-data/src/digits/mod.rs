//! Procedural digits: handwriting made up by a program, for machines that cannot fetch MNIST.
//!
//! They have MNIST's shape, number and labels, and something of its difficulty, but they are not MNIST: no figure made
//! with them says anything about a published number. The dataset's name says so on every table.

mod pen;
mod raster;
#[rustfmt::skip]
mod templates;

use ndarray::Array2;
use pima_core::ModalityShape;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::ModalityData;
use crate::rng::{RowGenerators, normal};
use pen::Dot;
use raster::SIDE;

/// How many digits to make. By default as many as MNIST has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigitsOptions {
    /// Rows to train and validate on.
    pub n_train: usize,
    /// Rows set aside for testing, made from a seed of their own.
    pub n_test: usize,
    /// How the handwriting varies.
    pub style: DigitStyle,
}

impl Default for DigitsOptions {
    fn default() -> Self {
        Self { n_train: 60_000, n_test: 10_000, style: DigitStyle::default() }
    }
}

/// How much the handwriting varies from digit to digit. Lengths are in heights of the digit unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigitStyle {
    /// Mean slant to the right, as the tangent of the angle.
    pub slant_mean: f32,
    /// Standard deviation of the slant.
    pub slant: f32,
    /// Standard deviation of the rotation, radians.
    pub turn: f32,
    /// Standard deviation of the logarithm of width over height.
    pub aspect: f32,
    /// Standard deviation of a control point's place.
    pub jitter: f32,
    /// Strength of the elastic deformation.
    pub elastic: f32,
    /// Strength of the change of pressure along a stroke.
    pub pressure: f32,
    /// Median of half the stroke's width, pixels.
    pub radius: f32,
    /// Standard deviation of its logarithm.
    pub radius_spread: f32,
    /// Standard deviation of the digit's place on the page, pixels.
    pub shift: f32,
}

impl Default for DigitStyle {
    fn default() -> Self {
        Self {
            slant_mean: 0.12,
            slant: 0.24,
            turn: 0.07,
            aspect: 0.16,
            jitter: 0.032,
            elastic: 0.035,
            pressure: 0.16,
            radius: 1.15,
            radius_spread: 0.24,
            shift: 0.6,
        }
    }
}

/// Makes a dataset of procedural digits: one modality `image` of 28x28 grey values in [0, 1] in steps of 1/255, labels
/// 0 to 9 drawn uniformly, the test rows last and marked as held out.
///
/// Each row has a random stream of its own, so the same seed gives the same bits on any number of threads.
///
/// # Errors
/// [`Error::Empty`] if no row is asked for, [`Error::Parameter`] for a variation that is negative or not finite.
pub fn procedural_digits(options: &DigitsOptions, seed: u64) -> Result<Dataset> {
    options.style.check()?;
    let DigitsOptions { n_train, n_test, style } = options;
    let mut seeds = ChaCha8Rng::seed_from_u64(seed);
    let (train_seed, test_seed) = (seeds.next_u64(), seeds.next_u64());
    let n = n_train + n_test;
    let shape = ModalityShape::Image { channels: 1, height: SIDE, width: SIDE };
    let mut values = Array2::zeros((n, shape.size()));
    let flat = values.as_slice_mut().unwrap_or(&mut []);
    let (train_images, test_images) = flat.split_at_mut(n_train * shape.size());
    let train_labels = make(train_images, style, train_seed);
    let test_labels = make(test_images, style, test_seed);
    let labels = Labels::new([train_labels, test_labels].concat(), 10)?;
    let image = ModalityData::new("image", shape, values)?;
    Dataset::new("procedural digits (not MNIST)", vec![image], Some(labels))?
        .with_held_out((0..n).map(|row| row >= *n_train).collect())
}

impl DigitStyle {
    fn check(&self) -> Result<()> {
        let spreads = [
            ("slant", self.slant),
            ("turn", self.turn),
            ("aspect", self.aspect),
            ("jitter", self.jitter),
            ("elastic", self.elastic),
            ("pressure", self.pressure),
            ("radius", self.radius),
            ("radius_spread", self.radius_spread),
            ("shift", self.shift),
        ];
        for (name, value) in spreads {
            if !(value.is_finite() && value >= 0.0) {
                let requirement = "must be zero or positive, and finite";
                return Err(Error::Parameter { name, value: value.into(), requirement });
            }
        }
        if !self.slant_mean.is_finite() {
            let value = self.slant_mean.into();
            return Err(Error::Parameter { name: "slant_mean", value, requirement: "must be finite" });
        }
        Ok(())
    }
}

/// Fills images (n, 28 * 28) flat and returns their labels.
fn make(images: &mut [f32], style: &DigitStyle, seed: u64) -> Vec<usize> {
    let generators = RowGenerators::new(seed);
    images
        .par_chunks_exact_mut(SIDE * SIDE)
        .enumerate()
        .map(|(row, image)| {
            let mut rng = generators.row(row);
            let digit = rng.random_range(0..10_u32) as usize;
            let mut page = [0.0; SIDE * SIDE];
            write_page(digit, style, &mut rng, &mut page);
            image.copy_from_slice(&page);
            digit
        })
        .collect()
}

/// One digit on one page.
fn write_page<R: Rng>(digit: usize, style: &DigitStyle, rng: &mut R, page: &mut [f32; SIDE * SIDE]) {
    let mut paths = pen::write_digit(digit, style, rng);
    let radius = (style.radius * (style.radius_spread * normal(rng)).exp()).clamp(0.5, 2.0);
    place(&mut paths, radius, style, rng);
    raster::draw(&paths, radius, page);
    raster::blur(page, 0.35 + 0.3 * rng.random::<f32>());
    let gain = 1.05 + 0.35 * rng.random::<f32>();
    let brightness = 0.8 + 0.2 * rng.random::<f32>();
    for pixel in page.iter_mut() {
        // Whole grey levels, as a scanner gives them.
        *pixel = (255.0 * brightness * (gain * *pixel).min(1.0)).round() / 255.0;
    }
}

/// Brings the paths to the page as MNIST does: the longer side of the box of ink to about 20 pixels, the centre of
/// the ink to about the middle.
fn place<R: Rng>(paths: &mut [Vec<Dot>], radius: f32, style: &DigitStyle, rng: &mut R) {
    let dots = || paths.iter().flatten();
    let ends =
        |of: fn(&Dot) -> f32| dots().map(of).fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let ((left, right), (top, bottom)) = (ends(|dot| dot.x), ends(|dot| dot.y));
    let longer = (right - left).max(bottom - top).max(0.1);
    let size = 20.0 - 2.0 * radius - 2.5 * rng.random::<f32>();
    let scale = size / longer;
    let n = dots().count() as f32;
    let (mean_x, mean_y) = dots().fold((0.0, 0.0), |(x, y), dot| (x + dot.x / n, y + dot.y / n));
    let half = 0.5 * SIDE as f32;
    let margin = radius + 1.0;
    // Where the ink's centre would push the box off the page, the page wins.
    let offset = |mean: f32, low: f32, high: f32, shift: f32| {
        let offset = half + shift - scale * mean;
        offset.max(margin - scale * low).min(SIDE as f32 - margin - scale * high)
    };
    let dx = offset(mean_x, left, right, style.shift * normal(rng));
    let dy = offset(mean_y, top, bottom, style.shift * normal(rng));
    for dot in paths.iter_mut().flatten() {
        (dot.x, dot.y) = (scale * dot.x + dx, scale * dot.y + dy);
    }
}

#[cfg(test)]
mod tests;
