//! `parameters.csv`: what experts identified of every specimen, from all that was measured of it and from each modality alone.

use std::path::Path;

use anyhow::Result;

use super::atomic;

/// One specimen, as seen from somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterRow {
    /// What it is called.
    pub specimen: String,
    /// `train`, `validation` or `test`; `None` for samples that are of no run.
    pub split: Option<&'static str>,
    /// Its known class, if it has one.
    pub label: Option<String>,
    /// What was seen of it: a modality, or `all`.
    pub seen: String,
    /// How many samples it has that were seen: quadrants of its photograph, repeated measurements.
    pub n_samples: usize,
    /// The most probable cluster over its samples, and how probable it is.
    pub cluster: usize,
    /// Mean responsibility of that cluster.
    pub probability: f64,
    /// For each quantity its mean over the samples and its standard deviation, over the posterior and over the samples.
    pub values: Vec<(f64, f64)>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterTable {
    /// What was identified, and its unit; an empty string where it has none.
    pub quantities: Vec<(String, String)>,
    /// One for each specimen and each way to see it.
    pub rows: Vec<ParameterRow>,
}

impl ParameterTable {
    /// Writes the table.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let of_run = self.rows.iter().any(|row| row.split.is_some());
        atomic::replace(path, |beside| {
            let mut table = csv::Writer::from_path(beside)?;
            let mut heading = vec!["specimen".to_owned()];
            if of_run {
                heading.extend(["split", "label"].map(str::to_owned));
            }
            heading.extend(["from", "samples", "cluster", "probability"].map(str::to_owned));
            for (name, unit) in &self.quantities {
                let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
                heading.extend([format!("{name}{unit}"), format!("{name} sd{unit}")]);
            }
            table.write_record(&heading)?;
            for row in &self.rows {
                let mut cells = vec![row.specimen.clone()];
                if of_run {
                    cells.extend([row.split.unwrap_or_default().to_owned(), row.label.clone().unwrap_or_default()]);
                }
                cells.extend([row.seen.clone(), row.n_samples.to_string(), row.cluster.to_string()]);
                cells.push(format!("{:.4}", row.probability));
                cells
                    .extend(row.values.iter().flat_map(|&(mean, deviation)| [six_digits(mean), six_digits(deviation)]));
                table.write_record(&cells)?;
            }
            table.flush()?;
            Ok(())
        })
    }
}

/// A number with six significant digits, as programs read it; empty where there is none.
fn six_digits(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    format!("{value:.5e}").parse::<f64>().map_or_else(|_| String::new(), |rounded| rounded.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits_and_no_sign_that_programs_stumble_over() {
        let written = [1319.234567, 0.009_283_912_3, -2.0, 0.0, 1.234_567_8e-9, f64::NAN].map(six_digits);
        assert_eq!(written, ["1319.23", "0.00928391", "-2", "0", "0.00000000123457", ""]);
    }

    #[test]
    fn samples_of_no_run_have_neither_split_nor_label() {
        let row = ParameterRow {
            specimen: "s, 07".to_owned(),
            split: None,
            label: None,
            seen: "image".to_owned(),
            n_samples: 4,
            cluster: 1,
            probability: 0.98765,
            values: vec![(1319.234567, 12.5), (0.0093, f64::NAN)],
        };
        let quantities = [("elastic modulus", "MPa"), ("yield strain", "")].map(|(n, u)| (n.to_owned(), u.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.csv");
        let table = |row| ParameterTable { quantities: quantities.to_vec(), rows: vec![row] };
        table(row.clone()).write(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "specimen,from,samples,cluster,probability,elastic modulus (MPa),elastic modulus sd (MPa),yield strain,yield strain sd\n\
             \"s, 07\",image,4,1,0.9877,1319.23,12.5,0.0093,\n"
        );
        let of_run = ParameterRow { split: Some("test"), label: Some("octet".to_owned()), ..row };
        table(of_run).write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("specimen,split,label,from,") && text.contains("\n\"s, 07\",test,octet,image,4,1,"));
    }
}
