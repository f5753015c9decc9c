//! A broker under load: its address, and its process where that is given.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::wire::Connection;
use crate::error::BenchError;
use crate::process;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broker {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process on this machine.
    pub(crate) pid: Option<u32>,
}

/// What a broker's process took from a moment on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    pid: Option<u32>,
    cpu_before: Duration,
}

/// What a broker's process took in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    /// Processor time.
    pub(crate) cpu: Duration,
    /// The largest resident set.
    pub(crate) peak_resident_bytes: u64,
}

impl Broker {
    /// A connection to it.
    ///
    /// # Errors
    /// `BenchError::Broker` when it does not answer.
    pub(crate) fn connect(&self) -> Result<Connection, BenchError> {
        Connection::open(self.address)
    }

    /// Starts to watch the process.
    ///
    /// # Errors
    /// `BenchError::System` when there is no such process.
    pub(crate) fn meter(&self) -> Result<Meter, BenchError> {
        let Some(pid) = self.pid else {
            return Ok(Meter { pid: None, cpu_before: Duration::ZERO });
        };
        // Forgets the peak of earlier rounds (proc(5)). Another user's process refuses; its peak
        // is then the one since its start.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        Ok(Meter { pid: Some(pid), cpu_before: process::cpu_time(pid)? })
    }
}

impl Meter {
    /// What the process took since; `None` where no process was given.
    ///
    /// # Errors
    /// `BenchError::System` when the process has ended.
    pub(crate) fn read(self) -> Result<Option<Used>, BenchError> {
        let Some(pid) = self.pid else { return Ok(None) };
        let cpu = process::cpu_time(pid)?.saturating_sub(self.cpu_before);
        Ok(Some(Used { cpu, peak_resident_bytes: process::peak_resident_bytes(pid)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(pid: Option<u32>) -> Broker {
        Broker { address: SocketAddr::from(([127, 0, 0, 1], 1)), pid }
    }

    #[test]
    fn a_process_is_metered_and_a_missing_one_is_an_error() {
        let meter = broker(Some(std::process::id())).meter().expect("this process");
        let used = meter.read().expect("still here").expect("a process");
        assert!(used.peak_resident_bytes > 100_000, "{used:?}");
        assert!(broker(Some(u32::MAX)).meter().is_err());
    }

    #[test]
    fn without_a_process_nothing_is_said() {
        let meter = broker(None).meter().expect("nothing to read");
        assert_eq!(meter.read().expect("nothing to read"), None);
    }
}
