//! The HTTP or HTTPS connection to an OTLP collector.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::telemetry::TelemetryError;
use crate::trust::{Roots, Trust};

/// How long connecting, sending and the answer may take together.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; it only tells of spans that were rejected.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::telemetry) struct Endpoint {
    /// `host:port`.
    address: String,
    path: String,
    /// Whom the certificate must name; none for plain HTTP.
    name: Option<ServerName<'static>>,
}

impl Endpoint {
    /// Reads `http://host:port` or `https://host:port`, to which the standard path `/v1/traces` is
    /// added, or an address with a path of its own; `None` for empty text, which means no export.
    pub(in crate::telemetry) fn read(text: &str) -> Result<Option<Self>, TelemetryError> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || TelemetryError::Endpoint { text: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let name = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Some(ServerName::try_from(bare).map_err(|_| wrong())?)
            }
            _ => return Err(wrong()),
        };
        let address = format!("{host}:{}", uri.port_u16().unwrap_or(4318));
        let path = match uri.path() {
            "" | "/" => "/v1/traces",
            own => own,
        };
        Ok(Some(Endpoint { address, path: path.to_owned(), name }))
    }
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// No connection, no answer in time, or an answer that asks to try later.
    #[error("{0}")]
    TryAgain(String),
    /// The collector will never take this batch.
    #[error("the collector refuses it with status {0}")]
    Refused(StatusCode),
}

/// One kept-alive connection, made anew when it breaks.
pub(super) struct Collector {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Collector {
    /// Reads the certificates in `roots_path` (empty: the machine's) if the endpoint needs them.
    pub(super) fn new(endpoint: Endpoint, roots_path: &str) -> Result<Self, TelemetryError> {
        let roots = match roots_path {
            "" => Roots::System,
            path => Roots::File(path.into()),
        };
        let config = endpoint.name.is_some().then(|| Trust::Named(roots).config()).transpose()?;
        Ok(Collector { endpoint, tls: config.map(TlsConnector::from), connection: None })
    }

    /// Sends one batch: how many spans of it the collector took but will not keep.
    pub(super) async fn send(&mut self, body: Bytes) -> Result<u64, SendError> {
        let attempt = tokio::time::timeout(ATTEMPT_LIMIT, self.post(body)).await;
        let (status, answer) = match attempt {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => {
                self.connection = None;
                return Err(SendError::TryAgain(error.to_string()));
            }
            Err(_) => {
                self.connection = None;
                return Err(SendError::TryAgain("no answer in time".to_owned()));
            }
        };
        match status.as_u16() {
            200..300 => Ok(rejected_spans(&answer)),
            // The ones that OTLP calls retryable.
            429 | 502 | 503 | 504 => Err(SendError::TryAgain(format!("status {status}"))),
            _ => Err(SendError::Refused(status)),
        }
    }

    async fn post(&mut self, body: Bytes) -> Result<(StatusCode, Bytes), BoxError> {
        let mut connection = match self.connection.take() {
            Some(open) if !open.is_closed() => open,
            _ => self.connect().await?,
        };
        connection.ready().await?;
        let request = Request::post(&self.endpoint.path)
            .header("host", &self.endpoint.address)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        // The answer must be read to its end before the connection can be used again.
        let answer = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await?;
        self.connection = Some(connection);
        Ok((status, answer.to_bytes()))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, BoxError> {
        let stream = TcpStream::connect(&self.endpoint.address).await?;
        match (&self.tls, &self.endpoint.name) {
            (Some(tls), Some(name)) => {
                greet(TokioIo::new(tls.connect(name.clone(), stream).await?)).await
            }
            _ => greet(TokioIo::new(stream)).await,
        }
    }
}

/// What an answer with success says it left out (OTLP, "Partial Success"); such spans are not to
/// be sent again. 64-bit integers are text in OTLP's JSON, and some collectors write numbers.
fn rejected_spans(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    match &answer["partialSuccess"]["rejectedSpans"] {
        serde_json::Value::String(text) => text.parse().unwrap_or(0),
        number => number.as_u64().unwrap_or(0),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn greet<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, BoxError>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_spans_are_read_from_a_partial_success() {
        assert_eq!(rejected_spans(br#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
        assert_eq!(rejected_spans(br#"{"partialSuccess":{"rejectedSpans":3}}"#), 3);
        for none in [&b"{}"[..], b"", b"no JSON", br#"{"partialSuccess":{"errorMessage":"a"}}"#] {
            assert_eq!(rejected_spans(none), 0);
        }
    }

    #[test]
    fn endpoints() {
        let read = |text: &str| Endpoint::read(text).map(|e| e.map(|e| e.address + &e.path));
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("http://c:1").unwrap().unwrap(), "c:1/v1/traces");
        assert_eq!(read("http://c/").unwrap().unwrap(), "c:4318/v1/traces");
        assert_eq!(read("http://[::1]:2/x").unwrap().unwrap(), "[::1]:2/x");
        assert_eq!(read("https://c.example").unwrap().unwrap(), "c.example:4318/v1/traces");
        let name = |text: &str| Endpoint::read(text).unwrap().unwrap().name;
        assert_eq!(name("https://[::1]:2/x"), Some(ServerName::try_from("::1").unwrap()));
        assert_eq!(name("http://c"), None);
        for text in ["c:4318", "grpc://c", "http://", "https://"] {
            assert!(read(text).unwrap_err().to_string().contains("trace_endpoint"), "{text}");
        }
    }
}
