//! What the images become away from the cluster centres: decoded three standard deviations to either side along each latent dimension (Trask et al. 2022,
//! Figure 4).

use anyhow::{Result, ensure};
use ndarray::{Array1, Array3, ArrayView1};
use pima_core::ModalityShape;

use super::assignment::{Assigned, cluster_name};
use super::caption::{Caption, TITLE_HEIGHT, fitted};
use super::cells;
use super::scene::{Anchor, INK, MUTED, Scene, size};
use crate::run_directory::Predictions;
use crate::summary::Summary;

const LEFT: f64 = 150.0;
/// Side of a cell, and the room between two.
const CELL: f64 = 104.0;
const GAP: f64 = 8.0;
/// Latent dimensions that are shown.
const MOST_DIMENSIONS: usize = 5;
/// Pixels along a side: what is larger is averaged, for a drawing consists of rectangles.
const MOST_PIXELS: usize = 40;

/// One row per cluster, its centre first.
pub(crate) fn scene(
    caption: &Caption,
    predictions: &Predictions,
    summary: Option<&Summary>,
    assigned: Option<&Assigned>,
) -> Result<Scene> {
    let shapes = summary.map(|summary| &summary.modality_shapes);
    let images: Vec<(&String, &Array3<f64>, [usize; 3])> = predictions
        .modalities
        .iter()
        .filter_map(|(name, modality)| {
            let ModalityShape::Image { channels, height, width } = *shapes?.get(name)? else { return None };
            let deviations = modality.deviations.as_ref()?;
            (channels * height * width == deviations.dim().2).then_some((name, deviations, [channels, height, width]))
        })
        .collect();
    ensure!(!images.is_empty(), "the summary does not say what shape the decoded images have");
    let (n, l) = (predictions.n_clusters(), predictions.n_latent());
    let shown = l.min(MOST_DIMENSIONS);
    let order: Vec<usize> =
        assigned.map_or_else(|| (0..n).collect(), |assigned| assigned.order().into_iter().collect());
    let order = if order.len() == n { order } else { (0..n).collect() };
    let columns = 1 + 2 * shown;
    // Titles need a width, however few the dimensions.
    let width = (LEFT + columns as f64 * (CELL + GAP) + 30.0).max(900.0);
    let block = 54.0 + n as f64 * (CELL + GAP) + 20.0;
    let mut scene = Scene::new(width, TITLE_HEIGHT + images.len() as f64 * block + 44.0);
    let facts = if shown < l { vec![format!("{shown} of {l} latent dimensions")] } else { Vec::new() };
    caption.draw(&mut scene, "Away from the cluster centres", "decoded", &facts);
    for (k, (name, deviations, shape)) in images.iter().enumerate() {
        let top = TITLE_HEIGHT + k as f64 * block;
        let x = |column: usize| LEFT + column as f64 * (CELL + GAP);
        for column in 0..columns {
            let heading = match column.checked_sub(1) {
                None => "mean".to_owned(),
                Some(which) => format!("{}3 sd, z{}", if which % 2 == 0 { "\u{2212}" } else { "+" }, which / 2 + 1),
            };
            let middle = (x(column) + 0.5 * CELL, top + 40.0);
            scene.text(&heading, middle, fitted(&heading, size::SMALL, CELL), Anchor::Middle, INK);
        }
        let shrunk: Vec<Vec<(Array1<f64>, [usize; 3])>> = order
            .iter()
            .map(|&cluster| {
                (0..columns).map(|at| shrink(deviations.slice(ndarray::s![cluster, at, ..]), *shape)).collect()
            })
            .collect();
        let values = shrunk.iter().flatten().flat_map(|(image, _)| image.iter().copied()).filter(|v| v.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let range = if high > low { (low, high) } else { (low, low + 1.0) };
        for (row, (&cluster, images)) in order.iter().zip(&shrunk).enumerate() {
            let y = top + 54.0 + row as f64 * (CELL + GAP);
            let label = cluster_name(cluster, assigned);
            let room = fitted(&label, size::LABEL, LEFT - 72.0);
            scene.text_beside(&label, (LEFT - 14.0, y + 0.5 * CELL), room, Anchor::End, INK);
            for (column, (image, shape)) in images.iter().enumerate() {
                cells::image(&mut scene, image.view(), *shape, range, ((x(column), y), (x(column) + CELL, y + CELL)));
            }
        }
        scene.text_upright(*name, (34.0, top + 0.5 * block), size::LABEL, INK);
    }
    let note = "Decoded without noise at a cluster's mean, and three of its standard deviations from there along one latent dimension at a time.";
    scene.text(note, (36.0, scene.height - 18.0), fitted(note, size::SMALL, width - 72.0), Anchor::Start, MUTED);
    Ok(scene)
}

/// The image, averaged over squares of pixels until it is small enough.
fn shrink(image: ArrayView1<'_, f64>, [channels, height, width]: [usize; 3]) -> (Array1<f64>, [usize; 3]) {
    let block = height.max(width).div_ceil(MOST_PIXELS).max(1);
    let small = [channels, height.div_ceil(block), width.div_ceil(block)];
    let mean = |at: usize| {
        let (channel, i, j) = (at / (small[1] * small[2]), at / small[2] % small[1], at % small[2]);
        let rows = i * block..((i + 1) * block).min(height);
        let (mut sum, mut count) = (0.0, 0.0);
        for y in rows {
            for x in j * block..((j + 1) * block).min(width) {
                sum += image[(channel * height + y) * width + x];
                count += 1.0;
            }
        }
        sum / count
    };
    ((0..small.iter().product()).map(mean).collect(), small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_are_averaged_and_small_ones_left_alone() {
        let image = Array1::from_iter((0..6).map(f64::from));
        assert_eq!(shrink(image.view(), [1, 2, 3]), (image.clone(), [1, 2, 3]));
        // 82 pixels a side in blocks of three: the last block has one row and column.
        let (side, ones) = (82, Array1::from_elem(82 * 82, 2.0));
        let (small, shape) = shrink(ones.view(), [1, side, side]);
        assert_eq!(shape, [1, 28, 28]);
        assert!(small.iter().all(|&v| v == 2.0));
        let ramp = Array1::from_iter((0..side * side).map(|k| (k % side) as f64));
        let (small, _) = shrink(ramp.view(), [1, side, side]);
        assert_eq!((small[0], small[1], small[27]), (1.0, 4.0, 81.0));
    }
}
