//! `pima check`: what a configuration and its data are, before anything is trained.

use anyhow::Context;
use pima_model::{ExperimentConfig, ModalitySurvey, Survey};

use crate::args::CheckArgs;
use crate::failure::{Blame, Outcome, say};
use crate::prepare;
use crate::table::{Table, significant};

pub(crate) fn run(args: &CheckArgs) -> Outcome {
    let config = prepare::read_config(&args.config, args.recipe).blame_input()?;
    let found = prepare::survey(&config, args.datasets.as_deref(), args.seed);
    let found = found.with_context(|| args.config.display().to_string()).blame_input()?;
    say(describe(&config, &found));
    for warning in &found.warnings {
        say(format!("warning: {warning}"));
    }
    let next = super::typed(&args.config);
    say(match found.warnings.len() {
        0 => format!("nothing to object to; train with: pima train {next}"),
        1 => format!("1 warning; train with: pima train {next}"),
        n => format!("{n} warnings; train with: pima train {next}"),
    });
    Ok(())
}

/// Everything but the warnings.
pub(super) fn describe(config: &ExperimentConfig, survey: &Survey) -> String {
    let mut table = Table::default();
    table.row(["", "shape", "axis", "range", "units", "missing", "weight", "encoder", "decoder"]);
    for modality in &survey.modalities {
        table.row(cells(modality, survey.n_samples));
    }
    let split = &survey.split;
    let labels = survey.labels.as_ref().map(|labels| {
        let counts = labels.iter().map(|(_, n)| *n);
        let (least, most) = (counts.clone().min().unwrap_or(0), counts.clone().max().unwrap_or(0));
        let unknown = survey.n_samples - counts.sum::<usize>();
        let without = if unknown > 0 { format!(", {unknown} samples without") } else { String::new() };
        format!("labels, for reports only: {} classes of {least} to {most} samples{without}\n", labels.len())
    });
    let specimens = survey.specimens.map(|[all, train, validation, test]| {
        format!("specimens: {all}, of them {train} to train on, {validation} to validate, {test} to test\n")
    });
    format!(
        "{}: {}\n{table}{}samples: {}, of them {} to train on, {} to validate, {} to test\n{}model: {} latent dimensions, {} clusters, {} network parameters\n",
        config.experiment,
        survey.dataset,
        specimens.unwrap_or_default(),
        survey.n_samples,
        split.train.len(),
        split.validation.len(),
        split.test.len(),
        labels.unwrap_or_default(),
        config.model.latent,
        config.model.clusters,
        thousands(survey.n_parameters),
    ) + &without_units(config)
}

/// Which modalities are said to have no units, as `pima init` writes where the files say none.
fn without_units(config: &ExperimentConfig) -> String {
    let bare = config.modalities.iter().filter(|modality| modality.units.as_deref() == Some(""));
    let names: Vec<&str> = bare.map(|modality| modality.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "note: no units for {} (units = \"\"); say them if there are any, such as units = \"MPa\"\n",
        names.join(", ")
    )
}

fn cells(modality: &ModalitySurvey, n_samples: usize) -> [String; 9] {
    let ModalitySurvey { about, range, .. } = modality;
    let bare = |x: f64| if x == x.trunc() && x.abs() < 1e6 { x.to_string() } else { significant(x) };
    let span = |(from, to): (f64, f64)| format!("{} to {}", bare(from), bare(to));
    let axis = about.axis.as_ref().map(|axis| {
        let ends = axis.points.first().zip(axis.points.last()).map(|(&from, &to)| span((from, to)));
        [axis.name.as_str(), &ends.unwrap_or_default(), &axis.units].join(" ").trim().to_owned()
    });
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let missing = n_samples - modality.n_present;
    [
        about.name.clone(),
        about.shape.to_string(),
        or_dash(axis.unwrap_or_default()),
        range.map_or_else(|| "-".to_owned(), |(least, greatest)| span((f64::from(least), f64::from(greatest)))),
        or_dash(about.units.clone()),
        format!("{:.1} %", 100.0 * missing as f64 / n_samples as f64),
        bare(modality.weight),
        thousands(modality.encoder),
        if modality.expert.is_empty() {
            thousands(modality.decoder)
        } else {
            format!("expert ({})", modality.expert.join(", "))
        },
    ]
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_in_groups_of_three() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
