//! Counts of the last while: a sketch for each part of it.
//!
//! The caller advances the window, say once a minute of an hour: the oldest part is forgotten and
//! becomes the newest. An estimate is the sum of the parts' estimates, so it is never too low; that
//! it is too high by more than epsilon N has a chance of delta for each part, N being the sum of
//! the window.
//!
//! Cost: a sketch for each part; adding is adding to one of them, asking is asking all.

use std::collections::VecDeque;

use super::CountMin;
use crate::hash::{KeyHash, Xxh3};
use crate::stored::{ReadError, Reader};

const VERSION: u8 = 1;

/// Counts over the last parts of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<H = Xxh3> {
    /// The newest first; never empty.
    parts: VecDeque<CountMin<H>>,
}

impl<H: KeyHash + Clone> Window<H> {
    /// An empty window of `parts` parts (at least 1), each an empty sketch like this one.
    pub fn new(sketch: CountMin<H>, parts: usize) -> Self {
        let mut empty = sketch;
        empty.clear();
        Self { parts: vec![empty; parts.max(1)].into() }
    }

    /// Adds `count` of a thing to the newest part.
    #[inline]
    pub fn add(&mut self, thing: &[u8], count: u32) {
        if let Some(newest) = self.parts.front_mut() {
            newest.add(thing, count);
        }
    }

    /// Forgets the oldest part and begins a new one.
    pub fn advance(&mut self) {
        self.parts.rotate_right(1);
        if let Some(newest) = self.parts.front_mut() {
            newest.clear();
        }
    }

    /// About how often a thing was added within the window: never too low.
    #[must_use]
    pub fn estimate(&self, thing: &[u8]) -> u64 {
        self.parts.iter().map(|part| u64::from(part.estimate(thing))).sum()
    }

    /// The sum of all that was added within the window.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.total()))
    }

    /// The parts, the newest first.
    pub fn parts(&self) -> impl Iterator<Item = &CountMin<H>> {
        self.parts.iter()
    }

    /// The stored form: version, number of parts (4 bytes); for each, the newest first, the length
    /// (8) and stored form of its sketch.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend((self.parts.len() as u32).to_le_bytes());
        for part in &self.parts {
            let stored = part.to_bytes();
            bytes.extend((stored.len() as u64).to_le_bytes());
            bytes.extend(stored);
        }
        bytes
    }

    /// Reads a stored form. `hash` must be the one it was made with.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(hash: H, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let count = reader.count(8)?;
        let mut parts: VecDeque<CountMin<H>> = VecDeque::with_capacity(count);
        for _ in 0..count {
            let length = usize::try_from(reader.u64()?).map_err(|_| ReadError::Length)?;
            parts.push_back(CountMin::from_bytes(hash.clone(), reader.bytes(length)?)?);
        }
        reader.finish()?;
        let alike = parts.iter().zip(parts.iter().skip(1)).all(|(one, next)| one.is_like(next));
        if parts.is_empty() || !alike {
            return Err(ReadError::Impossible("a window without parts, or of unlike ones"));
        }
        Ok(Self { parts })
    }
}
