//! Reads a request's body, at most so many bytes of it and for at most so long.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Problem;

/// How large a body may be and how long it may take to arrive. The layers put one into every
/// request's extensions; a route that needs another puts its own there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit {
    /// The largest body in bytes; one byte more is a 413.
    pub bytes: usize,
    /// How long the whole body may take; longer is a 408.
    pub timeout_ms: u64,
}

impl Default for BodyLimit {
    /// 1 MiB within 15 seconds.
    fn default() -> Self {
        Self { bytes: 1024 * 1024, timeout_ms: 15_000 }
    }
}

/// Reads the whole body of a request under the [`BodyLimit`] of its extensions.
///
/// # Errors
/// 413 over the limit, 408 when it comes too slowly, 400 when it breaks off.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    let limit = request.extensions().get::<BodyLimit>().copied().unwrap_or_default();
    if announced_bytes(&request).is_some_and(|announced| announced > limit.bytes as u64) {
        return Err(over(limit));
    }
    let body = Limited::new(request.into_body(), limit.bytes);
    let collected = tokio::time::timeout(Duration::from_millis(limit.timeout_ms), body.collect());
    match collected.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(over(limit)),
        Ok(Err(_)) => Err(Problem::bad_request("The body broke off before its end.")),
        Err(_) => Err(Problem::of_status(StatusCode::REQUEST_TIMEOUT)
            .detail(format!("The body did not arrive within {} ms.", limit.timeout_ms))),
    }
}

fn announced_bytes(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn over(limit: BodyLimit) -> Problem {
    Problem::too_large(format!("The body may have at most {}.", in_words(limit.bytes)))
        .with("limit_bytes", limit.bytes)
}

/// A size as people say it: the largest binary unit that divides it, else bytes.
fn in_words(bytes: usize) -> String {
    const UNITS: [(usize, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size));
    match unit {
        Some((size, name)) => format!("{} {name}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    struct Stalled;

    impl http_body::Body for Stalled {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    fn request(body: Body, bytes: usize) -> Request {
        let limit = BodyLimit { bytes, timeout_ms: 20 };
        Request::builder().extension(limit).body(body).unwrap()
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read(request("12345".into(), 5)).await.unwrap(), "12345");
        let problem = read(request("123456".into(), 5)).await.unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.kind), (413, "too-large"));
        assert_eq!(problem.detail, "The body may have at most 5 bytes.");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_the_callers_fault() {
        let problem = read(request(Body::new(Stalled), 5)).await.unwrap_err();
        assert_eq!(problem.status, StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_divides_them() {
        assert_eq!(in_words(1 << 20), "1 MiB");
        assert_eq!(in_words(3 << 10), "3 KiB");
        assert_eq!(in_words(1500), "1500 bytes");
        assert_eq!(in_words(0), "0 bytes");
    }
}
