//! Tests of users' files: every format says the same, and what is wrong is named with file and row.

use std::fs;

use ndarray::{Array1, Array2, Axis, array};
use ndarray_npy::{NpzWriter, write_npy};
use tempfile::TempDir;

use super::*;

/// Two spectra of three values.
fn spectra() -> Array2<f64> {
    array![[0.0, 0.5, 0.25], [1.0, 0.0, 2.0]]
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, spectra: &str, stress: &str) -> Result<Dataset> {
        let files = SpectraFiles { spectra: self.path(spectra), stress: self.path(stress), ..SpectraFiles::default() };
        load_spectra(&files)
    }

    /// The error, without the folder it happens to be in.
    fn problem(&self, spectra: &str, stress: &str) -> String {
        let text = self.load(spectra, stress).unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn assert_is_ours(data: &Dataset) {
    assert_eq!(data.modality("spectrum").unwrap().values().unwrap(), spectra().mapv(|x| x as f32));
    assert_eq!(data.modality("spectrum").unwrap().shape(), ModalityShape::Curve { channels: 1, length: 3 });
    assert_eq!(data.modality("stress").unwrap().values().unwrap(), array![[-1.5_f32], [3.0]]);
}

#[test]
fn every_format_says_the_same() {
    let files = Files::new();
    files.text("plain.csv", "-1.5\n3\n");
    files.text("stress.csv", "id, Stress ,x\na,-1.5,7\n\nb,3,8\n");
    files.text("table.csv", "0,0.5,0.25\n1, 0, 2\n");
    files.text("heading.csv", "low,middle,high\n0,0.5,0.25\n1,0,2\n");
    write_npy(files.path("table.npy"), &spectra()).unwrap();
    let mut npz = NpzWriter::new(fs::File::create(files.path("table.npz")).unwrap());
    npz.add_array("id", &array![1_i64, 2]).unwrap();
    npz.add_array("dos", &spectra().mapv(|x| x as f32).insert_axis(Axis(1))).unwrap();
    npz.finish().unwrap();
    for table in ["table.csv", "heading.csv", "table.npy", "table.npz"] {
        assert_is_ours(&files.load(table, "plain.csv").unwrap());
        assert_is_ours(&files.load(table, "stress.csv").unwrap());
    }
    let named = SpectraFiles {
        spectra: files.path("table.npz"),
        array: Some("id".to_owned()),
        stress: files.path("stress.csv"),
        stress_column: Some("x".to_owned()),
        stress_units: "GPa".to_owned(),
    };
    assert!(load_spectra(&named).unwrap_err().to_string().ends_with("an array of shape [2] is not (spectra, length)"));
    let named = SpectraFiles { array: Some("dos".to_owned()), ..named };
    let data = load_spectra(&named).unwrap();
    assert_eq!(data.modality("stress").unwrap().values().unwrap(), array![[7.0_f32], [8.0]]);
    assert_eq!((data.name(), data.modality("stress").unwrap().units()), ("table", "GPa"));
    let other = SpectraFiles { array: Some("vdos".to_owned()), ..named };
    let text = load_spectra(&other).unwrap_err().to_string();
    assert!(text.ends_with("no array 'vdos'; it has id, dos") || text.ends_with("it has dos, id"), "{text}");
}

#[test]
fn a_folder_has_a_file_a_spectrum() {
    let files = Files::new();
    files.text("dos/s2.csv", "f,dos\n1,0\n2,0.5\n3,0.25\n");
    files.text("dos/s10.csv", "1,1\n2,0\n3,2\n");
    files.text("dos/notes.txt", "not a spectrum");
    files.text("dos/stress.csv", "stress\n-1.5\n3\n");
    files.text("by-name.csv", "file,pressure\ns10.csv,3\ns2.csv,-1.5\n");
    let data = files.load("dos", "dos/stress.csv").unwrap();
    assert_is_ours(&data);
    assert_eq!(data.modality("spectrum").unwrap().axis().unwrap().points, [1.0, 2.0, 3.0]);
    fs::remove_file(files.path("dos/stress.csv")).unwrap();
    assert_is_ours(&files.load("dos", "by-name.csv").unwrap().select(&[1, 0]).unwrap());

    files.text("plain.csv", "-1.5\n3\n");
    files.text("dos/s10.csv", "1,1\n2.5,0\n3,2\n");
    assert!(files.problem("dos", "plain.csv").starts_with("dos/s10.csv: other frequencies than "));
    files.text("dos/s10.csv", "1,1\n2,0\n");
    assert_eq!(files.problem("dos", "plain.csv"), "dos/s10.csv: 2 values, but dos/s2.csv has 3");
    files.text("dos/s10.csv", "1,1\n2\n");
    assert!(files.problem("dos", "plain.csv").starts_with("dos/s10.csv, line 2: 1 values, where"));
    fs::remove_file(files.path("dos/s10.csv")).unwrap();
    write_npy(files.path("dos/s10.npy"), &Array1::from(vec![1.0, 0.0, 2.0])).unwrap();
    assert!(files.problem("dos", "by-name.csv").starts_with("by-name.csv, line 2: there is no spectrum 's10.csv'"));
    files.text("by-name.csv", "file,pressure\ns2.csv,-1.5\n");
    assert_eq!(files.problem("dos", "by-name.csv"), "dos/s10.npy: the file of stresses does not name it");
    fs::create_dir(files.path("empty")).unwrap();
    assert_eq!(files.problem("empty", "plain.csv"), "empty: no .npy and no .csv file in it");
}

#[test]
fn bad_spectra_are_named_with_file_and_row() {
    let files = Files::new();
    files.text("stress.csv", "stress\n1\n2\n");
    for (text, says) in [
        ("1,2,3\n4,5\n", "t.csv, line 2: 2 values, but line 1 has 3"),
        ("a,b\n1,2\n\n3,-0.5\n", "t.csv, line 4: column 1 (from 0): -0.5 is negative; a density of states cannot be"),
        ("1,2\n3,NaN\n", "t.csv, line 2: column 1 (from 0): NaN is not finite"),
        ("1,2\n3,x y\n", "t.csv, line 2: column 1 (from 0): 'x y' is not a number"),
        ("1,2\n3,\n", "t.csv, line 2: column 1 (from 0): '' is not a number"),
        ("a,b\n", "t.csv: no numbers in it"),
        ("", "t.csv: no numbers in it"),
        ("1,2\n3,4\n5,6\n", "stress.csv: 2 stresses, but t.csv has 3 spectra"),
    ] {
        files.text("t.csv", text);
        assert_eq!(files.problem("t.csv", "stress.csv"), says);
    }
    write_npy(files.path("t.npy"), &array![[1.0, 2.0], [f64::NAN, 1.0]]).unwrap();
    assert_eq!(files.problem("t.npy", "stress.csv"), "t.npy, row 1: column 0 (from 0): NaN is not finite");
    write_npy(files.path("t.npy"), &array![1.0, 2.0]).unwrap();
    assert_eq!(files.problem("t.npy", "stress.csv"), "t.npy: an array of shape [2] is not (spectra, length)");
    files.text("t.npy", "hello");
    assert!(files.problem("t.npy", "stress.csv").starts_with("t.npy: "));
    files.text("t.dat", "1 2 3");
    assert!(files.problem("t.dat", "stress.csv").contains("is a .npz, .npy or .csv file"));
    assert!(matches!(files.load("absent.csv", "stress.csv"), Err(Error::Io { .. })));
}

#[test]
fn bad_stresses_are_named_with_file_and_row() {
    let files = Files::new();
    files.text("t.csv", "1,2\n3,4\n");
    for (text, says) in [
        ("stress\n1\nhigh\n", "s.csv, line 3: column 'stress': 'high' is not a number"),
        ("stress\n1\ninf\n", "s.csv, line 3: column 'stress': inf is not finite"),
        ("a,stress\n1,2\n3\n", "s.csv, line 3: 1 cells, but the lines before have 2"),
        ("a,b\n1,2\n3,4\n", "s.csv, line 1: no column 'stress'; there are a, b"),
        ("1,2\n3,4\n", "s.csv, line 1: 2 columns and no heading that says which is the stress"),
        ("stress\n", "s.csv: no stresses in it"),
        ("stress\n1\n2\n3\n", "s.csv: 3 stresses, but t.csv has 2 spectra"),
    ] {
        files.text("s.csv", text);
        assert_eq!(files.problem("t.csv", "s.csv"), says);
    }
}

#[test]
fn names_sort_by_their_numbers() {
    let mut names = ["s10.csv", "s9.csv", "s010.csv", "a2b10", "a2b9", "s.csv"];
    names.sort_by_cached_key(|name| natural(OsStr::new(name)));
    assert_eq!(names, ["a2b9", "a2b10", "s.csv", "s9.csv", "s010.csv", "s10.csv"]);
}
