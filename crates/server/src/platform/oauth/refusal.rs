//! A refusal as JSON (RFC 6749, 5.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::auth::oauth::OAuthError;
use kit::http::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::NEVER_KEPT;

/// An error in OAuth's own form.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct OAuthErrorAnswer {
    /// A registered code, such as `invalid_grant`.
    error: &'static str,
    /// For people.
    error_description: String,
}

/// An [`OAuthError`] on its way out.
pub(in super::super) struct Refusal(OAuthError);

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = (self.0.status(), self.0.code());
        let (text, retry_after_s) = told(&self.0);
        let answer = OAuthErrorAnswer { error: code, error_description: plain(&text) };
        let mut response = (status, NEVER_KEPT, Json(answer)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"oauth\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What a caller is told, and when a repeat makes sense. What failed inside is for the log alone.
pub(super) fn told(error: &OAuthError) -> (String, Option<u32>) {
    let OAuthError::Auth(refusal) = error else { return (error.to_string(), None) };
    let problem = Problem::from(refusal.clone());
    if let Some(inside) = problem.inside() {
        tracing::error!(reason = inside, "a request for a token failed inside");
    }
    (problem.detail, problem.retry_after_s)
}

/// Only what RFC 6749, 5.2 allows in a description: ASCII without `"` and `\`.
pub(super) fn plain(text: &str) -> String {
    let allowed = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_allowed_characters_only() {
        assert_eq!(plain("\"ä\" is\\no\nscope"), "'?' is/no?scope");
    }

    #[test]
    fn an_unknown_client_is_asked_to_show_itself() {
        let response = Refusal(OAuthError::InvalidClient).into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"oauth\"");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(Refusal(OAuthError::Reused).into_response().status(), 400);
    }
}
