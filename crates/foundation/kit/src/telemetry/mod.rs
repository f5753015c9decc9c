//! How a running program is seen from outside: metrics, logs and traces.
//!
//! - [`metrics`]: counters, gauges, latency histograms; rate, errors and duration a route.
//! - [`host`]: processor, memory, disk, network and the process itself, read at scrape time.
//! - [`logs`]: JSON lines with one set of fields, to standard error or a rotated file.
//! - [`trace`]: W3C Trace Context, and spans to a collector by OTLP.
//!
//! None of it may harm what it observes: nothing here blocks a request, every buffer is bounded,
//! and what does not fit is dropped and counted. Nothing leaves with a secret in it: fields are
//! masked, by name and by shape, before they are kept.

use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;

mod fields;
pub mod host;
mod layer;
pub mod logs;
mod mask;
pub mod metrics;
mod panics;
mod queue;
#[cfg(test)]
mod tests;
pub mod trace;

use crate::trust::TrustError;
use layer::TelemetryLayer;
use logs::LogSink;
use metrics::Metrics;
use trace::{Endpoint, FinishedSpan, Sampling, SpanSink};

/// The commented defaults of the section `telemetry`.
pub const DEFAULT_SETTINGS: &str = include_str!("default.toml");

/// The section `telemetry`; `default.toml` says what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented once, in default.toml")]
pub struct TelemetrySettings {
    pub service_name: String,
    pub log_levels: String,
    pub log_format: LogFormat,
    pub log_file: String,
    pub log_file_max_bytes: u64,
    pub log_file_max_hours: u64,
    pub log_files_kept: u32,
    pub log_queue_bytes: usize,
    pub trace_endpoint: String,
    pub trace_roots_path: String,
    pub trace_ratio: f64,
    pub trace_queue_bytes: usize,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Compact at a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Compact,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Levels that cannot be read.
    #[error("telemetry.log_levels `{text}`: {message}; write them like \"info,shortener=debug\"")]
    Levels {
        /// The setting.
        text: String,
        /// What is wrong.
        message: String,
    },
    /// The log file cannot be opened.
    #[error("telemetry.log_file {path}: {source}")]
    LogFile {
        /// The setting.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No address of a collector.
    #[error("telemetry.trace_endpoint `{text}` must be like \"http://127.0.0.1:4318\" or https")]
    Endpoint {
        /// The setting.
        text: String,
    },
    /// The collector's certificate could not be judged.
    #[error("telemetry.trace_roots_path: {0}")]
    Roots(#[from] TrustError),
    /// The operating system gives no thread.
    #[error("no thread for telemetry: {0}")]
    Thread(std::io::Error),
    /// A subscriber is installed already.
    #[error("telemetry is already running in this process")]
    AlreadyRunning,
}

/// Keeps logs and traces running; dropping it writes and sends what is queued, for at most a
/// few seconds.
#[derive(Debug)]
pub struct TelemetryGuard {
    // In this order: the exporter's last words still reach the log.
    _spans: Option<queue::Writer<FinishedSpan>>,
    _logs: queue::Writer<String>,
}

/// Starts logs and traces for the process, and logs panics. Hold the guard until the end.
///
/// # Errors
/// Settings that make no sense, a log file that cannot be opened, or a second call.
pub fn init(
    settings: &TelemetrySettings,
    metrics: &Metrics,
) -> Result<TelemetryGuard, TelemetryError> {
    let (layer, guard) = build(settings, metrics)?;
    tracing::subscriber::set_global_default(Registry::default().with(layer))
        .map_err(|_| TelemetryError::AlreadyRunning)?;
    panics::log_panics();
    Ok(guard)
}

/// The layer on its own, for a subscriber that the caller makes.
fn build(
    settings: &TelemetrySettings,
    metrics: &Metrics,
) -> Result<(TelemetryLayer, TelemetryGuard), TelemetryError> {
    let levels = read_levels(&settings.log_levels)?;
    let (logs, logs_writer) = LogSink::start(settings, metrics)?;
    let exporter = Endpoint::read(&settings.trace_endpoint)?
        .map(|endpoint| SpanSink::start(endpoint, settings, metrics))
        .transpose()?;
    let (spans, spans_writer) = exporter.unzip();
    let layer = TelemetryLayer {
        service: settings.service_name.clone(),
        levels,
        sampling: Sampling::new(settings.trace_ratio),
        logs,
        spans,
    };
    Ok((layer, TelemetryGuard { _spans: spans_writer, _logs: logs_writer }))
}

/// `Targets` takes any lone word for a module; a misspelt level must not go through as one.
fn read_levels(text: &str) -> Result<Targets, TelemetryError> {
    let wrong = |message: String| TelemetryError::Levels { text: text.to_owned(), message };
    for part in text.split(',').map(str::trim) {
        if part.is_empty() || !part.contains('=') && part.parse::<LevelFilter>().is_err() {
            return Err(wrong(format!("`{part}` is no level")));
        }
    }
    text.parse().map_err(|error: ParseError| wrong(error.to_string()))
}
