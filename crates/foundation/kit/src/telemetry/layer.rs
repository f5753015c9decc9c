//! The one `tracing` layer: keeps each span's fields and place in its trace, turns events into
//! log lines, and hands recorded spans to the exporter when they close.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::fields::{EventFields, Fields, Value};
use super::logs::{Entry, LogSink};
use super::trace::{self, FinishedSpan, Sampling, SpanEvent, SpanId, SpanSink, TraceContext};

/// Events kept of one recorded span; what comes later is only logged.
const SPAN_EVENTS_MAX: usize = 32;

/// What the layer is made of.
#[derive(Debug)]
pub(super) struct TelemetryLayer {
    pub(super) service: String,
    pub(super) levels: Targets,
    pub(super) sampling: Sampling,
    pub(super) logs: LogSink,
    pub(super) spans: Option<SpanSink>,
}

/// What is kept of an open span.
#[derive(Debug)]
pub(super) struct SpanState {
    pub(super) trace: TraceContext,
    pub(super) trace_state: Option<Arc<str>>,
    parent: Option<SpanId>,
    fields: Fields,
    /// Whether there is an exporter.
    exporting: bool,
    /// Only for a sampled span that will be exported.
    recording: Option<Box<Recording>>,
}

#[derive(Debug)]
struct Recording {
    start_ns: u64,
    events: Vec<SpanEvent>,
    error: Option<String>,
}

impl SpanState {
    /// Makes a root span the next step of a trace that came from outside.
    pub(super) fn continue_trace(&mut self, caller: TraceContext, state: Option<Arc<str>>) {
        self.parent = Some(caller.span_id);
        self.trace.trace_id = caller.trace_id;
        self.trace.sampled = caller.sampled;
        self.trace_state = state;
        self.record_if_sampled();
    }

    fn record_if_sampled(&mut self) {
        let wanted = self.exporting && self.trace.sampled;
        let fresh = || Box::new(Recording { start_ns: now_ns(), events: vec![], error: None });
        self.recording = wanted.then(|| self.recording.take().unwrap_or_else(fresh));
    }
}

impl TelemetryLayer {
    /// Whatever the log levels are, spans are kept from INFO on, because log lines need their
    /// fields, and problems are noted in recorded spans.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let span = metadata.is_span() && *metadata.level() <= Level::INFO;
        let problem = self.spans.is_some() && *metadata.level() <= Level::WARN;
        span || problem || self.logs_event(metadata)
    }

    fn logs_event(&self, metadata: &Metadata<'_>) -> bool {
        self.levels.would_enable(metadata.target(), metadata.level())
    }

    fn new_state<S>(&self, parent: Option<&SpanRef<'_, S>>) -> SpanState
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let exporting = self.spans.is_some();
        let extensions = parent.map(SpanRef::extensions);
        let above = extensions.as_ref().and_then(|e| e.get::<SpanState>());
        let span_id = trace::new_span_id();
        let mut state = match above {
            Some(above) => SpanState {
                trace: TraceContext { span_id, ..above.trace },
                trace_state: above.trace_state.clone(),
                parent: Some(above.trace.span_id),
                fields: Fields::default(),
                exporting,
                recording: None,
            },
            None => {
                let trace_id = trace::new_trace_id();
                let sampled = exporting && self.sampling.takes(trace_id);
                SpanState {
                    trace: TraceContext { trace_id, span_id, sampled },
                    trace_state: None,
                    parent: None,
                    fields: Fields::default(),
                    exporting,
                    recording: None,
                }
            }
        };
        state.record_if_sampled();
        state
    }

    fn log<S>(&self, event: &Event<'_>, fields: &EventFields, span: Option<&SpanRef<'_, S>>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let scope: Vec<SpanRef<'_, S>> =
            span.map(|span| span.scope().from_root().collect()).unwrap_or_default();
        let extensions: Vec<_> = scope.iter().map(SpanRef::extensions).collect();
        let states = || extensions.iter().filter_map(|e| e.get::<SpanState>());
        let mut context: Vec<(&'static str, &Value)> = Vec::new();
        let around = states().flat_map(|state| state.fields.iter());
        for (name, value) in around.chain(fields.fields.iter()) {
            if name.starts_with("otel.") || name == "request_id" {
                continue;
            }
            match context.iter_mut().find(|(known, _)| *known == name) {
                Some(outer) => outer.1 = value,
                None => context.push((name, value)),
            }
        }
        let own_id = fields.fields.text("request_id");
        self.logs.write(&Entry {
            time_us: now_ns() / 1_000,
            service: &self.service,
            level: *event.metadata().level(),
            target: event.metadata().target(),
            event: fields,
            context,
            trace: states().next_back().map(|state| state.trace),
            request_id: own_id.or_else(|| states().find_map(|s| s.fields.text("request_id"))),
        });
    }
}

impl<S> Layer<S> for TelemetryLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let logs = Layer::<S>::max_level_hint(&self.levels).unwrap_or(LevelFilter::TRACE);
        Some(logs.max(LevelFilter::INFO))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut state = self.new_state(span.parent().as_ref());
        attributes.record(&mut state.fields);
        span.extensions_mut().insert(state);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(state) = span.extensions_mut().get_mut::<SpanState>()
        {
            values.record(&mut state.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let span = context.event_span(event);
        if self.logs_event(event.metadata()) {
            self.log(event, &fields, span.as_ref());
        }
        if let Some(span) = span
            && let Some(state) = span.extensions_mut().get_mut::<SpanState>()
            && let Some(recording) = &mut state.recording
        {
            if *event.metadata().level() == Level::ERROR {
                recording.error = Some(fields.message.clone());
            }
            if recording.events.len() < SPAN_EVENTS_MAX {
                let (name, fields) = (fields.message, fields.fields);
                recording.events.push(SpanEvent { time_ns: now_ns(), name, fields });
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let state = span.extensions_mut().remove::<SpanState>();
        if let (Some(sink), Some(state)) = (&self.spans, state)
            && let Some(recording) = state.recording
        {
            sink.send(FinishedSpan {
                trace: state.trace,
                parent: state.parent,
                name: span.name(),
                start_ns: recording.start_ns,
                end_ns: now_ns(),
                fields: state.fields,
                events: recording.events,
                error: recording.error,
            });
        }
    }
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
