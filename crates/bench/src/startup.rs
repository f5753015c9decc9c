//! From exec to readiness, idle memory, and the end, of one program started again and again.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::BenchError;
use crate::pair::median;
use crate::process::{Running, free_port, resident_bytes};
use crate::target::Target;

/// Longer than any start worth measuring.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// From readiness to the look at idle memory.
const IDLE_AFTER: Duration = Duration::from_millis(1_500);
/// Idle memory is looked at in this many of the runs; it hardly varies, and each look waits.
const MEMORY_RUNS: usize = 5;
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// A program whose start is measured.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    /// `backplane dev`: ready once its ready file is complete.
    Backplane(PathBuf),
    /// `pocketbase serve`: ready at the first 200 of its health check.
    PocketBase(PathBuf),
}

/// What a ready file says, as far as it is needed here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ReadyFile {
    /// Address of the edge.
    pub(crate) edge: String,
    /// Published credentials.
    pub(crate) credentials: Credentials,
}

/// The credentials of a ready file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Credentials {
    /// The bearer token of the default namespace.
    pub(crate) token: String,
}

/// How `backplane dev` is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The program.
    pub(crate) binary: &'a Path,
    /// Holds all that it writes.
    pub(crate) directory: &'a Path,
    /// The data directory; without one the server takes a temporary one.
    pub(crate) data: Option<&'a Path>,
    /// `section.key=value` each.
    pub(crate) settings: &'a [String],
}

/// Starts `backplane dev` and waits for its ready file.
///
/// # Errors
/// `BenchError::Program` when it ends, hangs, or cannot be started.
pub(crate) fn start_backplane(
    start: &Start<'_>,
) -> Result<(Running, ReadyFile, Duration), BenchError> {
    let Start { binary, directory, data, settings } = *start;
    let ready_file = directory.join("ready.json");
    let mut command = Command::new(binary);
    // A killed server leaves its temporary directory; this way ours goes with it.
    command.current_dir(directory).env("TMPDIR", directory);
    command.args(["dev", "--ports", "auto", "--ready-file"]).arg(&ready_file);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    let mut running = Running::start(command, &directory.join("output.log"))?;
    // A file that is still being written does not parse; it is looked at again.
    let read = || serde_json::from_slice(&std::fs::read(&ready_file).ok()?).ok();
    let (ready, passed) = running.wait_until(READY_TIMEOUT, read)?;
    Ok((running, ready, passed))
}

fn start_pocketbase(binary: &Path, directory: &Path) -> Result<(Running, Duration), BenchError> {
    let target = Target::on_port(free_port()?);
    let mut command = Command::new(binary);
    command.current_dir(directory).arg("serve");
    command.args(["--http", &target.authority]).arg("--dir").arg(directory.join("data"));
    let mut running = Running::start(command, &directory.join("output.log"))?;
    let request = target.get("/api/health", None);
    let ((), passed) =
        running.wait_until(READY_TIMEOUT, || is_healthy(target.address, &request))?;
    Ok((running, passed))
}

fn is_healthy(address: SocketAddr, request: &[u8]) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT)).ok()?;
    stream.write_all(request).ok()?;
    let mut status_line = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status_line).ok()?;
    (&status_line == b"HTTP/1.1 200").then_some(())
}

/// What several starts took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StartFigures {
    /// Which program.
    pub(crate) name: &'static str,
    /// From exec to readiness.
    pub(crate) ready: Spread,
    /// From SIGTERM to the end.
    pub(crate) stop: Spread,
    /// The middle resident set 1.5 s after readiness.
    pub(crate) idle_resident_bytes: u64,
}

/// How a time spreads over runs, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The middle.
    pub(crate) median_ms: f64,
    /// 99 in 100 are at most this (nearest rank, so the longest of fewer than 100 runs).
    pub(crate) p99_ms: f64,
    /// The shortest.
    pub(crate) min_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
    /// How many runs.
    pub(crate) runs: usize,
}

impl Spread {
    /// The spread of `times`; all zero of none.
    pub(crate) fn of(times: &[Duration]) -> Self {
        let mut ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let rank = (ms.len() * 99).div_ceil(100);
        let at = |index: usize| ms.get(index).copied().unwrap_or_default();
        Self {
            median_ms: median(ms.clone()),
            p99_ms: at(rank.saturating_sub(1)),
            min_ms: at(0),
            max_ms: at(ms.len().saturating_sub(1)),
            runs: ms.len(),
        }
    }
}

/// The starts of one program so far.
#[derive(Debug)]
pub(crate) struct Starts {
    program: Program,
    ready: Vec<Duration>,
    stop: Vec<Duration>,
    resident: Vec<f64>,
}

impl Starts {
    /// None so far, after one start that is not counted: it brings the binary into the page cache.
    ///
    /// # Errors
    /// As `once`.
    pub(crate) fn warmed_up(program: Program) -> Result<Self, BenchError> {
        let mut starts =
            Self { program, ready: Vec::new(), stop: Vec::new(), resident: Vec::new() };
        starts.once(false)?;
        starts.ready.clear();
        starts.stop.clear();
        Ok(starts)
    }

    /// One start with new state, and its end.
    ///
    /// # Errors
    /// `BenchError::Program` when it does not start.
    pub(crate) fn once(&mut self, is_counted: bool) -> Result<(), BenchError> {
        let directory = TempDir::new().map_err(BenchError::system("making a directory"))?;
        let (running, ready) = match &self.program {
            Program::Backplane(binary) => {
                let directory = directory.path();
                let start = Start { binary, directory, data: None, settings: &[] };
                let (running, _, ready) = start_backplane(&start)?;
                (running, ready)
            }
            Program::PocketBase(binary) => start_pocketbase(binary, directory.path())?,
        };
        self.ready.push(ready);
        if is_counted && self.resident.len() < MEMORY_RUNS {
            std::thread::sleep(IDLE_AFTER);
            self.resident.push(resident_bytes(running.pid())? as f64);
        }
        self.stop.push(running.stop()?);
        Ok(())
    }

    /// How many times as long each start of `peer` took as this program's start before it.
    pub(crate) fn ratios_of(&self, peer: &Self) -> Vec<f64> {
        let pairs = peer.ready.iter().zip(&self.ready);
        pairs.map(|(peer, own)| peer.as_secs_f64() / own.as_secs_f64()).collect()
    }

    /// The figures of all counted starts.
    pub(crate) fn figures(&self) -> StartFigures {
        StartFigures {
            name: match self.program {
                Program::Backplane(_) => "backplane",
                Program::PocketBase(_) => "pocketbase",
            },
            ready: Spread::of(&self.ready),
            stop: Spread::of(&self.stop),
            idle_resident_bytes: median(self.resident.clone()) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_of_twenty_runs() {
        let times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        let spread = Spread::of(&times);
        assert_eq!((spread.median_ms, spread.p99_ms), (10.5, 20.0));
        assert_eq!((spread.min_ms, spread.max_ms, spread.runs), (1.0, 20.0, 20));
        assert_eq!(Spread::of(&[]).max_ms, 0.0);
    }

    #[test]
    fn a_ready_file_may_say_more_than_is_needed() {
        let ready: ReadyFile = serde_json::from_str(
            r#"{"edge":"http://127.0.0.1:1","systems":{},"credentials":{"token":"t","s3":{}}}"#,
        )
        .expect("complete");
        let credentials = Credentials { token: "t".to_owned() };
        assert_eq!(ready, ReadyFile { edge: "http://127.0.0.1:1".to_owned(), credentials });
    }
}
