//! The units of lattices, which are not for a config to change.

use super::{DataSource, ExperimentConfig, ModalityConfig, SourceConfig};

/// The modality of the curves.
const CURVE: &str = "stress";

/// That no other unit is written over those of the curves: `units` and `axis` of a modality say what its values are and convert nothing, and of
/// lattices it is known.
pub(super) fn check(config: &ExperimentConfig) -> Result<(), String> {
    let folder = match config.data.source {
        DataSource::LatticeFolder => true,
        DataSource::Lattice => false,
        _ => return Ok(()),
    };
    let theirs = |modality: &ModalityConfig| {
        modality.name == CURVE && matches!(modality.source, SourceConfig::Images {} | SourceConfig::Data {})
    };
    let Some((m, modality)) = config.modalities.iter().enumerate().find(|(_, modality)| theirs(modality)) else {
        return Ok(());
    };
    let advice = |of_files: &str| if folder { format!("; {of_files} in [data.lattice_folder]") } else { String::new() };
    if let Some(units) = &modality.units
        && !["MPa", "N/mm2", "N/mm^2", "N/mm²"].contains(&units.as_str())
    {
        let files = advice("what unit the files have is said by stress = \"GPa\" or another");
        return Err(format!(
            "modality.{m}.units is {units:?}, but the stresses of lattices are loaded in MPa, and units convert nothing: remove units{files}"
        ));
    }
    let Some(axis) = &modality.axis else { return Ok(()) };
    if let Some(units) = &axis.units
        && !["", "-", "1", "mm/mm", "m/m"].contains(&units.as_str())
    {
        let files = advice("that the files have per cent is said by percent = true");
        return Err(format!(
            "modality.{m}.axis.units is {units:?}, but the strains of lattices are loaded as fractions, and units convert nothing: remove units{files}"
        ));
    }
    if axis.values.is_some() || axis.from.is_some() || axis.path.is_some() || axis.array.is_some() {
        let files = if folder { "max_strain in [data.lattice_folder]" } else { "max_strain in [data.lattice.test]" };
        return Err(format!(
            "modality.{m}.axis gives points, but the curves of lattices have their strains: keep its name alone, or remove it; how far they go is {files}"
        ));
    }
    Ok(())
}
