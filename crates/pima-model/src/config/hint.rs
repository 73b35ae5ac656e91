//! Serde's and TOML's words for a mistake as a user's: what to write instead.

use super::{ExpertConfig, SourceConfig};
use pima_experts::Basis;
use pima_nets::{DecoderConfig, EncoderConfig};
use serde::de::DeserializeOwned;
use toml::Value;

/// What other programs call things, and what they are called here.
const ALIASES: [(&str, &str); 35] = [
    ("csv", "table"),
    ("tsv", "table"),
    ("parquet", "table"),
    ("excel", "table"),
    ("h5", "hdf5"),
    ("numpy", "npy"),
    ("csv-folder", "table-folder"),
    ("folder", "image-folder"),
    ("png", "image-folder"),
    ("jpg", "image-folder"),
    ("tiff", "image-folder"),
    ("cnn", "conv"),
    ("convolution", "conv"),
    ("dense", "mlp"),
    ("fc", "mlp"),
    ("linear", "mlp"),
    ("pca", "principal-components"),
    ("line", "slope"),
    ("zscore", "standard"),
    ("z-score", "standard"),
    ("z_score", "standard"),
    ("standardize", "standard"),
    ("standardise", "standard"),
    ("minmax", "min_max"),
    ("global", "standard_global"),
    ("bayes", "bayesian"),
    ("lr", "learning_rate"),
    ("latent_dim", "latent"),
    ("n_latent", "latent"),
    ("n_clusters", "clusters"),
    ("n_epochs", "epochs"),
    ("file", "path"),
    ("lower", "min"),
    ("upper", "max"),
    ("bounds", "range"),
];

/// What the value of a key looks like; `$` is what was given, where it is of the kind that goes there.
const EXAMPLES: [(&str, &str, &str); 22] = [
    ("axis", "{ name = $ }", "\"strain\""),
    ("labels", "{ path = $, column = \"...\" }", "\"samples.csv\""),
    ("groups", "{ path = $, column = \"...\" }", "\"samples.csv\""),
    ("expert", "{ formula = $, parameters = { E = { init = 1.0 } } }", "\"E*t\""),
    ("parameters", "{ E = { init = 1.0 } }", ""),
    ("variance", "{ fixed = $ }, or { learned = { from_epoch = 4 } }", "1.0"),
    ("learned", "{ from_epoch = $ }", "4"),
    ("normalise", "\"standard\" (each value by itself), \"standard_global\", \"min_max\" or { scale = $ }", "255.0"),
    ("size", "[$, $]: height and width in pixels", "64"),
    ("split", "{ train = 0.8, validation = 0.1, test = 0.1 }", ""),
    ("modality", "[[modality]] in double brackets, once for each", ""),
    ("parameter", "[[parameter]] in double brackets, once for each", ""),
    ("schedule", "{ kind = \"constant\" }, or { kind = \"cosine\", final_fraction = 0.05 }", ""),
    ("em", "{ when = \"epoch\" }", ""),
    ("when", "\"epoch\", or { batches = $ }", "10"),
    ("adam", "{ beta1 = 0.9 }", ""),
    ("start", "{ modality = $ }", "\"stress\""),
    ("range", "[0.0001, 0.01]: the least and the greatest value", ""),
    ("early_stopping", "{ rule = \"median\" }", ""),
    ("path", "\"data.csv\"", ""),
    ("init", "1.0", ""),
    ("method", "\"bayesian\", \"random\" or \"grid\"", ""),
];

/// The message about the value at `path`, with what the user may have meant: of serde's list of all names the one that is spelt most alike; of a wrong type
/// what to write.
pub(super) fn friendly(message: &str, path: &[String], value: Option<&Value>) -> String {
    let key = path.last().map(String::as_str).unwrap_or_default();
    if let Some(text) = unknown(message, path) {
        return text;
    }
    if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return missing(field, key, value);
    }
    if let Some((_, expected)) = message.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected "))
        && matches!(expected, "usize" | "u64")
    {
        return format!("{message}; write a whole number of at least 0").replace(expected, "a whole number");
    }
    if message.starts_with("invalid length") {
        return with_example(message, key, path, value);
    }
    match message.rsplit_once(", expected ") {
        Some((given, expected)) if message.starts_with("invalid type") => {
            let wanted = match expected {
                "f64" => "a number",
                "usize" | "u64" => "a whole number",
                "a string" | "a boolean" => expected,
                "a sequence" => "a list",
                _ => return with_example(message, key, path, value),
            };
            format!("{given}, expected {wanted}; {}", instead(expected, key, value))
        }
        _ => message.to_owned(),
    }
}

