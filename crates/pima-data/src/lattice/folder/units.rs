//! Units: those that stresses may have in the files, and what headings say of them.

use super::heading::{STRAIN, STRESS};
use super::{LatticeFolder, StressUnit};

impl StressUnit {
    fn in_megapascal(self) -> f64 {
        match self {
            Self::Pa => 1e-6,
            Self::KiloPascal => 1e-3,
            Self::MegaPascal => 1.0,
            Self::GigaPascal => 1e3,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pa => "Pa",
            Self::KiloPascal => "kPa",
            Self::MegaPascal => "MPa",
            Self::GigaPascal => "GPa",
        }
    }
}

impl LatticeFolder {
    fn sign(&self) -> f64 {
        if self.compression_negative { -1.0 } else { 1.0 }
    }

    /// What a strain of the files is multiplied with.
    pub(super) fn strain_scale(&self) -> f64 {
        self.sign() * if self.percent { 0.01 } else { 1.0 }
    }

    /// What a stress of the files is multiplied with; the result is in MPa.
    pub(super) fn stress_scale(&self) -> f64 {
        self.sign() * self.stress.in_megapascal()
    }

    /// A strain as the files write it.
    pub(super) fn strain_in_file(&self, strain: f64) -> String {
        short(strain / self.strain_scale()) + if self.percent { " %" } else { "" }
    }

    /// A stress, MPa, as the files write it.
    pub(super) fn stress_in_file(&self, stress: f64) -> String {
        format!("{} {}", short(stress / self.stress_scale()), self.stress.name())
    }
}

/// A number in three digits, those before the point always.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.abs().to_string();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What a heading says of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unit {
    /// Per cent.
    Percent,
    /// A number without a unit, such as mm/mm.
    Fraction,
    /// One that a stress may have.
    Stress(StressUnit),
    /// Another, in the heading's words.
    Other(String),
}

/// Words in brackets that are no units.
const KINDS: &str = "eng engineering nominal nom true tech technical log logarithmic compressive compression tensile tension axial mean average avg \
                     corrected measured dic abs absolute smoothed extensometer crosshead machine x y z normal";
/// Other units that a heading may have outside of brackets.
const OTHERS: &str =
    "ksi psi msi kN MN N mN mm cm µm um kgf kgf/mm2 lbf bar mbar atm inch hPa microstrain µε με ue N/mm ‰";

/// What the heading of a column says of its unit; `None` where it says nothing. In brackets anything counts that is not known to be no unit,
/// elsewhere only what is known to be one.
pub(super) fn of_heading(heading: &str) -> Option<Unit> {
    let (mut bare, mut brackets) = (String::new(), Vec::new());
    let mut rest = heading;
    while let Some(open) = rest.find(['[', '(', '<']) {
        bare += &rest[..open];
        bare.push(' ');
        let inside = &rest[open + 1..];
        let close = inside.find([']', ')', '>']).unwrap_or(inside.len());
        brackets.push(&inside[..close]);
        rest = inside.get(close + 1..).unwrap_or_default();
    }
    bare += rest;
    let percent = || says_percent(&bare.to_lowercase()).then_some(Unit::Percent);
    let outside = || bare.split(|c: char| c.is_whitespace() || "_,:;".contains(c)).find_map(of_word);
    brackets.into_iter().find_map(of_unit).or_else(percent).or_else(outside)
}

/// What a text that is nothing but a unit says, brackets or not.
pub(super) fn of_unit(text: &str) -> Option<Unit> {
    let text = text.trim().trim_matches(['[', ']', '(', ')', '<', '>']).trim();
    let kind = |word: &str| {
        KINDS.split(' ').any(|kind| kind == word)
            || STRAIN.iter().chain(&STRESS).any(|name| word.contains(name))
            || word.starts_with("eps")
    };
    let is_kind = || {
        let lower = text.to_lowercase();
        lower.split(|c: char| c.is_whitespace() || ".,".contains(c)).all(|word| word.is_empty() || kind(word))
    };
    known(text).or_else(|| (!is_kind()).then(|| Unit::Other(text.to_owned())))
}

