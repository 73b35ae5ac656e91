//! A key of a configuration as a sweep names it: `training.learning_rate`, `modality.image.encoder.channels`, with modalities by name.

use std::fmt;

use toml::{Table, Value};

/// The table whose entries go by name.
const MODALITY: &str = "modality";

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    text: String,
    path: Vec<String>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Key {
    /// Reads a dotted key as TOML has them: a part with a dot in it stands in quotes. `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(['\n', '=', '#']) {
            return None;
        }
        let mut table: Table = toml::from_str(&format!("{text} = 0")).ok()?;
        let mut path = Vec::new();
        loop {
            let (name, value) = table.into_iter().next()?;
            path.push(name);
            match value {
                Value::Table(inner) => table = inner,
                _ => return Some(Self { text: text.trim().to_owned(), path }),
            }
        }
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The name of the modality that it belongs to.
    pub(super) fn modality(&self) -> Option<&str> {
        match &self.path[..] {
            [table, name, ..] if table == MODALITY => Some(name),
            _ => None,
        }
    }

    /// Its parts after the modality's name, or all.
    pub(super) fn within(&self) -> Vec<&str> {
        let from = if self.modality().is_some() { 2 } else { 0 };
        self.path[from..].iter().map(String::as_str).collect()
    }

    /// The value that a configuration gives it.
    pub(super) fn get<'a>(&self, config: &'a Table) -> Option<&'a Value> {
        let (first, rest) = self.path.split_first()?;
        let mut value = config.get(first)?;
        for (depth, part) in rest.iter().enumerate() {
            value = if depth == 0 && first == MODALITY {
                value.as_array()?.iter().find(|entry| name_of(entry) == Some(part))?
            } else {
                value.get(part)?
            };
        }
        Some(value)
    }

    /// Gives it a value; tables on the way that are not there are made, modalities are not. Whether that could be done.
    pub(super) fn set(&self, config: &mut Table, to: Value) -> bool {
        let Some((last, way)) = self.path.split_last() else { return false };
        let mut table = config;
        let mut way = way.iter();
        if let Some(name) = self.modality() {
            let entries = table.get_mut(MODALITY).and_then(Value::as_array_mut);
            let found = entries.and_then(|all| all.iter_mut().find(|entry| name_of(entry) == Some(name)));
            let (Some(Value::Table(found)), false) = (found, self.path.len() < 3) else { return false };
            table = found;
            way.nth(1);
        }
        for part in way {
            let next = table.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = next else { return false };
            table = next;
        }
        table.insert(last.clone(), to);
        true
    }
}

fn name_of(modality: &Value) -> Option<&str> {
    modality.get("name").and_then(Value::as_str)
}

/// Every key of a configuration.
fn keys(config: &Table) -> Vec<String> {
    fn add(prefix: &str, table: &Table, keys: &mut Vec<String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(inner) => add(&key, inner, keys),
                Value::Array(entries) if key == MODALITY => {
                    for entry in entries {
                        if let (Some(name), Value::Table(inner)) = (name_of(entry), entry) {
                            add(&format!("{key}.{name}"), inner, keys);
                        }
                    }
                }
                _ => keys.push(key),
            }
        }
    }
    let mut all = Vec::new();
    add("", config, &mut all);
    all
}

/// The key of a configuration that was probably meant: one that ends like it, else the one of the fewest changed letters. `others` are further names
/// that may stand in place of its last part.
pub(super) fn suggestion(key: &Key, config: &Table, others: &[String]) -> Option<String> {
    let text = key.text().to_lowercase();
    let (parent, leaf) = text.rsplit_once('.').unwrap_or(("", &text));
    let mut candidates = keys(config);
    candidates.extend(others.iter().map(|name| format!("{parent}.{name}").trim_start_matches('.').to_owned()));
    let distance = |candidate: &String| {
        let low = candidate.to_lowercase();
        let ends_alike = low.rsplit('.').next() == Some(leaf);
        let letters = strsim::damerau_levenshtein(&text, &low);
        // Three letters, or a quarter of them, are a slip; more are another word.
        (ends_alike || letters <= (text.len() / 4).max(3)).then_some((!ends_alike, letters))
    };
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&candidate)?, candidate)))
        .min()
        .map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Table {
        toml::from_str(
            "experiment = 'a'\n[model]\nlatent = 2\n[training]\nlearning_rate = 1e-3\nadam = { beta1 = 0.9 }\n\
             [[modality]]\nname = 'image'\nencoder = { channels = [4] }\n[[modality]]\nname = 'a.b'\nkeep = 0.5\n",
        )
        .unwrap()
    }

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    #[test]
    fn modalities_go_by_name() {
        let mut config = config();
        assert_eq!(key("modality.image.encoder.channels").get(&config).unwrap().to_string(), "[4]");
        assert_eq!(key("modality.\"a.b\".keep").get(&config), Some(&Value::Float(0.5)));
        assert_eq!(key("modality.line.keep").get(&config), None);
        assert!(key("modality.image.encoder.channels").set(&mut config, Value::Integer(7)));
        assert!(key("modality.image.weight").set(&mut config, Value::Float(2.0)));
        assert!(key("refit.epochs").set(&mut config, Value::Integer(3)), "an optional table is made");
        for text in ["modality.image.encoder.channels", "modality.image.weight", "refit.epochs"] {
            assert!(key(text).get(&config).is_some(), "{text}");
        }
        for text in ["modality.line.keep", "modality.image", "experiment.x"] {
            assert!(!key(text).set(&mut config, Value::Integer(1)), "{text}");
        }
        assert_eq!((key("modality.image.keep").modality(), key("model.latent").modality()), (Some("image"), None));
        assert_eq!(key("modality.image.encoder.kernel").within(), ["encoder", "kernel"]);
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "a..b", "a b", "a = 3\nb", "a #", ".a"] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn slips_are_understood() {
        let meant = |text: &str| suggestion(&key(text), &config(), &["weight".to_owned()]);
        assert_eq!(meant("training.learnign_rate").unwrap(), "training.learning_rate");
        assert_eq!(meant("learning_rate").unwrap(), "training.learning_rate");
        assert_eq!(meant("beta1").unwrap(), "training.adam.beta1");
        assert_eq!(meant("modality.imgae.encoder.channels").unwrap(), "modality.image.encoder.channels");
        assert_eq!(meant("modality.image.wieght").unwrap(), "modality.image.weight");
        assert_eq!(meant("training.colour_of_the_sky"), None);
    }
}
