//! Unsupervised accuracy with the assignment of clusters to labels: `assignment/unsupervised-accuracy/SIZE`, in samples per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pima_benches::criterion;
use pima_core::unsupervised_accuracy;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 1;
/// The test split of MNIST.
const N_SAMPLES: usize = 10_000;
/// Fraction of the samples in a cluster at random: without any, the assignment is read off the first pass of the solver.
const NOISE: f64 = 0.3;

fn assignment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assignment");
    group.throughput(Throughput::Elements(N_SAMPLES as u64));
    for n in [10, 100] {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut cluster_of: Vec<usize> = (0..n).collect();
        cluster_of.shuffle(&mut rng);
        let labels: Vec<usize> = (0..N_SAMPLES).map(|_| rng.random_range(0..n)).collect();
        let clusters: Vec<usize> = labels
            .iter()
            .map(|&label| if rng.random_bool(NOISE) { rng.random_range(0..n) } else { cluster_of[label] })
            .collect();
        group.bench_function(BenchmarkId::new("unsupervised-accuracy", format!("D{N_SAMPLES}-N{n}")), |bencher| {
            bencher.iter(|| unsupervised_accuracy(&labels, &clusters, n, n).expect("labels and clusters below N"));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = assignment
}
criterion_main!(benches);
