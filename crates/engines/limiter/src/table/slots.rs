//! An open-addressed table of states that are a word or two, probed line by line.
//!
//! No key is ever taken out: a state that is over is replaced, or left behind when the table is
//! laid anew. So a search ends at the first empty slot.

use crate::answer::Answer;
use crate::sliding_counter;
use crate::windowed;

/// The fewest slots of a table that has any.
const SLOTS_MIN: usize = 8;

/// A state as it lies in a slot; zeros are that of a key that never came.
pub(crate) trait State: Copy + Default + Eq {
    /// The second at which it means nothing more.
    fn over_at_s(self) -> u64;
    /// Whether it means nothing at `now_us`.
    fn is_over(self, now_us: u64) -> bool;
}

pub(crate) type Word = u64;
pub(super) type Pair = [u64; 2];

impl State for Word {
    fn over_at_s(self) -> u64 {
        windowed::over_at_s(self)
    }

    fn is_over(self, now_us: u64) -> bool {
        windowed::is_over(self, now_us)
    }
}

impl State for Pair {
    fn over_at_s(self) -> u64 {
        sliding_counter::over_at_s(self)
    }

    fn is_over(self, now_us: u64) -> bool {
        sliding_counter::is_over(self, now_us)
    }
}

/// Empty when the key is 0, which no key is.
#[derive(Clone, Copy, Default)]
struct Slot<S> {
    key: u64,
    state: S,
}

#[derive(Default)]
pub(crate) struct Slots<S> {
    slots: Vec<Slot<S>>,
    /// Slots that are not empty: at most three quarters.
    used: usize,
}

impl<S: State> Slots<S> {
    /// Has `decide` turn the state of `key` into its next one, and gives the one before with what
    /// `decide` said. A new key finds a place within `bytes_max` if its state means something.
    #[inline]
    pub(crate) fn change(
        &mut self,
        (key, now_us): (u64, u64),
        bytes_max: usize,
        decide: impl FnOnce(S) -> (S, Answer),
    ) -> (S, Answer) {
        let key = key.max(1);
        if let Some(at) = self.find(key) {
            let slot = &mut self.slots[at];
            let before = slot.state;
            let (after, answer) = decide(before);
            slot.state = after;
            return (before, answer);
        }
        let (after, answer) = decide(S::default());
        if !after.is_over(now_us) {
            self.insert(Slot { key, state: after }, now_us, bytes_max);
        }
        (S::default(), answer)
    }

    /// Fetches the line in which the search for `key` begins.
    #[inline]
    pub(super) fn touch(&self, key: u64) -> u64 {
        self.slots.get(self.home(key.max(1))).map_or(0, |slot| slot.key)
    }

    pub(crate) fn get(&self, key: u64) -> Option<S> {
        self.find(key.max(1)).map(|at| self.slots[at].state)
    }

    /// Replaces the state of a key that has one.
    pub(super) fn set(&mut self, key: u64, state: S) {
        if let Some(at) = self.find(key.max(1)) {
            self.slots[at].state = state;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<S>>()
    }

    /// Lays the table anew when half of it means nothing; tells how many mean something.
    pub(super) fn sweep(&mut self, now_us: u64) -> usize {
        let live = self.live(now_us).count();
        if live <= self.used / 2 && self.used > 0 {
            self.lay_anew(now_us, usize::MAX);
        }
        live
    }

    #[inline]
    fn find(&self, key: u64) -> Option<usize> {
        let mut at = self.home(key);
        loop {
            let slot = self.slots.get(at)?;
            if slot.key == key {
                return Some(at);
            }
            if slot.key == 0 {
                return None;
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, slot: Slot<S>, now_us: u64, bytes_max: usize) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.lay_anew(now_us, bytes_max);
        }
        let mut at = self.home(slot.key);
        while self.slots[at].key != 0 {
            if self.slots[at].state.is_over(now_us) {
                self.slots[at] = slot;
                return;
            }
            at = self.after(at);
        }
        self.slots[at] = slot;
        self.used += 1;
    }

    /// Moves what means something to a table of four sevenths load, within `bytes_max` (but never
    /// below [`SLOTS_MIN`]). When that is too small, those nearest to being over are left behind.
    fn lay_anew(&mut self, now_us: u64, bytes_max: usize) {
        let mut live: Vec<Slot<S>> = self.live(now_us).copied().collect();
        let slots_max = (bytes_max / size_of::<Slot<S>>()).max(SLOTS_MIN);
        let length = (live.len() * 7 / 4 + SLOTS_MIN).min(slots_max);
        // An eighth below the limit, so that the next time is not soon.
        let live_max = length * 5 / 8;
        if live.len() > live_max {
            live.select_nth_unstable_by_key(live_max, |slot| {
                std::cmp::Reverse(slot.state.over_at_s())
            });
            live.truncate(live_max);
        }
        self.used = live.len();
        self.slots = vec![Slot::default(); if live.is_empty() { SLOTS_MIN } else { length }];
        for slot in live {
            let mut at = self.home(slot.key);
            while self.slots[at].key != 0 {
                at = self.after(at);
            }
            self.slots[at] = slot;
        }
    }

    fn live(&self, now_us: u64) -> impl Iterator<Item = &Slot<S>> {
        self.slots.iter().filter(move |slot| slot.key != 0 && !slot.state.is_over(now_us))
    }

    /// By the lower half of the key: the upper one chose the shard.
    #[inline]
    fn home(&self, key: u64) -> usize {
        ((u64::from(key as u32) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}
