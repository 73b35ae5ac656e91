//! The IDX format of the MNIST files: a big-endian header and unsigned bytes, plain or gzipped.
//!
//! A file is read to the length its header promises and one byte more: a damaged header then gives an error instead of
//! gigabytes, because memory grows with the bytes that are there and not with the number that is claimed.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, IdxProblem, Result};

/// Images out of an IDX file: one byte per pixel, 0 to 255, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxImages {
    /// Height, pixels.
    pub height: usize,
    /// Width, pixels.
    pub width: usize,
    /// (D, height, width) flat.
    pub pixels: Vec<u8>,
}

impl IdxImages {
    /// D, the number of images.
    pub fn n_images(&self) -> usize {
        self.pixels.len() / (self.height * self.width)
    }
}

/// Unsigned bytes in three dimensions.
const IMAGES: Kind = Kind { name: "images", magic: 0x0000_0803, n_dimensions: 3 };
/// Unsigned bytes in one dimension.
const LABELS: Kind = Kind { name: "labels", magic: 0x0000_0801, n_dimensions: 1 };

/// Far above any set of images in this format, far below what would not fit in memory.
const MOST_BYTES: u64 = 1 << 34;

struct Kind {
    name: &'static str,
    magic: u32,
    n_dimensions: usize,
}

/// Reads a file of images, e.g. `train-images-idx3-ubyte` or the same with `.gz`.
///
/// # Errors
/// [`Error::Io`], [`Error::Gzip`] or [`Error::Idx`], each naming the file.
pub fn read_idx_images(path: &Path) -> Result<IdxImages> {
    let (dimensions, pixels) = read(path, &IMAGES)?;
    Ok(IdxImages { height: dimensions[1], width: dimensions[2], pixels })
}

/// Reads a file of labels of the ten digits, e.g. `train-labels-idx1-ubyte` or the same with `.gz`.
///
/// # Errors
/// [`Error::Io`], [`Error::Gzip`] or [`Error::Idx`], each naming the file.
pub fn read_idx_labels(path: &Path) -> Result<Vec<usize>> {
    let (_, labels) = read(path, &LABELS)?;
    if let Some(row) = labels.iter().position(|&label| label > 9) {
        let offset = row + 4 + 4 * LABELS.n_dimensions;
        return Err(idx(path, IdxProblem::Label { row, label: labels[row], offset }));
    }
    Ok(labels.into_iter().map(usize::from).collect())
}

fn read(path: &Path, kind: &Kind) -> Result<(Vec<usize>, Vec<u8>)> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(io)?);
    // By content, not by name: browsers and mirrors unpack files and leave the name, or the other way round.
    let zipped = std::io::BufRead::fill_buf(&mut file).map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let parsed = if zipped { parse(&mut MultiGzDecoder::new(file), kind) } else { parse(&mut file, kind) };
    parsed.map_err(|failure| match failure {
        Failure::Idx(problem) => idx(path, problem),
        Failure::Io(source) if zipped && is_damage(source.kind()) => {
            Error::Gzip { path: path.to_owned(), reason: source.to_string() }
        }
        Failure::Io(source) => io(source),
    })
}

fn idx(path: &Path, problem: IdxProblem) -> Error {
    Error::Idx { path: path.to_owned(), problem }
}

/// How the decompressor reports bytes that make no sense, as opposed to a disk that cannot be read.
fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

enum Failure {
    Io(std::io::Error),
    Idx(IdxProblem),
}

fn parse(reader: &mut impl Read, kind: &Kind) -> Result<(Vec<usize>, Vec<u8>), Failure> {
    let n_header = 4 + 4 * kind.n_dimensions;
    let mut header = Vec::with_capacity(n_header);
    reader.take(n_header as u64).read_to_end(&mut header).map_err(Failure::Io)?;
    let word = |at: usize| {
        let bytes = header.get(4 * at..4 * at + 4)?;
        Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let truncated = |expected, got| Failure::Idx(IdxProblem::Truncated { expected, got });
    let short = || truncated(n_header as u64, header.len() as u64);
    let got = word(0).ok_or_else(short)?;
    if got != kind.magic {
        let (expected_kind, expected) = (kind.name, kind.magic);
        return Err(Failure::Idx(IdxProblem::Magic { expected_kind, expected, got }));
    }
    let dimensions: Vec<u32> = (1..=kind.n_dimensions).map(word).collect::<Option<_>>().ok_or_else(short)?;
    let n_bytes = dimensions
        .iter()
        .try_fold(1_u64, |product, &n| product.checked_mul(u64::from(n)))
        .filter(|&n_bytes| n_bytes > 0 && n_bytes <= MOST_BYTES);
    let Some(n_bytes) = n_bytes else {
        return Err(Failure::Idx(IdxProblem::Dimensions { dimensions }));
    };
    let mut data = Vec::new();
    // One byte more than promised: to see whether there is one, and to make the decompressor check its checksum.
    reader.take(n_bytes + 1).read_to_end(&mut data).map_err(Failure::Io)?;
    let expected = n_header as u64 + n_bytes;
    let got = data.len() as u64;
    if got < n_bytes {
        return Err(truncated(expected, n_header as u64 + got));
    }
    if got > n_bytes {
        return Err(Failure::Idx(IdxProblem::Trailing { expected }));
    }
    Ok((dimensions.into_iter().map(|n| n as usize).collect(), data))
}

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
