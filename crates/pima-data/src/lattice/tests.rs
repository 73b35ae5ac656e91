//! Generated lattices: what they promise about seeds, groups, curves, and images that show the thickness.

use ndarray::{Array1, Axis, s};

use super::*;
use crate::split::{Split, SplitFractions};

/// Small and quick; the proportions of the real thing.
fn small(n_gyroid: usize, n_octet: usize) -> LatticeOptions {
    LatticeOptions { n_gyroid, n_octet, side: 38, ..LatticeOptions::default() }
}

#[test]
fn the_default_set_is_the_papers() {
    let options = LatticeOptions::default();
    assert_eq!((options.n_gyroid, options.n_octet, options.side, options.test.points), (43, 48, 152, 100));
    let kinds = interleave(43, 48);
    let count = |kind| kinds.iter().filter(|of| of.0 == kind).count();
    assert_eq!((count(LatticeKind::Gyroid), count(LatticeKind::Octet)), (43, 48));
    // The first twenty hold both in about the same proportion.
    assert_eq!(kinds[..20].iter().filter(|of| of.0 == LatticeKind::Gyroid).count(), 10);
    assert!(kinds.iter().enumerate().all(|(i, of)| !kinds[..i].contains(of)));
}

#[test]
fn rows_of_a_specimen_share_curve_label_and_group() {
    let made = generate_lattices(&small(2, 3), 1).unwrap();
    let data = &made.dataset;
    assert_eq!((data.n_samples(), made.specimens.len()), (5 * 16, 5));
    assert_eq!(data.name(), "generated lattices (not photographs)");
    let (groups, labels, curves) = (data.groups().unwrap(), data.labels().unwrap(), data.modality("stress").unwrap());
    assert_eq!(labels.names(), ["gyroid", "octet"]);
    for row in 0..data.n_samples() {
        assert_eq!(groups[row], row / 16);
        assert_eq!(labels.values()[row], made.specimens[row / 16].kind as usize);
        assert_eq!(curves.gather(&[row]).unwrap().row(0), curves.gather(&[row / 16 * 16]).unwrap().row(0));
    }
    assert_eq!((curves.units(), curves.axis().unwrap().name.as_str()), ("MPa", "strain"));
    let images = data.modality("image").unwrap();
    let image = |row: usize| images.gather(&[row]).unwrap().row(0).to_owned().into_shape_with_order((38, 38)).unwrap();
    assert_eq!(image(1), image(0).slice(s![.., ..;-1]));
    assert_eq!(image(2), image(0).slice(s![..;-1, ..]));
    // Quadrants are different pictures.
    assert_ne!(image(4), image(0));
    let split = Split::random(data, &SplitFractions { train: 0.8, validation: 0.0, test: 0.2 }, 5).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (64, 16));
    assert!(split.test.iter().all(|&row| !split.train.iter().any(|&other| groups[other] == groups[row])));
}

#[test]
fn a_specimen_depends_on_seed_kind_and_number_alone() {
    let (few, many) = (generate_lattices(&small(1, 2), 7).unwrap(), generate_lattices(&small(3, 2), 7).unwrap());
    let of = |made: &GeneratedLattices, kind: LatticeKind, number: usize| {
        let places = made.specimens.iter().enumerate().filter(|(_, s)| s.kind == kind).map(|(i, _)| i);
        let group = places.into_iter().nth(number).unwrap();
        let rows: Vec<usize> = (group * 16..(group + 1) * 16).collect();
        let rows = made.dataset.select(&rows).unwrap();
        (made.specimens[group].clone(), rows.modalities().to_vec())
    };
    for (kind, number) in [(LatticeKind::Gyroid, 0), (LatticeKind::Octet, 0), (LatticeKind::Octet, 1)] {
        assert_eq!(of(&few, kind, number), of(&many, kind, number));
    }
    assert_ne!(of(&many, LatticeKind::Gyroid, 0), of(&many, LatticeKind::Gyroid, 1));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| generate_lattices(&small(1, 2), 7).unwrap()), few);
    assert_ne!(generate_lattices(&small(1, 2), 8).unwrap(), few);
}

#[test]
fn curves_are_the_two_lines_of_the_truth_and_noise() {
    let options = LatticeOptions { side: 8, n_gyroid: 10, n_octet: 10, flips: false, ..LatticeOptions::default() };
    let made = generate_lattices(&options, 2).unwrap();
    let curves = made.dataset.modality("stress").unwrap();
    let strains = &curves.axis().unwrap().points;
    assert_eq!((strains[0], strains[99]), (0.0, 0.06));
    let mut squares = 0.0;
    for (i, specimen) in made.specimens.iter().enumerate() {
        assert!((specimen.stress(specimen.yield_strain) / specimen.yield_stress() - 1.0).abs() < 1e-12);
        for (j, &t) in strains.iter().enumerate() {
            let truth = specimen.elastic_modulus * t.min(specimen.yield_strain)
                + specimen.hardening_modulus * (t - specimen.yield_strain).max(0.0);
            squares += (f64::from(curves.values().unwrap()[[4 * i, j]]) - truth).powi(2);
        }
    }
    // 2,000 draws: the variance to 4 standard errors of 3.2 %.
    let variance = squares / (20.0 * 100.0);
    assert!((variance / (0.15 * 0.15) - 1.0).abs() < 0.13, "{variance}");
}

