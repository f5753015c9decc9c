//! One connection to a broker: frames, versions, and calls.
//!
//! It blocks, and each connection has a thread: a generator that copies 64 KiB a request has no
//! use for a scheduler of its own, and the cheapest is what leaves the machine to the broker.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteTopicsRequest,
    FetchRequest, FindCoordinatorRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetFetchRequest, ProduceRequest, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion as _, Request, StrBytes, encode_request_header_into_buffer,
};

use crate::error::BenchError;

/// The longest that opening a connection, or one answer, may take.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A longer answer is taken for something else than Kafka's protocol.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// Where the correlation id stands in a frame: after its length, the key and the version.
pub(crate) const CORRELATION_AT: usize = 8;
/// What the generator calls itself.
const CLIENT_ID: &str = "backplane-bench";

/// A request that the generator makes.
pub(crate) trait Spoken: Request {
    /// For errors.
    const NAME: &'static str;
    /// The newest version that it is written for. From the next one on, topics go by id instead
    /// of by name, or several groups share a request.
    const NEWEST: i16;
}

macro_rules! spoken {
    ($($request:ident $newest:literal,)*) => {
        $(impl Spoken for $request {
            const NAME: &'static str = stringify!($request);
            const NEWEST: i16 = $newest;
        })*
    };
}

spoken! {
    ApiVersionsRequest 3,
    CreateTopicsRequest 7,
    DeleteGroupsRequest 2,
    DeleteTopicsRequest 5,
    FetchRequest 12,
    FindCoordinatorRequest 3,
    ListOffsetsRequest 7,
    MetadataRequest 9,
    OffsetCommitRequest 8,
    OffsetFetchRequest 7,
    ProduceRequest 12,
}

/// A connection that knows what its broker speaks.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    /// Key, oldest and newest version of each request that the broker takes.
    versions: Vec<(i16, i16, i16)>,
    writer: FrameWriter,
    reader: FrameReader,
}

/// The half of a connection that requests go to.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    address: SocketAddr,
    stream: TcpStream,
    last_correlation: i32,
}

/// The half of a connection that answers come from.
#[derive(Debug)]
pub(crate) struct FrameReader {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    spare: BytesMut,
}

impl Connection {
    /// Connects and asks the broker which versions it speaks.
    ///
    /// # Errors
    /// `BenchError::Broker` when nobody listens, or whoever does gives no such answer in time.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let fail = |reason: String| BenchError::Broker { address, reason };
        let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)
            .map_err(|error| fail(format!("cannot connect: {error}; is the broker running?")))?;
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(ANSWER_TIMEOUT)))
            .and_then(|()| stream.set_write_timeout(Some(ANSWER_TIMEOUT)))
            .and_then(|()| stream.try_clone());
        let reading = prepared.map_err(BenchError::system("preparing a connection"))?;
        let stream_of_answers = BufReader::with_capacity(16 << 10, reading);
        let mut connection = Self {
            address,
            versions: Vec::new(),
            writer: FrameWriter { address, stream, last_correlation: 0 },
            reader: FrameReader { address, stream: stream_of_answers, spare: BytesMut::new() },
        };
        connection.learn_versions()?;
        Ok(connection)
    }

    fn learn_versions(&mut self) -> Result<(), BenchError> {
        // Version 0, which every broker answers whatever else it speaks.
        let request = ApiVersionsRequest::default();
        let answer = self.call_as(&request, 0).map_err(|error| BenchError::Broker {
            address: self.address,
            reason: format!("{error} (is it a Kafka listener without TLS and SASL?)"),
        })?;
        self.versions = answer
            .api_keys
            .iter()
            .map(|range| (range.api_key, range.min_version, range.max_version))
            .collect();
        Ok(())
    }

    /// The newest version of a request that both sides speak.
    ///
    /// # Errors
    /// `BenchError::Broker` when there is none.
    pub(crate) fn version<R: Spoken>(&self) -> Result<i16, BenchError> {
        let range = self.versions.iter().find(|(key, ..)| *key == R::KEY);
        range
            .map(|(_, oldest, newest)| (*oldest.max(&R::VERSIONS.min), *newest.min(&R::NEWEST)))
            .filter(|(oldest, newest)| oldest <= newest)
            .map(|(_, newest)| newest)
            .ok_or_else(|| self.fail(format!("it speaks no version of {} known here", R::NAME)))
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// `BenchError::Broker` when none comes in time, or one that cannot be read.
    pub(crate) fn call<R: Spoken>(&mut self, request: &R) -> Result<R::Response, BenchError> {
        let version = self.version::<R>()?;
        self.call_as(request, version)
    }

    fn call_as<R: Spoken>(&mut self, request: &R, version: i16) -> Result<R::Response, BenchError> {
        let correlation = self.writer.next_correlation();
        let frame = encode(request, version, correlation)?;
        self.writer.send(&frame)?;
        let answer = self.reader.receive()?;
        let (answered, response) = decode::<R>(&answer, version)
            .map_err(|reason| self.fail(format!("answer to {}: {reason}", R::NAME)))?;
        match answered == correlation {
            true => Ok(response),
            false => Err(self.fail(format!("answer {answered} to request {correlation}"))),
        }
    }

    /// The half that requests go to.
    pub(crate) fn writer(&mut self) -> &mut FrameWriter {
        &mut self.writer
    }

    /// The half that answers come from.
    pub(crate) fn reader(&mut self) -> &mut FrameReader {
        &mut self.reader
    }

    /// Both halves, for a thread that sends and one that takes the answers.
    pub(crate) fn split(self) -> (FrameWriter, FrameReader) {
        (self.writer, self.reader)
    }

    fn fail(&self, reason: String) -> BenchError {
        BenchError::Broker { address: self.address, reason }
    }
}

