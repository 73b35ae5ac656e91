//! What a trained model makes of a split: the ELBO, clusters from all modalities and from each alone, and the scores where labels exist.

use crate::fuse::Fused;
use crate::model::{Encodings, Head, Model};
use crate::observe::LossRecord;
use crate::randomness::{Purpose, generator};
use crate::train::{LossSums, Step};
use crate::{Error, Result};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};
use pima_core::{ClusterAccuracy, ClusterPosterior, ari, most_probable, nmi, purity, unsupervised_accuracy};
use pima_data::{Batch, Batches, Dataset};
use pima_nets::{Mode, tensor_from_f64, to_array2};
use std::collections::BTreeMap;
use tch::no_grad;

/// Rows encoded together.
const ROWS: usize = 512;

/// One split seen by a model.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Samples.
    pub n: usize,
    /// Loss and terms at one draw of z per sample.
    pub loss: LossRecord,
    /// Mean (D,l) and log-variance (D,l) of the fused posterior.
    pub latent_mean: Array2<f64>,
    /// Log-variance (D,l) of the fused posterior.
    pub latent_logvar: Array2<f64>,
    /// p(c|z) at the posterior's mean (D,N), 2023 eq. 14.
    pub responsibilities: Array2<f64>,
    /// The most probable cluster of each sample.
    pub clusters: Array1<usize>,
    /// The same from one modality alone, by name; samples without it are `None`.
    pub alone: BTreeMap<String, AloneEvaluation>,
    /// The same by the refitted encoders; empty where there are none.
    pub refitted: BTreeMap<String, AloneEvaluation>,
    /// Root mean square error of each modality's reconstruction at the posterior's mean, in its own units.
    pub rmse: BTreeMap<String, f64>,
    /// The same in normalised units: with min-max normalisation, a fraction of the training data's range.
    pub rmse_normalised: BTreeMap<String, f64>,
    /// Mean squared error of each coordinate of each modality at the posterior's mean, normalised units; `None` where no sample has the modality.
    pub noise: Vec<Option<Array1<f64>>>,
    /// Scores against the labels, where they exist.
    pub scores: Option<Scores>,
}

/// A split seen through one modality.
#[derive(Debug, Clone)]
pub struct AloneEvaluation {
    /// Means of the modality's own posterior (D,l); NaN for samples without it.
    pub latent_mean: Array2<f64>,
    /// The most probable cluster, `None` for samples without it.
    pub clusters: Vec<Option<usize>>,
    /// Unsupervised accuracy over the samples that have it.
    pub accuracy: Option<f64>,
    /// Of the same samples, counts by label and cluster (n_labels, N).
    pub confusion: Option<Array2<usize>>,
}

/// Scores of a clustering against labels; for reporting only.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Unsupervised accuracy (2023, eq. 19), the assignment behind it and the confusion matrix.
    pub accuracy: ClusterAccuracy,
    /// Normalised mutual information.
    pub nmi: f64,
    /// Adjusted Rand index.
    pub ari: f64,
    /// Share of the samples that have the most frequent label of their cluster.
    pub purity: f64,
}

