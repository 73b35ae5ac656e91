//! A laboratory's own lattices: a folder of photographs and of curves, matched by name.

/// The classes of labels.csv.
mod classes;
/// Stress-strain curves from csv.
mod curve;
/// Which files are of which specimen.
mod files;
/// Which columns are strain and stress.
mod heading;
#[cfg(test)]
mod mistake_tests;
/// What a user should know of the files.
mod notes;
/// Photographs from png, jpeg and tiff.
mod photograph;
/// Whether curves can be right.
mod plausible;
#[cfg(test)]
mod tests;
/// Rows of csv files.
mod text;
/// Units of strain and stress.
mod units;

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;
use pima_core::ModalityShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{IMAGE, crops, stress};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::modality::ModalityData;
use classes::labels;
use curve::Curve;
use files::Files;
use photograph::Photograph;

pub use notes::LatticeNote;

/// The file of known classes, if there is one.
const LABELS: &str = "labels.csv";

/// Unit of the stresses in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StressUnit {
    /// N/m^2.
    Pa,
    /// 1000 Pa.
    #[serde(rename = "kPa")]
    KiloPascal,
    /// N/mm^2.
    #[default]
    #[serde(rename = "MPa")]
    MegaPascal,
    /// 1000 MPa.
    #[serde(rename = "GPa")]
    GigaPascal,
}

/// How to read a folder of lattices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatticeFolder {
    /// Side of a row's image, pixels: the middle square of a photograph is brought to twice that and cut into quadrants.
    pub side: usize,
    /// Whether each quadrant also appears mirrored along each axis and both.
    pub flips: bool,
    /// Number of points that every curve is resampled to, evenly from strain 0.
    pub points: usize,
    /// The last strain, as a fraction also where the files have per cent; by default the greatest that all curves reach.
    pub max_strain: Option<f64>,
    /// Whether a specimen may have a photograph or a curve alone. One without a photograph is a single row, beside the four or sixteen of every other.
    pub allow_missing: bool,
    /// Whether the files give strain in per cent rather than as a number.
    pub percent: bool,
    /// The unit of the stresses in the files; the dataset's is MPa.
    pub stress: StressUnit,
    /// Whether the files count compression as negative, strain and stress alike.
    pub compression_negative: bool,
}

impl Default for LatticeFolder {
    fn default() -> Self {
        Self {
            side: 152,
            flips: true,
            points: 100,
            max_strain: None,
            allow_missing: false,
            percent: false,
            stress: StressUnit::MegaPascal,
            compression_negative: false,
        }
    }
}

/// Lattices from files.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedLattices {
    /// Modalities `image` and `stress` (MPa over strain); labels if `labels.csv` is there; a row's group is its specimen.
    pub dataset: Dataset,
    /// The name of each specimen, by its group.
    pub names: Vec<String>,
    /// What a user should know of the files and of what was done to them, one of a kind at most.
    pub notes: Vec<LatticeNote>,
}

/// Reads a folder in which every specimen has a photograph (`name.png`, `.jpg`, `.jpeg`, `.tif` or `.tiff`) and a curve (`name.csv`); the
/// photographs may be in a subfolder `images`, the curves in `curves`. `labels.csv` (columns name and label) may tell the classes.
///
/// A curve has strain in one column and stress in another: those whose headings say so, or the first two where there is no heading. A line of
/// units may follow the heading. Separators are commas, semicolons or tabs, decimal commas are understood beside the latter two, and lines
/// that start with `#` are passed over. Strain must increase from line to line.
///
/// Units are those of the options, and nothing is converted that the files say otherwise: a heading with another unit is refused, and so are strain
/// beyond 1.5 (then it is in per cent) or never above 0.001, stress above 10 GPa or never above 1 kPa, a curve stiffer than any solid, 2000 GPa,
/// and, of three curves and more, one that is twenty times off the median. The notes say what the curves reach, for a user to see the rest.
///
/// Every specimen with a photograph is four rows, or sixteen with the mirror images, one without is a single row: there is nothing to cut into
/// quadrants. It counts the less in training.
///
/// A specimen whose label is empty or NA, or that `labels.csv` does not have, has none that is known.
///
/// # Errors
/// [`Error::Lattice`], which names the file and the line: nothing to read, a specimen that lacks one of the two (unless allowed), two
/// files for one thing, an image that cannot be decoded, is blank or is smaller than `side`, a curve that is no curve.
pub fn load_lattices(folder: &Path, options: &LatticeFolder) -> Result<LoadedLattices> {
    let (specimens, read, mut notes) = read_all(folder, options)?;
    let Some(last) = last_strain(&curves_of(&specimens, &read), options, &mut notes)? else {
        let problem = "no curves (csv): there is nothing to learn from photographs alone".to_owned();
        return Err(error(folder, None, problem));
    };
    let grid: Vec<f64> = (0..options.points).map(|j| last * j as f64 / (options.points - 1) as f64).collect();
    finish(folder, &specimens, &read, &grid, options, notes)
}

