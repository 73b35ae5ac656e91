//! Trajectories against Taylor series and conservation, measurements against their statistics, and bad input.

use super::*;

/// The trajectory at `n_steps` times by Taylor series of order 30 in each step: no Runge-Kutta method and no step control.
fn taylor(parameters: [f64; 4], start: [f64; 2], step: f64, n_steps: usize) -> Vec<[f64; 2]> {
    const ORDER: usize = 30;
    let product = |a: &[f64], b: &[f64], k: usize| (0..=k).map(|i| a[i] * b[k - i]).sum::<f64>();
    let mut state = start;
    let mut trajectory = vec![start];
    for _ in 1..n_steps {
        let mut series = state.map(|value| vec![value]);
        let mut squares = [Vec::new(), Vec::new()];
        for k in 0..ORDER {
            let mut cube = [0.0; 2];
            for i in 0..2 {
                squares[i].push(product(&series[i], &series[i], k));
                cube[i] = product(&squares[i], &series[i], k);
            }
            for i in 0..2 {
                let rate = parameters[2 * i] * cube[0] + parameters[2 * i + 1] * cube[1];
                series[i].push(rate / (k + 1) as f64);
            }
        }
        state = series.map(|series| series.iter().rev().fold(0.0, |sum, term| sum * step + term));
        trajectory.push(state);
    }
    trajectory
}

#[test]
fn the_papers_trajectories_are_those_of_taylor_series() {
    let found = oscillator_trajectories(10, &OscillatorOptions::default()).unwrap();
    assert_eq!((found.times.len(), found.times[1]), (512, 0.005));
    let mut worst: f64 = 0.0;
    for label in 0..10 {
        let beta = label as f64 / 3.0 + 0.5;
        assert!((found.parameters[[label, 1]] - beta).abs() < 1e-15);
        // Steps half as long, so that the reference has no step in common with what it judges.
        let reference = taylor([-0.1, beta, -2.0, -0.1], [1.0, 1.0], 0.0025, 1023);
        for (k, [x, y]) in reference.into_iter().step_by(2).enumerate() {
            let (dx, dy) = (-0.1 * x.powi(3) + beta * y.powi(3), -2.0 * x.powi(3) - 0.1 * y.powi(3));
            for (i, (state, rate)) in [(x, dx), (y, dy)].into_iter().enumerate() {
                worst = worst.max((found.states[[label, i, k]] - state).abs());
                worst = worst.max((found.derivatives[[label, i, k]] - rate).abs());
            }
        }
    }
    assert!(worst < 1e-12, "{worst:e}");
}

#[test]
fn without_damping_energy_is_conserved() {
    let options = OscillatorOptions {
        alpha: ParameterLaw::Constant(0.0),
        delta: ParameterLaw::Constant(0.0),
        beta: ParameterLaw::Table(vec![1.5, 4.0]),
        step: 0.5,
        n_steps: 41,
        ..OscillatorOptions::default()
    };
    let found = oscillator_trajectories(2, &options).unwrap();
    for (states, beta) in found.states.outer_iter().zip([1.5, 4.0]) {
        for state in states.columns() {
            let energy = 2.0 * state[0].powi(4) + beta * state[1].powi(4);
            assert!((energy / (2.0 + beta) - 1.0).abs() < 1e-10, "{energy}");
        }
    }
}

fn digits(n: usize) -> Labels {
    Labels::new((0..n).map(|row| row % 10).collect(), 10).unwrap()
}

