//! A model: encoders, decoders, experts, the mixture prior and the normalisations, assembled from a config.

use crate::config::{DecoderVariance, ExperimentConfig, ExpertConfig, ModalityConfig, SourceConfig};
use crate::expert::{ExpertDecoder, Measured};
use crate::extent::Extent;
use crate::principal;
use crate::randomness::{Purpose, generator};
use crate::refit::{RefitAbout, Refitted};
use crate::{Error, Result};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2};
use pima_core::{Expert, Fusion, MixturePrior, ModalityShape};
use pima_data::{Batch, Dataset, MeasurementAxis, ModalityDescription, Normalisation, Split, oscillator_trajectories};
use pima_experts::{
    CurveUnits, DictionaryOde, FormulaExpert, LinearExpert, OdeExpert, OdeFormulaExpert, PrincipalComponents,
    SnodeExpert, StrainHardening, fit_pou, stack_trajectories,
};
use pima_nets::{Decoder, Encoder, Mode, ParameterBuilder, Parameters, tensor_from_f32, to_array2};
use rand::Rng;
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

/// Floor of the noise of predictions, in normalised units: a coordinate that never varies must not outweigh all others.
const SMALLEST_NOISE: f64 = 1e-6;

/// How a modality is decoded.
#[derive(Debug)]
pub(crate) enum Head {
    /// One network for all clusters, or one per cluster.
    Networks(Vec<Decoder>),
    /// A physical model, per cluster.
    Expert(ExpertDecoder),
}

/// One modality of a model.
#[derive(Debug)]
pub(crate) struct ModalityModel {
    pub(crate) name: String,
    pub(crate) shape: ModalityShape,
    /// What it was built for.
    pub(crate) about: ModalityDescription,
    /// The directions that its expert combines, where it is an expert of that kind.
    pub(crate) components: Option<PrincipalComponents>,
    /// lambda_m.
    pub(crate) weight: f64,
    pub(crate) encoder: Encoder,
    pub(crate) head: Head,
    /// Variance of the decoded Gaussian, normalised units.
    pub(crate) variance: f64,
    pub(crate) variance_config: DecoderVariance,
    /// Variance of what is left of each coordinate (d) once all that is known is used, normalised units: the noise of predictions. Measured on the validation
    /// samples, where there are any, and where they are few on the training samples too; until then the decoder's variance.
    pub(crate) noise: Option<Array1<f64>>,
    /// How large its training samples are, physical units.
    pub(crate) extent: Option<Extent>,
}

impl ModalityModel {
    /// Variance of the noise of a prediction in each coordinate (d), normalised units, and never quite zero.
    pub(crate) fn noise(&self) -> Array1<f64> {
        let noise = self.noise.clone();
        noise
            .unwrap_or_else(|| Array1::from_elem(self.shape.size(), self.variance))
            .mapv_into(|v| v.max(SMALLEST_NOISE))
    }
}

/// A physics-informed multimodal autoencoder.
#[derive(Debug)]
pub struct Model {
    pub(crate) parameters: Parameters,
    pub(crate) modalities: Vec<ModalityModel>,
    pub(crate) normalisations: Vec<Normalisation>,
    pub(crate) prior: MixturePrior,
    /// How the modalities' posteriors are fused.
    pub(crate) fusion: Fusion,
    /// Encoders for use alone, once they have been refitted.
    pub(crate) refitted: Option<Refitted>,
}

/// What the encoders made of a batch.
pub(crate) struct Encodings {
    /// (M,B,l); zero where a modality does not take part.
    pub(crate) mean: Array3<f64>,
    pub(crate) logvar: Array3<f64>,
    /// Per modality the rows that were encoded (`None`: all) and the output tensors of those rows.
    pub(crate) outputs: Vec<Option<(Option<Tensor>, Tensor, Tensor)>>,
}

impl Model {
    /// Builds a model for a dataset whose modalities are those of the config, in its order; normalisations, and the bases that
    /// experts take from the data, are fitted on the split's training rows.
    ///
    /// # Errors
    /// When a network cannot take its modality's shape, or an expert its axis.
    pub fn new(config: &ExperimentConfig, dataset: &Dataset, split: &Split, device: Device, seed: u64) -> Result<Self> {
        let mut normalisations = Vec::new();
        for (settings, data) in config.modalities.iter().zip(dataset.modalities()) {
            normalisations.push(Normalisation::fit(settings.normalise, data, &split.train)?);
        }
        let about: Vec<_> = dataset.modalities().iter().map(pima_data::ModalityData::description).collect();
        let components = principal::fit(config, dataset, &split.train)?;
        let mut model = Self::assemble(config, about, normalisations, components, device, seed)?;
        for (modality, data) in model.modalities.iter_mut().zip(dataset.modalities()) {
            modality.extent = Extent::of(data, &split.train)?;
        }
        Ok(model)
    }

