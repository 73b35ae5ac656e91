//! Prints how many samples a second cross-modal inference takes, beside the bare forward pass of the same encoder in torch:
//!
//! ```text
//! inference [--threads N] [CONFIG.toml]
//! ```
//!
//! Images of procedural digits are given, lines are predicted with their variance from 64 draws of z; weights are those of an untrained model, which costs the
//! same. Both take turns, so that a change of the machine's load falls on both alike.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use pima_benches::{Turns, median_times};
use pima_data::{Batch, Batches, Dataset};
use pima_model::{DataLocations, Engine, ExperimentConfig, InferOptions, Model, load_data};
use pima_nets::{Encoder, Mode, ParameterBuilder, set_threads, tensor_from_f32};
use rand::SeedableRng;

const CONFIG: &str = "crates/pima-cli/experiments/cross-modal/ten-dimensions.toml";
const ROWS: usize = 512;
const SAMPLES: usize = 4096;
const TURNS: Turns = Turns { time: Duration::from_secs(20), at_least: 5, at_most: 101 };

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn run(mut arguments: impl Iterator<Item = String>) -> Outcome<()> {
    let (mut threads, mut file) = (2, PathBuf::from(CONFIG));
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => {
                let number = arguments.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                threads = number.ok_or("--threads takes a number of at least 1")?;
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}").into()),
            _ => file = argument.into(),
        }
    }
    set_threads(Some(threads));
    let text = std::fs::read_to_string(&file)?.replace("mnist-or-digits", "digits");
    let mut config = ExperimentConfig::parse(&text, &file, None)?;
    config.data.max_samples = Some(SAMPLES);
    config.data.max_test_samples = Some(1);
    let (dataset, split) = load_data(&config, &DataLocations::default(), 0)?;
    let model = Model::new(&config, &dataset, &split, tch::Device::Cpu, 0)?;

    let shape = model.modality_shape(0);
    let mut build = ParameterBuilder::new();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let settings = &config.modalities[0];
    let encoder = Encoder::new("image", &settings.encoder, shape, config.model.latent, &mut build, &mut rng)?;
    let parameters = build.finish(tch::Device::Cpu, config.training.precision)?;
    let batches = gathered(&model, &dataset)?;
    let options = InferOptions {
        given: vec![0],
        predict: vec![1],
        engine: Engine::Dropout,
        samples: 64,
        intervals: Vec::new(),
        draws: 0,
        score: false,
        seed: 0,
    };
    let bare = || -> Outcome<()> {
        for batch in &batches {
            let sizes = [batch.len() as i64, shape.size() as i64];
            let input = tensor_from_f32(batch.slice(0), &sizes, tch::Device::Cpu)?;
            let _moments = std::hint::black_box(tch::no_grad(|| encoder.forward(&parameters, &input, Mode::Evaluate))?);
        }
        Ok(())
    };
    let infer = || -> Outcome<()> {
        for (k, batch) in batches.iter().enumerate() {
            model.infer(batch, &options, k)?;
        }
        Ok(())
    };
    let times = median_times::<Box<dyn FnMut() -> Outcome<()>>, _>(TURNS, &mut [Box::new(bare), Box::new(infer)])?;
    let n: usize = batches.iter().map(Batch::len).sum();
    let speed = |time: Duration| n as f64 / time.as_secs_f64();
    println!("{n} images in batches of {ROWS}, {threads} threads, {}", settings.name);
    println!("bare forward pass  {:>9.0} samples a second", speed(times[0]));
    println!("inference          {:>9.0} samples a second", speed(times[1]));
    println!("ratio              {:>9.2}", speed(times[1]) / speed(times[0]));
    Ok(())
}

fn gathered(model: &Model, dataset: &Dataset) -> Outcome<Vec<Batch>> {
    let all: Vec<usize> = (0..dataset.n_samples()).collect();
    let each = all.chunks(ROWS).map(|rows| {
        let mut batch = Batch::default();
        Batches::new(dataset, model.normalisations())?.gather(rows, &mut batch)?;
        Ok(batch)
    });
    each.collect()
}
