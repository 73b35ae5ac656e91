//! The experiments that are shipped: every file is a config, and those of the oscillator do what they say on a little data.

use std::path::{Path, PathBuf};

use pima_core::ModalityShape;
use pima_data::{OscillatorOptions, oscillator_trajectories};
use pima_model::{DataLocations, DataSource, ExperimentConfig, Recipe, TrainOptions, load_data, train};
use pima_nets::{Decoder, ParameterBuilder, Precision};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::Device;

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/pima-cli/experiments")
}

fn read(name: &str) -> ExperimentConfig {
    let file = experiments().join(name);
    ExperimentConfig::parse(&std::fs::read_to_string(&file).unwrap(), &file, None).unwrap()
}

#[test]
fn every_file_is_a_config_by_both_recipes() {
    let mut n = 0;
    for folder in std::fs::read_dir(experiments()).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()) {
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.file_name().is_some_and(|name| name == "table.toml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for recipe in [Recipe::Fast, Recipe::Paper] {
                let config = ExperimentConfig::parse(&text, &file, Some(recipe)).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(config.training.recipe, recipe);
            }
            n += 1;
        }
    }
    assert!(n >= 20, "{n}");
}

/// Walker et al. 2023, section 4.2, give the sizes of two networks that decode the oscillator, but not their layers.
#[test]
fn the_networks_of_the_oscillator_have_the_papers_sizes() {
    for (name, expected) in [("4.2/network-large.toml", 32_954), ("4.2/network-small.toml", 4_230)] {
        let config = read(name);
        let decoder = config.modalities[1].decoder.clone().unwrap();
        let mut build = ParameterBuilder::new();
        let shape = ModalityShape::Curve { channels: 2, length: 512 };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Decoder::new("x", &decoder, shape, config.model.latent, &mut build, &mut rng).unwrap();
        assert_eq!(build.finish(Device::Cpu, Precision::F32).unwrap().count(), expected, "{name}");
    }
}

/// Every way of identifying the oscillator ends at equations whose solutions are trajectories that the data were made from.
#[test]
fn oscillators_are_identified_and_their_equations_solved_again() {
    let truth = oscillator_trajectories(10, &OscillatorOptions::default()).unwrap().states;
    for name in ["4.2/expert.toml", "4.2/expert-identified.toml", "4.2/expert-states.toml"] {
        let mut config = read(name);
        config.data.source = DataSource::Digits;
        (config.data.max_samples, config.data.max_test_samples) = (Some(600), Some(60));
        (config.training.epochs, config.training.batch_size) = (1, 32);
        config.training.precision = Precision::F32;
        let (data, split) = load_data(&config, &DataLocations::default(), 0).unwrap();
        let options = TrainOptions { seed: 0, device: Device::Cpu, checkpoints: None, resume: false, stop: None };
        let model = train(&config, &data, &split, &options, &mut ()).unwrap().model;
        let solutions = model.solutions(1).unwrap();
        assert_eq!(solutions.dim(), truth.dim());
        let mut found: Vec<usize> = Vec::new();
        for solution in solutions.outer_iter() {
            let distance = |k: &usize| {
                (&solution - &truth.index_axis(ndarray::Axis(0), *k)).iter().fold(0.0, |most: f64, d| most.max(d.abs()))
            };
            found.extend((0..10).filter(|k| distance(k) < 0.05));
        }
        found.sort_unstable();
        found.dedup();
        // Of so few samples two classes can end up in one cluster, which is then neither.
        assert!(found.len() >= 7, "{name}: only the trajectories {found:?} were found");
    }
}
