//! The crate against independent reference values (`fixtures/README.md`): loss, gradients, M-step, moments, divergence.

use ndarray::{Array, Array1, Array2, Array3, ArrayBase, ArrayView, Data, Dimension, Ix1, Ix2, Ix3};
use pima_core::{
    ClusterPosterior, ElboWorkspace, MixturePrior, MixtureSums, MixtureUpdate, VarianceUpdate, kl, mixture_moments,
};
use serde_json::Value;

const TOLERANCE: f64 = 1e-10;
const CANCELLATION: f64 = 1e-15;

/// Values below a cluster's count of this are rounding residue, and the reference has null.
const EMPTY: f64 = 1e-12;

fn reference() -> Value {
    serde_json::from_str(include_str!("fixtures/closed_form.json")).expect("the fixture is valid JSON")
}

fn cases() -> Vec<Value> {
    let reference = reference();
    let cases = reference["elbo"].as_array().expect("a list of cases").clone();
    assert_eq!(cases.len(), 4);
    cases
}

fn flatten(value: &Value, into: &mut Vec<f64>, shape: &mut Vec<usize>, depth: usize) {
    if let Some(items) = value.as_array() {
        if shape.len() == depth {
            shape.push(items.len());
        }
        assert_eq!(shape[depth], items.len(), "ragged list");
        for item in items {
            flatten(item, into, shape, depth + 1);
        }
    } else {
        into.push(value.as_f64().expect("a number"));
    }
}

fn array<D: Dimension>(value: &Value) -> Array<f64, D> {
    let (mut values, mut shape) = (Vec::new(), Vec::new());
    flatten(value, &mut values, &mut shape, 0);
    Array::from_shape_vec(shape, values)
        .expect("a full array")
        .into_dimensionality()
        .expect("the number of axes that the test asks for")
}

/// Agreement to 1e-10 of every entry, or to 1e-15 of the largest of the array. The second is for entries that cancel: a gradient is
/// a sum over clusters and modalities of terms as large as the largest, so their rounding (2e-16 each) is all that an entry
/// near zero can be held to.
fn assert_close<S, D>(name: &str, case: usize, got: &ArrayBase<S, D>, expected: &Value)
where
    S: Data<Elem = f64>,
    D: Dimension,
{
    let expected: Array<f64, D> = array(expected);
    assert_eq!(got.shape(), expected.shape(), "{name} of case {case}");
    let scale = expected.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    for ((index, expected), got) in expected.indexed_iter().zip(got) {
        let error = (got - expected).abs();
        assert!(
            error <= TOLERANCE * expected.abs() + CANCELLATION * scale,
            "{name} of case {case} at {index:?}: {got}, expected {expected}, error {error:e} against a scale of {scale:e}"
        );
    }
}

fn prior(case: &Value) -> MixturePrior {
    MixturePrior::new(array(&case["pi_logits"]), array(&case["gmm_mean"]), array(&case["gmm_var"]))
        .expect("a valid prior")
}

fn fuse(case: &Value, workspace: &mut ElboWorkspace) {
    let mean: Array3<f64> = array(&case["mu"]);
    let logvar: Array3<f64> = array(&case["logvar"]);
    let weight: Array2<f64> = array(&case["weight"]);
    let eps: Array2<f64> = array(&case["eps"]);
    workspace.fuse(mean.view(), logvar.view(), weight.view(), eps.view()).expect("finite inputs");
}

#[test]
fn loss_terms_posterior_and_gradients() {
    // One workspace for all cases: nothing of a larger batch may leak into a smaller one.
    let mut workspace = ElboWorkspace::default();
    for (i, case) in cases().iter().enumerate() {
        let prior = prior(case);
        let recon: Array2<f64> = array(&case["recon"]);
        let adjoint: Array2<f64> = array(&case["z_adjoint"]);
        for (key, posterior) in [("latent", ClusterPosterior::Latent), ("exact", ClusterPosterior::Exact)] {
            let expected = &case[key];
            fuse(case, &mut workspace);
            assert_close("fused_mean", i, &workspace.fused_mean(), &expected["fused_mean"]);
            assert_close("fused_logvar", i, &workspace.fused_logvar(), &expected["fused_logvar"]);
            assert_close("z", i, &workspace.z(), &expected["z"]);
            workspace.evaluate(&prior, recon.view(), posterior).expect("finite");
            workspace.pull_back(adjoint.view()).expect("finite");
            assert_close("gamma", i, &workspace.responsibilities(), &expected["gamma"]);
            assert_close("loss", i, &workspace.loss(), &expected["loss"]);
            let terms = workspace.terms();
            assert_close("recon", i, &terms.recon, &expected["terms"]["recon"]);
            assert_close("cluster", i, &terms.cluster, &expected["terms"]["cluster"]);
            assert_close("categorical", i, &terms.categorical, &expected["terms"]["categorical"]);
            // The file has this term with the sign with which it enters the loss.
            assert_close("entropy", i, &terms.entropy.mapv(|entropy| -entropy), &expected["terms"]["entropy"]);
            assert_close("grad_mu", i, &workspace.grad_mean(), &expected["grad_mu"]);
            assert_close("grad_logvar", i, &workspace.grad_logvar(), &expected["grad_logvar"]);
            assert_close("grad_pi_logits", i, &workspace.grad_logits(), &expected["grad_pi_logits"]);
            assert_close("grad_recon", i, &workspace.grad_recon(), &expected["grad_recon"]);
        }
    }
}

