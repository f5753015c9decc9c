//! Which web pages of other origins may call (the Fetch standard's CORS protocol): none, unless
//! their origins are listed.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id::X_REQUEST_ID;

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// The origins whose pages may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOrigins(Vec<HeaderValue>);

/// An origin that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is no origin; write scheme://host or scheme://host:port, or * for all")]
pub struct NotAnOrigin(pub String);

impl CorsOrigins {
    /// The listed origins, or all of them for a list of just `*`.
    ///
    /// # Errors
    /// When one is no origin, for a browser would never match it.
    pub fn listed(origins: &[String]) -> Result<Self, NotAnOrigin> {
        let checked = origins.iter().map(|origin| {
            let value = HeaderValue::from_str(origin).ok();
            let is_all = origin == "*" && origins.len() == 1;
            value.filter(|_| is_all || is_origin(origin)).ok_or_else(|| NotAnOrigin(origin.clone()))
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Credentials stay off: a token goes in a header that the page itself sets, never in a cookie.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        let first = self.0.first()?;
        let origins = if first == "*" {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(self.0.iter().cloned())
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("idempotency-key"),
                X_REQUEST_ID,
            ])
            .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, X_REQUEST_ID])
            .max_age(REMEMBERED);
        Some(layer)
    }
}

/// An origin is a scheme and an authority, and what browsers send has no slash at its end.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    text == format!("{scheme}://{authority}").to_ascii_lowercase() && !text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_sends_is_an_origin() {
        let listed = |origin: &str| CorsOrigins::listed(&[origin.to_owned()]).is_ok();
        for origin in ["https://app.example", "http://localhost:5173", "*"] {
            assert!(listed(origin), "{origin}");
        }
        for other in ["app.example", "https://app.example/", "https://a/b", "", "https://a@b", "**"]
        {
            assert!(!listed(other), "{other}");
        }
        assert!(CorsOrigins::listed(&["*".into(), "https://a.example".into()]).is_err());
    }
}
