//! Credentials that were found right, kept in memory so that the next request with one costs a
//! hash and a look-up.
//!
//! Invariant: once [`Live::forget_all`] has returned, nothing that was read from the store before
//! it is served. So a look-up notes the generation before it reads, and what it read is only kept
//! while the generation is the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use super::Principal;
use super::token::Digest;
use crate::clock::Timestamp;

/// Credentials kept at once, about 500 bytes each. One more takes the place of any other.
const ENTRIES_MAX: usize = 16_384;
/// How coarse the time of last use is.
const TOUCH_EVERY: Duration = Duration::from_secs(3_600);

pub(super) struct Live {
    state: RwLock<State>,
    /// None when this process makes every change itself, so that nothing can grow stale.
    age_max: Option<Duration>,
}

#[derive(Default)]
struct State {
    generation: u64,
    entries: HashMap<Digest, Arc<Entry>>,
}

/// Taken before reading the store; see the invariant above.
#[derive(Clone, Copy)]
pub(super) struct Generation(u64);

/// A credential that was right when it was read.
pub(super) struct Entry {
    pub(super) principal: Arc<Principal>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) read_at: Timestamp,
    /// The token's ID and the last use that is stored; none for what is no stored token.
    pub(super) token: Option<(String, AtomicI64)>,
}

impl Live {
    pub(super) fn new(age_max: Option<Duration>) -> Self {
        Self { state: RwLock::default(), age_max }
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.state.read().generation)
    }

    /// The entry, unless its time is over.
    pub(super) fn get(&self, digest: &Digest, now: Timestamp) -> Option<Arc<Entry>> {
        let entry = self.state.read().entries.get(digest).map(Arc::clone)?;
        let expired = entry.expires_at.is_some_and(|end| now >= end);
        let stale = self.age_max.is_some_and(|age| now.since(entry.read_at) > age);
        (!expired && !stale).then_some(entry)
    }

    pub(super) fn keep(&self, generation: Generation, digest: Digest, entry: Arc<Entry>) {
        let mut state = self.state.write();
        if state.generation != generation.0 {
            return;
        }
        if state.entries.len() >= ENTRIES_MAX
            && let Some(any) = state.entries.keys().next().copied()
        {
            state.entries.remove(&any);
        }
        state.entries.insert(digest, entry);
    }

    /// To be called after every change that could lessen a right, before it is acknowledged.
    pub(super) fn forget_all(&self) {
        let mut state = self.state.write();
        state.generation += 1;
        state.entries.clear();
    }
}

impl Entry {
    /// The ID of the token whose use at `now` is worth storing. Tells one caller only.
    pub(super) fn due_for_touch(&self, now: Timestamp) -> Option<&str> {
        let (id, stored_us) = self.token.as_ref()?;
        let stored = stored_us.load(Ordering::Relaxed);
        if now.since(Timestamp::from_micros(stored)) < TOUCH_EVERY {
            return None;
        }
        stored_us
            .compare_exchange(stored, now.micros(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
            .then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn entry(expires_at: Option<Timestamp>) -> Arc<Entry> {
        let principal = Arc::new(Principal::anonymous());
        let token = Some(("id".to_owned(), AtomicI64::new(0)));
        Arc::new(Entry { principal, expires_at, read_at: NOW, token })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (live, digest) = (Live::new(None), Digest::of("t"));
        let before = live.generation();
        live.keep(before, digest, entry(None));
        assert!(live.get(&digest, NOW).is_some());
        live.forget_all();
        assert!(live.get(&digest, NOW).is_none());
        live.keep(before, digest, entry(None));
        assert!(live.get(&digest, NOW).is_none());
    }

    #[test]
    fn entries_end_with_their_token_and_with_their_age() {
        let (live, digest) = (Live::new(Some(Duration::from_secs(5))), Digest::of("t"));
        live.keep(live.generation(), digest, entry(Some(NOW.plus(Duration::from_secs(3)))));
        assert!(live.get(&digest, NOW.plus(Duration::from_secs(2))).is_some());
        assert!(live.get(&digest, NOW.plus(Duration::from_secs(3))).is_none());
        live.keep(live.generation(), digest, entry(None));
        assert!(live.get(&digest, NOW.plus(Duration::from_secs(5))).is_some());
        assert!(live.get(&digest, NOW.plus(Duration::from_secs(6))).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let live = Live::new(None);
        for number in 0..ENTRIES_MAX + 100 {
            let digest = Digest::of(&number.to_string());
            live.keep(live.generation(), digest, entry(None));
            assert!(live.get(&digest, NOW).is_some());
        }
        assert_eq!(live.state.read().entries.len(), ENTRIES_MAX);
    }

    #[test]
    fn one_use_an_hour_is_stored() {
        let entry = entry(None);
        assert_eq!(entry.due_for_touch(NOW), Some("id"));
        assert_eq!(entry.due_for_touch(NOW.plus(Duration::from_secs(3_599))), None);
        assert_eq!(entry.due_for_touch(NOW.plus(TOUCH_EVERY)), Some("id"));
    }
}
