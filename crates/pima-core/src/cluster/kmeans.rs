//! Seeds by k-means++ and Lloyd's algorithm: where the EM algorithms start.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::Rng;

use crate::{Error, Location, Result, check};

/// A partition of points into clusters about their means.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Means of the clusters, (N,l).
    pub centres: Array2<f64>,
    /// Cluster of each point, (D): the one with the nearest centre.
    pub assignment: Array1<usize>,
    /// Sum of the squared distances of the points to their centres.
    pub inertia: f64,
    /// Passes over the data spent.
    pub iterations: usize,
    /// Whether the partition stopped changing, rather than ran out of iterations.
    pub converged: bool,
}

/// Chooses N of the points (D,l) as seeds, far apart: each next one with probability proportional to the squared distance to the
/// nearest seed so far (Arthur and Vassilvitskii 2007), the best of `2 + ln N` such draws each time. Returns the seeds (N,l).
///
/// # Errors
/// [`Error::Empty`] without clusters or dimensions; [`Error::InvalidParameter`] when there are fewer distinct points than
/// clusters or squared distances overflow; [`Error::NotFinite`] naming the sample and dimension of a value that is not finite.
pub fn kmeans_plus_plus<R: Rng + ?Sized>(
    data: ArrayView2<'_, f64>,
    n_clusters: usize,
    rng: &mut R,
) -> Result<Array2<f64>> {
    check_points("k-means++", &data, n_clusters)?;
    let n_samples = data.nrows();
    let n_candidates = 2 + (n_clusters as f64).ln() as usize;
    let mut seeds = Array2::zeros((n_clusters, data.ncols()));
    seeds.row_mut(0).assign(&data.row(rng.random_range(0..n_samples)));
    let mut nearest: Vec<f64> = data.outer_iter().map(|point| squared_distance(point, seeds.row(0))).collect();
    let mut trial = vec![0.0; n_samples];
    let mut best = vec![0.0; n_samples];
    for c in 1..n_clusters {
        let total: f64 = nearest.iter().sum();
        check_spread(total, c)?;
        let mut best_total = f64::INFINITY;
        for _ in 0..n_candidates {
            let candidate = draw(&nearest, total, rng);
            for ((trial, nearest), point) in trial.iter_mut().zip(&nearest).zip(data.outer_iter()) {
                *trial = nearest.min(squared_distance(point, data.row(candidate)));
            }
            let trial_total: f64 = trial.iter().sum();
            if trial_total < best_total {
                best_total = trial_total;
                seeds.row_mut(c).assign(&data.row(candidate));
                std::mem::swap(&mut best, &mut trial);
            }
        }
        std::mem::swap(&mut nearest, &mut best);
    }
    Ok(seeds)
}

/// Lloyd's algorithm on points (D,l) from k-means++ seeds, at most `max_iterations` passes.
///
/// A cluster that loses all its points starts again at the point that is furthest from its centre, so no cluster is empty and
/// the inertia never rises.
///
/// # Errors
/// As [`kmeans_plus_plus`].
pub fn kmeans<R: Rng + ?Sized>(
    data: ArrayView2<'_, f64>,
    n_clusters: usize,
    max_iterations: usize,
    rng: &mut R,
) -> Result<KMeans> {
    let centres = kmeans_plus_plus(data, n_clusters, rng)?;
    Ok(lloyd(data, centres, max_iterations))
}

/// Lloyd's algorithm from given centres; `data` is finite and has at least as many distinct points as there are centres.
fn lloyd(data: ArrayView2<'_, f64>, centres: Array2<f64>, max_iterations: usize) -> KMeans {
    let n_clusters = centres.nrows();
    let mut assignment = Array1::from_elem(data.nrows(), n_clusters);
    let mut distance = vec![0.0; data.nrows()];
    let mut state = KMeans { centres, assignment: Array1::zeros(0), inertia: 0.0, iterations: 0, converged: false };
    loop {
        let mut changed = assign(data, &state.centres, &mut assignment, &mut distance);
        changed |= fill_empty(data, n_clusters, &mut assignment, &mut distance);
        state.inertia = distance.iter().sum();
        state.converged = !changed;
        if state.converged || state.iterations == max_iterations {
            state.assignment = assignment;
            return state;
        }
        state.iterations += 1;
        move_to_means(data, &assignment, &mut state.centres);
    }
}

