//! Soft mode: an instance takes permits from the shared store in batches, before they are used, and
//! spends them without asking.
//!
//! Every permit is paid for, so the limit is exceeded only by permits that were taken in one period
//! and are spent in the next: at most one batch an instance. A batch is as large as the rule's
//! overrun allows when every instance holds one, so all together stay within it.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Callers whose permits are remembered, a shard.
const KEYS_MAX: usize = 4_096;
const SHARDS: usize = 64;

/// The permits that an instance holds.
pub struct Permits {
    shards: Vec<Mutex<HashMap<u64, Batch>>>,
    instances: u32,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    left: u32,
    until_us: u64,
}

impl Permits {
    /// None yet; there are `instances` that share the limits.
    pub fn new(instances: u32) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, instances: instances.max(1) }
    }

    /// How many permits to take at once of a limit of `requests`; at least the `hits` that are
    /// asked for.
    pub fn batch(&self, requests: u32, overrun_percent: u32, hits: u32) -> u32 {
        let overrun = u64::from(requests) * u64::from(overrun_percent) / 100;
        u32::try_from(overrun / u64::from(self.instances)).unwrap_or(u32::MAX).max(hits)
    }

    /// Spends `hits` permits of `key`, and gives how many are left; none when there are not enough.
    pub fn spend(&self, key: u64, hits: u32, now_us: u64) -> Option<u32> {
        let mut batches = self.shard(key).lock();
        let batch = batches.get_mut(&key)?;
        if batch.until_us <= now_us {
            batches.remove(&key);
            return None;
        }
        batch.left = batch.left.checked_sub(hits)?;
        Some(batch.left)
    }

    /// Holds `permits` more of `key`, for `period_us` at most.
    pub fn hold(&self, key: u64, permits: u32, (now_us, period_us): (u64, u64)) {
        if permits == 0 {
            return;
        }
        let mut batches = self.shard(key).lock();
        if batches.len() >= KEYS_MAX && !batches.contains_key(&key) {
            batches.retain(|_, batch| batch.until_us > now_us && batch.left > 0);
            if batches.len() >= KEYS_MAX {
                // They are paid for and lost, which only makes the limit stricter.
                return;
            }
        }
        let until_us = now_us.saturating_add(period_us);
        let batch = batches.entry(key).or_insert(Batch { left: 0, until_us });
        if batch.until_us <= now_us {
            batch.left = 0;
        }
        *batch = Batch { left: batch.left.saturating_add(permits), until_us };
    }

    /// Forgets the permits of `key`.
    pub fn forget(&self, key: u64) {
        self.shard(key).lock().remove(&key);
    }

    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, Batch>> {
        &self.shards[(key >> 58) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_window::FixedWindow;
    use crate::windowed::Windowed;

    const SECOND_US: u64 = 1_000_000;

    /// A22: three edges and a store that each of them reaches only each 100 ms; a limit of 1,000 a
    /// second, soft by 10 %, asked five times as often as it allows. In no second is it exceeded
    /// by more.
    #[test]
    fn three_edges_stay_within_the_overrun() {
        let store = FixedWindow { limit: 1_000, length_s: 1 };
        let edges: Vec<Permits> = (0..3).map(|_| Permits::new(3)).collect();
        let (mut state, mut admitted) = (Windowed::default(), [0_u32; 10]);
        for request in 0..50_000_u64 {
            let (now_us, edge) = (request * 200, (request % 3) as usize);
            if edges[edge].spend(7, 1, now_us).is_some() {
                admitted[(now_us / SECOND_US) as usize] += 1;
                continue;
            }
            // A request in between waits for the next exchange, so it is over the limit here.
            if request % 500 >= 3 {
                continue;
            }
            for wanted in [edges[edge].batch(1_000, 10, 1), 1] {
                let (next, answer) = store.decide(state, now_us, wanted);
                if answer.admitted {
                    state = next;
                    edges[edge].hold(7, wanted - 1, (now_us, SECOND_US));
                    admitted[(now_us / SECOND_US) as usize] += 1;
                    break;
                }
            }
        }
        assert!(admitted.iter().all(|admitted| *admitted <= 1_100), "{admitted:?}");
        assert!(admitted.iter().sum::<u32>() > 2_000, "{admitted:?}");
    }

    #[test]
    fn permits_are_spent_once_and_not_after_their_period() {
        let permits = Permits::new(2);
        assert_eq!((permits.batch(100, 10, 1), permits.batch(5, 10, 1)), (5, 1));
        permits.hold(1, 2, (0, 100));
        assert_eq!(permits.spend(1, 1, 50), Some(1));
        assert_eq!(permits.spend(1, 2, 50), None);
        assert_eq!(permits.spend(1, 1, 100), None);
        assert_eq!(permits.spend(2, 1, 50), None);
    }
}
