//! Folders as people have them.

use std::fs;

use image::{GrayImage, Luma};
use ndarray::{Array1, Array2, Array3};
use ndarray_npy::{NpzWriter, write_npy};

use super::*;
use crate::sources::{Hdf5Dataset, TableFolder};

fn names(inventory: &Inventory) -> Vec<(&str, String)> {
    inventory.candidates.iter().map(|candidate| (candidate.name.as_str(), candidate.shape.to_string())).collect()
}

#[test]
fn tables_and_images_are_matched_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("photos")).unwrap();
    let mut strength = "sample,hardness,porosity,alloy,phase\n".to_owned();
    let mut curves = "sample,0.0,0.5,1.0\n".to_owned();
    for k in 0..8 {
        GrayImage::from_pixel(100, 50, Luma([10])).save(at(&format!("photos/s{k}.png"))).unwrap();
        strength += &format!("s{k},{k},{},{},{}\n", 2 * k, ["x", "y"][k % 2], k % 3);
        curves += &format!("s{k},1,2,{k}\n");
    }
    fs::write(at("strength.csv"), strength).unwrap();
    fs::write(at("curves.csv"), curves).unwrap();
    fs::write(at("other.csv"), "a,b\n1,2\n3,4\n5,6\n").unwrap();
    fs::write(at("notes.txt"), "nothing").unwrap();
    fs::write(at("more.mat"), "").unwrap();
    let found = take_inventory(folder.path()).unwrap();
    assert!(found.by_ids);
    let expected = [("curves", "1x3 curve"), ("photos", "1x32x64 image"), ("strength", "2 vector")];
    assert_eq!(names(&found), expected.map(|(name, shape)| (name, shape.to_owned())));
    let labels = found.labels.unwrap();
    assert_eq!((labels.file.column.as_deref(), labels.n_classes), (Some("phase"), 3));
    assert_eq!(labels.file.path, Path::new("strength.csv"));
    assert_eq!(found.left_out.len(), 3, "{:?}", found.left_out);
    assert!(found.left_out.iter().any(|line| line.contains("other: 3 samples")));
}

#[test]
fn arrays_are_matched_by_their_order_and_find_their_axis() {
    let folder = tempfile::tempdir().unwrap();
    let mut npz = NpzWriter::new(fs::File::create(folder.path().join("all.npz")).unwrap());
    npz.add_array("picture", &Array3::<f32>::zeros((20, 16, 16))).unwrap();
    npz.add_array("stress", &Array2::<f64>::zeros((20, 40))).unwrap();
    npz.add_array("strain", &Array1::linspace(0.0, 1.0, 40)).unwrap();
    npz.add_array("y", &(0..20).map(|k| k % 4).collect::<Array1<i64>>()).unwrap();
    npz.finish().unwrap();
    write_npy(folder.path().join("chemistry.npy"), &Array2::<f32>::zeros((20, 5))).unwrap();
    let found = take_inventory(folder.path()).unwrap();
    let expected = [("picture", "1x16x16 image"), ("stress", "1x40 curve"), ("chemistry", "5 vector")];
    assert_eq!(names(&found), expected.map(|(name, shape)| (name, shape.to_owned())));
    assert_eq!((found.by_ids, found.candidates[1].axis_array.as_deref()), (false, Some("strain")));
    assert_eq!(found.labels.map(|labels| labels.n_classes), Some(4));
    assert!(found.left_out.is_empty(), "{:?}", found.left_out);
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn hdf5_says_its_ids_labels_axis_and_units() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("new.h5"), folder.path().join("lab.h5")).unwrap();
    let found = take_inventory(folder.path()).unwrap();
    assert!(found.by_ids);
    let stress = found.candidates.iter().find(|candidate| candidate.name == "stress").unwrap();
    let source = Hdf5Dataset {
        path: "lab.h5".into(),
        dataset: Some("/tests/stress".to_owned()),
        id: Some("/tests/id".to_owned()),
        channels_last: false,
    };
    assert_eq!(stress.source, Source::Hdf5(source));
    assert_eq!((stress.kind, stress.units.as_str()), (ModalityKind::Curve, "MPa"));
    assert_eq!(stress.axis_array.as_deref(), Some("/tests/strain"));
    // Two classes and no label are three texts of six samples.
    let labels = found.labels.unwrap();
    assert_eq!((labels.file.dataset.as_deref(), labels.n_classes), (Some("/tests/treatment"), 2));
    assert!(found.left_out.iter().any(|line| line.starts_with("lab.h5, data set /ragged: ")), "{:?}", found.left_out);
}

