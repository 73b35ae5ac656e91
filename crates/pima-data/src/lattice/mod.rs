//! Metal lattices in compression (Trask et al. 2022, section 3.2): photographs beside stress-strain curves.
//!
//! Two roads to the same dataset: [`load_lattices`] reads a laboratory's files, [`generate_lattices`] makes gyroids and octets whose truth is
//! known. The paper's 91 specimens are not public; what is generated says so in the dataset's name.

/// Rows of one photograph: quadrants and mirror images.
mod crops;
/// Generated specimens as the files of a laboratory.
mod files;
/// A laboratory's photographs and curves.
mod folder;
/// From thickness to stress and strain.
mod mechanics;
/// From brightness to a photograph.
mod photograph;
/// From a solid to brightness.
mod render;
/// The two lattices as solids.
mod structure;
#[cfg(test)]
mod tests;
/// Points and directions.
mod vector;

use ndarray::Array2;
use pima_core::ModalityShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};
use crate::rng::RowGenerators;
use crate::truth::Truth;
pub use files::write_lattices;
pub use folder::{LatticeFolder, LatticeNote, LoadedLattices, StressUnit, load_lattices, load_lattices_onto};
pub(crate) use folder::{curve_columns, names_strain_or_stress, units_said};
pub use mechanics::{CompressionTest, LatticeSpecimen, ScalingLaw};
pub use structure::LatticeKind;

use structure::Solid;

/// Name of the photographs' modality.
const IMAGE: &str = "image";
/// Name of the curves' modality.
const CURVE: &str = "stress";

/// Which lattices to generate. By default as many as the paper has: 43 and 48.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatticeOptions {
    /// Specimens that are gyroids.
    pub n_gyroid: usize,
    /// Specimens that are octets.
    pub n_octet: usize,
    /// Side of a row's image, pixels; a photograph has twice that, and becomes four rows.
    pub side: usize,
    /// Unit cells along the side of a row's image.
    pub cells: f64,
    /// Whether each quadrant also appears mirrored along each axis and both: sixteen rows a specimen rather than four.
    pub flips: bool,
    /// Standard deviation of the logarithm of the thickness.
    pub thickness_scatter: f64,
    /// Standard deviation of the camera's tilt and turn, radians.
    pub tilt: f64,
    /// Standard deviation of a pixel's noise, of a greatest value of 1.
    pub image_noise: f64,
    /// The compression test.
    pub test: CompressionTest,
}

impl Default for LatticeOptions {
    fn default() -> Self {
        Self {
            n_gyroid: 43,
            n_octet: 48,
            side: 152,
            cells: 3.0,
            flips: true,
            thickness_scatter: 0.08,
            tilt: 2.0_f64.to_radians(),
            image_noise: 0.015,
            test: CompressionTest::default(),
        }
    }
}

/// Generated lattices with their truth.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedLattices {
    /// Modalities `image` and `stress`; labels are the kinds; a row's group is its specimen, whose moduli and yield are its truth.
    pub dataset: Dataset,
    /// What each specimen is, by its group.
    pub specimens: Vec<LatticeSpecimen>,
}

/// Makes specimens, photographs them and compresses them.
///
/// The thickness of each is drawn about its kind's mean; it decides what the image shows and, by the density, modulus and strength. Rows
/// of one specimen follow each other, share their curve and their group, so that a [`Split`](crate::Split) keeps them together.
/// A specimen depends on the seed, its kind and its number among that kind alone, whatever the threads.
///
/// # Errors
/// [`Error::Empty`] for no specimens, [`Error::Parameter`] for an option outside its range.
pub fn generate_lattices(options: &LatticeOptions, seed: u64) -> Result<GeneratedLattices> {
    options.check()?;
    let kinds = interleave(options.n_gyroid, options.n_octet);
    let (side, rows) = (options.side, crops::rows(options.flips));
    let shape = ModalityShape::Image { channels: 1, height: side, width: side };
    let generators = RowGenerators::new(seed);
    let mut images = Array2::zeros((kinds.len() * rows, side * side));
    let flat = images.as_slice_mut().unwrap_or(&mut []);
    let made: Vec<(LatticeSpecimen, Vec<f32>)> = flat
        .par_chunks_exact_mut(rows * side * side)
        .zip(&kinds)
        .map(|(images, &(kind, number))| {
            let Made { specimen, curve, photograph } = options.make(kind, number, &generators);
            crops::crop(&photograph, side, options.flips, images);
            (specimen, curve)
        })
        .collect();
    let repeat = |i: usize| std::iter::repeat_n(i, rows);
    let groups: Vec<usize> = (0..kinds.len()).flat_map(repeat).collect();
    let curves = Array2::from_shape_fn((groups.len(), options.test.points), |(row, j)| made[groups[row]].1[j]);
    let labels = groups.iter().map(|&group| kinds[group].0 as usize).collect();
    let labels = Labels::named(labels, LatticeKind::ALL.map(|kind| kind.name().to_owned()).to_vec())?;
    let modalities = vec![ModalityData::new(IMAGE, shape, images)?, stress(curves, None, options.test.strains())?];
    let dataset = Dataset::new("generated lattices (not photographs)", modalities, Some(labels))?;
    let specimens: Vec<_> = made.into_iter().map(|(specimen, _)| specimen).collect();
    let truth = truth(&specimens, &groups)?;
    let names = kinds.iter().map(|(kind, number)| format!("{}-{:02}", kind.name(), number + 1)).collect();
    let dataset = dataset.with_groups(groups)?.with_group_names(names)?.with_truth(truth)?;
    Ok(GeneratedLattices { dataset, specimens })
}

