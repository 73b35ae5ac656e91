//! Checkpoints: everything a run needs to go on as if it had not stopped, in one file that is replaced whole.
//!
//! The file is in the safetensors format. Tensors `parameter.*` and `buffer.*` are the networks by name, `adam.first` and `adam.second` the
//! optimiser's moments over all parameters in order; the metadata entry `pima` is a JSON document with the mixture, the experts, the variances, the
//! normalisations and the position in the run. Randomness needs no state: it is drawn by position (see `randomness.rs`).

use crate::config::{ExperimentConfig, ModalityConfig};
use crate::expert::ExpertState;
use crate::extent::Extent;
use crate::model::{Head, Model};
use crate::refit::{RefitAbout, Refitted};
use crate::train::{Anchor, LossSums, SmallAdam};
use crate::{Error, Result};
use ndarray::Array1;
use pima_core::MixturePrior;
use pima_data::{ModalityDescription, Normalisation};
use pima_experts::PrincipalComponents;
use pima_nets::{Adam, Parameters};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use tch::Device;

/// Raised when the layout changes; older files are refused by name rather than misread.
const FORMAT: u32 = 3;
const KEY: &str = "pima";
/// Before the names of refitted encoders' tensors.
const REFITTED: &str = "refitted.";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Finished epochs, warm-up included.
    pub(crate) epochs: usize,
    /// Finished batches of the epoch under way.
    pub(crate) batches: usize,
    /// Loss over those batches.
    pub(crate) sums: LossSums,
    /// Sum of gradient norms over those batches.
    pub(crate) gradient_norms: f64,
    /// Best validation loss and its epoch.
    pub(crate) best: Option<(usize, f64)>,
    /// Seconds trained, over all resumptions.
    pub(crate) seconds: f64,
    /// Seconds of the epoch under way.
    pub(crate) epoch_seconds: f64,
    /// What ties samples to clusters while centres are held.
    #[serde(default)]
    pub(crate) anchor: Option<Anchor>,
    /// No more epochs are to follow.
    pub(crate) finished: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    format: u32,
    version: String,
    seed: u64,
    /// What the model was built for, in order.
    modalities: Vec<ModalityDescription>,
    prior: MixturePrior,
    /// Per modality; absent without an expert.
    experts: Vec<Option<ExpertState>>,
    variances: Vec<f64>,
    /// Per modality: what its expert combines, where that comes from the data.
    #[serde(default)]
    components: Vec<Option<PrincipalComponents>>,
    /// Per modality (d): the noise of predictions.
    noise: Vec<Option<Array1<f64>>>,
    /// Per modality; older files do not have them.
    #[serde(default)]
    extents: Vec<Option<Extent>>,
    normalisations: Vec<Normalisation>,
    adam_steps: u64,
    small_adam: SmallAdam,
    progress: Progress,
    /// How the encoders were refitted; their tensors are there then too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refitted: Option<RefitAbout>,
}

/// Writes a checkpoint: beside, synced, renamed.
pub(crate) fn save(
    file: &Path,
    model: &Model,
    adam: &Adam,
    small: &SmallAdam,
    progress: &Progress,
    seed: u64,
) -> Result<()> {
    write_whole(file, &encode(file, model, adam, small, progress, seed)?)
}

/// A checkpoint's bytes; `file` is named in errors.
pub(crate) fn encode(
    file: &Path,
    model: &Model,
    adam: &Adam,
    small: &SmallAdam,
    progress: &Progress,
    seed: u64,
) -> Result<Vec<u8>> {
    let (first, second, adam_steps) = adam.state()?;
    let state = State {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed,
        modalities: model.modalities.iter().map(|m| m.about.clone()).collect(),
        prior: model.prior.clone(),
        experts: model
            .modalities
            .iter()
            .map(|m| if let Head::Expert(e) = &m.head { Some(e.state()) } else { None })
            .collect(),
        variances: model.modalities.iter().map(|m| m.variance).collect(),
        components: model.modalities.iter().map(|m| m.components.clone()).collect(),
        noise: model.modalities.iter().map(|m| m.noise.clone()).collect(),
        extents: model.modalities.iter().map(|m| m.extent).collect(),
        normalisations: model.normalisations.clone(),
        adam_steps,
        small_adam: small.clone(),
        progress: progress.clone(),
        refitted: model.refitted.as_ref().map(|refitted| refitted.about.clone()),
    };
    let mut tensors = stored(&model.parameters)?;
    tensors.push(("adam.first".to_owned(), vec![first.len()], bytes(&first)));
    tensors.push(("adam.second".to_owned(), vec![second.len()], bytes(&second)));
    if let Some(refitted) = &model.refitted {
        tensors.extend(stored_refitted(refitted)?);
    }
    written(file, &state, &tensors)
}

