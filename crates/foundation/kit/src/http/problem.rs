//! Every HTTP error is a problem document (RFC 9457): a stable kind for programs to branch on,
//! and a detail that tells a person what was wrong and what to do.
//!
//! What went wrong inside a process is for its log, never for the caller: [`Problem::internal`]
//! takes that text and only ever logs it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// The media type of a problem document (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

const INTERNAL_DETAIL: &str =
    "Something failed inside. The log has the reason under this answer's X-Request-Id.";

/// One error as its caller sees it.
#[derive(Debug)]
pub struct Problem {
    /// The status that the answer carries, repeated in the document.
    pub status: StatusCode,
    /// The stable slug that programs branch on; `type` is `/problems/<kind>`.
    pub kind: &'static str,
    /// A few words that are the same for every problem of this kind.
    pub title: &'static str,
    /// What was wrong this time, and what to do about it.
    pub detail: String,
    /// Seconds after which a retry makes sense, sent as `Retry-After` (RFC 9110, 10.2.3).
    pub retry_after_s: Option<u32>,
    /// Members beyond those of the RFC; they cannot replace those.
    pub extra: Map<String, Value>,
    /// Boxed, so that a `Result<_, Problem>` stays small.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Default)]
struct Rare {
    allow: Option<HeaderValue>,
    inside: Option<String>,
}

impl Problem {
    /// A problem without a detail yet; `kind` is a lower-case slug that never changes its meaning.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        let (detail, extra) = (String::new(), Map::new());
        Self { status, kind, title, detail, retry_after_s: None, extra, rare: None }
    }

    /// The general problem of a status, for answers that say nothing else.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let (kind, title) = general(status);
        Self::new(status, kind, title)
    }

    /// Says what was wrong and what to do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says after how many seconds a retry makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds a member of its own, such as the field that was wrong.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// Lists the methods that the resource has, which a 405 must (RFC 9110, 15.5.6).
    #[must_use]
    pub fn allow(mut self, methods: HeaderValue) -> Self {
        self.rare.get_or_insert_default().allow = Some(methods);
        self
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// 401: no credential, or one that is not valid; the answer asks for a bearer token.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED).detail(detail)
    }

    /// 403: the credential is valid and does not allow this.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::FORBIDDEN).detail(detail)
    }

    /// 404: there is nothing here.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::NOT_FOUND).detail(detail)
    }

    /// 409: the request contradicts the state as it is.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::CONFLICT).detail(detail)
    }

    /// 410: it was here and will not come back.
    #[must_use]
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::GONE).detail(detail)
    }

    /// 413: the body is over the limit, which the detail states.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::PAYLOAD_TOO_LARGE).detail(detail)
    }

    /// 422: well formed, and its meaning is wrong: a type, a range, an unknown field.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::UNPROCESSABLE_ENTITY).detail(detail)
    }

    /// 429: over a rate or a quota; say when to come back with [`Problem::retry_after`].
    #[must_use]
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::TOO_MANY_REQUESTS).detail(detail)
    }

    /// 500: our own failure. `inside` goes to the log when the answer is made; the caller is told
    /// only where to look.
    #[must_use]
    pub fn internal(inside: impl std::fmt::Display) -> Self {
        let mut problem =
            Self::of_status(StatusCode::INTERNAL_SERVER_ERROR).detail(INTERNAL_DETAIL);
        problem.rare.get_or_insert_default().inside = Some(inside.to_string());
        problem
    }

    /// 503: not now; the detail says why, in words for the caller.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::of_status(StatusCode::SERVICE_UNAVAILABLE).detail(detail)
    }

    /// The text that is for the log alone, if there is any.
    #[must_use]
    pub fn inside(&self) -> Option<&str> {
        self.rare.as_ref()?.inside.as_deref()
    }

    /// The document as JSON text.
    #[must_use]
    pub fn document(&self) -> String {
        let mut members = self.extra.clone();
        members.insert("type".into(), format!("/problems/{}", self.kind).into());
        members.insert("title".into(), self.title.into());
        members.insert("status".into(), self.status.as_u16().into());
        if !self.detail.is_empty() {
            members.insert("detail".into(), self.detail.as_str().into());
        }
        Value::Object(members).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(inside) = self.inside() {
            tracing::error!(kind = self.kind, reason = inside, "a request failed inside");
        }
        let mut response = (self.status, self.document()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(methods) = self.rare.and_then(|rare| rare.allow) {
            headers.insert(header::ALLOW, methods);
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.kind, self.detail)
    }
}

impl std::error::Error for Problem {}

/// The document on the wire, for the OpenAPI schema alone.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the document; Problem itself writes it")]
struct ProblemDocument {
    /// A stable, relative reference such as `/problems/not-found`.
    #[schema(rename = "type", example = "/problems/not-found")]
    kind: String,
    /// The same few words for every problem of this type.
    #[schema(example = "Not found")]
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// What was wrong this time, and what to do about it.
    detail: Option<String>,
}

impl utoipa::PartialSchema for Problem {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ProblemDocument::schema()
    }
}

impl utoipa::ToSchema for Problem {}

fn general(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => ("unauthorized", "A valid credential is needed"),
        StatusCode::FORBIDDEN => ("forbidden", "Not allowed"),
        StatusCode::NOT_FOUND => ("not-found", "Not found"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "Method not allowed"),
        StatusCode::NOT_ACCEPTABLE => ("not-acceptable", "No acceptable representation"),
        StatusCode::REQUEST_TIMEOUT => ("request-timeout", "The request came too slowly"),
        StatusCode::CONFLICT => ("conflict", "Conflict with the present state"),
        StatusCode::GONE => ("gone", "Gone for good"),
        StatusCode::PRECONDITION_FAILED => ("precondition-failed", "Precondition failed"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "Over the size limit"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported-media-type", "Unknown media type"),
        StatusCode::UNPROCESSABLE_ENTITY => ("unprocessable", "Understood, but not valid"),
        StatusCode::TOO_MANY_REQUESTS => ("too-many-requests", "Too many requests"),
        StatusCode::NOT_IMPLEMENTED => ("not-implemented", "Not implemented"),
        StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "Not available now"),
        other if other.is_server_error() => ("internal", "Internal error"),
        _ => ("bad-request", "Bad request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_members_of_the_rfc_and_its_own() {
        let problem = Problem::conflict("The alias is taken; choose another.")
            .with("alias", "sale")
            .with("status", 200);
        let document: Value = serde_json::from_str(&problem.document()).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "type": "/problems/conflict",
                "title": "Conflict with the present state",
                "status": 409,
                "detail": "The alias is taken; choose another.",
                "alias": "sale",
            })
        );
    }

    #[test]
    fn what_failed_inside_is_not_told() {
        let problem = Problem::internal("disk sda1 is on fire");
        assert_eq!(problem.inside(), Some("disk sda1 is on fire"));
        assert!(!problem.document().contains("sda1"));
        assert!(!problem.to_string().contains("sda1"));
    }

    #[test]
    fn headers_follow_the_status() {
        let response = Problem::unauthorized("Send a token.").into_response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
        let response = Problem::too_many("Slow down.").retry_after(7).into_response();
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn a_result_with_a_problem_stays_small() {
        assert!(size_of::<Problem>() < 128, "{}", size_of::<Problem>());
    }
}
