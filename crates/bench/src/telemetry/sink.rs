//! A collector for OTLP over HTTP in its JSON encoding: counts spans and keeps none of them.
//!
//! It can be stopped, which closes its connections and its port, and started again on the same
//! port. A span is counted once, however often it arrives: an exporter that got no answer sends its
//! batch again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Deserialize;

use super::traced::Mark;
use crate::error::BenchError;

/// How often the port is looked at: what a stop may take.
const POLL: Duration = Duration::from_millis(5);
/// The largest request. 512 spans of a server are about 500 KB.
const REQUEST_BYTES_MAX: usize = 64 << 20;
const HEADERS_MAX: usize = 32;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// What arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Spans of traces with the mark.
    pub(super) marked: u64,
    /// Spans of other traces.
    pub(super) others: u64,
    /// Spans that had arrived before.
    pub(super) repeated: u64,
    /// Requests that were no export of spans.
    pub(super) malformed: u64,
}

#[derive(Debug)]
struct Book {
    mark: Mark,
    counts: Counts,
    known: HashSet<u64>,
}

/// A collector on a loopback port.
#[derive(Debug)]
pub(super) struct Sink {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    open: Option<Open>,
}

/// What runs while the collector does.
#[derive(Debug)]
struct Open {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sink {
    /// Starts one on a free port that tells traces with `mark` from others.
    ///
    /// # Errors
    /// `BenchError::System` when there is no port.
    pub(super) fn start(mark: Mark) -> Result<Self, BenchError> {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr().map_err(BenchError::system("finding a port"))?;
        let book = Book { mark, counts: Counts::default(), known: HashSet::new() };
        let mut sink = Self { address, book: Arc::new(Mutex::new(book)), open: None };
        sink.serve(listener);
        Ok(sink)
    }

    /// Where it listens, or would.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived so far.
    pub(super) fn counts(&self) -> Counts {
        lock(&self.book).counts
    }

    /// Closes the port and every connection. What is being answered is answered.
    pub(super) fn stop(&mut self) {
        if let Some(Open { stopping, thread }) = self.open.take() {
            stopping.store(true, Ordering::Relaxed);
            // It has nothing to tell that is not in the book.
            let _ = thread.join();
        }
    }

    /// Listens again where it did.
    ///
    /// # Errors
    /// `BenchError::System` when the port was taken meanwhile.
    pub(super) fn resume(&mut self) -> Result<(), BenchError> {
        let listener = listen(self.address)?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let stopping = Arc::new(AtomicBool::new(false));
        let (book, ends) = (Arc::clone(&self.book), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || accept(&listener, &book, &ends));
        self.open = Some(Open { stopping, thread });
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, BenchError> {
    let listener =
        TcpListener::bind(address).map_err(BenchError::system("starting a collector"))?;
    listener.set_nonblocking(true).map_err(BenchError::system("starting a collector"))?;
    Ok(listener)
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, book: &Arc<Mutex<Book>>, stopping: &AtomicBool) {
    let mut clients: Vec<(TcpStream, JoinHandle<io::Result<()>>)> = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(POLL);
            continue;
        };
        let Ok(own) = stream.try_clone() else { continue };
        let book = Arc::clone(book);
        clients.push((stream, std::thread::spawn(move || answer_all(own, &book))));
    }
    for (stream, thread) in clients {
        // Reading ends at once; an answer under way is still written.
        let _ = stream.shutdown(Shutdown::Read);
        let _ = thread.join();
    }
}

fn answer_all(mut stream: TcpStream, book: &Mutex<Book>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    while let Some((body, end)) = read_request(&mut stream, &mut bytes)? {
        lock(book).note(&bytes[body..end]);
        bytes.drain(..end);
        stream.write_all(ANSWER)?;
    }
    Ok(())
}

/// Where the body of the next request stands in `bytes`; `None` at the end of the connection.
fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<(usize, usize)>> {
    let mut piece = vec![0; 64 << 10];
    loop {
        if let Some((body, length)) = parse_request(bytes)? {
            let end = body.saturating_add(length);
            if end > REQUEST_BYTES_MAX {
                return Err(io::Error::other("a request beyond the limit"));
            }
            if bytes.len() >= end {
                return Ok(Some((body, end)));
            }
        }
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Where the body begins and how long it is; `None` while the head is incomplete.
fn parse_request(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    length.map(|length| Some((head, length))).ok_or_else(|| io::Error::other("no Content-Length"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export<'a> {
    #[serde(borrow)]
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    scope_spans: Vec<ScopeSpans<'a>>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow)]
    spans: Vec<Span<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow)]
    span_id: Cow<'a, str>,
}

impl Book {
    fn note(&mut self, body: &[u8]) {
        let Ok(export) = serde_json::from_slice::<Export<'_>>(body) else {
            self.counts.malformed += 1;
            return;
        };
        let scopes = export.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        for span in scopes.flat_map(|of| of.spans) {
            let Ok(span_id) = u64::from_str_radix(&span.span_id, 16) else {
                self.counts.malformed += 1;
                continue;
            };
            if !self.known.insert(span_id) {
                self.counts.repeated += 1;
            } else if self.mark.is_of(&span.trace_id) {
                self.counts.marked += 1;
            } else {
                self.counts.others += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(spans: &[(&str, &str)]) -> String {
        let span = |(trace, span): &(&str, &str)| {
            format!("{{\"traceId\":\"{trace}\",\"spanId\":\"{span}\",\"name\":\"GET\"}}")
        };
        let spans: Vec<String> = spans.iter().map(span).collect();
        let spans = spans.join(",");
        format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}")
    }

    fn post(stream: &mut TcpStream, body: &str) -> io::Result<Vec<u8>> {
        let length = body.len();
        write!(stream, "POST /v1/traces HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{body}")?;
        let mut answer = vec![0; ANSWER.len()];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn counts_each_span_once_and_by_its_mark() {
        let sink = Sink::start(Mark(1)).expect("a port");
        let mut stream = TcpStream::connect(sink.address()).expect("open");
        let (ours, other) =
            ("00000000000000010000000000000007", "4bf92f3577b34da6a3ce929d0e0e4736");
        let body = export(&[(ours, "0a"), (other, "0b")]);
        assert_eq!(post(&mut stream, &body).expect("answered"), ANSWER);
        assert_eq!(post(&mut stream, &body).expect("answered"), ANSWER);
        assert_eq!(post(&mut stream, "no JSON").expect("answered"), ANSWER);
        let expected = Counts { marked: 1, others: 1, repeated: 2, malformed: 1 };
        assert_eq!(sink.counts(), expected);
    }

    #[test]
    fn a_stop_closes_everything_and_a_resume_takes_the_same_port() {
        let mut sink = Sink::start(Mark(1)).expect("a port");
        let mut stream = TcpStream::connect(sink.address()).expect("open");
        let body = export(&[("00000000000000010000000000000007", "0a")]);
        assert!(post(&mut stream, &body).is_ok());
        sink.stop();
        assert!(post(&mut stream, &body).is_err());
        assert!(TcpStream::connect(sink.address()).is_err());
        sink.resume().expect("the port is still free");
        let mut stream = TcpStream::connect(sink.address()).expect("open");
        assert!(post(&mut stream, &body).is_ok());
        assert_eq!(sink.counts().repeated, 1);
    }
}
