//! Folders of curves, one sample a file, and every mistake in them.

use std::fs;

use super::*;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn stress(folder: &Path) -> TableFolder {
    let columns = vec!["stress".to_owned()];
    TableFolder { path: folder.to_owned(), axis: Some("strain".to_owned()), columns, ..TableFolder::default() }
}

#[test]
fn curves_with_the_same_points_are_taken_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("s10.csv", "strain,stress,force\n0,1,7\n0.5,2,8\n2,3,9\n"),
            ("s2.csv", "force;strain;stress\n4;0;10\n5;0.5;20\n6;2;30\n"),
            ("notes.txt", "nothing"),
        ],
    );
    let samples = read_table_folder(&stress(folder.path())).unwrap();
    assert_eq!(samples.ids().unwrap(), ["s2", "s10"]);
    assert_eq!(samples.shape(), ModalityShape::Curve { channels: 1, length: 3 });
    assert_eq!(samples.table(), ndarray::array![[10.0, 20.0, 30.0], [1.0, 2.0, 3.0]]);
    assert_eq!(samples.points(), Some([0.0, 0.5, 2.0].as_slice()));
    assert_eq!(samples.axis.as_ref().map(|axis| axis.name.as_str()), Some("strain"));
    // All columns but the axis, in the order of the first file; and without an axis line by line.
    let all = read_table_folder(&TableFolder { columns: Vec::new(), ..stress(folder.path()) }).unwrap();
    assert_eq!(all.shape(), ModalityShape::Curve { channels: 2, length: 3 });
    assert_eq!(all.table().row(1), ndarray::array![7.0, 8.0, 9.0, 1.0, 2.0, 3.0]);
    let bare = read_table_folder(&TableFolder { axis: None, ..stress(folder.path()) }).unwrap();
    assert_eq!((bare.points(), &bare.table()), (None, &samples.table()));
}

#[test]
fn curves_are_brought_to_common_points_by_straight_lines() {
    let folder = tempfile::tempdir().unwrap();
    // Straight lines are kept exactly, whatever the points: stress = 1 + 2 strain, and 5 - strain.
    write(
        folder.path(),
        &[("a.csv", "strain,stress\n0,1\n0.1,1.2\n0.75,2.5\n4,9\n"), ("b.csv", "strain,stress\n-1,6\n3,2\n")],
    );
    let read =
        |points, from, to| read_table_folder(&TableFolder { points, from, to, ..stress(folder.path()) }).unwrap();
    // From where both have begun to where the first ends.
    let samples = read(Some(4), None, None);
    assert_eq!(samples.points(), Some([0.0, 1.0, 2.0, 3.0].as_slice()));
    let expected = ndarray::array![[1.0, 3.0, 5.0, 7.0], [5.0, 4.0, 3.0, 2.0_f32]];
    assert!((&samples.table() - &expected).iter().all(|error| error.abs() < 1e-6), "{}", samples.table());
    let samples = read(Some(3), Some(0.5), Some(2.5));
    assert_eq!(samples.points(), Some([0.5, 1.5, 2.5].as_slice()));
    assert!((&samples.table().row(0) - &ndarray::array![2.0, 4.0, 6.0]).iter().all(|error| error.abs() < 1e-6));
}

#[test]
fn every_mistake_in_a_folder_of_curves_is_one_line_with_its_place() {
    let said = |files: &[(&str, &str)], change: &dyn Fn(TableFolder) -> TableFolder| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        let source = Source::TableFolder(change(stress(folder.path())));
        let error = SourceReader::open(&source, "stress", None).err().unwrap().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let same = |folder: TableFolder| folder;
    let a = ("a.csv", "strain,stress\n0,1\n1,2\n");
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[], "no tables in it (csv, tsv); a file for each sample"),
        (&[("a.csv", "strain,force\n0,1\n")], "a.csv, line 1: no column 'stress'; the first line has strain, force"),
        (&[("a.csv", "strain,stress\n")], "a.csv: no points in it"),
        (&[("a.csv", "strain,stress\n0,1\n1,\n")], "a.csv, line 3: column 'stress' is empty; fill it in"),
        (&[("a.csv", "strain,stress\n%,MPa\n")], "a.csv, line 2: column 'strain': '%' is not a number"),
        (&[("a.csv", "strain,stress\n0,inf\n")], "a.csv, line 2: column 'stress': inf is not finite"),
        (&[("a.csv", "strain,stress\n0,1\n\n0,2\n")], "a.csv, line 4: column 'strain': 0 after 0; the axis"),
        (&[("a.csv", "strain,stress\n0,1\n1\n")], "a.csv, line 3: column 'stress' is empty"),
        (&[a, ("a.tsv", "strain\tstress\n0\t1\n")], "is for the same sample as"),
        (&[a, ("b.csv", "strain,stress\n0,1\n1.5,2\n")], "b.csv, line 3: column 'strain' is 1.5, but 1 in "),
        (&[a, ("b.csv", "strain,stress\n0,1\n1,2\n2,3\n")], "b.csv: 3 points, but "),
        (
            &[a, ("b.csv", "strain,load\n0,1\n1,2\n")],
            "b.csv, line 1: no column 'stress'; the first line has strain, load",
        ),
    ];
    for (files, expected) in cases {
        let said = said(files, &same);
        assert!(said.contains(expected), "{expected:?} in: {said}");
    }
    let files = [a, ("b.csv", "strain,stress\n0.5,1\n0.8,2\n")];
    let to = said(&files, &|folder| TableFolder { points: Some(5), to: Some(1.0), ..folder });
    assert!(to.contains("b.csv, line 3: 'strain' ends at 0.8, and 1 is wanted; lower to"), "{to}");
    let from = said(&files, &|folder| TableFolder { points: Some(5), from: Some(0.0), ..folder });
    assert!(from.contains("b.csv, line 2: 'strain' begins at 0.5, and 0 is wanted; raise from"), "{from}");
    let apart = [a, ("b.csv", "strain,stress\n3,1\n4,2\n")];
    let apart = said(&apart, &|folder| TableFolder { points: Some(5), ..folder });
    assert!(apart.contains("a.csv, line 3: 'strain' ends at 1, and another file begins at 3"), "{apart}");
    let one = said(&[a], &|folder| TableFolder { points: Some(1), ..folder });
    assert!(one.contains("points = 1: from 2 to 1048576"), "{one}");
    let bare = said(&[a], &|folder| TableFolder { points: Some(5), axis: None, ..folder });
    assert!(bare.contains("points = 5: curves are resampled along an axis; say axis"), "{bare}");
    let alone = said(&[a], &|folder| TableFolder { to: Some(5.0), ..folder });
    assert!(alone.contains("to = 5: goes with points"), "{alone}");
    let line_by_line = [a, ("b.csv", "stress\n1\n")];
    let line_by_line = said(&line_by_line, &|folder| TableFolder { axis: None, ..folder });
    assert!(
        line_by_line.contains("b.csv: 1 points, but ") && line_by_line.contains("say axis = ... and points"),
        "{line_by_line}"
    );
    let kind = {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[a]);
        let source = Source::TableFolder(stress(folder.path()));
        SourceReader::open(&source, "stress", Some(ModalityKind::Vector)).err().unwrap().to_string()
    };
    assert!(kind.contains("a folder of curves, but modality 'stress' has kind = \"vector\""), "{kind}");
}
