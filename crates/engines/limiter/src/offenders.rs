//! Who is denied most, in constant memory: the space-saving sketch (Metwally, Agrawal and El
//! Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005).
//!
//! `K` counters; whoever is not among them takes over the smallest one with its count as the most
//! by which it may be overstated. Everybody denied more often than one in `K` times is there.
//!
//! `structures::count_min::Top` answers the same question from bytes; here a name is only written
//! for whoever is counted anew, and each count has a bound of its own.

use std::collections::HashMap;

/// How many are counted.
pub const OFFENDERS: usize = 128;

/// The callers denied most.
#[derive(Debug, Default)]
pub struct Offenders {
    counted: HashMap<u64, Offender>,
}

/// A caller with its denials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offender {
    /// The descriptor it was denied by.
    pub who: String,
    /// How often, at most.
    pub denied: u64,
    /// By how much that may be too high.
    pub overstated: u64,
}

impl Offenders {
    /// Counts `hits` of the caller `key`; `who` is asked for a name when it was not counted yet.
    pub fn add(&mut self, key: u64, hits: u64, who: impl FnOnce() -> String) {
        if let Some(offender) = self.counted.get_mut(&key) {
            offender.denied = offender.denied.saturating_add(hits);
            return;
        }
        let mut overstated = 0;
        if self.counted.len() >= OFFENDERS {
            let least = self.counted.iter().min_by_key(|(_, offender)| offender.denied);
            let Some(least) = least.map(|(key, _)| *key) else { return };
            overstated = self.counted.remove(&least).map_or(0, |offender| offender.denied);
        }
        let denied = overstated.saturating_add(hits);
        self.counted.insert(key, Offender { who: who(), denied, overstated });
    }

    /// The `count` denied most, the first most.
    pub fn top(&self, count: usize) -> Vec<Offender> {
        let mut offenders: Vec<_> = self.counted.values().cloned().collect();
        offenders.sort_by(|one, two| two.denied.cmp(&one.denied).then(one.who.cmp(&two.who)));
        offenders.truncate(count);
        offenders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stand_out_of_a_flood_in_constant_memory() {
        let mut offenders = Offenders::default();
        for round in 0..20_000_u64 {
            offenders.add(1, 1, || "worst".to_owned());
            if round % 2 == 0 {
                offenders.add(2, 1, || "second".to_owned());
            }
            offenders.add(1_000 + round, 1, || format!("once {round}"));
        }
        let top = offenders.top(2);
        assert_eq!((top[0].who.as_str(), top[1].who.as_str()), ("worst", "second"));
        assert!(top[0].denied - top[0].overstated <= 20_000 && top[0].denied >= 20_000);
        assert_eq!(offenders.counted.len(), OFFENDERS);
    }
}
