//! Whether a main file is whole, or cut off by something that was not SQLite.
//!
//! A checkpoint writes the first page, which holds the size, before the last ones. A process
//! killed in between leaves a main file shorter than its header says, and a log that still has what
//! is missing: that is no damage. Source: sqlite.org/fileformat2.html, sections 1.3 and 4.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::image::PAGE_BYTES;
use super::{SqlError, wal_path};
use crate::disk::File;

const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Refuses a main file that lacks pages which its log does not have, or whose schema cannot be
/// read.
///
/// # Errors
/// [`SqlError::Corrupt`], [`SqlError::Io`].
pub(super) fn refuse_if_torn(connection: &Connection, path: &Path) -> Result<(), SqlError> {
    let store = path.display().to_string();
    let refused = |error: io::Error| SqlError::from_io(path, &error);
    let file = File::open(path).map_err(refused)?;
    let bytes = file.len().map_err(refused)?;
    // SQLite takes an empty file for a new database, and what was in it for never written.
    if bytes < PAGE_BYTES {
        let what = format!("{bytes} bytes long, less than the one page of an empty database");
        return Err(SqlError::Corrupt(store, what));
    }
    let read = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
    read("SELECT COUNT(*) FROM sqlite_schema")
        .map_err(|error| SqlError::from_sqlite(&store, &error))?;
    let mut size = [0; 4];
    // Bytes 28-31: size in pages at the last checkpoint.
    file.read_exact_at(&mut size, 28).map_err(refused)?;
    let pages = u32::from_be_bytes(size);
    let present = u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX);
    if present >= pages {
        return Ok(());
    }
    let in_log = pages_in_log(&wal_path(path)).map_err(refused)?;
    if (present + 1..=pages).all(|page| in_log.contains(&page)) {
        return Ok(());
    }
    let what = format!("{bytes} bytes long, {pages} pages of {PAGE_BYTES} expected");
    Err(SqlError::Corrupt(store, what))
}

/// The pages that the log's present generation holds: those of its own salt.
fn pages_in_log(log: &Path) -> io::Result<HashSet<u32>> {
    let mut pages = HashSet::new();
    let log = match File::open(log) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(pages),
        Err(error) => return Err(error),
    };
    let end = log.len()?;
    let mut salt = [0; 8];
    if end < LOG_HEADER_BYTES {
        return Ok(pages);
    }
    log.read_exact_at(&mut salt, 16)?;
    let mut at = LOG_HEADER_BYTES;
    while at + FRAME_HEADER_BYTES + PAGE_BYTES <= end {
        let mut frame = [0; 16];
        log.read_exact_at(&mut frame, at)?;
        if frame[8..16] != salt {
            break;
        }
        pages.insert(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
        at += FRAME_HEADER_BYTES + PAGE_BYTES;
    }
    Ok(pages)
}
