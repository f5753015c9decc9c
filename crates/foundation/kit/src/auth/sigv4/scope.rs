//! Who signed a request, when, and for which service.

use http::{HeaderMap, header};

use super::SigV4Error;
use super::canonical::percent_decode;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const CREDENTIAL_PARAMETER: &str = "X-Amz-Credential";
/// Bytes of a credential, and of each other part.
const LENGTH_MAX: usize = 1_024;
/// Headers that a signature may name.
const HEADERS_MAX: usize = 100;

/// The credential scope of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4Scope {
    /// Names the secret that was signed with, and so the principal.
    pub access_key: String,
    /// The day of signing, `YYYYMMDD`.
    pub date: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Such as `s3` or `dynamodb`: which front door the request is for.
    pub service: String,
}

/// The scope of a request signed in its `Authorization` header or its query; none for a request
/// that is not signed this way. Nothing is verified.
///
/// # Errors
/// [`SigV4Error::Malformed`].
pub fn recognise(
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Option<SigV4Scope>, SigV4Error> {
    if let Some(text) = signed_header(headers) {
        let credential = part(text, "Credential")
            .ok_or(SigV4Error::Malformed("Authorization has no Credential"))?;
        return SigV4Scope::read(credential).map(Some);
    }
    let parameter = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        (name == CREDENTIAL_PARAMETER).then(|| percent_decode(value))
    };
    let Some(credential) = query.and_then(|query| query.split('&').find_map(parameter)) else {
        return Ok(None);
    };
    let credential = String::from_utf8(credential)
        .map_err(|_| SigV4Error::Malformed("X-Amz-Credential is no UTF-8"))?;
    SigV4Scope::read(&credential).map(Some)
}

/// A signature in the header, with all its parts.
pub(super) struct Authorization {
    pub(super) scope: SigV4Scope,
    /// Small letters, in the order given.
    pub(super) headers: Vec<String>,
    pub(super) signature: String,
}

impl Authorization {
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, SigV4Error> {
        let Some(text) = signed_header(headers) else { return Ok(None) };
        let need = |name: &str, refusal| part(text, name).ok_or(SigV4Error::Malformed(refusal));
        let credential = need("Credential", "Authorization has no Credential")?;
        let signed = need("SignedHeaders", "Authorization has no SignedHeaders")?;
        let signature = need("Signature", "Authorization has no Signature")?;
        let headers: Vec<_> = signed.split(';').map(str::to_ascii_lowercase).collect();
        if headers.len() > HEADERS_MAX {
            return Err(SigV4Error::Malformed("SignedHeaders names too many headers"));
        }
        let (scope, signature) = (SigV4Scope::read(credential)?, signature.to_owned());
        Ok(Some(Self { scope, headers, signature }))
    }
}

impl SigV4Scope {
    /// `ACCESS_KEY/DATE/REGION/SERVICE/aws4_request`. Only the access key may hold a slash.
    fn read(credential: &str) -> Result<Self, SigV4Error> {
        const FORM: SigV4Error = SigV4Error::Malformed(
            "a credential is ACCESS_KEY/YYYYMMDD/REGION/SERVICE/aws4_request",
        );
        let mut parts = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(FORM);
        };
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let dated = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        let keyed =
            !access_key.is_empty() && access_key.bytes().all(|byte| byte.is_ascii_graphic());
        if credential.len() > LENGTH_MAX || !(dated && keyed && plain(region) && plain(service)) {
            return Err(FORM);
        }
        let [access_key, date, region, service] =
            [access_key, date, region, service].map(str::to_owned);
        Ok(Self { access_key, date, region, service })
    }
}

fn signed_header(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    text.strip_prefix(ALGORITHM).filter(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The value of `name=` in a list with commas; AWS's own clients write spaces after them or not.
fn part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let value = |part: &'t str| part.trim().strip_prefix(name)?.strip_prefix('=');
    text.split(',').find_map(value).filter(|value| value.len() <= LENGTH_MAX)
}
