//! What experts identified of single specimens, averaged over the samples of each: the quadrants of a photograph, repeated measurements.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use ndarray::Array1;
use pima_cli::{ParameterRow, ParameterTable};
use pima_data::{Dataset, Split};
use pima_model::{InferOptions, Inference, Model, infer_rows};

use crate::table::{Table, significant, with_error};

/// Draws of z for each sample.
const DRAWS: usize = 64;

/// Sums over the samples of each specimen, in the order in which they came.
pub(crate) struct Identified {
    /// Modalities whose experts have parameters for every sample of its own.
    own: BTreeSet<String>,
    specimens: Vec<(String, Sums)>,
    places: HashMap<String, usize>,
}

struct Sums {
    n: usize,
    /// (N)
    responsibilities: Array1<f64>,
    /// Of each quantity: means, their squares, variances.
    values: Vec<[f64; 3]>,
}

impl Identified {
    pub(crate) fn new(model: &Model) -> Self {
        let names: Vec<&str> = model.modality_names().collect();
        let own = model.identifying().into_iter().filter(|(_, is_own)| *is_own);
        Self { own: own.map(|(m, _)| names[m].to_owned()).collect(), specimens: Vec::new(), places: HashMap::new() }
    }

    /// Adds sample `at` of what was inferred.
    pub(crate) fn add(&mut self, specimen: &str, inferred: &Inference, at: usize) {
        let of_all = inferred.predictions.iter().filter_map(|(name, one)| Some((name, one.parameters.as_ref()?)));
        let values = of_all.flat_map(|(name, p)| {
            // Parameters of a kind say nothing of how a specimen differs from it.
            let deviation = |d: &f64| if self.own.contains(name) { *d } else { f64::NAN };
            let of_one = p.mean.row(at).into_iter().zip(p.deviation.row(at).into_iter().map(deviation));
            of_one.collect::<Vec<_>>()
        });
        let responsibilities = inferred.responsibilities.row(at);
        let place = *self.places.entry(specimen.to_owned()).or_insert(self.specimens.len());
        if place == self.specimens.len() {
            let responsibilities = Array1::zeros(responsibilities.len());
            self.specimens.push((specimen.to_owned(), Sums { n: 0, responsibilities, values: Vec::new() }));
        }
        let sums = &mut self.specimens[place].1;
        sums.n += 1;
        sums.responsibilities += &responsibilities;
        for (q, (mean, deviation)) in values.enumerate() {
            if q == sums.values.len() {
                sums.values.push([0.0; 3]);
            }
            let about = [*mean, mean * mean, deviation * deviation];
            sums.values[q].iter_mut().zip(about).for_each(|(sum, value)| *sum += value);
        }
    }

    /// A row for each specimen. Its variance is that of one sample's posterior and that between its samples (the law of total variance).
    pub(crate) fn rows(&self, seen: &str) -> Vec<ParameterRow> {
        let row = |(specimen, sums): &(String, Sums)| {
            let n = sums.n as f64;
            let responsibilities = sums.responsibilities.iter().map(|sum| sum / n).enumerate();
            let (cluster, probability) = responsibilities.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
            let moments = |&[mean, square, variance]: &[f64; 3]| {
                let mean = mean / n;
                (mean, (variance / n + (square / n - mean * mean).max(0.0)).sqrt())
            };
            ParameterRow {
                specimen: specimen.clone(),
                split: None,
                label: None,
                seen: seen.to_owned(),
                n_samples: sums.n,
                cluster,
                probability,
                values: sums.values.iter().map(moments).collect(),
            }
        };
        self.specimens.iter().map(row).collect()
    }
}

/// Names and units of what is identified, as the columns of the table; with the modality where several have experts.
pub(crate) fn quantities(inferred: &Inference) -> Vec<(String, String)> {
    let experts: Vec<_> = inferred.predictions.iter().filter_map(|(m, p)| Some((m, p.parameters.as_ref()?))).collect();
    let several = experts.len() > 1;
    let name = |modality: &str, name: &str| if several { format!("{modality} {name}") } else { name.to_owned() };
    let of_one = |(modality, parameters): &(&String, &pima_model::InferredParameters)| {
        let names = parameters.names.iter().map(|own| name(modality, own)).collect::<Vec<_>>();
        names.into_iter().zip(parameters.units.clone()).collect::<Vec<_>>()
    };
    experts.iter().flat_map(of_one).collect()
}

