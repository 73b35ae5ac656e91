//! Where the `fast` recipe starts: where the data already say something.
//!
//! Clusters are found in the data space of one modality, by a mixture of experts or by a Gaussian mixture (of its principal components, if the config says
//! so), and their centres in latent space are placed apart, to be filled by the encoders. Where no modality is named and none has an expert, networks are first trained with all clusters alike,
//! and a Gaussian mixture is then fitted to the encoded means. No start looks at labels.

use super::anchor::Anchor;
use super::em::add_curves;
use crate::config::{Place, TrainingConfig};
use crate::model::Model;
use crate::randomness::{Purpose, generator};
use crate::samples::some;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, s};
use pima_core::{CurveSums, GmmOptions, MixturePrior, fit_gmm};
use pima_data::{Batch, Batches, Dataset};
use pima_experts::{Curves, MixtureOfExpertsOptions, fit_mixture_of_experts};
use rand::Rng;
use rand_distr::StandardNormal;

/// Samples gathered together.
const ROWS: usize = 4096;

/// Finds the clusters of modality `m` in data space and places their centres. Returns a remark for the log, and what ties samples to clusters where no
/// expert does.
pub(crate) fn start_in_data_space(
    model: &mut Model,
    dataset: &Dataset,
    m: usize,
    rows: &[usize],
    config: &TrainingConfig,
    seed: u64,
) -> Result<(String, Option<Anchor>)> {
    let mut rng = generator(seed, Purpose::Start, 0, 0);
    let data = &dataset.modalities()[m];
    let rows: Vec<usize> = rows.iter().copied().filter(|&row| data.is_present(row)).collect();
    let rows = some(&rows);
    let restarts = config.start.restarts;
    let (weights, curves, remark, anchor) =
        if model.experts().any(|(expert, _)| expert == m) && config.start.components.is_none() {
            let (weights, curves, likelihood) = fit_experts(model, dataset, m, &rows, config, &mut rng)?;
            let remark = format!(
                "mixture of experts on {:?}, {restarts} restarts, log-likelihood per sample {likelihood:.3}",
                data.name()
            );
            (weights, curves, remark, None)
        } else {
            let (options, components) = (gmm_options(model, config), config.start.components);
            let (anchor, likelihood) = Anchor::fit(model, dataset, m, &rows, components, &options, &mut rng)?;
            fit_experts_to(model, dataset, &rows, None, |_, batch, g| anchor.responsibilities(batch, g))?;
            let where_found = components.map_or(String::new(), |k| format!("{k} principal components of "));
            let remark = format!(
                "Gaussian mixture on {where_found}{:?}, {restarts} restarts, log-likelihood per sample {likelihood:.3}",
                data.name()
            );
            (anchor.weights(), anchor.mean(), remark, Some(anchor))
        };
    let (n, l, spacing) = (model.prior.n_clusters(), model.prior.n_latent(), config.start.spacing);
    let centres = match config.start.place {
        Place::Sphere => place_on_sphere(n, l, spacing, &mut rng),
        Place::Line => place_on_line(n, l, spacing),
    };
    let centres = neighbours_together(centres, curves.view());
    let anchor = anchor.map(|mut anchor| {
        anchor.outweigh(centres.view());
        anchor
    });
    let var = Array2::ones(centres.dim());
    model.prior = MixturePrior::new(weights.mapv(|w| w.max(1e-12).ln()), centres, var)?;
    Ok((format!("start: {remark}"), anchor))
}

fn gmm_options(model: &Model, config: &TrainingConfig) -> GmmOptions {
    let mut options = GmmOptions::new(model.prior.n_clusters());
    options.n_restarts = config.start.restarts;
    options.restart_samples = config.start.samples;
    options.variance_floor = config.em.variance_floor;
    options
}

/// Fits the experts of modality `m` by a mixture of experts, and the others to the clusters found. Returns the clusters' weights (N), their curves (N,d)
/// in normalised units, and the log-likelihood per sample.
fn fit_experts(
    model: &mut Model,
    dataset: &Dataset,
    m: usize,
    rows: &[usize],
    config: &TrainingConfig,
    rng: &mut impl Rng,
) -> Result<(Array1<f64>, Array2<f64>, f64)> {
    let data = &dataset.modalities()[m];
    let curves = data.gather(rows)?.mapv(f64::from);
    let normalisation = &model.normalisations[m];
    let scale: Array1<f64> = (0..data.size()).map(|j| normalisation.scale(j).powi(-2)).collect();
    let mut options = MixtureOfExpertsOptions::new(model.prior.n_clusters());
    options.n_restarts = config.start.restarts;
    options.restart_samples = config.start.samples;
    let Some((expert, normalisation, name)) = model.expert_mut(m) else {
        return Err(Error::Modality { modality: data.name().to_owned(), problem: "has no expert".to_owned() });
    };
    let data = Curves { values: curves.view(), present: None, weight: Some(scale.view()) };
    let fit = fit_mixture_of_experts(expert.expert.as_ref(), data, &options, rng)
        .map_err(|source| Error::Expert { modality: name.to_owned(), source })?;
    expert.set_theta(fit.theta.clone(), normalisation);
    let g = fit.responsibilities.view();
    let others = |at: usize, _: &Batch, mut out: ArrayViewMut2<'_, f64>| {
        let rows = at..at + out.nrows();
        out.assign(&g.slice(s![rows, ..]));
        Ok(())
    };
    fit_experts_to(model, dataset, rows, Some(m), others)?;
    Ok((fit.weights, &fit.prediction * &scale.mapv(f64::sqrt), fit.log_likelihood))
}

