//! Finite differences of the full loss, through the fusion and the sampling, by every input.

use proptest::prelude::*;

use super::{BOTH, ClusterPosterior, Problem, Sizes};

/// The scalar whose gradient the workspace returns: `sum_b loss_b + sum z_adjoint z`.
fn objective(problem: &Problem, posterior: ClusterPosterior) -> f64 {
    let workspace = problem.run(posterior).unwrap();
    workspace.loss().sum() + (&workspace.z() * &problem.z_adjoint).sum()
}

/// Central difference of the objective by one number of the problem.
fn difference(problem: &Problem, posterior: ClusterPosterior, entry: impl Fn(&mut Problem) -> &mut f64) -> f64 {
    let step = 1e-5;
    let mut shifted = problem.clone();
    let at = |shifted: &Problem| objective(shifted, posterior);
    *entry(&mut shifted) += step;
    let above = at(&shifted);
    *entry(&mut shifted) -= 2.0 * step;
    (above - at(&shifted)) / (2.0 * step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_gradient_is_the_slope_of_the_loss(
        modalities in 1_usize..4, samples in 1_usize..4, latent in 1_usize..4, clusters in 1_usize..5, seed: u64,
    ) {
        let problem = Problem::random(Sizes { modalities, samples, latent, clusters }, seed);
        for posterior in BOTH {
            let workspace = problem.run(posterior).unwrap();
            let mut pairs = Vec::new();
            for (index, gradient) in workspace.grad_mean().indexed_iter() {
                pairs.push(("mean", *gradient, difference(&problem, posterior, |p| &mut p.mean[index])));
            }
            for (index, gradient) in workspace.grad_logvar().indexed_iter() {
                pairs.push(("logvar", *gradient, difference(&problem, posterior, |p| &mut p.logvar[index])));
            }
            for (c, gradient) in workspace.grad_logits().indexed_iter() {
                pairs.push(("logits", *gradient, difference(&problem, posterior, |p| &mut p.logits[c])));
            }
            for (index, gradient) in workspace.grad_recon().indexed_iter() {
                pairs.push(("recon", *gradient, difference(&problem, posterior, |p| &mut p.recon[index])));
            }
            // With step h the difference is wrong by h^2 f'''/6 and by the rounding of f over h: some 1e-10 and 1e-9 for losses of
            // order ten to a hundred. The scale of the gradient, and at least one, is what that is compared with.
            let scale = pairs.iter().fold(1.0_f64, |scale, (_, gradient, _)| scale.max(gradient.abs()));
            for (name, gradient, slope) in pairs {
                prop_assert!(
                    (gradient - slope).abs() <= 1e-7 * scale,
                    "{posterior:?} by {name}: {gradient}, slope {slope}, scale {scale}"
                );
            }
        }
    }
}
