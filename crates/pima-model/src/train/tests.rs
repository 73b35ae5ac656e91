//! Tests of the training step and loop on small made-up data.

use super::step::{At, LossSums, Step};
use super::{SmallAdam, TrainOptions, standard_normal, train};
use crate::config::{DecoderVariance, ExperimentConfig, Recipe};
use crate::model::Model;
use crate::observe::{EpochRecord, Event, Observe};
use crate::{Error, evaluate};
use ndarray::{Array2, array};
use pima_core::{ClusterPosterior, LatentExpert, ModalityShape};
use pima_data::{Batch, Batches, Dataset, Labels, MeasurementAxis, ModalityData, Split, SplitFractions};
use pima_nets::{Adam, Mode};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;
use tch::Device;

const CONFIG: &str = r#"
experiment = "toy"
[data]
source = "digits"
[model]
latent = 2
clusters = 3
[training]
epochs = 3
batch_size = 16
[[modality]]
name = "spot"
source = { kind = "images" }
encoder = { type = "conv", channels = [4], hidden = [8] }
decoder = { type = "deconv", base_channels = 3, channels = [4] }
[[modality]]
name = "curve"
source = { kind = "line" }
normalise = "standard"
encoder = { type = "mlp", hidden = [8], activation = "tanh" }
expert = { kind = "linear", basis = { kind = "slope" } }
"#;

/// Three classes: a bright corner of a 6x6 image, and a line whose slope is -2, 0 or 2.
pub(crate) fn toy(n: usize, missing: bool) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let labels: Vec<usize> = (0..n).map(|d| d % 3).collect();
    let image = Array2::from_shape_fn((n, 36), |(d, j)| {
        let (row, column) = (j / 6, j % 6);
        let corner = [(1, 1), (1, 4), (4, 2)][labels[d]];
        let bright = row.abs_diff(corner.0) <= 1 && column.abs_diff(corner.1) <= 1;
        f32::from(u8::from(bright)) + 0.1 * rng.random::<f32>()
    });
    let t: Vec<f64> = (0..5).map(|j| f64::from(j) / 4.0).collect();
    let curve = Array2::from_shape_fn((n, 5), |(d, j)| {
        ((labels[d] as f64 - 1.0) * 2.0 * t[j] + 0.1 * (rng.random::<f64>() - 0.5)) as f32
    });
    let present = (0..n).map(|d| !missing || d % 4 != 0).collect();
    let shape = ModalityShape::Image { channels: 1, height: 6, width: 6 };
    let axis = MeasurementAxis { name: "t".into(), units: "s".into(), points: t };
    let curve = ModalityData::with_missing("curve", ModalityShape::Curve { channels: 1, length: 5 }, curve, present);
    let modalities = vec![ModalityData::new("spot", shape, image).unwrap(), curve.unwrap().with_axis(axis).unwrap()];
    Dataset::new("toy", modalities, Some(Labels::new(labels, 3).unwrap())).unwrap()
}

pub(crate) fn config(change: &[(&str, &str)]) -> ExperimentConfig {
    let text = change.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    ExperimentConfig::parse(&text, Path::new("toy.toml"), None).unwrap()
}

pub(crate) fn split(dataset: &Dataset) -> Split {
    Split::random(dataset, &SplitFractions { train: 0.7, validation: 0.15, test: 0.15 }, 0).unwrap()
}

pub(crate) fn options(seed: u64) -> TrainOptions {
    TrainOptions { seed, device: Device::Cpu, checkpoints: None, resume: false, stop: None }
}

#[derive(Default)]
struct Records(Vec<EpochRecord>);

impl Observe for Records {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Epoch(record) = event {
            self.0.push((*record).clone());
        }
    }
}

/// The loss of one batch as a function of the network parameters, by nothing but forward passes.
fn loss_at(model: &mut Model, values: &[f32], batch: &Batch, eps: &Array2<f64>, posterior: ClusterPosterior) -> f64 {
    model.parameters.restore(values).unwrap();
    let mut step = Step::default();
    let weight = batch.weight().to_owned();
    let at = At { epoch: 1, batch: 1 };
    let forward = step.forward(model, batch, weight.view(), eps.view(), posterior, Mode::Train, true, at).unwrap();
    let mut sums = LossSums::default();
    step.add_loss(model, batch, &forward, &mut sums).unwrap();
    sums.record(model).loss
}

