//! A blocking HTTP/1.1 client that shows what came over the wire, byte for byte.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;

use super::PATIENCE;

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// Keeps one connection open and speaks as one caller.
pub(crate) struct Client {
    address: SocketAddr,
    host: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    tls: Option<Arc<rustls::ClientConfig>>,
    connection: Option<BufReader<Box<dyn Stream>>>,
}

/// An answer as it was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let host = address.to_string();
        Self { address, host, token: None, headers: Vec::new(), tls: None, connection: None }
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &body.to_string())
    }

    pub(crate) fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &body.to_string())
    }

    /// Makes a link from a request that must be accepted, and returns its code.
    pub(crate) fn shorten(&mut self, request: &Value) -> String {
        let answer = self.post("/shortener/shorturl", request);
        assert!(matches!(answer.status, 200 | 201), "{request}: {answer:?}");
        answer.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.try_send(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A connection that the server closed while it was idle is opened anew, once.
    pub(crate) fn try_send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        if self.connection.is_some() {
            if let Ok(answer) = self.exchange(method, path, body) {
                return Ok(answer);
            }
            self.connection = None;
        }
        self.exchange(method, path, body)
    }

    fn exchange(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        self.begin(&self.head(method, path, body.len()), body)?;
        self.finish(method)
    }

    /// The request line and headers of a request whose body has `bytes`.
    pub(crate) fn head(&self, method: &str, path: &str, bytes: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if bytes > 0 && !self.headers.iter().any(|(name, _)| name == "content-type") {
            head.push_str("content-type: application/json\r\n");
        }
        if bytes > 0 || method == "POST" || method == "PUT" {
            head.push_str(&format!("content-length: {bytes}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    /// Sends bytes as they are; for requests that stop half-way.
    pub(crate) fn begin(&mut self, head: &str, body: &str) -> io::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(BufReader::new(self.connect()?));
        }
        let stream = self.connection.as_mut().unwrap().get_mut();
        stream.write_all(format!("{head}{body}").as_bytes())?;
        stream.flush()
    }

    /// Reads the answer to a request with `method`.
    pub(crate) fn finish(&mut self, method: &str) -> io::Result<Answer> {
        let answer = read_answer(self.connection.as_mut().unwrap(), method == "HEAD");
        let closing = answer.as_ref().map_or(true, |answer| answer.header("connection") == "close");
        if closing {
            self.connection = None;
        }
        answer
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let Some(config) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from("localhost").unwrap();
        let session = rustls::ClientConnection::new(Arc::clone(config), name);
        let session = session.map_err(io::Error::other)?;
        Ok(Box::new(rustls::StreamOwned::new(session, stream)))
    }
}

impl Answer {
    /// The value of a header that is there once; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let value = values.next().map_or("", |(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Asserts that this is a problem document of `status` and `kind`.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?} {}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["type"], format!("/problems/{kind}"), "{document}");
        assert_eq!(document["status"], status, "{document}");
        assert!(document["detail"].as_str().is_some_and(|text| !text.is_empty()), "{document}");
    }
}

fn read_answer(reader: &mut impl BufRead, is_head: bool) -> io::Result<Answer> {
    let status_line = read_line(reader)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(|| io::Error::other(status_line.clone()))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if is_head || matches!(status, 204 | 304) {
        return Ok(answer);
    }
    if answer.header("transfer-encoding") == "chunked" {
        while let bytes @ 1.. = read_chunk(reader, &mut answer.body)? {
            assert!(bytes <= 1 << 26, "a chunk out of all proportion");
        }
    } else {
        let bytes: u64 = answer.header("content-length").parse().unwrap_or(0);
        reader.take(bytes).read_to_end(&mut answer.body)?;
        if answer.body.len() as u64 != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer)
}

fn read_chunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<u64> {
    let size = read_line(reader)?;
    let bytes = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
    reader.take(bytes).read_to_end(body)?;
    read_line(reader)?;
    Ok(bytes)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

/// A configuration that trusts this certificate (DER) and no other.
pub(crate) fn trusting(certificate: &[u8]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
