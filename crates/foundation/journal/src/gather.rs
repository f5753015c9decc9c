//! Records on their way: each gets its sequence and its place at once, and what has gathered is
//! written together.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::frame::{self, Header};
use crate::segment::{HEAD_BYTES, Head};

/// Room without records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Spare {
    /// Bytes of records that it takes.
    fn room(&self) -> u64 {
        self.bytes.saturating_sub(HEAD_BYTES as u64)
    }
}

/// Bytes that go to one segment, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    /// The segment begins with this piece, in the file that was this spare.
    pub(crate) begins: Option<(Spare, Head)>,
}

impl Piece {
    /// Bytes of records in it.
    pub(crate) fn records(&self) -> usize {
        self.bytes.len() - if self.begins.is_some() { HEAD_BYTES } else { 0 }
    }
}

/// The segment that the next record goes to.
#[derive(Clone, Copy, Debug)]
struct Current {
    head: Head,
    at: u64,
    bytes: u64,
}

/// What has gathered, and the room there is.
#[derive(Debug)]
pub(crate) struct Gather {
    /// The sequence of the next record.
    pub(crate) next: u64,
    next_number: u64,
    current: Option<Current>,
    pub(crate) spares: VecDeque<Spare>,
    pieces: Vec<Piece>,
    /// The buffer of a piece that was written, for the next one.
    buffer: Vec<u8>,
    /// Room that was promised and not used yet, and the longest record among it.
    promised: u64,
    longest: u64,
}

/// A record to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'p> {
    pub(crate) stream: u32,
    /// Its payload, in parts that follow one another.
    pub(crate) parts: &'p [&'p [u8]],
    pub(crate) payload_crc: u32,
    /// Records before this are durable.
    pub(crate) durable: u64,
}

impl Gather {
    /// Behind all that is there.
    pub(crate) fn new(next: u64, next_number: u64, spares: VecDeque<Spare>) -> Self {
        Self {
            next,
            next_number,
            current: None,
            spares,
            pieces: Vec::new(),
            buffer: Vec::new(),
            promised: 0,
            longest: 0,
        }
    }

    /// Promises room for a record that takes `span` bytes. False: there is not enough.
    ///
    /// A record is left out of a segment only if what is left there is shorter than the longest
    /// one, so each segment is sure to take all of its room but that much.
    pub(crate) fn promise(&mut self, span: u64) -> bool {
        let longest = self.longest.max(span);
        let left = self.current.map_or(0, |current| current.bytes - current.at);
        let rooms = self.spares.iter().map(Spare::room).chain([left]);
        let sure: u64 = rooms.map(|room| room.saturating_sub(longest)).sum();
        let fits = self.promised + span <= sure;
        if fits {
            self.promised += span;
            self.longest = longest;
        }
        fits
    }

    /// Takes a promise back.
    pub(crate) fn release(&mut self, span: u64) {
        self.promised -= span;
        if self.promised == 0 {
            self.longest = 0;
        }
    }

    /// Adds a record, for which there is room; gives its sequence. `run` draws the number of a
    /// segment that it begins.
    pub(crate) fn add(&mut self, added: &Added<'_>, run: impl FnOnce() -> u64) -> u64 {
        let length = added.parts.iter().map(|part| part.len()).sum();
        let span = frame::span(length);
        self.release(span as u64);
        if self.current.is_none_or(|current| current.at + span as u64 > current.bytes) {
            self.begin(span as u64, run());
        }
        let sequence = self.next;
        self.next += 1;
        let behind = sequence.saturating_sub(added.durable);
        let header = Header {
            length,
            sequence,
            unflushed: u32::try_from(behind).unwrap_or(u32::MAX),
            stream: added.stream,
        };
        let run = self.current.map_or(0, |current| current.head.run);
        let bytes = &mut self.piece().bytes;
        let from = bytes.len();
        bytes.extend_from_slice(&header.encode(added.payload_crc, run));
        for part in added.parts {
            bytes.extend_from_slice(part);
        }
        bytes.resize(from + span, 0);
        if let Some(current) = &mut self.current {
            current.at += span as u64;
        }
        sequence
    }

    /// Begins the next segment in a spare that takes a record of `span` bytes.
    fn begin(&mut self, span: u64, run: u64) {
        let fitting = self.spares.iter().position(|spare| spare.room() >= span);
        let Some(spare) = fitting.and_then(|index| self.spares.remove(index)) else { return };
        let head = Head { number: self.next_number, first: self.next, run };
        self.next_number += 1;
        let at = HEAD_BYTES as u64;
        self.current = Some(Current { head, at, bytes: spare.bytes });
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.extend_from_slice(&head.encode());
        self.pieces.push(Piece { at: 0, bytes, begins: Some((spare, head)) });
    }

    /// The piece that the next record goes to.
    fn piece(&mut self) -> &mut Piece {
        if self.pieces.is_empty()
            && let Some(Current { at, .. }) = self.current
        {
            let bytes = std::mem::take(&mut self.buffer);
            self.pieces.push(Piece { at, bytes, begins: None });
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Takes what has gathered.
    pub(crate) fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }

    /// Takes back the buffers of pieces that were written, to be filled again.
    pub(crate) fn take_back(&mut self, pieces: Vec<Piece>) {
        let buffers = pieces.into_iter().map(|piece| piece.bytes);
        if let Some(mut buffer) = buffers.max_by_key(Vec::capacity) {
            buffer.clear();
            self.buffer = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spare(bytes: u64) -> Spare {
        Spare { path: PathBuf::new(), bytes: bytes + HEAD_BYTES as u64 }
    }

    proptest! {
        /// Whatever was promised fits, in the order it comes, into the segments that there were.
        #[test]
        fn a_promise_is_kept(
            rooms in prop::collection::vec(1_u64..60, 1..4),
            steps in prop::collection::vec((0_usize..200, any::<bool>()), 1..60),
        ) {
            let spares = rooms.iter().map(|room| spare(room * 8)).collect();
            let mut gather = Gather::new(0, 1, spares);
            let mut waiting = VecDeque::new();
            let add = |gather: &mut Gather, length: usize| {
                let payload = vec![1; length];
                let parts: &[&[u8]] = &[&payload];
                let (stream, payload_crc, durable) = (0, 0, 0);
                gather.add(&Added { stream, parts, payload_crc, durable }, || 5);
                let over = gather.current.is_none_or(|current| current.at > current.bytes);
                assert!(!over, "a record is beyond its segment");
            };
            for (length, adds) in steps {
                if gather.promise(frame::span(length) as u64) {
                    waiting.push_back(length);
                }
                if adds && let Some(length) = waiting.pop_front() {
                    add(&mut gather, length);
                }
            }
            while let Some(length) = waiting.pop_front() {
                add(&mut gather, length);
            }
            prop_assert_eq!((gather.promised, gather.longest), (0, 0));
        }
    }

    #[test]
    fn an_empty_gather_promises_nothing() {
        assert!(!Gather::new(0, 1, VecDeque::new()).promise(32));
    }
}
