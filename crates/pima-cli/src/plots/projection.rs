//! A latent space of many dimensions seen from few: principal axes of the cluster means.
//!
//! This serves the eye only; nothing that is reported is computed from it.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::run_directory::Predictions;

/// What is drawn of the latent space, in k dimensions.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Posterior means of the samples, (D,k).
    pub(crate) points: Array2<f64>,
    /// Means of the clusters, (N,k).
    pub(crate) means: Array2<f64>,
    /// Covariances of the clusters, N of (k,k).
    pub(crate) covariances: Vec<Array2<f64>>,
    /// Names of the k axes.
    pub(crate) names: Vec<String>,
    /// What the reader must know of a projection.
    pub(crate) note: Option<String>,
    /// Of a projection, its axes in latent space, (k,l).
    pub(crate) axes: Option<Array2<f64>>,
}

/// Share of the means' variance below which two axes are not enough and a third is drawn.
const ENOUGH: f64 = 0.9;

impl View {
    /// All dimensions where there are at most three, else the two (or three) principal axes of the cluster means.
    pub(crate) fn of(predictions: &Predictions) -> Self {
        let l = predictions.n_latent();
        if l <= 3 {
            let names = (1..=l).map(|j| format!("latent dimension {j}")).collect();
            return Self::along(predictions, &Array2::eye(l), &Array1::zeros(l), names);
        }
        let weight = normalised(predictions.prior_weight.view());
        let centre = weighted_sum(&weight, &predictions.prior_mean);
        let centred = &predictions.prior_mean - &centre;
        let mut spread = centred.t().dot(&(&centred * &weight.view().insert_axis(Axis(1))));
        let total = spread.diag().sum().max(f64::MIN_POSITIVE);
        // Fewer means than axes leave the last axes open: the clusters' own spread, too small to turn the others,
        // decides them.
        let within = weighted_sum(&weight, &predictions.prior_var);
        let small = 1e-6 * total / within.sum().max(f64::MIN_POSITIVE);
        for j in 0..l {
            spread[[j, j]] += small * within[j].min(f64::MAX);
        }
        let (values, vectors) = symmetric_eigen(&spread);
        let share = |k: usize| values.iter().take(k).sum::<f64>() / total;
        let k = if share(2) < ENOUGH { 3 } else { 2 };
        let axes = vectors.slice(ndarray::s![.., ..k]).t().to_owned();
        let names = (1..=k).map(|j| format!("principal axis {j}")).collect();
        let note = format!(
            "Seen along {k} of {l} dimensions: the principal axes of the cluster means, with {:.0} % of their variance.",
            100.0 * share(k).min(1.0)
        );
        let view = Self::along(predictions, &axes, &centre, names);
        Self { note: Some(note), axes: Some(axes), ..view }
    }

    /// Coordinates along the rows of `axes` (k,l) from `origin` (l).
    fn along(predictions: &Predictions, axes: &Array2<f64>, origin: &Array1<f64>, names: Vec<String>) -> Self {
        let points = (&predictions.latent_mean - origin).dot(&axes.t());
        let means = (&predictions.prior_mean - origin).dot(&axes.t());
        let covariances = predictions.prior_var.outer_iter().map(|var| (axes * &var).dot(&axes.t())).collect();
        Self { points, means, covariances, names, note: None, axes: None }
    }
}

/// Weights that sum to one; equal ones where they cannot.
fn normalised(weight: ArrayView1<f64>) -> Array1<f64> {
    let sum = weight.sum();
    if sum > 0.0 && sum.is_finite() {
        &weight / sum
    } else {
        Array1::from_elem(weight.len(), 1.0 / weight.len() as f64)
    }
}

/// `sum_c weight_c rows_c`, (l).
fn weighted_sum(weight: &Array1<f64>, rows: &Array2<f64>) -> Array1<f64> {
    weight.dot(rows)
}

/// The two-sigma ellipse of a Gaussian in the plane of axes `i` and `j`, as a closed line.
pub(crate) fn two_sigma_ellipse(mean: (f64, f64), covariance: &Array2<f64>, i: usize, j: usize) -> Vec<(f64, f64)> {
    // Lower Cholesky factor of the 2 by 2 block: it turns the circle into the ellipse.
    let a = covariance[[i, i]].max(0.0).sqrt();
    let b = if a > 0.0 { covariance[[i, j]] / a } else { 0.0 };
    let c = (covariance[[j, j]] - b * b).max(0.0).sqrt();
    (0..=96)
        .map(|k| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(k) / 96.0).sin_cos();
            (mean.0 + 2.0 * a * cos, mean.1 + 2.0 * (b * cos + c * sin))
        })
        .collect()
}

