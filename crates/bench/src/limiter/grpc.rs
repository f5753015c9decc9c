//! Decisions by gRPC: `envoy.service.ratelimit.v3` on our side, `throttlecrab.RateLimiter` on the
//! peer's. Messages are written here field by field; there are only two.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::drive::Calls;
use super::{BURST, PERIOD_S, RATE, Round, Speaks};
use crate::random::Random;

/// One of the calls that are under way at once on a connection.
pub(crate) struct Caller {
    round: Round,
    random: Random,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Not connected yet.
    pub(crate) fn new(round: &Round, seed: u64) -> Self {
        Self { round: round.clone(), random: Random::new(seed), sender: None }
    }
}

impl Calls for Caller {
    async fn connect(self, callers: usize) -> Result<Vec<Self>, String> {
        let stream = TcpStream::connect(self.round.address).await;
        let stream = stream.map_err(|error| format!("{}: {error}", self.round.address))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let mut seeds = self.random.clone();
        let caller = |_| Self {
            round: self.round.clone(),
            random: Random::new(seeds.next()),
            sender: Some(sender.clone()),
        };
        Ok((0..callers).map(caller).collect())
    }

    async fn call(&mut self) -> Result<u64, String> {
        let Some(sender) = &mut self.sender else { return Err("not connected".to_owned()) };
        let key = format!("key:{}", self.random.below(self.round.keys));
        let (path, message) = match self.round.speaks {
            Speaks::Ours => (
                "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
                rate_limit_request(&key),
            ),
            Speaks::Throttlecrab => ("/throttlecrab.RateLimiter/Throttle", throttle_request(&key)),
        };
        let request = hyper::Request::post(format!("http://{}{path}", self.round.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {}", self.round.token))
            .body(Full::new(framed(&message)))
            .map_err(|error| error.to_string())?;
        sender.ready().await.map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        let trailers = body.trailers().unwrap_or(&parts.headers);
        match trailers.get("grpc-status").map(|status| status.as_bytes()) {
            Some(b"0") => Ok(1),
            status => Err(format!("status {status:?}")),
        }
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

/// `RateLimitRequest`: domain 1, descriptors 2 of entries 1 of key 1 and value 2.
fn rate_limit_request(key: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    text(1, "key", &mut entry);
    text(2, key, &mut entry);
    let mut descriptor = Vec::new();
    bytes(1, &entry, &mut descriptor);
    let mut request = Vec::new();
    text(1, "bench", &mut request);
    bytes(2, &descriptor, &mut request);
    request
}

/// `ThrottleRequest`: key 1, max_burst 2, count_per_period 3, period 4, quantity 5.
fn throttle_request(key: &str) -> Vec<u8> {
    let mut request = Vec::new();
    text(1, key, &mut request);
    for (field, value) in [(2, BURST), (3, RATE), (4, PERIOD_S), (5, 1)] {
        varint(field << 3, &mut request);
        varint(value, &mut request);
    }
    request
}

fn text(field: u32, value: &str, message: &mut Vec<u8>) {
    bytes(field, value.as_bytes(), message);
}

fn bytes(field: u32, value: &[u8], message: &mut Vec<u8>) {
    varint(field << 3 | 2, message);
    varint(u32::try_from(value.len()).unwrap_or(u32::MAX), message);
    message.extend_from_slice(value);
}

fn varint(mut value: u32, message: &mut Vec<u8>) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_their_definitions_say() {
        assert_eq!(rate_limit_request("k"), b"\x0a\x05bench\x12\x0a\x0a\x08\x0a\x03key\x12\x01k");
        assert_eq!(throttle_request("k"), b"\x0a\x01k\x10\xe8\x07\x18\xc0\x84\x3d\x20\x3c\x28\x01");
        assert_eq!(*framed(b"ab"), [0, 0, 0, 0, 2, b'a', b'b']);
    }
}
