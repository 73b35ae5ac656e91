//! Adjusted Rand index of labels and clusters.

use ndarray::Axis;

use super::confusion::filled_confusion_matrix;
use crate::Result;

/// Rand index corrected for chance (Hubert and Arabie 1985): 1 for a perfect match, 0 on average for a random one, at least
/// -1/2.
///
/// Two trivial partitions of the same kind (all together, or all apart) match perfectly, 1.
///
/// # Errors
/// As [`confusion_matrix`](super::confusion_matrix), and [`Error::Empty`](crate::Error::Empty) without samples.
pub fn ari(labels: &[usize], clusters: &[usize], n_labels: usize, n_clusters: usize) -> Result<f64> {
    let confusion = filled_confusion_matrix("adjusted Rand index", labels, clusters, n_labels, n_clusters)?;
    // Ordered pairs of distinct samples, counted exactly: the products below cancel.
    let square = |count: &usize| (*count as i128).pow(2);
    let n_samples = labels.len() as i128;
    let together_in_both: i128 = confusion.iter().map(square).sum::<i128>() - n_samples;
    let together_in_labels: i128 = confusion.sum_axis(Axis(1)).iter().map(square).sum::<i128>() - n_samples;
    let together_in_clusters: i128 = confusion.sum_axis(Axis(0)).iter().map(square).sum::<i128>() - n_samples;
    let pairs = n_samples * (n_samples - 1);
    // index = (t - e) / (m - e) with e = labels * clusters / pairs and m = (labels + clusters) / 2, times 2 * pairs.
    let above_chance = 2 * (together_in_both * pairs - together_in_labels * together_in_clusters);
    let possible = (together_in_labels + together_in_clusters) * pairs - 2 * together_in_labels * together_in_clusters;
    if possible == 0 {
        return Ok(1.0);
    }
    Ok(above_chance as f64 / possible as f64)
}
