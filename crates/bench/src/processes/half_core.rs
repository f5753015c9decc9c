//! Keeps processes at half a core each by a quota of control groups (version 1); where those cannot
//! be had, gives each a core of its own, which leaves less to the database and the generator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BenchError;

/// Where the controller `cpu` of version 1 is mounted.
const CONTROLLER: &str = "/sys/fs/cgroup/cpu";
/// A tenth of a second, the usual period.
const PERIOD_US: u64 = 100_000;
const QUOTA_US: u64 = PERIOD_US / 2;

/// A way of limiting, tried before anything is started.
#[derive(Debug)]
pub(super) enum HalfCores {
    /// A group a process; removed when dropped, by then without processes.
    Groups(Groups),
    /// A core a process.
    Taskset,
}

/// Control groups of this run.
#[derive(Debug)]
pub(super) struct Groups(Vec<PathBuf>);

impl HalfCores {
    /// Finds a way for processes of these names.
    ///
    /// # Errors
    /// `BenchError::Usage` when there is none.
    pub(super) fn new(names: &[&str]) -> Result<Self, BenchError> {
        if let Some(groups) = Groups::new(Path::new(CONTROLLER), names) {
            return Ok(Self::Groups(groups));
        }
        let is_there = Command::new("taskset").arg("--version").output().is_ok();
        if is_there {
            return Ok(Self::Taskset);
        }
        Err(BenchError::Usage(format!(
            "no process can be limited here: {CONTROLLER} is not writable and there is no taskset"
        )))
    }

    /// Limits the processes, in the order of their names: by what, in words.
    ///
    /// # Errors
    /// `BenchError::System` or `BenchError::Program` when one cannot be limited.
    pub(super) fn limit(&self, pids: &[u32]) -> Result<String, BenchError> {
        match self {
            Self::Groups(Groups(paths)) => {
                for (path, pid) in paths.iter().zip(pids) {
                    write(&path.join("cgroup.procs"), u64::from(*pid))
                        .map_err(BenchError::system("limiting a process"))?;
                }
                Ok("a quota of half a core each".to_owned())
            }
            Self::Taskset => {
                for (core, pid) in pids.iter().enumerate() {
                    pin(*pid, core)?;
                }
                Ok("a core each (taskset; no control groups here)".to_owned())
            }
        }
    }
}

impl Groups {
    /// Makes a group below `controller` for each name; none when it cannot.
    fn new(controller: &Path, names: &[&str]) -> Option<Self> {
        // Dropped with what was made so far when one fails.
        let mut groups = Self(Vec::new());
        for name in names {
            let path = controller.join(format!("backplane-bench-{}-{name}", std::process::id()));
            fs::create_dir(&path).ok()?;
            groups.0.push(path.clone());
            write(&path.join("cpu.cfs_period_us"), PERIOD_US).ok()?;
            write(&path.join("cpu.cfs_quota_us"), QUOTA_US).ok()?;
        }
        Some(groups)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for path in &self.0 {
            // One that still has a process stays; it limits nothing else.
            let _ = fs::remove_dir(path);
        }
    }
}

fn write(path: &Path, value: u64) -> std::io::Result<()> {
    // A file that the kernel did not make is not to be made here.
    fs::OpenOptions::new().write(true).open(path)?;
    fs::write(path, value.to_string())
}

/// Gives all threads of a process one core.
fn pin(pid: u32, core: usize) -> Result<(), BenchError> {
    let fail = |reason: String| BenchError::Program { program: "taskset".into(), reason };
    let output = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &pid.to_string()])
        .output()
        .map_err(|error| fail(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_controllers_files_there_are_no_groups() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(Groups::new(directory.path(), &["one"]).is_none());
        assert!(Groups::new(&directory.path().join("gone"), &["one"]).is_none());
        let left = fs::read_dir(directory.path()).expect("readable").count();
        assert_eq!(left, 0);
    }
}
