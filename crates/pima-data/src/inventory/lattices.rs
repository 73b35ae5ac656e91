//! Photographs and stress-strain curves that pair by name, as [`load_lattices`](crate::load_lattices) reads them.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::{ID_NAMES, entries, is_one_of};
use crate::error::Result;
use crate::lattice::{LatticeFolder, curve_columns, names_strain_or_stress, units_said};
use crate::pixels;
use crate::sources::at_file;

/// Pairs from which on names are no coincidence.
const FEWEST: usize = 3;
/// Strain beyond which a number can only be in per cent.
const LARGEST_STRAIN: f64 = 1.5;
/// A curve that is not said to be one of strain begins within this share of where it ends.
const START: f64 = 0.05;
/// The file of known classes.
const LABELS: &str = "labels.csv";
/// The folders that photographs and curves may be in.
const FOLDERS: [&str; 2] = ["images", "curves"];
/// Photographs and stress-strain curves of the same specimens.
#[derive(Debug, Clone, PartialEq)]
pub struct LatticeFiles {
    /// How many specimens there are.
    pub n_specimens: usize,
    /// Those that have a photograph or a curve alone.
    pub incomplete: Vec<String>,
    /// How many classes `labels.csv` names, if it is there.
    pub n_labels: Option<usize>,
    /// How the files are to be read.
    pub options: LatticeFolder,
    /// Whether a file's heading says its units; otherwise they were guessed from its values, or are the usual ones.
    pub says_units: bool,
}

/// The files of one specimen.
#[derive(Debug, Default)]
struct Pair {
    image: Option<PathBuf>,
    curve: Option<PathBuf>,
}

/// The lattices of a folder, with what was left out beside them; `None` where photographs and tables do not pair.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) for a folder that cannot be read. [`Error::Table`](crate::Error::Table) for files that no configuration could read as they lie:
/// a table of no curve among the curves, or tables that pair with photographs and hold something else, a sample a file.
pub(super) fn look(folder: &Path) -> Result<Option<(LatticeFiles, Vec<String>)>> {
    let specimens = pairs(folder)?;
    let paired: Vec<(&PathBuf, &PathBuf)> =
        specimens.values().filter_map(|pair| pair.image.as_ref().zip(pair.curve.as_ref())).collect();
    if paired.len() < FEWEST {
        return Ok(None);
    }
    let mut readings = paired.iter().filter_map(|(_, curve)| reading(curve));
    let first = readings.next();
    // A few that cannot be read are told when they are.
    let n_curves = readings.count() + usize::from(first.is_some());
    let Some((mut options, says_units)) = first.filter(|_| 2 * n_curves > paired.len()) else {
        // What means to be a curve and cannot be read as one is not to become something else.
        if let Some((_, curve)) = paired.iter().find(|(_, curve)| meant(curve)) {
            let heading = rows(curve).and_then(|rows| rows.into_iter().next()).unwrap_or_default();
            let why = curve_columns(&heading).err().unwrap_or_else(|| "no strain that grows from zero".to_owned());
            return Err(at_file(
                curve,
                format!("is beside a photograph of its name, and no stress-strain curve as it is: {why}"),
            ));
        }
        alike(folder, &paired)?;
        return Ok(None);
    };
    let mut incomplete = Vec::new();
    for (name, pair) in &specimens {
        if let Pair { image: None, curve: Some(curve) } = pair
            && reading(curve).is_none()
        {
            let problem = "is no stress-strain curve, and among photographs that pair with curves every csv file is taken for one; \
                           move it to another folder, or, if it says the specimens' kinds, name it labels.csv, with the columns name and label";
            return Err(at_file(curve, problem.to_owned()));
        }
        if pair.image.is_none() || pair.curve.is_none() {
            incomplete.push(name.clone());
        }
    }
    options.allow_missing = !incomplete.is_empty();
    let size = |path: &PathBuf| image::image_dimensions(path).ok().map(|(width, height)| width.min(height) as usize);
    let smallest = specimens.values().filter_map(|pair| pair.image.as_ref().and_then(size)).min();
    if let Some(smallest) = smallest.filter(|&smallest| smallest < options.side) {
        options.side = (smallest / 2).max(8);
    }
    let files =
        LatticeFiles { n_specimens: specimens.len(), incomplete, n_labels: n_labels(folder)?, options, says_units };
    Ok(Some((files, left_out(folder)?)))
}

/// The photographs and csv files by their names without endings.
fn pairs(folder: &Path) -> Result<BTreeMap<String, Pair>> {
    let mut specimens: BTreeMap<String, Pair> = BTreeMap::new();
    let places = FOLDERS.map(|name| folder.join(name));
    for place in std::iter::once(folder).chain(places.iter().map(PathBuf::as_path).filter(|place| place.is_dir())) {
        for path in entries(place)?
            .into_iter()
            .filter(|path| path.is_file() && path.file_name().is_none_or(|name| name != LABELS))
        {
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let is_image = pixels::ENDINGS.contains(&ending.as_str());
            if !is_image && ending != "csv" {
                continue;
            }
            let pair =
                specimens.entry(path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).or_default();
            let slot = if is_image { &mut pair.image } else { &mut pair.curve };
            // Two files for one thing are told when they are read.
            slot.get_or_insert(path);
        }
    }
    Ok(specimens)
}

