//! The data set: structures by number, on all cores, as often interrupted as need be.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ndarray::Array2;
use pima_core::ModalityShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lapack::OneThread;
use super::partial::Partial;
use super::potential::StillingerWeber;
use super::process::Process;
use super::recipe::{Deformation, Disorder, Recipe};
use super::relaxation::RelaxationOptions;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};
use crate::npz::write_npz;
use crate::rng::RowGenerators;

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Structures that are done, those taken from an earlier run included.
    pub done: usize,
    /// Structures asked for.
    pub total: usize,
}

/// What is known of one structure besides its spectrum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    class: usize,
    process: Process,
    n_atoms: usize,
    /// eV.
    energy: f64,
    /// GPa, positive in compression: xx, yy, zz, xy, xz, yz.
    stress: [f64; 6],
    n_unstable: usize,
    n_modes: usize,
    /// How often the structure was drawn until one would do.
    draws: usize,
}

/// A structure that is drawn so often in vain says that its class cannot be had.
const MAX_DRAWS: usize = 50;
/// Structures computed between two reports, for each thread.
const BATCH: usize = 8;
/// Partial results are saved no more often than this: at first they are small, in the end 33 MB.
const SAVE_EVERY: Duration = Duration::from_secs(4);

/// The file in which [`generate_file`] keeps partial results: beside the output, named after it.
pub fn partial_results(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial-results");
    PathBuf::from(name)
}

/// Generates a data set into an `.npz` ([`write_npz`]); returns it as well. If an earlier call was stopped, or died, it
/// takes up from there.
///
/// # Errors
/// As [`generate`] and [`write_npz`].
pub fn generate_file(
    recipe: &Recipe,
    n_structures: usize,
    seed: u64,
    out: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    let partial = partial_results(out);
    let dataset = generate(recipe, n_structures, seed, Some(&partial), progress)?;
    write_npz(&dataset, out)?;
    match fs::remove_file(&partial) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Io { path: partial, source }),
        _ => Ok(dataset),
    }
}

/// Generates `n_structures` structures of a recipe, on the threads of the current rayon pool.
///
/// Structure `i` depends on the recipe, the seed and `i` alone: a longer data set begins with the shorter one. The
/// dataset is labelled by process class and has these modalities, a vector of length 1 unless said otherwise:
///
/// | modality | holds | units |
/// |---|---|---|
/// | `spectrum` | density of states, a curve over frequency in THz, unit area | 1/THz |
/// | `stress` | mean of the three normal stresses, positive in compression | GPa |
/// | `stress_tensor` | xx, yy, zz, xy, xz, yz | GPa |
/// | `vacancies`, `interstitials` | atoms removed, added | |
/// | `displacement` | standard deviation of the displacements before relaxation | A |
/// | `uniaxial_strain`, `hydrostatic_strain` | compression as a fraction of the length | |
/// | `atoms`, `energy` | atoms in the cell, potential energy | , eV an atom |
/// | `unstable_modes` | modes with a negative squared frequency, left out of the spectrum | |
/// | `draws` | how often the structure was drawn: those that do not come to rest or are unstable are drawn again | |
///
/// With `resume`, partial results are taken from that file if it is there, and saved to it, whole or not at all, every
/// few seconds and when `progress` says to break. `progress` is called from the calling thread.
///
/// OpenBLAS is held to one thread meanwhile, for the whole process: structures are what is shared out.
///
/// # Errors
/// [`Error::Recipe`] for a recipe that cannot be followed, [`Error::Empty`] if no structure is asked for,
/// [`Error::PartialResults`] if `resume` is from another recipe or seed, [`Error::Drawing`] for a class of which no
/// structure will do, [`Error::Stopped`] if `progress` says so, [`Error::Io`].
pub fn generate(
    recipe: &Recipe,
    n_structures: usize,
    seed: u64,
    resume: Option<&Path>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    recipe.check()?;
    let _one_thread = OneThread::hold();
    let mut partial = match resume {
        Some(path) => Partial::load(path, recipe, seed)?,
        None => Partial::new(recipe, seed),
    };
    partial.truncate(n_structures);
    let generators = RowGenerators::new(seed);
    let mut saved = Instant::now();
    while partial.len() < n_structures {
        if progress(Progress { done: partial.len(), total: n_structures }).is_break() {
            if let Some(path) = resume {
                partial.save(path)?;
            }
            return Err(Error::Stopped { done: partial.len(), total: n_structures });
        }
        let first = partial.len();
        let last = n_structures.min(first + BATCH * rayon::current_num_threads());
        let made: Vec<_> =
            (first..last).into_par_iter().map(|at| make(recipe, &generators, at)).collect::<Result<_>>()?;
        for (record, spectrum) in made {
            partial.push(record, &spectrum);
        }
        if let Some(path) = resume
            && saved.elapsed() > SAVE_EVERY
        {
            partial.save(path)?;
            saved = Instant::now();
        }
    }
    // The last report is for the bar; there is nothing left to stop.
    let _ = progress(Progress { done: n_structures, total: n_structures });
    let (records, spectra) = partial.into_parts();
    dataset(recipe, &records, spectra)
}