#[test]
fn measured_curves_have_two_channels_and_the_noise_asked_for() {
    let clean = oscillator_trajectories(10, &OscillatorOptions::default()).unwrap();
    for measured in [Measured::Derivatives, Measured::States] {
        let options = OscillatorOptions { measured, noise_deviation: 0.2, ..OscillatorOptions::default() };
        let labels = digits(200);
        let data = manufacture_oscillators(&labels, &options, 3).unwrap();
        assert_eq!(data.shape(), ModalityShape::Curve { channels: 2, length: 512 });
        assert_eq!(data.axis().unwrap().points, clean.times);
        let of = if measured == Measured::States { &clean.states } else { &clean.derivatives };
        let noise: Vec<f64> = data
            .values()
            .unwrap()
            .indexed_iter()
            .map(|((row, j), &x)| f64::from(x) - of[[labels.values()[row], j / 512, j % 512]])
            .collect();
        let n = noise.len() as f64;
        let mean = noise.iter().sum::<f64>() / n;
        let variance = noise.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors.
        assert!(mean.abs() < 4.0 * 0.2 / n.sqrt(), "mean {mean}");
        assert!((variance / 0.04 - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "variance {variance}");
    }
}

#[test]
fn a_row_depends_on_seed_row_and_label_alone() {
    let options = OscillatorOptions { n_steps: 20, ..OscillatorOptions::default() };
    let short = manufacture_oscillators(&digits(30), &options, 5).unwrap();
    let long = manufacture_oscillators(&digits(90), &options, 5).unwrap();
    assert_eq!(short.values().unwrap(), long.values().unwrap().slice(ndarray::s![..30, ..]));
    assert_ne!(short.values().unwrap(), manufacture_oscillators(&digits(30), &options, 6).unwrap().values().unwrap());
    let exact = OscillatorOptions { noise_deviation: 0.0, ..options };
    let exact = manufacture_oscillators(&digits(10), &exact, 5).unwrap();
    let first = exact.values().unwrap().column(0).to_vec();
    assert!(first.iter().enumerate().all(|(label, &rate)| (rate - (label as f32 / 3.0 + 0.4)).abs() < 1e-6));
}

#[test]
fn a_trajectory_that_blows_up_is_refused_with_its_label_and_time() {
    // dx/dt = x^3 from 1 is 1 / sqrt(1 - 2 t): it ends at t = 0.5.
    let options = OscillatorOptions {
        alpha: ParameterLaw::Table(vec![-1.0, 1.0]),
        beta: ParameterLaw::Constant(0.0),
        ..OscillatorOptions::default()
    };
    match oscillator_trajectories(2, &options) {
        Err(Error::Trajectory { label: 1, time, .. }) => assert!((time - 0.5).abs() < 0.006, "{time}"),
        other => panic!("{other:?}"),
    }
    let before = OscillatorOptions { n_steps: 99, ..options.clone() };
    let found = oscillator_trajectories(2, &before).unwrap();
    let (x, t) = (found.states[[1, 0, 98]], found.times[98]);
    assert!((x * (1.0 - 2.0 * t).sqrt() - 1.0).abs() < 1e-9, "{x}");
    let huge = OscillatorOptions { start: [1e200, 1.0], ..OscillatorOptions::default() };
    assert!(matches!(oscillator_trajectories(1, &huge), Err(Error::Trajectory { label: 0, .. })));
}

#[test]
fn options_are_checked() {
    let refused =
        |options: OscillatorOptions| manufacture_oscillators(&digits(3), &options, 0).unwrap_err().to_string();
    let paper = OscillatorOptions::default;
    assert!(refused(OscillatorOptions { n_steps: 0, ..paper() }).contains("n_steps"));
    for step in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(refused(OscillatorOptions { step, ..paper() }).contains("step"));
    }
    assert!(refused(OscillatorOptions { start: [f64::NAN, 1.0], ..paper() }).contains("start"));
    for noise_deviation in [-1.0, f64::NAN] {
        assert!(refused(OscillatorOptions { noise_deviation, ..paper() }).contains("noise_deviation"));
    }
    assert!(refused(OscillatorOptions { beta: ParameterLaw::Table(vec![1.0]), ..paper() }).contains("table"));
    assert!(refused(OscillatorOptions { beta: ParameterLaw::Constant(f64::NAN), ..paper() }).contains("finite"));
}

#[test]
fn options_are_written_as_a_configuration_has_them() {
    let read: OscillatorOptions = serde_json::from_str(
        r#"{"beta":{"table":[1,2]},"gamma":{"constant":-1},"alpha":{"affine":{"start":0,"step":1}},"measured":"states"}"#,
    )
    .unwrap();
    assert_eq!(read.beta, ParameterLaw::Table(vec![1.0, 2.0]));
    assert_eq!((read.measured, read.n_steps), (Measured::States, 512));
    assert!(serde_json::from_str::<OscillatorOptions>(r#"{"steps":3}"#).is_err());
}
