//! Streaming sums against two-pass formulas, merges against one pass, and what empty, distant and bad data do.

use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::MixturePrior;

const WITH: MixtureUpdate =
    MixtureUpdate { variance: VarianceUpdate::WithPosterior, variance_floor: 1e-12, update_weights: true };
const OF_MEANS: MixtureUpdate = MixtureUpdate { variance: VarianceUpdate::OfMeans, ..WITH };

struct Data {
    g: Array2<f64>,
    mean: Array2<f64>,
    logvar: Array2<f64>,
}

impl Data {
    fn random(n_samples: usize, n_clusters: usize, n_latent: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let g = Array2::from_shape_simple_fn((n_samples, n_clusters), || rng.random_range(0.0..1.0_f64).powi(4));
        let g = &g / &g.sum_axis(Axis(1)).insert_axis(Axis(1));
        let mean = Array2::from_shape_simple_fn((n_samples, n_latent), || rng.random_range(-3.0..3.0));
        let logvar = Array2::from_shape_simple_fn((n_samples, n_latent), || rng.random_range(-3.0..1.0));
        Self { g, mean, logvar }
    }

    fn sums(&self, rows: std::ops::Range<usize>) -> MixtureSums {
        let mut sums = MixtureSums::new(self.g.ncols(), self.mean.ncols());
        let take = |a: &Array2<f64>| a.slice(s![rows.clone(), ..]).to_owned();
        sums.add(take(&self.g).view(), take(&self.mean).view(), take(&self.logvar).view()).unwrap();
        sums
    }
}

fn prior(n_clusters: usize, n_latent: usize) -> MixturePrior {
    let mean = Array2::from_shape_fn((n_clusters, n_latent), |(c, j)| c as f64 - j as f64);
    MixturePrior::new(Array1::zeros(n_clusters), mean, Array2::from_elem((n_clusters, n_latent), 0.7)).unwrap()
}

fn assert_near(got: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>, tolerance: f64) {
    assert_eq!(got.dim(), expected.dim());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= tolerance * (1.0 + expected.abs()), "{got}, expected {expected}");
    }
}

proptest! {
    #[test]
    fn the_m_step_is_that_of_two_passes(samples in 1_usize..30, clusters in 1_usize..6, latent in 1_usize..4, seed: u64) {
        let data = Data::random(samples, clusters, latent, seed);
        let sums = data.sums(0..samples);
        let start = prior(clusters, latent);
        let (with, of_means) = (sums.maximise(&start, &WITH).unwrap(), sums.maximise(&start, &OF_MEANS).unwrap());
        let count = data.g.sum_axis(Axis(0));
        for c in 0..clusters {
            prop_assert!((sums.count()[c] - count[c]).abs() <= 1e-13 * samples as f64);
            prop_assert!((with.weights()[c] - count[c] / samples as f64).abs() <= 1e-13);
            for j in 0..latent {
                let average = |f: &dyn Fn(usize) -> f64| (0..samples).map(|b| data.g[[b, c]] * f(b)).sum::<f64>() / count[c];
                let mean = average(&|b| data.mean[[b, j]]);
                let spread = average(&|b| (data.mean[[b, j]] - mean).powi(2));
                let posterior = average(&|b| data.logvar[[b, j]].exp());
                prop_assert!((with.mean()[[c, j]] - mean).abs() <= 1e-12);
                prop_assert!((of_means.var()[[c, j]] - spread.max(1e-12)).abs() <= 1e-12);
                prop_assert!((with.var()[[c, j]] - (spread + posterior)).abs() <= 1e-12);
            }
        }
        prop_assert_eq!(with.mean(), of_means.mean());
    }

    #[test]
    fn merging_in_any_grouping_is_one_pass(
        cuts in (0_usize..20, 0_usize..20), clusters in 1_usize..6, latent in 1_usize..4, seed: u64,
    ) {
        let data = Data::random(20, clusters, latent, seed);
        let (first, second) = (cuts.0.min(cuts.1), cuts.0.max(cuts.1));
        let (a, b, c) = (data.sums(0..first), data.sums(first..second), data.sums(second..20));
        let mut left = a.clone();
        left.merge(&b).unwrap();
        left.merge(&c).unwrap();
        let mut tail = b.clone();
        tail.merge(&c).unwrap();
        let mut right = a.clone();
        right.merge(&tail).unwrap();
        let start = prior(clusters, latent);
        let whole = data.sums(0..20);
        for update in [WITH, OF_MEANS] {
            let expected = whole.maximise(&start, &update).unwrap();
            for merged in [&left, &right] {
                let got = merged.maximise(&start, &update).unwrap();
                assert_near(got.mean(), expected.mean(), 1e-12);
                assert_near(got.var(), expected.var(), 1e-12);
                assert_near(got.weights().insert_axis(Axis(0)), expected.weights().insert_axis(Axis(0)), 1e-12);
            }
        }
    }
}

