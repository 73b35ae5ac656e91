//! Experts that see z, against finite differences, closed forms and planted truths.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayViewMut1, ArrayViewMut2, Axis, array};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::*;
use crate::{ExpertError, ExpertFit};

/// `b_0 + b_1 t + b_2 t^2`.
#[derive(Debug)]
struct Parabola {
    axis: Array1<f64>,
    names: Vec<String>,
}

/// `amplitude exp(-rate t)`, both positive.
#[derive(Debug)]
struct Decay {
    axis: Array1<f64>,
    names: Vec<String>,
}

fn no_fit() -> Result<ExpertFit, ExpertError> {
    Err(ExpertError::NoWeight)
}

impl Expert for Parabola {
    fn n_outputs(&self) -> usize {
        self.axis.len()
    }
    fn parameter_names(&self) -> &[String] {
        &self.names
    }
    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        out.assign(&self.axis.mapv(|t| theta[0] + theta[1] * t + theta[2] * t * t));
    }
    fn jacobian(&self, _: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        out.assign(&Array2::from_shape_fn((self.axis.len(), 3), |(j, p)| self.axis[j].powi(p as i32)));
    }
    fn fit(
        &self,
        _: ArrayView1<'_, f64>,
        _: ArrayView1<'_, f64>,
        _: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        no_fit()
    }
}

impl Expert for Decay {
    fn n_outputs(&self) -> usize {
        self.axis.len()
    }
    fn parameter_names(&self) -> &[String] {
        &self.names
    }
    fn links(&self) -> &[Link] {
        &[Link::Positive, Link::Interval { lower: 0.0, upper: 5.0 }]
    }
    fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        out.assign(&self.axis.mapv(|t| theta[0] * (-theta[1] * t).exp()));
    }
    fn jacobian(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
        for (mut row, &t) in out.outer_iter_mut().zip(&self.axis) {
            row[0] = (-theta[1] * t).exp();
            row[1] = -t * theta[0] * row[0];
        }
    }
    fn fit(
        &self,
        _: ArrayView1<'_, f64>,
        _: ArrayView1<'_, f64>,
        _: ArrayView1<'_, f64>,
    ) -> Result<ExpertFit, ExpertError> {
        no_fit()
    }
}

fn parabola() -> Arc<dyn Expert> {
    let names = ["b0", "b1", "b2"].map(str::to_owned).to_vec();
    Arc::new(Parabola { axis: Array1::linspace(0.0, 1.0, 7), names })
}

fn decay() -> Arc<dyn Expert> {
    let names = ["amplitude", "rate"].map(str::to_owned).to_vec();
    Arc::new(Decay { axis: Array1::linspace(0.0, 2.0, 15), names })
}

fn normal<D: ndarray::Dimension, S: ndarray::ShapeBuilder<Dim = D>>(
    shape: S,
    rng: &mut impl Rng,
) -> ndarray::Array<f64, D> {
    ndarray::Array::from_shape_simple_fn(shape, || rng.sample(StandardNormal))
}

/// A decay of two clusters in two dimensions with slopes everywhere.
fn sloped_decay(rng: &mut impl Rng) -> LatentExpert {
    let theta = array![[2.0, 0.5], [1.0, 1.5]];
    let mut latent = LatentExpert::new(decay(), theta.view(), array![[1.0, -2.0], [-1.0, 3.0]].view()).unwrap();
    let coefficients = &latent.coefficients() + normal((2, 6), rng) * 0.2;
    latent.set_coefficients(coefficients.view()).unwrap();
    latent
}

fn predicted(latent: &LatentExpert, z: &Array2<f64>) -> Array3<f64> {
    let mut out = Array3::zeros((z.nrows(), latent.n_clusters(), latent.expert().n_outputs()));
    latent.predict(z.view(), out.view_mut()).unwrap();
    out
}

#[test]
fn without_slopes_it_is_the_expert_itself_for_every_z() {
    let theta = array![[2.0, 0.5], [1.0, 1.5]];
    let latent = LatentExpert::new(decay(), theta.view(), Array2::zeros((2, 3)).view()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let curves = predicted(&latent, &normal((4, 3), &mut rng));
    let mut alone = Array1::<f64>::zeros(15);
    for ((_, c), curve) in curves.lanes(Axis(2)).into_iter().enumerate().map(|(i, curve)| ((i / 2, i % 2), curve)) {
        latent.expert().predict(theta.row(c), alone.view_mut());
        assert!(curve.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-14 * b.abs().max(1e-3)));
    }
}

