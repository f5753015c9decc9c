//! The settings in force as text, with their origins and without their secrets.

use std::fmt::Write;

use toml::Value;

use super::{Origin, Setting};

/// What stands in the place of a secret; as long whatever the secret's length.
const MASK: &str = "********";

/// Endings of the last part of a key that make its value a secret. A `key_file` ends in none.
const SECRET_ENDINGS: [&str; 5] = ["password", "secret", "token", "_key", "credentials"];

/// Prints every section in the order of the texts.
pub(super) fn effective(sections: &[(String, String)], settings: &[Setting]) -> String {
    let mut out = String::new();
    for (name, _) in sections {
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}[{name}]");
        for setting in settings {
            let rest = setting.path.strip_prefix(name.as_str());
            if let Some(key) = rest.and_then(|rest| rest.strip_prefix('.')) {
                let value = masked(&setting.path, &setting.value);
                let _ = writeln!(out, "{key} = {value}  # {}", origin(&setting.origin));
            }
        }
    }
    out
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File(place) => format!("file {place}"),
        Origin::Environment(name) => format!("environment {name}"),
        Origin::Flag => "flag".to_owned(),
    }
}

fn masked(path: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        Value::Table(table) => {
            let entries = table.iter().map(|(key, inner)| {
                let inner_path = format!("{path}.{key}");
                let hidden = if is_secret(path) { path } else { inner_path.as_str() };
                (key.clone(), masked(hidden, inner))
            });
            Value::Table(entries.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|i| masked(path, i)).collect()),
        _ if is_secret(path) => Value::String(MASK.to_owned()),
        Value::String(text) => Value::String(without_url_password(text)),
        _ => value.clone(),
    }
}

fn is_secret(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    let singular = last.strip_suffix('s').unwrap_or(&last);
    SECRET_ENDINGS.iter().any(|ending| last.ends_with(ending) || singular.ends_with(ending))
}

/// `postgres://user:password@host` carries a secret under a harmless key.
fn without_url_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = rest[..end].rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:{MASK}@{host}{}", &rest[end..]))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}
