//! What was sent, against what arrived: lost, doubled, made up, out of order.

use std::collections::BTreeMap;
use std::fmt::Debug;

use thiserror::Error;

/// What went wrong with a message.
#[derive(Clone, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem<I: Debug> {
    /// It never arrived.
    #[error("{0:?} was lost")]
    Lost(I),
    /// It arrived so many times.
    #[error("{0:?} arrived {1} times")]
    Repeated(I, u64),
    /// Nobody sent it.
    #[error("{0:?} arrived and was never sent")]
    MadeUp(I),
    /// Its first arrival was before that of one of the same key that was sent earlier.
    #[error("{later:?} arrived before {earlier:?}, sent earlier under the same key")]
    Overtook {
        /// The one that arrived first.
        later: I,
        /// The one that should have.
        earlier: I,
    },
}

/// How often each may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Once, neither more nor less.
    Exactly,
    /// Once or more.
    AtLeast,
    /// Once or not at all.
    AtMost,
}

/// Every problem of `arrived`, in order of the messages. `sent` gives each message with its key, in
/// the order of sending; first arrivals under one key must keep that order.
pub fn check<I: Clone + Ord + Debug, K: Ord + Clone>(
    sent: &[(I, K)],
    arrived: &[I],
    times: Times,
) -> Vec<Problem<I>> {
    let mut counts: BTreeMap<&I, (u64, usize)> = BTreeMap::new();
    for (place, message) in arrived.iter().enumerate() {
        counts.entry(message).or_insert((0, place)).0 += 1;
    }
    let mut problems = Vec::new();
    let mut last_of_key: BTreeMap<K, (usize, &I)> = BTreeMap::new();
    for (message, key) in sent {
        match counts.remove(message) {
            None if times == Times::AtMost => {}
            None => problems.push(Problem::Lost(message.clone())),
            Some((count, place)) => {
                if count > 1 && times != Times::AtLeast {
                    problems.push(Problem::Repeated(message.clone(), count));
                }
                match last_of_key.get(key) {
                    // Sent before this one, and first seen after it.
                    Some((before, earlier)) if *before > place => {
                        let (later, earlier) = (message.clone(), I::clone(earlier));
                        problems.push(Problem::Overtook { later, earlier });
                    }
                    _ => drop(last_of_key.insert(key.clone(), (place, message))),
                }
            }
        }
    }
    problems.extend(counts.into_keys().map(|message| Problem::MadeUp(message.clone())));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: [(u32, &str); 4] = [(1, "a"), (2, "b"), (3, "a"), (4, "b")];

    #[test]
    fn sound_deliveries_pass() {
        assert_eq!(check(&SENT, &[1, 2, 3, 4], Times::Exactly), []);
        assert_eq!(check(&SENT, &[2, 1, 4, 3], Times::Exactly), [], "keys are independent");
        assert_eq!(check(&SENT, &[1, 2, 1, 2, 3, 4], Times::AtLeast), [], "a repeated batch");
        assert_eq!(check(&SENT, &[1, 4], Times::AtMost), []);
    }

    #[test]
    fn each_problem_is_named() {
        assert_eq!(check(&SENT, &[1, 2, 4], Times::AtLeast), [Problem::Lost(3)]);
        assert_eq!(check(&SENT, &[1, 2, 2, 3, 4], Times::Exactly), [Problem::Repeated(2, 2)]);
        assert_eq!(check(&SENT, &[1, 2, 3, 4, 9], Times::Exactly), [Problem::MadeUp(9)]);
        let overtook = check(&SENT, &[3, 1, 2, 4], Times::Exactly);
        assert_eq!(overtook, [Problem::Overtook { later: 3, earlier: 1 }]);
        assert_eq!(overtook[0].to_string(), "3 arrived before 1, sent earlier under the same key");
    }
}
