//! The arrays of an `.npz`, each read forwards from a stream of its own: several can be read side by side, some rows at a time. Nothing is allocated for
//! elements that a header only claims.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadDataError, ReadNpyError, ReadableElement};
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};

/// Elements read at a time.
const PIECE: usize = 1 << 14;

/// Bytes of a header, the most that NumPy reads too: parsing takes stack and time that grow with them.
const LONGEST_HEADER: u32 = 10_000;

/// An archive of arrays by name.
pub(crate) struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let zip = ZipArchive::new(BufReader::new(file));
        let zip = zip.map_err(|error| npz_error(path, format!("not an npz file: {}", one_line(&error))))?;
        Ok(Self { path: path.to_owned(), zip })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the arrays, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.zip.file_names().map(|name| name.trim_end_matches(".npy").to_owned()).collect()
    }

    /// The array of this name, from its first element.
    pub(crate) fn stream(&mut self, name: &str) -> Result<ArrayStream> {
        let fail = |problem: String| npz_error(&self.path, format!("array '{name}': {problem}"));
        let io = |source| Error::Io { path: self.path.clone(), source };
        let at = self.zip.index_for_name(name).or_else(|| self.zip.index_for_name(&format!("{name}.npy")));
        let at = at.ok_or_else(|| fail("not in the archive".to_owned()))?;
        let entry = self.zip.by_index(at).map_err(|error| fail(one_line(&error)))?;
        let (packed, n_bytes, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        let (start, method) = (entry.data_start(), entry.compression());
        drop(entry);
        // The archive lends one entry at a time, so each stream opens the file anew.
        let mut file = BufReader::new(File::open(&self.path).map_err(io)?);
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let packed = file.take(packed);
        let bytes: Box<dyn Read + Send> = match method {
            CompressionMethod::Stored => Box::new(packed),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
            other => return Err(fail(format!("is packed by {other}; numpy.savez_compressed packs by deflate"))),
        };
        let mut bytes = CrcReader::new(bytes);
        let header = read_header(&mut bytes, fail)?;
        let n_elements = n_elements(&header.shape).ok_or_else(|| fail(one_line(&ReadNpyError::LengthOverflow)))?;
        let header_bytes = u64::from(bytes.crc().amount());
        let stream =
            ArrayStream { path: self.path.clone(), name: name.to_owned(), header, bytes, crc, left: n_elements };
        if let Some(size) = stream.element_size() {
            // Said at once, and not only after all rows but the last.
            let expected = header_bytes + (size * n_elements) as u64;
            if n_bytes < expected {
                return Err(stream.fail(one_line(&ReadDataError::MissingData)));
            }
            if n_bytes > expected {
                return Err(stream.fail(one_line(&ReadDataError::ExtraBytes((n_bytes - expected) as usize))));
            }
        }
        Ok(stream)
    }
}

/// One array of an archive, read forwards.
pub(crate) struct ArrayStream {
    path: PathBuf,
    name: String,
    header: Header,
    bytes: CrcReader<Box<dyn Read + Send>>,
    /// What the checksum of all bytes should be.
    crc: u32,
    /// Elements not yet read.
    left: usize,
}

impl ArrayStream {
    pub(crate) fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The elements do not lie row after row.
    pub(crate) fn is_fortran(&self) -> bool {
        self.header.layout.is_fortran()
    }

    /// How far it has been read, header included.
    #[cfg(test)]
    pub(crate) fn bytes_read(&self) -> usize {
        self.bytes.crc().amount() as usize
    }

    /// The next `n` numbers of any common type, as f32.
    pub(crate) fn numbers(&mut self, n: usize) -> Result<Vec<f32>> {
        if self.holds::<f32>() {
            self.next(n, |x: f32| x)
        } else if self.holds::<f64>() {
            self.next(n, |x: f64| x as f32)
        } else if self.holds::<u8>() {
            self.next::<u8, _>(n, f32::from)
        } else if self.holds::<i64>() {
            self.next(n, |x: i64| x as f32)
        } else if self.holds::<i32>() {
            self.next(n, |x: i32| x as f32)
        } else {
            Err(self.wrong_type("float32, float64, uint8, int32 or int64"))
        }
    }

