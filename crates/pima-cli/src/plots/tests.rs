//! Tests of the figures on runs with planted clusters.

use std::fs;
use std::path::Path;

use super::fixture::{Plan, gallery};
use super::render::text_width;
use super::scene::{Anchor, Item, Point};
use super::*;
use crate::run_directory::{Existing, RunRecord};

/// Every figure of a run by name; panics with the reason where one is missing.
fn all_scenes(run: &RunDirectory) -> Vec<(&'static str, Scene)> {
    scenes(run)
        .into_iter()
        .map(|(name, scene)| (name, scene.unwrap_or_else(|cause| panic!("{name}: {cause:#}"))))
        .collect()
}

fn scene_of(run: &RunDirectory, wanted: &str) -> Scene {
    scenes(run).into_iter().find(|(name, _)| *name == wanted).unwrap().1.unwrap()
}

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The corners of what an item covers.
pub(super) fn extent(item: &Item) -> (Point, Point) {
    match item {
        Item::Line { points, .. } | Item::Polygon { points, .. } => {
            points.iter().fold(((f64::MAX, f64::MAX), (f64::MIN, f64::MIN)), |(a, b), p| {
                ((a.0.min(p.0), a.1.min(p.1)), (b.0.max(p.0), b.1.max(p.1)))
            })
        }
        Item::Rect { from, to, .. } => (*from, *to),
        Item::Disc { centre, radius, .. } => {
            ((centre.0 - radius, centre.1 - radius), (centre.0 + radius, centre.1 + radius))
        }
        Item::Text { text, at, size, anchor, upright, .. } => {
            let width = text_width(text, *size);
            let before = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => width / 2.0,
                Anchor::End => width,
            };
            if *upright {
                ((at.0 - 0.8 * size, at.1 - width + before), (at.0 + 0.2 * size, at.1 + before))
            } else {
                ((at.0 - before, at.1 - 0.8 * size), (at.0 - before + width, at.1 + 0.2 * size))
            }
        }
    }
}

#[test]
fn every_kind_of_run_gets_its_figures_within_their_borders() {
    for (name, plan) in gallery() {
        let directory = tempfile::tempdir().unwrap();
        let run = plan.write(&directory.path().join("run"));
        for (figure, scene) in scenes(&run) {
            if figure == "confusion" && !plan.labelled {
                assert!(scene.unwrap_err().to_string().contains("no labels"));
                continue;
            }
            let scene = scene.unwrap_or_else(|cause| panic!("{name} {figure}: {cause:#}"));
            for item in &scene.items {
                let (from, to) = extent(item);
                let inside = from.0 >= 0.0 && from.1 >= 0.0 && to.0 <= scene.width && to.1 <= scene.height;
                assert!(inside, "{name} {figure}: {item:?} in {} x {}", scene.width, scene.height);
            }
        }
    }
}

#[test]
fn every_title_says_experiment_data_split_and_seed() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan::default().write(&directory.path().join("run"));
    for (name, scene) in all_scenes(&run) {
        let words = scene.words();
        let (title, run) = (words[0], words[1]);
        // What is decoded at points of the latent space is of no split.
        assert!(title.contains("split") || name == "deviations", "{name}: {title}");
        for part in ["MNIST and a line", "procedural digits (not MNIST)", "seed 3"] {
            assert!(run.contains(part), "{name}: {run}");
        }
    }
}

#[test]
fn the_latent_space_draws_every_sample_and_names_every_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { n_samples: 12_345, ..Plan::default() };
    let run = plan.write(&directory.path().join("run"));
    let scene = scene_of(&run, "latent");
    let discs =
        scene.items.iter().filter(|item| matches!(item, Item::Disc { colour, .. } if colour.alpha < 1.0)).count();
    // At most 10,000, of which the stray ones outside the frame (a fifth of a per cent a side) are not drawn.
    assert!((9_900..=10_000).contains(&discs), "{discs}");
    let words = scene.words();
    assert!(words.iter().any(|word| word.contains("10000 of 12345 samples")));
    for c in 0..10 {
        let name = format!("c{c} ({})", (7 * c + 1) % 10);
        assert!(words.contains(&name.as_str()), "{name} in {words:?}");
    }
    assert!(words.contains(&"label (samples)") && words.contains(&"latent dimension 2"));
}

#[test]
fn without_labels_the_clusters_give_the_colours() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan { labelled: false, ..Plan::default() }.write(&directory.path().join("run"));
    let scene = scene_of(&run, "latent");
    let words = scene.words();
    assert!(words.contains(&"cluster (samples)") && words.contains(&"c4"));
    assert!(!words.iter().any(|word| word.contains("accuracy")));
    let drawing = draw(&run).unwrap();
    assert_eq!(drawing.written.len(), 12);
    assert_eq!(drawing.notes, ["confusion: not drawn, the test split has no labels"]);
}

