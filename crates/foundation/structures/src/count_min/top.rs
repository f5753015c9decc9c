//! The things that came up most, beside a sketch that counts all of them.
//!
//! Cormode and Muthukrishnan (2005), section 5.2: when a thing is added and its estimate is above
//! the lowest of the list, it takes that one's place. Estimates are never too low, so with k places
//! a thing that makes up more than 1/k of the stream is in the list; what is in it may be counted
//! too high by the error of the sketch.
//!
//! Cost: a sketch's, and O(log k) when the list changes. Each place keeps the bytes of its thing.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::{CountMin, CountMinError};
use crate::hash::{KeyHash, Xxh3};
use crate::stored::{ReadError, Reader};

const VERSION: u8 = 1;

/// Most places of a list.
pub const MAX_PLACES: usize = 1 << 20;

/// A sketch with a list of what came up most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top<H = Xxh3> {
    sketch: CountMin<H>,
    places: usize,
    /// What is in the list, by the thing.
    counts: HashMap<Arc<[u8]>, u32, BuildHasherDefault<SipHasher13>>,
    /// And by its count, the lowest first. Always the same things.
    order: BTreeSet<(u32, Arc<[u8]>)>,
}

impl<H: KeyHash> Top<H> {
    /// An empty list of at most `places` things (at least 1, at most [`MAX_PLACES`]) beside an
    /// empty sketch.
    pub fn new(sketch: CountMin<H>, places: usize) -> Self {
        let places = places.clamp(1, MAX_PLACES);
        Self { sketch, places, counts: HashMap::default(), order: BTreeSet::new() }
    }

    /// Adds `count` of a thing.
    #[inline]
    pub fn add(&mut self, thing: &[u8], count: u32) {
        let estimate = self.sketch.add(thing, count);
        // A listed thing that was added to is now above the lowest, so this one is not listed.
        if self.order.len() < self.places || estimate > self.lowest() {
            self.list(thing, estimate);
        }
    }

    /// The things that came up most with their estimates, the highest first.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.order.iter().rev().map(|(count, thing)| (thing.as_ref(), *count))
    }

    /// The sketch of all things.
    #[must_use]
    pub fn sketch(&self) -> &CountMin<H> {
        &self.sketch
    }

    /// Adds what `other` has counted, and lists anew what either has in its list.
    ///
    /// # Errors
    /// [`CountMinError::Differs`].
    pub fn merge(&mut self, other: &Self) -> Result<(), CountMinError> {
        self.sketch.merge(&other.sketch)?;
        self.relist(other.counts.keys().cloned());
        Ok(())
    }

    /// See [`CountMin::halve`].
    pub fn halve(&mut self) {
        self.sketch.halve();
        self.relist([]);
    }

    fn lowest(&self) -> u32 {
        self.order.first().map_or(0, |(count, _)| *count)
    }

    fn list(&mut self, thing: &[u8], estimate: u32) {
        if let Some((thing, count)) = self.counts.get_key_value(thing) {
            let (thing, before) = (Arc::clone(thing), *count);
            self.order.remove(&(before, Arc::clone(&thing)));
            self.counts.insert(Arc::clone(&thing), estimate);
            self.order.insert((estimate, thing));
            return;
        }
        if self.order.len() == self.places
            && let Some((_, lowest)) = self.order.pop_first()
        {
            self.counts.remove(&lowest);
        }
        let thing: Arc<[u8]> = thing.into();
        self.counts.insert(Arc::clone(&thing), estimate);
        self.order.insert((estimate, thing));
    }

    /// Takes the estimates anew of what is listed and of some more.
    fn relist(&mut self, more: impl IntoIterator<Item = Arc<[u8]>>) {
        let things: BTreeSet<Arc<[u8]>> =
            self.counts.drain().map(|(thing, _)| thing).chain(more).collect();
        let estimate = |thing: Arc<[u8]>| (self.sketch.estimate(&thing), thing);
        self.order = things.into_iter().map(estimate).collect();
        while self.order.len() > self.places {
            self.order.pop_first();
        }
        let by_thing = self.order.iter().map(|(count, thing)| (Arc::clone(thing), *count));
        self.counts = by_thing.collect();
    }

    /// The stored form: version, places and things (4 bytes each); for each thing, the lowest
    /// first, its count and length (4 each) and its bytes; then the stored form of the sketch.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend((self.places as u32).to_le_bytes());
        bytes.extend((self.order.len() as u32).to_le_bytes());
        for (count, thing) in &self.order {
            bytes.extend(count.to_le_bytes());
            bytes.extend((thing.len() as u32).to_le_bytes());
            bytes.extend(thing.iter());
        }
        bytes.extend(self.sketch.to_bytes());
        bytes
    }

    /// Reads a stored form. `hash` must be the one it was made with.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(hash: H, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let places = reader.u32()? as usize;
        let count = reader.count(8)?;
        if !(1..=MAX_PLACES).contains(&places) || count > places {
            return Err(ReadError::Impossible("no places, too many, or more things than places"));
        }
        let mut listed: Vec<(u32, Arc<[u8]>)> = Vec::with_capacity(count);
        for _ in 0..count {
            let (count, length) = (reader.u32()?, reader.u32()?);
            listed.push((count, reader.bytes(length as usize)?.into()));
        }
        let is_ordered = listed.is_sorted_by(|one, next| one < next);
        let mut top = Self::new(CountMin::from_bytes(hash, reader.rest())?, places);
        top.counts = listed.iter().map(|(count, thing)| (Arc::clone(thing), *count)).collect();
        top.order = listed.into_iter().collect();
        if !is_ordered || top.counts.len() != count {
            return Err(ReadError::Impossible(
                "the things are out of order, or one is there twice",
            ));
        }
        Ok(top)
    }
}
