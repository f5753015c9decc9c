//! The disk's own flush: what a broker that flushes before it acknowledges cannot go below.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use super::{Window, sleep_until};
use crate::clock;
use crate::error::BenchError;
use crate::latency::Latencies;
use crate::random::Random;

/// What is written at once.
const BLOCK_BYTES: usize = 4_096;
/// Blocks of the file, all written before the first is measured: a write then changes no
/// metadata that the flush would have to bring along.
const BLOCKS: u32 = 256;
/// From one flush to the next: enough of them for a p99, and too few to be a load themselves.
const PAUSE: Duration = Duration::from_millis(10);

/// A file on the disk under test; it has no name, so nothing is left of it.
#[derive(Debug)]
pub(crate) struct Probe {
    file: File,
    random: Random,
}

impl Probe {
    /// Writes the file in `directory`.
    ///
    /// # Errors
    /// `BenchError::System` when that cannot be done.
    pub(crate) fn new(directory: &Path) -> Result<Self, BenchError> {
        let what = || format!("writing a file in {}", directory.display());
        let file = tempfile::tempfile_in(directory).map_err(BenchError::system(what()))?;
        let blocks = vec![1; BLOCK_BYTES * BLOCKS as usize];
        file.write_all_at(&blocks, 0)
            .and_then(|()| file.sync_all())
            .map_err(BenchError::system(what()))?;
        Ok(Self { file, random: Random::new(1) })
    }

    /// Flushes a block at a time, until the window ends: those in it.
    ///
    /// # Errors
    /// `BenchError::System` when the disk fails.
    pub(crate) fn run(mut self, window: Window) -> Result<Latencies, BenchError> {
        let mut latencies = Latencies::new();
        loop {
            let began = clock::now();
            if began >= window.until {
                return Ok(latencies);
            }
            self.flush().map_err(BenchError::system("flushing a block"))?;
            let ended = clock::now();
            if window.contains(began) {
                latencies.record(ended - began);
            }
            sleep_until(ended + PAUSE);
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let at = u64::from(self.random.below(BLOCKS)) * BLOCK_BYTES as u64;
        let block = [self.random.below(256) as u8; BLOCK_BYTES];
        self.file.write_all_at(&block, at)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_until_the_window_ends_and_needs_a_directory() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let probe = Probe::new(directory.path()).expect("a file");
        let from = clock::now();
        let window = Window { from, until: from + Duration::from_millis(100) };
        let latencies = probe.run(window).expect("the disk works");
        assert!((1..=10).contains(&latencies.len()), "{}", latencies.len());
        assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 0);
        let missing = Probe::new(&directory.path().join("none")).expect_err("no directory");
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