#[test]
fn parquet_gives_its_columns_of_numbers_and_each_of_lists() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("table_zstd.parquet"), folder.path().join("t.parquet")).unwrap();
    let mut seen = Seen::default();
    tables::look_at_parquet(&folder.path().join("t.parquet"), &mut seen).unwrap();
    let Source::Table(table) = &seen.candidates[0].source else { panic!("a table") };
    assert_eq!(table.id.as_deref(), Some("specimen"));
    assert_eq!(table.except, ["stress", "uneven", "day", "phase"]);
    assert_eq!(seen.labels[0].file.column.as_deref(), Some("phase"));
    // Two of its columns have holes, and the lists of one are of unequal length: what is whole is kept.
    let found = take_inventory(folder.path()).unwrap();
    assert_eq!(names(&found), [("stress", "5 vector".to_owned())]);
    assert!(found.left_out[0].starts_with("t.parquet, row 2: column 'Fe' is empty"), "{:?}", found.left_out);
    assert!(found.left_out[1].contains("column 'uneven' has "), "{:?}", found.left_out);
}

#[test]
fn a_folder_of_tables_is_a_curve_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tests")).unwrap();
    let at = |name: &str| folder.path().join("tests").join(name);
    for k in 0..3 {
        fs::write(at(&format!("s{k}.csv")), format!("machine,strain,stress,time\nA,0,{k},0\nA,1,2,1\n")).unwrap();
    }
    let found = take_inventory(folder.path()).unwrap();
    let [candidate] = &found.candidates[..] else { panic!("{found:?}") };
    let source = TableFolder {
        path: "tests".into(),
        axis: Some("strain".to_owned()),
        columns: vec!["stress".to_owned()],
        ..TableFolder::default()
    };
    assert_eq!(candidate.source, Source::TableFolder(source.clone()));
    assert_eq!((candidate.n_samples, candidate.shape.to_string().as_str(), candidate.has_axis), (3, "1x2 curve", true));
    assert_eq!(candidate.remark, "the files also have time");
    // The names that a testing machine gives decide, whatever comes first.
    for k in 0..3 {
        fs::write(at(&format!("s{k}.csv")), format!("time,Strain (%),force,Stress (MPa)\n0,0,1,{k}\n1,1,2,5\n"))
            .unwrap();
    }
    let found = take_inventory(folder.path()).unwrap();
    let Source::TableFolder(named) = &found.candidates[0].source else { panic!("{found:?}") };
    assert_eq!((named.axis.as_deref(), &named.columns[..]), (Some("Strain (%)"), &["Stress (MPa)".to_owned()][..]));
    for k in 0..3 {
        fs::write(at(&format!("s{k}.csv")), format!("machine,strain,stress,time\nA,0,{k},0\nA,1,2,1\n")).unwrap();
    }
    // Other points in one of them: all are brought to common ones.
    fs::write(at("s3.csv"), "machine,strain,stress,time\nA,0.1,5,0\nA,1,2,1\nA,1.5,2,1\n").unwrap();
    let found = take_inventory(folder.path()).unwrap();
    assert_eq!(found.candidates[0].source, Source::TableFolder(TableFolder { points: Some(64), ..source }));
    assert!(found.candidates[0].remark.starts_with("the files do not have the same points"));
    // What cannot be read is left out, with its place.
    fs::write(at("s3.csv"), "machine,strain,stress,time\nA,0.1,high,0\n").unwrap();
    let found = take_inventory(folder.path()).unwrap();
    assert!(
        found.left_out[0].contains("s3.csv, line 2: column 'stress': 'high' is not a number"),
        "{:?}",
        found.left_out
    );
}

#[test]
fn a_damaged_image_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), "no image").unwrap();
    fs::create_dir_all(folder.path().join("more/deeper")).unwrap();
    fs::write(folder.path().join("b.bmp"), "").unwrap();
    fs::write(folder.path().join("c.xlsx"), "").unwrap();
    fs::write(folder.path().join("good.csv"), ",Fe,Ni\n0,1,2\n1,2,3\n2,3,4\n").unwrap();
    let found = take_inventory(folder.path()).unwrap();
    // What pandas calls the rows is no value, and what cannot be read stops nothing.
    assert_eq!(names(&found), [("good", "2 vector".to_owned())]);
    let expected = [
        "b.bmp: .bmp files are not read; save images as .png or .tif",
        "c.xlsx: .xlsx files are not read; save tables as .csv",
        "good.csv: the first column, which has no name, is left out; a column of ids needs a name, such as id",
        "more: nothing in this folder is read: images are, and three or more .csv files; folders in it are not looked into",
    ];
    assert_eq!(found.left_out[..4], expected);
    assert!(found.left_out[4].starts_with("a.png: cannot be read as an image: "), "{:?}", found.left_out);
    assert_eq!(take_inventory(tempfile::tempdir().unwrap().path()).unwrap(), Inventory::default());
}