    /// Builds a model for modalities of these descriptions, which are those of the config, in its order.
    pub(crate) fn assemble(
        config: &ExperimentConfig,
        about: Vec<ModalityDescription>,
        normalisations: Vec<Normalisation>,
        components: Vec<Option<PrincipalComponents>>,
        device: Device,
        seed: u64,
    ) -> Result<Self> {
        let mut rng = generator(seed, Purpose::Weights, 0, 0);
        let mut build = ParameterBuilder::new();
        let (n_clusters, n_latent) = (config.model.clusters, config.model.latent);
        let largest = about.iter().map(|about| about.shape.size()).max().unwrap_or(1);
        let mut modalities = Vec::new();
        for (((settings, about), normalisation), components) in
            config.modalities.iter().zip(about).zip(&normalisations).zip(components)
        {
            debug_assert_eq!(settings.name, about.name);
            if settings.augment.is_some() && !matches!(about.shape, ModalityShape::Image { .. }) {
                let problem = format!("augment changes images, and this is a {}: remove it", about.shape);
                return Err(Error::Modality { modality: about.name.clone(), problem });
            }
            let encoder = Encoder::new(&about.name, &settings.encoder, about.shape, n_latent, &mut build, &mut rng)?;
            let sizes = (n_clusters, n_latent);
            let head = head(settings, &about, components.as_ref(), sizes, normalisation, &mut build, &mut rng)?;
            modalities.push(ModalityModel {
                name: about.name.clone(),
                shape: about.shape,
                weight: settings.weight.unwrap_or(largest as f64 / about.shape.size() as f64),
                encoder,
                head,
                variance: match settings.variance {
                    DecoderVariance::Fixed(v) => v,
                    DecoderVariance::Learned { .. } => 1.0,
                },
                variance_config: settings.variance,
                noise: None,
                extent: None,
                components,
                about,
            });
        }
        let mean = Array2::from_shape_fn((n_clusters, n_latent), |_| rng.sample(StandardNormal));
        let prior = MixturePrior::new(Array1::zeros(n_clusters), mean, Array2::ones((n_clusters, n_latent)))?;
        let parameters = build.finish(device, config.training.precision)?;
        Ok(Self { parameters, modalities, normalisations, prior, fusion: config.model.fusion, refitted: None })
    }

    /// The mixture prior over the latent space.
    pub fn prior(&self) -> &MixturePrior {
        &self.prior
    }

    /// How the encoders were refitted for use alone; `None` where they were not.
    pub fn refitted(&self) -> Option<&RefitAbout> {
        self.refitted.as_ref().map(|refitted| &refitted.about)
    }

    /// Number of trained network parameters.
    pub fn n_parameters(&self) -> usize {
        self.parameters.count()
    }

