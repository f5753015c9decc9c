//! Spans all the way to a collector on a real socket, and contexts in and out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::Value as Json;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{RequestInfo, current, inject, record_route, record_status, span_for_request};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::tests::settings;
use crate::telemetry::{TelemetryGuard, TelemetrySettings, build};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An OTLP/HTTP collector: keeps what it is sent and answers with the status it is told to.
struct TestCollector {
    address: String,
    bodies: Arc<Mutex<Vec<Json>>>,
    status: Arc<AtomicU16>,
    /// Said to be rejected of each batch.
    rejected: Arc<AtomicU16>,
}

impl TestCollector {
    fn start() -> Self {
        Self::start_with(None)
    }

    fn start_with(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(AtomicU16::new(200));
        let rejected = Arc::new(AtomicU16::new(0));
        let (keep, answer, reject) =
            (Arc::clone(&bodies), Arc::clone(&status), Arc::clone(&rejected));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (keep, answer) = (Arc::clone(&keep), Arc::clone(&answer));
                let reject = Arc::clone(&reject);
                let (stream, tls) = (stream.unwrap(), tls.clone());
                std::thread::spawn(move || match tls {
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(tls).unwrap();
                        let stream = rustls::StreamOwned::new(session, stream);
                        serve(stream, &keep, &answer, &reject);
                    }
                    None => serve(stream, &keep, &answer, &reject),
                });
            }
        });
        TestCollector { address, bodies, status, rejected }
    }

    fn spans(&self) -> Vec<Json> {
        let bodies = self.bodies.lock();
        let spans = |body: &Json| {
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        };
        bodies.iter().flat_map(spans).collect()
    }
}

fn serve(
    stream: impl Read + Write,
    keep: &Mutex<Vec<Json>>,
    answer: &AtomicU16,
    reject: &AtomicU16,
) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            assert!(!line.starts_with("POST") || line.starts_with("POST /v1/traces "), "{line}");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let status = answer.load(Ordering::SeqCst);
        if status == 200 {
            keep.lock().push(serde_json::from_slice(&body).unwrap());
        }
        let rejected = reject.load(Ordering::SeqCst);
        let answer = format!("{{\"partialSuccess\":{{\"rejectedSpans\":\"{rejected}\"}}}}");
        let length = answer.len();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{answer}");
        reader.get_mut().write_all(head.as_bytes()).unwrap();
    }
}

fn with_telemetry<T>(
    change: impl FnOnce(&mut TelemetrySettings),
    metrics: &Metrics,
    act: impl FnOnce() -> T,
) -> (T, TelemetryGuard) {
    let mut settings = settings();
    settings.log_levels = "off".to_owned();
    change(&mut settings);
    let (layer, guard) = build(&settings, metrics).unwrap();
    (tracing::subscriber::with_default(Registry::default().with(layer), act), guard)
}

fn request(headers: &HeaderMap) -> tracing::Span {
    span_for_request(RequestInfo { headers, method: "GET", route: "/{code}", request_id: "r-1" })
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn attribute<'a>(span: &'a Json, key: &str) -> &'a Json {
    let attributes = span["attributes"].as_array().unwrap();
    attributes.iter().find(|a| a["key"] == key).map_or(&Json::Null, |a| &a["value"])
}

#[test]
fn one_request_is_one_trace_at_the_collector() {
    let collector = TestCollector::start();
    let metrics = Metrics::new();
    let endpoint = |s: &mut TelemetrySettings| s.trace_endpoint.clone_from(&collector.address);
    let (outgoing, guard) = with_telemetry(endpoint, &metrics, || {
        let span = request(&headers(&[("traceparent", PARENT), ("tracestate", "v=1")]));
        record_status(&span, 503);
        let _request = span.entered();
        let call = tracing::info_span!("load link", otel.kind = "client", password = "planted");
        let _call = call.entered();
        tracing::error!(hint = "Bearer planted123", "no answer from bp_planted789");
        let mut outgoing = HeaderMap::new();
        inject(&mut outgoing);
        outgoing
    });
    drop(guard);
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "{spans:?}");
    let (call, request) = (&spans[0], &spans[1]);
    assert_eq!(request["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(request["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!((&request["name"], &request["kind"]), (&"GET /{code}".into(), &2.into()));
    assert_eq!(request["status"]["code"], 2);
    assert_eq!(attribute(request, "http.response.status_code")["intValue"], "503");
    assert_eq!(call["parentSpanId"], request["spanId"]);
    assert_eq!((&call["name"], &call["kind"]), (&"load link".into(), &3.into()));
    assert_eq!(call["status"]["message"], "no answer from [masked]");
    assert_eq!(call["events"].as_array().unwrap().len(), 1);
    let nanos = |span: &Json, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanos(request, "startTimeUnixNano") <= nanos(call, "startTimeUnixNano"));
    assert!(nanos(call, "endTimeUnixNano") <= nanos(request, "endTimeUnixNano"));
    assert!(!format!("{:?}", collector.bodies.lock()).contains("planted"));
    let expected =
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", call["spanId"].as_str().unwrap());
    assert_eq!(outgoing["traceparent"], expected.as_str());
    assert_eq!(outgoing["tracestate"], "v=1");
    assert!(metrics.encode().contains("backplane_trace_spans_sent_total 2"));
}

