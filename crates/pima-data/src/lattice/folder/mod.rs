//! A laboratory's own lattices: a folder of photographs and of curves, matched by name.

/// Stress-strain curves from csv.
mod curve;
/// Photographs from png, jpeg and tiff.
mod photograph;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use pima_core::ModalityShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{IMAGE, crops, stress};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::ModalityData;
use curve::Curve;

/// Endings of photographs.
const IMAGES: [&str; 5] = crate::pixels::ENDINGS;
/// Endings of curves.
const CURVES: [&str; 1] = ["csv"];
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
    /// The last strain; by default the greatest that all curves reach.
    pub max_strain: Option<f64>,
    /// Whether a specimen may have a photograph or a curve alone.
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
    /// What was done to the files that a user should know of.
    pub notes: Vec<LatticeNote>,
}

/// What was done to a file on the way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LatticeNote {
    /// A photograph in colour was converted to grey.
    Grey {
        /// The file.
        path: PathBuf,
    },
    /// The photograph was not square; its middle was kept.
    Cropped {
        /// The file.
        path: PathBuf,
        /// Its width, pixels.
        width: u32,
        /// Its height, pixels.
        height: u32,
    },
    /// All curves end where this one does.
    Shortest {
        /// The file.
        path: PathBuf,
        /// Its last strain.
        strain: f64,
    },
    /// A specimen lacks one of the two.
    Missing {
        /// The specimen.
        name: String,
        /// "photograph" or "curve".
        what: &'static str,
    },
}

impl fmt::Display for LatticeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grey { path } => write!(f, "{}: in colour, converted to grey", path.display()),
            Self::Cropped { path, width, height } => {
                write!(f, "{}: {width}x{height} pixels, the middle square was kept", path.display())
            }
            Self::Shortest { path, strain } => {
                write!(f, "{}: ends at strain {strain}, and with it all curves do", path.display())
            }
            Self::Missing { name, what } => write!(f, "specimen '{name}' has no {what}"),
        }
    }
}

/// The files of one specimen.
#[derive(Debug, Clone, Default)]
struct Files {
    image: Option<PathBuf>,
    curve: Option<PathBuf>,
}

/// Reads a folder in which every specimen has a photograph (`name.png`, `.jpg`, `.jpeg`, `.tif` or `.tiff`) and a curve (`name.csv`); the
/// photographs may be in a subfolder `images`, the curves in `curves`. `labels.csv` (columns name and label) may tell the classes.
///
/// A curve has strain in one column and stress in another: those whose headings say so, or the first two. Separators are commas, semicolons or
/// tabs, decimal commas are understood beside the latter two, and lines that start with `#` are passed over. Strain must increase
/// from line to line.
///
/// Units are checked for plainly wrong ones: a heading that contradicts the options; strain beyond 1.5 (then it is in per cent) or never
/// above 0.001; stress above 10 GPa or never above 1 kPa; a curve stiffer than any solid, 2000 GPa.
///
/// # Errors
/// [`Error::Lattice`], which names the file and the line: nothing to read, a specimen that lacks one of the two (unless allowed), two
/// files for one thing, an image that cannot be decoded or is smaller than `side`, a curve that is no curve.
pub fn load_lattices(folder: &Path, options: &LatticeFolder) -> Result<LoadedLattices> {
    check(options)?;
    let specimens = find(folder)?;
    let mut notes = unmatched(&specimens, options.allow_missing)?;
    let read: Vec<_> = specimens.par_iter().map(|(_, files)| read(files, options)).collect::<Result<_>>()?;

    let mut grid = None;
    let curves =
        || specimens.values().zip(&read).filter_map(|(files, read)| files.curve.as_ref().zip(read.curve.as_ref()));
    if let Some((path, curve)) = curves().min_by(|a, b| a.1.last_strain().total_cmp(&b.1.last_strain())) {
        let last = match options.max_strain {
            Some(wanted) if curve.last_strain() < wanted => {
                let problem = format!("ends at strain {}, before max_strain = {wanted}", curve.last_strain());
                return Err(error(path, Some(curve.last_line()), problem));
            }
            Some(wanted) => wanted,
            None => {
                notes.push(LatticeNote::Shortest { path: path.clone(), strain: curve.last_strain() });
                curve.last_strain()
            }
        };
        grid = Some((0..options.points).map(|j| last * j as f64 / (options.points - 1) as f64).collect::<Vec<f64>>());
    }
    let Some(grid) = grid else {
        return Err(error(
            folder,
            None,
            "no curves (csv): there is nothing to learn from photographs alone".to_owned(),
        ));
    };
    let names: Vec<String> = specimens.keys().cloned().collect();
    let dataset = assemble(folder, &specimens, &read, &grid, options)?;
    notes.extend(read.into_iter().flat_map(|read| read.notes));
    Ok(LoadedLattices { dataset, names, notes })
}