    /// Shape of one sample of modality `m`.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn modality_shape(&self, m: usize) -> ModalityShape {
        self.modalities[m].shape
    }

    /// Where along its axis the values of modality `m` were measured, if it has one.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn modality_axis(&self, m: usize) -> Option<&MeasurementAxis> {
        self.modalities[m].about.axis.as_ref()
    }

    /// How large the training samples of modality `m` are; `None` where that is not known.
    ///
    /// # Panics
    /// If there is no such modality.
    pub fn modality_extent(&self, m: usize) -> Option<Extent> {
        self.modalities[m].extent
    }

    /// Normalisations of the modalities, in order, as fitted on the training data.
    pub fn normalisations(&self) -> &[Normalisation] {
        &self.normalisations
    }

    /// Names of the modalities, in order.
    pub fn modality_names(&self) -> impl Iterator<Item = &str> {
        self.modalities.iter().map(|m| m.name.as_str())
    }

    /// Encodes the rows of `batch` whose `weight` (M,B) is not zero.
    pub(crate) fn encode(&self, batch: &Batch, weight: ArrayView2<'_, f64>, mode: Mode) -> Result<Encodings> {
        self.encode_with(&self.parameters, batch, weight, mode)
    }

    /// [`encode`](Self::encode) by networks with these values.
    pub(crate) fn encode_with(
        &self,
        parameters: &Parameters,
        batch: &Batch,
        weight: ArrayView2<'_, f64>,
        mode: Mode,
    ) -> Result<Encodings> {
        let n_latent = self.prior.n_latent();
        let shape = (self.modalities.len(), batch.len(), n_latent);
        let (mut mean, mut logvar) = (Array3::zeros(shape), Array3::zeros(shape));
        let mut outputs = Vec::with_capacity(shape.0);
        for (m, modality) in self.modalities.iter().enumerate() {
            let size = modality.shape.size();
            let rows: Vec<usize> = (0..batch.len()).filter(|&b| weight[[m, b]] != 0.0).collect();
            if rows.is_empty() {
                outputs.push(None);
                continue;
            }
            let device = parameters.device();
            let (input, index) = if rows.len() == batch.len() {
                (tensor_from_f32(batch.seen(m), &[batch.len() as i64, size as i64], device)?, None)
            } else {
                let all = batch.seen(m);
                let mut chosen = Vec::with_capacity(rows.len() * size);
                rows.iter().for_each(|&b| chosen.extend_from_slice(&all[b * size..(b + 1) * size]));
                let index: Vec<i64> = rows.iter().map(|&b| b as i64).collect();
                let input = tensor_from_f32(&chosen, &[rows.len() as i64, size as i64], device)?;
                (input, Some(Tensor::f_from_slice(&index)?.f_to(device)?))
            };
            let (mu, lv) = modality.encoder.forward(parameters, &input, mode)?;
            let (mu_values, lv_values) = (to_array2(&mu)?, to_array2(&lv)?);
            for (i, &b) in rows.iter().enumerate() {
                mean.slice_mut(ndarray::s![m, b, ..]).assign(&mu_values.row(i));
                logvar.slice_mut(ndarray::s![m, b, ..]).assign(&lv_values.row(i));
            }
            outputs.push(Some((index, mu, lv)));
        }
        Ok(Encodings { mean, logvar, outputs })
    }

    /// Whether any modality's reconstruction depends on the cluster.
    pub(crate) fn depends_on_cluster(&self) -> bool {
        self.modalities.iter().any(|m| match &m.head {
            Head::Expert(_) => true,
            Head::Networks(decoders) => decoders.len() > 1,
        })
    }

    /// Reconstruction of modality `m` by its networks, `lambda sum_j [log v + (x_j - xhat_j)^2 / v]`, (B, 1 or N), zero for absent rows; `None` for an expert.
    pub(crate) fn network_reconstruction(&self, m: usize, z: &Tensor, batch: &Batch) -> Result<Option<Tensor>> {
        let modality = &self.modalities[m];
        let Head::Networks(decoders) = &modality.head else { return Ok(None) };
        let (rows, size) = (batch.len() as i64, modality.shape.size() as i64);
        let device = self.parameters.device();
        let target = tensor_from_f32(batch.slice(m), &[rows, size], device)?;
        let constant = size as f64 * modality.variance.ln();
        let columns: Vec<Tensor> = decoders
            .iter()
            .map(|decoder| {
                let output = decoder.forward(&self.parameters, z);
                let square = (&output - &target).square().sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
                (square / modality.variance + constant) * modality.weight
            })
            .collect();
        let mut all = if columns.len() == 1 {
            columns.into_iter().next().expect("one column")
        } else {
            Tensor::f_cat(&columns, 1)?
        };
        let weight = batch.weight();
        let present = weight.row(m);
        if present.iter().any(|&p| p == 0.0) {
            let mask: Vec<f32> = present.iter().map(|&p| p as f32).collect();
            all *= tensor_from_f32(&mask, &[rows, 1], device)?;
        }
        Ok(Some(all))
    }

    /// Parameters of all decoders.
    pub(crate) fn decoder_ids(&self) -> Vec<usize> {
        let networks = self.modalities.iter().filter_map(|m| match &m.head {
            Head::Networks(decoders) => Some(decoders),
            Head::Expert(_) => None,
        });
        networks.flatten().flat_map(|d| d.parameter_ids().iter().copied()).collect()
    }

    /// Experts with their modality's index.
    pub(crate) fn experts(&self) -> impl Iterator<Item = (usize, &ExpertDecoder)> {
        self.modalities.iter().enumerate().filter_map(|(m, modality)| match &modality.head {
            Head::Expert(expert) => Some((m, expert)),
            Head::Networks(_) => None,
        })
    }

    /// Modality `m` of a batch whose latent points are `z` (B,l), as its expert is compared with it.
    pub(crate) fn measured<'a>(&'a self, m: usize, batch: &'a Batch, z: ArrayView2<'a, f64>) -> Measured<'a> {
        let (modality, normalisation) = (&self.modalities[m], &self.normalisations[m]);
        let present = batch.weight().index_axis_move(ndarray::Axis(0), m);
        Measured { z, x: batch.values(m), present, weight: modality.weight, variance: modality.variance, normalisation }
    }

    pub(crate) fn expert_mut(&mut self, m: usize) -> Option<(&mut ExpertDecoder, &Normalisation, &str)> {
        let modality = &mut self.modalities[m];
        match &mut modality.head {
            Head::Expert(expert) => Some((expert, &self.normalisations[m], modality.name.as_str())),
            Head::Networks(_) => None,
        }
    }
}