/// The last strain of the dataset, if there are any curves; looks at all of them beside each other.
fn last_strain(
    curves: &[(&Path, &Curve)],
    options: &LatticeFolder,
    notes: &mut Vec<LatticeNote>,
) -> Result<Option<f64>> {
    let Some((path, shortest)) = curves.iter().min_by(|a, b| a.1.last_strain().total_cmp(&b.1.last_strain())) else {
        return Ok(None);
    };
    plausible::compare(curves, options)?;
    notes.extend(plausible::notes(curves, options));
    let strain = shortest.last_strain();
    match options.max_strain {
        Some(wanted) if strain < wanted => {
            let percent = if options.percent {
                format!(" (a fraction also where percent = true: {} here)", options.strain_in_file(wanted))
            } else {
                String::new()
            };
            let problem = format!(
                "ends at strain {}, before max_strain = {wanted}{percent}; lower max_strain in [data.lattice_folder], or leave the specimen out",
                options.strain_in_file(strain)
            );
            Err(error(path, Some(shortest.last_line()), problem))
        }
        Some(wanted) => Ok(Some(wanted)),
        None => {
            let median = plausible::median(curves.iter().map(|(_, curve)| curve.last_strain()));
            notes.push(LatticeNote::Shortest { path: path.to_path_buf(), strain, median });
            Ok(Some(strain))
        }
    }
}

/// Reads a folder as [`load_lattices`] does, onto strains that are given: further specimens for a model that was trained on others. Photographs without curves
/// are allowed, and the reverse.
///
/// # Errors
/// As [`load_lattices`], and [`Error::Lattice`] for a curve that ends before the last strain.
pub fn load_lattices_onto(folder: &Path, options: &LatticeFolder, strains: &[f64]) -> Result<LoadedLattices> {
    /// Of the last strain: what is lost where numbers are written with few digits.
    const ROUNDING: f64 = 1e-3;
    let (specimens, read, mut notes) = read_all(folder, &LatticeFolder { allow_missing: true, ..options.clone() })?;
    let curves = curves_of(&specimens, &read);
    let last = strains.last().copied().unwrap_or(0.0);
    if let Some((path, curve)) = curves.iter().find(|(_, curve)| curve.last_strain() < last * (1.0 - ROUNDING)) {
        let problem = format!(
            "ends at strain {}, but the model was trained on curves to {}; leave it out",
            options.strain_in_file(curve.last_strain()),
            options.strain_in_file(last)
        );
        return Err(error(path, Some(curve.last_line()), problem));
    }
    if !curves.is_empty() {
        plausible::compare(&curves, options)?;
        notes.extend(plausible::notes(&curves, options));
    }
    finish(folder, &specimens, &read, strains, options, notes)
}

/// The columns of strain and stress that a heading names, as curves are read; else what is wrong with it.
pub(crate) fn curve_columns(heading: &[String]) -> std::result::Result<(usize, usize), String> {
    heading::columns(heading)
}

/// What headings of strain and stress say of their units: whether strain is in per cent, and the unit of stress.
pub(crate) fn units_said(strain: &str, stress: &str) -> (bool, Option<StressUnit>) {
    let unit = match units::of_heading(stress) {
        Some(units::Unit::Stress(unit)) => Some(unit),
        _ => None,
    };
    (units::of_heading(strain) == Some(units::Unit::Percent), unit)
}

/// Whether a text names strain or stress.
pub(crate) fn names_strain_or_stress(text: &str) -> bool {
    let lower = text.to_lowercase();
    heading::STRAIN.iter().chain(&heading::STRESS).any(|name| lower.contains(name))
}

fn check(options: &LatticeFolder) -> Result<()> {
    let refuse = |name, value, requirement| Err(Error::Parameter { name, value, requirement });
    if !(8..=4096).contains(&options.side) {
        return refuse("side", options.side as f64, "an image has from 8 to 4096 pixels a side");
    }
    if options.points < 4 {
        return refuse("points", options.points as f64, "a curve needs four points at least");
    }
    match options.max_strain {
        Some(strain) if !(strain > 0.0 && strain <= plausible::LARGEST_STRAIN) => {
            refuse("max_strain", strain, "must be positive and at most 1.5: a fraction, and not per cent")
        }
        _ => Ok(()),
    }
}

