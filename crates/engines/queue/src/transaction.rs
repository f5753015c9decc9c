//! Transactions of producers: which partitions and offsets belong to one, and how it ends.
//!
//! A transactional id has one producer at a time; a later one has a higher epoch and fences those
//! before it. A transaction ends in two steps: that it ends, and how, is kept first; then every
//! partition gets its marker, and the offsets count (Apache Kafka, KIP-98). Whatever comes between,
//! the second step is made up for.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::marker::Ending;
use crate::state::{Committed, TopicPartition};

/// The longest time that a transaction may be asked to take, in ms; Kafka's
/// `transaction.max.timeout.ms`.
pub const TIMEOUT_MAX_MS: i64 = 900_000;
/// A producer's last epoch; then it gets another id.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A producer and which of its lives.
pub type Producer = (i64, i16);

/// Why a step of a transaction is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// The transactional id has another producer, or none.
    #[error("the producer is not the one of this transactional id")]
    UnknownProducer,
    /// A later producer has the transactional id.
    #[error("a later producer has taken over the transactional id")]
    Fenced,
    /// There is no transaction, or one that the step does not fit.
    #[error("there is no transaction that this belongs to")]
    State,
    /// The transaction before is ending; try again.
    #[error("the transaction before is being ended")]
    Ending,
    /// The time-out is out of bounds.
    #[error("a transaction may take from 1 to {TIMEOUT_MAX_MS} ms")]
    Timeout,
}

/// Where a transactional id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Its producer has begun nothing.
    Idle,
    /// In a transaction, since a time in ms.
    Ongoing {
        /// When its first partition or group was added.
        since_ms: i64,
    },
    /// It is decided how the transaction ends.
    Ending(Ending),
    /// The last one has ended.
    Ended(Ending),
}

/// What is kept of a transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transactional {
    /// Its producer.
    pub producer: Producer,
    /// How long a transaction may take, in ms.
    pub timeout_ms: i64,
    /// Where it is.
    pub phase: Phase,
    /// Partitions of the transaction, and their streams.
    pub partitions: Vec<(TopicPartition, u32)>,
    /// Offsets that are committed with it, by group.
    pub offsets: BTreeMap<String, Vec<(TopicPartition, Committed)>>,
}

/// What happened to a transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// It has this producer from now on.
    Taken {
        /// Which.
        producer: Producer,
        /// See [`Transactional`].
        timeout_ms: i64,
    },
    /// Partitions belong to its transaction.
    Partitions {
        /// They, and their streams.
        added: Vec<(TopicPartition, u32)>,
        /// Now, in ms since 1970.
        at_ms: i64,
    },
    /// A group's offsets may belong to its transaction.
    Group {
        /// Which.
        group: String,
        /// Now, in ms since 1970.
        at_ms: i64,
    },
    /// Offsets belong to its transaction.
    Offsets {
        /// Whose.
        group: String,
        /// Which.
        offsets: Vec<(TopicPartition, Committed)>,
    },
    /// It is decided how its transaction ends.
    Ending(Ending),
    /// All markers are written.
    Ended,
}

/// All transactional ids.
#[derive(Debug, Default)]
pub struct Transactions {
    by_id: BTreeMap<String, Transactional>,
    by_producer: HashMap<i64, String>,
}

impl Transactions {
    /// What is kept, by transactional id.
    pub const fn all(&self) -> &BTreeMap<String, Transactional> {
        &self.by_id
    }

    /// Takes over what was kept.
    pub fn insert(&mut self, id: String, kept: Transactional) {
        self.by_producer.insert(kept.producer.0, id.clone());
        self.by_id.insert(id, kept);
    }

    /// The state of a producer's transactional id.
    ///
    /// # Errors
    /// [`TransactionError::UnknownProducer`], [`TransactionError::Fenced`].
    pub fn of(&self, id: &str, producer: Producer) -> Result<&Transactional, TransactionError> {
        let found = self.by_id.get(id).filter(|found| found.producer.0 == producer.0);
        let found = found.ok_or(TransactionError::UnknownProducer)?;
        if found.producer.1 == producer.1 { Ok(found) } else { Err(TransactionError::Fenced) }
    }

    /// Refuses a producer that may not add to its transaction, or begin one.
    ///
    /// # Errors
    /// As [`Transactions::of`], and [`TransactionError::Ending`].
    pub fn may_add(&self, id: &str, producer: Producer) -> Result<(), TransactionError> {
        match self.of(id, producer)?.phase {
            Phase::Ending(_) => Err(TransactionError::Ending),
            _ => Ok(()),
        }
    }

