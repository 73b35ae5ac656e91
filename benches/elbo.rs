//! Loss and gradients of a batch: the fused kernel beside the same block op by op in torch.
//!
//! `elbo/POSTERIOR/IMPLEMENTATION/SIZE`. The kernel computes in f64, as it trains; torch in f32, as it would, and in f64. Both run on one
//! thread: the table of threads is the `ratio` example's.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pima_benches::{Batch, Formulation, FusedBlock, OpByOpBlock, Size, criterion};
use pima_core::ClusterPosterior;
use tch::Kind;

const SEED: u64 = 1;
/// All that the kernel returns in f32 and f64; loss and gradients alone in f32.
const TORCH: [(&str, Formulation, Kind); 3] = [
    ("torch-f32", Formulation::Terms, Kind::Float),
    ("torch-f64", Formulation::Terms, Kind::Double),
    ("torch-f32-loss-alone", Formulation::Loss, Kind::Float),
];

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, size: Size, posterior: ClusterPosterior) {
    let batch = Batch::new(size, SEED).expect("a valid size");
    group.throughput(Throughput::Elements(size.elements()));
    let mut fused = FusedBlock::new(&batch, posterior);
    group.bench_function(BenchmarkId::new("fused", size), |bencher| {
        bencher.iter(|| fused.step().expect("a valid batch").loss()[0]);
    });
    for (name, formulation, kind) in TORCH {
        let torch = OpByOpBlock::new(&batch, posterior, formulation, kind).expect("memory for the batch");
        group.bench_function(BenchmarkId::new(name, size), |bencher| {
            bencher.iter(|| torch.step().expect("memory for the graph"));
        });
    }
}

fn exact(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let mut group = criterion.benchmark_group("elbo/exact");
    for size in Size::all() {
        measure(&mut group, size, ClusterPosterior::Exact);
    }
    group.finish();
}

fn latent(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let mut group = criterion.benchmark_group("elbo/latent");
    for size in [Size::new(128, 2, 10, 2), Size::new(1_024, 3, 10, 2), Size::new(4_096, 10, 100, 3)] {
        measure(&mut group, size, ClusterPosterior::Latent);
    }
    group.finish();
}

criterion_group! {
    name = elbo;
    config = criterion();
    targets = exact, latent
}
criterion_main!(elbo);