/// What each row is a sample of: its specimen where rows are grouped, else itself.
pub(crate) fn specimens(dataset: &Dataset) -> Vec<String> {
    match (dataset.groups(), dataset.group_names()) {
        (Some(groups), Some(names)) => groups.iter().map(|&group| names[group].clone()).collect(),
        (Some(groups), None) => groups.iter().map(usize::to_string).collect(),
        _ => dataset.row_names(),
    }
}

/// The table of a run: every specimen of every split, from all modalities and from each alone. `None` where an expert says the
/// same of all samples of a cluster and no sample is one of several of a specimen.
pub(crate) fn of_run(model: &Model, dataset: &Dataset, split: &Split, seed: u64) -> Result<Option<ParameterTable>> {
    let experts = model.identifying();
    let wanted = experts.iter().any(|(_, sees_latent)| *sees_latent) || dataset.groups().is_some();
    if experts.is_empty() || !wanted {
        return Ok(None);
    }
    let names: Vec<&str> = model.modality_names().collect();
    let all: Vec<usize> = (0..names.len()).collect();
    let mut ways = vec![("all", all.clone())];
    if names.len() > 1 {
        ways.extend(all.iter().map(|&m| (names[m], vec![m])));
    }
    let specimens = specimens(dataset);
    let mut table = ParameterTable::default();
    for (part, of_part) in [("train", &split.train), ("validation", &split.validation), ("test", &split.test)] {
        let mut by_way = Vec::new();
        for (seen, given) in &ways {
            let options = InferOptions {
                given: given.clone(),
                predict: experts.iter().map(|(m, _)| *m).collect(),
                engine: model.preferred_engine(),
                samples: DRAWS,
                intervals: Vec::new(),
                draws: 0,
                score: false,
                seed,
            };
            let mut identified = Identified::new(model);
            infer_rows(model, dataset, of_part, &options, |places, inferred| {
                if table.quantities.is_empty() {
                    table.quantities = quantities(inferred);
                }
                for (at, &place) in places.iter().enumerate() {
                    identified.add(&specimens[of_part[place]], inferred, at);
                }
            })?;
            by_way.push(identified.rows(seen));
        }
        // Specimen by specimen, as it was seen by all first. Looked up, for there may be as many as samples.
        let row_of: HashMap<&str, usize> = of_part.iter().map(|&row| (specimens[row].as_str(), row)).collect();
        let label =
            |specimen: &str| Some(dataset.labels()?.names()[dataset.labels()?.of(*row_of.get(specimen)?)?].clone());
        let mut ways = by_way.into_iter();
        let first = ways.next().unwrap_or_default();
        let others: Vec<HashMap<String, ParameterRow>> =
            ways.map(|way| way.into_iter().map(|row| (row.specimen.clone(), row)).collect()).collect();
        for first in first {
            let label = label(&first.specimen);
            let others: Vec<_> = others.iter().filter_map(|way| way.get(&first.specimen).cloned()).collect();
            let of_specimen = std::iter::once(first).chain(others);
            table.rows.extend(of_specimen.map(|row| ParameterRow { split: Some(part), label: label.clone(), ..row }));
        }
    }
    Ok(Some(table))
}

