//! Made-up specimens as a laboratory might keep them: a folder of photographs, a table of stress-strain curves and a table of chemistry, each of
//! which lacks some specimens. For trying out, and as a pattern for data of one's own.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};
use rand::Rng;
use rand_distr::StandardNormal;

use crate::error::{Error, Result};
use crate::rng::RowGenerators;

/// Pixels a side of a photograph.
const SIDE: u32 = 24;
/// Points of a curve.
const POINTS: usize = 40;
/// Strain of the last point, per cent.
const LAST_STRAIN: f64 = 4.0;

/// One kind of specimen.
struct Class {
    name: &'static str,
    /// Elastic modulus and hardening modulus, MPa for a strain of one per cent; strain at which one follows the other, per cent.
    curve: [f64; 3],
    /// Shares of four elements, weight per cent.
    chemistry: [f64; 4],
}

/// The four kinds.
const CLASSES: [Class; 4] = [
    Class { name: "annealed", curve: [100.0, 5.0, 1.0], chemistry: [70.0, 18.0, 8.0, 4.0] },
    Class { name: "rolled", curve: [200.0, 20.0, 1.0], chemistry: [66.0, 20.0, 10.0, 4.0] },
    Class { name: "printed", curve: [150.0, 40.0, 2.0], chemistry: [62.0, 18.0, 12.0, 8.0] },
    Class { name: "cast", curve: [60.0, 30.0, 1.5], chemistry: [74.0, 14.0, 8.0, 4.0] },
];
/// Standard deviations of a stress, MPa, and of a share, per cent.
const NOISE: [f64; 2] = [8.0, 0.4];

/// What is to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpecimensOptions {
    /// How many specimens.
    pub n: usize,
    /// Probability that a specimen lacks a modality; one that would lack all of them lacks none.
    pub missing: f64,
}

impl Default for SpecimensOptions {
    fn default() -> Self {
        Self { n: 600, missing: 0.3 }
    }
}

/// Writes `photographs/*.png`, `curves.csv` and `chemistry.csv`, with the truth in a column `treatment` of `treatments.csv`, into a folder that is
/// there. Specimen `i` depends on the seed and on `i` alone.
///
/// # Errors
/// [`Error::Parameter`] for a probability that is none, [`Error::Io`] for a file that cannot be written.
pub fn write_specimens(folder: &Path, options: &SpecimensOptions, seed: u64) -> Result<()> {
    let SpecimensOptions { n, missing } = *options;
    if !(0.0..1.0).contains(&missing) {
        let requirement = "a probability of at least 0 and below 1";
        return Err(Error::Parameter { name: "missing", value: missing, requirement });
    }
    let generators = RowGenerators::new(seed);
    let photographs = folder.join("photographs");
    fs::create_dir_all(&photographs).map_err(|source| Error::Io { path: photographs.clone(), source })?;
    let strain = |j: usize| LAST_STRAIN * j as f64 / (POINTS - 1) as f64;
    let mut curves = "specimen".to_owned();
    // Writing to a string cannot fail.
    for j in 0..POINTS {
        let _ = write!(curves, ",{:.4}", strain(j));
    }
    curves.push('\n');
    let mut chemistry = "specimen,Fe,Cr,Ni,Mo\n".to_owned();
    let mut treatments = "specimen,treatment\n".to_owned();
    for i in 0..n {
        let mut rng = generators.row(i);
        let which = rng.random_range(0..CLASSES.len());
        let class = &CLASSES[which];
        let mut has: [bool; 3] = std::array::from_fn(|_| rng.random::<f64>() >= missing);
        if !has.contains(&true) {
            has = [true; 3];
        }
        let name = format!("S{i:04}");
        let picture = photograph(which, &mut rng);
        if has[0] {
            let path = photographs.join(format!("{name}.png"));
            let failed =
                |error: image::ImageError| Error::Io { path: path.clone(), source: std::io::Error::other(error) };
            picture.save(&path).map_err(failed)?;
        }
        let [elastic, hardening, yield_strain] = class.curve;
        let mut line = name.clone();
        for j in 0..POINTS {
            let (noise, t) = (rng.sample::<f64, _>(StandardNormal), strain(j));
            let stress = elastic * t.min(yield_strain) + hardening * (t - yield_strain).max(0.0) + NOISE[0] * noise;
            let _ = write!(line, ",{stress:.2}");
        }
        if has[1] {
            curves += &(line + "\n");
        }
        let mut line = name.clone();
        for share in class.chemistry {
            let _ = write!(line, ",{:.3}", share + NOISE[1] * rng.sample::<f64, _>(StandardNormal));
        }
        if has[2] {
            chemistry += &(line + "\n");
        }
        let _ = writeln!(treatments, "{name},{}", class.name);
    }
    for (name, text) in [("curves.csv", curves), ("chemistry.csv", chemistry), ("treatments.csv", treatments)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| Error::Io { path, source })?;
    }
    Ok(())
}

