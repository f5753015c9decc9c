//! What lands in the log file, line by line.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{LogSink, RotatingFile};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::queue::{Limits, Queue};
use crate::telemetry::tests::settings;
use crate::telemetry::trace::{RequestInfo, span_for_request};
use crate::telemetry::{LogFormat, TelemetryError, build};

/// Runs `act` with a log file and returns what was written.
fn logged(levels: &str, format: LogFormat, act: impl FnOnce()) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("logs/backplane.log");
    let mut settings = settings();
    settings.log_levels = levels.to_owned();
    settings.log_format = format;
    settings.log_file = path.display().to_string();
    let (layer, guard) = build(&settings, &Metrics::new()).unwrap();
    tracing::subscriber::with_default(Registry::default().with(layer), act);
    drop(guard);
    std::fs::read_to_string(path).unwrap()
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(request_id: &str) -> tracing::Span {
    let headers = http::HeaderMap::new();
    span_for_request(RequestInfo { headers: &headers, method: "GET", route: "/{code}", request_id })
}

#[test]
fn every_line_has_the_mandatory_fields() {
    let text = logged("debug", LogFormat::Json, || {
        tracing::debug!("plain");
        let _entered = request("r-1").entered();
        let _inner = tracing::info_span!("inner", user = 7, code = "abc").entered();
        tracing::warn!(code = "xyz", ok = true, share = 0.5, "in \"a\" request");
    });
    let lines = json_lines(&text);
    for line in &lines {
        let timestamp = line["timestamp"].as_str().unwrap();
        assert_eq!((timestamp.len(), &timestamp[26..]), (27, "Z"), "{timestamp}");
        assert_eq!(line["service"], "backplane");
        assert!(line["message"].is_string() && line["context"].is_object());
    }
    assert_eq!(
        (&lines[0]["severity"], &lines[1]["severity"]),
        (&"DEBUG".into(), &"WARNING".into())
    );
    assert!(lines[0].get("trace_id").is_none());
    assert_eq!(lines[1]["message"], "in \"a\" request");
    assert_eq!(lines[1]["request_id"], "r-1");
    assert_eq!(lines[1]["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(lines[1]["span_id"].as_str().unwrap().len(), 16);
    let context = &lines[1]["context"];
    assert_eq!((&context["user"], &context["code"]), (&7.into(), &"xyz".into()));
    assert_eq!((&context["share"], &context["http.route"]), (&0.5.into(), &"/{code}".into()));
}

#[test]
fn values_cannot_forge_lines() {
    let attack = "x\n{\"severity\":\"ERROR\"}\r\u{1b}[2J\u{9b}31m\u{2028}\0\u{202e}";
    for format in [LogFormat::Json, LogFormat::Compact] {
        let text = logged("info", format, || tracing::info!(agent = attack, "{attack}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        let harmless = |c: char| c == '\n' || !(c.is_control() || "\u{2028}\u{202e}".contains(c));
        assert!(text.chars().all(harmless), "{text:?}");
        if format == LogFormat::Json {
            assert_eq!(json_lines(&text)[0]["message"], attack);
        }
    }
}

#[test]
fn planted_secrets_never_appear() {
    let text = logged("info", LogFormat::Json, || {
        let span = tracing::info_span!("login", password = "planted1", user = "ann");
        let _entered = span.entered();
        tracing::info!(api_token = "planted2", card = 4_111_111_111_111_111_u64, "ok");
        tracing::info!(header = "Bearer planted3.x", "bp_planted4567, 4111 1111 1111 1111");
        let refused = "postgres://u:planted5@db refused";
        tracing::error!(error = %refused, cookie = ?"planted6", "failed");
    });
    assert_eq!(text.lines().count(), 3);
    assert!(!text.contains("planted") && !text.contains("4111 1111"), "{text}");
    assert!(text.contains("ann") && text.contains("[masked]"));
}

#[test]
fn an_exception_is_one_entry_with_its_stack() {
    let text = logged("info", LogFormat::Json, || {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(crate::telemetry::panics::log_panic));
        let _ = std::panic::catch_unwind(|| panic!("broken\nin two"));
        std::panic::set_hook(hook);
        let refused = std::io::Error::other("disk gone");
        let error = TelemetryError::LogFile { path: "x".to_owned(), source: refused };
        tracing::error!(error = &error as &(dyn std::error::Error + 'static), "cannot open");
    });
    let lines = json_lines(&text);
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["exception"]["type"], "panic");
    assert_eq!(lines[0]["exception"]["message"], "broken\nin two");
    assert!(lines[0]["exception"]["stacktrace"].as_str().unwrap().lines().count() > 3);
    let message = lines[1]["exception"]["message"].as_str().unwrap();
    assert!(message.ends_with("disk gone"), "{message}");
}

#[test]
fn levels_follow_the_settings_by_module() {
    let text = logged("warn,shortener=debug", LogFormat::Compact, || {
        tracing::info!(target: "kit::http", "no");
        tracing::debug!(target: "shortener::service", link = "a b", "yes");
        tracing::trace!(target: "shortener", "no");
        tracing::warn!(target: "kit::http", n = 1, "yes");
    });
    let shown: Vec<&str> = text.lines().map(|line| &line[13..]).collect();
    assert_eq!(
        shown,
        ["DEBUG   shortener::service: yes link=\"a b\"", "WARNING kit::http: yes n=1"]
    );
}

#[test]
fn a_full_queue_drops_and_counts_and_never_waits() {
    let metrics = Metrics::new();
    let limits = Limits { weight_max: 4_000, batch_max: 10, linger: std::time::Duration::ZERO };
    let dropped = metrics.counter("backplane_log_lines_dropped", "");
    // Nobody takes from this queue: a disk that hangs.
    let queue = Arc::new(Queue::new(limits));
    let sink = LogSink { queue: Arc::clone(&queue), dropped, json: true };
    let (mut layer, _guard) = layer_of(&metrics);
    layer.logs = sink;
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        (0..100).for_each(|i| tracing::info!(i, "line"));
    });
    let kept = queue.len();
    assert!(kept > 10 && kept < 50, "{kept}");
    let counted = format!("backplane_log_lines_dropped_total {}", 100 - kept);
    assert!(metrics.encode().contains(&counted), "{}", metrics.encode());
}

fn layer_of(
    metrics: &Metrics,
) -> (crate::telemetry::layer::TelemetryLayer, crate::telemetry::TelemetryGuard) {
    crate::telemetry::build(&settings(), metrics).unwrap()
}

#[test]
fn files_rotate_by_size_and_only_so_many_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.log_file = directory.path().join("a.log").display().to_string();
    settings.log_file_max_bytes = 20;
    settings.log_files_kept = 2;
    let mut file = RotatingFile::open(&settings).unwrap();
    for line in ["first.....\n", "second....\n", "third.....\n", "fourth....\n"] {
        file.write(line.as_bytes()).unwrap();
    }
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).ok();
    assert_eq!(read("a.log").unwrap(), "fourth....\n");
    assert_eq!(read("a.log.1").unwrap(), "third.....\n");
    assert_eq!(read("a.log.2").unwrap(), "second....\n");
    assert_eq!(read("a.log.3"), None);
    // A restart continues the file.
    RotatingFile::open(&settings).unwrap().write(b"more\n").unwrap();
    assert_eq!(read("a.log").unwrap(), "fourth....\nmore\n");
}

#[test]
fn files_rotate_by_age() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.log_file = directory.path().join("a.log").display().to_string();
    settings.log_file_max_hours = 0;
    let mut file = RotatingFile::open(&settings).unwrap();
    file.write(b"old\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    file.write(b"new\n").unwrap();
    assert_eq!(std::fs::read_to_string(directory.path().join("a.log.1")).unwrap(), "old\n");
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named() {
    let mut settings = settings();
    settings.log_file = "/proc/nowhere/a.log".to_owned();
    let error = build(&settings, &Metrics::new()).map(drop).unwrap_err().to_string();
    assert!(error.contains("telemetry.log_file /proc/nowhere/a.log"), "{error}");
    assert!(!Path::new("/proc/nowhere").exists());
}