/// Networks by torch, loss by pima-core, and the seam between them: one Adam-free gradient against central differences, along random directions.
#[test]
fn the_gradient_of_a_whole_step_is_that_of_the_loss() {
    for (posterior, per_cluster, sees) in [
        (ClusterPosterior::Exact, false, false),
        (ClusterPosterior::Latent, false, false),
        (ClusterPosterior::Exact, true, false),
        (ClusterPosterior::Latent, true, false),
        (ClusterPosterior::Exact, false, true),
        (ClusterPosterior::Latent, true, true),
    ] {
        let decoder = "decoder = { type = \"deconv\", base_channels = 3, channels = [4] }";
        let many = format!("{decoder}\ndecoder_per_cluster = true");
        let config = if per_cluster { config(&[(decoder, &many)]) } else { config(&[]) };
        let data = toy(60, true);
        let split = split(&data);
        let mut model = Model::new(&config, &data, &split, Device::Cpu, 5).unwrap();
        model.modalities[1].variance = 0.5;
        if sees {
            see(&mut model);
        }
        let mut batch = Batch::default();
        Batches::new(&data, &model.normalisations).unwrap().gather(&split.train[..24], &mut batch).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let eps = standard_normal(24, 2, &mut rng);
        let start = model.parameters.snapshot().unwrap();
        let n = model.parameters.count();

        let mut step = Step::default();
        let weight = batch.weight().to_owned();
        let at = At { epoch: 1, batch: 1 };
        let forward =
            step.forward(&model, &batch, weight.view(), eps.view(), posterior, Mode::Train, true, at).unwrap();
        let gradient = step.gradient(&model, &batch, forward, at).unwrap();
        let gradient = Vec::<f32>::try_from(&gradient).unwrap();

        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        for _ in 0..8 {
            let direction: Vec<f64> = (0..n).map(|_| rng.sample::<f64, _>(rand_distr::StandardNormal)).collect();
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            let h = 2e-3;
            let moved = |sign: f64| {
                let mut values = start.clone();
                for (value, d) in values.iter_mut().zip(&direction) {
                    *value = (f64::from(*value) + sign * h * d / length) as f32;
                }
                values
            };
            let up = loss_at(&mut model, &moved(1.0), &batch, &eps, posterior);
            let down = loss_at(&mut model, &moved(-1.0), &batch, &eps, posterior);
            let numeric = (up - down) / (2.0 * h);
            let analytic = gradient.iter().zip(&direction).map(|(g, d)| f64::from(*g) * d / length).sum::<f64>();
            // The networks are f32: differences are good to a few thousandths of the gradient's size.
            assert!(
                (numeric - analytic).abs() < 5e-3 * norm,
                "{posterior:?} {per_cluster} {sees}: {numeric} {analytic} of {norm}"
            );
        }
    }
}

#[test]
fn the_gradient_of_an_expert_is_that_of_the_loss() {
    let data = toy(60, true);
    let split = split(&data);
    let mut model = Model::new(&config(&[]), &data, &split, Device::Cpu, 5).unwrap();
    let mut batch = Batch::default();
    Batches::new(&data, &model.normalisations).unwrap().gather(&split.train[..24], &mut batch).unwrap();
    let eps = Array2::zeros((24, 2));
    let values = model.parameters.snapshot().unwrap();
    for (posterior, sees) in [
        (ClusterPosterior::Exact, false),
        (ClusterPosterior::Latent, false),
        (ClusterPosterior::Exact, true),
        (ClusterPosterior::Latent, true),
    ] {
        if sees {
            see(&mut model);
        }
        let mut step = Step::default();
        let weight = batch.weight().to_owned();
        let at = At { epoch: 1, batch: 1 };
        drop(step.forward(&model, &batch, weight.view(), eps.view(), posterior, Mode::Train, true, at).unwrap());
        let expert = model.experts().next().unwrap().1;
        let measured = model.measured(1, &batch, step.workspace.z());
        let gradient = expert.gradient(&measured, step.workspace.grad_recon()).unwrap();
        let trained = expert.trained();
        for (at, &analytic) in gradient.indexed_iter() {
            let mut moved_by = |h: f64| {
                let mut moved = trained.clone();
                moved[at] += h;
                let (expert, normalisation, _) = model.expert_mut(1).unwrap();
                expert.set_trained(moved, normalisation).unwrap();
                loss_at(&mut model, &values, &batch, &eps, posterior)
            };
            let numeric = 24.0 * (moved_by(1e-3) - moved_by(-1e-3)) / 2e-3;
            moved_by(0.0);
            let scale = gradient.iter().map(|g| g.abs()).fold(0.0, f64::max);
            assert!((numeric - analytic).abs() < 1e-3 * scale, "{posterior:?} {at:?}: {numeric} {analytic}");
        }
    }
}

