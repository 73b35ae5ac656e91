//! Responsibilities p(c|z) of a mixture of N Gaussians: `responsibilities/log-sum-exp/SIZE`, in (B N l) elements per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use pima_benches::{Batch, Size, criterion};

const SEED: u64 = 1;

fn responsibilities(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("responsibilities");
    // One modality: its means serve as z.
    for size in Size::all().filter(|size| size.n_modalities == 2).map(|size| Size { n_modalities: 1, ..size }) {
        let Size { n_samples, n_latent, n_clusters, .. } = size;
        let batch = Batch::new(size, SEED).expect("a valid size");
        let z = batch.mean.index_axis_move(ndarray::Axis(0), 0);
        let mut out = Array2::zeros((n_samples, n_clusters));
        group.throughput(Throughput::Elements(size.elements()));
        let id = BenchmarkId::new("log-sum-exp", format!("B{n_samples}-l{n_latent}-N{n_clusters}"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| batch.prior.responsibilities(z.view(), out.view_mut()).expect("a valid batch"));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = responsibilities
}
criterion_main!(benches);
