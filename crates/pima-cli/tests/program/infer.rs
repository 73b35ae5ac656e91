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

    // From a part of the file: the rest is what the prediction is compared with.
    let (out, _) = bench.ok("infer run --given both.npz --from image --intervals 0.55 --device cpu --out scored.npz");
    let mut scored = NpzReader::new(File::open(bench.path("scored.npz")).unwrap()).unwrap();
    let density: Array1<f32> = scored.by_name("line_log_density").unwrap();
    let error: Array1<f32> = scored.by_name("line_log_density_se").unwrap();
    assert!(density.len() == 40 && density.iter().chain(&error).all(|x| x.is_finite()));
    assert!(error.iter().all(|&e| e >= 0.0) && out.contains("line: mean log predictive density"), "{out}");
    let mean: Array3<f32> = scored.by_name("line_mean").unwrap();
    bench.ok("infer run --given images.npz --device cpu --out alone.npz");
    let mut alone = NpzReader::new(File::open(bench.path("alone.npz")).unwrap()).unwrap();
    let alone: Array3<f32> = alone.by_name("line_mean").unwrap();
    assert!(mean.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "the line in the file is not looked at");
    assert_eq!(end(&mut scored, "line_lower_55").dim(), (40, 1, 20));
    assert!(scored.by_name::<ndarray::OwnedRepr<f32>, ndarray::Ix4>("image_mean").is_err());
    let said = bench.fails("infer run --given images.npz --from line --out none.npz", 2);
    assert!(said.contains("images.npz: has no modality \"line\" to infer from"), "{said}");

    // Other units are a warning, not a refusal: who knows what they are for.
    let images: Array4<f32> =
        NpzReader::new(File::open(bench.path("images.npz")).unwrap()).unwrap().by_name("image").unwrap();
    let mut bytes = NpzWriter::new(File::create(bench.path("bytes.npz")).unwrap());
    bytes.add_array("image", &images.mapv(|x| 255.0 * x)).unwrap();
    bytes.finish().unwrap();
    let (_, err) = bench.ok("infer run --given bytes.npz --samples 2 --device cpu --out bytes-out.npz");
    assert!(
        err.contains("warning: image: samples 3 times larger than all that the model was trained on, and more: 40"),
        "{err}"
    );
    let (_, err) = bench.ok("infer run --given images.npz --samples 2 --device cpu --parameters p.csv --out p.npz");
    assert!(!err.contains("other units?"), "{err}");
    let table = std::fs::read_to_string(bench.path("p.csv")).unwrap();
    assert!(table.starts_with("specimen,from,samples,cluster,probability,slope,slope sd\n0,image,1,"), "{table}");
    assert_eq!(table.lines().count(), 41);

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

    for (options, words) in [
        ("--samples 0", "samples is 0"),
        ("--intervals 1.5", "level of an interval"),
        ("--intervals 0.5,90", "a level lies between 0 and 1; write 0.9"),
        ("--engine refit", "pima refit"),
    ] {
        let error = bench.fails(&format!("infer run --given images.npz {options} --device cpu --out preds.npz"), 2);
        assert!(error.contains(words) && !bench.path("preds.npz").exists(), "{error}");
    }
    for (file, words) in [
        ("nan.npz", "'image', row 2, column 88: NaN"),
        ("small.npz", "1x14x14 image"),
        ("smell.npz", "it has image, line"),
    ] {
        let error = bench.fails(&format!("impute run {file} --device cpu --out filled.npz"), 2);
        assert!(error.contains(words) && !bench.path("filled.npz").exists(), "{file}: {error}");
    }
    let (out, _) = bench.ok("impute run nan.npz --skip-bad-rows --samples 4 --device cpu --out filled.npz");
    assert!(out.contains("3 samples") && out.contains("skipped row 2"), "{out}");

    let (out, _) = bench.ok("infer run --given nan.npz --skip-bad-rows --device cpu --out rest.npz");
    assert!(out.contains("for 3 samples") && out.contains("skipped row 2: modality 'image', column 88: NaN"), "{out}");
    let mut rest = NpzReader::new(File::open(bench.path("rest.npz")).unwrap()).unwrap();
    let rows: Array1<i64> = rest.by_name("row").unwrap();
    assert_eq!(rows.to_vec(), [0, 1, 3]);
}