/// Evaluates `rows` of a dataset.
///
/// # Errors
/// When the dataset does not have the model's modalities, or a term of the loss is not finite.
pub fn evaluate(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    posterior: ClusterPosterior,
    seed: u64,
) -> Result<Evaluation> {
    let (n, n_latent, n_modalities) = (rows.len(), model.prior.n_latent(), model.modalities.len());
    let batches = Batches::new(dataset, &model.normalisations)?;
    let (mut batch, mut step, mut sums) = (Batch::default(), Step::default(), LossSums::default());
    let mut mean = Array2::zeros((n, n_latent));
    let mut logvar = Array2::zeros((n, n_latent));
    let mut responsibilities = Array2::zeros((n, model.prior.n_clusters()));
    let mut alone_mean = Array3::from_elem((n_modalities, n, n_latent), f64::NAN);
    let mut refitted_mean = model.refitted.is_some().then(|| alone_mean.clone());
    let mut squares: Vec<_> = model.modalities.iter().map(|m| (Array1::zeros(m.shape.size()), 0.0)).collect();
    no_grad(|| {
        for (k, chunk) in rows.chunks(ROWS).enumerate() {
            batches.gather(chunk, &mut batch)?;
            let eps =
                crate::train::standard_normal(chunk.len(), n_latent, &mut generator(seed, Purpose::Evaluation, 0, k));
            let at = crate::train::At { epoch: 0, batch: k + 1 };
            let weight = batch.weight().to_owned();
            // The loss is that of one component of each posterior; all else is of the whole.
            let drawn = model.draw_component(weight.clone(), &mut generator(seed, Purpose::Evaluation, 1, k))?;
            let forward = step.forward(model, &batch, drawn.view(), eps.view(), posterior, Mode::Evaluate, true, at)?;
            step.add_loss(model, &batch, &forward, &mut sums)?;
            let range = k * ROWS..k * ROWS + chunk.len();
            let whole =
                if drawn == weight { None } else { Some(model.encode(&batch, weight.view(), Mode::Evaluate)?) };
            let encodings = whole.as_ref().unwrap_or_else(|| forward.encodings());
            let fused = model.fuse(encodings, weight.view())?;
            let (fused_mean, fused_var) = fused.moments();
            mean.slice_mut(s![range.clone(), ..]).assign(&fused_mean);
            logvar.slice_mut(s![range.clone(), ..]).assign(&fused_var.mapv_into(f64::ln));
            responsibilities.slice_mut(s![range.clone(), ..]).assign(&fused.responsibilities());
            let keep = |means: &mut Array3<f64>, encodings: &Encodings| {
                for m in 0..n_modalities {
                    for (b, row) in range.clone().enumerate().filter(|(b, _)| weight[[m, *b]] != 0.0) {
                        means.slice_mut(s![m, row, ..]).assign(&encodings.mean.slice(s![m, b, ..]));
                    }
                }
            };
            keep(&mut alone_mean, encodings);
            if let (Some(means), Some(refitted)) = (&mut refitted_mean, &model.refitted) {
                keep(means, &model.encode_with(&refitted.parameters, &batch, weight.view(), Mode::Evaluate)?);
            }
            add_squares(model, &batch, &fused, &mut squares)?;
        }
        Ok::<_, Error>(())
    })?;
    let clusters = most_probable(responsibilities.view());
    let labels: Option<Vec<Option<usize>>> =
        dataset.labels().map(|labels| rows.iter().map(|&row| labels.of(row)).collect());
    let n_labels = dataset.labels().map_or(0, pima_data::Labels::n_labels);
    let scores = match &labels {
        Some(labels) => scores(labels, clusters.as_slice().unwrap_or(&[]), n_labels, model.prior.n_clusters())?,
        None => None,
    };
    let judge = |means: &Array3<f64>| {
        let each = model.modality_names().zip(means.outer_iter());
        each.map(|(name, means)| Ok((name.to_owned(), alone_evaluation(model, means, labels.as_deref(), n_labels)?)))
            .collect::<Result<BTreeMap<_, _>>>()
    };
    let alone = judge(&alone_mean)?;
    let refitted = refitted_mean.as_ref().map(judge).transpose()?.unwrap_or_default();
    let noise: Vec<Option<Array1<f64>>> = squares.into_iter().map(|(sums, n)| (n > 0.0).then(|| sums / n)).collect();
    let rmse =
        model.modality_names().zip(&model.normalisations).zip(&noise).filter_map(|((name, normalisation), noise)| {
            let noise = noise.as_ref()?;
            let square: f64 = noise.iter().enumerate().map(|(j, v)| v * normalisation.scale(j).powi(2)).sum();
            Some((name.to_owned(), (square / noise.len() as f64).sqrt()))
        });
    let rmse = rmse.collect();
    let normalised = model.modality_names().zip(&noise);
    let rmse_normalised =
        normalised.filter_map(|(name, noise)| Some((name.to_owned(), noise.as_ref()?.mean()?.sqrt()))).collect();
    let mut loss = sums.record(model);
    loss.accuracy = scores.as_ref().map(|s| s.accuracy.accuracy);
    Ok(Evaluation {
        n,
        loss,
        latent_mean: mean,
        latent_logvar: logvar,
        responsibilities,
        clusters,
        alone,
        refitted,
        rmse,
        rmse_normalised,
        noise,
        scores,
    })
}

