//! The next point to try: on a grid, at random, or by a tree-structured Parzen estimator (Bergstra et al. 2011), which models where good values of each
//! parameter lie and where bad ones do.
//!
//! A suggestion depends on the seed, on the number of the trial and on what is known of the trials before it, and on nothing else: no state of a generator
//! has to be stored.

use std::convert::Infallible;

use anyhow::{Result, anyhow};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use tpe::TpeOptimizer;

use super::space::{Domain, Parameter, Point};

/// How points are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    /// Independent draws.
    Random,
    /// Draws at first, then where the results so far promise most.
    Bayesian,
    /// Every combination.
    Grid,
}

impl Method {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Bayesian => "bayesian",
            Self::Grid => "grid",
        }
    }
}

/// How often a point that was tried before is drawn again: training is deterministic, and the same point would give the same result.
const REDRAWS: usize = 1000;
/// The same where the estimator suggests, which keeps coming back to what is good.
const REASKS: usize = 50;

/// What is known of an earlier trial.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) point: Point,
    /// The smaller the better; infinite for a trial that failed or has no result yet. Taking trials under way for bad ones keeps several workers from
    /// trying the same place.
    pub(super) score: f64,
}

/// The point of trial `known.len()`.
///
/// # Errors
/// Where a grid has no such point, or the estimator fails.
pub(super) fn suggest(
    method: Method,
    parameters: &[Parameter],
    startup: usize,
    seed: u64,
    known: &[Known],
) -> Result<Point> {
    let trial = known.len();
    // A stream of its own for each trial.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(trial as u64);
    let is_new = |point: &Point| known.iter().all(|other| other.point != *point);
    match method {
        Method::Grid => on_grid(parameters, trial).ok_or_else(|| anyhow!("the grid has no point {trial}")),
        Method::Bayesian if trial >= startup => {
            let mut rng = Draws(rng);
            for _ in 0..REASKS {
                let point = promising(parameters, known, &mut rng)?;
                if is_new(&point) {
                    return Ok(point);
                }
            }
            Ok(at_random(parameters, &is_new, &mut rng.0))
        }
        Method::Random | Method::Bayesian => Ok(at_random(parameters, &is_new, &mut rng)),
    }
}

/// Draws until a point is new.
fn at_random(parameters: &[Parameter], is_new: &impl Fn(&Point) -> bool, rng: &mut ChaCha8Rng) -> Point {
    let mut draw = || -> Point {
        let value = |domain: &Domain, share: f64| {
            let (from, to) = domain.line();
            domain.value(from + share * (to - from))
        };
        parameters.iter().map(|parameter| value(&parameter.domain, uniform(rng))).collect()
    };
    let mut point = draw();
    for _ in 0..REDRAWS {
        if is_new(&point) {
            break;
        }
        point = draw();
    }
    point
}

/// Uniform on [0, 1).
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Number `index` of the grid; the last parameter varies fastest.
fn on_grid(parameters: &[Parameter], mut index: usize) -> Option<Point> {
    let mut point = Vec::with_capacity(parameters.len());
    for parameter in parameters.iter().rev() {
        let values = parameter.domain.grid()?;
        point.push(values[index % values.len()].clone());
        index /= values.len();
    }
    point.reverse();
    (index == 0).then_some(point)
}

/// What the estimator suggests, parameter by parameter.
fn promising(parameters: &[Parameter], known: &[Known], rng: &mut Draws) -> Result<Point> {
    let mut point = Vec::with_capacity(parameters.len());
    for (p, parameter) in parameters.iter().enumerate() {
        let (from, to) = parameter.domain.line();
        let estimator = match &parameter.domain {
            Domain::Range { .. } => tpe::parzen_estimator(),
            Domain::Values(_) => tpe::histogram_estimator(),
        };
        let mut optimizer = TpeOptimizer::new(estimator, tpe::range(from, to).map_err(|e| anyhow!("{e}"))?);
        for other in known {
            let Some(at) = parameter.domain.coordinate(&other.point[p]) else { continue };
            // The estimator's ranges end before their ends.
            let at = at.clamp(from, to.next_down());
            optimizer.tell(at, other.score).map_err(|e| anyhow!("{}: {e}", parameter.key))?;
        }
        let Ok(at) = optimizer.ask(rng);
        point.push(parameter.domain.value(at));
    }
    Ok(point)
}

