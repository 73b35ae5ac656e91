//! Files that cannot be used, and the whole of what is said of each, as docs/datasets.md has it.

use std::fs;

use ndarray_npy::NpzWriter;

use super::*;

const PAGE: &str = include_str!("../../../../docs/datasets.md");

/// What is said of a source, without the folder of the test; the page must have it word for word.
#[track_caller]
fn told(folder: &Path, source: &Source, kind: Option<ModalityKind>, expected: &str) {
    let error = match SourceReader::open(source, "pixels", kind) {
        Err(error) => error,
        Ok(mut reader) => reader.next(1 << 20).expect_err("a mistake"),
    };
    let said = error.to_string().replace(&format!("{}/", folder.display()), "");
    assert_eq!(said, expected);
    let quoted = if said.contains('`') { format!("`` {said} ``") } else { format!("`{said}`") };
    assert!(PAGE.contains(&format!("| {quoted} |")), "docs/datasets.md has no row with {quoted}");
}

fn table(folder: &Path, name: &str) -> Source {
    let id = Some("sample".to_owned());
    Source::Table(TableColumns { path: folder.join(name), id, ..TableColumns::default() })
}

#[test]
fn tables_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let is_told = |text: &[u8], expected: &str| {
        fs::write(folder.join("chemistry.csv"), text).unwrap();
        told(folder, &table(folder, "chemistry.csv"), None, expected);
    };
    is_told(
        b"sample,Fe,Ni\nS1,1,2,3\n",
        "chemistry.csv, line 2: 4 cells, but the heading has 3; quote a text that has a comma, or separate all cells by semicolons if numbers have decimal commas",
    );
    is_told(
        b"sample,Fe,Ni\nS1,1\n",
        "chemistry.csv, line 2: 2 cells, but the heading has 3; fill the line in, or leave the cells of what was not measured empty (a,,)",
    );
    is_told(
        b"Chemistry of the second batch\nsample,Fe,Ni\nS1,1,2\n",
        "chemistry.csv, line 1: no column 'sample'; the first line has Chemistry of the second batch: if that is a title, remove it; the first line names the columns",
    );
    is_told(
        b"sample,Fe,Ni\n,wt%,wt%\nS1,1,2\n",
        "chemistry.csv, line 2: column 'sample' is empty; every sample needs an id, and a line of units is none",
    );
    is_told(
        b"sample,Fe,Ni\n-,wt%,wt%\nS1,1,2\n",
        "chemistry.csv, line 2: no numbers in it ('wt%'); if it says units, remove it and say units = \"wt%\" in the modality",
    );
    is_told(
        b"sample Fe Ni\n1 1 2\n",
        "chemistry.csv: its cells are separated by spaces; separate them by commas, semicolons or tabs",
    );
    is_told(b"\xff\xfes\0a\0", "chemistry.csv: is UTF-16; save it as UTF-8 (in Excel: \"CSV UTF-8\")");
    is_told(
        b"sample,Fe\nM\xfcller,1\n",
        "chemistry.csv, line 2: a letter that is not UTF-8; save the file as UTF-8 (in Excel: \"CSV UTF-8\"), or write the letter otherwise",
    );
    is_told(
        b"sample\tFe\nS1\t1,500\n",
        "chemistry.csv, line 2: column 'Fe': '1,500' has a comma; write 1.500, or separate all cells by semicolons if it is a decimal comma",
    );
    fs::write(folder.join("chemistry.xlsx"), "").unwrap();
    told(folder, &table(folder, "chemistry.xlsx"), None, "chemistry.xlsx: spreadsheets are not read; save it as CSV");
}

#[test]
fn of_many_columns_some_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let heading: Vec<String> = (0..41).map(|k| format!("c{k}")).collect();
    fs::write(folder.path().join("a.csv"), heading.join(",") + "\n").unwrap();
    let said = SourceReader::open(&table(folder.path(), "a.csv"), "a", None).err().unwrap().to_string();
    assert!(
        said.ends_with(
            "no column 'sample'; the first line has c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, ... (41 in all)"
        ),
        "{said}"
    );
}

#[test]
fn decimal_commas_are_read_where_they_can_be_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "sample;Fe;Ni\nS1;1,5;2\nS2;0,125;\"3,25\"\n").unwrap();
    let mut reader = SourceReader::open(&table(folder.path(), "a.csv"), "a", None).unwrap();
    assert_eq!(reader.next(9).unwrap().unwrap().values, [1.5, 2.0, 0.125, 3.25]);
    // The index that pandas writes is no value.
    fs::write(folder.path().join("b.csv"), ",Fe,Ni\n0,1.5,2\n1,2.5,3\n").unwrap();
    let source = Source::Table(TableColumns { path: folder.path().join("b.csv"), ..TableColumns::default() });
    assert_eq!(SourceReader::open(&source, "b", None).unwrap().next(9).unwrap().unwrap().values, [1.5, 2.0, 2.5, 3.0]);
}

