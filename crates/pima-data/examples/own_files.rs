//! Files as a laboratory has them, matched by the names of the specimens, split and normalised.
//!
//!     cargo run -p pima-data --example own_files

use pima_data::{
    Batch, Batches, ImageFolder, NamesFile, Normalisation, NormalisationMethod, SpecimensOptions, Split,
    SplitFractions, TableColumns, match_sources, read_columns, read_images, read_names, write_specimens,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Made-up specimens: photographs/*.png, curves.csv, chemistry.csv and treatments.csv, 30 % of each missing.
    let folder = tempfile::tempdir()?;
    write_specimens(folder.path(), &SpecimensOptions { n: 80, ..SpecimensOptions::default() }, 1)?;
    let at = |name: &str| folder.path().join(name);

    let id = || Some("specimen".to_owned());
    let photographs = read_images(&ImageFolder { path: at("photographs"), size: None, colour: false })?;
    let curves =
        read_columns(&TableColumns { path: at("curves.csv"), id: id(), curve: true, ..TableColumns::default() })?;
    let chemistry = read_columns(&TableColumns { path: at("chemistry.csv"), id: id(), ..TableColumns::default() })?;
    let sources = [("photograph", photographs), ("stress", curves), ("chemistry", chemistry)];
    let sources = sources.map(|(name, samples)| (name.to_owned(), samples)).into();
    let dataset = match_sources("my specimens", sources)?;

    // Known classes are for judging what was found, and never for training.
    let column = Some("treatment".to_owned());
    let labels = read_names(&NamesFile { path: at("treatments.csv"), column, id: id(), ..NamesFile::default() })?;
    let labels = labels.labels(dataset.ids(), 80)?;
    let dataset = dataset.with_labels(labels)?;
    println!("{}: {} specimens", dataset.name(), dataset.n_samples());
    for modality in dataset.modalities() {
        let n = (0..dataset.n_samples()).filter(|&row| modality.is_present(row)).count();
        println!("  {:<10} {:<12} measured on {n}", modality.name(), modality.shape().to_string());
    }
    let known = dataset.labels().map(|labels| labels.names().join(", ")).unwrap_or_default();
    println!("  treatments: {known}");

    let split = Split::random(&dataset, &SplitFractions { train: 0.7, validation: 0.1, test: 0.2 }, 3)?;
    println!("{} to train on, {} to validate, {} to test", split.train.len(), split.validation.len(), split.test.len());

    // Means and variances of the training specimens alone: the test specimens must not be known by them.
    let methods =
        [NormalisationMethod::StandardGlobal, NormalisationMethod::StandardGlobal, NormalisationMethod::Standard];
    let modalities = dataset.modalities().iter().zip(methods);
    let normalisations = modalities
        .map(|(modality, method)| Normalisation::fit(method, modality, &split.train))
        .collect::<Result<Vec<_>, _>>()?;
    let batches = Batches::new(&dataset, &normalisations)?;
    let mut batch = Batch::default();
    batches.gather(&split.train[..8], &mut batch)?;
    println!("a batch of 8; which modalities each specimen has (1: present):");
    for (modality, weight) in dataset.modalities().iter().zip(batch.weight().outer_iter()) {
        println!("  {:<10} {weight}", modality.name());
    }
    Ok(())
}
