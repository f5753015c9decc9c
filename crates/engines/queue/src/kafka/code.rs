//! Errors as Kafka numbers them.

use journal::JournalError;
use kafka_protocol::ResponseError;

use crate::batch::BatchError;
use crate::error::QueueError;
use crate::group::GroupError;
use crate::producers::SequenceError;
use crate::topic::TopicError;
use crate::transaction::TransactionError;

/// The number of an error; those that go away by themselves are ones that clients try again.
pub(super) fn of(error: &QueueError) -> i16 {
    let known = match error {
        QueueError::UnknownPartition => ResponseError::UnknownTopicOrPartition,
        QueueError::Exists(_) => ResponseError::TopicAlreadyExists,
        QueueError::Topic(TopicError::Name) => ResponseError::InvalidTopicException,
        QueueError::Topic(_) => ResponseError::InvalidConfig,
        QueueError::Partitions(_) => ResponseError::InvalidPartitions,
        QueueError::Replicas => ResponseError::InvalidReplicationFactor,
        QueueError::OutOfRange(_) => ResponseError::OffsetOutOfRange,
        QueueError::Batch(BatchError::Cut | BatchError::Checksum) => ResponseError::CorruptMessage,
        QueueError::Batch(BatchError::Format(_)) => ResponseError::UnsupportedForMessageFormat,
        QueueError::Batch(BatchError::Field(_)) => ResponseError::InvalidRecord,
        QueueError::TooLarge { .. } => ResponseError::MessageTooLarge,
        QueueError::Sequence(SequenceError::OutOfOrder { .. }) => {
            ResponseError::OutOfOrderSequenceNumber
        }
        QueueError::Sequence(SequenceError::Fenced { .. }) => ResponseError::InvalidProducerEpoch,
        QueueError::InSync(_) => ResponseError::NotEnoughReplicas,
        QueueError::Journal(JournalError::TooLong { .. }) => ResponseError::MessageTooLarge,
        QueueError::Storage(_) | QueueError::Journal(_) => ResponseError::KafkaStorageError,
        QueueError::Transaction(error) => match error {
            TransactionError::UnknownProducer => ResponseError::InvalidProducerIdMapping,
            TransactionError::Fenced => ResponseError::ProducerFenced,
            TransactionError::State => ResponseError::InvalidTxnState,
            TransactionError::Ending => ResponseError::ConcurrentTransactions,
            TransactionError::Timeout => ResponseError::InvalidTransactionTimeout,
        },
        QueueError::NotEmpty(_) => ResponseError::NonEmptyGroup,
        QueueError::UnknownGroup(_) => ResponseError::GroupIdNotFound,
    };
    known.code()
}

/// The number of what is wrong with a member or a group.
pub(super) fn of_group(error: GroupError) -> i16 {
    let known = match error {
        GroupError::UnknownMemberId => ResponseError::UnknownMemberId,
        GroupError::IllegalGeneration => ResponseError::IllegalGeneration,
        GroupError::RebalanceInProgress => ResponseError::RebalanceInProgress,
        GroupError::InconsistentGroupProtocol => ResponseError::InconsistentGroupProtocol,
        GroupError::MemberIdRequired => ResponseError::MemberIdRequired,
        GroupError::FencedInstanceId => ResponseError::FencedInstanceId,
        GroupError::GroupMaxSizeReached => ResponseError::GroupMaxSizeReached,
        GroupError::InvalidSessionTimeout => ResponseError::InvalidSessionTimeout,
        GroupError::CoordinatorNotAvailable => ResponseError::CoordinatorNotAvailable,
        GroupError::NotCoordinator => ResponseError::NotCoordinator,
        GroupError::InvalidRequest => ResponseError::InvalidRequest,
        GroupError::FencedMemberEpoch => ResponseError::FencedMemberEpoch,
        GroupError::StaleMemberEpoch => ResponseError::StaleMemberEpoch,
        GroupError::UnreleasedInstanceId => ResponseError::UnreleasedInstanceId,
        GroupError::UnsupportedAssignor => ResponseError::UnsupportedAssignor,
        GroupError::NonEmptyGroup => ResponseError::NonEmptyGroup,
        GroupError::GroupIdNotFound => ResponseError::GroupIdNotFound,
    };
    known.code()
}

/// Of a result: 0 is none.
pub(super) fn of_result<T>(result: &Result<T, QueueError>) -> i16 {
    result.as_ref().err().map_or(0, of)
}
