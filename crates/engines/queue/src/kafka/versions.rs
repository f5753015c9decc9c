//! Which requests are answered, and in which versions.

use kafka_protocol::messages::ApiKey;

/// A kind of request.
pub(super) struct Api {
    pub(super) key: ApiKey,
    pub(super) name: &'static str,
    pub(super) min: i16,
    pub(super) max: i16,
}

const fn api(key: ApiKey, name: &'static str, min: i16, max: i16) -> Api {
    Api { key, name, min, max }
}

/// All kinds.
pub(super) const APIS: &[Api] = &[
    api(ApiKey::Produce, "Produce", 3, 12),
    api(ApiKey::Fetch, "Fetch", 4, 16),
    api(ApiKey::ListOffsets, "ListOffsets", 1, 8),
    api(ApiKey::Metadata, "Metadata", 0, 12),
    api(ApiKey::OffsetCommit, "OffsetCommit", 2, 9),
    api(ApiKey::OffsetFetch, "OffsetFetch", 1, 9),
    api(ApiKey::FindCoordinator, "FindCoordinator", 0, 6),
    api(ApiKey::JoinGroup, "JoinGroup", 0, 9),
    api(ApiKey::Heartbeat, "Heartbeat", 0, 4),
    api(ApiKey::LeaveGroup, "LeaveGroup", 0, 5),
    api(ApiKey::SyncGroup, "SyncGroup", 0, 5),
    api(ApiKey::DescribeGroups, "DescribeGroups", 0, 6),
    api(ApiKey::ListGroups, "ListGroups", 0, 5),
    api(ApiKey::SaslHandshake, "SaslHandshake", 0, 1),
    api(ApiKey::ApiVersions, "ApiVersions", 0, 4),
    api(ApiKey::CreateTopics, "CreateTopics", 2, 7),
    api(ApiKey::DeleteTopics, "DeleteTopics", 1, 6),
    api(ApiKey::DeleteRecords, "DeleteRecords", 0, 2),
    api(ApiKey::InitProducerId, "InitProducerId", 0, 4),
    api(ApiKey::OffsetForLeaderEpoch, "OffsetForLeaderEpoch", 2, 4),
    api(ApiKey::AddPartitionsToTxn, "AddPartitionsToTxn", 0, 3),
    api(ApiKey::AddOffsetsToTxn, "AddOffsetsToTxn", 0, 3),
    api(ApiKey::EndTxn, "EndTxn", 0, 3),
    api(ApiKey::TxnOffsetCommit, "TxnOffsetCommit", 0, 3),
    api(ApiKey::DescribeConfigs, "DescribeConfigs", 1, 4),
    api(ApiKey::AlterConfigs, "AlterConfigs", 0, 2),
    api(ApiKey::SaslAuthenticate, "SaslAuthenticate", 0, 2),
    api(ApiKey::CreatePartitions, "CreatePartitions", 0, 3),
    api(ApiKey::DeleteGroups, "DeleteGroups", 0, 2),
    api(ApiKey::OffsetDelete, "OffsetDelete", 0, 0),
    api(ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs", 0, 1),
    api(ApiKey::DescribeCluster, "DescribeCluster", 0, 1),
];

/// The place of a kind among all.
pub(super) fn place(key: i16) -> Option<usize> {
    APIS.iter().position(|api| api.key as i16 == key)
}
