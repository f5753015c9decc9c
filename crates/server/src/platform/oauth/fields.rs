//! The fields of a form or a query, each at most once (RFC 6749, 3.1 and 3.2).

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header;
use http::request::Parts;
use kit::auth::oauth::OAuthError;
use kit::http::{BodyLimit, body};

use super::refusal::Refusal;

/// Bytes of a form: the longest of ours are a few codes and a state.
const FORM_BYTES_MAX: usize = 16 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields that have a value.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads form-encoded text.
    ///
    /// # Errors
    /// [`OAuthError::InvalidRequest`].
    pub(super) fn read(text: &[u8]) -> Result<Self, OAuthError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if value.contains('\0') {
                return Err(OAuthError::InvalidRequest("a value has a NUL character"));
            }
            if value.is_empty() {
                continue;
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::InvalidRequest("a parameter came more than once"));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// A field; none when it is not there or empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// [`OAuthError::InvalidRequest`] with `missing`.
    pub(super) fn need(&self, name: &str, missing: &'static str) -> Result<String, OAuthError> {
        self.text(name).ok_or(OAuthError::InvalidRequest(missing))
    }
}

/// A form in the body.
pub(in super::super) struct Form(pub(super) Fields);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, Refusal> {
        let media = request.headers().get(header::CONTENT_TYPE);
        let media = media.and_then(|media| media.to_str().ok()).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(FORM) {
            const OTHER: &str = "send the parameters as application/x-www-form-urlencoded";
            return Err(OAuthError::InvalidRequest(OTHER).into());
        }
        let limit = BodyLimit { bytes: FORM_BYTES_MAX, ..BodyLimit::default() };
        request.extensions_mut().insert(limit);
        let text = body::read(request).await.map_err(|_| {
            OAuthError::InvalidRequest("the form has at most 16 KiB, and comes within 15 s")
        })?;
        Ok(Self(Fields::read(&text)?))
    }
}

/// The parameters in the address.
pub(in super::super) struct Parameters(pub(super) Result<Fields, OAuthError>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::read(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_counts_once_and_with_a_value() {
        let fields = Fields::read(b"a=1&b=&c=x+y%26z&b=2").unwrap();
        assert_eq!(fields.text("a").as_deref(), Some("1"));
        assert_eq!(fields.text("b").as_deref(), Some("2"));
        assert_eq!(fields.text("c").as_deref(), Some("x y&z"));
        assert!(fields.text("d").is_none() && fields.need("d", "d is missing").is_err());
        assert!(Fields::read(b"a=1&a=1").is_err());
        assert!(Fields::read(b"a=%00").is_err());
    }
}
