//! Antiderivatives of POU networks. Already for exponential bumps of one width they are polylogarithms, so they are taken by
//! quadrature: exact to rounding, because the network is analytic between the centres of its bumps.

use std::f64::consts::PI;

use ndarray::{Array1, Array2, ArrayView1};

use super::PouNetwork;

/// Points of the Gauss-Legendre rule on each panel.
const POINTS: usize = 16;
/// A panel is halved until that changes its integral by less than this, relative to the length of the interval times the largest
/// value met.
const TOLERANCE: f64 = 1e-16;
/// The most often a panel is halved.
const DEPTH: usize = 12;

/// The antiderivatives of a network's k curves that vanish at a given start.
#[derive(Debug, Clone, PartialEq)]
pub struct PouAntiderivative {
    network: PouNetwork,
    rule: GaussLegendre,
    /// Edges of the panels, (n+1).
    edges: Vec<f64>,
    /// Integrals from the start to each edge but the last, (n,k).
    cumulative: Vec<Array1<f64>>,
}

impl PouAntiderivative {
    pub(super) fn new(network: PouNetwork, start: f64, end: f64) -> Self {
        let rule = GaussLegendre::new(POINTS);
        let k = network.coefficients.ncols();
        let mut corners: Vec<f64> =
            network.partition().centres().iter().copied().filter(|m| start < *m && *m < end).collect();
        corners.extend([start, end]);
        corners.sort_by(f64::total_cmp);
        corners.dedup();
        let largest = corners.iter().flat_map(|&t| network.at(t)).fold(0.0_f64, |a, b| a.max(b.abs()));
        let mut panels =
            Panels { network: &network, rule: &rule, edges: vec![start], integrals: Vec::new(), tolerance: 0.0 };
        panels.tolerance = TOLERANCE * largest * (end - start).abs();
        for pair in corners.windows(2) {
            let whole = rule.integrate(&network, pair[0], pair[1]);
            panels.divide(pair[0], pair[1], whole, DEPTH);
        }
        let Panels { edges, integrals, .. } = panels;
        let mut sum = Array1::zeros(k);
        let cumulative = integrals
            .into_iter()
            .map(|integral| {
                let before = sum.clone();
                sum += &integral;
                before
            })
            .collect();
        Self { network, rule, edges, cumulative }
    }

    /// The antiderivatives (k,T) at T times. Before the start and after the end the network is extrapolated, as it is itself
    /// there.
    pub fn evaluate(&self, times: ArrayView1<'_, f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.network.coefficients.ncols(), times.len()));
        for (mut column, &t) in out.columns_mut().into_iter().zip(times) {
            let panel = self.edges.partition_point(|&edge| edge <= t).clamp(1, self.edges.len().max(2) - 1) - 1;
            let rest = self.rule.integrate(&self.network, self.edges[panel], t);
            column.assign(&rest);
            if let Some(before) = self.cumulative.get(panel) {
                column += before;
            }
        }
        out
    }
}

/// Panels in order, as they are made by halving.
struct Panels<'a> {
    network: &'a PouNetwork,
    rule: &'a GaussLegendre,
    edges: Vec<f64>,
    integrals: Vec<Array1<f64>>,
    tolerance: f64,
}

impl Panels<'_> {
    fn divide(&mut self, start: f64, end: f64, whole: Array1<f64>, depth: usize) {
        let middle = 0.5 * (start + end);
        let left = self.rule.integrate(self.network, start, middle);
        let right = self.rule.integrate(self.network, middle, end);
        let change = (&left + &right - &whole).fold(0.0_f64, |a, b| a.max(b.abs()));
        if depth == 0 || change <= self.tolerance.max(4.0 * f64::EPSILON * whole.fold(0.0, |a: f64, b| a.max(b.abs())))
        {
            self.edges.push(end);
            self.integrals.push(left + right);
        } else {
            self.divide(start, middle, left, depth - 1);
            self.divide(middle, end, right, depth - 1);
        }
    }
}

/// A Gauss-Legendre rule on [-1, 1].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GaussLegendre {
    pub(super) nodes: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl GaussLegendre {
    /// The rule of n points: roots of the Legendre polynomial by Newton's method, weights `2 / ((1 - x^2) P'(x)^2)`.
    pub(super) fn new(n: usize) -> Self {
        let (nodes, weights) = (0..n)
            .map(|i| {
                let mut x = -(PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
                for _ in 0..8 {
                    let (value, slope) = legendre(n, x);
                    x -= value / slope;
                }
                let (_, slope) = legendre(n, x);
                (x, 2.0 / ((1.0 - x * x) * slope * slope))
            })
            .unzip();
        Self { nodes, weights }
    }

    /// The points in `[start, end]` with their weights.
    pub(super) fn points(&self, start: f64, end: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let (middle, half) = (0.5 * (start + end), 0.5 * (end - start));
        self.nodes.iter().zip(&self.weights).map(move |(x, w)| (middle + half * x, half * w))
    }

    fn integrate(&self, network: &PouNetwork, start: f64, end: f64) -> Array1<f64> {
        let (times, weights): (Vec<f64>, Vec<f64>) = self.points(start, end).unzip();
        network.evaluate(ArrayView1::from(&times)).dot(&Array1::from(weights))
    }
}

/// `P_n(x)` and its derivative, by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}
