//! Whether curves can be right: each for itself, beside the others, and what a user should look at.

use std::path::Path;

use super::curve::Curve;
use super::{LatticeFolder, LatticeNote, error};
use crate::error::Result;

/// Strain beyond which a number can only be in per cent.
pub(super) const LARGEST_STRAIN: f64 = 1.5;
/// A test that never reaches this has not strained anything.
const SMALLEST_STRAIN: f64 = 1e-3;
/// No metal bears more, MPa.
const LARGEST_STRESS: f64 = 1e4;
/// A test that never reaches this has not loaded anything, MPa.
const SMALLEST_STRESS: f64 = 1e-3;
/// Stiffer than any solid, MPa.
const LARGEST_MODULUS: f64 = 2e6;
/// A curve may start late by this share of what it reaches; it is then joined to the origin.
const LATE_START: f64 = 0.05;
/// A curve this many times off the median of a folder is of another unit: units differ by a hundred or more, specimens of one folder by less.
const FAR_OFF: f64 = 20.0;
/// Slope at the beginning and stress, MPa, below which metals are seldom, and strain above which.
const SOFT: [f64; 3] = [10.0, 0.5, 0.5];
/// Share of the strains over which a slope is fitted.
const BEGINNING: f64 = 0.1;
/// Share of the greatest stress that a curve may have at strain 0.
const PRELOAD: f64 = 0.05;
/// A curve has slack if it bears less than the first of these shares of its greatest stress over more than the second of its strains.
const SLACK: [f64; 2] = [0.01, 0.05];

/// Looks at a curve as a whole: enough points, and no unit plainly wrong.
pub(super) fn check(path: &Path, curve: &Curve, options: &LatticeFolder) -> Result<()> {
    let refuse = |at: Option<usize>, problem: String| Err(error(path, at.map(|at| curve.lines[at]), problem));
    let n = curve.strain.len();
    if n < 4 {
        return refuse(None, format!("holds {n} points; a curve needs four at least"));
    }
    let strain_said = |strain| options.strain_in_file(strain);
    let stress_said = |stress| options.stress_in_file(stress);
    let (first, last) = (curve.strain[0], curve.strain[n - 1]);
    if last <= 0.0 {
        let problem = format!("strain ends at {}, before the load begins; is its zero right?", strain_said(last));
        return refuse(Some(n - 1), problem);
    }
    if last > LARGEST_STRAIN {
        let unit = if options.percent {
            ": is its unit right?"
        } else {
            ": if it is in per cent, set percent = true in [data.lattice_folder]"
        };
        let column = if curve.has_heading {
            ""
        } else {
            "; if the first column is a time or a number, name the columns in a heading (time,strain,stress)"
        };
        return refuse(Some(n - 1), format!("strain reaches {}{unit}{column}", strain_said(last)));
    }
    if last < SMALLEST_STRAIN {
        let why = if options.percent {
            "if it is no per cent after all, remove percent from [data.lattice_folder]"
        } else {
            "is its unit right? understood are fractions and per cent"
        };
        return refuse(Some(n - 1), format!("strain ends at {}: {why}", strain_said(last)));
    }
    if first > LATE_START * last {
        let problem = format!(
            "strain starts at {}: the beginning of the curve is missing; export it from its start, or subtract an offset",
            strain_said(first)
        );
        return refuse(Some(0), problem);
    }
    let highest = highest(curve);
    let most = curve.stress[highest];
    if most <= 0.0 {
        let lowest = curve.stress.iter().copied().fold(0.0, f64::min);
        if lowest == 0.0 {
            let problem = "stress is zero throughout: was the load recorded, and is it the right column?";
            return refuse(Some(highest), problem.to_owned());
        }
        let advice = if options.compression_negative {
            "compression_negative = true in [data.lattice_folder] is for files in which both are negative: change the sign of one of them"
        } else {
            "change the sign of the stress"
        };
        let (reaches, sign) = (stress_said(lowest), if options.compression_negative { "negative" } else { "positive" });
        return refuse(Some(highest), format!("stress goes to {reaches} where strain is {sign}: {advice}"));
    }
    if most > LARGEST_STRESS {
        let unit = match options.stress.name() {
            "MPa" => "if it is in kPa or Pa, set stress = \"kPa\" or stress = \"Pa\" in [data.lattice_folder]",
            _ => "set stress to the files' unit (Pa, kPa, MPa or GPa) in [data.lattice_folder]",
        };
        return refuse(
            Some(highest),
            format!("stress reaches {}, more than any metal bears: {unit}", stress_said(most)),
        );
    }
    if most < SMALLEST_STRESS {
        let problem = format!(
            "stress never exceeds {}: set stress to the files' unit (Pa, kPa, MPa or GPa) in [data.lattice_folder]",
            stress_said(most)
        );
        return refuse(Some(highest), problem);
    }
    if most / curve.strain[highest] > LARGEST_MODULUS {
        let problem = format!(
            "stress {} at strain {} is stiffer than any solid: set percent and stress in [data.lattice_folder] as the files are",
            stress_said(most),
            strain_said(curve.strain[highest])
        );
        return refuse(Some(highest), problem);
    }
    Ok(())
}

