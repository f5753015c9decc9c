//! Logs: one JSON object a line, the same fields from every service.
//!
//! Always there: `timestamp` (RFC 3339, UTC, microseconds), `service`, `severity` (`DEBUG`,
//! `INFO`, `WARNING`, `ERROR`), `message` and `context` (the fields of the event and of the spans
//! around it). Where known: `trace_id`, `span_id`, `request_id`, and `exception` for an error
//! or panic, stack included, in the same line. Lines pass through a bounded queue: a slow disk or
//! a blocked pipe costs lines, which are counted, and never a request.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::metrics::Metrics;
use super::queue::{Limits, Queue, Writer};
use super::{LogFormat, TelemetryError, TelemetrySettings};

mod entry;
mod file;
#[cfg(test)]
mod tests;
mod timestamp;

pub(super) use entry::Entry;
pub(super) use file::RotatingFile;

/// Lines written by one system call at most.
const BATCH_LINES: usize = 1_024;
/// How long a batch gathers. Without it the writing thread was woken for seven lines in ten at a
/// thousand a second; nobody who reads a log notices five milliseconds.
const LINGER: Duration = Duration::from_millis(5);

/// Where the telemetry layer puts its lines.
#[derive(Debug, Clone)]
pub(super) struct LogSink {
    queue: Arc<Queue<String>>,
    dropped: Counter,
    json: bool,
}

impl LogSink {
    /// Starts the writing thread.
    pub(super) fn start(
        settings: &TelemetrySettings,
        metrics: &Metrics,
    ) -> Result<(Self, Writer<String>), TelemetryError> {
        let limits =
            Limits { weight_max: settings.log_queue_bytes, batch_max: BATCH_LINES, linger: LINGER };
        let queue = Arc::new(Queue::new(limits));
        let help = "Log lines lost because the queue was full or could not be written";
        let dropped = metrics.counter("backplane_log_lines_dropped", help);
        let destination = Destination::open(settings)?;
        let to_terminal = settings.log_file.is_empty() && std::io::stderr().is_terminal();
        let json = match settings.log_format {
            LogFormat::Json => true,
            LogFormat::Compact => false,
            LogFormat::Auto => !to_terminal,
        };
        let (taking, lost) = (Arc::clone(&queue), dropped.clone());
        let run = move || write_all(&taking, destination, &lost);
        let writer =
            Writer::start("log-writer", Arc::clone(&queue), run).map_err(TelemetryError::Thread)?;
        Ok((LogSink { queue, dropped, json }, writer))
    }

    /// Queues one line, or counts it as lost.
    pub(super) fn write(&self, entry: &Entry<'_>) {
        let line = if self.json { entry.json() } else { entry.compact() };
        let bytes = line.len();
        if !self.queue.push(line, bytes) {
            self.dropped.inc();
        }
    }
}

enum Destination {
    Stderr,
    File(RotatingFile),
}

impl Destination {
    fn open(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        if settings.log_file.is_empty() {
            return Ok(Destination::Stderr);
        }
        let file = RotatingFile::open(settings).map_err(|source| TelemetryError::LogFile {
            path: settings.log_file.clone(),
            source,
        })?;
        Ok(Destination::File(file))
    }

    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        match self {
            Destination::Stderr => std::io::Write::write_all(&mut std::io::stderr(), text),
            Destination::File(file) => file.write(text),
        }
    }
}

/// A batch that cannot be written (disk full) is lost and counted; the next one tries again.
fn write_all(queue: &Queue<String>, mut destination: Destination, lost: &Counter) {
    while let Some(lines) = queue.take() {
        if destination.write(lines.concat().as_bytes()).is_err() {
            lost.inc_by(lines.len() as u64);
        }
    }
}
