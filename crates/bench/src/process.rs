//! Programs under test: started in a directory of their own, watched through `/proc`, ended by
//! their own process id and never by name.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::BenchError;

/// How often a condition is looked at while waiting: the resolution of start-up figures.
const POLL: Duration = Duration::from_micros(200);
/// How long a program may take to end after SIGTERM before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running program, killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    program: PathBuf,
    log: PathBuf,
    /// The moment just before exec.
    pub(crate) started: Instant,
}

impl Running {
    /// Starts `command`, with its output going to `log`.
    ///
    /// # Errors
    /// `BenchError::Program` when it cannot be executed.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, BenchError> {
        let output = File::create(log).map_err(BenchError::system("creating a log file"))?;
        let errors = output.try_clone().map_err(BenchError::system("sharing a log file"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let program = PathBuf::from(command.get_program());
        let started = clock::now();
        match command.spawn() {
            Ok(child) => Ok(Self { child, program, log: log.to_owned(), started }),
            Err(error) => Err(BenchError::Program { program, reason: error.to_string() }),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` gives something: that, and the time since exec.
    ///
    /// # Errors
    /// `BenchError::Program` when the program ends first or `limit` passes.
    pub(crate) fn wait_until<T>(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<(T, Duration), BenchError> {
        loop {
            let found = ready();
            let passed = clock::now().saturating_duration_since(self.started);
            if let Some(found) = found {
                return Ok((found, passed));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failure(&format!("ended before it was ready ({status})")));
            }
            if passed > limit {
                return Err(self.failure(&format!("not ready after {limit:?}")));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends it by SIGTERM, and by SIGKILL if that takes too long: how long it took.
    ///
    /// # Errors
    /// `BenchError::System` when the signal cannot be sent.
    pub(crate) fn stop(mut self) -> Result<Duration, BenchError> {
        let asked = clock::now();
        // The shell's own `kill`, because a signal needs `unsafe` or one more crate otherwise.
        Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &self.pid().to_string()])
            .status()
            .map_err(BenchError::system("sending SIGTERM"))?;
        self.wait_for_end(STOP_TIMEOUT);
        Ok(clock::now().saturating_duration_since(asked))
    }

    /// Waits for an end that was asked for; `None` if it does not come in time.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = clock::now() + limit;
        while clock::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL);
        }
        None
    }

    /// An error that ends with what the program wrote last.
    pub(crate) fn failure(&self, reason: &str) -> BenchError {
        const SHOWN_BYTES: usize = 600;
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(SHOWN_BYTES)..]);
        let reason = format!("{reason}\n{}", tail.trim());
        BenchError::Program { program: self.program.clone(), reason }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both are harmless once the process was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident set of a process in bytes.
///
/// # Errors
/// `BenchError::System` when there is no such process.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, BenchError> {
    memory_bytes(pid, "VmRSS:")
}

/// The largest resident set that a process has had, in bytes.
///
/// # Errors
/// `BenchError::System` when there is no such process.
pub(crate) fn peak_resident_bytes(pid: u32) -> Result<u64, BenchError> {
    memory_bytes(pid, "VmHWM:")
}

fn memory_bytes(pid: u32, field: &str) -> Result<u64, BenchError> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(BenchError::system(path.clone()))?;
    parse_memory_bytes(&status, field).ok_or_else(|| BenchError::Unexpected {
        what: path,
        answer: format!("no {field} is it a kernel thread or a zombie?"),
    })
}

fn parse_memory_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processor time that a process and its threads have taken, in steps of 10 ms.
///
/// # Errors
/// `BenchError::System` when there is no such process.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, BenchError> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(BenchError::system(path.clone()))?;
    parse_cpu_time(&stat).ok_or(BenchError::Unexpected { what: path, answer: stat })
}

/// Fields 14 and 15 of proc(5), in ticks of the 100 Hz that Linux shows whatever it counts in.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    // The name in parentheses may hold anything, so fields are counted from its end.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(user.checked_add(system)?.checked_mul(10)?))
}

/// A loopback port that was free a moment ago.
///
/// # Errors
/// `BenchError::System` when none is.
pub(crate) fn free_port() -> Result<u16, BenchError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(BenchError::system("finding a free port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Running, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        (Running::start(command, &directory.path().join("log")).expect("sh"), directory)
    }

    #[test]
    fn reads_the_resident_set() {
        let status = "Name:\tx\nVmHWM:\t 2000 kB\nVmRSS:\t    1032 kB\n";
        assert_eq!(parse_memory_bytes(status, "VmRSS:"), Some(1032 * 1024));
        assert_eq!(parse_memory_bytes(status, "VmHWM:"), Some(2000 * 1024));
        assert_eq!(parse_memory_bytes("Name:\tkthreadd\n", "VmRSS:"), None);
        let this = std::process::id();
        assert!(resident_bytes(this).expect("this process") > 100_000);
        assert!(peak_resident_bytes(this).expect("this process") > 100_000);
    }

    #[test]
    fn adds_up_user_and_system_time() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3\n";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_cpu_time("7 (a"), None);
        assert!(cpu_time(std::process::id()).is_ok());
    }

    #[test]
    fn an_early_end_shows_the_log() {
        let (mut running, _directory) = shell("echo no such setting; exit 3");
        let error = running.wait_until(Duration::from_secs(10), || None::<()>);
        let text = error.expect_err("it ended").to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such setting"), "{text}");
    }

    #[test]
    fn waits_for_readiness_and_stops_by_signal() {
        let (mut running, _directory) = shell("sleep 60");
        let pid = running.pid();
        let mut looks = 0;
        let ready = || {
            looks += 1;
            (looks == 3).then_some(looks)
        };
        let (found, _passed) =
            running.wait_until(Duration::from_secs(10), ready).expect("at the third look");
        assert_eq!(found, 3);
        running.stop().expect("it ends");
        assert!(resident_bytes(pid).is_err());
    }

    #[test]
    fn gives_up_after_the_limit() {
        let (mut running, _directory) = shell("sleep 60");
        let error = running.wait_until(Duration::from_millis(20), || None::<()>);
        assert!(error.expect_err("never ready").to_string().contains("not ready after 20ms"));
    }
}
