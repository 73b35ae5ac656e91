//! A table of numbers, a row a sample: in memory, or in a file that is read as rows are asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, Axis, CowArray, Ix2};

use crate::error::{Error, Result};

/// D rows of `size` numbers.
///
/// Rows on disk are read one at a time, by their place in the file: what is asked for again soon comes from the system's file cache, which gives way to other
/// needs of memory. A dataset may then be larger than memory, for the price of a copy of 4 bytes a number and of about a microsecond a row (a disk's own
/// time beside, where the file is not in the cache).
#[derive(Debug, Clone)]
pub(crate) struct Rows(Kept);

#[derive(Debug, Clone)]
enum Kept {
    /// In standard layout.
    Memory(Array2<f32>),
    Disk(OnDisk),
}

#[derive(Debug, Clone)]
struct OnDisk {
    /// Has no name any more: the system frees its space when it is closed, however the process ends.
    file: Arc<File>,
    folder: PathBuf,
    size: usize,
    /// Where each of the D rows stands in the file, counted in rows.
    places: Vec<u64>,
}

impl Rows {
    /// D, the number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        match &self.0 {
            Kept::Memory(values) => values.nrows(),
            Kept::Disk(disk) => disk.places.len(),
        }
    }

    /// Numbers in a row.
    pub(crate) fn size(&self) -> usize {
        match &self.0 {
            Kept::Memory(values) => values.ncols(),
            Kept::Disk(disk) => disk.size,
        }
    }

    /// Whether they are in memory.
    pub(crate) fn in_memory(&self) -> bool {
        matches!(self.0, Kept::Memory(_))
    }

    /// One row (size); `buffer` is what it is read into where it is not in memory.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn row<'a>(&'a self, row: usize, buffer: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        match &self.0 {
            Kept::Memory(values) => {
                let size = values.ncols();
                let all = values.as_slice().expect("kept in standard layout");
                Ok(&all[row * size..(row + 1) * size])
            }
            Kept::Disk(disk) => {
                buffer.resize(disk.size, 0.0);
                disk.read(row, buffer)?;
                Ok(buffer)
            }
        }
    }

    /// A copy of these rows (rows, size), in their order.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn gather(&self, rows: &[usize]) -> Result<Array2<f32>> {
        match &self.0 {
            Kept::Memory(values) => Ok(values.select(Axis(0), rows)),
            Kept::Disk(disk) => {
                let mut values = Array2::zeros((rows.len(), disk.size));
                for (&row, mut to) in rows.iter().zip(values.outer_iter_mut()) {
                    disk.read(row, to.as_slice_mut().expect("a row of a table in standard layout"))?;
                }
                Ok(values)
            }
        }
    }

    /// All rows (D, size): lent, or read from disk.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    pub(crate) fn whole(&self) -> Result<CowArray<'_, f32, Ix2>> {
        match &self.0 {
            Kept::Memory(values) => Ok(values.view().into()),
            Kept::Disk(_) => Ok(self.gather(&(0..self.n_rows()).collect::<Vec<_>>())?.into()),
        }
    }

    /// The rows of this list, in its order, `None` for one that holds nothing (zeros in memory, anything on disk). In memory they are copied; on disk they
    /// are only found again.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn select(&self, rows: impl ExactSizeIterator<Item = Option<usize>>) -> Self {
        match &self.0 {
            Kept::Memory(values) => {
                let mut selected = Array2::zeros((rows.len(), values.ncols()));
                for (mut to, from) in selected.outer_iter_mut().zip(rows) {
                    if let Some(from) = from {
                        to.assign(&values.row(from));
                    }
                }
                Self(Kept::Memory(selected))
            }
            Kept::Disk(disk) => {
                let places = rows.map(|row| row.map_or(0, |row| disk.places[row])).collect();
                Self(Kept::Disk(OnDisk { places, ..disk.clone() }))
            }
        }
    }
}

impl From<Array2<f32>> for Rows {
    fn from(values: Array2<f32>) -> Self {
        // Rows are lent as slices, so they must lie one after the other.
        let values = if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
        Self(Kept::Memory(values))
    }
}

impl PartialEq for Rows {
    /// In memory by value; on disk, the same rows of the same file.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kept::Memory(a), Kept::Memory(b)) => a == b,
            (Kept::Disk(a), Kept::Disk(b)) => Arc::ptr_eq(&a.file, &b.file) && a.places == b.places,
            _ => false,
        }
    }
}

