//! An OAuth 2.0 authorization server for the users and clients of this house (RFC 6749 as RFC 9700
//! narrows it). What it issues are our own tokens, which can be taken back at once.
//!
//! - [`NewClient`], [`ClientInfo`]: programs, registered by an operator.
//! - [`AuthorizationRequest`] to [`Asked`] to a code: a user allows a client something.
//! - [`DeviceStart`], [`DeviceAsked`]: the same for a device without a browser (RFC 8628).
//! - [`TokenRequest`] to [`Issued`]: a code, a refresh token, a device code or the client's own
//!   secret become a token.
//! - [`Introspection`] (RFC 7662), and [`Auth::revoke_issued`] (RFC 7009).
//! - `pkce`, `redirect`, `user_code`: the mechanisms, pure. `store`: the rows.
//!
//! Invariants:
//! - Of a secret, code, refresh token or user code only the SHA-256 is stored.
//! - A code or refresh token works once. A second use ends all that came of it.
//! - A client gets at most what it is registered for, and of a user's rights at most what the
//!   user has at each use: see [`super::Auth`].
//! - A code is redeemed by who asked for it: PKCE is not optional.
//!
//! The door keeps no session: a user shows name and password with each consent, so that no
//! cookie can be ridden by another site.
//!
//! [`Auth::revoke_issued`]: super::Auth::revoke_issued

mod authorize;
mod client;
mod clients;
mod device;
mod error;
mod exchange;
mod issued;
pub mod pkce;
mod redirect;
mod store;
mod user_code;

use std::sync::Arc;
use std::time::Duration;

pub use authorize::{Asked, AuthorizationRequest, NotAsked};
pub use client::{ClientCredential, ClientInfo, GrantKind, NewClient};
pub use clients::ClientPage;
pub use device::{Decision, DeviceAsked, DeviceStart};
pub use error::OAuthError;
pub use exchange::{Issued, TokenRequest};
pub use issued::Introspection;
pub(super) use store::{end_grant, end_grants_of, sweep};

use super::Secret;
use crate::entropy::Entropy;

/// The section `auth.oauth`, as configured.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthSection {
    /// The address by which clients know this server; empty: that of each request.
    pub issuer: String,
}

impl OAuthSection {
    /// The address without a `/` at its end; empty when none is configured.
    ///
    /// # Errors
    /// One line, when it is no address of a whole host (RFC 8414, 2).
    pub fn checked(&self) -> Result<Arc<str>, &'static str> {
        const RULE: &str = "write https:// and a host, with no path after it";
        if self.issuer.is_empty() {
            return Ok("".into());
        }
        let url = url::Url::parse(&self.issuer).map_err(|_| RULE)?;
        let text = self.issuer.trim_end_matches('/');
        let is_whole =
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text;
        if is_whole { Ok(text.into()) } else { Err(RULE) }
    }
}

/// How long an access token counts.
pub const ACCESS_FOR: Duration = Duration::from_secs(3_600);
/// How long a refresh token counts; each use gives a new one.
pub const REFRESH_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long an authorization code counts (RFC 6749, 4.1.2 allows ten minutes).
pub const CODE_FOR: Duration = Duration::from_secs(60);
/// How long a device may wait for its person.
pub const DEVICE_FOR: Duration = Duration::from_secs(600);
/// How often a device may ask, and how much less often after each time it asked too soon.
pub const DEVICE_INTERVAL: Duration = Duration::from_secs(5);

/// Devices that wait at once.
const DEVICES_MAX: i64 = 10_000;
/// What a secret, a code, a refresh token and a device code begin with, for scanners to find.
const SECRET_PREFIX: &str = "bps_";
const CODE_PREFIX: &str = "bpc_";
const REFRESH_PREFIX: &str = "bpr_";
const DEVICE_PREFIX: &str = "bpd_";
/// Random characters of each: 256 bits.
const SECRET_LENGTH: usize = 43;

fn mint(prefix: &str, entropy: &Entropy) -> Secret {
    Secret::new(format!("{prefix}{}", entropy.text(SECRET_LENGTH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_whole_host() {
        let checked = |issuer: &str| OAuthSection { issuer: issuer.to_owned() }.checked();
        assert_eq!(checked("").as_deref(), Ok(""));
        assert_eq!(checked("https://id.example/").as_deref(), Ok("https://id.example"));
        assert_eq!(checked("http://127.0.0.1:8080").as_deref(), Ok("http://127.0.0.1:8080"));
        for bad in ["id.example", "https://id.example/a", "https://a@id.example", "ftp://a"] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
