//! Which treatment a specimen had, by two instruments that see one quantity each: a Gaussian mixture, and posteriors that are multiplied.
//!
//!     cargo run -p pima-core --example fuse_posteriors

use ndarray::{Array2, Array3, ArrayView1, Axis, array};
use pima_core::{GmmOptions, MixturePrior, fit_gmm, product_of_experts};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Grain size (um) and porosity (%) of three treatments.
const TREATMENTS: [[f64; 2]; 3] = [[1.0, 1.0], [5.0, 1.0], [5.0, 5.0]];
/// Draws from a posterior.
const DRAWS: usize = 4000;

fn main() -> Result<(), pima_core::Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let specimens = Array2::from_shape_fn((300, 2), |(d, j)| {
        TREATMENTS[d % 3][j] + 0.7 * rng.sample::<f64, _>(StandardNormal) // nobody says which is which
    });
    let fit = fit_gmm(specimens.view(), &GmmOptions::new(3), &mut rng)?;
    println!("{} clusters found in {} specimens:", fit.prior.n_clusters(), specimens.nrows());
    let deviation = fit.prior.var().mapv(f64::sqrt);
    for (c, (mean, deviation)) in fit.prior.mean().outer_iter().zip(deviation.outer_iter()).enumerate() {
        println!(
            "  {c}: grains of {:.2} +- {:.2} um, pores of {:.2} +- {:.2} %",
            mean[0], deviation[0], mean[1], deviation[1]
        );
    }

    // Another specimen: the microscope sees grains well and pores hardly, the density the reverse. (M,B,l): two instruments, and the same specimen
    // three times, by the first instrument, by the second, by both.
    let measured = [[5.2, 3.0], [3.0, 4.7]];
    let deviation = |m: usize, j: usize| if m == j { 0.4_f64 } else { 3.0 };
    let mean = Array3::from_shape_fn((2, 3, 2), |(m, _, j)| measured[m][j]);
    let logvar = Array3::from_shape_fn((2, 3, 2), |(m, _, j)| 2.0 * deviation(m, j).ln());
    let present = array![[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]];
    let (mut fused_mean, mut fused_logvar) = (Array2::zeros((3, 2)), Array2::zeros((3, 2)));
    product_of_experts(mean.view(), logvar.view(), present.view(), fused_mean.view_mut(), fused_logvar.view_mut())?;

    println!("probability of each cluster, by");
    for (b, who) in ["the microscope", "the density", "both"].into_iter().enumerate() {
        let p = probabilities(&fit.prior, fused_mean.row(b), fused_logvar.row(b), &mut rng)?;
        println!("  {who:<14}  {}", p.iter().map(|p| format!("{p:.3}")).collect::<Vec<_>>().join("  "));
    }
    Ok(())
}

/// The mean of `p(c|z)` over a posterior: at its mean alone, what it leaves open would be forgotten.
fn probabilities(
    prior: &MixturePrior,
    mean: ArrayView1<'_, f64>,
    logvar: ArrayView1<'_, f64>,
    rng: &mut impl Rng,
) -> Result<Vec<f64>, pima_core::Error> {
    let z = Array2::from_shape_fn((DRAWS, mean.len()), |(_, j)| {
        mean[j] + (0.5 * logvar[j]).exp() * rng.sample::<f64, _>(StandardNormal)
    });
    let mut of_draws = Array2::zeros((DRAWS, prior.n_clusters()));
    prior.responsibilities(z.view(), of_draws.view_mut())?;
    Ok((of_draws.sum_axis(Axis(0)) / DRAWS as f64).to_vec())
}