#[test]
fn parameters_are_affine_in_z_by_way_of_the_links() {
    let mut latent = sloped_decay(&mut ChaCha8Rng::seed_from_u64(2));
    latent.set_coefficients(array![[0.3, 0.1, -0.2, 0.0, 0.4, 0.0], [0.0; 6]].view()).unwrap();
    let theta = latent.parameters(0, array![2.0, 1.0].view());
    // z - o = (1, 3).
    assert!((theta[0] - f64::exp(0.3 + 0.1 - 0.6)).abs() < 1e-15);
    assert!((theta[1] - 5.0 / (1.0 + f64::exp(-0.4))).abs() < 1e-15);
    let far = latent.parameters(0, array![1e8, -1e8].view());
    assert!(far[0] > 0.0 && (0.0..=5.0).contains(&far[1]), "{far}");
    let plain = LatentExpert::with_links(
        decay(),
        vec![Link::Identity; 2],
        array![[2.0, 0.5]].view(),
        Array2::zeros((1, 1)).view(),
    );
    let mut plain = plain.unwrap();
    plain.set_coefficients(array![[2.0, 0.5, 0.5, -0.25]].view()).unwrap();
    assert_eq!(plain.parameters(0, array![4.0].view()), array![4.0, -0.5]);
}

#[test]
fn moving_the_origin_changes_no_prediction() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut latent = sloped_decay(&mut rng);
    let z = normal((5, 2), &mut rng);
    let before = predicted(&latent, &z);
    let origin = array![[0.5, 4.0], [-3.0, 0.0]];
    latent.recentre(origin.view()).unwrap();
    let after = predicted(&latent, &z);
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-13 * a.abs().max(1e-3)));
    let at_origin = latent.parameters_at_origin();
    assert_eq!(at_origin.row(1), latent.parameters(1, origin.row(1)));
}

/// `sum_bc grad_bc R_bc`, which `pull_back` differentiates.
struct Loss {
    x: Array2<f64>,
    present: Array1<f64>,
    weight: Array1<f64>,
    grad: Array2<f64>,
}

