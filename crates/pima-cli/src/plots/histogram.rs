//! A latent space of one dimension: histograms of the samples and densities of the clusters.

use super::assignment::{Assigned, cluster_name};
use super::axes::{Axes, Names, range_of};
use super::latent::{Badges, Classes, look};
use super::scene::{INK, Item, Point, Scene, WHITE, size};
use crate::run_directory::Predictions;

const N_BINS: usize = 80;

/// Draws the panel between two corners.
pub(super) fn panel(
    scene: &mut Scene,
    (from, to): (Point, Point),
    predictions: &Predictions,
    classes: &Classes,
    assigned: Option<&Assigned>,
) {
    let z = predictions.latent_mean.column(0);
    let clusters: Vec<(f64, f64, f64)> = (0..predictions.n_clusters())
        .map(|c| (predictions.prior_weight[c], predictions.prior_mean[[c, 0]], predictions.prior_var[[c, 0]].sqrt()))
        .collect();
    let chosen = |c: usize| predictions.cluster.iter().any(|&cluster| cluster == c as i64);
    let spans =
        clusters.iter().enumerate().filter(|(c, _)| chosen(*c)).flat_map(|(_, (_, m, s))| [m - 2.5 * s, m + 2.5 * s]);
    let x = range_of(z.iter().copied().chain(spans), 0.02);
    let width = (x.1 - x.0) / N_BINS as f64;
    let bin = |z: f64| (((z - x.0) / width) as usize).min(N_BINS - 1);

    let mut counts: Vec<(Option<usize>, Vec<f64>)> =
        classes.counts.keys().map(|&class| (class, vec![0.0; N_BINS])).collect();
    for (&z, class) in z.iter().zip(&classes.of) {
        if let Some((_, bins)) = counts.iter_mut().find(|(of, _)| of == class) {
            bins[bin(z)] += 1.0;
        }
    }
    let stacked: Vec<f64> = (0..N_BINS).map(|k| counts.iter().map(|(_, bins)| bins[k]).sum()).collect();
    // Densities in samples per bin, the unit of the bars.
    let scale = z.len() as f64 * width;
    let density = |(weight, mean, sd): (f64, f64, f64), z: f64| {
        scale * weight * (-0.5 * ((z - mean) / sd).powi(2)).exp() / (sd * std::f64::consts::TAU.sqrt())
    };
    // A cluster much narrower than a bin has a peak that would press the bars to the floor: it is cut off instead.
    let tallest_bar = stacked.iter().copied().fold(1.0, f64::max);
    let tallest_peak = clusters.iter().map(|&c| density(c, c.1)).fold(0.0, f64::max);
    let axes = Axes::new(from, to, x, (0.0, 1.12 * tallest_bar.max(tallest_peak.min(1.6 * tallest_bar))));
    axes.draw(scene, &Names { x: "latent dimension 1", y: "samples per bin", whole_x: false });

    let mut floor = vec![0.0; N_BINS];
    for (class, bins) in &counts {
        let colour = look(*class).0.fade(0.85);
        for (k, &count) in bins.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let low = axes.at(x.0 + width * k as f64, floor[k]);
            let high = axes.at(x.0 + width * (k + 1) as f64, floor[k] + count);
            scene.items.push(Item::Rect { from: (low.0, high.1), to: (high.0, low.1), colour });
            floor[k] += count;
        }
    }
    let mut badges = Badges::new(size::SMALL);
    for (c, &cluster) in clusters.iter().enumerate() {
        let (_, mean, sd) = cluster;
        let curve = || (0..=120).map(|k| mean + sd * (f64::from(k) / 15.0 - 4.0)).map(|z| (z, density(cluster, z)));
        axes.curve(scene, curve(), WHITE, 5.0, None);
        axes.curve(scene, curve(), INK, 2.4, None);
        let level = density(cluster, mean + 2.0 * sd);
        axes.curve(scene, [(mean - 2.0 * sd, level), (mean + 2.0 * sd, level)], INK, 2.4, None);
        let peak = axes.at(mean, density(cluster, mean).min(axes.y.1 * 0.93));
        if peak.0 > from.0 && peak.0 < to.0 {
            badges.place(cluster_name(c, assigned), peak, (0.0, true), (from, to));
        }
    }
    badges.draw(scene);
}
