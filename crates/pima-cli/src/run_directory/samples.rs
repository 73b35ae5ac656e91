//! `samples.csv`: every sample of a run by its name, with the cluster it was given.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::atomic;

/// Where rows of a split begin their name.
const SAMPLE: &str = "sample";
const SPLIT: &str = "split";
/// The split that predictions are of.
const TEST: &str = "test";

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Its id, or the number of its row in the data, from 0.
    pub sample: String,
    /// `train`, `validation` or `test`.
    pub split: &'static str,
    /// Its known class, if it has one.
    pub label: Option<String>,
    /// The most probable cluster, and how probable it is.
    pub cluster: usize,
    /// Responsibility of that cluster.
    pub probability: f64,
    /// Mean of the fused posterior (l).
    pub latent_mean: Vec<f64>,
    /// The most probable cluster by each modality alone, in the table's order; `None` for one that the sample does not have.
    pub cluster_from: Vec<Option<usize>>,
}

/// Writes the table of a model of l latent dimensions, row by row: splits one after the other, the test samples in the order of the predictions.
pub(super) fn write(
    path: &Path,
    modalities: &[String],
    n_latent: usize,
    rows: impl IntoIterator<Item = SampleRow>,
) -> Result<()> {
    atomic::replace(path, |beside| {
        let mut table = csv::Writer::from_path(beside)?;
        let mut heading: Vec<String> = [SAMPLE, SPLIT, "label", "cluster", "probability"].map(str::to_owned).to_vec();
        heading.extend((1..=n_latent).map(|j| format!("latent_{j}")));
        heading.extend(modalities.iter().map(|name| format!("cluster_from_{name}")));
        table.write_record(&heading)?;
        for row in rows {
            let mut cells = vec![
                row.sample.clone(),
                row.split.to_owned(),
                row.label.clone().unwrap_or_default(),
                row.cluster.to_string(),
                format!("{:.4}", row.probability),
            ];
            cells.extend(row.latent_mean.iter().map(|z| format!("{z:.5}")));
            cells.extend(row.cluster_from.iter().map(|cluster| cluster.map_or(String::new(), |c| c.to_string())));
            table.write_record(&cells)?;
        }
        table.flush()?;
        Ok(())
    })
}

/// Names of the test samples, in the order of the predictions.
pub(super) fn test_names(path: &Path) -> Result<Vec<String>> {
    let mut table = csv::Reader::from_path(path).with_context(|| format!("{}: cannot read", path.display()))?;
    let heading = table.headers()?.clone();
    let place = |name: &str| heading.iter().position(|cell| cell == name);
    let (sample, split) = (place(SAMPLE), place(SPLIT));
    ensure!(sample.is_some() && split.is_some(), "{}: has no columns {SAMPLE} and {SPLIT}", path.display());
    let cell =
        |record: &csv::StringRecord, at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default().to_owned();
    let mut names = Vec::new();
    for record in table.records() {
        let record = record.with_context(|| format!("{}: cannot read", path.display()))?;
        if cell(&record, split) == TEST {
            names.push(cell(&record, sample));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_a_line_for_each_sample_and_gives_the_test_samples_back() {
        let row = |sample: &str, split, cluster, from| SampleRow {
            sample: sample.to_owned(),
            split,
            label: (cluster == 1).then(|| "as cast, slow".to_owned()),
            cluster,
            probability: 0.98765,
            latent_mean: vec![1.5, -2.0],
            cluster_from: vec![Some(cluster), from],
        };
        let rows = [row("b", "train", 1, None), row("S, 1", "test", 0, Some(2)), row("a", "test", 1, None)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.csv");
        write(&path, &["image".to_owned(), "curve".to_owned()], 2, rows).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "sample,split,label,cluster,probability,latent_1,latent_2,cluster_from_image,cluster_from_curve\n\
             b,train,\"as cast, slow\",1,0.9877,1.50000,-2.00000,1,\n\
             \"S, 1\",test,,0,0.9877,1.50000,-2.00000,0,2\n\
             a,test,\"as cast, slow\",1,0.9877,1.50000,-2.00000,1,\n"
        );
        assert_eq!(test_names(&path).unwrap(), ["S, 1", "a"]);
        std::fs::write(&path, "x,y\n1,2\n").unwrap();
        assert!(test_names(&path).unwrap_err().to_string().contains("samples.csv: has no columns sample and split"));
    }
}
