//! Run directories with planted clusters, for the tests of the figures.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use pima_core::{ModalityShape, Reliability};
use pima_model::{Calibration, Coverage};

use crate::run_directory::{
    EpochRecord, Existing, InferenceExamples, InferredValues, LossTerms, MetricsRecord, ModalityPredictions, NewRun,
    Predictions, RunDirectory,
};
use crate::summary::{ExpertCluster, ExpertSummary, ModalityAxes, SplitSummary, Splits, Summary};

const LABELS: [&str; 4] = ["none", "disorder", "deformed", "highly deformed"];

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
#[derive(Default)]
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
        let mut modalities: BTreeMap<_, _> =
            self.modalities.iter().map(|&name| (name.to_owned(), self.modality(name, &mut noise))).collect();
        for (name, modality) in &mut modalities {
            self.single_samples(name, modality, &cluster, &mut noise);
        }
        let facts = if self.modalities.contains(&"pressure") { self.facts(&cluster, &mut noise) } else { Vec::new() };
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
            facts,
        }
    }

    /// Numbers of all samples, and typical spectra.
    fn single_samples(&self, name: &str, modality: &mut ModalityPredictions, cluster: &Array1<i64>, noise: &mut Noise) {
        let Some(decoded) = &modality.decoded else { return };
        if name == "pressure" {
            let near = |scale: f64, noise: &mut Noise| {
                Array2::from_shape_fn((self.n_samples, 1), |(d, _)| {
                    decoded[[cluster[d] as usize, 0]] + scale * noise.normal()
                })
            };
            let measured = near(0.3, noise);
            modality.predicted = Some(measured.mapv(|x| x + 0.02 * noise.normal()));
            modality.predicted_from_others = Some(near(0.4, noise));
            modality.measured = Some(measured);
        } else if name == "spectrum" {
            let height = decoded.iter().fold(0.0_f64, |most, x| most.max(*x));
            let shape = (self.n_clusters, 3, decoded.ncols());
            // One cluster has fewer samples than are asked for.
            let nearest = ndarray::Array3::from_shape_fn(shape, |(c, k, t)| {
                if c == 1 && k > 0 { f64::NAN } else { decoded[[c, t]] + 0.03 * height * noise.normal() }
            });
            modality.nearest = Some(nearest);
        }
    }

    fn facts(&self, cluster: &Array1<i64>, noise: &mut Noise) -> Vec<(String, Array1<f64>)> {
        let mut fact = |name: &str, scale: f64| {
            let values = cluster.mapv(|c| (scale * c as f64 + noise.normal()).max(0.0));
            (name.to_owned(), values)
        };
        vec![
            fact("vacancies", 1.0),
            ("always_the_same".to_owned(), Array1::from_elem(self.n_samples, 3.0)),
            fact("uniaxial_strain", 0.03),
            fact("a_name_that_is_longer_than_its_panel_is_wide", 2000.0),
            fact("energy", 0.0),
        ]
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
        let steps = 1 + 2 * self.n_latent;
        let deviations = matches!(shape, ModalityShape::Image { .. }).then(|| {
            // Brighter to one side, darker to the other.
            let gain = |at: usize| if at == 0 { 1.0 } else { 0.7 + 0.6 * ((at - 1) % 2) as f64 };
            ndarray::Array3::from_shape_fn((self.n_clusters, steps, shape.size()), |(c, at, k)| {
                gain(at) * decoded[[c, k]]
            })
        });
        ModalityPredictions { decoded: Some(decoded), mean: Some(mean), deviations, ..Default::default() }
    }

    pub(crate) fn summary(&self) -> Summary {
        let predictions = self.predictions();
        let calibration = self.calibration();
        let mut test =
            SplitSummary { n: self.n_samples, loss: Some(12.0), elbo: Some(-6.0), calibration, ..Default::default() };
        if self.labelled {
            let mut confusion = vec![vec![0; self.n_clusters]; self.n_clusters];
            for (label, cluster) in predictions.label.iter().zip(&predictions.cluster) {
                confusion[*label as usize][*cluster as usize] += 1;
            }
            let matched: u64 = (0..self.n_clusters).map(|c| confusion[self.label_of(c)][c]).sum();
            test.accuracy = Some(matched as f64 / self.n_samples as f64);
            for &name in self.modalities {
                test.confusion_from.insert(name.to_owned(), confusion.clone());
                test.accuracy_from.extend(test.accuracy.map(|accuracy| (name.to_owned(), accuracy)));
            }
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
            label_names: if self.n_clusters == 4 { LABELS.map(str::to_owned).to_vec() } else { Vec::new() },
            units: [("pressure".to_owned(), "GPa".to_owned())].into(),
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
        if self.modalities.len() > 1 {
            run.write_inference(&self.inference()).unwrap();
        }
        run
    }

    /// The decoded centres as samples, inferred from each other with noise.
    fn inference(&self) -> InferenceExamples {
        let mut noise = Noise(23);
        let mut examples = InferenceExamples::default();
        for (name, modality) in self.predictions().modalities {
            let truth = modality.decoded.unwrap_or_default();
            for &given in self.modalities.iter().filter(|given| **given != name) {
                let spread = 0.1 * truth.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                let mean = truth.mapv(|x| x + 0.5 * spread * noise.normal());
                let of_expert = |value: f64| {
                    self.expert(&name).map(|expert| Array2::from_elem((mean.nrows(), expert.parameters.len()), value))
                };
                let parameters = of_expert(1319.0).zip(of_expert(36.0)).map(|(mean, deviation)| [mean, deviation]);
                let values = InferredValues { lower: &mean - spread, upper: &mean + spread, mean, parameters };
                examples.predicted.insert((given.to_owned(), name.clone()), values);
            }
            examples.sample = (0..truth.nrows() as i64).collect();
            examples.truth.insert(name, truth);
        }
        examples
    }

    fn calibration(&self) -> BTreeMap<String, Calibration> {
        let predicted = |given: &str| {
            let others = self.modalities.iter().filter(|name| **name != given);
            let coverage = Coverage {
                covered: [("50".to_owned(), 0.47), ("90".to_owned(), 0.885), ("95".to_owned(), 0.941)].into(),
                histogram: (0..20).map(|k| if k == 0 || k == 19 { 0.07 } else { 0.86 / 18.0 }).collect(),
                log_density: -3.0,
                rmse: 0.2,
                rmse_of_cluster: Some(0.25),
            };
            others.map(|name| ((*name).to_owned(), coverage.clone())).collect()
        };
        let probability: Vec<f64> = (0..2000).map(|k| (f64::from(k) / 2000.0).powf(0.2)).collect();
        let right: Vec<bool> =
            probability.iter().enumerate().map(|(k, p)| (k * 7919 % 1000) as f64 / 1000.0 < p.powi(2)).collect();
        let clusters = self.labelled.then(|| Reliability::new(&probability, &right, 15));
        let each = |given: &&str| Calibration { predicted: predicted(given), clusters: clusters.clone(), n: 2000 };
        if self.modalities.len() < 2 {
            return BTreeMap::new();
        }
        self.modalities.iter().map(|given| ((*given).to_owned(), each(given))).collect()
    }
}