/// One generated specimen.
struct Made {
    specimen: LatticeSpecimen,
    /// MPa at the strains of the test.
    curve: Vec<f32>,
    /// (2 side, 2 side) grey values in [0, 1], whole numbers of 1/255.
    photograph: Vec<f32>,
}

/// What a user reads off a curve, for every row, under the names that the strain-hardening expert has for it.
fn truth(specimens: &[LatticeSpecimen], groups: &[usize]) -> Result<Truth> {
    let names = ["elastic modulus", "hardening modulus", "yield strain", "yield stress"];
    let values = Array2::from_shape_fn((groups.len(), names.len()), |(row, k)| {
        let specimen = &specimens[groups[row]];
        [specimen.elastic_modulus, specimen.hardening_modulus, specimen.yield_strain, specimen.yield_stress()][k]
    });
    Truth::new(names.map(str::to_owned).to_vec(), values)
}

/// The curves' modality, MPa over strain.
fn stress(values: Array2<f32>, present: Option<Vec<bool>>, strains: Vec<f64>) -> Result<ModalityData> {
    let shape = ModalityShape::Curve { channels: 1, length: strains.len() };
    let axis = MeasurementAxis { name: "strain".to_owned(), units: String::new(), points: strains };
    let modality = match present {
        Some(present) => ModalityData::with_missing(CURVE, shape, values, present)?,
        None => ModalityData::new(CURVE, shape, values)?,
    };
    modality.with_units("MPa").with_axis(axis)
}

/// Both kinds in turn, so that the first specimens of a set hold both in its own proportion; each with its number within its kind.
fn interleave(n_gyroid: usize, n_octet: usize) -> Vec<(LatticeKind, usize)> {
    let n = n_gyroid + n_octet;
    let mut taken = [0, 0];
    (1..=n)
        .map(|i| {
            let due = (i * n_gyroid).div_ceil(n) > taken[0];
            let kind = if due { LatticeKind::Gyroid } else { LatticeKind::Octet };
            let number = taken[kind as usize];
            taken[kind as usize] += 1;
            (kind, number)
        })
        .collect()
}

impl LatticeOptions {
    fn check(&self) -> Result<()> {
        if self.n_gyroid + self.n_octet == 0 {
            return Err(Error::Empty { dataset: "generated lattices".to_owned(), what: "rows" });
        }
        let refuse = |name, value, requirement| Err(Error::Parameter { name, value, requirement });
        if !(8..=4096).contains(&self.side) {
            return refuse("side", self.side as f64, "an image has from 8 to 4096 pixels a side");
        }
        if !(self.cells.is_finite() && self.cells > 0.0 && self.cells <= 20.0) {
            return refuse("cells", self.cells, "must be positive and at most 20, or no cell can be made out");
        }
        if !(0.0..=0.3).contains(&self.tilt) {
            return refuse("tilt", self.tilt, "must lie between 0 and 0.3 radians: the camera looks at the face");
        }
        for (name, value) in [("thickness_scatter", self.thickness_scatter), ("image_noise", self.image_noise)] {
            if !(0.0..=0.5).contains(&value) {
                return refuse(name, value, "must lie between 0 and 0.5");
            }
        }
        self.test.check()
    }

    /// Makes one specimen, compresses it and photographs it.
    fn make(&self, kind: LatticeKind, number: usize, generators: &RowGenerators) -> Made {
        // Streams of a kind interleave with those of the other: more of one leave the other as it is.
        let mut rng = generators.row(2 * number + kind as usize);
        let thickness = self.thickness(kind, &mut rng);
        let solid = Solid::new(kind, thickness);
        let specimen = self.test.specimen(&solid, thickness, &mut rng);
        let curve = self.test.measure(&specimen, &mut rng);
        let side = 2 * self.side;
        let view = render::View::draw(kind, 2.0 * self.cells as f32, side, self.tilt as f32, &mut rng);
        let mut photograph = render::render(&solid, &view, side);
        photograph::expose(&mut photograph, side, self.image_noise as f32, &mut rng);
        Made { specimen, curve, photograph }
    }

    fn thickness(&self, kind: LatticeKind, rng: &mut impl rand::Rng) -> f64 {
        let (least, most) = kind.thicknesses();
        let draw = f64::from(crate::rng::normal(rng));
        (self.test.law(kind).thickness * (self.thickness_scatter * draw).exp()).clamp(least, most)
    }
}
