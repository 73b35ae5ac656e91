//! An `.npz` archive written row by row, so that results need not fit into memory.
//!
//! Each array grows in a file of its own beside the archive; at the end they are packed, and the archive is moved into place whole. A writer that is dropped
//! before that leaves nothing.

use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive in the making.
pub(crate) struct NpzStream {
    path: PathBuf,
    arrays: Vec<StreamedArray>,
}

struct StreamedArray {
    name: String,
    /// Of one row.
    shape: Vec<usize>,
    kind: Kind,
    rows: usize,
    path: PathBuf,
    file: BufWriter<File>,
}

/// Element types, in NumPy's words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    F32,
    I64,
    /// Texts of so many letters at most.
    Text(usize),
}

impl Kind {
    fn describe(self) -> String {
        match self {
            Self::F32 => "<f4".to_owned(),
            Self::I64 => "<i8".to_owned(),
            Self::Text(width) => format!("<U{width}"),
        }
    }
}

impl NpzStream {
    /// An archive that will be at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), arrays: Vec::new() }
    }

    /// Adds rows of shape `shape` to the array `name` as float32.
    pub(crate) fn add(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = f64>) -> Result<()> {
        let size: usize = shape.iter().product();
        let array = self.array(name, shape, Kind::F32)?;
        let mut n = 0;
        for value in values {
            array.file.write_all(&(value as f32).to_le_bytes())?;
            n += 1;
        }
        ensure!(n % size.max(1) == 0, "array {name}: {n} values are no whole rows of {size}");
        array.rows += n / size.max(1);
        Ok(())
    }

    /// Adds numbers to the array `name` of one dimension, as int64.
    pub(crate) fn add_integers(&mut self, name: &str, values: impl IntoIterator<Item = i64>) -> Result<()> {
        let array = self.array(name, &[], Kind::I64)?;
        for value in values {
            array.file.write_all(&value.to_le_bytes())?;
            array.rows += 1;
        }
        Ok(())
    }

    /// Adds texts of at most `width` letters to the array `name` of one dimension.
    pub(crate) fn add_texts<'a>(
        &mut self,
        name: &str,
        width: usize,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let array = self.array(name, &[], Kind::Text(width))?;
        for text in texts {
            let letters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
            for letter in letters {
                array.file.write_all(&letter.to_le_bytes())?;
            }
            array.rows += 1;
        }
        Ok(())
    }

    fn array(&mut self, name: &str, shape: &[usize], kind: Kind) -> Result<&mut StreamedArray> {
        let at = match self.arrays.iter().position(|array| array.name == name) {
            Some(at) => at,
            None => {
                let mut path = self.path.as_os_str().to_owned();
                path.push(format!(".{name}.partial"));
                let path = PathBuf::from(path);
                let file = File::create(&path).with_context(|| format!("{}: cannot be written", path.display()))?;
                let file = BufWriter::new(file);
                self.arrays.push(StreamedArray {
                    name: name.to_owned(),
                    shape: shape.to_vec(),
                    kind,
                    rows: 0,
                    path,
                    file,
                });
                self.arrays.len() - 1
            }
        };
        let array = &mut self.arrays[at];
        ensure!(array.shape == shape && array.kind == kind, "array {name}: its rows are not all alike");
        Ok(array)
    }

    /// Packs the arrays and moves the archive to its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(".partial");
        let beside = PathBuf::from(beside);
        let packed = self.pack(&beside).and_then(|()| Ok(fs::rename(&beside, &self.path)?));
        if packed.is_err() {
            let _ = fs::remove_file(&beside);
        }
        packed.with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn pack(&mut self, beside: &Path) -> Result<()> {
        let mut zip = ZipWriter::new(BufWriter::new(File::create(beside)?));
        let options = SimpleFileOptions::default().large_file(true);
        for array in &mut self.arrays {
            array.file.flush()?;
            zip.start_file(format!("{}.npy", array.name), options)?;
            let shape = std::iter::once(array.rows).chain(array.shape.iter().copied());
            zip.write_all(&header(array.kind, &shape.collect::<Vec<_>>()))?;
            std::io::copy(&mut BufReader::new(File::open(&array.path)?), &mut zip)?;
        }
        zip.finish()?.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(())
    }
}

impl Drop for NpzStream {
    fn drop(&mut self) {
        for array in &self.arrays {
            let _ = fs::remove_file(&array.path);
        }
    }
}

/// The head of a `.npy` file, version 1.0: a magic word, the length of a description, and the description, padded to 64 bytes.
fn header(kind: Kind, shape: &[usize]) -> Vec<u8> {
    let sizes = shape.iter().map(|n| format!("{n},")).collect::<String>();
    let mut description = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", kind.describe());
    let before = 10;
    let end = (before + description.len() + 1).next_multiple_of(64);
    description.push_str(&" ".repeat(end - before - description.len() - 1));
    description.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((description.len() as u16).to_le_bytes());
    bytes.extend(description.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array};
    use ndarray_npy::NpzReader;

    #[test]
    fn arrays_come_back_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut npz = NpzStream::new(&path);
        for rows in [0..2, 2..3] {
            npz.add("mean", &[2], rows.clone().flat_map(|row| [f64::from(row), 0.5])).unwrap();
            npz.add_texts("id", 3, rows.clone().map(|row| ["S1", "S22", "\u{e4}"][row as usize])).unwrap();
            npz.add_integers("row", rows.map(i64::from)).unwrap();
        }
        assert!(npz.add("mean", &[3], [0.0; 3]).is_err(), "rows of another shape");
        npz.finish().unwrap();
        let mut back = NpzReader::new(File::open(&path).unwrap()).unwrap();
        let mean: Array2<f32> = back.by_name("mean").unwrap();
        assert_eq!(mean, array![[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]);
        let row: Array1<i64> = back.by_name("row").unwrap();
        assert_eq!(row, array![0, 1, 2]);
        let id = pima_data::NpzArray {
            path,
            array: Some("mean".to_owned()),
            id: Some("id".to_owned()),
            channels_last: false,
        };
        let reader = pima_data::SourceReader::open(&pima_data::Source::Npz(id), "mean", None).unwrap();
        assert_eq!(reader.ids().unwrap(), ["S1", "S22", "\u{e4}"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_archive_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut npz = NpzStream::new(&folder.path().join("a.npz"));
        npz.add("mean", &[1], [1.0]).unwrap();
        drop(npz);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
