//! Who is over a limit, and until when: an attack is answered from here and costs the shared store
//! nothing.
//!
//! An entry stands for a caller, the limit it met and how much it asked for. So a caller whose
//! limit was raised, by a new rule or a limit in the request, is asked about anew at once
//! (envoyproxy/ratelimit issue 1077). No entry lasts longer than [`OVER_US_MAX`], so what another
//! instance gave back is seen by then.

use std::hash::{Hash, Hasher};

use parking_lot::Mutex;
use siphasher::sip::SipHasher13;

use crate::algorithm::Algorithm;
use crate::answer::Answer;
use crate::table::{Slots, Word};

/// The longest that a denial is believed, in microseconds.
pub const OVER_US_MAX: u64 = 1_000_000;

const SHARDS: usize = 64;

/// Denials that hold, at most about `bytes_max` of them.
pub struct OverCache {
    shards: Vec<Mutex<Slots<Word>>>,
    bytes_max: usize,
}

/// Whom, which limit and how much.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The caller, hashed.
    pub key: u64,
    /// The limit with its parameters.
    pub algorithm: &'r Algorithm,
    /// How much.
    pub hits: u32,
}

impl Asked<'_> {
    /// Whether a denial of this limit holds until time alone ends it, and changes nothing.
    fn holds(&self) -> bool {
        match self.algorithm {
            Algorithm::Concurrency(_) => false,
            Algorithm::SlidingLog(log) => !log.count_rejected,
            _ => self.hits > 0,
        }
    }

    fn hash(&self) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key, u64::from(self.hits));
        std::mem::discriminant(self.algorithm).hash(&mut hasher);
        self.algorithm.hash(&mut hasher);
        hasher.finish()
    }
}

impl OverCache {
    /// Empty.
    pub fn new(bytes_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, bytes_max: bytes_max / SHARDS }
    }

    /// The denial that still holds, if there is one.
    pub fn find(&self, asked: &Asked<'_>, now_us: u64) -> Option<Answer> {
        if !asked.holds() {
            return None;
        }
        let hash = asked.hash();
        let until_ns = self.shard(hash).lock().get(hash)?;
        let left_us = until_ns.div_ceil(1_000).checked_sub(now_us).filter(|left| *left > 0)?;
        Some(Answer { retry_us: left_us, reset_us: left_us, ..Answer::DENIED })
    }

    /// Keeps a denial for as long as it holds.
    pub fn keep(&self, asked: &Asked<'_>, answer: &Answer, now_us: u64) {
        if answer.admitted || !asked.holds() {
            return;
        }
        let until_us = now_us.saturating_add(answer.retry_us.min(OVER_US_MAX));
        let hash = asked.hash();
        let until_ns = until_us.saturating_mul(1_000) & !(1 << 63);
        self.shard(hash).lock().change((hash, now_us), self.bytes_max, |_| (until_ns, *answer));
    }

    /// Believes nothing of what was kept: a key was reset or something was given back.
    pub fn clear(&self) {
        for shard in &self.shards {
            *shard.lock() = Slots::default();
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Slots<Word>> {
        &self.shards[(hash >> 58) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_window::FixedWindow;

    #[test]
    fn a_denial_holds_for_the_limit_it_met_until_its_time() {
        let cache = OverCache::new(1 << 20);
        let algorithm = |limit| Algorithm::FixedWindow(FixedWindow { limit, length_s: 60 });
        let (low, high) = (algorithm(5), algorithm(50));
        let of = |algorithm| Asked { key: 1, algorithm, hits: 1 };
        let answer = Answer { retry_us: 400_000, ..Answer::DENIED };
        cache.keep(&of(&low), &answer, 1_000_000);
        let found = cache.find(&of(&low), 1_100_000).unwrap();
        assert_eq!((found.admitted, found.retry_us), (false, 300_000));
        assert_eq!(cache.find(&of(&low), 1_400_000), None);
        assert_eq!(cache.find(&of(&high), 1_100_000), None, "the limit was raised");
        assert_eq!(cache.find(&Asked { hits: 2, ..of(&low) }, 1_100_000), None);
        cache.clear();
        assert_eq!(cache.find(&of(&low), 1_100_000), None);
    }
}
