//! Sends recorded spans in batches, from a bounded queue, on a thread of its own.
//!
//! A collector that is slow or down costs spans, never a request: the batch in hand is tried
//! again with growing pauses while the queue fills, and what no longer fits is counted as
//! dropped. When the collector is back, the next attempt succeeds and the queue drains.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;

use super::collector::{Collector, Endpoint, SendError};
use super::otlp::{self, FinishedSpan};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::queue::{Limits, Queue, Writer};
use crate::telemetry::{TelemetryError, TelemetrySettings};

const BATCH_SPANS: usize = 512;
/// How long a batch gathers.
const LINGER: Duration = Duration::from_secs(1);
/// Pauses between attempts, doubled from the first to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LAST: Duration = Duration::from_secs(15);
/// At most one line about drops in this time.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Where the telemetry layer puts finished spans.
#[derive(Debug, Clone)]
pub(in crate::telemetry) struct SpanSink {
    queue: Arc<Queue<FinishedSpan>>,
    dropped: Counter,
}

impl SpanSink {
    /// Starts the exporting thread.
    pub(in crate::telemetry) fn start(
        endpoint: Endpoint,
        settings: &TelemetrySettings,
        metrics: &Metrics,
    ) -> Result<(Self, Writer<FinishedSpan>), TelemetryError> {
        let weight_max = settings.trace_queue_bytes;
        let limits = Limits { weight_max, batch_max: BATCH_SPANS, linger: LINGER };
        let queue = Arc::new(Queue::new(limits));
        let help = "Recorded spans lost: queue full, refused, or not sent before the end";
        let dropped = metrics.counter("backplane_trace_spans_dropped", help);
        let sent = metrics.counter("backplane_trace_spans_sent", "Spans taken by the collector");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(TelemetryError::Thread)?;
        let exporter = Exporter {
            service: settings.service_name.clone(),
            queue: Arc::clone(&queue),
            collector: Collector::new(endpoint, &settings.trace_roots_path)?,
            sent,
            dropped: dropped.clone(),
            reported: (Instant::now(), 0),
        };
        let run = move || runtime.block_on(exporter.run());
        let writer = Writer::start("trace-export", Arc::clone(&queue), run)
            .map_err(TelemetryError::Thread)?;
        Ok((SpanSink { queue, dropped }, writer))
    }

    /// Queues a span, or counts it as dropped.
    pub(in crate::telemetry) fn send(&self, span: FinishedSpan) {
        let bytes = span.bytes();
        if !self.queue.push(span, bytes) {
            self.dropped.inc();
        }
    }
}

struct Exporter {
    service: String,
    queue: Arc<Queue<FinishedSpan>>,
    collector: Collector,
    sent: Counter,
    dropped: Counter,
    /// When drops were last reported, and how many there were.
    reported: (Instant, u64),
}

impl Exporter {
    /// The thread's own runtime has nothing else to do, so the queue may block it.
    async fn run(mut self) {
        while let Some(batch) = self.queue.take() {
            let spans = batch.len() as u64;
            let body = Bytes::from(otlp::encode(&self.service, &batch));
            drop(batch);
            match self.send(body).await {
                Ok(rejected) => {
                    let rejected = rejected.min(spans);
                    self.dropped.inc_by(rejected);
                    self.sent.inc_by(spans - rejected)
                }
                Err(error) => {
                    tracing::warn!(%error, spans, "spans were not sent");
                    self.dropped.inc_by(spans)
                }
            };
            self.report_drops();
        }
    }

    /// Tries until the batch is taken or refused; once the queue is closed, one last time.
    async fn send(&mut self, body: Bytes) -> Result<u64, SendError> {
        let mut pause = PAUSE_FIRST;
        loop {
            let last = self.queue.is_closed();
            match self.collector.send(body.clone()).await {
                Err(SendError::TryAgain(_)) if !last => {}
                other => return other,
            }
            self.report_drops();
            self.queue.pause(pause);
            pause = (pause * 2).min(PAUSE_LAST);
        }
    }

    fn report_drops(&mut self) {
        let (at, known) = self.reported;
        let total = self.dropped.get();
        if total > known && at.elapsed() >= REPORT_EVERY {
            tracing::warn!(
                spans = total - known,
                "spans were dropped: the collector is slow or down"
            );
            self.reported = (Instant::now(), total);
        }
    }
}
