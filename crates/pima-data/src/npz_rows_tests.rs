//! Tests of reading by rows: any chunks join to the whole, rows are numbered as in the file, damage is an error, and no more is read than was asked for.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use ndarray::{Array, Array2, Array4, ArrayD, Axis, RemoveAxis, ShapeBuilder, array};
use ndarray_npy::{NpzReader, NpzWriter, WritableElement};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::npz::read_npz;

const N: usize = 23;

fn in_folder(file: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    (folder, path)
}

/// Row r's element e is 10 r + e.
fn counted<T: From<u8> + Clone + WritableElement, D: RemoveAxis>(shape: impl ShapeBuilder<Dim = D>) -> Array<T, D> {
    let mut values = Array::from_elem(shape, T::from(0));
    for (row, mut values) in values.axis_iter_mut(Axis(0)).enumerate() {
        values.iter_mut().enumerate().for_each(|(e, value)| *value = T::from((10 * row + e) as u8));
    }
    values
}

/// Every type and shape, and all that is known of rows.
fn every_kind(path: &Path, compressed: bool) {
    let file = File::create(path).unwrap();
    let mut npz = if compressed { NpzWriter::new_compressed(file) } else { NpzWriter::new(file) };
    npz.add_array("image", &counted::<u8, _>((N, 1, 2, 3))).unwrap();
    npz.add_array("curves", &counted::<f64, _>((N, 2, 4))).unwrap();
    npz.add_array("curve", &counted::<f32, _>((N, 3))).unwrap();
    npz.add_array("axis_curve", &array![0.0, 0.5, 1.0]).unwrap();
    npz.add_array("vector", &counted::<i64, _>((N, 5))).unwrap();
    npz.add_array("scalar", &counted::<i32, _>((N, 1))).unwrap();
    npz.add_array("fortran", &counted::<f32, _>((N, 2, 2).f())).unwrap();
    npz.add_array("present_scalar", &Array::from_shape_fn(N, |row| row % 3 != 1)).unwrap();
    npz.add_array("label", &Array::from_shape_fn(N, |row| (row % 4) as i64)).unwrap();
    npz.add_array("group", &Array::from_shape_fn(N, |row| (row / 2) as i64)).unwrap();
    npz.add_array("held_out", &Array::from_shape_fn(N, |row| row >= 20)).unwrap();
    npz.finish().unwrap();
}

fn chunks(path: &Path, n: usize, bad: &mut Option<Vec<SkippedRow>>) -> Result<Vec<(Dataset, Vec<usize>)>> {
    let mut rows = NpzRows::open(path)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = rows.next(n, bad)? {
        chunks.push(chunk);
    }
    assert!(rows.next(n, bad)?.is_none());
    Ok(chunks)
}

#[test]
fn chunks_of_any_size_join_to_the_whole() {
    for compressed in [false, true] {
        let (_folder, path) = in_folder("kinds.npz");
        every_kind(&path, compressed);
        let whole = read_npz(&path).unwrap();
        let rows = NpzRows::open(&path).unwrap();
        assert_eq!((rows.name(), rows.n_rows()), ("kinds", N));
        let described: Vec<_> = whole.modalities().iter().map(ModalityData::description).collect();
        assert_eq!(rows.modalities().cloned().collect::<Vec<_>>(), described);
        assert_eq!(
            described.iter().find(|d| d.name == "curve").unwrap().axis.as_ref().unwrap().points,
            [0.0, 0.5, 1.0]
        );
        for n in [1, 7, 512] {
            let chunks = chunks(&path, n, &mut None).unwrap();
            assert_eq!(chunks.len(), N.div_ceil(n));
            assert!(chunks.iter().flat_map(|(_, rows)| rows.iter().copied()).eq(0..N));
            for (data, rows) in chunks {
                assert_eq!(data, whole.select(&rows).unwrap());
                for modality in data.modalities() {
                    for (values, row) in modality.values().unwrap().outer_iter().zip(&rows) {
                        assert!(values.iter().enumerate().all(|(e, &value)| value == (10 * row + e) as f32));
                    }
                }
                assert!(data.labels().unwrap().values().iter().zip(&rows).all(|(label, row)| *label == row % 4));
                assert!(data.groups().unwrap().iter().zip(&rows).all(|(group, row)| *group == row / 2));
                assert!(data.held_out().unwrap().iter().zip(&rows).all(|(held, row)| *held == (*row >= 20)));
                let scalar = data.modality("scalar").unwrap();
                assert!(rows.iter().enumerate().all(|(k, row)| scalar.is_present(k) == (row % 3 != 1)));
            }
        }
    }
}

