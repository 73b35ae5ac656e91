//! A training step allocates nothing once its buffers have grown: counted by an allocator of this test's own.

// A global allocator is unsafe to implement; this one only counts and hands over to the system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::{Array1, Array2, Array3};
use pima_core::{ClusterPosterior, ElboWorkspace, MixturePrior, MixtureSums};

struct Counting;

thread_local! {
    // Per thread: the test harness allocates in its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // Not counted while the thread is torn down.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Inputs of a step for B samples, of two modalities, three latent dimensions and ten clusters.
struct Batch {
    mean: Array3<f64>,
    logvar: Array3<f64>,
    weight: Array2<f64>,
    eps: Array2<f64>,
    recon: Array2<f64>,
    z_adjoint: Array2<f64>,
}

impl Batch {
    fn new(n_samples: usize) -> Self {
        let wave = |i: usize| (i as f64 * 0.37).sin();
        Self {
            mean: Array3::from_shape_fn((2, n_samples, 3), |(m, b, j)| 2.0 * wave(m + 2 * b + 5 * j)),
            logvar: Array3::from_shape_fn((2, n_samples, 3), |(m, b, j)| wave(3 * m + b + j) - 1.0),
            weight: Array2::from_shape_fn((2, n_samples), |(m, b)| if m == 1 && b % 3 == 0 { 0.0 } else { 1.0 }),
            eps: Array2::from_shape_fn((n_samples, 3), |(b, j)| wave(7 * b + j)),
            recon: Array2::from_shape_fn((n_samples, 10), |(b, c)| 5.0 + 5.0 * wave(b + c)),
            z_adjoint: Array2::from_shape_fn((n_samples, 3), |(b, j)| wave(b + 11 * j)),
        }
    }

    fn step(&self, workspace: &mut ElboWorkspace, prior: &MixturePrior, sums: &mut MixtureSums) {
        for posterior in [ClusterPosterior::Latent, ClusterPosterior::Exact] {
            workspace.fuse(self.mean.view(), self.logvar.view(), self.weight.view(), self.eps.view()).expect("finite");
            workspace.evaluate(prior, self.recon.view(), posterior).expect("finite");
            workspace.pull_back(self.z_adjoint.view()).expect("finite");
            let loss = workspace.loss().sum() + workspace.terms().recon.sum();
            let gradient = workspace.grad_mean().sum() + workspace.grad_logvar().sum() + workspace.grad_logits().sum();
            assert!((loss + gradient + workspace.grad_recon().sum()).is_finite());
            sums.add(workspace.responsibilities(), workspace.fused_mean(), workspace.fused_logvar()).expect("finite");
        }
    }

    /// The same values in column-major order, which the workspace has to copy.
    fn column_major(mut self) -> Self {
        for array in [&mut self.mean, &mut self.logvar] {
            *array = array.view().reversed_axes().as_standard_layout().into_owned().reversed_axes();
        }
        for array in [&mut self.weight, &mut self.eps, &mut self.recon, &mut self.z_adjoint] {
            *array = array.view().reversed_axes().as_standard_layout().into_owned().reversed_axes();
        }
        assert!(!self.recon.is_standard_layout());
        self
    }
}

#[test]
fn a_step_allocates_nothing_once_the_buffers_have_grown() {
    let prior = MixturePrior::new(
        Array1::zeros(10),
        Array2::from_shape_fn((10, 3), |(c, j)| (c as f64 - 4.5) * 0.3 + j as f64 * 0.1),
        Array2::from_elem((10, 3), 0.8),
    )
    .expect("a valid prior");
    let batches = [Batch::new(128), Batch::new(37), Batch::new(128).column_major(), Batch::new(1)];
    let mut workspace = ElboWorkspace::default();
    let mut sums = MixtureSums::new(10, 3);

    let first = allocations_of(|| batches[0].step(&mut workspace, &prior, &mut sums));
    assert!(first > 0, "the counter counts");
    batches[2].step(&mut workspace, &prior, &mut sums);
    for (i, batch) in batches.iter().enumerate() {
        let later = allocations_of(|| batch.step(&mut workspace, &prior, &mut sums));
        assert_eq!(later, 0, "batch {i}");
    }
}
