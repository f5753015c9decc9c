//! Spans in the JSON encoding of OTLP 1.x (`opentelemetry-proto`, `ExportTraceServiceRequest`):
//! ids as hexadecimal, 64-bit integers as text.

use serde_json::{Value as Json, json};

use super::{SpanId, TraceContext};
use crate::telemetry::fields::{Fields, Value};

/// A recorded span whose end is known.
#[derive(Debug)]
pub(in crate::telemetry) struct FinishedSpan {
    pub(in crate::telemetry) trace: TraceContext,
    pub(in crate::telemetry) parent: Option<SpanId>,
    pub(in crate::telemetry) name: &'static str,
    /// Nanoseconds since 1970 UTC.
    pub(in crate::telemetry) start_ns: u64,
    pub(in crate::telemetry) end_ns: u64,
    pub(in crate::telemetry) fields: Fields,
    pub(in crate::telemetry) events: Vec<SpanEvent>,
    /// The message of the last error within it.
    pub(in crate::telemetry) error: Option<String>,
}

impl FinishedSpan {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let event =
            |event: &SpanEvent| size_of::<SpanEvent>() + event.name.len() + event.fields.bytes();
        let events: usize = self.events.iter().map(event).sum();
        let error = self.error.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.fields.bytes() + events + error
    }
}

/// Something that happened within a span.
#[derive(Debug)]
pub(in crate::telemetry) struct SpanEvent {
    pub(in crate::telemetry) time_ns: u64,
    pub(in crate::telemetry) name: String,
    pub(in crate::telemetry) fields: Fields,
}

/// The export request for a batch.
pub(super) fn encode(service: &str, spans: &[FinishedSpan]) -> Json {
    let spans: Vec<Json> = spans.iter().map(span).collect();
    let service = json!({"key": "service.name", "value": {"stringValue": service}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [service]},
        "scopeSpans": [{"scope": {"name": "backplane"}, "spans": spans}],
    }]})
}

fn span(span: &FinishedSpan) -> Json {
    let events = span.events.iter().map(|event| {
        json!({
            "timeUnixNano": event.time_ns.to_string(),
            "name": event.name,
            "attributes": attributes(&event.fields),
        })
    });
    let mut out = json!({
        "traceId": span.trace.trace_id.to_string(),
        "spanId": span.trace.span_id.to_string(),
        "name": name(span),
        "kind": kind(span.fields.text("otel.kind")),
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": attributes(&span.fields),
        "events": events.collect::<Vec<Json>>(),
        "status": status(span),
        "flags": u8::from(span.trace.sampled),
    });
    if let Some(parent) = span.parent {
        out["parentSpanId"] = json!(parent.to_string());
    }
    out
}

/// Of a request: method and route, as the conventions for HTTP spans have it.
fn name(span: &FinishedSpan) -> String {
    let method = span.fields.text("http.request.method");
    match (span.fields.text("otel.name"), method, span.fields.text("http.route")) {
        (Some(given), _, _) => given.to_owned(),
        (None, Some(method), Some(route)) => format!("{method} {route}"),
        (None, Some(method), None) => method.to_owned(),
        _ => span.name.to_owned(),
    }
}

fn kind(name: Option<&str>) -> u8 {
    match name {
        Some("server") => 2,
        Some("client") => 3,
        Some("producer") => 4,
        Some("consumer") => 5,
        _ => 1,
    }
}

fn status(span: &FinishedSpan) -> Json {
    match &span.error {
        Some(message) => json!({"code": 2, "message": message}),
        None if span.fields.text("otel.status_code") == Some("ERROR") => json!({"code": 2}),
        None => json!({}),
    }
}

/// Fields that steer the export are no attributes.
fn attributes(fields: &Fields) -> Vec<Json> {
    let attribute = |(name, value): (&str, &Value)| {
        let value = match value {
            Value::Bool(value) => json!({"boolValue": value}),
            Value::Int(value) => json!({"intValue": value.to_string()}),
            // There is no unsigned type; what exceeds the signed one is given as text.
            Value::Unsigned(value) => match i64::try_from(*value) {
                Ok(value) => json!({"intValue": value.to_string()}),
                Err(_) => json!({"stringValue": value.to_string()}),
            },
            Value::Float(value) if value.is_finite() => json!({"doubleValue": value}),
            Value::Float(value) => json!({"doubleValue": value.to_string()}),
            Value::Text(value) => json!({"stringValue": value}),
        };
        json!({"key": name, "value": value})
    };
    fields.iter().filter(|(name, _)| !name.starts_with("otel.")).map(attribute).collect()
}
