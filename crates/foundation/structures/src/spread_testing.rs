//! What the tests of placements share: keys, and how many of them each server gets.

use std::collections::BTreeMap;

use crate::membership::Placement;

/// That many different keys.
pub(crate) fn keys(count: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|key| format!("key-{key}").into_bytes())
}

/// Keys counted by their server.
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn count(placement: &impl Placement, count: u32) -> Self {
        let servers = placement.servers().iter();
        let mut tally: BTreeMap<String, u64> =
            servers.map(|server| (server.id().to_owned(), 0)).collect();
        for key in keys(count) {
            *tally.get_mut(placement.get(&key).unwrap().id()).unwrap() += 1;
        }
        Self(tally)
    }

    pub(crate) fn of(&self, id: &str) -> u64 {
        self.0[id]
    }

    /// The standard deviation in per cent of the mean.
    pub(crate) fn deviation_percent(&self) -> f64 {
        let count = self.0.len() as f64;
        let mean = self.0.values().sum::<u64>() as f64 / count;
        let squares = self.0.values().map(|keys| (*keys as f64 - mean).powi(2)).sum::<f64>();
        (squares / count).sqrt() / mean * 100.0
    }
}
