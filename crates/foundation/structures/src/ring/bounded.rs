//! Bounded loads: no server above (1 + e) times its share, and what overflows goes to the next
//! server clockwise.
//!
//! Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads" (2018,
//! arXiv:1608.01350). With n servers of equal weight and `total` things at work, one more goes to
//! the first server clockwise that has less than ceil((1 + e) (total + 1) / n). A server joining or
//! leaving then moves O(1/e^2) things for each one that it owns. The walk past full servers has an
//! expected length of O(1/e^2), too.

use std::collections::HashMap;

use siphasher::sip::SipHasher13;

use super::Ring;
use crate::hash::KeyHash;
use crate::membership::Server;

type FixedKeys = std::hash::BuildHasherDefault<SipHasher13>;

/// Why there are no bounded loads.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a margin of {0} is not between 0 and 1000; 0.25 is usual")]
pub struct MarginError(f64);

/// How many things (requests, connections, keys) each server has at work. Kept by the id of the
/// server, so that it outlives a change of the ring.
#[derive(Debug, Clone)]
pub struct Loads {
    margin: f64,
    at_work: HashMap<String, u64, FixedKeys>,
    total: u64,
}

impl Loads {
    /// Nothing at work yet, and servers are filled to (1 + `margin`) times their share.
    ///
    /// # Errors
    /// [`MarginError`].
    pub fn new(margin: f64) -> Result<Self, MarginError> {
        if !(margin > 0.0 && margin <= 1000.0) {
            return Err(MarginError(margin));
        }
        Ok(Self { margin, at_work: HashMap::default(), total: 0 })
    }

    /// Places one more thing, and counts it until it is [released](Self::release). None while no
    /// server has weight.
    pub fn acquire<'r, H: KeyHash>(&mut self, ring: &'r Ring<H>, key: &[u8]) -> Option<&'r Server> {
        let weights = ring.members.total_weight();
        let has_room = |server: &&Server| self.of(server.id()) < self.most_of(server, weights);
        // What all may have adds up to more than `total`, so one of them has room; nearly always
        // it is the owner.
        let owner = ring.get(key).filter(has_room);
        let server = owner.or_else(|| ring.walk(key).skip(1).find(has_room))?;
        match self.at_work.get_mut(server.id()) {
            Some(load) => *load += 1,
            None => _ = self.at_work.insert(server.id().to_owned(), 1),
        }
        self.total += 1;
        Some(server)
    }

    /// Something that a server had at work is done; whether there was any.
    pub fn release(&mut self, id: &str) -> bool {
        let Some(load) = self.at_work.get_mut(id) else { return false };
        *load -= 1;
        if *load == 0 {
            self.at_work.remove(id);
        }
        self.total -= 1;
        true
    }

    /// What a server has at work.
    #[must_use]
    pub fn of(&self, id: &str) -> u64 {
        self.at_work.get(id).copied().unwrap_or(0)
    }

    /// What all have at work.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What a server may have once one more thing is placed.
    fn most_of(&self, server: &Server, weights: u64) -> u64 {
        let share = f64::from(server.weight()) / weights as f64;
        ((1.0 + self.margin) * (self.total + 1) as f64 * share).ceil() as u64
    }
}
