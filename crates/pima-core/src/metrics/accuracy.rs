//! Unsupervised accuracy: the best one-to-one matching of clusters to labels.

use ndarray::Array2;

use super::confusion::filled_confusion_matrix;
use crate::{Error, Result};

/// Accuracy of a clustering under the matching of clusters to labels that maximises it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterAccuracy {
    /// Fraction of the samples whose cluster is matched to their label, in `[0, 1]`.
    pub accuracy: f64,
    /// Label of each cluster, (n_clusters); `None` for the clusters left over when there are more clusters than labels.
    /// No label appears twice.
    pub assignment: Vec<Option<usize>>,
    /// Counts by label and cluster, (n_labels, n_clusters).
    pub confusion: Array2<usize>,
}

/// Unsupervised accuracy (Walker et al. 2023, eq. 19): `max_phi sum_d [l_d = phi(c_d)] / D` over one-to-one maps `phi` from
/// clusters to labels, found by the algorithm of Jonker and Volgenant (1987).
///
/// With more clusters than labels some clusters stay without a label and all their samples count as wrong; with fewer, some
/// labels are never predicted.
///
/// # Errors
/// As [`confusion_matrix`](super::confusion_matrix), and [`Error::Empty`] without samples.
pub fn unsupervised_accuracy(
    labels: &[usize],
    clusters: &[usize],
    n_labels: usize,
    n_clusters: usize,
) -> Result<ClusterAccuracy> {
    let confusion = filled_confusion_matrix("unsupervised accuracy", labels, clusters, n_labels, n_clusters)?;
    let assignment = best_assignment(&confusion)?;
    let matched: usize = assignment
        .iter()
        .enumerate()
        .filter_map(|(cluster, label)| label.map(|label| confusion[[label, cluster]]))
        .sum();
    Ok(ClusterAccuracy { accuracy: matched as f64 / labels.len() as f64, assignment, confusion })
}

/// Label of each cluster that maximises the matched counts.
fn best_assignment(confusion: &Array2<usize>) -> Result<Vec<Option<usize>>> {
    let (n_labels, n_clusters) = confusion.dim();
    // The solver wants a square matrix: the rows and columns added cost the same everywhere and so change no choice.
    let size = n_labels.max(n_clusters);
    let largest = confusion.iter().copied().max().unwrap_or(0);
    let mut cost = vec![largest as f64; size * size];
    for ((label, cluster), &count) in confusion.indexed_iter() {
        cost[cluster * size + label] = (largest - count) as f64;
    }
    // The solver's matrix belongs to another release of ndarray than ours, so it is built from the bare numbers.
    let square = Error::Shape {
        operation: "unsupervised accuracy: assignment",
        expected: format!("a square cost matrix of side {size}"),
        got: format!("{} costs", cost.len()),
    };
    let cost = lapjv::Matrix::from_shape_vec((size, size), cost).map_err(|_| square.clone())?;
    // It fails on matrices that are not square and on costs that have no order (NaN). Ours are square, finite integers.
    let (label_of, _) = lapjv::lapjv(&cost).map_err(|_| square)?;
    Ok(label_of.into_iter().take(n_clusters).map(|label| (label < n_labels).then_some(label)).collect())
}
