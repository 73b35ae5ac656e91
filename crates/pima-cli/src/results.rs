//! From evaluations to the summary, the predictions and the table on the screen.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ndarray::{Array1, Array2, Array3, ArrayView1, s};
use pima_cli::{
    ExpertCluster, ExpertSummary, ModalityAxes, ModalityPredictions, Predictions, SampleRow, SplitSummary, Summary,
};
use pima_core::ModalityShape;
use pima_data::{Dataset, ModalityData};
use pima_model::{
    AloneEvaluation, Evaluation, ExperimentConfig, IdentifiedExpert, LatentPoints, Model, PeerEvaluation, PeersConfig,
    class_mean_errors, cross_modal_errors, known_states, nearest_samples, predicted_from, true_class_means,
    truth_correlations,
};

/// Samples nearest to each centre that are kept whole.
const TYPICAL: usize = 5;
/// Values that those of all clusters may have together, for one modality.
const MOST_TYPICAL_VALUES: usize = 2_000_000;
/// Modalities of at most so many values are kept whole for every sample.
const FEW: usize = 16;

/// What one split came to.
pub(crate) fn split_summary(evaluation: &Evaluation) -> SplitSummary {
    let scores = evaluation.scores.as_ref();
    let nested = |counts: &Array2<usize>| -> Vec<Vec<u64>> {
        counts.outer_iter().map(|row| row.iter().map(|&count| count as u64).collect()).collect()
    };
    let accuracies = |alone: &BTreeMap<String, AloneEvaluation>| {
        alone.iter().filter_map(|(name, alone)| Some((name.clone(), alone.accuracy?))).collect()
    };
    let confusions = |alone: &BTreeMap<String, AloneEvaluation>| {
        let counted = alone.iter().filter_map(|(name, alone)| Some((name.clone(), nested(alone.confusion.as_ref()?))));
        counted.collect()
    };
    SplitSummary {
        n: evaluation.n,
        elbo: Some(-0.5 * evaluation.loss.loss),
        loss: Some(evaluation.loss.loss),
        accuracy: scores.map(|scores| scores.accuracy.accuracy),
        nmi: scores.map(|scores| scores.nmi),
        ari: scores.map(|scores| scores.ari),
        purity: scores.map(|scores| scores.purity),
        accuracy_from: accuracies(&evaluation.alone),
        accuracy_from_refitted: accuracies(&evaluation.refitted),
        confusion_from: confusions(&evaluation.alone),
        confusion_from_refitted: confusions(&evaluation.refitted),
        confusion: scores.map(|scores| nested(&scores.accuracy.confusion)),
        assignment: scores.map(|scores| scores.accuracy.assignment.clone()),
        rmse: evaluation.rmse.clone(),
        rmse_normalised: evaluation.rmse_normalised.clone(),
        ..SplitSummary::default()
    }
}

/// What the simpler methods came to on one split: ridge regression, and k-means as the mean over its seeds.
pub(crate) fn peer_summaries(config: &PeersConfig, peer: &PeerEvaluation) -> BTreeMap<String, SplitSummary> {
    let empty = SplitSummary { n: peer.n, ..SplitSummary::default() };
    let mut peers = BTreeMap::new();
    if let Some(error) = peer.ridge {
        let of_target = BTreeMap::from([(config.predict.clone(), error)]);
        let rmse_from = BTreeMap::from([(config.from.clone(), of_target)]);
        peers.insert("ridge".to_owned(), SplitSummary { rmse_from, ..empty.clone() });
    }
    let mean = |of: fn(&pima_model::Scores) -> f64| {
        (!peer.kmeans.is_empty()).then(|| peer.kmeans.iter().map(of).sum::<f64>() / peer.kmeans.len() as f64)
    };
    if let Some(accuracy) = mean(|scores| scores.accuracy.accuracy) {
        let (nmi, ari, purity) = (mean(|scores| scores.nmi), mean(|scores| scores.ari), mean(|scores| scores.purity));
        peers.insert("kmeans".to_owned(), SplitSummary { accuracy: Some(accuracy), nmi, ari, purity, ..empty });
    }
    peers
}