#[test]
fn a_narrow_cluster_far_from_zero_keeps_its_variance() {
    // Spread 1e-3 about 1e6, and another cluster at -1e6 whose points come first with responsibilities next to nothing.
    let n = 1000;
    let offset = |b: usize| 1e-3 * (b as f64 / (n - 1) as f64 - 0.5);
    let expected = (0..n).map(|b| offset(b).powi(2)).sum::<f64>() / n as f64;
    let start = prior(2, 1);
    let batches: Vec<_> =
        (0..2 * n).map(|b| if b < n { (-1e6, [1e-30, 1.0]) } else { (1e6 + offset(b - n), [1.0, 1e-30]) }).collect();
    let sums_of = |part: &[(f64, [f64; 2])]| {
        let mut sums = MixtureSums::new(2, 1);
        let g = Array2::from_shape_fn((part.len(), 2), |(b, c)| part[b].1[c]);
        let mean = Array2::from_shape_fn((part.len(), 1), |(b, _)| part[b].0);
        let logvar = Array2::from_elem((part.len(), 1), -60.0);
        sums.add(g.view(), mean.view(), logvar.view()).unwrap();
        sums
    };
    let mut merged = MixtureSums::new(2, 1);
    for part in batches.chunks(7) {
        merged.merge(&sums_of(part)).unwrap();
    }
    let floor = MixtureUpdate { variance_floor: 1e-30, ..WITH };
    for sums in [sums_of(&batches), merged] {
        let next = sums.maximise(&start, &floor).unwrap();
        let got = next.var()[[0, 0]];
        // A mean at 1e6 is itself known to 1e-10 only, a tenth of a millionth of the spread.
        assert!((got - expected).abs() < 1e-5 * expected, "{got:e}, expected {expected:e}");
        assert!((next.mean()[[0, 0]] - 1e6).abs() < 1e-8);
    }
}

#[test]
fn an_empty_cluster_keeps_its_component_and_a_floor_under_its_weight() {
    let start = prior(3, 2);
    let mut sums = MixtureSums::new(3, 2);
    let g = array![[0.25, 0.0, 0.75], [0.5, 1e-200, 0.5]];
    let (mean, logvar) = (array![[1.0, 2.0], [3.0, 2.0]], Array2::zeros((2, 2)));
    sums.add(g.view(), mean.view(), logvar.view()).unwrap();
    let next = sums.maximise(&start, &WITH).unwrap();
    assert_eq!(next.mean().row(1), start.mean().row(1));
    assert_eq!(next.var().row(1), start.var().row(1));
    assert!((next.weights()[1] - 1e-12).abs() < 1e-20);
    assert!((next.weights().sum() - 1.0).abs() < 1e-15);
    assert_ne!(next.mean().row(0), start.mean().row(0));

    let kept = sums.maximise(&start, &MixtureUpdate { update_weights: false, ..WITH }).unwrap();
    assert_eq!(kept.logits(), start.logits());
    assert_eq!(kept.mean(), next.mean());

    assert_eq!(MixtureSums::new(3, 2).maximise(&start, &WITH).unwrap(), start);
    sums.clear();
    assert_eq!(sums.maximise(&start, &WITH).unwrap(), start);
    assert_eq!(sums.shares(), array![1.0, 1.0, 1.0] / 3.0);
}

