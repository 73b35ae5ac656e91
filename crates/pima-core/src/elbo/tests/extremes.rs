//! Clusters far apart and variances from 1e-12 to 1e12, where finite differences have no digits: the loss by its definition and all its
//! gradients in numbers of twice the precision that carry their derivatives. What may differ is rounding, followed through the
//! formulas to first order.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dual::Dual;
use super::{BOTH, ClusterPosterior, Problem, Sizes};
use crate::ElboWorkspace;

/// Roundings that one number may pass through.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// What the loss is differentiated by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Mean(usize),
    LogVar(usize),
    Logit(usize),
    Recon(usize),
}

/// One sample with one modality, which the fusion passes on as it is; z and z - mu are taken as they were drawn.
struct Sample<'a> {
    problem: &'a Problem,
    b: usize,
    z: Vec<f64>,
    noise: Vec<f64>,
}

impl<'a> Sample<'a> {
    fn new(problem: &'a Problem, workspace: &ElboWorkspace, b: usize) -> Self {
        let n_latent = problem.eps.ncols();
        let noise = |j| problem.eps[[b, j]] * (0.5 * problem.logvar[[0, b, j]]).exp();
        Self { problem, b, z: workspace.z().row(b).to_vec(), noise: (0..n_latent).map(noise).collect() }
    }

    /// Loss plus `z_adjoint z`, and its derivative.
    fn objective(&self, posterior: ClusterPosterior, by: By) -> Dual {
        let (problem, b) = (self.problem, self.b);
        let (n_clusters, n_latent) = problem.prior_mean.dim();
        let input = |value: f64, this: By| Dual::new(value, f64::from(u8::from(by == this)));
        let number = Dual::constant;
        let mean: Vec<Dual> = (0..n_latent).map(|j| input(problem.mean[[0, b, j]], By::Mean(j))).collect();
        let logvar: Vec<Dual> = (0..n_latent).map(|j| input(problem.logvar[[0, b, j]], By::LogVar(j))).collect();
        let z = |j: usize| {
            let slope = match by {
                By::Mean(k) if k == j => 1.0,
                By::LogVar(k) if k == j => 0.5 * self.noise[j],
                _ => 0.0,
            };
            Dual::new(self.z[j], slope)
        };
        let logits: Vec<Dual> = (0..n_clusters).map(|c| input(problem.logits[c], By::Logit(c))).collect();
        let normaliser = Dual::log_sum_exp(&logits);
        let mut costs = Vec::new();
        let mut scores = Vec::new();
        let mut log_weights = Vec::new();
        for c in 0..n_clusters {
            let mut cost = input(problem.recon[[b, c]], By::Recon(c));
            let mut distance = number(0.0);
            for j in 0..n_latent {
                let (m, s) = (number(problem.prior_mean[[c, j]]), number(problem.prior_var[[c, j]]));
                let (offset, from_z) = (mean[j] - m, z(j) - m);
                cost = cost + s.ln() + logvar[j].exp() / s + offset * offset / s;
                distance = distance + s.ln() + from_z * from_z / s;
            }
            let log_weight = logits[c] - normaliser;
            let twice = if posterior == ClusterPosterior::Latent { distance } else { cost };
            scores.push(log_weight - number(0.5) * twice);
            costs.push(cost);
            log_weights.push(log_weight);
        }
        let normaliser = Dual::log_sum_exp(&scores);
        let mut loss = number(0.0);
        for c in 0..n_clusters {
            let log_g = scores[c] - normaliser;
            loss = loss + log_g.exp() * (costs[c] + number(2.0) * (log_g - log_weights[c]));
        }
        for j in 0..n_latent {
            loss = loss - number(1.0) - logvar[j] + number(problem.z_adjoint[[b, j]]) * z(j);
        }
        loss
    }

