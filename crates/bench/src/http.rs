//! A lean HTTP/1.1 keep-alive client: one request in flight a connection, request bytes made
//! beforehand, one reused buffer. It does no more system calls than it must (one `write` and one
//! `read` an exchange), so that the generator is not what is measured.

use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::reply::{Framing, Head, decode_chunked, parse_head};

/// First size of a connection's buffer: every head and short body in one `read`.
const BUFFER_START_BYTES: usize = 8 * 1024;
/// The largest answer, head included. Front doors under test answer in kilobytes.
pub(crate) const BUFFER_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Why an exchange failed. The connection is of no further use after any of these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The system refused a connect, a read or a write.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The server closed before the answer was complete.
    #[error("the server closed the connection before its answer was complete")]
    Closed,
    /// The answer is not HTTP/1.1 as RFC 9112 has it.
    #[error("the answer is not HTTP/1.1: {0}")]
    Malformed(String),
    /// The answer is larger than the generator reads.
    #[error("the answer is larger than {BUFFER_MAX_BYTES} bytes")]
    TooLarge,
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
}

/// An answer, borrowed from its connection until the next exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The value of `Location`.
    pub(crate) location: Option<&'a [u8]>,
    /// The body, chunks put together.
    pub(crate) body: &'a [u8],
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    chunks: Vec<u8>,
    reusable: bool,
}

/// Where in the buffers the body of an answer stands.
enum Body {
    Buffered(Range<usize>),
    Chunks,
}

impl Connection {
    /// Connects, with Nagle's delay off.
    ///
    /// # Errors
    /// `HttpError::Io` as the system says.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, HttpError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = vec![0; BUFFER_START_BYTES];
        Ok(Self { stream, buffer, filled: 0, chunks: Vec::new(), reusable: true })
    }

    /// False after an answer that ends the connection.
    pub(crate) fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    /// Any `HttpError`; the connection must then be dropped.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Reply<'_>, HttpError> {
        self.reusable = false;
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = self.read_head().await?;
        let body = self.read_body(&head).await?;
        self.reusable = !head.close;
        let body = match body {
            Body::Buffered(range) => &self.buffer[range],
            Body::Chunks => &self.chunks,
        };
        let location = head.location.map(|range| &self.buffer[range]);
        Ok(Reply { status: head.status, location, body })
    }

    async fn read_head(&mut self) -> Result<Head, HttpError> {
        loop {
            if self.read_some().await? == 0 {
                return Err(HttpError::Closed);
            }
            if let Some(head) = parse_head(&self.buffer[..self.filled])? {
                return Ok(head);
            }
        }
    }

    async fn read_body(&mut self, head: &Head) -> Result<Body, HttpError> {
        match head.body {
            Framing::Length(length) => {
                let end = head.len.saturating_add(length);
                if end > BUFFER_MAX_BYTES {
                    return Err(HttpError::TooLarge);
                }
                while self.filled < end {
                    if self.read_some().await? == 0 {
                        return Err(HttpError::Closed);
                    }
                }
                self.expect_end(end)?;
                Ok(Body::Buffered(head.len..end))
            }
            Framing::Chunked => self.read_chunks(head.len).await,
            Framing::UntilClose => {
                while self.read_some().await? > 0 {}
                Ok(Body::Buffered(head.len..self.filled))
            }
        }
    }

    async fn read_chunks(&mut self, start: usize) -> Result<Body, HttpError> {
        loop {
            let bytes = &self.buffer[start..self.filled];
            if let Some(taken) = decode_chunked(bytes, &mut self.chunks)? {
                self.expect_end(start + taken)?;
                return Ok(Body::Chunks);
            }
            if self.read_some().await? == 0 {
                return Err(HttpError::Closed);
            }
        }
    }

    /// Nothing was pipelined, so bytes after an answer mean that the framing was misread by one of
    /// the two sides; going on would pair answers with the wrong requests.
    fn expect_end(&self, end: usize) -> Result<(), HttpError> {
        if self.filled == end {
            return Ok(());
        }
        Err(HttpError::Malformed(format!("{} bytes after its end", self.filled - end)))
    }

    async fn read_some(&mut self) -> Result<usize, HttpError> {
        if self.filled == self.buffer.len() {
            if self.filled >= BUFFER_MAX_BYTES {
                return Err(HttpError::TooLarge);
            }
            self.buffer.resize(self.filled * 2, 0);
        }
        let count = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += count;
        Ok(count)
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
