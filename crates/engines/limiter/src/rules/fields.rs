//! The fields of a map of a rule file, each taken once; what is left over is a mistake.

use std::str::FromStr;

use super::RuleError;
use super::yaml::{Node, Value};

/// A map whose fields are being taken.
pub(super) struct Fields {
    pub(super) line: usize,
    entries: Vec<(Node, Node)>,
}

impl Fields {
    /// The fields of `node`, which is to be a map; `what` names it in the refusal.
    pub(super) fn of(node: Node, what: &str) -> Result<Self, RuleError> {
        match node.value {
            Value::Map(entries) => Ok(Self { line: node.line, entries }),
            _ => Err(RuleError::at(node.line, format!("{what} is to be a map of fields"))),
        }
    }

    /// The field `name`, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Node> {
        let named =
            |(key, _): &(Node, Node)| matches!(&key.value, Value::Text(text) if text == name);
        let at = self.entries.iter().position(named)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// The text of the field `name`, with its line.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<(String, usize)>, RuleError> {
        let Some(node) = self.take(name) else { return Ok(None) };
        match node.value {
            Value::Text(text) => Ok(Some((text, node.line))),
            _ => Err(RuleError::at(node.line, format!("{name} is to be a text or a number"))),
        }
    }

    /// The field `name` as a number or whatever else is read from text.
    pub(super) fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        wanted: &str,
    ) -> Result<Option<T>, RuleError> {
        let Some((text, line)) = self.text(name)? else { return Ok(None) };
        let wrong = || RuleError::at(line, format!("{name}: {text:?} is not {wanted}"));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// The field `name` as true or false; false when it is not there.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, RuleError> {
        Ok(self.parsed(name, "true or false")?.unwrap_or(false))
    }

    /// The field `name` as one of several words; the first when it is not there.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, RuleError> {
        let Some((text, line)) = self.text(name)? else { return Ok(None) };
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*chosen));
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let refusal = format!("{name}: {text:?} is none of {}", words.join(", "));
        Err(RuleError::at(line, refusal))
    }

    /// The items of the field `name`, which is to be a list; none when it is not there or empty.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Node>, RuleError> {
        let Some(node) = self.take(name) else { return Ok(Vec::new()) };
        match node.value {
            Value::List(items) => Ok(items),
            Value::Text(text) if text.is_empty() => Ok(Vec::new()),
            _ => Err(RuleError::at(node.line, format!("{name} is to be a list"))),
        }
    }

    /// Refuses what nobody took.
    pub(super) fn end(self, what: &str) -> Result<(), RuleError> {
        // The first in the file, though taking has changed the order.
        let Some((key, _)) = self.entries.into_iter().min_by_key(|(key, _)| key.line) else {
            return Ok(());
        };
        let name = match key.value {
            Value::Text(name) => name,
            _ => String::new(),
        };
        Err(RuleError::at(key.line, format!("{what} has no field {name:?}")))
    }
}
