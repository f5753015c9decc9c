//! Reading the records of one segment, past damage if need be.

use std::io;
use std::ops::Range;

use kit::disk::File;

use crate::frame::{self, ALIGN, HEADER_BYTES, Header, Record};
use crate::segment::HEAD_BYTES;

/// What is read at once.
const WINDOW_BYTES: usize = 1 << 20;
/// How far behind damage another record is looked for: more than a crash leaves in doubt.
const LOOK_BYTES: u64 = 32 << 20;

/// An open segment.
pub(crate) struct Scan<'f> {
    file: &'f File,
    length: u64,
    run: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: u64,
    pub(crate) header: Header,
}

impl Place {
    fn end(&self) -> u64 {
        self.at + self.header.span() as u64
    }

    /// Records with a smaller sequence were durable when this one was written.
    pub(crate) fn durable(&self) -> u64 {
        self.header.sequence.saturating_sub(self.header.unflushed.into())
    }
}

impl<'f> Scan<'f> {
    /// Reads the records that were written in `run`.
    pub(crate) fn new(file: &'f File, run: u64) -> io::Result<Self> {
        Ok(Self { file, length: file.len()?, run, window: Vec::new(), window_at: 0 })
    }

    /// At least `bytes` from `at` on; fewer at the file's end.
    fn window(&mut self, at: u64, bytes: usize) -> io::Result<&[u8]> {
        let bytes = self.length.saturating_sub(at).min(bytes as u64) as usize;
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if !(held.contains(&at) && at + bytes as u64 <= held.end) {
            let read = self.length.saturating_sub(at).min(bytes.max(WINDOW_BYTES) as u64);
            self.window.resize(read as usize, 0);
            self.file.read_exact_at(&mut self.window, at)?;
            self.window_at = at;
        }
        Ok(&self.window[(at - self.window_at) as usize..])
    }

    /// The record at `at`. None: there is no whole one.
    pub(crate) fn record(&mut self, at: u64) -> io::Result<Option<Record<'_>>> {
        let run = self.run;
        let head = self.window(at, HEADER_BYTES)?.first_chunk();
        let Some(header) = head.and_then(frame::peek) else { return Ok(None) };
        if header.span() as u64 > self.length.saturating_sub(at).next_multiple_of(ALIGN as u64) {
            return Ok(None);
        }
        let span = header.span();
        Ok(frame::decode(self.window(at, span)?, run))
    }

    /// The next record behind `at` whose sequence is one of `sequences`.
    pub(crate) fn next(&mut self, at: u64, sequences: &Range<u64>) -> io::Result<Option<Place>> {
        let end = self.length.min(at.saturating_add(LOOK_BYTES));
        let mut at = at.next_multiple_of(ALIGN as u64);
        while at + HEADER_BYTES as u64 <= end {
            let window = self.window(at, HEADER_BYTES)?;
            let likely = window.chunks_exact(ALIGN).zip(window[ALIGN..].chunks_exact(ALIGN));
            let skipped = likely.take_while(|(_, word)| !holds(sequences, word)).count();
            at += (skipped * ALIGN) as u64;
            if skipped > 0 {
                continue;
            }
            if let Some(record) = self.record(at)? {
                return Ok(Some(Place { at, header: record.header }));
            }
            at += ALIGN as u64;
        }
        Ok(None)
    }

    /// Up to which sequence all was durable, as the records from `place` on say.
    pub(crate) fn durable_from(&mut self, place: Place) -> io::Result<u64> {
        let (mut durable, mut next) = (0, Some(place));
        while let Some(place) = next {
            durable = durable.max(place.durable());
            let later = place.header.sequence + 1..u64::MAX;
            next = self.next(place.end(), &later)?;
        }
        Ok(durable)
    }
}

/// Whether the second word of a header names one of `sequences`.
fn holds(sequences: &Range<u64>, word: &[u8]) -> bool {
    word.try_into().is_ok_and(|word| sequences.contains(&u64::from_le_bytes(word)))
}

/// Where the first record of a segment is.
pub(crate) const FIRST_AT: u64 = HEAD_BYTES as u64;