#[test]
fn paths_that_lead_nowhere_or_to_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("chemistry.csv"), "sample,Fe\nS1,1\n").unwrap();
    fs::create_dir(folder.join("photographs")).unwrap();
    fs::write(folder.join("photographs/S1.png"), "").unwrap();
    told(
        folder,
        &table(folder, "chemsitry.csv"),
        None,
        "chemsitry.csv: No such file or folder; did you mean 'chemistry.csv'? Paths are relative to the config file",
    );
    told(
        folder,
        &table(folder, "photographs"),
        None,
        "photographs: is a folder; say kind = \"image-folder\", or name a file in it",
    );
    let images = Source::ImageFolder(ImageFolder { path: folder.join("photographs/*.png"), size: None, colour: false });
    told(
        folder,
        &images,
        None,
        "photographs/*.png: a path has no wildcards; name the folder, and all its files are read",
    );
    let images = Source::ImageFolder(ImageFolder { path: folder.join("chemistry.csv"), size: None, colour: false });
    told(folder, &images, None, "chemistry.csv: is no folder; for a single file choose another kind of source");
    let npz = Source::Npz(NpzArray { path: folder.join("chemistry.csv"), ..NpzArray::default() });
    told(folder, &npz, None, "chemistry.csv: is no .npz; say kind = \"table\"");
}

#[test]
fn arrays_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let npy = |descriptor: &str, shape: &str| {
        let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16 + 1).to_le_bytes());
        bytes.extend(header.bytes().chain(*b"\n..."));
        fs::write(folder.join("stress.npy"), bytes).unwrap();
        Source::Npy(NpyFile { path: folder.join("stress.npy"), ..NpyFile::default() })
    };
    told(
        folder,
        &npy("|O", "(77,)"),
        None,
        "stress.npy: holds Python objects, as lists of unequal length become; bring all samples to one length, then save numbers",
    );
    told(
        folder,
        &npy("<c16", "(77, 4)"),
        None,
        "stress.npy: holds complex numbers; save their real and imaginary parts, or their absolute values (numpy.abs)",
    );
    let mut npz = NpzWriter::new(fs::File::create(folder.join("photos.npz")).unwrap());
    npz.add_array("pixels", &ndarray::Array3::<f32>::zeros((90, 28, 28))).unwrap();
    npz.finish().unwrap();
    told(
        folder,
        &Source::Npz(NpzArray { path: folder.join("photos.npz"), ..NpzArray::default() }),
        None,
        "photos.npz: array 'pixels': its shape is [90, 28, 28]: say kind = \"image\" if a sample is 28 by 28 pixels, or kind = \"curve\" if it is 28 curves of 28 points",
    );
}

#[test]
fn curves_that_do_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("curves")).unwrap();
    let curve = |name: &str, points: &[(f64, f64)]| {
        let mut text = "strain,stress\n".to_owned();
        points.iter().for_each(|(strain, stress)| text += &format!("{strain},{stress}\n"));
        fs::write(folder.path().join(format!("curves/{name}.csv")), text).unwrap();
    };
    let of = |points: Option<usize>, to: Option<f64>| {
        let (path, axis) = (folder.path().join("curves"), Some("strain".to_owned()));
        Source::TableFolder(TableFolder { path, axis, points, to, ..TableFolder::default() })
    };
    let told = |source: &Source, expected: &str| told(folder.path(), source, None, expected);
    curve("S1", &[(0.0, 0.0), (0.1, 10.0), (4.0, 12.0)]);
    curve("S7", &[(0.0, 0.0), (0.11, 10.0), (3.8, 12.0)]);
    told(
        &of(None, None),
        "curves/S7.csv, line 3: column 'strain' is 0.11, but 0.1 in curves/S1.csv; say points = ..., a number of points to which all curves are brought",
    );
    told(
        &of(Some(9), Some(4.0)),
        "curves/S7.csv, line 4: 'strain' ends at 3.8, and 4 is wanted; lower to, or leave it out",
    );
    curve("S7", &[(0.0, 0.0), (1.1, 10.0), (0.9, 12.0)]);
    told(
        &of(Some(9), None),
        "curves/S7.csv, line 4: column 'strain': 0.9 after 1.1; the axis of a curve increases: remove the line, or what lies before it",
    );
}

#[test]
fn images_of_floats_are_told_with_what_to_save() {
    let folder = tempfile::tempdir().unwrap();
    // One strip of 1 by 1 pixels, a 32-bit float: tag, type (3: short, 4: long), count, value.
    let tags: [(u16, u16, u32); 10] = [
        (256, 3, 1),
        (257, 3, 1),
        (258, 3, 32),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, 4),
        (339, 3, 3),
    ];
    let mut bytes = b"II*\0\x0c\0\0\0".to_vec();
    bytes.extend(0.5_f32.to_le_bytes());
    bytes.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, value) in tags {
        bytes.extend(tag.to_le_bytes().into_iter().chain(kind.to_le_bytes()));
        bytes.extend(1_u32.to_le_bytes().into_iter().chain(value.to_le_bytes()));
    }
    bytes.extend([0; 4]);
    fs::write(folder.path().join("4.tif"), bytes).unwrap();
    let images = Source::ImageFolder(ImageFolder { path: folder.path().to_owned(), size: None, colour: false });
    let said = SourceReader::open(&images, "images", None).err().unwrap().to_string();
    assert!(said.contains("4.tif: cannot be read as an image: "), "{said}");
    assert!(said.ends_with("save it with 8 or 16 bits a pixel, or the images as an array by numpy.savez"), "{said}");
}