/// A tensor of a file: its name, shape and bytes.
type Stored = (String, Vec<usize>, Vec<u8>);

fn stored(parameters: &Parameters) -> Result<Vec<Stored>> {
    let all = parameters.named_values().into_iter().map(|(name, shape, value)| {
        let values = Vec::<f32>::try_from(&value.f_view(-1)?)?;
        Ok((name, shape.iter().map(|&n| n as usize).collect(), bytes(&values)))
    });
    all.collect()
}

/// The encoders alone: the rest of the model is stored once.
fn stored_refitted(refitted: &Refitted) -> Result<Vec<Stored>> {
    let all = stored(&refitted.parameters)?.into_iter();
    let encoders = all.filter(|(name, ..)| is_encoder(name));
    Ok(encoders.map(|(name, shape, bytes)| (format!("{REFITTED}{name}"), shape, bytes)).collect())
}

fn is_encoder(name: &str) -> bool {
    name.starts_with("encoder.")
}

/// The bytes of a file.
fn written(file: &Path, state: &State, tensors: &[Stored]) -> Result<Vec<u8>> {
    let fail = |problem: String| Error::Checkpoint { file: file.to_owned(), problem };
    let json = serde_json::to_string(state).map_err(|e| fail(e.to_string()))?;
    let views = tensors
        .iter()
        .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>().map_err(|e| fail(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), json)]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))
}

/// Puts refitted encoders into a checkpoint, in place of those it may have.
pub(crate) fn add_refitted(file: &Path, refitted: &Refitted) -> Result<()> {
    let fail = |problem: String| Error::Checkpoint { file: file.to_owned(), problem };
    let contents = fs::read(file).map_err(|source| Error::Io { file: file.to_owned(), source })?;
    let mut state = state(file, &contents)?;
    state.refitted = Some(refitted.about.clone());
    let all = SafeTensors::deserialize(&contents).map_err(|e| fail(format!("damaged ({e})")))?;
    let own = all.iter().filter(|(name, _)| !name.starts_with(REFITTED));
    let mut tensors: Vec<Stored> =
        own.map(|(name, view)| (name.to_owned(), view.shape().to_vec(), view.data().to_vec())).collect();
    tensors.extend(stored_refitted(refitted)?);
    write_whole(file, &written(file, &state, &tensors)?)
}

/// Loads a checkpoint into a model built from the same config; returns the position and the seed.
pub(crate) fn load(
    file: &Path,
    model: &mut Model,
    adam: Option<&mut Adam>,
    small: &mut SmallAdam,
) -> Result<(Progress, u64)> {
    let contents = fs::read(file).map_err(|source| Error::Io { file: file.to_owned(), source })?;
    decode(file, &contents, model, adam, small)
}

