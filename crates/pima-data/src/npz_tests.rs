//! Tests of npz files: everything comes back, what NumPy writes is understood, damage is an error.

use ndarray::{Array2, Array3, Array4, array};
use proptest::prelude::*;

use super::*;
use crate::labels::Labels;
use crate::modality::{MeasurementAxis, ModalityData};

/// Three modalities of three shapes, gaps, an axis, units, labels with names, groups and a held-out row.
fn dataset() -> Dataset {
    let image = ModalityShape::Image { channels: 1, height: 2, width: 3 };
    let curve = ModalityShape::Curve { channels: 2, length: 2 };
    let stress = ModalityShape::Vector { length: 1 };
    let values = |columns: usize| Array2::from_shape_fn((3, columns), |(row, column)| (row * 10 + column) as f32 / 7.0);
    let axis = MeasurementAxis { name: "t".into(), units: "s".into(), points: vec![0.0, 0.1] };
    let mut gaps = values(1);
    gaps[[1, 0]] = f32::NAN;
    let modalities = vec![
        ModalityData::new("z image", image, values(6)).unwrap(),
        ModalityData::new("curve", curve, values(4)).unwrap().with_axis(axis).unwrap(),
        ModalityData::with_missing("stress", stress, gaps, vec![true, false, true]).unwrap().with_units("GPa"),
    ];
    let names = vec!["soft".to_owned(), "hard".to_owned()];
    let labels = Labels::partial(vec![Some(1), Some(0), None], names).unwrap();
    Dataset::new("a test", modalities, Some(labels))
        .unwrap()
        .with_held_out(vec![false, false, true])
        .unwrap()
        .with_groups(vec![4, 4, 11])
        .unwrap()
}

/// NaN is not equal to itself, so the gap is compared apart.
fn without_gaps(data: &Dataset) -> Dataset {
    data.select(&[0, 2]).unwrap()
}

#[test]
fn a_dataset_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.npz");
    let data = dataset();
    write_npz(&data, &path).unwrap();
    let back = read_npz(&path).unwrap();
    assert_eq!(without_gaps(&back), without_gaps(&data));
    assert!(!back.modality("stress").unwrap().is_present(1));
    assert!(back.modality("stress").unwrap().values().unwrap()[[1, 0]].is_nan());
    // Nothing but the file is left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn written(add: impl FnOnce(&mut NpzWriter<File>)) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    let mut npz = NpzWriter::new(File::create(&path).unwrap());
    add(&mut npz);
    npz.finish().unwrap();
    read_npz(&path)
}

#[test]
fn arrays_alone_are_understood() {
    let data = written(|npz| {
        npz.add_array("picture", &Array4::<u8>::from_elem((2, 1, 4, 5), 7)).unwrap();
        npz.add_array("spectrum", &Array2::<f64>::ones((2, 3))).unwrap();
        npz.add_array("axis_spectrum", &array![0_i64, 10, 30]).unwrap();
        npz.add_array("pair", &Array3::<f32>::ones((2, 2, 8))).unwrap();
        npz.add_array("stress", &array![[1_i64], [2]]).unwrap();
        npz.add_array("label", &array![2_i32, 0]).unwrap();
    })
    .unwrap();
    let shape = |name| data.modality(name).unwrap().shape().to_string();
    assert_eq!(data.name(), "mine");
    assert_eq!(shape("picture"), ModalityShape::Image { channels: 1, height: 4, width: 5 }.to_string());
    assert_eq!(shape("spectrum"), ModalityShape::Curve { channels: 1, length: 3 }.to_string());
    assert_eq!(shape("pair"), ModalityShape::Curve { channels: 2, length: 8 }.to_string());
    assert_eq!(data.modality("stress").unwrap().values().unwrap(), array![[1.0_f32], [2.0]]);
    assert_eq!(data.modality("spectrum").unwrap().axis().unwrap().points, [0.0, 10.0, 30.0]);
    assert_eq!(data.modality("picture").unwrap().values().unwrap()[[1, 19]], 7.0);
    assert_eq!((data.labels().unwrap().n_labels(), data.labels().unwrap().values()[0]), (3, 2));
}

#[test]
fn what_is_no_dataset_says_why() {
    let text = |result: Result<Dataset>| result.unwrap_err().to_string();
    let flat = text(written(|npz| npz.add_array("x", &array![1.0, 2.0]).unwrap()));
    assert!(flat.contains("array 'x' has shape [2]"), "{flat}");
    let empty = text(written(|npz| npz.add_array("label", &array![1_i64]).unwrap()));
    assert_eq!(empty, "dataset 'mine' has no modalities");
    let negative = text(written(|npz| {
        npz.add_array("x", &array![[1.0], [2.0]]).unwrap();
        npz.add_array("label", &array![0_i64, -2]).unwrap();
    }));
    assert!(negative.contains("array 'label', row 1: -2 is no label"), "{negative}");
    let bools = written(|npz| npz.add_array("x", &array![[true, false]]).unwrap()).unwrap();
    assert_eq!(bools.modality("x").unwrap().values().unwrap(), array![[1.0_f32, 0.0]]);
    let short = text(written(|npz| {
        npz.add_array("x", &array![[1.0], [2.0]]).unwrap();
        npz.add_array("present_x", &array![true]).unwrap();
    }));
    assert!(short.contains("presence of modality 'x': expected 2 entries, got 1"), "{short}");
    let missing = text(read_npz(Path::new("no/such.npz")));
    assert!(missing.starts_with("no/such.npz: "), "{missing}");
}

#[test]
fn names_that_other_arrays_need_are_refused() {
    for name in ["label", "meta", "axis_x", "present_x", "a/b", ""] {
        let shape = ModalityShape::Vector { length: 1 };
        let modality = ModalityData::new(name, shape, array![[1.0]]).unwrap();
        let data = Dataset::new("toy", vec![modality], None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = write_npz(&data, &folder.path().join("data.npz")).unwrap_err();
        assert!(matches!(error, Error::Npz { .. }), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics(at: prop::sample::Index, flip in 1_u8.., cut: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.npz");
        write_npz(&dataset(), &path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= flip;
        }
        fs::write(&path, &bytes).unwrap();
        match read_npz(&path) {
            Ok(read) => prop_assert!(!cut && read.n_samples() == 3),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