#[test]
fn samples_keep_their_names_and_come_as_they_come_to_training() {
    let bench = bench();
    let mut both = NpzReader::new(File::open(bench.path("images.npz")).unwrap()).unwrap();
    let images: Array4<f32> = both.by_name("image").unwrap();
    // No axis of channels, and a sample that was not measured.
    let mut pixels = images.slice(s![..6, 0, .., ..]).to_owned();
    pixels.slice_mut(s![4, .., ..]).fill(f32::NAN);
    let mut npz = NpzWriter::new(File::create(bench.path("named.npz")).unwrap());
    npz.add_array("image", &pixels).unwrap();
    npz.add_array("id", &ndarray::array![11_i64, 12, 13, 14, 15, 16]).unwrap();
    npz.finish().unwrap();
    let said = bench.fails("infer run --given named.npz --device cpu --out preds.npz", 2);
    assert!(said.contains("named.npz: cannot be used: ") && said.contains("row 4"), "{said}");
    let (out, _) = bench.ok("infer run --given named.npz --skip-bad-rows --samples 4 --device cpu --out preds.npz");
    assert!(out.contains("for 5 samples") && out.contains("skipped row 4: has no modality"), "{out}");
    let named = pima_data::NpzArray {
        path: bench.path("preds.npz"),
        array: Some("responsibilities".to_owned()),
        id: Some("id".to_owned()),
        channels_last: false,
    };
    let reader = pima_data::SourceReader::open(&pima_data::Source::Npz(named), "r", None).unwrap();
    assert_eq!(reader.ids().unwrap(), ["11", "12", "13", "14", "16"]);
    // The same as with an axis of channels.
    bench.ok("infer run --given images.npz --samples 4 --device cpu --out all.npz");
    let mean = |file: &str| -> Array3<f32> {
        NpzReader::new(File::open(bench.path(file)).unwrap()).unwrap().by_name("line_mean").unwrap()
    };
    let (few, all) = (mean("preds.npz"), mean("all.npz"));
    assert!(few.slice(s![..4, .., ..]).iter().zip(all.slice(s![..4, .., ..])).all(|(a, b)| (a - b).abs() < 1e-4));
    // What is no .npz is told once, with what it is.
    std::fs::write(bench.path("x.csv"), "image\n1\n").unwrap();
    let said = bench.fails("infer run --given x.csv --device cpu --out none.npz", 2);
    assert_eq!(said, "error: x.csv: is a table and no .npz, which numpy.savez writes");
}

