//! One name for a request, in its answer, in every line of the log about it, and in what its
//! caller reports.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Problem;

/// The header that carries it, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from a caller, in characters.
pub const REQUEST_ID_CHARS_MAX: usize = 64;

/// A request's id: 1 to [`REQUEST_ID_CHARS_MAX`] graphic ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's own id, if it sent one that a log can hold; otherwise a new one.
    pub fn accept_or(headers: &HeaderMap, make: impl Fn() -> String) -> Self {
        let sent = headers.get(X_REQUEST_ID).filter(|value| is_fit(value.as_bytes()));
        Self(sent.cloned().unwrap_or_else(|| made(&make())))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as a header's value.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The id that the layers gave the request.
impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = parts.extensions.get::<Self>().cloned();
        id.ok_or_else(|| Problem::internal("the route is not under kit::http::layers"))
    }
}

fn is_fit(id: &[u8]) -> bool {
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn made(id: &str) -> HeaderValue {
    if is_fit(id.as_bytes()) { HeaderValue::from_str(id).ok() } else { None }
        .unwrap_or(HeaderValue::from_static("unnamed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(sent: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(sent).unwrap());
        RequestId::accept_or(&headers, || "made".into()).as_str().to_owned()
    }

    #[test]
    fn a_callers_id_is_kept_when_a_log_can_hold_it() {
        assert_eq!(accepted(b"a-1.b"), "a-1.b");
        assert_eq!(accepted(&[b'x'; 64]), "x".repeat(64));
        assert_eq!(accepted(&[b'x'; 65]), "made");
        assert_eq!(accepted(b"two words"), "made");
        assert_eq!(accepted(b"caf\xc3\xa9"), "made");
        assert_eq!(accepted(b""), "made");
    }

    #[test]
    fn an_unfit_generator_does_not_break_requests() {
        assert_eq!(RequestId::accept_or(&HeaderMap::new(), || "a\nb".into()).as_str(), "unnamed");
    }
}