impl OnDisk {
    fn read(&self, row: usize, to: &mut [f32]) -> Result<()> {
        let place = self.places[row] * (self.size * size_of::<f32>()) as u64;
        let read = read_exact_at(&self.file, bytemuck::cast_slice_mut(to), place);
        read.map_err(|source| Error::Io { path: self.folder.clone(), source })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, to: &mut [u8], place: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, place)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut to: &mut [u8], mut place: u64) -> std::io::Result<()> {
    while !to.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, to, place)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                to = &mut to[n..];
                place += n as u64;
            }
        }
    }
    Ok(())
}

/// Writes [`Rows`] into a file of its own, one block after the other.
pub(crate) struct RowWriter {
    file: BufWriter<File>,
    folder: PathBuf,
    size: usize,
    n_rows: u64,
}

impl RowWriter {
    /// A file for rows of `size` numbers in `folder`, which is made if it is not there. The file has no name: nothing is left when the process ends.
    ///
    /// # Errors
    /// [`Error::Io`] if there can be no file.
    pub(crate) fn new(folder: &Path, size: usize) -> Result<Self> {
        let file = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        let file = file.map_err(|source| Error::Io { path: folder.to_owned(), source })?;
        // A megabyte a write.
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { file, folder: folder.to_owned(), size, n_rows: 0 })
    }

    /// Appends whole rows.
    ///
    /// # Errors
    /// [`Error::Io`], of a full disk for instance.
    pub(crate) fn append(&mut self, values: &[f32]) -> Result<()> {
        debug_assert_eq!(values.len() % self.size, 0, "whole rows");
        self.n_rows += (values.len() / self.size) as u64;
        let written = self.file.write_all(bytemuck::cast_slice(values));
        written.map_err(|source| Error::Io { path: self.folder.clone(), source })
    }

    /// The rows that were written.
    ///
    /// # Errors
    /// [`Error::Io`], of a full disk for instance.
    pub(crate) fn finish(self) -> Result<Rows> {
        let Self { file, folder, size, n_rows } = self;
        match file.into_inner() {
            Ok(file) => {
                Ok(Rows(Kept::Disk(OnDisk { file: Arc::new(file), folder, size, places: (0..n_rows).collect() })))
            }
            Err(error) => Err(Error::Io { path: folder, source: error.into_error() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn on_disk(folder: &Path, values: &Array2<f32>, block: usize) -> Rows {
        let mut writer = RowWriter::new(folder, values.ncols()).unwrap();
        for block in values.axis_chunks_iter(Axis(0), block) {
            writer.append(block.as_slice().unwrap()).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn rows_on_disk_are_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let values = Array2::from_shape_fn((300, 7), |(i, j)| (i * 7 + j) as f32 / 3.0);
        let memory = Rows::from(values.clone());
        let disk = on_disk(&folder.path().join("made"), &values, 41);
        assert_eq!((disk.n_rows(), disk.size()), (300, 7));
        assert!(memory.in_memory() && !disk.in_memory());
        let mut buffer = Vec::new();
        for row in [0, 299, 41, 40, 0] {
            assert_eq!(disk.row(row, &mut buffer).unwrap(), values.row(row).as_slice().unwrap());
        }
        let some = [7, 7, 250, 0];
        assert_eq!(disk.gather(&some).unwrap(), memory.gather(&some).unwrap());
        let selected = |rows: &Rows| rows.select([Some(9), None, Some(2)].into_iter());
        let (from_disk, from_memory) = (selected(&disk), selected(&memory));
        assert_eq!(from_disk.n_rows(), 3);
        assert_eq!(from_disk.gather(&[0, 2]).unwrap(), from_memory.gather(&[0, 2]).unwrap());
        // Of a selection too.
        assert_eq!(
            selected(&from_disk.select([Some(2); 10].into_iter())).gather(&[2]).unwrap()[[0, 0]],
            values[[2, 0]]
        );
    }

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let rows = on_disk(folder.path(), &array![[1.0, 2.0]], 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(rows.gather(&[0]).unwrap(), array![[1.0, 2.0]]);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RowWriter::new(&file, 1).err().unwrap().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
    }

    #[test]
    fn equal_are_equal_values_and_the_same_rows_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let values = array![[1.0, 2.0], [3.0, 4.0]];
        let disk = on_disk(folder.path(), &values, 2);
        assert_eq!(disk, disk.clone());
        assert_ne!(disk, disk.select([Some(1)].into_iter()));
        assert_ne!(disk, Rows::from(values.clone()));
        assert_eq!(Rows::from(values.clone()), Rows::from(values));
    }
}