/// Whether the first lines of a file name strain or stress.
fn meant(curve: &Path) -> bool {
    rows(curve).is_some_and(|rows| rows.iter().take(3).flatten().any(|cell| names_strain_or_stress(cell)))
}

/// Refuses tables beside photographs of the same names that have the same columns: each would be a modality, with its lines as samples.
fn alike(folder: &Path, paired: &[(&PathBuf, &PathBuf)]) -> Result<()> {
    let here: Vec<&PathBuf> =
        paired.iter().map(|(_, table)| *table).filter(|table| table.parent() == Some(folder)).collect();
    let columns = |table: &Path| rows(table).and_then(|rows| rows.into_iter().next());
    let Some(first) = here.first() else { return Ok(()) };
    let wanted = columns(first);
    let n = here.iter().filter(|table| wanted.is_some() && columns(table) == wanted).count();
    if n < FEWEST {
        return Ok(());
    }
    let problem = format!(
        "this and {} more csv files go by the names of photographs and have the same columns, so that each is a sample; \
         they are no stress-strain curves (headings strain and stress): move them to a folder of their own, such as curves, and the photographs to another",
        n - 1
    );
    Err(at_file(first, problem))
}

/// How a file is to be read, and whether its heading says so; `None` for what is no stress-strain curve.
fn reading(path: &Path) -> Option<(LatticeFolder, bool)> {
    let mut rows = rows(path)?;
    let is_heading = rows.first()?.iter().any(|cell| cell.parse::<f64>().is_err());
    let heading: Vec<String> =
        if is_heading { rows.remove(0).iter().map(|cell| cell.to_lowercase()).collect() } else { Vec::new() };
    // A heading that names something else is of something else.
    let (strain, stress) = if is_heading { curve_columns(&heading).ok()? } else { (0, 1) };
    let number = |row: &Vec<String>, column: usize| row.get(column).and_then(|cell| cell.parse::<f64>().ok());
    let strains: Vec<f64> = rows.iter().filter_map(|row| number(row, strain)).collect();
    let (&start, &end) = (strains.first()?, strains.last()?);
    if !is_heading {
        let two = rows.iter().all(|row| row.len() == 2 && number(row, 0).is_some() && number(row, 1).is_some());
        let plausible = end != 0.0 && start.abs() <= START * end.abs() && end.abs() <= 100.0 * LARGEST_STRAIN;
        let runs = strains.windows(2).all(|pair| (pair[1] > pair[0]) == (end > 0.0));
        if !two || !plausible || !runs {
            return None;
        }
    }
    // Units stand in the heading, or in a line below it.
    let below = rows.first().filter(|row| is_heading && number(row, strain).is_none() && number(row, stress).is_none());
    let said = |column: usize| {
        let of = |row: &[String]| row.get(column).cloned().unwrap_or_default();
        format!("{} {}", of(&heading), below.map(|row| of(row).to_lowercase()).unwrap_or_default())
    };
    let says = [said(strain), said(stress)];
    let (percent, unit) = units_said(&says[0], &says[1]);
    let options = LatticeFolder {
        percent: percent || end.abs() > LARGEST_STRAIN,
        stress: unit.unwrap_or_default(),
        compression_negative: end < 0.0,
        ..LatticeFolder::default()
    };
    Some((options, unit.is_some()))
}

/// The cells of the lines that say something, decimal commas as points beside other separators; `None` for what is no text.
fn rows(path: &Path) -> Option<Vec<Vec<String>>> {
    let text = String::from_utf8(std::fs::read(path).ok()?).ok()?;
    let lines: Vec<&str> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !(line.is_empty() || line.starts_with('#')))
        .collect();
    let separator =
        [';', '\t', ','].into_iter().find(|&separator| lines.first().is_some_and(|line| line.contains(separator)))?;
    let cell = |cell: &str| {
        let cell = cell.trim().trim_matches('"');
        if separator == ',' { cell.to_owned() } else { cell.replace(',', ".") }
    };
    Some(lines.into_iter().map(|line| line.split(separator).map(cell).collect()).collect())
}

/// How many classes `labels.csv` names.
fn n_labels(folder: &Path) -> Result<Option<usize>> {
    let path = folder.join(LABELS);
    if !path.is_file() {
        return Ok(None);
    }
    let Some(rows) = rows(&path) else {
        return Err(at_file(
            &path,
            "is no table of two columns; write a specimen's name and its label a line, separated by a comma".to_owned(),
        ));
    };
    let has_heading = |row: &[String]| row.first().is_some_and(|name| is_one_of(&ID_NAMES, name));
    let skip = usize::from(rows.first().is_some_and(|row| has_heading(row)));
    Ok(Some(rows.iter().skip(skip).filter_map(|row| row.get(1)).collect::<HashSet<_>>().len()))
}

/// Data that are not read beside lattices.
fn left_out(folder: &Path) -> Result<Vec<String>> {
    const DATA: [&str; 8] = ["npz", "npy", "h5", "hdf5", "parquet", "tsv", "xlsx", "mat"];
    let mut lines = Vec::new();
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() && !FOLDERS.contains(&name.as_str()) {
            lines.push(format!(
                "{name}: of folders only images and curves are read beside photographs that pair with curves"
            ));
        } else if path.is_file() && DATA.contains(&ending.as_str()) {
            lines.push(format!(
                "{name}: only photographs, curves and labels.csv are read where photographs pair with curves"
            ));
        }
    }
    Ok(lines)
}
