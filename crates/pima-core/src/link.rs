//! Where a parameter may lie, and the free coordinate in which it can be moved without leaving it.

use serde::{Deserialize, Serialize};

/// Free coordinates are held to this: `exp` of it squared, times any data, is still a number.
const LARGEST: f64 = 150.0;

/// A map from a free coordinate `u`, any number, to a parameter `theta` that keeps to its domain.
///
/// An optimiser that moves `u` needs no constraints, and a parameter that is affine in a latent point by way of `u` is
/// admissible for every latent point.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// Any number: `theta = u`.
    #[default]
    Identity,
    /// Above zero: `theta = exp(u)`. Equal steps of `u` are equal ratios of `theta`.
    Positive,
    /// Above an end other than zero: `theta = lower + exp(u)`.
    Above {
        /// The lower end.
        lower: f64,
    },
    /// Below an end: `theta = upper - exp(u)`.
    Below {
        /// The upper end.
        upper: f64,
    },
    /// Between two ends: `theta = lower + (upper - lower) / (1 + exp(-u))`.
    Interval {
        /// The lower end.
        lower: f64,
        /// The upper end, above the lower.
        upper: f64,
    },
}

impl Link {
    /// `theta(u)`.
    pub fn parameter(self, u: f64) -> f64 {
        match self {
            Self::Identity => u,
            Self::Positive => bounded_exp(u),
            Self::Above { lower } => lower + bounded_exp(u),
            Self::Below { upper } => upper - bounded_exp(u),
            Self::Interval { lower, upper } => lower + (upper - lower) * logistic(u),
        }
    }

    /// `dtheta/du`.
    pub fn derivative(self, u: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Positive | Self::Above { .. } => bounded_exp(u),
            Self::Below { .. } => -bounded_exp(u),
            Self::Interval { lower, upper } => (upper - lower) * logistic(u) * logistic(-u),
        }
    }

    /// `u(theta)`. A parameter outside its domain gets the coordinate of one just inside.
    pub fn coordinate(self, theta: f64) -> f64 {
        /// How close to an end of an interval a parameter may come, relative to its length.
        const MARGIN: f64 = 1e-9;
        match self {
            Self::Identity => theta,
            // `max` also catches the NaN of a negative number.
            Self::Positive => theta.ln().max(-LARGEST),
            Self::Above { lower } => (theta - lower).ln().max(-LARGEST),
            Self::Below { upper } => (upper - theta).ln().max(-LARGEST),
            Self::Interval { lower, upper } => {
                let share = ((theta - lower) / (upper - lower)).clamp(MARGIN, 1.0 - MARGIN);
                (share / (1.0 - share)).ln()
            }
        }
    }

    /// The ends of the domain, infinite where there is none; an optimiser that keeps to a box may stand on them.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Self::Identity => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Positive => (0.0, f64::INFINITY),
            Self::Above { lower } => (lower, f64::INFINITY),
            Self::Below { upper } => (f64::NEG_INFINITY, upper),
            Self::Interval { lower, upper } => (lower, upper),
        }
    }
}

fn bounded_exp(u: f64) -> f64 {
    u.clamp(-LARGEST, LARGEST).exp()
}

/// `1 / (1 + exp(-u))`.
fn logistic(u: f64) -> f64 {
    1.0 / (1.0 + (-u).clamp(-LARGEST, LARGEST).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINKS: [Link; 5] = [
        Link::Identity,
        Link::Positive,
        Link::Above { lower: -2.0 },
        Link::Below { upper: 3.0 },
        Link::Interval { lower: -0.5, upper: 0.25 },
    ];

    proptest! {
        #[test]
        fn there_and_back(u in -15.0..15.0_f64) {
            for link in LINKS {
                let back = link.coordinate(link.parameter(u));
                prop_assert!((back - u).abs() < 1e-7 * (1.0 + u.abs()), "{link:?}: {u} came back as {back}");
            }
        }

        #[test]
        fn the_derivative_is_the_finite_difference(u in -5.0..5.0_f64) {
            for link in LINKS {
                let step = 1e-5;
                let difference = (link.parameter(u + step) - link.parameter(u - step)) / (2.0 * step);
                let derivative = link.derivative(u);
                prop_assert!((difference - derivative).abs() < 1e-8 * (1.0 + derivative.abs()), "{link:?} at {u}");
            }
        }
    }

    #[test]
    fn no_coordinate_leaves_the_domain_and_no_parameter_is_without_one() {
        for u in [-1e300, -800.0, 800.0, 1e300] {
            let positive = Link::Positive.parameter(u);
            assert!(positive > 0.0 && (positive * positive).is_finite(), "{positive}");
            for link in LINKS {
                let (lower, upper) = link.bounds();
                let parameter = link.parameter(u);
                assert!(lower <= parameter && parameter <= upper, "{link:?}: {parameter}");
            }
        }
        for theta in [-5.0, -1.0, 0.0, 0.25, 3.0, 7.0] {
            assert!(LINKS.iter().all(|link| link.coordinate(theta).is_finite()), "{theta}");
        }
    }

    #[test]
    fn written_and_read_in_a_configuration() {
        for link in LINKS {
            let text = serde_json::to_string(&link).unwrap();
            assert_eq!(serde_json::from_str::<Link>(&text).unwrap(), link);
        }
        assert_eq!(serde_json::to_string(&Link::Positive).unwrap(), r#""positive""#);
    }
}
