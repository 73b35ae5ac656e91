//! HDF5 and Parquet files as h5py and pyarrow wrote them (tests/fixtures/own_files.py), and every mistake in them.

use std::fs;
use std::path::PathBuf;

use ndarray::{Array2, s};

use super::*;

const N: usize = 6;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn dataset(file: &str, dataset: &str, id: Option<&str>) -> Source {
    let (dataset, id) = (Some(dataset.to_owned()), id.map(str::to_owned));
    Source::Hdf5(Hdf5Dataset { path: fixture(file), dataset, id, channels_last: false })
}

fn table(file: &str, columns: &[&str]) -> TableColumns {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    TableColumns { path: fixture(file), columns, id: Some("specimen".to_owned()), ..TableColumns::default() }
}

/// Row k is 10 k + strain; the third was not measured.
fn curves() -> Array2<f32> {
    Array2::from_shape_fn((N, 5), |(k, j)| if k == 2 { 0.0 } else { 10.0 * k as f32 + 0.5 * j as f32 })
}

fn opened(source: &Source, kind: Option<ModalityKind>) -> SourceReader {
    SourceReader::open(source, "stress", kind).unwrap()
}

fn refused(source: &Source, kind: Option<ModalityKind>) -> String {
    let error = SourceReader::open(source, "stress", kind).and_then(SourceReader::whole).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn hdf5_of_both_generations_and_all_packings_is_read() {
    // Chunked, packed and shuffled with checksums and big-endian; whole; in chunks that are cut off at the edges.
    for (file, name) in [
        ("old.h5", "/tests/stress"),
        ("old.h5", "big"),
        ("old.h5", "half"),
        ("new.h5", "tests/stress"),
        ("new.h5", "/big"),
        ("packed.h5", "stress"),
    ] {
        let samples = opened(&dataset(file, name, None), None).whole().unwrap();
        assert_eq!(samples.table(), curves(), "{file} {name}");
        assert_eq!(samples.present, [true, true, false, true, true, true], "{file} {name}");
        assert_eq!(samples.shape(), ModalityShape::Vector { length: 5 });
    }
    for file in ["old.h5", "new.h5"] {
        let images = opened(&dataset(file, "photographs/grey", None), Some(ModalityKind::Image)).whole().unwrap();
        assert_eq!(images.shape(), ModalityShape::Image { channels: 1, height: 4, width: 3 });
        assert!(images.table().iter().enumerate().all(|(k, &value)| value == (k % 251) as f32), "{file}");
        // Every third of the pixels, and whether it is even.
        let counts = opened(&dataset(file, "counts", None), None).whole().unwrap().table();
        let flags = opened(&dataset(file, "flags", None), None).whole().unwrap().table();
        assert_eq!(counts.column(1), images.table().column(3), "{file}");
        assert_eq!(flags, counts.mapv(|count| f32::from(u8::from(count % 2.0 == 0.0))), "{file}");
        // Two rows were written; the others are the fill value, which is NaN.
        let later = opened(&dataset(file, "later", None), None).whole().unwrap();
        assert_eq!(later.present, [true, true, false, false, false, false], "{file}");
        assert_eq!(later.table().slice(s![..2, ..]), curves().slice(s![..2, ..]), "{file}");
    }
}

#[test]
fn hdf5_says_ids_units_labels_and_axes_and_is_read_in_pieces() {
    for file in ["old.h5", "new.h5"] {
        let source = dataset(file, "tests/stress", Some("/tests/id"));
        let mut reader = opened(&source, Some(ModalityKind::Curve));
        assert_eq!((reader.units(), reader.n_samples()), ("MPa", N));
        assert_eq!(reader.ids().unwrap(), ["s1", "s2", "s3", "s4", "s5", "µ-6"]);
        let mut rows = Vec::new();
        while let Some(block) = reader.next(4).unwrap() {
            assert!(block.present.len() == 4 || block.present.len() == 2);
            rows.extend(block.values);
        }
        assert_eq!(rows, curves().into_raw_vec_and_offset().0, "{file}");
        let names = |dataset: &str| {
            let file = NamesFile { path: fixture(file), dataset: Some(dataset.to_owned()), ..NamesFile::default() };
            read_names(&file).unwrap().labels(None, N).unwrap()
        };
        assert_eq!(names("tests/batch").values(), [2, 0, 1, 2, 0, 1]);
        let axis = AxisOptions { array: Some("tests/strain".to_owned()), ..AxisOptions::default() };
        assert_eq!(axis.resolve(5, None, &fixture(file)).unwrap().points, [0.0, 0.5, 1.0, 1.5, 2.0]);
        // The one with the modality's name, where none is named.
        let source = Source::Hdf5(Hdf5Dataset { path: fixture(file), ..Hdf5Dataset::default() });
        assert_eq!(opened(&source, None).whole().unwrap().table(), curves());
    }
    assert_eq!(opened(&dataset("new.h5", "photographs/grey", None), Some(ModalityKind::Image)).units(), "counts");
}

#[test]
fn mistakes_in_hdf5_are_one_line_with_the_data_set() {
    let said = |file: &str, name: &str| refused(&dataset(file, name, None), None);
    let missing = said("old.h5", "tests/stres");
    assert!(missing.contains("old.h5: no data set '/tests/stres'; the file has ") && missing.contains("/big, /counts"));
    assert!(missing.contains("/tests/stress") && missing.contains("/photographs/grey"), "{missing}");
    let text = said("new.h5", "tests/treatment");
    assert!(
        text.contains("data set '/tests/treatment': holds text, and numbers are wanted (integers, float16, float32, float64 or bool)"),
        "{text}"
    );
    assert!(
        said("new.h5", "ragged").contains("'/ragged': holds lists of unequal length"),
        "{}",
        said("new.h5", "ragged")
    );
    assert!(said("new.h5", "pairs").contains("'/pairs': holds records of several fields"));
    assert!(said("new.h5", "hole").contains("new.h5, row 0: value 0 (from 0) is inf; fill it in"));
    assert!(said("new.h5", "photographs/grey").contains("say kind = \"image\" if a sample is 4 by 3 pixels"));
    assert!(said("lzf.h5", "stress").contains("data set '/stress': cannot be read"), "{}", said("lzf.h5", "stress"));
    let which = Source::Hdf5(Hdf5Dataset { path: fixture("old.h5"), ..Hdf5Dataset::default() });
    let which = SourceReader::open(&which, "photo", None).err().unwrap().to_string();
    assert!(which.contains("which data set is \"photo\"? Say dataset = \"...\"; the file has /big, "), "{which}");
    let short = refused(&dataset("old.h5", "tests/stress", Some("tests/strain")), None);
    assert!(short.contains("5 ids for 6 samples"), "{short}");
    let twice = refused(&dataset("old.h5", "tests/stress", Some("tests/batch")), None);
    assert!(twice.contains("row 3: id '3' is in row 0 already"), "{twice}");

    // Cut short anywhere, a file is refused, or (if what is lost is not asked for) read right.
    let folder = tempfile::tempdir().unwrap();
    for file in ["old.h5", "new.h5", "packed.h5"] {
        let whole = fs::read(fixture(file)).unwrap();
        for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            let path = folder.path().join("cut.h5");
            fs::write(&path, &whole[..length]).unwrap();
            let source = Source::Hdf5(Hdf5Dataset { path, dataset: None, ..Hdf5Dataset::default() });
            match SourceReader::open(&source, "stress", None).and_then(SourceReader::whole) {
                Ok(samples) => assert_eq!(samples.table(), curves(), "{file} {length}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.lines().count() == 1 && error.contains("cut.h5"), "{file} {length}: {error}");
                }
            }
        }
        let half = &whole[..whole.len() / 2];
        fs::write(folder.path().join("half.h5"), half).unwrap();
        let path = folder.path().join("half.h5");
        let source = Source::Hdf5(Hdf5Dataset { path, dataset: None, ..Hdf5Dataset::default() });
        assert!(refused(&source, None).contains("cut short"), "{}", refused(&source, None));
    }
}

