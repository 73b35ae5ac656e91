//! From evaluations to the summary, the predictions and the table on the screen.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ndarray::{Array1, Array2, Array3, s};
use pima_cli::{
    ExpertCluster, ExpertSummary, ModalityAxes, ModalityPredictions, Predictions, SplitSummary, Splits, Summary,
};
use pima_core::ModalityShape;
use pima_data::{Dataset, ModalityData};
use pima_model::{
    AloneEvaluation, Evaluation, ExperimentConfig, IdentifiedExpert, Model, PeerEvaluation, PeersConfig,
    class_mean_errors, cross_modal_errors, known_states, nearest_samples, predicted_from, true_class_means,
    truth_correlations,
};

use crate::table::{Table, significant, with_error};

/// Samples nearest to each centre that are kept whole.
const TYPICAL: usize = 5;
/// Modalities of at most so many values are kept whole for every sample.
const FEW: usize = 16;

/// What one split came to.
pub(crate) fn split_summary(evaluation: &Evaluation) -> SplitSummary {
    let scores = evaluation.scores.as_ref();
    let confusion = scores.map(|scores| {
        let counts = scores.accuracy.confusion.outer_iter();
        counts.map(|row| row.iter().map(|&count| count as u64).collect()).collect()
    });
    let accuracies = |alone: &BTreeMap<String, AloneEvaluation>| {
        alone.iter().filter_map(|(name, alone)| Some((name.clone(), alone.accuracy?))).collect()
    };
    SplitSummary {
        n: evaluation.n,
        elbo: Some(-0.5 * evaluation.loss.loss),
        loss: Some(evaluation.loss.loss),
        accuracy: scores.map(|scores| scores.accuracy.accuracy),
        nmi: scores.map(|scores| scores.nmi),
        ari: scores.map(|scores| scores.ari),
        accuracy_from: accuracies(&evaluation.alone),
        accuracy_from_refitted: accuracies(&evaluation.refitted),
        confusion,
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
        let (nmi, ari) = (mean(|scores| scores.nmi), mean(|scores| scores.ari));
        peers.insert("kmeans".to_owned(), SplitSummary { accuracy: Some(accuracy), nmi, ari, ..empty });
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
    if let Some(labels) = dataset.labels() {
        let numbers = (0..labels.n_labels()).map(|label| label.to_string());
        summary.label_names =
            if numbers.eq(labels.names().iter().cloned()) { Vec::new() } else { labels.names().to_vec() };
    }
    let with_units = modalities.clone().chain(dataset.facts()).filter(|data| !data.units().is_empty());
    summary.units = with_units.map(|data| (data.name().to_owned(), data.units().to_owned())).collect();
    summary.modality_axes = modalities.filter_map(|data| Some((data.name().to_owned(), axes(data)?))).collect();
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
    let nearest = nearest_samples(model, evaluation, TYPICAL);
    let everything: Vec<usize> = (0..dataset.modalities().len()).collect();
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
            members: members(dataset, m, rows, evaluation, model.prior().n_clusters()),
            solution: model.solutions(m),
            true_parameters: parameters.as_ref().and_then(|_| true_parameters(model, m, dataset, rows)),
            parameters,
            parameters_from,
            known: match dataset.labels() {
                Some(labels) => known_states(config, m, labels.n_labels())?,
                None => None,
            },
            nearest: matches!(data.shape(), ModalityShape::Curve { .. }).then(|| typical(data, rows, &nearest)),
            ..ModalityPredictions::default()
        };
        if matches!(data.shape(), ModalityShape::Vector { length } if length <= FEW) {
            let others: Vec<usize> = everything.iter().copied().filter(|&other| other != m).collect();
            of_modality.measured = Some(measured(data, rows));
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
            Some(labels) => rows.iter().map(|&row| labels.values()[row] as i64).collect(),
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
            .map(|fact| (fact.name().to_owned(), measured(fact, rows).column(0).to_owned()))
            .collect(),
    })
}

/// Values of samples `rows`, (D,d); NaN for those without them.
fn measured(data: &ModalityData, rows: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), data.size()), |(d, j)| {
        if data.is_present(rows[d]) { f64::from(data.values()[[rows[d], j]]) } else { f64::NAN }
    })
}

