//! Where the `fast` recipe starts: where the data already say something.
//!
//! With an expert, clusters are found in data space by a mixture of experts and their centres in latent space are placed apart, to be filled by the
//! encoders. Without one, networks are first trained with all clusters alike, and a Gaussian mixture is then fitted to the encoded means. No start
//! looks at labels.

use super::em::add_curves;
use crate::config::{StartSpace, TrainingConfig};
use crate::model::Model;
use crate::randomness::{Purpose, generator};
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use pima_core::{CurveSums, GmmOptions, KMeans, MixturePrior, MixtureSums, MixtureUpdate, fit_gmm, kmeans};
use pima_data::{Batch, Batches, Dataset};
use pima_experts::{Curves, MixtureOfExpertsOptions, fit_mixture_of_experts};
use rand::Rng;
use rand_distr::StandardNormal;

/// Fits the experts of the first modality that has one by a mixture of experts in data space, the others to the clusters found, and places the
/// centres. Returns a remark for the log, or `None` when no modality has an expert.
pub(crate) fn start_from_experts(
    model: &mut Model,
    dataset: &Dataset,
    rows: &[usize],
    config: &TrainingConfig,
    seed: u64,
) -> Result<Option<String>> {
    let Some(m) = model.experts().map(|(m, _)| m).next() else { return Ok(None) };
    let mut rng = generator(seed, Purpose::Start, 0, 0);
    let n_clusters = model.prior.n_clusters();
    let data = &dataset.modalities()[m];
    let rows: Vec<usize> = rows.iter().copied().filter(|&row| data.is_present(row)).collect();
    let curves = Array2::from_shape_fn((rows.len(), data.size()), |(i, j)| f64::from(data.values()[[rows[i], j]]));
    let normalisation = &model.normalisations[m];
    let scale: Array1<f64> = (0..data.size()).map(|j| normalisation.scale(j).powi(-2)).collect();
    let name = data.name().to_owned();
    let mut options = MixtureOfExpertsOptions::new(n_clusters);
    options.n_restarts = config.start.restarts;
    options.restart_samples = config.start.samples;
    let Some((_, decoder)) = model.experts().find(|(index, _)| *index == m) else { return Ok(None) };
    let data = Curves { values: curves.view(), present: None, weight: Some(scale.view()) };
    let fit = fit_mixture_of_experts(decoder.expert.as_ref(), data, &options, &mut rng)
        .map_err(|source| Error::Expert { modality: name.clone(), source })?;
    let theta = fit.theta.clone();
    if let Some((expert, normalisation, _)) = model.expert_mut(m) {
        expert.set_theta(theta, normalisation);
    }
    fit_other_experts(model, dataset, &rows, m, fit.responsibilities.view())?;
    let logits = fit.weights.mapv(|w| w.max(1e-12).ln());
    let centres = place_centres(n_clusters, model.prior.n_latent(), config.start.spacing, &mut rng);
    let curves = &fit.prediction * &scale.mapv(f64::sqrt);
    let centres = neighbours_together(centres, curves.view());
    let var = Array2::ones(centres.dim());
    model.prior = MixturePrior::new(logits, centres, var)?;
    Ok(Some(format!(
        "start: mixture of experts on {name:?}, {} restarts, log-likelihood per sample {:.3}",
        config.start.restarts, fit.log_likelihood
    )))
}

fn fit_other_experts(
    model: &mut Model,
    dataset: &Dataset,
    rows: &[usize],
    first: usize,
    responsibilities: ArrayView2<'_, f64>,
) -> Result<()> {
    let n_clusters = model.prior.n_clusters();
    let mut curves: Vec<(usize, CurveSums)> = model
        .experts()
        .filter(|(m, _)| *m != first)
        .map(|(m, expert)| (m, CurveSums::new(n_clusters, expert.expert.n_outputs())))
        .collect();
    if curves.is_empty() {
        return Ok(());
    }
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    for (rows, g) in rows.chunks(4096).zip(responsibilities.axis_chunks_iter(Axis(0), 4096)) {
        batches.gather(rows, &mut batch)?;
        add_curves(&mut curves, g, &batch)?;
    }
    for (m, sums) in &curves {
        if let Some((expert, normalisation, name)) = model.expert_mut(*m) {
            expert.maximise(sums, normalisation, name)?;
        }
    }
    Ok(())
}

/// Fits the mixture prior to the fused posteriors of `rows`, in the space that the config names.
pub(crate) fn start_from_latent(
    model: &mut Model,
    dataset: &Dataset,
    rows: &[usize],
    config: &TrainingConfig,
    seed: u64,
    epoch: usize,
) -> Result<String> {
    let mut rng = generator(seed, Purpose::Start, epoch, 1);
    let (mean, var) = crate::evaluate::fused_posteriors(model, dataset, rows)?;
    let restarts = config.start.restarts;
    match config.start.space {
        StartSpace::Latent => {
            let mut options = GmmOptions::new(model.prior.n_clusters());
            options.n_restarts = restarts;
            options.restart_samples = config.start.samples;
            options.variance_floor = config.em.variance_floor;
            let fit = fit_gmm(mean.view(), &options, &mut rng)?;
            // The mixture was fitted to the means: under the ELBO a component also covers the posteriors' own spread.
            let spread = var.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(var.ncols()));
            let var = &fit.prior.var() + &spread;
            model.prior = MixturePrior::new(fit.prior.logits().to_owned(), fit.prior.mean().to_owned(), var)?;
            let likelihood = fit.log_likelihood;
            Ok(format!(
                "start: Gaussian mixture on the encoded means, {restarts} restarts, log-likelihood per sample {likelihood:.3}"
            ))
        }
        StartSpace::Decoded => {
            let inertia = start_from_decoded(model, mean.view(), var.view(), config, &mut rng)?;
            Ok(format!("start: k-means on the decoded means, {restarts} restarts, mean squared distance {inertia:.3}"))
        }
    }
}

