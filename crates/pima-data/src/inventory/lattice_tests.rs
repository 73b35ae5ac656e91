//! Photographs beside curves, as laboratories keep them, and what only looks like it.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};

use super::*;
use crate::StressUnit;

const CURVE: &str = "strain,stress (MPa)\n0,0\n0.01,10\n0.02,12\n0.03,13\n";

/// Five pairs, photographs and tables in these folders.
fn folder(images: &str, curves: &str, table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for place in [images, curves] {
        fs::create_dir_all(folder.path().join(place)).unwrap();
    }
    for k in 1..=5 {
        photograph(&folder.path().join(images).join(format!("a{k:02}.png")), 310);
        fs::write(folder.path().join(curves).join(format!("a{k:02}.csv")), table).unwrap();
    }
    folder
}

fn photograph(path: &Path, side: u32) {
    GrayImage::from_fn(side, side, |x, y| Luma([(x ^ y) as u8])).save(path).unwrap();
}

fn lattices(folder: &Path) -> LatticeFiles {
    let found = take_inventory(folder).unwrap();
    assert!(found.candidates.is_empty() && found.labels.is_none());
    found.lattices.unwrap()
}

#[test]
fn photographs_and_curves_pair_by_name_in_one_folder_and_in_two() {
    for (images, curves) in [(".", "."), ("images", "curves"), ("images", ".")] {
        let folder = folder(images, curves, CURVE);
        let found = lattices(folder.path());
        let plain = LatticeFiles {
            n_specimens: 5,
            incomplete: Vec::new(),
            n_labels: None,
            options: crate::LatticeFolder::default(),
            says_units: true,
        };
        assert_eq!(found, plain, "{images} {curves}");
        // As it is to be read, it is read.
        assert_eq!(crate::load_lattices(folder.path(), &found.options).unwrap().names.len(), 5);
        fs::write(folder.path().join("labels.csv"), "name,label\na01,x\na02,y\na03,x\na04,y\na05,z\n").unwrap();
        fs::write(folder.path().join("more.npz"), "").unwrap();
        let found = take_inventory(folder.path()).unwrap();
        assert_eq!(found.lattices.unwrap().n_labels, Some(3));
        assert_eq!(found.left_out.len(), 1, "{:?}", found.left_out);
        assert!(found.left_out[0].starts_with("more.npz: only photographs, curves and labels.csv are read"));
    }
}

#[test]
fn units_come_from_headings_and_from_values() {
    let of = |table: &str| {
        let folder = folder("images", "curves", table);
        let found = lattices(folder.path());
        crate::load_lattices(folder.path(), &found.options).unwrap_or_else(|error| panic!("{table}: {error}"));
        let LatticeFolder { percent, stress, compression_negative, .. } = found.options;
        (percent, stress, compression_negative, found.says_units)
    };
    use crate::LatticeFolder;
    use StressUnit::{GigaPascal, MegaPascal, Pa};
    let german = "# machine 3\nZeit;Strain [%];Stress [GPa]\n0;0;0\n1;1,0;0,010\n2;2,0;0,012\n3;3,0;0,013\n";
    assert_eq!(of(german), (true, GigaPascal, false, true));
    assert_eq!(of("0\t0\n1,0\t10,0\n2,0\t12,0\n3,0\t13,5\n"), (true, MegaPascal, false, false));
    assert_eq!(of("0,0\n-0.01,-10\n-0.02,-12\n-0.03,-13\n"), (false, MegaPascal, true, false));
    assert_eq!(of("strain;stress\n[%];[GPa]\n0;0\n0,1;0,010\n0,2;0,012\n0,3;0,013\n"), (true, GigaPascal, false, true));
    assert_eq!(of("strain,stress (N/m^2)\n0,0\n0.01,1e7\n0.02,1.2e7\n0.03,1.3e7\n"), (false, Pa, false, true));
    assert_eq!(of("strain,stress in Pa\n0,0\n0.01,1e7\n0.02,1.2e7\n0.03,1.3e7\n"), (false, Pa, false, true));
    assert_eq!(of("strain,stress N/mm2\n0,0\n0.01,10\n0.02,12\n0.03,13\n"), (false, MegaPascal, false, true));
}

#[test]
fn what_lacks_its_other_half_is_missing_and_small_photographs_are_read() {
    let folder = folder(".", ".", CURVE);
    photograph(&folder.path().join("b.png"), 100);
    fs::write(folder.path().join("c.csv"), CURVE).unwrap();
    let found = lattices(folder.path());
    assert_eq!((found.n_specimens, &found.incomplete[..]), (7, &["b".to_owned(), "c".to_owned()][..]));
    assert_eq!((found.options.allow_missing, found.options.side), (true, 50));
    crate::load_lattices(folder.path(), &found.options).unwrap();
    // A table of something else cannot lie there: it would be taken for a curve.
    fs::write(folder.path().join("chemistry.csv"), "specimen,Fe,Cr\na01,70,18\na02,66,20\n").unwrap();
    let refused = take_inventory(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("chemistry.csv: is no stress-strain curve, and among photographs"), "{refused}");
}

#[test]
fn other_tables_beside_photographs_are_refused_and_never_taken_for_samples_line_by_line() {
    let spectra = "wavelength,intensity\n400,1\n500,2\n600,3\n700,1\n";
    let mixed = folder(".", ".", spectra);
    let refused = take_inventory(mixed.path()).unwrap_err().to_string();
    assert!(refused.contains("a01.csv: this and 4 more csv files go by the names of photographs"), "{refused}");
    // In folders of their own they are two modalities.
    let apart = folder("images", "curves", spectra);
    let found = take_inventory(apart.path()).unwrap();
    let names: Vec<&str> = found.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    assert_eq!((found.lattices, found.by_ids, &names[..]), (None, true, &["curves", "images"][..]));
    // Two pairs are a coincidence, and so are tables without photographs.
    let few = tempfile::tempdir().unwrap();
    for k in 0..2 {
        photograph(&few.path().join(format!("{k}.png")), 310);
        fs::write(few.path().join(format!("{k}.csv")), CURVE).unwrap();
    }
    assert_eq!(take_inventory(few.path()).unwrap().lattices, None);
}

#[test]
fn curves_that_cannot_be_read_are_told_and_become_nothing_else() {
    for (table, words) in [
        ("strain,true strain,stress\n0,0,0\n0.01,0.01,10\n0.02,0.02,12\n", "several columns are called strain"),
        ("time,stress\n0,0\n1,10\n2,12\n", "names a stress ('stress') and no strain"),
    ] {
        let folder = folder("images", "curves", table);
        let text = take_inventory(folder.path()).unwrap_err().to_string();
        assert!(text.contains("a01.csv") && text.contains("no stress-strain curve as it is"), "{text}");
        assert!(text.contains(words), "{text}");
    }
}