/// Scores of the samples whose label is known; `None` where there is no such sample.
pub(crate) fn scores(
    labels: &[Option<usize>],
    clusters: &[usize],
    n_labels: usize,
    n_clusters: usize,
) -> Result<Option<Scores>> {
    let known = labels.iter().zip(clusters).filter_map(|(label, &cluster)| Some(((*label)?, cluster)));
    let (labels, clusters): (Vec<usize>, Vec<usize>) = known.unzip();
    if labels.is_empty() {
        return Ok(None);
    }
    Ok(Some(Scores {
        accuracy: unsupervised_accuracy(&labels, &clusters, n_labels, n_clusters)?,
        nmi: nmi(&labels, &clusters, n_labels, n_clusters)?,
        ari: ari(&labels, &clusters, n_labels, n_clusters)?,
        purity: purity(&labels, &clusters, n_labels, n_clusters)?,
    }))
}

fn alone_evaluation(
    model: &Model,
    mean: ArrayView2<'_, f64>,
    labels: Option<&[Option<usize>]>,
    n_labels: usize,
) -> Result<AloneEvaluation> {
    let has: Vec<usize> = (0..mean.nrows()).filter(|&row| !mean[[row, 0]].is_nan()).collect();
    let seen = mean.select(Axis(0), &has);
    let assigned = if has.is_empty() { Array1::zeros(0) } else { model.prior.assign(seen.view())? };
    let mut clusters = vec![None; mean.nrows()];
    has.iter().zip(&assigned).for_each(|(&row, &cluster)| clusters[row] = Some(cluster));
    let scored = match labels {
        Some(labels) => {
            let labels: Vec<Option<usize>> = has.iter().map(|&row| labels[row]).collect();
            scores(&labels, assigned.as_slice().unwrap_or(&[]), n_labels, model.prior.n_clusters())?
        }
        None => None,
    };
    let accuracy = scored.map(|scores| scores.accuracy);
    Ok(AloneEvaluation {
        latent_mean: mean.to_owned(),
        clusters,
        accuracy: accuracy.as_ref().map(|found| found.accuracy),
        confusion: accuracy.map(|found| found.confusion),
    })
}

/// Adds squared errors of each coordinate in normalised units, and the number of samples, per modality.
fn add_squares(model: &Model, batch: &Batch, fused: &Fused, squares: &mut [(Array1<f64>, f64)]) -> Result<()> {
    let weight = batch.weight();
    for (m, (sum, count)) in squares.iter_mut().enumerate() {
        let decoded = fused.decode(model, m)?;
        for (b, (x, e)) in batch.values(m).outer_iter().zip(decoded.outer_iter()).enumerate() {
            if weight[[m, b]] == 0.0 {
                continue;
            }
            *count += 1.0;
            ndarray::Zip::from(&mut *sum).and(x).and(e).for_each(|sum, &x, &e| *sum += (f64::from(x) - e).powi(2));
        }
    }
    Ok(())
}