#[test]
fn without_scatter_the_thickness_decides_modulus_and_strength() {
    let test = CompressionTest { material_scatter: 0.0, ..CompressionTest::default() };
    let options = LatticeOptions { test, side: 8, n_gyroid: 4, n_octet: 4, ..LatticeOptions::default() };
    for specimen in generate_lattices(&options, 3).unwrap().specimens {
        let density = Solid::new(specimen.kind, specimen.thickness).density();
        let (modulus, strength) = match specimen.kind {
            LatticeKind::Gyroid => (0.426 * density.powi(2), 0.40 * density.powf(1.5)),
            LatticeKind::Octet => (density / 9.0, density / 3.0),
        };
        assert!((specimen.elastic_modulus / (0.3 * 190e3 * modulus) - 1.0).abs() < 1e-12);
        assert!((specimen.yield_stress() / (0.6 * 450.0 * strength) - 1.0).abs() < 1e-12);
        assert!(specimen.yield_strain > 0.005 && specimen.yield_strain < 0.03, "{specimen:?}");
    }
}

#[test]
fn the_image_shows_which_lattice_it_is_and_how_thick() {
    let options = LatticeOptions { side: 64, n_gyroid: 40, n_octet: 40, flips: false, ..LatticeOptions::default() };
    let made = generate_lattices(&options, 4).unwrap();
    let images = made.dataset.modality("image").unwrap().values().unwrap();
    assert!(images.iter().all(|x| (0.0..=1.0).contains(x)));
    // Of a specimen's four quadrants: the share of pixels near the brightest, which is metal at the front.
    let bright = |i: usize| {
        let rows = images.slice(s![4 * i..4 * i + 4, ..]);
        let mut sorted: Vec<f32> = rows.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let top = sorted[sorted.len() * 97 / 100];
        rows.iter().filter(|x| **x > 0.8 * top).count() as f64 / sorted.len() as f64
    };
    for kind in LatticeKind::ALL {
        let of: Vec<usize> = (0..80).filter(|&i| made.specimens[i].kind == kind).collect();
        let bright: Array1<f64> = of.iter().map(|&i| bright(i)).collect();
        let thickness: Array1<f64> = of.iter().map(|&i| made.specimens[i].thickness).collect();
        let correlation = correlation(&bright, &thickness);
        assert!(correlation > 0.6, "{kind:?}: {correlation}");
    }
    // Vertical against horizontal detail: the gyroid's cut sheets are waves in one direction, the octet is a grid.
    let lying = |i: usize| {
        let mut change = [0.0; 2];
        for quadrant in 0..4 {
            let image = images.row(4 * i + quadrant).to_owned().into_shape_with_order((64, 64)).unwrap();
            for (axis, change) in change.iter_mut().enumerate() {
                let lines: Vec<_> = image.axis_iter(Axis(axis)).collect();
                *change += lines.windows(2).map(|pair| (&pair[0] - &pair[1]).mapv(f32::abs).sum()).sum::<f32>();
            }
        }
        change[0] / change[1]
    };
    for i in 0..80 {
        let lying = lying(i);
        match made.specimens[i].kind {
            LatticeKind::Gyroid => assert!(lying > 1.09, "specimen {i}: {lying}"),
            LatticeKind::Octet => assert!(lying < 1.09, "specimen {i}: {lying}"),
        }
    }
}

fn correlation(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    let (a, b) = (a - a.mean().unwrap(), b - b.mean().unwrap());
    a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
}

#[test]
fn options_outside_their_range_are_refused() {
    let refused = |options: LatticeOptions, name: &str| match generate_lattices(&options, 0) {
        Err(Error::Parameter { name: found, .. }) => assert_eq!(found, name),
        other => panic!("{name}: {other:?}"),
    };
    assert!(matches!(generate_lattices(&small(0, 0), 0), Err(Error::Empty { .. })));
    refused(LatticeOptions { side: 2, ..small(1, 0) }, "side");
    refused(LatticeOptions { cells: 0.0, ..small(1, 0) }, "cells");
    refused(LatticeOptions { tilt: 1.0, ..small(1, 0) }, "tilt");
    refused(LatticeOptions { thickness_scatter: f64::NAN, ..small(1, 0) }, "thickness_scatter");
    let test = |change: fn(&mut CompressionTest)| {
        let mut test = CompressionTest::default();
        change(&mut test);
        LatticeOptions { test, ..small(1, 0) }
    };
    refused(test(|test| test.points = 3), "points");
    refused(test(|test| test.max_strain = -0.1), "max_strain");
    refused(test(|test| test.octet.thickness = 0.4), "thickness");
    refused(test(|test| test.gyroid.modulus_exponent = f64::INFINITY), "modulus_exponent");
    refused(test(|test| test.stress_noise = -1.0), "stress_noise");
}