/// The table on the screen, as many specimens as one looks at.
pub(crate) fn shown(parameters: &ParameterTable) -> String {
    const MOST: usize = 40;
    let mut table = Table::default();
    let unit = |unit: &str| if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    let mut heading = vec!["specimen".to_owned(), "cluster".to_owned()];
    heading.extend(parameters.quantities.iter().map(|(name, of)| format!("{name}{}", unit(of))));
    table.row(heading);
    for row in parameters.rows.iter().take(MOST) {
        let mut cells = vec![row.specimen.clone(), row.cluster.to_string()];
        let shown = |&(mean, sd): &(f64, f64)| if sd.is_nan() { significant(mean) } else { with_error(mean, sd) };
        cells.extend(row.values.iter().map(shown));
        table.row(cells);
    }
    let more = parameters.rows.len().saturating_sub(MOST);
    let more = if more > 0 { format!("and {more} more: --parameters writes all of them\n") } else { String::new() };
    let has_own = parameters.rows.iter().flat_map(|row| &row.values).any(|(_, sd)| !sd.is_nan());
    let note = if has_own {
        "± the standard deviation over what is possible and over a specimen's samples"
    } else {
        "the parameters of each specimen's kind: this run has none of a specimen's own (expert_sees_latent)"
    };
    format!("\n{table}{more}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use pima_data::ModalityData;
    use pima_model::{InferredParameters, Prediction};

    /// Two samples of two clusters, whose modulus and strength were identified.
    fn inferred() -> Inference {
        let none = Array2::<f64>::zeros((2, 1));
        let parameters = InferredParameters {
            names: vec!["modulus".to_owned(), "strength".to_owned()],
            units: vec!["MPa".to_owned(), String::new()],
            mean: array![[100.0, 5.0], [104.0, 5.0]],
            deviation: array![[3.0, 0.0], [1.0, 0.0]],
        };
        let prediction = Prediction {
            mean: none.clone(),
            variance: none.clone(),
            intervals: Vec::new(),
            draws: None,
            score: None,
            parameters: Some(parameters),
        };
        Inference {
            latent_mean: none.clone(),
            latent_var: none,
            responsibilities: array![[0.4, 0.6], [0.9, 0.1]],
            predictions: [("stress".to_owned(), prediction)].into(),
        }
    }

    #[test]
    fn samples_of_a_specimen_are_averaged_with_the_variance_within_and_between_them() {
        let empty = |own: &[&str]| Identified {
            own: own.iter().map(|&name| name.to_owned()).collect(),
            specimens: Vec::new(),
            places: HashMap::new(),
        };
        let mut identified = empty(&["stress"]);
        let inferred = inferred();
        assert_eq!(quantities(&inferred)[0], ("modulus".to_owned(), "MPa".to_owned()));
        identified.add("s7", &inferred, 0);
        identified.add("s3", &inferred, 0);
        identified.add("s7", &inferred, 1);
        let rows = identified.rows("image");
        assert_eq!(rows.iter().map(|row| row.specimen.as_str()).collect::<Vec<_>>(), ["s7", "s3"], "as they came");
        let s7 = &rows[0];
        assert_eq!((s7.n_samples, s7.cluster, s7.seen.as_str()), (2, 0, "image"));
        assert!((s7.probability - 0.65).abs() < 1e-12);
        // Mean of variances 9 and 1, variance of 100 and 104.
        let (mean, deviation) = s7.values[0];
        assert!((mean - 102.0).abs() < 1e-9 && (deviation - 9.0_f64.sqrt()).abs() < 1e-9, "{mean} {deviation}");
        assert_eq!(s7.values[1], (5.0, 0.0));
        assert_eq!((rows[1].cluster, rows[1].values[0]), (1, (100.0, 3.0)));
        let shown = shown(&ParameterTable { quantities: quantities(&inferred), rows });
        assert!(shown.contains("modulus (MPa)") && shown.contains("102.0 ± 3.0"), "{shown}");

        // A kind's parameters have no deviation that were a specimen's.
        let mut of_kind = empty(&[]);
        of_kind.add("s7", &inferred, 0);
        let table = ParameterTable { quantities: quantities(&inferred), rows: of_kind.rows("image") };
        assert!(table.rows[0].values[0].0 == 100.0 && table.rows[0].values[0].1.is_nan());
        let shown = super::shown(&table);
        assert!(shown.contains("  100.00  ") && shown.contains("the parameters of each specimen's kind"), "{shown}");
    }

    #[test]
    fn rows_are_of_their_specimens_where_they_are_grouped() {
        let shape = pima_core::ModalityShape::Vector { length: 1 };
        let data = || Dataset::new("toy", vec![ModalityData::new("a", shape, Array2::zeros((3, 1))).unwrap()], None);
        assert_eq!(specimens(&data().unwrap()), ["0", "1", "2"]);
        let grouped = data().unwrap().with_groups(vec![4, 4, 1]).unwrap();
        assert_eq!(specimens(&grouped), ["4", "4", "1"]);
        let names = ["p", "q", "r", "s", "t"].map(str::to_owned).to_vec();
        assert_eq!(specimens(&grouped.with_group_names(names).unwrap()), ["t", "t", "q"]);
    }
}
