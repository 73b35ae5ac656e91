//! Any source, opened: what it says of its samples at once, their values some samples at a time.

use std::path::Path;

use ndarray::Array2;
use pima_core::ModalityShape;

use super::arrays::{ArrayRows, open_hdf5, open_npy_file, open_npz_array};
use super::{
    Hdf5Dataset, ImageFolder, ModalityKind, NpyFile, NpzArray, Samples, TableColumns, TableFolder, at_file, ending,
    lookup, read_columns, read_images, read_table_folder,
};
use crate::error::{Error, Place, Result};
use crate::modality::MeasurementAxis;
use crate::rows::RowWriter;

/// Numbers that are read before they are written elsewhere.
const BLOCK: usize = 1 << 20;

/// Where one modality's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// An array of an `.npz` file.
    Npz(NpzArray),
    /// An `.npy` file.
    Npy(NpyFile),
    /// A data set of an HDF5 file.
    Hdf5(Hdf5Dataset),
    /// Columns of a table.
    Table(TableColumns),
    /// A folder of tables, each the curves of a sample.
    TableFolder(TableFolder),
    /// A folder of images.
    ImageFolder(ImageFolder),
}

impl Source {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Npz(source) => &source.path,
            Self::Npy(source) => &source.path,
            Self::Hdf5(source) => &source.path,
            Self::Table(source) => &source.path,
            Self::TableFolder(source) => &source.path,
            Self::ImageFolder(source) => &source.path,
        }
    }

    /// Whether the user said where the samples' ids are. (The files of a folder have names anyway.)
    pub fn names_ids(&self) -> bool {
        match self {
            Self::Npz(source) => source.id.is_some(),
            Self::Npy(source) => source.ids.is_some(),
            Self::Hdf5(source) => source.id.is_some(),
            Self::Table(source) => source.id.is_some(),
            Self::TableFolder(_) | Self::ImageFolder(_) => false,
        }
    }
}

/// Some samples of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Values in physical units, one sample after the other; zeros where a sample is missing.
    pub values: Vec<f32>,
    /// Which samples have values.
    pub present: Vec<bool>,
}

/// A source whose samples are read from the first to the last. Arrays are read as they are asked for; tables and images are in memory.
pub struct SourceReader {
    rows: Rows,
    about: Samples,
}

enum Rows {
    Stream(Box<ArrayRows>),
    Whole { at: usize },
}

impl SourceReader {
    /// Opens the source of the modality of this name; `kind` says what a sample is, where the source does not.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::Npz`](crate::Error::Npz) and [`Error::Table`](crate::Error::Table), which name the file, the place in it
    /// and what to do.
    pub fn open(source: &Source, modality: &str, kind: Option<ModalityKind>) -> Result<Self> {
        let path = source.path();
        lookup::must_exist(path)?;
        match source {
            Source::Npz(_) => lookup::must_be(path, "npz")?,
            Source::Npy(_) => lookup::must_be(path, "npy")?,
            Source::Hdf5(_) => lookup::must_be(path, "hdf5")?,
            Source::Table(_) if path.is_dir() => lookup::must_be(path, "table")?,
            _ => {}
        }
        let refuse = |is: &str| {
            let kind = kind.map(|kind| kind.to_string()).unwrap_or_default();
            at_file(
                path,
                format!("{is}, but modality '{modality}' has kind = \"{kind}\"; leave kind out, or change it"),
            )
        };
        let streamed = match source {
            Source::Npz(array) => Some(open_npz_array(array, modality, kind)?),
            Source::Npy(file) => Some(open_npy_file(file, kind)?),
            Source::Hdf5(dataset) => Some(open_hdf5(dataset, modality, kind)?),
            _ => None,
        };
        if let Some((rows, about)) = streamed {
            let (shape, path) = (rows.shape(), path.to_owned());
            let (values, present) = (Array2::zeros((0, shape.size())).into(), Vec::new());
            let about = Samples { path, shape, values, present, ids: about.ids, axis: about.axis, units: about.units };
            return Ok(Self { rows: Rows::Stream(Box::new(rows)), about });
        }
        let about = match source {
            Source::Table(_) if kind == Some(ModalityKind::Image) => return Err(refuse("a table holds no images")),
            Source::ImageFolder(_) if kind.is_some_and(|kind| kind != ModalityKind::Image) => {
                return Err(refuse("a folder of images"));
            }
            Source::Table(table) => {
                read_columns(&TableColumns { curve: kind == Some(ModalityKind::Curve), ..table.clone() })?
            }
            Source::TableFolder(_) if kind.is_some_and(|kind| kind != ModalityKind::Curve) => {
                return Err(refuse("a folder of curves"));
            }
            Source::ImageFolder(_) | Source::TableFolder(_) if !path.is_dir() && !ending(path).is_empty() => {
                return Err(at_file(path, "is no folder; for a single file choose another kind of source".to_owned()));
            }
            Source::TableFolder(folder) => read_table_folder(folder)?,
            Source::ImageFolder(folder) => read_images(folder)?,
            Source::Npz(_) | Source::Npy(_) | Source::Hdf5(_) => unreachable!("opened above"),
        };
        Ok(Self { rows: Rows::Whole { at: 0 }, about })
    }

