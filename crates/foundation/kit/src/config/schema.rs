//! The known keys, read from the sections' texts, and how to find one.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{ConfigError, ENVIRONMENT_PREFIX, Layers, Origin, Section, Setting};

/// Reads all sections' texts.
pub(super) fn read(sections: &[Section<'_>]) -> Result<Layers, ConfigError> {
    let mut layers = Layers { texts: Vec::new(), settings: Vec::new() };
    for section in sections {
        let wrong =
            |message: String| ConfigError::Defaults { section: section.name.to_owned(), message };
        if layers.texts.iter().any(|(name, _)| name == section.name) {
            return Err(wrong("given twice".to_owned()));
        }
        let text = with_header(section);
        let mut table = parse(&text, section.name)?;
        let own = table.remove(section.name);
        let (Some(Value::Table(own)), true) = (own, table.is_empty()) else {
            return Err(wrong(format!("sub-tables need the header [{}.sub]", section.name)));
        };
        let mut leaves = Vec::new();
        collect_leaves(section.name, own, &mut leaves);
        // The order of the text, which tables do not keep.
        let places = Places::of(&text, section.name);
        leaves.sort_by_key(|(path, _)| places.line(path));
        for (path, default) in leaves {
            let twin = layers.settings.iter().find(|s| variable(&s.path) == variable(&path));
            if let Some(twin) = twin {
                return Err(wrong(format!("{path} and {} share one variable", twin.path)));
            }
            let value = default.clone();
            layers.settings.push(Setting { path, default, value, origin: Origin::Default });
        }
        layers.texts.push((section.name.to_owned(), text));
    }
    Ok(layers)
}

fn with_header(section: &Section<'_>) -> String {
    let header = format!("[{}]", section.name);
    if section.text.lines().any(|line| line.trim() == header) {
        return section.text.to_owned();
    }
    format!("{header}\n{}", section.text)
}

/// An empty table is a leaf: a free-form table.
fn collect_leaves(prefix: &str, table: Table, leaves: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = format!("{prefix}.{key}");
        match value {
            Value::Table(inner) if !inner.is_empty() => collect_leaves(&path, inner, leaves),
            leaf => leaves.push((path, leaf)),
        }
    }
}

/// Parses TOML; an error names the line.
pub(super) fn parse(text: &str, name: &str) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        let message = error.message().replace('\n', " ");
        ConfigError::Syntax { place: format!("{name}:{line}"), message }
    })
}

/// Puts a value at a dotted path, making the tables on the way.
pub(super) fn insert(table: &mut Table, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}

/// The environment variable of a dotted key.
pub(super) fn variable(path: &str) -> String {
    let upper = path.to_ascii_uppercase().replace(['.', '-'], "_");
    format!("{ENVIRONMENT_PREFIX}{upper}")
}

/// The known name most like `given`: the one with the same last part, else the one with the
/// fewest edits, if those are few.
pub(super) fn nearest(given: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let known: Vec<String> = known.collect();
    let last = given.rsplit('.').next();
    let (edits, best) = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .min_by_key(|(edits, _)| *edits)?;
    if edits <= 2.max(given.len() / 4) {
        return Some(best.clone());
    }
    known.iter().find(|name| name.contains('.') && name.rsplit('.').next() == last).cloned()
}

/// On which line each key of a text stands.
pub(super) struct Places {
    name: String,
    lines: BTreeMap<String, usize>,
}

impl Places {
    pub(super) fn of(text: &str, name: &str) -> Self {
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            collect_lines("", text, table.get_ref(), &mut lines);
        }
        Places { name: name.to_owned(), lines }
    }

    /// `file:line`, or only the file for a key that has no line.
    pub(super) fn get(&self, path: &str) -> String {
        match self.lines.get(path) {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }

    fn line(&self, path: &str) -> usize {
        self.lines.get(path).copied().unwrap_or(0)
    }
}

fn collect_lines(
    prefix: &str,
    text: &str,
    table: &DeTable<'_>,
    lines: &mut BTreeMap<String, usize>,
) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
        lines.insert(path.clone(), line_at(text, key.span().start));
        if let DeValue::Table(inner) = value.get_ref() {
            collect_lines(&path, text, inner, lines);
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
