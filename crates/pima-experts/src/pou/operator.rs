//! Fits of a POU network as matrices that act on samples: for many curves at the same times, one decomposition is enough.

use ndarray::{Array2, ArrayView1, s};

use super::PouOptions;
use super::integral::GaussLegendre;
use super::solve::solve;
use crate::Result;

/// Points of the rule between two samples: they are much closer to each other than the centres of the bumps.
const POINTS: usize = 8;

/// Matrices (T,T) that act on T samples at fixed times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampleOperators {
    /// From samples to the fit's values at the same times.
    pub(crate) smooth: Array2<f64>,
    /// From samples to the fit's integrals from the first time.
    pub(crate) integrate: Array2<f64>,
}

impl SampleOperators {
    /// # Errors
    /// As [`super::fit_pou`].
    pub(crate) fn new(times: ArrayView1<'_, f64>, options: &PouOptions) -> Result<Self> {
        Self::between(times, times, options)
    }

    /// Operators from samples at `known` (T) times to values at `wanted` (U) times, integrated from the first of these; (U,T).
    pub(crate) fn between(
        known: ArrayView1<'_, f64>,
        wanted: ArrayView1<'_, f64>,
        options: &PouOptions,
    ) -> Result<Self> {
        let basis = options.basis(known)?;
        let inverse = solve(basis.matrix(known), Array2::eye(known.len()).view(), options.solve)?.coefficients;
        let rule = GaussLegendre::new(POINTS);
        let mut integrals = Array2::zeros((wanted.len(), basis.len()));
        for j in 1..wanted.len() {
            let mut corners = vec![wanted[j - 1], wanted[j]];
            corners.extend(basis.partition.centres().iter().filter(|m| wanted[j - 1] < **m && **m < wanted[j]));
            corners.sort_by(f64::total_cmp);
            let (times, weights): (Vec<f64>, Vec<f64>) =
                corners.windows(2).flat_map(|pair| rule.points(pair[0], pair[1])).unzip();
            let piece = ArrayView1::from(&weights).dot(&basis.matrix(ArrayView1::from(&times)));
            let sum = &integrals.row(j - 1) + &piece;
            integrals.slice_mut(s![j, ..]).assign(&sum);
        }
        Ok(Self { smooth: basis.matrix(wanted).dot(&inverse), integrate: integrals.dot(&inverse) })
    }
}