#[test]
fn the_floor_holds_variances_up() {
    let mut sums = MixtureSums::new(1, 2);
    sums.add(array![[1.0]].view(), array![[5.0, 6.0]].view(), array![[-100.0, 0.0]].view()).unwrap();
    let next = sums.maximise(&prior(1, 2), &MixtureUpdate { variance_floor: 1e-4, ..WITH }).unwrap();
    assert_eq!(next.var(), array![[1e-4, 1.0]]);
    assert_eq!(sums.mean(), array![[5.0, 6.0]]);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let update = MixtureUpdate { variance_floor: bad, ..WITH };
        assert!(matches!(sums.maximise(&prior(1, 2), &update), Err(Error::InvalidParameter { .. })), "{bad}");
    }
}

#[test]
fn the_update_is_read_with_its_defaults() {
    assert_eq!(serde_json::from_str::<MixtureUpdate>("{}").unwrap(), MixtureUpdate::default());
    let update: MixtureUpdate = serde_json::from_str(r#"{"variance":"of_means","variance_floor":0.01}"#).unwrap();
    assert_eq!((update.variance, update.variance_floor, update.update_weights), (VarianceUpdate::OfMeans, 0.01, true));
}

#[test]
fn bad_batches_are_refused_and_leave_the_sums_alone() {
    let data = Data::random(4, 3, 2, 1);
    let mut sums = data.sums(0..4);
    let before = sums.maximise(&prior(3, 2), &WITH).unwrap();
    let mut negative = data.g.clone();
    negative[[2, 1]] = -1e-3;
    let refused = sums.add(negative.view(), data.mean.view(), data.logvar.view());
    assert!(matches!(refused, Err(Error::InvalidParameter { .. })));
    let mut bad = data.logvar.clone();
    bad[[3, 0]] = f64::NAN;
    let refused = sums.add(data.g.view(), data.mean.view(), bad.view());
    match refused {
        Err(Error::NotFinite { array: "logvar", at, .. }) => assert_eq!(at, Location::sample(3).in_dimension(0)),
        other => panic!("{other:?}"),
    }
    let refused = sums.add(data.g.view(), bad.view(), data.logvar.view());
    assert!(matches!(refused, Err(Error::NotFinite { array: "mean", .. })));
    assert!(matches!(sums.add(data.mean.view(), data.mean.view(), data.logvar.view()), Err(Error::Shape { .. })));
    assert!(matches!(sums.merge(&MixtureSums::new(2, 2)), Err(Error::Shape { .. })));
    assert!(matches!(sums.maximise(&prior(2, 2), &WITH), Err(Error::Shape { .. })));
    assert_eq!(sums.maximise(&prior(3, 2), &WITH).unwrap(), before);
}

proptest! {
    #[test]
    fn curves_with_missing_entries_are_those_of_two_passes(
        samples in 1_usize..12, cut in 0_usize..12, clusters in 1_usize..4, values in 1_usize..6, seed: u64,
    ) {
        let cut = cut.min(samples);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let g = Array2::from_shape_simple_fn((samples, clusters), || rng.random_range(0.0..1.0));
        let present = Array2::from_shape_simple_fn((samples, values), || rng.random_range(0..3_u8) > 0);
        let mut x = Array2::from_shape_simple_fn((samples, values), || 1e3 + rng.random_range(-1.0..1.0));
        for (x, present) in x.iter_mut().zip(&present) {
            if !present {
                *x = f64::NAN;
            }
        }
        let prediction = Array2::from_shape_simple_fn((clusters, values), || 1e3 + rng.random_range(-1.0..1.0));
        let sums = |rows: std::ops::Range<usize>| {
            let mut sums = CurveSums::new(clusters, values);
            let rows = s![rows, ..];
            sums.add_masked(g.slice(rows), x.slice(rows), present.slice(rows)).unwrap();
            sums
        };
        let mut merged = sums(0..cut);
        merged.merge(&sums(cut..samples)).unwrap();
        for sums in [sums(0..samples), merged] {
            let residual = sums.residual(prediction.view()).unwrap();
            let mean_square = sums.mean_square(prediction.view()).unwrap();
            for c in 0..clusters {
                for j in 0..values {
                    let rows: Vec<usize> = (0..samples).filter(|b| present[[*b, j]]).collect();
                    let count: f64 = rows.iter().map(|b| g[[*b, c]]).sum();
                    let total: f64 = rows.iter().map(|b| g[[*b, c]] * x[[*b, j]]).sum();
                    let square: f64 = rows.iter().map(|b| g[[*b, c]] * (x[[*b, j]] - prediction[[c, j]]).powi(2)).sum();
                    let (mean, average) = if rows.is_empty() { (0.0, 0.0) } else { (total / count, square / count) };
                    prop_assert!((sums.count()[[c, j]] - count).abs() <= 1e-14 * samples as f64);
                    prop_assert!((sums.mean()[[c, j]] - mean).abs() <= 1e-11);
                    // x and the predictions are of order 1e3: squares of their differences are good to 1e3 times 1e-13.
                    prop_assert!((residual[[c, j]] - square).abs() <= 1e-11 * samples as f64);
                    prop_assert!((mean_square[[c, j]] - average).abs() <= 1e-10);
                }
            }
        }
    }
}

#[test]
fn samples_without_the_modality_are_passed_over() {
    let g = array![[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]];
    let x = array![[1.0, 2.0], [3.0, 6.0], [f64::NAN, f64::INFINITY]];
    let present = array![true, true, false];
    let mut sums = CurveSums::new(2, 2);
    sums.add(g.view(), x.view(), Some(present.view())).unwrap();
    assert_eq!(sums.count(), array![[1.5, 1.5], [0.5, 0.5]]);
    assert_near(sums.mean(), array![[5.0 / 3.0, 10.0 / 3.0], [3.0, 6.0]].view(), 1e-15);
    match sums.add(g.view(), x.view(), None) {
        Err(Error::NotFinite { array: "x", at, .. }) => assert_eq!(at, Location::sample(2).in_dimension(0)),
        other => panic!("{other:?}"),
    }
    let refused = sums.add(g.view(), x.view(), Some(array![true].view()));
    assert!(matches!(refused, Err(Error::Shape { .. })));
    assert_eq!(sums.count(), array![[1.5, 1.5], [0.5, 0.5]]);
    sums.clear();
    assert_eq!(sums.count().sum(), 0.0);
}

#[test]
fn decoder_variances_pool_their_coordinates_and_hold_their_floor() {
    let mut sums = CurveSums::new(3, 2);
    let g = array![[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]];
    let x = array![[0.0, 0.0], [2.0, 4.0], [7.0, 7.0]];
    sums.add(g.view(), x.view(), None).unwrap();
    let prediction = array![[1.0, 1.0], [7.0, 7.0], [0.0, 0.0]];
    // Cluster 0: squares 1 and 1 in the first coordinate, 1 and 9 in the second.
    assert_eq!(sums.residual(prediction.view()).unwrap(), array![[2.0, 10.0], [0.0, 0.0], [0.0, 0.0]]);
    let previous = array![0.1, 0.2, 0.3];
    let variance = sums.variance_per_cluster(prediction.view(), previous.view(), 1e-3).unwrap();
    assert_eq!(variance, array![3.0, 1e-3, 0.3]);
    assert_eq!(sums.variance_shared(prediction.view(), 1e-3).unwrap(), 12.0 / 8.0);
    let empty = CurveSums::new(3, 2);
    assert!(matches!(empty.variance_shared(prediction.view(), 1e-3), Err(Error::Empty { .. })));
    assert!(matches!(sums.variance_shared(prediction.view(), 0.0), Err(Error::InvalidParameter { .. })));
    let bad = prediction.mapv(|p| p / 0.0);
    assert!(matches!(sums.residual(bad.view()), Err(Error::NotFinite { array: "prediction", .. })));
    assert!(matches!(sums.merge(&CurveSums::new(2, 2)), Err(Error::Shape { .. })));
}
