//! `pima infer`: from one modality to the rest, on files as a user would bring them.

use ndarray::{Array1, Array2, Array3, Array4, s};
use ndarray_npy::{NpzReader, NpzWriter};
use std::fs::File;

use crate::harness::{Bench, TINY};

/// A trained run and a file of digits with lines, of which `images.npz` has the images alone.
fn bench() -> Bench {
    let bench = Bench::new(TINY);
    bench.ok("train tiny.toml --out run --quiet --threads 1 --device cpu");
    bench.ok("data digits-line --out both.npz --train 30 --test 10 --seed 5");
    let mut both = NpzReader::new(File::open(bench.path("both.npz")).unwrap()).unwrap();
    let images: Array4<f32> = both.by_name("image").unwrap();
    let mut npz = NpzWriter::new(File::create(bench.path("images.npz")).unwrap());
    npz.add_array("image", &images).unwrap();
    npz.finish().unwrap();
    bench
}

#[test]
fn lines_are_inferred_from_images_and_images_from_lines() {
    let bench = bench();
    let (out, _) =
        bench.ok("infer run --given images.npz --intervals 0.5,0.9 --draws 3 --samples 8 --device cpu --out preds.npz");
    assert!(out.contains("clusters, line from image by dropout for 40 samples"), "{out}");
    let mut preds = NpzReader::new(File::open(bench.path("preds.npz")).unwrap()).unwrap();
    let rows: Array1<i64> = preds.by_name("row").unwrap();
    assert!(rows.iter().copied().eq(0..40));
    let responsibilities: Array2<f32> = preds.by_name("responsibilities").unwrap();
    assert!(responsibilities.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
    let cluster: Array1<i64> = preds.by_name("cluster").unwrap();
    assert!(cluster.iter().all(|c| (0..10).contains(c)));
    let mean: Array3<f32> = preds.by_name("line_mean").unwrap();
    let variance: Array3<f32> = preds.by_name("line_var").unwrap();
    assert_eq!((mean.dim(), variance.dim()), ((40, 1, 20), (40, 1, 20)));
    assert!(variance.iter().all(|&v| v > 0.0));
    let end = |npz: &mut NpzReader<File>, name: &str| -> Array3<f32> { npz.by_name(name).unwrap() };
    let [low90, low50, high50, high90] =
        ["line_lower_90", "line_lower_50", "line_upper_50", "line_upper_90"].map(|name| end(&mut preds, name));
    for ((a, b), (c, d)) in low90.iter().zip(&low50).zip(high50.iter().zip(&high90)) {
        assert!(a <= b && b < c && c <= d, "{a} {b} {c} {d}");
    }
    let draws: Array4<f32> = preds.by_name("line_draws").unwrap();
    assert_eq!(draws.dim(), (40, 3, 1, 20));

    // With everything given, and only the image asked for.
    bench.ok("infer run --given both.npz --predict image --engine bayes --device cpu --out images-back.npz");
    let mut back = NpzReader::new(File::open(bench.path("images-back.npz")).unwrap()).unwrap();
    let mean: Array4<f32> = back.by_name("image_mean").unwrap();
    assert_eq!(mean.dim(), (40, 1, 28, 28));
    assert!(back.by_name::<ndarray::OwnedRepr<f32>, ndarray::Ix3>("line_mean").is_err());

    // A file that is there is not overwritten.
    assert!(bench.fails("infer run --given images.npz --out preds.npz", 2).contains("is there already"));
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_written() {
    let bench = bench();
    let write = |name: &str, array: &str, values: &Array4<f32>| {
        let mut npz = NpzWriter::new(File::create(bench.path(name)).unwrap());
        npz.add_array(array, values).unwrap();
        npz.finish().unwrap();
    };
    let mut images = Array4::<f32>::zeros((4, 1, 28, 28));
    images[[2, 0, 3, 4]] = f32::NAN;
    write("nan.npz", "image", &images);
    write("small.npz", "image", &Array4::zeros((4, 1, 14, 14)));
    write("smell.npz", "smell", &images.slice(s![..2, .., .., ..]).to_owned());
    for (file, words) in [
        ("nan.npz", vec!["'image', row 2, column 88: NaN"]),
        ("small.npz", vec!["1x14x14 image", "trained on a 1x28x28 image"]),
        ("smell.npz", vec!["smell", "it has image, line"]),
        ("none.npz", vec!["none.npz"]),
    ] {
        let error = bench.fails(&format!("infer run --given {file} --device cpu --out preds.npz"), 2);
        assert!(words.iter().all(|word| error.contains(word)), "{file}: {error}");
        assert!(!bench.path("preds.npz").exists());
    }
    let error = bench.fails("infer run --given images.npz --predict smell --out preds.npz", 2);
    assert!(error.contains("no such modality"), "{error}");
    let error = bench.fails("infer nowhere --given images.npz --out preds.npz", 2);
    assert!(error.contains("nowhere"), "{error}");

    let (out, _) = bench.ok("infer run --given nan.npz --skip-bad-rows --device cpu --out rest.npz");
    assert!(out.contains("for 3 samples") && out.contains("skipped row 2: modality 'image', column 88: NaN"), "{out}");
    let mut rest = NpzReader::new(File::open(bench.path("rest.npz")).unwrap()).unwrap();
    let rows: Array1<i64> = rest.by_name("row").unwrap();
    assert_eq!(rows.to_vec(), [0, 1, 3]);
}
