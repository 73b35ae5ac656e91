//! `table.toml`, beside an experiment's configs: which rows its table has, what the paper reports for each, and what we set out to reach.
//!
//! ```toml
//! experiment = "4.1"                      # as --only names it, and the folder under the run directory
//! title = "..."
//! source = "paper, table"                 # where the paper's numbers are from
//!
//! [[quantity]]                            # columns; the first is the headline. Default: accuracy, NMI, ARI, wall time
//! path = "accuracy_from.image"            # in summary.json, below splits.test or from its top
//! label = "from the image alone, %"
//! scale = 100.0                           # from summary.json's unit to the table's (default 1)
//! decimals = 2                            # default 2
//!
//! [[row]]
//! name = "multimodal"                     # as --rows names it, and the folder of its runs
//! label = "image and line"
//! config = "multimodal.toml"              # default: <name>.toml
//! default = true                          # false: only when --rows names it
//! brief = true                            # false: not when the command names nothing, which is to take half an hour at most
//! note = "..."                            # printed under the table
//! [row.paper]                             # by quantity, in the table's unit; each number optional
//! accuracy = { max = 99.8, mean = 90.3, sd = 14.8, runs = 9 }
//! [row.target]                            # by quantity: bounds on the mean, the smallest and the largest over seeds
//! accuracy = { mean_min = 99.95, min_min = 99.9 }
//! wall_seconds = { mean_max = 180.0 }
//! [row.peer]                              # no runs of its own: a simpler method that the runs of another row judged beside the model
//! of = "multimodal"
//! name = "kmeans"                         # its quantities are below peers.kmeans in those runs' summaries
//! [[row.expert]]                          # one parameter of one modality's expert, by label (0, 1, ...)
//! modality = "line"
//! parameter = "slope"
//! truth = [0.0, 1.0]                      # what the data were made with; default: what the runs' summaries say of it
//! paper = [0.01, 1.02]                    # what the paper identified
//! ```

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An experiment's table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Experiment {
    #[serde(rename = "experiment")]
    pub(super) id: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default = "usual_quantities", rename = "quantity")]
    pub(super) quantities: Vec<Quantity>,
    #[serde(rename = "row")]
    pub(super) rows: Vec<Row>,
    /// Where the table and its configs are.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// A number that every run of the experiment reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quantity {
    pub(super) path: String,
    pub(super) label: String,
    #[serde(default = "one")]
    pub(super) scale: f64,
    #[serde(default = "two")]
    pub(super) decimals: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) label: String,
    config: Option<String>,
    #[serde(default = "yes")]
    pub(super) default: bool,
    /// Whether it runs when neither an experiment nor a row is named.
    #[serde(default = "yes")]
    pub(super) brief: bool,
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) paper: BTreeMap<String, Paper>,
    #[serde(default)]
    pub(super) target: BTreeMap<String, Target>,
    pub(super) peer: Option<Peer>,
    #[serde(default, rename = "expert")]
    pub(super) experts: Vec<ExpertTruth>,
}

/// A simpler method, judged by the runs of another row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    /// The row whose runs judge it.
    pub(super) of: String,
    /// Its name in their summaries.
    pub(super) name: String,
}

/// What the paper reports of a quantity.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paper {
    pub(super) max: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) sd: Option<f64>,
    pub(super) runs: Option<u64>,
}

/// Bounds to reach: `<statistic over seeds>_<kind of bound>`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) mean_min: Option<f64>,
    pub(super) min_min: Option<f64>,
    pub(super) mean_max: Option<f64>,
    pub(super) max_max: Option<f64>,
}

/// A parameter of an expert whose value is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpertTruth {
    pub(super) modality: String,
    pub(super) parameter: String,
    #[serde(default)]
    pub(super) truth: Vec<f64>,
    #[serde(default)]
    pub(super) paper: Vec<f64>,
}

fn one() -> f64 {
    1.0
}

fn two() -> usize {
    2
}

fn yes() -> bool {
    true
}

fn usual_quantities() -> Vec<Quantity> {
    let quantity =
        |path: &str, label: &str, scale, decimals| Quantity { path: path.into(), label: label.into(), scale, decimals };
    vec![
        quantity("accuracy", "accuracy, %", 100.0, 2),
        quantity("nmi", "NMI", 1.0, 4),
        quantity("ari", "ARI", 1.0, 4),
        quantity("wall_seconds", "wall time, s", 1.0, 0),
    ]
}

