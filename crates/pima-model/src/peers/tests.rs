//! The simpler methods on data whose answer is known.

use super::*;
use crate::train::tests::toy;
use ndarray::array;
use pima_core::ModalityShape;
use pima_data::{ModalityData, NormalisationMethod, SplitFractions};
use std::path::Path;

const CONFIG: &str = r#"
experiment = "toy"
[data]
source = "digits"
[model]
latent = 2
clusters = 3
[peers]
from = "spot"
predict = "height"
components = 3
cluster_components = 2
seeds = 4
[[modality]]
name = "spot"
source = { kind = "data" }
encoder = { type = "mlp", hidden = [8] }
decoder = { type = "mlp", hidden = [8] }
[[modality]]
name = "height"
source = { kind = "data" }
encoder = { type = "mlp", hidden = [8] }
decoder = { type = "mlp", hidden = [8] }
"#;

fn config(text: &str) -> Result<ExperimentConfig> {
    ExperimentConfig::parse(text, Path::new("x.toml"), None)
}

/// Images with a bright corner each, and a number that is the sum of two pixels of two corners.
fn images_and_numbers() -> Dataset {
    let images = toy(240, false).with_only(&["spot"]).unwrap();
    let values = images.modalities()[0].values().unwrap();
    let height = Array2::from_shape_fn((240, 1), |(d, _)| 3.0 * values[[d, 7]] - values[[d, 10]]);
    let height = ModalityData::new("height", ModalityShape::Vector { length: 1 }, height).unwrap();
    images.with_modality(height).unwrap()
}

#[test]
fn three_corners_are_found_and_a_number_is_read_off_them() {
    let dataset = images_and_numbers();
    let split = Split::random(&dataset, &SplitFractions { train: 0.6, validation: 0.2, test: 0.2 }, 1).unwrap();
    let normalise = |data| Normalisation::fit(NormalisationMethod::MinMaxGlobal, data, &split.train).unwrap();
    let normalisations: Vec<_> = dataset.modalities().iter().map(normalise).collect();
    let peers = compare_with_peers(&config(CONFIG).unwrap(), &dataset, &split, &normalisations, 0).unwrap().unwrap();
    assert_eq!((peers.train.n, peers.validation.n, peers.test.n), (144, 48, 48));
    for split in [&peers.train, &peers.validation, &peers.test] {
        assert_eq!(split.kmeans.len(), 4);
        assert!(split.kmeans.iter().all(|scores| scores.ari == 1.0 && scores.accuracy.accuracy == 1.0));
        // The range is 4.2; what single pixels have of their own, evenly from 0 to 0.1, is lost: (9 + 1)^(1/2) 0.029 / 4.2.
        let error = split.ridge.unwrap();
        assert!((0.015..0.03).contains(&error), "{error}");
    }
    let again = compare_with_peers(&config(CONFIG).unwrap(), &dataset, &split, &normalisations, 0).unwrap().unwrap();
    assert_eq!(again.test.ridge, peers.test.ridge);
    let without =
        [&CONFIG[..CONFIG.find("[peers]").unwrap()], &CONFIG[CONFIG.find("[[modality]]").unwrap()..]].concat();
    let none = config(&without).unwrap();
    assert!(compare_with_peers(&none, &dataset, &split, &normalisations, 0).unwrap().is_none());
}

#[test]
fn mistakes_in_the_table_are_named() {
    for (from, to, says) in [
        ("from = \"spot\"", "from = \"spots\"", "peers.from is \"spots\""),
        ("predict = \"height\"", "predict = \"spot\"", "which is what it is predicted from"),
        ("seeds = 4", "seeds = 0", "peers.seeds is 0"),
        ("components = 3", "component = 3", "component"),
    ] {
        let text = CONFIG.replacen(from, to, 1);
        assert_ne!(text, CONFIG);
        let error = config(&text).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn each_point_goes_to_its_nearest_centre() {
    let centres = array![[0.0, 0.0], [4.0, 0.0]];
    assert_eq!(nearest(array![[1.9, 5.0], [2.1, -5.0], [0.0, 0.0]].view(), centres.view()), [0, 1, 0]);
}