fn shape(name: &str) -> ModalityShape {
    match name {
        "image" => ModalityShape::Image { channels: 1, height: 28, width: 28 },
        "oscillator" => ModalityShape::Curve { channels: 2, length: 80 },
        "process" => ModalityShape::Vector { length: 4 },
        "pressure" => ModalityShape::Vector { length: 1 },
        _ => ModalityShape::Curve { channels: 1, length: 100 },
    }
}

fn axes(name: &str) -> Option<ModalityAxes> {
    let grid = (0..100).map(|k| 0.002 * f64::from(k)).collect();
    let called = |x: &str, y: &str| Some(ModalityAxes { x: x.to_owned(), y: y.to_owned(), grid });
    match name {
        "stress" => called("strain", "stress (MPa)"),
        "spectrum" => called("frequency (THz)", "spectrum (1/THz)"),
        _ => None,
    }
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
            "spectra",
            Plan { n_clusters: 4, n_samples: 78, modalities: &["spectrum", "pressure"], errors: 0.2, ..plan() },
        ),
        ("spectra-line", Plan { n_latent: 1, n_clusters: 2, modalities: &["spectrum", "pressure"], ..plan() }),
        (
            "many-spectra",
            Plan { n_clusters: 19, n_latent: 5, labelled: false, modalities: &["spectrum", "pressure"], ..plan() },
        ),
        ("number", Plan { modalities: &["image", "pressure"], ..plan() }),
        (
            "many-clusters",
            Plan { n_clusters: 19, n_samples: 190, modalities: &["stress"], epochs: 400, warm_up: 100, ..plan() },
        ),
        ("one-modality", Plan { modalities: &["line"], epochs: 3, warm_up: 1, n_samples: 50, errors: 0.2, ..plan() }),
    ]
}
