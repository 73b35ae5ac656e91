//! Whether what is inferred from one modality is as uncertain as it says.

use std::collections::BTreeMap;

use anyhow::Result;
use askama::Template;
use pima_core::Reliability;
use pima_model::Coverage;

use super::chart::{Chart, Frame, Scale};
use super::source::Source;
use crate::plots::ticks;

const SIZE: (f64, f64) = (330.0, 230.0);

#[derive(Template)]
#[template(path = "report/calibration.html")]
struct Page {
    levels: Vec<String>,
    rows: Vec<Row>,
    panels: Vec<Panel>,
    n: usize,
}

struct Row {
    given: String,
    predicted: String,
    covered: Vec<String>,
    log_density: String,
    rmse: String,
    rmse_of_cluster: String,
}

struct Panel {
    title: String,
    fact: String,
    html: String,
}

/// The section; `None` where inference was not judged.
pub(super) fn section(source: &Source) -> Result<Option<String>> {
    let test = source.summary.as_ref().and_then(|summary| summary.splits.test.as_ref());
    let Some(calibration) = test.map(|test| &test.calibration).filter(|all| !all.is_empty()) else { return Ok(None) };
    let covered = calibration.values().flat_map(|each| each.predicted.values()).flat_map(|c| c.covered.keys());
    let mut levels: Vec<String> = covered.cloned().collect();
    levels.sort_by(|a, b| level(a).total_cmp(&level(b)));
    levels.dedup();
    let (mut rows, mut panels) = (Vec::new(), Vec::new());
    for (given, each) in calibration {
        if let Some(clusters) = &each.clusters {
            panels.push(Panel {
                title: format!("clusters from {given}"),
                fact: format!("expected calibration error {} %", ticks::number(100.0 * clusters.error, 3)),
                html: reliability(clusters, given)?,
            });
        }
        for (predicted, coverage) in &each.predicted {
            rows.push(Row {
                given: given.clone(),
                predicted: predicted.clone(),
                covered: levels.iter().map(|level| percent(&coverage.covered, level)).collect(),
                log_density: ticks::number(coverage.log_density, 4),
                rmse: ticks::number(coverage.rmse, 4),
                rmse_of_cluster: coverage.rmse_of_cluster.map_or_else(|| "–".to_owned(), |e| ticks::number(e, 4)),
            });
            panels.push(Panel {
                title: format!("{predicted} from {given}"),
                fact: "where the truth lies in the predictive distribution".to_owned(),
                html: histogram(coverage, given, predicted)?,
            });
        }
    }
    let n = calibration.values().map(|each| each.n).max().unwrap_or(0);
    Ok(Some(Page { levels, rows, panels, n }.render()?))
}

fn level(name: &str) -> f64 {
    name.parse().unwrap_or(f64::INFINITY)
}

fn percent(covered: &BTreeMap<String, f64>, level: &str) -> String {
    covered.get(level).map_or_else(|| "–".to_owned(), |held| format!("{:.1} %", 100.0 * held))
}

fn reliability(clusters: &Reliability, given: &str) -> Result<String> {
    let label = format!("Reliability diagram of clusters inferred from {given}");
    let frame = Frame {
        label: &label,
        size: SIZE,
        x_name: "probability of the cluster",
        y_name: "fraction right",
        whole_x: false,
    };
    let mut chart = Chart::new(&frame, (0.0, 1.0), (0.0, 1.0), Scale::Linear);
    let width = 1.0 / clusters.bins.len().max(1) as f64;
    for (k, bin) in clusters.bins.iter().enumerate().filter(|(_, bin)| bin.n > 0) {
        let ends = (width * k as f64, width * (k + 1) as f64);
        chart.bar("c0", (ends.0 + 0.06 * width, ends.1 - 0.06 * width), bin.accuracy);
        let text = format!(
            "probability {:.2} to {:.2}\n{} samples, {:.1} % right",
            ends.0,
            ends.1,
            bin.n,
            100.0 * bin.accuracy
        );
        chart.hint(ends, text);
    }
    chart.line("dashed ink", &[(0.0, 0.0), (1.0, 1.0)]);
    Ok(chart.render()?)
}

fn histogram(coverage: &Coverage, given: &str, predicted: &str) -> Result<String> {
    let n = coverage.histogram.len().max(1) as f64;
    let most = coverage.histogram.iter().map(|share| share * n).fold(1.5, f64::max);
    let label = format!("Quantiles of the true {predicted} in its distribution inferred from {given}");
    let frame = Frame {
        label: &label,
        size: SIZE,
        x_name: "quantile at which the truth lies",
        y_name: "density",
        whole_x: false,
    };
    let mut chart = Chart::new(&frame, (0.0, 1.0), (0.0, 1.08 * most), Scale::Linear);
    for (k, share) in coverage.histogram.iter().enumerate() {
        let ends = (k as f64 / n, (k + 1) as f64 / n);
        chart.bar("c0", (ends.0 + 0.06 / n, ends.1 - 0.06 / n), share * n);
        chart.hint(
            ends,
            format!(
                "quantile {:.2} to {:.2}\n{:.2} % of the values, {:.2} % expected",
                ends.0,
                ends.1,
                100.0 * share,
                100.0 / n
            ),
        );
    }
    chart.line("dashed ink", &[(0.0, 1.0), (1.0, 1.0)]);
    Ok(chart.render()?)
}