/// Adds to the summary of a split what needs the training samples or the truth beside its own evaluation.
pub(crate) fn compare(
    summary: &mut SplitSummary,
    model: &Model,
    dataset: &Dataset,
    (known, rows): (&[usize], &[usize]),
    evaluation: &Evaluation,
) -> Result<()> {
    summary.rmse_from = cross_modal_errors(model, dataset, rows)?;
    summary.rmse_class_mean = class_mean_errors(model, dataset, known, rows)?;
    for (given, errors) in &summary.rmse_from {
        let gains = errors.iter().filter_map(|(predicted, error)| {
            let class_mean = summary.rmse_class_mean.get(predicted)?;
            (*error > 0.0).then(|| (predicted.clone(), class_mean / error))
        });
        summary.gain_from.insert(given.clone(), gains.collect());
    }
    summary.gain_from.retain(|_, gains: &mut BTreeMap<_, _>| !gains.is_empty());
    for (m, name) in model.modality_names().enumerate() {
        let correlations = |z: &Array2<f64>| -> Result<BTreeMap<String, f64>> {
            let parameters = model.sample_parameters(m, z.view())?;
            Ok(parameters.map_or_else(BTreeMap::new, |parameters| truth_correlations(&parameters, dataset, rows)))
        };
        let of_all = correlations(&evaluation.latent_mean)?;
        if of_all.is_empty() {
            continue;
        }
        summary.parameter_correlation.insert(name.to_owned(), of_all);
        for (given, alone) in &evaluation.alone {
            let from = summary.parameter_correlation_from.entry(given.clone()).or_default();
            from.insert(name.to_owned(), correlations(&alone.latent_mean)?);
        }
    }
    Ok(())
}

/// The experts' parameters, with the label that each cluster was matched to.
pub(crate) fn expert_summaries(
    experts: &[IdentifiedExpert],
    model: &Model,
    dataset: &Dataset,
    assignment: Option<&[Option<usize>]>,
) -> BTreeMap<String, ExpertSummary> {
    let weights = model.prior().weights();
    let summary = |expert: &IdentifiedExpert| {
        let clusters =
            expert.theta.outer_iter().zip(expert.standard_errors.outer_iter()).zip(expert.bounds.outer_iter());
        let clusters = clusters.enumerate().map(|(cluster, ((values, errors), bounds))| {
            let label = assignment.and_then(|labels| *labels.get(cluster)?);
            let truth = label.and_then(|label| true_class_means(&expert.parameters, dataset, label));
            ExpertCluster {
                cluster,
                weight: weights[cluster],
                values: values.to_vec(),
                standard_errors: errors.to_vec(),
                bounds: bounds.to_vec(),
                truth: truth.unwrap_or_default(),
                label,
            }
        });
        ExpertSummary {
            parameters: expert.parameters.clone(),
            units: expert.units.clone(),
            clusters: clusters.collect(),
        }
    };
    experts.iter().map(|expert| (expert.modality.clone(), summary(expert))).collect()
}

/// For each expert the largest deviation of a parameter from its truth, in standard errors, where both are known.
pub(crate) fn parameter_errors(experts: &BTreeMap<String, ExpertSummary>) -> BTreeMap<String, f64> {
    let largest = |expert: &ExpertSummary| {
        let of_cluster = |cluster: &ExpertCluster| {
            let known = cluster.values.iter().zip(&cluster.truth).zip(&cluster.standard_errors);
            known.map(|((value, truth), error)| (value - truth).abs() / error).collect::<Vec<_>>()
        };
        let errors = expert.clusters.iter().flat_map(of_cluster).filter(|error| error.is_finite());
        errors.max_by(f64::total_cmp)
    };
    experts.iter().filter_map(|(name, expert)| Some((name.clone(), largest(expert)?))).collect()
}

/// Fills in what follows from the model and the data alone.
pub(crate) fn describe(summary: &mut Summary, model: &Model, dataset: &Dataset) {
    summary.n_parameters = model.n_parameters() as u64;
    summary.refit = model.refitted().cloned();
    (summary.n_clusters, summary.n_latent) = (model.prior().n_clusters(), model.prior().n_latent());
    summary.modalities = model.modality_names().map(str::to_owned).collect();
    let modalities = dataset.modalities().iter();
    summary.modality_shapes = modalities.clone().map(|data| (data.name().to_owned(), data.shape())).collect();
    summary.label_names = label_names(dataset);
    let with_units = modalities.clone().chain(dataset.facts()).filter(|data| !data.units().is_empty());
    summary.units = with_units.map(|data| (data.name().to_owned(), data.units().to_owned())).collect();
    summary.modality_axes = modalities.filter_map(|data| Some((data.name().to_owned(), axes(data)?))).collect();
}

/// What the labels are called; empty without labels, and where they are called by their numbers.
pub(crate) fn label_names(dataset: &Dataset) -> Vec<String> {
    let Some(labels) = dataset.labels() else { return Vec::new() };
    let numbers = (0..labels.n_labels()).map(|label| label.to_string());
    if numbers.eq(labels.names().iter().cloned()) { Vec::new() } else { labels.names().to_vec() }
}

/// Names of the axes of a curve; none where nothing is known.
fn axes(data: &ModalityData) -> Option<ModalityAxes> {
    let with_units =
        |name: &str, units: &str| if units.is_empty() { name.to_owned() } else { format!("{name} ({units})") };
    let axis = data.axis()?;
    Some(ModalityAxes {
        x: with_units(&axis.name, &axis.units),
        y: with_units(data.name(), data.units()),
        grid: axis.points.clone(),
    })
}

