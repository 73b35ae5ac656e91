//! Folders of lattices: good ones read as they should be, bad ones refused with the file and the line.

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage};

use super::*;

pub(super) struct Folder(pub(super) tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn write(&self, name: &str, content: &str) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A grey photograph whose quadrants have the brightnesses 0.2, 0.4, 0.6 and 0.8.
    pub(super) fn photograph(&self, name: &str, width: u32, height: u32) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let quadrant = |x: u32, y: u32| 1 + u8::from(2 * x >= width) + 2 * u8::from(2 * y >= height);
        GrayImage::from_fn(width, height, |x, y| Luma([51 * quadrant(x, y)])).save(path).unwrap();
        self
    }

    /// A specimen with a photograph and a curve of 500 MPa a unit of strain up to 0.2.
    pub(super) fn specimen(&self, name: &str) -> &Self {
        self.photograph(&format!("{name}.png"), 40, 40)
            .write(&format!("{name}.csv"), "strain,stress\n0,0\n0.05,25\n0.1,50\n0.2,100\n")
    }

    pub(super) fn load(&self, options: &LatticeFolder) -> Result<LoadedLattices> {
        load_lattices(self.0.path(), options)
    }

    pub(super) fn refused(&self, options: &LatticeFolder) -> String {
        let folder = format!("{}/", self.0.path().display());
        let text = self.load(options).unwrap_err().to_string().replace(&folder, "");
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }
}

pub(super) fn options() -> LatticeFolder {
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
    assert!(
        matches!(loaded.notes[..], [LatticeNote::Reach { .. }, LatticeNote::Shortest { strain: 0.2, .. }]),
        "{:?}",
        loaded.notes
    );
    let plain = folder.load(&LatticeFolder { flips: false, max_strain: Some(0.1), ..options() }).unwrap();
    assert_eq!((plain.dataset.n_samples(), plain.notes.len()), (8, 1));
}

