//! Real MNIST, where it is found: the files are what everybody else's are, and a short training on them works.

use pima_data::{Normalisation, NormalisationMethod, find_mnist, load_mnist};
use pima_model::{DataLocations, ExperimentConfig, TrainOptions, evaluate, load_data, train};
use pima_tests::real_data;
use std::path::Path;

#[test]
fn labels_counts_and_pixels_are_mnist_s() {
    let Some(folder) = real_data("labels_counts_and_pixels_are_mnist_s") else { return };
    let data = load_mnist(&find_mnist(Some(&folder), &folder).unwrap()).unwrap();
    assert_eq!(data.n_samples(), 70_000);
    let labels = data.labels().unwrap().values();
    assert_eq!(labels[..5], [5, 0, 4, 1, 9]);
    assert_eq!(labels[60_000..60_005], [7, 2, 1, 0, 4]);
    assert_eq!(labels[60_000..].iter().filter(|&&label| label == 1).count(), 1135);
    let held = data.held_out().unwrap();
    assert!(held[..60_000].iter().all(|h| !h) && held[60_000..].iter().all(|h| *h));
    // The mean and deviation of the training pixels that every tutorial quotes: 0.1307, 0.3081.
    let rows: Vec<usize> = (0..60_000).collect();
    let image = data.modality("image").unwrap();
    let fit = Normalisation::fit(NormalisationMethod::StandardGlobal, image, &rows).unwrap();
    assert!((fit.shift(0) - 0.1307).abs() < 5e-5 && (fit.scale(0) - 0.3081).abs() < 5e-5);
}

/// A tenth of the data and two epochs: far from converged, but clusters are digits and slopes are found, or something is broken.
#[test]
fn a_short_training_on_mnist_clusters_the_digits() {
    let Some(folder) = real_data("a_short_training_on_mnist_clusters_the_digits") else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/pima-cli/experiments/4.1/multimodal-dropout.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut config = ExperimentConfig::parse(&text, &file, None).unwrap();
    config.data.max_samples = Some(6_000);
    config.data.max_test_samples = Some(1_000);
    config.training.epochs = 3;
    config.training.batch_size = 32;
    let locations = DataLocations { datasets: Some(folder), ..DataLocations::default() };
    let (data, split) = load_data(&config, &locations, 0).unwrap();
    assert_eq!(data.name(), "MNIST");
    let options = TrainOptions { seed: 0, device: tch::Device::Cpu, checkpoints: None, resume: false, stop: None };
    let outcome = train(&config, &data, &split, &options, &mut ()).unwrap();
    let test = evaluate(&outcome.model, &data, &split.test, config.posterior(), 0).unwrap();
    let accuracy = test.scores.unwrap().accuracy.accuracy;
    assert!(accuracy > 0.9, "accuracy {accuracy}");
    let alone = test.alone["line"].accuracy.unwrap();
    assert!(alone > 0.9, "from the line alone {alone}");
}
