//! The text of a configuration, with what a beginner needs to know of each choice.

use std::fmt::Write;
use std::path::Path;

use pima_core::ModalityShape;
use pima_data::{Candidate, Inventory, ModalityKind, Source};

use crate::commands::quoted;

/// Clusters where no labels say how many classes there are.
const CLUSTERS: usize = 4;
/// Steps of the optimiser that are enough for most data of this size.
const STEPS: usize = 3000;

/// A configuration for what a folder holds.
pub(super) fn config(name: &str, inventory: &Inventory) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_config(&mut text, name, inventory);
    text
}

fn write_config(text: &mut String, name: &str, inventory: &Inventory) -> std::fmt::Result {
    let n_samples = inventory.candidates.iter().map(|candidate| candidate.n_samples).max().unwrap_or(1);
    let n_clusters = inventory.labels.as_ref().map(|labels| labels.n_classes.max(1));
    writeln!(
        text,
        "# Written by `pima init`. Every key and its default: docs/config.md. Check changes with `pima check`."
    )?;
    writeln!(text, "experiment = {}\n", quoted(name))?;
    writeln!(text, "[data]")?;
    writeln!(
        text,
        "# Fractions to train on, to choose the best epoch by, and to report on; drawn by the seed of the run."
    )?;
    writeln!(text, "split = {{ train = 0.8, validation = 0.1, test = 0.1 }}")?;
    if let Some(labels) = &inventory.labels {
        let file = &labels.file;
        let mut keys = vec![format!("path = {}", path(&file.path))];
        let named = [("column", &file.column), ("array", &file.array), ("dataset", &file.dataset), ("id", &file.id)];
        for (key, value) in named {
            keys.extend(value.as_ref().map(|value| format!("{key} = {}", quoted(value))));
        }
        keys.extend(file.ids.as_ref().map(|ids| format!("ids = {}", path(ids))));
        writeln!(text, "# Known classes: reports compare the clusters with them; training never sees them.")?;
        writeln!(text, "labels = {{ {} }}", keys.join(", "))?;
    }
    match inventory.by_ids {
        true => writeln!(
            text,
            "# Samples are matched by their ids; a modality that lacks an id is missing for that sample."
        )?,
        false => writeln!(text, "# Samples are matched by their order: row k of every file is the same sample.")?,
    }
    for line in &inventory.left_out {
        writeln!(text, "# Left out: {}", line.replace('\n', " "))?;
    }
    writeln!(text, "\n[model]")?;
    writeln!(text, "# Dimensions of the latent space; 2 can be drawn, more hold more.")?;
    writeln!(text, "latent = 2")?;
    match n_clusters {
        Some(_) => writeln!(text, "# As many as there are labels.")?,
        None => writeln!(text, "# A guess: try several, and compare the validation loss and the figures.")?,
    }
    let n_clusters = n_clusters.unwrap_or_else(|| CLUSTERS.min(n_samples / 4).max(1));
    writeln!(text, "clusters = {n_clusters}\n")?;
    let batch = if n_samples < 2000 { 32 } else { 128 };
    let n_train = (n_samples * 8).div_ceil(10).max(1);
    writeln!(text, "[training]")?;
    writeln!(text, "# Passes over the training samples, and samples per step.")?;
    let epochs = (STEPS / n_train.div_ceil(batch).max(1)).clamp(5, 60);
    writeln!(text, "epochs = {epochs}")?;
    writeln!(text, "batch_size = {batch}")?;
    writeln!(text, "learning_rate = 1e-3")?;
    if inventory.candidates.len() > 1 {
        writeln!(
            text,
            "# Each modality is hidden from three in ten steps, so that the others learn to do without it."
        )?;
        writeln!(text, "modality_keep = 0.7")?;
    }
    if let Some(curve) = inventory.candidates.iter().find(|candidate| candidate.kind == ModalityKind::Curve) {
        let (name, components) = (quoted(&curve.name), length(curve.shape).min(4));
        writeln!(
            text,
            "# If clusters come out merged: look for them among the principal components of one modality, and keep the samples in them."
        )?;
        let start = format!("modality = {name}, components = {components}, tie_epochs = {epochs}");
        writeln!(text, "# start = {{ {start} }}")?;
    }
    for candidate in &inventory.candidates {
        writeln!(text)?;
        modality(text, candidate)?;
    }
    Ok(())
}