/// What to write for a value of a simple type.
fn instead(expected: &str, key: &str, value: Option<&Value>) -> String {
    match (expected, value) {
        ("usize" | "u64", Some(Value::Float(number))) if *number >= 0.0 && number.fract() == 0.0 => {
            format!("write {number}, without a point")
        }
        ("f64" | "usize" | "u64", Some(Value::String(text))) if text.trim().parse::<f64>().is_ok() => {
            format!("write {}, a number without quotes", text.trim())
        }
        ("f64", _) => "write a number without quotes".to_owned(),
        ("usize" | "u64", _) => "write a whole number, such as 4".to_owned(),
        ("a string", _) => "write it in quotes".to_owned(),
        ("a boolean", _) => "write true or false, without quotes".to_owned(),
        ("a sequence", Some(Value::Table(_))) => format!("write {}", example(key, None).unwrap_or_default()),
        (_, Some(value)) => format!("write it in square brackets, {key} = [{value}]"),
        (_, None) => "write it in square brackets".to_owned(),
    }
}

/// A message on a value of a wrong type, in which serde's own words are replaced by what is to be written.
fn with_example(message: &str, key: &str, path: &[String], value: Option<&Value>) -> String {
    let is_parameter = path.len() > 1 && path[path.len() - 2] == "parameters";
    let written = value.filter(|value| value.is_str() || value.is_integer() || value.is_float());
    let example = match (key, written) {
        ("source", Some(Value::String(file))) => {
            Some(format!("{{ kind = \"{}\", path = {} }}", kind_of(file), quoted(file)))
        }
        ("source", _) => Some("{ kind = \"table\", path = \"data.csv\" }".to_owned()),
        ("encoder", given) => Some(tagged::<EncoderConfig>("type", given, "mlp")),
        ("decoder", given) => Some(tagged::<DecoderConfig>("type", given, "mlp")),
        ("basis", given) => Some(tagged::<Basis>("kind", given, "affine")),
        (_, given) if is_parameter => {
            let init = given.filter(|given| !given.is_str()).map_or_else(|| "1.0".to_owned(), ToString::to_string);
            Some(format!("{{ init = {init} }}"))
        }
        _ => example(key, written),
    };
    match (example, value) {
        (Some(example), Some(value)) if key == "modality" || key == "parameter" => {
            format!("is {}; write {example}", described(value))
        }
        (Some(example), Some(value)) => {
            let written =
                if example.starts_with('[') && key == "size" { example } else { format!("{key} = {example}") };
            format!("is {}; write {written}", described(value))
        }
        // One of several names.
        (None, Some(value)) if message.contains("unit variant") => {
            format!("is {}; write one of the texts that docs/config.md lists, in quotes", described(value))
        }
        _ => message.to_owned(),
    }
}

fn example(key: &str, given: Option<&Value>) -> Option<String> {
    let (_, form, default) = EXAMPLES.iter().find(|(name, ..)| *name == key)?;
    let alike = |given: &&Value| given.is_str() == default.starts_with('"') && !default.is_empty();
    let filled = given.filter(alike).map_or_else(
        || (*default).to_owned(),
        |given| match given {
            Value::String(text) => quoted(text),
            other => other.to_string(),
        },
    );
    Some(form.replace('$', &filled))
}

/// A table that names its variant: the one that was given as a text, where there is one of that name.
fn tagged<T: DeserializeOwned>(tag: &str, given: Option<&Value>, default: &str) -> String {
    let known = variants::<T>(tag);
    let given = given.and_then(Value::as_str).map(|given| alias(given, &known).unwrap_or(given));
    let variant = given.filter(|given| known.iter().any(|name| name == given)).unwrap_or(default);
    format!("{{ {tag} = \"{variant}\" }}")
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// The kind of source that a file of this name is.
fn kind_of(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).as_deref() {
        Some("npz") => "npz",
        Some("npy") => "npy",
        Some("h5" | "hdf5") => "hdf5",
        Some("csv" | "tsv" | "txt" | "parquet" | "pq") => "table",
        _ => "image-folder",
    }
}

