//! One log entry and its two forms.

use std::fmt::Write;

use tracing::Level;

use super::timestamp;
use crate::telemetry::fields::{EventFields, Exception, Value};
use crate::telemetry::trace::TraceContext;

/// Everything a line says.
#[derive(Debug)]
pub(in crate::telemetry) struct Entry<'a> {
    /// Microseconds since 1970 UTC.
    pub(in crate::telemetry) time_us: u64,
    pub(in crate::telemetry) service: &'a str,
    pub(in crate::telemetry) level: Level,
    /// The module that speaks.
    pub(in crate::telemetry) target: &'a str,
    pub(in crate::telemetry) event: &'a EventFields,
    /// Fields of the spans around the event, outermost first; then the event's own.
    pub(in crate::telemetry) context: Vec<(&'static str, &'a Value)>,
    pub(in crate::telemetry) trace: Option<TraceContext>,
    pub(in crate::telemetry) request_id: Option<&'a str>,
}

impl Entry<'_> {
    /// One line of JSON.
    pub(in crate::telemetry) fn json(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push_str("{\"timestamp\":\"");
        out.push_str(&timestamp::rfc3339(self.time_us));
        out.push('"');
        member(&mut out, "service", self.service);
        member(&mut out, "severity", severity(self.level));
        member(&mut out, "message", &self.event.message);
        if let Some(trace) = &self.trace {
            let _ = write!(out, ",\"trace_id\":\"{}\"", trace.trace_id);
            let _ = write!(out, ",\"span_id\":\"{}\"", trace.span_id);
        }
        if let Some(request_id) = self.request_id {
            member(&mut out, "request_id", request_id);
        }
        if let Some(exception) = &self.event.exception {
            json_exception(&mut out, exception);
        }
        out.push_str(",\"context\":{\"target\":");
        json_text(&mut out, self.target);
        for (name, value) in &self.context {
            out.push(',');
            json_text(&mut out, name);
            out.push(':');
            json_value(&mut out, value);
        }
        out.push_str("}}\n");
        out
    }

    /// A line for people at a terminal: time of day, severity, module, message, fields.
    pub(in crate::telemetry) fn compact(&self) -> String {
        let time = timestamp::rfc3339(self.time_us);
        let mut out = String::with_capacity(160);
        let _ = write!(out, "{} {:<7} ", &time[11..23], severity(self.level));
        let _ = write!(out, "{}: ", self.target);
        escape(&mut out, &self.event.message);
        for (name, value) in &self.context {
            let _ = write!(out, " {name}=");
            match value {
                Value::Text(text) if text.contains(' ') => json_text(&mut out, text),
                Value::Text(text) => escape(&mut out, text),
                other => json_value(&mut out, other),
            }
        }
        if let Some(request_id) = self.request_id {
            out.push_str(" request_id=");
            escape(&mut out, request_id);
        }
        if let Some(exception) = &self.event.exception {
            out.push_str(": ");
            escape(&mut out, &exception.message);
            for line in exception.stacktrace.lines() {
                out.push_str("\n    ");
                escape(&mut out, line);
            }
        }
        out.push('\n');
        out
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

fn json_exception(out: &mut String, exception: &Exception) {
    out.push_str(",\"exception\":{\"message\":");
    json_text(out, &exception.message);
    for (name, text) in [("type", &exception.kind), ("stacktrace", &exception.stacktrace)] {
        if !text.is_empty() {
            member(out, name, text);
        }
    }
    out.push('}');
}

fn member(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, ",\"{name}\":");
    json_text(out, text);
}

fn json_value(out: &mut String, value: &Value) {
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Unsigned(value) => write!(out, "{value}"),
        // JSON has no infinities and no NaN.
        Value::Float(value) if value.is_finite() => write!(out, "{value:?}"),
        Value::Float(value) => write!(out, "\"{value}\""),
        Value::Text(text) => {
            json_text(out, text);
            Ok(())
        }
    };
}

fn json_text(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

/// Escapes what JSON demands, and every other control character and line separator too, so that
/// nothing in a value can start a line or drive a terminal.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Beside the controls: line separators, and marks that reverse the writing direction.
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}