/// Our generator as the estimator's release of the traits has it.
struct Draws(ChaCha8Rng);

impl rand_core::TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::super::space::number;
    use super::*;
    use toml::Value;

    fn parameters() -> Vec<Parameter> {
        let parameter = |key: &str, domain| Parameter { key: Key::parse(key).unwrap(), domain };
        let range = |low, high, log, integer| Domain::Range { low, high, log, integer, steps: None };
        vec![
            parameter("rate", range(1e-5, 1e-1, true, false)),
            parameter("n", range(2.0, 9.0, false, true)),
            parameter("kind", Domain::Values(vec!["a".into(), "b".into(), "c".into()])),
        ]
    }

    /// Least at rate 1e-3, n = 5, kind "b".
    fn score(point: &Point) -> f64 {
        let number = |p: usize| number(&point[p]).unwrap();
        let kind = if point[2] == Value::from("b") { 0.0 } else { 1.0 };
        (number(0) / 1e-3).ln().powi(2) + 0.3 * (number(1) - 5.0).powi(2) + kind
    }

    fn search(method: Method, trials: usize, seed: u64) -> Vec<Known> {
        let mut known = Vec::new();
        for _ in 0..trials {
            let point = suggest(method, &parameters(), 10, seed, &known).unwrap();
            known.push(Known { score: score(&point), point });
        }
        known
    }

    fn best(known: &[Known]) -> f64 {
        known.iter().map(|known| known.score).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_estimator_finds_what_chance_rarely_does() {
        let mean = |method| (0..20).map(|seed| best(&search(method, 50, seed))).sum::<f64>() / 20.0;
        let (random, bayesian) = (mean(Method::Random), mean(Method::Bayesian));
        assert!(bayesian < 0.5 * random, "{bayesian} against {random}");
        // The first are the random search's.
        let points = |method| search(method, 10, 3).into_iter().map(|known| known.point).collect::<Vec<_>>();
        assert_eq!(points(Method::Random), points(Method::Bayesian));
    }

    #[test]
    fn suggestions_repeat_and_points_do_not() {
        for method in [Method::Random, Method::Bayesian] {
            let points = |seed| search(method, 40, seed).into_iter().map(|known| known.point).collect::<Vec<_>>();
            assert_eq!(points(1), points(1));
            assert_ne!(points(1), points(2));
            let few = &parameters()[1..];
            let mut known: Vec<Known> = Vec::new();
            for trial in 0..24 {
                let point = suggest(method, few, 5, 0, &known).unwrap();
                assert!(known.iter().all(|other| other.point != point), "trial {trial}");
                known.push(Known { score: trial as f64, point });
            }
        }
    }

    #[test]
    fn a_trial_under_way_is_not_tried_again_next_to_itself() {
        let mut known = search(Method::Bayesian, 30, 0);
        let rate = |point: &Point| number(&point[0]).unwrap().ln();
        let first = suggest(Method::Bayesian, &parameters(), 10, 0, &known).unwrap();
        known.push(Known { point: first.clone(), score: f64::INFINITY });
        let second = suggest(Method::Bayesian, &parameters(), 10, 0, &known).unwrap();
        assert!(first != second && (rate(&first) - rate(&second)).abs() > 1e-3);
    }

    #[test]
    fn the_grid_has_every_combination_once() {
        let grid = &parameters()[1..];
        let points: Vec<Point> = (0..24).map(|index| on_grid(grid, index).unwrap()).collect();
        assert_eq!(points[1][1], "b".into());
        assert!((0..24).all(|i| (0..i).all(|j| points[i] != points[j])));
        assert_eq!(on_grid(grid, 24), None);
    }
}