#[test]
fn values_are_those_that_another_reader_finds() {
    let (_folder, path) = in_folder("random.npz");
    let mut state = 1_u32;
    let values = Array4::from_shape_simple_fn((40, 2, 5, 7), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / 1e6 - 2000.0
    });
    let mut npz = NpzWriter::new_compressed(File::create(&path).unwrap());
    npz.add_array("x", &values).unwrap();
    npz.finish().unwrap();
    let reference: ArrayD<f64> = NpzReader::new(File::open(&path).unwrap()).unwrap().by_name("x").unwrap();
    let reference: Vec<f32> = reference.iter().map(|&x| x as f32).collect();
    let read = chunks(&path, 9, &mut None).unwrap();
    let read: Vec<f32> = read.iter().flat_map(|(data, _)| data.modalities()[0].values().unwrap().to_owned()).collect();
    assert_eq!(read, reference);
}

/// Rows 5 and 11 have values that are not finite, rows 2 and 12 have nothing, row 3 lacks a value where NaN is no fault.
fn faulty(path: &Path) {
    let (mut curve, mut stress) = (counted::<f32, _>((N, 3)), counted::<f32, _>((N, 1)));
    (curve[[5, 1]], stress[[5, 0]], stress[[11, 0]], stress[[3, 0]]) = (f32::NAN, f32::NAN, f32::INFINITY, f32::NAN);
    let mut npz = NpzWriter::new_compressed(File::create(path).unwrap());
    npz.add_array("curve", &curve).unwrap();
    npz.add_array("stress", &stress).unwrap();
    npz.add_array("present_curve", &Array::from_shape_fn(N, |row| ![2, 12].contains(&row))).unwrap();
    npz.add_array("present_stress", &Array::from_shape_fn(N, |row| ![2, 3, 12].contains(&row))).unwrap();
    npz.add_array("label", &Array::from_shape_fn(N, |row| (row % 4) as i64)).unwrap();
    npz.finish().unwrap();
}

#[test]
fn rows_with_faults_are_left_out_whatever_the_chunks() {
    let (_folder, path) = in_folder("faulty.npz");
    faulty(&path);
    let mut skipped = Some(Vec::new());
    let (_, kept) = NpzRows::open(&path).unwrap().next(usize::MAX, &mut skipped).unwrap().unwrap();
    let skipped = skipped.unwrap();
    assert!(kept.iter().copied().eq((0..N).filter(|row| ![2, 5, 11, 12].contains(row))));
    let listed: Vec<_> = skipped.iter().map(|skipped| (skipped.row, skipped.problem.as_str())).collect();
    let expected = [
        (2, "has no modality"),
        (5, "modality 'curve', column 1: NaN"),
        (11, "modality 'stress', column 0: inf"),
        (12, "has no modality"),
    ];
    assert_eq!(listed, expected);
    for n in [1, 2, 7, 512] {
        let mut bad = Some(Vec::new());
        let chunks = chunks(&path, n, &mut bad).unwrap();
        assert_eq!(bad.unwrap(), skipped);
        // Other rows take the place of those left out: every chunk but the last is full.
        assert!(chunks.iter().rev().skip(1).all(|(_, rows)| rows.len() == n));
        assert!(chunks.iter().flat_map(|(_, rows)| rows.iter().copied()).eq(kept.iter().copied()));
        for (data, rows) in chunks {
            let curve = data.modality("curve").unwrap();
            for (k, &row) in rows.iter().enumerate() {
                assert_eq!(curve.values().unwrap().row(k).to_vec(), [0, 1, 2].map(|e| (10 * row + e) as f32));
                assert_eq!(data.labels().unwrap().values()[k], row % 4);
                assert_eq!(data.modality("stress").unwrap().is_present(k), row != 3);
            }
        }
    }
}

#[test]
fn faults_are_errors_with_the_rows_of_the_file_otherwise() {
    let (_folder, path) = in_folder("faulty.npz");
    faulty(&path);
    let mut rows = NpzRows::open(&path).unwrap();
    assert_eq!(rows.next(2, &mut None).unwrap().unwrap().1, [0, 1]);
    assert!(matches!(rows.next(2, &mut None), Err(Error::NothingPresent { row: 2 })));
    let mut rows = NpzRows::open(&path).unwrap();
    assert_eq!(rows.next(4, &mut Some(Vec::new())).unwrap().unwrap().1, [0, 1, 3, 4]);
    let error = rows.next(4, &mut None).unwrap_err();
    assert!(matches!(&error, Error::NotFinite { modality, row: 5, column: 1, .. } if modality == "curve"), "{error}");
}