    /// All numbers, in C order.
    pub(crate) fn whole(mut self) -> Result<ArrayD<f32>> {
        let values = self.numbers(self.left)?;
        let shape = IxDyn(self.shape()).set_f(self.is_fortran());
        let values = ArrayD::from_shape_vec(shape, values).map_err(|error| self.fail(one_line(&error)))?;
        Ok(if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() })
    }

    /// All points of an axis, of any common type, as f64.
    pub(crate) fn points(mut self) -> Result<Vec<f64>> {
        let n = self.length()?;
        if self.holds::<f64>() {
            self.next(n, |x: f64| x)
        } else if self.holds::<i64>() {
            self.next(n, |x: i64| x as f64)
        } else if self.holds::<f32>() {
            self.next::<f32, _>(n, f64::from)
        } else {
            Err(self.wrong_type("float64, float32 or int64"))
        }
    }

    /// All numbers of an array that count something from 0: labels, groups.
    pub(crate) fn indices(mut self) -> Result<Vec<usize>> {
        let n = self.length()?;
        let values = if self.holds::<i64>() {
            self.next(n, |x: i64| x)?
        } else if self.holds::<i32>() {
            self.next::<i32, _>(n, i64::from)?
        } else if self.holds::<u8>() {
            self.next::<u8, _>(n, i64::from)?
        } else {
            return Err(self.wrong_type("int64, int32 or uint8"));
        };
        let index = |(row, value): (usize, i64)| {
            usize::try_from(value).map_err(|_| {
                let name = &self.name;
                npz_error(&self.path, format!("array '{name}', row {row}: {value} is no {name}; they count from 0"))
            })
        };
        values.into_iter().enumerate().map(index).collect()
    }

    /// All elements of an array of one dimension.
    pub(crate) fn vector<T: ReadableElement>(mut self) -> Result<Vec<T>> {
        let n = self.length()?;
        if self.holds::<T>() { self.next::<T, T>(n, |x| x) } else { Err(self.wrong_type(std::any::type_name::<T>())) }
    }

    /// The length of an array of one dimension.
    fn length(&self) -> Result<usize> {
        match *self.shape() {
            [n] => Ok(n),
            ref shape => {
                let problem = format!("array '{}' has shape {shape:?}; a list of numbers is wanted", self.name);
                Err(npz_error(&self.path, problem))
            }
        }
    }

    /// The next `n` elements; the checksum is compared after the last.
    fn next<T: ReadableElement, U>(&mut self, n: usize, convert: impl Fn(T) -> U) -> Result<Vec<U>> {
        let mut values = Vec::new();
        while values.len() < n {
            let piece = PIECE.min(n - values.len());
            let bytes = (&mut self.bytes).take((piece * size_of::<T>()) as u64);
            let read = T::read_to_end_exact_vec(bytes, &self.header.type_descriptor, piece);
            let read = read.map_err(|error| self.fail(one_line(&error)))?;
            values.extend(read.into_iter().map(&convert));
        }
        self.left = self.left.saturating_sub(n);
        if self.left == 0 {
            self.check_end()?;
        }
        Ok(values)
    }

    fn check_end(&mut self) -> Result<()> {
        match self.bytes.read(&mut [0]) {
            Ok(0) if self.bytes.crc().sum() == self.crc => Ok(()),
            Ok(0) => Err(self.fail("the checksum does not match, the file is damaged".to_owned())),
            Ok(more) => Err(self.fail(one_line(&ReadDataError::ExtraBytes(more)))),
            Err(error) => Err(self.fail(one_line(&error))),
        }
    }

    /// Whether the elements are of this type.
    fn holds<T: ReadableElement>(&self) -> bool {
        T::read_to_end_exact_vec(io::empty(), &self.header.type_descriptor, 0).is_ok()
    }

    /// In bytes, where it is of a type that is read at all.
    fn element_size(&self) -> Option<usize> {
        if self.holds::<f64>() || self.holds::<i64>() {
            Some(8)
        } else if self.holds::<f32>() || self.holds::<i32>() {
            Some(4)
        } else if self.holds::<u8>() || self.holds::<bool>() {
            Some(1)
        } else {
            None
        }
    }

    fn wrong_type(&self, wanted: &str) -> Error {
        npz_error(&self.path, format!("array '{}' has another element type than {wanted}", self.name))
    }

    fn fail(&self, problem: String) -> Error {
        npz_error(&self.path, format!("array '{}': {problem}", self.name))
    }
}

/// The header of an array, unless it claims to be longer than any is.
fn read_header(bytes: &mut impl Read, fail: impl Fn(String) -> Error) -> Result<Header> {
    let mut start = [0; 12];
    bytes.read_exact(&mut start).map_err(|error| fail(one_line(&ReadDataError::from(error))))?;
    // Version 1.0 has two bytes for its length, the later ones four.
    let [.., a, b, c, d] = start;
    let length = if start[6] == 1 { u16::from_le_bytes([a, b]).into() } else { u32::from_le_bytes([a, b, c, d]) };
    if start.starts_with(b"\x93NUMPY") && length > LONGEST_HEADER {
        return Err(fail(format!("its header claims {length} bytes; none is longer than {LONGEST_HEADER}")));
    }
    Header::from_reader(&mut start.as_slice().chain(bytes)).map_err(|error| fail(one_line(&error)))
}

/// How many elements there are, if memory could have them and any part of their dimensions.
fn n_elements(shape: &[usize]) -> Option<usize> {
    let most = shape.iter().try_fold(size_of::<f64>(), |product, &n| product.checked_mul(n.max(1)))?;
    (most <= isize::MAX as usize).then(|| shape.iter().product())
}

pub(crate) fn npz_error(path: &Path, problem: String) -> Error {
    Error::Npz { path: path.to_owned(), problem }
}

pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
