//! Mean and variance of a mixture of decoders, for predictions with uncertainty.

use ndarray::{Array2, ArrayView2, ArrayView3, Zip};

use crate::{Result, check};

/// Mean and variance (B,d) of every sample's mixture over clusters (Walker et al. 2023, eq. 12):
///
/// `E[x_j] = sum_c w_c mean_cj`, `Var[x_j] = sum_c w_c (var_cj + mean_cj^2) - E[x_j]^2`
///
/// `weight` (B,N) sums to one in each row: the prior's weights or responsibilities. `mean` and `var` are (B,N,d). Decoders that
/// depend on the cluster alone have (N,d): pass `mean.broadcast((B,N,d))`, and likewise the weights of the prior; nothing is copied.
/// The variance is summed as `w_c (var_c + (mean_c - E)^2)`, which cannot come out negative.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when the shapes disagree. Values are not checked: NaN in, NaN out.
pub fn mixture_moments(
    weight: ArrayView2<'_, f64>,
    mean: ArrayView3<'_, f64>,
    var: ArrayView3<'_, f64>,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let (n_samples, n_clusters, n_values) = mean.dim();
    check::shape("mixture_moments: weight", "(B,N)", &[n_samples, n_clusters], weight.shape())?;
    check::shape("mixture_moments: var", "(B,N,d)", mean.shape(), var.shape())?;
    let mut first = Array2::zeros((n_samples, n_values));
    let mut second = Array2::zeros((n_samples, n_values));
    for b in 0..n_samples {
        let (mut first, mut second) = (first.row_mut(b), second.row_mut(b));
        for c in 0..n_clusters {
            first.scaled_add(weight[[b, c]], &mean.slice(ndarray::s![b, c, ..]));
        }
        for c in 0..n_clusters {
            let w = weight[[b, c]];
            Zip::from(&mut second)
                .and(&first)
                .and(mean.slice(ndarray::s![b, c, ..]))
                .and(var.slice(ndarray::s![b, c, ..]))
                .for_each(|second, expected, mean, var| {
                    let offset = mean - expected;
                    *second += w * (var + offset * offset);
                });
        }
    }
    Ok((first, second))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;
    use crate::Error;

    #[test]
    fn two_points_far_from_zero_keep_their_variance() {
        // By E[x^2] - E[x]^2 at 1e9 no digit of a variance of 1.25 would be left.
        let weight = array![[0.5, 0.5]];
        let mean = array![[[1e9 - 1.0], [1e9 + 1.0]]];
        let var = array![[[0.25], [0.25]]];
        let (mean, var) = mixture_moments(weight.view(), mean.view(), var.view()).unwrap();
        assert_eq!(mean[[0, 0]], 1e9);
        assert_eq!(var[[0, 0]], 1.25);
    }

    #[test]
    fn decoders_of_the_cluster_alone_are_broadcast() {
        let weight = Array1::from(vec![0.25, 0.75]);
        let mean = array![[0.0, 4.0, 1.0], [4.0, 4.0, 2.0]];
        let var = array![[1.0, 1.0, 0.0], [1.0, 3.0, 0.0]];
        let (mean, var) = mixture_moments(
            weight.broadcast((2, 2)).unwrap(),
            mean.broadcast((2, 2, 3)).unwrap(),
            var.broadcast((2, 2, 3)).unwrap(),
        )
        .unwrap();
        assert_eq!(mean, array![[3.0, 4.0, 1.75], [3.0, 4.0, 1.75]]);
        assert_eq!(var, array![[4.0, 2.5, 0.1875], [4.0, 2.5, 0.1875]]);
    }

    #[test]
    fn shapes_that_disagree_are_refused() {
        let mean = ndarray::Array3::zeros((2, 3, 4));
        let weight = ndarray::Array2::zeros((2, 4));
        assert!(matches!(mixture_moments(weight.view(), mean.view(), mean.view()), Err(Error::Shape { .. })));
    }
}
