//! The peer of RESP front doors: Debian's `redis-server` on a loopback port of its own, nothing
//! written to disk; and its `redis-benchmark`, which sends the load to both sides.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::BenchError;
use crate::latency::Percentiles;
use crate::load::Measured;
use crate::process::{Running, free_port};

const SERVER: &str = "redis-server";
const TOOL: &str = "redis-benchmark";
const PACKAGE: &str = "redis";
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running Redis; ended when dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    running: Option<Running>,
    address: SocketAddr,
    /// Removed after the process ended, because fields drop in order.
    _directory: TempDir,
}

impl Redis {
    /// Starts it and waits until it accepts connections.
    ///
    /// # Errors
    /// `BenchError::Program` when it is not installed or does not start.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let directory =
            tempfile::tempdir().map_err(BenchError::system("making a temporary directory"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(SERVER);
        command.current_dir(directory.path());
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &address.port().to_string()]);
        let running = Running::start(command, &directory.path().join("output.log"));
        let mut running = running.map_err(BenchError::missing(SERVER, PACKAGE))?;
        let ready = running.wait_until(START_TIMEOUT, || TcpStream::connect(address).ok());
        let redis = Self { running: Some(running), address, _directory: directory };
        ready.map(|_| redis)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop();
        }
    }
}

/// A run of `redis-benchmark`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst<'a> {
    /// Keep-alive connections.
    pub(crate) connections: usize,
    /// Commands sent before an answer is awaited; 1: none is.
    pub(crate) pipeline: usize,
    /// How many commands.
    pub(crate) commands: u64,
    /// The command and its arguments.
    pub(crate) command: &'a [&'a str],
}

impl Burst<'_> {
    /// Sends it to `address` and reads the figures. The tool counts errors as answers, so the
    /// caller has to see for itself that answers are right.
    ///
    /// # Errors
    /// `BenchError::Program` when the tool is missing, fails or prints something unknown.
    pub(crate) fn run(&self, address: SocketAddr) -> Result<Measured, BenchError> {
        let mut tool = Command::new(TOOL);
        tool.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
        tool.args(["-c", &self.connections.to_string(), "-P", &self.pipeline.to_string()]);
        tool.args(["-n", &self.commands.to_string(), "--csv"]).args(self.command);
        let output = tool.output().map_err(BenchError::missing(TOOL, PACKAGE))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = parse(&text).filter(|_| output.status.success());
        let mut measured = figures.ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            let reason = format!("its output has no figures:\n{text}{errors}");
            BenchError::Program { program: TOOL.into(), reason }
        })?;
        measured.answers = self.commands;
        measured.seconds = self.commands as f64 / measured.requests_per_s;
        Ok(measured)
    }
}

/// Reads the line of figures of `--csv`: test, rate, then latencies in milliseconds: average,
/// least, p50, p95, p99, most.
fn parse(text: &str) -> Option<Measured> {
    let line = text.lines().rfind(|line| !line.is_empty() && !line.contains("\"rps\""))?;
    // The first field is the command and may hold commas; the others are numbers.
    let numbers: Vec<f64> = line
        .rsplit("\",\"")
        .take(7)
        .filter_map(|field| field.trim_matches('"').parse().ok())
        .collect();
    let [max, p99, p95, p50, _, _, rate] = numbers.try_into().ok()?;
    let latency = Percentiles {
        p50_us: p50 * 1e3,
        p90_us: p95 * 1e3,
        p99_us: p99 * 1e3,
        max_us: max * 1e3,
        ..Percentiles::default()
    };
    Some(Measured { requests_per_s: rate, latency, ..Measured::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_output_of_the_tool() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                    \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                    \"INCR a\",\"99800.40\",\"0.264\",\"0.112\",\"0.255\",\"0.367\",\
                    \"0.487\",\"1.343\"\n";
        let measured = parse(text).expect("figures");
        assert_eq!(measured.requests_per_s, 99_800.4);
        let Percentiles { p50_us, p90_us, p99_us, max_us, .. } = measured.latency;
        assert_eq!((p50_us, p90_us, p99_us, max_us), (255.0, 367.0, 487.0, 1_343.0));
        assert!(parse("Could not connect").is_none());
    }
}