/// Reads a folder as [`load_lattices`] does, onto strains that are given: further specimens for a model that was trained on others. Photographs without curves
/// are allowed, and the reverse.
///
/// # Errors
/// As [`load_lattices`], and [`Error::Lattice`] for a curve that ends before the last strain.
pub fn load_lattices_onto(folder: &Path, options: &LatticeFolder, strains: &[f64]) -> Result<LoadedLattices> {
    /// Of the last strain: what is lost where numbers are written with few digits.
    const ROUNDING: f64 = 1e-3;
    check(options)?;
    let specimens = find(folder)?;
    let mut notes = unmatched(&specimens, true)?;
    let read: Vec<_> = specimens.par_iter().map(|(_, files)| read(files, options)).collect::<Result<_>>()?;
    let last = strains.last().copied().unwrap_or(0.0);
    for (files, read) in specimens.values().zip(&read) {
        let Some((path, curve)) = files.curve.as_ref().zip(read.curve.as_ref()) else { continue };
        if curve.last_strain() < last * (1.0 - ROUNDING) {
            let problem = format!(
                "ends at strain {}, but the model was trained on curves to {last}: leave it out",
                curve.last_strain()
            );
            return Err(error(path, Some(curve.last_line()), problem));
        }
    }
    let names = specimens.keys().cloned().collect();
    let dataset = assemble(folder, &specimens, &read, strains, options)?;
    notes.extend(read.into_iter().flat_map(|read| read.notes));
    Ok(LoadedLattices { dataset, names, notes })
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
        Some(strain) if !(strain.is_finite() && strain > 0.0) => {
            refuse("max_strain", strain, "must be positive and finite, as a number and not in per cent")
        }
        _ => Ok(()),
    }
}

/// The specimens of a folder by name.
fn find(folder: &Path) -> Result<BTreeMap<String, Files>> {
    let mut specimens: BTreeMap<String, Files> = BTreeMap::new();
    for (place, optional) in [(folder.to_owned(), false), (folder.join("images"), true), (folder.join("curves"), true)]
    {
        if optional && !place.is_dir() {
            continue;
        }
        let io = |source| Error::Io { path: place.clone(), source };
        let mut paths = fs::read_dir(&place)
            .map_err(io)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<PathBuf>>>()
            .map_err(io)?;
        paths.sort();
        for path in paths {
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.file_name().is_some_and(|name| name == LABELS) || hidden || !path.is_file() {
                continue;
            }
            let is_image = IMAGES.contains(&ending.as_str());
            if !is_image && !CURVES.contains(&ending.as_str()) {
                continue;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let files = specimens.entry(name).or_default();
            let slot = if is_image { &mut files.image } else { &mut files.curve };
            if let Some(other) = slot {
                let problem = format!("is for the same specimen as {}; keep one of them", other.display());
                return Err(error(&path, None, problem));
            }
            *slot = Some(path);
        }
    }
    if specimens.is_empty() {
        let problem = format!("no photographs ({}) and no curves (csv) here", IMAGES.join(", "));
        return Err(error(folder, None, problem));
    }
    Ok(specimens)
}

fn unmatched(specimens: &BTreeMap<String, Files>, allowed: bool) -> Result<Vec<LatticeNote>> {
    let mut notes = Vec::new();
    for (name, files) in specimens {
        let (path, what, wanted) = match files {
            Files { image: Some(path), curve: None } => (path, "curve", format!("{name}.csv")),
            Files { image: None, curve: Some(path) } => (path, "photograph", format!("{name}.png")),
            _ => continue,
        };
        if !allowed {
            let problem = format!("specimen '{name}' has no {what}, {wanted}; add it, or set allow_missing");
            return Err(error(path, None, problem));
        }
        notes.push(LatticeNote::Missing { name: name.clone(), what });
    }
    Ok(notes)
}

/// What the files of one specimen hold.
struct Read {
    /// (2 side, 2 side) grey values in [0, 1].
    photograph: Option<Vec<f32>>,
    curve: Option<Curve>,
    notes: Vec<LatticeNote>,
}

fn read(files: &Files, options: &LatticeFolder) -> Result<Read> {
    let mut notes = Vec::new();
    let photograph = files.image.as_deref().map(|path| photograph::read(path, options.side, &mut notes)).transpose()?;
    let curve = files.curve.as_deref().map(|path| curve::read(path, options)).transpose()?;
    Ok(Read { photograph, curve, notes })
}

fn assemble(
    folder: &Path,
    specimens: &BTreeMap<String, Files>,
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
            crops::crop(photograph, options.side, options.flips, own);
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

/// The classes of `labels.csv` (columns name and label), for every row; `None` without the file.
fn labels(folder: &Path, names: &[&str], groups: &[usize]) -> Result<Option<Labels>> {
    let path = folder.join(LABELS);
    if !path.is_file() {
        return Ok(None);
    }
    let mut of = BTreeMap::new();
    for row in curve::records(&path)? {
        let (line, fields) = row?;
        let (Some(name), Some(label)) = (fields.first(), fields.get(1)) else {
            return Err(error(&path, Some(line), "needs a name and a label".to_owned()));
        };
        if of.is_empty() && (name.eq_ignore_ascii_case("name") || name.eq_ignore_ascii_case("specimen")) {
            continue;
        }
        if !names.contains(&name.as_str()) {
            return Err(error(&path, Some(line), format!("there is no specimen '{name}' in the folder")));
        }
        if of.insert(name.clone(), label.clone()).is_some() {
            return Err(error(&path, Some(line), format!("specimen '{name}' has a label already")));
        }
    }
    if let Some(name) = names.iter().find(|name| !of.contains_key(**name)) {
        return Err(error(&path, None, format!("no label for specimen '{name}'")));
    }
    let mut classes: Vec<String> = of.values().cloned().collect();
    classes.sort();
    classes.dedup();
    let values = groups.iter().map(|&group| classes.iter().position(|class| *class == of[names[group]]).unwrap_or(0));
    Labels::named(values.collect(), classes.clone()).map(Some)
}

fn error(path: &Path, line: Option<u64>, problem: String) -> Error {
    Error::Lattice { path: path.to_owned(), line, problem }
}
