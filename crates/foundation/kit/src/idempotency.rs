//! A write repeated under one `Idempotency-Key` is done once, and answered alike
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! Answers lie in the database of the system that gave them, by principal and key, for 24 hours.
//! Only what is final is kept: after a 5xx, a 401, 403, 408 or 429 the same key may be tried again.
//!
//! Limits: an answer is stored after its write, in a transaction of its own. When the process dies
//! between the two, the key is free again after 60 seconds and a repeat writes once more. Callers
//! without a credential share one space of keys, so theirs should be hard to guess.

mod store;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tracing::Instrument;

pub use store::{Begin, Claim, KEPT_FOR, StoredAnswer, abandon, begin, finish, sweep};

use crate::auth::Principal;
use crate::clock::Clock;
use crate::http::{Problem, body};
use crate::sql::Db;

/// The header that names a write.
pub const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that marks an answer given before.
pub const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The header of a repeated answer whose body was too large to keep.
pub const BODY_OMITTED_HEADER: HeaderName = HeaderName::from_static("idempotency-body-omitted");

/// The largest body of an answer that is kept, in bytes.
pub const BODY_BYTES_MAX: u64 = 64 * 1_024;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;

/// What is kept of an answer beside its status and body.
const KEPT_HEADERS: [HeaderName; 9] = [
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
];

/// A caller's name for one write: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// What a key stands for: the SHA-256 of method, path, query and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) [u8; 32]);

impl Key {
    /// Reads a key; none when the text is no key.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let fits = (1..=KEY_BYTES_MAX).contains(&text.len());
        (fits && printable).then(|| Self(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Fingerprint {
    /// Of a request as it came.
    pub fn of(method: &Method, path_and_query: &str, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for part in [method.as_str().as_bytes(), path_and_query.as_bytes(), body] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// A middleware for the routes that write. A request without a key, or of a method that is
/// idempotent anyway (RFC 9110, 9.2.2), passes through. With one, its body is read whole, under the
/// [`crate::http::BodyLimit`] of its extensions, and:
///
/// - the first goes on, to its end even if its caller goes away, and its answer is kept;
/// - a repeat gets that answer, marked with [`REPLAYED_HEADER`];
/// - a repeat of one that is under way gets 409, and another request under the same key 422.
pub async fn with_idempotency(
    db: &Db,
    principal: &Principal,
    clock: &Clock,
    request: Request,
    next: Next,
) -> Response {
    if !matches!(*request.method(), Method::POST | Method::PATCH) {
        return next.run(request).await;
    }
    let key = match key_of(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    let (request, fingerprint) = match buffered(request).await {
        Ok(whole) => whole,
        Err(problem) => return problem.into_response(),
    };
    match begin(db, principal, &key, fingerprint, clock.now()).await {
        Ok(Begin::First(claim)) => answer_first(db.clone(), claim, request, next).await,
        Ok(Begin::Replay(answer)) => replayed(answer),
        Ok(Begin::InProgress) => in_progress().into_response(),
        Ok(Begin::Mismatch) => mismatch().into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let (Some(value), another) = (values.next(), values.next()) else { return Ok(None) };
    let key = value.to_str().ok().and_then(Key::new).filter(|_| another.is_none());
    let rule = format!("Idempotency-Key comes once, as 1 to {KEY_BYTES_MAX} printable characters.");
    key.map(Some).ok_or_else(|| Problem::bad_request(rule))
}

async fn buffered(request: Request) -> Result<(Request, Fingerprint), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(Request::from_parts(parts.clone(), body)).await?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let fingerprint = Fingerprint::of(&parts.method, target, &bytes);
    Ok((Request::from_parts(parts, Body::from(bytes)), fingerprint))
}

/// On a task of its own: a caller that goes away, and comes back with the same key, must find how
/// its write ended.
async fn answer_first(db: Db, claim: Claim, request: Request, next: Next) -> Response {
    let work = {
        let (db, claim) = (db.clone(), claim.clone());
        async move { keep(&db, claim, next.run(request).await).await }
    };
    match tokio::spawn(work.instrument(tracing::Span::current())).await {
        Ok(response) => response,
        Err(ended) => {
            free(&db, claim).await;
            if ended.is_panic() {
                std::panic::resume_unwind(ended.into_panic());
            }
            Problem::unavailable("The server is stopping; try again.").into_response()
        }
    }
}

async fn keep(db: &Db, claim: Claim, response: Response) -> Response {
    if !is_final(response.status()) {
        free(db, claim).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let mut headers = kept_headers(&parts.headers);
    let fits = body.size_hint().upper().is_some_and(|bytes| bytes <= BODY_BYTES_MAX);
    let (kept, body) = match fits {
        true => match body.collect().await {
            Ok(whole) => {
                let bytes = whole.to_bytes();
                (bytes.clone(), Body::from(bytes))
            }
            Err(error) => {
                free(db, claim).await;
                return Problem::internal(error).into_response();
            }
        },
        false => {
            headers.insert(BODY_OMITTED_HEADER, HeaderValue::from_static("true"));
            (Bytes::new(), body)
        }
    };
    let answer = StoredAnswer { status: parts.status, headers, body: kept };
    if let Err(error) = finish(db, claim, answer).await {
        // The write is done; only its repetition is no longer guarded.
        tracing::warn!(%error, "the answer to an idempotent write was not kept");
    }
    Response::from_parts(parts, body)
}

async fn free(db: &Db, claim: Claim) {
    if let Err(error) = abandon(db, claim).await {
        tracing::warn!(%error, "an idempotency key was not freed; it frees itself in a minute");
    }
}

/// Whether a repeat could not end otherwise. After the others the same request may succeed.
fn is_final(status: StatusCode) -> bool {
    let open = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !status.is_informational() && !open.contains(&status)
}

fn kept_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = KEPT_HEADERS.into_iter().filter_map(|name| {
        let value = headers.get(&name)?;
        Some((name, value.clone()))
    });
    kept.collect()
}

fn replayed(answer: StoredAnswer) -> Response {
    let mut response = (answer.status, answer.headers, answer.body).into_response();
    response.headers_mut().insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    response
}

fn in_progress() -> Problem {
    Problem::new(StatusCode::CONFLICT, "idempotency-in-progress", "The first is under way")
        .detail("A request with this Idempotency-Key is under way; repeat it for its answer.")
        .retry_after(1)
}

fn mismatch() -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "idempotency-key-reused", "The key stands for another request")
        .detail("This Idempotency-Key came with another request before; choose a new key.")
}

#[cfg(test)]
mod tests;
