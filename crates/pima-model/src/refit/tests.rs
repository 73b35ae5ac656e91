//! Tests of the refit on the toy that training is tested on.

use super::*;
use crate::train::tests::{config, options, split, toy};
use crate::{Engine, InferOptions, evaluate, load_model, train};
use ndarray::s;
use pima_core::ClusterPosterior;
use std::path::Path;

#[derive(Default)]
struct Records(Vec<RefitRecord>);

impl Observe for Records {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Refit(record) = event {
            self.0.push((*record).clone());
        }
    }
}

/// A model whose image encoder never took part in fusion alone, its data, and a folder that holds its checkpoints.
fn trained(missing: bool, folder: &Path) -> (Model, ExperimentConfig, Dataset, Split) {
    let data = toy(300, missing);
    let split = split(&data);
    let config = config(&[("epochs = 3", "epochs = 12")]);
    let options = TrainOptions { checkpoints: Some(folder.to_owned()), ..options(1) };
    let outcome = train(&config, &data, &split, &options, &mut ()).unwrap();
    (outcome.model, config, data, split)
}

fn settings(epochs: usize) -> RefitConfig {
    RefitConfig { epochs, batch_size: 16, learning_rate: 5e-3, ..RefitConfig::default() }
}

#[test]
fn an_encoder_learns_what_all_modalities_know_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (mut model, config, data, split) = trained(true, folder.path());
    let judge = |model: &Model| evaluate(model, &data, &split.test, ClusterPosterior::Exact, 1).unwrap();
    let before = judge(&model);
    assert!(before.refitted.is_empty());
    let mut records = Records::default();
    let options = TrainOptions { checkpoints: Some(folder.path().to_owned()), ..options(1) };
    refit(&mut model, &config, &settings(10), &data, &split, &options, &mut records).unwrap();
    let of_image: Vec<f64> = records.0.iter().filter(|r| r.modality == "spot").map(|r| r.loss).collect();
    assert_eq!(of_image.len(), 10);
    assert!(of_image[9] < 0.5 * of_image[0], "{of_image:?}");
    let after = judge(&model);
    assert_eq!(after.latent_mean, before.latent_mean);
    assert_eq!(after.alone["spot"].latent_mean, before.alone["spot"].latent_mean);
    // How far one modality's mean is from that of both: the refitted encoders are nearer.
    for name in ["spot", "curve"] {
        let distance = |means: &Array2<f64>| -> f64 {
            let rows = (0..means.nrows()).filter(|&row| !means[[row, 0]].is_nan());
            rows.map(|row| (&means.row(row) - &after.latent_mean.row(row)).mapv(|d| d * d).sum()).sum()
        };
        let (own, refitted) = (distance(&before.alone[name].latent_mean), distance(&after.refitted[name].latent_mean));
        assert!(refitted < 0.7 * own, "{name}: {refitted} against {own}");
    }
    assert!(after.refitted["spot"].accuracy.unwrap() > 0.95);

    // Stored with the model: the same to the last bit, and a second refit takes the first one's place.
    let again = load_model(&folder.path().join("best.safetensors"), &config, tch::Device::Cpu).unwrap();
    assert_eq!(judge(&again).refitted["spot"].latent_mean, after.refitted["spot"].latent_mean);
    assert_eq!(again.refitted(), model.refitted());
    refit(&mut model, &config, &settings(1), &data, &split, &options, &mut ()).unwrap();
    let again = load_model(&folder.path().join("best.safetensors"), &config, tch::Device::Cpu).unwrap();
    assert_eq!(again.refitted().unwrap().config.epochs, 1);
    assert_ne!(judge(&again).refitted["spot"].latent_mean, after.refitted["spot"].latent_mean);
}

#[test]
fn samples_of_one_modality_are_inferred_by_its_refitted_encoder_and_others_by_those_that_fuse() {
    let folder = tempfile::tempdir().unwrap();
    let (mut model, config, data, split) = trained(true, folder.path());
    let mut batch = Batch::default();
    Batches::new(&data, &model.normalisations).unwrap().gather(&split.test, &mut batch).unwrap();
    let ask = |engine, given: &[usize]| InferOptions {
        given: given.to_vec(),
        predict: Vec::new(),
        engine,
        samples: 4,
        intervals: Vec::new(),
        draws: 0,
        score: false,
        seed: 1,
    };
    assert!(matches!(model.infer(&batch, &ask(Engine::Refit, &[0]), 0), Err(Error::Infer { .. })));
    refit(&mut model, &config, &settings(2), &data, &split, &options(1), &mut ()).unwrap();
    let refitted = model.infer(&batch, &ask(Engine::Refit, &[0, 1]), 0).unwrap();
    let fused = model.infer(&batch, &ask(Engine::Dropout, &[0, 1]), 0).unwrap();
    let evaluated = evaluate(&model, &data, &split.test, ClusterPosterior::Exact, 1).unwrap();
    let mut alone = 0;
    for b in 0..batch.len() {
        let expected = if batch.weight()[[1, b]] == 0.0 {
            alone += 1;
            evaluated.refitted["spot"].latent_mean.slice(s![b, ..])
        } else {
            fused.latent_mean.slice(s![b, ..])
        };
        assert!((&refitted.latent_mean.row(b) - &expected).iter().all(|d| d.abs() < 1e-5));
    }
    assert!(alone > 0 && alone < batch.len());
}

