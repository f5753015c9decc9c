//! Why the broker does not do what was asked.

use std::io;
use std::sync::Arc;

use journal::JournalError;
use thiserror::Error;

use crate::batch::BatchError;
use crate::log::OutOfRange;
use crate::producers::SequenceError;
use crate::topic::TopicError;
use crate::transaction::TransactionError;

/// What can go wrong with a request.
#[derive(Debug, Clone, Error)]
pub enum QueueError {
    /// No such topic or partition.
    #[error("there is no such topic or partition; make the topic first")]
    UnknownPartition,
    /// The topic is there already.
    #[error("Topic '{0}' already exists")]
    Exists(String),
    /// A name or setting.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A number of partitions.
    #[error("{0}")]
    Partitions(String),
    /// A number of replicas.
    #[error("one broker keeps one replica of a partition; ask for 1, or -1 for the default")]
    Replicas,
    /// An offset.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A batch that is too large for its topic.
    #[error("a batch of {bytes} bytes: the topic takes {max}; raise max.message.bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest.
        max: usize,
    },
    /// A batch of an idempotent producer.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// Fewer replicas are in sync than the topic asks for.
    #[error("1 replica is in sync, and min.insync.replicas asks for {0}")]
    InSync(i64),
    /// Nothing is stored at the moment.
    #[error("nothing can be stored: {0}; it is taken again once it can")]
    Storage(Arc<io::Error>),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A transaction.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// A group that has members.
    #[error("group {0} has members; stop them first")]
    NotEmpty(String),
    /// No such group.
    #[error("there is no group {0}")]
    UnknownGroup(String),
}

impl From<io::Error> for QueueError {
    fn from(error: io::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}