fn modality(text: &mut String, candidate: &Candidate) -> std::fmt::Result {
    let Candidate { name, kind, shape, .. } = candidate;
    writeln!(text, "[[modality]]")?;
    writeln!(text, "name = {}", quoted(name))?;
    writeln!(text, "source = {{ {} }}", source(&candidate.source))?;
    let remark = if candidate.remark.is_empty() { String::new() } else { format!("  # {}", candidate.remark) };
    writeln!(text, "kind = \"{kind}\"{remark}")?;
    if *kind != ModalityKind::Image {
        match candidate.units.as_str() {
            "" => writeln!(text, "units = \"\"  # say what the values are in, such as \"MPa\"")?,
            units => writeln!(text, "units = {}  # as the file says", quoted(units))?,
        }
    }
    if *kind == ModalityKind::Curve {
        match (&candidate.axis_array, candidate.has_axis) {
            (Some(array), _) => writeln!(text, "axis = {{ name = \"x\", units = \"\", array = {} }}", quoted(array))?,
            (None, true) => {
                let name = match &candidate.source {
                    Source::TableFolder(folder) => folder.axis.as_deref(),
                    _ => None,
                };
                let name = quoted(name.unwrap_or("x"));
                writeln!(text, "axis = {{ name = {name}, units = \"\" }}  # its points come from the file")?;
            }
            (None, false) => {
                let last = length(*shape).saturating_sub(1);
                writeln!(
                    text,
                    "axis = {{ name = \"index\", units = \"\", from = 0.0, to = {last}.0 }}  # where it was measured"
                )?;
            }
        }
    }
    match kind {
        ModalityKind::Vector => writeln!(text, "normalise = \"standard\"  # each value to mean 0 and variance 1")?,
        _ => writeln!(text, "normalise = \"standard_global\"  # all values together to mean 0 and variance 1")?,
    }
    writeln!(text, "variance = {{ learned = {{ from_epoch = 3 }} }}")?;
    let least = match *shape {
        ModalityShape::Image { height, width, .. } => height.min(width),
        other => length(other),
    };
    match kind {
        ModalityKind::Image if least >= 8 => {
            writeln!(text, "encoder = {{ type = \"conv\", channels = [16, 32] }}")?;
            writeln!(text, "decoder = {{ type = \"deconv\", base_channels = 16, channels = [32, 16] }}")
        }
        ModalityKind::Curve if least >= 8 => {
            writeln!(text, "encoder = {{ type = \"conv\", channels = [8, 16], hidden = [64] }}")?;
            writeln!(text, "decoder = {{ type = \"mlp\", hidden = [64] }}")?;
            writeln!(text, "# A formula in place of the decoder has its parameters identified for each cluster:")?;
            writeln!(
                text,
                "# expert = {{ formula = \"a + b*t\", parameters = {{ a = {{ init = 0.0 }}, b = {{ init = 1.0 }} }} }}"
            )
        }
        _ => {
            writeln!(text, "encoder = {{ type = \"mlp\", hidden = [64, 64] }}")?;
            writeln!(text, "decoder = {{ type = \"mlp\", hidden = [64] }}")
        }
    }
}

fn length(shape: ModalityShape) -> usize {
    match shape {
        ModalityShape::Curve { length, .. } | ModalityShape::Vector { length } => length,
        ModalityShape::Image { .. } => 0,
    }
}

fn source(source: &Source) -> String {
    let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let (kind, mut keys) = match source {
        Source::Npz(npz) => {
            let mut keys = Vec::new();
            keys.extend(npz.array.as_ref().map(|array| format!("array = {}", quoted(array))));
            keys.extend(npz.id.as_ref().map(|id| format!("id = {}", quoted(id))));
            keys.extend(npz.channels_last.then(|| "channels_last = true".to_owned()));
            ("npz", keys)
        }
        Source::Npy(npy) => {
            let mut keys = Vec::new();
            keys.extend(npy.ids.as_ref().map(|ids| format!("ids = {}", path(ids))));
            keys.extend(npy.channels_last.then(|| "channels_last = true".to_owned()));
            ("npy", keys)
        }
        Source::Hdf5(hdf5) => {
            let mut keys = Vec::new();
            keys.extend(hdf5.dataset.as_ref().map(|dataset| format!("dataset = {}", quoted(dataset))));
            keys.extend(hdf5.id.as_ref().map(|id| format!("id = {}", quoted(id))));
            keys.extend(hdf5.channels_last.then(|| "channels_last = true".to_owned()));
            ("hdf5", keys)
        }
        Source::TableFolder(folder) => {
            let mut keys = Vec::new();
            keys.extend(folder.axis.as_ref().map(|axis| format!("axis = {}", quoted(axis))));
            keys.extend((!folder.columns.is_empty()).then(|| format!("columns = [{}]", list(&folder.columns))));
            keys.extend(folder.points.map(|points| format!("points = {points}")));
            ("table-folder", keys)
        }
        Source::Table(table) => {
            let mut keys = Vec::new();
            keys.extend((!table.columns.is_empty()).then(|| format!("columns = [{}]", list(&table.columns))));
            keys.extend(table.id.as_ref().map(|id| format!("id = {}", quoted(id))));
            keys.extend((!table.except.is_empty()).then(|| format!("except = [{}]", list(&table.except))));
            ("table", keys)
        }
        Source::ImageFolder(folder) => {
            let mut keys = Vec::new();
            keys.extend(folder.size.map(|[height, width]| format!("size = [{height}, {width}]")));
            keys.extend(folder.colour.then(|| "colour = true".to_owned()));
            ("image-folder", keys)
        }
    };
    let mut all = vec![format!("kind = \"{kind}\""), format!("path = {}", path(source.path()))];
    all.append(&mut keys);
    all.join(", ")
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
