//! Idempotent producers of one partition: a batch that was appended already is known again.
//!
//! A producer numbers its records for each partition. For each producer its epoch and the last five
//! batches are kept, which is how many a client may have in flight (Apache Kafka, KIP-98 and
//! `ProducerStateManager`).

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::batch::{Header, NO_PRODUCER};

/// Batches of a producer that are known again.
const BATCHES_KNOWN: usize = 5;

/// Why a producer's batch is not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SequenceError {
    /// Records of before it are missing.
    #[error("sequence {found} of producer {producer_id} came where {expected} is next")]
    OutOfOrder {
        /// Whose.
        producer_id: i64,
        /// The sequence it begins with.
        found: i32,
        /// The one that it should have begun with.
        expected: i32,
    },
    /// A later life of the producer was seen.
    #[error("producer {producer_id} has gone on with epoch {current}")]
    Fenced {
        /// Whose.
        producer_id: i64,
        /// The epoch of its latest life.
        current: i16,
    },
}

/// What is to be done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Append,
    /// It was appended before, here.
    Known {
        /// The offset of its first record.
        base_offset: i64,
    },
}

/// A batch that a producer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    first: i32,
    last: i32,
    base_offset: i64,
}

/// What is known of a producer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    /// The latest ones, oldest first; none directly after a new epoch's first marker.
    batches: VecDeque<Sent>,
    /// The time of its last batch, in ms since 1970.
    at_ms: i64,
}

/// The producers of a partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Producers(HashMap<i64, Producer>);

impl Producers {
    /// What is to be done with the batch of this header.
    ///
    /// # Errors
    /// [`SequenceError`].
    pub fn check(&self, header: &Header) -> Result<Verdict, SequenceError> {
        if header.producer_id == NO_PRODUCER {
            return Ok(Verdict::Append);
        }
        let producer_id = header.producer_id;
        let Some(producer) = self.0.get(&producer_id) else {
            // Its state may have expired, or the partition is new to it: taken as it comes.
            return Ok(Verdict::Append);
        };
        if header.producer_epoch < producer.epoch {
            return Err(SequenceError::Fenced { producer_id, current: producer.epoch });
        }
        let out_of_order = |expected| {
            let found = header.base_sequence;
            Err(SequenceError::OutOfOrder { producer_id, found, expected })
        };
        if header.producer_epoch > producer.epoch {
            return if header.base_sequence == 0 { Ok(Verdict::Append) } else { out_of_order(0) };
        }
        let last = last_sequence(header);
        let same = |sent: &&Sent| sent.first == header.base_sequence && sent.last == last;
        if let Some(sent) = producer.batches.iter().find(same) {
            return Ok(Verdict::Known { base_offset: sent.base_offset });
        }
        match producer.batches.back() {
            Some(sent) if next_sequence(sent.last) != header.base_sequence => {
                out_of_order(next_sequence(sent.last))
            }
            _ => Ok(Verdict::Append),
        }
    }

    /// Takes note of a batch that was appended. `header` has its offset.
    pub fn note(&mut self, header: &Header, now_ms: i64) {
        if header.producer_id == NO_PRODUCER {
            return;
        }
        let fresh =
            Producer { epoch: header.producer_epoch, batches: VecDeque::new(), at_ms: now_ms };
        let producer = self.0.entry(header.producer_id).or_insert(fresh);
        if header.producer_epoch > producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.at_ms = now_ms;
        if header.is_control() {
            return;
        }
        if producer.batches.len() == BATCHES_KNOWN {
            producer.batches.pop_front();
        }
        let (first, last) = (header.base_sequence, last_sequence(header));
        producer.batches.push_back(Sent { first, last, base_offset: header.base_offset });
    }

    /// Forgets producers that sent nothing since `before_ms`.
    pub fn expire(&mut self, before_ms: i64) {
        self.0.retain(|_, producer| producer.at_ms >= before_ms);
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sequences go from 0 to 2^31 - 1 and around.
fn last_sequence(header: &Header) -> i32 {
    around(i64::from(header.base_sequence) + i64::from(header.records) - 1)
}

fn next_sequence(last: i32) -> i32 {
    around(i64::from(last) + 1)
}

fn around(sequence: i64) -> i32 {
    (sequence % (1_i64 << 31)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::batch::tests::sent_by;

    fn header(epoch: i16, sequence: i32, records: usize) -> Header {
        let values = vec![&b"value"[..]; records];
        let sent = Batch::parse(&sent_by((9, epoch), 0, &values)).unwrap().header;
        Header { base_sequence: sequence, ..sent }
    }

    /// Appends as a partition does, and says where the batch is.
    fn send(
        producers: &mut Producers,
        end: &mut i64,
        header: Header,
    ) -> Result<i64, SequenceError> {
        match producers.check(&header)? {
            Verdict::Known { base_offset } => Ok(base_offset),
            Verdict::Append => {
                let placed = Header { base_offset: *end, ..header };
                producers.note(&placed, 0);
                *end = placed.end_offset();
                Ok(placed.base_offset)
            }
        }
    }

    #[test]
    fn a_batch_sent_again_is_appended_once() {
        let (mut producers, mut end) = (Producers::default(), 0);
        for number in 0..6 {
            let at = send(&mut producers, &mut end, header(0, number * 3, 3));
            assert_eq!(at, Ok(i64::from(number) * 3));
        }
        for number in 1..6 {
            let at = send(&mut producers, &mut end, header(0, number * 3, 3));
            assert_eq!(at, Ok(i64::from(number) * 3));
        }
        assert_eq!(end, 18);
        let forgotten = send(&mut producers, &mut end, header(0, 0, 3));
        let refusal = SequenceError::OutOfOrder { producer_id: 9, found: 0, expected: 18 };
        assert_eq!(forgotten, Err(refusal), "the sixth before the last is known no more");
    }

    #[test]
    fn a_gap_is_refused() {
        let (mut producers, mut end) = (Producers::default(), 0);
        send(&mut producers, &mut end, header(0, 0, 2)).unwrap();
        let refusal = SequenceError::OutOfOrder { producer_id: 9, found: 3, expected: 2 };
        assert_eq!(send(&mut producers, &mut end, header(0, 3, 1)), Err(refusal));
        assert_eq!(send(&mut producers, &mut end, header(0, 2, 1)), Ok(2));
    }

    #[test]
    fn a_later_life_fences_the_one_before() {
        let (mut producers, mut end) = (Producers::default(), 0);
        send(&mut producers, &mut end, header(0, 0, 2)).unwrap();
        assert!(send(&mut producers, &mut end, header(1, 5, 1)).is_err(), "it begins at 0");
        assert_eq!(send(&mut producers, &mut end, header(1, 0, 1)), Ok(2));
        let refusal = SequenceError::Fenced { producer_id: 9, current: 1 };
        assert_eq!(send(&mut producers, &mut end, header(0, 2, 1)), Err(refusal));
    }

    #[test]
    fn sequences_go_around() {
        let (mut producers, mut end) = (Producers::default(), 0);
        send(&mut producers, &mut end, header(0, i32::MAX - 1, 3)).unwrap();
        assert_eq!(send(&mut producers, &mut end, header(0, 1, 1)), Ok(3));
        assert_eq!(send(&mut producers, &mut end, header(0, i32::MAX - 1, 3)), Ok(0));
    }

    #[test]
    fn those_who_are_silent_are_forgotten() {
        let mut producers = Producers::default();
        producers.note(&header(0, 0, 1), 1_000);
        producers.expire(1_000);
        assert_eq!(producers.len(), 1);
        producers.expire(1_001);
        assert!(producers.is_empty());
    }
}
