//! What the machine and the process are doing, read from `/proc` only when somebody asks.
//!
//! Names follow the Prometheus conventions: `process_...` as every client library has them,
//! `host_...` for the machine. A file that cannot be read leaves its figures out; it never fails
//! a scrape. Linux only: elsewhere the figures are absent.

use std::path::Path;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

mod proc;
#[cfg(test)]
mod tests;

/// Everything read at one moment. Times are in seconds since boot or start, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HostReading {
    /// Processor time of all cores by mode (`user`, `system`, `idle`, ...).
    pub cpu_seconds: Vec<(String, f64)>,
    /// Memory of the machine.
    pub memory_total_bytes: u64,
    /// Memory that programs can still get.
    pub memory_available_bytes: u64,
    /// Disks, without partitions.
    pub disks: Vec<Transfer>,
    /// Network interfaces, the loopback one included.
    pub interfaces: Vec<Transfer>,
    /// This process.
    pub process: ProcessReading,
}

/// Bytes that went through a disk or interface since boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Transfer {
    /// The kernel's name of it.
    pub name: String,
    /// Bytes read or received.
    pub in_bytes: u64,
    /// Bytes written or sent.
    pub out_bytes: u64,
}

/// What the process uses.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProcessReading {
    /// Processor time in user and kernel mode since the start.
    pub cpu_seconds: f64,
    /// When it started, in seconds since 1970 UTC.
    pub start_time_seconds: f64,
    /// Memory in RAM (RSS).
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many it may open; 0 when unlimited.
    pub max_fds: u64,
}

/// Reads everything now. Costs about ten small reads below `/proc`.
#[must_use]
pub fn read() -> HostReading {
    proc::read(Path::new("/"))
}

/// The figures of [`read`] as metrics: give it to [`super::metrics::Metrics::collector`].
#[derive(Debug, Clone, Copy, Default)]
pub struct HostCollector;

impl Collector for HostCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let reading = read();
        let out = &mut encoder;
        let cpu = reading.cpu_seconds.iter().map(|(mode, value)| (mode.as_str(), *value));
        counters(out, ("host_cpu_seconds", "Processor time by mode", "mode"), cpu)?;
        let memory =
            [("total", reading.memory_total_bytes), ("available", reading.memory_available_bytes)];
        gauges(out, ("host_memory_bytes", "Memory of the machine", "state"), memory)?;
        transfers(out, &reading)?;
        process(out, &reading.process)
    }
}

/// Name, help and label of a metric with one label.
type Described<'a> = (&'a str, &'a str, &'a str);

fn transfers(
    out: &mut DescriptorEncoder<'_>,
    reading: &HostReading,
) -> Result<(), std::fmt::Error> {
    let [disk, network] = [("disk", "device"), ("network", "interface")];
    let directions = [
        (disk, "read", &reading.disks, true),
        (disk, "written", &reading.disks, false),
        (network, "received", &reading.interfaces, true),
        (network, "sent", &reading.interfaces, false),
    ];
    for ((what, label), verb, items, inward) in directions {
        let name = format!("host_{what}_{verb}_bytes");
        let help = format!("Bytes {verb} by each {what} {label} since boot");
        let bytes = |t: &Transfer| if inward { t.in_bytes } else { t.out_bytes };
        #[expect(clippy::cast_precision_loss, reason = "OpenMetrics numbers are doubles")]
        let values = items.iter().map(|t| (t.name.as_str(), bytes(t) as f64));
        counters(out, (&name, &help, label), values)?;
    }
    Ok(())
}

fn process(
    out: &mut DescriptorEncoder<'_>,
    process: &ProcessReading,
) -> Result<(), std::fmt::Error> {
    let (name, help) = ("process_cpu_seconds", "Processor time in user and kernel mode");
    let cpu = ConstCounter::new(process.cpu_seconds);
    cpu.encode(out.encode_descriptor(name, help, None, cpu.metric_type())?)?;
    let (name, help) = ("process_start_time_seconds", "Start of the process since 1970 UTC");
    let start = ConstGauge::new(process.start_time_seconds);
    start.encode(out.encode_descriptor(name, help, None, start.metric_type())?)?;
    let gauges = [
        ("process_resident_memory_bytes", "Memory in RAM", process.resident_bytes),
        ("process_virtual_memory_bytes", "Address space", process.virtual_bytes),
        ("process_threads", "Threads", process.threads),
        ("process_open_fds", "Open file descriptors", process.open_fds),
        ("process_max_fds", "File descriptors that may be open", process.max_fds),
    ];
    for (name, help, value) in gauges {
        let gauge = ConstGauge::new(value);
        gauge.encode(out.encode_descriptor(name, help, None, gauge.metric_type())?)?;
    }
    Ok(())
}

fn counters<'a>(
    out: &mut DescriptorEncoder<'_>,
    (name, help, label): Described<'_>,
    values: impl IntoIterator<Item = (&'a str, f64)>,
) -> Result<(), std::fmt::Error> {
    let kind = ConstCounter::new(0.0).metric_type();
    let mut family = out.encode_descriptor(name, help, None, kind)?;
    for (value, count) in values {
        ConstCounter::new(count).encode(family.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}

fn gauges<'a>(
    out: &mut DescriptorEncoder<'_>,
    (name, help, label): Described<'_>,
    values: impl IntoIterator<Item = (&'a str, u64)>,
) -> Result<(), std::fmt::Error> {
    let kind = ConstGauge::new(0_u64).metric_type();
    let mut family = out.encode_descriptor(name, help, None, kind)?;
    for (value, count) in values {
        ConstGauge::new(count).encode(family.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}
