//! Settings: defaults, file, environment and flags become one checked table.
//!
//! The truth is commented TOML. Each crate ships the text of its section, with every key, its
//! default and a comment; [`Layers`] parses these texts, so a default lives nowhere else, and
//! what a key's default is decides its type. A default of `{}` makes a key a free-form table.
//!
//! Later layers win: default, then file, then `BACKPLANE_` variables, then flags. Whatever no
//! section names is refused, with its place and the nearest known key. Each error is one line.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

mod error;
mod print;
mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use error::ConfigError;

/// What the name of every environment variable that is a setting starts with.
pub const ENVIRONMENT_PREFIX: &str = "BACKPLANE_";

/// The commented defaults of one part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// The table's name: lower-case letters, digits and underscores.
    pub name: &'a str,
    /// TOML, with or without its `[name]` header. Sub-tables need the full `[name.sub]` header.
    pub text: &'a str,
}

/// Where the value of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The section's own text.
    Default,
    /// A file and the line in it.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A `--set key=value` flag.
    Flag,
}

/// Every known setting with its value so far.
#[derive(Debug, Clone)]
pub struct Layers {
    texts: Vec<(String, String)>,
    settings: Vec<Setting>,
}

/// One leaf of the tree of settings.
#[derive(Debug, Clone)]
struct Setting {
    /// `section.key`, dotted further for sub-tables.
    path: String,
    default: Value,
    value: Value,
    origin: Origin,
}

impl Layers {
    /// Parses the sections' texts; their order is kept in everything printed.
    ///
    /// # Errors
    /// A text that is not TOML, a section given twice, or two keys that one environment variable
    /// could mean.
    pub fn new(sections: &[Section<'_>]) -> Result<Self, ConfigError> {
        schema::read(sections)
    }

    /// Lays a TOML file over what is there.
    ///
    /// # Errors
    /// The file cannot be read or parsed, or holds an unknown key or a value of a wrong type.
    pub fn merge_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { file: name.clone(), source })?;
        self.merge_text(&text, &name)
    }

    /// Lays TOML text over what is there; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`Layers::merge_file`].
    pub fn merge_text(&mut self, text: &str, name: &str) -> Result<(), ConfigError> {
        let table: Table = schema::parse(text, name)?;
        let places = schema::Places::of(text, name);
        self.merge_table("", table, &places)
    }

    /// Lays the `BACKPLANE_` variables over what is there: `BACKPLANE_EDGE_LISTEN` is
    /// `edge.listen`. Names are matched against known keys, so keys may hold underscores.
    /// `others` are variables with the prefix that are no settings; they are passed over.
    ///
    /// # Errors
    /// An unknown variable with the prefix, or a value of a wrong type.
    pub fn merge_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
        others: &[&str],
    ) -> Result<(), ConfigError> {
        for (name, text) in variables {
            if !name.starts_with(ENVIRONMENT_PREFIX) || others.contains(&name.as_str()) {
                continue;
            }
            let found = self.settings.iter_mut().find(|s| schema::variable(&s.path) == name);
            let Some(setting) = found else {
                let known = self.settings.iter().map(|s| schema::variable(&s.path));
                let nearest = schema::nearest(&name, known);
                return Err(ConfigError::UnknownVariable { name, nearest });
            };
            let place = format!("variable {name}");
            setting.value = value::from_text(&text, &setting.default)
                .map_err(|wrong| wrong.at(&place, &setting.path))?;
            setting.origin = Origin::Environment(name);
        }
        Ok(())
    }

    /// Lays one `section.key=value` over what is there. Text needs no quotes; a list may be
    /// given as `a,b` or as TOML; one entry of a free-form table as `section.key.entry=value`.
    ///
    /// # Errors
    /// No `=`, an unknown key, or a value of a wrong type.
    pub fn merge_setting(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(ConfigError::NotAnAssignment { text: assignment.to_owned() });
        };
        let path = path.trim();
        let place = format!("setting {path}");
        if let Some(setting) = self.settings.iter_mut().find(|s| s.path == path) {
            setting.value =
                value::from_text(text, &setting.default).map_err(|wrong| wrong.at(&place, path))?;
            setting.origin = Origin::Flag;
            return Ok(());
        }
        for setting in &mut self.settings {
            let entry = path.strip_prefix(&setting.path).and_then(|rest| rest.strip_prefix('.'));
            if let (Some(entry), Value::Table(table)) = (entry, &mut setting.value) {
                table.insert(entry.to_owned(), value::guess(text));
                setting.origin = Origin::Flag;
                return Ok(());
            }
        }
        Err(self.unknown(path, place))
    }

    /// The settings of one section, as the crate that owns it wants them.
    ///
    /// # Errors
    /// No such section, or values that the type refuses (an unknown choice, a number out of
    /// range).
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        let mut table = Table::new();
        if !self.texts.iter().any(|(known, _)| known == name) {
            return Err(self.unknown(name, "the program".to_owned()));
        }
        for setting in &self.settings {
            let rest = setting.path.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            if let Some(rest) = rest {
                schema::insert(&mut table, rest, setting.value.clone());
            }
        }
        Value::Table(table).try_into().map_err(|error: toml::de::Error| ConfigError::Refused {
            section: name.to_owned(),
            message: error.to_string().trim().replace('\n', " "),
        })
    }

    /// Where the value of `path` (`section.key`) came from; `None` when there is no such key.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        self.settings.iter().find(|s| s.path == path).map(|s| &s.origin)
    }

    /// The commented defaults of all sections: a configuration file to start from.
    #[must_use]
    pub fn default_text(&self) -> String {
        let texts: Vec<&str> = self.texts.iter().map(|(_, text)| text.trim_end()).collect();
        texts.join("\n\n") + "\n"
    }

    /// Every setting in force with its origin, secrets masked. It is TOML, but with masks in it
    /// it is for reading only.
    #[must_use]
    pub fn effective_text(&self) -> String {
        print::effective(&self.texts, &self.settings)
    }

    fn merge_table(
        &mut self,
        prefix: &str,
        table: Table,
        places: &schema::Places,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            let place = places.get(&path);
            if let Some(setting) = self.settings.iter_mut().find(|s| s.path == path) {
                setting.value = value::checked(value, &setting.default)
                    .map_err(|wrong| wrong.at(&place, &path))?;
                setting.origin = Origin::File(place);
            } else if self.is_table(&path) {
                let Value::Table(inner) = value else {
                    return Err(value::WrongType::new("a table", &value).at(&place, &path));
                };
                self.merge_table(&path, inner, places)?;
            } else {
                return Err(self.unknown(&path, place));
            }
        }
        Ok(())
    }

    /// Whether known keys lie below `path`, or it is a section without any.
    fn is_table(&self, path: &str) -> bool {
        let below =
            |s: &Setting| s.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.texts.iter().any(|(name, _)| name == path) || self.settings.iter().any(below)
    }

    fn unknown(&self, path: &str, place: String) -> ConfigError {
        if path.contains('.') || self.settings.iter().any(|s| s.path.ends_with(path)) {
            let nearest = schema::nearest(path, self.settings.iter().map(|s| s.path.clone()));
            return ConfigError::UnknownKey { place, key: path.to_owned(), nearest };
        }
        let nearest = schema::nearest(path, self.texts.iter().map(|(name, _)| name.clone()));
        ConfigError::UnknownSection { place, name: path.to_owned(), nearest }
    }
}
