//! YAML as a tree whose every node knows its line, so that a mistake of meaning can be told with
//! its place as one of form is.
//!
//! What rule files do not need is refused: aliases (with them a small file can stand for a huge
//! one), tags, several documents, keys that are not text, and a key twice.

use saphyr_parser::{Event, Parser, ScanError};

use super::RuleError;

/// How deep a tree may be.
const DEPTH_MAX: usize = 40;
/// Nodes of one tree.
const NODES_MAX: usize = 1_000_000;

/// A node and the line on which it begins, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The text, whatever its type; empty where nothing stands.
    Text(String),
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(Node, Node)>),
}

/// Reads one document; an empty text is an empty map.
///
/// # Errors
/// [`RuleError`] with the line of what is no YAML, or more than is read here.
pub(super) fn read(text: &str) -> Result<Node, RuleError> {
    let mut reader = Reader { parser: Parser::new_from_str(text), nodes: 0 };
    let mut root = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            _ if root.is_some() => {
                return Err(RuleError::at(line, "a second document; put it into another file"));
            }
            event => root = Some(reader.node(event, line, 0)?),
        }
    }
    Ok(root.unwrap_or(Node { line: 1, value: Value::Map(Vec::new()) }))
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), RuleError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line().max(1))),
            Some(Err(error)) => Err(no_yaml(&error)),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn node(&mut self, event: Event<'t>, line: usize, depth: usize) -> Result<Node, RuleError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(RuleError::at(line, format!("more than {NODES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(RuleError::at(line, format!("nested deeper than {DEPTH_MAX}")));
        }
        let value = match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err(RuleError::at(line, "a tag (!...); leave it out"));
            }
            Event::Scalar(text, style, ..) => {
                let is_nothing =
                    style == saphyr_parser::ScalarStyle::Plain && matches!(&*text, "~" | "null");
                Value::Text(if is_nothing { String::new() } else { text.into_owned() })
            }
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            Event::Alias(_) => {
                return Err(RuleError::at(line, "an alias (*...); write out what it stands for"));
            }
            _ => return Err(RuleError::at(line, "a value is missing")),
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, RuleError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, RuleError> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (event, line) => self.node(event, line, depth + 1)?,
            };
            let Value::Text(name) = &key.value else {
                return Err(RuleError::at(key.line, "a key that is a list or a map; use text"));
            };
            if entries.iter().any(|(other, _)| other.value == key.value) {
                return Err(RuleError::at(key.line, format!("{name:?} stands here twice")));
            }
            let (event, line) = self.next()?;
            let value = self.node(event, line, depth + 1)?;
            entries.push((key, value));
        }
    }
}

fn no_yaml(error: &ScanError) -> RuleError {
    RuleError::at(error.marker().line().max(1), format!("not YAML: {}", error.info()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn nodes_know_their_lines() {
        let Value::Map(entries) = read("a: 1\nb:\n  - c: x\n    d: ~\n").unwrap().value else {
            panic!("not a map");
        };
        assert_eq!(entries[1].0.line, 2);
        let Value::List(items) = &entries[1].1.value else { panic!("not a list") };
        let Value::Map(inner) = &items[0].value else { panic!("not a map") };
        assert_eq!((inner[1].0.line, &inner[1].1.value), (4, &Value::Text(String::new())));
        assert_eq!(read("").unwrap().value, Value::Map(Vec::new()));
    }

    #[test]
    fn what_is_not_read_is_refused_with_its_line() {
        assert_eq!(refused("a: 1\na: 2\n"), "line 2: \"a\" stands here twice");
        assert!(refused("a: &x 1\nb: *x\n").starts_with("line 2: an alias"));
        assert!(refused("a: !x 1\n").starts_with("line 1: a tag"));
        assert!(refused("a: 1\n---\nb: 2\n").contains("a second document"));
        assert!(refused("a:\n  - [1\nb: 2\n").contains("not YAML"));
        assert!(refused(&"[".repeat(10_000)).starts_with("line 1: "));
        assert!(refused(&format!("{}{}", "[".repeat(50), "]".repeat(50))).contains("deeper than"));
        assert!(refused("? [a]\n: b\n").contains("use text"));
    }
}
