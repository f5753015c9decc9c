//! Vector clocks: whether one version of a thing came from another, or both were made apart.
//!
//! Fidge, "Timestamps in message-passing systems" (1988); Mattern, "Virtual time and global states
//! of distributed systems" (1989). A clock has a counter for each actor (a replica that coordinates
//! writes, or a client). A version was made knowing another exactly if its clock has at least as
//! much of every actor ([`VectorClock::compare`]). Those that are concurrent are both kept until
//! somebody who has seen both writes: with the [merge](VectorClock::merge) of their clocks,
//! incremented.
//!
//! An increment is one [`Dot`]: a single event of a single actor (Preguica et al., "Dotted version
//! vectors", 2010).
//!
//! **Pruning.** A clock that clients write grows with their number. [`VectorClock::prune`] keeps
//! the entries that were touched last, as Dynamo does (DeCandia et al., 2007, section 4.4). What
//! came before may then seem concurrent, so that both are kept; that nothing seems to have come
//! before what it did not is sure as long as the newest entry, that of the last write, is kept,
//! which it always is.
//!
//! Cost: actors are kept in order; an increment is O(n) to make room for a new actor, else O(log
//! n); comparing and merging are O(n + m). Memory: 40 bytes and the name for each actor.

use std::cmp::Ordering;

use crate::stored::{ReadError, Reader, write_text};

/// Most bytes of an actor's name.
pub const MAX_ACTOR_BYTES: usize = 255;

/// Most actors that a clock is incremented to; one that is merged has those of both.
pub const MAX_ACTORS: usize = 4096;

const VERSION: u8 = 1;
/// Fewest bytes of a stored entry.
const ENTRY_BYTES_MIN: usize = 2 + 1 + 8 + 8;

/// Why a clock cannot be incremented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// A name that is empty or too long.
    #[error("an actor's name has {0} bytes; from 1 to {MAX_ACTOR_BYTES} are possible")]
    Actor(usize),
    /// One actor too many.
    #[error("a clock has at most {MAX_ACTORS} actors; prune it first")]
    Full,
}

/// How one clock stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same events.
    Equal,
    /// The other has seen all of this one's events, and more.
    Before,
    /// This one has seen all of the other's events, and more.
    After,
    /// Each has seen what the other has not.
    Concurrent,
}

/// One event of one actor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who.
    pub actor: String,
    /// The how-manieth event of this actor, from 1.
    pub counter: u64,
}

/// How many events of each actor have been seen.
///
/// Two clocks are equal if they have seen the same events, whenever that was.
#[derive(Debug, Clone, Default)]
pub struct VectorClock {
    /// By actor; no counter is 0.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    actor: Box<str>,
    counter: u64,
    /// When it was last incremented, for pruning alone.
    touched_ms: u64,
}

impl VectorClock {
    /// A clock that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more event of an actor. The time, in milliseconds of any one clock, says what to
    /// [prune](Self::prune) first and decides nothing else.
    ///
    /// # Errors
    /// [`ClockError`].
    pub fn increment(&mut self, actor: &str, now_ms: u64) -> Result<Dot, ClockError> {
        if !(1..=MAX_ACTOR_BYTES).contains(&actor.len()) {
            return Err(ClockError::Actor(actor.len()));
        }
        let place = match self.find(actor) {
            Ok(place) => place,
            Err(_) if self.entries.len() == MAX_ACTORS => return Err(ClockError::Full),
            Err(place) => {
                let entry = Entry { actor: actor.into(), counter: 0, touched_ms: 0 };
                self.entries.insert(place, entry);
                place
            }
        };
        let entry = &mut self.entries[place];
        // Nobody counts to 2^64; what is read from a store may begin anywhere.
        entry.counter = entry.counter.saturating_add(1);
        entry.touched_ms = entry.touched_ms.max(now_ms);
        Ok(Dot { actor: actor.to_owned(), counter: entry.counter })
    }

    /// How many events of an actor it has seen.
    #[must_use]
    pub fn get(&self, actor: &str) -> u64 {
        self.find(actor).map_or(0, |place| self.entries[place].counter)
    }

