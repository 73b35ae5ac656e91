//! The scores against independent references, a brute-force matching and their own symmetries.

use ndarray::{Array2, array};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Error;

#[derive(serde::Deserialize)]
struct Case {
    labels: Vec<usize>,
    clusters: Vec<usize>,
    n_labels: usize,
    n_clusters: usize,
    accuracy: f64,
    nmi: f64,
    ari: f64,
}

fn reference_cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap()
}

#[test]
fn scores_agree_with_the_independent_reference() {
    let cases = reference_cases();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let score = unsupervised_accuracy(&case.labels, &case.clusters, case.n_labels, case.n_clusters).unwrap();
        let nmi = nmi(&case.labels, &case.clusters, case.n_labels, case.n_clusters).unwrap();
        let ari = ari(&case.labels, &case.clusters, case.n_labels, case.n_clusters).unwrap();
        assert!(
            (score.accuracy - case.accuracy).abs() <= 1e-12 * case.accuracy,
            "{} {}",
            score.accuracy,
            case.accuracy
        );
        assert!((nmi - case.nmi).abs() <= 1e-12 * case.nmi, "{nmi} {}", case.nmi);
        assert!((ari - case.ari).abs() <= 1e-12 * case.ari, "{ari} {}", case.ari);
    }
}

/// Best matched count by trying every one-to-one map of the clusters from `cluster` on to the labels still free.
fn best_matched(confusion: &Array2<usize>, cluster: usize, free: &mut Vec<bool>) -> usize {
    if cluster == confusion.ncols() {
        return 0;
    }
    let mut best = best_matched(confusion, cluster + 1, free);
    for label in 0..confusion.nrows() {
        if free[label] {
            free[label] = false;
            best = best.max(confusion[[label, cluster]] + best_matched(confusion, cluster + 1, free));
            free[label] = true;
        }
    }
    best
}

fn partition_pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, usize, usize)> {
    (1usize..=6, 1usize..=6, 1usize..60).prop_flat_map(|(n_labels, n_clusters, n_samples)| {
        (
            proptest::collection::vec(0..n_labels, n_samples),
            proptest::collection::vec(0..n_clusters, n_samples),
            Just(n_labels),
            Just(n_clusters),
        )
    })
}

