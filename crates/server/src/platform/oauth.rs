//! The front door of OAuth 2.0: forms in, OAuth's own JSON, pages and redirects out. The rules
//! are `kit::auth::oauth`'s.

pub(super) mod authorize;
pub(super) mod clients;
pub(super) mod device;
mod fields;
pub(super) mod issued;
pub(super) mod metadata;
mod page;
mod refusal;
pub(super) mod token;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use kit::auth::Secret;
use kit::auth::oauth::{ClientCredential, OAuthError};

use super::Platform;
use fields::Fields;

/// Nothing that is answered here may be kept by anyone on the way (RFC 6749, 5.1).
const NEVER_KEPT: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// The address by which clients know this server (RFC 8414, 2): the setting, else that of the
/// request itself.
pub(super) struct Issuer(String);

impl FromRequestParts<Platform> for Issuer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        platform: &Platform,
    ) -> Result<Self, Self::Rejection> {
        if !platform.issuer.is_empty() {
            return Ok(Self(platform.issuer.to_string()));
        }
        let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let named = named.and_then(|host| host.parse::<Authority>().ok());
        let host = parts.uri.authority().cloned().or(named);
        let host = host.map_or_else(|| platform.edge.to_string(), |host| host.to_string());
        Ok(Self(format!("{}://{host}", platform.scheme)))
    }
}

/// Who asks: by `Authorization: Basic`, or by the fields of the form (RFC 6749, 2.3.1).
///
/// # Errors
/// [`OAuthError::InvalidClient`], [`OAuthError::InvalidRequest`] when both are there.
fn client(headers: &HeaderMap, fields: &Fields) -> Result<ClientCredential, OAuthError> {
    let secret = fields.text("client_secret").map(Secret::new);
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let id = fields.text("client_id").ok_or(OAuthError::InvalidClient)?;
        return Ok(ClientCredential { id, secret });
    };
    let basic = basic(header).ok_or(OAuthError::InvalidClient)?;
    let is_other = fields.text("client_id").is_some_and(|id| id != basic.id);
    if secret.is_some() || is_other {
        const TWICE: &str = "the client shows itself in the header and in the form";
        return Err(OAuthError::InvalidRequest(TWICE));
    }
    Ok(basic)
}

/// Both halves are form-encoded before they become base64.
fn basic(header: &HeaderValue) -> Option<ClientCredential> {
    use base64::Engine as _;
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |half: &str| {
        let mut pairs = url::form_urlencoded::parse(half.as_bytes());
        pairs.next().map_or_else(String::new, |(name, _)| name.into_owned())
    };
    Some(ClientCredential { id: plain(id), secret: Some(Secret::new(plain(secret))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: Option<&str>, form: &str) -> Result<(String, Option<String>), &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        let fields = Fields::read(form.as_bytes()).unwrap();
        let credential = client(&headers, &fields).map_err(|error| error.code())?;
        Ok((credential.id, credential.secret.map(|secret| secret.expose().to_owned())))
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        // a:b%2Bc
        let basic = Some("Basic YTpiJTJCYw==");
        let expected = Ok(("a".to_owned(), Some("b+c".to_owned())));
        assert_eq!(shown(basic, ""), expected);
        assert_eq!(shown(basic, "client_id=a"), expected);
        assert_eq!(shown(None, "client_id=a&client_secret=b%2Bc"), expected);
        assert_eq!(shown(None, "client_id=a"), Ok(("a".to_owned(), None)));
        assert_eq!(shown(basic, "client_id=other"), Err("invalid_request"));
        assert_eq!(shown(basic, "client_secret=b"), Err("invalid_request"));
        for bad in [None, Some("Bearer x"), Some("Basic"), Some("Basic ??"), Some("Basic YQ==")] {
            assert_eq!(shown(bad, ""), Err("invalid_client"), "{bad:?}");
        }
    }
}