#[test]
fn the_same_seed_gives_the_same_encoders_and_a_stop_keeps_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (mut model, config, data, split) = trained(false, folder.path());
    let values = |model: &Model| model.refitted.as_ref().unwrap().parameters.snapshot().unwrap();
    refit(&mut model, &config, &settings(2), &data, &split, &options(1), &mut ()).unwrap();
    let first = values(&model);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let stopped = TrainOptions { stop: Some(stop), ..options(1) };
    let error = refit(&mut model, &config, &settings(3), &data, &split, &stopped, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }));
    assert_eq!(values(&model), first);
    refit(&mut model, &config, &settings(2), &data, &split, &options(1), &mut ()).unwrap();
    assert_eq!(values(&model), first);
}

#[test]
fn samples_of_one_modality_alone_teach_its_encoder_what_it_is_sure_of() {
    let data = toy(900, false);
    // Nine images in ten come without a curve.
    let whole = split(&data);
    let (data, rows) = data.hide(&[0.0, 0.9], &whole.train, 5);
    let part = Split { train: rows, ..whole };
    let config = config(&[("epochs = 3", "epochs = 30\ncomplete_only = true")]);
    let mut model = train(&config, &data, &part, &options(1), &mut ()).unwrap().model;
    let (mut first, mut records) = (Records::default(), Records::default());
    refit(&mut model, &config, &settings(8), &data, &part, &options(1), &mut first).unwrap();
    let alone = evaluate(&model, &data, &part.test, ClusterPosterior::Exact, 1).unwrap();
    let settings = RefitConfig { self_training_epochs: 6, ..settings(8) };
    refit(&mut model, &config, &settings, &data, &part, &options(1), &mut records).unwrap();
    // Curves never come alone: only the images' encoder goes on.
    assert_eq!(records.0.iter().filter(|r| r.modality == "spot").map(|r| r.epoch).max(), Some(14));
    assert_eq!(records.0.iter().filter(|r| r.modality == "curve").map(|r| r.epoch).max(), Some(8));
    let taught = evaluate(&model, &data, &part.test, ClusterPosterior::Exact, 1).unwrap();
    assert!(taught.refitted["spot"].accuracy >= alone.refitted["spot"].accuracy);
    assert!(taught.refitted["spot"].accuracy.unwrap() > 0.95, "{:?}", taught.refitted["spot"].accuracy);
}

#[test]
fn an_encoder_that_saw_moved_images_says_the_same_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut model, config, data, split) = trained(false, folder.path());
    let by = pima_data::Augmentation { shift: 1.0, ..pima_data::Augmentation::default() };
    let mut moving = config.clone();
    moving.modalities[0].augment = Some(by);
    let mut distance = |config: &ExperimentConfig| -> f64 {
        refit(&mut model, config, &settings(10), &data, &split, &options(1), &mut ()).unwrap();
        let parameters = &model.refitted.as_ref().unwrap().parameters;
        let mut batch = Batch::default();
        Batches::new(&data, &model.normalisations).unwrap().gather(&split.test, &mut batch).unwrap();
        let says = |batch: &Batch| {
            let one = only(batch, 0);
            let said = no_grad(|| model.encode_with(parameters, batch, one.view(), Mode::Evaluate)).unwrap();
            said.mean.index_axis(Axis(0), 0).to_owned()
        };
        let before = says(&batch);
        batch.augment(0, model.modality_shape(0), &by, &mut generator(1, Purpose::Batch, 0, 0));
        (says(&batch) - before).mapv(|d| d * d).mean().unwrap()
    };
    let (careless, careful) = (distance(&config), distance(&moving));
    assert!(careful < 0.5 * careless, "{careful} against {careless}");
    moving.modalities[1].augment = Some(by);
    let error = train(&moving, &data, &split, &options(1), &mut ()).unwrap_err().to_string();
    assert!(error.contains("augment changes images"), "{error}");
}

#[test]
fn the_error_that_wrong_clusters_force_is_that_of_their_curves() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _, data, split) = trained(false, folder.path());
    let found = crate::calibration(&model, &data, &split.test, None, &[0.9], Engine::Dropout, 1).unwrap();
    let found = found["spot"].predicted["curve"].rmse_of_cluster.unwrap();
    let mut batch = Batch::default();
    Batches::new(&data, &model.normalisations).unwrap().gather(&split.test, &mut batch).unwrap();
    let options = InferOptions {
        given: vec![0],
        predict: Vec::new(),
        engine: Engine::Dropout,
        samples: 16,
        intervals: Vec::new(),
        draws: 0,
        score: false,
        seed: 1,
    };
    let clusters = pima_core::most_probable(model.infer(&batch, &options, 0).unwrap().responsibilities.view());
    let curves = model.decoded_centres(1).unwrap().select(Axis(0), &clusters.to_vec());
    let truth = data.modalities()[1].gather(&split.test).unwrap().mapv(f64::from);
    let expected = (curves - truth).mapv(|e| e * e).mean().unwrap().sqrt();
    assert!((found - expected).abs() < 1e-12 * expected, "{found} and {expected}");
}