/// Slopes that are not zero, so that the curve depends on the latent point.
pub(crate) fn see(model: &mut Model) {
    let centres = model.prior.mean().to_owned();
    let (expert, normalisation, _) = model.expert_mut(1).unwrap();
    let mut latent = LatentExpert::new(Arc::clone(&expert.expert), expert.theta(), centres.view()).unwrap();
    latent.set_coefficients(array![[-2.0, 0.5, -0.3], [0.1, -0.4, 0.2], [2.0, 0.3, 0.6]].view()).unwrap();
    expert.set_latent(latent, normalisation);
}

#[test]
fn the_toy_is_learnt_and_its_slopes_identified_with_missing_curves_too() {
    for missing in [false, true] {
        let data = toy(300, missing);
        let split = split(&data);
        let config = config(&[("epochs = 3", "epochs = 12\nmodality_keep = 0.5")]);
        let mut records = Records::default();
        let outcome = train(&config, &data, &split, &options(1), &mut records).unwrap();
        let test = evaluate(&outcome.model, &data, &split.test, config.posterior(), 1).unwrap();
        assert!(test.scores.unwrap().accuracy.accuracy > 0.95, "missing {missing}");
        let mut slopes: Vec<f64> = outcome.model.experts().next().unwrap().1.theta().iter().copied().collect();
        slopes.sort_by(f64::total_cmp);
        assert!(slopes.iter().zip([-2.0, 0.0, 2.0]).all(|(s, truth)| (s - truth).abs() < 0.05), "{slopes:?}");
        let loss: Vec<f64> = records.0.iter().filter_map(|r| r.validation.as_ref().map(|v| v.loss)).collect();
        assert_eq!(loss.len(), 12);
        assert!(loss[11] < loss[0] - 1.0, "{loss:?}");
    }
}

#[test]
fn without_an_expert_clusters_are_found_after_a_warm_up_or_in_data_space() {
    let data = toy(300, false);
    let split = split(&data);
    let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
    for (start, warmup) in [("", 2), ("start = { modality = \"curve\" }", 0)] {
        let epochs = format!("epochs = 8\n{start}");
        let config = config(&[("epochs = 3", &epochs), (expert, "decoder = { type = \"mlp\", hidden = [8] }")]);
        let outcome = train(&config, &data, &split, &options(1), &mut ()).unwrap();
        assert_eq!(outcome.epochs, 8 + warmup, "a warm-up comes on top");
        let test = evaluate(&outcome.model, &data, &split.test, config.posterior(), 1).unwrap();
        assert!(test.scores.unwrap().accuracy.accuracy > 0.95, "{start}");
    }
}

/// Clusters found among principal components, and a resumed run that takes the mixture from its checkpoint.
#[test]
fn clusters_are_found_among_principal_components_and_survive_a_stop() {
    let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
    let start = "epochs = 8\nstart = { modality = \"spot\", components = 3, hold_epochs = 6 }";
    let network = "decoder = { type = \"mlp\", hidden = [8] }";
    let config = config(&[(expert, network), ("epochs = 3", start)]);
    let data = toy(240, false);
    let split = split(&data);
    let whole = train(&config, &data, &split, &options(4), &mut ()).unwrap();
    let test = evaluate(&whole.model, &data, &split.test, ClusterPosterior::Exact, 4).unwrap();
    assert!(test.scores.unwrap().accuracy.accuracy > 0.95);

    let folder = tempfile::tempdir().unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let kept = TrainOptions { checkpoints: Some(folder.path().to_owned()), ..options(4) };
    let stopped = train(&config, &data, &split, &TrainOptions { stop: Some(stop), ..kept.clone() }, &mut ());
    assert!(matches!(stopped, Err(Error::Stopped { .. })));
    let resumed = train(&config, &data, &split, &TrainOptions { resume: true, ..kept }, &mut ()).unwrap();
    assert_eq!(resumed.model.parameters.snapshot().unwrap(), whole.model.parameters.snapshot().unwrap());
    assert_eq!(resumed.model.prior(), whole.model.prior());
}

