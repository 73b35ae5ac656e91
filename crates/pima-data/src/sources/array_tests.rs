//! Arrays as NumPy saves them, as sources of modalities: ids, masks, gaps, axes, and whole or in pieces.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array, Array1, Array2, Array3, Dimension, array};
use ndarray_npy::{NpzWriter, WritableElement, WriteNpyExt};

use super::*;

fn npy<T: WritableElement, D: Dimension>(folder: &Path, name: &str, values: &Array<T, D>) -> PathBuf {
    let path = folder.join(name);
    values.write_npy(fs::File::create(&path).unwrap()).unwrap();
    path
}

/// As `numpy.save` writes an array of names, `<U3`.
fn names_npy(folder: &Path, name: &str, texts: &[&str]) -> PathBuf {
    let mut header = format!("{{'descr': '<U3', 'fortran_order': False, 'shape': ({},), }}", texts.len());
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16 + 1).to_le_bytes());
    bytes.extend(header.bytes().chain([b'\n']));
    for text in texts {
        let symbols = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(3);
        symbols.for_each(|symbol| bytes.extend(symbol.to_le_bytes()));
    }
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn open(source: &Source, kind: Option<ModalityKind>) -> SourceReader {
    SourceReader::open(source, "stress", kind).unwrap()
}

#[test]
fn an_npz_says_ids_masks_and_axes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let mut npz = NpzWriter::new_compressed(fs::File::create(&path).unwrap());
    npz.add_array("stress", &array![[1.0, 2.0], [f64::NAN, f64::NAN], [5.0, 6.0], [7.0, 8.0]]).unwrap();
    npz.add_array("present_stress", &array![true, true, true, false]).unwrap();
    npz.add_array("axis_stress", &array![0.5, 1.5]).unwrap();
    npz.add_array("sample", &array![7_i64, 3, 12, 4]).unwrap();
    npz.finish().unwrap();
    let source = Source::Npz(NpzArray { path, id: Some("sample".to_owned()), ..NpzArray::default() });
    let samples = open(&source, None).whole().unwrap();
    assert_eq!(samples.shape(), ModalityShape::Curve { channels: 1, length: 2 });
    assert_eq!(samples.ids().unwrap(), ["7", "3", "12", "4"]);
    assert_eq!(samples.present, [true, false, true, false]);
    assert_eq!(samples.table(), array![[1.0, 2.0], [0.0, 0.0], [5.0, 6.0], [0.0, 0.0]]);
    assert_eq!(samples.points(), Some([0.5, 1.5].as_slice()));
    assert_eq!(open(&source, Some(ModalityKind::Vector)).shape(), ModalityShape::Vector { length: 2 });

    // In pieces it is the same as whole, and its outline has no values.
    let (mut reader, mut values, mut present) = (open(&source, None), Vec::new(), Vec::new());
    while let Some(block) = reader.next(3).unwrap() {
        values.extend(block.values);
        present.extend(block.present);
    }
    assert_eq!((values.as_slice(), &present), (samples.values.whole().unwrap().as_slice().unwrap(), &samples.present));
    let on_disk = open(&source, None).on_disk(folder.path()).unwrap();
    assert!(!on_disk.values.in_memory());
    assert_eq!(on_disk.values.whole().unwrap(), samples.values.whole().unwrap());
    assert_eq!((&on_disk.present, on_disk.ids()), (&samples.present, samples.ids()));
    let outline = reader.outline(present);
    assert_eq!(((outline.values.n_rows(), outline.values.size()), outline.ids()), ((4, 1), samples.ids()));
}

#[test]
fn a_number_too_large_for_single_precision_is_told_with_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, "a,b\n1,2\n3,1e300\n").unwrap();
    let source = Source::Table(TableColumns { path, ..TableColumns::default() });
    let error = open(&source, None).on_disk(folder.path()).unwrap_err().to_string();
    assert!(error.contains("t.csv, row 1: value 1 (from 0) is inf in single precision"), "{error}");
}

#[test]
fn numbers_of_any_type_are_read_and_names_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let of = |path: PathBuf| {
        let source = Source::Npy(NpyFile { path, ..NpyFile::default() });
        open(&source, None).whole().unwrap().table()
    };
    let expected = array![[0.0_f32, 1.0], [2.0, 3.0]];
    assert_eq!(of(npy(folder, "a.npy", &expected)), expected);
    assert_eq!(of(npy(folder, "b.npy", &expected.mapv(|x| x as u16))), expected);
    assert_eq!(of(npy(folder, "c.npy", &expected.mapv(|x| x as i8))), expected);
    assert_eq!(of(npy(folder, "d.npy", &expected.mapv(|x| x as u64))), expected);
    assert_eq!(of(npy(folder, "e.npy", &array![[false, true]])), array![[0.0, 1.0]]);
    assert_eq!(of(npy(folder, "f.npy", &array![4.0, 5.0])), array![[4.0], [5.0]]);
    let fortran = Array2::from_shape_fn((2, 2), |(i, j)| (2 * j + i) as f64).reversed_axes();
    assert!(!fortran.is_standard_layout());
    assert_eq!(of(npy(folder, "g.npy", &fortran)), expected);
    let ids = names_npy(folder, "ids.npy", &["s1", "µ-2"]);
    let source = Source::Npy(NpyFile { path: folder.join("a.npy"), ids: Some(ids), channels_last: false });
    assert_eq!(open(&source, None).ids().unwrap(), ["s1", "µ-2"]);
    let images =
        npy(folder, "h.npy", &Array::from_shape_fn((1, 2, 5, 3), |(_, y, x, c)| (100 * c + 10 * y + x) as f32));
    let source = Source::Npy(NpyFile { path: images, ids: None, channels_last: true });
    let samples = open(&source, None).whole().unwrap();
    assert_eq!(samples.shape(), ModalityShape::Image { channels: 3, height: 2, width: 5 });
    let values = samples.table();
    assert_eq!((values[[0, 4]], values[[0, 10]], values[[0, 26]]), (4.0, 100.0, 211.0));
}

