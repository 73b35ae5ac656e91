//! A differential equation from a noisy trajectory: the stiffening spring and the damping of a beam that was struck.
//!
//!     cargo run -p pima-experts --example oscillator

use ndarray::Array1;
use pima_core::Expert;
use pima_experts::{OdeFormulaExpert, OdeFormulaOptions, ParameterOptions, Start};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

/// Stiffness over mass (1/s2), its growth with the deflection (1/s2 mm2), damping over mass (1/s), and the speed after the blow (mm/s).
const TRUTH: [(&str, f64); 4] = [("k", 9.0), ("b", 4.0), ("c", 0.35), ("v0", 6.0)];
/// Standard deviation of the sensor, mm.
const NOISE: f64 = 0.05;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let time = Array1::linspace(0.0, 8.0, 161);
    let mut options = OdeFormulaOptions::new(
        [("x", "v", Start::from(0.0)), ("v", "-k*x - b*x^3 - c*v", Start::from("v0"))],
        [
            ("k", ParameterOptions::new(5.0).min(0.0).unit("1/s2")),
            ("b", ParameterOptions::new(1.0).min(0.0).unit("1/s2 mm2")),
            ("c", ParameterOptions::new(0.1).min(0.0).unit("1/s")),
            ("v0", ParameterOptions::new(3.0).unit("mm/s")),
        ],
    );
    // Only the deflection is measured, and not the speed.
    options.outputs = vec!["x".to_owned()];
    let expert = OdeFormulaExpert::new(options, time.view())?;

    let truth: Array1<f64> = expert
        .parameter_names()
        .iter()
        .filter_map(|name| TRUTH.iter().find(|(known, _)| known == name).map(|(_, value)| *value))
        .collect();
    let mut deflection = Array1::zeros(time.len());
    expert.predict(truth.view(), deflection.view_mut());
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    deflection.mapv_inplace(|x: f64| x + NOISE * rng.sample::<f64, _>(StandardNormal));

    let fit = expert.fit(deflection.view(), Array1::ones(time.len()).view(), expert.init())?;
    let variance = fit.residual / (time.len() - expert.n_parameters()) as f64;
    let covariance = fit.covariance_factor.as_ref().map(|factor| factor * variance);
    println!("x'' = -k x - b x^3 - c x', from {} deflections", time.len());
    for (quantity, truth) in
        expert.quantities(fit.theta.view(), covariance.as_ref().map(|c| c.view())).iter().zip(&truth)
    {
        let error = quantity.standard_error.map_or("undetermined".to_owned(), |error| format!("{error:.3}"));
        println!("  {:<2} = {:6.3} +- {error} {} (made with {truth})", quantity.name, quantity.value, quantity.unit);
    }
    println!("  noise {:.4} mm (made with {NOISE})", variance.sqrt());
    // What the equation says of a blow twice as hard, which nobody tried.
    let mut harder = fit.theta.clone();
    let v0 = expert.parameter_names().iter().position(|name| name == "v0").ok_or("no v0")?;
    harder[v0] *= 2.0;
    let mut predicted = Array1::zeros(time.len());
    expert.predict(harder.view(), predicted.view_mut());
    let largest = |x: &Array1<f64>| x.fold(0.0_f64, |most, x| most.max(x.abs()));
    println!(
        "largest deflection {:.2} mm; after a blow twice as hard {:.2} mm",
        largest(&deflection),
        largest(&predicted)
    );
    Ok(())
}
