//! The confusion matrix: how many samples of each label fell into each cluster.

use ndarray::Array2;

use crate::{Error, Result};

/// Counts of samples by label (rows) and cluster (columns), (n_labels, n_clusters).
///
/// # Errors
/// [`Error::Shape`] when `labels` and `clusters` differ in length, [`Error::InvalidParameter`] naming the sample when a label
/// or a cluster is out of range. No samples give a matrix of zeros.
pub fn confusion_matrix(
    labels: &[usize],
    clusters: &[usize],
    n_labels: usize,
    n_clusters: usize,
) -> Result<Array2<usize>> {
    if labels.len() != clusters.len() {
        return Err(Error::Shape {
            operation: "confusion matrix of labels (D) and clusters (D)",
            expected: format!("as many clusters as labels, {}", labels.len()),
            got: clusters.len().to_string(),
        });
    }
    let mut confusion = Array2::zeros((n_labels, n_clusters));
    for (sample, (&label, &cluster)) in labels.iter().zip(clusters).enumerate() {
        if label >= n_labels {
            return Err(out_of_range("label", sample, label, "below n_labels"));
        }
        if cluster >= n_clusters {
            return Err(out_of_range("cluster", sample, cluster, "below n_clusters"));
        }
        confusion[[label, cluster]] += 1;
    }
    Ok(confusion)
}

/// The confusion matrix of at least one sample: the scores divide by the number of samples.
pub(super) fn filled_confusion_matrix(
    operation: &'static str,
    labels: &[usize],
    clusters: &[usize],
    n_labels: usize,
    n_clusters: usize,
) -> Result<Array2<usize>> {
    let confusion = confusion_matrix(labels, clusters, n_labels, n_clusters)?;
    if labels.is_empty() {
        return Err(Error::Empty { operation, what: "the list of samples" });
    }
    Ok(confusion)
}

fn out_of_range(what: &str, sample: usize, value: usize, requirement: &'static str) -> Error {
    Error::InvalidParameter { name: format!("{what} of sample {sample}"), value: value as f64, requirement }
}