#[test]
fn mistakes_in_arrays_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let message = |source: Source, kind| {
        let read = SourceReader::open(&source, "stress", kind).and_then(SourceReader::whole);
        let message = read.unwrap_err().to_string();
        assert!(message.lines().count() == 1, "{message}");
        message
    };
    let of = |path: PathBuf| Source::Npy(NpyFile { path, ..NpyFile::default() });
    let hole = npy(folder, "hole.npy", &array![[1.0, 2.0], [3.0, f64::INFINITY]]);
    assert!(message(of(hole), None).contains("hole.npy, row 1: value 1 (from 0) is inf; fill it in"));
    let images = npy(folder, "images.npy", &Array3::<f32>::zeros((4, 28, 28)));
    assert!(message(of(images.clone()), None).contains("say kind = \"image\" if a sample is 28 by 28 pixels"));
    let two = names_npy(folder, "two.npy", &["a", "a"]);
    let ids =
        |ids: &Path| Source::Npy(NpyFile { path: images.clone(), ids: Some(ids.to_owned()), channels_last: false });
    assert!(message(ids(&two), Some(ModalityKind::Image)).contains("two.npy: 2 ids for 4 samples"));
    let four = names_npy(folder, "four.npy", &["a", "b", "c", "b"]);
    assert!(message(ids(&four), Some(ModalityKind::Image)).contains("four.npy, row 3: id 'b' is in row 1 already"));
    let texts = names_npy(folder, "texts.npy", &["a", "b"]);
    assert!(
        message(of(texts), None)
            .contains("texts.npy: holds text, and numbers (float32, float64, integers or bool) are wanted")
    );
    fs::write(folder.join("cut.npy"), &fs::read(&images).unwrap()[..500]).unwrap();
    assert!(message(of(folder.join("cut.npy")), Some(ModalityKind::Image)).contains("cut.npy: "));
    fs::write(folder.join("no.npy"), "text").unwrap();
    assert!(message(of(folder.join("no.npy")), None).contains("no.npy: not an npy file"));
    let mut npz = NpzWriter::new(fs::File::create(folder.join("b.npz")).unwrap());
    npz.add_array("one", &Array2::<f32>::zeros((3, 2))).unwrap();
    npz.add_array("two", &Array2::<f32>::zeros((3, 2))).unwrap();
    npz.finish().unwrap();
    let b = Source::Npz(NpzArray { path: folder.join("b.npz"), ..NpzArray::default() });
    assert!(message(b, None).contains("which array is \"stress\"? Say array = \"...\"; the file has one, two"));
}

#[test]
fn labels_come_from_tables_and_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("t.csv"), "sample,class\na,hard\nb,soft\nc,hard\n").unwrap();
    let file = |id: Option<&str>| NamesFile {
        path: folder.join("t.csv"),
        column: Some("class".to_owned()),
        id: id.map(str::to_owned),
        ..NamesFile::default()
    };
    let ids: Vec<String> = ["c", "b"].map(str::to_owned).to_vec();
    let labels = read_names(&file(Some("sample"))).unwrap().labels(Some(&ids), 2).unwrap();
    assert_eq!((labels.values(), labels.names()), ([0, 1].as_slice(), ["hard", "soft"].map(str::to_owned).as_slice()));
    let missing =
        read_names(&file(Some("sample"))).unwrap().labels(Some(&["d".to_owned()]), 1).unwrap_err().to_string();
    assert!(missing.contains("t.csv: nothing is said of sample 'd'"), "{missing}");
    let fewer = read_names(&file(None)).unwrap().groups(None, 2).unwrap_err().to_string();
    assert!(fewer.contains("3 entries for 2 samples"), "{fewer}");
    // An empty label is one that is not known; a group must be.
    fs::write(folder.join("t.csv"), "sample,class\na,hard\nb,\nc,NA\n").unwrap();
    let partial = read_names(&file(Some("sample"))).unwrap();
    let abc = ["a", "b", "c"].map(str::to_owned);
    let labels = partial.labels(Some(&abc), 3).unwrap();
    assert_eq!((labels.of(0), labels.of(1), labels.of(2), labels.n_labels()), (Some(0), None, None, 1));
    let group = partial.groups(Some(&abc), 3).unwrap_err().to_string();
    assert!(group.contains("t.csv: the group of sample 'b' is empty; say of each sample"), "{group}");
    let none = partial.labels(Some(&abc[1..]), 2).unwrap_err().to_string();
    assert!(none.contains("t.csv: no label in it is known; leave it out"), "{none}");
    // Numbers are in the order of numbers.
    let path = npy(folder, "y.npy", &Array1::from(vec![10_i64, 2, 10]));
    let labels = read_names(&NamesFile { path, ..NamesFile::default() }).unwrap().labels(None, 3).unwrap();
    assert_eq!((labels.values(), labels.names()), ([1, 0, 1].as_slice(), ["2", "10"].map(str::to_owned).as_slice()));
    let none = read_names(&NamesFile { path: folder.join("t.csv"), ..NamesFile::default() }).unwrap_err().to_string();
    assert!(none.contains("t.csv: which column? Say column = \"...\""), "{none}");
}
