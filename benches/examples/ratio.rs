//! Prints, as a Markdown table, how many times faster the fused kernel is than torch op by op, for the sizes whose name contains FILTER:
//!
//! ```text
//! ratio [--threads N] [FILTER]
//! ```
//!
//! For each size the implementations take turns, so that a change of the machine's load falls on all of them alike, and their median
//! times are compared. The kernel and torch have the same number of threads; one table for one thread and one for two, unless said otherwise.

use std::process::ExitCode;
use std::time::Duration;

use pima_benches::{Batch, Formulation, FusedBlock, OpByOpBlock, Size, Turns, median_times};
use pima_core::ClusterPosterior;
use tch::Kind;

const SEED: u64 = 1;
const TURNS: Turns = Turns { time: Duration::from_secs(2), at_least: 11, at_most: 501 };
/// The ratio to reach at every size, against the first of torch's columns.
const TARGET: f64 = 20.0;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
    let mut threads = vec![1, 2];
    let mut filter = String::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => {
                let number = arguments.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                threads = vec![number.ok_or("--threads takes a number of at least 1")?];
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}").into()),
            _ => filter = argument,
        }
    }
    for threads in threads {
        table(threads, &filter)?;
    }
    Ok(())
}

/// Torch's columns. The first is what the target is about.
const TORCH: [(&str, Formulation, Kind); 4] = [
    ("torch f32", Formulation::Terms, Kind::Float),
    ("torch f64", Formulation::Terms, Kind::Double),
    ("f32, loss alone", Formulation::Loss, Kind::Float),
    ("f32, expanded", Formulation::LossExpanded, Kind::Float),
];

fn table(threads: usize, filter: &str) -> pima_benches::Result<()> {
    let plural = if threads == 1 { "" } else { "s" };
    println!("\n{threads} thread{plural}, times in microseconds, load before: {}\n", load());
    let headings: String = TORCH.iter().map(|(name, ..)| format!(" {name} | ratio |")).collect();
    println!("| posterior | B | l | N | M | fused |{headings}\n|---|{}", "--:|".repeat(5 + 2 * TORCH.len()));
    let latent = [Size::new(128, 2, 10, 2), Size::new(1_024, 3, 10, 2), Size::new(4_096, 10, 100, 3)];
    let exact = Size::all().map(|size| (size, ClusterPosterior::Exact));
    let cases = exact.chain(latent.into_iter().map(|size| (size, ClusterPosterior::Latent)));
    // The kernel's threads are those of the pool that it is called from.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut ratios = Vec::new();
    for (size, posterior) in cases.filter(|(size, _)| size.to_string().contains(filter)) {
        let (fused, torch) = pool.install(|| measure(size, posterior, threads))?;
        let Size { n_samples, n_latent, n_clusters, n_modalities } = size;
        let posterior = match posterior {
            ClusterPosterior::Exact => "exact",
            ClusterPosterior::Latent => "latent",
        };
        let micros = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e6);
        print!("| {posterior} | {n_samples} | {n_latent} | {n_clusters} | {n_modalities} | {}", micros(fused));
        for &time in &torch {
            print!(" | {} | {:.1}", micros(time), ratio(time, fused));
        }
        println!(" |");
        ratios.push(ratio(torch[0], fused));
    }
    let below = ratios.iter().filter(|ratio| **ratio < TARGET).count();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "\n{}: at least {least:.1}; below {TARGET} at {below} of {} sizes. Load after: {}",
        TORCH[0].0,
        ratios.len(),
        load()
    );
    Ok(())
}

/// How busy the machine is: a core that something else wants makes every number doubtful, and those of several threads worthless.
fn load() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match std::fs::read_to_string("/proc/loadavg") {
        Ok(averages) => format!("{} on {processors} processors", averages.split(' ').next().unwrap_or_default()),
        Err(_) => format!("unknown on {processors} processors"),
    }
}

fn ratio(torch: Duration, fused: Duration) -> f64 {
    torch.as_secs_f64() / fused.as_secs_f64()
}

/// Median times of the kernel and of torch's columns.
fn measure(size: Size, posterior: ClusterPosterior, threads: usize) -> pima_benches::Result<(Duration, Vec<Duration>)> {
    // Torch counts for each thread that calls it, hence here and not in `main`.
    tch::set_num_threads(threads as i32);
    let batch = Batch::new(size, SEED)?;
    let mut fused = FusedBlock::new(&batch, posterior);
    let mut functions: Vec<Box<dyn FnMut() -> pima_benches::Result<()>>> = vec![Box::new(|| fused.step().map(drop))];
    for (_, formulation, kind) in TORCH {
        let torch = OpByOpBlock::new(&batch, posterior, formulation, kind)?;
        functions.push(Box::new(move || torch.step().map(drop)));
    }
    let mut times = median_times(TURNS, &mut functions)?.into_iter();
    Ok((times.next().unwrap_or_default(), times.collect()))
}