/// Centres leave the line they were placed on while samples stay with the clusters of their spots.
#[test]
fn tied_samples_keep_their_clusters_while_centres_move() {
    let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
    let network = "decoder = { type = \"mlp\", hidden = [8] }";
    let data = toy(240, false);
    let split = split(&data);
    let off_the_line = |hold: usize, tie: usize| {
        let start = format!("components = 3, place = \"line\", hold_epochs = {hold}, tie_epochs = {tie}");
        let start = format!("epochs = 9\nstart = {{ modality = \"spot\", {start} }}");
        let config = config(&[(expert, network), ("epochs = 3", &start)]);
        let outcome = train(&config, &data, &split, &options(4), &mut ()).unwrap();
        let test = evaluate(&outcome.model, &data, &split.test, ClusterPosterior::Exact, 4).unwrap();
        let accuracy = test.scores.unwrap().accuracy.accuracy;
        assert!(accuracy > 0.95, "held for {hold}, tied for {tie}: {accuracy}");
        outcome.model.prior().mean().column(0).mapv(f64::abs).sum()
    };
    assert_eq!(off_the_line(10, 10), 0.0);
    assert!(off_the_line(3, 9) > 0.1);
}

#[test]
fn both_recipes_repeat_themselves_and_seeds_differ() {
    let data = toy(90, true);
    let split = split(&data);
    for recipe in [Recipe::Fast, Recipe::Paper] {
        let text = CONFIG.replace("epochs = 3", "epochs = 2\nmodality_keep = 0.5");
        let config = ExperimentConfig::parse(&text, Path::new("toy.toml"), Some(recipe)).unwrap();
        let run = |seed| {
            let mut records = Records::default();
            train(&config, &data, &split, &options(seed), &mut records).unwrap();
            records.0.into_iter().map(|r| (r.train, r.validation, r.gradient_norm)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1), "{recipe}");
        assert_ne!(run(1), run(2), "{recipe}");
    }
}

#[test]
fn a_learned_variance_is_the_mean_squared_error() {
    let data = toy(300, true);
    let split = split(&data);
    let mut config = config(&[("epochs = 3", "epochs = 10")]);
    config.modalities[1].variance = DecoderVariance::Learned { from_epoch: 5 };
    let outcome = train(&config, &data, &split, &options(3), &mut ()).unwrap();
    // Uniform noise of width 0.1 has variance 0.1^2 / 12; normalised, each coordinate by its own spread.
    let normalisation = &outcome.model.normalisations[1];
    let expected = (0..5).map(|j| 0.01 / 12.0 / normalisation.scale(j).powi(2)).sum::<f64>() / 5.0;
    let learned = outcome.model.modalities[1].variance;
    assert!((learned / expected - 1.0).abs() < 0.15, "{learned} {expected}");
}

#[test]
fn a_loss_that_is_not_finite_names_its_term_and_place() {
    let data = toy(90, false);
    let split = split(&data);
    let mut config = config(&[]);
    config.training.learning_rate = 1e30;
    match train(&config, &data, &split, &options(1), &mut ()) {
        Err(Error::NotFinite { epoch: 1, batch, .. }) => assert!(batch > 1),
        other => panic!("expected a loss that is not finite, got {:?}", other.map(|_| ())),
    }
}

#[test]
fn adam_updates_by_the_book() {
    let data = toy(60, false);
    let split = split(&data);
    let mut model = Model::new(&config(&[]), &data, &split, Device::Cpu, 5).unwrap();
    let mut adam = Adam::new(&model.parameters, pima_nets::AdamConfig::default());
    let before = model.parameters.snapshot().unwrap();
    let n = model.parameters.count();
    let gradients: Vec<Vec<f32>> = [(0.3, 1.0), (-0.2, 0.5)]
        .iter()
        .map(|&(shift, scale)| (0..n).map(|i| scale * ((i % 7) as f32 - 3.0) + shift).collect())
        .collect();
    let mut small = SmallAdam::default();
    let mut expected: Vec<f64> = before[..n].iter().map(|&v| f64::from(v)).collect();
    for gradient in &gradients {
        adam.update(&mut model.parameters, &tch::Tensor::from_slice(gradient), 0.01).unwrap();
        let config = pima_nets::AdamConfig::default();
        small.update(expected.iter_mut().zip(gradient.iter().map(|&g| f64::from(g))), &config, 0.01);
    }
    let after = model.parameters.snapshot().unwrap();
    for (a, e) in after[..n].iter().zip(&expected) {
        assert!((f64::from(*a) - e).abs() < 1e-6, "{a} {e}");
    }
}
