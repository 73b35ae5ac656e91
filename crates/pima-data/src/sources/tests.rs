//! Tables and folders as people have them, matched by ids, and every mistake in them.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, RgbImage};
use ndarray::array;

use super::*;

fn table(folder: &Path, name: &str, text: &str) -> TableColumns {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    TableColumns { path, ..TableColumns::default() }
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn columns_are_vectors_or_curves() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name, a, b, c\n\ns1, 1, 2.5, -3\ns2, ,,\n\"s, 3\", 4, 1e-3, 6\ns4, NA, nan, n/a\n";
    let all = table(folder.path(), "t.csv", text);
    let named = TableColumns { id: Some("name".to_owned()), columns: columns(&["c", "a"]), ..all.clone() };
    let samples = read_columns(&named).unwrap();
    assert_eq!(samples.shape(), ModalityShape::Vector { length: 2 });
    assert_eq!(samples.ids().unwrap(), columns(&["s1", "s2", "s, 3", "s4"]));
    assert_eq!(samples.table(), array![[-3.0, 1.0], [0.0, 0.0], [6.0, 4.0], [0.0, 0.0]]);
    assert_eq!(samples.present, [true, false, true, false]);
    let others = read_columns(&TableColumns { columns: Vec::new(), ..named }).unwrap();
    assert_eq!(others.values.gather(&[2]).unwrap().row(0), array![4.0, 1e-3, 6.0]);

    let curves = TableColumns { curve: true, ..table(folder.path(), "c.csv", "0,0.5,2\n1,2,3\n4,5,6\n") };
    let samples = read_columns(&curves).unwrap();
    assert_eq!(samples.shape(), ModalityShape::Curve { channels: 1, length: 3 });
    assert_eq!((samples.points(), samples.ids()), (Some([0.0, 0.5, 2.0].as_slice()), None));
    let unordered = TableColumns { curve: true, ..table(folder.path(), "u.csv", "0,5,2\n1,2,3\n") };
    assert_eq!(read_columns(&unordered).unwrap().points(), None);
}

#[test]
fn every_mistake_in_a_table_is_one_line_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let message = |text: &str, names: &[&str]| {
        let table = table(folder.path(), "bad.csv", text);
        let table = TableColumns { id: Some("id".to_owned()), columns: columns(names), ..table };
        let message = read_columns(&table).unwrap_err().to_string();
        assert!(message.contains("bad.csv") && message.lines().count() == 1, "{message}");
        message
    };
    let cases: [(&str, &[&str], &str); 12] = [
        ("", &["x"], "no samples in it"),
        ("id,x\n", &["x"], "no samples in it"),
        ("id,x\na,1\n", &["y"], "line 1: no column 'y'; the first line has id, x"),
        ("name,x\na,1\n", &["x"], "line 1: no column 'id'; the first line has name, x"),
        ("id,x,x\na,1,2\n", &["x"], "line 1: two columns are named 'x'"),
        ("id\na\n", &[], "line 1: no columns besides the id"),
        ("id,x\na,1\nb,one\n", &["x"], "line 3: column 'x': 'one' is not a number"),
        ("id,x\na,inf\n", &["x"], "line 2: column 'x': inf is not finite"),
        ("id,x,y\na,1,2\nb,,2\n", &["x", "y"], "line 3: column 'x' is empty; fill it in, or empty the whole line"),
        ("id,x\na,1,2\n", &["x"], "line 2: 3 cells, but the heading has 2"),
        ("id,x\n,1\n", &["x"], "line 2: column 'id' is empty; every sample needs an id"),
        ("id,x\na,1\n\na,2\n", &["x"], "line 4: id 'a' is on line 2 already"),
    ];
    for (text, names, expected) in cases {
        assert!(message(text, names).contains(expected), "{text}: {}", message(text, names));
    }
    let headless = table(folder.path(), "numbers.csv", "1,2\n3,4\n");
    assert!(read_columns(&headless).unwrap_err().to_string().contains("line 1: the first line is a line of numbers"));
    assert!(matches!(read_columns(&TableColumns::default()), Err(Error::Io { .. })));
}

