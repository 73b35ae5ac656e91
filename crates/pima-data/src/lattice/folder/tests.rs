//! Folders of lattices: good ones read as they should be, bad ones refused with the file and the line.

use image::{GrayImage, Luma, Rgb, RgbImage};

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A grey photograph whose quadrants have the brightnesses 0.2, 0.4, 0.6 and 0.8.
    fn photograph(&self, name: &str, width: u32, height: u32) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let quadrant = |x: u32, y: u32| 1 + u8::from(2 * x >= width) + 2 * u8::from(2 * y >= height);
        GrayImage::from_fn(width, height, |x, y| Luma([51 * quadrant(x, y)])).save(path).unwrap();
        self
    }

    /// A specimen with a photograph and a curve of 500 MPa a unit of strain up to 0.2.
    fn specimen(&self, name: &str) -> &Self {
        self.photograph(&format!("{name}.png"), 40, 40)
            .write(&format!("{name}.csv"), "strain,stress\n0,0\n0.05,25\n0.1,50\n0.2,100\n")
    }

    fn load(&self, options: &LatticeFolder) -> Result<LoadedLattices> {
        load_lattices(self.0.path(), options)
    }

    fn refused(&self, options: &LatticeFolder) -> String {
        let text = self.load(options).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }
}

fn options() -> LatticeFolder {
    LatticeFolder { side: 20, points: 11, ..LatticeFolder::default() }
}

#[test]
fn specimens_become_rows_quadrant_by_quadrant() {
    let folder = Folder::new();
    folder.specimen("b").specimen("a").write("notes.txt", "not data");
    let loaded = folder.load(&options()).unwrap();
    assert_eq!(loaded.names, ["a", "b"]);
    let data = &loaded.dataset;
    assert_eq!((data.n_samples(), data.labels()), (32, None));
    assert_eq!(data.groups().unwrap()[..17], [[0; 16].as_slice(), &[1]].concat()[..]);
    let images = data.modality("image").unwrap();
    for (row, value) in [(0, 0.2), (3, 0.2), (4, 0.4), (8, 0.6), (12, 0.8), (31, 0.8)] {
        assert!(images.gather(&[row]).unwrap().row(0).iter().all(|x| (x - value).abs() < 1e-6), "row {row}");
    }
    let curves = data.modality("stress").unwrap();
    let expected: Vec<f32> = (0..11).map(|j| 10.0 * j as f32).collect();
    assert!(
        curves.gather(&[20]).unwrap().row(0).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5),
        "{}",
        curves.gather(&[20]).unwrap().row(0)
    );
    assert_eq!((curves.units(), curves.axis().unwrap().points[10]), ("MPa", 0.2));
    assert!(matches!(loaded.notes[..], [LatticeNote::Shortest { strain: 0.2, .. }]), "{:?}", loaded.notes);
    let plain = folder.load(&LatticeFolder { flips: false, max_strain: Some(0.1), ..options() }).unwrap();
    assert_eq!((plain.dataset.n_samples(), plain.notes.len()), (8, 0));
}

#[test]
fn colour_size_and_format_are_dealt_with_and_said() {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        folder.write(&format!("curves/{name}.csv"), "0,0\n0.01,5\n0.02,6\n0.03,7\n");
    }
    // Red has a luminance of about 0.21.
    let place = |name: &str| {
        let path = folder.0.path().join("images").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    RgbImage::from_pixel(100, 60, Rgb([255, 0, 0])).save(place("a.tiff")).unwrap();
    GrayImage::from_pixel(40, 40, Luma([102])).save(place("b.jpg")).unwrap();
    image::ImageBuffer::<Luma<u16>, _>::from_pixel(80, 80, Luma([32768])).save(place("c.png")).unwrap();
    let loaded = folder.load(&options()).unwrap();
    let images = loaded.dataset.modality("image").unwrap();
    for (row, value, tolerance) in [(0, 0.2126, 0.01), (16, 0.4, 0.01), (32, 0.5, 1e-4)] {
        assert!(
            images.gather(&[row]).unwrap().row(0).iter().all(|x| (x - value).abs() < tolerance),
            "{}",
            images.gather(&[row]).unwrap().row(0)[0]
        );
    }
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[1].contains("a.tiff: in colour, converted to grey"), "{notes:?}");
    assert!(notes[2].contains("a.tiff: 100x60 pixels, the middle square was kept"), "{notes:?}");
}