/// The specimens of a folder by name, and what their files hold.
type Specimens = BTreeMap<String, Files>;

fn read_all(folder: &Path, options: &LatticeFolder) -> Result<(Specimens, Vec<Read>, Vec<LatticeNote>)> {
    check(options)?;
    let (specimens, alone) = files::find(folder)?;
    let mut notes = files::unmatched(&specimens, options.allow_missing)?;
    let count = alone.len();
    notes.extend(alone.into_iter().next().map(|first| LatticeNote::Unread { count, first }));
    let read: Vec<Result<Read>> = specimens.par_iter().map(|(_, files)| read(files, options)).collect();
    // Of several mistakes always the first is told, whichever was found first.
    let read: Vec<Read> = read.into_iter().collect::<Result<_>>()?;
    Ok((specimens, read, notes))
}

fn curves_of<'a>(specimens: &'a Specimens, read: &'a [Read]) -> Vec<(&'a Path, &'a Curve)> {
    let both = specimens.values().zip(read);
    both.filter_map(|(files, read)| files.curve.as_deref().zip(read.curve.as_ref())).collect()
}

fn finish(
    folder: &Path,
    specimens: &Specimens,
    read: &[Read],
    strains: &[f64],
    options: &LatticeFolder,
    mut notes: Vec<LatticeNote>,
) -> Result<LoadedLattices> {
    let names: Vec<String> = specimens.keys().cloned().collect();
    let dataset = assemble(folder, specimens, read, strains, options)?;
    notes.extend(photograph::notes(read.iter().filter_map(|read| read.photograph.as_ref()), options.side));
    notes.extend(classes::notes(&dataset, &names));
    Ok(LoadedLattices { dataset, names, notes })
}

/// What the files of one specimen hold.
struct Read {
    photograph: Option<Photograph>,
    curve: Option<Curve>,
}

fn read(files: &Files, options: &LatticeFolder) -> Result<Read> {
    let photograph = files.image.as_deref().map(|path| photograph::read(path, options.side)).transpose()?;
    let curve = files.curve.as_deref().map(|path| curve::read(path, options)).transpose()?;
    Ok(Read { photograph, curve })
}

fn assemble(
    folder: &Path,
    specimens: &Specimens,
    read: &[Read],
    grid: &[f64],
    options: &LatticeFolder,
) -> Result<Dataset> {
    // A specimen without a photograph is one row: there is nothing to cut into quadrants.
    let rows = |read: &Read| if read.photograph.is_some() { crops::rows(options.flips) } else { 1 };
    let groups: Vec<usize> =
        read.iter().enumerate().flat_map(|(group, read)| std::iter::repeat_n(group, rows(read))).collect();
    let pixels = options.side * options.side;
    let mut images = Array2::zeros((groups.len(), pixels));
    let mut rest = images.as_slice_mut().unwrap_or(&mut []);
    for read in read {
        let (own, after) = rest.split_at_mut(rows(read) * pixels);
        if let Some(photograph) = &read.photograph {
            crops::crop(&photograph.values, options.side, options.flips, own);
        }
        rest = after;
    }
    let resampled: Vec<Option<Vec<f32>>> =
        read.iter().map(|read| read.curve.as_ref().map(|curve| curve.resample(grid))).collect();
    let curves = Array2::from_shape_fn((groups.len(), grid.len()), |(row, j)| {
        resampled[groups[row]].as_ref().map_or(0.0, |curve| curve[j])
    });
    let present = |has: &dyn Fn(&Read) -> bool| -> Option<Vec<bool>> {
        let marks: Vec<bool> = groups.iter().map(|&group| has(&read[group])).collect();
        marks.contains(&false).then_some(marks)
    };
    let shape = ModalityShape::Image { channels: 1, height: options.side, width: options.side };
    let image = match present(&|read| read.photograph.is_some()) {
        Some(marks) => ModalityData::with_missing(IMAGE, shape, images, marks)?,
        None => ModalityData::new(IMAGE, shape, images)?,
    };
    let curve = stress(curves, present(&|read| read.curve.is_some()), grid.to_vec())?;
    let names: Vec<&str> = specimens.keys().map(String::as_str).collect();
    let labels = labels(folder, &names, &groups)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Dataset::new(format!("lattices of {name}"), vec![image, curve], labels)?.with_groups(groups)
}

fn error(path: &Path, line: Option<u64>, problem: String) -> Error {
    Error::Lattice { path: path.to_owned(), line, problem }
}