/// Where a loaded curve is highest.
fn highest(curve: &Curve) -> usize {
    let loaded = (0..curve.strain.len()).filter(|&at| curve.strain[at] > 0.0);
    loaded.max_by(|&a, &b| curve.stress[a].total_cmp(&curve.stress[b])).unwrap_or(curve.strain.len() - 1)
}

/// The middle one of the values.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Looks at curves beside each other: a file in another unit stands out.
pub(super) fn compare(curves: &[(&Path, &Curve)], options: &LatticeFolder) -> Result<()> {
    if curves.len() < 3 {
        return Ok(());
    }
    let most = |curve: &Curve| curve.stress[highest(curve)];
    let stress = median(curves.iter().map(|(_, curve)| most(curve)));
    let strain = median(curves.iter().map(|(_, curve)| curve.last_strain()));
    let far = |value: f64, median: f64| value > FAR_OFF * median || FAR_OFF * value < median;
    let advice = "another unit? then convert the file, else leave it out";
    for (path, curve) in curves {
        if far(most(curve), stress) {
            let (own, others) = (options.stress_in_file(most(curve)), options.stress_in_file(stress));
            let problem = format!("its stress reaches {own}, that of the others {others} (median): {advice}");
            return Err(error(path, Some(curve.lines[highest(curve)]), problem));
        }
        if far(curve.last_strain(), strain) {
            let (own, others) = (options.strain_in_file(curve.last_strain()), options.strain_in_file(strain));
            let problem = format!("its strain reaches {own}, that of the others {others} (median): {advice}");
            return Err(error(path, Some(curve.last_line()), problem));
        }
    }
    Ok(())
}

/// What a user should look at.
pub(super) fn notes(curves: &[(&Path, &Curve)], options: &LatticeFolder) -> Vec<LatticeNote> {
    let greatest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let strain = greatest(&mut curves.iter().map(|(_, curve)| curve.last_strain()));
    let stress = greatest(&mut curves.iter().map(|(_, curve)| curve.stress[highest(curve)]));
    let slopes: Vec<f64> = curves.iter().map(|(_, curve)| slope(curve)).collect();
    let range = slopes.iter().fold((f64::MAX, f64::MIN), |(least, most), &s| (least.min(s), most.max(s)));
    let mut notes =
        vec![LatticeNote::Reach { strain, stress, slopes: range, percent: options.percent, unit: options.stress }];
    let typical = median(slopes.iter().copied());
    let [soft_slope, soft_stress, long_strain] = SOFT;
    if typical < soft_slope || stress < soft_stress || strain > long_strain {
        notes.push(LatticeNote::Soft { slope: typical, stress, strain });
    }
    let of = |value: &dyn Fn(&Curve) -> Option<f64>| {
        let mut those = curves.iter().filter_map(|(path, curve)| value(curve).map(|value| (path, value)));
        let (first, value) = those.next()?;
        Some((1 + those.count(), first.to_path_buf(), value))
    };
    notes.extend(of(&preload).map(|(count, first, stress)| LatticeNote::Preload { count, first, stress }));
    notes.extend(of(&slack).map(|(count, first, strain)| LatticeNote::Slack { count, first, strain }));
    notes
}

/// Slope of a line through the beginning of a curve, MPa; slack is no part of it.
fn slope(curve: &Curve) -> f64 {
    let from = before_load(curve);
    let (strains, stresses) = (&curve.strain[from..], &curve.stress[from..]);
    let first = strains[0];
    let n = strains.partition_point(|strain| strain - first <= BEGINNING * (curve.last_strain() - first)).max(2);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (strains, stresses) = (&strains[..n], &stresses[..n]);
    let (strain, stress) = (mean(strains), mean(stresses));
    let product: f64 = strains.iter().zip(stresses).map(|(a, b)| (a - strain) * (b - stress)).sum();
    product / strains.iter().map(|a| (a - strain).powi(2)).sum::<f64>()
}

/// The last point before a curve bears more than next to nothing; never the last point of all.
fn before_load(curve: &Curve) -> usize {
    let least = SLACK[0] * curve.stress[highest(curve)];
    curve.stress.iter().position(|&stress| stress.abs() > least).unwrap_or_default().saturating_sub(1)
}

/// The stress at strain 0, if it is more than a little.
fn preload(curve: &Curve) -> Option<f64> {
    let after = curve.strain.partition_point(|&strain| strain <= 0.0);
    let stress = match after {
        // Back along the beginning's slope. What bears nothing at its first point has slack, if anything.
        0 if curve.stress[0].abs() <= PRELOAD * curve.stress[highest(curve)] => return None,
        0 => curve.stress[0] - slope(curve) * curve.strain[0],
        _ => {
            let [left, right] = [after - 1, after].map(|at| (curve.strain[at], curve.stress[at]));
            left.1 - left.0 * (right.1 - left.1) / (right.0 - left.0)
        }
    };
    (stress.abs() > PRELOAD * curve.stress[highest(curve)]).then_some(stress)
}

/// The strain at which the load begins, if it begins late.
fn slack(curve: &Curve) -> Option<f64> {
    let strain = curve.strain[before_load(curve)];
    (strain > SLACK[1] * curve.last_strain()).then_some(strain)
}