/// Grains of one kind: round, drawn out along x, drawn out along y, or dark at the border.
fn photograph(which: usize, rng: &mut impl Rng) -> GrayImage {
    let phase: f64 = rng.random_range(-0.5..0.5);
    let noise: Vec<f64> = (0..SIDE * SIDE).map(|_| 0.08 * rng.sample::<f64, _>(StandardNormal)).collect();
    GrayImage::from_fn(SIDE, SIDE, |x, y| {
        let turn = |pixel: u32| std::f64::consts::TAU * f64::from(pixel) / 12.0 + phase;
        let from_middle = |pixel: u32| (f64::from(pixel) - f64::from(SIDE - 1) / 2.0) / f64::from(SIDE / 2);
        let brightness = match which {
            0 => 0.5 + 0.4 * turn(x).sin() * turn(y).sin(),
            1 => 0.5 + 0.4 * turn(y).sin(),
            2 => 0.5 + 0.4 * turn(x).sin(),
            _ => 0.9 - 0.7 * (from_middle(x).powi(2) + from_middle(y).powi(2) + 0.3 * phase).clamp(0.0, 1.0),
        };
        Luma([(255.0 * (brightness + noise[(y * SIDE + x) as usize])).round().clamp(0.0, 255.0) as u8])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{ImageFolder, TableColumns, read_columns, read_images};

    #[test]
    fn what_is_written_is_read_and_lacks_what_it_should() {
        let folder = tempfile::tempdir().unwrap();
        let options = SpecimensOptions { n: 200, missing: 0.3 };
        write_specimens(folder.path(), &options, 4).unwrap();
        let table = |name: &str, curve: bool| {
            let id = Some("specimen".to_owned());
            read_columns(&TableColumns { path: folder.path().join(name), id, curve, ..TableColumns::default() })
                .unwrap()
        };
        let (curves, chemistry) = (table("curves.csv", true), table("chemistry.csv", false));
        let images =
            read_images(&ImageFolder { path: folder.path().join("photographs"), size: None, colour: false }).unwrap();
        // Binomial: 140 of 200, standard deviation 6.5, and a little more for those that would lack everything.
        for n in [curves.n_samples(), chemistry.n_samples(), images.n_samples()] {
            assert!((120..=170).contains(&n), "{n}");
        }
        assert_eq!(curves.points().map(|points| (points[0], points[POINTS - 1])), Some((0.0, 4.0)));
        // Fewer specimens are the first of more.
        let fewer = tempfile::tempdir().unwrap();
        write_specimens(fewer.path(), &SpecimensOptions { n: 20, ..options }, 4).unwrap();
        let read = |folder: &Path| fs::read_to_string(folder.join("treatments.csv")).unwrap();
        assert!(read(folder.path()).starts_with(&read(fewer.path())));
        assert!(write_specimens(fewer.path(), &SpecimensOptions { missing: 1.0, ..options }, 4).is_err());
    }
}
