//! Calls to a running server, for the commands that administer one.

use http::Method;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::cli::ServerArgs;

/// Longest answer read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Error)]
pub enum CallError {
    #[error("{0}: not an address such as http://127.0.0.1:8080")]
    BadUrl(String),
    #[error("{0} cannot be reached ({1}); is a server running there? (--url)")]
    Unreachable(String, std::io::Error),
    #[error("{0} broke off: {1}")]
    Broken(String, String),
    #[error("{0}")]
    Refused(String),
}

/// Sends a request and returns the JSON of a successful answer, null when it has none.
pub async fn call(
    server: &ServerArgs,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Value, CallError> {
    let url: http::Uri = server.url.parse().map_err(|_| CallError::BadUrl(server.url.clone()))?;
    let authority = url.authority().filter(|_| url.scheme_str() == Some("http"));
    let authority = authority.ok_or_else(|| CallError::BadUrl(server.url.clone()))?.as_str();
    let unreachable = |error| CallError::Unreachable(server.url.clone(), error);
    let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
    let broken =
        |error: &dyn std::fmt::Display| CallError::Broken(server.url.clone(), error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let driving = tokio::spawn(connection);
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, authority)
        .header(http::header::AUTHORIZATION, format!("Bearer {}", server.token))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.map(|body| body.to_string()).unwrap_or_default())))
        .map_err(|error| broken(&error))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let limited = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let bytes = limited.collect().await.map_err(|error| broken(&error))?.to_bytes();
    driving.abort();
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(answer);
    }
    let said = ["title", "detail"].map(|key| answer[key].as_str().unwrap_or_default());
    Err(CallError::Refused(format!("{}: {} ({})", said[0], said[1], status.as_u16())))
}