#[test]
fn numbers_colour_the_latent_space_and_typical_curves_stand_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { n_clusters: 4, n_samples: 78, modalities: &["spectrum", "pressure"], ..Plan::default() };
    let run = plan.write(&directory.path().join("run"));
    let scene = scene_of(&run, "values");
    let discs: Vec<_> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Disc { colour, .. } if colour.alpha < 1.0 => Some(colour.fade(1.0)),
            _ => None,
        })
        .collect();
    assert_eq!(discs.len(), 78);
    // The least and the greatest number have the ends of the scale.
    for end in [0.0, 1.0] {
        assert!(discs.contains(&super::palette::amount(end)));
    }
    // Four cells with a decoded centre each, and three typical curves but for one cluster.
    let long = |item: &&Item| matches!(item, Item::Line { points, .. } if points.len() == 100);
    assert_eq!(scene.items.iter().filter(long).count(), 4 + 3 * 3 + 1);
    let words = scene.words();
    assert!(words.contains(&"pressure (GPa)") && words.contains(&"frequency (THz)"), "{words:?}");
}

#[test]
fn facts_stand_against_clusters_and_predictions_against_measurements() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { n_clusters: 4, n_samples: 78, modalities: &["spectrum", "pressure"], ..Plan::default() };
    let run = plan.write(&directory.path().join("run"));
    let scene = scene_of(&run, "process");
    let words = scene.words();
    for word in ["vacancies", "uniaxial strain", "energy", "pressure (GPa), measured", "highly deformed", "c2"] {
        assert!(words.contains(&word), "{word} in {words:?}");
    }
    assert!(!words.contains(&"always the same"));
    // Too long for its place under a panel.
    assert!(
        words.iter().any(|word| word.contains("matched to: ") && word.contains("c2 (highly deformed)")),
        "{words:?}"
    );
    // Every sample in four panels of facts, and in that of the predictions once as a disc and once as a triangle.
    let faded = |item: &&Item| matches!(item, Item::Disc { colour, .. } if colour.alpha < 1.0);
    assert_eq!(scene.items.iter().filter(faded).count(), 5 * 78);
    let triangles = |item: &&Item| matches!(item, Item::Polygon { colour, .. } if colour.alpha < 1.0);
    assert_eq!(scene.items.iter().filter(triangles).count(), 78);
}

#[test]
fn many_dimensions_are_projected_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan { n_latent: 5, n_samples: 500, ..Plan::default() }.write(&directory.path().join("run"));
    let scene = scene_of(&run, "latent");
    let words = scene.words();
    assert!(words.contains(&"principal axis 1"), "{words:?}");
    assert!(words.iter().any(|word| word.contains("of 5 dimensions: the principal axes of the cluster means")));
}

#[test]
fn the_confusion_matrix_is_ordered_by_the_matching() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { errors: 0.0, n_clusters: 4, n_samples: 400, ..Plan::default() };
    let run = plan.write(&directory.path().join("run"));
    let scene = scene_of(&run, "confusion");
    let words = scene.words();
    assert!(words[1].contains("accuracy 100.00 %") && words[1].contains("400 samples"), "{}", words[1]);
    // The cells of a row come one after another: with every sample matched, only the diagonal counts any.
    let cells: Vec<&str> = words.iter().copied().filter(|word| ["0", "100"].contains(word)).collect();
    let rows: Vec<_> = words
        .windows(4)
        .filter(|row| row.iter().filter(|w| **w == "100").count() == 1 && row.iter().all(|w| cells.contains(w)))
        .collect();
    assert_eq!(rows[0], ["100", "0", "0", "0"], "{words:?}");
    // Cluster c holds label 7 c + 1 (mod 4), so the columns run backwards.
    let columns: Vec<&str> = words.iter().copied().filter(|word| word.starts_with('c') && word.len() == 2).collect();
    assert_eq!(columns, ["c1", "c0", "c3", "c2"]);
    // The same of each modality alone, in the same order.
    let scene = scene_of(&run, "confusion_from");
    let words = scene.words();
    assert!(
        words.contains(&"image alone: accuracy 100.00 %") && words.contains(&"line alone: accuracy 100.00 %"),
        "{words:?}"
    );
    let columns: Vec<&str> = words.iter().copied().filter(|word| word.starts_with('c') && word.len() == 2).collect();
    assert_eq!(columns, [["c1", "c0", "c3", "c2"]; 2].concat());
}

#[test]
fn the_losses_mark_phases_and_leave_out_what_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan::default().write(&directory.path().join("run"));
    let scene = scene_of(&run, "loss");
    let words = scene.words();
    assert!(words.iter().any(|word| word.starts_with("Unsupervised accuracy: 99.")), "{words:?}");
    assert!(words.iter().any(|word| word.contains("Phases: warm-up 1–5, joint 6–40.")));
    assert!(words.contains(&"line") && words.contains(&"categorical"));

    let run = Plan { labelled: false, ..Plan::default() }.write(&directory.path().join("unlabelled"));
    assert!(!scene_of(&run, "loss").words().iter().any(|word| word.contains("ccuracy")));
}

