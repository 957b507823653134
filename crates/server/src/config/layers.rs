//! Laying settings over each other. What a key is, and of which type, the default file says.

use std::path::Path;
use toml::{Table, Value};

/// What one source says.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What to call it when something in it is wrong.
    source: String,
    says: Vec<Says>,
}

#[derive(Clone, Debug)]
enum Says {
    /// A whole document.
    Document(String),
    /// One setting as text, by section and key.
    Setting { path: String, text: String },
    /// The source could not be read.
    Nothing(String),
}

/// What environment variables that are settings begin with.
const PREFIX: &str = "ONEFOLD__";

/// What a secret is printed as.
const MASK: &str = "********";

impl Layer {
    /// A TOML file.
    pub fn file(path: &Path) -> Self {
        let says = match std::fs::read_to_string(path) {
            Ok(document) => Says::Document(document),
            Err(error) => Says::Nothing(error.to_string()),
        };
        Self { source: path.display().to_string(), says: vec![says] }
    }

    /// A TOML document.
    pub fn document(source: &str, document: &str) -> Self {
        Self { source: source.into(), says: vec![Says::Document(document.into())] }
    }

    /// Variables `ONEFOLD__SECTION__KEY`; all others are left alone.
    pub fn environment(variables: impl Iterator<Item = (String, String)>) -> Self {
        let setting = |(name, text): (String, String)| {
            let path = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
            Some(Says::Setting { path, text })
        };
        Self { source: "the environment".into(), says: variables.filter_map(setting).collect() }
    }

    /// One setting, such as `server.listen`, from the command line.
    pub fn flag(path: &str, text: &str) -> Self {
        let says = Says::Setting { path: path.into(), text: text.into() };
        Self { source: "the command line".into(), says: vec![says] }
    }
}

/// The defaults with these layers over them, and what is wrong with the layers.
pub(super) fn merge(defaults: &str, layers: &[Layer]) -> (Table, Vec<String>) {
    let mut faults = Vec::new();
    let reference: Table = defaults.parse().unwrap_or_default();
    let mut merged = reference.clone();
    for layer in layers {
        for says in &layer.says {
            let said = match says {
                Says::Document(document) => document.parse::<Table>().map_err(|error| error.message().to_owned()),
                Says::Setting { path, text } => setting(&reference, path, text),
                Says::Nothing(why) => Err(why.clone()),
            };
            match said {
                Ok(said) => lay(&mut merged, said, &reference, "", &layer.source, &mut faults),
                Err(why) => faults.push(format!("{}: {why}", layer.source)),
            }
        }
    }
    (merged, faults)
}

/// One setting as the document that says only this, its text read as the type that the reference has.
fn setting(reference: &Table, path: &str, text: &str) -> Result<Table, String> {
    let (section, key) = path.split_once('.').ok_or_else(|| format!("{path} names no section and key"))?;
    let known = reference.get(section).and_then(|section| section.get(key));
    let known = known.ok_or_else(|| format!("there is no setting {path}"))?;
    let wrong = |_| format!("{path} must be {}", type_of(known));
    let value = match known {
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong(()))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong(()))?),
        Value::Array(_) => Value::Array(text.split(',').map(|item| item.trim().into()).collect()),
        _ => text.into(),
    };
    let section_table = Table::from_iter([(key.to_owned(), value)]);
    Ok(Table::from_iter([(section.to_owned(), section_table.into())]))
}

fn lay(to: &mut Table, from: Table, reference: &Table, path: &str, source: &str, faults: &mut Vec<String>) {
    // Another kind of engine does not inherit the settings of the first.
    if from.get("kind").is_some_and(|kind| Some(kind) != to.get("kind")) {
        to.clear();
    }
    for (key, value) in from {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (reference.get(&key), value) {
            (None, _) => faults.push(format!("{source}: there is no setting {path}")),
            (Some(Value::Table(reference)), Value::Table(value)) => {
                let inner = to.entry(key).or_insert_with(|| Table::new().into());
                if let Value::Table(inner) = inner {
                    lay(inner, value, reference, &path, source, faults);
                }
            }
            (Some(known), value) if known.same_type(&value) => {
                to.insert(key, value);
            }
            (Some(known), _) => faults.push(format!("{source}: {path} must be {}", type_of(known))),
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

/// Hides what is secret: everything whose name says so, if it is set.
pub(super) fn mask(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => mask(inner),
            value if value.as_str() == Some("") => {}
            value if ["key", "secret", "password", "token"].iter().any(|end| key.ends_with(end)) => {
                *value = MASK.into()
            }
            _ => {}
        }
    }
}
