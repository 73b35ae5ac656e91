//! Product of experts over M modalities: `fusion/product-of-experts/SIZE`, in fused values (B l) per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use pima_benches::{Batch, Size, criterion};
use pima_core::product_of_experts;

const SEED: u64 = 1;

fn fusion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fusion");
    // The number of clusters plays no part.
    for size in Size::all().filter(|size| size.n_clusters == 10) {
        let Size { n_samples, n_latent, n_modalities, .. } = size;
        let batch = Batch::new(size, SEED).expect("a valid size");
        let mut mean = Array2::zeros((n_samples, n_latent));
        let mut logvar = Array2::zeros((n_samples, n_latent));
        group.throughput(Throughput::Elements((n_samples * n_latent) as u64));
        let id = BenchmarkId::new("product-of-experts", format!("B{n_samples}-l{n_latent}-M{n_modalities}"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                let inputs = (batch.mean.view(), batch.logvar.view(), batch.weight.view());
                product_of_experts(inputs.0, inputs.1, inputs.2, mean.view_mut(), logvar.view_mut())
                    .expect("a valid batch");
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = fusion
}
criterion_main!(benches);
