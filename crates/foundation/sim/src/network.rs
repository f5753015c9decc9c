//! What becomes of a message: how long it takes, whether it is lost or doubled, which ways are cut.
//!
//! Messages overtake each other because each draws its own delay. A cut is of one direction, so a
//! node may hear without being heard.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::seed::{Rng, Seed};

/// What a network does to messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long most take, in microseconds.
    pub delay_us: RangeInclusive<u64>,
    /// Of a thousand, how many take ten times as long.
    pub slow_per_mille: u64,
    /// Of a thousand, how many are lost.
    pub lost_per_mille: u64,
    /// Of a thousand, how many arrive twice.
    pub doubled_per_mille: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { delay_us: 200..=2_000, slow_per_mille: 5, lost_per_mille: 0, doubled_per_mille: 0 }
    }
}

/// A network between nodes that are numbered from 0.
#[derive(Clone, Debug)]
pub struct Network {
    rng: Rng,
    /// What it does to messages; may be changed at any time.
    pub rules: Rules,
    cuts: BTreeSet<(u32, u32)>,
}

/// When a message arrives, as delays in microseconds: never, once or twice.
pub type Arrivals = [Option<u64>; 2];

impl Network {
    /// A network without cuts.
    pub fn new(seed: Seed, rules: Rules) -> Self {
        Self { rng: seed.fork("network").rng(), rules, cuts: BTreeSet::new() }
    }

    /// Sends a message off. A cut also catches what is under way when asked at arrival, see
    /// [`Network::is_cut`].
    pub fn send(&mut self, from: u32, to: u32) -> Arrivals {
        let lost = self.rng.chance(self.rules.lost_per_mille, 1_000) || self.is_cut(from, to);
        let doubled = self.rng.chance(self.rules.doubled_per_mille, 1_000);
        let (first, second) = (self.delay_us(), if doubled { Some(self.delay_us()) } else { None });
        if lost { [None, None] } else { [Some(first), second] }
    }

    fn delay_us(&mut self) -> u64 {
        let delay_us = self.rng.within(self.rules.delay_us.clone());
        if self.rng.chance(self.rules.slow_per_mille, 1_000) { delay_us * 10 } else { delay_us }
    }

    /// Whether nothing gets from one node to another.
    pub fn is_cut(&self, from: u32, to: u32) -> bool {
        !self.cuts.is_empty() && self.cuts.contains(&(from, to))
    }

    /// Cuts one direction.
    pub fn cut(&mut self, from: u32, to: u32) {
        self.cuts.insert((from, to));
    }

    /// Cuts both directions between every node of `side` and every one of `nodes` that is not.
    pub fn part(&mut self, side: &[u32], nodes: u32) {
        for other in (0..nodes).filter(|node| !side.contains(node)) {
            for node in side {
                self.cut(*node, other);
                self.cut(other, *node);
            }
        }
    }

    /// Mends one direction.
    pub fn mend(&mut self, from: u32, to: u32) {
        self.cuts.remove(&(from, to));
    }

    /// Mends every direction.
    pub fn heal(&mut self) {
        self.cuts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_doubling_and_delay_keep_to_their_rules() {
        let rules = Rules {
            delay_us: 100..=200,
            slow_per_mille: 0,
            lost_per_mille: 100,
            doubled_per_mille: 200,
        };
        let mut network = Network::new(Seed(1), rules);
        let sent: Vec<Arrivals> = (0..10_000).map(|_| network.send(0, 1)).collect();
        let lost = sent.iter().filter(|arrivals| arrivals[0].is_none()).count();
        let doubled = sent.iter().filter(|arrivals| arrivals[1].is_some()).count();
        assert!((850..1_150).contains(&lost), "{lost}");
        assert!((1_600..2_000).contains(&doubled), "{doubled}");
        assert!(sent.iter().flatten().flatten().all(|delay| (100..=200).contains(delay)));
    }

    #[test]
    fn a_cut_is_of_one_direction() {
        let mut network = Network::new(Seed(1), Rules::default());
        network.cut(0, 1);
        assert_eq!(network.send(0, 1), [None, None]);
        assert!(network.send(1, 0)[0].is_some());
        network.part(&[0, 1], 4);
        assert!(network.is_cut(2, 1) && network.is_cut(1, 3) && !network.is_cut(2, 3));
        network.heal();
        assert!(network.send(0, 1)[0].is_some());
    }
}
