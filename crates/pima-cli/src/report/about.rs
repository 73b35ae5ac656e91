//! What was trained on what: the figures at the head of the page, the facts, the modalities, the configuration, and how long it took.

use anyhow::Result;
use askama::Template;
use toml::Table;

use super::source::Source;
use crate::plots::ticks;
use crate::summary::Summary;

/// A figure that a reader looks for first.
pub(super) struct Tile {
    pub(super) value: String,
    pub(super) name: String,
}

#[derive(Template)]
#[template(path = "report/about.html")]
struct About {
    facts: Vec<(&'static str, String)>,
    modalities: Vec<Modality>,
    /// Whether any modality's shape, and any unit, is known.
    shapes: bool,
    units: bool,
    config: Option<String>,
}

struct Modality {
    name: String,
    shape: String,
    units: String,
    encoder: String,
    decoder: String,
}

#[derive(Template)]
#[template(path = "report/timings.html")]
struct Timings {
    rows: Vec<(String, String)>,
}

/// The title of the run: the experiment in words where it has some.
pub(super) fn title(source: &Source) -> String {
    let of = |title: &str, experiment: &str| if title.trim().is_empty() { experiment } else { title }.to_owned();
    match (&source.summary, &source.began) {
        (Some(summary), _) => of(&summary.title, &summary.experiment),
        (None, Some(began)) => of(&began.title, &began.experiment),
        (None, None) => source.root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    }
}

/// Experiment, data and seed in a line.
pub(super) fn subtitle(source: &Source) -> String {
    let named = |experiment: &str, dataset: &str, seed: u64| format!("{experiment}  ·  {dataset}  ·  seed {seed}");
    match (&source.summary, &source.began) {
        (Some(summary), _) => named(&summary.experiment, &summary.dataset, summary.seed),
        (None, Some(began)) => named(&began.experiment, &began.dataset, began.seed),
        (None, None) => String::new(),
    }
}

/// The figures at the head of the page.
pub(super) fn tiles(source: &Source) -> Vec<Tile> {
    let tile = |value: String, name: &str| Tile { value, name: name.to_owned() };
    let mut tiles = Vec::new();
    let Some(summary) = &source.summary else { return tiles };
    let judged =
        [("test", &summary.splits.test), ("validation", &summary.splits.validation), ("train", &summary.splits.train)];
    if let Some((name, split)) = judged.into_iter().find_map(|(name, split)| Some((name, split.as_ref()?))) {
        if let Some(accuracy) = split.accuracy {
            tiles.push(tile(format!("{:.2} %", 100.0 * accuracy), &format!("accuracy, {name}")));
        }
        if let Some(nmi) = split.nmi {
            tiles.push(tile(format!("{nmi:.3}"), &format!("mutual information, {name}")));
        }
        if let Some(elbo) = split.elbo {
            tiles.push(tile(ticks::number(elbo, 5), &format!("ELBO per sample, {name}")));
        }
    }
    if let Some(error) = summary.parameter_error.values().copied().filter(|x| x.is_finite()).reduce(f64::max) {
        tiles.push(tile(format!("{} se", ticks::number(error, 2)), "largest error of a parameter"));
    }
    tiles.push(tile(summary.n_clusters.to_string(), &format!("clusters in {} latent dimensions", summary.n_latent)));
    tiles.push(tile(duration(summary.wall_seconds), "in all"));
    tiles
}

/// Why the page does not have everything, if so.
pub(super) fn banner(source: &Source) -> Option<String> {
    match &source.summary {
        Some(summary) if summary.status == "finished" || summary.status.is_empty() => None,
        Some(summary) => Some(format!("This run is {}: its results are those of its last checkpoint.", summary.status)),
        None => {
            let planned =
                config(source).get("training").and_then(|t| t.get("epochs")).and_then(toml::Value::as_integer);
            let of = planned.map_or_else(String::new, |n| format!(" of {n}"));
            let done = source.epochs.len();
            Some(format!("This run has not finished: {done}{of} epochs are logged, and results come at the end."))
        }
    }
}

/// Data, model, recipe, program, and the configuration in full.
pub(super) fn section(source: &Source) -> Result<String> {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let mut fact = |name: &'static str, value: String| {
        if !value.trim().is_empty() {
            facts.push((name, value));
        }
    };
    let began = source.began.clone().unwrap_or_default();
    let config = config(source);
    match &source.summary {
        Some(summary) => {
            fact("experiment", summary.experiment.clone());
            fact("data", summary.dataset.clone());
            fact("samples", samples(summary));
            fact("seed", summary.seed.to_string());
            fact("recipe", summary.recipe.clone());
            fact("epochs", epochs(summary));
            fact("latent dimensions", summary.n_latent.to_string());
            fact("clusters", summary.n_clusters.to_string());
            fact("network weights", grouped(summary.n_parameters));
            let refit =
                summary.refit.as_ref().map(|refit| format!("{} epochs for each modality alone", refit.config.epochs));
            fact("refitted encoders", refit.unwrap_or_default());
            fact("device", device(summary));
            fact("program", format!("pima {}", summary.pima_version));
        }
        None => {
            fact("experiment", began.experiment);
            fact("data", began.dataset);
            fact("seed", if source.began.is_some() { began.seed.to_string() } else { String::new() });
            fact("recipe", text(config.get("training").and_then(|t| t.get("recipe"))));
        }
    }
    let modalities = config.get("modality").and_then(toml::Value::as_array);
    let modalities: Vec<Modality> =
        modalities.into_iter().flatten().filter_map(|table| modality(source, table.as_table()?)).collect();
    let shapes = modalities.iter().any(|m| !m.shape.is_empty());
    let units = modalities.iter().any(|m| !m.units.is_empty());
    Ok(About { facts, modalities, shapes, units, config: source.config.clone() }.render()?)
}

