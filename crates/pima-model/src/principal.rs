//! Experts whose basis comes from the data: the principal components of a modality's training samples.
//!
//! They are fitted when a model is made for a dataset, in the modality's own units, and stored in its checkpoints, so that a model is loaded without data.

use crate::config::{ExperimentConfig, ExpertConfig};
use crate::samples::some;
use crate::{Error, Result};
use pima_data::{Dataset, ModalityDescription};
use pima_experts::{LinearExpert, PrincipalComponents};

/// For each modality of a config its components, fitted on those of `rows` that have it; `None` where its expert is of another kind or none.
pub(crate) fn fit(
    config: &ExperimentConfig,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<Vec<Option<PrincipalComponents>>> {
    let of_modality = config.modalities.iter().zip(dataset.modalities()).map(|(settings, data)| {
        let Some(ExpertConfig::PrincipalComponents { components }) = settings.expert else { return Ok(None) };
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| data.is_present(row)).collect();
        let samples = data.gather(&some(&rows))?.mapv(f64::from);
        let failed = |source| Error::Expert { modality: settings.name.clone(), source };
        PrincipalComponents::fit(samples.view(), components).map(Some).map_err(failed)
    });
    of_modality.collect()
}

/// The expert of a modality from its components.
pub(crate) fn expert(components: Option<&PrincipalComponents>, about: &ModalityDescription) -> Result<LinearExpert> {
    let Some(components) = components else {
        let problem = "its principal components are not known: the checkpoint is of another config".to_owned();
        return Err(Error::Modality { modality: about.name.clone(), problem });
    };
    components.expert(&about.units).map_err(|source| Error::Expert { modality: about.name.clone(), source })
}

#[cfg(test)]
mod tests {
    use crate::train::tests::{config, options, split, toy};
    use crate::{TrainOptions, evaluate, load_model, train};
    use pima_core::ClusterPosterior;
    use tch::Device;

    /// The line's expert of the toy as principal components of the curves, of which one tells all three apart.
    #[test]
    fn an_expert_on_components_finds_the_clusters_and_is_loaded_without_data() {
        let line = "{ kind = \"linear\", basis = { kind = \"slope\" } }";
        let components = "{ kind = \"principal-components\", components = 2 }";
        let config = config(&[(line, components), ("epochs = 3", "epochs = 6")]);
        let data = toy(240, true);
        let split = split(&data);
        let folder = tempfile::tempdir().unwrap();
        let options = TrainOptions { checkpoints: Some(folder.path().to_owned()), ..options(2) };
        let outcome = train(&config, &data, &split, &options, &mut ()).unwrap();
        let test = evaluate(&outcome.model, &data, &split.test, ClusterPosterior::Exact, 2).unwrap();
        assert!(test.scores.unwrap().accuracy.accuracy > 0.95);
        let responsibilities = evaluate(&outcome.model, &data, &split.train, ClusterPosterior::Exact, 2).unwrap();
        let identified =
            outcome.model.identified_experts(&data, &split.train, responsibilities.responsibilities.view()).unwrap();
        assert_eq!(identified[0].parameters, ["pc1", "pc2"]);
        let loaded = load_model(&folder.path().join("best.safetensors"), &config, Device::Cpu).unwrap();
        assert_eq!(loaded.modalities[1].components, outcome.model.modalities[1].components);
        assert_eq!(loaded.decoded_centres(1).unwrap(), outcome.model.decoded_centres(1).unwrap());
        // More directions than five points can have.
        let many = crate::train::tests::config(&[(line, &components.replace('2', "6"))]);
        let error = train(&many, &data, &split, &options, &mut ()).unwrap_err().to_string();
        assert!(error.contains("at most"), "{error}");
    }
}