/// Gives each point its nearest centre and tells whether any changed.
fn assign(
    data: ArrayView2<'_, f64>,
    centres: &Array2<f64>,
    assignment: &mut Array1<usize>,
    distance: &mut [f64],
) -> bool {
    let n_clusters = centres.nrows();
    // (l,N): the loop over clusters is innermost and contiguous.
    let by_dimension = centres.t().as_standard_layout().into_owned();
    let mut row = vec![0.0; n_clusters];
    let mut changed = false;
    for ((point, assigned), distance) in data.outer_iter().zip(assignment.iter_mut()).zip(distance) {
        row.fill(0.0);
        for (x, centres) in point.iter().zip(by_dimension.outer_iter()) {
            for (squared, centre) in row.iter_mut().zip(centres) {
                let offset = x - centre;
                *squared += offset * offset;
            }
        }
        let mut nearest = 0;
        for c in 1..n_clusters {
            if row[c] < row[nearest] {
                nearest = c;
            }
        }
        changed |= *assigned != nearest;
        *assigned = nearest;
        *distance = row[nearest];
    }
    changed
}

/// Hands each empty cluster the point furthest from its centre, and tells whether there was one.
fn fill_empty(
    data: ArrayView2<'_, f64>,
    n_clusters: usize,
    assignment: &mut Array1<usize>,
    distance: &mut [f64],
) -> bool {
    let mut members = vec![0_usize; n_clusters];
    for &c in assignment.iter() {
        members[c] += 1;
    }
    let mut filled = false;
    for c in 0..n_clusters {
        if members[c] > 0 {
            continue;
        }
        let donors = (0..data.nrows()).filter(|&d| members[assignment[d]] > 1);
        // With at least as many points as clusters and one cluster empty, another holds two.
        if let Some(furthest) = donors.max_by(|&a, &b| distance[a].total_cmp(&distance[b])) {
            members[assignment[furthest]] -= 1;
            members[c] = 1;
            assignment[furthest] = c;
            distance[furthest] = 0.0;
            filled = true;
        }
    }
    filled
}

/// Moves each centre to the mean of its points.
fn move_to_means(data: ArrayView2<'_, f64>, assignment: &Array1<usize>, centres: &mut Array2<f64>) {
    let mut members = vec![0.0; centres.nrows()];
    // Means of the offsets from the old centres: far from the origin a plain sum would lose the digits that matter.
    let mut offsets = Array2::<f64>::zeros(centres.raw_dim());
    for (point, &c) in data.outer_iter().zip(assignment) {
        members[c] += 1.0;
        for ((offset, x), centre) in offsets.row_mut(c).iter_mut().zip(point).zip(centres.row(c)) {
            *offset += x - centre;
        }
    }
    for ((mut centre, offset), members) in centres.outer_iter_mut().zip(offsets.outer_iter()).zip(members) {
        if members > 0.0 {
            centre.scaled_add(1.0 / members, &offset);
        }
    }
}

/// Checks shared by the clustering algorithms of this module.
pub(super) fn check_points(operation: &'static str, data: &ArrayView2<'_, f64>, n_clusters: usize) -> Result<()> {
    for (what, n) in [("the list of clusters", n_clusters), ("the axis of dimensions", data.ncols())] {
        if n == 0 {
            return Err(Error::Empty { operation, what });
        }
    }
    if data.nrows() < n_clusters {
        return Err(too_many_clusters(n_clusters, "at most the number of samples"));
    }
    check::finite("data", data, |(d, j)| Location::sample(d).in_dimension(j))
}

fn check_spread(total: f64, n_seeds: usize) -> Result<()> {
    if total == 0.0 {
        return Err(too_many_clusters(n_seeds + 1, "at most the number of distinct samples"));
    }
    if !total.is_finite() {
        return Err(Error::InvalidParameter {
            name: "sum of squared distances between the samples".to_owned(),
            value: total,
            requirement: "finite: rescale the data",
        });
    }
    Ok(())
}

fn too_many_clusters(n_clusters: usize, requirement: &'static str) -> Error {
    Error::InvalidParameter { name: "n_clusters".to_owned(), value: n_clusters as f64, requirement }
}

/// An index drawn with probability proportional to `weights`, which sum to `total > 0`.
fn draw<R: Rng + ?Sized>(weights: &[f64], total: f64, rng: &mut R) -> usize {
    let mut remaining = rng.random::<f64>() * total;
    let mut last = 0;
    for (index, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            if remaining < weight {
                return index;
            }
            remaining -= weight;
            // Rounding can leave a remainder after the last weight: the draw is then the last index of positive weight.
            last = index;
        }
    }
    last
}