/// A word of a heading outside of brackets; quantity/unit, as physicists write it, is one.
fn of_word(word: &str) -> Option<Unit> {
    if let Some((name, unit)) = word.split_once('/')
        && !unit.is_empty()
        && STRAIN.iter().chain(&STRESS).any(|known| name.to_lowercase().contains(known))
    {
        return of_unit(unit);
    }
    match known(word) {
        // A hyphen or the number of a column.
        Some(Unit::Fraction) if !word.contains('/') => None,
        Some(unit) => Some(unit),
        // In the writing of the unit: "n" may be many things, and "N" is newton.
        None => OTHERS
            .split(' ')
            .any(|other| other == word)
            .then(|| Unit::Other(word.to_owned()))
            .or_else(|| word.to_lowercase().contains("microstrain").then(|| Unit::Other("microstrain".to_owned()))),
    }
}

fn says_percent(lower: &str) -> bool {
    lower.contains('%') || ["percent", "per cent", "prozent"].iter().any(|word| lower.contains(word))
}

fn known(text: &str) -> Option<Unit> {
    let lower = text.to_lowercase();
    if says_percent(&lower) {
        return Some(Unit::Percent);
    }
    let plain: String = lower
        .chars()
        .filter(|c| !c.is_whitespace() && !"^*·⋅.".contains(*c))
        .map(|c| match c {
            '²' => '2',
            '⁻' | '−' | '–' | '—' => '-',
            'µ' | 'μ' => 'u',
            other => other,
        })
        .collect();
    Some(match plain.as_str() {
        "-" | "1" | "mm/mm" | "m/m" | "cm/cm" | "um/um" | "in/in" | "fraction" | "dimensionless" | "unitless" => {
            Unit::Fraction
        }
        "pa" | "n/m2" | "nm-2" => Unit::Stress(StressUnit::Pa),
        "kpa" | "kn/m2" | "knm-2" => Unit::Stress(StressUnit::KiloPascal),
        "mpa" | "n/mm2" | "nmm-2" | "mn/m2" => Unit::Stress(StressUnit::MegaPascal),
        "gpa" | "kn/mm2" | "gn/m2" => Unit::Stress(StressUnit::GigaPascal),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_off_headings() {
        let other = |unit: &str| Some(Unit::Other(unit.to_owned()));
        let stress = |unit| Some(Unit::Stress(unit));
        for (heading, expected) in [
            ("stress", None),
            ("Engineering stress", None),
            ("Strain (eng.)", None),
            ("strain 1", None),
            ("Strain - average", None),
            ("ε (true strain)", None),
            ("stress []", None),
            ("strain [-]", Some(Unit::Fraction)),
            ("strain (mm/mm)", Some(Unit::Fraction)),
            ("strain m/m", Some(Unit::Fraction)),
            ("strain/mm/mm", Some(Unit::Fraction)),
            ("Strain (1)", Some(Unit::Fraction)),
            ("Strain (eng) [%]", Some(Unit::Percent)),
            ("strain in per cent", Some(Unit::Percent)),
            ("Dehnung / %", Some(Unit::Percent)),
            ("strain%", Some(Unit::Percent)),
            ("stress (N/m^2)", stress(StressUnit::Pa)),
            ("stress (N/m²)", stress(StressUnit::Pa)),
            ("stress N/m2", stress(StressUnit::Pa)),
            ("stress [Pa]", stress(StressUnit::Pa)),
            ("stress_kPa", stress(StressUnit::KiloPascal)),
            ("Spannung/MPa", stress(StressUnit::MegaPascal)),
            ("Spannung in N/mm²", stress(StressUnit::MegaPascal)),
            ("stress [N mm^-2]", stress(StressUnit::MegaPascal)),
            ("Stress (GPA)", stress(StressUnit::GigaPascal)),
            ("stress [ksi]", other("ksi")),
            ("stress (N)", other("N")),
            ("stress kN", other("kN")),
            ("strain (mm)", other("mm")),
            ("strain in mm", other("mm")),
            ("strain [mm/m]", other("mm/m")),
            ("Microstrain", other("microstrain")),
            ("stress [N/mm]", other("N/mm")),
            ("stress [furlong", other("furlong")),
        ] {
            assert_eq!(of_heading(heading), expected, "{heading}");
        }
        assert_eq!((of_unit("[-]"), of_unit("MPa")), (Some(Unit::Fraction), stress(StressUnit::MegaPascal)));
        assert_eq!(of_unit("widgets"), other("widgets"));
    }

    #[test]
    fn numbers_are_told_in_three_digits() {
        let told = [0.0616, 38.04, 1432.4, 0.2, 0.0, -0.00086512, 7e7].map(short);
        assert_eq!(told, ["0.0616", "38", "1432", "0.2", "0", "-0.000865", "70000000"]);
    }
}
