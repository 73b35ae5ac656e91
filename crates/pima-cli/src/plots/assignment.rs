//! Clusters matched to labels, as the figures name them.

use anyhow::{Result, bail};
use ndarray::Array2;
use pima_core::unsupervised_accuracy;

use crate::run_directory::Predictions;
use crate::summary::SplitSummary;

/// Confusion of labels and clusters on the test split, and the matching behind the accuracy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assigned {
    /// Counts by label and cluster, (n_labels, N), clusters in their own order.
    pub(crate) confusion: Array2<u64>,
    /// Label of each cluster, (N).
    pub(crate) label_of: Vec<Option<usize>>,
    /// What the labels are called; empty where they are numbers.
    names: Vec<String>,
    /// Unsupervised accuracy (Walker et al. 2023, eq. 19), in `[0, 1]`.
    pub(crate) accuracy: f64,
}

impl Assigned {
    /// From the summary where it has a confusion matrix, else from the predictions; none for data without labels.
    pub(crate) fn of(test: Option<&SplitSummary>, predictions: Option<&Predictions>) -> Result<Option<Self>> {
        if let Some((test, confusion)) = test.and_then(|test| Some((test, test.confusion.as_ref()?))) {
            let mut assigned = Self::from_counts(counts(confusion)?)?;
            let n_clusters = assigned.label_of.len();
            if let Some(label_of) = test.assignment.as_ref().filter(|label_of| label_of.len() == n_clusters) {
                assigned.label_of.clone_from(label_of);
            }
            assigned.accuracy = test.accuracy.unwrap_or(assigned.accuracy);
            return Ok(Some(assigned));
        }
        let Some(predictions) = predictions.filter(|predictions| predictions.has_labels()) else {
            return Ok(None);
        };
        let (labels, clusters) = predictions.labelled();
        let n_labels = labels.iter().max().map_or(0, |max| max + 1);
        let found = unsupervised_accuracy(&labels, &clusters, n_labels, predictions.n_clusters())?;
        let confusion = found.confusion.mapv(|count| count as u64);
        Ok(Some(Self { confusion, label_of: found.assignment, names: Vec::new(), accuracy: found.accuracy }))
    }

    fn from_counts(confusion: Array2<u64>) -> Result<Self> {
        let (n_labels, n_clusters) = confusion.dim();
        let (mut labels, mut clusters) = (Vec::new(), Vec::new());
        for ((label, cluster), &count) in confusion.indexed_iter() {
            labels.extend(std::iter::repeat_n(label, count as usize));
            clusters.extend(std::iter::repeat_n(cluster, count as usize));
        }
        let found = unsupervised_accuracy(&labels, &clusters, n_labels, n_clusters)?;
        Ok(Self { confusion, label_of: found.assignment, names: Vec::new(), accuracy: found.accuracy })
    }

    /// The same with the data's names of the labels.
    pub(crate) fn named(self, names: &[String]) -> Self {
        Self { names: names.to_vec(), ..self }
    }

    /// What a label is called: the data's name, else its number.
    pub(crate) fn label_name(&self, label: usize) -> String {
        self.names.get(label).cloned().unwrap_or_else(|| label.to_string())
    }

    /// The clusters by their label; those without one come last.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.label_of.len()).collect();
        order.sort_by_key(|&cluster| (self.label_of[cluster].unwrap_or(usize::MAX), cluster));
        order
    }
}

/// Confusion of labels and clusters when one modality alone is seen, clusters matched to labels as by all modalities together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AloneConfusion {
    /// The modality.
    pub(crate) name: String,
    /// Whether an encoder refitted for it alone says so.
    pub(crate) refitted: bool,
    /// Counts by label and cluster, (n_labels, N).
    pub(crate) confusion: Array2<u64>,
    /// Unsupervised accuracy, which matches these clusters to labels anew.
    pub(crate) accuracy: Option<f64>,
}

impl AloneConfusion {
    /// One of each modality: by its refitted encoder where there is one. Those that do not have the labels and clusters of `assigned` are left out.
    pub(crate) fn all(test: &SplitSummary, assigned: &Assigned) -> Vec<Self> {
        let of = |(name, plain)| {
            let refitted = test.confusion_from_refitted.get(name);
            let accuracies = if refitted.is_some() { &test.accuracy_from_refitted } else { &test.accuracy_from };
            Some(Self {
                name: String::clone(name),
                refitted: refitted.is_some(),
                confusion: counts(refitted.unwrap_or(plain)).ok().filter(|c| c.dim() == assigned.confusion.dim())?,
                accuracy: accuracies.get(name).copied(),
            })
        };
        test.confusion_from.iter().filter_map(of).collect()
    }