impl Loss {
    fn at(&self, latent: &LatentExpert, z: &Array2<f64>) -> f64 {
        let mut terms = Array2::zeros(self.grad.raw_dim());
        let curves = predicted(latent, z);
        squared_error(self.x.view(), curves.view(), self.present.view(), self.weight.view(), terms.view_mut()).unwrap();
        (terms * &self.grad).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn adjoints_are_finite_differences(seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut latent = sloped_decay(&mut rng);
        let z = normal((4, 2), &mut rng);
        let loss = Loss {
            x: normal((4, 15), &mut rng),
            present: array![1.0, 0.0, 1.0, 1.0],
            weight: Array1::from_shape_simple_fn(15, || rng.random_range(0.0..2.0)),
            grad: Array2::from_shape_simple_fn((4, 2), || rng.random_range(0.0..1.0)),
        };
        let curves = predicted(&latent, &z);
        let mut adjoint = Array3::from_elem(curves.raw_dim(), f64::NAN);
        let Loss { x, present, weight, grad } = &loss;
        squared_error_adjoint(x.view(), curves.view(), present.view(), weight.view(), grad.view(), adjoint.view_mut())
            .unwrap();
        // Both are added to what is there.
        let mut z_adjoint = Array2::from_elem((4, 2), 0.5);
        let mut gradient = Array2::from_elem((2, 6), -0.25);
        latent.pull_back(z.view(), adjoint.view(), z_adjoint.view_mut(), Some(gradient.view_mut())).unwrap();
        let step = 1e-5;
        let size = loss.at(&latent, &z).abs() + 1.0;
        for ((b, k), &found) in z_adjoint.indexed_iter() {
            let at = |sign: f64| {
                let mut z = z.clone();
                z[[b, k]] += sign * step;
                loss.at(&latent, &z)
            };
            let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
            prop_assert!((found - 0.5 - difference).abs() < 1e-7 * size, "z {b} {k}: {found}, {difference}");
        }
        let coefficients = latent.coefficients().to_owned();
        for ((c, i), &found) in gradient.indexed_iter() {
            let mut at = |sign: f64| {
                let mut moved = coefficients.clone();
                moved[[c, i]] += sign * step;
                latent.set_coefficients(moved.view()).unwrap();
                loss.at(&latent, &z)
            };
            let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
            prop_assert!((found + 0.25 - difference).abs() < 1e-7 * size, "coefficient {c} {i}: {found}, {difference}");
        }
    }
}

/// Samples of a planted expert: curves with noise, hard clusters, latent points known exactly.
struct Planted {
    latent: LatentExpert,
    z: Array2<f64>,
    x: Array2<f64>,
    responsibilities: Array2<f64>,
}

fn planted(latent: LatentExpert, n: usize, noise: f64, rng: &mut impl Rng) -> Planted {
    let n_clusters = latent.n_clusters();
    let cluster: Array1<usize> = (0..n).map(|b| b % n_clusters).collect();
    let z = Array2::from_shape_fn((n, latent.n_latent()), |(b, k)| {
        latent.origin()[[cluster[b], k]] + rng.sample::<f64, _>(StandardNormal)
    });
    let x = latent.predict_in(z.view(), cluster.view()).unwrap();
    let x = &x + normal(x.raw_dim(), rng) * noise;
    let responsibilities = Array2::from_shape_fn((n, n_clusters), |(b, c)| f64::from(u8::from(cluster[b] == c)));
    Planted { latent, z, x, responsibilities }
}

impl Planted {
    fn samples<'a>(
        &'a self,
        var: &'a Array2<f64>,
        present: &'a Array1<f64>,
        weight: &'a Array1<f64>,
    ) -> LatentSamples<'a> {
        LatentSamples {
            responsibilities: self.responsibilities.view(),
            mean: self.z.view(),
            var: var.view(),
            x: self.x.view(),
            present: present.view(),
            weight: weight.view(),
        }
    }
}

#[test]
fn a_linear_expert_is_solved_exactly_by_one_step_from_anywhere() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut latent =
        LatentExpert::new(parabola(), Array2::zeros((2, 3)).view(), normal((2, 2), &mut rng).view()).unwrap();
    let truth = normal((2, 9), &mut rng);
    latent.set_coefficients(truth.view()).unwrap();
    let planted = planted(latent, 40, 0.0, &mut rng);
    let (var, present, weight) = (Array2::zeros((40, 2)), Array1::ones(40), Array1::linspace(0.0, 2.0, 7));
    let mut found = planted.latent.clone();
    found.set_coefficients(normal((2, 9), &mut rng).view()).unwrap();
    // Streamed in two parts and merged.
    let mut halves = [LatentSums::new(&found), LatentSums::new(&found)];
    let all = planted.samples(&var, &present, &weight);
    for (half, sums) in halves.iter_mut().enumerate() {
        let rows = ndarray::Slice::from(half * 20..(half + 1) * 20);
        let part = LatentSamples {
            responsibilities: all.responsibilities.slice_axis(Axis(0), rows),
            mean: all.mean.slice_axis(Axis(0), rows),
            var: all.var.slice_axis(Axis(0), rows),
            x: all.x.slice_axis(Axis(0), rows),
            present: all.present.slice_axis(Axis(0), rows),
            weight: all.weight,
        };
        sums.add(&found, part).unwrap();
    }
    let [mut sums, other] = halves;
    sums.merge(&other).unwrap();
    assert_eq!(found.step(&sums, 0.0).unwrap(), [true, true]);
    for (found, truth) in found.coefficients().iter().zip(&truth) {
        assert!((found - truth).abs() < 1e-10, "{found} is not {truth}");
    }
}