/// Every image that networks decode, at the clusters' centres and three standard deviations from them, (N,1+2l,d).
fn deviations(config: &ExperimentConfig, model: &Model, seed: u64) -> Result<BTreeMap<String, Array3<f64>>> {
    let generated = model.generate(&LatentPoints::Deviations { k: 3.0 }, false, seed)?;
    let n_clusters = model.prior().n_clusters();
    let images = model.modality_names().enumerate().filter(|(m, _)| {
        matches!(model.modality_shape(*m), ModalityShape::Image { .. }) && config.modalities[*m].expert.is_none()
    });
    images
        .map(|(_, name)| {
            let decoded = &generated.decoded[name];
            let shape = (n_clusters, decoded.nrows() / n_clusters, decoded.ncols());
            Ok((name.to_owned(), decoded.clone().into_shape_with_order(shape)?))
        })
        .collect()
}

/// What the model makes of samples `rows`, whose evaluation is given.
pub(crate) fn predictions(
    config: &ExperimentConfig,
    model: &Model,
    dataset: &Dataset,
    rows: &[usize],
    evaluation: &Evaluation,
    seed: u64,
) -> Result<Predictions> {
    let integers =
        |clusters: &[Option<usize>]| clusters.iter().map(|c| c.map_or(-1, |c| c as i64)).collect::<Array1<i64>>();
    let means = model.cluster_means(dataset, rows, evaluation.responsibilities.view())?;
    let groups: Option<Vec<usize>> = dataset.groups().map(|groups| rows.iter().map(|&row| groups[row]).collect());
    let nearest = nearest_samples(model, evaluation, groups.as_deref(), TYPICAL);
    let everything: Vec<usize> = (0..dataset.modalities().len()).collect();
    let mut deviations = deviations(config, model, seed)?;
    let mut modalities = BTreeMap::new();
    for (m, (name, mean)) in model.modality_names().zip(means).enumerate() {
        let alone = evaluation.alone.get(name);
        let data = &dataset.modalities()[m];
        let values = |z: &Array2<f64>| -> Result<Option<Array2<f64>>> {
            Ok(model.sample_parameters(m, z.view())?.map(|parameters| parameters.values))
        };
        let mut parameters_from = BTreeMap::new();
        for (given, alone) in &evaluation.alone {
            parameters_from.extend(values(&alone.latent_mean)?.map(|values| (given.clone(), values)));
        }
        let parameters = values(&evaluation.latent_mean)?;
        let mut of_modality = ModalityPredictions {
            latent_mean: alone.map(|alone| alone.latent_mean.clone()),
            cluster: alone.map(|alone| integers(&alone.clusters)),
            decoded: Some(model.decoded_centres(m)?),
            mean: Some(mean),
            deviations: deviations.remove(name),
            members: members(dataset, m, rows, evaluation, model.prior().n_clusters())?,
            solution: model.solutions(m),
            true_parameters: parameters.as_ref().and_then(|_| true_parameters(model, m, dataset, rows)),
            parameters,
            parameters_from,
            known: match dataset.labels() {
                Some(labels) => known_states(config, m, labels.n_labels())?,
                None => None,
            },
            nearest: is_typical_shown(data, nearest.len()).then(|| typical(data, rows, &nearest)).transpose()?,
            ..ModalityPredictions::default()
        };
        if matches!(data.shape(), ModalityShape::Vector { length } if length <= FEW) {
            let others: Vec<usize> = everything.iter().copied().filter(|&other| other != m).collect();
            of_modality.measured = Some(measured(data, rows)?);
            of_modality.predicted = Some(predicted_from(model, dataset, rows, &everything, m, seed)?);
            if !others.is_empty() {
                of_modality.predicted_from_others = Some(predicted_from(model, dataset, rows, &others, m, seed)?);
            }
        }
        modalities.insert(name.to_owned(), of_modality);
    }
    let prior = model.prior();
    Ok(Predictions {
        latent_mean: evaluation.latent_mean.clone(),
        latent_logvar: evaluation.latent_logvar.clone(),
        responsibilities: evaluation.responsibilities.clone(),
        cluster: evaluation.clusters.mapv(|cluster| cluster as i64),
        label: match dataset.labels() {
            Some(labels) => rows.iter().map(|&row| labels.of(row).map_or(-1, |label| label as i64)).collect(),
            None => Array1::from_elem(rows.len(), -1),
        },
        prior_weight: prior.weights().to_owned(),
        prior_mean: prior.mean().to_owned(),
        prior_var: prior.var().to_owned(),
        modalities,
        facts: dataset
            .facts()
            .iter()
            .filter(|fact| fact.size() == 1)
            .map(|fact| Ok((fact.name().to_owned(), measured(fact, rows)?.column(0).to_owned())))
            .collect::<Result<_>>()?,
    })
}