fn squared_distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// `per_cluster` points of unit variance about each corner of a square of side 30, far from the origin.
    fn four_corners(per_cluster: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        Array2::from_shape_fn((4 * per_cluster, 2), |(d, j)| {
            let noise: f64 = StandardNormal.sample(rng);
            1e6 + 30.0 * ((d % 4) >> j & 1) as f64 + noise
        })
    }

    #[test]
    fn separated_clusters_are_found_from_any_seed() {
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let data = four_corners(50, &mut rng);
            let fit = kmeans(data.view(), 4, 50, &mut rng).unwrap();
            assert!(fit.converged && fit.iterations <= 10, "seed {seed}: {} iterations", fit.iterations);
            let names: Vec<usize> = (0..4).map(|corner| fit.assignment[corner]).collect();
            for (d, &cluster) in fit.assignment.iter().enumerate() {
                assert_eq!(cluster, names[d % 4], "seed {seed}, point {d}");
            }
            // 200 points in 2 dimensions with 4 means fitted: chi-square with 392 degrees of freedom, sd 28.
            assert!((fit.inertia - 392.0).abs() < 5.0 * 28.0, "seed {seed}: {}", fit.inertia);
        }
    }

    proptest! {
        #[test]
        fn lloyd_is_monotone_and_consistent(
            points in proptest::collection::vec((-10.0..10.0_f64, -10.0..10.0_f64), 8..40),
            n_clusters in 1_usize..6,
            seed: u64,
        ) {
            let data = Array2::from_shape_fn((points.len(), 2), |(d, j)| if j == 0 { points[d].0 } else { points[d].1 });
            let run = |iterations| kmeans(data.view(), n_clusters, iterations, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let mut before = f64::INFINITY;
            for iterations in 0..12 {
                let fit = run(iterations);
                prop_assert!(fit.inertia <= before * (1.0 + 1e-12), "{} after {before}", fit.inertia);
                before = fit.inertia;
                let members = (0..n_clusters).map(|c| fit.assignment.iter().filter(|&&a| a == c).count());
                prop_assert!(members.min() > Some(0));
                let inertia: f64 = data
                    .outer_iter()
                    .zip(&fit.assignment)
                    .map(|(point, &c)| squared_distance(point, fit.centres.row(c)))
                    .sum();
                prop_assert!((inertia - fit.inertia).abs() <= 1e-10 * (1.0 + inertia));
            }
        }

        #[test]
        fn seeds_are_distinct_points_of_the_data(n_clusters in 1_usize..8, seed: u64) {
            let data = Array2::from_shape_fn((16, 1), |(d, _)| (d / 2) as f64);
            let seeds = kmeans_plus_plus(data.view(), n_clusters, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let mut found: Vec<i64> = seeds.iter().map(|&x| x as i64).collect();
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(found.len(), n_clusters);
            prop_assert!(seeds.iter().all(|seed| data.iter().any(|x| x == seed)));
        }
    }

    #[test]
    fn a_cluster_without_points_starts_again_at_the_furthest() {
        let data = array![[0.0], [1.0], [2.0], [10.0]];
        // The second centre is the nearest of none.
        let fit = lloyd(data.view(), array![[1.0], [100.0]], 10);
        assert_eq!(fit.assignment, array![0, 0, 0, 1]);
        assert_eq!(fit.centres, array![[1.0], [10.0]]);
        assert_eq!(fit.inertia, 2.0);
    }

    #[test]
    fn a_generator_decides_the_result() {
        let data = four_corners(20, &mut ChaCha8Rng::seed_from_u64(1));
        let run = |seed| kmeans(data.view(), 7, 30, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        assert_eq!(run(5), run(5));
        assert_ne!(run(5).centres, run(6).centres);
    }

    #[test]
    fn bad_points_are_refused() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut text = |data: Array2<f64>, n| kmeans(data.view(), n, 10, &mut rng).unwrap_err().to_string();
        assert!(text(array![[1.0], [2.0]], 3).contains("n_clusters is 3 but must be at most the number of samples"));
        assert!(text(array![[1.0], [2.0], [2.0]], 3).contains("number of distinct samples"));
        assert!(text(array![[1.0, 2.0], [1.0, f64::NAN]], 1).contains("data is NaN at sample 1, dimension 1"));
        assert!(text(array![[1e200], [-1e200]], 2).contains("rescale"));
        assert!(text(array![[1.0]], 0).contains("empty"));
        assert!(text(Array2::zeros((3, 0)), 1).contains("empty"));
        // A constant column carries no information and does no harm.
        let fit = kmeans(array![[0.0, 5.0], [1.0, 5.0]].view(), 2, 10, &mut rng).unwrap();
        assert_eq!(fit.inertia, 0.0);
    }
}
