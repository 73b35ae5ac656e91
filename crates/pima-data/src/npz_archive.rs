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
use crate::sources::lookup::looks_like;

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
        let zip = zip.map_err(|error| match looks_like(path).filter(|&kind| kind != "npz") {
            Some("table") => npz_error(path, "is a table and no .npz, which numpy.savez writes".to_owned()),
            Some("npy") => npz_error(path, "is an .npy and no .npz; write it by numpy.savez with a name".to_owned()),
            Some(_) => npz_error(path, "is HDF5 and no .npz, which numpy.savez writes".to_owned()),
            None => npz_error(path, format!("not an npz file, or cut short: {}", one_line(&error))),
        })?;
        Ok(Self { path: path.to_owned(), zip })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the arrays, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.zip.file_names().map(|name| name.trim_end_matches(".npy").to_owned()).collect()
    }

    /// How many dimensions the array of this name has, if it can be read.
    pub(crate) fn rank(&mut self, name: &str) -> Option<usize> {
        self.stream(name).ok().map(|array| array.shape().len())
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
        let (path, name, crc) = (self.path.clone(), name.to_owned(), Some(crc));
        let stream = ArrayStream { path, name, header, bytes, crc, left: n_elements };
        stream.check_length(n_bytes - header_bytes.min(n_bytes), n_elements)?;
        Ok(stream)
    }
}

/// The array of an `.npy` file, from its first element.
pub(crate) fn open_npy(path: &Path) -> Result<ArrayStream> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let n_bytes = file.metadata().map_err(io)?.len();
    let bytes: Box<dyn Read + Send> = Box::new(BufReader::with_capacity(1 << 16, file));
    let mut bytes = CrcReader::new(bytes);
    let fail = |problem: String| npz_error(path, format!("not an npy file: {problem}"));
    let header = read_header(&mut bytes, fail)?;
    let n_elements = n_elements(&header.shape).ok_or_else(|| fail(one_line(&ReadNpyError::LengthOverflow)))?;
    let header_bytes = u64::from(bytes.crc().amount());
    let path = path.to_owned();
    let stream = ArrayStream { path, name: String::new(), header, bytes, crc: None, left: n_elements };
    stream.check_length(n_bytes - header_bytes.min(n_bytes), n_elements)?;
    Ok(stream)
}