    /// Whether it has seen an event.
    #[must_use]
    pub fn contains(&self, dot: &Dot) -> bool {
        dot.counter <= self.get(&dot.actor)
    }

    /// Adds all events that another clock has seen: the least clock that is not before either.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        for (ours, theirs) in pairs(&self.entries, &other.entries) {
            merged.extend(match (ours, theirs) {
                (Some(ours), Some(theirs)) => Some(Entry {
                    actor: ours.actor.clone(),
                    counter: ours.counter.max(theirs.counter),
                    touched_ms: ours.touched_ms.max(theirs.touched_ms),
                }),
                (one, other) => one.or(other).cloned(),
            });
        }
        self.entries = merged;
    }

    /// How this clock stands to another.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Relation {
        let (mut has_more, mut has_less) = (false, false);
        for (ours, theirs) in pairs(&self.entries, &other.entries) {
            let counter = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.counter);
            match counter(ours).cmp(&counter(theirs)) {
                Ordering::Greater => has_more = true,
                Ordering::Less => has_less = true,
                Ordering::Equal => {}
            }
        }
        match (has_more, has_less) {
            (false, false) => Relation::Equal,
            (false, true) => Relation::Before,
            (true, false) => Relation::After,
            (true, true) => Relation::Concurrent,
        }
    }

    /// Keeps the `most` entries (at least 1) that were touched last; how many were dropped. Call it
    /// after the increment of a write, never between.
    pub fn prune(&mut self, most: usize) -> usize {
        let dropped = self.entries.len().saturating_sub(most.max(1));
        if dropped > 0 {
            // Stable: of those touched at one time, the later names stay.
            self.entries.sort_by_key(|entry| entry.touched_ms);
            self.entries.drain(..dropped);
            self.entries.sort_by(|one, other| one.actor.cmp(&other.actor));
        }
        dropped
    }

    /// How many actors it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has seen nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Actors and how many of their events it has seen, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries.iter().map(|entry| (entry.actor.as_ref(), entry.counter))
    }

    /// The stored form: version, number of actors (4 bytes); for each, by name, its name, counter
    /// and time (8 bytes each).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend((self.entries.len() as u32).to_le_bytes());
        for entry in &self.entries {
            write_text(&mut bytes, &entry.actor);
            bytes.extend(entry.counter.to_le_bytes());
            bytes.extend(entry.touched_ms.to_le_bytes());
        }
        bytes
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let count = reader.count(ENTRY_BYTES_MIN)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for _ in 0..count {
            let actor: Box<str> = reader.text()?.into();
            let (counter, touched_ms) = (reader.u64()?, reader.u64()?);
            if !(1..=MAX_ACTOR_BYTES).contains(&actor.len()) || counter == 0 {
                return Err(ReadError::Impossible("an actor without a name or an event"));
            }
            if entries.last().is_some_and(|last| last.actor >= actor) {
                return Err(ReadError::Impossible("the actors are out of order"));
            }
            entries.push(Entry { actor, counter, touched_ms });
        }
        reader.finish()?;
        Ok(Self { entries })
    }

    fn find(&self, actor: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.actor.as_ref().cmp(actor))
    }
}

impl PartialEq for VectorClock {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for VectorClock {}

impl PartialOrd for VectorClock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.compare(other) {
            Relation::Equal => Some(Ordering::Equal),
            Relation::Before => Some(Ordering::Less),
            Relation::After => Some(Ordering::Greater),
            Relation::Concurrent => None,
        }
    }
}

/// The entries of two clocks side by side, actor by actor.
fn pairs<'c>(
    mut ours: &'c [Entry],
    mut theirs: &'c [Entry],
) -> impl Iterator<Item = (Option<&'c Entry>, Option<&'c Entry>)> {
    std::iter::from_fn(move || {
        let order = match (ours.first(), theirs.first()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => ours.actor.cmp(&theirs.actor),
        };
        let mine = if order.is_le() { ours.split_off_first() } else { None };
        let other = if order.is_ge() { theirs.split_off_first() } else { None };
        Some((mine, other))
    })
}

#[cfg(test)]
mod tests;
