//! Run directories with planted clusters, for the tests of the figures.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use pima_core::ModalityShape;

use crate::run_directory::{
    EpochRecord, Existing, LossTerms, MetricsRecord, ModalityPredictions, NewRun, Predictions, RunDirectory,
};
use crate::summary::{ExpertCluster, ExpertSummary, ModalityAxes, SplitSummary, Splits, Summary};

/// What to plant.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) n_samples: usize,
    pub(crate) n_clusters: usize,
    pub(crate) n_latent: usize,
    /// Standard deviations of the clusters, in units that keep them just apart.
    pub(crate) spread: f64,
    pub(crate) labelled: bool,
    /// Share of the samples that land in another cluster than their own.
    pub(crate) errors: f64,
    pub(crate) modalities: &'static [&'static str],
    pub(crate) epochs: usize,
    /// Epochs before the joint phase.
    pub(crate) warm_up: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            n_samples: 10_000,
            n_clusters: 10,
            n_latent: 2,
            spread: 1.0,
            labelled: true,
            errors: 0.02,
            modalities: &["image", "line"],
            epochs: 40,
            warm_up: 5,
        }
    }
}

/// Uniform and normal numbers from a counter, the same everywhere.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

impl Plan {
    /// Cluster c holds label `(3 c + 1) mod N`, so that indices and labels cannot be mistaken for each other.
    fn label_of(&self, cluster: usize) -> usize {
        let stride = [7, 3, 1].into_iter().find(|&stride| !self.n_clusters.is_multiple_of(stride)).unwrap_or(1);
        (stride * cluster + 1) % self.n_clusters
    }

    pub(crate) fn predictions(&self) -> Predictions {
        let (d, n, l) = (self.n_samples, self.n_clusters, self.n_latent);
        let mut noise = Noise(7);
        let prior_mean = Array2::from_shape_fn((n, l), |(c, j)| {
            let angle = std::f64::consts::TAU * c as f64 / n as f64;
            match j {
                _ if l == 1 => 2.0 * c as f64,
                0 => 5.0 * angle.cos(),
                1 => 5.0 * angle.sin(),
                _ => 3.0 * (angle * (j as f64 + 1.0)).sin(),
            }
        });
        let prior_var =
            Array2::from_shape_fn((n, l), |(c, j)| self.spread.powi(2) * (0.05 + 0.06 * ((c + 2 * j) % 5) as f64));
        let mut latent_mean = Array2::zeros((d, l));
        let mut responsibilities = Array2::zeros((d, n));
        let (mut cluster, mut label) = (Array1::zeros(d), Array1::from_elem(d, -1));
        for i in 0..d {
            // Sorted by label, as a file may be: the order of drawing must not matter.
            let own = i * n / d.max(1);
            let strays = noise.uniform() < self.errors;
            let chosen = if strays { (own + 1) % n } else { own };
            for j in 0..l {
                latent_mean[[i, j]] =
                    prior_mean[[chosen, j]] + 0.8 * f64::sqrt(prior_var[[chosen, j]]) * noise.normal();
            }
            responsibilities[[i, chosen]] = 1.0;
            cluster[i] = chosen as i64;
            if self.labelled {
                label[i] = self.label_of(own) as i64;
            }
        }
        let modalities =
            self.modalities.iter().map(|&name| (name.to_owned(), self.modality(name, &mut noise))).collect();
        Predictions {
            latent_mean,
            latent_logvar: Array2::from_elem((d, l), -3.0),
            responsibilities,
            cluster,
            label,
            prior_weight: Array1::from_elem(n, 1.0 / n as f64),
            prior_mean,
            prior_var,
            modalities,
        }
    }