/// How long everything took; `None` where nothing says so.
pub(super) fn timings(source: &Source) -> Result<Option<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, seconds: f64| {
        if seconds.is_finite() && seconds > 0.0 {
            rows.push((name.to_owned(), duration(seconds)));
        }
    };
    let epochs: Vec<f64> = source.epochs.iter().map(|epoch| epoch.seconds).filter(|s| s.is_finite()).collect();
    if let Some(summary) = &source.summary {
        let refit = summary.refit.as_ref().map_or(0.0, |refit| refit.seconds);
        row("everything, from start to end", summary.wall_seconds);
        row("training", summary.train_seconds);
        row("refit of the encoders", refit);
        row("data, start from the data, evaluation and figures", summary.wall_seconds - summary.train_seconds - refit);
    }
    if !epochs.is_empty() {
        row("an epoch, on average", epochs.iter().sum::<f64>() / epochs.len() as f64);
        row("the shortest epoch", epochs.iter().copied().fold(f64::INFINITY, f64::min));
        row("the longest epoch", epochs.iter().copied().fold(0.0, f64::max));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    if let Some(summary) = &source.summary {
        if let Some(bytes) = summary.peak_memory_bytes {
            rows.push(("most memory held at once".to_owned(), format!("{} MB", grouped(bytes.div_ceil(1_000_000)))));
        }
        rows.push(("on".to_owned(), device(summary)));
    }
    Ok(Some(Timings { rows }.render()?))
}

fn config(source: &Source) -> Table {
    source.config.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn text(value: Option<&toml::Value>) -> String {
    value.and_then(toml::Value::as_str).unwrap_or_default().to_owned()
}

fn samples(summary: &Summary) -> String {
    let splits =
        [("train", &summary.splits.train), ("validate", &summary.splits.validation), ("test", &summary.splits.test)];
    let parts =
        splits.iter().filter_map(|(name, split)| Some(format!("{} to {name}", grouped(split.as_ref()?.n as u64))));
    parts.collect::<Vec<_>>().join(", ")
}

fn epochs(summary: &Summary) -> String {
    match summary.best_epoch {
        Some(best) => format!("{}, evaluated at {best}", summary.epochs),
        None => summary.epochs.to_string(),
    }
}

fn device(summary: &Summary) -> String {
    let threads = match summary.threads {
        0 => String::new(),
        1 => ", 1 thread".to_owned(),
        n => format!(", {n} threads"),
    };
    format!("{}{threads}", summary.device)
}

/// A modality as the configuration has it.
fn modality(source: &Source, table: &Table) -> Option<Modality> {
    let name = table.get("name")?.as_str()?.to_owned();
    let summary = source.summary.as_ref();
    let kind = |key: &str, of: &str| text(table.get(key).and_then(|part| part.get(of)));
    let expert = kind("expert", "kind");
    let formula = table.get("expert").and_then(|expert| expert.get("basis")).map(|basis| text(basis.get("kind")));
    let formula = formula.filter(|kind| !kind.is_empty()).map_or_else(String::new, |kind| format!(" ({kind})"));
    Some(Modality {
        shape: summary.and_then(|summary| summary.modality_shapes.get(&name)).map_or_else(String::new, shape),
        units: summary.and_then(|summary| summary.units.get(&name)).cloned().unwrap_or_default(),
        encoder: kind("encoder", "type"),
        decoder: if expert.is_empty() { kind("decoder", "type") } else { format!("expert: {expert}{formula}") },
        name,
    })
}

fn shape(shape: &pima_core::ModalityShape) -> String {
    use pima_core::ModalityShape::{Curve, Image, Vector};
    match *shape {
        Image { channels: 1, height, width } => format!("image of {height} × {width}"),
        Image { channels, height, width } => format!("image of {height} × {width}, {channels} channels"),
        Curve { channels: 1, length } => format!("curve of {length} values"),
        Curve { channels, length } => format!("{channels} curves of {length} values"),
        Vector { length: 1 } => "number".to_owned(),
        Vector { length } => format!("{length} numbers"),
    }
}

/// Digits in groups of three, apart by narrow spaces.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A time as it is said.
fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_said_as_people_say_them() {
        let times = [3.4, 59.6, 353.1, 7325.0, f64::NAN].map(duration);
        assert_eq!(times, ["3.4 s", "60 s", "5 min 53 s", "2 h 02 min", "–"]);
        assert_eq!(
            [7, 999, 484_585, 1_000_000].map(grouped),
            ["7", "999", "484\u{202f}585", "1\u{202f}000\u{202f}000"]
        );
    }
}
