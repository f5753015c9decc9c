//! A broker under load: its address, and its process where that is given.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::wire::Connection;
use super::{Window, sleep_until};
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

/// What the processes took from a moment on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    pid: Option<u32>,
    broker_before: Duration,
    generator_before: Duration,
}

/// What the processes took in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    /// Processor time of this process.
    pub(crate) generator_cpu: Duration,
    /// The broker's, where its process is known.
    pub(crate) broker: Option<BrokerUsed>,
}

/// What a broker's process took in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokerUsed {
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

    /// Waits for a window to pass: what the processes took in it.
    ///
    /// # Errors
    /// `BenchError::System` when the broker's process has ended.
    pub(crate) fn used_in(&self, window: Window) -> Result<Used, BenchError> {
        sleep_until(window.from);
        let meter = self.meter()?;
        sleep_until(window.until);
        meter.read()
    }

    /// Starts to watch both processes.
    ///
    /// # Errors
    /// `BenchError::System` when there is no such process.
    pub(crate) fn meter(&self) -> Result<Meter, BenchError> {
        let pid = self.pid;
        if let Some(pid) = pid {
            // Forgets the peak of earlier rounds (proc(5)). Another user's process refuses; its
            // peak is then the one since its start.
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        let broker_before = pid.map_or(Ok(Duration::ZERO), process::cpu_time)?;
        let generator_before = process::cpu_time(std::process::id())?;
        Ok(Meter { pid, broker_before, generator_before })
    }
}

impl Meter {
    /// What the processes took since.
    ///
    /// # Errors
    /// `BenchError::System` when the broker's process has ended.
    pub(crate) fn read(self) -> Result<Used, BenchError> {
        let generator = process::cpu_time(std::process::id())?;
        let of_broker = |pid| -> Result<BrokerUsed, BenchError> {
            let cpu = process::cpu_time(pid)?.saturating_sub(self.broker_before);
            Ok(BrokerUsed { cpu, peak_resident_bytes: process::peak_resident_bytes(pid)? })
        };
        Ok(Used {
            generator_cpu: generator.saturating_sub(self.generator_before),
            broker: self.pid.map(of_broker).transpose()?,
        })
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
        let used = meter.read().expect("still here").broker.expect("a process");
        assert!(used.peak_resident_bytes > 100_000, "{used:?}");
        assert!(broker(Some(u32::MAX)).meter().is_err());
    }

    #[test]
    fn without_a_process_nothing_is_said_of_the_broker() {
        let meter = broker(None).meter().expect("nothing to read");
        assert_eq!(meter.read().expect("nothing to read").broker, None);
    }
}
