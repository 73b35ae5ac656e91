//! Tests of the figures of a sweep.

use super::*;
use crate::plots::fixture::Noise;
use crate::plots::tests::extent;
use crate::sweep_directory::{ClustersRecord, SweepParameter, TrialStatus};
use serde_json::{Value, json};

fn parameters() -> Vec<SweepParameter> {
    let range = |key: &str, low, high, log, integer| SweepParameter {
        key: key.into(),
        range: Some((low, high)),
        log,
        integer,
        values: Vec::new(),
    };
    let values = |key: &str, values: Vec<Value>| SweepParameter { key: key.into(), values, ..Default::default() };
    vec![
        range("training.learning_rate", 1e-5, 1e-2, true, false),
        range("model.latent", 1.0, 8.0, false, true),
        values("modality.image.encoder.channels", vec![json!([8, 16]), json!([16, 32]), json!([32, 64])]),
        range("modality.line.keep", 0.25, 1.0, false, false),
        values("training.weights", vec![json!("closed_form"), json!("adam")]),
    ]
}

/// A sweep whose trials are better near a learning rate of 1e-3.
pub(crate) fn planted(n: usize, n_parameters: usize) -> (SweepRecord, Vec<TrialRecord>) {
    let mut noise = Noise::default();
    let parameters = parameters()[..n_parameters].to_vec();
    let trials: Vec<TrialRecord> = (0..n)
        .map(|trial| {
            let mut loss = -1200.0;
            let mut values = std::collections::BTreeMap::new();
            for parameter in &parameters {
                let u = noise.uniform();
                let value = match parameter.range {
                    None => parameter.values[(u * parameter.values.len() as f64) as usize].clone(),
                    Some((low, high)) if parameter.integer => json!((low + u * (high - low)).round() as i64),
                    Some((low, high)) if parameter.log => {
                        loss += 900.0 * (u - 0.67).powi(2);
                        json!(low * (high / low).powf(u))
                    }
                    Some((low, high)) => json!(low + u * (high - low)),
                };
                values.insert(parameter.key.clone(), value);
            }
            let status = match trial % 7 {
                5 => TrialStatus::Stopped,
                6 if trial > 6 => TrialStatus::Failed,
                _ => TrialStatus::Finished,
            };
            // One that blew up.
            let loss = if trial == 3 { 4e5 } else { loss + 30.0 * noise.uniform() };
            let objective = (status != TrialStatus::Failed).then_some(loss);
            TrialRecord { trial, status, objective, loss: objective, parameters: values, ..Default::default() }
        })
        .collect();
    let best =
        trials.iter().filter(|t| t.counts()).min_by(|a, b| a.objective.unwrap().total_cmp(&b.objective.unwrap()));
    let sweep = SweepRecord {
        experiment: "4.1".into(),
        title: "MNIST images and lines".into(),
        dataset: "procedural digits (not MNIST)".into(),
        method: "bayesian".into(),
        objective: "loss".into(),
        n_trials: n,
        best: best.map(|trial| trial.trial),
        parameters,
        ..Default::default()
    };
    (sweep, trials)
}

fn choice() -> (SweepRecord, Vec<TrialRecord>) {
    let (mut sweep, mut trials) = planted(18, 2);
    for (k, trial) in trials.iter_mut().enumerate() {
        trial.parameters.insert("model.clusters".into(), json!(2 + k % 6));
        trial.status = TrialStatus::Finished;
        let elbo = 300.0 - 40.0 / (1.0 + (k % 6) as f64) - (k / 6) as f64;
        (trial.objective, trial.loss) = (Some(-2.0 * elbo), Some(-2.0 * elbo));
    }
    sweep.clusters = (0..6_u32)
        .map(|k| ClustersRecord {
            clusters: 2 + k as usize,
            trials: 3,
            elbo: 300.0 - 40.0 / (1.0 + f64::from(k)),
            bic: 6e4 + 900.0 * (f64::from(k) - 2.4).powi(2),
            latent_bic: (1..=7).map(|n| 5e3 + 130.0 * (f64::from(n) - 4.0).powi(2)).collect(),
            latent_clusters: 4,
            ..Default::default()
        })
        .collect();
    (sweep, trials)
}

fn galleries() -> Vec<(&'static str, SweepRecord, Vec<TrialRecord>)> {
    let (mut up, mut trials_up) = planted(20, 3);
    (up.objective, up.larger_is_better) = ("elbo".into(), true);
    trials_up.iter_mut().for_each(|trial| trial.objective = trial.objective.map(|loss| -0.5 * loss));
    let (a, b, c, d) = (planted(30, 5), planted(4, 1), planted(1, 2), choice());
    vec![
        ("many", a.0, a.1),
        ("one-key", b.0, b.1),
        ("one-trial", c.0, c.1),
        ("elbo", up, trials_up),
        ("choice", d.0, d.1),
    ]
}

#[test]
fn every_sweep_gets_its_figures_within_their_borders() {
    for (gallery, sweep, trials) in galleries() {
        let scenes = scenes(&sweep, &trials);
        assert_eq!(scenes.len(), if gallery == "choice" { 2 } else { 1 });
        for (name, scene) in scenes {
            let scene = scene.unwrap_or_else(|cause| panic!("{gallery} {name}: {cause:#}"));
            for item in &scene.items {
                let (from, to) = extent(item);
                let inside = from.0 >= 0.0 && from.1 >= 0.0 && to.0 <= scene.width && to.1 <= scene.height;
                assert!(inside, "{gallery} {name}: {item:?}");
            }
        }
    }
}

#[test]
fn a_figure_says_what_it_leaves_out() {
    let (sweep, trials) = planted(30, 3);
    let scene = parallel::scene(&sweep, &trials).unwrap();
    let words = scene.words().join("\n");
    for part in [
        "Trials of a sweep, validation split",
        "bayesian search",
        "learning_rate",
        "drawn at its end: 1.",
        "stopped early",
        "Failed, without a line",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let none = parallel::scene(&sweep, &trials[6..6]).unwrap_err();
    assert_eq!(none.to_string(), "no trial has a result yet");
    let (mut sweep, trials) = choice();
    let words = cluster_choice::scene(&sweep, &trials).unwrap().words().join("\n");
    assert!(words.contains("latent space of N = 4"), "{words}");
    sweep.clusters.truncate(1);
    assert!(cluster_choice::scene(&sweep, &trials).is_err());
}
