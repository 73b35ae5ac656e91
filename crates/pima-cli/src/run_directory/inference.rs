//! `inference.npz`: what the model infers of a few test samples from one modality each, beside what they really have.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ndarray::{Array1, Array2};
use ndarray_npy::{NpzReader, NpzWriter};

use super::atomic;
use super::predictions::Npz;

/// Contents of `inference.npz`: K test samples that have every modality, values in the modalities' own units.
///
/// Arrays are `sample`, `truth_<modality>`, and for each pair `mean_of_<predicted>_from_<given>`, `lower_of_...` and `upper_of_...`; where an expert decodes the
/// predicted modality, `parameters_of_...` and `parameters_sd_of_...` too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InferenceExamples {
    /// Which they are: places among the test samples, in the order of `predictions.npz` (K). Empty in files of older runs.
    pub sample: Vec<i64>,
    /// What the samples have, by modality: (K,d).
    pub truth: BTreeMap<String, Array2<f64>>,
    /// By the modality that was seen and the one that was predicted.
    pub predicted: BTreeMap<(String, String), InferredValues>,
}

/// A predictive distribution of K samples, (K,d) each.
#[derive(Debug, Clone, PartialEq)]
pub struct InferredValues {
    /// Its mean.
    pub mean: Array2<f64>,
    /// Lower end of the 90 % interval.
    pub lower: Array2<f64>,
    /// Upper end of the 90 % interval.
    pub upper: Array2<f64>,
    /// What the expert identified of each sample, and the standard deviation of it, (K,Q) each, in the order of the summary; `None` without an expert.
    pub parameters: Option<[Array2<f64>; 2]>,
}

/// Before the names of what an expert identified: the values and their standard deviations.
const PARAMETERS: [&str; 2] = ["parameters", "parameters_sd"];

impl InferenceExamples {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        atomic::replace(path, |beside| {
            let mut npz = NpzWriter::new_compressed(File::create(beside)?);
            let single = |array: &Array2<f64>| array.mapv(|x| x as f32);
            npz.add_array("sample", &Array1::from(self.sample.clone()))?;
            for (name, truth) in &self.truth {
                npz.add_array(format!("truth_{name}"), &single(truth))?;
            }
            for ((given, predicted), values) in &self.predicted {
                for (kind, array) in values.named() {
                    npz.add_array(array_name(kind, given, predicted), &single(array))?;
                }
                for (kind, array) in PARAMETERS.iter().zip(values.parameters.iter().flatten()) {
                    npz.add_array(array_name(kind, given, predicted), array)?;
                }
            }
            npz.finish()?;
            Ok(())
        })
    }

    /// Reads what there is of these modalities.
    pub(super) fn read(path: &Path, modalities: &[String]) -> Result<Self> {
        let read = || -> Result<Self> {
            let mut npz = Npz(NpzReader::new(File::open(path)?)?);
            let names = npz.0.names()?;
            let has = |name: &str| names.iter().any(|known| known == name);
            let mut examples = Self::default();
            if has("sample") {
                examples.sample = npz.integers("sample")?.to_vec();
            }
            for name in modalities.iter().filter(|name| has(&format!("truth_{name}"))) {
                examples.truth.insert(name.clone(), npz.floats(&format!("truth_{name}"))?);
            }
            for (given, predicted) in modalities.iter().flat_map(|a| modalities.iter().map(move |b| (a, b))) {
                if !has(&array_name("mean", given, predicted)) {
                    continue;
                }
                let mut array = |kind: &str| npz.floats(&array_name(kind, given, predicted));
                let parameters = match has(&array_name(PARAMETERS[0], given, predicted)) {
                    true => Some([array(PARAMETERS[0])?, array(PARAMETERS[1])?]),
                    false => None,
                };
                let (mean, lower, upper) = (array("mean")?, array("lower")?, array("upper")?);
                let values = InferredValues { mean, lower, upper, parameters };
                let shape = examples.truth.get(predicted).map(Array2::dim);
                for (kind, array) in values.named() {
                    ensure!(
                        Some(array.dim()) == shape,
                        "the {kind} of {predicted} from {given} has another shape than its truth"
                    );
                }
                examples.predicted.insert((given.clone(), predicted.clone()), values);
            }
            Ok(examples)
        };
        read().with_context(|| format!("{}: cannot read the examples", path.display()))
    }
}

impl InferredValues {
    fn named(&self) -> [(&'static str, &Array2<f64>); 3] {
        [("mean", &self.mean), ("lower", &self.lower), ("upper", &self.upper)]
    }
}

fn array_name(kind: &str, given: &str, predicted: &str) -> String {
    format!("{kind}_of_{predicted}_from_{given}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inference.npz");
        let array = |x: f64| Array2::from_elem((2, 3), x);
        let parameters = Some([Array2::from_elem((2, 4), 1250.0), Array2::from_elem((2, 4), 12.5)]);
        let values = InferredValues { mean: array(0.5), lower: array(0.25), upper: array(1.0), parameters };
        // A name that holds the words of the format is no trouble.
        let names = ["a".to_owned(), "b_from_a".to_owned()];
        let mut examples = InferenceExamples { sample: vec![0, 7], ..InferenceExamples::default() };
        examples.truth.insert(names[0].clone(), Array2::from_elem((2, 5), 1.0));
        examples.truth.insert(names[1].clone(), array(2.0));
        examples.predicted.insert((names[0].clone(), names[1].clone()), values);
        examples.write(&path).unwrap();
        assert_eq!(InferenceExamples::read(&path, &names).unwrap(), examples);
        examples.predicted.values_mut().for_each(|values| values.upper = Array2::zeros((2, 4)));
        examples.write(&path).unwrap();
        let error = InferenceExamples::read(&path, &names).unwrap_err();
        assert!(format!("{error:#}").contains("upper of b_from_a from a"), "{error:#}");
    }
}
