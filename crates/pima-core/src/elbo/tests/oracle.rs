//! The loss by its definition, and what must hold between the two posteriors.

use ndarray::{Array2, Axis};
use proptest::prelude::*;

use super::{BOTH, ClusterPosterior, Problem, Sizes, fill};
use crate::ElboWorkspace;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// `sum_c g_c (R_c + K_c) + 2 sum_c g_c log(g_c/pi_c) - sum_j (1 + log var_j)` of one sample, for any g: equation by equation, no care
/// for speed or range.
fn loss_by_definition(problem: &Problem, workspace: &ElboWorkspace, b: usize, g: &[f64]) -> f64 {
    let (mean, logvar) = (workspace.fused_mean(), workspace.fused_logvar());
    let n_latent = mean.ncols();
    let total: f64 = problem.logits.iter().map(|v| v.exp()).sum();
    let mut loss = 0.0;
    for (c, g) in g.iter().enumerate() {
        let pi = problem.logits[c].exp() / total;
        let mut cost = problem.recon[[b, c]];
        for j in 0..n_latent {
            let (m, s) = (problem.prior_mean[[c, j]], problem.prior_var[[c, j]]);
            cost += s.ln() + logvar[[b, j]].exp() / s + (mean[[b, j]] - m).powi(2) / s;
        }
        loss += g * cost + 2.0 * g * (g / pi).ln();
    }
    loss - (0..n_latent).map(|j| 1.0 + logvar[[b, j]]).sum::<f64>()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-11 * (1.0 + a.abs().max(b.abs()))
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (1_usize..4, 1_usize..70, 1_usize..5, 1_usize..20).prop_map(|(modalities, samples, latent, clusters)| Sizes {
        modalities,
        samples,
        latent,
        clusters,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn loss_is_its_definition_at_the_posterior_returned(sizes in sizes(), seed: u64) {
        let problem = Problem::random(sizes, seed);
        for posterior in BOTH {
            let workspace = problem.run(posterior).unwrap();
            let terms = workspace.terms();
            for b in 0..sizes.samples {
                let g = workspace.responsibilities().row(b).to_vec();
                prop_assert!((g.iter().sum::<f64>() - 1.0).abs() <= 1e-12);
                let loss = workspace.loss()[b];
                prop_assert!(close(loss, loss_by_definition(&problem, &workspace, b, &g)));
                prop_assert!(close(loss, terms.recon[b] + terms.cluster[b] + terms.categorical[b] - terms.entropy[b]));
                prop_assert!(terms.categorical[b] >= -1e-12);
            }
        }
    }

    #[test]
    fn the_latent_posterior_is_the_prior_s_responsibility(sizes in sizes(), seed: u64) {
        let problem = Problem::random(sizes, seed);
        let workspace = problem.run(ClusterPosterior::Latent).unwrap();
        let mut expected = Array2::zeros((sizes.samples, sizes.clusters));
        problem.prior().responsibilities(workspace.z(), expected.view_mut()).unwrap();
        for (got, expected) in workspace.responsibilities().iter().zip(&expected) {
            prop_assert!((got - expected).abs() <= 1e-14);
        }
    }

    #[test]
    fn no_other_posterior_has_a_lower_loss_than_the_exact_one(sizes in sizes(), seed: u64) {
        let problem = Problem::random(sizes, seed);
        let exact = problem.run(ClusterPosterior::Exact).unwrap();
        let latent = problem.run(ClusterPosterior::Latent).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let other = fill(&mut rng, (sizes.samples, sizes.clusters), 0.01, 1.0);
        let other = &other / &other.sum_axis(Axis(1)).insert_axis(Axis(1));
        for b in 0..sizes.samples {
            let least = exact.loss()[b];
            let slack = 1e-11 * (1.0 + least.abs());
            prop_assert!(least <= latent.loss()[b] + slack);
            prop_assert!(least <= loss_by_definition(&problem, &exact, b, &other.row(b).to_vec()) + slack);
        }
    }

    #[test]
    fn one_reconstruction_for_all_clusters_is_the_same_as_copies_of_it(sizes in sizes(), seed: u64) {
        let mut problem = Problem::random(sizes, seed);
        let shared = problem.recon.column(0).to_owned().insert_axis(Axis(1));
        for posterior in BOTH {
            problem.recon = shared.clone();
            let one = problem.run(posterior).unwrap();
            prop_assert_eq!(one.grad_recon(), Array2::<f64>::ones((sizes.samples, 1)));
            problem.recon = shared.broadcast((sizes.samples, sizes.clusters)).unwrap().to_owned();
            let copies = problem.run(posterior).unwrap();
            for (one, copies) in one.loss().iter().zip(copies.loss()) {
                prop_assert!(close(*one, *copies));
            }
            let pairs = one.grad_mean().into_iter().zip(copies.grad_mean());
            for (one, copies) in pairs.chain(one.grad_logvar().into_iter().zip(copies.grad_logvar())) {
                prop_assert!(close(*one, *copies));
            }
            for (one, copies) in one.grad_logits().iter().zip(copies.grad_logits()) {
                prop_assert!((one - copies).abs() <= 1e-11 * sizes.samples as f64);
            }
        }
    }
}

#[test]
fn one_cluster_one_modality_one_sample_in_closed_form() {
    let mut problem = Problem::random(Sizes { modalities: 1, samples: 1, latent: 1, clusters: 1 }, 0);
    let (mu, logvar, eps, adjoint) = (0.5, -0.3, 0.7, 0.2);
    let (m, s, recon) = (1.25, 0.8, 3.0);
    problem.mean.fill(mu);
    problem.logvar.fill(logvar);
    problem.eps.fill(eps);
    problem.z_adjoint.fill(adjoint);
    problem.prior_mean.fill(m);
    problem.prior_var.fill(s);
    problem.recon.fill(recon);
    let var = f64::exp(logvar);
    for posterior in BOTH {
        let workspace = problem.run(posterior).unwrap();
        let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-14, "{got} {expected}");
        assert_eq!(workspace.fused_mean()[[0, 0]], mu);
        assert_eq!(workspace.fused_logvar()[[0, 0]], logvar);
        assert_eq!(workspace.responsibilities()[[0, 0]], 1.0);
        assert_eq!(workspace.grad_logits()[0], 0.0);
        near(workspace.z()[[0, 0]], mu + eps * var.sqrt());
        near(workspace.loss()[0], recon + s.ln() + (var + (mu - m) * (mu - m)) / s - 1.0 - logvar);
        near(workspace.terms().categorical[0], 0.0);
        near(workspace.grad_mean()[[0, 0, 0]], 2.0 * (mu - m) / s + adjoint);
        near(workspace.grad_logvar()[[0, 0, 0]], var / s - 1.0 + 0.5 * adjoint * eps * var.sqrt());
    }
}
