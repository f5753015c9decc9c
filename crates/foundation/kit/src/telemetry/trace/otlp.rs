//! Spans in the JSON encoding of OTLP 1.x (`opentelemetry-proto`, `ExportTraceServiceRequest`):
//! ids as hexadecimal, 64-bit integers as text.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Serialize, Serializer};

use super::{SpanId, TraceContext, TraceId};
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

/// The export request for a batch. Written from the spans as they are: a tree of JSON values made
/// first was a tenth of a server's processor time at a thousand spans a second.
pub(super) fn encode(service: &str, spans: &[FinishedSpan]) -> Vec<u8> {
    let service = Attribute { key: "service.name", value: AnyValue::Text(service.into()) };
    let request = Request {
        resource_spans: [ResourceSpans {
            resource: Resource { attributes: [service] },
            scope_spans: [ScopeSpans {
                scope: Scope { name: "backplane" },
                spans: spans.iter().map(Span::from).collect(),
            }],
        }],
    };
    // Only a map with keys that are no texts fails, and none is here.
    serde_json::to_vec(&request).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: [Attribute<'a>; 1],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Span<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: Shown<TraceId>,
    span_id: Shown<SpanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Shown<SpanId>>,
    name: Cow<'a, str>,
    kind: u8,
    start_time_unix_nano: Shown<u64>,
    end_time_unix_nano: Shown<u64>,
    attributes: Attributes<'a>,
    events: Vec<Event<'a>>,
    status: Status<'a>,
    flags: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    time_unix_nano: Shown<u64>,
    name: &'a str,
    attributes: Attributes<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "intValue")]
    Int(Shown<i64>),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "stringValue")]
    Text(Cow<'a, str>),
}

/// What OTLP's JSON has as text: ids, and numbers of 64 bits.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Fields that steer the export are no attributes.
struct Attributes<'a>(&'a Fields);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = self.0.iter().filter(|(name, _)| !name.starts_with("otel."));
        serializer.collect_seq(kept.map(|(key, value)| Attribute { key, value: value.into() }))
    }
}

impl<'a> From<&'a Value> for AnyValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(Shown(*value)),
            // There is no unsigned type; what exceeds the signed one is given as text.
            Value::Unsigned(value) => match i64::try_from(*value) {
                Ok(value) => Self::Int(Shown(value)),
                Err(_) => Self::Text(value.to_string().into()),
            },
            Value::Float(value) if value.is_finite() => Self::Double(*value),
            Value::Float(value) => Self::Text(value.to_string().into()),
            Value::Text(value) => Self::Text(Cow::Borrowed(value)),
        }
    }
}

impl<'a> From<&'a FinishedSpan> for Span<'a> {
    fn from(span: &'a FinishedSpan) -> Self {
        let event = |event: &'a SpanEvent| Event {
            time_unix_nano: Shown(event.time_ns),
            name: &event.name,
            attributes: Attributes(&event.fields),
        };
        Self {
            trace_id: Shown(span.trace.trace_id),
            span_id: Shown(span.trace.span_id),
            parent_span_id: span.parent.map(Shown),
            name: name(span),
            kind: kind(span.fields.text("otel.kind")),
            start_time_unix_nano: Shown(span.start_ns),
            end_time_unix_nano: Shown(span.end_ns),
            attributes: Attributes(&span.fields),
            events: span.events.iter().map(event).collect(),
            status: status(span),
            flags: u8::from(span.trace.sampled),
        }
    }
}

/// Of a request: method and route, as the conventions for HTTP spans have it.
fn name(span: &FinishedSpan) -> Cow<'_, str> {
    let method = span.fields.text("http.request.method");
    match (span.fields.text("otel.name"), method, span.fields.text("http.route")) {
        (Some(given), _, _) => given.into(),
        (None, Some(method), Some(route)) => format!("{method} {route}").into(),
        (None, Some(method), None) => method.into(),
        _ => span.name.into(),
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

fn status(span: &FinishedSpan) -> Status<'_> {
    let message = span.error.as_deref();
    let failed = message.is_some() || span.fields.text("otel.status_code") == Some("ERROR");
    Status { code: failed.then_some(2), message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every kind of value, an event, a parent and an error.
    #[test]
    fn a_span_has_the_form_of_the_standard() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
        let fields = Fields::of(&[
            ("otel.kind", Value::Text("client".into())),
            ("a", Value::Bool(true)),
            ("b", Value::Int(-1)),
            ("c", Value::Unsigned(u64::MAX)),
            ("d", Value::Float(0.5)),
            ("e", Value::Float(f64::INFINITY)),
            ("f", Value::Text("\"x\"".into())),
        ]);
        let span = FinishedSpan {
            trace,
            parent: SpanId::new(1),
            name: "load",
            start_ns: 1,
            end_ns: 2,
            fields,
            events: vec![SpanEvent {
                time_ns: 1,
                name: "no answer".to_owned(),
                fields: Fields::of(&[("n", Value::Unsigned(7))]),
            }],
            error: Some("no answer".to_owned()),
        };
        let request: serde_json::Value = serde_json::from_slice(&encode("s", &[span])).unwrap();
        let service = json!({"key": "service.name", "value": {"stringValue": "s"}});
        let expected = json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": "00f067aa0ba902b7",
            "parentSpanId": "0000000000000001",
            "name": "load",
            "kind": 3,
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "attributes": [
                {"key": "a", "value": {"boolValue": true}},
                {"key": "b", "value": {"intValue": "-1"}},
                {"key": "c", "value": {"stringValue": "18446744073709551615"}},
                {"key": "d", "value": {"doubleValue": 0.5}},
                {"key": "e", "value": {"stringValue": "inf"}},
                {"key": "f", "value": {"stringValue": "\"x\""}},
            ],
            "events": [{
                "timeUnixNano": "1",
                "name": "no answer",
                "attributes": [{"key": "n", "value": {"intValue": "7"}}],
            }],
            "status": {"code": 2, "message": "no answer"},
            "flags": 1,
        });
        assert_eq!(
            request,
            json!({"resourceSpans": [{
                "resource": {"attributes": [service]},
                "scopeSpans": [{"scope": {"name": "backplane"}, "spans": [expected]}],
            }]})
        );
    }
}
