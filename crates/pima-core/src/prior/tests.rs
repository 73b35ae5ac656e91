//! Responsibilities, densities and samples of the prior, and what it refuses.

use ndarray::{Array1, Array2, Axis, array};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::log_density;

fn two() -> MixturePrior {
    MixturePrior::new(array![0.0, 3.0_f64.ln()], array![[-1.0, 0.0], [1.0, 0.5]], array![[1.0, 2.0], [0.5, 0.25]])
        .unwrap()
}

fn random(n_clusters: usize, n_latent: usize, spread: f64, decades: f64, seed: u64) -> (MixturePrior, Array2<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let logits = Array1::from_shape_simple_fn(n_clusters, || rng.random_range(-2.0..2.0));
    let mean = Array2::from_shape_simple_fn((n_clusters, n_latent), || rng.random_range(-spread..spread));
    let var =
        Array2::from_shape_simple_fn((n_clusters, n_latent), || 10.0_f64.powf(rng.random_range(-decades..decades)));
    let z = Array2::from_shape_simple_fn((6, n_latent), || rng.random_range(-spread..spread));
    (MixturePrior::new(logits, mean, var).unwrap(), z)
}

fn responsibilities(prior: &MixturePrior, z: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((z.nrows(), prior.n_clusters()));
    prior.responsibilities(z.view(), out.view_mut()).unwrap();
    out
}

/// `log pi_c + log N(z; m_c, s_c)` (B,N) by the Gaussian density of this crate.
fn log_joint_by_density(prior: &MixturePrior, z: &Array2<f64>) -> Array2<f64> {
    let mut joint = Array2::zeros((z.nrows(), prior.n_clusters()));
    for (c, mut column) in joint.columns_mut().into_iter().enumerate() {
        let mean = prior.mean().row(c).broadcast(z.dim()).unwrap().to_owned();
        let logvar = prior.var().row(c).mapv(f64::ln).broadcast(z.dim()).unwrap().to_owned();
        column.assign(&(log_density(z.view(), mean.view(), logvar.view()).unwrap() + prior.log_weights()[c]));
    }
    joint
}

#[test]
fn weights_are_the_softmax_of_the_logits() {
    let prior = two();
    assert_eq!((prior.n_clusters(), prior.n_latent()), (2, 2));
    assert!((prior.weights()[1] - 0.75).abs() < 1e-15);
    assert!((prior.log_weights()[0] - 0.25_f64.ln()).abs() < 1e-15);
    let mut shifted = prior.clone();
    shifted.set_logits(array![1000.0, 1000.0 + 3.0_f64.ln()]).unwrap();
    assert!((shifted.weights()[1] - 0.75).abs() < 1e-12);
    shifted.set_logits(array![0.0, -2000.0]).unwrap();
    assert_eq!((shifted.weights()[1], shifted.log_weights()[1]), (0.0, -2000.0));
}

proptest! {
    #[test]
    fn responsibilities_and_density_are_those_of_bayes(clusters in 1_usize..12, latent in 1_usize..5, seed: u64) {
        let (prior, z) = random(clusters, latent, 2.0, 0.5, seed);
        let joint = log_joint_by_density(&prior, &z).mapv(f64::exp);
        let evidence = joint.sum_axis(Axis(1));
        let expected = &joint / &evidence.clone().insert_axis(Axis(1));
        let got = responsibilities(&prior, &z);
        for (got, expected) in got.iter().zip(&expected) {
            prop_assert!((got - expected).abs() <= 1e-13);
        }
        let density = prior.log_density(z.view()).unwrap();
        for (got, expected) in density.iter().zip(&evidence) {
            prop_assert!((got - expected.ln()).abs() <= 1e-12 * (1.0 + got.abs()));
        }
        let sum = prior.expectation(z.view(), Array2::zeros(got.dim()).view_mut()).unwrap();
        prop_assert!((sum - density.sum()).abs() <= 1e-12 * (1.0 + sum.abs()));
        prop_assert_eq!(prior.assign(z.view()).unwrap(), most_probable(got.view()));
    }

    #[test]
    fn every_finite_point_has_responsibilities_that_sum_to_one(
        clusters in 1_usize..12, latent in 1_usize..5, seed: u64, far in prop::sample::select(vec![1.0, 40.0, 1e6, 1e150, 1e200, f64::MAX]),
    ) {
        let (prior, z) = random(clusters, latent, 40.0, 12.0, seed);
        let z = z.mapv(|z| (z / 40.0) * far);
        for row in responsibilities(&prior, &z).outer_iter() {
            prop_assert!(row.iter().all(|g| (0.0..=1.0).contains(g)), "{row}");
            prop_assert!((row.sum() - 1.0).abs() <= 1e-12, "{row}");
        }
    }
}

