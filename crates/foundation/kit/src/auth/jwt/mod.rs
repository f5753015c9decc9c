//! JSON Web Tokens of one other issuer, taken as bearer tokens (RFC 7519, by the rules of RFC
//! 8725).
//!
//! - [`JwtSection`]: what is configured; [`Issuer`]: the same, checked, with its keys.
//! - `jws`: a token's parts. `algorithm`: which signatures count. `jwks`: the issuer's keys.
//! - `claims`: what must hold of the claims. `grant`: claims become a principal.
//!
//! A token is looked at in this order: form, algorithm, key, signature, claims. What verified is
//! kept by its digest like any other token, so a request verifies no signature but at the first
//! use of a token.
//!
//! Invariants:
//! - The algorithm is the setting's and the key's choice; the token's own word only picks among
//!   them. `none` and HMAC are not even known.
//! - Nothing is granted that the setting `scopes` does not name.
//! - No text of a token is in any refusal.
//!
//! The JOSE part is written here over `ring`, which TLS brings anyway: the crates for it bring a
//! second set of primitives, or a provider that is global to the process.

mod algorithm;
mod claims;
mod grant;
mod issuer;
mod jwks;
mod jws;

use std::path::PathBuf;

use thiserror::Error;

pub(super) use grant::ID_PREFIX;
pub use issuer::Issuer;

/// The section `auth.jwt`, as configured.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSection {
    /// The `iss` that tokens must have; empty: no JWT is taken.
    pub issuer: String,
    /// The `aud` that they must have, alone or in a list.
    pub audience: String,
    /// The issuer's JSON Web Key Set (RFC 7517), at most 1 MiB.
    pub keys_path: PathBuf,
    /// Signatures that count, by their names in RFC 7518 and RFC 8037.
    pub algorithms: Vec<String>,
    /// All that any of the tokens may do.
    pub scopes: Vec<String>,
    /// The claim that names a token's scopes.
    pub scope_claim: String,
    /// The claim that names its namespace.
    pub namespace_claim: String,
    /// How far the issuer's clock may be from ours.
    pub leeway_seconds: u64,
}

/// A setting or a key set that cannot be used: one line that says which and what to do.
#[derive(Debug, Error)]
pub enum JwtError {
    /// A setting cannot be.
    #[error("auth.jwt.{setting}: {reason}")]
    Setting {
        /// The key in the section `auth.jwt`.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The key set cannot be read.
    #[error("cannot read {}, set by auth.jwt.keys_path: {reason}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Which check a JWT failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwtRefusal {
    /// It has not the form of a signed JWT.
    #[error("it is no signed JWT in compact form")]
    Form,
    /// Its algorithm is not allowed, or not with this key.
    #[error("its algorithm (alg) is not allowed here")]
    Algorithm,
    /// No key of the issuer goes by its key ID.
    #[error("no key of the issuer has its key ID (kid)")]
    Key,
    /// The signature does not fit.
    #[error("its signature is wrong")]
    Signature,
    /// It needs an extension that is not known here.
    #[error("it demands an extension (crit) that is unknown here")]
    Extension,
    /// Another issuer's.
    #[error("its issuer (iss) is another one")]
    Issuer,
    /// For another audience.
    #[error("its audience (aud) is another one")]
    Audience,
    /// It would never end.
    #[error("it has no expiry (exp)")]
    NoExpiry,
    /// Its time is over.
    #[error("it has expired (exp)")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet (nbf)")]
    NotYet,
    /// It does not say whom it is about.
    #[error("its subject (sub) is missing or unusable")]
    Subject,
    /// Its scopes are no list of words, or too many.
    #[error("its claim for scopes is unusable")]
    Scopes,
    /// Its namespace is no namespace's name.
    #[error("its claim for the namespace is unusable")]
    Namespace,
}

/// Whether a bearer token has the form of a JWT: our own tokens hold no dot.
pub(super) fn is_meant(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}
