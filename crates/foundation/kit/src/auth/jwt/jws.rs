//! The compact form of a signed token (RFC 7515, 7.1): header, payload and signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::JwtRefusal;

/// A token taken apart. Nothing of it is trusted yet.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    /// What the signature is of: header and payload as they came.
    pub(super) signed: &'t str,
    payload: &'t str,
    pub(super) signature: Vec<u8>,
}

/// The members of a header that are looked at. A key that comes in it (`jwk`, `jku`, `x5c`) is
/// not: it would be the forger's.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    crit: Option<Value>,
}

impl<'t> Jws<'t> {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// [`JwtRefusal::Form`], [`JwtRefusal::Extension`] (RFC 7515, 4.1.11: none is known here).
    pub(super) fn read(token: &'t str) -> Result<Self, JwtRefusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtRefusal::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(JwtRefusal::Form)?;
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_| JwtRefusal::Form)?;
        if header.crit.is_some() {
            return Err(JwtRefusal::Extension);
        }
        Ok(Self { header, signed, payload, signature: decoded(signature)? })
    }

    /// The claims; to be read once the signature is known to fit.
    ///
    /// # Errors
    /// [`JwtRefusal::Form`].
    pub(super) fn claims(&self) -> Result<Map<String, Value>, JwtRefusal> {
        serde_json::from_slice(&decoded(self.payload)?).map_err(|_| JwtRefusal::Form)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, JwtRefusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtRefusal::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7515, A.2.1, signature aside.
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0\
        dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4h";

    #[test]
    fn a_token_is_taken_apart() {
        let jws = Jws::read(TOKEN).unwrap();
        assert_eq!((&*jws.header.alg, jws.header.kid.as_deref()), ("RS256", None));
        assert_eq!(jws.claims().unwrap()["iss"], "joe");
        assert!(TOKEN.starts_with(jws.signed) && jws.signature == b"p.!");
    }

    #[test]
    fn other_forms_are_refused() {
        let header = |json: &str| format!("{}.e30.", URL_SAFE_NO_PAD.encode(json));
        let refusal = |token: &str| Jws::read(token).err();
        assert_eq!(refusal("a.b"), Some(JwtRefusal::Form));
        assert_eq!(refusal(&TOKEN.replace(".cC4h", ".cC4h=")), Some(JwtRefusal::Form));
        assert_eq!(refusal(&header("[]")), Some(JwtRefusal::Form));
        assert_eq!(refusal(&header(r#"{"alg":"RS256","alg":"none"}"#)), Some(JwtRefusal::Form));
        let critical = header(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#);
        assert_eq!(refusal(&critical), Some(JwtRefusal::Extension));
        assert_eq!(refusal(&header(r#"{"alg":"none"}"#)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-zA-Z0-9._=-]{0,80}") {
            if let Ok(jws) = Jws::read(&text) {
                let _ = jws.claims();
            }
        }
    }
}