/// Fits every expert, `except` that of a modality, to the clusters that `responsibilities` gives: of the place in `rows` where a batch begins, and the batch, into (B,N).
fn fit_experts_to(
    model: &mut Model,
    dataset: &Dataset,
    rows: &[usize],
    except: Option<usize>,
    mut responsibilities: impl FnMut(usize, &Batch, ArrayViewMut2<'_, f64>) -> Result<()>,
) -> Result<()> {
    let n_clusters = model.prior.n_clusters();
    let mut curves: Vec<(usize, CurveSums)> = model
        .experts()
        .filter(|(m, _)| Some(*m) != except)
        .map(|(m, expert)| (m, CurveSums::new(n_clusters, expert.expert.n_outputs())))
        .collect();
    if curves.is_empty() {
        return Ok(());
    }
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    for (k, rows) in rows.chunks(ROWS).enumerate() {
        batches.gather(rows, &mut batch)?;
        let mut g = Array2::zeros((rows.len(), n_clusters));
        responsibilities(k * ROWS, &batch, g.view_mut())?;
        add_curves(&mut curves, g.view(), &batch)?;
    }
    for (m, sums) in &curves {
        if let Some((expert, normalisation, name)) = model.expert_mut(*m) {
            expert.maximise(sums, normalisation, name)?;
        }
    }
    Ok(())
}

/// Fits the mixture prior to the means of the fused posteriors of `rows`.
pub(crate) fn start_in_latent_space(
    model: &mut Model,
    dataset: &Dataset,
    rows: &[usize],
    config: &TrainingConfig,
    seed: u64,
    epoch: usize,
) -> Result<String> {
    let mut rng = generator(seed, Purpose::Start, epoch, 1);
    let (mean, var, _) = crate::evaluate::fused_posteriors(model, dataset, rows)?;
    let fit = fit_gmm(mean.view(), &gmm_options(model, config), &mut rng)?;
    // The mixture was fitted to the means: under the ELBO a component also covers the posteriors' own spread.
    let spread = var.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(var.ncols()));
    let var = &fit.prior.var() + &spread;
    model.prior = MixturePrior::new(fit.prior.logits().to_owned(), fit.prior.mean().to_owned(), var)?;
    Ok(format!(
        "start: Gaussian mixture on the encoded means, {} restarts, log-likelihood per sample {:.3}",
        config.start.restarts, fit.log_likelihood
    ))
}

/// `n` points (n,l) spread as evenly as repulsion on a sphere makes them (l=1: on a line), the nearest two `spacing` apart, centred at the origin.
fn place_on_sphere(n: usize, l: usize, spacing: f64, rng: &mut impl Rng) -> Array2<f64> {
    if n == 1 {
        return Array2::zeros((1, l));
    }
    if l == 1 {
        return place_on_line(n, l, spacing);
    }
    let mut points = Array2::from_shape_simple_fn((n, l), || rng.sample::<f64, _>(StandardNormal));
    normalise(&mut points);
    // Thomson's problem by gradient steps; the evenness matters, the last digit does not.
    for iteration in 0..2000 {
        let rate = 0.1 / (1.0 + f64::from(iteration) / 100.0) / n as f64;
        let mut force = Array2::<f64>::zeros((n, l));
        for a in 0..n {
            for b in (0..n).filter(|&b| b != a) {
                let difference = &points.row(a) - &points.row(b);
                let square = difference.dot(&difference).max(1e-6);
                force.row_mut(a).scaled_add(square.powf(-1.5), &difference);
            }
        }
        let largest = force.outer_iter().map(|f| f.dot(&f).sqrt()).fold(0.0, f64::max).max(1.0);
        points.scaled_add(rate * n as f64 / largest, &force);
        normalise(&mut points);
    }
    let nearest = (0..n)
        .flat_map(|a| (0..a).map(move |b| (a, b)))
        .map(|(a, b)| (&points.row(a) - &points.row(b)).mapv(|x| x * x).sum().sqrt())
        .fold(f64::INFINITY, f64::min);
    points * (spacing / nearest.max(1e-6))
}