    /// Refuses offsets of a group that is not in the producer's transaction.
    ///
    /// # Errors
    /// As [`Transactions::of`], and [`TransactionError::State`].
    pub fn may_commit_offsets(
        &self,
        id: &str,
        producer: Producer,
        group: &str,
    ) -> Result<(), TransactionError> {
        let found = self.of(id, producer)?;
        let is_ongoing = matches!(found.phase, Phase::Ongoing { .. });
        match is_ongoing && found.offsets.contains_key(group) {
            true => Ok(()),
            false => Err(TransactionError::State),
        }
    }

    /// Refuses a batch of a transaction in a partition that does not belong to it.
    ///
    /// # Errors
    /// As [`Transactions::of`], and [`TransactionError::State`].
    pub fn may_produce(&self, producer: Producer, stream: u32) -> Result<(), TransactionError> {
        let id = self.by_producer.get(&producer.0).ok_or(TransactionError::UnknownProducer)?;
        let found = self.of(id, producer)?;
        let is_ongoing = matches!(found.phase, Phase::Ongoing { .. });
        match is_ongoing && found.partitions.iter().any(|(_, of)| *of == stream) {
            true => Ok(()),
            false => Err(TransactionError::State),
        }
    }

    /// Whether the transaction of a producer is still to be ended this way; not if it was before.
    ///
    /// # Errors
    /// As [`Transactions::of`], and [`TransactionError::State`].
    pub fn may_end(
        &self,
        id: &str,
        producer: Producer,
        ending: Ending,
    ) -> Result<bool, TransactionError> {
        match self.of(id, producer)?.phase {
            Phase::Ongoing { .. } => Ok(true),
            Phase::Ending(decided) if decided == ending => Ok(true),
            Phase::Ended(decided) if decided == ending => Ok(false),
            _ => Err(TransactionError::State),
        }
    }

    /// Whether offsets of a group in a partition wait for a transaction to end.
    pub fn is_unstable(&self, group: &str, of: &TopicPartition) -> bool {
        self.by_id.values().any(|kept| {
            let offsets = kept.offsets.get(group);
            offsets.is_some_and(|offsets| offsets.iter().any(|(partition, _)| partition == of))
        })
    }

    /// Transactional ids whose transaction has taken too long.
    pub fn overdue(&self, now_ms: i64) -> Vec<String> {
        let is_overdue = |kept: &Transactional| match kept.phase {
            Phase::Ongoing { since_ms } => now_ms.saturating_sub(since_ms) > kept.timeout_ms,
            _ => false,
        };
        self.by_id.iter().filter(|(_, kept)| is_overdue(kept)).map(|(id, _)| id.clone()).collect()
    }

    /// Transactional ids whose transaction is to be ended the rest of the way.
    pub fn unfinished(&self) -> Vec<String> {
        let is_ending = |kept: &Transactional| matches!(kept.phase, Phase::Ending(_));
        self.by_id.iter().filter(|(_, kept)| is_ending(kept)).map(|(id, _)| id.clone()).collect()
    }

    /// Makes a step, which was checked. Gives the offsets that count from now on, by group.
    pub fn apply(
        &mut self,
        id: &str,
        step: Step,
    ) -> Vec<(String, Vec<(TopicPartition, Committed)>)> {
        if let Step::Taken { producer, timeout_ms } = step {
            self.take(id, producer, timeout_ms);
            return Vec::new();
        }
        let Some(kept) = self.by_id.get_mut(id) else { return Vec::new() };
        match step {
            Step::Taken { .. } => {}
            Step::Partitions { added, at_ms } => {
                kept.begin(at_ms);
                let new = added.into_iter().filter(|one| !kept.partitions.contains(one));
                let new: Vec<_> = new.collect();
                kept.partitions.extend(new);
            }
            Step::Group { group, at_ms } => {
                kept.begin(at_ms);
                kept.offsets.entry(group).or_default();
            }
            Step::Offsets { group, offsets } => {
                let all = kept.offsets.entry(group).or_default();
                all.retain(|(of, _)| !offsets.iter().any(|(new, _)| new == of));
                all.extend(offsets);
            }
            Step::Ending(ending) => kept.phase = Phase::Ending(ending),
            Step::Ended => return kept.end(),
        }
        Vec::new()
    }

    fn take(&mut self, id: &str, producer: Producer, timeout_ms: i64) {
        if let Some(before) = self.by_id.get(id) {
            self.by_producer.remove(&before.producer.0);
        }
        let (partitions, offsets) = (Vec::new(), BTreeMap::new());
        let phase = Phase::Idle;
        self.insert(
            id.to_owned(),
            Transactional { producer, timeout_ms, phase, partitions, offsets },
        );
    }
}

impl Transactional {
    /// The producer that takes the transactional id over; `None`: it needs another number.
    pub fn successor(&self) -> Option<Producer> {
        (self.producer.1 < EPOCH_MAX).then(|| (self.producer.0, self.producer.1 + 1))
    }

