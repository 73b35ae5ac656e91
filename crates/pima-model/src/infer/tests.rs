//! Tests of inference: against sums written out, and on the toy that training is tested on.

use super::*;
use crate::train::tests::{config, options, see, split, toy};
use crate::{load_model, train};
use pima_data::{Batches, Dataset, Split};

pub(super) fn trained() -> (Model, Dataset, Split) {
    let data = toy(300, false);
    let split = split(&data);
    let config = config(&[("epochs = 3", "epochs = 12\nmodality_keep = 0.5")]);
    let outcome = train(&config, &data, &split, &options(1), &mut ()).unwrap();
    (outcome.model, data, split)
}

pub(super) fn gather(model: &Model, data: &Dataset, rows: &[usize]) -> Batch {
    let mut batch = Batch::default();
    Batches::new(data, &model.normalisations).unwrap().gather(rows, &mut batch).unwrap();
    batch
}

pub(super) fn ask(given: &[usize], predict: &[usize], engine: Engine) -> InferOptions {
    InferOptions {
        given: given.to_vec(),
        predict: predict.to_vec(),
        engine,
        samples: 64,
        intervals: vec![0.9],
        draws: 200,
        score: true,
        seed: 3,
    }
}

#[test]
fn one_modality_tells_the_cluster_and_the_other_modality() {
    let (model, data, split) = trained();
    let batch = gather(&model, &data, &split.test);
    let labels: Vec<usize> = split.test.iter().map(|&row| data.labels().unwrap().values()[row]).collect();
    for engine in [Engine::Dropout, Engine::Bayes] {
        for (given, other) in [(0, 1), (1, 0)] {
            let inferred = model.infer(&batch, &ask(&[given], &[other], engine), 0).unwrap();
            let clusters = pima_core::most_probable(inferred.responsibilities.view()).to_vec();
            let score = pima_core::unsupervised_accuracy(&labels, &clusters, 3, 3).unwrap().accuracy;
            assert!(score > 0.95, "{engine} from {given}: {score}");
            for row in inferred.responsibilities.outer_iter() {
                assert!((row.sum() - 1.0).abs() < 1e-9);
            }
            let prediction = inferred.predictions.values().next().unwrap();
            let truth = data.modalities()[other].values().unwrap().select(Axis(0), &split.test).mapv(f64::from);
            let spread = truth.var_axis(Axis(0), 0.0).sum() / truth.ncols() as f64;
            let error = (&prediction.mean - &truth).mapv(|e| e * e).mean().unwrap();
            // A few epochs leave the image's decoder coarse; a wrong cluster would be worse than the mean of all.
            assert!(error < 0.8 * spread, "{engine} from {given}: {error} against {spread}");
            // The interval holds as much of the truth as it says, give or take what 45 samples and a small network allow.
            let (lower, upper) = &prediction.intervals[0];
            let inside = ndarray::Zip::from(&truth)
                .and(lower)
                .and(upper)
                .fold(0, |n, x, l, u| n + usize::from(x >= l && x <= u));
            let coverage = inside as f64 / truth.len() as f64;
            assert!((0.8..=0.995).contains(&coverage), "{engine} from {given}: {coverage}");
        }
    }
}

#[test]
fn draws_have_the_moments_that_are_told() {
    let (model, data, split) = trained();
    let batch = gather(&model, &data, &split.test[..6]);
    for engine in [Engine::Dropout, Engine::Bayes] {
        let inferred = model.infer(&batch, &InferOptions { draws: 40_000, ..ask(&[0], &[0, 1], engine) }, 0).unwrap();
        for prediction in inferred.predictions.values() {
            let draws = prediction.draws.as_ref().unwrap();
            let mean = draws.mean_axis(Axis(1)).unwrap();
            let variance = draws.var_axis(Axis(1), 0.0);
            let off = (&mean - &prediction.mean) / prediction.variance.mapv(f64::sqrt);
            assert!(off.iter().all(|&z| z.abs() < 5.0 / 200.0), "{engine}: {off}");
            // A cluster far away may have so small a weight that it is drawn a few times or not at all: 20 draws in 40,000 are let pass.
            let far = prediction.mean.iter().fold(0f64, |most, m| most.max(m.abs())) + 4.0;
            let off = &variance - &prediction.variance;
            let allowed = prediction.variance.mapv(|v| 0.05 * v + far * far * 20.0 / 40_000.0);
            assert!(ndarray::Zip::from(&off).and(&allowed).all(|off, allowed| off.abs() < *allowed), "{engine}: {off}");
        }
    }
}

