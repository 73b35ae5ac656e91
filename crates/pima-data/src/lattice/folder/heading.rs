//! Headings of a curve's file: which columns are strain and stress, and whether the units that stand there are those of the options.

use super::units::{self, Unit};
use super::{LatticeFolder, StressUnit};

/// What columns of strain are called, in part.
pub(super) const STRAIN: [&str; 6] = ["strain", "dehnung", "stauchung", "déformation", "epsilon", "ε"];
/// What columns of stress are called, in part.
pub(super) const STRESS: [&str; 5] = ["stress", "spannung", "contrainte", "sigma", "σ"];
/// Words of other quantities, such as a strain rate.
const NEITHER: [&str; 4] = ["rate", "energy", "error", "time"];

/// What to do about a heading that names no columns.
const NAME_THEM: &str =
    "name one column strain and one stress, or remove the line where the first two columns are strain and stress";

/// Finds the columns of strain and stress.
pub(super) fn columns(cells: &[String]) -> Result<(usize, usize), String> {
    let of = |names: &[&str], short: &str| -> Vec<usize> {
        let called = |cell: &String| {
            let lower = cell.to_lowercase();
            let mut words = lower.split(|c: char| !c.is_alphanumeric());
            (names.iter().any(|name| lower.contains(name)) || words.clone().any(|word| word == short))
                && !words.any(|word| NEITHER.contains(&word))
        };
        (0..cells.len()).filter(|&at| called(&cells[at])).collect()
    };
    let list =
        |columns: &[usize]| columns.iter().map(|&at| format!("'{}'", cells[at])).collect::<Vec<String>>().join(", ");
    let (strains, stresses) = (of(&STRAIN, "eps"), of(&STRESS, "sig"));
    match (strains.as_slice(), stresses.as_slice()) {
        (&[strain], &[stress]) if strain != stress => Ok((strain, stress)),
        ([], []) if cells.len() > 1 && only_units(cells) => Ok((0, 1)),
        ([], []) | ([_], [_]) => {
            let all: Vec<usize> = (0..cells.len().min(6)).collect();
            Err(format!(
                "a heading that names no columns of strain and stress ({}): {NAME_THEM}; a title begins with #",
                list(&all)
            ))
        }
        (strains, []) => Err(format!("the heading names a strain ({}) and no stress: {NAME_THEM}", list(strains))),
        ([], stresses) => Err(format!("the heading names a stress ({}) and no strain: {NAME_THEM}", list(stresses))),
        (strains, stresses) => {
            let mut which = Vec::new();
            if strains.len() > 1 {
                which.push(format!("strain ({})", list(strains)));
            }
            if stresses.len() > 1 {
                which.push(format!("stress ({})", list(stresses)));
            }
            Err(format!("several columns are called {}: keep one of each, or rename the others", which.join(" and ")))
        }
    }
}

/// Units and no names: the columns are in their usual order.
fn only_units(cells: &[String]) -> bool {
    let is_unit =
        |cell: &String| matches!(units::of_unit(cell), None | Some(Unit::Percent | Unit::Fraction | Unit::Stress(_)));
    cells.iter().any(|cell| !cell.is_empty()) && cells.iter().all(|cell| cell.is_empty() || is_unit(cell))
}

/// That the units said of the two columns are those of the options; `what` names the text that says them.
pub(super) fn check(
    what: &str,
    [strain, stress]: [(&str, Option<Unit>); 2],
    options: &LatticeFolder,
) -> Result<(), String> {
    let refuse = |text: &str, problem: String| Err(format!("{what} '{text}' {problem}"));
    let (text, unit) = strain;
    match unit {
        Some(Unit::Percent) if !options.percent => {
            return refuse(
                text,
                "says per cent: set percent = true in [data.lattice_folder], or divide by 100".to_owned(),
            );
        }
        Some(Unit::Fraction) if options.percent => {
            return refuse(
                text,
                "says that strain is a fraction, and percent = true in [data.lattice_folder]: remove percent, or correct the unit"
                    .to_owned(),
            );
        }
        Some(Unit::Stress(unit)) => return refuse(text, no_strain(unit.name())),
        Some(Unit::Other(unit)) => return refuse(text, no_strain(&unit)),
        None | Some(Unit::Percent | Unit::Fraction) => {}
    }
    let (text, unit) = stress;
    match unit {
        Some(Unit::Stress(unit)) if unit != options.stress => refuse(text, other_stress(unit, options.stress)),
        Some(Unit::Percent) => refuse(text, no_stress("per cent")),
        Some(Unit::Fraction) => refuse(text, no_stress("a number without unit")),
        Some(Unit::Other(unit)) => refuse(text, no_stress(&unit)),
        None | Some(Unit::Stress(_)) => Ok(()),
    }
}

fn no_strain(unit: &str) -> String {
    format!(
        "says {unit}, which is no unit of strain; understood are fractions (mm/mm, m/m, -) and %: convert the column, or correct the unit"
    )
}

fn no_stress(unit: &str) -> String {
    format!(
        "says {unit}, which is not understood as a unit of stress; understood are Pa (N/m2), kPa, MPa (N/mm2) and GPa: convert the column, or \
         correct the unit"
    )
}

fn other_stress(said: StressUnit, option: StressUnit) -> String {
    format!(
        "says {}, and stress is read as {}: set stress = \"{}\" in [data.lattice_folder], or correct the unit",
        said.name(),
        option.name(),
        said.name()
    )
}
