//! `pima report`: the page of a run, as a browser has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Bench, finished, skipped, text};

/// A browser of the Chromium kind that can run without a screen.
fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect());
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// The document after its scripts have run, and what the browser's console had to say.
fn loaded(browser: &Path, page: &Path, profile: &Path) -> (String, String) {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .args(["--virtual-time-budget=10000", "--window-size=1200,900"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_is_whole_and_the_command_says_where_it_is() {
    let bench = finished();
    let (out, err) = bench.ok("report run");
    assert_eq!((out.as_str(), err.as_str()), ("run/report.html\n", ""));
    let html = fs::read_to_string(bench.path("run/report.html")).unwrap();
    for section in [
        "about",
        "losses",
        "latent",
        "clusters",
        "experts",
        "inference",
        "calibration",
        "scores",
        "confusion",
        "timings",
    ] {
        assert!(html.contains(&format!("<section id=\"{section}\"")), "{section}");
    }
    assert!(
        html.contains("Digits and lines") && html.contains("procedural digits (not MNIST)") && html.contains("slope")
    );
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let bench = finished();
    bench.ok("report run --out page.html");
    assert!(bench.fails("report run --out page.html", 2).contains("page.html: is there already"));
    bench.ok("report run --out page.html --force");
    assert!(bench.fails("report run --out no/page.html", 2).contains("no/page.html: there is no such folder"));
    assert!(bench.fails("report nowhere", 2).contains("nowhere: no such run directory"));
    let bench = Bench::new("");
    fs::create_dir(bench.path("empty")).unwrap();
    assert!(bench.fails("report empty", 2).contains("empty: not a run directory"));
}

#[test]
fn a_browser_shows_the_page_without_an_error() {
    let Some(browser) = browser() else {
        skipped("no chromium to load the report in");
        return;
    };
    let bench = finished();
    bench.ok("report run --out browser.html");
    let profile = tempfile::tempdir().unwrap();
    let (dom, said) = loaded(&browser, &bench.path("browser.html"), profile.path());
    assert!(dom.contains("data-ready=\"yes\""), "the script came to its end: {said}");
    let latent = dom.split("id=\"latent-plot\"").nth(1).unwrap_or_else(|| panic!("the latent space is there: {said}"));
    assert!(!latent.split('>').next().unwrap().contains("hidden"), "the picture is shown");
    // The key is made by the script, from the labels.
    let key = latent.split("id=\"latent-legend\"").nth(1).unwrap().split("id=\"latent-note\"").next().unwrap();
    assert_eq!(key.matches("<button").count(), 10, "{key}");
    let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
}