/// The curve is a slope times t, so the moments of the one are those of the other.
#[test]
fn parameters_and_curves_are_of_the_same_draws() {
    let (mut model, data, split) = trained();
    let batch = gather(&model, &data, &split.test[..6]);
    for sees in [false, true] {
        if sees {
            see(&mut model);
        }
        for engine in [Engine::Dropout, Engine::Bayes] {
            let inferred = model.infer(&batch, &ask(&[0], &[1], engine), 0).unwrap();
            let prediction = &inferred.predictions["curve"];
            let parameters = prediction.parameters.as_ref().unwrap();
            assert_eq!(parameters.names, ["slope"]);
            let noise = model.modalities[1].noise();
            for ((b, j), mean) in prediction.mean.indexed_iter() {
                let t = j as f64 / 4.0;
                assert!((mean - parameters.mean[[b, 0]] * t).abs() < 1e-5, "{engine} {sees}: {mean}");
                let variance =
                    noise[j] * model.normalisations[1].scale(j).powi(2) + (parameters.deviation[[b, 0]] * t).powi(2);
                let of_curve = prediction.variance[[b, j]];
                assert!((of_curve - variance).abs() < 1e-4 * of_curve, "{engine} {sees}: {of_curve} {variance}");
            }
        }
    }
}

#[test]
fn bayes_rule_is_the_sum_written_out() {
    let (model, data, split) = trained();
    let batch = gather(&model, &data, &split.test[..4]);
    let inferred = model.infer(&batch, &ask(&[1], &[], Engine::Bayes), 0).unwrap();
    let Head::Expert(expert) = &model.modalities[1].head else { panic!("the curve has an expert") };
    let noise = model.modalities[1].noise();
    for (b, x) in batch.values(1).outer_iter().enumerate() {
        let density = |c: usize| {
            let curve = expert.normalised();
            let exponent: f64 = (0..5).map(|j| f64::from(x[j] - curve[[c, j]]).powi(2) / noise[j]).sum();
            model.prior.weights()[c] * (-0.5 * exponent).exp()
        };
        let total: f64 = (0..3).map(density).sum();
        for c in 0..3 {
            assert!((inferred.responsibilities[[b, c]] - density(c) / total).abs() < 1e-5);
        }
    }
}

#[test]
fn what_is_inferred_depends_on_seed_and_position_alone_and_on_nothing_that_is_not_given() {
    let (model, data, split) = trained();
    let batch = gather(&model, &data, &split.test[..8]);
    let infer = |seed, position| {
        let options = InferOptions { seed, ..ask(&[0], &[1], Engine::Dropout) };
        model.infer(&batch, &options, position).unwrap().responsibilities
    };
    assert_eq!(infer(3, 0), infer(3, 0));
    assert_ne!(infer(3, 0), infer(4, 0));
    assert_ne!(infer(3, 0), infer(3, 1));
    let mut without = batch.clone();
    without.weight_mut().row_mut(1).fill(0.0);
    let options = ask(&[0], &[1], Engine::Dropout);
    let same = model.infer(&without, &options, 0).unwrap().responsibilities;
    assert_eq!(model.infer(&batch, &options, 0).unwrap().responsibilities, same);
}

#[test]
fn samples_without_anything_to_go_by_are_named() {
    let (model, data, split) = trained();
    let mut batch = gather(&model, &data, &split.test[..3]);
    batch.weight_mut()[[0, 1]] = 0.0;
    let error = model.infer(&batch, &ask(&[0], &[1], Engine::Dropout), 0).unwrap_err();
    assert!(matches!(error, Error::NothingSeen { row } if row == split.test[1]), "{error}");
    for (options, word) in [
        (ask(&[], &[1], Engine::Bayes), "no modality"),
        (ask(&[2], &[1], Engine::Bayes), "does not have"),
        (InferOptions { samples: 0, ..ask(&[0], &[1], Engine::Dropout) }, "samples"),
        (InferOptions { intervals: vec![1.0], ..ask(&[0], &[1], Engine::Dropout) }, "interval"),
    ] {
        let error = model.infer(&batch, &options, 0).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(model.modality_index("smell").unwrap_err().to_string().contains("it has spot, curve"));
}

#[test]
fn a_model_that_was_loaded_without_data_infers_the_same() {
    let data = toy(120, true);
    let split = split(&data);
    let config = config(&[]);
    let folder = tempfile::tempdir().unwrap();
    let with_folder = crate::TrainOptions { checkpoints: Some(folder.path().to_owned()), ..options(1) };
    let model = train(&config, &data, &split, &with_folder, &mut ()).unwrap().model;
    let loaded = load_model(&folder.path().join("best.safetensors"), &config, tch::Device::Cpu).unwrap();
    let batch = gather(&model, &data, &split.test[..5]);
    let options = ask(&[0], &[0, 1], Engine::Dropout);
    let (a, b) = (model.infer(&batch, &options, 0).unwrap(), loaded.infer(&batch, &options, 0).unwrap());
    for (name, prediction) in &a.predictions {
        assert_eq!(prediction.mean, b.predictions[name].mean);
        assert_eq!(prediction.variance, b.predictions[name].variance);
    }
    let other = crate::train::tests::config(&[("name = \"spot\"", "name = \"dot\"")]);
    let error = load_model(&folder.path().join("best.safetensors"), &other, tch::Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("other modalities"), "{error}");
}