/// Loads a checkpoint's bytes; `file` is named in errors.
pub(crate) fn decode(
    file: &Path,
    contents: &[u8],
    model: &mut Model,
    adam: Option<&mut Adam>,
    small: &mut SmallAdam,
) -> Result<(Progress, u64)> {
    let fail = |problem: String| Error::Checkpoint { file: file.to_owned(), problem };
    let state = state(file, contents)?;
    let tensors = SafeTensors::deserialize(contents).map_err(|e| fail(format!("damaged ({e})")))?;
    let values = |name: &str| -> Result<Vec<f32>> {
        let tensor =
            tensors.tensor(name).map_err(|_| fail(format!("has no tensor {name:?}: the config is another one")))?;
        Ok(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let snapshot = |of_encoders: &str| -> Result<Vec<f32>> {
        let mut snapshot = Vec::new();
        for (name, shape, _) in model.parameters.named_values() {
            let name = if is_encoder(&name) { format!("{of_encoders}{name}") } else { name };
            let part = values(&name)?;
            let expected = shape.iter().product::<i64>() as usize;
            if part.len() != expected {
                return Err(fail(format!("tensor {name:?} has {} values, the config asks for {expected}", part.len())));
            }
            snapshot.extend(part);
        }
        Ok(snapshot)
    };
    let refitted = state.refitted.map(|about| Ok::<_, Error>((about, snapshot(REFITTED)?))).transpose()?;
    let snapshot = snapshot("")?;
    let (n, l) = (model.prior.n_clusters(), model.prior.n_latent());
    if (state.prior.n_clusters(), state.prior.n_latent()) != (n, l) || state.experts.len() != model.modalities.len() {
        return Err(fail(format!(
            "is of a model with other clusters, latent dimensions or modalities than the config's {n}, {l}"
        )));
    }
    let fits = |(m, state): (usize, &Option<ExpertState>)| match (&model.modalities[m].head, state) {
        (Head::Expert(expert), Some(state)) => expert.fits_state(state, l),
        (Head::Networks(_), None) => true,
        _ => false,
    };
    let sizes = model.modalities.iter().map(|m| m.shape.size());
    let noise_fits = state.noise.len() == model.modalities.len()
        && state.noise.iter().zip(sizes).all(|(noise, size)| noise.as_ref().is_none_or(|noise| noise.len() == size));
    if !noise_fits || !state.experts.iter().enumerate().all(fits) || state.variances.len() != state.experts.len() {
        return Err(fail("has other experts than the config".to_owned()));
    }
    model.parameters.restore(&snapshot)?;
    model.refitted = None;
    if let Some((about, values)) = refitted {
        let mut parameters = model.parameters.duplicate()?;
        parameters.restore(&values)?;
        model.refitted = Some(Refitted { parameters, about });
    }
    model.prior = state.prior;
    model.normalisations = state.normalisations;
    for (m, noise) in state.noise.into_iter().enumerate() {
        model.modalities[m].noise = noise;
    }
    for (modality, extent) in model.modalities.iter_mut().zip(state.extents) {
        modality.extent = extent;
    }
    for (m, (own, variance)) in state.experts.into_iter().zip(state.variances).enumerate() {
        model.modalities[m].variance = variance;
        if let (Some(own), Some((expert, normalisation, _))) = (own, model.expert_mut(m)) {
            expert.restore(own, normalisation)?;
        }
    }
    if let Some(adam) = adam {
        adam.restore(&values("adam.first")?, &values("adam.second")?, state.adam_steps)?;
    }
    *small = state.small_adam;
    Ok((state.progress, state.seed))
}

/// The JSON document of a checkpoint.
fn state(file: &Path, contents: &[u8]) -> Result<State> {
    #[derive(Deserialize)]
    struct Made {
        format: u32,
        version: String,
    }
    let fail = |problem: String| Error::Checkpoint { file: file.to_owned(), problem };
    let (_, header) = SafeTensors::read_metadata(contents).map_err(|e| fail(format!("not a checkpoint ({e})")))?;
    let json =
        header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| fail("has no pima state".to_owned()))?;
    let not_understood = |e: serde_json::Error| fail(format!("state not understood ({e})"));
    let Made { format, version } = serde_json::from_str(json).map_err(not_understood)?;
    if format != FORMAT {
        return Err(fail(format!("format {format} of pima {version}; this pima reads format {FORMAT}")));
    }
    serde_json::from_str(json).map_err(not_understood)
}

/// The model of a checkpoint, for use without training: nothing but its config is needed beside it.
///
/// # Errors
/// [`Error::Io`] and [`Error::Checkpoint`] when the file is missing, damaged or belongs to another config.
pub fn load_model(file: &Path, config: &ExperimentConfig, device: Device) -> Result<Model> {
    let contents = fs::read(file).map_err(|source| Error::Io { file: file.to_owned(), source })?;
    let State { modalities, normalisations, mut components, seed, .. } = state(file, &contents)?;
    components.resize(modalities.len(), None);
    let names = |(settings, about): (&ModalityConfig, &ModalityDescription)| settings.name == about.name;
    if modalities.len() != config.modalities.len()
        || normalisations.len() != modalities.len()
        || !config.modalities.iter().zip(&modalities).all(names)
    {
        let problem = "has other modalities than the config".to_owned();
        return Err(Error::Checkpoint { file: file.to_owned(), problem });
    }
    for (about, normalisation) in modalities.iter().zip(&normalisations) {
        normalisation.check(about.shape.size())?;
    }
    let mut model = Model::assemble(config, modalities, normalisations, components, device, seed)?;
    decode(file, &contents, &mut model, None, &mut SmallAdam::default())?;
    Ok(model)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Writes a file so that it is either the old one or the new one, never a part: beside, synced, renamed, and the folder synced.
fn write_whole(file: &Path, contents: &[u8]) -> Result<()> {
    let io = |source| Error::Io { file: file.to_owned(), source };
    let beside = file.with_extension("partial");
    let mut out = File::create(&beside).map_err(io)?;
    out.write_all(contents).and_then(|()| out.sync_all()).map_err(io)?;
    drop(out);
    fs::rename(&beside, file).map_err(io)?;
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
    }
    Ok(())
}
