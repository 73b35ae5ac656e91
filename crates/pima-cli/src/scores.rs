//! The scores of a run as rows of text, a value for each split: what the screen and the report show.

use std::collections::{BTreeMap, BTreeSet};

use crate::summary::{SplitSummary, Splits};

/// The scores of the splits that were evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    /// Names of the splits, S of them.
    pub splits: Vec<&'static str>,
    /// One row a score.
    pub rows: Vec<ScoreRow>,
}

/// One score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScoreRow {
    /// What it is, with its unit where it has one.
    pub name: String,
    /// Whether it belongs to the row before, as that from one modality alone.
    pub detail: bool,
    /// By split (S); `None` where it was not judged.
    pub values: Vec<Option<String>>,
}

/// Collects rows that have a value for some split.
struct Collect<'a> {
    splits: Vec<&'a SplitSummary>,
    rows: Vec<ScoreRow>,
}

impl<'a> Collect<'a> {
    fn add(&mut self, name: String, detail: bool, value: &dyn Fn(&'a SplitSummary) -> Option<String>) {
        let values: Vec<_> = self.splits.iter().map(|split| value(split)).collect();
        if values.iter().any(Option::is_some) {
            self.rows.push(ScoreRow { name, detail, values });
        }
    }

    fn row(&mut self, name: String, value: &dyn Fn(&'a SplitSummary) -> Option<String>) {
        self.add(name, false, value);
    }

    fn detail(&mut self, name: String, value: &dyn Fn(&'a SplitSummary) -> Option<String>) {
        self.add(name, true, value);
    }
}

impl Scores {
    /// Every score that some split has.
    pub fn of(splits: &Splits) -> Self {
        let named = [("train", &splits.train), ("validation", &splits.validation), ("test", &splits.test)];
        let known: Vec<(&'static str, &SplitSummary)> =
            named.into_iter().filter_map(|(name, split)| Some((name, split.as_ref()?))).collect();
        let mut scores = Collect { splits: known.iter().map(|(_, split)| *split).collect(), rows: Vec::new() };
        let percent = |x: f64| format!("{:.2} %", 100.0 * x);
        scores.row("samples".to_owned(), &|split| Some(split.n.to_string()));
        scores.row("ELBO per sample".to_owned(), &|split| split.elbo.map(significant));
        scores.row("accuracy".to_owned(), &|split| split.accuracy.map(percent));
        for name in names(&known, |split| &split.accuracy_from) {
            scores.detail(format!("from {name} alone"), &|split| split.accuracy_from.get(name).copied().map(percent));
            scores.detail(format!("from {name} alone, refitted"), &|split| {
                split.accuracy_from_refitted.get(name).copied().map(percent)
            });
        }
        scores.row("NMI".to_owned(), &|split| split.nmi.map(|x| format!("{x:.4}")));
        scores.row("ARI".to_owned(), &|split| split.ari.map(|x| format!("{x:.4}")));
        scores.detail("by k-means on principal components".to_owned(), &|split| {
            split.peers.get("kmeans")?.ari.map(|x| format!("{x:.4}"))
        });
        scores.row("purity".to_owned(), &|split| split.purity.map(|x| format!("{x:.4}")));
        for name in names(&known, |split| &split.rmse) {
            scores.row(format!("RMSE of {name}"), &|split| split.rmse.get(name).copied().map(significant));
        }
        let from = |split: &SplitSummary, given: &str, name: &str| split.rmse_from.get(given)?.get(name).copied();
        let judged = known.iter().flat_map(|(_, split)| std::iter::once(*split).chain(split.peers.values()));
        let judged: BTreeSet<_> = judged.flat_map(|split| pairs(&split.rmse_from)).collect();
        for (given, name) in &judged {
            scores.row(format!("RMSE of {name} from {given} alone, normalised"), &|split| {
                from(split, given, name).map(significant)
            });
            let ridge = |split: &SplitSummary| from(split.peers.get("ridge")?, given, name).map(significant);
            scores.detail("by ridge regression on principal components".to_owned(), &ridge);
        }
        if let Some(test) = &splits.test {
            for (from, what) in pairs(&test.gain_from) {
                scores.row(format!("{what} from {from}: RMSE of the class mean / ours"), &|split| {
                    Some(format!("{:.3}", split.gain_from.get(&from)?.get(&what)?))
                });
            }
            for (from, each) in &test.calibration {
                for what in each.predicted.keys() {
                    let of = |split: &'_ SplitSummary| {
                        let covered = &split.calibration.get(from)?.predicted.get(what)?.covered;
                        Some(
                            covered
                                .iter()
                                .map(|(level, held)| format!("{:.1} of {level}", 100.0 * held))
                                .collect::<Vec<_>>()
                                .join(", "),
                        )
                    };
                    scores.row(format!("{what} from {from}: held by intervals, %"), &of);
                }
                scores.detail(format!("calibration error of the clusters from {from}"), &|split| {
                    Some(percent(split.calibration.get(from)?.clusters.as_ref()?.error))
                });
            }
            for (expert, parameter) in pairs(&test.parameter_correlation) {
                let of = |all: &BTreeMap<String, BTreeMap<String, f64>>| {
                    Some(format!("{:.3}", all.get(&expert)?.get(&parameter)?))
                };
                scores
                    .row(format!("{parameter}: correlation with the truth"), &|split| of(&split.parameter_correlation));
                for from in test.parameter_correlation_from.keys() {
                    scores.detail(format!("from {from} alone"), &|split| {
                        of(split.parameter_correlation_from.get(from)?)
                    });
                }
            }
        }
        Self { splits: known.into_iter().map(|(name, _)| name).collect(), rows: scores.rows }
    }
}

/// Names that occur in a map of any split.
fn names<'a>(
    splits: &[(&str, &'a SplitSummary)],
    map: impl Fn(&'a SplitSummary) -> &'a BTreeMap<String, f64>,
) -> BTreeSet<&'a str> {
    splits.iter().flat_map(|(_, split)| map(split).keys().map(String::as_str)).collect()
}

/// The keys of a map of maps, outer and inner.
fn pairs(map: &BTreeMap<String, BTreeMap<String, f64>>) -> Vec<(String, String)> {
    let inner = |(outer, map): (&String, &BTreeMap<String, f64>)| {
        map.keys().map(|inner| (outer.clone(), inner.clone())).collect::<Vec<_>>()
    };
    map.iter().flat_map(inner).collect()
}

/// A number with five significant digits.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.4e}");
    }
    let decimals = (4 - size.log10().floor() as i64).max(0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits() {
        assert_eq!([123.456, -0.001, 0.0, 1e9].map(significant), ["123.46", "-0.0010000", "0", "1.0000e9"]);
    }

    #[test]
    fn a_row_is_there_where_any_split_has_the_score() {
        let split = |n| SplitSummary { n, accuracy: (n > 5).then_some(0.5), ..Default::default() };
        let scores = Scores::of(&Splits { train: Some(split(9)), validation: None, test: Some(split(5)) });
        assert_eq!(scores.splits, ["train", "test"]);
        let rows: Vec<_> = scores.rows.iter().map(|row| (row.name.as_str(), row.values.clone())).collect();
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(rows, [("samples", vec![text("9"), text("5")]), ("accuracy", vec![text("50.00 %"), None])]);
    }
}
