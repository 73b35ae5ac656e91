//! Folders that cannot be used, and the whole of what is said of each, as docs/datasets.md has it.

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage};

use super::tests::{Folder, options, said};
use super::*;

const PAGE: &str = include_str!("../../../../../docs/datasets.md");

/// That the page has what is said, word for word.
#[track_caller]
fn told(said: &str, expected: &str) {
    assert_eq!(said, expected);
    let quoted = if said.contains('`') { format!("`` {said} ``") } else { format!("`{said}`") };
    assert!(PAGE.contains(&format!("| {quoted} |")), "docs/datasets.md has no row with {quoted}");
}

#[test]
fn curves_that_cannot_be_used() {
    let plain = options();
    let percent = LatticeFolder { percent: true, ..options() };
    let negative = LatticeFolder { compression_negative: true, ..options() };
    let cases = [
        (
            "strain,stress [ksi]\n0,0\n",
            &plain,
            "a.csv, line 1: the heading 'stress [ksi]' says ksi, which is not understood as a unit of stress; understood are Pa (N/m2), kPa, MPa (N/mm2) and GPa: convert the column, or correct the unit",
        ),
        (
            "strain (mm),stress\n0,0\n",
            &plain,
            "a.csv, line 1: the heading 'strain (mm)' says mm, which is no unit of strain; understood are fractions (mm/mm, m/m, -) and %: convert the column, or correct the unit",
        ),
        (
            "strain;stress\n[-];[kN]\n0;0\n",
            &plain,
            "a.csv, line 2: the line of units '[kN]' says kN, which is not understood as a unit of stress; understood are Pa (N/m2), kPa, MPa (N/mm2) and GPa: convert the column, or correct the unit",
        ),
        (
            "strain [%],stress\n0,0\n",
            &plain,
            "a.csv, line 1: the heading 'strain [%]' says per cent: set percent = true in [data.lattice_folder], or divide by 100",
        ),
        (
            "strain [mm/mm],stress\n0,0\n",
            &percent,
            "a.csv, line 1: the heading 'strain [mm/mm]' says that strain is a fraction, and percent = true in [data.lattice_folder]: remove percent, or correct the unit",
        ),
        (
            "strain,stress (N/m^2)\n0,0\n",
            &plain,
            "a.csv, line 1: the heading 'stress (N/m^2)' says Pa, and stress is read as MPa: set stress = \"Pa\" in [data.lattice_folder], or correct the unit",
        ),
        (
            "Extension (mm),Load (kN)\n0,0\n",
            &plain,
            "a.csv, line 1: a heading that names no columns of strain and stress ('Extension (mm)', 'Load (kN)'): name one column strain and one stress, or remove the line where the first two columns are strain and stress; a title begins with #",
        ),
        (
            "time,strain,force\n0,0,0\n",
            &plain,
            "a.csv, line 1: the heading names a strain ('strain') and no stress: name one column strain and one stress, or remove the line where the first two columns are strain and stress",
        ),
        (
            "eng strain,true stress,true strain,eng stress\n0,0,0,0\n",
            &plain,
            "a.csv, line 1: several columns are called strain ('eng strain', 'true strain') and stress ('true stress', 'eng stress'): keep one of each, or rename the others",
        ),
        (
            "Compression of specimen 7\nstrain,stress\n0,0\n",
            &plain,
            "a.csv, line 1: 'Compression of specimen 7' is no heading of two columns; if it is a title, remove it, or begin it with #",
        ),
        (
            "0.0 1.5\n0.1 50\n",
            &plain,
            "a.csv, line 1: its cells are separated by spaces; separate them by commas, semicolons or tabs",
        ),
        (
            "strain,stress\n0,0\n0,01,5,3\n",
            &plain,
            "a.csv, line 3: 4 cells, and the heading has 2; if numbers have commas in them, separate cells by semicolons, or write points (1234.5)",
        ),
        (
            "0,000,0,0\n0,010,5,3\n",
            &plain,
            "a.csv, line 1: commas separate cells here and seem to be in numbers too; if numbers have commas in them, separate cells by semicolons, or write points (1234.5)",
        ),
        (
            "0;0\n0,01;1.234,5\n",
            &plain,
            "a.csv, line 2: stress is '1.234,5'; write numbers without marks between thousands",
        ),
        (
            "PK\x03\x04...",
            &plain,
            "a.csv: is a spreadsheet with the ending csv; save it as UTF-8 text (in Excel: \"CSV UTF-8\")",
        ),
        (
            "s\0t\0r\0",
            &plain,
            "a.csv: is no text in UTF-8 (it has bytes of zero); save it as UTF-8 text (in Excel: \"CSV UTF-8\")",
        ),
        ("\n# a comment\n", &plain, "a.csv: is empty; export it again, or remove it"),
        (
            "strain,stress\n0,0\n0.1,50\n0.1,60\n0.2,70\n",
            &plain,
            "a.csv, line 4: strain 0.1 does not increase from 0.1 in the line before; keep one point of each strain, and remove the others",
        ),
        (
            "0,0\n0.1,50\n0.05,20\n0.2,70\n",
            &plain,
            "a.csv, line 3: strain 0.05 does not increase from 0.1 in the line before; sort, or cut off unloading",
        ),
        (
            "0,0\n-0.01,-10\n-0.02,-20\n-0.03,-21\n",
            &plain,
            "a.csv, line 2: strain goes down to -0.01: if compression is counted as negative, set compression_negative = true in [data.lattice_folder], else remove the line",
        ),
        (
            "0,0\n0.1,-10\n0.2,-20\n0.3,-21\n",
            &negative,
            "a.csv, line 2: strain goes up to 0.1, while stress goes down to -10, and compression_negative = true in [data.lattice_folder] is for files in which both are negative: change the sign of one of them",
        ),
        (
            "strain,stress\n0,0\n5,50\n10,60\n15,70\n",
            &plain,
            "a.csv, line 5: strain reaches 15: if it is in per cent, set percent = true in [data.lattice_folder]",
        ),
        (
            "0,0,0\n1,0.1,50\n2,0.2,60\n79,0.3,70\n",
            &plain,
            "a.csv, line 4: strain reaches 79: if it is in per cent, set percent = true in [data.lattice_folder]; if the first column is a time or a number, name the columns in a heading (time,strain,stress)",
        ),
        (
            "0,0\n0.1,5e7\n0.2,6e7\n0.3,7e7\n",
            &plain,
            "a.csv, line 4: stress reaches 70000000 MPa, more than any metal bears: if it is in kPa or Pa, set stress = \"kPa\" or stress = \"Pa\" in [data.lattice_folder]",
        ),
    ];
    for (content, options, expected) in cases {
        told(&said(content, options), expected);
    }
}

