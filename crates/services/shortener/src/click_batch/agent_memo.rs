//! Remembers what was made of a `User-Agent` header.

use std::collections::HashMap;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::agent::{Agent, cut};

/// Most headers remembered.
pub const MEMO_ENTRIES: usize = 4096;

/// A bounded map from a header's hash to its meaning.
///
/// Two generations: when the young one is full, the old one is forgotten and they change places.
/// A header in use is copied back from the old one in time, so it stays, at no cost for order.
///
/// Headers are told apart by 64 bits: two in a full memo collide once in 10^12 times. Whoever makes
/// two collide on purpose has his own clicks counted under the other's browser, and no more.
#[derive(Debug, Default)]
pub struct AgentMemo {
    young: HashMap<u64, Agent>,
    old: HashMap<u64, Agent>,
}

impl AgentMemo {
    /// As [`Agent::parse`].
    pub fn parse(&mut self, header: Option<&str>) -> Agent {
        let header = cut(header.unwrap_or_default());
        let mut hasher = SipHasher13::new();
        hasher.write(header.as_bytes());
        let hash = hasher.finish();
        if let Some(agent) = self.young.get(&hash) {
            return *agent;
        }
        let agent = match self.old.remove(&hash) {
            Some(agent) => agent,
            None => Agent::parse(Some(header)),
        };
        if self.young.len() >= MEMO_ENTRIES / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, agent);
        agent
    }

    /// How many headers it remembers: at most [`MEMO_ENTRIES`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