    fn modality(&self, name: &str, noise: &mut Noise) -> ModalityPredictions {
        let shape = shape(name);
        let decoded = Array2::from_shape_fn((self.n_clusters, shape.size()), |(c, k)| {
            let label = self.label_of(c) as f64;
            match shape {
                ModalityShape::Image { width, .. } => {
                    let (i, j) = ((k / width) as f64, (k % width) as f64);
                    let radius = 4.0 + 0.9 * label;
                    (-((i - 13.5).hypot(j - 13.5) - radius).powi(2) / 5.0).exp()
                }
                ModalityShape::Curve { channels: 1, length } => {
                    let t = k as f64 / (length - 1) as f64;
                    if name == "line" { label * t } else { (200.0 + 40.0 * label) * (1.0 - (-t * (4.0 + label)).exp()) }
                }
                ModalityShape::Curve { length, .. } => {
                    let t = 12.0 * (k % length) as f64 / length as f64;
                    let phase = if k < length { 0.0 } else { 1.571 };
                    ((1.0 + 0.1 * label) * t + phase).cos()
                }
                ModalityShape::Vector { .. } => (label - 4.0) * (0.4 + 0.3 * k as f64),
            }
        });
        let spread = decoded.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let mean = decoded.mapv(|x| x + 0.02 * spread * noise.normal());
        ModalityPredictions { decoded: Some(decoded), mean: Some(mean), ..Default::default() }
    }

    pub(crate) fn summary(&self) -> Summary {
        let predictions = self.predictions();
        let mut test = SplitSummary { n: self.n_samples, loss: Some(12.0), elbo: Some(-6.0), ..Default::default() };
        if self.labelled {
            let mut confusion = vec![vec![0; self.n_clusters]; self.n_clusters];
            for (label, cluster) in predictions.label.iter().zip(&predictions.cluster) {
                confusion[*label as usize][*cluster as usize] += 1;
            }
            let matched: u64 = (0..self.n_clusters).map(|c| confusion[self.label_of(c)][c]).sum();
            test.accuracy = Some(matched as f64 / self.n_samples as f64);
            test.confusion = Some(confusion);
        }
        let experts: BTreeMap<_, _> =
            self.modalities.iter().filter_map(|&name| Some((name.to_owned(), self.expert(name)?))).collect();
        Summary {
            pima_version: "0.1.0".to_owned(),
            experiment: "mnist-line".to_owned(),
            title: "MNIST and a line".to_owned(),
            dataset: "procedural digits (not MNIST)".to_owned(),
            seed: 3,
            best_epoch: (self.epochs > 3).then(|| self.epochs - 3),
            splits: Splits { test: Some(test), ..Default::default() },
            experts,
            n_clusters: self.n_clusters,
            n_latent: self.n_latent,
            modalities: self.modalities.iter().map(|&name| name.to_owned()).collect(),
            modality_shapes: self.modalities.iter().map(|&name| (name.to_owned(), shape(name))).collect(),
            modality_axes: self.modalities.iter().filter_map(|&name| Some((name.to_owned(), axes(name)?))).collect(),
            ..Default::default()
        }
    }

    fn expert(&self, name: &str) -> Option<ExpertSummary> {
        let (parameters, units): (&[&str], &[&str]) = match name {
            "line" => (&["slope"], &[""]),
            "stress" => (&["E", "hardening modulus", "yield stress"], &["MPa", "MPa", "MPa"]),
            "oscillator" => (&["α", "β", "γ", "δ"], &["1/s", "1/s", "1/s", "1/s"]),
            _ => return None,
        };
        let clusters = (0..self.n_clusters).map(|cluster| {
            let label = self.label_of(cluster);
            let values = (0..parameters.len()).map(|p| (label as f64 + 0.00031) * 71.0_f64.powi(p as i32)).collect();
            let standard_errors = (0..parameters.len()).map(|p| 0.0007 * 63.0_f64.powi(p as i32)).collect();
            let label = self.labelled.then_some(label);
            let bounds = Vec::new();
            ExpertCluster {
                cluster,
                weight: 1.0 / self.n_clusters as f64,
                values,
                standard_errors,
                bounds,
                label,
                ..Default::default()
            }
        });
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Some(ExpertSummary { parameters: owned(parameters), units: owned(units), clusters: clusters.collect() })
    }