#[test]
fn responsibilities_of_the_prior() {
    for (i, case) in cases().iter().enumerate() {
        let prior = prior(case);
        let z: Array2<f64> = array(&case["latent"]["z"]);
        let mut gamma = Array2::zeros((z.nrows(), prior.n_clusters()));
        prior.responsibilities(z.view(), gamma.view_mut()).expect("finite");
        assert_close("gamma", i, &gamma, &case["latent"]["gamma"]);
    }
}

#[test]
fn m_step_with_both_variances() {
    let mut workspace = ElboWorkspace::default();
    for (i, case) in cases().iter().enumerate() {
        let prior = prior(case);
        fuse(case, &mut workspace);
        let gamma: Array2<f64> = array(&case["latent"]["gamma"]);
        let mut sums = MixtureSums::new(prior.n_clusters(), prior.n_latent());
        sums.add(gamma.view(), workspace.fused_mean(), workspace.fused_logvar()).expect("finite");
        let expected = &case["m_step"];
        assert_close("count", i, &sums.count(), &expected["count"]);
        for (key, variance) in
            [("var_of_means", VarianceUpdate::OfMeans), ("var_with_posterior", VarianceUpdate::WithPosterior)]
        {
            let floor = 1e-30;
            let update = MixtureUpdate { variance, variance_floor: floor, update_weights: true };
            let next = sums.maximise(&prior, &update).expect("a valid update");
            // An abandoned cluster's weight is held at 1e-12.
            let share: Array1<f64> = array(&expected["pi"]);
            for (c, (got, share)) in next.weights().iter().zip(&share).enumerate() {
                let share = share.max(1e-12);
                let error = (got - share).abs();
                assert!(error <= TOLERANCE * share, "pi of case {i}, cluster {c}: {got}, expected {share}");
            }
            for c in 0..prior.n_clusters() {
                let empty = expected["mean"][c].is_null();
                assert_eq!(empty, sums.count()[c] < EMPTY, "case {i}, cluster {c}");
                if empty {
                    assert_eq!(next.mean().row(c), prior.mean().row(c));
                    assert_eq!(next.var().row(c), prior.var().row(c));
                    continue;
                }
                assert_close("mean", i, &next.mean().row(c), &expected["mean"][c]);
                // The spread of one sample's mean is zero but for rounding, which is relative to the squared mean.
                let var: Array1<f64> = array(&expected[key][c]);
                let largest = next.mean().row(c).iter().fold(0.0_f64, |m, x| m.max(x.abs()));
                for (got, expected) in next.var().row(c).iter().zip(&var) {
                    let error = (got - expected.max(floor)).abs();
                    let allowed = TOLERANCE * expected + f64::EPSILON * largest * largest;
                    assert!(error <= allowed, "{key} of case {i}, cluster {c}: {got}, expected {expected}");
                }
            }
        }
    }
}

#[test]
fn moments_of_the_mixture_of_decoders() {
    for (i, case) in cases().iter().enumerate() {
        let expected = &case["mixture_moments"];
        let mean: Array<f64, Ix3> = array(&expected["mean"]);
        let var: Array<f64, Ix3> = array(&expected["var"]);
        let prior = prior(case);
        let weight = prior.weights();
        let weight = weight.broadcast((mean.shape()[0], weight.len())).expect("one axis more");
        let (mean, var) = mixture_moments(weight, mean.view(), var.view()).expect("equal shapes");
        assert_close("expected_mean", i, &mean, &expected["expected_mean"]);
        assert_close("expected_var", i, &var, &expected["expected_var"]);
    }
}

#[test]
fn divergence_of_the_multimodal_from_the_unimodal_posterior() {
    let reference = reference();
    let cases = reference["kl"].as_array().expect("a list");
    assert!(!cases.is_empty());
    for (i, case) in cases.iter().enumerate() {
        let get = |key: &str| -> Array<f64, Ix2> { array(&case[key]) };
        let divergence = kl(
            get("multimodal_mean").view(),
            get("multimodal_logvar").view(),
            get("unimodal_mean").view(),
            get("unimodal_logvar").view(),
        )
        .expect("equal shapes");
        assert_close("kl", i, &divergence, &case["kl"]);
    }
}

#[test]
fn the_fixture_reader_keeps_order() {
    let values: Array<f64, Ix1> = array(&serde_json::json!([1.5, -2.0, 3.0]));
    assert_eq!(values, ArrayView::from(&[1.5, -2.0, 3.0]));
}