#[test]
fn uncertain_latent_points_shrink_the_slopes_as_the_expected_error_says() {
    // One parameter, one dimension, z = +-1 with variance v: minimising E|x - a - A(m + e)|^2 gives A = cov / (1 + v).
    #[derive(Debug)]
    struct Level(Vec<String>);
    impl Expert for Level {
        fn n_outputs(&self) -> usize {
            1
        }
        fn parameter_names(&self) -> &[String] {
            &self.0
        }
        fn predict(&self, theta: ArrayView1<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
            out[0] = theta[0];
        }
        fn jacobian(&self, _: ArrayView1<'_, f64>, mut out: ArrayViewMut2<'_, f64>) {
            out.fill(1.0);
        }
        fn fit(
            &self,
            _: ArrayView1<'_, f64>,
            _: ArrayView1<'_, f64>,
            _: ArrayView1<'_, f64>,
        ) -> Result<ExpertFit, ExpertError> {
            no_fit()
        }
    }
    let level = Arc::new(Level(vec!["level".to_owned()]));
    let mut latent = LatentExpert::new(level, array![[0.0]].view(), array![[0.0]].view()).unwrap();
    let (responsibilities, var) = (Array2::ones((3, 1)), Array2::from_elem((3, 1), 0.5));
    let (mean, x) = (array![[-1.0], [1.0], [0.7]], array![[2.0], [8.0], [f64::NAN]]);
    let (present, weight) = (array![1.0, 1.0, 0.0], array![4.0]);
    let samples = LatentSamples {
        responsibilities: responsibilities.view(),
        mean: mean.view(),
        var: var.view(),
        x: x.view(),
        present: present.view(),
        weight: weight.view(),
    };
    let options = LatentFitOptions { variance_floor: 0.0, tolerance: 1e-15, ..LatentFitOptions::default() };
    let fit = latent.fit(samples, &options).unwrap();
    let expected = array![[5.0, 3.0 / 1.5]];
    assert!(latent.coefficients().iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-8), "{latent:?}");
    // 4 [(2 - 3)^2 + (8 - 7)^2 + 2 * 0.5 * 2^2], two samples that count.
    assert!((fit.sums.objective()[0] - 24.0).abs() < 1e-9);
    assert_eq!((fit.sums.count()[0], fit.converged.as_slice()), (2.0, &[true][..]));
    // The covariance of (level, slope) is diagonal: 1 / (4 * 2) and 1 / (4 * (2 + 2 * 0.5)).
    let factor = fit.sums.covariance_factor(0).unwrap();
    assert!((factor[[0, 0]] - 0.125).abs() < 1e-12 && (factor[[1, 1]] - 1.0 / 12.0).abs() < 1e-12);
    let of_sample = latent.parameter_covariance(0, array![1.0].view(), array![0.5].view(), Some(factor.view()));
    assert!((of_sample[[0, 0]] - (0.5 * 4.0 + 0.125 + 1.0 / 12.0)).abs() < 1e-7, "{of_sample}");
}

#[test]
fn a_nonlinear_expert_is_recovered_from_a_start_without_slopes() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let planted = planted(sloped_decay(&mut rng), 200, 0.01, &mut rng);
    let (var, present, weight) = (Array2::zeros((200, 2)), Array1::ones(200), Array1::ones(15));
    let mut found = LatentExpert::new(decay(), array![[1.5, 1.0], [1.5, 1.0]].view(), planted.latent.origin()).unwrap();
    let start = {
        let mut sums = LatentSums::new(&found);
        sums.add(&found, planted.samples(&var, &present, &weight)).unwrap();
        sums.objective().to_owned()
    };
    let mut streamed = found.clone();
    let (samples, options) = (planted.samples(&var, &present, &weight), LatentFitOptions::default());
    let fit = found.fit(samples, &options).unwrap();
    let floored = &var + options.variance_floor;
    let all = LatentSamples { var: floored.view(), ..samples };
    streamed.fit_streamed(|latent| latent.sums(all), &options).unwrap();
    assert_eq!(streamed.coefficients(), found.coefficients());
    assert!(fit.converged.iter().all(|&c| c) && fit.iterations < 25, "{fit:?}");
    for c in 0..2 {
        assert!(fit.sums.objective()[c] < 1e-2 * start[c]);
        // Residual per value against the noise planted, and every coefficient within 4.5 of its standard errors.
        let mean_square = fit.sums.objective()[c] / (15.0 * fit.sums.count()[c]);
        assert!((mean_square / 1e-4 - 1.0).abs() < 0.2, "{mean_square}");
        let factor = fit.sums.covariance_factor(c).unwrap();
        for i in 0..6 {
            let error = (factor[[i, i]] * 1e-4).sqrt();
            let miss = (found.coefficients()[[c, i]] - planted.latent.coefficients()[[c, i]]).abs();
            assert!(miss < 4.5 * error + 1e-6, "cluster {c}, coefficient {i}: off by {miss}, error {error}");
        }
    }
}