/// A value in words.
fn described(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(_) => format!("the number {value}"),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// The names of an enum's variants, as serde tells them.
fn variants<T: DeserializeOwned>(tag: &str) -> Vec<String> {
    let none = toml::Table::from_iter([(tag.to_owned(), Value::String(String::new()))]);
    let message = T::deserialize(Value::Table(none)).err().map(|error| error.message().to_owned()).unwrap_or_default();
    message.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

fn missing(field: &str, key: &str, value: Option<&Value>) -> String {
    let kinds = match key {
        "source" => variants::<SourceConfig>("kind"),
        "expert" => variants::<ExpertConfig>("kind"),
        "basis" => variants::<Basis>("kind"),
        "encoder" => variants::<EncoderConfig>("type"),
        "decoder" => variants::<DecoderConfig>("type"),
        _ => Vec::new(),
    };
    if !matches!(field, "kind" | "type") || kinds.is_empty() {
        let form = match (field, key) {
            // The start of differential equations, not that of training.
            ("start", _) => Some("[1.0]".to_owned()),
            _ => example(field, None),
        };
        let add = form.map_or_else(|| "add it".to_owned(), |form| format!("write {field} = {form}"));
        return format!("missing field `{field}`; {add}");
    }
    let given = value.and_then(Value::as_table);
    // An expert needs no kind that has one of these; a misspelt one is then what is wrong.
    let meant = given.filter(|_| key == "expert").into_iter().flat_map(toml::Table::keys).find_map(|name| {
        let known = ["formula".to_owned(), "ode".to_owned()];
        nearest(name, &known).map(|meant| format!("unknown field `{name}`; did you mean `{meant}`?"))
    });
    let file = given.filter(|_| key == "source").and_then(|table| table.get("path")).and_then(Value::as_str);
    meant.unwrap_or_else(|| match file {
        Some(file) => {
            format!("missing field `kind`; write kind = \"{}\"; there are {}", kind_of(file), kinds.join(", "))
        }
        None => format!("missing field `{field}`; write {field} = \"...\", one of {}", kinds.join(", ")),
    })
}

fn unknown(message: &str, path: &[String]) -> Option<String> {
    for what in ["field", "variant"] {
        let Some((given, expected)) =
            message.strip_prefix(&format!("unknown {what} `")).and_then(|rest| rest.split_once('`'))
        else {
            continue;
        };
        let known: Vec<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if given == "path" && path.iter().any(|key| key == "source") {
            return Some(
                "unknown field `path`; a collection has its own images: for a folder of yours write kind = \"image-folder\""
                    .to_owned(),
            );
        }
        let text = match alias(given, &known).or_else(|| nearest(given, &known)) {
            Some(name) => format!("unknown {what} `{given}`; did you mean `{name}`?"),
            None if ["refit", "peers", "experiment", "title"].contains(&given) && path.len() > 1 => {
                format!("unknown {what} `{given}`; it belongs to the top level: write it above the first [table]")
            }
            None if known.is_empty() => format!("unknown {what} `{given}`; remove it"),
            None => format!("unknown {what} `{given}`; there are {}", known.join(", ")),
        };
        return Some(text);
    }
    None
}

fn alias<'a>(given: &str, known: &'a [String]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let meant = |name: &&String| ALIASES.iter().any(|(other, here)| *other == given && *here == name.as_str());
    known.iter().find(|name| **name == given).or_else(|| known.iter().find(meant)).map(String::as_str)
}

fn nearest<'a>(given: &str, known: &'a [String]) -> Option<&'a str> {
    let alike = |name: &&String| strsim::damerau_levenshtein(given, name);
    let near = |name: &&String| alike(name) <= 1 + given.chars().count() / 4;
    known.iter().min_by_key(alike).filter(near).map(String::as_str)
}

/// What is wrong with text that is no TOML, in words; `rest` is the text from the mistake to the end of its line, `line` the whole line.
pub(super) fn syntax(message: &str, rest: &str, line: &str) -> String {
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_-+.".contains(*c)).collect();
    let bare = message.starts_with("invalid boolean") || message.contains("must be quoted");
    // The mistake may be said to lie behind the first letters of the word.
    let value = line.split_once('=').map(|(_, value)| value.trim()).unwrap_or_default();
    let whole = line
        .split(|c: char| !(c.is_alphanumeric() || "_-+.".contains(c)))
        .find(|whole| !word.is_empty() && whole.ends_with(&word))
        .unwrap_or(&word);
    match whole {
        _ if message.contains("escape") || message.contains("unicode value") => {
            "in double quotes a backslash begins a special character; write / in paths, or single quotes: 'C:\\data'"
                .to_owned()
        }
        "True" | "False" => format!("write {}, in small letters", whole.to_lowercase()),
        "None" | "null" => "there is no such value; leave the key out".to_owned(),
        _ if message == "duplicate key" && line.trim_start().starts_with('[') => {
            let name = line.trim().trim_matches(['[', ']']);
            format!("duplicate key; a table that comes more than once has double brackets each time: [[{name}]]")
        }
        _ if message == "duplicate key" => "duplicate key; it is given above already: keep one of them".to_owned(),
        _ if bare => format!("a text goes in quotes: \"{}\"", if whole.is_empty() { value } else { whole }),
        _ => message.to_owned(),
    }
}