/// Values of the samples nearest to each centre, (N,K,d), given by their positions in `rows`; NaN where there are fewer.
fn typical(data: &ModalityData, rows: &[usize], nearest: &[Vec<usize>]) -> Array3<f64> {
    Array3::from_shape_fn((nearest.len(), TYPICAL, data.size()), |(c, k, j)| match nearest[c].get(k) {
        Some(&d) if data.is_present(rows[d]) => f64::from(data.values()[[rows[d], j]]),
        _ => f64::NAN,
    })
}

/// Test samples of each cluster (N,S,d) to be drawn beside what was decoded, each of another group; only of curves that are not too long to be stored.
fn members(
    dataset: &Dataset,
    m: usize,
    rows: &[usize],
    evaluation: &Evaluation,
    n_clusters: usize,
) -> Option<Array3<f64>> {
    const MOST: usize = 12;
    const LONGEST: usize = 2048;
    let data = &dataset.modalities()[m];
    if data.axis().is_none() || data.size() > LONGEST {
        return None;
    }
    let mut all = Array3::from_elem((n_clusters, MOST, data.size()), f64::NAN);
    let mut seen: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); n_clusters];
    for (&row, &cluster) in rows.iter().zip(&evaluation.clusters).filter(|(row, _)| data.is_present(**row)) {
        let group = dataset.groups().map_or(row, |groups| groups[row]);
        let place = seen[cluster].len();
        if place < MOST && seen[cluster].insert(group) {
            all.slice_mut(s![cluster, place, ..]).assign(&data.row(row).mapv(f64::from));
        }
    }
    Some(all)
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

/// The results as a table, a column for each split, and one of each expert's parameters.
pub(crate) fn table(splits_of: &Splits, experts: &BTreeMap<String, ExpertSummary>) -> String {
    let named = [("train", &splits_of.train), ("validation", &splits_of.validation), ("test", &splits_of.test)];
    let splits: Vec<(&str, &SplitSummary)> =
        named.into_iter().filter_map(|(name, split)| Some((name, split.as_ref()?))).collect();
    let mut table = Table::default();
    table.row(std::iter::once("").chain(splits.iter().map(|(name, _)| *name)));
    let mut row = |name: String, value: &dyn Fn(&SplitSummary) -> Option<String>| {
        let values: Vec<Option<String>> = splits.iter().map(|(_, split)| value(split)).collect();
        if values.iter().any(Option::is_some) {
            table.row(
                std::iter::once(name).chain(values.into_iter().map(|value| value.unwrap_or_else(|| "-".to_owned()))),
            );
        }
    };
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    row("samples".to_owned(), &|split| Some(split.n.to_string()));
    row("ELBO per sample".to_owned(), &|split| split.elbo.map(significant));
    row("accuracy".to_owned(), &|split| split.accuracy.map(percent));
    for name in names(&splits, |split| &split.accuracy_from) {
        row(format!("  from {name} alone"), &|split| split.accuracy_from.get(name).copied().map(percent));
        row(format!("  from {name} alone, refitted"), &|split| {
            split.accuracy_from_refitted.get(name).copied().map(percent)
        });
    }
    row("NMI".to_owned(), &|split| split.nmi.map(|x| format!("{x:.4}")));
    row("ARI".to_owned(), &|split| split.ari.map(|x| format!("{x:.4}")));
    row("  by k-means on principal components".to_owned(), &|split| {
        split.peers.get("kmeans")?.ari.map(|x| format!("{x:.4}"))
    });
    for name in names(&splits, |split| &split.rmse) {
        row(format!("RMSE of {name}"), &|split| split.rmse.get(name).copied().map(significant));
    }
    let from = |split: &SplitSummary, given: &str, name: &str| split.rmse_from.get(given)?.get(name).copied();
    let judged = splits.iter().flat_map(|(_, split)| std::iter::once(*split).chain(split.peers.values()));
    let judged: BTreeSet<_> = judged.flat_map(|split| pairs(&split.rmse_from)).collect();
    for (given, name) in &judged {
        row(format!("RMSE of {name} from {given} alone, normalised"), &|split| {
            from(split, given, name).map(significant)
        });
        let ridge = |split: &SplitSummary| from(split.peers.get("ridge")?, given, name).map(significant);
        row("  by ridge regression on principal components".to_owned(), &ridge);
    }
    if let Some(test) = &splits_of.test {
        for (from, what) in pairs(&test.gain_from) {
            row(format!("{what} from {from}: RMSE of the class mean / ours"), &|split| {
                Some(format!("{:.3}", split.gain_from.get(&from)?.get(&what)?))
            });
        }
        for (expert, parameter) in pairs(&test.parameter_correlation) {
            let of = |all: &BTreeMap<String, BTreeMap<String, f64>>| {
                Some(format!("{:.3}", all.get(&expert)?.get(&parameter)?))
            };
            row(format!("{parameter}: correlation with the truth"), &|split| of(&split.parameter_correlation));
            for from in test.parameter_correlation_from.keys() {
                row(format!("  from {from} alone"), &|split| of(split.parameter_correlation_from.get(from)?));
            }
        }
    }
    let mut text = table.to_string();
    for (name, expert) in experts {
        text += &format!("\n{name}: parameters of the expert by cluster, ± standard error\n{}", expert_table(expert));
    }
    text
}

