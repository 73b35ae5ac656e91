//! Tests of the page on runs with planted clusters.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::plots::fixture::{Plan, gallery};
use crate::run_directory::{Existing, MetricsRecord, NewRun, RunRecord};

fn written(plan: &Plan) -> (tempfile::TempDir, NewRun) {
    let folder = tempfile::tempdir().unwrap();
    let run = plan.write(&folder.path().join("run"));
    (folder, run)
}

/// The values of an attribute wherever it occurs.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// That nothing on the page would make a browser ask anybody for anything.
fn assert_asks_for_nothing(html: &str) {
    for source in attributes(html, "src") {
        assert!(source.starts_with("data:image/png;base64,"), "{source}");
    }
    for link in attributes(html, "href") {
        assert!(link.starts_with('#'), "{link}");
    }
    for word in [
        "<link",
        "<iframe",
        "<object",
        "<embed",
        "@import",
        "url(",
        "fetch(",
        "XMLHttpRequest",
        "import(",
        "http:",
        "https:",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("content=\"default-src 'none';"), "and browsers are told so");
}

#[test]
fn every_kind_of_run_gets_a_page_of_its_own() {
    for (name, plan) in gallery() {
        let (_folder, run) = written(&plan);
        let Report { html, notes } = report(&run).unwrap();
        assert_eq!(notes, Vec::<String>::new(), "{name}");
        assert_asks_for_nothing(&html);
        assert!(html.len() < 5_000_000, "{name}: {} bytes", html.len());
        let sections: Vec<&str> = html.split("<section id=\"").skip(1).filter_map(|s| s.split('"').next()).collect();
        let mut expected = vec!["about", "losses", "latent", "clusters"];
        expected
            .extend(plan.modalities.iter().any(|m| ["line", "stress", "oscillator"].contains(m)).then_some("experts"));
        expected.extend((plan.modalities.len() > 1).then_some(["inference", "calibration"]).into_iter().flatten());
        expected.push("scores");
        expected.extend(plan.labelled.then_some("confusion"));
        expected.push("timings");
        assert_eq!(sections, expected, "{name}");
        // Scripts and links find one element each.
        let ids = attributes(&html, "id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}");
        for link in attributes(&html, "href") {
            assert!(ids.contains(&&link[1..]), "{name}: {link}");
        }
        for path in attributes(&html, "d") {
            assert!(!path.contains("NaN") && !path.contains("inf"), "{name}: {path}");
        }
    }
}

#[test]
fn what_users_write_is_text_and_nothing_else() {
    let evil = "</script><script>alert('&\"')</script>";
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { n_clusters: 4, n_samples: 60, ..Plan::default() };
    let run = plan.write(&folder.path().join("run"));
    let mut summary = plan.summary();
    summary.title = evil.to_owned();
    summary.dataset = evil.to_owned();
    summary.label_names = vec![evil.to_owned(); 4];
    summary.units.insert("image".to_owned(), evil.to_owned());
    summary.experts.get_mut("line").unwrap().parameters[0] = evil.to_owned();
    run.write_summary(&summary).unwrap();
    run.write_config(&format!("title = \"\"\"{evil}\"\"\"\n")).unwrap();
    let mut predictions = plan.predictions();
    predictions.facts.push((evil.to_owned(), ndarray::Array1::from_iter((0..60).map(f64::from))));
    run.write_predictions(&predictions).unwrap();
    let html = report(&run).unwrap().html;
    assert!(!html.contains("<script>alert") && !html.contains("</script><script>"), "some text is not escaped");
    assert_eq!(html.matches("<script").count(), 2, "the data of the latent space and the page's own");
    assert!(html.contains("&#60;/script&#62;") || html.contains("&lt;/script&gt;"));
    assert!(html.contains("\\u003c/script>"), "in the data of the latent space");
}

#[test]
fn a_large_run_stays_small_and_is_the_same_each_time() {
    let (_folder, run) = written(&Plan { n_samples: 70_000, n_latent: 10, ..Plan::default() });
    let page = report(&run).unwrap();
    assert!(page.html.len() < 5_000_000, "{} bytes", page.html.len());
    assert!(page.html.contains("10\u{202f}000 of 70\u{202f}000 test samples"));
    assert_eq!(page, report(&run).unwrap());
}

#[test]
fn a_run_that_has_not_finished_shows_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(folder.path().join("run"), Existing::Refuse).unwrap();
    let error = report(&run).unwrap_err().to_string();
    assert!(error.contains("run: nothing to report"), "{error}");
    run.write_config("[training]\nepochs = 12\n").unwrap();
    let began = RunRecord { experiment: "a".into(), title: "Digits".into(), dataset: "MNIST".into(), seed: 7 };
    run.append_metrics(&MetricsRecord::Run(Box::new(began))).unwrap();
    for epoch in (Plan { epochs: 3, ..Plan::default() }).epochs() {
        run.append_metrics(&MetricsRecord::Epoch(Box::new(epoch))).unwrap();
    }
    let Report { html, notes } = report(&run).unwrap();
    assert!(html.contains("has not finished: 3 of 12 epochs") && html.contains("<h1>Digits</h1>") && notes.is_empty());
    assert!(html.contains("id=\"losses\"") && !html.contains("id=\"latent\"") && !html.contains("id=\"scores\""));
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_shown() {
    let (_folder, run) = written(&Plan { n_samples: 100, ..Plan::default() });
    fs::write(run.predictions_path(), "not an archive").unwrap();
    let Report { html, notes } = report(&run).unwrap();
    assert!(notes.len() == 1 && notes[0].contains("predictions.npz"), "{notes:?}");
    assert!(html.contains("id=\"notes\"") && html.contains("id=\"scores\"") && !html.contains("id=\"latent\""));
}
