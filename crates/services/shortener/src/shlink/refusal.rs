//! Shlink's problem documents: the same RFC as ours, with types that its clients know.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::http::Problem;
use kit::http::problem::PROBLEM_JSON;
use serde_json::{Value, json};

use crate::model::{ShortAddress, ShortenError};

/// An error answer of Shlink's, or ours where it has none.
#[derive(Debug)]
pub(super) enum Refusal {
    Shlinks { status: StatusCode, document: Value },
    Ours(Box<Problem>),
}

impl Refusal {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        let document = json!({
            "type": format!("https://shlink.io/api/error/{kind}"),
            "title": title,
            "detail": detail,
            "status": status.as_u16(),
        });
        Self::Shlinks { status, document }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Self::Shlinks { document, .. } = &mut self {
            document[key] = value.into();
        }
        self
    }

    /// 404 for what is no short URL.
    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not Found", detail)
    }

    /// 501: there is no Mercure hub.
    pub(super) fn no_mercure() -> Self {
        let detail = "This service has no Mercure hub.";
        let title = "Mercure integration not configured";
        Self::new(StatusCode::NOT_IMPLEMENTED, "mercure-not-configured", title, detail)
    }

    /// 401: no key, or one that is not valid.
    pub(super) fn unauthenticated(has_key: bool) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        if has_key {
            let detail = "Provided API key does not exist or is invalid.";
            return Self::new(status, "invalid-api-key", "Invalid API key", detail);
        }
        let detail = "Expected one of the following authentication headers, [\"X-Api-Key\"], \
                      but none were provided";
        Self::new(status, "missing-authentication", "Invalid authorization", detail)
            .with("expectedHeaders", json!(["X-Api-Key"]))
    }

    /// 400: these fields are not valid.
    pub(super) fn invalid(fields: &[&str], detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-data", "Invalid data", detail)
            .with("invalidElements", json!(fields))
    }

    /// What `error` means of the link at `address`.
    pub(super) fn of(error: ShortenError, address: &ShortAddress) -> Self {
        match error {
            ShortenError::NotFound(_) | ShortenError::Gone(_) | ShortenError::NotYet(_) => {
                let on = match address.domain.as_str() {
                    "" => String::new(),
                    domain => format!(" for domain \"{domain}\""),
                };
                let detail = format!("No URL found with short code \"{}\"{on}", address.code);
                let title = "Short URL not found";
                Self::new(StatusCode::NOT_FOUND, "short-url-not-found", title, detail)
                    .with("shortCode", address.code.as_str())
            }
            other => other.into(),
        }
    }
}

impl From<ShortenError> for Refusal {
    fn from(error: ShortenError) -> Self {
        let text = error.to_string();
        match error {
            ShortenError::Target(_) => Self::invalid(&["longUrl"], text),
            ShortenError::Alias(_) => Self::invalid(&["customSlug"], text),
            ShortenError::UnknownDomain(_) => Self::invalid(&["domain"], text),
            ShortenError::Field { field, .. } => Self::invalid(&[field], text),
            ShortenError::Taken(slug) => {
                let detail = format!("Provided slug \"{slug}\" is already in use.");
                let title = "Invalid custom slug";
                Self::new(StatusCode::BAD_REQUEST, "non-unique-slug", title, detail)
                    .with("customSlug", slug)
            }
            other => Self::Ours(Box::new(other.into())),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Ours(Box::new(problem))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Ours(problem) => problem.into_response(),
            Self::Shlinks { status, document } => {
                let mut response = (status, document.to_string()).into_response();
                let media = HeaderValue::from_static(PROBLEM_JSON);
                response.headers_mut().insert(header::CONTENT_TYPE, media);
                response
            }
        }
    }
}
