//! A broker of one topic in memory that can be told to misbehave.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, FetchRequest, FetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, GroupId, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, ProduceRequest, ProduceResponse, ResponseHeader,
};
use kafka_protocol::protocol::{
    Encodable, HeaderVersion, Request, decode_request_header_from_buffer,
};

/// How the broker fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Every tenth batch is acknowledged and not kept.
    LosesBatches,
    /// Every tenth batch is refused.
    Refuses,
    /// A byte of every batch is another when it is read.
    DamagesBatches,
    /// Commits are acknowledged and not kept.
    ForgetsCommits,
}

/// Batches of a partition with their base offsets, and the offset after them.
#[derive(Debug, Default)]
struct Log {
    batches: Vec<(i64, Bytes)>,
    end: i64,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    logs: Vec<Log>,
    produced: u64,
    commits: HashMap<GroupId, i64>,
    /// Topics that were made and not deleted.
    topics: i32,
}

/// Where it listens, and how many topics it has.
pub(crate) struct TinyBroker {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl TinyBroker {
    /// Starts one that lives as long as the test process.
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("kafka://{}", listener.local_addr().expect("bound"));
        let (logs, commits) = (Vec::new(), HashMap::new());
        let state = State { fault, logs, produced: 0, commits, topics: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.expect("a client"), &state));
            }
        });
        Self { url, state }
    }

    /// Topics that were made and not deleted.
    pub(crate) fn topics(&self) -> i32 {
        self.state.lock().expect("no panic").topics
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    stream.set_nodelay(true).expect("a socket");
    loop {
        let mut length = [0; 4];
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame).expect("a whole request");
        let answer = answer(Bytes::from(frame), state);
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn answer(mut frame: Bytes, state: &Mutex<State>) -> Vec<u8> {
    let header = decode_request_header_from_buffer(&mut frame).expect("a header");
    let call = Call { frame, version: header.request_api_version, number: header.correlation_id };
    let locked = || state.lock().expect("no panic");
    match header.request_api_key {
        ProduceRequest::KEY => call.answer(|request| locked().produce(&request)),
        FetchRequest::KEY => {
            let answer = call.answer(|request| locked().fetch(&request));
            // A long poll that ends early, so that readers of an empty log do not spin.
            std::thread::sleep(Duration::from_millis(1));
            answer
        }
        ListOffsetsRequest::KEY => call.answer(|request| locked().list_offsets(&request)),
        MetadataRequest::KEY => call.answer(|_: MetadataRequest| MetadataResponse::default()),
        ApiVersionsRequest::KEY => call.answer(|_: ApiVersionsRequest| versions()),
        CreateTopicsRequest::KEY => call.answer(|request| locked().create(&request)),
        DeleteTopicsRequest::KEY => call.answer(|_: DeleteTopicsRequest| {
            locked().topics -= 1;
            DeleteTopicsResponse::default()
        }),
        FindCoordinatorRequest::KEY => {
            call.answer(|_: FindCoordinatorRequest| FindCoordinatorResponse::default())
        }
        OffsetCommitRequest::KEY => call.answer(|request| locked().commit(request)),
        OffsetFetchRequest::KEY => call.answer(|request| locked().committed(&request)),
        key => panic!("request {key} was not announced"),
    }
}

/// A request before its body is read.
struct Call {
    frame: Bytes,
    version: i16,
    number: i32,
}

impl Call {
    fn answer<R: Request>(mut self, make: impl FnOnce(R) -> R::Response) -> Vec<u8> {
        let request = R::decode(&mut self.frame, self.version).expect("a request");
        let response = make(request);
        let mut body = BytesMut::from(&[0; 4][..]);
        let header = ResponseHeader::default().with_correlation_id(self.number);
        header.encode(&mut body, R::Response::header_version(self.version)).expect("a header");
        response.encode(&mut body, self.version).expect("an answer");
        let length = body.len() as u32 - 4;
        body[..4].copy_from_slice(&length.to_be_bytes());
        body.into()
    }
}

fn versions() -> ApiVersionsResponse {
    let range = |key, min, max| {
        ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
    };
    ApiVersionsResponse::default().with_api_keys(vec![
        range(ProduceRequest::KEY, 3, 9),
        range(FetchRequest::KEY, 4, 12),
        range(ListOffsetsRequest::KEY, 1, 7),
        range(MetadataRequest::KEY, 1, 9),
        range(CreateTopicsRequest::KEY, 2, 7),
        range(DeleteTopicsRequest::KEY, 1, 6),
        range(FindCoordinatorRequest::KEY, 0, 6),
        range(OffsetCommitRequest::KEY, 2, 9),
        range(OffsetFetchRequest::KEY, 1, 9),
    ])
}

impl State {
    fn create(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let partitions = request.topics[0].num_partitions;
        self.logs = (0..partitions).map(|_| Log::default()).collect();
        self.topics += 1;
        CreateTopicsResponse::default()
    }

    fn produce(&mut self, request: &ProduceRequest) -> ProduceResponse {
        assert_eq!(request.acks, -1);
        let topic = &request.topic_data[0];
        let mut answers = Vec::new();
        for partition in &topic.partition_data {
            self.produced += 1;
            let is_tenth = self.produced.is_multiple_of(10);
            let is_refused = is_tenth && self.fault == Fault::Refuses;
            let is_lost = is_tenth && self.fault == Fault::LosesBatches;
            if !is_refused && !is_lost {
                let batch = partition.records.clone().expect("records");
                self.logs[partition.index as usize].append(&batch);
            }
            let code = if is_refused { 7 } else { 0 };
            let answer = PartitionProduceResponse::default().with_index(partition.index);
            answers.push(answer.with_error_code(code));
        }
        let topic = TopicProduceResponse::default().with_name(topic.name.clone());
        ProduceResponse::default().with_responses(vec![topic.with_partition_responses(answers)])
    }

    fn fetch(&self, request: &FetchRequest) -> FetchResponse {
        let topic = &request.topics[0];
        let answers = topic.partitions.iter().map(|partition| {
            let log = &self.logs[partition.partition as usize];
            let mut bytes = log.read(partition.fetch_offset, partition.partition_max_bytes);
            if self.fault == Fault::DamagesBatches && !bytes.is_empty() {
                bytes[70] ^= 1;
            }
            PartitionData::default()
                .with_partition_index(partition.partition)
                .with_high_watermark(log.end)
                .with_records(Some(bytes.into()))
        });
        let answers = FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_partitions(answers.collect());
        FetchResponse::default().with_responses(vec![answers])
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topic = &request.topics[0];
        let answers = topic.partitions.iter().map(|partition| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(partition.partition_index)
                .with_offset(self.logs[partition.partition_index as usize].end)
        });
        let answers = ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(answers.collect());
        ListOffsetsResponse::default().with_topics(vec![answers])
    }

    fn commit(&mut self, request: OffsetCommitRequest) -> OffsetCommitResponse {
        let topic = &request.topics[0];
        if self.fault != Fault::ForgetsCommits {
            self.commits.insert(request.group_id, topic.partitions[0].committed_offset);
        }
        let answers = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default().with_partition_index(partition.partition_index)
        });
        let answers = OffsetCommitResponseTopic::default().with_partitions(answers.collect());
        OffsetCommitResponse::default().with_topics(vec![answers])
    }

    fn committed(&self, request: &OffsetFetchRequest) -> OffsetFetchResponse {
        let offset = self.commits.get(&request.group_id).copied().unwrap_or(-1);
        let topic = &request.topics.as_ref().expect("topics")[0];
        let answers = topic.partition_indexes.iter().map(|index| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(*index)
                .with_committed_offset(offset)
        });
        let answers = OffsetFetchResponseTopic::default().with_partitions(answers.collect());
        OffsetFetchResponse::default().with_topics(vec![answers])
    }
}

impl Log {
    fn append(&mut self, batch: &Bytes) {
        let mut stored = batch.to_vec();
        stored[..8].copy_from_slice(&self.end.to_be_bytes());
        let last: [u8; 4] = stored[23..27].try_into().expect("four bytes");
        self.batches.push((self.end, stored.into()));
        self.end += i64::from(i32::from_be_bytes(last)) + 1;
    }

    /// From the batch with `offset` on, at least one, cut off in the middle of the last.
    fn read(&self, offset: i64, max: i32) -> Vec<u8> {
        let first = self.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let mut bytes = Vec::new();
        for (_, batch) in self.batches[first..].iter().filter(|_| offset < self.end) {
            let room = (max as usize).saturating_sub(bytes.len());
            let is_first = bytes.is_empty();
            bytes.extend_from_slice(if is_first { batch } else { &batch[..room.min(batch.len())] });
            if bytes.len() >= max as usize {
                break;
            }
        }
        bytes
    }
}