#[test]
fn a_folder_of_images_is_read_in_the_order_of_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (name, grey) in [("s10.png", 255), ("s2.png", 51), ("s1.tif", 0)] {
        GrayImage::from_pixel(4, 3, Luma([grey])).save(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "not an image").unwrap();
    let own = ImageFolder { path: folder.path().to_owned(), size: None, colour: false };
    let samples = read_images(&own).unwrap();
    assert_eq!(samples.shape(), ModalityShape::Image { channels: 1, height: 3, width: 4 });
    assert_eq!(samples.ids().unwrap(), columns(&["s1", "s2", "s10"]));
    for (row, grey) in [0.0, 0.2, 1.0].into_iter().enumerate() {
        assert!(samples.values.gather(&[row]).unwrap().row(0).iter().all(|value: &f32| (value - grey).abs() < 1e-6));
    }

    // Left red, middle green, right blue: of the square in the middle nothing is red or blue.
    let flag =
        RgbImage::from_fn(12, 4, |x, _| image::Rgb(std::array::from_fn(|k| if x / 4 == k as u32 { 255 } else { 0 })));
    fs::remove_file(folder.path().join("s1.tif")).unwrap();
    flag.save(folder.path().join("s1.png")).unwrap();
    let message = read_images(&own).unwrap_err().to_string();
    assert!(message.contains("s2.png: is 3 pixels high and 4 wide") && message.contains("set size"), "{message}");
    let squares = ImageFolder { size: Some([2, 2]), colour: true, ..own };
    let samples = read_images(&squares).unwrap();
    assert_eq!(samples.shape(), ModalityShape::Image { channels: 3, height: 2, width: 2 });
    let expected = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert!(
        samples
            .values
            .gather(&[0])
            .unwrap()
            .row(0)
            .iter()
            .zip(expected)
            .all(|(found, expected): (&f32, f32)| (found - expected).abs() < 1e-6)
    );
}

#[test]
fn every_mistake_in_a_folder_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let message = |size| {
        let images = ImageFolder { path: folder.path().to_owned(), size, colour: false };
        let message = read_images(&images).unwrap_err().to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    assert!(message(None).contains("no images in it (png, jpg"), "{}", message(None));
    assert!(message(Some([0, 5])).contains("size = 0: from 1 to 4096 pixels"));
    fs::write(folder.path().join("a.png"), "not an image at all").unwrap();
    assert!(message(None).contains("a.png: cannot be read as an image"), "{}", message(None));
    for name in ["a.png", "a.tif"] {
        GrayImage::new(2, 2).save(folder.path().join(name)).unwrap();
    }
    assert!(message(None).contains("is for the same sample as"), "{}", message(None));
    let nowhere = ImageFolder { path: folder.path().join("nowhere"), size: None, colour: false };
    assert!(matches!(read_images(&nowhere), Err(Error::Io { .. })));
}

#[test]
fn sources_are_matched_by_their_ids_and_what_is_absent_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, text: &str| {
        let table = TableColumns { id: Some("id".to_owned()), ..table(folder.path(), name, text) };
        read_columns(&table).unwrap()
    };
    let first = read("first.csv", "id,x\nb,1\na,2\nc,\n");
    let second = read("second.csv", "id,y\nc,30\nd,40\nb,10\n");
    let sources = vec![("x".to_owned(), first.clone()), ("y".to_owned(), second)];
    let dataset = match_sources("mine", sources).unwrap();
    assert_eq!(dataset.ids().unwrap(), columns(&["b", "a", "c", "d"]));
    assert_eq!(dataset.select(&[3, 0]).unwrap().ids().unwrap(), columns(&["d", "b"]));
    let [x, y] = dataset.modalities() else { panic!("two modalities") };
    assert_eq!(x.present().unwrap(), [true, true, false, false]);
    assert_eq!(y.present().unwrap(), [true, false, true, true]);
    assert_eq!(
        (
            x.gather(&[1]).unwrap().row(0)[0],
            y.gather(&[0]).unwrap().row(0)[0],
            y.gather(&[2]).unwrap().row(0)[0],
            y.gather(&[3]).unwrap().row(0)[0]
        ),
        (2.0, 10.0, 30.0, 40.0)
    );

    let refused = |sources: Vec<(&str, &Samples)>| {
        let sources = sources.into_iter().map(|(name, samples)| (name.to_owned(), samples.clone())).collect();
        let message = match_sources("mine", sources).unwrap_err().to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    let strangers = read("strangers.csv", "id,z\n1,0\n2,0\n");
    let message = refused(vec![("x", &first), ("z", &strangers)]);
    assert!(message.contains("strangers.csv: none of its ids") && message.contains("here '1', there 'b'"), "{message}");
    let unnamed = read_columns(&table(folder.path(), "unnamed.csv", "u\n1\n2\n")).unwrap();
    let message = refused(vec![("u", &unnamed), ("x", &first)]);
    assert!(message.contains("unnamed.csv: no ids, but") && message.contains("first.csv has"), "{message}");
    let longer = read_columns(&table(folder.path(), "longer.csv", "v\n1\n2\n3\n")).unwrap();
    let message = refused(vec![("u", &unnamed), ("v", &longer)]);
    assert!(message.contains("longer.csv: 3 samples, but") && message.contains("unnamed.csv has 2"), "{message}");
    let empty = read("empty.csv", "id,x\na,1\nb,\n");
    let message = refused(vec![("x", &empty)]);
    assert!(message.contains("empty.csv: sample 'b' has no values here, nor in any other source"), "{message}");
    let same = match_sources("mine", vec![("u".to_owned(), unnamed.clone()), ("w".to_owned(), unnamed)]).unwrap();
    assert_eq!((same.n_samples(), same.ids()), (2, None));
}