#[test]
fn a_missing_half_is_refused_or_marked() {
    let folder = Folder::new();
    folder.specimen("a").photograph("only.png", 40, 40).write("blind.csv", "0,0\n0.1,50\n0.2,90\n0.3,95\n");
    let text = folder.refused(&options());
    assert!(text.contains("blind.csv: specimen 'blind' has no photograph"), "{text}");
    let loaded = folder.load(&LatticeFolder { allow_missing: true, ..options() }).unwrap();
    let (images, curves) = (&loaded.dataset.modalities()[0], &loaded.dataset.modalities()[1]);
    // a: 16 rows, blind: one row, only: 16 rows.
    assert_eq!(loaded.dataset.n_samples(), 33);
    assert!(images.is_present(0) && curves.is_present(0));
    assert!(!images.is_present(16) && curves.is_present(16));
    assert!(images.is_present(17) && !curves.is_present(17));
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    assert!(notes.contains(&"specimen 'only' has no curve".to_owned()), "{notes:?}");
}

#[test]
fn images_that_are_none_are_named() {
    let folder = Folder::new();
    folder.specimen("a").photograph("small.png", 19, 300).write("small.csv", "0,0\n0.1,50\n0.2,90\n0.3,95\n");
    let text = folder.refused(&options());
    assert!(text.contains("small.png: is 19x300 pixels"), "{text}");
    folder.write("small.png", "\u{89}PNG but no more");
    let text = folder.refused(&options());
    assert!(text.contains("small.png: cannot be read as an image"), "{text}");
    fs::remove_file(folder.0.path().join("small.png")).unwrap();
    folder.photograph("small.png", 40, 40).photograph("small.tif", 40, 40);
    let text = folder.refused(&options());
    assert!(text.contains("small.tif: is for the same specimen as") && text.contains("small.png"), "{text}");
    let text = Folder::new().refused(&options());
    assert!(text.contains("no photographs (png, jpg, jpeg, tif, tiff) and no curves (csv) here"), "{text}");
    let text = load_lattices(Path::new("no/such/folder"), &options()).unwrap_err().to_string();
    assert!(text.starts_with("no/such/folder: "), "{text}");
}

/// What is said about a curve of this content.
fn said(content: &str, options: &LatticeFolder) -> String {
    let folder = Folder::new();
    folder.photograph("a.png", 40, 40).write("a.csv", content);
    folder.refused(options)
}

#[test]
fn curves_that_are_none_are_named_with_their_line() {
    let plain = options();
    let cases = [
        ("strain,stress\n0,0\n0.1,50\n0.1,60\n0.2,70\n", "a.csv, line 4: strain 0.1 does not increase from 0.1"),
        ("0,0\n0.1,50\n0.05,60\n0.2,70\n", "a.csv, line 3: strain 0.05 does not increase"),
        ("0,0\n0.1,50\n0.2,many\n0.3,70\n", "a.csv, line 3: stress is 'many', not a finite number"),
        ("0,0\n0.1,50\n0.2\n0.3,70\n", "a.csv, line 3: has no stress in column 2"),
        ("0,0\n0.1,NaN\n0.2,60\n0.3,70\n", "a.csv, line 2: stress is 'NaN'"),
        ("# strain in one column\nstrain\n0\n", "a.csv, line 2: needs two columns"),
        ("0,0\n0.1,50\n0.2,60\n", "a.csv: holds 3 points"),
        ("", "a.csv: holds 0 points"),
        ("0,0\n5,50\n10,60\n15,70\n", "a.csv, line 4: strain reaches 15: is it in per cent?"),
        ("0,0\n0.0001,1\n0.0002,2\n0.0003,3\n", "a.csv, line 4: strain ends at 0.0003: is its unit right?"),
        ("strain [%],stress\n0,0\n", "a.csv, line 1: the heading 'strain [%]' says per cent"),
        ("strain,stress (GPa)\n0,0\n", "the heading 'stress (GPa)' says GPa, but the option stress is MPa"),
        ("0,0\n0.1,5e7\n0.2,6e7\n0.3,7e7\n", "a.csv, line 4: stress reaches 70000000 MPa"),
        ("0,0\n0.1,1e-5\n0.2,2e-5\n0.3,3e-5\n", "a.csv, line 4: stress never exceeds 0.00003 MPa"),
        ("0,0\n0.001,5000\n0.002,6000\n0.003,6100\n", "stiffer than any solid"),
        (
            "0.1,10\n0.15,50\n0.2,60\n0.3,70\n",
            "a.csv, line 1: strain starts at 0.1: the beginning of the curve is missing",
        ),
        ("0,0\n-0.01,-10\n-0.02,-20\n-0.03,-21\n", "a.csv, line 2: strain -0.01 does not increase"),
        (
            "-0.01,-10\n-0.02,-20\n-0.03,-21\n",
            "a.csv, line 2: strain goes down to -0.02: if compression is counted as negative",
        ),
        ("0,0\n0.1,-10\n0.2,-20\n0.3,-21\n", "stress is never above zero"),
    ];
    for (content, expected) in cases {
        let text = said(content, &plain);
        assert!(text.contains(expected), "{content:?}: {text}");
    }
    let percent = LatticeFolder { percent: true, ..options() };
    let text = said("0,0\n0.02,5\n0.04,9\n0.06,9\n", &percent);
    assert!(text.contains("strain ends at 0.0006") && text.contains("no per cent after all"), "{text}");
    let long = LatticeFolder { max_strain: Some(0.5), ..options() };
    let text = said("0,0\n0.1,50\n0.2,60\n0.3,70\n", &long);
    assert!(text.contains("a.csv, line 4: ends at strain 0.3, before max_strain = 0.5"), "{text}");
}

