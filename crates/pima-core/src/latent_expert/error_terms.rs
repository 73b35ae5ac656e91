//! The squared error between data and curves that differ from sample to sample and cluster to cluster.

use ndarray::{ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};

use crate::{Result, check};

/// Adds `sum_j weight_j (x_bj - curve_bcj)^2` to `out` (B,N) for the samples that are `present` (B, zero or not); `x` is (B,d), `curves`
/// (B,N,d), `weight` (d).
///
/// It is the reconstruction term of the loss with `weight_j = lambda / variance_j`; `lambda sum_j log variance_j` is the caller's.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape).
pub fn squared_error(
    x: ArrayView2<'_, f64>,
    curves: ArrayView3<'_, f64>,
    present: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    mut out: ArrayViewMut2<'_, f64>,
) -> Result<()> {
    check_shapes(&x, curves.shape(), &present, &weight, out.shape())?;
    for (b, (x, curves)) in x.outer_iter().zip(curves.outer_iter()).enumerate() {
        if present[b] == 0.0 {
            continue;
        }
        for (c, curve) in curves.outer_iter().enumerate() {
            let terms = x.iter().zip(curve).zip(weight);
            out[[b, c]] += terms.map(|((x, curve), weight)| weight * (x - curve) * (x - curve)).sum::<f64>();
        }
    }
    Ok(())
}

/// Writes the derivative of `sum_bc grad_bc R_bc` by the curves, `-2 grad_bc weight_j (x_bj - curve_bcj)`, into `out` (B,N,d); zero for
/// samples that are not present. R is what [`squared_error`] adds; `grad` (B,N) is the loss's derivative by it.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape).
pub fn squared_error_adjoint(
    x: ArrayView2<'_, f64>,
    curves: ArrayView3<'_, f64>,
    present: ArrayView1<'_, f64>,
    weight: ArrayView1<'_, f64>,
    grad: ArrayView2<'_, f64>,
    mut out: ArrayViewMut3<'_, f64>,
) -> Result<()> {
    check_shapes(&x, curves.shape(), &present, &weight, grad.shape())?;
    check::shape("squared error: adjoint", "(B,N,d)", curves.shape(), out.shape())?;
    for (b, (x, curves)) in x.outer_iter().zip(curves.outer_iter()).enumerate() {
        for (c, curve) in curves.outer_iter().enumerate() {
            let mut out = out.slice_mut(ndarray::s![b, c, ..]);
            if present[b] == 0.0 || grad[[b, c]] == 0.0 {
                out.fill(0.0);
                continue;
            }
            for (j, out) in out.iter_mut().enumerate() {
                *out = -2.0 * grad[[b, c]] * weight[j] * (x[j] - curve[j]);
            }
        }
    }
    Ok(())
}

fn check_shapes(
    x: &ArrayView2<'_, f64>,
    curves: &[usize],
    present: &ArrayView1<'_, f64>,
    weight: &ArrayView1<'_, f64>,
    terms: &[usize],
) -> Result<()> {
    let (n_samples, n_values) = x.dim();
    let n_clusters = curves.get(1).copied().unwrap_or(0);
    check::shape("squared error: curves", "(B,N,d)", &[n_samples, n_clusters, n_values], curves)?;
    check::shape("squared error: present", "(B)", &[n_samples], present.shape())?;
    check::shape("squared error: weight", "(d)", &[n_values], weight.shape())?;
    check::shape("squared error: terms", "(B,N)", &[n_samples, n_clusters], terms)
}
