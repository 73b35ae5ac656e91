//! Where in a config's text a mistake is.
//!
//! A config is read from a table in which defaults already lie under what the file says, and such a table knows no lines. So the key is taken from the
//! error and looked up in the text.

use super::Recipe;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, and with which key.
#[derive(Debug)]
pub(super) struct Problem {
    path: Vec<String>,
    message: String,
}

impl Problem {
    /// A problem whose message begins with the dotted path of its key, as the checks of values word it.
    pub(super) fn of(message: String) -> Self {
        let first = message.split([' ', ':']).next().unwrap_or_default();
        let path = if first.contains('.') { first.split('.').map(str::to_owned).collect() } else { Vec::new() };
        Self { path, message }
    }

    /// A problem with the key at `path`.
    pub(super) fn at(path: &[&str], problem: String) -> Self {
        Self {
            message: format!("{}: {problem}", path.join(".")),
            path: path.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    /// The same problem, of a table that is itself the value of `key`.
    pub(super) fn under(mut self, key: &str) -> Self {
        self.message =
            if self.path.is_empty() { format!("{key}: {}", self.message) } else { format!("{key}.{}", self.message) };
        self.path.insert(0, key.to_owned());
        self
    }

    /// The message with its line in `text`. Keys of the training table are looked for in the recipe's own table first.
    pub(super) fn located(self, text: &str, recipe: Option<Recipe>) -> String {
        let line = DeTable::parse(text).ok().and_then(|table| {
            let special =
                recipe.filter(|_| self.path.first().is_some_and(|key| key == "training")).and_then(|recipe| {
                    let mut path = self.path.clone();
                    path.insert(1, recipe.to_string());
                    line_of(text, table.get_ref(), &path)
                });
            special.or_else(|| {
                // A key that has its default is not in the text; the table it belongs to may be.
                (1..=self.path.len()).rev().find_map(|n| line_of(text, table.get_ref(), &self.path[..n]))
            })
        });
        line.map_or_else(|| self.message.clone(), |line| format!("line {line}: {}", self.message))
    }
}

/// A table as a `T`.
pub(super) fn read<T: DeserializeOwned>(table: toml::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let mut path: Vec<String> = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Map { key } => Some(key.clone()),
                Segment::Seq { index } => Some(index.to_string()),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        let message = error.inner().message().replace('\n', " ");
        if let Some(key) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && path.last().is_none_or(|last| last != key)
        {
            path.push(key.to_owned());
        }
        let message = friendly(&message);
        let name = path.join(".");
        Problem { message: if name.is_empty() { message } else { format!("{name}: {message}") }, path }
    })
}

/// The message with what the user may have meant: of serde's list of all names the one that is spelt most alike; of a wrong type what to write.
fn friendly(message: &str) -> String {
    let hint = |expected: &str| match expected {
        "a string" => "; write it in quotes",
        "f64" | "usize" | "u64" => "; write a number without quotes",
        "a boolean" => "; write true or false",
        "a sequence" => "; write a list in square brackets",
        _ => "",
    };
    for what in ["field", "variant"] {
        let Some((given, expected)) =
            message.strip_prefix(&format!("unknown {what} `")).and_then(|rest| rest.split_once('`'))
        else {
            continue;
        };
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let alike = |name: &&&str| strsim::damerau_levenshtein(given, name);
        let nearest = known.iter().min_by_key(alike).filter(|name| alike(name) <= 1 + given.chars().count() / 4);
        return match nearest {
            Some(name) => format!("unknown {what} `{given}`; did you mean `{name}`?"),
            None if known.is_empty() => format!("unknown {what} `{given}`; remove it"),
            None => format!("unknown {what} `{given}`; there are {}", known.join(", ")),
        };
    }
    match message.rsplit_once(", expected ") {
        Some((given, expected)) if message.starts_with("invalid type") => {
            let wanted = match expected {
                "f64" => "a number",
                "usize" | "u64" => "a whole number",
                other => other,
            };
            format!("{given}, expected {wanted}{}", hint(expected))
        }
        _ => message.to_owned(),
    }
}

/// A TOML error in one line with its line and column.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map(|span| {
        let before = &text[..span.start.min(text.len())];
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        format!("line {}, column {column}: ", line_at(text, span.start))
    });
    format!("{}{}", at.unwrap_or_default(), error.message().replace('\n', " "))
}

fn line_at(text: &str, byte: usize) -> usize {
    text[..byte.min(text.len())].matches('\n').count() + 1
}

/// The line of the key at `path`, where the text has it.
fn line_of(text: &str, table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (key, rest) = path.split_first()?;
    let (spanned, value) = table.iter().find(|(k, _)| k.get_ref().as_ref() == key.as_str())?;
    if rest.is_empty() { Some(line_at(text, spanned.span().start)) } else { within(text, value, rest) }
}

fn within(text: &str, value: &Spanned<DeValue<'_>>, path: &[String]) -> Option<usize> {
    if let Some(table) = value.get_ref().as_table() {
        return line_of(text, table, path);
    }
    let (index, rest) = path.split_first()?;
    let item = value.get_ref().as_array()?.get(index.parse::<usize>().ok()?)?;
    if rest.is_empty() { Some(line_at(text, item.span().start)) } else { within(text, item, rest) }
}
