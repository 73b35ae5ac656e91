//! Purity of clusters.

use ndarray::Axis;

use super::confusion::filled_confusion_matrix;
use crate::Result;

/// Share of the samples that have the most frequent label of their cluster, in `(0, 1]`: `sum_c max_l n(l, c) / D` (Manning, Raghavan and Schuetze 2008, section 16.3).
///
/// Unlike the accuracy, several clusters may share a label; clusters of one sample each are therefore pure, and purities compare only at the same number of clusters.
///
/// # Errors
/// As [`confusion_matrix`](super::confusion_matrix), and [`Error::Empty`](crate::Error::Empty) without samples.
pub fn purity(labels: &[usize], clusters: &[usize], n_labels: usize, n_clusters: usize) -> Result<f64> {
    let confusion = filled_confusion_matrix("purity", labels, clusters, n_labels, n_clusters)?;
    let most_frequent = confusion.axis_iter(Axis(1)).map(|counts| counts.iter().copied().max().unwrap_or(0));
    Ok(most_frequent.sum::<usize>() as f64 / labels.len() as f64)
}
