//! What is compared in time computes the same: loss, terms and gradients of the kernel and of torch's autograd agree in f64.

use ndarray::{ArrayView, Dimension};
use pima_benches::{Batch, Formulation, FusedBlock, OpByOpBlock, Size};
use pima_core::ClusterPosterior;
use tch::{Kind, Tensor};

const POSTERIORS: [ClusterPosterior; 2] = [ClusterPosterior::Exact, ClusterPosterior::Latent];
const FORMULATIONS: [Formulation; 3] = [Formulation::Terms, Formulation::Loss, Formulation::LossExpanded];

/// Largest difference, relative to the value itself or to the root mean square of all, whichever is larger: gradients cross zero.
fn worst<D: Dimension>(expected: ArrayView<'_, f64, D>, got: &Tensor) -> f64 {
    let shape: Vec<i64> = expected.shape().iter().map(|&n| n as i64).collect();
    assert_eq!(got.size(), shape);
    let got = Vec::<f64>::try_from(got.to_kind(Kind::Double).contiguous().view(-1)).unwrap();
    let scale = (expected.iter().map(|x| x * x).sum::<f64>() / expected.len() as f64).sqrt();
    assert!(scale > 0.0 && scale.is_finite(), "nothing to compare");
    let differences = expected.iter().zip(got).map(|(x, got)| (x - got).abs() / x.abs().max(scale));
    // A NaN must not be passed over.
    differences.fold(0.0, |worst, difference| if difference <= worst { worst } else { difference })
}

fn check(size: Size, kind: Kind, tolerance: f64) {
    let batch = Batch::new(size, 11).unwrap();
    for posterior in POSTERIORS {
        let mut fused = FusedBlock::new(&batch, posterior);
        let fused = fused.step().unwrap();
        for formulation in FORMULATIONS {
            let torch = OpByOpBlock::new(&batch, posterior, formulation, kind).unwrap().step().unwrap();
            let mut differences = vec![
                ("loss", worst(fused.loss(), &torch.loss)),
                ("grad_mean", worst(fused.grad_mean(), &torch.grad_mean)),
                ("grad_logvar", worst(fused.grad_logvar(), &torch.grad_logvar)),
                ("grad_logits", worst(fused.grad_logits(), &torch.grad_logits)),
                ("grad_recon", worst(fused.grad_recon(), &torch.grad_recon)),
            ];
            assert_eq!(torch.terms.is_some(), formulation == Formulation::Terms);
            if let Some(torch) = torch.terms {
                let terms = fused.terms();
                differences.extend([
                    ("recon", worst(terms.recon, &torch.recon)),
                    ("cluster", worst(terms.cluster, &torch.cluster)),
                    ("categorical", worst(terms.categorical, &torch.categorical)),
                    ("entropy", worst(terms.entropy, &torch.entropy)),
                    ("responsibilities", worst(fused.responsibilities(), &torch.responsibilities)),
                ]);
            }
            for (what, difference) in differences {
                let place = format!("{what} of {size}, {posterior:?}, {formulation:?}, {kind:?}");
                assert!(difference <= tolerance, "{place}: off by {difference:e}");
            }
        }
    }
}

#[test]
fn in_f64_the_kernel_and_autograd_agree_to_1e_9() {
    for size in [Size::new(128, 2, 10, 2), Size::new(128, 10, 100, 3), Size::new(65, 3, 7, 1)] {
        check(size, Kind::Double, 1e-9);
    }
}

#[test]
fn in_f32_they_agree_to_its_precision() {
    check(Size::new(256, 3, 10, 2), Kind::Float, 1e-4);
}
