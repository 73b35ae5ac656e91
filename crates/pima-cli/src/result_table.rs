//! The results as text on the screen.

use std::collections::BTreeMap;

use pima_cli::{ExpertSummary, Scores, Splits};

use crate::table::{Table, significant, with_error};

/// The results as a table, a column for each split, and one of each expert's parameters. `label_names` is empty where labels are numbers.
pub(crate) fn table(splits: &Splits, experts: &BTreeMap<String, ExpertSummary>, label_names: &[String]) -> String {
    let scores = Scores::of(splits);
    let mut table = Table::default();
    table.row(std::iter::once("").chain(scores.splits.iter().copied()));
    for row in &scores.rows {
        let name = format!("{}{}", if row.detail { "  " } else { "" }, row.name);
        let values = row.values.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned()));
        table.row(std::iter::once(name).chain(values));
    }
    let mut text = table.to_string();
    for (name, expert) in experts {
        let of_expert = expert_table(expert, label_names);
        text += &format!("\n{name}: parameters of the expert by cluster, ± standard error\n{of_expert}");
    }
    text
}

fn expert_table(expert: &ExpertSummary, label_names: &[String]) -> Table {
    let name = |label: usize| label_names.get(label).cloned().unwrap_or_else(|| label.to_string());
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
        row.extend(labelled.then(|| cluster.label.map_or_else(|| "-".to_owned(), name)));
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
    use pima_cli::{ExpertCluster, SplitSummary};

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
        let text = table(&splits, &[("line".to_owned(), expert.clone())].into(), &[]);
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

        let labelled = ExpertCluster { label: Some(1), ..expert.clusters[0].clone() };
        let expert = ExpertSummary { clusters: vec![labelled], ..expert };
        let names = ["annealed".to_owned(), "as cast".to_owned()];
        let text = table(&splits, &[("line".to_owned(), expert)].into(), &names);
        assert!(squeeze(&text).contains(&"0 as cast 1.0000 3.000 ± 0.012".to_owned()), "{text}");
    }
}
