//! An expert from a line of text: the yield of a specimen, from a small curve.
//!
//!     cargo run -p pima-experts --example formula

use ndarray::Array1;
use pima_core::Expert;
use pima_experts::{FormulaExpert, FormulaOptions, ParameterOptions};

/// Strain in percent and stress in MPa of a tensile test: typed off a plot, good to about 2 MPa.
const CURVE: [(f64, f64); 16] = [
    (0.00, 0.4),
    (0.02, 41.2),
    (0.04, 84.9),
    (0.06, 124.8),
    (0.08, 170.3),
    (0.10, 208.6),
    (0.12, 253.9),
    (0.14, 292.0),
    (0.16, 318.1),
    (0.20, 326.3),
    (0.24, 333.8),
    (0.28, 345.5),
    (0.32, 351.0),
    (0.36, 361.9),
    (0.40, 368.4),
    (0.44, 378.7),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let strain: Array1<f64> = CURVE.iter().map(|(strain, _)| *strain).collect();
    let stress: Array1<f64> = CURVE.iter().map(|(_, stress)| *stress).collect();
    let options = FormulaOptions::new(
        "E*min(t, t0) + H*max(t - t0, 0)",
        [
            ("E", ParameterOptions::new(1000.0).min(0.0).unit("MPa/%")),
            ("H", ParameterOptions::new(100.0).unit("MPa/%")),
            ("t0", ParameterOptions::new(0.2).min(0.0).max(0.44).unit("%")),
        ],
    );
    let expert = FormulaExpert::new(options, strain.view())?;
    let fit = expert.fit(stress.view(), Array1::ones(strain.len()).view(), expert.init())?;

    // The noise is what the fit leaves, over the values that are left to tell it.
    let n_free = strain.len() - expert.n_parameters();
    let variance = fit.residual / n_free as f64;
    let covariance = fit.covariance_factor.as_ref().map(|factor| factor * variance);
    println!("{}", expert.options().formula);
    for quantity in expert.quantities(fit.theta.view(), covariance.as_ref().map(|c| c.view())) {
        let error = quantity.standard_error.map_or("undetermined".to_owned(), |error| format!("{error:.3}"));
        println!("  {:<2} = {:9.3} +- {error} {}", quantity.name, quantity.value, quantity.unit);
    }
    println!("  noise {:.2} MPa, {} iterations", variance.sqrt(), fit.iterations);
    Ok(())
}
