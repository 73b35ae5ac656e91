//! When experts begin to see the latent point, and how long they are held to what they began with.

use super::em::Held;
use crate::Result;
use crate::config::ExperimentConfig;
use crate::expert::LatentPoints;
use crate::model::Model;
use pima_data::Dataset;

/// What the M-step of a joint epoch leaves alone; `centres`: whether that is the mixture's components too.
pub(super) fn held(config: &ExperimentConfig, joint_epoch: usize, centres: bool) -> Held {
    let sees = config.modalities.iter().map(|modality| modality.expert_sees_latent);
    let slopes = sees.map(|sees| sees.is_some_and(|sees| joint_epoch < sees.from_epoch.max(1) + sees.hold_epochs));
    Held { centres, slopes: slopes.collect() }
}

/// Whether any expert begins to see with this joint epoch.
pub(super) fn is_due(config: &ExperimentConfig, model: &Model, joint_epoch: usize) -> bool {
    model.experts().any(|(m, expert)| {
        let sees = config.modalities[m].expert_sees_latent;
        expert.latent().is_none() && sees.is_some_and(|sees| joint_epoch >= sees.from_epoch)
    })
}

/// Lets the experts see that are due; `points` are the training samples.
pub(super) fn begin(
    config: &ExperimentConfig,
    model: &mut Model,
    dataset: &Dataset,
    joint_epoch: usize,
    points: &LatentPoints,
) -> Result<()> {
    let place = (model.prior.mean().to_owned(), model.prior.var().to_owned());
    for (m, settings) in config.modalities.iter().enumerate() {
        let due = settings.expert_sees_latent.is_some_and(|sees| joint_epoch >= sees.from_epoch);
        let Some((expert, normalisation, _)) = model.expert_mut(m).filter(|(e, ..)| due && e.latent().is_none()) else {
            continue;
        };
        let (data, most) = (&dataset.modalities()[m], config.training.start.samples);
        expert.begin_to_see(points, data, (place.0.view(), place.1.view()), most, normalisation)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::{ExperimentConfig, Recipe};
    use crate::train::tests::{config, options, split, toy};
    use crate::{Error, TrainOptions, evaluate, load_model, train};
    use pima_data::Split;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// An expert that sees from the second epoch on, in either recipe.
    fn seeing(recipe: Recipe) -> ExperimentConfig {
        let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
        let sees = format!("{expert}\nexpert_sees_latent = {{ from_epoch = 2, hold_epochs = 1 }}");
        let text = config(&[(expert, &sees), ("epochs = 3", "epochs = 4")]).to_toml().unwrap();
        let mut table: toml::Table = toml::from_str(&text).unwrap();
        if recipe == Recipe::Paper {
            // All of a recipe's numbers are written out: leave those of the other one.
            table.insert("training".to_owned(), toml::toml! { epochs = 4 }.into());
        }
        ExperimentConfig::parse(&toml::to_string(&table).unwrap(), Path::new("toy.toml"), Some(recipe)).unwrap()
    }

    /// Stops a run at the end of an epoch.
    struct StopAfter(usize, Arc<AtomicBool>);

    impl crate::Observe for StopAfter {
        fn event(&mut self, event: &crate::Event<'_>) {
            if let crate::Event::Epoch(record) = event
                && record.epoch == self.0
            {
                self.1.store(true, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn a_run_that_sees_goes_on_where_it_stopped_and_is_loaded_as_it_was() {
        let data = toy(120, true);
        // Without validation samples the last epoch is the model.
        let split = Split { validation: Vec::new(), ..split(&data) };
        for recipe in [Recipe::Fast, Recipe::Paper] {
            let config = seeing(recipe);
            let whole = train(&config, &data, &split, &options(4), &mut ()).unwrap();
            let latent = |model: &crate::Model| {
                model.experts().next().unwrap().1.latent().map(|latent| latent.coefficients().to_owned())
            };
            let slopes = latent(&whole.model).expect("the expert sees the latent point");
            assert!((0..3).any(|c| slopes[[c, 1]] != 0.0 || slopes[[c, 2]] != 0.0), "{slopes}");
            // Before it sees and after.
            for epoch in [1, 3] {
                let folder = tempfile::tempdir().unwrap();
                let stop = Arc::new(AtomicBool::new(false));
                let begin = TrainOptions {
                    checkpoints: Some(folder.path().to_owned()),
                    stop: Some(Arc::clone(&stop)),
                    ..options(4)
                };
                let stopped = train(&config, &data, &split, &begin, &mut StopAfter(epoch, stop));
                assert!(matches!(stopped, Err(Error::Stopped { .. })));
                let go_on = TrainOptions { resume: true, stop: None, ..begin };
                let resumed = train(&config, &data, &split, &go_on, &mut ()).unwrap();
                assert_eq!(latent(&resumed.model), Some(slopes.clone()), "{recipe} {epoch}");
                let file = folder.path().join("best.safetensors");
                let loaded = load_model(&file, &config, tch::Device::Cpu).unwrap();
                let judge = |model| evaluate(model, &data, &split.test, config.posterior(), 0).unwrap().rmse;
                assert_eq!(judge(&loaded), judge(&resumed.model));
                let mut blind = config.clone();
                blind.model.latent = 3;
                assert!(load_model(&file, &blind, tch::Device::Cpu).is_err());
            }
        }
    }
}
