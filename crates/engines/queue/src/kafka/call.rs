//! One request, and what answers it.

use std::future::Future;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, RequestHeader, ResponseHeader, api_versions_response::ApiVersion,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kit::auth::Principal;
use kit::clock::Stopwatch;
use kit::door::Caller;
use thiserror::Error;

use super::sasl::Session;
use super::versions::{self, APIS};
use super::{
    Kafka, Site, configs, fetch, groups, list_offsets, metadata, offsets, produce, producers,
    topics, transactions,
};
use crate::service::Queue;
use crate::system::Queues;

/// Why a connection is ended without an answer.
#[derive(Debug, Error)]
pub(super) enum Hangup {
    #[error("request {key} version {version} cannot be read: {reason}")]
    Unreadable { key: i16, version: i16, reason: String },
    #[error("there is no request {key} version {version}")]
    Unknown { key: i16, version: i16 },
    #[error("request {0:?} came without a credential that counts")]
    Unauthenticated(ApiKey),
    #[error("an answer cannot be written: {0}")]
    Unwritable(String),
}

/// An answer, with its frame; none when none is wanted.
pub(super) type Answer = Result<Option<Bytes>, Hangup>;

/// A request whose header is read.
pub(super) struct Call {
    pub(super) kafka: Arc<Kafka>,
    pub(super) session: Arc<Session>,
    /// Of its kind, in [`APIS`].
    place: usize,
    pub(super) version: i16,
    correlation_id: i32,
    client_id: StrBytes,
    body: Bytes,
}

/// A request and whose it is.
pub(super) struct Asked<Q> {
    pub(super) request: Q,
    pub(super) version: i16,
    pub(super) queue: Arc<Queue>,
    pub(super) principal: Arc<Principal>,
    pub(super) site: Site,
    pub(super) client: Client,
}

/// Who asks, for those who look at groups.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) host: String,
}