#[test]
fn a_file_without_a_good_row_gives_none() {
    let (_folder, path) = in_folder("bad.npz");
    let mut npz = NpzWriter::new(File::create(&path).unwrap());
    npz.add_array("x", &Array2::from_elem((5, 2), f32::NAN)).unwrap();
    npz.finish().unwrap();
    let mut bad = Some(Vec::new());
    assert!(NpzRows::open(&path).unwrap().next(2, &mut bad).unwrap().is_none());
    assert_eq!(bad.unwrap().len(), 5);
}

#[test]
fn no_more_is_read_than_was_asked_for() {
    const ROWS: usize = 200_000;
    let (_folder, path) = in_folder("long.npz");
    let mut npz = NpzWriter::new(File::create(&path).unwrap());
    npz.add_array("x", &Array2::from_shape_fn((ROWS, 8), |(row, column)| (row + column) as f32)).unwrap();
    npz.finish().unwrap();
    let mut rows = NpzRows::open(&path).unwrap();
    let read = |rows: &NpzRows| match &rows.modalities[0].values {
        Values::Stream(stream) => stream.bytes_read(),
        Values::Whole(_) => panic!("not read as a stream"),
    };
    let header = read(&rows);
    assert!(header < 200, "{header}");
    let mut n = 0;
    while let Some((data, numbers)) = rows.next(512, &mut None).unwrap() {
        assert!(data.n_samples() <= 512 && numbers[0] == n);
        assert_eq!(data.modalities()[0].values().unwrap()[[0, 7]], (n + 7) as f32);
        n += data.n_samples();
        assert_eq!(read(&rows), header + n * 8 * size_of::<f32>());
    }
    assert_eq!(n, ROWS);
}

/// An archive with one array: a header of the given version and text, and then `data`.
fn raw(path: &Path, version: u8, header: &str, data: &[u8]) {
    let mut npz = ZipWriter::new(File::create(path).unwrap());
    npz.start_file("x.npy", SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).unwrap();
    npz.write_all(&[b"\x93NUMPY".as_slice(), &[version, 0]].concat()).unwrap();
    let length = header.len() as u32 + 1;
    npz.write_all(&length.to_le_bytes()[..if version == 1 { 2 } else { 4 }]).unwrap();
    npz.write_all(format!("{header}\n").as_bytes()).unwrap();
    npz.write_all(data).unwrap();
    npz.finish().unwrap();
}

#[test]
fn headers_of_every_version_are_read_and_lies_in_them_refused() {
    let (_folder, path) = in_folder("raw.npz");
    let data: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_be_bytes()).collect();
    for version in 1..=3 {
        raw(&path, version, "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 2), }", &data);
        assert_eq!(
            read_npz(&path).unwrap().modalities()[0].values().unwrap(),
            array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
        );
    }
    let problem = |shape: &str| {
        raw(&path, 2, &format!("{{'descr': '>f4', 'fortran_order': False, 'shape': {shape}, }}"), &data);
        let error = NpzRows::open(&path).err().unwrap();
        assert!(matches!(error, Error::Npz { .. } | Error::Length { .. }), "{error}");
        error.to_string()
    };
    assert!(problem("(1000000000000, 2)").ends_with("array 'x': reached EOF before reading all data"));
    assert!(problem("(1, 2)").ends_with("array 'x': file had 16 extra bytes before EOF"));
    assert!(problem("(3, 9999999999, 9999999999)").ends_with("array 'x': overflow computing length from shape"));
    assert!(problem("(0, 9999999999, 9999999999)").ends_with("array 'x': overflow computing length from shape"));
    assert!(problem("(6,)").contains("array 'x' has shape [6]; a modality is"));
    raw(&path, 2, &" ".repeat(20_000), &[]);
    assert!(NpzRows::open(&path).err().unwrap().to_string().contains("claims 20001 bytes"));
    raw(&path, 1, "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 0), }", &[]);
    assert!(matches!(NpzRows::open(&path).err(), Some(Error::Length { .. })));
}

