//! Generates the silicon data set: `cargo run --release -p pima-data --example silicon -- OUT [N] [SEED] [RECIPE]`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use pima_data::silicon::{Recipe, generate_file};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = arguments.first().ok_or("name the file to write")?;
    let n = arguments.get(1).map_or(Ok(772), |n| n.parse())?;
    let seed = arguments.get(2).map_or(Ok(0), |seed| seed.parse())?;
    let recipe = match arguments.get(3) {
        Some(path) => Recipe::from_toml(&std::fs::read_to_string(path)?)?,
        None => Recipe::default(),
    };
    let start = Instant::now();
    let dataset = generate_file(&recipe, n, seed, Path::new(out), &mut |progress| {
        eprint!("\r{} of {}", progress.done, progress.total);
        ControlFlow::Continue(())
    })?;
    eprintln!("\r{}: {} structures in {:.1} s", dataset.name(), dataset.n_samples(), start.elapsed().as_secs_f64());
    Ok(())
}
