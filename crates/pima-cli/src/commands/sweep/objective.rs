//! What trials are compared by: something of the validation split that needs no labels.

use std::fmt;

use anyhow::{Result, bail};
use pima_cli::SplitSummary;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Objective {
    /// The loss per sample, minus twice the evidence lower bound.
    Loss,
    /// The evidence lower bound per sample, nats.
    Elbo,
    /// Root mean square error of a modality's reconstruction, in its own units.
    Rmse(String),
}

/// Names of what only labels give.
const OF_LABELS: [&str; 8] = ["accuracy", "nmi", "ari", "purity", "confusion", "label", "gain", "class"];

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss => f.write_str("loss"),
            Self::Elbo => f.write_str("elbo"),
            Self::Rmse(name) => write!(f, "rmse.{name}"),
        }
    }
}

impl Objective {
    /// Reads what a sweep's file says, for these modalities.
    ///
    /// # Errors
    /// It needs labels, is of another split than the validation samples, or is not known.
    pub(super) fn parse(text: &str, modalities: &[&str]) -> Result<Self> {
        const CHOICE: &str = "choose loss, elbo or rmse.MODALITY, which are of the validation samples";
        let plain = text.strip_prefix("validation.").unwrap_or(text);
        let low = plain.to_lowercase();
        if OF_LABELS.iter().any(|name| low.split(['.', '_']).any(|part| part == *name)) {
            bail!("objective {text:?} needs labels, which are for reporting only, never to choose by: {CHOICE}");
        }
        if ["test", "train"].iter().any(|split| low.split('.').next() == Some(split)) {
            bail!(
                "objective {text:?} is not of the validation samples; what is chosen by others is not tested by them: {CHOICE}"
            );
        }
        match plain.split_once('.') {
            None if plain == "loss" => Ok(Self::Loss),
            None if plain == "elbo" => Ok(Self::Elbo),
            Some(("rmse", name)) if modalities.contains(&name) => Ok(Self::Rmse(name.to_owned())),
            Some(("rmse", name)) => {
                bail!("objective {text:?}: there is no modality {name:?}; there are {}", modalities.join(", "))
            }
            _ => bail!("objective {text:?} is not known: {CHOICE}"),
        }
    }

    /// Whether more of it is better.
    pub(super) fn larger_is_better(&self) -> bool {
        *self == Self::Elbo
    }

    /// Whether it follows from the loss, which is known from epoch to epoch.
    pub(super) fn is_loss(&self) -> bool {
        !matches!(self, Self::Rmse(_))
    }

    /// Its value where only a validation loss is known.
    pub(super) fn of_loss(&self, loss: f64) -> Option<f64> {
        match self {
            Self::Loss => Some(loss),
            Self::Elbo => Some(-0.5 * loss),
            Self::Rmse(_) => None,
        }
    }

    /// Its value on the validation split; `None` where that has none or it is not finite.
    pub(super) fn of(&self, validation: &SplitSummary) -> Option<f64> {
        let value = match self {
            Self::Loss => validation.loss,
            Self::Elbo => validation.elbo,
            Self::Rmse(name) => validation.rmse.get(name).copied(),
        };
        value.filter(|value| value.is_finite())
    }

    /// The same as a cost.
    pub(super) fn score(&self, value: f64) -> f64 {
        if self.larger_is_better() { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_no_labels_is_taken() {
        let parse = |text: &str| Objective::parse(text, &["image", "line"]);
        assert_eq!(parse("loss").unwrap(), Objective::Loss);
        assert_eq!(parse("validation.elbo").unwrap(), Objective::Elbo);
        assert_eq!(parse("rmse.line").unwrap().to_string(), "rmse.line");
        for text in ["accuracy", "validation.accuracy", "nmi", "accuracy_from.image", "rmse_class_mean.line"] {
            assert!(parse(text).unwrap_err().to_string().contains("needs labels"), "{text}");
        }
        assert!(parse("test.loss").unwrap_err().to_string().contains("not of the validation samples"));
        assert!(parse("rmse.lin").unwrap_err().to_string().contains("there are image, line"));
        assert!(parse("los").unwrap_err().to_string().contains("choose loss, elbo"));
    }

    #[test]
    fn scores_are_costs() {
        let split =
            SplitSummary { loss: Some(3.0), elbo: Some(-1.5), rmse: [("a".into(), 0.2)].into(), ..Default::default() };
        let rmse = Objective::Rmse("a".to_owned());
        assert_eq!([Objective::Loss, Objective::Elbo, rmse].map(|o| o.score(o.of(&split).unwrap())), [3.0, 1.5, 0.2]);
        assert_eq!((Objective::Elbo.of_loss(3.0), Objective::Loss.of_loss(3.0)), (Some(-1.5), Some(3.0)));
        assert_eq!(Objective::Rmse("b".to_owned()).of(&split), None);
    }
}
