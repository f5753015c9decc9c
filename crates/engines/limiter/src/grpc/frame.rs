//! How a unary call lies on HTTP/2: one message behind a flag and its length, and a status in the
//! trailers (or in the headers, where there is nothing else to say).

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Frame;
use prost::Message;

/// Bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// A flag and four bytes of length.
const PREFIX_BYTES: usize = 5;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// The codes that are used (gRPC, `doc/statuscodes.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the document above says what each means")]
pub enum Code {
    InvalidArgument = 3,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl Failure {
    /// With a text for people.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// As the whole answer: a status in the headers and no body.
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(STATUS, HeaderValue::from(self.code as u16));
        if let Ok(text) = HeaderValue::from_str(&escaped(&self.text)) {
            headers.insert(MESSAGE, text);
        }
        response
    }
}

/// The message in a body that is to hold just one.
///
/// # Errors
/// [`Failure`] for what is compressed, cut short, followed by more, or no such message.
pub fn decode<M: Message + Default>(body: &[u8]) -> Result<M, Failure> {
    let invalid = |text: &str| Failure::new(Code::InvalidArgument, text);
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(invalid("the body is shorter than a prefix of five bytes"));
    };
    let [flag, length @ ..] = *prefix;
    match flag {
        0 => {}
        1 => return Err(Failure::new(Code::Unimplemented, "compressed messages are not read")),
        _ => return Err(invalid("the first byte of the prefix is neither 0 nor 1")),
    }
    if u32::from_be_bytes(length) as usize != message.len() {
        return Err(invalid("the body does not hold just the message that its prefix announces"));
    }
    M::decode(message).map_err(|error| invalid(&format!("not the message of this call: {error}")))
}

/// The answer with a message, and a status of OK in the trailers.
pub fn respond(message: &impl Message) -> Response {
    let length = message.encoded_len();
    let mut data = BytesMut::with_capacity(PREFIX_BYTES + length);
    data.put_u8(0);
    data.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // There is room: a `BytesMut` grows.
    let encoded = message.encode(&mut data);
    debug_assert!(encoded.is_ok());
    let mut response =
        Response::new(Body::new(Reply { data: Some(data.freeze()), is_over: false }));
    response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
    response
}

/// One frame of data and then trailers.
struct Reply {
    data: Option<Bytes>,
    is_over: bool,
}

impl http_body::Body for Reply {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let reply = self.get_mut();
        if let Some(data) = reply.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if std::mem::replace(&mut reply.is_over, true) {
            return Poll::Ready(None);
        }
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(STATUS, HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

/// Per cent, as the protocol wants texts in headers.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f..=0xff => {
                // Writing to a string cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut escaped, format_args!("%{byte:02X}"));
            }
            byte => escaped.push(char::from(byte)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::messages::HealthCheckRequest;

    fn refused(body: &[u8]) -> Code {
        decode::<HealthCheckRequest>(body).unwrap_err().code
    }

    #[test]
    fn a_body_holds_one_message() {
        let body = [0, 0, 0, 0, 3, 0x0a, 1, b'x'];
        assert_eq!(decode::<HealthCheckRequest>(&body).unwrap().service, "x");
        assert_eq!(decode::<HealthCheckRequest>(&[0; 5]).unwrap().service, "");
        for wrong in [&body[..4], &body[..7], &[2, 0, 0, 0, 0][..], &[0, 0, 0, 0, 0, 9], &[]] {
            assert_eq!(refused(wrong), Code::InvalidArgument, "{wrong:?}");
        }
        assert_eq!(refused(&[0, 0, 0, 0, 2, 0x0a, 9]), Code::InvalidArgument);
        assert_eq!(refused(&[1, 0, 0, 0, 0]), Code::Unimplemented);
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escaped("50 % of\nä"), "50 %25 of%0A%C3%A4");
    }
}