#[test]
fn the_centres_carry_the_parameters_that_were_identified() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan::default().write(&directory.path().join("run"));
    let scene = scene_of(&run, "centres");
    let words = scene.words();
    for label in 0..10 {
        let text = format!("slope = {label}.00031 ± 0.00070");
        assert!(words.contains(&text.as_str()), "{text} in {words:?}");
    }
    assert!(words.contains(&"image") && words.contains(&"line"));
}

#[test]
fn missing_and_damaged_inputs_are_noted_and_the_rest_is_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("run");
    let run = RunDirectory::create(&root, Existing::Refuse).unwrap();
    run.write_config("experiment = \"4.1\"\n[data]\nsource = \"mnist-or-digits\"\n").unwrap();
    // Nothing trained: nothing but notes.
    let written = draw_all(&run).unwrap();
    assert_eq!(written, [run.plots_path().join("notes.txt")]);
    let notes = fs::read_to_string(&written[0]).unwrap();
    assert_eq!(notes.lines().count(), 4, "{notes}");
    assert!(notes.contains("latent: not drawn, the run has no predictions.npz"), "{notes}");
    assert!(notes.contains("loss: not drawn, the run has no metrics.jsonl"), "{notes}");
    fs::write(run.metrics_path(), "").unwrap();
    assert!(draw(&run).unwrap().notes[2].contains("loss: not drawn, no epoch is logged"));

    // A run that is still training: its losses, titled from the configuration or, better, from the record of its
    // beginning.
    let epoch = MetricsRecord::Epoch(Box::new(Plan::default().epochs().remove(0)));
    run.append_metrics(&epoch).unwrap();
    let scene = scene_of(&run, "loss");
    assert!(
        scene.words()[1].starts_with("4.1  ·  mnist-or-digits (as configured)  ·  seed not recorded"),
        "{:?}",
        scene.words()
    );
    let began = RunRecord { experiment: "4.1".into(), title: "Lines".into(), dataset: "MNIST".into(), seed: 8 };
    run.append_metrics(&MetricsRecord::Run(Box::new(began))).unwrap();
    let scene = scene_of(&run, "loss");
    assert!(scene.words()[1].starts_with("Lines  ·  MNIST  ·  seed 8"), "{:?}", scene.words());

    // Damaged files are named, and do not keep the others from being drawn.
    fs::write(run.predictions_path(), "half").unwrap();
    fs::write(run.summary_path(), "{").unwrap();
    let written = draw_all(&run).unwrap();
    assert_eq!(names(&run.plots_path()), ["loss.png", "loss.svg", "notes.txt"]);
    assert_eq!(written.len(), 3);
    let notes = fs::read_to_string(run.plots_path().join("notes.txt")).unwrap();
    assert!(notes.contains("summary.json: not a valid summary"), "{notes}");
    assert!(notes.contains("predictions.npz: cannot read the predictions"), "{notes}");
}

#[test]
fn a_whole_run_is_drawn_in_both_formats_and_old_notes_go() {
    let directory = tempfile::tempdir().unwrap();
    let run = Plan { n_samples: 300, ..Plan::default() }.write(&directory.path().join("run"));
    fs::create_dir(run.plots_path()).unwrap();
    fs::write(run.plots_path().join(NOTES), "old").unwrap();
    let written = draw_all(&run).unwrap();
    let expected =
        ["calibration", "centres", "confusion", "confusion_from", "deviations", "inference", "latent", "loss"]
            .iter()
            .flat_map(|name| [format!("{name}.png"), format!("{name}.svg")]);
    assert_eq!(names(&run.plots_path()), expected.collect::<Vec<_>>());
    assert_eq!(written.len(), 16);
    // Drawn again, every byte is the same.
    let before: Vec<_> = written.iter().map(|path| fs::read(path).unwrap()).collect();
    let again = draw_all(&run).unwrap();
    assert!(again.iter().zip(&before).all(|(path, bytes)| fs::read(path).unwrap() == *bytes));
}

#[test]
fn numbers_that_are_not_finite_give_a_note() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { n_samples: 100, ..Plan::default() };
    let run = plan.write(&directory.path().join("run"));
    let mut predictions = plan.predictions();
    predictions.latent_mean[[5, 1]] = f64::NAN;
    // A cluster without data has no mean; that alone is no reason not to draw.
    predictions.modalities.get_mut("line").unwrap().mean.as_mut().unwrap().row_mut(2).fill(f64::NAN);
    run.write_predictions(&predictions).unwrap();
    let drawing = draw(&run).unwrap();
    assert_eq!(drawing.notes.len(), 1);
    assert!(drawing.notes[0].contains("latent: not drawn, the predictions hold numbers that are not finite"));
}