#[test]
fn folders_that_cannot_be_used() {
    let refused = |change: &dyn Fn(&Folder)| {
        let folder = Folder::new();
        for name in ["a", "b", "c"] {
            folder.specimen(name);
        }
        change(&folder);
        folder.refused(&options())
    };
    let remove = |folder: &Folder, name: &str| fs::remove_file(folder.0.path().join(name)).unwrap();
    let said = refused(&|folder| {
        folder.write("c.csv", "0,0\n0.05,25000\n0.1,50000\n0.2,100000\n");
    });
    // Beyond what a metal bears it would be told without the others.
    assert!(said.contains("more than any metal bears"), "{said}");
    let said = refused(&|folder| {
        folder.write("c.csv", "strain,stress\n0,0\n0.05,2500\n0.1,8000\n0.2,7000\n");
    });
    told(
        &said,
        "c.csv, line 4: its stress reaches 8000 MPa, that of the others 100 MPa (median): another unit? then convert the file, else leave it out",
    );
    let said = refused(&|folder| {
        folder.write("c.csv", "0,0\n0.002,25\n0.004,50\n0.006,99\n");
    });
    assert!(
        said.contains("c.csv, line 4: its strain reaches 0.006, that of the others 0.2 (median): another unit?"),
        "{said}"
    );
    let said = refused(&|folder| remove(folder, "b.csv"));
    told(
        &said,
        "b.png: specimen 'b' has no curve, b.csv; add it, or set allow_missing = true in [data.lattice_folder]",
    );
    let said = refused(&|folder| {
        remove(folder, "b.png");
        folder.write("b.bmp", "").write("b.txt", "").write("d.bmp", "");
    });
    told(
        &said,
        "b.csv: specimen 'b' has no photograph: b.bmp is there, but only PNG, JPEG and TIFF are read; convert it",
    );
    let said = refused(&|folder| {
        remove(folder, "b.csv");
        folder.write("b.txt", "0,0\n");
    });
    told(&said, "b.png: specimen 'b' has no curve: b.txt is there, but only csv is read; convert it");
    let said = refused(&|folder| {
        remove(folder, "b.png");
        let path = folder.0.path().join("b.jpg");
        RgbImage::from_fn(60, 60, |x, y| Rgb([(x * y) as u8, (x * 31 + y) as u8, y as u8])).save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    });
    told(&said, "b.jpg: is a JPEG that was cut short: its end is missing; copy or save it again, or remove it");
    let said = refused(&|folder| {
        let step = |x: u32, _| Luma([if x < 20 { 100 } else { 101 }]);
        GrayImage::from_fn(40, 40, step).save(folder.0.path().join("b.png")).unwrap();
    });
    told(&said, "b.png: is blank: its middle is of one grey; take the photograph again, or remove it");
    let said = load_lattices(Path::new("."), &LatticeFolder { max_strain: Some(6.0), ..options() }).unwrap_err();
    told(&said.to_string(), "max_strain = 6: must be positive and at most 1.5: a fraction, and not per cent");
    let said = refused(&|folder| {
        folder.write("labels.csv", "a,octet\nd,gyroid\n");
    });
    told(
        &said,
        "labels.csv, line 2: there is no specimen 'd' in the folder (it has a, b, c); correct the name, or remove the line",
    );
}