    /// How far rounding can move the objective and its derivatives.
    fn rounding(&self, posterior: ClusterPosterior, g: &[f64]) -> Rounding {
        let (problem, b) = (self.problem, self.b);
        let (n_clusters, n_latent) = problem.prior_mean.dim();
        let latent = posterior == ClusterPosterior::Latent;
        let log_weights = problem.prior().log_weights().to_vec();
        let clusters = || 0..n_clusters;
        // Sums of the absolute values of all terms.
        let distance = |c: usize, x: &dyn Fn(usize) -> f64, var: &dyn Fn(usize) -> f64| -> f64 {
            let term = |j: usize| {
                let (m, s) = (problem.prior_mean[[c, j]], problem.prior_var[[c, j]]);
                s.ln().abs() + var(j) / s + (x(j) - m).powi(2) / s
            };
            (0..n_latent).map(term).sum()
        };
        let mean = |j: usize| problem.mean[[0, b, j]];
        let var = |j: usize| problem.logvar[[0, b, j]].exp();
        let cost: Vec<f64> = clusters().map(|c| problem.recon[[b, c]].abs() + distance(c, &mean, &var)).collect();
        let score: Vec<f64> = clusters()
            .map(|c| log_weights[c].abs() + if latent { distance(c, &|j| self.z[j], &|_| 0.0) } else { cost[c] })
            .collect();
        // dg_c = g_c (dt_c - sum_k g_k dt_k); below the least normal number g is zero.
        let total: f64 = clusters().map(|c| g[c] * score[c]).sum();
        let d_g: Vec<f64> =
            clusters().map(|c| g[c] * ((1.0 - g[c]) * score[c] + (total - g[c] * score[c])) + g[c] + 1e-290).collect();
        // A_c = R_c + K_c + 2 log(g_c/pi_c), and h_c = g_c (A_c - sum_k g_k A_k).
        let size: Vec<f64> = clusters().map(|c| cost[c] + 2.0 * (score[c] + log_weights[c].abs() + total)).collect();
        let average: f64 = clusters().map(|c| g[c] * size[c]).sum();
        let moved: f64 = clusters().map(|c| d_g[c] * size[c]).sum();
        let d_h: Vec<f64> = clusters()
            .map(|c| if latent { d_g[c] * (size[c] + average) + g[c] * (size[c] + average + moved) } else { 0.0 })
            .collect();
        let over = |weights: &[f64], term: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..n_latent).map(|j| clusters().map(|c| weights[c] * term(c, j).abs()).sum()).collect()
        };
        let offset = |x: f64, c: usize, j: usize| (x - problem.prior_mean[[c, j]]) / problem.prior_var[[c, j]];
        let d_z = over(&d_h, &|c, j| offset(self.z[j], c, j));
        let by_mean = over(&d_g, &|c, j| 2.0 * offset(mean(j), c, j));
        let by_logvar = over(&d_g, &|c, j| var(j) / problem.prior_var[[c, j]]);
        Rounding {
            loss: average + moved + (0..n_latent).map(|j| 1.0 + problem.logvar[[0, b, j]].abs()).sum::<f64>(),
            mean: (0..n_latent).map(|j| by_mean[j] + d_z[j] + 1.0).collect(),
            logvar: (0..n_latent).map(|j| by_logvar[j] + (d_z[j] + 1.0) * self.noise[j].abs() + 1.0).collect(),
            logit: clusters().map(|c| d_h[c] + 2.0 * d_g[c] + 2.0).collect(),
            recon: d_g,
        }
    }
}

struct Rounding {
    loss: f64,
    mean: Vec<f64>,
    logvar: Vec<f64>,
    logit: Vec<f64>,
    recon: Vec<f64>,
}

/// One modality, one sample; clusters up to 40 apart, variances of clusters and of the posterior over 24 decades.
fn extreme(latent: usize, clusters: usize, seed: u64) -> Problem {
    let mut problem = Problem::random(Sizes { modalities: 1, samples: 1, latent, clusters }, seed);
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    problem.prior_mean.mapv_inplace(|m| 20.0 * m);
    problem.prior_var.mapv_inplace(|_| 10.0_f64.powf(rng.random_range(-12.0..12.0)));
    problem.logvar.mapv_inplace(|_| rng.random_range(-28.0..28.0));
    // Half of the samples stand where a cluster is.
    let c = rng.random_range(0..clusters);
    for j in 0..latent {
        let (m, s) = (problem.prior_mean[[c, j]], problem.prior_var[[c, j]]);
        problem.mean[[0, 0, j]] =
            if seed.is_multiple_of(2) { m + s.sqrt() * rng.random_range(-2.0..2.0) } else { 20.0 * m };
    }
    problem
}

