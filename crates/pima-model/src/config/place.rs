//! Where in a config's text a mistake is.
//!
//! A config is read from a table in which defaults already lie under what the file says, and such a table knows no lines. So the key is taken from the
//! error and looked up in the text.

use super::{Recipe, hint};
use pima_data::{Hdf5Dataset, ImageFolder, NpyFile, NpzArray, OscillatorOptions, TableColumns, TableFolder};
use pima_experts::{Basis, FormulaOptions, HardeningOptions, OdeFormulaOptions};
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
    let all = table.clone();
    again(table).map_err(|(path, message)| {
        let (mut path, message) = deeper(&all, path, message);
        if let Some(key) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && path.last().is_none_or(|last| last != key)
        {
            path.push(key.to_owned());
        }
        let message = hint::friendly(&message, &path, value_at(&all, &path));
        let name = path.join(".");
        let problem = match message.strip_prefix("is ") {
            _ if name.is_empty() => message,
            Some(_) => format!("{name} {message}"),
            None => format!("{name}: {message}"),
        };
        Problem { message: problem, path }
    })
}

/// What serde makes of a table, or the path of the key that is wrong and serde's message.
fn again<T: DeserializeOwned>(table: toml::Value) -> Result<T, (Vec<String>, String)> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().iter().filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        (path.collect(), error.inner().message().replace('\n', " "))
    })
}

/// The same mistake with its whole path: within a table that names its kind serde forgets it. So what the kind holds is read once more, by itself.
fn deeper(all: &toml::Value, mut path: Vec<String>, message: String) -> (Vec<String>, String) {
    let Some(table) = value_at(all, &path).and_then(toml::Value::as_table) else { return (path, message) };
    let mut inner = table.clone();
    let kind = inner.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    fn fault<T: DeserializeOwned>(inner: toml::Table) -> Option<(Vec<String>, String)> {
        again::<T>(inner.into()).err()
    }
    let found = match (path.last().map(String::as_str).unwrap_or_default(), kind.as_str()) {
        ("expert", "formula") => fault::<FormulaOptions>(inner),
        ("expert", "ode-formula") => fault::<OdeFormulaOptions>(inner),
        ("expert", "hardening") => fault::<HardeningOptions>(inner),
        ("source", "npz") => fault::<NpzArray>(inner),
        ("source", "npy") => fault::<NpyFile>(inner),
        ("source", "hdf5") => fault::<Hdf5Dataset>(inner),
        ("source", "table") => fault::<TableColumns>(inner),
        ("source", "table-folder") => fault::<TableFolder>(inner),
        ("source", "image-folder") => fault::<ImageFolder>(inner),
        ("source", "oscillator") => fault::<OscillatorOptions>(inner),
        ("expert", "linear") => inner
            .remove("basis")
            .and_then(|basis| again::<Basis>(basis).err())
            .map(|(rest, message)| (std::iter::once("basis".to_owned()).chain(rest).collect(), message)),
        ("encoder" | "decoder", _) => {
            // Its values are flat: the only one that is what serde found is the one that is wrong.
            let given = message.strip_prefix("invalid type: ").and_then(|rest| rest.split(", expected ").next());
            let mut wrong = inner.iter().filter(|(_, value)| given.is_some_and(|given| said(value) == given));
            match (wrong.next(), wrong.next()) {
                (Some((key, _)), None) => Some((vec![key.clone()], message.clone())),
                _ => None,
            }
        }
        _ => None,
    };
    match found {
        Some((rest, message)) => {
            path.extend(rest);
            (path, message)
        }
        None => (path, message),
    }
}

/// What serde calls a value.
fn said(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("string {text:?}"),
        toml::Value::Integer(number) => format!("integer `{number}`"),
        toml::Value::Float(_) => format!("floating point `{value}`"),
        toml::Value::Boolean(yes) => format!("boolean `{yes}`"),
        toml::Value::Array(_) => "sequence".to_owned(),
        _ => "map".to_owned(),
    }
}

fn value_at<'a>(all: &'a toml::Value, path: &[String]) -> Option<&'a toml::Value> {
    path.iter().try_fold(all, |value, key| match value {
        toml::Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

/// A file's text as a `T`, with the words, the lines and the suggestions that mistakes in an experiment's config get.
///
/// # Errors
/// In one line, with the line of the text.
pub fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    read(table.into()).map_err(|problem| problem.located(text, None))
}

/// A TOML error in one line with its line and column.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let Some(span) = error.span() else { return message };
    let start = span.start.min(text.len());
    let (before, after) = text.split_at(start);
    let rest = after.lines().next().unwrap_or_default();
    let head = before.rsplit('\n').next().unwrap_or_default();
    let column = head.chars().count() + 1;
    let said = hint::syntax(&message, rest, &format!("{head}{rest}"));
    format!("line {}, column {column}: {said}", line_at(text, start))
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
