//! States that are larger than two words: logs, counts of many parts, leases.

use std::collections::HashMap;

use crate::algorithm::{Algorithm, Asked, Large};
use crate::answer::Answer;

/// What a key takes beside its state: its entry in the map.
const ENTRY_BYTES: usize = 96;
/// How many are looked at to find one that makes room.
const SAMPLE: usize = 8;

#[derive(Default)]
pub(super) struct LargeStates {
    states: HashMap<u64, Entry>,
    bytes: usize,
}

struct Entry {
    state: Large,
    over_at_us: u64,
}

impl LargeStates {
    /// Decides on the state of `key`, and keeps it while it means something. While all take more
    /// than `bytes_max`, another makes room.
    pub(super) fn decide(
        &mut self,
        algorithm: &Algorithm,
        key: u64,
        asked: Asked,
        bytes_max: usize,
    ) -> Answer {
        let entry = self.states.entry(key).or_insert_with(|| {
            self.bytes += ENTRY_BYTES;
            Entry { state: algorithm.fresh(), over_at_us: 0 }
        });
        let before = entry.state.bytes();
        let answer = algorithm.on_large(&mut entry.state, asked);
        entry.over_at_us = asked.now_us.saturating_add(answer.reset_us);
        self.bytes = self.bytes + entry.state.bytes() - before;
        if answer.reset_us == 0 {
            self.forget(key);
        }
        while self.bytes > bytes_max && self.states.len() > 1 {
            self.evict(key);
        }
        answer
    }

    /// A copy of a key's state.
    pub(super) fn get(&self, key: u64) -> Option<Large> {
        self.states.get(&key).map(|entry| entry.state.clone())
    }

    pub(super) fn give_back(&mut self, key: u64, asked: Asked) {
        if let Some(entry) = self.states.get_mut(&key) {
            entry.state.give_back(asked);
        }
    }

    pub(super) fn forget(&mut self, key: u64) {
        if let Some(entry) = self.states.remove(&key) {
            self.bytes -= ENTRY_BYTES + entry.state.bytes();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets what means nothing at `now_us`; tells how many mean something.
    pub(super) fn sweep(&mut self, now_us: u64) -> usize {
        let over = self.states.iter().filter(|(_, entry)| entry.over_at_us <= now_us);
        for key in over.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.forget(key);
        }
        if self.states.capacity() > 4 * self.states.len() {
            self.states.shrink_to_fit();
        }
        self.states.len()
    }

    /// Forgets one of a few that is nearest to meaning nothing, but not `kept`.
    fn evict(&mut self, kept: u64) {
        let others = self.states.iter().filter(|(key, _)| **key != kept).take(SAMPLE);
        let first = others.min_by_key(|(_, entry)| entry.over_at_us).map(|(key, _)| *key);
        if let Some(key) = first {
            self.forget(key);
        }
    }
}
