//! JSON: an object a line, or objects in an array somewhere in a document.
//!
//! A scanner cuts out one object at a time, so that a document of any size is read in bounded
//! memory; what is around the array (paging, totals) is passed over.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::fields::{Draft, Field, field_named};
use super::{Format, Import, LinkRecord, MAX_ROW_BYTES, RowError, RowProblem};

/// Keys that a document of links begins with; a link does not.
const CONTAINER_KEYS: &[&str] = &["shortUrls", "data", "total", "limit", "skip", "links"];

/// Gives the links. `head` is the beginning of `file`.
pub(crate) fn open<'a>(file: impl Read + Send + 'a, head: &[u8]) -> Import<'a> {
    let text = String::from_utf8_lossy(head);
    let first_key = text.trim_start().strip_prefix('{').and_then(|rest| rest.split('"').nth(1));
    let is_document = first_key.is_none_or(|key| CONTAINER_KEYS.contains(&key));
    let format = match is_document {
        false => Format::JsonLines,
        true if text.contains("\"shortUrls\"") => Format::ShlinkJson,
        true if text.contains("\"target\"") && text.contains("\"address\"") => Format::KuttJson,
        true => Format::Other,
    };
    let rows = JsonRows { file: BufReader::new(file), line: 1, is_document, stack: Vec::new() };
    Import::new(format, Box::new(rows.fuse_on_failure()))
}

type Row = Result<(u64, LinkRecord), RowError>;

struct JsonRows<R> {
    file: BufReader<R>,
    line: u64,
    is_document: bool,
    /// The brackets that are open outside the current object.
    stack: Vec<u8>,
}

impl<R: Read> JsonRows<R> {
    /// Ends after the first error of the file itself.
    fn fuse_on_failure(mut self) -> impl Iterator<Item = Row> {
        let mut failed = false;
        std::iter::from_fn(move || {
            let row = if failed { None } else { self.next_row() };
            failed = matches!(
                &row,
                Some(Err(RowError { what: RowProblem::Io(_) | RowProblem::TooLarge, .. }))
            );
            row
        })
    }

    fn next_row(&mut self) -> Option<Row> {
        let at_line = |line| move |what| RowError { line, what };
        let mut in_string = false;
        while let Some(byte) = self.next_byte().map_err(at_line(self.line)).transpose() {
            match byte {
                Err(error) => return Some(Err(error)),
                Ok(b'"') => in_string = !in_string,
                Ok(b'\\') if in_string => {
                    let _escaped = self.next_byte();
                }
                Ok(_) if in_string => {}
                Ok(b'{') if self.object_is_link() => {
                    let line = self.line;
                    let link = self.read_link().map_err(at_line(line));
                    return Some(link.map(|link| (line, link)));
                }
                Ok(open @ (b'{' | b'[')) => self.stack.push(open),
                Ok(b'}' | b']') => {
                    self.stack.pop();
                }
                Ok(_) => {}
            }
        }
        None
    }

    /// Links are what stands in an array of a document, or at the outermost level of lines.
    fn object_is_link(&self) -> bool {
        match self.stack.last() {
            None => !self.is_document,
            Some(bracket) => *bracket == b'[',
        }
    }

    fn read_link(&mut self) -> Result<LinkRecord, RowProblem> {
        let object = self.read_object()?;
        let value: Value = serde_json::from_slice(&object)
            .map_err(|error| RowProblem::Malformed(error.to_string()))?;
        let mut draft = Draft::default();
        fill(&mut draft, &value)?;
        draft.finish()
    }

    /// The rest of an object whose opening brace was read, with the brace.
    fn read_object(&mut self) -> Result<Vec<u8>, RowProblem> {
        let (mut object, mut depth, mut in_string) = (vec![b'{'], 1, false);
        while depth > 0 {
            let Some(byte) = self.next_byte()? else {
                return Err(RowProblem::Malformed("the file ends within an object".to_owned()));
            };
            if object.len() >= MAX_ROW_BYTES {
                return Err(RowProblem::TooLarge);
            }
            object.push(byte);
            match byte {
                b'\\' if in_string => object.extend(self.next_byte()?),
                b'"' => in_string = !in_string,
                b'{' if !in_string => depth += 1,
                b'}' if !in_string => depth -= 1,
                _ => {}
            }
        }
        Ok(object)
    }

    fn next_byte(&mut self) -> Result<Option<u8>, RowProblem> {
        let buffer = self.file.fill_buf().map_err(|error| RowProblem::Io(error.to_string()))?;
        let Some(byte) = buffer.first().copied() else { return Ok(None) };
        self.file.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }
}

/// Fills a link from an object; Shlink keeps some parts one level down.
fn fill(draft: &mut Draft, object: &Value) -> Result<(), RowProblem> {
    let Some(entries) = object.as_object() else { return Ok(()) };
    for (key, value) in entries {
        match (key.as_str(), field_named(key), value) {
            ("meta", ..) => fill(draft, value)?,
            ("visitsSummary", ..) => {
                if let Some(total) = value.get("total").and_then(Value::as_u64) {
                    draft.set(Field::Clicks, &total.to_string())?;
                }
            }
            (_, Some(Field::Tags), Value::Array(tags)) => {
                tags.iter().filter_map(Value::as_str).for_each(|tag| draft.add_tag(tag));
            }
            (_, Some(field), Value::String(text)) => draft.set(field, text)?,
            (_, Some(field), Value::Number(number)) => draft.set(field, &number.to_string())?,
            // Kutt has the domain as an object where it is not a name.
            (_, Some(Field::Domain), Value::Object(domain)) => {
                let name = domain.get("address").and_then(Value::as_str).unwrap_or_default();
                draft.set(Field::Domain, name)?;
            }
            _ => {}
        }
    }
    Ok(())
}
