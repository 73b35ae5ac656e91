//! Folders as people have them.

use std::fs;

use image::{GrayImage, Luma};
use ndarray::{Array1, Array2, Array3};
use ndarray_npy::{NpzWriter, write_npy};

use super::*;

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
    fs::write(at("more.h5"), "").unwrap();
    let found = take_inventory(folder.path()).unwrap();
    assert!(found.by_ids);
    let expected = [("curves", "1x3 curve"), ("photos", "1x32x64 image"), ("strength", "2 vector")];
    assert_eq!(names(&found), expected.map(|(name, shape)| (name, shape.to_owned())));
    let labels = found.labels.unwrap();
    assert_eq!((labels.file.column.as_deref(), labels.n_classes), (Some("phase"), 3));
    assert_eq!(labels.file.path, Path::new("strength.csv"));
    assert_eq!(found.left_out.len(), 2, "{:?}", found.left_out);
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

#[test]
fn a_damaged_image_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), "no image").unwrap();
    let error = take_inventory(folder.path()).unwrap_err().to_string();
    assert!(error.contains("a.png: cannot be read as an image"), "{error}");
    assert_eq!(take_inventory(tempfile::tempdir().unwrap().path()).unwrap(), Inventory::default());
}
