//! How a running program is seen from outside: metrics, logs and traces.
//!
//! - [`metrics`]: counters, gauges, latency histograms; rate, errors and duration a route.
//! - [`host`]: processor, memory, disk, network and the process itself, read at scrape time.
//!
//! None of it may harm what it observes: nothing here blocks a request, every buffer is bounded,
//! and what does not fit is dropped and counted.

pub mod host;
pub mod metrics;
