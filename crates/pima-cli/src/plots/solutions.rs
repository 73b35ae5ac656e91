//! Solutions of identified differential equations, beside the ones the data were made from where those are known (2023, Figure 5).

use anyhow::{Result, ensure};

use super::assignment::{Assigned, cluster_name};
use super::axes::{Axes, range_of};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells::frame;
use super::palette;
use super::scene::{Anchor, INK, MUTED, Scene, size};
use crate::run_directory::Predictions;
use crate::summary::Summary;

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 110.0;
const COLUMNS: usize = 5;
const CELL_HEIGHT: f64 = 210.0;
const STEP_DOWN: f64 = CELL_HEIGHT + 104.0;

/// Draws one cell per cluster and one band of cells per modality that has solutions.
pub(crate) fn scene(
    caption: &Caption,
    predictions: &Predictions,
    summary: Option<&Summary>,
    assigned: Option<&Assigned>,
) -> Result<Scene> {
    let solved: Vec<_> = predictions
        .modalities
        .iter()
        .filter_map(|(name, modality)| Some((name, modality.solution.as_ref()?, modality.known.as_ref())))
        .collect();
    ensure!(!solved.is_empty(), "no expert of the model is a differential equation");
    let n = predictions.n_clusters();
    let order = assigned.map_or_else(|| (0..n).collect(), Assigned::order);
    let n_rows = n.div_ceil(COLUMNS);
    let height = TITLE_HEIGHT + (n_rows * solved.len()) as f64 * STEP_DOWN + 70.0;
    let mut scene = Scene::new(WIDTH, height);
    let names = solved.iter().map(|(name, ..)| (*name).clone()).collect::<Vec<_>>().join(", ");
    caption.draw(&mut scene, "Identified equations, solved", &names, &[format!("{n} clusters")]);
    let step = (WIDTH - LEFT - 20.0) / COLUMNS as f64;
    let (mut any_known, mut most_states) = (false, 0);
    for (band, (name, solution, known)) in solved.iter().enumerate() {
        let (_, n_states, n_times) = solution.dim();
        most_states = most_states.max(n_states);
        let axis = summary.and_then(|summary| summary.modality_axes.get(*name));
        let grid = axis.map(|axes| axes.grid.clone()).filter(|grid| grid.len() == n_times);
        let t = grid.unwrap_or_else(|| (0..n_times).map(|k| k as f64).collect());
        let x_name = axis.map_or("", |axes| axes.x.as_str());
        let y = range_of(solution.iter().chain(known.iter().flat_map(|known| known.iter())).copied(), 0.06);
        let x = range_of(t.iter().copied(), 0.02);
        for (place, &cluster) in order.iter().enumerate().filter(|(_, cluster)| **cluster < n) {
            let (row, column) = (place / COLUMNS, place % COLUMNS);
            let left = LEFT + step * column as f64;
            let top = TITLE_HEIGHT + (band * n_rows + row) as f64 * STEP_DOWN + 50.0;
            let (from, to) = ((left, top), (left + step - 34.0, top + CELL_HEIGHT));
            let heading = cluster_name(cluster, assigned);
            let middle = (from.0 + to.0) / 2.0;
            let heading_size = fitted(&heading, size::LABEL, step - 34.0);
            scene.text(&heading, (middle, top - 16.0), heading_size, Anchor::Middle, INK);
            let axes = Axes::new(from, to, x, y);
            frame(&mut scene, &axes, column == 0, Some(x_name));
            let label = assigned.and_then(|assigned| assigned.label_of.get(cluster).copied().flatten());
            let truth = known.zip(label).filter(|(known, label)| *label < known.dim().0);
            for state in 0..n_states {
                if let Some((known, label)) = truth {
                    any_known = true;
                    axes.curve(&mut scene, (0..n_times).map(|k| (t[k], known[[label, state, k]])), INK, 5.0, None);
                }
                let colour = palette::class(state);
                let values = (0..n_times).map(|k| (t[k], solution[[cluster, state, k]]));
                axes.curve(&mut scene, values, colour, 2.6, truth.map(|_| (9.0, 7.0)));
            }
        }
    }
    let states = (1..=most_states).map(|s| format!("u{s}")).collect::<Vec<_>>().join(", ");
    let note = if any_known {
        format!(
            "States {states}. Black: the equations the data were made from; coloured dashes: the identified equations, solved from the start."
        )
    } else {
        format!("States {states} of the identified equations, solved from the start.")
    };
    scene.text(&note, (36.0, height - 22.0), fitted(&note, size::SMALL, WIDTH - 72.0), Anchor::Start, MUTED);
    Ok(scene)
}