#[test]
fn holes_are_filled_and_measured_values_stay() {
    let bench = bench();
    let mut both = NpzReader::new(File::open(bench.path("both.npz")).unwrap()).unwrap();
    let images: Array4<f32> = both.by_name("image").unwrap();
    let lines: Array3<f32> = both.by_name("line").unwrap();
    // Every third sample has no line, every third of the others no image.
    let has_line = Array1::from_shape_fn(40, |row| row % 3 != 0);
    let has_image = Array1::from_shape_fn(40, |row| row % 3 != 1);
    let mut npz = NpzWriter::new(File::create(bench.path("holes.npz")).unwrap());
    npz.add_array("image", &images).unwrap();
    npz.add_array("line", &lines).unwrap();
    npz.add_array("present_image", &has_image).unwrap();
    npz.add_array("present_line", &has_line).unwrap();
    npz.finish().unwrap();
    let (out, _) = bench.ok("impute run holes.npz --samples 8 --device cpu --out filled.npz");
    assert!(out.contains("40 samples, imputed image in 13, line in 14"), "{out}");
    let mut filled = NpzReader::new(File::open(bench.path("filled.npz")).unwrap()).unwrap();
    let line: Array3<f32> = filled.by_name("line").unwrap();
    let variance: Array3<f32> = filled.by_name("line_var").unwrap();
    let imputed: Array1<i64> = filled.by_name("line_imputed").unwrap();
    for row in 0..40 {
        assert_eq!(imputed[row] == 0, has_line[row]);
        assert_eq!(line.slice(s![row, .., ..]) == lines.slice(s![row, .., ..]), has_line[row]);
        assert!(variance.slice(s![row, .., ..]).iter().all(|&v| (v == 0.0) == has_line[row]));
    }
    assert!(bench.fails("impute run holes.npz --out filled.npz", 2).contains("is there already"));

    // From one modality alone, the samples that lack it cannot be inferred.
    let command = "infer run --given holes.npz --from image --samples 4 --device cpu --out some.npz";
    let said = bench.fails(command, 2);
    assert!(said.contains("holes.npz: row 1 has nothing to infer from (image)"), "{said}");
    let (out, _) = bench.ok(&format!("{command} --skip-bad-rows"));
    assert!(out.contains("for 27 samples") && out.contains("skipped row 4: has nothing to infer from"), "{out}");
    let mut some = NpzReader::new(File::open(bench.path("some.npz")).unwrap()).unwrap();
    let rows: Array1<i64> = some.by_name("row").unwrap();
    assert!(rows.iter().all(|row| row % 3 != 1) && rows.len() == 27);
    let density: Array1<f32> = some.by_name("line_log_density").unwrap();
    assert!(rows.iter().zip(&density).all(|(row, density)| density.is_nan() == (row % 3 == 0)));
}

#[test]
fn refitted_encoders_are_used_once_they_are_there() {
    let bench = bench();
    assert!(
        bench.fails("infer run --given images.npz --engine refit --out p.npz --device cpu", 2).contains("pima refit")
    );
    let (_, log) = bench.ok("refit run --epochs 2");
    assert!(log.contains("refit of image's encoder 2/2"), "{log}");
    let (out, _) = bench.ok("infer run --given images.npz --samples 4 --out p.npz --device cpu");
    assert!(out.contains("by refit for 40 samples"), "{out}");
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("run/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["refit"]["config"]["epochs"], 2);
    let test = &summary["splits"]["test"];
    assert!(test["accuracy_from_refitted"]["image"].as_f64().unwrap() > 0.0);
    let covered = test["calibration"]["image"]["predicted"]["line"]["covered"]["90"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&covered));
    assert!(bench.fails("refit run --learning-rate 0", 2).contains("--learning-rate"));
}

#[test]
fn samples_are_generated_where_the_user_says() {
    let bench = bench();
    let (out, _) = bench.ok("generate run --cluster 3 -n 5 --device cpu --out made.npz");
    assert!(out.contains("5 samples of image, line"), "{out}");
    let mut made = NpzReader::new(File::open(bench.path("made.npz")).unwrap()).unwrap();
    let cluster: Array1<i64> = made.by_name("cluster").unwrap();
    assert_eq!(cluster.to_vec(), [3; 5]);
    assert_eq!(made.by_name::<ndarray::OwnedRepr<f32>, ndarray::Ix4>("image").unwrap().dim(), (5, 1, 28, 28));
    bench.ok("generate run --at -1,0.5 --at 1,0.5 --line -n 3 --device cpu --out line.npz");
    let mut line = NpzReader::new(File::open(bench.path("line.npz")).unwrap()).unwrap();
    let latent: Array2<f32> = line.by_name("latent").unwrap();
    assert_eq!(latent, ndarray::array![[-1.0, 0.5], [0.0, 0.5], [1.0, 0.5]]);
    for (arguments, said) in [
        ("--cluster 10", "there is no cluster 10"),
        ("--at 1,x", "expected the coordinates"),
        ("--at 1,2,3", "has 3 coordinates"),
        ("--at 1,2 --line", "give --at twice"),
    ] {
        let error = bench.fails(&format!("generate run {arguments} --device cpu --out none.npz"), 2);
        assert!(error.contains(said), "{arguments}: {error}");
        assert!(!bench.path("none.npz").exists());
    }
}
