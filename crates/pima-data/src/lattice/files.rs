//! Generated specimens as files, in the layout that [`load_lattices`](super::load_lattices) reads: to try it, and as a pattern for files of one's own.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, Luma};
use rayon::prelude::*;

use super::{LatticeOptions, LatticeSpecimen, Made, interleave};
use crate::error::{Error, Result};
use crate::rng::RowGenerators;

/// Writes `images/*.png`, whole photographs of `2 side` pixels, `curves/*.csv` (strain, and stress in MPa) and the kinds, `labels.csv`, into a
/// folder that is there, and what the specimens were made with, `truth/parameters.csv`: where nobody looks who reads the others. Specimens are those
/// of [`generate_lattices`](super::generate_lattices) with the same options and seed, in its order; what they were made with is returned.
///
/// # Errors
/// As [`generate_lattices`](super::generate_lattices), and [`Error::Io`] for a file that cannot be written.
pub fn write_lattices(folder: &Path, options: &LatticeOptions, seed: u64) -> Result<Vec<LatticeSpecimen>> {
    options.check()?;
    let kinds = interleave(options.n_gyroid, options.n_octet);
    let [images, curves, truth] = ["images", "curves", "truth"].map(|name| folder.join(name));
    for place in [&images, &curves, &truth] {
        fs::create_dir_all(place).map_err(|source| Error::Io { path: place.clone(), source })?;
    }
    let generators = RowGenerators::new(seed);
    let digits = kinds.len().to_string().len().max(2);
    let name = |i: usize| format!("L{:0digits$}", i + 1);
    let strains = options.test.strains();
    let made = |(i, &(kind, number)): (usize, &_)| -> Result<LatticeSpecimen> {
        let Made { specimen, curve, photograph } = options.make(kind, number, &generators);
        save(&images.join(format!("{}.png", name(i))), &photograph, 2 * options.side)?;
        let mut text = "strain,stress (MPa)\n".to_owned();
        // Writing to a string cannot fail.
        for (strain, stress) in strains.iter().zip(&curve) {
            let _ = writeln!(text, "{strain:.6},{stress:.3}");
        }
        write(curves.join(format!("{}.csv", name(i))), text)?;
        Ok(specimen)
    };
    let specimens = kinds.par_iter().enumerate().map(made).collect::<Result<Vec<_>>>()?;
    let mut labels = "name,label\n".to_owned();
    let mut parameters =
        "name,elastic modulus (MPa),hardening modulus (MPa),yield strain,yield stress (MPa)\n".to_owned();
    for (i, specimen) in specimens.iter().enumerate() {
        let _ = writeln!(labels, "{},{}", name(i), specimen.kind.name());
        let LatticeSpecimen { elastic_modulus, hardening_modulus, yield_strain, .. } = specimen;
        let stress = specimen.yield_stress();
        let _ = writeln!(
            parameters,
            "{},{elastic_modulus:.2},{hardening_modulus:.2},{yield_strain:.6},{stress:.3}",
            name(i)
        );
    }
    write(folder.join("labels.csv"), labels)?;
    write(truth.join("parameters.csv"), parameters)?;
    Ok(specimens)
}

fn write(path: PathBuf, text: String) -> Result<()> {
    fs::write(&path, text).map_err(|source| Error::Io { path, source })
}

/// Saves grey values in [0, 1], whole numbers of 1/255: nothing is lost.
fn save(path: &Path, photograph: &[f32], side: usize) -> Result<()> {
    let grey = |x: u32, y: u32| Luma([(255.0 * photograph[y as usize * side + x as usize]).round() as u8]);
    let failed = |error: image::ImageError| Error::Io { path: path.to_owned(), source: std::io::Error::other(error) };
    GrayImage::from_fn(side as u32, side as u32, grey).save(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{LatticeFolder, LatticeNote, generate_lattices, load_lattices};

    #[test]
    fn what_is_written_is_read_back_as_what_is_generated() {
        let options = LatticeOptions { n_gyroid: 2, n_octet: 3, side: 24, ..LatticeOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        let specimens = write_lattices(folder.path(), &options, 3).unwrap();
        let made = generate_lattices(&options, 3).unwrap();
        assert_eq!(specimens, made.specimens);
        let reading = LatticeFolder { side: 24, ..LatticeFolder::default() };
        let read = load_lattices(folder.path(), &reading).unwrap();
        assert_eq!(read.names, ["L01", "L02", "L03", "L04", "L05"]);
        assert!(
            matches!(read.notes[..], [LatticeNote::Reach { .. }, LatticeNote::Shortest { strain: 0.06, .. }]),
            "{:?}",
            read.notes
        );
        let (read, made) = (read.dataset, made.dataset);
        let all: Vec<usize> = (0..made.n_samples()).collect();
        let values = |data: &crate::Dataset, name: &str| data.modality(name).unwrap().gather(&all).unwrap();
        assert_eq!(values(&read, "image"), values(&made, "image"));
        let (curves, wanted) = (values(&read, "stress"), values(&made, "stress"));
        assert!(curves.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 2e-3));
        assert_eq!((read.groups(), read.labels()), (made.groups(), made.labels()));
        let truth = fs::read_to_string(folder.path().join("truth/parameters.csv")).unwrap();
        let first: Vec<&str> = truth.lines().nth(1).unwrap().split(',').collect();
        assert_eq!((first[0], first[1]), ("L01", format!("{:.2}", specimens[0].elastic_modulus).as_str()));
    }

    #[test]
    fn no_specimens_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let none = LatticeOptions { n_gyroid: 0, n_octet: 0, ..LatticeOptions::default() };
        assert!(write_lattices(folder.path(), &none, 0).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
