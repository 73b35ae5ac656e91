//! `predictions.npz`: what the model says about the test split, and the mixture it says it with.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ndarray::{Array, Array1, Array2, Array3, Dimension, Ix1};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyError, ReadNpzError};

use super::atomic;

/// Between the modality whose expert says something and the one it says it from.
const FROM: &str = "_from_";

/// Contents of `predictions.npz`: D test samples, N clusters, l latent dimensions. f64 in memory; what has D rows is
/// stored as f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Means of the fused posterior, (D,l).
    pub latent_mean: Array2<f64>,
    /// Log-variances of the fused posterior, (D,l).
    pub latent_logvar: Array2<f64>,
    /// Responsibilities, (D,N).
    pub responsibilities: Array2<f64>,
    /// Most probable cluster, (D).
    pub cluster: Array1<i64>,
    /// True label, (D); -1 where it is not known.
    pub label: Array1<i64>,
    /// Mixture weights, (N).
    pub prior_weight: Array1<f64>,
    /// Mixture means, (N,l).
    pub prior_mean: Array2<f64>,
    /// Mixture variances, (N,l).
    pub prior_var: Array2<f64>,
    /// What belongs to one modality, by its name.
    pub modalities: BTreeMap<String, ModalityPredictions>,
    /// What else the data know of each test sample, such as how it was made: name and values (D), in the data's order.
    pub facts: Vec<(String, Array1<f64>)>,
}

/// The part of the predictions that belongs to one modality of d values. Each array may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModalityPredictions {
    /// Posterior means given this modality alone, (D,l).
    pub latent_mean: Option<Array2<f64>>,
    /// Most probable cluster given this modality alone, (D).
    pub cluster: Option<Array1<i64>>,
    /// Decoded cluster centres in the modality's own units, (N,d).
    pub decoded: Option<Array2<f64>>,
    /// Responsibility-weighted means of the test data in the modality's own units, (N,d); NaN for a cluster without
    /// data.
    pub mean: Option<Array2<f64>>,
    /// Of a curve: some test samples of each cluster in the modality's own units, (N,S,d); NaN where a cluster has fewer.
    pub members: Option<Array3<f64>>,
    /// Of an image that networks decode: each cluster's centre, and per latent dimension three standard deviations below and above it, decoded in the
    /// modality's own units, (N,1+2l,d).
    pub deviations: Option<Array3<f64>>,
    /// Where the expert is a differential equation: its solutions for the identified parameters, (N,S,T).
    pub solution: Option<Array3<f64>>,
    /// The test data of a modality of few values, (D,d); NaN for a sample without it.
    pub measured: Option<Array2<f64>>,
    /// What the model makes of the same from all modalities, (D,d).
    pub predicted: Option<Array2<f64>>,
    /// What the model makes of the same from the other modalities, (D,d); NaN for a sample without any.
    pub predicted_from_others: Option<Array2<f64>>,
    /// Of a curve or image, test data of the K samples nearest to each centre, (N,K,d), the nearest first; NaN where a cluster has fewer.
    pub nearest: Option<Array3<f64>>,
    /// Where the modality was manufactured from a differential equation: its noise-free solution for each label, (K,S,T).
    pub known: Option<Array3<f64>>,
    /// Where the modality has an expert: what it identified for each sample (D,Q), in physical units; as many as the summary names.
    pub parameters: Option<Array2<f64>>,
    /// The same from one modality alone, by its name, (D,Q) each; NaN for samples without it.
    pub parameters_from: BTreeMap<String, Array2<f64>>,
    /// Where the data carry it, the truth about the same (D,Q); NaN where a quantity is not known.
    pub true_parameters: Option<Array2<f64>>,
}

impl Predictions {
    /// Number of test samples, D.
    pub fn n_samples(&self) -> usize {
        self.latent_mean.nrows()
    }

    /// Number of clusters, N.
    pub fn n_clusters(&self) -> usize {
        self.prior_mean.nrows()
    }

    /// Number of latent dimensions, l.
    pub fn n_latent(&self) -> usize {
        self.prior_mean.ncols()
    }

    /// Whether any sample has a label.
    pub fn has_labels(&self) -> bool {
        self.label.iter().any(|&label| label >= 0)
    }

