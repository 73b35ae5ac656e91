//! Tests of the IDX reader: intact files, and every way to damage one.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

/// Three images of 2 by 4 pixels.
fn images() -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4];
    bytes.extend((0..24).map(|pixel| pixel * 10));
    bytes
}

fn labels() -> Vec<u8> {
    vec![0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn with_file<T>(bytes: &[u8], f: impl FnOnce(&Path) -> T) -> T {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
    f(file.path())
}

fn problem(bytes: &[u8]) -> IdxProblem {
    match with_file(bytes, read_idx_images) {
        Err(Error::Idx { problem, .. }) => problem,
        other => panic!("expected an IDX problem, got {other:?}"),
    }
}

#[test]
fn plain_and_gzipped_files_read_the_same() {
    let plain = with_file(&images(), read_idx_images).unwrap();
    assert_eq!((plain.height, plain.width, plain.n_images()), (2, 4, 3));
    assert_eq!(plain.pixels[23], 230);
    assert_eq!(with_file(&zipped(&images()), read_idx_images).unwrap(), plain);
    assert_eq!(with_file(&labels(), read_idx_labels).unwrap(), [7, 0, 9]);
    assert_eq!(with_file(&zipped(&labels()), read_idx_labels).unwrap(), [7, 0, 9]);
}

#[test]
fn each_damage_has_its_name() {
    let good = images();
    assert_eq!(problem(&good[..30]), IdxProblem::Truncated { expected: 40, got: 30 });
    assert_eq!(problem(&good[..9]), IdxProblem::Truncated { expected: 16, got: 9 });
    assert_eq!(problem(&[]), IdxProblem::Truncated { expected: 16, got: 0 });
    assert_eq!(problem(&[&good[..], &[0]].concat()), IdxProblem::Trailing { expected: 40 });
    let magic = IdxProblem::Magic { expected_kind: "images", expected: 0x803, got: 0x801 };
    assert_eq!(problem(&labels()), magic);
    assert_eq!(magic.to_string(), "not an IDX file of images: starts with 0x00000801, expected 0x00000803");
    let mut zero = good.clone();
    zero[11] = 0;
    assert_eq!(problem(&zero), IdxProblem::Dimensions { dimensions: vec![3, 0, 4] });
}

#[test]
fn a_header_of_petabytes_is_refused_and_one_of_gigabytes_allocates_nothing() {
    let mut petabytes = images();
    petabytes[4..16].fill(0xff);
    let dimensions = vec![u32::MAX; 3];
    assert_eq!(problem(&petabytes), IdxProblem::Dimensions { dimensions });
    let mut gigabytes = images();
    gigabytes[4] = 0x40;
    let expected = 16 + 8 * 0x4000_0003;
    assert_eq!(problem(&gigabytes), IdxProblem::Truncated { expected, got: 40 });
}

#[test]
fn a_label_that_is_no_digit_is_placed() {
    let mut bytes = labels();
    bytes[9] = 10;
    let error = with_file(&bytes, read_idx_labels).unwrap_err().to_string();
    assert!(error.ends_with("label 10 at row 1 (byte 9) is not one of 0 to 9"), "{error}");
}

#[test]
fn damaged_gzip_is_reported_with_the_file() {
    let mut bytes = zipped(&images());
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    let error = with_file(&bytes, read_idx_images).unwrap_err();
    assert!(matches!(error, Error::Gzip { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("damaged gzip file") && !text.contains('\n'), "{text}");
    let whole = zipped(&images());
    let error = with_file(&whole[..whole.len() - 12], read_idx_images).unwrap_err();
    assert!(matches!(error, Error::Gzip { .. }), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = read_idx_images(Path::new("no/such/file")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/file: "), "{error}");
}

proptest! {
    #[test]
    fn one_flipped_byte_gives_the_same_shape_or_an_error(
        at: prop::sample::Index,
        flip in 1_u8..,
        gz: bool,
        of_images: bool,
    ) {
        let mut bytes = if of_images { images() } else { labels() };
        if gz {
            bytes = zipped(&bytes);
        }
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if of_images {
            if let Ok(read) = with_file(&bytes, read_idx_images) {
                prop_assert_eq!((read.height, read.width, read.n_images()), (2, 4, 3));
            }
        } else if let Ok(read) = with_file(&bytes, read_idx_labels) {
            prop_assert_eq!(read.len(), 3);
            prop_assert!(read.iter().all(|&label| label < 10));
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error(at: prop::sample::Index, gz: bool) {
        let bytes = if gz { zipped(&images()) } else { images() };
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(with_file(cut, read_idx_images).is_err());
    }
}