    /// What it is of.
    pub(crate) fn title(&self) -> String {
        format!("{} alone{}", self.name, if self.refitted { ", refitted" } else { "" })
    }
}

/// Counts by label and cluster as an array.
fn counts(rows: &[Vec<u64>]) -> Result<Array2<u64>> {
    let n_clusters = rows.first().map_or(0, Vec::len);
    if n_clusters == 0 || rows.iter().any(|row| row.len() != n_clusters) {
        bail!("the summary's confusion matrix is empty or ragged");
    }
    Ok(Array2::from_shape_vec((rows.len(), n_clusters), rows.iter().flatten().copied().collect())?)
}

/// Longer names of labels are cut short in figures.
const LONGEST_NAME: usize = 18;

/// "c3", or "c3 (seven)" for the cluster that is taken for label seven.
pub(crate) fn cluster_name(cluster: usize, assigned: Option<&Assigned>) -> String {
    let of =
        assigned.and_then(|assigned| Some(assigned.label_name(assigned.label_of.get(cluster).copied().flatten()?)));
    match of {
        Some(name) => format!("c{cluster} ({})", short(&name)),
        None => format!("c{cluster}"),
    }
}

/// A name that fits into a figure.
pub(super) fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let begin: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{}…", begin.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_split() -> SplitSummary {
        SplitSummary { n: 19, confusion: Some(vec![vec![0, 8, 1], vec![1, 0, 0], vec![9, 0, 0]]), ..Default::default() }
    }

    #[test]
    fn clusters_go_to_the_labels_they_hold_most_of() {
        let assigned = Assigned::of(Some(&test_split()), None).unwrap().unwrap();
        assert_eq!(assigned.label_of, [Some(2), Some(0), Some(1)]);
        assert_eq!(assigned.order(), [1, 2, 0]);
        assert!((assigned.accuracy - 17.0 / 19.0).abs() < 1e-15);
        assert_eq!(cluster_name(0, Some(&assigned)), "c0 (2)");
        assert_eq!(cluster_name(0, None), "c0");
    }

    #[test]
    fn what_the_summary_reports_is_taken_as_it_is() {
        let mut test = test_split();
        test.accuracy = Some(0.5);
        test.assignment = Some(vec![Some(1), None, Some(0)]);
        let assigned = Assigned::of(Some(&test), None).unwrap().unwrap();
        assert_eq!((assigned.accuracy, assigned.order()), (0.5, vec![2, 0, 1]));
    }

    #[test]
    fn refitted_encoders_come_before_those_that_fuse() {
        let mut test = test_split();
        let matrix = test.confusion.clone().unwrap();
        test.confusion_from = ["a", "b", "ragged"].map(|name| (name.to_owned(), matrix.clone())).into();
        test.confusion_from.get_mut("ragged").unwrap().pop();
        test.confusion_from_refitted.insert("b".to_owned(), vec![vec![0, 9, 0], vec![1, 0, 0], vec![9, 0, 0]]);
        test.accuracy_from = [("a".to_owned(), 0.25)].into();
        test.accuracy_from_refitted = [("b".to_owned(), 0.5)].into();
        let assigned = Assigned::of(Some(&test), None).unwrap().unwrap();
        let alone = AloneConfusion::all(&test, &assigned);
        let titles: Vec<_> = alone.iter().map(AloneConfusion::title).collect();
        assert_eq!(titles, ["a alone", "b alone, refitted"]);
        assert_eq!((alone[0].accuracy, alone[1].accuracy), (Some(0.25), Some(0.5)));
        assert_eq!((alone[0].confusion[[0, 2]], alone[1].confusion[[0, 2]]), (1, 0));
    }

    #[test]
    fn no_labels_no_matching_and_a_ragged_matrix_is_refused() {
        assert_eq!(Assigned::of(Some(&SplitSummary::default()), None).unwrap(), None);
        let mut test = test_split();
        test.confusion.as_mut().unwrap()[1].pop();
        assert!(Assigned::of(Some(&test), None).unwrap_err().to_string().contains("ragged"));
    }
}
