//! Checking a value against the type of its default, and reading one from plain text.

use toml::{Table, Value};

use super::ConfigError;

/// A value of the wrong type, before its place is known.
#[derive(Debug)]
pub(super) struct WrongType {
    wanted: &'static str,
    found: &'static str,
}

impl WrongType {
    pub(super) fn new(wanted: &'static str, found: &Value) -> Self {
        WrongType { wanted, found: kind(found) }
    }

    pub(super) fn at(self, place: &str, key: &str) -> ConfigError {
        let (wanted, found) = (self.wanted, self.found);
        ConfigError::WrongType { place: place.to_owned(), key: key.to_owned(), wanted, found }
    }
}

/// The value, if it has the default's type; a whole number is also taken as a fraction.
pub(super) fn checked(value: Value, default: &Value) -> Result<Value, WrongType> {
    match (&value, default) {
        #[expect(clippy::cast_precision_loss, reason = "a setting, not a count of anything")]
        (Value::Integer(whole), Value::Float(_)) => Ok(Value::Float(*whole as f64)),
        (Value::Array(items), Value::Array(defaults)) => {
            let unlike = |item: &&Value| defaults.iter().any(|first| !item.same_type(first));
            match (items.iter().find(unlike), defaults.first()) {
                (Some(item), Some(first)) => Err(WrongType::new(list_of(first), item)),
                _ => Ok(value),
            }
        }
        _ if value.same_type(default) => Ok(value),
        _ => Err(WrongType::new(kind(default), &value)),
    }
}

/// Reads a variable's or flag's text as the default's type.
pub(super) fn from_text(text: &str, default: &Value) -> Result<Value, WrongType> {
    let trimmed = text.trim();
    let read = match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => trimmed.replace('_', "").parse().ok().map(Value::Integer),
        Value::Float(_) => trimmed.parse().ok().filter(|f: &f64| f.is_finite()).map(Value::Float),
        Value::Boolean(_) => trimmed.parse().ok().map(Value::Boolean),
        Value::Datetime(_) => trimmed.parse().ok().map(Value::Datetime),
        Value::Array(items) if !trimmed.starts_with('[') => {
            let text_item = Value::String(String::new());
            return split_list(trimmed, items.first().unwrap_or(&text_item));
        }
        Value::Array(_) | Value::Table(_) => from_toml(trimmed),
    };
    match read {
        Some(value) => checked(value, default),
        None => Err(WrongType { wanted: kind(default), found: "this text" }),
    }
}

/// An entry of a free-form table: TOML if it is, else text.
pub(super) fn guess(text: &str) -> Value {
    from_toml(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn split_list(text: &str, like: &Value) -> Result<Value, WrongType> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| from_text(item, like)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn from_toml(text: &str) -> Option<Value> {
    let mut table: Table = format!("value = {text}").parse().ok()?;
    let value = table.remove("value")?;
    // A line break in the text must not smuggle in a second key.
    table.is_empty().then_some(value)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date and time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn list_of(item: &Value) -> &'static str {
    match item {
        Value::String(_) => "a list of texts",
        Value::Integer(_) => "a list of whole numbers",
        Value::Table(_) => "a list of tables",
        _ => "a list with items like its default's",
    }
}
