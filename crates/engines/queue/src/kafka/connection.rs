//! One connection: requests in, answers out, in the order in which the requests came.
//!
//! A produce request takes its place in the journal as soon as it is read, so that many of one
//! connection share a flush. Any other runs when all before it are answered.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::ApiKey;
use kit::net::Connection;
use kit::net::activity::{Command, InFlight, Orders};
use kit::net::faults::Action;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::call::{Answer, Call, frame_length};
use super::sasl::Session;
use super::{Kafka, produce};

/// The longest request, in bytes; Kafka's `socket.request.max.bytes`.
const REQUEST_BYTES_MAX: i32 = 100 << 20;
/// Of a request that comes before a credential has counted.
const FIRST_BYTES_MAX: i32 = 512 << 10;
/// Requests of one connection that are being answered; more are left in the socket.
const IN_FLIGHT_MAX: usize = 64;
/// Room for what one read brings.
const READ_BYTES: usize = 64 << 10;
/// Answers that go out in one write, in bytes.
const OUTBOX_BYTES: usize = 256 << 10;

type Later = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A request that is being answered.
struct Pending {
    answer: Later,
    /// Whether it has had its effect, and only waits.
    is_begun: bool,
    _working: InFlight,
}

struct Client<S> {
    kafka: Arc<Kafka>,
    session: Arc<Session>,
    connection: Connection,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    inbox: BytesMut,
    pending: VecDeque<Pending>,
}

/// Serves a connection until its end.
pub(super) async fn serve<S>(kafka: Arc<Kafka>, socket: S, connection: Connection) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Clients open connections long before they have anything to say: that is no slow header.
    connection.activity.request_began(true);
    let session = Arc::new(Session::new(connection.peer.address));
    let (reader, writer) = tokio::io::split(socket);
    let (inbox, pending) = (BytesMut::new(), VecDeque::new());
    let mut client = Client { kafka, session, connection, reader, writer, inbox, pending };
    client.serve().await
}

/// What happened.
enum Event {
    Read(usize),
    Answered(Answer),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Client<S> {
    async fn serve(&mut self) -> io::Result<()> {
        let activity = Arc::clone(&self.connection.activity);
        let mut orders = Orders::of(&activity);
        loop {
            // Between requests the connection may be asked to finish; within one it is only cut.
            let is_idle = self.inbox.is_empty() && self.pending.is_empty();
            let until = if is_idle { Command::Finish } else { Command::Cut };
            let Some(event) = orders.unless(until, self.next()).await else { return Ok(()) };
            match event? {
                Event::Read(0) => return Ok(()),
                Event::Read(_) => {
                    let taken = orders.unless(Command::Cut, self.take()).await;
                    if !taken.unwrap_or(Ok(false))? {
                        return Ok(());
                    }
                }
                Event::Answered(answer) => self.send(answer).await?,
            }
        }
    }

    /// Bytes to read, while there is room for more requests, or the oldest request's answer.
    async fn next(&mut self) -> io::Result<Event> {
        let Self { reader, inbox, pending, .. } = self;
        let has_room = pending.len() < IN_FLIGHT_MAX;
        let answered = async {
            match pending.front_mut() {
                Some(pending) => pending.answer.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let read = async {
            inbox.reserve(READ_BYTES);
            reader.read_buf(inbox).await
        };
        let event = tokio::select! {
            biased;
            answer = answered => Event::Answered(answer),
            read = read, if has_room => return read.map(Event::Read),
        };
        self.pending.pop_front();
        Ok(event)
    }

    /// Takes all whole requests out of the inbox. False: the connection ends.
    async fn take(&mut self) -> io::Result<bool> {
        while let Some(length) = frame_length(&self.inbox) {
            if !(0..=REQUEST_BYTES_MAX).contains(&length)
                || (length > FIRST_BYTES_MAX && !is_known(&self.kafka, &self.session).await)
            {
                return Ok(false);
            }
            let length = length as usize;
            if self.inbox.len() < 4 + length {
                self.inbox.reserve(4 + length - self.inbox.len());
                return Ok(true);
            }
            self.inbox.advance(4);
            let frame = self.inbox.split_to(length).freeze();
            let call = Call::read(&self.kafka, &self.session, frame).map_err(io::Error::other)?;
            if !befall(&self.connection, call.name()).await {
                return Ok(false);
            }
            self.begin(call).await.map_err(io::Error::other)?;
        }
        Ok(true)
    }

    async fn begin(&mut self, call: Call) -> Result<(), super::call::Hangup> {
        let working = InFlight::new(&self.connection.activity);
        let is_eager =
            call.key() == ApiKey::Produce && self.pending.iter().all(|pending| pending.is_begun);
        let answer: Later = match is_eager {
            true => Box::pin(produce::begin(call).await?.finish()),
            false => Box::pin(call.answer()),
        };
        self.pending.push_back(Pending { answer, is_begun: is_eager, _working: working });
        Ok(())
    }

    /// Sends an answer, and with it those behind it that are there already.
    async fn send(&mut self, first: Answer) -> io::Result<()> {
        let mut next = Some(first);
        let mut outbox = BytesMut::new();
        while let Some(answer) = next.take() {
            if let Some(frame) = answer.map_err(io::Error::other)? {
                if outbox.is_empty() && frame.len() >= OUTBOX_BYTES {
                    self.writer.write_all(&frame).await?;
                } else {
                    outbox.extend_from_slice(&frame);
                }
            }
            if outbox.len() >= OUTBOX_BYTES {
                break;
            }
            // Only what has begun: a request that has not must not begin before this is sent.
            if let Some(pending) = self.pending.front_mut().filter(|pending| pending.is_begun) {
                let ready = poll_fn(|cx| Poll::Ready(pending.answer.as_mut().poll(cx))).await;
                if let Poll::Ready(answer) = ready {
                    self.pending.pop_front();
                    next = Some(answer);
                }
            }
        }
        self.writer.write_all(&outbox).await?;
        self.writer.flush().await
    }
}

/// Whether a credential counts, or none is needed.
async fn is_known(kafka: &Kafka, session: &Session) -> bool {
    session.is_known() || session.caller(&kafka.door).await.is_some()
}

/// What a fault rule makes of a request. False: the connection ends.
async fn befall(connection: &Connection, request: &str) -> bool {
    let Some(faults) = &connection.faults else { return true };
    match faults.strike(connection.door, request) {
        None => true,
        // The protocol has no answer that would do for every request.
        Some(Action::Cut | Action::Refuse(_)) => false,
        Some(Action::LatencyMs(latency_ms)) => {
            kit::clock::pause(Duration::from_millis(latency_ms.into())).await;
            true
        }
    }
}