#[test]
fn a_cluster_without_samples_and_a_direction_without_spread_keep_still() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut planted = planted(sloped_decay(&mut rng), 30, 0.01, &mut rng);
    planted.responsibilities.column_mut(0).fill(1.0);
    planted.responsibilities.column_mut(1).fill(0.0);
    planted.z.column_mut(1).fill(-2.0);
    let (var, present, weight) = (Array2::zeros((30, 2)), Array1::ones(30), Array1::ones(15));
    let mut found = planted.latent.clone();
    let fit = found.fit(planted.samples(&var, &present, &weight), &LatentFitOptions::default()).unwrap();
    assert_eq!(found.coefficients().row(1), planted.latent.coefficients().row(1));
    assert!(fit.sums.covariance_factor(1).is_none());
    assert!(found.coefficients().iter().all(|value| value.is_finite()));
    // Nothing says how the parameters change along the second direction: the floor of the variance takes the slope to zero.
    let slopes = [found.coefficients()[[0, 2]], found.coefficients()[[0, 5]]];
    assert!(slopes.iter().all(|slope| slope.abs() < 0.02), "{slopes:?}");
}

#[test]
fn the_spread_of_the_parameters_is_put_into_the_slopes() {
    let mut latent = sloped_decay(&mut ChaCha8Rng::seed_from_u64(7));
    let spread = [array![[0.04, 0.01], [0.01, 0.09]], Array2::zeros((2, 2))];
    let var = array![[0.25, 4.0], [1.0, 1.0]];
    latent.spread(&spread, var.view()).unwrap();
    let slope = |c: usize, p: usize, k: usize| latent.coefficients()[[c, p * 3 + 1 + k]];
    for (p, q) in [(0, 0), (0, 1), (1, 1)] {
        let found: f64 = (0..2).map(|k| slope(0, p, k) * var[[0, k]] * slope(0, q, k)).sum();
        assert!((found - spread[0][[p, q]]).abs() < 1e-14);
        assert_eq!((slope(1, p, 0), slope(1, q, 1)), (0.0, 0.0));
    }
}

#[test]
fn wrong_shapes_and_values_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut latent = sloped_decay(&mut rng);
    assert!(matches!(
        LatentExpert::new(decay(), Array2::zeros((2, 3)).view(), Array2::zeros((2, 2)).view()),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(latent.set_coefficients(Array2::zeros((2, 5)).view()), Err(Error::Shape { .. })));
    let mut bad = latent.coefficients().to_owned();
    bad[[1, 4]] = f64::NAN;
    assert!(matches!(
        latent.set_coefficients(bad.view()),
        Err(Error::NotFinite { at, .. }) if at == Location::cluster(1).in_dimension(4)
    ));
    let planted = planted(latent.clone(), 4, 0.0, &mut rng);
    let (mut var, present, mut weight) = (Array2::zeros((4, 2)), Array1::ones(4), Array1::ones(15));
    var[[2, 1]] = -1.0;
    let options = LatentFitOptions::default();
    assert!(latent.fit(planted.samples(&var, &present, &weight), &options).is_err());
    var[[2, 1]] = 0.0;
    weight[3] = f64::INFINITY;
    assert!(latent.fit(planted.samples(&var, &present, &weight), &options).is_err());
    weight[3] = 0.0;
    assert!(latent.fit(planted.samples(&var, &present, &weight), &options).is_ok());
    let none = array![0_usize, 2];
    assert!(latent.predict_in(Array2::zeros((2, 2)).view(), none.view()).is_err());
    let sums = LatentSums::new(&latent);
    assert!(latent.step(&sums, -1.0).is_err());
}