/// One structure and its spectrum.
fn make(recipe: &Recipe, generators: &RowGenerators, index: usize) -> Result<(Record, Vec<f64>)> {
    make_with(recipe, generators, index, &RelaxationOptions::default())
}

fn make_with(
    recipe: &Recipe,
    generators: &RowGenerators,
    index: usize,
    relaxation: &RelaxationOptions,
) -> Result<(Record, Vec<f64>)> {
    let silicon = StillingerWeber::default();
    let mut rng = generators.row(index);
    let class = recipe.draw_class(&mut rng);
    let mut reason = String::new();
    for draws in 1..=MAX_DRAWS {
        let process = Process::draw(&recipe.classes[class], &mut rng);
        let start = process.apply(recipe, &mut rng)?;
        let rest = match silicon.relax(&start, relaxation) {
            Ok(rest) => rest,
            Err(error @ Error::Relaxation { .. }) => {
                reason = error.to_string();
                continue;
            }
            Err(error) => return Err(error),
        };
        let vibrations = silicon.force_constants(&rest).vibrations(silicon.mass)?;
        let (n_unstable, n_modes) = (vibrations.n_unstable, vibrations.n_modes());
        if n_unstable as f64 > recipe.max_unstable * n_modes as f64 {
            reason = format!("{n_unstable} of {n_modes} modes are unstable");
            continue;
        }
        let evaluation = silicon.evaluate(&rest);
        let record = Record {
            class,
            process,
            n_atoms: rest.n_atoms(),
            energy: evaluation.energy,
            stress: evaluation.stress(rest.volume()),
            n_unstable,
            n_modes,
            draws,
        };
        return Ok((record, recipe.density.density(&vibrations.frequencies)));
    }
    Err(Error::Drawing { index, class: recipe.classes[class].name.clone(), attempts: MAX_DRAWS, reason })
}

fn dataset(recipe: &Recipe, records: &[Record], spectra: Vec<f32>) -> Result<Dataset> {
    const NAME: &str = "silicon lattice dynamics (generated)";
    if records.is_empty() {
        return Err(Error::Empty { dataset: NAME.to_owned(), what: "structures" });
    }
    let length = recipe.density.points;
    let n_values = spectra.len();
    let spectra = Array2::from_shape_vec((records.len(), length), spectra).map_err(|_| Error::Length {
        what: "values of all spectra".to_owned(),
        expected: records.len() * length,
        got: n_values,
    })?;
    let points = recipe.density.frequencies();
    let axis = MeasurementAxis { name: "frequency".to_owned(), units: "THz".to_owned(), points };
    let spectrum = ModalityData::new("spectrum", ModalityShape::Curve { channels: 1, length }, spectra)?;
    let mut modalities = vec![spectrum.with_axis(axis)?.with_units("1/THz")];
    let mut add = |name: &str, units: &str, values: &dyn Fn(&Record) -> Vec<f64>| -> Result<()> {
        let flat: Vec<f32> = records.iter().flat_map(values).map(|x| x as f32).collect();
        let length = flat.len() / records.len();
        let table = Array2::from_shape_vec((records.len(), length), flat).expect("as many values for every record");
        let modality = ModalityData::new(name, ModalityShape::Vector { length }, table)?;
        modalities.push(modality.with_units(units));
        Ok(())
    };
    let disorder =
        |record: &Record, kind| if record.process.disorder == kind { record.process.disorder_amount } else { 0.0 };
    let strain = |record: &Record, kind| {
        if record.process.deformation == kind { record.process.deformation_amount } else { 0.0 }
    };
    add("stress", "GPa", &|r| vec![r.stress[..3].iter().sum::<f64>() / 3.0])?;
    add("stress_tensor", "GPa", &|r| r.stress.to_vec())?;
    add("vacancies", "", &|r| vec![disorder(r, Disorder::Vacancies)])?;
    add("interstitials", "", &|r| vec![disorder(r, Disorder::Interstitials)])?;
    add("displacement", "A", &|r| vec![disorder(r, Disorder::Scattered)])?;
    add("uniaxial_strain", "", &|r| vec![strain(r, Deformation::Uniaxial)])?;
    add("hydrostatic_strain", "", &|r| vec![strain(r, Deformation::Hydrostatic)])?;
    add("atoms", "", &|r| vec![r.n_atoms as f64])?;
    add("energy", "eV/atom", &|r| vec![r.energy / r.n_atoms as f64])?;
    add("unstable_modes", "", &|r| vec![r.n_unstable as f64])?;
    add("draws", "", &|r| vec![r.draws as f64])?;
    let names = recipe.classes.iter().map(|class| class.name.clone()).collect();
    let labels = Labels::named(records.iter().map(|record| record.class).collect(), names)?;
    Dataset::new(NAME, modalities, Some(labels))
}

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
