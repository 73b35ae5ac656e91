//! What is done of a data set, in a file that is whole or absent.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2};
use ndarray_npy::{NpzReader, NpzWriter};
use serde::{Deserialize, Serialize};

use super::generation::Record;
use super::recipe::Recipe;
use crate::error::{Error, Result};

const ABOUT: &str = "about";
const SPECTRA: &str = "spectra";
/// Grows with every change after which a structure would come out differently.
const VERSION: u32 = 1;

/// The first structures of a data set, and which data set that is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Partial {
    about: About,
    /// As many values for each record as the density has points.
    spectra: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    version: u32,
    recipe: Recipe,
    seed: u64,
    records: Vec<Record>,
}

impl Partial {
    pub(super) fn new(recipe: &Recipe, seed: u64) -> Self {
        let about = About { version: VERSION, recipe: recipe.clone(), seed, records: Vec::new() };
        Self { about, spectra: Vec::new() }
    }

    /// Reads the file if it is there, and begins anew if it is not.
    pub(super) fn load(path: &Path, recipe: &Recipe, seed: u64) -> Result<Self> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::new(recipe, seed)),
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
        };
        let refuse = |problem: String| Error::PartialResults { path: path.to_owned(), problem };
        let damaged =
            |error: &dyn std::error::Error| refuse(format!("damaged ({})", error.to_string().replace('\n', " ")));
        let mut npz = NpzReader::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
        let json: Array1<u8> = npz.by_name(ABOUT).map_err(|error| damaged(&error))?;
        let about: About = serde_json::from_slice(&json.to_vec()).map_err(|error| damaged(&error))?;
        let spectra: Array2<f32> = npz.by_name(SPECTRA).map_err(|error| damaged(&error))?;
        if (about.version, about.seed) != (VERSION, seed) || about.recipe != *recipe {
            return Err(refuse("has partial results of another recipe or seed".to_owned()));
        }
        if spectra.dim() != (about.records.len(), recipe.density.points) {
            return Err(refuse(format!("damaged ({} records, spectra {:?})", about.records.len(), spectra.dim())));
        }
        Ok(Self { about, spectra: spectra.into_iter().collect() })
    }

    /// Writes beside, and moves into place.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = Path::new(&beside);
        let saved = self.write(beside).and_then(|()| fs::rename(beside, path));
        if saved.is_err() {
            // The first error is the one to report; a leftover file is only untidy.
            let _ = fs::remove_file(beside);
        }
        saved.map_err(|source| Error::Io { path: path.to_owned(), source })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut npz = NpzWriter::new(BufWriter::new(File::create(path)?));
        let json = Array1::from_vec(serde_json::to_vec(&self.about)?);
        let spectra = ArrayView2::from_shape((self.len(), self.about.recipe.density.points), &self.spectra);
        npz.add_array(ABOUT, &json).map_err(std::io::Error::other)?;
        npz.add_array(SPECTRA, &spectra.map_err(std::io::Error::other)?).map_err(std::io::Error::other)?;
        let file = npz.finish().map_err(std::io::Error::other)?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()
    }

    /// How many structures are done.
    pub(super) fn len(&self) -> usize {
        self.about.records.len()
    }

    pub(super) fn push(&mut self, record: Record, spectrum: &[f64]) {
        self.about.records.push(record);
        self.spectra.extend(spectrum.iter().map(|&x| x as f32));
    }

    /// Keeps no more than the first `n`.
    pub(super) fn truncate(&mut self, n: usize) {
        self.about.records.truncate(n);
        self.spectra.truncate(n * self.about.recipe.density.points);
    }

    pub(super) fn into_parts(self) -> (Vec<Record>, Vec<f32>) {
        (self.about.records, self.spectra)
    }
}