#[test]
fn colour_size_and_format_are_dealt_with_and_said() {
    let folder = Folder::new();
    for name in ["a", "b", "c", "d"] {
        folder.write(&format!("curves/{name}.csv"), "0,0\n0.01,5\n0.02,6\n0.03,7\n");
    }
    // Red has a luminance of about 0.21.
    let place = |name: &str| {
        let path = folder.0.path().join("images").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    // Dark below the middle: none is blank.
    let red = |_: u32, y: u32| Rgb([if y < 30 { 255 } else { 0 }, 0, 0]);
    RgbImage::from_fn(100, 60, red).save(place("a.tiff")).unwrap();
    RgbImage::from_fn(100, 60, red).save(place("d.png")).unwrap();
    let grey = |_: u32, y: u32| Luma([if y < 16 { 102 } else { 0 }]);
    GrayImage::from_fn(32, 32, grey).save(place("b.jpg")).unwrap();
    let deep = |_: u32, y: u32| Luma([if y < 40 { 32768 } else { 0 }]);
    image::ImageBuffer::<Luma<u16>, _>::from_fn(80, 80, deep).save(place("c.png")).unwrap();
    let loaded = folder.load(&options()).unwrap();
    let images = loaded.dataset.modality("image").unwrap();
    for (row, value, tolerance) in [(0, 0.2126, 0.01), (16, 0.4, 0.02), (32, 0.5, 1e-4)] {
        // But for the edge to the dark half, which is blurred.
        let upper = images.gather(&[row]).unwrap().row(0).to_vec();
        assert!(upper[..20 * 17].iter().all(|x| (x - value).abs() < tolerance), "{row}: {upper:?}");
    }
    let notes: Vec<String> =
        loaded.notes.iter().map(|note| note.to_string().replace(folder.0.path().to_str().unwrap(), "")).collect();
    assert_eq!(
        notes[2..],
        [
            "2 photographs in colour, converted to grey (the first: /images/a.tiff)",
            "2 photographs not square, the middle was kept (the first: /images/a.tiff, 100x60 pixels)",
            "1 photograph smaller than 40x40 pixels, enlarged (/images/b.jpg, 32x32); a smaller side in [data.lattice_folder] keeps what they show",
        ]
    );
}

#[test]
fn what_curves_reach_is_always_said_and_what_is_strange_about_them() {
    let notes = |curves: &[&str], options: &LatticeFolder| -> Vec<String> {
        let folder = Folder::new();
        for (k, curve) in curves.iter().enumerate() {
            folder.photograph(&format!("{k}.png"), 40, 40).write(&format!("{k}.csv"), curve);
        }
        let loaded = folder.load(options).unwrap();
        loaded
            .notes
            .iter()
            .map(|note| note.to_string().replace(&format!("{}/", folder.0.path().display()), ""))
            .collect()
    };
    let (stiff, stiffer) = ("0,0\n0.01,14\n0.02,20\n0.0616,38\n", "0,0\n0.01,19\n0.02,20\n0.06,30\n");
    let whole = LatticeFolder { max_strain: Some(0.005), ..options() };
    assert_eq!(
        notes(&[stiff, stiffer], &whole),
        ["strain to 0.0616 and stress to 38 MPa (read as fractions and MPa); initial slopes 1400 to 1900 MPa"]
    );
    let percent = LatticeFolder { percent: true, stress: StressUnit::KiloPascal, ..whole.clone() };
    assert_eq!(
        notes(&["strain [%];stress [kPa]\n0;0\n1;14000\n2;20000\n6;38000\n"], &percent),
        ["strain to 0.06 and stress to 38 MPa (read as per cent and kPa); initial slopes 1400 MPa"]
    );
    let soft = notes(&["0,0\n0.01,0.05\n0.02,0.1\n0.06,0.3\n"], &whole);
    assert!(
        soft[1].starts_with(
            "as soft as rubber, or pressed together like a foam (median initial slope 5 MPa, stress to 0.3 MPa"
        ),
        "{soft:?}"
    );
    assert!(notes(&["0,0\n0.01,15\n0.02,20\n0.6,30\n"], &whole)[1].contains("strain to 0.6): if that cannot be"));
    let offset = "0,3\n0.01,17\n0.02,23\n0.06,40\n";
    assert_eq!(
        notes(&[stiff, offset, offset], &whole)[1],
        "2 curves do not begin at zero stress (the first: 1.csv, 3 MPa at strain 0): moduli will be wrong, for the laws pass through the origin; \
         subtract the offset"
    );
    // On the way from below zero, and before the first point.
    assert!(notes(&["-0.01,0\n0.01,10\n0.02,20\n0.06,30\n"], &whole)[1].contains("(0.csv, 5 MPa at strain 0)"));
    assert!(notes(&["0.001,11\n0.005,15\n0.02,20\n0.06,30\n"], &whole)[1].contains("(0.csv, 10 MPa at strain 0)"));
    assert_eq!(
        notes(&["0,0\n0.005,0\n0.01,0.1\n0.02,20\n0.06,40\n"], &whole)[1],
        "1 curve bears next to nothing at first (0.csv, up to strain 0.01): moduli will be too small, for the laws pass through the origin; if that is \
         slack, subtract it from the strain"
    );
    let short = notes(&[stiff, stiffer, "0,0\n0.003,5\n0.006,10\n0.009,15\n"], &options());
    assert_eq!(
        short[1],
        "2.csv: ends at strain 0.009, and with it all curves do; the others reach 0.06 (median): leave it out to keep the rest of them"
    );
    let all = notes(&[stiff, stiffer], &options());
    assert_eq!(all[1], "1.csv: ends at strain 0.06, and with it all curves do");
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
    assert_eq!(notes[..2], ["1 specimen has no photograph: blind", "1 specimen has no curve: only"]);
    for name in ["p", "q", "r", "s", "t"] {
        folder.photograph(&format!("{name}.png"), 40, 40);
    }
    folder.write("q.txt", "").write("blind.bmp", "");
    let loaded = folder.load(&LatticeFolder { allow_missing: true, ..options() }).unwrap();
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes[1], "6 specimens have no curve: only, p, q, r, s and 1 more");
    assert!(
        notes[2].starts_with("2 files cannot be read (the first: ") && notes[2].contains("blind.bmp): photo"),
        "{notes:?}"
    );
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
}

/// What is said about a curve of this content.
pub(super) fn said(content: &str, options: &LatticeFolder) -> String {
    let folder = Folder::new();
    folder.photograph("a.png", 40, 40).write("a.csv", content);
    folder.refused(options)
}

