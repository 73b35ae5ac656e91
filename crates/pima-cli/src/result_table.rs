//! The results as text on the screen.

use std::collections::{BTreeMap, BTreeSet};

use pima_cli::{ExpertSummary, SplitSummary, Splits};

use crate::table::{Table, significant, with_error};

/// The results as a table, a column for each split, and one of each expert's parameters.
pub(crate) fn table(splits_of: &Splits, experts: &BTreeMap<String, ExpertSummary>) -> String {
    let named = [("train", &splits_of.train), ("validation", &splits_of.validation), ("test", &splits_of.test)];
    let splits: Vec<(&str, &SplitSummary)> =
        named.into_iter().filter_map(|(name, split)| Some((name, split.as_ref()?))).collect();
    let mut table = Table::default();
    table.row(std::iter::once("").chain(splits.iter().map(|(name, _)| *name)));
    let mut row = |name: String, value: &dyn Fn(&SplitSummary) -> Option<String>| {
        let values: Vec<Option<String>> = splits.iter().map(|(_, split)| value(split)).collect();
        if values.iter().any(Option::is_some) {
            table.row(
                std::iter::once(name).chain(values.into_iter().map(|value| value.unwrap_or_else(|| "-".to_owned()))),
            );
        }
    };
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    row("samples".to_owned(), &|split| Some(split.n.to_string()));
    row("ELBO per sample".to_owned(), &|split| split.elbo.map(significant));
    row("accuracy".to_owned(), &|split| split.accuracy.map(percent));
    for name in names(&splits, |split| &split.accuracy_from) {
        row(format!("  from {name} alone"), &|split| split.accuracy_from.get(name).copied().map(percent));
        row(format!("  from {name} alone, refitted"), &|split| {
            split.accuracy_from_refitted.get(name).copied().map(percent)
        });
    }
    row("NMI".to_owned(), &|split| split.nmi.map(|x| format!("{x:.4}")));
    row("ARI".to_owned(), &|split| split.ari.map(|x| format!("{x:.4}")));
    row("  by k-means on principal components".to_owned(), &|split| {
        split.peers.get("kmeans")?.ari.map(|x| format!("{x:.4}"))
    });
    for name in names(&splits, |split| &split.rmse) {
        row(format!("RMSE of {name}"), &|split| split.rmse.get(name).copied().map(significant));
    }
    let from = |split: &SplitSummary, given: &str, name: &str| split.rmse_from.get(given)?.get(name).copied();
    let judged = splits.iter().flat_map(|(_, split)| std::iter::once(*split).chain(split.peers.values()));
    let judged: BTreeSet<_> = judged.flat_map(|split| pairs(&split.rmse_from)).collect();
    for (given, name) in &judged {
        row(format!("RMSE of {name} from {given} alone, normalised"), &|split| {
            from(split, given, name).map(significant)
        });
        let ridge = |split: &SplitSummary| from(split.peers.get("ridge")?, given, name).map(significant);
        row("  by ridge regression on principal components".to_owned(), &ridge);
    }
    if let Some(test) = &splits_of.test {
        for (from, what) in pairs(&test.gain_from) {
            row(format!("{what} from {from}: RMSE of the class mean / ours"), &|split| {
                Some(format!("{:.3}", split.gain_from.get(&from)?.get(&what)?))
            });
        }
        for (expert, parameter) in pairs(&test.parameter_correlation) {
            let of = |all: &BTreeMap<String, BTreeMap<String, f64>>| {
                Some(format!("{:.3}", all.get(&expert)?.get(&parameter)?))
            };
            row(format!("{parameter}: correlation with the truth"), &|split| of(&split.parameter_correlation));
            for from in test.parameter_correlation_from.keys() {
                row(format!("  from {from} alone"), &|split| of(split.parameter_correlation_from.get(from)?));
            }
        }
    }
    let mut text = table.to_string();
    for (name, expert) in experts {
        text += &format!("\n{name}: parameters of the expert by cluster, ± standard error\n{}", expert_table(expert));
    }
    text
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

fn expert_table(expert: &ExpertSummary) -> Table {
    let mut table = Table::default();
    let labelled = expert.clusters.iter().any(|cluster| cluster.label.is_some());
    let units = |p: usize| {
        expert.units.get(p).filter(|unit| !unit.is_empty()).map_or_else(String::new, |unit| format!(" ({unit})"))
    };
    let mut head = vec!["cluster".to_owned()];
    head.extend(labelled.then(|| "label".to_owned()));
    head.push("weight".to_owned());
    head.extend(expert.parameters.iter().enumerate().map(|(p, name)| format!("{name}{}", units(p))));
    table.row(head);
    for cluster in &expert.clusters {
        let mut row = vec![cluster.cluster.to_string()];
        row.extend(labelled.then(|| cluster.label.map_or_else(|| "-".to_owned(), |label| label.to_string())));
        row.push(format!("{:.4}", cluster.weight));
        let errors = cluster.standard_errors.iter().copied().chain(std::iter::repeat(f64::NAN));
        row.extend(cluster.values.iter().zip(errors).map(|(&value, error)| with_error(value, error)));
        table.row(row);
        if cluster.truth.iter().any(|truth| truth.is_finite()) {
            let mut row = vec!["truth".to_owned()];
            row.extend(labelled.then(String::new));
            row.push(String::new());
            let shown = |&truth: &f64| if truth.is_finite() { significant(truth) } else { String::new() };
            row.extend(cluster.truth.iter().map(shown));
            table.row(row);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use pima_cli::ExpertCluster;

    use super::*;

    #[test]
    fn the_table_shows_what_there_is() {
        let test = SplitSummary {
            n: 70,
            elbo: Some(-12.3456),
            accuracy: Some(0.5),
            accuracy_from: [("line".to_owned(), 0.25)].into(),
            rmse: [("line".to_owned(), 0.1)].into(),
            ..Default::default()
        };
        let train =
            SplitSummary { n: 700, elbo: Some(-12.0), rmse: [("line".to_owned(), 0.1)].into(), ..Default::default() };
        let cluster = ExpertCluster {
            cluster: 0,
            weight: 1.0,
            values: vec![3.0],
            standard_errors: vec![0.0123],
            bounds: vec![0.01],
            truth: vec![3.0246],
            label: None,
        };
        let expert =
            ExpertSummary { parameters: vec!["slope".into()], units: vec!["m/s".into()], clusters: vec![cluster] };
        let splits = Splits { train: Some(train), validation: None, test: Some(test) };
        let text = table(&splits, &[("line".to_owned(), expert)].into());
        let expected = "\
                   train     test
samples              700       70
ELBO per sample  -12.000  -12.346
accuracy               -  50.00 %
  from line alone      -  25.00 %
RMSE of line     0.10000  0.10000

line: parameters of the expert by cluster, ± standard error
cluster  weight    slope (m/s)
0        1.0000  3.000 ± 0.012
truth                   3.0246
";
        // The first column is as wide as its longest name.
        let squeeze =
            |text: &str| text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        assert_eq!(squeeze(&text), squeeze(expected));
    }
}