impl Experiment {
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self> {
        let mut table: Self = toml::from_str(text)?;
        folder.clone_into(&mut table.folder);
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ',']);
        ensure!(plain(&table.id), "experiment `{}` is to be a folder's name", table.id);
        ensure!(!table.rows.is_empty(), "has no row");
        ensure!(!table.quantities.is_empty(), "has no quantity");
        for (index, row) in table.rows.iter().enumerate() {
            ensure!(plain(&row.name), "row `{}` is to be a folder's name", row.name);
            let twice = table.rows[..index].iter().any(|other| other.name == row.name);
            ensure!(!twice, "has two rows called `{}`", row.name);
            if let Some(peer) = &row.peer {
                let other = table.rows.iter().find(|other| other.name == peer.of);
                let known = other.is_some_and(|other| other.peer.is_none());
                ensure!(known, "row `{}`: its peer is of `{}`, which is no row with runs", row.name, peer.of);
            }
            for path in row.paper.keys().chain(row.target.keys()) {
                let known = table.quantities.iter().any(|quantity| quantity.path == *path);
                ensure!(known, "row `{}`: `{path}` is not one of its quantities", row.name);
            }
        }
        Ok(table)
    }

    /// The row whose runs have the results of row `index`: itself, but for a peer.
    pub(super) fn runs_of(&self, index: usize) -> usize {
        let of = self.rows[index].peer.as_ref().map(|peer| &peer.of);
        of.and_then(|of| self.rows.iter().position(|row| row.name == *of)).unwrap_or(index)
    }

    /// The config that trains a row.
    pub(super) fn config(&self, row: &Row) -> PathBuf {
        match &row.config {
            Some(name) => self.folder.join(name),
            None => self.folder.join(format!("{}.toml", row.name)),
        }
    }
}

/// Every experiment that has a table, by id.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Experiment>> {
    let mut all: Vec<Experiment> = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path().join("table.toml");
        if !path.exists() {
            continue;
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
        let table = Experiment::parse(&text, path.parent().unwrap_or(folder)).with_context(|| name.clone())?;
        ensure!(!all.iter().any(|other| other.id == table.id), "{name}: experiment {} is another's", table.id);
        all.push(table);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Experiment> {
        Experiment::parse(text, Path::new("folder"))
    }

    const SMALL: &str = "experiment = 'x'\ntitle = 't'\n[[row]]\nname = 'a'\nlabel = 'A'\n";

    #[test]
    fn the_committed_tables_hold_together() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/pima-cli/experiments");
        let all = read_all(&folder).unwrap();
        let first = all.iter().find(|experiment| experiment.id == "4.1").unwrap();
        let names = first.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["multimodal-dropout", "multimodal", "no-expert", "image-only", "line-only"]);
        assert_eq!(first.rows[0].paper["accuracy"].mean, Some(90.31));
        assert_eq!(first.quantities[0].path, "accuracy");
        assert!(first.config(&first.rows[0]).ends_with("4.1/multimodal-dropout.toml"));
    }

    #[test]
    fn little_has_to_be_said() {
        let table = parse(SMALL).unwrap();
        assert!(table.rows[0].default);
        assert_eq!(table.quantities[0].path, "accuracy");
        assert_eq!(table.config(&table.rows[0]), Path::new("folder/a.toml"));
    }

    #[test]
    fn mistakes_are_named() {
        for (bad, word) in [
            (SMALL.replace("'x'", "'a/b'"), "a/b"),
            (SMALL.replace("'a'", "'..'"), ".."),
            (format!("{SMALL}[[row]]\nname = 'a'\nlabel = 'B'\n"), "two rows"),
            (format!("{SMALL}[row.paper]\nacuracy = {{ max = 1.0 }}\n"), "acuracy"),
            (format!("{SMALL}[row.target]\naccuracy = {{ mean_mim = 1.0 }}\n"), "mean_mim"),
            ("experiment = 'x'\ntitle = 't'\nrow = []\n".to_owned(), "no row"),
            (format!("{SMALL}[row.peer]\nof = 'b'\nname = 'kmeans'\n"), "no row with runs"),
            (format!("{SMALL}[row.peer]\nof = 'a'\nname = 'kmeans'\n"), "no row with runs"),
        ] {
            let error = format!("{:#}", parse(&bad).unwrap_err());
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