    fn begin(&mut self, at_ms: i64) {
        if !matches!(self.phase, Phase::Ongoing { .. }) {
            self.phase = Phase::Ongoing { since_ms: at_ms };
        }
    }

    fn end(&mut self) -> Vec<(String, Vec<(TopicPartition, Committed)>)> {
        self.partitions.clear();
        let offsets = std::mem::take(&mut self.offsets);
        let Phase::Ending(ending) = self.phase else { return Vec::new() };
        self.phase = Phase::Ended(ending);
        match ending {
            Ending::Commit => offsets.into_iter().collect(),
            Ending::Abort => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Producer = (7, 0);
    const SECOND: Producer = (7, 1);

    fn offsets(offset: i64) -> Vec<(TopicPartition, Committed)> {
        let committed = Committed { offset, leader_epoch: 0, metadata: String::new(), at_ms: 0 };
        vec![(("in".to_owned(), 0), committed)]
    }

    fn taken(producer: Producer) -> Step {
        Step::Taken { producer, timeout_ms: 1_000 }
    }

    fn partitions(at_ms: i64) -> Step {
        Step::Partitions { added: vec![(("out".to_owned(), 0), 5)], at_ms }
    }

    #[test]
    fn offsets_count_once_a_transaction_is_committed() {
        let mut all = Transactions::default();
        all.apply("t", taken(FIRST));
        assert_eq!(all.may_produce(FIRST, 5), Err(TransactionError::State), "not added");
        all.apply("t", partitions(10));
        assert_eq!(all.may_produce(FIRST, 5), Ok(()));
        assert_eq!(all.may_produce(FIRST, 6), Err(TransactionError::State));
        assert_eq!(all.may_commit_offsets("t", FIRST, "g"), Err(TransactionError::State));
        all.apply("t", Step::Group { group: "g".to_owned(), at_ms: 11 });
        assert_eq!(all.may_commit_offsets("t", FIRST, "g"), Ok(()));
        all.apply("t", Step::Offsets { group: "g".to_owned(), offsets: offsets(3) });
        all.apply("t", Step::Offsets { group: "g".to_owned(), offsets: offsets(4) });
        assert!(all.is_unstable("g", &("in".to_owned(), 0)));
        assert_eq!(all.may_end("t", FIRST, Ending::Commit), Ok(true));
        all.apply("t", Step::Ending(Ending::Commit));
        assert_eq!(all.may_produce(FIRST, 5), Err(TransactionError::State), "it is decided");
        assert_eq!(all.may_add("t", FIRST), Err(TransactionError::Ending));
        assert_eq!(all.may_end("t", FIRST, Ending::Abort), Err(TransactionError::State));
        assert_eq!(all.unfinished(), ["t"]);
        assert_eq!(all.apply("t", Step::Ended), [("g".to_owned(), offsets(4))]);
        assert!(!all.is_unstable("g", &("in".to_owned(), 0)));
        assert_eq!(all.may_end("t", FIRST, Ending::Commit), Ok(false), "asked again");
        assert_eq!(all.may_end("t", FIRST, Ending::Abort), Err(TransactionError::State));
    }

    #[test]
    fn offsets_of_an_aborted_transaction_do_not_count() {
        let mut all = Transactions::default();
        all.apply("t", taken(FIRST));
        all.apply("t", Step::Group { group: "g".to_owned(), at_ms: 11 });
        all.apply("t", Step::Offsets { group: "g".to_owned(), offsets: offsets(3) });
        all.apply("t", Step::Ending(Ending::Abort));
        assert_eq!(all.apply("t", Step::Ended), []);
    }

    #[test]
    fn a_later_producer_fences_the_one_before() {
        let mut all = Transactions::default();
        assert_eq!(all.may_add("t", FIRST), Err(TransactionError::UnknownProducer));
        all.apply("t", taken(FIRST));
        assert_eq!(all.all()["t"].successor(), Some(SECOND));
        all.apply("t", taken(SECOND));
        assert_eq!(all.may_add("t", FIRST), Err(TransactionError::Fenced));
        assert_eq!(all.may_produce(FIRST, 5), Err(TransactionError::Fenced));
        assert_eq!(all.may_add("t", SECOND), Ok(()));
        assert_eq!(all.may_add("t", (8, 1)), Err(TransactionError::UnknownProducer));
        all.apply("t", taken((7, EPOCH_MAX)));
        assert_eq!(all.all()["t"].successor(), None);
    }

    #[test]
    fn a_transaction_that_takes_too_long_is_overdue() {
        let mut all = Transactions::default();
        all.apply("t", taken(FIRST));
        assert_eq!(all.overdue(i64::MAX), [] as [String; 0], "there is none");
        all.apply("t", partitions(10));
        all.apply("t", partitions(900));
        assert_eq!(all.overdue(1_010), [] as [String; 0]);
        assert_eq!(all.overdue(1_011), ["t"]);
    }
}