/// A line of the table of samples for each of `rows`, which are in `split`.
pub(crate) fn sample_rows<'a>(
    model: &'a Model,
    dataset: &'a Dataset,
    split: &'static str,
    rows: &'a [usize],
    evaluation: &'a Evaluation,
) -> impl Iterator<Item = SampleRow> + 'a {
    let label = move |row: usize| Some(dataset.labels()?.names()[dataset.labels()?.of(row)?].clone());
    let names = dataset.row_names();
    let line = move |(at, &row): (usize, &'a usize)| {
        let cluster = evaluation.clusters[at];
        SampleRow {
            sample: names[row].clone(),
            split,
            label: label(row),
            cluster,
            probability: evaluation.responsibilities[[at, cluster]],
            latent_mean: evaluation.latent_mean.row(at).to_vec(),
            cluster_from: model
                .modality_names()
                .map(|name| evaluation.alone.get(name).and_then(|alone| alone.clusters[at]))
                .collect(),
        }
    };
    rows.iter().enumerate().map(line)
}

/// Values of samples `rows`, (D,d); NaN for those without them.
fn measured(data: &ModalityData, rows: &[usize]) -> Result<Array2<f64>> {
    let mut values = data.gather(rows)?.mapv(f64::from);
    for (mut values, _) in values.outer_iter_mut().zip(rows).filter(|(_, row)| !data.is_present(**row)) {
        values.fill(f64::NAN);
    }
    Ok(values)
}

/// Whether the samples nearest to the centres are worth keeping: curves and images of a size that can be stored.
fn is_typical_shown(data: &ModalityData, n_clusters: usize) -> bool {
    match data.shape() {
        ModalityShape::Curve { .. } => true,
        ModalityShape::Image { .. } => n_clusters * TYPICAL * data.size() <= MOST_TYPICAL_VALUES,
        ModalityShape::Vector { .. } => false,
    }
}

/// Values of the samples nearest to each centre, (N,K,d), given by their positions in `rows`; NaN where there are fewer.
fn typical(data: &ModalityData, rows: &[usize], nearest: &[Vec<usize>]) -> Result<Array3<f64>> {
    let mut values = Array3::from_elem((nearest.len(), TYPICAL, data.size()), f64::NAN);
    for (c, nearest) in nearest.iter().enumerate() {
        let nearest: Vec<usize> = nearest.iter().take(TYPICAL).map(|&d| rows[d]).collect();
        values.slice_mut(s![c, ..nearest.len(), ..]).assign(&measured(data, &nearest)?);
    }
    Ok(values)
}

/// Test samples of each cluster (N,S,d) to be drawn beside what was decoded, each of another group; only of curves that are not too long to be stored.
fn members(
    dataset: &Dataset,
    m: usize,
    rows: &[usize],
    evaluation: &Evaluation,
    n_clusters: usize,
) -> Result<Option<Array3<f64>>> {
    const MOST: usize = 12;
    const LONGEST: usize = 2048;
    let data = &dataset.modalities()[m];
    if data.axis().is_none() || data.size() > LONGEST {
        return Ok(None);
    }
    let mut buffer = Vec::new();
    let mut all = Array3::from_elem((n_clusters, MOST, data.size()), f64::NAN);
    let mut seen: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); n_clusters];
    for (&row, &cluster) in rows.iter().zip(&evaluation.clusters).filter(|(row, _)| data.is_present(**row)) {
        let group = dataset.groups().map_or(row, |groups| groups[row]);
        let place = seen[cluster].len();
        if place < MOST && seen[cluster].insert(group) {
            let values = ArrayView1::from(data.row(row, &mut buffer)?);
            all.slice_mut(s![cluster, place, ..]).assign(&values.mapv(f64::from));
        }
    }
    Ok(Some(all))
}

/// The truth (D,Q) about what the expert of modality `m` identifies, NaN where it is not known; `None` where nothing is.
fn true_parameters(model: &Model, m: usize, dataset: &Dataset, rows: &[usize]) -> Option<Array2<f64>> {
    let truth = dataset.truth()?;
    let names = model.sample_parameters(m, Array2::zeros((0, model.prior().n_latent())).view()).ok()??.names;
    let column = |q: usize| truth.names().iter().position(|name| *name == names[q]);
    let known: Vec<Option<usize>> = (0..names.len()).map(column).collect();
    known.iter().any(Option::is_some).then(|| {
        Array2::from_shape_fn((rows.len(), names.len()), |(d, q)| {
            known[q].map_or(f64::NAN, |k| truth.values()[[rows[d], k]])
        })
    })
}