/// Eigenvalues, largest first, and eigenvectors (as columns) of a symmetric matrix, by cyclic Jacobi rotations. The
/// largest entry of each vector is positive, so that a figure does not flip between machines.
fn symmetric_eigen(matrix: &Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = matrix.nrows();
    let mut a = matrix.clone();
    let mut v = Array2::<f64>::eye(n);
    for _sweep in 0..60 {
        let off: f64 = a.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, x)| x * x).sum();
        if off <= 1e-24 * a.diag().iter().map(|x| x * x).sum::<f64>() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[[k, p]], a[[k, q]]);
                    (a[[k, p]], a[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[[p, k]], a[[q, k]]);
                    (a[[p, k]], a[[q, k]]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[[k, p]], v[[k, q]]);
                    (v[[k, p]], v[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[[j, j]].total_cmp(&a[[i, i]]));
    let mut vectors = v.select(Axis(1), &order);
    for mut column in vectors.columns_mut() {
        let largest = column.iter().copied().fold(0.0_f64, |best, x| if x.abs() > best.abs() { x } else { best });
        if largest < 0.0 {
            column.mapv_inplace(|x| -x);
        }
    }
    (order.iter().map(|&i| a[[i, i]]).collect(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn predictions(mean: Array2<f64>, var: Array2<f64>) -> Predictions {
        let (n, l) = mean.dim();
        Predictions {
            latent_mean: mean.clone(),
            latent_logvar: Array2::zeros((n, l)),
            responsibilities: Array2::eye(n),
            cluster: (0..n as i64).collect(),
            label: Array1::from_elem(n, -1),
            prior_weight: Array1::from_elem(n, 1.0 / n as f64),
            prior_mean: mean,
            prior_var: var,
            modalities: [].into(),
            facts: Vec::new(),
        }
    }

    #[test]
    fn eigenvectors_reproduce_the_matrix() {
        let matrix = array![[4.0, 1.0, -2.0, 0.3], [1.0, 3.0, 0.5, -0.7], [-2.0, 0.5, 5.0, 0.0], [0.3, -0.7, 0.0, 1.0]];
        let (values, vectors) = symmetric_eigen(&matrix);
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]), "{values:?}");
        let again = vectors.dot(&Array2::from_diag(&Array1::from(values))).dot(&vectors.t());
        assert!((&again - &matrix).iter().all(|x| x.abs() < 1e-12), "{again}");
        assert!((&vectors.t().dot(&vectors) - &Array2::<f64>::eye(4)).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn few_dimensions_are_shown_as_they_are() {
        let mean = array![[1.0, 2.0, 3.0], [0.0, -1.0, 5.0]];
        let view = View::of(&predictions(mean.clone(), Array2::from_elem((2, 3), 0.5)));
        assert_eq!((view.means, view.points), (mean.clone(), mean));
        assert_eq!(view.covariances[1], Array2::<f64>::eye(3) * 0.5);
        assert_eq!((view.names[2].as_str(), view.note), ("latent dimension 3", None));
    }

    #[test]
    fn means_in_a_plane_keep_their_distances() {
        // A square in a plane that no two dimensions span.
        let (u, w) = (array![0.5, 0.5, 0.5, 0.5, 0.0], array![0.5, -0.5, 0.0, 0.0, 0.5_f64.sqrt()]);
        let corners = [(0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (0.0, 1.0)];
        let mean = Array2::from_shape_fn((4, 5), |(i, j)| 7.0 + corners[i].0 * u[j] + corners[i].1 * w[j]);
        let view = View::of(&predictions(mean.clone(), Array2::from_elem((4, 5), 0.01)));
        assert_eq!(view.names.len(), 2);
        assert!(view.note.as_ref().unwrap().contains("2 of 5 dimensions"), "{:?}", view.note);
        for i in 0..4 {
            for k in 0..i {
                let before: f64 = (&mean.row(i) - &mean.row(k)).mapv(|x| x * x).sum();
                let after: f64 = (&view.means.row(i) - &view.means.row(k)).mapv(|x| x * x).sum();
                assert!((before / after - 1.0).abs() < 1e-6, "{i} {k}: {before} {after}");
            }
        }
        // An isotropic Gaussian stays isotropic whichever way it is seen.
        assert!((&view.covariances[0] - &(Array2::<f64>::eye(2) * 0.01)).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn a_third_axis_is_added_where_two_do_not_show_the_means() {
        let view = View::of(&predictions(Array2::eye(6) * 4.0, Array2::ones((6, 6))));
        assert_eq!(view.points.dim(), (6, 3));
        assert!(view.note.unwrap().contains("60 % of their variance"));
        // A single cluster has no axes of its own; the view must still be finite.
        let single = View::of(&predictions(Array2::ones((1, 5)), Array2::ones((1, 5))));
        assert!(single.points.iter().chain(&single.covariances[0]).all(|x| x.is_finite()));
    }

    #[test]
    fn every_point_of_the_ellipse_is_two_sigma_away() {
        let covariance = array![[2.0, 0.6], [0.6, 0.5]];
        let determinant = 2.0 * 0.5 - 0.36;
        for (x, y) in two_sigma_ellipse((1.0, -3.0), &covariance, 0, 1) {
            let (dx, dy) = (x - 1.0, y + 3.0);
            let mahalanobis = (0.5 * dx * dx - 2.0 * 0.6 * dx * dy + 2.0 * dy * dy) / determinant;
            assert!((mahalanobis - 4.0).abs() < 1e-9, "{mahalanobis}");
        }
    }
}
