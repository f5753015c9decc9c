//! The fields of spans and events, already masked and cut to size when they are kept.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};

use super::mask;

/// Fields kept of one span or event; what comes later is left out.
const FIELDS_MAX: usize = 64;
/// Bytes kept of one text.
const TEXT_MAX_BYTES: usize = 8 * 1024;
/// Bytes kept of a stack trace.
const STACK_MAX_BYTES: usize = 32 * 1024;

/// One value, in the types that both JSON and OTLP have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(Box<str>),
}

/// Named values in the order they were given; a later one of the same name replaces.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&'static str, Value)]) -> Self {
        Self(pairs.to_vec())
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        let text = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        self.0.iter().map(|(_, value)| size_of_val(&self.0[0]) + text(value)).sum()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(known, value)| match value {
            Value::Text(text) if *known == name => Some(&**text),
            _ => None,
        })
    }

    fn set(&mut self, name: &'static str, value: Value) {
        let value = match value {
            Value::Text(_) | Value::Int(_) | Value::Unsigned(_) if mask::is_secret_name(name) => {
                Value::Text(mask::MASK.into())
            }
            other => other,
        };
        if let Some(existing) = self.0.iter_mut().find(|(known, _)| *known == name) {
            existing.1 = value;
        } else if self.0.len() < FIELDS_MAX {
            self.0.push((name, value));
        }
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::Text(kept(value, TEXT_MAX_BYTES).into()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &limited(value));
    }
}

/// What an event says: its message, its exception and its other fields.
#[derive(Debug, Default)]
pub(super) struct EventFields {
    pub(super) message: String,
    pub(super) fields: Fields,
    pub(super) exception: Option<Exception>,
}

/// An error or panic, one entry whatever its number of lines.
#[derive(Debug, Default)]
pub(super) struct Exception {
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) stacktrace: String,
}

impl EventFields {
    fn exception_part(&mut self, name: &str, text: &str) -> bool {
        let Some(part) = name.strip_prefix("exception.") else {
            return false;
        };
        let exception = self.exception.get_or_insert_default();
        match part {
            "type" => exception.kind = kept(text, TEXT_MAX_BYTES).into_owned(),
            "message" => exception.message = kept(text, TEXT_MAX_BYTES).into_owned(),
            "stacktrace" => exception.stacktrace = kept(text, STACK_MAX_BYTES).into_owned(),
            _ => return false,
        }
        true
    }
}

impl Visit for EventFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.record_bool(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.record_i64(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.record_u64(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.record_f64(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = kept(value, TEXT_MAX_BYTES).into_owned();
        } else if !self.exception_part(field.name(), value) {
            self.fields.record_str(field, value);
        }
    }

    /// An error with its causes; with its stack too where `RUST_BACKTRACE` asks for stacks.
    fn record_error(&mut self, _field: &Field, value: &(dyn Error + 'static)) {
        let exception = self.exception.get_or_insert_default();
        exception.message = kept(&chain(value), TEXT_MAX_BYTES).into_owned();
        let stack = std::backtrace::Backtrace::capture();
        if stack.status() == std::backtrace::BacktraceStatus::Captured {
            exception.stacktrace = kept(&stack.to_string(), STACK_MAX_BYTES).into_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = limited(value);
        self.record_str(field, &text);
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

fn kept(text: &str, limit_bytes: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(limit_bytes);
    let masked = mask::masked(&text[..end]);
    if end < text.len() { Cow::Owned(masked.into_owned() + "...[cut]") } else { masked }
}

/// The value's text, formatting no more of it than can be kept.
fn limited(value: &dyn Debug) -> String {
    let mut out = Limited(String::new());
    // An error only says that the limit was reached.
    let _ = write!(out, "{value:?}");
    out.0
}

struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() > STACK_MAX_BYTES { Err(fmt::Error) } else { Ok(()) }
    }
}