/// Root mean square errors, normalised units, of every modality predicted from each other one alone at the mean of its posterior:
/// `errors[given][predicted]`, over the rows that have both; by the refitted encoders where the model has them. A single modality predicts nothing.
///
/// # Errors
/// When the dataset does not have the model's modalities.
pub fn cross_modal_errors(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<BTreeMap<String, BTreeMap<String, f64>>> {
    let n_modalities = model.modalities.len();
    if n_modalities < 2 {
        return Ok(BTreeMap::new());
    }
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    let mut sums = vec![vec![(0.0, 0.0); n_modalities]; n_modalities];
    for chunk in rows.chunks(ROWS) {
        batches.gather(chunk, &mut batch)?;
        let weight = batch.weight().to_owned();
        let parameters = model.refitted.as_ref().map_or(&model.parameters, |refitted| &refitted.parameters);
        let encodings = no_grad(|| model.encode_with(parameters, &batch, weight.view(), Mode::Evaluate))?;
        for (given, sums) in sums.iter_mut().enumerate() {
            let z = encodings.mean.index_axis(Axis(0), given);
            let mut responsibilities = Array2::zeros((chunk.len(), model.prior.n_clusters()));
            model.prior.responsibilities(z, responsibilities.view_mut())?;
            for (m, (sum, count)) in sums.iter_mut().enumerate().filter(|(m, _)| *m != given) {
                let decoded = model.decode(m, z, responsibilities.view())?;
                for (b, (x, e)) in batch.values(m).outer_iter().zip(decoded.outer_iter()).enumerate() {
                    if weight[[m, b]] != 0.0 && weight[[given, b]] != 0.0 {
                        *sum += x.iter().zip(e).map(|(&x, &e)| (f64::from(x) - e).powi(2)).sum::<f64>();
                        *count += x.len() as f64;
                    }
                }
            }
        }
    }
    let name = |m: usize| model.modalities[m].name.clone();
    let of_given = |(given, sums): (usize, &Vec<(f64, f64)>)| {
        let errors = sums.iter().enumerate().filter(|(_, (_, count))| *count > 0.0);
        (name(given), errors.map(|(m, (sum, count))| (name(m), (sum / count).sqrt())).collect())
    };
    Ok(sums.iter().enumerate().map(of_given).filter(|(_, errors): &(_, BTreeMap<_, _>)| !errors.is_empty()).collect())
}

/// Means and variances (D,l) of the fused posteriors of `rows` from all modalities that each has, and the cluster's posterior (D,N).
pub(crate) fn fused_posteriors(
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<(Array2<f64>, Array2<f64>, Array2<f64>)> {
    let shape = (rows.len(), model.prior.n_latent());
    let batches = Batches::new(dataset, &model.normalisations)?;
    let mut batch = Batch::default();
    let (mut mean, mut var) = (Array2::zeros(shape), Array2::zeros(shape));
    let mut responsibilities = Array2::zeros((rows.len(), model.prior.n_clusters()));
    for (k, chunk) in rows.chunks(ROWS).enumerate() {
        batches.gather(chunk, &mut batch)?;
        let weight = batch.weight().to_owned();
        let encodings = no_grad(|| model.encode(&batch, weight.view(), Mode::Evaluate))?;
        let fused = model.fuse(&encodings, weight.view())?;
        let (own_mean, own_var) = fused.moments();
        let range = k * ROWS..k * ROWS + chunk.len();
        mean.slice_mut(s![range.clone(), ..]).assign(&own_mean);
        var.slice_mut(s![range.clone(), ..]).assign(&own_var);
        responsibilities.slice_mut(s![range, ..]).assign(&fused.responsibilities());
    }
    Ok((mean, var, responsibilities))
}

impl Model {
    /// Modality `m` decoded at `z` (B,l), averaged over the clusters with weights `responsibilities` (B,N) where decoders depend on them; (B,d), normalised.
    pub(crate) fn decode(
        &self,
        m: usize,
        z: ArrayView2<'_, f64>,
        responsibilities: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        match &self.modalities[m].head {
            Head::Expert(expert) => expert.decode(z, responsibilities, &self.normalisations[m]),
            Head::Networks(decoders) => no_grad(|| {
                let z = tensor_from_f64(z, self.parameters.device())?;
                let mut outputs =
                    decoders.iter().map(|decoder| Ok::<_, Error>(to_array2(&decoder.forward(&self.parameters, &z))?));
                if decoders.len() == 1 {
                    return outputs.next().expect("one decoder");
                }
                let mut mean = Array2::zeros((responsibilities.nrows(), self.modalities[m].shape.size()));
                for (output, g) in outputs.zip(responsibilities.columns()) {
                    mean += &(output? * g.insert_axis(Axis(1)));
                }
                Ok(mean)
            }),
        }
    }

    /// Modality `m` decoded at every cluster's centre, (N,d), in the modality's own units.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn decoded_centres(&self, m: usize) -> Result<Array2<f64>> {
        let n = self.prior.n_clusters();
        let mut decoded = self.decode(m, self.prior.mean(), Array2::eye(n).view())?;
        self.normalisations[m].invert(decoded.view_mut());
        Ok(decoded)
    }
}
