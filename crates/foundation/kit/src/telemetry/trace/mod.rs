//! Traces: what one request did, in this process and across services.
//!
//! A request's span takes up the caller's W3C Trace Context or begins a new trace; spans within
//! it become its children; [`inject`] hands the context to the next service. Recorded spans go
//! in batches by OTLP over HTTP (JSON encoding) to a collector. Without a collector in the
//! settings there is no thread, no queue and no recording; contexts are still passed on, and
//! log lines still carry the trace id.
//!
//! Spans may use the fields `otel.name` (instead of the span's own), `otel.kind` (`server`,
//! `client`, `producer`, `consumer`, `internal`) and `otel.status_code` (`ERROR`), as the
//! OpenTelemetry conventions for `tracing` have them. An event of level ERROR marks its span.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

mod collector;
mod context;
mod export;
mod ids;
mod otlp;
mod sampling;
#[cfg(test)]
mod tests;

pub use context::{MalformedTraceparent, SpanId, TraceContext, TraceId};

pub(super) use collector::Endpoint;
pub(super) use export::SpanSink;
pub(super) use ids::{new_span_id, new_trace_id};
pub(super) use otlp::{FinishedSpan, SpanEvent};
pub(super) use sampling::Sampling;

use super::layer::SpanState;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What is known of a request when its span begins.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The method.
    pub method: &'a str,
    /// The route pattern, never the path; empty while unknown.
    pub route: &'a str,
    /// The id given to the request, shown in each of its log lines.
    pub request_id: &'a str,
}

/// The span of an incoming request: run everything the request causes within it. A missing or
/// malformed `traceparent` begins a new trace.
#[must_use]
pub fn span_for_request(request: RequestInfo<'_>) -> Span {
    let span = tracing::info_span!(
        target: "backplane::request",
        parent: None,
        "request",
        otel.kind = "server",
        request_id = request.request_id,
        http.request.method = request.method,
        http.route = (!request.route.is_empty()).then_some(request.route),
        http.response.status_code = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    );
    if let Some((context, state)) = extract(request.headers) {
        with_state(&span, |own| own.continue_trace(context, state));
    }
    span
}

/// Notes the route pattern once it is known.
pub fn record_route(span: &Span, route: &str) {
    span.record("http.route", route);
}

/// Notes the answer's status; a server fault marks the span as failed.
pub fn record_status(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The trace context of the present span; `None` outside of any.
#[must_use]
pub fn current() -> Option<TraceContext> {
    with_state(&Span::current(), |own| own.trace)
}

/// Writes the present context into the headers of an outgoing request; nothing outside a span.
pub fn inject(headers: &mut HeaderMap) {
    let found = with_state(&Span::current(), |own| (own.trace, own.trace_state.clone()));
    let Some((context, state)) = found else {
        return;
    };
    if let Ok(value) = HeaderValue::try_from(context.to_string()) {
        headers.insert(&TRACEPARENT, value);
    }
    if let Some(value) = state.and_then(|state| HeaderValue::from_str(&state).ok()) {
        headers.insert(&TRACESTATE, value);
    }
}

/// The caller's context, if there is exactly one and it is well formed.
#[must_use]
pub fn extract(headers: &HeaderMap) -> Option<(TraceContext, Option<Arc<str>>)> {
    let mut parents = headers.get_all(&TRACEPARENT).iter();
    let parent = parents.next()?.to_str().ok()?.trim().parse().ok()?;
    if parents.next().is_some() {
        return None;
    }
    let states = headers.get_all(&TRACESTATE).iter();
    let state = context::join_state(states.filter_map(|value| value.to_str().ok()));
    Some((parent, state.map(Arc::from)))
}

fn with_state<T>(span: &Span, act: impl FnOnce(&mut SpanState) -> T) -> Option<T> {
    let found = span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.extensions_mut().get_mut::<SpanState>().map(act)
    });
    found.flatten()
}
