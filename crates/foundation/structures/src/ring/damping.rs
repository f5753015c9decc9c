//! A server that flaps is skipped at once, and leaves the ring only when it stays away.
//!
//! Removing a server moves its keys, and adding it moves them back: not worth it for a restart. So
//! a short outage is a skip ([`Ring::get_up`](super::Ring::get_up)), and only one that lasts for
//! the delay is a removal. Times are the caller's, in milliseconds of any clock that does not go
//! back.

use std::collections::BTreeMap;

/// Which servers are down, and since when.
#[derive(Debug, Clone)]
pub struct Damping {
    delay_ms: u64,
    down_since_ms: BTreeMap<String, u64>,
}

impl Damping {
    /// Nothing is down yet. A server is given up when it was down for `delay_ms` on end.
    #[must_use]
    pub fn new(delay_ms: u64) -> Self {
        Self { delay_ms, down_since_ms: BTreeMap::new() }
    }

    /// A server was found down. The first of several observations counts.
    pub fn went_down(&mut self, id: &str, now_ms: u64) {
        if !self.down_since_ms.contains_key(id) {
            self.down_since_ms.insert(id.to_owned(), now_ms);
        }
    }

    /// A server was found up, or was removed: nothing is known against it any more.
    pub fn came_up(&mut self, id: &str) {
        self.down_since_ms.remove(id);
    }

    /// Whether to skip a server now.
    #[must_use]
    pub fn is_down(&self, id: &str) -> bool {
        self.down_since_ms.contains_key(id)
    }

    /// The servers to remove from the ring: down for the whole delay.
    pub fn given_up(&self, now_ms: u64) -> impl Iterator<Item = &str> {
        let long_ago = move |since: &u64| now_ms.saturating_sub(*since) >= self.delay_ms;
        self.down_since_ms
            .iter()
            .filter(move |(_, since)| long_ago(since))
            .map(|(id, _)| id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_outage_is_a_skip_and_a_long_one_a_removal() {
        let mut damping = Damping::new(30_000);
        damping.went_down("a", 1_000);
        damping.went_down("b", 2_000);
        damping.went_down("a", 20_000);
        assert!(damping.is_down("a") && damping.is_down("b") && !damping.is_down("c"));
        assert_eq!(damping.given_up(30_999).count(), 0);
        assert_eq!(damping.given_up(31_000).collect::<Vec<_>>(), ["a"]);
        // Back for a moment: the delay begins anew.
        damping.came_up("a");
        assert!(!damping.is_down("a"));
        damping.went_down("a", 32_000);
        assert_eq!(damping.given_up(33_000).collect::<Vec<_>>(), ["b"]);
        assert_eq!(damping.given_up(62_000).collect::<Vec<_>>(), ["a", "b"]);
    }
}