/// One array of an archive, or that of an `.npy` file, read forwards.
pub(crate) struct ArrayStream {
    path: PathBuf,
    name: String,
    header: Header,
    bytes: CrcReader<Box<dyn Read + Send>>,
    /// What the checksum of all bytes should be; an `.npy` file has none.
    crc: Option<u32>,
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
        match self.header.type_descriptor.as_string().map(|text| text.trim_start_matches(['<', '>', '|', '='])) {
            Some("f4") => self.next(n, |x: f32| x),
            Some("f8") => self.next(n, |x: f64| x as f32),
            Some("u1") => self.next::<u8, _>(n, f32::from),
            Some("i1") => self.next::<i8, _>(n, f32::from),
            Some("u2") => self.next::<u16, _>(n, f32::from),
            Some("i2") => self.next::<i16, _>(n, f32::from),
            Some("u4") => self.next(n, |x: u32| x as f32),
            Some("i4") => self.next(n, |x: i32| x as f32),
            Some("u8") => self.next(n, |x: u64| x as f32),
            Some("i8") => self.next(n, |x: i64| x as f32),
            Some("b1") => self.next::<bool, _>(n, |x| f32::from(u8::from(x))),
            _ => Err(self.wrong_type("numbers (float32, float64, integers or bool)")),
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

    /// All entries of a list of names or numbers, as text.
    pub(crate) fn texts(mut self) -> Result<Vec<String>> {
        let n = self.length()?;
        let descriptor = self.header.type_descriptor.as_string().cloned().unwrap_or_default();
        let (order, kind) = descriptor.split_at_checked(1).unwrap_or_default();
        let length = |kind: &str| kind.get(1..).and_then(|digits| digits.parse::<usize>().ok());
        let (wide, length) = match (kind.chars().next(), length(kind)) {
            (Some('U'), Some(length)) => (true, length),
            (Some('S'), Some(length)) => (false, length),
            // Numbers are told as Python prints whole ones, so that 3 here is 3 in a table.
            _ => return Ok(self.numbers_in_full(n)?.into_iter().map(|x| x.to_string()).collect()),
        };
        let mut texts = Vec::with_capacity(n.min(PIECE));
        let mut bytes = vec![0; length * if wide { 4 } else { 1 }];
        for _ in 0..n {
            self.bytes.read_exact(&mut bytes).map_err(|error| self.fail(one_line(&error)))?;
            let symbol = |four: &[u8]| {
                let four = [four[0], four[1], four[2], four[3]];
                let code = if order == ">" { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            let text = if wide {
                bytes.chunks_exact(4).map(symbol).collect()
            } else {
                String::from_utf8_lossy(&bytes).into_owned()
            };
            texts.push(text.trim_end_matches('\0').to_owned());
        }
        self.left = 0;
        self.check_end()?;
        Ok(texts)
    }

    fn numbers_in_full(&mut self, n: usize) -> Result<Vec<f64>> {
        if self.holds::<f64>() {
            self.next(n, |x: f64| x)
        } else if self.holds::<i64>() {
            self.next(n, |x: i64| x as f64)
        } else {
            Ok(self.numbers(n)?.into_iter().map(f64::from).collect())
        }
    }

    /// All numbers of an array that count something from 0: groups.
    pub(crate) fn indices(mut self) -> Result<Vec<usize>> {
        let values = self.whole_numbers()?;
        let index = |(row, value): (usize, i64)| usize::try_from(value).map_err(|_| self.no_index(row, value));
        values.into_iter().enumerate().map(index).collect()
    }

    /// The same where -1 stands for none: labels.
    pub(crate) fn indices_or_none(mut self) -> Result<Vec<Option<usize>>> {
        let values = self.whole_numbers()?;
        let index = |(row, value): (usize, i64)| match value {
            -1 => Ok(None),
            _ => usize::try_from(value).map(Some).map_err(|_| self.no_index(row, value)),
        };
        values.into_iter().enumerate().map(index).collect()
    }

    fn no_index(&self, row: usize, value: i64) -> Error {
        let name = &self.name;
        npz_error(&self.path, format!("array '{name}', row {row}: {value} is no {name}; they count from 0"))
    }

    fn whole_numbers(&mut self) -> Result<Vec<i64>> {
        let n = self.length()?;
        if self.holds::<i64>() {
            self.next(n, |x: i64| x)
        } else if self.holds::<i32>() {
            self.next::<i32, _>(n, i64::from)
        } else if self.holds::<u8>() {
            self.next::<u8, _>(n, i64::from)
        } else {
            Err(self.wrong_type("int64, int32 or uint8"))
        }
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
            Ok(0) if self.crc.is_none_or(|crc| self.bytes.crc().sum() == crc) => Ok(()),
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
        let descriptor = self.header.type_descriptor.as_string()?;
        let (kind, size) = descriptor.get(1..)?.split_at_checked(1)?;
        let size: usize = size.parse().ok()?;
        (["f", "i", "u", "b"].contains(&kind) && size <= 8).then_some(size)
    }

    /// Said at once, and not only after all rows but the last; `n_bytes` are those behind the header.
    fn check_length(&self, n_bytes: u64, n_elements: usize) -> Result<()> {
        let Some(size) = self.element_size() else { return Ok(()) };
        let expected = (size * n_elements) as u64;
        if n_bytes < expected {
            return Err(self.fail(one_line(&ReadDataError::MissingData)));
        }
        if n_bytes > expected {
            return Err(self.fail(one_line(&ReadDataError::ExtraBytes((n_bytes - expected) as usize))));
        }
        Ok(())
    }

    fn wrong_type(&self, wanted: &str) -> Error {
        let has = match self.header.type_descriptor.as_string().map(String::as_str) {
            Some("|O") => {
                "holds Python objects, as lists of unequal length become; bring all samples to one length, then save \
                 numbers"
                    .to_owned()
            }
            Some("<c8" | ">c8" | "<c16" | ">c16") => {
                "holds complex numbers; save their real and imaginary parts, or their absolute values (numpy.abs)"
                    .to_owned()
            }
            Some(text) if text.contains('U') || text.contains('S') => format!("holds text, and {wanted} are wanted"),
            _ => format!("has another element type than {wanted}"),
        };
        npz_error(&self.path, if self.name.is_empty() { has } else { format!("array '{}' {has}", self.name) })
    }

    pub(crate) fn fail(&self, problem: String) -> Error {
        npz_error(&self.path, if self.name.is_empty() { problem } else { format!("array '{}': {problem}", self.name) })
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

/// In one line, whatever the names in a damaged file are.
pub(crate) fn npz_error(path: &Path, problem: String) -> Error {
    let problem = problem.replace(char::is_control, " ");
    Error::Npz { path: path.to_owned(), problem }
}

pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