#[test]
fn parquet_of_all_packings_is_read() {
    for packing in ["snappy", "zstd", "gzip", "lz4"] {
        let file = format!("table_{packing}.parquet");
        let samples = read_columns(&table(&file, &["grains", "number", "cold", "price"])).unwrap();
        assert_eq!(samples.ids().unwrap(), ["s1", "s2", "s3", "s4", "s5", "µ-6"]);
        assert_eq!(samples.shape(), ModalityShape::Vector { length: 4 });
        assert_eq!(samples.table().row(1), ndarray::array![20.0, 11.0, 0.0, 250.0]);
        assert_eq!(samples.table().row(5), ndarray::array![4e9, 15.0, 0.0, -1.0]);
        // A list a row, and a row without one.
        let samples = read_columns(&TableColumns { curve: true, ..table(&file, &["stress"]) }).unwrap();
        assert_eq!(samples.shape(), ModalityShape::Curve { channels: 1, length: 5 });
        assert_eq!((&samples.table(), &samples.present), (&curves(), &vec![true, true, false, true, true, true]));
        let two = read_columns(&TableColumns { curve: true, ..table(&file, &["stress", "stress"]) }).unwrap();
        assert_eq!(two.shape(), ModalityShape::Curve { channels: 2, length: 5 });
        assert_eq!(two.table().row(1).as_slice().unwrap()[..6], [10.0, 10.5, 11.0, 11.5, 12.0, 10.0]);
        let number = TableColumns { id: Some("number".to_owned()), ..table(&file, &["grains"]) };
        assert_eq!(read_columns(&number).unwrap().ids().unwrap(), ["10", "11", "12", "13", "14", "15"]);
        let labels = |column: &str, id: Option<&str>| {
            let (column, id) = (Some(column.to_owned()), id.map(str::to_owned));
            read_names(&NamesFile { path: fixture(&file), column, id, ..NamesFile::default() }).unwrap()
        };
        let ids = ["14".to_owned(), "10".to_owned()];
        assert_eq!(labels("grains", Some("number")).labels(Some(&ids), 2).unwrap().names(), ["10", "50"]);
    }
}

