//! `exchange::import`: what can be read can be written as our own files and read back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::exchange::{LinkRecord, RowProblem, export, import};

/// Enough for the mutations of one file, and a bound on what one run costs.
const LINKS_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut rows) = import(bytes) else { return };
    let mut links = Vec::new();
    let mut last_line = 0;
    let mut ended = false;
    while let Some(row) = rows.next() {
        assert!(!ended, "a row after the last");
        match row {
            Ok(link) => {
                assert!(!link.long_url.is_empty());
                assert!(rows.line() >= last_line, "lines go backwards");
                last_line = rows.line();
                links.push(link);
            }
            Err(error) => ended = matches!(error.what, RowProblem::Io(_) | RowProblem::TooLarge),
        }
        if links.len() >= LINKS_MAX {
            break;
        }
    }
    let mut json = Vec::new();
    let written = export::json_lines(&mut json, links.iter().cloned().map(Ok));
    assert!(written.is_ok());
    assert_eq!(read(&json), links);
    let mut csv = Vec::new();
    assert!(export::csv(&mut csv, links.iter().cloned().map(Ok)).is_ok());
    assert_eq!(read(&csv), links);
});

fn read(bytes: &[u8]) -> Vec<LinkRecord> {
    let Ok(rows) = import(bytes) else { return Vec::new() };
    rows.map(|row| row.unwrap_or_else(|error| panic!("{error}"))).collect()
}
