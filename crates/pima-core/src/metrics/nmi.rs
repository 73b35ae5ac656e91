//! Normalised mutual information of labels and clusters.

use ndarray::Axis;

use super::confusion::filled_confusion_matrix;
use crate::Result;

/// Mutual information of labels and clusters over the arithmetic mean of their entropies, `2 I(L;C) / (H(L) + H(C))`, in
/// `[0, 1]` (Vinh, Epps and Bailey 2010).
///
/// One label and one cluster only is a perfect match, 1: there is nothing to split. If only one of the two is split it is 0.
///
/// # Errors
/// As [`confusion_matrix`](super::confusion_matrix), and [`Error::Empty`](crate::Error::Empty) without samples.
pub fn nmi(labels: &[usize], clusters: &[usize], n_labels: usize, n_clusters: usize) -> Result<f64> {
    let confusion = filled_confusion_matrix("normalised mutual information", labels, clusters, n_labels, n_clusters)?;
    let n_samples = labels.len() as f64;
    let of_labels = confusion.sum_axis(Axis(1));
    let of_clusters = confusion.sum_axis(Axis(0));
    let entropy = |counts: &ndarray::Array1<usize>| -> f64 {
        counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| {
                let share = count as f64 / n_samples;
                -share * share.ln()
            })
            .sum()
    };
    let (label_entropy, cluster_entropy) = (entropy(&of_labels), entropy(&of_clusters));
    if label_entropy + cluster_entropy == 0.0 {
        return Ok(1.0);
    }
    let information: f64 = confusion
        .indexed_iter()
        .filter(|&(_, &count)| count > 0)
        .map(|((label, cluster), &count)| {
            let count = count as f64;
            let independent = of_labels[label] as f64 * of_clusters[cluster] as f64 / n_samples;
            count / n_samples * (count / independent).ln()
        })
        .sum();
    // The terms cancel when labels and clusters are independent: rounding must not leave the interval.
    Ok((2.0 * information / (label_entropy + cluster_entropy)).clamp(0.0, 1.0))
}