    /// Pairs of label and cluster of the samples that have a label.
    pub fn labelled(&self) -> (Vec<usize>, Vec<usize>) {
        let pairs = self.label.iter().zip(&self.cluster);
        pairs
            .filter_map(|(&label, &cluster)| Some((usize::try_from(label).ok()?, usize::try_from(cluster).ok()?)))
            .unzip()
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        self.check().with_context(|| format!("{}: not written", path.display()))?;
        let single = |array: &Array2<f64>| array.mapv(|x| x as f32);
        atomic::replace(path, |beside| {
            let mut npz = NpzWriter::new_compressed(File::create(beside)?);
            npz.add_array("latent_mean", &single(&self.latent_mean))?;
            npz.add_array("latent_logvar", &single(&self.latent_logvar))?;
            npz.add_array("responsibilities", &single(&self.responsibilities))?;
            npz.add_array("cluster", &self.cluster)?;
            npz.add_array("label", &self.label)?;
            npz.add_array("prior_weight", &self.prior_weight)?;
            npz.add_array("prior_mean", &self.prior_mean)?;
            npz.add_array("prior_var", &self.prior_var)?;
            for (name, modality) in &self.modalities {
                if let Some(array) = &modality.latent_mean {
                    npz.add_array(format!("latent_mean_from_{name}"), &single(array))?;
                }
                if let Some(array) = &modality.cluster {
                    npz.add_array(format!("cluster_from_{name}"), array)?;
                }
                if let Some(array) = &modality.decoded {
                    npz.add_array(format!("decoded_{name}"), array)?;
                }
                if let Some(array) = &modality.mean {
                    npz.add_array(format!("mean_{name}"), array)?;
                }
                for (kind, array) in
                    [("parameters", &modality.parameters), ("true_parameters", &modality.true_parameters)]
                {
                    if let Some(array) = array {
                        npz.add_array(format!("{kind}_{name}"), &single(array))?;
                    }
                }
                if let Some(array) = &modality.members {
                    npz.add_array(format!("members_{name}"), &array.mapv(|x| x as f32))?;
                }
                for (given, array) in &modality.parameters_from {
                    npz.add_array(format!("parameters_{name}{FROM}{given}"), &single(array))?;
                }
                for (kind, array) in [("solution", &modality.solution), ("known", &modality.known)] {
                    if let Some(array) = array {
                        npz.add_array(format!("{kind}_{name}"), array)?;
                    }
                }
                for (kind, array) in [
                    ("measured", &modality.measured),
                    ("predicted", &modality.predicted),
                    ("predicted_from_others", &modality.predicted_from_others),
                ] {
                    if let Some(array) = array {
                        npz.add_array(format!("{kind}_{name}"), &single(array))?;
                    }
                }
                for (kind, array) in [("nearest", &modality.nearest), ("deviations", &modality.deviations)] {
                    if let Some(array) = array {
                        npz.add_array(format!("{kind}_{name}"), &array.mapv(|x| x as f32))?;
                    }
                }
            }
            for (name, values) in &self.facts {
                npz.add_array(format!("fact_{name}"), &values.mapv(|x| x as f32))?;
            }
            npz.finish()?;
            Ok(())
        })
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let mut npz = Npz(NpzReader::new(File::open(path)?)?);
            let mut predictions = Self {
                latent_mean: npz.floats("latent_mean")?,
                latent_logvar: npz.floats("latent_logvar")?,
                responsibilities: npz.floats("responsibilities")?,
                cluster: npz.integers("cluster")?,
                label: npz.integers("label")?,
                prior_weight: npz.floats("prior_weight")?,
                prior_mean: npz.floats("prior_mean")?,
                prior_var: npz.floats("prior_var")?,
                modalities: BTreeMap::new(),
                facts: Vec::new(),
            };
            for name in npz.0.names()? {
                // The longer prefixes first: "latent_mean_from_x" is no modality called "from_x".
                if let Some(modality) = name.strip_prefix("latent_mean_from_") {
                    predictions.modality(modality).latent_mean = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("cluster_from_") {
                    predictions.modality(modality).cluster = Some(npz.integers(&name)?);
                } else if let Some(modality) = name.strip_prefix("decoded_") {
                    predictions.modality(modality).decoded = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("mean_") {
                    predictions.modality(modality).mean = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("members_") {
                    predictions.modality(modality).members = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("parameters_") {
                    match modality.rsplit_once(FROM) {
                        Some((modality, given)) => {
                            let array = npz.floats(&name)?;
                            predictions.modality(modality).parameters_from.insert(given.to_owned(), array);
                        }
                        None => predictions.modality(modality).parameters = Some(npz.floats(&name)?),
                    }
                } else if let Some(modality) = name.strip_prefix("true_parameters_") {
                    predictions.modality(modality).true_parameters = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("solution_") {
                    predictions.modality(modality).solution = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("known_") {
                    predictions.modality(modality).known = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("measured_") {
                    predictions.modality(modality).measured = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("predicted_from_others_") {
                    predictions.modality(modality).predicted_from_others = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("predicted_") {
                    predictions.modality(modality).predicted = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("nearest_") {
                    predictions.modality(modality).nearest = Some(npz.floats(&name)?);
                } else if let Some(modality) = name.strip_prefix("deviations_") {
                    predictions.modality(modality).deviations = Some(npz.floats(&name)?);
                } else if let Some(fact) = name.strip_prefix("fact_") {
                    predictions.facts.push((fact.to_owned(), npz.floats(&name)?));
                }
            }
            predictions.check()?;
            Ok(predictions)
        };
        read().with_context(|| format!("{}: cannot read the predictions", path.display()))
    }

    fn modality(&mut self, name: &str) -> &mut ModalityPredictions {
        self.modalities.entry(name.to_owned()).or_default()
    }

    /// That all arrays agree on D, N and l, and that clusters and labels are in range.
    fn check(&self) -> Result<()> {
        let (d, n, l) = (self.n_samples(), self.n_clusters(), self.n_latent());
        ensure!(n > 0 && l > 0, "prior_mean is ({n},{l}): there must be a cluster and a latent dimension");
        let shape = |name: &str, got: &[usize], expected: &[usize]| {
            ensure!(got == expected, "{name} has shape {got:?}, expected {expected:?}");
            Ok(())
        };
        shape("latent_mean", self.latent_mean.shape(), &[d, l])?;
        shape("latent_logvar", self.latent_logvar.shape(), &[d, l])?;
        shape("responsibilities", self.responsibilities.shape(), &[d, n])?;
        shape("cluster", self.cluster.shape(), &[d])?;
        shape("label", self.label.shape(), &[d])?;
        shape("prior_weight", self.prior_weight.shape(), &[n])?;
        shape("prior_var", self.prior_var.shape(), &[n, l])?;
        if let Some((i, c)) = self.cluster.indexed_iter().find(|&(_, &c)| c < 0 || c >= n as i64) {
            bail!("cluster of sample {i} is {c}, but there are {n} clusters");
        }
        for (name, values) in &self.facts {
            shape(&format!("fact_{name}"), values.shape(), &[d])?;
        }
        for (name, modality) in &self.modalities {
            if let Some(array) = &modality.latent_mean {
                shape(&format!("latent_mean_from_{name}"), array.shape(), &[d, l])?;
            }
            if let Some(array) = &modality.cluster {
                shape(&format!("cluster_from_{name}"), array.shape(), &[d])?;
            }
            let of_samples = modality.parameters.iter().chain(modality.parameters_from.values());
            for array in of_samples.chain(&modality.true_parameters) {
                shape(&format!("parameters_{name}"), array.shape(), &[d, array.ncols()])?;
            }
            if let Some(array) = &modality.solution {
                let (_, states, times) = array.dim();
                shape(&format!("solution_{name}"), array.shape(), &[n, states, times])?;
                if let Some(known) = &modality.known {
                    shape(&format!("known_{name}"), known.shape(), &[known.dim().0, states, times])?;
                }
            }
            let size = modality.measured.as_ref().map(Array2::ncols);
            for (kind, array) in [
                ("measured", &modality.measured),
                ("predicted", &modality.predicted),
                ("predicted_from_others", &modality.predicted_from_others),
            ] {
                if let Some(array) = array {
                    shape(&format!("{kind}_{name}"), array.shape(), &[d, size.unwrap_or(array.ncols())])?;
                }
            }
            if let Some(array) = &modality.nearest {
                let (_, k, size) = array.dim();
                let size = modality.decoded.as_ref().map_or(size, Array2::ncols);
                shape(&format!("nearest_{name}"), array.shape(), &[n, k, size])?;
            }
            if let Some(array) = &modality.deviations {
                let size = modality.decoded.as_ref().map_or(array.dim().2, Array2::ncols);
                shape(&format!("deviations_{name}"), array.shape(), &[n, 1 + 2 * l, size])?;
            }
            if let Some(array) = &modality.members {
                let (_, members, size) = array.dim();
                let size = modality.decoded.as_ref().map_or(size, Array2::ncols);
                shape(&format!("members_{name}"), array.shape(), &[n, members, size])?;
            }
            if let Some(array) = &modality.decoded {
                shape(&format!("decoded_{name}"), array.shape(), &[n, array.ncols()])?;
                if let Some(mean) = &modality.mean {
                    shape(&format!("mean_{name}"), mean.shape(), array.shape())?;
                }
            }
        }
        Ok(())
    }
}

/// An archive whose arrays are read in the width they happen to have.
pub(super) struct Npz(pub(super) NpzReader<File>);

impl Npz {
    pub(super) fn floats<D: Dimension>(&mut self, name: &str) -> Result<Array<f64, D>> {
        match self.0.by_name::<ndarray::OwnedRepr<f64>, D>(name) {
            Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => {
                self.0.by_name::<ndarray::OwnedRepr<f32>, D>(name).map(|array| array.mapv(f64::from))
            }
            other => other,
        }
        .map_err(|error| anyhow!("array {name}: {error} (wanted floating point numbers)"))
    }

    pub(super) fn integers(&mut self, name: &str) -> Result<Array1<i64>> {
        match self.0.by_name::<ndarray::OwnedRepr<i64>, Ix1>(name) {
            Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => {
                self.0.by_name::<ndarray::OwnedRepr<i32>, Ix1>(name).map(|array| array.mapv(i64::from))
            }
            other => other,
        }
        .map_err(|error| anyhow!("array {name}: {error} (wanted integers in one dimension)"))
    }
}