/// Partitions the samples by k-means on what their posterior means (D,l) decode to, and makes each part a component. Returns the mean squared
/// distance to the centres, in units of the loss.
fn start_from_decoded(
    model: &mut Model,
    mean: ArrayView2<'_, f64>,
    var: ArrayView2<'_, f64>,
    config: &TrainingConfig,
    rng: &mut impl Rng,
) -> Result<f64> {
    let n_clusters = model.prior.n_clusters();
    let tried = rand::seq::index::sample(rng, mean.nrows(), config.start.samples.min(mean.nrows())).into_vec();
    let points = decoded(model, mean.select(Axis(0), &tried).view())?;
    let mut best: Option<KMeans> = None;
    for _ in 0..config.start.restarts {
        let fit = kmeans(points.view(), n_clusters, 100, rng)?;
        if best.as_ref().is_none_or(|best| fit.inertia < best.inertia) {
            best = Some(fit);
        }
    }
    let Some(best) = best else { return Ok(f64::NAN) };
    let mut sums = MixtureSums::new(n_clusters, model.prior.n_latent());
    for (mean, var) in mean.axis_chunks_iter(Axis(0), 4096).zip(var.axis_chunks_iter(Axis(0), 4096)) {
        let points = decoded(model, mean)?;
        let mut one_hot = Array2::zeros((mean.nrows(), n_clusters));
        for (point, mut row) in points.outer_iter().zip(one_hot.outer_iter_mut()) {
            let distance = |c: &usize| (&best.centres.row(*c) - &point).mapv(|x| x * x).sum();
            let nearest = (0..n_clusters).min_by(|a, b| distance(a).total_cmp(&distance(b)));
            row[nearest.unwrap_or(0)] = 1.0;
        }
        sums.add(one_hot.view(), mean, var.mapv(f64::ln).view())?;
    }
    let update =
        MixtureUpdate { variance: config.em.variance, variance_floor: config.em.variance_floor, update_weights: true };
    model.prior = sums.maximise(&model.prior, &update)?;
    Ok(best.inertia / points.nrows() as f64)
}

/// Everything that `z` (D,l) decodes to, side by side, scaled so that squared distances are those of the reconstruction term.
fn decoded(model: &Model, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let n_clusters = model.prior.n_clusters();
    let even = Array2::from_elem((z.nrows(), n_clusters), 1.0 / n_clusters as f64);
    let parts = (0..model.modalities.len()).map(|m| {
        let modality = &model.modalities[m];
        Ok(model.decode(m, z, even.view())? * (modality.weight / modality.variance).sqrt())
    });
    let parts: Vec<Array2<f64>> = parts.collect::<Result<_>>()?;
    let views: Vec<ArrayView2<'_, f64>> = parts.iter().map(|part| part.view()).collect();
    Ok(ndarray::concatenate(Axis(1), &views).expect("as many rows in every modality"))
}

/// `n` points (n,l) spread as evenly as repulsion on a sphere makes them (l=1: on a line), the nearest two `spacing` apart, centred at the origin.
pub(crate) fn place_centres(n: usize, l: usize, spacing: f64, rng: &mut impl Rng) -> Array2<f64> {
    if n == 1 {
        return Array2::zeros((1, l));
    }
    if l == 1 {
        return Array2::from_shape_fn((n, 1), |(c, _)| spacing * (c as f64 - (n as f64 - 1.0) / 2.0));
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
        let circle = place_centres(10, 2, 6.0, &mut rng);
        let radius = 3.0 / (std::f64::consts::PI / 10.0).sin();
        for row in circle.outer_iter() {
            let r = row.dot(&row).sqrt();
            assert!((r / radius - 1.0).abs() < 0.02, "a regular decagon of side 6 has radius {radius}, got {r}");
        }
        let simplex = place_centres(4, 3, 2.0, &mut rng);
        assert!(distances(&simplex).iter().all(|d| (d - 2.0).abs() < 0.02), "a tetrahedron");
        assert_eq!(place_centres(1, 4, 6.0, &mut rng), Array2::<f64>::zeros((1, 4)));
        let line = place_centres(3, 1, 6.0, &mut rng);
        assert_eq!(line.into_raw_vec_and_offset().0, [-6.0, 0.0, 6.0]);
    }

    #[test]
    fn a_family_of_curves_goes_round_the_circle_in_order() {
        let slopes = [3.0, 0.0, 7.0, 1.0, 9.0, 4.0, 2.0, 8.0, 5.0, 6.0];
        let curves = Array2::from_shape_fn((10, 5), |(c, j)| slopes[c] * j as f64);
        for seed in 0..10 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let centres = neighbours_together(place_centres(10, 2, 6.0, &mut rng), curves.view());
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
            let nearest = distances(&place_centres(n, l, 5.0, &mut rng)).into_iter().fold(f64::INFINITY, f64::min);
            assert!((nearest - 5.0).abs() < 1e-9);
        }
    }
}