impl FrameWriter {
    /// A number for the next request.
    pub(crate) fn next_correlation(&mut self) -> i32 {
        self.last_correlation = self.last_correlation.wrapping_add(1) & i32::MAX;
        self.last_correlation
    }

    /// Sends a frame made by [`encode`].
    ///
    /// # Errors
    /// `BenchError::Broker` when the connection breaks.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), BenchError> {
        self.stream.write_all(frame).map_err(|error| BenchError::Broker {
            address: self.address,
            reason: format!("while sending: {error}"),
        })
    }
}

impl FrameReader {
    /// The next answer, without its length.
    ///
    /// # Errors
    /// `BenchError::Broker` when none comes in time.
    pub(crate) fn receive(&mut self) -> Result<Bytes, BenchError> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if !(4..=FRAME_BYTES_MAX).contains(&length) {
            let reason = format!("an answer of {length} bytes is not Kafka's protocol");
            return Err(BenchError::Broker { address: self.address, reason });
        }
        let mut frame = std::mem::take(&mut self.spare);
        frame.resize(length, 0);
        self.read_exact(&mut frame)?;
        Ok(frame.freeze())
    }

    /// Takes the memory of an answer back for the next one, unless something still refers to it.
    pub(crate) fn recycle(&mut self, frame: Bytes) {
        self.spare = frame.try_into_mut().unwrap_or_default();
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), BenchError> {
        self.stream.read_exact(bytes).map_err(|error| {
            use std::io::ErrorKind::{TimedOut, UnexpectedEof, WouldBlock};
            let reason = match error.kind() {
                TimedOut | WouldBlock => format!("no answer within {ANSWER_TIMEOUT:?}"),
                UnexpectedEof => "it closed the connection instead of an answer".to_owned(),
                _ => format!("while waiting for an answer: {error}"),
            };
            BenchError::Broker { address: self.address, reason }
        })
    }
}

/// A request as a frame, its length before it.
///
/// # Errors
/// `BenchError::Usage` when a field does not exist in that version.
pub(crate) fn encode<R: Spoken>(
    request: &R,
    version: i16,
    correlation: i32,
) -> Result<Vec<u8>, BenchError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut bytes = BytesMut::from(&[0; 4][..]);
    encode_request_header_into_buffer(&mut bytes, &header)
        .and_then(|()| request.encode(&mut bytes, version))
        .map_err(|error| BenchError::Usage(format!("{} {version}: {error}", R::NAME)))?;
    let length = u32::try_from(bytes.len() - 4)
        .map_err(|_| BenchError::Usage("a request above 4 GiB".to_owned()))?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes.into())
}

/// An answer: its correlation id and what it says; byte fields refer to `frame`.
pub(crate) fn decode<R: Spoken>(frame: &Bytes, version: i16) -> Result<(i32, R::Response), String> {
    let mut rest = frame.clone();
    let header_version = R::Response::header_version(version);
    let header = ResponseHeader::decode(&mut rest, header_version);
    let header = header.map_err(|error| error.to_string())?;
    let response = R::Response::decode(&mut rest, version).map_err(|error| error.to_string())?;
    Ok((header.correlation_id, response))
}