#[test]
fn mistakes_in_parquet_are_one_line_with_the_column_and_the_row() {
    let file = "table_snappy.parquet";
    let said = |columns: &[&str]| refused(&Source::Table(table(file, columns)), None);
    assert!(
        said(&["Fe", "iron"]).contains("table_snappy.parquet: no column 'iron'; the file has specimen, number, Fe")
    );
    let hole = said(&["Fe", "grains"]);
    assert!(hole.contains("parquet, row 2: column 'Fe' is empty; fill it in, or empty the whole row"), "{hole}");
    assert!(said(&["Ni", "grains"]).contains("row 2: column 'Ni' is empty"));
    let text = said(&["phase", "grains"]);
    assert!(text.contains("column 'phase' holds text, and numbers are wanted; convert it, or leave it out"), "{text}");
    assert!(said(&["day"]).contains("column 'day' holds dates, and numbers are wanted"));
    assert!(said(&["stress", "grains"]).contains("column 'stress' holds lists, and numbers are wanted"));
    let uneven = said(&["uneven"]);
    assert!(uneven.contains("row 2: column 'uneven' has 1 values, but 'uneven' in row 0 has 2; bring all"), "{uneven}");
    let id = |id: &str| {
        let table = TableColumns { id: Some(id.to_owned()), ..table(file, &["grains"]) };
        refused(&Source::Table(table), None)
    };
    assert!(id("phase").contains("row 2: id 'alpha' is in row 0 already"), "{}", id("phase"));
    assert!(id("Fe").contains("row 2: column 'Fe' is empty; every sample needs an id"), "{}", id("Fe"));
    assert!(id("stress").contains("column 'stress' holds lists, and text or whole numbers are wanted"));

    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture(file)).unwrap();
    let path = folder.path().join("cut.parquet");
    let cut = Source::Table(TableColumns { path: path.clone(), ..table(file, &["grains"]) });
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(refused(&cut, None).contains("cut.parquet: not a Parquet file, or cut short ("), "{length}");
    }
    // Damaged within: refused or read, and never a panic.
    for at in (4..whole.len()).step_by(31) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, damaged).unwrap();
        if let Err(error) = SourceReader::open(&cut, "stress", None).and_then(SourceReader::whole) {
            assert!(error.to_string().contains("cut.parquet"), "{at}: {error}");
        }
    }
}