fn head(
    settings: &ModalityConfig,
    about: &ModalityDescription,
    components: Option<&PrincipalComponents>,
    (n_clusters, n_latent): (usize, usize),
    normalisation: &Normalisation,
    build: &mut ParameterBuilder,
    rng: &mut impl Rng,
) -> Result<Head> {
    if let Some(config) = &settings.decoder {
        let count = if settings.decoder_per_cluster { n_clusters } else { 1 };
        let decoders = (0..count).map(|c| {
            let name = if count == 1 { about.name.clone() } else { format!("{}.{c}", about.name) };
            Decoder::new(&name, config, about.shape, n_latent, build, rng)
        });
        return Ok(Head::Networks(decoders.collect::<Result<_, _>>()?));
    }
    let fail = |problem: &str| Error::Modality { modality: about.name.clone(), problem: problem.to_owned() };
    let Some(config) = &settings.expert else {
        return Err(fail("has neither a decoder nor an expert"));
    };
    let expert = assemble_expert(config, settings, about, components, n_clusters)?;
    if expert.n_outputs() != about.shape.size() {
        let hint = match config {
            ExpertConfig::OdeFormula(ode) if ode.outputs.is_empty() && !ode.states.is_empty() => {
                format!("; all its states are taken for measured: say which are, outputs = [{:?}]", ode.states[0])
            }
            ExpertConfig::OdeFormula(_) => {
                "; give it an output for each channel of the curve, outputs = [...]".to_owned()
            }
            _ => String::new(),
        };
        let problem =
            format!("its expert has {} values where the data have {}{hint}", expert.n_outputs(), about.shape.size());
        return Err(Error::Modality { modality: about.name.clone(), problem });
    }
    let mut theta = Array2::from_shape_fn((n_clusters, expert.n_parameters()), |_| rng.sample(StandardNormal));
    if let Some(plausible) = expert.initial_parameters() {
        theta.outer_iter_mut().for_each(|mut theta| theta.assign(&plausible));
    }
    Ok(Head::Expert(ExpertDecoder::new(expert, theta, normalisation)))
}

/// The expert of a config for a modality.
fn assemble_expert(
    config: &ExpertConfig,
    settings: &ModalityConfig,
    about: &ModalityDescription,
    components: Option<&PrincipalComponents>,
    n_clusters: usize,
) -> Result<Box<dyn Expert>> {
    let failed = |source| Error::Expert { modality: about.name.clone(), source };
    let axis = || {
        about.axis.as_ref().ok_or_else(|| Error::Modality {
            modality: about.name.clone(),
            problem: "an expert needs the axis its curve was measured along, and this modality has none: say axis.values, or axis.from and axis.to".to_owned(),
        })
    };
    let points = || Ok::<_, Error>(ArrayView1::from(&axis()?.points));
    Ok(match config {
        ExpertConfig::PrincipalComponents { .. } => Box::new(principal::expert(components, about)?),
        ExpertConfig::Linear { basis } => {
            let units = CurveUnits { axis: axis()?.units.clone(), value: about.units.clone() };
            Box::new(LinearExpert::new(basis, points()?, &units).map_err(failed)?)
        }
        ExpertConfig::Snode { equations, pou } => {
            let SourceConfig::Oscillator(options) = &settings.source else {
                let problem = "has no known trajectories".to_owned();
                return Err(Error::Modality { modality: about.name.clone(), problem });
            };
            let ode = DictionaryOde::new(equations.clone()).map_err(failed)?;
            let points = points()?;
            let known = oscillator_trajectories(n_clusters, options)?;
            let networks =
                known.states.outer_iter().map(|states| Ok(fit_pou(points, states, pou)?.network.evaluate(points)));
            let networks: Vec<_> = networks.collect::<pima_experts::Result<_>>().map_err(failed)?;
            let trajectories = stack_trajectories(&networks).map_err(failed)?;
            Box::new(SnodeExpert::new(ode, points, trajectories.view()).map_err(failed)?)
        }
        ExpertConfig::Ode { equations, start, fit } => {
            let ode = DictionaryOde::new(equations.clone()).map_err(failed)?;
            Box::new(OdeExpert::new(ode, points()?, start, fit.clone()).map_err(failed)?)
        }
        ExpertConfig::Hardening(options) => {
            let units = CurveUnits { axis: axis()?.units.clone(), value: about.units.clone() };
            Box::new(StrainHardening::new(points()?, *options, &units).map_err(failed)?)
        }
        ExpertConfig::Formula(options) => Box::new(FormulaExpert::new(options.clone(), points()?).map_err(failed)?),
        ExpertConfig::OdeFormula(options) => {
            Box::new(OdeFormulaExpert::new(options.clone(), points()?).map_err(failed)?)
        }
    })
}