#[test]
fn units_signs_separators_and_columns_are_understood() {
    let curve = |content: &str, options: &LatticeFolder| {
        let folder = Folder::new();
        folder.photograph("a.png", 40, 40).write("a.csv", content);
        folder.load(options).unwrap().dataset.modality("stress").unwrap().gather(&[0]).unwrap().row(0).to_vec()
    };
    let expected = curve("0,0\n0.01,10\n0.02,15\n0.04,16\n", &options());
    assert!((expected[10] - 16.0).abs() < 1e-5 && (expected[5] - 15.0).abs() < 1e-5, "{expected:?}");
    let percent = LatticeFolder { percent: true, stress: StressUnit::KiloPascal, ..options() };
    let negative = LatticeFolder { compression_negative: true, ..options() };
    let others = [
        ("\u{feff}Stress [MPa];comment;Strain\n0,0;x;0\n10,0;y;0,01\n15;;0,02\n16;;0,04\n", options()),
        ("# machine 7\nstrain\tstress\n0\t0\n0,01\t10\n\n0,02\t15\n0,04\t16\n", options()),
        ("strain (%),stress (kPa)\n0,0\n1,10000\n2,15000\n4,16000\n", percent),
        ("0,0\n-0.01,-10\n-0.02,-15\n-0.04,-16\n", negative),
        // A curve that starts a little late begins at the origin all the same.
        ("0.001,1\n0.01,10\n0.02,15\n0.04,16\n", options()),
    ];
    for (content, options) in others {
        let found = curve(content, &options);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{content:?}: {found:?}");
    }
}

#[test]
fn labels_come_from_their_file_and_must_be_complete() {
    let folder = Folder::new();
    folder.specimen("a").specimen("b").specimen("c").write("labels.csv", "name,label\nb,gyroid\na,octet\nc,gyroid\n");
    let loaded = folder.load(&options()).unwrap();
    let labels = loaded.dataset.labels().unwrap();
    assert_eq!(labels.names(), ["gyroid", "octet"]);
    assert_eq!((labels.values()[0], labels.values()[16], labels.values()[47]), (1, 0, 0));
    for (content, expected) in [
        ("a,octet\nb,gyroid\n", "labels.csv: no label for specimen 'c'"),
        ("a,octet\nb,gyroid\nd,octet\n", "labels.csv, line 3: there is no specimen 'd'"),
        ("a,octet\na,gyroid\n", "labels.csv, line 2: specimen 'a' has a label already"),
        ("a,octet\nb\n", "labels.csv, line 2: needs a name and a label"),
    ] {
        let text = folder.write("labels.csv", content).refused(&options());
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn options_are_read_from_a_configuration_and_checked() {
    let text = r#"{"side":64,"stress":"kPa","percent":true,"allow_missing":true}"#;
    let options: LatticeFolder = serde_json::from_str(text).unwrap();
    assert_eq!((options.side, options.stress, options.points), (64, StressUnit::KiloPascal, 100));
    assert!(serde_json::from_str::<LatticeFolder>(r#"{"sides":64}"#).is_err());
    let refused = |options| load_lattices(Path::new("."), &options).unwrap_err().to_string();
    assert!(refused(LatticeFolder { points: 2, ..self::options() }).starts_with("points = 2"));
    assert!(refused(LatticeFolder { side: 0, ..self::options() }).starts_with("side = 0"));
    assert!(refused(LatticeFolder { max_strain: Some(-1.0), ..self::options() }).starts_with("max_strain = -1"));
}
