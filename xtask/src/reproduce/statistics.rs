//! A quantity over seeds.

use super::table::Target;
use serde::Serialize;

/// Statistics of `n` runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Statistics {
    pub(super) n: usize,
    pub(super) mean: f64,
    /// Of the sample (n - 1); absent for one run.
    pub(super) sd: Option<f64>,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Statistics {
    /// `None` for no values at all.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some(Self {
            n,
            mean,
            sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// `mean (sd)`, or the value alone of a single run.
    pub(super) fn shown(&self, decimals: usize) -> String {
        match self.sd {
            Some(sd) => format!("{:.decimals$} ({sd:.decimals$})", self.mean),
            None => format!("{:.decimals$}", self.mean),
        }
    }
}

/// One bound of a target.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Bound {
    /// Such as `mean >= 99.95`.
    pub(super) wanted: String,
    pub(super) value: f64,
    pub(super) reached: bool,
}

/// Every bound of `target`, met or not by `statistics`.
pub(super) fn bounds(target: &Target, statistics: &Statistics) -> Vec<Bound> {
    let Statistics { mean, min, max, .. } = *statistics;
    let all = [
        ("mean", ">=", mean, target.mean_min),
        ("min", ">=", min, target.min_min),
        ("mean", "<=", mean, target.mean_max),
        ("max", "<=", max, target.max_max),
    ];
    let set = all.into_iter().filter_map(|(name, sign, value, bound)| {
        let bound = bound?;
        let reached = if sign == ">=" { value >= bound } else { value <= bound };
        Some(Bound { wanted: format!("{name} {sign} {bound}"), value, reached })
    });
    set.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_sample() {
        assert_eq!(Statistics::of(&[]), None);
        let one = Statistics::of(&[3.0]).unwrap();
        assert_eq!(one, Statistics { n: 1, mean: 3.0, sd: None, min: 3.0, max: 3.0 });
        assert_eq!(one.shown(1), "3.0");
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squared deviations 32, sample variance 32/7.
        let many = Statistics::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((many.n, many.mean, many.min, many.max), (8, 5.0, 2.0, 9.0));
        assert!((many.sd.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(many.shown(2), "5.00 (2.14)");
    }

    #[test]
    fn targets_are_reached_or_not_bound_by_bound() {
        let statistics = Statistics::of(&[99.0, 100.0]).unwrap();
        let target = Target { mean_min: Some(99.5), min_min: Some(99.9), max_max: Some(100.0), mean_max: None };
        let bounds = bounds(&target, &statistics);
        let shown = bounds.iter().map(|b| (b.wanted.as_str(), b.reached)).collect::<Vec<_>>();
        assert_eq!(shown, [("mean >= 99.5", true), ("min >= 99.9", false), ("max <= 100", true)]);
    }

    #[test]
    fn nothing_reaches_a_target_with_nan() {
        let statistics = Statistics::of(&[f64::NAN]).unwrap();
        let target = Target { mean_min: Some(0.0), mean_max: Some(1.0), ..Target::default() };
        assert!(bounds(&target, &statistics).iter().all(|bound| !bound.reached));
    }
}