proptest! {
    #[test]
    fn accuracy_is_the_best_of_all_matchings((labels, clusters, n_labels, n_clusters) in partition_pair()) {
        let score = unsupervised_accuracy(&labels, &clusters, n_labels, n_clusters).unwrap();
        let best = best_matched(&score.confusion, 0, &mut vec![true; n_labels]);
        prop_assert_eq!(score.accuracy, best as f64 / labels.len() as f64);
        // The assignment is one-to-one and attains the accuracy, sample by sample.
        let used: Vec<usize> = score.assignment.iter().flatten().copied().collect();
        prop_assert_eq!(score.assignment.len(), n_clusters);
        prop_assert_eq!(used.len(), n_labels.min(n_clusters));
        prop_assert_eq!(used.iter().collect::<std::collections::BTreeSet<_>>().len(), used.len());
        let right = labels.iter().zip(&clusters).filter(|&(&label, &cluster)| score.assignment[cluster] == Some(label));
        prop_assert_eq!(right.count(), best);
        prop_assert_eq!(score.confusion.sum(), labels.len());
    }

    #[test]
    fn scores_do_not_depend_on_the_names_of_clusters(
        (labels, clusters, n_labels, n_clusters) in partition_pair(), seed: u64
    ) {
        let mut names: Vec<usize> = (0..n_clusters).collect();
        names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let renamed: Vec<usize> = clusters.iter().map(|&cluster| names[cluster]).collect();
        let before = unsupervised_accuracy(&labels, &clusters, n_labels, n_clusters).unwrap();
        let after = unsupervised_accuracy(&labels, &renamed, n_labels, n_clusters).unwrap();
        prop_assert_eq!(before.accuracy, after.accuracy);
        let nmi_before = nmi(&labels, &clusters, n_labels, n_clusters).unwrap();
        prop_assert!((nmi_before - nmi(&labels, &renamed, n_labels, n_clusters).unwrap()).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&nmi_before));
        let ari_before = ari(&labels, &clusters, n_labels, n_clusters).unwrap();
        prop_assert_eq!(ari_before, ari(&labels, &renamed, n_labels, n_clusters).unwrap());
        prop_assert!((-0.5..=1.0).contains(&ari_before));
        let purity_before = purity(&labels, &clusters, n_labels, n_clusters).unwrap();
        prop_assert_eq!(purity_before, purity(&labels, &renamed, n_labels, n_clusters).unwrap());
        // A matching takes at most the most frequent label of each cluster.
        prop_assert!((before.accuracy..=1.0).contains(&purity_before));
        // Both are symmetric in their two partitions.
        prop_assert_eq!(ari_before, ari(&clusters, &labels, n_clusters, n_labels).unwrap());
        prop_assert!((nmi_before - nmi(&clusters, &labels, n_clusters, n_labels).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn a_renamed_truth_is_perfect((labels, _, n_labels, _) in partition_pair(), seed: u64) {
        let mut names: Vec<usize> = (0..n_labels).collect();
        names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let clusters: Vec<usize> = labels.iter().map(|&label| names[label]).collect();
        prop_assert_eq!(unsupervised_accuracy(&labels, &clusters, n_labels, n_labels).unwrap().accuracy, 1.0);
        prop_assert_eq!(ari(&labels, &clusters, n_labels, n_labels).unwrap(), 1.0);
        prop_assert_eq!(purity(&labels, &clusters, n_labels, n_labels).unwrap(), 1.0);
        prop_assert!((nmi(&labels, &clusters, n_labels, n_labels).unwrap() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn the_matching_is_solved_at_a_hundred_clusters() {
    // A planted permutation with 30 % of the samples scattered: the plant dominates every row and column.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let n = 100;
    let mut names: Vec<usize> = (0..n).collect();
    names.shuffle(&mut rng);
    let labels: Vec<usize> = (0..20_000).map(|sample| sample % n).collect();
    let clusters: Vec<usize> =
        labels.iter().map(|&l| if rng.random::<f64>() < 0.3 { rng.random_range(0..n) } else { names[l] }).collect();
    let score = unsupervised_accuracy(&labels, &clusters, n, n).unwrap();
    let planted = labels.iter().zip(&clusters).filter(|&(&label, &cluster)| names[label] == cluster).count();
    assert_eq!(score.accuracy, planted as f64 / labels.len() as f64);
    for (label, &cluster) in names.iter().enumerate() {
        assert_eq!(score.assignment[cluster], Some(label));
    }
}

#[test]
fn purity_of_the_textbook_example() {
    // Manning, Raghavan and Schuetze 2008, figure 16.4: three clusters of 6, 6 and 5 points with 5 + 4 + 3 of their most frequent label.
    let counts = [[5, 1, 0], [1, 4, 1], [2, 0, 3]];
    let (mut labels, mut clusters) = (Vec::new(), Vec::new());
    for (cluster, of_label) in counts.iter().enumerate() {
        for (label, &count) in of_label.iter().enumerate() {
            labels.extend(vec![label; count]);
            clusters.extend(vec![cluster; count]);
        }
    }
    assert_eq!(purity(&labels, &clusters, 3, 3).unwrap(), 12.0 / 17.0);
    // Clusters of one sample each are pure.
    assert_eq!(purity(&[0, 0, 1, 1], &[0, 1, 2, 3], 2, 4).unwrap(), 1.0);
}

#[test]
fn one_sided_splits_score_as_documented() {
    let together = [0, 0, 0, 0];
    let apart = [0, 1, 2, 3];
    assert_eq!(nmi(&together, &together, 1, 1).unwrap(), 1.0);
    assert_eq!(ari(&together, &together, 1, 1).unwrap(), 1.0);
    assert_eq!(nmi(&together, &apart, 1, 4).unwrap(), 0.0);
    assert_eq!(ari(&together, &apart, 1, 4).unwrap(), 0.0);
    assert_eq!(ari(&apart, &apart, 4, 4).unwrap(), 1.0);
    // Independent partitions share no information.
    assert_eq!(nmi(&[0, 0, 1, 1], &[0, 1, 0, 1], 2, 2).unwrap(), 0.0);
    assert_eq!(ari(&[0, 0, 1, 1], &[0, 1, 0, 1], 2, 2).unwrap(), -0.5);
    // One sample is a perfect match of anything.
    assert_eq!(unsupervised_accuracy(&[2], &[0], 3, 1).unwrap().assignment, vec![Some(2)]);
}

#[test]
fn rmse_is_the_root_of_the_mean_square() {
    let truth = array![[1.0, 2.0], [3.0, 4.0]];
    let predicted = array![[1.0, 2.0], [3.0, 0.0]];
    assert_eq!(rmse(predicted.view(), truth.view()).unwrap(), 2.0);
    assert_eq!(rmse(truth.view(), truth.view()).unwrap(), 0.0);
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let message = |result: crate::Result<f64>| result.unwrap_err().to_string();
    assert!(matches!(confusion_matrix(&[0, 1], &[0], 2, 2), Err(Error::Shape { .. })));
    assert!(matches!(unsupervised_accuracy(&[], &[], 2, 2), Err(Error::Empty { .. })));
    let text = message(nmi(&[0, 5], &[0, 1], 2, 2));
    assert!(text.contains("label of sample 1") && text.contains("below n_labels"), "{text}");
    let text = message(ari(&[0, 1], &[7, 1], 2, 2));
    assert!(text.contains("cluster of sample 0"), "{text}");
    let text = message(rmse(array![[1.0, 1.0], [f64::NAN, 1.0]].view(), array![[1.0, 1.0], [1.0, 1.0]].view()));
    assert!(text.contains("predicted is NaN at sample 1"), "{text}");
    assert!(matches!(rmse(array![1.0].view(), array![1.0, 2.0].view()), Err(Error::Shape { .. })));
    assert!(matches!(
        rmse(ndarray::Array1::<f64>::zeros(0).view(), ndarray::Array1::<f64>::zeros(0).view()),
        Err(Error::Empty { .. })
    ));
}