#[test]
fn a_directory_that_lies_as_the_header_does_is_found_out_while_reading() {
    let (_folder, path) = in_folder("lies.npz");
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (67108864, 8), }";
    raw(&path, 1, header, &[0; 4096]);
    let mut bytes = fs::read(&path).unwrap();
    let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let claimed = 10 + header.len() as u32 + 1 + (1 << 31);
    bytes[directory + 24..directory + 28].copy_from_slice(&claimed.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let mut rows = NpzRows::open(&path).unwrap();
    assert_eq!(rows.next(64, &mut None).unwrap().unwrap().1.len(), 64);
    let error = rows.next(usize::MAX, &mut None).unwrap_err().to_string();
    assert!(error.ends_with("array 'x': reached EOF before reading all data"), "{error}");
}

#[test]
fn damage_is_an_error_at_the_latest_after_the_last_row() {
    let (_folder, path) = in_folder("damaged.npz");
    let mut npz = NpzWriter::new(File::create(&path).unwrap());
    npz.add_array("x", &counted::<u8, _>((N, 4))).unwrap();
    npz.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let at = whole.windows(4).position(|four| four == [10, 11, 12, 13]).unwrap();
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = chunks(&path, 5, &mut None).unwrap_err().to_string();
    assert!(error.ends_with("array 'x': the checksum does not match, the file is damaged"), "{error}");
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(!chunks(&path, 5, &mut None).unwrap_err().to_string().contains('\n'));
    }
}

#[test]
fn what_does_not_fit_together_is_said_before_the_first_row() {
    let (_folder, path) = in_folder("mine.npz");
    let problem = |add: &dyn Fn(&mut NpzWriter<File>)| {
        let mut npz = NpzWriter::new(File::create(&path).unwrap());
        npz.add_array("x", &Array2::<f32>::zeros((3, 2))).unwrap();
        add(&mut npz);
        npz.finish().unwrap();
        NpzRows::open(&path).err().unwrap().to_string()
    };
    let rows = problem(&|npz| npz.add_array("y", &Array2::<f32>::zeros((2, 2))).unwrap());
    assert_eq!(rows, "rows of modality 'y' (as in 'x'): expected 3 entries, got 2");
    let labels = problem(&|npz| npz.add_array("label", &array![0_i64]).unwrap());
    assert_eq!(labels, "labels of dataset 'mine': expected 3 entries, got 1");
    let held = problem(&|npz| npz.add_array("held_out", &array![true]).unwrap());
    assert_eq!(held, "held-out marks of dataset 'mine': expected 3 entries, got 1");
    let groups = problem(&|npz| npz.add_array("group", &array![[0_i64]]).unwrap());
    assert!(groups.ends_with("array 'group' has shape [1, 1]; a list of numbers is wanted"), "{groups}");
    let axis = problem(&|npz| npz.add_array("axis_x", &array![0.0]).unwrap());
    assert!(axis.contains("expected 2 entries, got 1"), "{axis}");
    let present = problem(&|npz| npz.add_array("present_x", &array![true, true]).unwrap());
    assert_eq!(present, "presence of modality 'x': expected 3 entries, got 2");
}

#[test]
fn rows_with_faults_are_left_out_on_request_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults.npz");
    let mut npz = NpzWriter::new(File::create(&path).unwrap());
    let mut curve = Array2::from_shape_fn((5, 3), |(row, column)| (10 * row + column) as f32);
    curve[[1, 2]] = f32::NAN;
    npz.add_array("curve", &curve).unwrap();
    npz.add_array("stress", &array![[0.5f32], [1.5], [2.5], [f32::INFINITY], [4.5]]).unwrap();
    npz.add_array("present_curve", &array![true, true, false, true, true]).unwrap();
    npz.add_array("present_stress", &array![true, true, false, true, true]).unwrap();
    npz.add_array("label", &array![0i64, 1, 0, 1, 1]).unwrap();
    npz.finish().unwrap();
    assert!(read_npz(&path).is_err());
    let mut bad = Some(Vec::new());
    let (data, kept) = NpzRows::open(&path).unwrap().next(usize::MAX, &mut bad).unwrap().unwrap();
    let skipped = bad.unwrap();
    assert_eq!(kept, [0, 4]);
    let skipped: Vec<_> = skipped.iter().map(|s| (s.row, s.problem.as_str())).collect();
    let expected =
        [(1, "modality 'curve', column 2: NaN"), (2, "has no modality"), (3, "modality 'stress', column 0: inf")];
    assert_eq!(skipped, expected);
    assert_eq!(data.modality("curve").unwrap().values().unwrap(), array![[0.0, 1.0, 2.0], [40.0, 41.0, 42.0]]);
    assert_eq!(data.labels().unwrap().values(), [0, 1]);
}