/// Names that occur in a map of any split.
fn names<'a>(
    splits: &[(&str, &'a SplitSummary)],
    map: impl Fn(&'a SplitSummary) -> &'a BTreeMap<String, f64>,
) -> BTreeSet<&'a str> {
    splits.iter().flat_map(|(_, split)| map(split).keys().map(String::as_str)).collect()
}

/// The keys of a map of maps, outer and inner.
fn pairs(map: &BTreeMap<String, BTreeMap<String, f64>>) -> Vec<(String, String)> {
    let inner = |(outer, map): (&String, &BTreeMap<String, f64>)| {
        map.keys().map(|inner| (outer.clone(), inner.clone())).collect::<Vec<_>>()
    };
    map.iter().flat_map(inner).collect()
}

fn expert_table(expert: &ExpertSummary) -> Table {
    let mut table = Table::default();
    let labelled = expert.clusters.iter().any(|cluster| cluster.label.is_some());
    let units = |p: usize| {
        expert.units.get(p).filter(|unit| !unit.is_empty()).map_or_else(String::new, |unit| format!(" ({unit})"))
    };
    let mut head = vec!["cluster".to_owned()];
    head.extend(labelled.then(|| "label".to_owned()));
    head.push("weight".to_owned());
    head.extend(expert.parameters.iter().enumerate().map(|(p, name)| format!("{name}{}", units(p))));
    table.row(head);
    for cluster in &expert.clusters {
        let mut row = vec![cluster.cluster.to_string()];
        row.extend(labelled.then(|| cluster.label.map_or_else(|| "-".to_owned(), |label| label.to_string())));
        row.push(format!("{:.4}", cluster.weight));
        let errors = cluster.standard_errors.iter().copied().chain(std::iter::repeat(f64::NAN));
        row.extend(cluster.values.iter().zip(errors).map(|(&value, error)| with_error(value, error)));
        table.row(row);
        if cluster.truth.iter().any(|truth| truth.is_finite()) {
            let mut row = vec!["truth".to_owned()];
            row.extend(labelled.then(String::new));
            row.push(String::new());
            let shown = |&truth: &f64| if truth.is_finite() { significant(truth) } else { String::new() };
            row.extend(cluster.truth.iter().map(shown));
            table.row(row);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_there_is() {
        let test = SplitSummary {
            n: 70,
            elbo: Some(-12.3456),
            accuracy: Some(0.5),
            accuracy_from: [("line".to_owned(), 0.25)].into(),
            rmse: [("line".to_owned(), 0.1)].into(),
            ..Default::default()
        };
        let train =
            SplitSummary { n: 700, elbo: Some(-12.0), rmse: [("line".to_owned(), 0.1)].into(), ..Default::default() };
        let cluster = ExpertCluster {
            cluster: 0,
            weight: 1.0,
            values: vec![3.0],
            standard_errors: vec![0.0123],
            bounds: vec![0.01],
            truth: vec![3.0246],
            label: None,
        };
        let expert =
            ExpertSummary { parameters: vec!["slope".into()], units: vec!["m/s".into()], clusters: vec![cluster] };
        let splits = Splits { train: Some(train), validation: None, test: Some(test) };
        let text = table(&splits, &[("line".to_owned(), expert)].into());
        let expected = "\
                   train     test
samples              700       70
ELBO per sample  -12.000  -12.346
accuracy               -  50.00 %
  from line alone      -  25.00 %
RMSE of line     0.10000  0.10000

line: parameters of the expert by cluster, ± standard error
cluster  weight    slope (m/s)
0        1.0000  3.000 ± 0.012
truth                   3.0246
";
        // The first column is as wide as its longest name.
        let squeeze =
            |text: &str| text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        assert_eq!(squeeze(&text), squeeze(expected));
    }
}