    pub(crate) fn epochs(&self) -> Vec<EpochRecord> {
        let mut noise = Noise(11);
        (1..=self.epochs)
            .map(|epoch| {
                let decay = (-(epoch as f64) / 6.0).exp();
                let mut terms = |offset: f64| {
                    let recon_by_modality: BTreeMap<_, _> = self
                        .modalities
                        .iter()
                        .enumerate()
                        .map(|(m, &name)| {
                            (name.to_owned(), (60.0 + offset + 900.0 * decay) / (1 + 4 * m) as f64 + noise.normal())
                        })
                        .collect();
                    let recon: f64 = recon_by_modality.values().sum();
                    let (cluster, categorical, entropy) = (
                        -4.0 + 6.0 * decay,
                        if epoch > self.warm_up { 0.3 + decay } else { 0.0 },
                        -5.0 - 3.0 * (1.0 - decay),
                    );
                    LossTerms {
                        loss: Some(recon + cluster + categorical - entropy),
                        recon: Some(recon),
                        cluster: Some(cluster),
                        categorical: Some(categorical),
                        entropy: Some(entropy),
                        recon_by_modality,
                        accuracy: None,
                    }
                };
                let train = terms(0.0);
                let mut validation = terms(4.0);
                let joint = epoch > self.warm_up;
                validation.accuracy = (self.labelled && joint).then_some(0.9997 - 0.8 * decay);
                let phase = if joint { "joint" } else { "warm-up" }.to_owned();
                EpochRecord {
                    epoch,
                    phase,
                    seconds: 24.0,
                    train,
                    validation: Some(validation),
                    learning_rate: Some(1e-3),
                }
            })
            .collect()
    }

    /// A finished run.
    pub(crate) fn write(&self, root: &std::path::Path) -> NewRun {
        let run = RunDirectory::create(root, Existing::Refuse).unwrap();
        run.write_config("experiment = \"4.1\"\n[data]\nsource = \"mnist-or-digits\"\n").unwrap();
        for epoch in self.epochs() {
            run.append_metrics(&MetricsRecord::Epoch(Box::new(epoch))).unwrap();
        }
        run.write_summary(&self.summary()).unwrap();
        run.write_predictions(&self.predictions()).unwrap();
        run
    }
}

fn shape(name: &str) -> ModalityShape {
    match name {
        "image" => ModalityShape::Image { channels: 1, height: 28, width: 28 },
        "oscillator" => ModalityShape::Curve { channels: 2, length: 80 },
        "process" => ModalityShape::Vector { length: 4 },
        _ => ModalityShape::Curve { channels: 1, length: 100 },
    }
}

fn axes(name: &str) -> Option<ModalityAxes> {
    let grid = (0..100).map(|k| 0.002 * f64::from(k)).collect();
    (name == "stress").then(|| ModalityAxes { x: "strain".to_owned(), y: "stress (MPa)".to_owned(), grid })
}

/// The kinds of run that there are, by name.
pub(crate) fn gallery() -> Vec<(&'static str, Plan)> {
    let plan = Plan::default;
    vec![
        ("usual", plan()),
        ("tight", Plan { spread: 0.04, ..plan() }),
        ("overlapping", Plan { spread: 8.0, errors: 0.5, ..plan() }),
        ("unlabelled", Plan { labelled: false, ..plan() }),
        ("one-dimension", Plan { n_latent: 1, n_samples: 3000, ..plan() }),
        ("three-dimensions", Plan { n_latent: 3, errors: 0.1, ..plan() }),
        ("five-dimensions", Plan { n_latent: 5, modalities: &["image", "oscillator"], ..plan() }),
        (
            "four-clusters",
            Plan { n_clusters: 4, n_samples: 400, modalities: &["image", "stress", "process"], warm_up: 0, ..plan() },
        ),
        (
            "many-clusters",
            Plan { n_clusters: 19, n_samples: 190, modalities: &["stress"], epochs: 400, warm_up: 100, ..plan() },
        ),
        ("one-modality", Plan { modalities: &["line"], epochs: 3, warm_up: 1, n_samples: 50, errors: 0.2, ..plan() }),
    ]
}