/// The reference's exponential is 0 below -690, where the kernel's still is a number of up to 1e-299; slopes multiply it by inverse variances of up to 1e12.
const CUT_OFF: f64 = 1e-270;

fn check(problem: &Problem) -> Result<(), TestCaseError> {
    let (n_clusters, n_latent) = problem.prior_mean.dim();
    for posterior in BOTH {
        let workspace = problem.run(posterior).unwrap();
        let sample = Sample::new(problem, &workspace, 0);
        let g = workspace.responsibilities().row(0).to_vec();
        prop_assert!((g.iter().sum::<f64>() - 1.0).abs() <= 1e-15 * (n_clusters + 2) as f64);
        let allowed = sample.rounding(posterior, &g);
        let z: f64 = (0..n_latent).map(|j| problem.z_adjoint[[0, j]] * workspace.z()[[0, j]]).sum();
        let mut pairs = Vec::new();
        for j in 0..n_latent {
            pairs.push((By::Mean(j), workspace.grad_mean()[[0, 0, j]], allowed.mean[j]));
            pairs.push((By::LogVar(j), workspace.grad_logvar()[[0, 0, j]], allowed.logvar[j]));
        }
        for c in 0..n_clusters {
            pairs.push((By::Logit(c), workspace.grad_logits()[c], allowed.logit[c]));
            pairs.push((By::Recon(c), workspace.grad_recon()[[0, c]], allowed.recon[c]));
        }
        for (by, got, allowed) in pairs {
            let expected = sample.objective(posterior, by).slope.get();
            let error = (got - expected).abs();
            prop_assert!(
                error <= (ROUNDING * allowed).max(CUT_OFF),
                "{posterior:?} by {by:?}: {got}, expected {expected}, error {error:e}, allowed {:e}",
                ROUNDING * allowed
            );
        }
        let expected = sample.objective(posterior, By::Mean(0)).value.get() - z;
        let error = (workspace.loss()[0] - expected).abs();
        prop_assert!(
            error <= ROUNDING * (allowed.loss + z.abs()),
            "{posterior:?}: {}, expected {expected}",
            workspace.loss()[0]
        );
    }
    Ok(())
}

#[test]
fn a_responsibility_at_the_end_of_the_range_is_right() {
    check(&extreme(2, 4, 18_344_159_915_620_644_474)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn loss_and_gradients_are_right_to_rounding(latent in 1_usize..4, clusters in 1_usize..6, seed: u64) {
        check(&extreme(latent, clusters, seed))?;
    }

    /// The rounding that is allowed means something.
    #[test]
    fn ordinary_problems_are_right_to_nine_digits(latent in 1_usize..4, clusters in 1_usize..6, seed: u64) {
        let problem = Problem::random(Sizes { modalities: 1, samples: 1, latent, clusters }, seed);
        check(&problem)?;
        let workspace = problem.run(ClusterPosterior::Exact).unwrap();
        let sample = Sample::new(&problem, &workspace, 0);
        let allowed = sample.rounding(ClusterPosterior::Exact, &workspace.responsibilities().row(0).to_vec());
        for allowed in allowed.mean.iter().chain(&allowed.logvar).chain(&allowed.logit).chain(&allowed.recon) {
            prop_assert!(ROUNDING * allowed < 1e-9);
        }
    }
}

#[test]
fn a_cluster_that_nothing_belongs_to_is_left_alone() {
    let mut problem = Problem::random(Sizes { modalities: 2, samples: 33, latent: 2, clusters: 4 }, 0);
    problem.prior_mean.row_mut(1).fill(1e6);
    for posterior in BOTH {
        let workspace = problem.run(posterior).unwrap();
        assert!(workspace.responsibilities().column(1).iter().all(|g| *g == 0.0));
        // Only the weights' normalisation knows of it.
        let expected = 2.0 * 33.0 * problem.prior().weights()[1];
        assert!((workspace.grad_logits()[1] - expected).abs() <= 1e-14 * expected);
    }
}
