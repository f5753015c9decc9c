//! Making durable what is found in a log.
//!
//! A log that another process left may hold commits which readers can see and a power loss would
//! take back: those it had written and not yet flushed, and those whose flush failed. The latter
//! are the worse: the system takes their pages for clean (Rebello et al., "Can Applications Recover
//! from fsync Failures?", USENIX ATC 2020), so no later flush writes them, and every commit that is
//! appended behind them is lost with them. So each byte is written again before anything is read.
//! A power loss meanwhile finds the same bytes as before or after it.
//!
//! Cost at opening: reading, writing and flushing the log, a few megabytes at most.

use std::io;
use std::path::Path;

use super::wal_path;
use crate::disk::{self, File};

const PIECE_BYTES: usize = 256 << 10;

/// Writes and flushes again what is in the log of `main_file`, if there is one.
///
/// # Errors
/// The file system's own.
pub(super) fn make_durable(main_file: &Path) -> io::Result<()> {
    let path = wal_path(main_file);
    if disk::metadata(&path).map_or(0, |log| log.bytes) == 0 {
        return Ok(());
    }
    let log = File::open_to_write(&path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let count = log.read_at(&mut piece, at)?;
        if count == 0 {
            break;
        }
        log.write_all_at(&piece[..count], at)?;
        at += count as u64;
    }
    log.sync_all()?;
    main_file.parent().map_or(Ok(()), disk::flush_folder)
}