    /// Number of samples, with values or without.
    pub fn n_samples(&self) -> usize {
        match &self.rows {
            Rows::Stream(rows) => rows.n_rows,
            Rows::Whole { .. } => self.about.n_samples(),
        }
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ModalityShape {
        self.about.shape
    }

    /// What the samples are called, if the source tells.
    pub fn ids(&self) -> Option<&[String]> {
        self.about.ids()
    }

    /// Where along a curve the values were measured, as far as the source tells.
    pub fn axis(&self) -> Option<&MeasurementAxis> {
        self.about.axis.as_ref()
    }

    /// Units of the values, where the source tells them.
    pub fn units(&self) -> &str {
        &self.about.units
    }

    /// The next `n` samples, fewer at the end; none after the last.
    ///
    /// # Errors
    /// [`Error::Npz`](crate::Error::Npz) for a damaged array, [`Error::Table`](crate::Error::Table) with the row for a value that is not finite in a row that
    /// is not NaN throughout.
    pub fn next(&mut self, n: usize) -> Result<Option<Block>> {
        match &mut self.rows {
            Rows::Stream(rows) => rows.next(n.max(1)),
            Rows::Whole { at } => {
                let end = at.saturating_add(n.max(1)).min(self.about.n_samples());
                if *at == end {
                    return Ok(None);
                }
                let values = self.about.values.gather(&(*at..end).collect::<Vec<_>>())?;
                let (values, _) = values.into_raw_vec_and_offset();
                let present = self.about.present[*at..end].to_vec();
                *at = end;
                Ok(Some(Block { values, present }))
            }
        }
    }

    /// The ids and presence of all samples, given `present` (D) from reading them, without their values: each has a single 0.
    pub fn outline(self, present: Vec<bool>) -> Samples {
        let values = Array2::zeros((present.len(), 1)).into();
        Samples { shape: ModalityShape::Vector { length: 1 }, values, present, axis: None, ..self.about }
    }

    /// All samples.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn whole(mut self) -> Result<Samples> {
        let Rows::Stream(_) = self.rows else { return Ok(self.about) };
        let (mut values, mut present) = (Vec::new(), Vec::new());
        while let Some(mut block) = self.next(usize::MAX)? {
            // The whole at once, as a rule: it is not copied.
            if values.is_empty() {
                values = block.values;
            } else {
                values.append(&mut block.values);
            }
            present.append(&mut block.present);
        }
        let values = Array2::from_shape_vec((present.len(), self.about.shape.size()), values);
        let values = values.expect("whole samples were read").into();
        Ok(Samples { values, present, ..self.about })
    }

    /// All samples, their values in a file of its own in `folder` instead of in memory; nothing is left of it when the process ends.
    ///
    /// # Errors
    /// As [`next`](Self::next), and [`Error::Io`](crate::Error::Io) when the folder cannot be written to.
    pub fn on_disk(mut self, folder: &Path) -> Result<Samples> {
        let size = self.shape().size();
        let mut writer = RowWriter::new(folder, size)?;
        let mut present = Vec::with_capacity(self.n_samples());
        while let Some(mut block) = self.next((BLOCK / size).max(1))? {
            for (k, row) in block.values.chunks_exact(size).enumerate().filter(|(k, _)| block.present[*k]) {
                if let Some(column) = row.iter().position(|value| !value.is_finite()) {
                    let problem = format!("value {column} (from 0) is {} in single precision", row[column]);
                    let place = Place::Row(present.len() + k);
                    return Err(Error::Table { path: self.about.path, place, problem });
                }
            }
            writer.append(&block.values)?;
            present.append(&mut block.present);
        }
        Ok(Samples { values: writer.finish()?, present, ..self.about })
    }
}