#[test]
fn the_callers_decision_is_followed_and_new_traces_are_sampled() {
    let collector = TestCollector::start();
    for (ratio, parent, expected) in [
        (0.0, Some(PARENT.to_owned()), 1),
        (1.0, Some(PARENT.replace("-01", "-00")), 0),
        (1.0, None, 1),
        (0.0, None, 0),
        (1.0, Some("00-nonsense".to_owned()), 1),
    ] {
        collector.bodies.lock().clear();
        let change = |s: &mut TelemetrySettings| {
            s.trace_endpoint.clone_from(&collector.address);
            s.trace_ratio = ratio;
        };
        let ((), guard) = with_telemetry(change, &Metrics::new(), || {
            let pairs: Vec<_> = parent.iter().map(|p| ("traceparent", p.as_str())).collect();
            drop(request(&headers(&pairs)));
        });
        drop(guard);
        assert_eq!(collector.spans().len(), expected, "{ratio} {parent:?}");
    }
}

/// Acceptance 17, in small: a collector that is down costs spans, counted exactly, and no time;
/// when it is back, the rest arrives.
#[test]
fn a_stopped_collector_costs_nothing_but_spans() {
    const REQUESTS: usize = 5_000;
    let collector = TestCollector::start();
    collector.status.store(503, Ordering::SeqCst);
    let metrics = Metrics::new();
    let change = |s: &mut TelemetrySettings| {
        s.trace_endpoint.clone_from(&collector.address);
        s.trace_ratio = 1.0;
        s.trace_queue_bytes = 200_000;
    };
    let (slowest, guard) = with_telemetry(change, &metrics, || {
        let none = HeaderMap::new();
        let each = (0..REQUESTS).map(|_| {
            let start = Instant::now();
            drop(request(&none));
            start.elapsed()
        });
        each.max().unwrap()
    });
    // Far below any wait for a collector, far above a slow machine's scheduling.
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    collector.status.store(200, Ordering::SeqCst);
    drop(guard);
    let text = metrics.encode();
    let counter = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}_total "))).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let dropped = counter("backplane_trace_spans_dropped");
    assert!(dropped > 0);
    assert_eq!(counter("backplane_trace_spans_sent") + dropped, REQUESTS);
    assert_eq!(collector.spans().len() + dropped, REQUESTS);
}

/// A collector that is above its own limit takes a batch and says how many spans it left out.
#[test]
fn spans_that_the_collector_rejects_count_as_dropped() {
    let collector = TestCollector::start();
    collector.rejected.store(2, Ordering::SeqCst);
    let metrics = Metrics::new();
    let change = |s: &mut TelemetrySettings| {
        s.trace_endpoint.clone_from(&collector.address);
        s.trace_ratio = 1.0;
    };
    let ((), guard) = with_telemetry(change, &metrics, || {
        (0..5).for_each(|_| drop(request(&HeaderMap::new())));
    });
    drop(guard);
    let text = metrics.encode();
    assert!(text.contains("backplane_trace_spans_sent_total 3"), "{text}");
    assert!(text.contains("backplane_trace_spans_dropped_total 2"), "{text}");
}

#[test]
fn without_a_collector_contexts_still_pass_through() {
    let (ids, _guard) = with_telemetry(
        |_| {},
        &Metrics::new(),
        || {
            let span = request(&headers(&[("traceparent", PARENT)]));
            let _entered = span.enter();
            record_route(&span, "/{code}+");
            let mut outgoing = HeaderMap::new();
            inject(&mut outgoing);
            (current().unwrap(), outgoing["traceparent"].to_str().unwrap().to_owned())
        },
    );
    assert_eq!(ids.0.to_string(), ids.1);
    assert!(ids.1.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && ids.1.ends_with("-01"));
    assert_eq!(current(), None);
}

#[test]
fn malformed_or_doubled_parents_begin_a_new_trace() {
    let ((), _guard) = with_telemetry(
        |_| {},
        &Metrics::new(),
        || {
            let doubled = headers(&[("traceparent", PARENT), ("traceparent", PARENT)]);
            let nonsense = headers(&[("traceparent", "00-zz"), ("tracestate", "a=1")]);
            for bad in [doubled, nonsense] {
                let _entered = request(&bad).entered();
                let mut outgoing = HeaderMap::new();
                inject(&mut outgoing);
                assert!(!outgoing["traceparent"].to_str().unwrap().contains("4bf92f"));
                assert!(!outgoing.contains_key("tracestate"));
            }
        },
    );
}

#[test]
fn an_https_collector_must_be_vouched_for() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let collector = TestCollector::start_with(Some(Arc::new(tls)));
    let dir = tempfile::tempdir().unwrap();
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for (name, pem, spans) in [("own", made.cert.pem(), 1), ("other", stranger.cert.pem(), 1)] {
        let roots = dir.path().join(name);
        std::fs::write(&roots, pem).unwrap();
        let change = |s: &mut TelemetrySettings| {
            s.trace_endpoint.clone_from(&collector.address);
            s.trace_ratio = 1.0;
            s.trace_roots_path = roots.display().to_string();
        };
        let ((), guard) =
            with_telemetry(change, &Metrics::new(), || drop(request(&HeaderMap::new())));
        drop(guard);
        assert_eq!(collector.spans().len(), spans, "{name}");
    }
}
