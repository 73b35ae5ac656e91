//! A run as one page of HTML that needs nothing else: no network, no other file. Drawn from the run directory alone.
//!
//! Each section is a room of its own with a template in `templates/report/`; the templates escape whatever comes out of a run's files. Charts are inline
//! SVG; the latent space, which can be explored, is drawn by the page's own script from numbers in base 64.

// What was trained on what, and how long it took.
mod about;
// How far inference can be believed.
mod calibration;
// One sample's values.
mod cell;
// A chart as inline SVG.
mod chart;
// Clusters with their members.
mod clusters;
// Identified parameters.
mod experts;
// One modality from another.
mod inference;
// The latent space.
mod latent;
// Loss and accuracy by epoch.
mod losses;
// Scores and confusion.
mod scores;
// What the run holds.
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, bail};
use askama::Template;

use crate::plots::palette;
use crate::run_directory::{RunDirectory, atomic};
use about::Tile;
use source::Source;

/// A run as a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The whole page.
    pub html: String,
    /// Why something is not on it, a line each.
    pub notes: Vec<String>,
}

impl Report {
    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        atomic::write_bytes(file, self.html.as_bytes())
    }
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a> {
    title: String,
    subtitle: String,
    banner: Option<String>,
    tiles: Vec<Tile>,
    sections: Vec<Section>,
    notes: &'a [String],
    version: &'static str,
    colours: String,
    style: &'static str,
    script: &'static str,
}

struct Section {
    id: &'static str,
    /// In the bar of links.
    short: &'static str,
    title: &'static str,
    html: String,
}

/// Makes a page of a run, of as much as it holds: one that has not finished has its configuration and its losses.
///
/// # Errors
/// The run holds nothing that could be shown. Files that are missing or damaged are left out, with a note.
pub fn report(run: &RunDirectory) -> Result<Report> {
    let source = Source::read(run);
    if source.config.is_none() && source.summary.is_none() && source.epochs.is_empty() {
        let why = source.notes.first().map_or("it has no configuration, no epoch and no results", String::as_str);
        bail!("{}: nothing to report: {why}", run.root().display());
    }
    let mut notes = source.notes.clone();
    let mut sections = Vec::new();
    let mut add = |id, short, title, html: Result<Option<String>>| match html {
        Ok(Some(html)) => sections.push(Section { id, short, title, html }),
        Ok(None) => {}
        // One figure that cannot be drawn is no reason to be without the others.
        Err(error) => notes.push(format!("{title}: {error:#}")),
    };
    add("about", "About", "What was trained", about::section(&source).map(Some));
    add("losses", "Training", "Training", losses::section(&source));
    add("latent", "Latent space", "Latent space", latent::section(&source));
    add("clusters", "Clusters", "Clusters", clusters::section(&source));
    add("experts", "Parameters", "Identified parameters", experts::section(&source));
    add("inference", "Inference", "One modality from another", inference::section(&source));
    add("calibration", "Calibration", "Calibration", calibration::section(&source));
    add("scores", "Scores", "Scores", scores::section(&source));
    add("confusion", "Confusion", "Confusion", scores::confusion(&source));
    add("timings", "Timings", "Timings", about::timings(&source));
    let page = Page {
        title: about::title(&source),
        subtitle: about::subtitle(&source),
        banner: about::banner(&source),
        tiles: about::tiles(&source),
        sections,
        notes: &notes,
        version: env!("CARGO_PKG_VERSION"),
        colours: colours(),
        style: include_str!("../../templates/report/report.css"),
        script: include_str!("../../templates/report/report.js"),
    };
    let html = page.render()?;
    Ok(Report { html, notes })
}

/// The figures' colours as variables of the style sheet, for light pages and for dark ones.
fn colours() -> String {
    let variables = |class: fn(usize) -> palette::Colour, amount: fn(f64) -> palette::Colour| -> String {
        let stop = |k: usize| amount(k as f64 / (palette::N_STOPS - 1) as f64);
        let classes = (0..palette::N_COLOURS).map(|k| format!("--c{k}:{};", class(k).css()));
        classes.chain((0..palette::N_STOPS).map(|k| format!("--a{k}:{};", stop(k).css()))).collect()
    };
    let light = variables(palette::class, palette::amount);
    let dark = variables(palette::class_on_dark, palette::amount_on_dark);
    let classes: String = (0..palette::N_COLOURS).map(|k| format!(".c{k}{{--own:var(--c{k})}}")).collect();
    let shades: String = (0..=20).map(|k| format!(".s{k}{{--share:{}%}}", 5 * k)).collect();
    format!(":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n{classes}\n{shades}")
}
