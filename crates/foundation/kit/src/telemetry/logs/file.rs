//! A log file that is set aside by size and age; only so many are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::telemetry::TelemetrySettings;

/// The file `name` that is being written, and `name.1` (newest) to `name.N` set aside.
#[derive(Debug)]
pub(in crate::telemetry) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    since: SystemTime,
    limits: FileLimits,
}

#[derive(Debug, Clone, Copy)]
struct FileLimits {
    bytes_max: u64,
    age_max: Duration,
    kept: u32,
}

impl RotatingFile {
    /// Opens or continues the file, making its directory if needed.
    pub(in crate::telemetry) fn open(settings: &TelemetrySettings) -> io::Result<Self> {
        let path = PathBuf::from(&settings.log_file);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = append(&path)?;
        let metadata = file.metadata()?;
        let limits = FileLimits {
            bytes_max: settings.log_file_max_bytes,
            age_max: Duration::from_secs(settings.log_file_max_hours * 3_600),
            kept: settings.log_files_kept,
        };
        // Where the file system knows no birth, the age starts anew.
        let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
        Ok(RotatingFile { path, file, bytes: metadata.len(), since, limits })
    }

    /// Writes whole lines, into a new file first if the present one is full or old.
    pub(in crate::telemetry) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let age = SystemTime::now().duration_since(self.since).unwrap_or_default();
        let full = self.bytes + lines.len() as u64 > self.limits.bytes_max;
        if self.bytes > 0 && (full || age > self.limits.age_max) {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let aside = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.limits.kept == 0 {
            fs::remove_file(&self.path)?;
        } else {
            for number in (1..self.limits.kept).rev() {
                absent_is_fine(fs::rename(aside(number), aside(number + 1)))?;
            }
            fs::rename(&self.path, aside(1))?;
        }
        self.file = append(&self.path)?;
        self.bytes = 0;
        self.since = SystemTime::now();
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