/// `n` points (n,l) along the last dimension, `spacing` apart, centred at the origin.
fn place_on_line(n: usize, l: usize, spacing: f64) -> Array2<f64> {
    let along = |c: usize| spacing * (c as f64 - (n as f64 - 1.0) / 2.0);
    Array2::from_shape_fn((n, l), |(c, j)| if j + 1 == l { along(c) } else { 0.0 })
}

/// Deals the `centres` (N,l) out to the clusters so that clusters with similar `curves` (N,d) become neighbours: an encoder then has a smooth map to
/// learn. Minimises `sum_ab |centre_a - centre_b|^2 / |curve_a - curve_b|^2` by exchanging pairs until none helps.
fn neighbours_together(centres: Array2<f64>, curves: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = centres.nrows();
    let between =
        |x: ArrayView2<'_, f64>| Array2::from_shape_fn((n, n), |(a, b)| (&x.row(a) - &x.row(b)).mapv(|v| v * v).sum());
    let (far, different) = (between(centres.view()), between(curves));
    let smallest = different.iter().copied().filter(|&d| d > 0.0).fold(f64::INFINITY, f64::min);
    let alike = if smallest.is_finite() { different.mapv(|d| smallest / d.max(smallest)) } else { return centres };
    let mut place: Vec<usize> = (0..n).collect();
    let cost = |place: &[usize], a: usize| {
        (0..n).filter(|&b| b != a).map(|b| alike[[a, b]] * far[[place[a], place[b]]]).sum::<f64>()
    };
    loop {
        let mut improved = false;
        for (a, b) in (0..n).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let before = cost(&place, a) + cost(&place, b);
            place.swap(a, b);
            if cost(&place, a) + cost(&place, b) < before * (1.0 - 1e-9) {
                improved = true;
            } else {
                place.swap(a, b);
            }
        }
        if !improved {
            return centres.select(Axis(0), &place);
        }
    }
}

fn normalise(points: &mut Array2<f64>) {
    for mut row in points.outer_iter_mut() {
        let length = row.dot(&row).sqrt().max(1e-12);
        row /= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn distances(points: &Array2<f64>) -> Vec<f64> {
        let n = points.nrows();
        let pairs = (0..n).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs.map(|(a, b)| (&points.row(a) - &points.row(b)).mapv(|x| x * x).sum().sqrt()).collect()
    }

    #[test]
    fn centres_are_even() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let circle = place_on_sphere(10, 2, 6.0, &mut rng);
        let radius = 3.0 / (std::f64::consts::PI / 10.0).sin();
        for row in circle.outer_iter() {
            let r = row.dot(&row).sqrt();
            assert!((r / radius - 1.0).abs() < 0.02, "a regular decagon of side 6 has radius {radius}, got {r}");
        }
        let simplex = place_on_sphere(4, 3, 2.0, &mut rng);
        assert!(distances(&simplex).iter().all(|d| (d - 2.0).abs() < 0.02), "a tetrahedron");
        assert_eq!(place_on_sphere(1, 4, 6.0, &mut rng), Array2::<f64>::zeros((1, 4)));
        let line = place_on_sphere(3, 1, 6.0, &mut rng);
        assert_eq!(line.into_raw_vec_and_offset().0, [-6.0, 0.0, 6.0]);
        assert_eq!(place_on_line(2, 3, 6.0), ndarray::array![[0.0, 0.0, -3.0], [0.0, 0.0, 3.0]]);
    }

    #[test]
    fn a_family_of_curves_goes_round_the_circle_in_order() {
        let slopes = [3.0, 0.0, 7.0, 1.0, 9.0, 4.0, 2.0, 8.0, 5.0, 6.0];
        let curves = Array2::from_shape_fn((10, 5), |(c, j)| slopes[c] * j as f64);
        for seed in 0..10 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let centres = neighbours_together(place_on_sphere(10, 2, 6.0, &mut rng), curves.view());
            for (a, b) in
                (0..10).flat_map(|a| (0..10).map(move |b| (a, b))).filter(|(a, b)| slopes[*a] - slopes[*b] == 1.0)
            {
                let distance = (&centres.row(a) - &centres.row(b)).mapv(|x| x * x).sum().sqrt();
                assert!(distance < 6.5, "seed {seed}: slopes {} and {} are {distance} apart", slopes[a], slopes[b]);
            }
        }
    }

    #[test]
    fn the_nearest_two_are_as_far_apart_as_asked() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for (n, l) in [(10, 3), (16, 10), (100, 5)] {
            let nearest = distances(&place_on_sphere(n, l, 5.0, &mut rng)).into_iter().fold(f64::INFINITY, f64::min);
            assert!((nearest - 5.0).abs() < 1e-9);
        }
    }
}