#[test]
fn beyond_overflow_the_nearest_component_takes_all() {
    let prior = MixturePrior::new(array![0.0, 5.0], array![[-1e200], [3e200]], array![[1.0], [1.0]]).unwrap();
    assert_eq!(responsibilities(&prior, &array![[0.0], [1.5e200]]), array![[1.0, 0.0], [0.0, 1.0]]);
    // A wide component is near in units of its own deviation.
    let wide = MixturePrior::new(array![0.0, 0.0], array![[0.0], [0.0]], array![[1e20], [1.0]]).unwrap();
    assert_eq!(responsibilities(&wide, &array![[1e200], [-f64::MAX]]), array![[1.0, 0.0], [1.0, 0.0]]);
}

#[test]
fn samples_have_the_moments_of_the_mixture() {
    let prior = two();
    let n = 200_000;
    let (z, clusters) = prior.sample(n, &mut ChaCha8Rng::seed_from_u64(1));
    let share = clusters.iter().filter(|c| **c == 1).count() as f64 / n as f64;
    // Six standard errors.
    assert!((share - 0.75).abs() < 6.0 * (0.75 * 0.25 / n as f64).sqrt(), "{share}");
    for c in 0..2 {
        let members: Vec<usize> = (0..n).filter(|b| clusters[*b] == c).collect();
        let z = z.select(Axis(0), &members);
        for j in 0..2 {
            let (mean, var) = (prior.mean()[[c, j]], prior.var()[[c, j]]);
            let count = members.len() as f64;
            assert!((z.column(j).mean().unwrap() - mean).abs() < 6.0 * (var / count).sqrt());
            assert!((z.column(j).var(1.0) - var).abs() < 6.0 * var * (2.0 / count).sqrt());
        }
    }
    let again = prior.sample(n, &mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!((z, clusters), again);
}

#[test]
fn written_and_read_back_it_is_the_same() {
    let (prior, z) = random(5, 3, 2.0, 1.0, 7);
    let text = serde_json::to_string(&prior).unwrap();
    let read: MixturePrior = serde_json::from_str(&text).unwrap();
    assert_eq!(read, prior);
    assert_eq!(responsibilities(&read, &z), responsibilities(&prior, &z));
    let negative =
        text.replacen("\"var\":{\"v\":1,\"dim\":[5,3],\"data\":[", "\"var\":{\"v\":1,\"dim\":[5,3],\"data\":[-", 1);
    assert_ne!(negative, text);
    let error = serde_json::from_str::<MixturePrior>(&negative).unwrap_err().to_string();
    assert!(error.contains("prior var at cluster 0, dimension 0"), "{error}");
}

#[test]
fn setters_refresh_what_is_derived_and_refuse_without_changing() {
    let (mut prior, z) = random(4, 2, 2.0, 0.5, 8);
    let (other, _) = random(4, 2, 2.0, 0.5, 9);
    prior.set_logits(other.logits().to_owned()).unwrap();
    prior.set_components(other.mean().to_owned(), other.var().to_owned()).unwrap();
    assert_eq!(prior, other);
    assert_eq!(responsibilities(&prior, &z), responsibilities(&other, &z));

    assert!(matches!(prior.set_logits(array![0.0]), Err(Error::Shape { .. })));
    assert!(matches!(
        prior.set_logits(array![0.0, 0.0, f64::NAN, 0.0]),
        Err(Error::NotFinite { array: "prior logits", .. })
    ));
    let bad_mean = other.mean().mapv(|m| m / 0.0);
    assert!(matches!(
        prior.set_components(bad_mean, other.var().to_owned()),
        Err(Error::NotFinite { array: "prior mean", .. })
    ));
    for bad in [0.0, -1.0, 1e-320] {
        let mut var = other.var().to_owned();
        var[[2, 1]] = bad;
        assert!(
            matches!(prior.set_components(other.mean().to_owned(), var), Err(Error::InvalidParameter { .. })),
            "{bad}"
        );
    }
    assert_eq!(prior, other);
}

#[test]
fn shapes_and_values_are_checked() {
    let prior = two();
    let mut out = Array2::zeros((1, 2));
    assert!(matches!(prior.responsibilities(array![[0.0]].view(), out.view_mut()), Err(Error::Shape { .. })));
    let z = array![[0.0, 0.0], [0.0, 1.0]];
    assert!(matches!(prior.responsibilities(z.view(), out.view_mut()), Err(Error::Shape { .. })));
    let z = array![[0.0, 0.0], [0.0, f64::NAN]];
    match prior.log_density(z.view()) {
        Err(Error::NotFinite { array: "z", at, .. }) => assert_eq!(at, Location::sample(1).in_dimension(1)),
        other => panic!("{other:?}"),
    }
    let empty = MixturePrior::new(Array1::zeros(0), Array2::zeros((0, 2)), Array2::ones((0, 2)));
    assert!(matches!(empty, Err(Error::Empty { what: "clusters", .. })));
    let empty = MixturePrior::new(Array1::zeros(2), Array2::zeros((2, 0)), Array2::ones((2, 0)));
    assert!(matches!(empty, Err(Error::Empty { what: "latent dimensions", .. })));
}