impl Call {
    /// Reads the header of a frame's content.
    pub(super) fn read(
        kafka: &Arc<Kafka>,
        session: &Arc<Session>,
        mut frame: Bytes,
    ) -> Result<Self, Hangup> {
        let number = |at: usize| {
            let bytes = frame.get(at..at + 2)?;
            Some(i16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let (Some(key), Some(version)) = (number(0), number(2)) else {
            let reason = "it is too short".to_owned();
            return Err(Hangup::Unreadable { key: -1, version: -1, reason });
        };
        let place = versions::place(key).ok_or(Hangup::Unknown { key, version })?;
        let api = &APIS[place];
        let is_known = (api.min..=api.max).contains(&version);
        if !is_known && api.key != ApiKey::ApiVersions {
            return Err(Hangup::Unknown { key, version });
        }
        // Whoever asks for the versions does not know yet which there are; its correlation is where
        // it always was.
        let header_version = if is_known { api.key.request_header_version(version) } else { 1 };
        let header = RequestHeader::decode(&mut frame, header_version)
            .map_err(|error| Hangup::Unreadable { key, version, reason: error.to_string() })?;
        Ok(Self {
            kafka: Arc::clone(kafka),
            session: Arc::clone(session),
            place,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.unwrap_or_default(),
            body: frame,
        })
    }

    pub(super) fn key(&self) -> ApiKey {
        APIS[self.place].key
    }

    pub(super) fn name(&self) -> &'static str {
        APIS[self.place].name
    }

    /// Answers it.
    pub(super) async fn answer(self) -> Answer {
        let (watch, kafka, place) = (Stopwatch::start(), Arc::clone(&self.kafka), self.place);
        let answer = self.run().await;
        let status = if answer.is_ok() { 200 } else { 400 };
        kafka.routes[place].record(status, watch.elapsed());
        answer
    }

    async fn run(self) -> Answer {
        match self.key() {
            ApiKey::ApiVersions => self.versions(),
            ApiKey::SaslHandshake => super::sasl::handshake(self),
            ApiKey::SaslAuthenticate => super::sasl::authenticate(self).await,
            ApiKey::Produce => produce::begin(self).await?.finish().await,
            ApiKey::Fetch => self.with(fetch::fetch).await,
            ApiKey::ListOffsets => self.with(list_offsets::list_offsets).await,
            ApiKey::OffsetForLeaderEpoch => self.with(list_offsets::end_of_epochs).await,
            ApiKey::Metadata => self.with(metadata::metadata).await,
            ApiKey::DescribeCluster => self.with(metadata::describe_cluster).await,
            ApiKey::CreateTopics => self.with(topics::create).await,
            ApiKey::DeleteTopics => self.with(topics::delete).await,
            ApiKey::CreatePartitions => self.with(topics::add_partitions).await,
            ApiKey::DeleteRecords => self.with(topics::delete_records).await,
            ApiKey::DescribeConfigs => self.with(configs::describe).await,
            ApiKey::AlterConfigs => self.with(configs::replace).await,
            ApiKey::IncrementalAlterConfigs => self.with(configs::alter).await,
            ApiKey::FindCoordinator => self.with(groups::find_coordinator).await,
            ApiKey::JoinGroup => self.with(groups::join).await,
            ApiKey::SyncGroup => self.with(groups::sync).await,
            ApiKey::Heartbeat => self.with(groups::heartbeat).await,
            ApiKey::LeaveGroup => self.with(groups::leave).await,
            ApiKey::ListGroups => self.with(groups::list).await,
            ApiKey::DescribeGroups => self.with(groups::describe).await,
            ApiKey::DeleteGroups => self.with(groups::delete).await,
            ApiKey::OffsetCommit => self.with(offsets::commit).await,
            ApiKey::OffsetFetch => self.with(offsets::fetch).await,
            ApiKey::OffsetDelete => self.with(offsets::delete).await,
            ApiKey::AddPartitionsToTxn => self.with(transactions::add_partitions).await,
            ApiKey::AddOffsetsToTxn => self.with(transactions::add_offsets).await,
            ApiKey::EndTxn => self.with(transactions::end).await,
            ApiKey::TxnOffsetCommit => self.with(transactions::commit_offsets).await,
            ApiKey::InitProducerId => self.with(producers::init).await,
            key => Err(Hangup::Unknown { key: key as i16, version: self.version }),
        }
    }

    async fn with<Q, A, F>(mut self, run: impl FnOnce(Asked<Q>) -> F) -> Answer
    where
        Q: Decodable,
        A: Encodable,
        F: Future<Output = A>,
    {
        let asked = self.asked().await?;
        let answer = run(asked).await;
        self.encode(&answer)
    }

    /// What is asked, if whoever asks may be here at all.
    pub(super) async fn asked<Q: Decodable>(&mut self) -> Result<Asked<Q>, Hangup> {
        let caller: Option<Caller<Queues>> = self.session.caller(&self.kafka.door).await;
        let caller = caller.ok_or(Hangup::Unauthenticated(self.key()))?;
        Ok(Asked {
            request: self.decode()?,
            version: self.version,
            queue: caller.room,
            principal: caller.principal,
            site: self.kafka.site.clone(),
            client: Client {
                id: self.client_id.to_string(),
                host: self.session.peer.ip().to_string(),
            },
        })
    }

    pub(super) fn decode<Q: Decodable>(&mut self) -> Result<Q, Hangup> {
        let (key, version) = (self.key() as i16, self.version);
        Q::decode(&mut self.body, version).map_err(|error| Hangup::Unreadable {
            key,
            version,
            reason: error.to_string(),
        })
    }

    /// The answer in its frame.
    pub(super) fn encode<A: Encodable>(&self, answer: &A) -> Answer {
        self.encode_as(answer, self.version).map(Some)
    }

    fn encode_as<A: Encodable>(&self, answer: &A, version: i16) -> Result<Bytes, Hangup> {
        let unwritable = |error: anyhow::Error| Hangup::Unwritable(error.to_string());
        let size = answer.compute_size(version).map_err(unwritable)?;
        let mut frame = BytesMut::with_capacity(size + 16);
        frame.put_i32(0);
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        header
            .encode(&mut frame, self.key().response_header_version(version))
            .map_err(unwritable)?;
        answer.encode(&mut frame, version).map_err(unwritable)?;
        let length = i32::try_from(frame.len() - 4)
            .map_err(|_| Hangup::Unwritable("it is longer than 2 GiB".to_owned()))?;
        (&mut frame[..4]).put_i32(length);
        Ok(frame.freeze())
    }

    fn versions(self) -> Answer {
        let all = APIS.iter().map(|api| {
            let version = ApiVersion::default().with_api_key(api.key as i16);
            version.with_min_version(api.min).with_max_version(api.max)
        });
        let answer = ApiVersionsResponse::default().with_api_keys(all.collect());
        let api = &APIS[self.place];
        if (api.min..=api.max).contains(&self.version) {
            return self.encode(&answer);
        }
        // The oldest form, from which every client learns which it may use.
        let refusal = answer.with_error_code(ResponseError::UnsupportedVersion.code());
        self.encode_as(&refusal, 0).map(Some)
    }
}

/// A frame's length, if it is whole.
pub(super) fn frame_length(inbox: &BytesMut) -> Option<i32> {
    inbox.get(..4).map(|mut length| length.get_i32())
}