#[test]
fn a_folder_that_is_not_there_is_told_with_where_it_is_named() {
    let text = load_lattices(Path::new("no/such/folder"), &options()).unwrap_err().to_string();
    assert_eq!(
        text,
        "no/such/folder: there is no such folder; name the folder of the specimens in data.folder; paths are relative to the config file"
    );
    let folder = Folder::new();
    folder.write("a.csv", "");
    let text = load_lattices(&folder.0.path().join("a.csv"), &options()).unwrap_err().to_string();
    assert!(text.contains("a.csv: is no folder; name the folder of the specimens in data.folder"), "{text}");
}

#[test]
fn other_curves_that_cannot_be_used_are_told_with_what_to_do() {
    let plain = options();
    let percent = LatticeFolder { percent: true, ..options() };
    let negative = LatticeFolder { compression_negative: true, ..options() };
    let kilo = LatticeFolder { stress: StressUnit::KiloPascal, ..options() };
    let far = LatticeFolder { percent: true, max_strain: Some(0.06), ..options() };
    let cases = [
        ("strain\n0\n", &plain, "a.csv, line 1: needs two columns, strain and stress, separated by"),
        ("strain stress\n0.0 1\n", &plain, "its cells are separated by spaces"),
        ("stress [-],strain\n0,0\n", &plain, "says a number without unit, which is not understood"),
        ("stress [%],strain\n0,0\n", &plain, "says per cent, which is not understood"),
        ("strain [MPa],stress\n0,0\n", &plain, "says MPa, which is no unit of strain"),
        ("-,ksi\n0,0\n", &plain, "names no columns of strain and stress ('-', 'ksi')"),
        ("[-],[GPa]\n0,0\n", &plain, "the heading '[GPa]' says GPa, and stress is read as MPa: set stress = \"GPa\""),
        ("strain,stress\n%,MPa\n0,0\n", &plain, "a.csv, line 2: the line of units '%' says per cent: set percent"),
        ("strain,stress,stress 2\n0,0,0\n", &plain, "several columns are called stress ('stress', 'stress 2'):"),
        ("stress-strain curve;test 7\n0;0\n", &plain, "names no columns of strain and stress"),
        ("load,stress\n0,0\n", &plain, "the heading names a stress ('stress') and no strain"),
        (
            "0,0\n\"0,01\",5\n",
            &plain,
            "strain is '0,01', with a comma; write 0.01, or separate all cells by semicolons",
        ),
        (
            "strain,stress\n0,0\n0.1,1,234.5\n",
            &plain,
            "a.csv, line 3: 3 cells, and the heading has 2; if numbers have commas",
        ),
        ("0,0\n0.1,999.5\n0.2,1,234.5\n", &plain, "line 1: commas separate cells here and seem to be in numbers too"),
        ("0,0\n0.1,0\n0.2,0\n0.3,0\n", &plain, "a.csv, line 4: stress is zero throughout: was the load recorded"),
        ("0;0\n0,01;\n", &plain, "stress is empty; fill it in, or remove the line"),
        ("0,0\n-0.01,10\n", &plain, "strain goes down to -0.01 while stress is 10: change the sign of the strain"),
        ("0,0\n0.01,10\n", &negative, "strain goes up to 0.01, and stress is 10, and compression_negative = true"),
        (
            "0,0\n-0.1,-9\n-0.05,-5\n",
            &negative,
            "strain -0.05 does not decrease (compression_negative = true) from -0.1",
        ),
        ("0,0\n-0.1,1\n-0.2,2\n-0.3,3\n", &negative, "stress goes to 3 MPa where strain is negative: compression_neg"),
        ("0,0\n100,5\n150,6\n160,7\n", &percent, "strain reaches 160 %: is its unit right?"),
        (
            "0,0\n0.1,5e7\n0.2,6e8\n0.3,7e8\n",
            &kilo,
            "stress reaches 700000000 kPa, more than any metal bears: set stress",
        ),
        (
            "0,0\n1,5\n2,6\n5,7\n",
            &far,
            "ends at strain 5 %, before max_strain = 0.06 (a fraction also where percent = true: 6 % here)",
        ),
    ];
    for (content, options, expected) in cases {
        let text = said(content, options);
        assert!(text.contains(expected), "{content:?}: {text}");
    }
    // Bytes that are no text.
    for (bytes, expected) in [
        (&b"\xff\xfes\0"[..], "a.csv: is UTF-16; save it as UTF-8 text"),
        (
            &b"# Pr\xfcfung\nDehnung,Spannung [N/mm\xb2]\n"[..],
            "a.csv, line 2: a letter that is not UTF-8; save it as UTF-8 text",
        ),
        (&b"\xd0\xcf\x11\xe0"[..], "a.csv: is a spreadsheet with the ending csv"),
    ] {
        let folder = Folder::new();
        folder.photograph("a.png", 40, 40);
        fs::write(folder.0.path().join("a.csv"), bytes).unwrap();
        let text = folder.refused(&plain);
        assert!(text.contains(expected), "{text}");
    }
}
