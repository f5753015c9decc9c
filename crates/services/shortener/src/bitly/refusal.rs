//! Refusals as Bitly words them: a message for programs, a description for people.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::http::{Json, Problem};
use serde_json::json;

use crate::model::ShortenError;
use crate::target::TargetRefusal;

/// An error answer of Bitly's.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    description: String,
    /// The field that is wrong, and how.
    field: Option<(String, &'static str)>,
    retry_after_s: Option<u32>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>, description: impl Into<String>) -> Self {
        let (message, description) = (message.into(), description.into());
        Self { status, message, description, field: None, retry_after_s: None }
    }

    /// 400 `INVALID_ARG_<FIELD>`.
    pub(super) fn argument(field: &str, description: impl Into<String>) -> Self {
        let message = format!("INVALID_ARG_{}", field.to_ascii_uppercase());
        let refusal = Self::new(StatusCode::BAD_REQUEST, message, description);
        Self { field: Some((field.to_owned(), "invalid")), ..refusal }
    }

    /// 404 `NOT_FOUND`.
    pub(super) fn not_found(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", description)
    }
}

impl From<ShortenError> for Refusal {
    fn from(error: ShortenError) -> Self {
        let text = error.to_string();
        match error {
            ShortenError::Target(TargetRefusal::SelfLoop(_)) => {
                Self::new(StatusCode::BAD_REQUEST, "ALREADY_A_BITLY_LINK", text)
            }
            ShortenError::Target(_) => Self::argument("long_url", text),
            ShortenError::Alias(_) => Self::argument("keyword", text),
            ShortenError::UnknownDomain(_) => Self::argument("domain", text),
            ShortenError::Field { field, .. } => Self::argument(field, text),
            ShortenError::NotFound(_) | ShortenError::Gone(_) | ShortenError::NotYet(_) => {
                Self::not_found(text)
            }
            other => Problem::from(other).into(),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        if let Some(inside) = problem.inside() {
            tracing::error!(kind = problem.kind, reason = inside, "a request failed inside");
        }
        // Bitly has no 401: a token that is missing or wrong is forbidden too.
        let (status, message) = match problem.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (StatusCode::FORBIDDEN, "FORBIDDEN")
            }
            StatusCode::TOO_MANY_REQUESTS => (problem.status, "RATE_LIMIT_EXCEEDED"),
            StatusCode::UNPROCESSABLE_ENTITY => (problem.status, "UNPROCESSABLE_ENTITY"),
            StatusCode::NOT_FOUND => (problem.status, "NOT_FOUND"),
            StatusCode::CONFLICT => (problem.status, "CONFLICT"),
            StatusCode::SERVICE_UNAVAILABLE => (problem.status, "TEMPORARILY_UNAVAILABLE"),
            status if status.is_client_error() => (status, "BAD_REQUEST"),
            status => (status, "INTERNAL_ERROR"),
        };
        let retry_after_s = problem.retry_after_s;
        Self { retry_after_s, ..Self::new(status, message, problem.detail) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "description": self.description,
            "resource": "bitlinks",
        });
        if let Some((field, code)) = self.field {
            let error = json!({
                "field": field, "error_code": code, "message": self.description,
            });
            body["errors"] = json!([error]);
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
