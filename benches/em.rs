//! The M-step of the mixture over an epoch's 54,000 samples, streamed in batches of 128 as in training: `em/add-and-maximise/SIZE`, in
//! samples per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Axis};
use pima_benches::{Batch, Size, criterion};
use pima_core::{MixtureSums, MixtureUpdate};

const SEED: u64 = 1;
/// The training split of MNIST.
const N_SAMPLES: usize = 54_000;
const BATCH: usize = 128;

fn em(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("em");
    group.throughput(Throughput::Elements(N_SAMPLES as u64));
    for (n_latent, n_clusters) in [(2, 10), (3, 10), (10, 10), (2, 100), (10, 100)] {
        let size = Size::new(N_SAMPLES, n_latent, n_clusters, 1);
        let Batch { prior, mean, logvar, .. } = Batch::new(size, SEED).expect("a valid size");
        let (mean, logvar) = (mean.index_axis_move(Axis(0), 0), logvar.index_axis_move(Axis(0), 0));
        let mut responsibilities = Array2::zeros((N_SAMPLES, n_clusters));
        prior.responsibilities(mean.view(), responsibilities.view_mut()).expect("finite points");
        let mut sums = MixtureSums::new(n_clusters, n_latent);
        let id = BenchmarkId::new("add-and-maximise", format!("D{N_SAMPLES}-B{BATCH}-l{n_latent}-N{n_clusters}"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                sums.clear();
                let batches = responsibilities.axis_chunks_iter(Axis(0), BATCH);
                let batches = batches.zip(mean.axis_chunks_iter(Axis(0), BATCH));
                for ((g, mean), logvar) in batches.zip(logvar.axis_chunks_iter(Axis(0), BATCH)) {
                    sums.add(g, mean, logvar).expect("finite samples");
                }
                sums.maximise(&prior, &MixtureUpdate::default()).expect("as many clusters as the prior")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = em
}
criterion_main!(benches);