#[test]
fn curves_that_are_none_are_named_with_their_line() {
    let plain = options();
    let cases = [
        ("0,0\n0.1,50\n0.2,many\n0.3,70\n", "a.csv, line 3: stress is 'many', not a finite number; correct it"),
        ("0,0\n0.1,50\n0.2\n0.3,70\n", "a.csv, line 3: has no stress in column 2; complete or remove the line"),
        ("0,0\n0.1,NaN\n0.2,60\n0.3,70\n", "a.csv, line 2: stress is 'NaN'"),
        ("# strain in one column\nstrain\n0\n", "a.csv, line 2: needs two columns"),
        ("0,0\n0.1,50\n0.2,60\n", "a.csv: holds 3 points"),
        ("", "a.csv: is empty; export it again, or remove it"),
        ("0,0\n0.0001,1\n0.0002,2\n0.0003,3\n", "a.csv, line 4: strain ends at 0.0003: is its unit right?"),
        ("0,0\n0.1,1e-5\n0.2,2e-5\n0.3,3e-5\n", "a.csv, line 4: stress never exceeds 0.00003 MPa: set stress to the"),
        ("0,0\n0.001,5000\n0.002,6000\n0.003,6100\n", "stiffer than any solid: set percent and stress in [data."),
        (
            "0.1,10\n0.15,50\n0.2,60\n0.3,70\n",
            "a.csv, line 1: strain starts at 0.1: the beginning of the curve is missing",
        ),
        ("0,0\n0.1,-10\n0.2,-20\n0.3,-21\n", "stress goes to -21 MPa where strain is positive: change the sign of the"),
        ("-0.3,0\n-0.2,1\n-0.1,2\n-0.05,3\n", "strain ends at -0.05, before the load begins; is its zero right?"),
    ];
    for (content, expected) in cases {
        let text = said(content, &plain);
        assert!(text.contains(expected), "{content:?}: {text}");
    }
    let percent = LatticeFolder { percent: true, ..options() };
    let text = said("0,0\n0.02,5\n0.04,9\n0.06,9\n", &percent);
    assert!(text.contains("strain ends at 0.06 %: if it is no per cent after all, remove percent"), "{text}");
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
        ("time,Strain,Strain rate (1/s),Stress\n0,0,1,0\n1,0.01,1,10\n2,0.02,1,15\n3,0.04,1,16\n", options()),
        ("Spannung [N/mm²];Dehnung [-]\n0;0\n10;0,01\n15;0,02\n16;0,04\n", options()),
        ("strain,stress\n[mm/mm],[MPa]\n0,0\n0.01,10\n0.02,15\n0.04,16\n", options()),
        ("[-],[MPa]\n0,0\n0.01,10\n0.02,15\n0.04,16\n", options()),
        ("strain,stress\n,MPa\n0,0\n0.01,10,a remark\n0.02,15\n0.04,16\n", options()),
        // Without a heading the first line is a point, whatever else it has.
        ("0,0,start\n0.01,10,\n0.02,15,\n0.04,16,\n", options()),
        // A curve that starts a little late begins at the origin all the same.
        ("0.001,1\n0.01,10\n0.02,15\n0.04,16\n", options()),
    ];
    for (content, options) in others {
        let found = curve(content, &options);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{content:?}: {found:?}");
    }
}

#[test]
fn labels_come_from_their_file_as_far_as_they_are_known() {
    let folder = Folder::new();
    folder.specimen("a").specimen("b").specimen("c").write("labels.csv", "name,label\nb,gyroid\na,octet\nc,gyroid\n");
    let loaded = folder.load(&options()).unwrap();
    let labels = loaded.dataset.labels().unwrap();
    assert_eq!(labels.names(), ["gyroid", "octet"]);
    assert_eq!((labels.values()[0], labels.values()[16], labels.values()[47]), (1, 0, 0));
    for content in [
        "a,octet\nb,gyroid\n",
        "id;class\na;octet\nb;gyroid\nc;NA\n",
        "class,specimen\noctet,a\ngyroid,b\n,c\n",
        "Sample,batch,Label\na.png,1,octet\nb.CSV,1,gyroid\nc.jpg,2,n/a\n",
    ] {
        let loaded = folder.write("labels.csv", content).load(&options()).unwrap();
        let labels = loaded.dataset.labels().unwrap();
        assert_eq!([0, 16, 32, 47].map(|row| labels.of(row)), [Some(1), Some(0), None, None], "{content}");
        assert_eq!(labels.names(), ["gyroid", "octet"], "{content}");
        let note = loaded.notes.last().unwrap().to_string();
        assert_eq!(note, "the class of 1 specimen is not in labels.csv: c", "{content}");
    }
    for (content, expected) in [
        ("a,octet\na.png,gyroid\n", "labels.csv, line 2: specimen 'a' has a label already; keep one of them"),
        ("a,octet\nb\n", "labels.csv, line 2: needs a name and a label; leave the label empty"),
        ("name,label\na,\n", "labels.csv: has no label of any specimen; fill them in, or remove the file"),
        ("", "labels.csv: is empty"),
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

#[test]
fn further_specimens_come_onto_the_strains_of_the_first() {
    let folder = Folder::new();
    folder.photograph("p.png", 40, 40).specimen("q");
    let onto = |strains: &[f64]| load_lattices_onto(folder.0.path(), &options(), strains);
    let loaded = onto(&[0.0, 0.05, 0.1]).unwrap();
    let (images, curves) = (loaded.dataset.modality("image").unwrap(), loaded.dataset.modality("stress").unwrap());
    assert!((0..32).all(|row| images.is_present(row) && curves.is_present(row) == (row >= 16)));
    assert_eq!(curves.gather(&[16]).unwrap().row(0).to_vec(), [0.0, 25.0, 50.0]);
    assert_eq!(curves.axis().unwrap().points, [0.0, 0.05, 0.1]);
    let text = onto(&[0.0, 0.2, 0.4]).unwrap_err().to_string();
    assert!(
        text.contains("q.csv") && text.contains("ends at strain 0.2, but the model was trained on curves to 0.4"),
        "{text}"
    );
    // Photographs alone are what one infers from.
    fs::remove_file(folder.0.path().join("q.csv")).unwrap();
    let loaded = onto(&[0.0, 0.05, 0.1]).unwrap();
    assert!((0..32).all(|row| !loaded.dataset.modality("stress").unwrap().is_present(row)));
}
