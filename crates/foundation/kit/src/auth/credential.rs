//! What a request shows for itself, read from its headers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};

use super::{AuthError, Secret};

/// The longest credential that is looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4_096;
const API_KEY: &str = "x-api-key";

/// A credential as presented; nothing is known of its worth yet.
#[derive(Debug)]
pub(super) enum Credential<'h> {
    Absent,
    Token(Shown<'h>),
    Basic(Basic),
}

/// A token still in its header, masked like any secret.
pub(super) struct Shown<'h>(pub(super) Cow<'h, str>);

/// RFC 7617: a user's name and password, or anything and a token.
#[derive(Debug)]
pub(super) struct Basic {
    pub(super) user: String,
    pub(super) password: Secret,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// Reads `Authorization`, else `X-Api-Key`.
///
/// # Errors
/// [`AuthError::Malformed`].
pub(super) fn credential(headers: &HeaderMap) -> Result<Credential<'_>, AuthError> {
    if let Some(value) = only(headers, header::AUTHORIZATION.as_str())? {
        return authorization(text(value)?);
    }
    match only(headers, API_KEY)? {
        Some(value) => Ok(Credential::Token(Shown(text(value)?.trim().into()))),
        None => Ok(Credential::Absent),
    }
}

fn authorization(text: &str) -> Result<Credential<'_>, AuthError> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    if rest.is_empty() {
        return Err(AuthError::Malformed("`Authorization` needs a scheme and a credential"));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credential::Token(Shown(rest.into())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        return basic(rest).map(Credential::Basic);
    }
    Err(AuthError::Malformed("`Authorization` must be `Bearer TOKEN` or `Basic` here"))
}

fn basic(encoded: &str) -> Result<Basic, AuthError> {
    const FORM: AuthError = AuthError::Malformed("`Basic` takes base64 of USER:PASSWORD in UTF-8");
    let decoded = STANDARD.decode(encoded).map_err(|_| FORM)?;
    let decoded = String::from_utf8(decoded).map_err(|_| FORM)?;
    let (user, password) = decoded.split_once(':').ok_or(FORM)?;
    Ok(Basic { user: user.to_owned(), password: Secret::new(password) })
}

/// Two headers of one name would let a proxy and us each believe another one.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h HeaderValue>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err(AuthError::Malformed("the credential's header came more than once")),
    }
}

fn text(value: &HeaderValue) -> Result<&str, AuthError> {
    if value.len() > CREDENTIAL_BYTES_MAX {
        return Err(AuthError::Malformed("it is longer than any credential of ours"));
    }
    value.to_str().map_err(|_| AuthError::Malformed("it holds bytes that are not ASCII text"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Result<String, AuthError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        credential(&headers).map(|found| match found {
            Credential::Absent => "absent".to_owned(),
            Credential::Token(token) => format!("token {}", token.0),
            Credential::Basic(basic) => format!("{} / {}", basic.user, basic.password.expose()),
        })
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read(&[]).unwrap(), "absent");
        assert_eq!(read(&[("authorization", "Bearer abc")]).unwrap(), "token abc");
        assert_eq!(read(&[("authorization", "bearer  abc ")]).unwrap(), "token abc");
        assert_eq!(read(&[("x-api-key", " abc")]).unwrap(), "token abc");
        assert_eq!(
            read(&[("authorization", "Basic YWxpY2U6b3BlbjpzZXNhbWU=")]).unwrap(),
            "alice / open:sesame"
        );
        let both = [("x-api-key", "key"), ("authorization", "Bearer abc")];
        assert_eq!(read(&both).unwrap(), "token abc");
    }

    #[test]
    fn bad_forms_are_refused_without_repeating_them() {
        for bad in ["", "Bearer", "Bearer ", "Digest abc", "Basic ???", "Basic YWxpY2U=", "hidden"]
        {
            let refusal = read(&[("authorization", bad)]).unwrap_err();
            assert!(matches!(refusal, AuthError::Malformed(_)), "{bad}");
            assert!(!refusal.to_string().contains("hidden"));
        }
        let twice = [("x-api-key", "one"), ("x-api-key", "two")];
        assert!(matches!(read(&twice), Err(AuthError::Malformed(_))));
        assert!(read(&[("x-api-key", &"x".repeat(5_000))]).is_err());
    }

    #[test]
    fn debug_masks() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("hunter2"));
        assert!(!format!("{:?}", credential(&headers).unwrap()).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert("authorization", value);
            }
            let _ = credential(&headers);
        }
    }
}
