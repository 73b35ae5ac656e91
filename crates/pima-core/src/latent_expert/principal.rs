//! The leading directions of a small covariance.

use ndarray::{Array1, Array2, ArrayView2};

const MAX_SWEEPS: usize = 60;

/// The leading eigenvectors of a symmetric positive semidefinite matrix (P,P), each times the root of its eigenvalue, the greatest first;
/// zeros beyond its rank. Jacobi rotations of the matrix scaled to unit diagonal: entries have units, and without the scale the one
/// in the smallest unit would be the only direction.
pub(super) fn directions(matrix: ArrayView2<'_, f64>, n_directions: usize) -> Vec<Array1<f64>> {
    let n = matrix.nrows();
    let scale = matrix.diag().mapv(|d| if d > 0.0 { d.sqrt() } else { 1.0 });
    let mut a = Array2::from_shape_fn((n, n), |(i, j)| 0.5 * (matrix[[i, j]] + matrix[[j, i]]) / (scale[i] * scale[j]));
    let mut vectors = Array2::<f64>::eye(n);
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|at| a[at] * a[at]).sum();
        if off <= 1e-30 {
            break;
        }
        for i in 0..n {
            for j in 0..i {
                rotate(&mut a, &mut vectors, i, j);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[[j, j]].total_cmp(&a[[i, i]]));
    let scaled = |i: usize| {
        let root = a[[i, i]].max(0.0).sqrt();
        Array1::from_shape_fn(n, |p| root * vectors[[p, i]] * scale[p])
    };
    let leading = order.into_iter().map(scaled);
    leading.chain(std::iter::repeat_with(|| Array1::zeros(n))).take(n_directions).collect()
}

/// Makes `a[i][j]` zero by a rotation in the plane of i and j.
fn rotate(a: &mut Array2<f64>, vectors: &mut Array2<f64>, i: usize, j: usize) {
    if a[[i, j]].abs() <= f64::MIN_POSITIVE {
        return;
    }
    let half = (a[[j, j]] - a[[i, i]]) / (2.0 * a[[i, j]]);
    let tangent = half.signum() / (half.abs() + half.hypot(1.0));
    let cosine = tangent.hypot(1.0).recip();
    let sine = tangent * cosine;
    for k in 0..a.nrows() {
        let (x, y) = (a[[k, i]], a[[k, j]]);
        (a[[k, i]], a[[k, j]]) = (cosine * x - sine * y, sine * x + cosine * y);
        let (x, y) = (vectors[[k, i]], vectors[[k, j]]);
        (vectors[[k, i]], vectors[[k, j]]) = (cosine * x - sine * y, sine * x + cosine * y);
    }
    for k in 0..a.nrows() {
        let (x, y) = (a[[i, k]], a[[j, k]]);
        (a[[i, k]], a[[j, k]]) = (cosine * x - sine * y, sine * x + cosine * y);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn directions_make_up_the_matrix_again() {
        let a = array![[4.0, 1.2, -0.3], [1.2, 9.0e-6, 1e-5], [-0.3, 1e-5, 250.0]];
        let root = array![[2.0, 0.0, 0.1], [1e-3, 2e-3, 0.0], [3.0, -4.0, 12.0]];
        for matrix in [root.dot(&root.t()), Array2::eye(3), a.dot(&a.t())] {
            let found = directions(matrix.view(), 5);
            let sum = |p: usize, q: usize| found.iter().map(|v| v[p] * v[q]).sum::<f64>();
            for ((p, q), &value) in matrix.indexed_iter() {
                let size = (matrix[[p, p]] * matrix[[q, q]]).sqrt();
                assert!((sum(p, q) - value).abs() < 1e-12 * size, "{p} {q}: {} is not {value}", sum(p, q));
            }
            let length = |v: &Array1<f64>| v.iter().zip(matrix.diag()).map(|(v, d)| v * v / d).sum::<f64>();
            assert!(found.windows(2).all(|pair| length(&pair[0]) >= length(&pair[1]) - 1e-12));
            assert_eq!(found[4], Array1::<f64>::zeros(3));
        }
    }

    #[test]
    fn one_way_of_varying_is_one_direction() {
        let way = array![3.0, -1e-4, 20.0];
        let matrix = Array2::from_shape_fn((3, 3), |(p, q)| way[p] * way[q]);
        let found = directions(matrix.view(), 2);
        let sign = found[0][0].signum();
        for (found, way) in found[0].iter().zip(&way) {
            assert!((sign * found - way).abs() < 1e-12 * way.abs(), "{found} is not {way}");
        }
        assert!(found[1].iter().zip(&way).all(|(v, way)| v.abs() < 1e-7 * way.abs()));
    }
}
