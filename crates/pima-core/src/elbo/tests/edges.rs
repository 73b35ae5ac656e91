//! Absent modalities, extreme variances, layouts, threads, and what is refused.

use ndarray::{Array2, Axis, s};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{BOTH, ClusterPosterior, Problem, Sizes, bits};
use crate::{ElboWorkspace, Error, Location};

const SIZES: Sizes = Sizes { modalities: 3, samples: 7, latent: 2, clusters: 10 };

#[test]
fn what_stands_in_an_absent_modality_does_not_matter() {
    let problem = Problem::random(SIZES, 1);
    assert!(problem.weight.iter().any(|w| *w == 0.0), "the problem has an absent modality");
    for garbage in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let mut spoilt = problem.clone();
        for ((m, b), _) in problem.weight.indexed_iter().filter(|(_, w)| **w == 0.0) {
            spoilt.mean.slice_mut(s![m, b, ..]).fill(garbage);
            spoilt.logvar.slice_mut(s![m, b, ..]).fill(garbage);
        }
        for posterior in BOTH {
            let workspace = spoilt.run(posterior).unwrap();
            assert_eq!(bits(&workspace), bits(&problem.run(posterior).unwrap()));
            for ((m, b), weight) in problem.weight.indexed_iter() {
                let gradients = [workspace.grad_mean(), workspace.grad_logvar()];
                for gradient in gradients {
                    let zero = gradient.slice(s![m, b, ..]).iter().all(|value| *value == 0.0);
                    assert_eq!(zero, *weight == 0.0, "modality {m}, sample {b}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Clusters 40 apart, prior variances over 24 decades, posterior variances over 52 decades of e.
    #[test]
    fn extreme_variances_and_distances_give_finite_results(
        samples in 1_usize..4, latent in 1_usize..4, clusters in 1_usize..12, seed: u64,
    ) {
        let mut problem = Problem::random(Sizes { modalities: 2, samples, latent, clusters }, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        problem.prior_mean.mapv_inplace(|m| 20.0 * m);
        problem.mean.mapv_inplace(|m| 20.0 * m);
        problem.prior_var.mapv_inplace(|_| 10.0_f64.powf(rng.random_range(-12.0..12.0)));
        problem.logvar.mapv_inplace(|_| rng.random_range(-60.0..60.0));
        for posterior in BOTH {
            let workspace = problem.run(posterior).unwrap();
            for row in workspace.responsibilities().outer_iter() {
                prop_assert!(row.iter().all(|g| (0.0..=1.0).contains(g)));
                prop_assert!((row.sum() - 1.0).abs() <= 1e-12);
            }
            prop_assert!(workspace.loss().iter().all(|x| x.is_finite()));
            prop_assert!(workspace.grad_mean().iter().all(|x| x.is_finite()));
            prop_assert!(workspace.grad_logvar().iter().all(|x| x.is_finite()));
            prop_assert!(workspace.grad_logits().iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn a_cluster_out_of_the_range_of_numbers_leaves_the_others_alone() {
    let mut problem = Problem::random(SIZES, 2);
    problem.prior_mean.row_mut(4).fill(1e170);
    for posterior in BOTH {
        let workspace = problem.run(posterior).unwrap();
        assert!(workspace.responsibilities().column(4).iter().all(|g| *g == 0.0));
        let mut without = problem.clone();
        for array in [&mut without.prior_mean, &mut without.prior_var] {
            array.remove_index(Axis(0), 4);
        }
        without.recon.remove_index(Axis(1), 4);
        without.logits.remove_index(Axis(0), 4);
        // Only the weights' normalisation knows of the tenth cluster.
        let lost = -2.0 * (1.0 - problem.prior().weights()[4]).ln();
        let without = without.run(posterior).unwrap();
        for (with, without) in workspace.loss().iter().zip(without.loss()) {
            assert!((with - without - lost).abs() < 1e-12 * with.abs(), "{with} {without} {lost}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // Large enough to be shared between threads, and not a multiple of the chunk.
    let problem = Problem::random(Sizes { modalities: 2, samples: 3001, latent: 4, clusters: 25 }, 3);
    for posterior in BOTH {
        let with_threads = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| bits(&problem.run(posterior).unwrap()))
        };
        let one = with_threads(1);
        assert_eq!(one, with_threads(2));
        assert_eq!(one, with_threads(5));
    }
}

#[test]
fn samples_do_not_see_each_other() {
    let problem = Problem::random(Sizes { samples: 150, ..SIZES }, 4);
    let mut part = problem.clone();
    for array in [&mut part.mean, &mut part.logvar] {
        *array = array.slice(s![.., 100..131, ..]).to_owned();
    }
    part.weight = part.weight.slice(s![.., 100..131]).to_owned();
    for array in [&mut part.eps, &mut part.recon, &mut part.z_adjoint] {
        *array = array.slice(s![100..131, ..]).to_owned();
    }
    for posterior in BOTH {
        let (whole, part) = (problem.run(posterior).unwrap(), part.run(posterior).unwrap());
        assert_eq!(whole.loss().slice(s![100..131]), part.loss());
        assert_eq!(whole.grad_mean().slice(s![.., 100..131, ..]), part.grad_mean());
        assert_eq!(whole.grad_logvar().slice(s![.., 100..131, ..]), part.grad_logvar());
    }
}

#[test]
fn layouts_other_than_row_major_give_the_same() {
    let problem = Problem::random(SIZES, 5);
    let mut reversed = problem.clone();
    for array in [&mut reversed.mean, &mut reversed.logvar] {
        *array = array.view().permuted_axes([2, 1, 0]).as_standard_layout().into_owned().permuted_axes([2, 1, 0]);
    }
    let columns = |a: &Array2<f64>| a.t().as_standard_layout().into_owned().reversed_axes();
    for array in [&mut reversed.weight, &mut reversed.eps, &mut reversed.recon, &mut reversed.z_adjoint] {
        *array = columns(array);
    }
    reversed.prior_mean = columns(&reversed.prior_mean);
    assert!(!reversed.recon.is_standard_layout());
    for posterior in BOTH {
        assert_eq!(bits(&problem.run(posterior).unwrap()), bits(&reversed.run(posterior).unwrap()));
    }
}

#[test]
fn a_workspace_that_was_larger_gives_what_a_fresh_one_gives() {
    let mut workspace = ElboWorkspace::default();
    for (seed, samples) in [(6, 40), (7, 3), (8, 41)] {
        let problem = Problem::random(Sizes { samples, ..SIZES }, seed);
        for posterior in BOTH {
            problem.fuse(&mut workspace).unwrap();
            workspace.evaluate(&problem.prior(), problem.recon.view(), posterior).unwrap();
            workspace.pull_back(problem.z_adjoint.view()).unwrap();
            assert_eq!(bits(&workspace), bits(&problem.run(posterior).unwrap()));
            // A second pull-back starts afresh.
            workspace.pull_back(problem.z_adjoint.view()).unwrap();
            assert_eq!(bits(&workspace), bits(&problem.run(posterior).unwrap()));
        }
    }
}

#[test]
fn a_sample_without_modality_is_named() {
    let mut problem = Problem::random(SIZES, 9);
    problem.weight.column_mut(5).fill(0.0);
    assert!(matches!(problem.run(ClusterPosterior::Exact), Err(Error::NoModality { sample: 5 })));
}

#[test]
fn a_weight_is_zero_or_one() {
    let mut problem = Problem::random(SIZES, 9);
    for bad in [0.5, -1.0, f64::NAN] {
        problem.weight[[1, 2]] = bad;
        assert!(matches!(problem.run(ClusterPosterior::Exact), Err(Error::InvalidParameter { .. })), "{bad}");
    }
}

#[test]
fn a_value_that_is_not_finite_is_named_by_array_and_place() {
    let problem = Problem::random(SIZES, 10);
    let place = Location::sample(3).in_dimension(1);
    let refused = |spoil: &dyn Fn(&mut Problem), name: &str, expected: Location| {
        for posterior in BOTH {
            let mut problem = problem.clone();
            spoil(&mut problem);
            match problem.run(posterior) {
                Err(Error::NotFinite { array, at, .. }) => assert_eq!((array, at), (name, expected)),
                other => panic!("{name}: {other:?}"),
            }
        }
    };
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let present = (0..3).find(|m| problem.weight[[*m, 3]] == 1.0).unwrap();
        refused(&|p| p.mean[[present, 3, 1]] = bad, "mean", place.in_modality(present));
        refused(&|p| p.logvar[[present, 3, 1]] = bad, "logvar", place.in_modality(present));
        refused(&|p| p.eps[[3, 1]] = bad, "eps", place);
        refused(&|p| p.recon[[3, 8]] = bad, "recon", Location::sample(3).in_cluster(8));
        refused(&|p| p.z_adjoint[[3, 1]] = bad, "z_adjoint", place);
    }
}

#[test]
fn an_overflow_is_an_error_that_names_the_term() {
    let mut problem = Problem::random(SIZES, 11);
    problem.weight.fill(1.0);
    let name = |problem: &Problem| match problem.run(ClusterPosterior::Exact) {
        Err(Error::NotFinite { array, at: Location { sample: Some(2), .. }, .. }) => array,
        other => panic!("{other:?}"),
    };
    let mut wide = problem.clone();
    wide.logvar.slice_mut(s![.., 2, ..]).fill(800.0);
    assert_eq!(name(&wide), "loss");
    wide.logvar.slice_mut(s![.., 2, ..]).fill(1500.0);
    assert_eq!(name(&wide), "z");
    let mut far = problem.clone();
    far.mean.slice_mut(s![.., 2, ..]).fill(1e170);
    assert_eq!(name(&far), "loss");
    problem.z_adjoint[[2, 0]] = 1e308;
    problem.logvar.slice_mut(s![.., 2, ..]).fill(100.0);
    assert_eq!(name(&problem), "fused logvar gradient");
}

#[test]
fn shapes_that_disagree_are_refused() {
    let problem = Problem::random(SIZES, 12);
    let refused = |spoil: &dyn Fn(&mut Problem)| {
        let mut problem = problem.clone();
        spoil(&mut problem);
        let result = problem.run(ClusterPosterior::Exact);
        assert!(matches!(result, Err(Error::Shape { .. })), "{result:?}");
    };
    refused(&|p| p.logvar.remove_index(Axis(1), 0));
    refused(&|p| p.weight.remove_index(Axis(0), 0));
    refused(&|p| p.eps.remove_index(Axis(1), 0));
    refused(&|p| p.recon.remove_index(Axis(1), 0));
    refused(&|p| p.recon.remove_index(Axis(0), 0));
    refused(&|p| p.z_adjoint.remove_index(Axis(0), 0));
    refused(&|p| {
        p.prior_mean.remove_index(Axis(1), 0);
        p.prior_var.remove_index(Axis(1), 0);
    });
    for axis in 0..3 {
        let mut empty = problem.clone();
        let keep = |a: &ndarray::Array3<f64>| a.slice_axis(Axis(axis), (0..0).into()).to_owned();
        (empty.mean, empty.logvar) = (keep(&problem.mean), keep(&problem.logvar));
        let (m, b, l) = empty.mean.dim();
        (empty.weight, empty.eps) = (Array2::ones((m, b)), Array2::zeros((b, l)));
        assert!(matches!(empty.fuse(&mut ElboWorkspace::default()), Err(Error::Empty { .. })));
    }
}

#[test]
fn stages_come_in_order_and_a_failure_leaves_nothing_stale() {
    let problem = Problem::random(SIZES, 13);
    let mut workspace = ElboWorkspace::default();
    assert_eq!(workspace.z().dim(), (0, 0));
    let early = workspace.evaluate(&problem.prior(), problem.recon.view(), ClusterPosterior::Exact);
    assert!(matches!(early, Err(Error::OutOfOrder { before: "fuse", .. })));
    problem.fuse(&mut workspace).unwrap();
    assert_eq!((workspace.z().nrows(), workspace.loss().len()), (7, 0));
    let early = workspace.pull_back(problem.z_adjoint.view());
    assert!(matches!(early, Err(Error::OutOfOrder { before: "evaluate", .. })));
    workspace.evaluate(&problem.prior(), problem.recon.view(), ClusterPosterior::Exact).unwrap();
    assert_eq!((workspace.loss().len(), workspace.grad_mean().len()), (7, 0));
    workspace.pull_back(problem.z_adjoint.view()).unwrap();
    assert_eq!(workspace.grad_mean().dim(), (3, 7, 2));

    let mut bad = problem.recon.clone();
    bad[[0, 0]] = f64::NAN;
    assert!(workspace.evaluate(&problem.prior(), bad.view(), ClusterPosterior::Exact).is_err());
    assert_eq!((workspace.loss().len(), workspace.grad_logits().len(), workspace.grad_mean().len()), (0, 0, 0));
    assert_eq!((workspace.responsibilities().nrows(), workspace.grad_recon().nrows()), (0, 0));
    assert_eq!(workspace.z().nrows(), 7);
}
