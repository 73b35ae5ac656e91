//! Stopping early what is worse than half of the others (the median rule of Golovin et al. 2017).

use serde::{Deserialize, Serialize};

/// When a trial is stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EarlyStopping {
    /// How it is decided.
    pub(super) rule: Rule,
    /// Not before this many epochs, warm-up not counted.
    #[serde(default = "two")]
    pub(super) min_epochs: usize,
    /// Not before so many other trials have come as far.
    #[serde(default = "four")]
    pub(super) min_trials: usize,
}

/// How it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rule {
    /// The best validation loss so far is above the median of the others' after as many epochs.
    Median,
}

fn two() -> usize {
    2
}
fn four() -> usize {
    4
}

/// The least value up to each.
pub(super) fn running_best(losses: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut best = f64::INFINITY;
    // A loss that is not a number is no improvement.
    let follow = |loss: f64| {
        best = best.min(loss);
        best
    };
    losses.into_iter().map(follow).collect()
}

/// The first epoch, from 1, at which a trial is to be stopped, of those that `own` has; `total` is the last, at which nothing is left to save. Curves
/// are the best validation losses so far by epoch; `others` are of trials that have ended, in whatever way.
pub(super) fn verdict(rule: &EarlyStopping, own: &[f64], others: &[&[f64]], total: usize) -> Option<usize> {
    let from = rule.min_epochs.max(1);
    (from..=own.len().min(total.saturating_sub(1))).find(|&epoch| {
        let mut reached: Vec<f64> = others.iter().filter_map(|curve| curve.get(epoch - 1)).copied().collect();
        reached.sort_by(f64::total_cmp);
        reached.len() >= rule.min_trials.max(1) && own[epoch - 1] > median(&reached)
    })
}

/// The middle of sorted values, of which there is at least one.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { 0.5 * (sorted[half - 1] + sorted[half]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: EarlyStopping = EarlyStopping { rule: Rule::Median, min_epochs: 2, min_trials: 3 };

    #[test]
    fn only_what_is_worse_than_the_median_stops_and_not_too_soon() {
        let others: [&[f64]; 4] = [&[5.0, 4.0, 3.0, 2.0], &[6.0, 5.0, 4.0, 3.0], &[7.0, 6.0, 5.0, 4.0], &[9.0, 9.0]];
        // The medians are 6.5, 5.5, 4 and 3.
        assert_eq!(verdict(&RULE, &[9.0, 5.6], &others, 4), Some(2));
        assert_eq!(verdict(&RULE, &[9.0, 5.4], &others, 4), None);
        assert_eq!(verdict(&RULE, &[9.0], &others, 4), None, "too soon");
        assert_eq!(verdict(&RULE, &[9.0, 5.5, 4.1], &others, 4), Some(3));
        assert_eq!(verdict(&RULE, &[9.0, 5.5, 4.0, 9.0], &others, 4), None, "the last epoch has nothing to save");
        assert_eq!(verdict(&RULE, &[9.0, 9.0, 9.0], &others[..2], 4), None, "too few others");
    }

    #[test]
    fn curves_never_rise() {
        let curve = running_best([5.0, f64::NAN, 3.0, 4.0]);
        assert_eq!(curve, [5.0, 5.0, 3.0, 3.0]);
        assert_eq!(verdict(&RULE, &running_best([f64::NAN; 3]), &[&[1.0; 3][..]; 3], 4), Some(2));
    }
}
